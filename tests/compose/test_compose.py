"""docker-compose.yml itself, on a Docker engine: it comes up, serves, is locked down, goes away.

Runs by itself where an engine answers `docker info` and has or can pull the base images. With
ARK_COMPOSE=1 it starts an engine of its own where none does (see local_engine.py); then whatever
is missing fails the test. With ARK_COMPOSE=0, or where no engine runs, it is skipped and warns.
"""

import json
import os
import urllib.error
import urllib.request
import warnings

import pytest

import stack as compose

SERVICES = ["envoy", "filter", "pod", "providers", "sidecar"]
STAY_UP = [name for name in SERVICES if name != compose.ONE_SHOT]
PROMPT = [{"role": "user", "content": "Say hello."}]


@pytest.fixture(scope="module")
def stack():
    try:
        with compose.running() as running:
            yield running
    except compose.NoEngine as reason:
        if os.environ.get("ARK_COMPOSE") == "1":
            pytest.fail(f"ARK_COMPOSE=1, but: {reason}")
        # A warning, as pytest prints those even where it keeps the reasons of skips to itself.
        warnings.warn(f"THE COMPOSE STACK WAS NOT TESTED: {reason}", stacklevel=1)
        pytest.skip(str(reason))


def call(url: str, body: dict | None = None, key: str = "ark-demo"):
    request = urllib.request.Request(
        url,
        data=None if body is None else json.dumps(body).encode(),
        headers={"authorization": f"Bearer {key}", "content-type": "application/json"},
    )
    return compose.DIRECT.open(request, timeout=30)


def chat(stack, **more):
    body = {"model": "gpt-4o-mini", "messages": PROMPT} | more
    return call(f"{stack.gateway}/v1/chat/completions", body)


def test_the_file_has_the_services_that_this_test_knows(stack):
    assert stack.services() == SERVICES


def test_gateway_and_sidecar_are_ready_on_the_published_ports(stack):
    assert call(f"{stack.gateway}/readyz").status == 200
    assert call(f"{stack.admin}/readyz").status == 200


def test_a_chat_completion_goes_through(stack):
    with chat(stack) as response:
        answer = json.load(response)
        assert response.headers["x-ark-provider"]
    assert answer["object"] == "chat.completion"
    assert answer["choices"][0]["message"]["content"]


def test_a_stream_goes_through_to_its_end(stack):
    with chat(stack, stream=True) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = response.read().decode().splitlines()
    events = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
    assert events[-1] == "[DONE]"
    deltas = [choice["delta"] for event in events[:-1] for choice in json.loads(event)["choices"]]
    assert "".join(delta.get("content") or "" for delta in deltas)


def test_a_wrong_key_is_refused_in_the_callers_form(stack):
    with pytest.raises(urllib.error.HTTPError) as refused:
        call(f"{stack.gateway}/v1/models", key="not-a-key")
    assert refused.value.code == 401
    assert json.load(refused.value)["error"]["code"]


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_is_locked_down_and_bounded(stack, service):
    seen = stack.inspect(service)
    host = seen["HostConfig"]
    assert seen["Config"]["User"].partition(":")[0] not in ("", "0", "root")
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert not host["Privileged"]
    assert any(option.startswith("no-new-privileges") for option in host["SecurityOpt"])
    assert host["Memory"] > 0
    assert host["NanoCpus"] > 0
    assert host["PidsLimit"] > 0


@pytest.mark.parametrize("service", STAY_UP)
def test_a_process_has_no_rights_to_lose(stack, service):
    assert stack.inside(service, "id", "-u").stdout.strip() not in ("", "0")
    status = stack.inside(service, "cat", "/proc/1/status").stdout
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert int(fields["CapEff"], 16) == 0
    assert int(fields["CapBnd"], 16) == 0
    assert fields["NoNewPrivs"] == "1"
    written = stack.inside(service, "sh", "-c", "echo x > /tmp/x")
    assert written.returncode != 0
    assert "Read-only file system" in written.stderr


def test_only_envoy_and_the_sidecar_can_reach_the_socket(stack):
    folder = stack.inside("envoy", "stat", "-c", "%u:%g %a", "/run/ark").stdout.strip()
    assert folder == "10001:101 750"
    assert stack.inside("envoy", "test", "-S", "/run/ark/ark.sock").returncode == 0


def test_only_two_ports_are_published_and_only_on_loopback(stack):
    bindings = {}
    for service in SERVICES:
        bindings |= stack.inspect(service)["HostConfig"]["PortBindings"] or {}
    assert sorted(bindings) == ["8080/tcp", "8081/tcp"]
    addresses = {bound["HostIp"] for bounds in bindings.values() for bound in bounds}
    assert addresses == {"127.0.0.1"}


def test_the_stack_outlives_a_restart_of_envoy(stack):
    stack.compose("restart", "envoy")
    stack.await_healthy()
    with chat(stack) as response:
        assert json.load(response)["object"] == "chat.completion"


def spent(stack) -> list[dict]:
    shown = stack.inside("sidecar", "ark", "spend", "--by", "tenant", "--json")
    assert shown.returncode == 0, shown.stderr
    return json.loads(shown.stdout)["rows"]


def test_what_was_spent_and_the_keys_outlive_the_container_of_the_sidecar(stack):
    with chat(stack) as response:
        response.read()
    stack.eventually(lambda: spent(stack), "the ledger knows of the request")
    make = ["keys", "create", "--tenant", "demo", "--id", "kept", "--models", "*"]
    made = stack.inside("sidecar", "ark", *make)
    assert made.returncode == 0, made.stderr
    stack.compose("up", "-d", "--no-deps", "--force-recreate", "sidecar")
    stack.await_healthy()
    assert spent(stack)
    listed = stack.inside("sidecar", "ark", "keys", "list")
    assert "kept" in listed.stdout, listed.stderr
