"""Twenty thousand keys: they are let in, one of them changes, and no request notices."""

import hashlib
import json

import httpx
import pytest

from harness import config
from harness.load import SteadyLoad
from harness.stack import Stack, make_stack
from harness.waiting import eventually

FLEET = {"official": "openai"}
KEYS = 20_000
# With few connections, each of which goes to some worker by chance.
ALL = 12


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def text(fleet) -> str:
    return config.text(
        [config.provider(p) for p in fleet.providers.values()], [config.model("chat", FLEET)]
    )


def entry(number: int) -> dict:
    limits = {"requests_per_minute": 60_000, "burst": 1_000}
    key = {"id": f"key-{number}", "models": ["chat"], "limits": limits}
    digests = [{"sha256": digest(f"secret-{number}")}]
    return {"tenant": "tests", "entry": key, "digests": digests, "created_at_s": 0}


@pytest.fixture(scope="module")
def stack():
    with make_stack(FLEET, text, workers=2, start=False) as stack:
        keys = {f"key-{number}": entry(number) for number in range(KEYS)}
        (stack.folder / "keys.json").write_text(json.dumps({"version": 1, "keys": keys}))
        yield stack.start()


def status(stack: Stack, secret: str) -> int:
    client = stack.client(secret)
    answer = client.chat("chat")
    client.close()
    return answer.status


def everywhere(stack: Stack, secret: str, expected: int) -> None:
    eventually(
        lambda: all(status(stack, secret) == expected for _ in range(ALL)),
        30,
        f"{expected} for {secret} everywhere",
    )


def test_all_of_them_are_let_in_and_no_other_is(stack):
    for number in range(0, KEYS, KEYS // 50):
        assert status(stack, f"secret-{number}") == 200
    assert status(stack, f"secret-{KEYS}") == status(stack, "secret-") == 401


def test_one_of_them_changes_and_no_request_notices(stack):
    keys = f"http://127.0.0.1:{stack.admin_port}/v1/keys"
    with SteadyLoad(stack.url, "chat") as load:
        new = {"tenant": "tests", "sha256": digest("new"), "key": {"id": "new", "models": ["*"]}}
        assert httpx.post(keys, json=new, timeout=30).status_code == 201
        everywhere(stack, "new", 200)
        revoked = httpx.post(f"{keys}/key-7/revoke", json={}, timeout=30)
        assert revoked.status_code == 200, revoked.text
        everywhere(stack, "secret-7", 401)
        load.await_more(50)
    assert load.failures == []
    assert status(stack, "secret-8") == 200


def test_without_the_sidecar_they_are_still_known(stack):
    """A VM that starts anew finds them in what all workers share."""
    stack.sidecar.kill()
    assert status(stack, "new") == 200 and status(stack, "secret-7") == 401
    stack.start_sidecar()
    stack.await_ready()
    everywhere(stack, "secret-19999", 200)
    assert stack.vm_failures() == 0
