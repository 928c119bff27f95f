"""How fast load moves when a provider changes, in real Envoy: the smaller set of the simulator's
scenarios (sidecar/src/replay/tests.rs has all of them).

The aims are an operator's: 3 s to leave what slows tenfold, 30 s to be back. What was measured is
printed; what is asserted leaves room for a machine that does other things as well.
"""

import yaml

from harness import config
from harness.load import TrafficLoad
from harness.stack import Stack
from harness.waiting import Stopwatch, eventually, always

FLEET = {"dear": "openai", "middle": "openai", "cheap": "openai"}
LATENCY = {"ttft_ms": 30.0, "tpot_ms": 1.0, "sigma": 0.2}
PRICES = {"dear": 10, "middle": 8, "cheap": 4}
# The defaults, but for the promise: one half at what a tenfold slowdown of this fleet would take.
STANDARD = {
    "weights": {
        "cost": 0.3,
        "performance": 0.3,
        "reliability": 0.25,
        "load": 0.1,
        "compliance": 0.05,
    },
    "slo": {"latency_ms": 300, "failure_rate": 0.005},
    "exploration_share": 0.02,
}


# The load tells of itself so often in a second.
QUARTERS = 4


def text_of(prices: dict[str, float]):
    """An `ark.yaml` whose one model has a target for each price."""

    def text(fleet) -> str:
        providers = [config.provider(p) for p in fleet.providers.values()]
        for provider, region in zip(providers, ("x", "y", "y"), strict=True):
            provider["region"] = region
        model = config.model("chat", list(prices)) | {"order": "scored"}
        for target in model["targets"]:
            price = prices[target["provider"]]
            target["price"] = {
                "currency": "USD",
                "input_per_million": price,
                "output_per_million": price,
            }
        return config.text(providers, [model], priorities={"standard": STANDARD})

    return text


class Scene:
    """An Ark under steady load, 100 requests a second."""

    def __init__(self, fresh_stack, prices: dict[str, float], seconds: int) -> None:
        self.stack: Stack = fresh_stack(
            FLEET, text_of(prices), workers=2, scripted={"latency": LATENCY}
        )
        options = ["--model", "chat", "--rate", "100", "--seconds", str(seconds)]
        options += ["--progress-ms", "250"]
        self.load = TrafficLoad(self.stack.folder, self.stack.url, *options)
        eventually(lambda: len(self.load.seconds()) >= 3 * QUARTERS, 10, "the load runs")

    def shares(self, name: str, since: int) -> list[float]:
        """Of each second that began after so many quarters of one, by when answers came."""
        quarters = [line["landed_count"] for line in self.load.seconds()[since:]]
        seconds = [quarters[n : n + QUARTERS] for n in range(len(quarters) - QUARTERS + 1)]
        counts = [
            (sum(part.get(name, 0) for part in second), sum(sum(part.values()) for part in second))
            for second in seconds
        ]
        return [own / every for own, every in counts if every]

    def share(self, name: str) -> float:
        """Of the last whole second."""
        return self.shares(name, len(self.load.seconds()) - QUARTERS)[-1]

    def await_share(self, name: str, holds, timeout_s: float, what: str) -> float:
        """Seconds until the share of a whole second that began after this call is so."""
        watch, since = Stopwatch(), len(self.load.seconds())

        def holds_by_now() -> bool:
            shares = self.shares(name, since + 1)
            assert any(holds(share) for share in shares), shares
            return True

        eventually(holds_by_now, timeout_s, what)
        return watch.seconds

    def end(self) -> int:
        """Stops the load; how many of its requests failed."""
        seconds = self.load.seconds()
        self.load.stop()
        return sum(second["errors"]["total"] for second in seconds)

    def edit(self, change) -> None:
        """Changes `ark.yaml` and waits until every worker runs it."""
        document = yaml.safe_load(self.stack.config_file.read_text())
        change(document)
        self.stack.write_config(yaml.safe_dump(document, sort_keys=False))
        before = self.stack.config_view()["snapshot"]
        eventually(lambda: self.stack.config_view()["snapshot"] != before, 10, "a new snapshot")
        self.stack.await_ready()


def most(share: float) -> bool:
    return share > 0.6


def few(share: float) -> bool:
    return share < 0.05


def test_what_slows_tenfold_is_left_within_seconds_and_taken_back(
    fresh_stack, record_property, capsys
):
    scene = Scene(fresh_stack, PRICES, 90)
    scene.await_share("cheap", most, 20, "the cheapest has most of the load")
    scene.stack.fleet.control("cheap", latency_factor=10)
    # A second of answers that began after it: the load had moved a second before that ended.
    left_s = scene.await_share("cheap", few, 12, "the slow one has been left")
    always(lambda: few(scene.share("cheap")), 3, "it stays so")
    scene.stack.fleet.control("cheap", latency_factor=1)
    back_s = scene.await_share("cheap", most, 45, "it has its load back")
    record_property("left_s", left_s)
    record_property("back_s", back_s)
    with capsys.disabled():
        print(f" [left within {left_s:.1f} s, back within {back_s:.1f} s]", end="")
    assert scene.end() == 0


def test_a_new_target_is_explored_and_then_used(fresh_stack):
    two = {name: PRICES[name] for name in ("dear", "middle")}
    scene = Scene(fresh_stack, two, 60)
    assert scene.share("cheap") == 0.0

    def add(document: dict) -> None:
        price = {"currency": "USD", "input_per_million": 4, "output_per_million": 4}
        target = {"provider": "cheap", "model": config.upstream_model("cheap"), "price": price}
        document["models"][0]["targets"].append(target)

    scene.edit(add)
    scene.await_share("cheap", lambda share: share > 0, 10, "somebody tries it")
    scene.await_share("cheap", most, 30, "it is the cheapest, and known by now")
    assert scene.end() == 0


def test_a_price_moves_load_that_cares_for_cost(fresh_stack):
    scene = Scene(fresh_stack, PRICES, 60)
    scene.await_share("cheap", most, 20, "the cheapest has most of the load")

    def raise_price(document: dict) -> None:
        price = {"currency": "USD", "input_per_million": 10, "output_per_million": 10}
        document["models"][0]["targets"][2]["price"] = price

    scene.edit(raise_price)
    scene.await_share("middle", most, 20, "the middle one is the cheapest now")
    assert scene.end() == 0


def test_flapping_and_partial_refusals_reach_no_client(fresh_stack):
    scene = Scene(fresh_stack, PRICES, 60)
    scene.await_share("cheap", most, 20, "the cheapest has most of the load")
    for _ in range(3):
        scene.stack.fleet.control("cheap", status=500)
        scene.await_share("cheap", few, 10, "it has been left")
        scene.stack.fleet.control("cheap", status=None)
        scene.await_share("cheap", lambda share: share > 0, 20, "it is tried again")
    scene.stack.fleet.control("cheap", status=429, share=0.3)
    attempts = scene.stack.metric("ark_attempts_total")
    requests = scene.stack.metric("ark_requests_total")
    scene.load.seconds()
    eventually(lambda: scene.stack.metric("ark_requests_total") > requests + 500, 20, "500 more")
    more = scene.stack.metric("ark_requests_total") - requests
    tried = scene.stack.metric("ark_attempts_total") - attempts
    # With nothing learnt, three of ten would be tried twice.
    assert tried / more < 1.15, (tried, more)
    assert scene.end() == 0


def test_a_lost_region_ends_in_the_one_that_is_left(fresh_stack):
    scene = Scene(fresh_stack, PRICES, 60)
    scene.await_share("cheap", most, 20, "the cheapest has most of the load")
    for name in ("middle", "cheap"):
        scene.stack.fleet.control(name, down=True)
    scene.await_share("dear", lambda share: share > 0.95, 10, "only the other region is left")
    for name in ("middle", "cheap"):
        scene.stack.fleet.control(name, down=False)
    scene.await_share("cheap", most, 45, "all is as it was")
    assert scene.end() == 0
