"""Drills: the sidecar dead, slow, talking nonsense or late; Envoy restarted; a VM trapped."""

import json
import signal
import socketserver
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import httpx
import pytest
import yaml

from harness import config, link, parts
from harness.h2 import send_with_trailers
from harness.load import SteadyLoad
from harness.stack import Stack
from harness.trap import with_trap
from harness.waiting import Stopwatch, eventually

FLEET = {"official": "openai", "azure": "azure-openai"}
MAX_AGE_MS = 1500
SYNC = "/filter/v1/sync"


def text(fleet) -> str:
    providers = [config.provider(p) for p in fleet.providers.values()]
    models = [config.model("chat", FLEET)]
    return config.text(providers, models, gateway={"snapshot_max_age_ms": MAX_AGE_MS})


@pytest.fixture
def ark(fresh_stack) -> Stack:
    return fresh_stack(FLEET, text, workers=2)


def snapshot_header(stack: Stack) -> str:
    answer = stack.client().chat("chat")
    assert answer.status == 200, answer.text
    return answer.headers["x-ark-snapshot"]


def await_stale(stack: Stack, version: str) -> None:
    eventually(lambda: snapshot_header(stack) == f"{version}; stale", 10, "answers say stale")


def await_fresh(stack: Stack, version: str) -> None:
    """On every worker: a new connection may land on any of them."""

    def fresh() -> bool:
        return all(snapshot_header(stack) == version for _ in range(10))

    eventually(fresh, 10, "no answer says stale")


def test_a_killed_sidecar_is_not_missed_and_catches_up(ark):
    version = snapshot_header(ark)
    with SteadyLoad(ark.url, "chat") as load:
        ark.sidecar.kill()
        await_stale(ark, version)
        load.await_more(50)
        ark.start_sidecar()
        await_fresh(ark, version)
        load.await_more(20)
        # What happened meanwhile was kept, and is told now.
        eventually(lambda: ark.metric("ark_records_total") > 50, 5, "the records arrive")
        eventually(lambda: ark.metric("ark_stale_requests_total") > 0, 5, "stale ones are counted")
        ark.await_ready()
    assert load.failures == []
    assert snapshot_header(ark) == version
    # It goes on from what Envoy has: a change takes effect as before.
    ark.write_config(text(ark.fleet).replace("azure-model", "another-model"))
    eventually(lambda: snapshot_header(ark) != version, 5, "a change takes effect")


def test_a_stopped_sidecar_holds_nobody_up(ark):
    version = snapshot_header(ark)
    with SteadyLoad(ark.url, "chat") as load:
        ark.sidecar.signal(signal.SIGSTOP)
        await_stale(ark, version)
        watch = Stopwatch()
        load.await_more(100)
        # Nothing on the way of a request waits for the sidecar: its timeouts are seconds.
        assert watch.seconds < 5
        ark.sidecar.signal(signal.SIGCONT)
        await_fresh(ark, version)
    assert load.failures == []


# What the filter is told. All but the last ones come with a status of success.
NONSENSE = [
    (200, b"not json"),
    (200, b""),
    (200, b"[]"),
    (200, b'{"snapshot": 7}'),
    (200, b'{"snapshot": null, "scores": {"snapshot": "x", "sequence": -1, "targets": "all"}}'),
    (200, b'{"scores": {"snapshot": "x", "sequence": 1, "targets": [{"ttft_ms": 1e39}]}}'),
    (200, b"{" * 100_000),
    (200, b"x" * (4 << 20)),
    (500, b"{}"),
    (503, b""),
    (302, b""),
]
# What Envoy is told instead of resources. Not a JSON object: to Envoy that is a valid answer
# without resources, whatever its fields, by which a control plane tells it to drop everything.
NO_RESOURCES = [(200, b"not json"), (200, b""), (200, b"{" * 1000), (500, b"{}"), (404, b"")]


@contextmanager
def nonsense(path, asked: list[str]):
    """A server on a Unix socket that answers everything with nonsense, each kind in turn."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            kinds = NONSENSE if self.path == SYNC else NO_RESOURCES
            turn = asked.count(self.path) % (len(kinds) + 1)
            asked.append(self.path)
            if turn == len(kinds):
                self.wfile.write(b"\x00\x01garbage that is not even HTTP\r\n\r\n")
                self.close_connection = True
                return
            status, body = kinds[turn]
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

        def address_string(self) -> str:
            return "socket"

    class Server(socketserver.ThreadingUnixStreamServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Envoy hangs up on some of it, as it should."""

    path.unlink(missing_ok=True)
    server = Server(str(path), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        path.unlink(missing_ok=True)


def test_a_sidecar_that_talks_nonsense_changes_nothing(ark):
    version, asked = snapshot_header(ark), []
    with SteadyLoad(ark.url, "chat") as load:
        ark.sidecar.kill()
        with nonsense(ark.socket, asked):
            given = 2 * (len(NONSENSE) + 1)
            eventually(lambda: asked.count(SYNC) >= given, 30, "each kind was given to a VM")
            await_stale(ark, version)
            discoveries = {path for path in asked if path.startswith("/v3/discovery:")}
            assert {"/v3/discovery:clusters", "/v3/discovery:routes"} <= discoveries
            load.await_more(50)
        ark.start_sidecar()
        await_fresh(ark, version)
    assert load.failures == []
    assert ark.vm_failures() == 0


def test_a_snapshot_that_contradicts_itself_is_refused(ark):
    """A message of the right form, from a broken sidecar."""
    version = snapshot_header(ark)
    good = over_socket(ark, link.first_question("test"))
    wrong = link.with_wrong_targets(good).replace(version.encode(), b"f" * len(version))
    assert version.encode() in good and wrong != good
    ark.sidecar.kill()
    NONSENSE.insert(0, (200, wrong))
    asked: list[str] = []
    try:
        with nonsense(ark.socket, asked), SteadyLoad(ark.url, "chat") as load:
            given = 3 * len(NONSENSE)
            eventually(lambda: asked.count(SYNC) >= given, 30, "it was given to the VMs")
            load.await_more(20)
    finally:
        NONSENSE.pop(0)
    assert load.failures == []
    assert "snapshot refused" in ark.envoy.output()
    assert snapshot_header(ark).removesuffix("; stale") == version
    assert ark.vm_failures() == 0


def over_socket(stack: Stack, body: bytes) -> bytes:
    headers = {"content-type": link.CONTENT_TYPE}
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(stack.socket))) as http:
        answer = http.post("http://ark/filter/v1/sync", content=body, headers=headers)
        return answer.raise_for_status().content


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_envoy_comes_back_by_itself(ark, how):
    version = snapshot_header(ark)
    getattr(ark.envoy, how)()
    ark.start_envoy()
    ark.await_ready()
    assert snapshot_header(ark) == version


def test_envoy_may_start_before_the_sidecar(fresh_stack):
    stack: Stack = fresh_stack(FLEET, text, workers=2, start=False)
    stack.start_envoy()
    eventually(
        lambda: stack.get(stack.envoy_admin_url + "/server_info").json()["state"] == "LIVE",
        20,
        "Envoy is up without a sidecar",
    )
    stack.start_sidecar()
    stack.await_ready()
    assert stack.client().chat("chat").status == 200


def test_a_gateway_without_a_snapshot_says_that_it_is_not_ready(fresh_stack):
    """Its listener is there and the sidecar is not: a clear 503, no hang and no closed door."""
    stack: Stack = fresh_stack(FLEET, text, start=False)
    rendered = yaml.safe_load(stack.rendered())
    manager = rendered["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]
    wasm = manager["typed_config"]["http_filters"][0]["typed_config"]["config"]
    own = json.loads(wasm["configuration"]["value"])
    own["snapshot"] = None
    wasm["configuration"]["value"] = json.dumps(own)
    stack.run_envoy(json.dumps(rendered))
    client = stack.client()
    eventually(lambda: client.get("/healthz").status == 200, 20, "Envoy listens")
    for answer in (client.get("/readyz"), client.chat("chat"), client.get("/v1/models")):
        assert (answer.status, answer.error["code"]) == (503, "not_ready")


def test_a_trapped_vm_loses_its_requests_and_no_more(fresh_stack, tmp_path, monkeypatch):
    """A panic in Wasm: requests in flight on that worker fail, the next ones find the snapshot.

    The filter has no known way to trap, so its module is given one: the callback of a request's
    trailers is replaced by the instruction that traps. Everything else is the filter as built.
    """
    trapping = tmp_path / "ark_filter.wasm"
    trapping.write_bytes(with_trap(parts.filter_module().read_bytes(), "proxy_on_request_trailers"))
    monkeypatch.setattr(parts, "filter_module", lambda: trapping)
    stack: Stack = fresh_stack(FLEET, text)
    version = snapshot_header(stack)
    # The fresh VM must not need the sidecar.
    stack.sidecar.kill()
    assert stack.vm_failures() == 0
    status = send_with_trailers(stack.gateway_port)
    assert status in (500, 503), status
    eventually(
        lambda: snapshot_header(stack).removesuffix("; stale") == version, 5, "the next is served"
    )
    assert stack.vm_failures() >= 1
    # Again and again: it is not a matter of luck. Envoy waits a little before each further reload.
    for _ in range(3):
        send_with_trailers(stack.gateway_port)
        eventually(lambda: snapshot_header(stack) != "", 20, "served after another trap")
    stack.start_sidecar()
    await_fresh(stack, version)
