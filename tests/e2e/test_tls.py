"""TLS: what a scanner sees, certificates that change under load, and those of clients."""

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from harness import config, parts
from harness.client import Client
from harness.issuer import Authority
from harness.scanner import scan
from harness.stack import Stack, make_stack
from harness.waiting import eventually

FLEET = {"official": "openai"}
PATIENCE_S = 20
SPIFFE = "spiffe://example.test/ns/web"


class Place:
    """The files of a listener's certificates, and of a client that Ark knows."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.authority, self.clients = folder, Authority(), Authority("clients")
        self.cert, self.key = folder / "tls.crt", folder / "tls.key"
        self.ca = folder / "clients.pem"
        self.ca.write_bytes(self.clients.pem)
        self.renew()

    def renew(self, **more: int) -> None:
        """Another certificate, as tools put it there: one file after the other."""
        cert, key = self.authority.server(**more)
        for file, content in ((self.cert, cert), (self.key, key)):
            new = file.with_suffix(".new")
            new.write_bytes(content)
            new.replace(file)

    def context(self, files: tuple[str, str] | None = None) -> ssl.SSLContext:
        """A client that trusts the listener's authority, with a certificate of its own perhaps."""
        context = ssl.create_default_context(cadata=self.authority.pem.decode())
        if files:
            context.load_cert_chain(*files)
        return context

    def tls(self, **more: object) -> dict:
        """`gateway.tls`."""
        return {"certificates": [{"cert_file": str(self.cert), "key_file": str(self.key)}]} | more

    def text(self, fleet, **more: object) -> str:
        whole = yaml.safe_load(
            config.text(
                [config.provider(p) for p in fleet.providers.values()],
                [config.model("chat", FLEET)],
                gateway={"tls": self.tls(**more)},
            )
        )
        keys = [{"id": "mesh", "models": ["*"]}, {"id": "old", "models": ["*"]}]
        whole["tenants"].append({"name": "web", "keys": keys})
        whole["identity"] = {
            "certificates": [
                {"name": "ns", "spiffe": f"{SPIFFE}/*", "key": "mesh"},
                {"name": "old", "subject": "CN=old-client", "key": "old"},
            ]
        }
        return yaml.safe_dump(whole, sort_keys=False)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def ark(place: Place) -> Iterator[Stack]:
    """Certificates of clients are welcome, and not demanded."""
    clients = {"ca_file": str(place.ca), "required": False}
    text = lambda fleet: place.text(fleet, client_certificates=clients)  # noqa: E731
    with make_stack(FLEET, text, workers=2, tls=place.context()) as stack:
        yield stack


def shown(stack: Stack, place: Place) -> str:
    """The serial number of the certificate that a new connection is shown."""
    with (
        socket.create_connection(("127.0.0.1", stack.gateway_port), timeout=5) as wire,
        place.context().wrap_socket(wire, server_hostname="localhost") as tls,
    ):
        return tls.getpeercert()["serialNumber"]


def test_a_scanner_finds_tls_1_3_only(ark: Stack):
    suites = scan(ark.gateway_port)
    assert suites.pop("1.3"), "there is TLS 1.3"
    assert not any(suites.values()), suites


def test_a_certificate_is_renewed_under_load_and_no_request_fails(ark: Stack, place: Place):
    ends, failures, done = threading.Event(), [], []

    def load() -> None:
        while not ends.is_set():
            client = Client(ark.url, "ark-demo", tls=place.context())
            try:
                # Two on one connection: one of them meets the change on an open one.
                got = [client.chat("chat").status for _ in range(2)]
                failures.extend(status for status in got if status != 200)
                done.append(2)
            except Exception as error:  # whatever it is, it counts
                failures.append(repr(error))
            finally:
                client.close()

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3):
            before, had = shown(ark, place), len(done)
            place.renew()
            eventually(lambda: shown(ark, place) != before, PATIENCE_S, "the new one is shown")
            eventually(lambda: len(done) > had + 8, PATIENCE_S, "requests go on")
    finally:
        ends.set()
        for thread in threads:
            thread.join()
    assert not failures, failures[:5]
    # A pair that does not fit is refused, and the last good one stays.
    before, refused = shown(ark, place), ark.metric("ark_config_reloads_total", result="rejected")
    place.key.write_bytes(place.authority.server()[1])
    eventually(
        lambda: ark.metric("ark_config_reloads_total", result="rejected") > refused,
        PATIENCE_S,
        "the change is refused",
    )
    assert shown(ark, place) == before
    place.renew()
    eventually(lambda: shown(ark, place) != before, PATIENCE_S, "a good one is taken")


def test_no_private_key_is_shown(ark: Stack, place: Place):
    secret = "".join(place.key.read_text().splitlines()[1:-1])
    dump = ark.get(ark.envoy_admin_url + "/config_dump?include_eds").text
    admin = ark.get(ark.admin_url + "/v1/config").text
    logs = "".join(words for _, words in ark.logs())
    for text in (dump, admin, logs):
        assert secret[:40] not in text and "PRIVATE KEY" not in text


def who(stack: Stack, place: Place, files: tuple[str, str], headers: dict | None = None):
    client = Client(stack.url, None, tls=place.context(files))
    try:
        return client.chat("chat", headers=headers)
    finally:
        client.close()


def test_a_certificate_says_who_calls(ark: Stack, place: Place):
    mesh = place.clients.client(place.folder, "mesh", f"{SPIFFE}/chat")
    old = place.clients.client(place.folder, "old-client")
    forged = {"x-forwarded-client-cert": f"URI={SPIFFE}/root", "x-ark-verified": "e30"}
    answer = who(ark, place, mesh, forged)
    assert answer.status == 200, answer.text
    (seen,) = ark.fleet.seen("official", answer.request_id)
    assert not set(forged) & set(seen["headers"])
    assert who(ark, place, old).status == 200

    def is_written() -> bool:
        spend = ark.get(ark.admin_url + "/v1/spend?group_by=tenant,key").text
        return f"ns:{SPIFFE}/chat" in spend and '"old"' in spend

    eventually(is_written, PATIENCE_S, "the ledger names the callers")


def test_a_certificate_that_maps_to_nobody_is_refused(ark: Stack, place: Place):
    stranger = place.clients.client(place.folder, "stranger", "spiffe://example.test/ns/other/x")
    answer = who(ark, place, stranger)
    assert (answer.status, answer.error["code"]) == (403, "identity_not_allowed")
    # Without one a client has to show a key; with both the key counts.
    client = Client(ark.url, None, tls=place.context())
    headers = {"x-forwarded-client-cert": f"URI={SPIFFE}/chat"}
    assert client.chat("chat", headers=headers).error["code"] == "missing_key"
    client.close()
    both = {"authorization": "Bearer ark-demo"}
    assert who(ark, place, stranger, both).status == 200
    forger = Authority("clients").client(place.folder, "forger", f"{SPIFFE}/chat")
    with pytest.raises(Exception, match=r"(?i)tls|ssl|reset|closed|disconnect|eof"):
        who(ark, place, forger)


def test_required_certificates_and_tls_1_2_where_they_are_named(place: Place):
    clients = {"ca_file": str(place.ca)}
    files = place.clients.client(place.folder, "mesh-2", f"{SPIFFE}/chat")
    old = {"client_certificates": clients, "min_version": "1.2"}
    text = lambda fleet: place.text(fleet, **old)  # noqa: E731
    with make_stack(FLEET, text, tls=place.context(files)) as stack:
        assert who(stack, place, files).status == 200
        client = Client(stack.url, "ark-demo", tls=place.context())
        with pytest.raises(Exception, match=r"(?i)tls|ssl|reset|closed|disconnect|eof"):
            client.chat("chat")
        client.close()
        suites = scan(stack.gateway_port)
        assert suites.pop("1.3")
        strong = suites.pop("1.2")
        assert strong and all("ECDHE" in s for s in strong), strong
        assert all("GCM" in s or "CHACHA20" in s for s in strong), strong
        assert not any(suites.values()), suites


def test_check_names_what_is_wrong_with_files(place: Place, tmp_path: Path):
    wrong = Place(tmp_path)
    wrong.key.write_bytes(wrong.authority.server()[1])
    wrong.ca.write_text("no certificate")
    fleet = type("Nobody", (), {"providers": {}})()
    whole = yaml.safe_load(wrong.text(fleet, client_certificates={"ca_file": str(wrong.ca)}))
    provider = {"name": "official", "kind": "openai", "tier": "official"}
    provider["credential"] = {"env": "NONE"}
    whole["providers"] = [provider]
    assert "certificates[0].key_file: is not the private key" in problems(tmp_path, whole)
    assert "client_certificates.ca_file: holds no certificate" in problems(tmp_path, whole)
    wrong.renew(days=-1)
    wrong.ca.write_bytes(wrong.clients.pem)
    assert "certificates[0].cert_file: has expired" in problems(tmp_path, whole)
    wrong.key.write_text("nothing")
    wrong.cert.unlink()
    said = problems(tmp_path, whole)
    assert "cert_file: cannot be read" in said
    wrong.renew()
    assert problems(tmp_path, whole) == ""


def problems(folder: Path, whole: dict) -> str:
    """What `ark check` complains of."""
    file = folder / "ark.yaml"
    file.write_text(yaml.safe_dump(whole, sort_keys=False))
    done = subprocess.run(
        [str(parts.ark()), "check", str(file)], capture_output=True, text=True, timeout=30
    )
    return "" if done.returncode == 0 else done.stderr
