"""The canary: keys that can be told apart, and a search for each where it must not be."""

import itertools
import json
from collections.abc import Iterator

import pytest

from harness import config, estate
from harness.arrived import check_credential
from harness.client import Answer, Client
from harness.config import only, pair
from harness.stack import Stack, make_stack
from harness.waiting import eventually

# Two of each of OpenAI's kinds, and one of every other.
KINDS = estate.KINDS | {
    "anthropic": "anthropic",
    "gemini": "gemini",
    "vertex": "vertex",
    "bedrock": "bedrock",
    "bedrock-key": "bedrock",
    "deepseek": "openai-compatible/deepseek",
}
KEYS = {name: f"canary-{name}-4f1d9c7e2b" for name in KINDS}
# Bedrock's is a pair: the secret half signs, and is sent to nobody.
SECRET = "canary-secret-of-bedrock-77c0"
PAIRS = list(itertools.permutations(KINDS, 2))
CLIENT_KEY = "ark-canary-client-83be0a51d6"
PROMPT_CANARY = "canary-prompt-9e5517c0aa"
FAULTS = ["status:500", "status:401", "reset", "first-event-error"]
# Everything that the sidecar and Envoy tell to whoever asks.
SINKS = [
    ("admin_url", path) for path in ("/metrics", "/v1/config", "/v1/scores", "/readyz", "/healthz")
] + [
    ("envoy_admin_url", path)
    for path in (
        "/stats",
        "/stats/prometheus",
        "/config_dump?include_eds",
        "/clusters",
        "/clusters?format=json",
        "/listeners",
        "/server_info",
        "/certs",
        "/runtime",
        "/init_dump",
        "/contention",
    )
]


@pytest.fixture(scope="module")
def answers() -> list[Answer]:
    """All that clients got."""
    return []


@pytest.fixture(scope="module")
def canary(answers: list[Answer]) -> Iterator[Stack]:
    """An Ark with keys that can be told apart, on which every pair of providers has failed over."""

    def text(fleet) -> str:
        providers = [config.provider(p) for p in fleet.providers.values()]
        return config.text(
            providers, config.models_of_a_fleet(fleet), [config.key(CLIENT_KEY, "canary")]
        )

    keys = KEYS | {"bedrock": f"{KEYS['bedrock']}:{SECRET}"}
    with make_stack(KINDS, text, keys, envoy_log="debug") as stack:
        client = stack.client(CLIENT_KEY)
        for number, (first, second) in enumerate(PAIRS):
            for place, fault in enumerate(FAULTS):
                # Each pair streams half of its faults, the next pair the others.
                streamed = (number + place) % 2 == 1
                answers.append(ask(client, pair(first, second), f"{first}={fault}", streamed))
        for name in KINDS:
            answers.append(ask(client, only(name), f"{name}=status:401", False))
            answers.append(ask(client, only(name), f"{name}=status:400", False))
            answers.append(ask(client, only(name), None, True))
        stranger = stack.client("ark-canary-stranger")
        answers.append(ask(stranger, "all", None, False))
        taken = sum(len(stack.fleet.seen(name)) for name in KINDS)
        assert taken > len(PAIRS) * len(FAULTS), taken
        eventually(lambda: stack.metric("ark_records_total") > 380, 5, "the records arrived")
        yield stack


def ask(client: Client, model: str, script: str | None, streamed: bool) -> Answer:
    # Credentials in every place where a provider might look for one.
    own = dict.fromkeys(("api-key", "x-goog-api-key", "proxy-authorization"), CLIENT_KEY)
    prompt = [{"role": "user", "content": PROMPT_CANARY}]
    return client.chat(model, script, headers=own, stream=streamed, messages=prompt)


def others(name: str) -> list[str]:
    """The keys that a provider must never see."""
    return [CLIENT_KEY, SECRET] + [key for owner, key in KEYS.items() if owner != name]


def test_failover_was_real(answers, canary):
    for answer, (first, second) in zip(answers[:: len(FAULTS)], PAIRS, strict=False):
        assert (answer.status, answer.headers["x-ark-provider"]) == (200, second), (first, second)


@pytest.mark.parametrize("name", list(KINDS))
def test_a_provider_sees_its_own_key_and_no_other(canary, name):
    requests = canary.fleet.seen(name)
    assert len(requests) > 3 * len(FAULTS)
    for seen in requests:
        check_credential(canary.fleet[name], seen["headers"])
        everything = json.dumps(seen)
        leaked = [key for key in others(name) if key in everything]
        assert leaked == [], seen
        assert everything.count(KEYS[name]) == 1


def test_no_key_is_in_what_clients_get(answers, canary):
    for answer in answers:
        everything = answer.text + repr(list(answer.headers.raw))
        secrets = [CLIENT_KEY, SECRET, *KEYS.values()]
        assert not [key for key in secrets if key in everything], everything


@pytest.mark.parametrize(("base", "path"), SINKS)
def test_no_key_is_in_what_ark_and_envoy_tell(canary, base, path):
    reply = canary.get(getattr(canary, base) + path)
    assert reply.status_code == 200, reply.text
    for secret in [CLIENT_KEY, PROMPT_CANARY, SECRET, *KEYS.values()]:
        assert secret not in reply.text


def test_the_secrets_are_in_envoys_dump_but_blanked(canary):
    """Otherwise the test above would prove nothing of the dump."""
    dump = canary.get(canary.envoy_admin_url + "/config_dump").text
    for name in KINDS:
        # Requests that Envoy signs have no secret of the sidecar's.
        assert (f"provider/{name}" in dump) or name == "bedrock"
    assert "[redacted]" in dump


def test_no_providers_key_is_in_a_log_even_at_debug_level(canary):
    # The name of an AWS key is none of its secret half: at debug level Envoy shows what it signs.
    keys = [SECRET, *(key for name, key in KEYS.items() if name != "bedrock")]
    assert KEYS["bedrock"] not in canary.sidecar.output()
    for process in (canary.envoy, canary.sidecar, canary.fleet.process):
        log = process.output()
        assert not [key for key in keys if key in log], process.name
    assert PROMPT_CANARY not in canary.sidecar.output()
    assert CLIENT_KEY not in canary.sidecar.output()
    assert "[debug]" in canary.envoy.output(), "Envoy did not log at debug level"


def test_no_clients_key_and_no_prompt_is_in_a_log_at_the_usual_level(stack):
    """At debug level Envoy itself prints the heads of requests; at the usual one nothing does."""
    key, prompt = "ark-canary-stranger-5d2e", "canary-prompt-of-a-failure-77ab"
    messages = [{"role": "user", "content": prompt}]
    headers = {"x-ark-priority": key}
    stack.client(key).chat("all", messages=messages)
    stack.client().chat("all", headers=headers, messages=messages)
    failed = stack.client().chat("all", "*=status:500", messages=messages)
    stack.client().get(f"/v1/models/none?key={key}")
    # Envoy logs failures: once this one is there, the others would be.
    eventually(lambda: failed.request_id in stack.envoy.output(), 15, "the failure is logged")
    for process in (stack.envoy, stack.sidecar):
        log = process.output()
        assert key not in log and prompt not in log and "ark-demo" not in log, process.name
