"""Conversations stay where their prompt is cached, as leaving has a price."""

import json

from harness import config

FLEET = {"one": "openai", "two": "openai"}
# Some 1,500 words: providers cache prompts of 1,024 tokens and more.
LONG = "the quick brown fox jumps over the lazy dog and then " * 140


def text(fleet) -> str:
    """Two equals; what is measured of them does not count: both are quick, and never fail."""
    providers = [config.provider(p) for p in fleet.providers.values()]
    model = config.model("chat", FLEET) | {"order": "scored"}
    for target in model["targets"]:
        price = {"currency": "USD", "input_per_million": 2, "output_per_million": 2}
        target["price"] = price
    weights = {"cost": 0.5, "performance": 0, "reliability": 0, "load": 0.1, "compliance": 0}
    standard = {"weights": weights, "exploration_share": 0}
    keys = [config.key("ark-demo", may_explain=True)]
    return config.text(providers, [model], keys, priorities={"standard": standard})


def ask(client, conversation: str, turns: int) -> tuple[str, dict]:
    messages = [{"role": "user", "content": f"{conversation}: {LONG}"}]
    for turn in range(turns):
        messages += [{"role": "assistant", "content": "yes"}]
        messages += [{"role": "user", "content": f"and {turn}?"}]
    # What goes on is found in the cache of who had it before.
    script = "*=cached:1800" if turns else None
    answer = client.chat("chat", script, headers={"x-ark-explain": "true"}, messages=messages)
    assert answer.status == 200, answer.text
    said = json.loads(answer.headers["x-ark-explain"])
    return answer.headers["x-ark-provider"], said


def test_a_conversation_stays_and_others_are_shared_out(fresh_stack):
    # One worker: what another one remembers is not known.
    stack = fresh_stack(FLEET, text, workers=1)
    client = stack.client()
    for name in FLEET:
        for _ in range(20):
            client.chat("chat", headers={"x-ark-provider": name})
    firsts, stays, moves = set(), 0, 0
    for n in range(12):
        first, said = ask(client, f"talk {n}", 0)
        assert all("cached" not in c for c in said["candidates"]), "nobody knows it yet"
        firsts.add(first)
        for turn in range(1, 6):
            provider, said = ask(client, f"talk {n}", turn)
            warm = [c["provider"] for c in said["candidates"] if c.get("cached", 0) >= 1024]
            assert warm == [first], said
            stays, moves = stays + (provider == first), moves + (provider != first)
            first = provider
    assert firsts == set(FLEET), "new conversations go to both"
    assert stays >= 54, f"{stays} stayed, {moves} moved"
    # A short prompt is cached by nobody.
    short = client.chat("chat", headers={"x-ark-explain": "true"})
    short = client.chat("chat", headers={"x-ark-explain": "true"})
    assert "cached" not in short.headers["x-ark-explain"]
