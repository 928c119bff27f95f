"""What providers say of their rate limits: who has nothing left is left alone until its reset."""

from datetime import UTC, datetime, timedelta

import pytest

from harness import config
from harness.client import Client
from harness.stack import Stack, make_stack
from harness.waiting import always, eventually

FLEET = {"openai": "openai", "anthropic": "anthropic", "other": "openai"}
RESET_S = 5
BOUND_KEY = "ark-bound"
BOUND = {"requests_per_minute": 600, "burst": 600}


def text(fleet) -> str:
    """Price alone decides, so that only limits can move a request to the dearer `other`."""
    shown = {"show_rate_limits": True}
    providers = [
        config.provider(p, **({} if name == "other" else shown))
        for name, p in fleet.providers.items()
    ]
    models = [config.model(f"{name}-first", [name, "other"]) | {"order": "scored"} for name in ("openai", "anthropic")]
    models += [config.model(config.only(name), [name]) for name in FLEET]
    keys = [config.key(config.DEMO_KEY), config.key(BOUND_KEY, limits=BOUND)]
    return config.text(providers, models, keys)


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


def plenty(provider: str) -> dict[str, str]:
    """What a provider says that has much left, in its own words."""
    if provider == "anthropic":
        reset = datetime.now(UTC) + timedelta(minutes=1)
        when = reset.strftime("%Y-%m-%dT%H:%M:%SZ")
        said = {"requests": ("1000", "999"), "tokens": ("80000", "79000")}
        return {
            f"anthropic-ratelimit-{kind}-{word}": value
            for kind, (limit, left) in said.items()
            for word, value in (("limit", limit), ("remaining", left), ("reset", when))
        }
    return {
        "x-ratelimit-limit-requests": "1000",
        "x-ratelimit-remaining-requests": "999",
        "x-ratelimit-reset-requests": "1m0s",
        "x-ratelimit-limit-tokens": "80000",
        "x-ratelimit-remaining-tokens": "79000",
        "x-ratelimit-reset-tokens": "6s",
    }


def limits_told(answer) -> dict[str, str]:
    """What an answer says of limits."""
    return {name: value for name, value in answer.headers.items() if "ratelimit" in name}


def messages(client: Client, model: str, script: str):
    """What a client of Anthropic's gets."""
    said = [{"role": "user", "content": "Say hello."}]
    body = {"model": model, "max_tokens": 50, "messages": said}
    headers = {"x-api-key": config.DEMO_KEY, "x-demo-script": script}
    return client.send("POST", "/v1/messages", json=body, headers=headers)


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_a_client_reads_the_providers_limits_in_its_own_convention(limited, asks, provider):
    script = f"{provider}={words(plenty(provider))}"
    model = config.only(provider)
    told = limits_told(asks.chat(model, script))
    assert told.pop("x-ratelimit-reset-requests").endswith("ms")
    assert told.pop("x-ratelimit-reset-tokens").endswith("ms")
    assert told == {
        "x-ratelimit-limit-requests": "1000",
        "x-ratelimit-remaining-requests": "999",
        "x-ratelimit-limit-tokens": "80000",
        "x-ratelimit-remaining-tokens": "79000",
    }
    told = limits_told(messages(asks, model, script))
    for kind in ("requests", "tokens"):
        reset = datetime.fromisoformat(told.pop(f"anthropic-ratelimit-{kind}-reset"))
        assert reset.tzinfo is not None and reset.year >= 2024
    assert told == {
        "anthropic-ratelimit-requests-limit": "1000",
        "anthropic-ratelimit-requests-remaining": "999",
        "anthropic-ratelimit-tokens-limit": "80000",
        "anthropic-ratelimit-tokens-remaining": "79000",
    }


def test_a_provider_that_is_not_shown_says_nothing_to_clients(asks):
    """The account is all tenants': what is left of it is nobody's own."""
    answer = asks.chat(config.only("other"), f"other={words(plenty('other'))}")
    assert limits_told(answer) == {}


def test_a_limit_of_the_callers_own_stands_before_the_providers(limited):
    client = limited.client(BOUND_KEY)
    told = limits_told(client.chat(config.only("openai"), f"openai={words(plenty('openai'))}"))
    client.close()
    assert told["x-ratelimit-limit-requests"] == "600"
    assert told["x-ratelimit-remaining-requests"] == "599"
    # Ark keeps no limit of tokens for this caller: the provider's is told.
    assert told["x-ratelimit-limit-tokens"] == "80000"
