"""What providers say of their rate limits: who has nothing left is left alone until its reset."""

from datetime import UTC, datetime, timedelta

import pytest

from harness import config
from harness.client import Client
from harness.stack import Stack, make_stack
from harness.waiting import always, eventually

FLEET = {"openai": "openai", "anthropic": "anthropic", "other": "openai"}
RESET_S = 5


def text(fleet) -> str:
    """Price alone decides, so that only limits can move a request to the dearer `other`."""
    providers = [config.provider(p) for p in fleet.providers.values()]
    models = [config.model(f"{name}-first", [name, "other"]) | {"order": "scored"} for name in ("openai", "anthropic")]
    return config.text(providers, models)


@pytest.fixture(scope="module")
def limited(request: pytest.FixtureRequest):
    """One Ark for this file: each test has a first provider of its own, or waits for it."""
    with make_stack(FLEET, text, workers=2) as stack:
        yield stack


@pytest.fixture
def asks(limited: Stack):
    """A client of it."""
    limited.check()
    client = limited.client()
    yield client
    client.close()


def words(headers: dict[str, str]) -> str:
    """The script of answers with these headers."""
    return "+".join(f"header:{name}:{value}" for name, value in headers.items())


def chosen(client: Client, model: str, headers: str | None = None) -> str:
    """Who answers, at the first attempt."""
    answer = client.chat(model, headers)
    assert answer.status == 200, answer.text
    assert answer.headers["x-ark-attempts"] == "1", answer.headers
    return answer.headers["x-ark-provider"]


def nothing_left(provider: str) -> dict[str, str]:
    """What a provider says whose window has no request left, in its own words."""
    if provider == "openai":
        return {
            "x-ratelimit-limit-requests": "60",
            "x-ratelimit-remaining-requests": "0",
            "x-ratelimit-reset-requests": f"{RESET_S - 1}s1000ms",
        }
    reset = datetime.now(UTC) + timedelta(seconds=RESET_S)
    return {
        "anthropic-ratelimit-requests-limit": "60",
        "anthropic-ratelimit-requests-remaining": "0",
        "anthropic-ratelimit-requests-reset": reset.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_a_provider_with_nothing_left_is_left_alone_until_its_reset(limited, asks, provider):
    model = f"{provider}-first"
    eventually(lambda: chosen(asks, model) == provider, 10, f"{provider} is first")
    limited.fleet.control(provider, script=words(nothing_left(provider)))
    # The word travels with the record, to the sidecar and to all workers.
    eventually(lambda: chosen(asks, model) == "other", 3, "the word is out")
    limited.fleet.restore()
    told = limited.get(f"{limited.admin_url}/v1/forecast").json()["told"]
    word = next(t for t in told if t["provider"] == provider)
    assert (word["requests"]["remaining"], word["used"]) == (0, 1.0)
    assert limited.metric("ark_provider_headroom_ratio", provider=provider) == 0.0
    count = limited.fleet.stats()[provider]["requests"]
    always(lambda: chosen(asks, model) == "other", 1.5, "it is left alone")
    assert limited.fleet.stats()[provider]["requests"] == count
    eventually(lambda: chosen(asks, model) == provider, RESET_S + 3, "it is whole again")
    assert limited.metric("ark_attempts_total", provider=provider, verdict="rate_limited") == 0


def test_hostile_words_disable_nobody(limited, asks):
    eventually(lambda: chosen(asks, "openai-first") == "openai", 10, "openai is first")
    for name, value in {
        "x-ratelimit-remaining-requests": "-1",
        "x-ratelimit-reset-requests": "99999999999999999999999h",
        "x-ratelimit-limit-tokens": "0",
        "x-ratelimit-remaining-tokens": "1e400",
        "anthropic-ratelimit-requests-reset": "9999-99-99T99%3A99%3A99Z",
        "retry-after": "inf",
    }.items():
        assert chosen(asks, "openai-first", f"openai={words({name: value})}") == "openai", name
    records = limited.metric("ark_records_total")
    always(lambda: chosen(asks, "openai-first") == "openai", 1, "it stays")
    eventually(lambda: limited.metric("ark_records_total") > records, 5, "records come")
    assert limited.vm_failures() == 0


def test_a_refusal_that_says_when_to_come_back_is_heeded_though_another_target_answered(
    limited, asks
):
    eventually(lambda: chosen(asks, "openai-first") == "openai", 10, "openai is first")
    answer = asks.chat("openai-first", "openai=status:429+retry-after:4")
    assert answer.status == 200 and answer.headers["x-ark-attempts"] == "2"
    eventually(lambda: chosen(asks, "openai-first") == "other", 3, "its word is out")
    always(lambda: chosen(asks, "openai-first") == "other", 1.5, "it is left alone")
    eventually(lambda: chosen(asks, "openai-first") == "openai", 8, "it is asked again")


def test_the_forecast_of_a_models_demand_is_a_metric(limited, asks):
    def shown() -> bool:
        asks.chat("openai-first")
        name = "ark_forecast_tokens_per_minute"
        return limited.metric(name, model="openai-first", minutes="5") > 0

    eventually(shown, 40, "two bins of ten seconds have been seen")
    assert limited.metric("ark_provider_in_flight_limit", provider="openai") == 1000
    view = limited.get(f"{limited.admin_url}/v1/forecast").raise_for_status().json()
    models = {model["model"]: model for model in view["models"]}
    ahead = models["openai-first"]["ahead"]
    assert [a["minutes"] for a in ahead] == [1, 5]
    assert all(a["upper_tokens_per_minute"] >= a["tokens_per_minute"] > 0 for a in ahead)
