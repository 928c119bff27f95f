"""What Envoy fetches and asks by TLS: issuers' keys, and providers that speak nothing new."""

import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml

from harness import config
from harness.issuer import AUDIENCE, Authority, Issuer, protected
from harness.stack import Stack, make_stack
from harness.waiting import eventually

FLEET = {"official": "openai"}
PATIENCE_S = 30


class Provider:
    """An OpenAI of one answer, by TLS of one version."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        self.asked = 0
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                provider.asked += 1
                self.rfile.read(int(self.headers["content-length"]))
                message = {"role": "assistant", "content": self.connection.version()}
                choice = {"index": 0, "message": message, "finish_reason": "stop"}
                usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
                answer = {"id": "x", "object": "chat.completion", "created": 1, "model": "m"}
                body = json.dumps(answer | {"choices": [choice], "usage": usage}).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.handle_error = lambda *_: None
        self._server.socket = protected(self._server.socket, tls)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def entry(self, name: str, **tls: object) -> dict:
        """It as one of `providers`."""
        return {
            "name": name,
            "kind": "openai",
            "endpoint": f"https://127.0.0.1:{self._server.server_port}/v1",
            "tier": "official",
            "credential": {"env": "OFFICIAL_API_KEY"},
            "tls": {"server_name": "localhost"} | tls,
        }

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Others:
    """All that Envoy asks by TLS, and the authorities that it is to trust."""

    def __init__(self, folder) -> None:
        self.authority, self.stranger = Authority(), Authority("a stranger")
        self.ca = folder / "ca.pem"
        self.ca.write_bytes(self.authority.pem)
        old = self.authority.context()
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        self.old, self.new = Provider(old), Provider(self.authority.context())
        self.elsewhere = Provider(self.stranger.context())
        self.good = Issuer(self.authority.context())
        self.late = Issuer(self.authority.context())
        self.late.is_up = False
        self.forged = Issuer(self.stranger.context())

    def jwt(self, name: str, issuer: Issuer) -> dict:
        tls = {"ca_file": str(self.ca), "server_name": "localhost"}
        return {
            "name": name,
            "issuer": f"https://{name}.test",
            "audiences": [AUDIENCE],
            "jwks": {"url": issuer.url, "cache_s": 1, "tls": tls},
            "key": "staff",
        }

    def text(self, fleet) -> str:
        ca = str(self.ca)
        providers = [config.provider(p) for p in fleet.providers.values()]
        providers += [
            self.old.entry("old", ca_file=ca),
            self.old.entry("old-named", ca_file=ca, min_version="1.2"),
            self.new.entry("new", ca_file=ca),
            self.elsewhere.entry("elsewhere", ca_file=ca),
            self.new.entry("misnamed", ca_file=ca, server_name="other.test"),
        ]
        models = [config.model(p["name"], [p["name"]]) for p in providers]
        whole = yaml.safe_load(config.text(providers, models))
        whole["tenants"].append({"name": "acme", "keys": [{"id": "staff", "models": ["*"]}]})
        issuers = {"good": self.good, "late": self.late, "forged": self.forged}
        whole["identity"] = {"jwt": [self.jwt(name, of) for name, of in issuers.items()]}
        return yaml.safe_dump(whole, sort_keys=False)

    def close(self) -> None:
        for one in (self.old, self.new, self.elsewhere, self.late, self.forged):
            one.close()


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Others]:
    others = Others(tmp_path_factory.mktemp("others"))
    yield others
    others.close()


@pytest.fixture(scope="module")
def ark(others: Others) -> Iterator[Stack]:
    with make_stack(FLEET, others.text) as stack:
        yield stack


def ask(ark: Stack, model: str, key: str = "ark-demo"):
    client = ark.client(key)
    try:
        return client.chat(model)
    finally:
        client.close()


def token(name: str, issuer: Issuer) -> str:
    return issuer.token(iss=f"https://{name}.test")


@pytest.mark.parametrize(("name", "version"), [("new", "TLSv1.3"), ("old-named", "TLSv1.2")])
def test_a_provider_is_asked_by_the_newest_version_that_is_allowed(ark: Stack, name: str, version):
    answer = ask(ark, name)
    assert answer.status == 200, answer.text
    assert answer.json()["choices"][0]["message"]["content"] == version


def test_a_provider_that_proves_nothing_is_asked_nothing(ark: Stack, others: Others):
    before = others.old.asked, others.new.asked
    for name in ("old", "elsewhere", "misnamed"):
        answer = ask(ark, name)
        assert answer.status in (502, 503), (name, answer.text)
    assert (others.old.asked, others.new.asked) == before
    assert others.elsewhere.asked == 0
    failed = ark.envoy_stats("ssl.(connection_error|fail_verify)")
    assert sum(failed.values()) >= 3, failed


def test_keys_are_fetched_by_tls_and_outlive_their_issuer(ark: Stack, others: Others):
    good = token("good", others.good)
    eventually(lambda: ask(ark, "official", good).status == 200, PATIENCE_S, "its keys are there")
    others.good.close()
    failed = "jwks_fetch_failed"
    before = sum(ark.envoy_stats(failed).values())
    eventually(
        lambda: sum(ark.envoy_stats(failed).values()) >= before + 3, PATIENCE_S, "asked in vain"
    )
    assert ask(ark, "official", good).status == 200
    # And what was not signed by it is refused, as ever.
    assert ask(ark, "official", token("good", others.late)).error["code"] == "invalid_token"


def test_an_issuer_whose_keys_were_never_had_is_unavailable(ark: Stack, others: Others):
    late = token("late", others.late)
    for of, issuer in (("late", others.late), ("forged", others.forged)):
        answer = ask(ark, "official", token(of, issuer))
        assert (answer.status, answer.error["code"]) == (503, "identity_unavailable"), of
    # Neither API keys nor tokens that are nobody's wait for it.
    assert ask(ark, "official").status == 200
    assert others.forged.asked == 0, "nobody speaks to who proves nothing"
    others.late.is_up = True
    eventually(lambda: ask(ark, "official", late).status == 200, PATIENCE_S, "it has come up")
    forged = ask(ark, "official", token("forged", others.forged))
    assert forged.error["code"] == "identity_unavailable"
