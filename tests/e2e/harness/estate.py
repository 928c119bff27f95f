"""The configuration that most tests share: four providers, and a model for every need."""

from harness import config
from harness.fleet import Fleet

# Two of each kind, so that every pair of kinds is a pair of providers.
KINDS = {
    "official": "openai",
    "azure": "azure-openai",
    "optimized": "openai",
    "domestic": "azure-openai",
}
NAMES = list(KINDS)

# Longest wait for a first byte of the models that are to lose patience in a test.
HASTY_MS = 400
# Longest time for everything of the model `brief`, which is shorter than two attempts' patience.
BRIEF_MS = 600
BODY_LIMIT_BYTES = 32 << 20

# One limit per test, as a bucket that a test has emptied stays empty for the next.
BURST, REFILL, POLITE = "ark-burst", "ark-refill", "ark-polite"
NARROW = "ark-narrow"
REFILL_PER_MINUTE, REFILL_BURST = 600, 5
BURST_REQUESTS = 10_000


def models(fleet: Fleet) -> list[dict]:
    """All models."""
    first_two = ["official", "azure"]
    return [
        *config.models_of_a_fleet(fleet),
        config.model("gpt-4o-mini", ["official"], rename=False),
        config.model("gpt-3.5-turbo-instruct", ["official", "optimized"], rename=False),
        config.model("text-embedding-3-small", first_two, rename=False),
        config.model("hasty", first_two, first_byte_ms=HASTY_MS),
        config.model("brief", first_two, first_byte_ms=HASTY_MS, total_ms=BRIEF_MS),
    ]


def keys() -> list[dict]:
    """All keys of clients."""
    return [
        config.key(config.DEMO_KEY),
        config.key(
            NARROW,
            models=[config.only("official"), config.only("azure")],
            may_pin=False,
            priorities=["standard"],
        ),
        config.key(BURST, limits={"requests_per_minute": 1, "burst": BURST_REQUESTS}),
        config.key(
            REFILL, limits={"requests_per_minute": REFILL_PER_MINUTE, "burst": REFILL_BURST}
        ),
        config.key(POLITE, limits={"requests_per_minute": 30, "burst": 2}),
    ]


def text(fleet: Fleet) -> str:
    """The whole file."""
    return config.text(
        [config.provider(p) for p in fleet.providers.values()],
        models(fleet),
        keys(),
        {"body_limit_bytes": BODY_LIMIT_BYTES},
    )
