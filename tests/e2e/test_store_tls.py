"""Limits in a Redis, alerts to a webhook and the ledger's database, each by TLS and each real."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from harness import parts, postgres
from harness.issuer import Authority
from harness.limits import KINDS, Webhook, limit, with_limits
from harness.ports import free_port
from harness.process import Process
from harness.stack import Stack, make_stack, run
from harness.waiting import eventually

REDIS = shutil.which("redis-server")
PATIENCE_S = 30
LIMIT = 1_000


class Redis:
    """A Redis that speaks TLS only, and to those only who show a certificate."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.authority, self.process = Authority(), None
        self.ca = folder / "redis-ca.pem"
        self.trust(self.authority)
        # Redis keeps the true one beside what the sidecar is told to trust.
        (folder / "own-ca.pem").write_bytes(self.authority.pem)
        cert, key = self.authority.server()
        (folder / "redis.crt").write_bytes(cert)
        (folder / "redis.key").write_bytes(key)
        self.own = self.authority.client(folder, "sidecar")

    def trust(self, authority: Authority) -> None:
        """Has the sidecar trust this authority."""
        new = self.folder / "redis-ca.new"
        new.write_bytes(authority.pem)
        new.replace(self.ca)

    @property
    def store(self) -> dict:
        """`limits_store`."""
        tls = {"ca_file": str(self.ca), "cert_file": self.own[0], "key_file": self.own[1]}
        return {"redis": {"url": f"rediss://localhost:{self.port}/2", "tls": tls}}

    def start(self) -> None:
        files = [("cert", "redis.crt"), ("key", "redis.key"), ("ca-cert", "own-ca.pem")]
        command = [REDIS, "--port", "0", "--tls-port", str(self.port), "--bind", "127.0.0.1"]
        command += ["--save", "", "--appendonly", "yes", "--dir", str(self.folder)]
        for name, file in files:
            command += [f"--tls-{name}-file", str(self.folder / file)]
        command += ["--tls-auth-clients", "yes", "--tls-protocols", "TLSv1.3"]
        self.process = Process("redis", command, self.folder / "redis.log")
        ready = lambda: self.process.output().count("Ready to accept") > 0  # noqa: E731
        eventually(ready, PATIENCE_S, "Redis serves")

    def keys(self) -> list[str]:
        """The names of what it holds."""
        command = ["redis-cli", "-p", str(self.port), "-n", "2", "--tls"]
        command += ["--cacert", str(self.folder / "own-ca.pem")]
        command += ["--cert", self.own[0], "--key", self.own[1], "keys", "*"]
        return run(command).split()

    def stop(self) -> None:
        if self.process is not None:
            self.process.stop()


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    redis = Redis(tmp_path_factory.mktemp("redis"))
    redis.start()
    yield redis
    redis.stop()


@pytest.fixture(scope="module")
def hooks() -> Iterator[tuple[Webhook, Authority]]:
    authority = Authority()
    with Webhook(authority.context()) as webhook:
        yield webhook, authority


@pytest.fixture(scope="module")
def ark(redis: Redis, hooks: tuple[Webhook, Authority]) -> Iterator[Stack]:
    webhook, authority = hooks
    ca = redis.folder / "hooks.pem"
    ca.write_bytes(authority.pem)
    text = with_limits(
        [
            limit("requests", LIMIT, name="hard", mode="strict"),
            limit("requests", 2 * LIMIT, name="told", alerts=[1]),
        ],
        limits_store=redis.store,
        limit_alerts={"webhook": webhook.url, "tls": {"ca_file": str(ca)}},
    )
    with make_stack(KINDS, text) as stack:
        yield stack


@pytest.mark.skipif(REDIS is None, reason="redis-server is not installed")
def test_limits_are_kept_in_a_redis_that_proves_itself(ark: Stack, redis: Redis):
    client = ark.client()
    assert client.chat("chat").status == 200
    assert any("hard" in name for name in redis.keys())
    assert ark.metric("ark_limit_exchanges_total", result="store_down") == 0

    # An authority that did not sign Redis' certificate: what is open goes on, and nothing new opens.
    redis.trust(Authority())
    assert client.chat("chat").status == 200
    redis.stop()
    redis.start()
    refused = eventually(
        lambda: (a := client.chat("chat")).status != 200 and a or None, PATIENCE_S, "it shows"
    )
    assert (refused.status, refused.error["code"]) == (503, "limits_unavailable")
    said = "its certificate is not of an authority that is trusted"
    eventually(lambda: said in ark.sidecar.output(), PATIENCE_S, "the log says why")
    assert ark.metric("ark_limit_exchanges_total", result="store_down") > 0

    # Nobody has to restart anything.
    redis.trust(redis.authority)
    eventually(lambda: client.chat("chat").status == 200, PATIENCE_S, "the store is asked again")
    client.close()


@pytest.mark.skipif(REDIS is None, reason="redis-server is not installed")
def test_a_webhook_is_told_by_https(ark: Stack, hooks: tuple[Webhook, Authority]):
    client, (webhook, _) = ark.client(), hooks
    while not webhook.posted:
        # One hundredth of the limit.
        assert client.chat("chat").status == 200
        assert ark.metric("ark_limit_alerts_total", result="failed") == 0
    assert b'"limit":"told"' in webhook.posted[0]
    sent = lambda: ark.metric("ark_limit_alerts_total", result="sent") == 1  # noqa: E731
    eventually(sent, PATIENCE_S, "it is counted")
    client.close()


def test_check_names_files_that_are_not_there(tmp_path: Path):
    tls = {"ca_file": str(tmp_path / "none.pem")}
    store = {"redis": {"url": "rediss://cache.test:6379/0", "tls": tls}}
    alerts = {"webhook": "https://hooks.test/x", "tls": tls}
    fleet = type("Nobody", (), {"providers": {}})()
    whole = yaml.safe_load(with_limits([], limits_store=store, limit_alerts=alerts)(fleet))
    provider = {"kind": "openai", "tier": "official", "credential": {"env": "NONE"}}
    whole["providers"] = [provider | {"name": name} for name in KINDS]
    file = tmp_path / "ark.yaml"
    file.write_text(yaml.safe_dump(whole))
    with pytest.raises(AssertionError) as complaint:
        run([str(parts.ark()), "check", str(file)])
    for path in ("limits_store.redis.tls.ca_file", "limit_alerts.tls.ca_file"):
        assert f"{path}: cannot be read" in str(complaint.value)


def spend(url: str) -> str:
    """What `ark spend` says of a ledger that is not there yet."""
    with pytest.raises(AssertionError) as complaint:
        run([str(parts.ark()), "spend", "--ledger", url], {"PGPASSWORD": postgres.PASSWORD})
    return str(complaint.value)


@pytest.mark.skipif(postgres.programs() is None, reason="PostgreSQL is not installed")
def test_a_database_proves_itself(tmp_path: Path):
    with ExitStack() as at_end:
        database = postgres.Postgres()
        at_end.callback(database.close)
        database.start()
        reached = "there is no ledger in this database"
        assert reached in spend(database.url)
        wrong = tmp_path / "wrong.pem"
        wrong.write_bytes(Authority().pem)
        place, _ = database.url.split("&sslrootcert=")
        assert "not of an authority that is trusted" in spend(f"{place}&sslrootcert={wrong}")
        assert "is for another name" in spend(database.url.replace("@localhost", "@127.0.0.1"))
        for mode in ("prefer", "require", "verify-ca"):
            assert "speak to whoever answers" in spend(database.url.replace("verify-full", mode))
        # One that speaks nothing newer than TLS 1.2.
        database.kill()
        database.start(ssl_max_protocol_version="TLSv1.2")
        assert "1.2 is spoken only where it is named" in spend(database.url)
        assert reached in spend(database.url + "&ssl_min_protocol_version=TLSv1.2")
