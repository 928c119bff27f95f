"""TLS of the admin port: what a scanner and strangers find, certificates that change, the commands."""

import hashlib
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from harness import config, parts
from harness.http import plain
from harness.issuer import Authority
from harness.process import Process
from harness.scanner import scan
from harness.stack import Stack, make_stack
from harness.waiting import eventually

FLEET = {"official": "openai"}
PATIENCE_S = 20
TOKEN = "tests-only-operator"
SPIFFE = "spiffe://example.test/ns/monitoring"
REFUSED = r"(?i)tls|ssl|reset|closed|disconnect|eof|certificate"


class Port:
    """A sidecar alone, whose admin port has TLS."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.stack, self.folder = stack, folder
        self.authority, self.clients = Authority(), Authority("clients")
        self.cert, self.key = folder / "admin.crt", folder / "admin.key"
        self.ca, self.clients_ca = folder / "ca.pem", folder / "clients.pem"
        self.ca.write_bytes(self.authority.pem)
        self.clients_ca.write_bytes(self.clients.pem)
        self.renew()
        self.plain_text = stack.config_file.read_text()
        self.prometheus = self.clients.client(folder, "prometheus", f"{SPIFFE}/sa/prometheus")
        self.token_file = folder / "token"
        self.token_file.write_text(TOKEN)

    @property
    def port(self) -> int:
        return self.stack.admin_port

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def renew(self) -> None:
        """Another certificate, one file after the other."""
        for file, content in zip((self.cert, self.key), self.authority.server(), strict=True):
            new = file.with_suffix(".new")
            new.write_bytes(content)
            new.replace(file)

    def text(self, required: bool = False, **more: object) -> str:
        """`ark.yaml` with TLS at the admin port."""
        clients = {"ca_file": str(self.clients_ca), "required": required}
        tls = {"cert_file": str(self.cert), "key_file": str(self.key)}
        sha256 = hashlib.sha256(TOKEN.encode()).hexdigest()
        admin = {
            "tokens": [{"id": "ops", "sha256": sha256, "role": "operator"}],
            "certificates": [{"id": "prometheus", "spiffe": f"{SPIFFE}/*", "role": "viewer"}],
            "tls": tls | {"client_certificates": clients} | more,
        }
        return yaml.safe_dump(yaml.safe_load(self.plain_text) | {"admin": admin})

    def context(self, files: tuple[str, str] | None = None) -> ssl.SSLContext:
        """A caller that trusts the port's authority, with a certificate of its own perhaps."""
        context = ssl.create_default_context(cadata=self.authority.pem.decode())
        if files:
            context.load_cert_chain(*files)
        return context

    def http(self, files: tuple[str, str] | None = None, token: str | None = TOKEN) -> httpx.Client:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        tls = self.context(files)
        return plain(tls, base_url=self.url, timeout=10, headers=headers)

    def shown(self) -> str:
        """The serial number of the certificate that a new connection is shown."""
        pem = ssl.get_server_certificate(("127.0.0.1", self.port), timeout=10)
        return hashlib.sha256(pem.encode()).hexdigest()

    def metric(self, name: str) -> float:
        """A line of `/metrics`."""
        with self.http() as http:
            lines = http.get("/metrics").raise_for_status().text.splitlines()
        return sum(float(line.split()[1]) for line in lines if line.startswith(name + " "))

    def ark(self, *words: str, **environment: str) -> subprocess.CompletedProcess:
        """A command of `ark` with nothing else in its environment."""
        command = [str(parts.ark()), *words]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=60, check=False
        )


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Port]:
    def text(fleet) -> str:
        providers = [config.provider(p) for p in fleet.providers.values()]
        return config.text(providers, [config.model("chat", FLEET)])

    with make_stack(FLEET, text, start=False) as stack:
        port = Port(stack, tmp_path_factory.mktemp("admin-tls"))
        stack.write_config(port.text())
        stack.start_sidecar()
        eventually(lambda: serves(port), PATIENCE_S, "the admin port serves")
        yield port


def serves(port: Port) -> bool:
    port.stack.sidecar.check()
    with port.http() as http:
        return http.get("/healthz").status_code == 200


def edited(port: Port, text: str) -> None:
    """Writes the file, and waits until it is in force."""
    applied = 'ark_config_reloads_total{result="applied"} '
    with port.http(port.prometheus) as http:
        # The connection is open: it outlives every change of certificates.
        count = lambda: http.get("/metrics").text.split(applied)[-1].split()[0]  # noqa: E731
        had = count()
        port.stack.write_config(text)
        eventually(lambda: count() != had, PATIENCE_S, "the edit is taken")


def test_a_scanner_finds_tls_1_3_only(port: Port):
    suites = scan(port.port)
    assert suites.pop("1.3"), "there is TLS 1.3"
    assert not any(suites.values()), suites


def test_who_speaks_no_tls_is_told_so_and_gets_nothing(port: Port):
    refused = 'ark_admin_connections_total{transport="refused"}'
    before = port.metric(refused)
    with plain(timeout=10) as http:
        answer = http.get(f"http://127.0.0.1:{port.port}/metrics")
    assert (answer.status_code, answer.text) == (400, "this port speaks TLS: write https://\n")
    assert port.metric(refused) == before + 1
    assert port.metric('ark_admin_connections_total{transport="plain"}') == 0


def test_a_certificate_or_a_token_says_who_it_is(port: Port):
    stranger = port.clients.client(port.folder, "stranger", "spiffe://example.test/ns/other/x")
    drain = {"provider": "official", "drain": False}
    for files, token, reads, changes in (
        (port.prometheus, None, 200, 403),
        (stranger, None, 401, 401),
        (None, None, 401, 401),
        (None, TOKEN, 200, 200),
        # A token counts for more than a certificate, also a wrong one.
        (port.prometheus, TOKEN, 200, 200),
        (port.prometheus, "wrong", 401, 401),
    ):
        with port.http(files, token) as http:
            got = http.get("/metrics").status_code, http.post("/v1/drains", json=drain).status_code
            assert got == (reads, changes), (files, token)
            assert http.get("/healthz").status_code == 200
    forger = Authority("clients").client(port.folder, "forger", f"{SPIFFE}/sa/prometheus")
    with port.http(forger) as http, pytest.raises(httpx.TransportError, match=REFUSED):
        http.get("/metrics")


def test_a_certificate_is_renewed_under_load_and_no_request_fails(port: Port):
    ends, failures, done = threading.Event(), [], []

    def load() -> None:
        while not ends.is_set():
            try:
                with port.http() as http:
                    # Two on one connection: one of them meets the change on an open one.
                    got = [http.get("/v1/scores").status_code for _ in range(2)]
                failures.extend(status for status in got if status != 200)
                done.append(2)
            except Exception as error:  # whatever it is, it counts
                failures.append(repr(error))

    threads = [threading.Thread(target=load) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(2):
            before, had = port.shown(), len(done)
            port.renew()
            eventually(lambda: port.shown() != before, PATIENCE_S, "the new one is shown")
            eventually(lambda: len(done) > had + 6, PATIENCE_S, "requests go on")
    finally:
        ends.set()
        for thread in threads:
            thread.join()
    assert not failures, failures[:5]
    # A pair that does not fit is refused, and the last good one stays.
    rejected = 'ark_config_reloads_total{result="rejected"}'
    before, had = port.shown(), port.metric(rejected)
    port.key.write_bytes(port.authority.server()[1])
    eventually(lambda: port.metric(rejected) > had, PATIENCE_S, "the change is refused")
    assert port.shown() == before
    port.renew()
    eventually(lambda: port.shown() != before, PATIENCE_S, "a good one is taken")


def test_commands_reach_it_and_say_why_they_do_not(port: Port):
    keys = ["keys", "list", "--admin", port.url]
    token = ["--token-file", str(port.token_file)]
    mine = ["--cert", port.prometheus[0], "--key", port.prometheus[1]]
    trusting = ["--ca", str(port.ca)]
    assert port.ark(*keys, *token, *trusting).returncode == 0
    assert port.ark(*keys, *mine, *trusting).returncode == 0
    by_environment = {
        "ARK_ADMIN_URL": port.url,
        "ARK_ADMIN_CA": str(port.ca),
        "ARK_ADMIN_CERT": port.prometheus[0],
        "ARK_ADMIN_KEY": port.prometheus[1],
    }
    assert port.ark("budgets", **by_environment).returncode == 0
    other = port.folder / "other.pem"
    other.write_bytes(Authority().pem)
    for words, said in (
        ([*keys, *token, "--ca", str(other)], "not of an authority that is trusted"),
        ([*keys, *token, *trusting, "--server-name", "evil.test"], "is for another name"),
        ([*keys, *token, "--ca", "/none.pem"], "/none.pem"),
        ([*keys, *mine[:2], *trusting], "--key"),
        (["keys", "list", "--admin", f"http://127.0.0.1:{port.port}"], "this port speaks TLS"),
        ([*keys, *trusting], "admin.certificates names, or a token"),
        (["drain", "official", "--admin", port.url, *mine, *trusting], "needs the role operator"),
    ):
        done = port.ark(*words)
        assert done.returncode != 0 and said in done.stderr, (words, done)
        assert TOKEN not in done.stderr


def test_certificates_that_are_demanded_tls_1_2_that_is_named_and_neither(port: Port):
    try:
        edited(port, port.text(required=True, min_version="1.2"))
        with port.http(port.prometheus) as http:
            assert http.get("/metrics").status_code == 200
        with port.http() as http, pytest.raises(httpx.TransportError, match=REFUSED):
            http.get("/metrics")
        said = port.ark("keys", "list", "--admin", port.url, "--ca", str(port.ca)).stderr
        assert "wants a certificate of its clients" in said, said
        suites = scan(port.port, port.prometheus)
        assert suites.pop("1.3")
        strong = suites.pop("1.2")
        assert strong and all("ECDHE" in s for s in strong), strong
        assert all("GCM" in s or "CHACHA20" in s for s in strong), strong
        assert not any(suites.values()), suites
        # On this machine alone it may also be without.
        edited(port, port.plain_text)
        with plain(timeout=10) as http:
            eventually(
                lambda: http.get(port.stack.admin_url + "/metrics").status_code == 200,
                PATIENCE_S,
                "plain HTTP again",
            )
    finally:
        port.stack.write_config(port.text())
        eventually(lambda: serves(port), PATIENCE_S, "TLS again")


def test_no_private_key_is_shown(port: Port):
    secret = "".join(port.key.read_text().splitlines()[1:-1])
    with port.http() as http:
        admin = http.get("/v1/config").text
    for text in (admin, port.stack.sidecar.output()):
        assert secret[:40] not in text and "PRIVATE KEY" not in text


def test_check_names_what_is_wrong(port: Port, tmp_path: Path):
    file = tmp_path / "ark.yaml"

    def problems(text: str, *more: str) -> str:
        file.write_text(text)
        done = port.ark("check", str(file), *more)
        return "" if done.returncode == 0 else done.stderr

    far = ["--admin", "0.0.0.0:8081"]
    assert problems(port.text(), *far) == ""
    said = problems(port.plain_text, *far)
    assert "admin.tls: is missing" in said and "admin.tokens: is empty" in said, said
    whole = yaml.safe_load(port.text())
    whole["admin"]["tls"]["key_file"] = str(port.ca)
    assert "admin.tls.key_file: holds no private key" in problems(yaml.safe_dump(whole))
    expired = tmp_path / "old.crt", tmp_path / "old.key"
    for path, content in zip(expired, port.authority.server(days=-1), strict=True):
        path.write_bytes(content)
    whole["admin"]["tls"] |= {"cert_file": str(expired[0]), "key_file": str(expired[1])}
    assert "admin.tls.cert_file: has expired" in problems(yaml.safe_dump(whole))
    del whole["admin"]["tls"]
    assert "nobody is asked for one" in problems(yaml.safe_dump(whole))


def test_a_port_that_others_reach_opens_with_tls_only_and_keeps_it(port: Port, tmp_path: Path):
    file, log = tmp_path / "ark.yaml", tmp_path / "log"
    everywhere = f"0.0.0.0:{port.stack.envoy_admin_port}"
    command = [parts.ark(), "serve", "--config", file, "--socket", tmp_path / "s"]
    command += ["--ledger", "off", "--admin", everywhere]
    whole = yaml.safe_load(port.text())
    tls = whole["admin"].pop("tls")
    del whole["admin"]["certificates"]
    file.write_text(yaml.safe_dump(whole))
    done = port.ark(*map(str, command[1:]))
    assert done.returncode == 1 and "admin.tls: is missing" in done.stderr, done
    whole["admin"]["tls"] = tls
    file.write_text(yaml.safe_dump(whole))
    sidecar = Process("ark serve", command, log)
    try:
        url = f"https://127.0.0.1:{port.stack.envoy_admin_port}"
        headers = {"authorization": f"Bearer {TOKEN}"}
        with plain(port.context(), base_url=url, headers=headers, timeout=10) as http:
            eventually(lambda: http.get("/metrics").status_code == 200, PATIENCE_S, "it serves")
            del whole["admin"]["tls"]
            file.write_text(yaml.safe_dump(whole))
            bad = lambda: "admin.tls: is missing" in http.get("/v1/config").text  # noqa: E731
            eventually(bad, PATIENCE_S, "the edit is refused")
        with plain(timeout=10) as http:
            assert http.get(url.replace("https", "http") + "/metrics").status_code == 400
    finally:
        sidecar.stop()
