"""Texts of `ark.yaml` for the tests."""

import hashlib
from collections.abc import Iterable, Sequence
from itertools import permutations

import yaml

from harness.fleet import Fleet, Provider

DEMO_KEY = "ark-demo"

# With these weights a scored model's targets are in the order of their price.
ONLY_COST = {"cost": 1, "performance": 0, "reliability": 0, "load": 0, "compliance": 0}


def provider(scripted: Provider, **more: object) -> dict:
    """A scripted provider as an entry of `providers`."""
    entry = {
        "name": scripted.name,
        "kind": scripted.kind,
        "endpoint": scripted.endpoint,
        "tier": "azure" if scripted.kind == "azure-openai" else "official",
        "timeouts": {"connect_ms": 1000, "stream_idle_ms": 15000},
    }
    if scripted.kind == "azure-openai":
        entry["api_version"] = scripted.variety or "2024-10-21"
    if scripted.kind == "openai-compatible":
        entry["vendor"] = scripted.variety
    if scripted.kind == "bedrock":
        entry["aws"] = {"region": "us-east-1"}
    if scripted.is_signed_for:
        entry["aws"]["credentials"] = {"file": str(scripted.aws_file), "profile": "ark"}
    else:
        entry["credential"] = {"env": scripted.credential}
    return entry | more


def upstream_model(provider_name: str) -> str:
    """What a provider calls the model, unless the test says otherwise."""
    return f"{provider_name}-model"


def model(
    name: str,
    providers: Iterable[str],
    first_byte_ms: int = 10_000,
    total_ms: int = 60_000,
    rename: bool = True,
) -> dict:
    """A model whose targets are tried as listed, and cost more from one to the next.

    What a test of failover expects must not depend on what was measured in tests before.
    """
    targets = []
    for place, provider_name in enumerate(providers, start=1):
        price = {"currency": "USD", "input_per_million": place, "output_per_million": place}
        target: dict = {"provider": provider_name, "price": price}
        if rename:
            target["model"] = upstream_model(provider_name)
        targets.append(target)
    timeouts = {"first_byte_ms": first_byte_ms, "total_ms": total_ms}
    return {"name": name, "order": "listed", "timeouts": timeouts, "targets": targets}


def key(secret: str, identity: str | None = None, **more: object) -> dict:
    """A client's key as an entry of `keys`; it may do everything unless `more` says otherwise."""
    entry = {
        "id": identity or secret.removeprefix("ark-"),
        "sha256": hashlib.sha256(secret.encode()).hexdigest(),
        "models": ["*"],
        "priorities": ["critical", "standard", "batch"],
        "may_pin": True,
    }
    return entry | more


def text(
    providers: Sequence[dict],
    models: Sequence[dict],
    keys: Sequence[dict] | None = None,
    gateway: dict | None = None,
    priorities: dict | None = None,
) -> str:
    """A whole file."""
    fixed = {"weights": ONLY_COST, "exploration_share": 0}
    content = {
        "version": 1,
        "gateway": gateway or {},
        "providers": list(providers),
        "models": list(models),
        "tenants": [{"name": "tests", "keys": list(keys or [key(DEMO_KEY)])}],
        "priorities": priorities or dict.fromkeys(("critical", "standard", "batch"), fixed),
    }
    return yaml.safe_dump(content, sort_keys=False)


def pair(first: str, second: str) -> str:
    """The model that goes to one provider and then to another."""
    return f"{first}-then-{second}"


def only(name: str) -> str:
    """The model that one provider alone serves, under its own name for it."""
    return f"only-{name}"


def models_of_a_fleet(fleet: Fleet) -> list[dict]:
    """One model per provider, per ordered pair and for all of them in order."""
    names = list(fleet.providers)
    models = [model(only(name), [name]) for name in names]
    models += [model(pair(*two), two) for two in permutations(names, 2)]
    return [*models, model("all", names)]
