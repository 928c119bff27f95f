"""Scores at work: load moves away from a provider that fails or slows down, and comes back."""

import json

from harness import config
from harness.config import only
from harness.load import TrafficLoad
from harness.stack import Stack
from harness.waiting import Stopwatch, eventually

FLEET = {"official": "openai", "azure": "azure-openai", "optimized": "openai"}
# Milliseconds to the first token; near enough to each other that price alone does not decide.
LATENCY = {"ttft_ms": 25.0, "tpot_ms": 1.0, "sigma": 0.2}


def text(fleet) -> str:
    """The priorities' own weights: what is measured decides, as it does for an operator."""
    providers = [config.provider(p) for p in fleet.providers.values()]
    model = config.model("chat", FLEET) | {"order": "scored"}
    for target in model["targets"]:
        target["price"] = {"currency": "USD", "input_per_million": 1, "output_per_million": 4}
    performance = {"cost": 0.1, "performance": 0.6, "reliability": 0.3, "load": 0, "compliance": 0}
    # One half at the latency of this fleet, as an operator's SLO is near what the fleet can do.
    slo = {"latency_ms": 150, "failure_rate": 0.005}
    standard = {"weights": performance, "slo": slo, "exploration_share": 0.05}
    singles = [config.model(only(name), [name]) for name in FLEET]
    return config.text(providers, [model, *singles], priorities={"standard": standard})


def make(fresh_stack) -> Stack:
    return fresh_stack(FLEET, text, workers=2, scripted={"latency": LATENCY})


def landed(load: TrafficLoad, name: str, since: int) -> list[float]:
    """The share of a provider in each second of load after `since`."""
    return [second["landed"].get(name, 0.0) for second in load.seconds()[since:]]


def leader(load: TrafficLoad) -> str:
    """Who gets most of the load by now."""
    shares = load.seconds()[-1]["landed"]
    return max(shares, key=shares.get)


def test_a_provider_that_dies_in_mid_load_fails_no_request(fresh_stack):
    stack = make(fresh_stack)
    for streamed in (False, True):
        more = ["--stream", "--chunks", "20"] if streamed else []
        load = TrafficLoad(
            stack.folder, stack.url, "--model", "chat", "--rate", "100", "--seconds", "5", *more
        )
        eventually(lambda load=load: len(load.seconds()) >= 1, 10, "the load runs")
        stack.fleet.control("official", down=True)
        count = len(load.seconds())
        report = load.report(20)
        errors = report["errors"]
        # What had begun to stream cannot be told again; nothing else may fail.
        excused = errors["truncated"] + errors["stream_error"] if streamed else 0
        assert errors["total"] == excused, errors
        assert excused <= 10, errors
        assert report["ok"] > 350
        assert landed(load, "official", count + 1)[-1] == 0.0
        stack.fleet.restore()


def test_load_leaves_a_provider_that_slows_down_and_returns(fresh_stack, record_property, capsys):
    stack = make(fresh_stack)
    load = TrafficLoad(
        stack.folder, stack.url, "--model", "chat", "--rate", "120", "--seconds", "60"
    )
    # Make one the best for certain, so that there is a share to move.
    for name in FLEET:
        stack.fleet.control(name, latency_factor=1 if name == "azure" else 3)
    eventually(lambda: share_of(load, "azure") > 0.6, 20, "the fastest has most of the load")
    watch = Stopwatch()
    stack.fleet.control("azure", latency_factor=10)
    eventually(lambda: share_of(load, "azure") < 0.2, 10, "the slow one's share has moved")
    moved_s = watch.seconds
    slow = target(stack, "azure")
    assert slow["now"]["ttft_ms"] > 2 * target(stack, "optimized")["now"]["ttft_ms"]
    watch = Stopwatch()
    stack.fleet.control("azure", latency_factor=1)
    eventually(lambda: share_of(load, "azure") > 0.6, 35, "the load comes back")
    record_property("moved_s", moved_s)
    record_property("returned_s", watch.seconds)
    with capsys.disabled():
        print(f" [moved in {moved_s:.1f} s, back in {watch.seconds:.1f} s]", end="")
    seconds = load.seconds()
    load.stop()
    assert sum(second["errors"]["total"] for second in seconds) == 0


def share_of(load: TrafficLoad, name: str) -> float:
    """The share of the last whole second."""
    return landed(load, name, -1)[0]


def target(stack: Stack, provider: str) -> dict:
    """What `/v1/scores` says of a provider's target of the model `chat`."""
    targets = stack.scores()["targets"]
    return next(t for t in targets if t["provider"] == provider and "chat" in t["models"])


def test_scores_show_what_was_measured_and_how_old_it_is(fresh_stack):
    stack = make(fresh_stack)
    client = stack.client()
    for _ in range(30):
        client.chat(only("official"), "*=slow:20+chunks:10", stream=True)
    client.chat(only("azure"), "*=status:500")

    def measured() -> bool:
        return target(stack, "official")["attempts"]["judged"] >= 30

    eventually(measured, 5, "the attempts are counted")
    shown = target(stack, "official")
    assert shown["attempts"]["success_share"] == 1.0
    assert shown["attempts"]["by_verdict"] == {"ok": 30}
    assert 18 <= shown["ttft_ms"]["p50"] <= shown["ttft_ms"]["p95"] <= shown["ttft_ms"]["p99"]
    assert shown["latency_ms"]["count"] == 30 and shown["tokens_per_second"] > 0
    assert shown["newest_attempt_age_ms"] < 10_000
    assert shown["hosts"]["healthy"] == shown["hosts"]["total"] == 1
    failing = target(stack, "azure")
    assert failing["attempts"]["by_verdict"] == {"server_error": 1}
    assert failing["now"]["failure_rate"] > 0
    unknown = target(stack, "optimized")
    assert unknown["now"]["ttft_ms"] is None and unknown["newest_attempt_age_ms"] is None
    # What the filter decides by is what is shown here.
    scores = stack.scores()
    workers = stack.config_view()["workers"].values()
    eventually(lambda: all(w["scores"] >= scores["sequence"] for w in workers_of(stack)), 5, "told")
    assert workers and json.dumps(scores)


def workers_of(stack: Stack) -> list[dict]:
    return [w for w in stack.config_view()["workers"].values() if w["live"]]
