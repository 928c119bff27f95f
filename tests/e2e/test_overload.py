"""What a worker takes on before it sheds load, the least urgent first, and how loud it is."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.client import CHAT, chat_body
from harness.limits import KINDS, with_limits
from harness.stack import make_stack
from harness.waiting import eventually

LARGE = 17_600
GATEWAY = {"body_limit_bytes": 20_000, "max_body_bytes_per_worker": 100_000}
JSON_BODY = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def stack():
    with make_stack(KINDS, with_limits([], GATEWAY), workers=1) as stack:
        yield stack


def body(size: int) -> bytes:
    """A request of exactly so many bytes."""
    bare = len(json.dumps(chat_body("chat") | {"user": ""}))
    return json.dumps(chat_body("chat") | {"user": "u" * max(size - bare, 0)}).encode()


def ask(stack, size: int, priority: str, script: str | None = None, chunked: bool = False):
    content = body(size)
    headers = JSON_BODY | {"x-ark-priority": priority}
    if script:
        headers["x-demo-script"] = script
    sent = iter([content[:100], content[100:]]) if chunked else content
    return stack.client().send("POST", CHAT, content=sent, headers=headers)


def test_bodies_have_a_ceiling_that_batch_meets_first(stack):
    slow = "official=slow:5000"
    with ThreadPoolExecutor(4) as pool:
        held = [pool.submit(ask, stack, LARGE, "standard", slow) for _ in range(4)]
        seen = stack.fleet.stats
        eventually(lambda: seen()["official"]["requests"] >= 4, 20, "four are in flight")
        # 70,400 bytes of 100,000 are held: batch may fill 70 %, standard 85 %.
        for size, priority, chunked in [
            (300, "batch", False),
            (LARGE, "batch", True),
            (LARGE, "standard", False),
            (LARGE, "standard", True),
        ]:
            answer = ask(stack, size, priority, chunked=chunked)
            assert (answer.status, answer.error["code"]) == (503, "overloaded"), priority
            assert answer.headers["retry-after"] == "1"
            assert answer.headers["x-ark-reject"] == "overloaded"
            # A refusal must not cost its caller the connection; only the end of what tells no length
            # is not waited for.
            assert (answer.headers.get("connection") == "close") is chunked, (size, chunked)
        assert ask(stack, 300, "standard").status == 200
        assert ask(stack, LARGE, "critical").status == 200
        assert ask(stack, LARGE, "critical", chunked=True).status == 200
        eventually(
            lambda: stack.metric("ark_worker_body_bytes") >= 4 * LARGE, 10, "what is held is shown"
        )
        assert {one.result().status for one in held} == {200}
    for priority, count in [("batch", 2), ("standard", 2)]:
        eventually(
            lambda p=priority, n=count: stack.metric(
                "ark_shed_total", cause="body_bytes", priority=p
            ) == n,
            10,
            "what was shed is counted by cause and priority",
        )
    # Nothing of it is held any more: all are served again.
    eventually(lambda: stack.metric("ark_worker_body_bytes") == 0, 10, "nothing is held")
    assert ask(stack, LARGE, "batch").status == 200


def test_envoys_own_backstop_is_shown(stack):
    def shown() -> str:
        return stack.get(stack.admin_url + "/metrics").text

    for action in ("stop_accepting_requests", "reset_high_memory_stream", "shrink_heap"):
        line = f'ark_envoy_overload_active{{action="{action}"}} 0'
        eventually(lambda wanted=line: wanted in shown(), 10, "the action is known, and not taken")
    assert 'ark_envoy_pressure_ratio{resource="fixed_heap"}' in shown()
    assert stack.metric("ark_envoy_pressure_ratio", resource="fixed_heap") < 0.8


def test_bounds_that_hold_not_even_two_bodies_are_refused(stack):
    before = stack.client().chat("chat").headers["x-ark-snapshot"]
    bad = with_limits([], GATEWAY | {"max_body_bytes_per_worker": 30_000})(stack.fleet)
    stack.write_config(bad)
    eventually(
        lambda: stack.metric("ark_config_reloads_total", result="rejected") == 1, 10, "it is refused"
    )
    assert stack.client().chat("chat").headers["x-ark-snapshot"] == before
    stack.write_config(with_limits([], GATEWAY)(stack.fleet))
