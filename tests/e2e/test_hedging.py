"""Hedging: a second target is asked while the first is slow, and the first answer wins."""

import json
from collections.abc import Iterator
from itertools import permutations

import pytest

from harness import config
from harness.arrived import check_credential
from harness.client import Client, said
from harness.config import only
from harness.fleet import Fleet
from harness.stack import Stack, make_stack
from harness.waiting import Stopwatch, Unchanged, eventually

FLEET = {
    "official": "openai",
    "azure": "azure-openai",
    "claude": "anthropic",
    "gemini": "gemini",
    "bedrock": "bedrock",
}
KEYS = {"bedrock": "AKIDHEDGING:secret-of-bedrock"}
CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
# Long against a loopback's answers, short against the waits of these tests.
AFTER_MS = 150
FIRST_BYTE_MS = 1_500
DRILLS = ("silent", "left", "refused")
CRITICAL = {"x-ark-priority": "critical"}


def hedged(name: str, providers: tuple[str, ...], **more: object) -> dict:
    """A model that asks the next of these when one is slow."""
    entry = config.model(name, providers, first_byte_ms=FIRST_BYTE_MS)
    for target in entry["targets"]:
        if target["provider"] == "bedrock":
            target["model"] = CLAUDE
        if name in DRILLS:
            # Targets of its own, whose circuits nothing else opens or finds open.
            target["model"] = f"{name}-{target['provider']}"
    return entry | {"hedge": {"after_ms": AFTER_MS, "budget": "50%"} | more}


def text(fleet: Fleet) -> str:
    """A model for each pair, and some with more."""
    pairs = list(permutations(FLEET, 2))
    return config.text(
        [config.provider(p) for p in fleet.providers.values()],
        [
            *(hedged(config.pair(*two), two) for two in pairs),
            hedged("silent", ("official", "azure", "claude")),
            hedged("left", ("azure", "claude")),
            hedged("refused", ("official", "azure")),
            hedged("three", ("official", "azure", "claude")),
            hedged("learnt", ("official", "azure")) | {"hedge": {"at_least_ms": 50}},
            *(config.model(only(name), [name]) for name in ("official", "azure", "claude")),
        ],
    )


@pytest.fixture(scope="module")
def shared() -> Iterator[Stack]:
    with make_stack(FLEET, text, KEYS, workers=2) as stack:
        yield stack


@pytest.fixture
def race(shared: Stack) -> Iterator[Stack]:
    """That Ark, with all providers well."""
    shared.check()
    shared.fleet.restore()
    client = shared.client()
    for name in ("official", "azure", "claude"):
        eventually(lambda name=name: client.chat(only(name)).status == 200, 40, f"{name} is well")
    client.close()
    yield shared
    assert shared.vm_failures() == 0


@pytest.fixture
def client(race: Stack) -> Iterator[Client]:
    client = race.client()
    yield client
    client.close()


def hedges(stack: Stack, model: str, result: str) -> float:
    """How many requests of a model were hedged with this result."""
    return stack.metric("ark_hedges_total", model=model, result=result)


def check_apart(stack: Stack, request_id: str, names: tuple[str, ...]) -> None:
    """Each provider got its own words and key, and nothing of another's."""
    for name in names:
        (sent,) = stack.fleet.seen(name, request_id)
        provider = stack.fleet[name]
        check_credential(provider, sent["headers"])
        assert sent["headers"]["host"] == f"127.0.0.1:{provider.port}"
        assert int(sent["headers"]["content-length"]) == sent["body_bytes"]
        assert not [h for h in sent["headers"] if h.startswith(("x-ark-", "x-forwarded"))]
        everything = json.dumps(sent)
        for other in stack.fleet.providers:
            if other != name:
                for secret in stack.fleet[other].key.split(":"):
                    assert secret not in everything, f"{name} saw the key of {other}"


@pytest.mark.parametrize(("first", "second"), list(permutations(FLEET, 2)))
@pytest.mark.parametrize("stream", [False, True])
def test_both_at_once_each_with_its_own_key_and_words(race, client, first, second, stream):
    model = config.pair(first, second)
    watch = Stopwatch()
    answer = client.chat(model, f"{first}=hang", CRITICAL, stream=stream, max_tokens=50)
    assert answer.status == 200, answer.text
    # Not a measurement: who waits for a time-out waits ten times as long.
    assert watch.seconds < FIRST_BYTE_MS / 1000
    assert answer.headers["x-ark-provider"] == second
    assert answer.headers["x-ark-attempts"] == "2"
    assert second in answer.text and "x-ark-hedge-attempt" not in answer.headers
    check_apart(race, answer.request_id, (first, second))


def losers(race) -> float:
    return race.metric("ark_attempts_total", verdict="hedged")


@pytest.mark.parametrize("stream", [False, True])
def test_the_first_to_answer_wins_whoever_began(race, client, stream):
    counted = Unchanged(lambda: losers(race))
    eventually(lambda: counted.for_s() > 1, 20, "what earlier tests asked for is counted")
    model = config.pair("official", "claude")
    for script, winner, result in (
        ("official=slow:1000", "claude", "won"),
        ("official=slow:400, claude=slow:1200", "official", "lost"),
        (None, "official", "not_needed"),
    ):
        was = hedges(race, model, result)
        lost = losers(race)
        answer = client.chat(model, script, CRITICAL, stream=stream, max_tokens=50)
        assert answer.status == 200
        assert answer.headers["x-ark-provider"] == winner, script
        text = said(answer.chunks) if stream else answer.text
        assert winner in text
        eventually(lambda: hedges(race, model, result) == was + 1, 10, f"{script}: {result}")
        assert losers(race) - lost == (0 if result == "not_needed" else 1)
        others = {"official", "claude"} - {winner}
        eventually(
            lambda others=others: not any(race.fleet.stats()[o]["active"] for o in others),
            10,
            "whoever lost is cancelled",
        )
    wasted = race.metric("ark_hedge_wasted_tokens_total", kind="input")
    assert wasted > 0 and race.metric("ark_hedge_wasted_cost_micro_usd_total") > 0
    faults = ("timeout", "unreachable", "cut", "server_error")
    assert not [v for v in faults if race.metric("ark_attempts_total", verdict=v)]


def test_failures_move_on_while_another_waits(race, client):
    for script, winner, attempts in (
        ("official=hang, azure=status:503", "claude", "3"),
        ("official=status:503, azure=slow:1000", "claude", "3"),
        ("official=status:500", "azure", "2"),
        ("official=hang, azure=hang", "claude", "3"),
        ("official=slow:600, azure=status:500, claude=status:500", "official", "3"),
        ("official=hang, azure=error-200", "claude", "3"),
    ):
        for stream in (False, True):
            answer = client.chat("three", script, CRITICAL, stream=stream, max_tokens=50)
            assert answer.status == 200, (script, answer.text)
            assert answer.headers["x-ark-provider"] == winner, script
            assert answer.headers["x-ark-attempts"] == attempts, script
            for name in ("official", "azure", "claude"):
                # So that no failure is the fifth in a row, which would take a provider out.
                assert client.chat(only(name)).status == 200


def test_when_all_hang_the_first_byte_time_out_ends_it(race, client):
    watch = Stopwatch()
    answer = client.chat("silent", "*=hang", CRITICAL)
    assert answer.status == 504
    assert answer.error["code"] == "provider_timeout"
    assert watch.seconds < 20
    one = client.chat("refused", "*=status:503", CRITICAL)
    assert one.status == 503 and one.error["code"] == "provider_overloaded"


def test_a_client_that_leaves_ends_both(race, client):
    model = "left"
    with client.streaming(model, "azure=chunks:2000+chunk-delay:20", max_tokens=50) as reply:
        assert reply.status_code == 200
    before = race.metric("ark_attempts_total", verdict="abandoned")
    impatient = race.client(timeout_s=AFTER_MS * 3 / 1000)
    with pytest.raises(Exception, match="timed out"):
        impatient.chat(model, "azure=hang, claude=hang", CRITICAL)
    impatient.close()
    eventually(
        lambda: race.metric("ark_attempts_total", verdict="abandoned") >= before + 2,
        10,
        "both are the client's doing",
    )
    eventually(
        lambda: not any(s["active"] for s in race.fleet.stats().values()), 10, "both are ended"
    )


def test_only_what_was_asked_for_is_hedged(race, client):
    model = config.pair("official", "azure")
    for priority in ("standard", "batch"):
        headers = {"x-ark-priority": priority}
        answer = client.chat(model, "official=slow:500", headers)
        assert answer.status == 200
        assert answer.headers["x-ark-provider"] == "official"
        assert answer.headers["x-ark-attempts"] == "1"
    bad = client.chat(model, "official=status:400", CRITICAL)
    assert bad.status == 400 and bad.headers["x-ark-attempts"] == "1"
    pinned = client.chat(model, "official=slow:500", CRITICAL | {"x-ark-provider": "official"})
    assert pinned.headers["x-ark-provider"] == "official"
    skipped = race.metric("ark_hedge_skipped_total", reason="no_target")
    eventually(
        lambda: race.metric("ark_hedge_skipped_total", reason="no_target") >= max(1, skipped),
        10,
        "a pin is counted as one without a second target",
    )


def test_a_long_stream_is_not_cut_by_the_race(race, client):
    script = "official=hang, azure=chunks:60+chunk-delay:40"
    answer = client.chat(config.pair("official", "azure"), script, CRITICAL, stream=True)
    assert answer.status == 200 and answer.headers["x-ark-provider"] == "azure"
    # More than the first byte's time-out, which the stream must not meet.
    assert len(answer.chunks) >= 60


def test_the_delay_is_learnt(race, client):
    def hedges_at_all() -> bool:
        answer = client.chat("learnt", "official=slow:1200", CRITICAL)
        client.chat("learnt", None, CRITICAL)
        return answer.headers["x-ark-provider"] == "azure"

    for _ in range(30):
        assert client.chat("learnt", None, CRITICAL).status == 200
    eventually(hedges_at_all, 20, "what is usual is known")


def test_the_budget_bounds_what_is_asked_twice(fresh_stack):
    def scarce(fleet: Fleet) -> str:
        providers = [config.provider(p) for p in fleet.providers.values()]
        entry = config.model("scarce", ["official", "azure"]) | {
            "hedge": {"after_ms": 20, "budget": "5%", "priorities": ["standard"]}
        }
        return config.text(providers, [entry])

    stack = fresh_stack({"official": "openai", "azure": "azure-openai"}, scarce)
    client = stack.client()
    requests = 200
    for _ in range(requests):
        assert client.chat("scarce", "official=slow:60").status == 200
    asked = len(stack.fleet.seen("azure"))
    # What one worker has saved, and a twentieth of the requests.
    assert 50 <= asked <= 50 + requests // 20, asked
    eventually(
        lambda: stack.metric("ark_hedge_skipped_total", reason="no_budget") >= requests - asked,
        10,
        "what the budget forbids is counted",
    )
    client.close()


def test_without_a_sidecar_it_works_from_a_file(fresh_stack):
    def both(fleet: Fleet) -> str:
        providers = [config.provider(p) for p in fleet.providers.values()]
        entry = hedged("file", ("official", "azure"))
        target = {"provider": "claude", "model": "claude-on-trial"}
        entry["shadow"] = target | {"share": "100%", "priorities": ["standard"]}
        return config.text(providers, [entry])

    kinds = {name: FLEET[name] for name in ("official", "azure", "claude")}
    stack = fresh_stack(kinds, both, start=False)
    stack.start_static()
    client = stack.client()
    ready = eventually(lambda: client.get("/readyz").status == 200, 30, "Envoy serves")
    assert ready
    answer = client.chat("file", "official=hang", CRITICAL)
    assert answer.status == 200 and answer.headers["x-ark-provider"] == "azure"
    check_apart(stack, answer.request_id, ("official", "azure"))
    plain = client.chat("file")
    assert plain.headers["x-ark-provider"] == "official"
    eventually(lambda: stack.fleet.seen("claude", plain.request_id), 10, "it gets its copy")
    client.close()


def test_a_large_head_and_body_pass_the_inner_listener(race, client):
    many = {f"x-more-{n}": "y" * 400 for n in range(80)}
    long = [{"role": "user", "content": "word " * 400_000}]
    model = config.pair("official", "claude")
    for messages in ([{"role": "user", "content": "Hello."}], long):
        headers = CRITICAL | many
        answer = client.chat(model, "official=hang", headers, messages=messages)
        assert answer.status == 200, answer.text
        assert answer.headers["x-ark-provider"] == "claude"
        for name in ("official", "claude"):
            (sent,) = race.fleet.seen(name, answer.request_id)
            assert sent["headers"]["x-more-79"] == "y" * 400
            assert int(sent["headers"]["content-length"]) == sent["body_bytes"]


def test_a_refusal_without_a_body_is_told_in_words(race, client):
    # More headers than the scripted server takes: its refusal is a head and nothing else.
    many = {f"x-more-{n}": "y" for n in range(110)}
    for model, headers in (
        (only("official"), many),
        (config.pair("official", "azure"), CRITICAL | many),
    ):
        answer = client.chat(model, None, headers)
        assert 400 <= answer.status < 500
        assert answer.error["type"] == "invalid_request_error"
