"""Rules on top of the score: canaries, splits, aliases, fallback models and drains."""

import json
from collections.abc import Iterator

import pytest
import yaml

from harness import config, parts
from harness.client import data_of
from harness.config import only, upstream_model
from harness.load import SteadyLoad
from harness.stack import Stack, make_stack, run
from harness.waiting import always, eventually

FLEET = {"old": "openai", "new": "azure-openai", "spare": "openai"}
TENANTS = 24
NARROW = "ark-narrow"
# Seconds to a worker's next exchange with the sidecar, and then some; a command has two.
COMMANDED_S = 2


def model(name: str, providers: list[str], **rules: object) -> dict:
    """A model whose targets cost the same, with rules."""
    entry = config.model(name, providers)
    for target in entry["targets"]:
        target["price"] = {"currency": "USD", "input_per_million": 1, "output_per_million": 1}
    return entry | rules


def automatic(steps: list[str]) -> dict:
    """A canary that is judged within seconds, on a machine whose latencies mean nothing."""
    promote = {"steps": steps, "window_s": 2, "min_requests": 30, "max_error_increase": "10%"}
    promote |= {"max_latency_ratio": 1000}
    return {"provider": "new", "sticky": "request", "promote": promote}


def text(fleet) -> str:
    split = model("split", ["old", "new"])
    for target, weight in zip(split["targets"], (3, 1), strict=True):
        target["weight"] = weight
    half = {"provider": "new", "sticky": "tenant", "share": "50%"}
    by_user = half | {"sticky": {"header": "x-user"}}
    models = [
        model("chat", ["old", "new"], canary=half, aliases=["gpt-4", "default"]),
        model("by-user", ["old", "new"], canary=by_user),
        model("good", ["old", "new"], canary=automatic(["20%", "60%", "100%"])),
        model("bad", ["old", "new"], canary=automatic(["50%", "100%"])),
        model("first", ["old"], fallback=["second"]),
        model("second", ["spare"]),
        split,
        *[config.model(only(name), [name]) for name in FLEET],
    ]
    keys = [config.key(config.DEMO_KEY), config.key(NARROW, models=["first", "chat"])]
    providers = [config.provider(p) for p in fleet.providers.values()]
    content = yaml.safe_load(config.text(providers, models, keys))
    for n in range(TENANTS):
        keys = [config.key(f"ark-t{n}"), config.key(f"ark-t{n}-other")]
        content["tenants"].append({"name": f"t{n}", "keys": keys})
    return yaml.safe_dump(content, sort_keys=False)


@pytest.fixture(scope="module")
def rules_stack() -> Iterator[Stack]:
    """The one Ark of these tests; each canary that moves is of a model of its own."""
    with make_stack(FLEET, text, workers=2) as stack:
        yield stack


@pytest.fixture
def ark(rules_stack: Stack) -> Stack:
    """That Ark with all providers well, in service and not drained."""
    rules_stack.check()
    rules_stack.write_config(text(rules_stack.fleet))
    rules_stack.fleet.restore()
    client = rules_stack.client()
    for name in FLEET:
        command(rules_stack, "drain", name, "--undo")
        # What a test has worn out is back after some seconds.
        eventually(
            lambda name=name: ok(client.chat(only(name))) and is_well(rules_stack, name),
            40,
            f"{name} is in service",
        )
    client.close()
    return rules_stack


def is_well(stack: Stack, provider: str) -> bool:
    """Whether neither a circuit nor Envoy's outlier detection keeps requests away from it."""
    targets = stack.scores()["targets"]
    own = [target["told"] for target in targets if target["provider"] == provider]
    return not any("circuit" in told or told["unavailable"] for told in own)


def canary(stack: Stack, name: str) -> dict:
    """A model's canary, by `/v1/canaries`."""
    views = stack.get(stack.admin_url + "/v1/canaries").raise_for_status().json()
    return next(view for view in views if view["model"] == name)


def command(stack: Stack, *words: str) -> str:
    """A command to the running sidecar."""
    admin = ["--admin", f"127.0.0.1:{stack.admin_port}"]
    return run([str(parts.ark()), *words, *admin])


def ok(answer):
    assert answer.status == 200, answer.text
    return answer


def test_a_tenant_stays_on_its_side_of_a_canary_with_all_its_keys(ark):
    def side(key: str, name: str = "chat", **more) -> str:
        client = ark.client(key)
        landed = {ok(client.chat(name, **more)).headers["x-ark-provider"] for _ in range(4)}
        client.close()
        assert len(landed) == 1, f"{key} is on both sides"
        return landed.pop()

    sides = [side(f"ark-t{n}") for n in range(TENANTS)]
    assert set(sides) == {"old", "new"}
    assert sides == [side(f"ark-t{n}-other") for n in range(TENANTS)]
    by_user = [side("ark-demo", "by-user", headers={"x-user": f"u{n}"}) for n in range(TENANTS)]
    assert set(by_user) == {"old", "new"}, "one key, and each user on a side"
    eventually(
        lambda: ark.metric("ark_requests_total", rule="canary") >= 4 * 2 * sides.count("new"),
        5,
        "the records say who was the canary's",
    )
    # A baseline that fails is no reason to try the canary on those who are not its.
    steady = f"ark-t{sides.index('old')}"
    ark.fleet.control("old", status=500)
    answer = ark.client(steady).chat("chat")
    assert (answer.status, answer.headers["x-ark-attempts"]) == (502, "1")


def test_a_canary_that_proves_itself_gets_everything(ark):
    with SteadyLoad(ark.url, "good") as load:
        eventually(lambda: canary(ark, "good")["state"] == "promoted", 60, "it is promoted")
        view = canary(ark, "good")
        assert view["share_millionths"] == 1_000_000, view
    assert load.failures == []
    client = ark.client()
    landed = {ok(client.chat("good")).headers["x-ark-provider"] for _ in range(20)}
    assert landed == {"new"}
    assert ark.metric("ark_canary_state", model="good", state="promoted") == 1
    assert ark.metric("ark_canary_moves_total", model="good", kind="promoted") == 2
    # An operator takes it back with a word.
    told = json.loads(command(ark, "canary", "good", "rollback"))
    assert (told["state"], told["reason"]) == ("rolled_back", "operator")
    eventually(
        lambda: {ok(client.chat("good")).headers["x-ark-provider"] for _ in range(8)} == {"old"},
        COMMANDED_S,
        "all is back at the baseline",
    )


def test_a_canary_that_fails_is_rolled_back_and_no_client_sees_it(ark):
    ark.fleet.control("new", status=500)
    with SteadyLoad(ark.url, "bad") as load:
        eventually(lambda: canary(ark, "bad")["state"] == "rolled_back", 10, "it is rolled back")
        client = ark.client()

        def is_out() -> bool:
            answers = [ok(client.chat("bad")) for _ in range(10)]
            heads = {(a.headers["x-ark-provider"], a.headers["x-ark-attempts"]) for a in answers}
            return heads == {("old", "1")}

        eventually(is_out, COMMANDED_S, "nobody asks it any more")
    assert load.failures == []
    view = canary(ark, "bad")
    assert (view["reason"], view["share_millionths"]) == ("errors", 0)
    assert ark.metric("ark_canary_moves_total", model="bad", reason="errors") == 1
    assert "canary rolled back" in ark.sidecar.tail()


def test_weights_split_the_load(ark):
    client = ark.client()
    before = ark.metric("ark_requests_total", rule="weighted")
    landed = [ok(client.chat("split")).headers["x-ark-provider"] for _ in range(200)]
    assert 110 <= landed.count("old") <= 190, landed.count("old")
    eventually(
        lambda: ark.metric("ark_requests_total", rule="weighted") == before + 200,
        5,
        "the records say why",
    )


def test_an_alias_is_its_model(ark):
    client = ark.client()
    before = ark.metric("ark_requests_total", model="chat")
    answer = ok(client.chat("gpt-4"))
    provider = answer.headers["x-ark-provider"]
    assert answer.headers["x-ark-model"] == upstream_model(provider)
    plain = ok(client.chat("chat"))
    assert answer.headers["x-ark-provider"] == plain.headers["x-ark-provider"]
    listed = {entry["id"] for entry in client.get("/v1/models").json()["data"]}
    assert {"chat", "gpt-4", "default"} <= listed
    assert client.get("/v1/models/default").json()["id"] == "default"
    eventually(
        lambda: ark.metric("ark_requests_total", model="chat") == before + 2,
        5,
        "both are the model's",
    )
    # What a key may use is the model, by whatever name.
    narrow = ark.client(NARROW)
    ok(narrow.chat("default"))
    assert narrow.chat("second").error["code"] == "model_not_allowed"
    assert {entry["id"] for entry in narrow.get("/v1/models").json()["data"]} == {
        "first",
        "chat",
        "gpt-4",
        "default",
    }


def test_a_fallback_model_stands_in_when_nothing_else_is_left(ark):
    client, narrow = ark.client(), ark.client(NARROW)
    assert "x-ark-fallback" not in ok(client.chat("first")).headers
    ark.fleet.control("old", status=500)
    answer = ok(client.chat("first"))
    assert answer.headers["x-ark-fallback"] == "second"
    assert answer.headers["x-ark-provider"] == "spare"
    assert answer.headers["x-ark-model"] == upstream_model("spare")
    assert answer.headers["x-ark-attempts"] == "2"
    # Who may not use the other model does not get its answers.
    assert narrow.chat("first").status == 502

    def goes_there_first() -> bool:
        answer = ok(client.chat("first"))
        return answer.headers["x-ark-attempts"] == "1"

    eventually(goes_there_first, 20, "an open circuit is not tried first")
    eventually(
        lambda: ark.metric("ark_requests_total", rule="fallback") >= 1, 5, "the records say why"
    )
    # A pin is exact.
    pinned = client.chat("first", headers={"x-ark-provider": "old"})
    assert pinned.status == 502


def test_a_drained_provider_ends_its_streams_and_gets_no_others(ark):
    client = ark.client()
    script = "old=chunks:60+chunk-delay:50"
    with client.streaming(only("old"), script) as reply:
        pieces = reply.iter_raw()
        first = next(pieces)
        assert "gets no new requests" in command(ark, "drain", "old")
        other = ark.client()
        eventually(
            lambda: all(other.chat(only("old")).status == 503 for _ in range(8)),
            COMMANDED_S,
            "no worker sends it anything",
        )
        refused = other.chat(only("old"))
        assert refused.error["code"] == "drained"
        assert other.chat("chat", headers={"x-ark-provider": "old"}).error["code"] == "drained"
        assert ok(other.chat("chat")).headers["x-ark-provider"] == "new"
        assert ok(other.chat("first")).headers["x-ark-fallback"] == "second"
        assert ark.fleet.stats()["old"]["active"] == 1, "the stream still runs"
        whole = first + b"".join(pieces)
    assert data_of(whole)[-1] == "[DONE]"
    view = ark.get(ark.admin_url + "/v1/providers").json()[0]
    assert (view["name"], view["drained"]) == ("old", True), view
    assert ark.metric("ark_provider_drained", provider="old") == 1
    eventually(lambda: ark.metric("ark_rejects_total", code="drained") >= 2, 5, "it is counted")
    assert "an operator drains a provider" in ark.sidecar.tail()
    # Workers keep to it without the sidecar, too.
    ark.sidecar.kill()
    always(lambda: other.chat(only("old")).status == 503, 1.0, "it stays drained")
    ark.start_sidecar()
    # So does a new sidecar, which finds the command in the file beside the keys.
    eventually(lambda: ark.metric("ark_provider_drained", provider="old") == 1, 20, "it is known")
    always(lambda: other.chat(only("old")).status == 503, 1.0, "it is drained still")
    command(ark, "drain", "old", "--undo")
    eventually(lambda: ok(other.chat(only("old"))), 20, "it is back")


def test_a_drain_is_undone_and_a_page_cannot_command(ark):
    client = ark.client()
    command(ark, "drain", "spare")
    gone = lambda: client.chat(only("spare")).status == 503  # noqa: E731
    eventually(gone, COMMANDED_S, "it is drained")
    url, drain = ark.admin_url + "/v1/drains", {"provider": "old", "drain": True}
    own = {"origin": ark.admin_url}
    for headers in (
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"host": "evil.example", "origin": "http://evil.example"},
        {"content-type": "text/plain"},
    ):
        reply = ark._admin.post(url, json=drain, headers=headers)
        assert reply.status_code in (403, 415), headers
    ok(client.chat(only("old")))
    assert ark._admin.post(url, json={"provider": "nobody", "drain": True}).status_code == 404
    assert ark._admin.post(url, json={"provider": "old"}).status_code == 400
    reply = ark._admin.post(url, json={"provider": "spare", "drain": False}, headers=own)
    assert (reply.status_code, reply.json()["drained"]) == (200, False)
    eventually(lambda: ok(client.chat(only("spare"))), COMMANDED_S, "it is back")
    # By the file it is drained for as long as the file says so.
    content = yaml.safe_load(ark.config_file.read_text())
    content["providers"][2]["drain"] = True
    ark.write_config(yaml.safe_dump(content, sort_keys=False))
    eventually(gone, 10, "the file drains it")
    assert "by ark.yaml" in command(ark, "drain", "spare", "--undo")
    assert gone()
