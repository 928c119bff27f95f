"""What an answer costs: each kind of token at its price, in its tier, and never nothing for want of one."""

import json

import pytest

from harness import config, parts
from harness.config import only
from harness.stack import make_stack, run
from harness.waiting import eventually

KINDS = {"maker": "anthropic", "abroad": "openai", "listed": "openai", "unpriced": "openai"}
PRICES = {
    "maker": {
        "currency": "USD",
        "input_per_million": 3,
        "output_per_million": 15,
        "cached_input_per_million": 0.3,
        "cache_write_per_million": 3.75,
        "tiers": [
            {
                "above_input_tokens": 90_000,
                "input_per_million": 6,
                "output_per_million": 22.5,
                "cached_input_per_million": 0.6,
                "cache_write_per_million": 7.5,
            }
        ],
    },
    "abroad": {"currency": "CNY", "input_per_million": 7.2, "output_per_million": 14.4},
}
SHARED_FILE = {
    "sample_spec": {"litellm_provider": "x", "input_cost_per_token": 0.0},
    "listed-model": {
        "litellm_provider": "openai",
        "mode": "chat",
        "input_cost_per_token": 2.5e-06,
        "output_cost_per_token": 1e-05,
        "cache_read_input_token_cost": 1.25e-06,
    },
    "unpriced-model": {
        "litellm_provider": "openai",
        "mode": "chat",
        "input_cost_per_token": 0.0,
        "output_cost_per_token": 0.0,
    },
}


def text(fleet) -> str:
    """`prices.json` is made where `ark.yaml` will be."""
    folder = fleet.process.log.parent
    shared = folder / "shared.json"
    shared.write_text(json.dumps(SHARED_FILE))
    command = [str(parts.ark()), "prices", "import", str(shared)]
    assert "1 prices" in run([*command, "--out", str(folder / "prices.json")])
    providers = [config.provider(p) for p in fleet.providers.values()]
    providers[0]["price_multiplier"] = 0.8
    models = [config.model(only(name), [name]) for name in KINDS]
    for model in models:
        (target,) = model["targets"]
        del target["price"]
        if target["provider"] in PRICES:
            target["price"] = PRICES[target["provider"]]
    policies = {"denied": "deny", "allowed": "allow"}
    ceiling = {"currency": "USD", "input_per_million": 100, "output_per_million": 200}
    for name, policy in [*policies.items(), ("ceiled", {"ceiling": ceiling})]:
        model = config.model(name, ["unpriced"])
        del model["targets"][0]["price"]
        models.append(model | {"unknown_price": policy})
    both = config.model("both", ["unpriced", "listed"])
    for target in both["targets"]:
        del target["price"]
    models.append(both | {"unknown_price": "deny"})
    content = config.yaml.safe_load(config.text(providers, models))
    content["prices"] = {"file": "prices.json", "per_usd": {"CNY": 7.2}}
    return config.yaml.safe_dump(content, sort_keys=False)


@pytest.fixture(scope="module")
def ark():
    with make_stack(KINDS, text) as stack:
        yield stack


def cost_of(ark, model: str, provider: str, counts: str, stream: bool = False) -> float:
    """What one answer with these counts adds to the cost, in micro-USD."""
    labels = {"provider": provider, "model": model}

    def costs() -> float:
        return ark.metric("ark_cost_micro_usd_total", **labels)

    def outputs() -> float:
        return ark.metric("ark_tokens_total", kind="output", **labels)

    cost, told = costs(), outputs()
    answer = ark.client().chat(model, f"{provider}={counts}", stream=stream)
    assert answer.status == 200, answer.text
    eventually(lambda: outputs() > told, 5, "the record arrives")
    return costs() - cost


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("counts", "micro_usd"),
    [
        # At 0.8 of the list: 2.40 in, 12 out, 0.24 cached, 3 written, in USD per million.
        ("prompt-tokens:1000+chunks:10", 2_400 + 120),
        ("prompt-tokens:1000+cached:800+chunks:10", 480 + 192 + 120),
        ("prompt-tokens:1000+cached:700+written:200+chunks:10", 240 + 168 + 600 + 120),
        # Above 90 000 tokens, cached ones included, all of them at 4.80, 18, 0.48 and 6.
        ("prompt-tokens:90000+cached:40000+chunks:10", 120_000 + 9_600 + 120),
        ("prompt-tokens:90001+cached:40000+chunks:10", 240_005 + 19_200 + 180),
    ],
)
def test_cached_tokens_and_long_prompts_are_charged_as_the_vendor_does(
    ark, counts, micro_usd, stream
):
    # 50 001 × 4.80 = 240 004.8, rounded up once with the rest.
    assert cost_of(ark, only("maker"), "maker", counts, stream) == micro_usd


def test_another_currency_is_converted(ark):
    counts = "prompt-tokens:1000+chunks:10"
    assert cost_of(ark, only("abroad"), "abroad", counts) == 1_000 + 20


def test_the_catalogue_prices_what_has_no_price_of_its_own(ark):
    counts = "prompt-tokens:1000+cached:400+chunks:10"
    assert cost_of(ark, only("listed"), "listed", counts) == 1_500 + 500 + 100
    listed = run([str(parts.ark()), "prices", "list", "--config", str(ark.config_file)])
    assert "listed listed-model: in 2.5, out 10, cached 1.25 (openai/listed-model)" in listed
    assert "unknown: unpriced-model at unpriced has no known price" in listed


def test_an_unknown_price_is_a_policy_and_never_zero(ark):
    client = ark.client()
    denied = client.chat("denied")
    assert (denied.status, denied.error["code"]) == (503, "price_unknown")
    pinned = client.chat("both", headers={"x-ark-provider": "unpriced"})
    assert pinned.error["code"] == "price_unknown"
    for refused in (denied, pinned):
        assert ark.fleet.visited(refused.request_id) == []
    assert ark.fleet.visited(client.chat("both").request_id) == ["listed"]

    def counted(name: str) -> float:
        return ark.metric(name, provider="unpriced")

    counts = "prompt-tokens:1000+chunks:10"
    unknown, ceiled = counted("ark_price_unknown_total"), counted("ark_price_ceiling_total")
    assert cost_of(ark, "allowed", "unpriced", counts) == 0
    assert counted("ark_price_unknown_total") == unknown + 1
    assert client.chat("allowed").headers["x-ark-price"] == "unknown"
    assert cost_of(ark, "ceiled", "unpriced", counts) == 100_000 + 2_000
    # The default: as the dearest price that is known, of all models where its own has none.
    assert cost_of(ark, only("unpriced"), "unpriced", counts) == 6_000 + 180
    assert counted("ark_price_ceiling_total") == ceiled + 2
    assert client.chat(only("unpriced")).headers["x-ark-price"] == "ceiling"
    assert "x-ark-price" not in client.chat(only("maker")).headers
    assert "targets without a known price" in ark.sidecar.log.read_text()
