"""Probes: who has no traffic recovers all the same, and what costs money is never probed unasked."""

import json

from harness import config
from harness.stack import Stack
from harness.waiting import always, eventually

FLEET = {"own": "openai-compatible/vllm", "paid": "openai"}


def text(fleet) -> str:
    """A server of one's own that is probed, before a paid provider that is not."""
    own = config.provider(fleet["own"], tier="self-hosted", probe={"every_s": 1})
    return config.text([own, config.provider(fleet["paid"])], [config.model("chat", FLEET)])


def circuit(stack: Stack) -> str:
    """The circuit of the target at `own`."""
    targets = stack.scores()["targets"]
    own = next(t for t in targets if t["provider"] == "own")
    return own["now"].get("circuit", "closed")


def probed(stack: Stack, **labels: str) -> float:
    """How many probes there were."""
    return stack.metric("ark_probes_total", **labels)


def test_an_idle_server_of_ones_own_recovers_by_probes_and_no_paid_one_is_probed(fresh_stack):
    stack = fresh_stack(FLEET, text, workers=2)
    eventually(lambda: probed(stack, provider="own", result="ok") >= 2, 15, "it is probed")
    seen = stack.fleet.seen("own")
    assert seen and all(s["target"].startswith("/v1/chat/completions") for s in seen), seen
    body = json.loads(seen[0]["body"]) if isinstance(seen[0]["body"], str) else seen[0]["body"]
    assert body["max_tokens"] == 1 and body["stream"], body
    scored = stack.scores()["targets"]
    own = next(t for t in scored if t["provider"] == "own")
    assert own["now"]["ttft_ms"] is not None, "probes feed the window"

    stack.fleet.control("own", status=500)
    eventually(lambda: circuit(stack) == "open", 15, "probes alone find out")
    answer = stack.client().chat("chat")
    assert (answer.status, answer.headers["x-ark-provider"]) == (200, "paid")
    stack.fleet.restore()
    good = probed(stack, provider="own", result="ok")
    eventually(lambda: circuit(stack) == "closed", 25, "probes alone close it")
    assert probed(stack, provider="own", result="ok") >= good + 2
    eventually(
        lambda: stack.client().chat("chat").headers["x-ark-provider"] == "own", 5, "it serves"
    )

    # What it got is what clients had sent.
    assert all("Say hello." in s["body"] for s in stack.fleet.seen("paid"))
    count = stack.fleet.stats()["paid"]["requests"]
    always(lambda: stack.fleet.stats()["paid"]["requests"] == count, 2, "nobody probes it")
    assert probed(stack, provider="paid") == 0
    # Probes are nobody's requests, and their cost is told apart.
    assert stack.metric("ark_requests_total", provider="own") <= 50
    assert stack.metric("ark_probe_cost_micro_usd_total", provider="own") > 0
    assert stack.metric("ark_probes_total", result="unsent") == 0


def test_without_the_operators_word_nobody_is_probed(fresh_stack):
    def quiet(fleet) -> str:
        own = config.provider(fleet["own"], tier="self-hosted")
        return config.text([own, config.provider(fleet["paid"])], [config.model("chat", FLEET)])

    stack = fresh_stack(FLEET, quiet)
    always(
        lambda: all(s["requests"] == 0 for s in stack.fleet.stats().values()), 4, "silence"
    )
