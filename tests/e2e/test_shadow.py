"""Shadow copies: what they show, and that no client ever notices one."""

import json
from collections.abc import Iterator
from itertools import permutations

import pytest

from harness import config
from harness.arrived import body_of, check_credential
from harness.client import CHAT, chat_body
from harness.config import only
from harness.fleet import Fleet
from harness.stack import Stack, make_stack
from harness.waiting import Stopwatch, eventually

FLEET = {
    "official": "openai",
    "backup": "openai",
    "azure": "azure-openai",
    "claude": "anthropic",
    "gemini": "gemini",
    "tuned": "openai-compatible/mistral",
}
# So many readings that are all the same: longer than workers wait with their records.
LOOKS = 40
# Longer than any answer, shorter than the test: a client that waits for a copy would show.
PATIENCE_MS = 1_500
PRICE = {"currency": "USD", "input_per_million": 1000, "output_per_million": 1000}
LIMITED = "ark-limited"
# What may befall a copy.
SCRIPTS = [
    "hang",
    "status:500",
    "status:401",
    "reset",
    "first-event-error",
    "slow:800",
    "cut:2",
    "big:2000000",
]


def shadow(provider: str, share: object = "100%", **more: object) -> dict:
    """The block of a model whose copies go to `provider`."""
    target = {"provider": provider, "model": config.upstream_model(provider), "price": PRICE}
    return target | {"share": share} | more


def shadowed(name: str, own: list[str], block: dict) -> dict:
    """A model with copies."""
    return config.model(name, own, first_byte_ms=PATIENCE_MS) | {"shadow": block}


def text(fleet: Fleet) -> str:
    """A model for each pair of original and copy, and some with other shares."""
    return config.text(
        [config.provider(p) for p in fleet.providers.values()],
        [
            *(
                shadowed(f"{a}-shadows-{b}", [a], shadow(b))
                for a, b in permutations(FLEET, 2)
            ),
            # A target each, whose circuit nothing else has opened.
            *(
                shadowed(f"befallen-{n}", ["official"], shadow("backup") | {"model": f"copy-{n}"})
                for n in range(len(SCRIPTS))
            ),
            shadowed("some", ["official"], shadow("backup", "20%")),
            shadowed("urgent", ["official"], shadow("backup", priorities=["critical"])),
            shadowed("small", ["official"], shadow("backup", body_limit_bytes=2000)),
            shadowed("two", ["azure", "official"], shadow("backup")),
            config.model(only("official"), ["official"]),
        ],
        [
            config.key(config.DEMO_KEY),
            config.key(LIMITED, limits={"requests_per_minute": 1, "burst": 3}),
        ],
    )


@pytest.fixture(scope="module")
def shared() -> Iterator[Stack]:
    with make_stack(FLEET, text, workers=2) as stack:
        yield stack


@pytest.fixture
def shades(shared: Stack) -> Iterator[Stack]:
    """That Ark, with all providers well, and all circuits closed."""
    shared.check()
    shared.fleet.restore()
    yield shared
    assert shared.vm_failures() == 0


def copied(stack: Stack, name: str, request_id: str) -> dict:
    """The copy of a request, once its provider has it."""
    eventually(
        lambda: stack.fleet.seen(name, request_id), 10, f"{name} gets a copy of {request_id}"
    )
    (sent,) = stack.fleet.seen(name, request_id)
    return sent


def comparison(stack: Stack, model: str) -> dict:
    """What `/v1/shadows` says of a model."""
    view = stack.get(stack.admin_url + "/v1/shadows").raise_for_status().json()
    (found,) = [c for c in view["comparisons"] if c["model"] == model]
    return found


@pytest.mark.parametrize(("original", "copy"), list(permutations(FLEET, 2)))
@pytest.mark.parametrize("stream", [False, True])
def test_each_side_gets_its_own_words_and_its_own_key(shades, original, copy, stream):
    client = shades.client()
    # Either of them may come first to what the other one then finds in the head.
    answer = client.chat(f"{original}-shadows-{copy}", stream=stream, max_tokens=50)
    assert answer.status == 200
    assert answer.headers["x-ark-provider"] == original
    assert original in answer.text and copy not in answer.text
    theirs = copied(shades, copy, answer.request_id)
    (ours,) = shades.fleet.seen(original, answer.request_id)
    for name, sent in ((original, ours), (copy, theirs)):
        provider = shades.fleet[name]
        check_credential(provider, sent["headers"])
        assert sent["headers"]["host"] == f"127.0.0.1:{provider.port}"
        assert int(sent["headers"]["content-length"]) == sent["body_bytes"]
        assert not [h for h in sent["headers"] if h.startswith(("x-ark-", "x-forwarded"))]
        assert sent["headers"]["x-request-id"] == answer.request_id
        if FLEET[name] not in ("gemini", "azure-openai"):
            assert body_of(sent)["model"] == config.upstream_model(name)
    secrets = [shades.fleet[name].key for name in FLEET if name != copy]
    assert not [secret for secret in secrets if secret in json.dumps(theirs)]
    client.close()


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("stream", [False, True])
def test_whatever_a_copy_comes_to_its_client_does_not_notice(shades, script, stream):
    client = shades.client()
    plain = client.chat(only("official"), stream=stream)
    watch = Stopwatch()
    model = f"befallen-{SCRIPTS.index(script)}"
    answer = client.chat(model, f"backup={script}", stream=stream)
    # Not a measurement: a client that waited for the copy would have waited for its time-out.
    assert answer.status == 200 and watch.seconds < PATIENCE_MS / 1000
    own = {"x-request-id", "date", "x-ark-snapshot"}
    assert {h for h in answer.headers} - own == {h for h in plain.headers} - own
    assert answer.headers["x-ark-attempts"] == "1"
    copied(shades, "backup", answer.request_id)
    # One that is well sets back what Envoy has counted against the provider.
    copied(shades, "backup", client.chat("official-shadows-backup").request_id)
    client.close()


def quiet(stack, *names: str) -> dict[str, float]:
    """The metrics, once the records of earlier tests have come."""
    seen: list[dict[str, float]] = []

    def unchanged() -> bool:
        seen.append({name: stack.metric(name) for name in names})
        return len(seen) > LOOKS and all(look == seen[-1] for look in seen[-LOOKS:])

    eventually(unchanged, 20, "no more records come")
    return seen[-1]


def test_copies_are_kept_apart_in_every_account(shades):
    client = shades.client()
    was = quiet(shades, "ark_requests_total", "ark_cost_micro_usd_total")
    ended = {
        v: shades.metric("ark_shadow_requests_total", provider="claude", verdict=v)
        for v in ("ok", "server_error", "client_error")
    }
    cost = shades.metric("ark_shadow_cost_micro_usd_total", provider="claude")
    model = "official-shadows-claude"
    pairs = 0
    for script, verdict in ((None, "ok"), ("claude=status:500", "server_error")):
        for stream in (False, True):
            assert client.chat(model, script, stream=stream).status == 200
            ended[verdict] += 1
            pairs += 1

            def counted(verdict=verdict) -> bool:
                name = "ark_shadow_requests_total"
                found = shades.metric(name, provider="claude", verdict=verdict)
                return found == ended[verdict]

            eventually(counted, 10, f"a copy that ended as {verdict} is counted")
    eventually(
        lambda: shades.metric("ark_requests_total") == was["ark_requests_total"] + pairs,
        10,
        "only what clients asked for is a request",
    )
    assert shades.metric("ark_shadow_cost_micro_usd_total", provider="claude") > cost
    assert shades.metric("ark_attempts_total", provider="claude", verdict="server_error") == 0
    # A thousand times the price, so that the copies' cost in the clients' would show.
    spent = shades.metric("ark_cost_micro_usd_total") - was["ark_cost_micro_usd_total"]
    assert spent < 2_000

    view = eventually(
        lambda: (c := comparison(shades, model))["only_original_ok"] >= 2 and c, 10, "compared"
    )
    assert view["provider"] == "claude"
    assert view["both_ok"] >= 2
    assert view["pairs"] == sum(
        view[k] for k in ("both_ok", "only_original_ok", "only_copy_ok", "neither_ok")
    )
    for side in ("original", "copy"):
        assert view[side]["ttft"]["p50_ms"] > 0 and view[side]["total"]["p95_ms"] > 0
        assert view[side]["output_tokens"] > 0 and view[side]["input_tokens"] > 0
        assert view[side]["usage_estimated"] == 0, "either side's own count"
    assert view["copy"]["cost_micro_usd"] > 100 * view["original"]["cost_micro_usd"] > 0
    assert view["copy"]["statuses"]["500"] >= 2
    # What a copy took says how fast its target is.
    measured = [t for t in shades.scores()["targets"] if t["provider"] == "claude"]
    assert any(t["now"].get("ttft_ms") for t in measured)
    client.close()


def test_the_share_and_the_priorities_are_kept(shades):
    client = shades.client()
    requests = 400
    ids = [client.chat("some").request_id for _ in range(requests)]
    got = {s["request_id"] for s in shades.fleet.seen("backup")}
    copies = len(got & set(ids))
    # Eight standard deviations around a fifth.
    assert 16 <= copies <= 144, copies
    for priority, wanted in (("standard", False), ("batch", False), ("critical", True)):
        answer = client.chat("urgent", headers={"x-ark-priority": priority})
        if wanted:
            copied(shades, "backup", answer.request_id)
        eventually(lambda: not shades.fleet.stats()["backup"]["active"], 10, "all is answered")
        assert bool(shades.fleet.seen("backup", answer.request_id)) == wanted, priority
    client.close()


def test_a_large_body_is_copied_whole_or_not_at_all(shades):
    client = shades.client()
    skipped = shades.metric("ark_shadow_skipped_total", reason="too_large")
    long = [{"role": "user", "content": "word " * 1_000}]
    refused = client.chat("small", messages=long)
    assert refused.status == 200
    eventually(
        lambda: shades.metric("ark_shadow_skipped_total", reason="too_large") == skipped + 1,
        10,
        "what is not copied is counted",
    )
    assert not shades.fleet.seen("backup", refused.request_id)
    nearly = [{"role": "user", "content": "word " * 200_000}]
    # Even to a provider that takes nothing.
    for script in (None, "backup=hang", "claude=hang"):
        for model in ("official-shadows-backup", "official-shadows-claude"):
            answer = client.chat(model, script, messages=nearly)
            assert answer.status == 200
            sent = copied(shades, model.split("-")[-1], answer.request_id)
            assert sent["body_bytes"] > 1_000_000
    client.close()


def test_failover_and_limits_are_those_of_the_client(shades):
    client = shades.client()
    answer = client.chat("two", "azure=status:503")
    assert answer.status == 200
    assert answer.headers["x-ark-provider"] == "official"
    assert answer.headers["x-ark-attempts"] == "2"
    copied(shades, "backup", answer.request_id)
    client.close()
    limited = shades.client(LIMITED)
    statuses = [limited.chat("official-shadows-backup").status for _ in range(4)]
    assert statuses == [200, 200, 200, 429], "a copy takes nothing from the key's limit"
    limited.close()


def test_a_client_can_neither_ask_for_a_copy_nor_pass_for_one(shades):
    client = shades.client()
    forged = {"x-ark-shadow": "backup", "x-request-id": "shadow:1", "x-ark-hedge": "race"}
    answer = client.chat(only("official"), headers=forged)
    assert answer.status == 200 and answer.headers["x-ark-provider"] == "official"
    again = client.send("POST", CHAT, json=chat_body(only("official")), headers=forged)
    assert again.status == 200
    eventually(lambda: not shades.fleet.stats()["backup"]["active"], 10, "all is answered")
    for one in (answer, again):
        assert not shades.fleet.seen("backup", one.request_id)
        (sent,) = shades.fleet.seen("official", one.request_id)
        assert not [h for h in sent["headers"] if h.startswith("x-ark-")]
    client.close()
    assert shades.metric("ark_filter_faults_total", kind="attempt_unknown") == 0


def test_a_target_that_is_not_well_gets_no_copies(shades):
    client = shades.client()
    name = "ark_shadow_skipped_total"
    was = shades.metric(name, reason="unfit")
    eventually(
        lambda: (
            client.chat("tuned-shadows-gemini", "gemini=status:500").status == 200
            and shades.metric(name, reason="unfit") > was
        ),
        20,
        "its circuit opens for copies, too",
    )
    client.close()
