"""Keys that are made, rotated and revoked while Ark runs, and who may do that."""

import hashlib
import json
import os
import subprocess

import httpx
import pytest

from harness import config, parts
from harness.stack import Stack
from harness.waiting import Stopwatch, eventually

FLEET = {"official": "openai"}
TOKENS = {"eve": "viewer", "otto": "operator", "ada": "admin"}
# A change is in force everywhere within this time.
PROMPT_S = 2


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def text(fleet) -> str:
    return config.text(
        [config.provider(p) for p in fleet.providers.values()],
        [config.model("chat", FLEET), config.model("other", FLEET)],
    )


def guarded(fleet) -> str:
    tokens = [
        {"id": who, "sha256": digest(f"token-of-{who}"), "role": role}
        for who, role in TOKENS.items()
    ]
    return text(fleet) + "admin: " + json.dumps({"tokens": tokens}) + "\n"


def ark(stack: Stack, *arguments: str, token: str | None = None) -> subprocess.CompletedProcess:
    """Runs `ark keys` against this stack."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ARK_ADMIN")}
    if token:
        environment["ARK_ADMIN_TOKEN"] = token
    admin = f"http://127.0.0.1:{stack.admin_port}"
    command = [str(parts.ark()), "keys", *arguments, "--admin", admin]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=30)


def made(result: subprocess.CompletedProcess) -> str:
    """The key that a command has printed, which nothing else has."""
    assert result.returncode == 0, result.stderr
    key = result.stdout.strip()
    assert key.startswith("ark-") and key not in result.stderr
    return key


def status(stack: Stack, key: str, model: str = "chat") -> int:
    client = stack.client(key)
    answer = client.chat(model)
    client.close()
    return answer.status


def soon(stack: Stack, key: str, expected: int) -> None:
    """Every worker answers so, soon."""
    watch = Stopwatch()
    # Connections go to workers by chance: many in a row have met all.
    eventually(
        lambda: all(status(stack, key) == expected for _ in range(12)),
        PROMPT_S + 3,
        f"{expected} everywhere",
    )
    assert watch.seconds < PROMPT_S + 3


def test_a_key_lives_from_create_to_revoke(fresh_stack):
    stack = fresh_stack(FLEET, text, workers=2)
    key = made(
        ark(stack, "create", "--tenant", "tests", "--id", "web", "--models", "chat", "--may-pin")
    )
    soon(stack, key, 200)
    assert status(stack, key, "other") == 403
    again = ark(stack, "create", "--tenant", "tests", "--id", "web", "--models", "*")
    assert again.returncode == 1 and "is taken" in again.stderr

    second = made(ark(stack, "rotate", "web", "--grace", "1h"))
    soon(stack, second, 200)
    assert status(stack, key) == 200, "both are good within the grace"
    third = made(ark(stack, "rotate", "web", "--grace", "0s"))
    soon(stack, third, 200)
    soon(stack, key, 401)

    # What was made is still there after a restart, and a client notices nothing of it.
    stack.sidecar.stop()
    stack.start_sidecar()
    stack.await_ready()
    soon(stack, third, 200)
    listed = json.loads(ark(stack, "list", "--json").stdout)["keys"]
    web = next(entry for entry in listed if entry["id"] == "web")
    assert (web["state"], web["source"], web["digests"]) == ("active", "api", 1)

    assert ark(stack, "revoke", "web").returncode == 0
    soon(stack, third, 401)
    assert "revoked" in ark(stack, "list").stdout
    assert ark(stack, "rotate", "web").returncode == 1
    # Neither the file nor any log has ever held a key.
    kept = (stack.folder / "keys.json").read_text()
    logs = "".join(words for _, words in stack.logs())
    for secret in (key, second, third):
        assert secret not in kept and secret not in logs


def test_a_key_expires_without_anybody_telling_the_gateway(fresh_stack):
    stack = fresh_stack(FLEET, text, workers=2)
    brief = ["--id", "brief", "--expires-in", "4s"]
    key = made(ark(stack, "create", "--tenant", "tests", "--models", "*", *brief))
    soon(stack, key, 200)
    stack.sidecar.stop()
    client = stack.client(key)
    eventually(lambda: client.chat("chat").status == 401, 10, "it expires")
    assert client.chat("chat").error["code"] == "expired_key"
    client.close()


def test_each_role_may_what_it_may(fresh_stack):
    stack = fresh_stack(FLEET, guarded, workers=1, admin_token="token-of-eve")
    url = f"http://127.0.0.1:{stack.admin_port}"

    def call(method: str, path: str, token: str | None) -> int:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        if method == "POST":
            headers["content-type"] = "application/json"
        return httpx.request(method, url + path, headers=headers, content=b"{}").status_code

    assert [call("GET", path, None) for path in ("/healthz", "/readyz")] == [200, 200]
    for path in ("/metrics", "/v1/scores", "/v1/config", "/v1/keys"):
        assert call("GET", path, None) == call("GET", path, "token-of-mallory") == 401
        for who in TOKENS:
            assert call("GET", path, f"token-of-{who}") == 200
    for who, expected in [("eve", 403), ("otto", 403), ("ada", 400), ("mallory", 401)]:
        assert call("POST", "/v1/keys", f"token-of-{who}") == expected
    create = ["create", "--tenant", "tests", "--id", "web", "--models", "*"]
    refused = ark(stack, *create)
    assert refused.returncode == 1 and "ARK_ADMIN_TOKEN" in refused.stderr
    refused = ark(stack, *create, token="token-of-otto")
    assert refused.returncode == 1 and "needs the role admin" in refused.stderr
    key = made(ark(stack, *create, token="token-of-ada"))
    soon(stack, key, 200)
    logs = "".join(words for _, words in stack.logs())
    assert "actor" in logs and "ada" in logs and "key.create" in logs
    assert "token-of-" not in logs


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example:8081"},
        {"origin": "http://evil.example"},
        {"content-type": "text/plain"},
    ],
)
def test_a_web_page_changes_nothing(stack, headers):
    url = f"http://127.0.0.1:{stack.admin_port}/v1/keys"
    usual = {"content-type": "application/json"}
    body = json.dumps({"tenant": "tests", "sha256": digest("x"), "key": {"id": "x", "models": ["*"]}})
    answer = httpx.post(url, headers=usual | headers, content=body)
    assert answer.status_code in (403, 415), answer.text
