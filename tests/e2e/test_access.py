"""Rules of access: who may ask what, from where, when and within which bounds; each names itself."""

import json
import os
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from harness import config, parts
from harness.client import CHAT, chat_body, exchange_bytes, status_of
from harness.stack import make_stack
from harness.waiting import eventually

KINDS = {
    "official": "openai",
    "azure": "azure-openai",
    "claude": "anthropic",
    "keeper": "openai",
}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}


def hours(from_now_h: int) -> dict:
    """An hour of every day that begins so far from now."""
    begin = datetime.now(UTC) + timedelta(hours=from_now_h)
    end = begin + timedelta(hours=1)
    return {"from": f"{begin:%H:%M}", "until": f"{end:%H:%M}", "zone": "UTC"}


RULES = [
    {
        "name": "no-claude-for-devs",
        "effect": "deny",
        "who": {"roles": ["dev"]},
        "what": {"models": ["claude"]},
    },
    {
        "name": "devs",
        "effect": "allow",
        "who": {"roles": ["dev"]},
        "what": {"endpoints": ["chat_completions", "responses"], "priorities": ["standard"]},
        "limit": {"max_tokens": 64, "tools": False, "images": False},
    },
    {
        "name": "no-azure-for-ops",
        "effect": "deny",
        "who": {"roles": ["ops"]},
        "what": {"providers": ["azure"]},
    },
    {"name": "ops", "effect": "allow", "who": {"roles": ["ops"]}},
    {
        "name": "near",
        "effect": "allow",
        "who": {"keys": ["near"]},
        "when": {"networks": ["127.0.0.0/8"]},
    },
    {
        "name": "far",
        "effect": "allow",
        "who": {"keys": ["far"]},
        "when": {"networks": ["10.0.0.0/8"]},
    },
    {"name": "late", "effect": "allow", "who": {"keys": ["late"]}, "when": {"hours": hours(3)}},
    {"name": "early", "effect": "allow", "who": {"keys": ["early"]}, "when": {"hours": hours(0)}},
    {
        "name": "at-home",
        "effect": "allow",
        "who": {"keys": ["strict"]},
        "require": {"regions": ["eu-1"]},
    },
    {"name": "keepers", "effect": "allow", "who": {"tenants": ["keepers", "strangers"]}},
]


def text(fleet) -> str:
    homes = {"azure": {"region": "eu-1"}, "official": {"region": "us-1"}, "keeper": {"stores": True}}
    providers = [config.provider(p, **homes.get(p.name, {})) for p in fleet.providers.values()]
    models = [
        config.model("both", ["official", "azure"]),
        config.model("official", ["official"], rename=False),
        config.model("azure", ["azure"]),
        config.model("claude", ["claude"]),
        config.model("keeper", ["keeper"]),
        config.model("to-claude", ["official"]) | {"fallback": ["claude"]},
    ]
    content = config.yaml.safe_load(config.text(providers, models))
    keys = [
        config.key("ark-dev", roles=["dev"], may_explain=True),
        config.key("ark-ops", roles=["ops"]),
        config.key("ark-near"),
        config.key("ark-far"),
        config.key("ark-late"),
        config.key("ark-early"),
        config.key("ark-strict"),
        config.key("ark-nobody"),
    ]
    content["tenants"] = [
        {"name": "web", "keys": keys},
        {"name": "keepers", "may_store": True, "keys": [config.key("ark-keeper")]},
        {"name": "strangers", "keys": [config.key("ark-stranger")]},
    ]
    content["access"] = RULES
    return config.yaml.safe_dump(content, sort_keys=False)


@pytest.fixture(scope="module")
def ark():
    with make_stack(KINDS, text, workers=2) as stack:
        yield stack


def denied(answer, rule: str, param: str | None = None) -> str:
    """Checks a refusal to its last member."""
    assert answer.status == 403, answer.text
    error = answer.error
    expected = ("access_denied", "permission_error", param)
    assert (error["code"], error["type"], error["param"]) == expected
    assert answer.headers["x-ark-rule"] == rule
    assert f"'{rule}'" in error["message"] and error["message"].endswith(".")
    return error["message"]


def ask(ark, key: str, model: str = "both", **body):
    return ark.client(key).chat(model, **body)


def test_the_first_rule_that_matches_decides_and_says_its_name(ark):
    assert ask(ark, "ark-dev", max_tokens=9).status == 200
    denied(ask(ark, "ark-dev", "claude"), "no-claude-for-devs", "model")
    denied(ask(ark, "ark-nobody"), "default")
    dev = ark.client("ark-dev")
    urgent = dev.chat("both", headers={"x-ark-priority": "critical"})
    denied(urgent, "default")
    embedding = dev.send("POST", "/v1/embeddings", json={"model": "both", "input": "x"})
    denied(embedding, "default")
    explained = dev.chat("both", headers={"x-ark-explain": "true"})
    assert explained.status == 200 and explained.headers["x-ark-rule"] == "devs"
    assert "x-ark-rule" not in dev.chat("both").headers


def test_a_client_of_another_dialect_reads_the_refusal_in_its_own(ark):
    body = {"model": "both", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}
    answer = ark.client("ark-dev").send("POST", "/v1/messages", json=body)
    assert answer.status == 403 and answer.headers["x-ark-rule"] == "default"
    assert answer.json()["error"]["type"] == "permission_error"


def test_models_that_no_rule_allows_are_not_shown(ark):
    def shown(key: str) -> set[str]:
        return {m["id"] for m in ark.client(key).get("/v1/models").json()["data"]}

    everything = {"both", "official", "azure", "claude", "keeper", "to-claude"}
    assert shown("ark-dev") == everything - {"claude"}
    # Whose only provider is taken away is shown: that depends on more than the model.
    assert shown("ark-ops") == everything
    assert shown("ark-nobody") == shown("ark-far") == shown("ark-late") == set()
    assert ark.client("ark-dev").get("/v1/models/claude").status == 404
    assert ark.client("ark-dev").get("/v1/models/both").status == 200


def test_providers_that_a_rule_takes_away_are_never_tried(ark):
    client = ark.client("ark-ops")
    answer = client.chat("both", "official=status:503")
    assert (answer.status, answer.headers["x-ark-attempts"]) == (503, "1")
    denied(client.chat("azure"), "ops")
    pinned = client.chat("both", headers={"x-ark-provider": "azure"})
    denied(pinned, "ops")


def test_no_model_stands_in_that_the_rule_does_not_cover(ark):
    script = {"x-demo-script": "official=status:503"}
    fallen = ark.client("ark-ops").chat("to-claude", headers=script)
    assert (fallen.status, fallen.headers["x-ark-provider"]) == (200, "claude"), fallen.text
    # The rule `devs` names no models, but one before it denies this one.
    kept = ark.client("ark-dev").chat("to-claude", headers=script)
    assert (kept.status, kept.headers["x-ark-attempts"]) == (503, "1"), kept.text


@pytest.mark.parametrize(
    ("key", "rule"),
    [("ark-near", None), ("ark-far", "default"), ("ark-early", None), ("ark-late", "default")],
)
def test_networks_and_hours(ark, key, rule):
    answer = ask(ark, key)
    if rule is None:
        assert answer.status == 200, answer.text
    else:
        denied(answer, rule)


@pytest.mark.parametrize(
    "header",
    [
        {"x-forwarded-for": "10.0.0.1"},
        {"x-real-ip": "10.0.0.1"},
        {"forwarded": "for=10.0.0.1"},
        {"x-envoy-external-address": "10.0.0.1"},
        {"x-client-ip": "10.0.0.1", "true-client-ip": "10.0.0.1"},
    ],
)
def test_where_a_client_says_it_comes_from_is_nothing(ark, header):
    denied(ark.client("ark-far").chat("both", headers=header), "default")
    assert ark.client("ark-near").chat("both", headers=header).status == 200


def test_what_a_rule_requires_of_a_provider_holds(ark):
    answer = ask(ark, "ark-strict")
    assert answer.headers["x-ark-provider"] == "azure"
    refused = ask(ark, "ark-strict", "official")
    assert refused.status == 403 and refused.error["code"] == "compliance_unmet"
    assert "the access rule 'at-home': region=eu-1" in refused.error["message"]


RAW = b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nauthorization: Bearer %s\r\nconnection: close\r\n"


def raw(ark, key: str, body: bytes) -> bytes:
    head = RAW % key.encode() + b"content-length: %d\r\n\r\n" % len(body)
    return exchange_bytes(ark.gateway_port, head + body)


MESSAGES = b'"messages":[{"role":"user","content":"x"}]'


@pytest.mark.parametrize(
    ("members", "status"),
    [
        (b'"max_tokens":64', 200),
        (b'"max_tokens":65', 403),
        (b'"max_completion_tokens":65', 403),
        (b'"max_tokens":1,"max_completion_tokens":65', 403),
        (b'"max_completion_tokens":1,"max_tokens":65', 403),
        (b'"max_tokens":1,"max_tokens":9999', 400),
        (b'"max_tokens":1,"Max_Tokens":9999', 400),
        (b'"max_tokens":1,"max_to\\u212aens":9999', 400),
        (b'"max\\u005ftokens":9999', 403),
        (b'"max_tokens":1e9', 400),
        (b'"max_tokens":99999999999999999999999', 400),
        (b'"max_tokens":-1', 400),
        (b'"tools":[]', 200),
        (b'"tools":[{"type":"function","function":{"name":"f"}}]', 403),
        (b'"functions":[{"name":"f"}]', 403),
        (b'"t\\u006fols":[{"type":"function","function":{"name":"f"}}]', 403),
        (b'"tools":[],"tools":[{"type":"function","function":{"name":"f"}}]', 400),
    ],
)
def test_ceilings_hold_however_a_body_is_written(ark, members, status):
    answer = raw(ark, "ark-dev", b'{"model":"official",' + members + b"," + MESSAGES + b"}")
    assert status_of(answer) == status, answer
    if status == 403:
        assert b"x-ark-rule: devs" in answer and b"access_denied" in answer


@pytest.mark.parametrize("escape", [False, True])
def test_images_that_a_rule_forbids_do_not_pass(ark, escape):
    content = json.dumps([{"type": "text", "text": "x"}, IMAGE])
    if escape:
        # Every name is spelt so that no scan for words finds it.
        content = content.replace("image_url", "im\\u0061ge_url").replace("data:image", "data:im\\u0061ge")
    body = '{"model":"official","messages":[{"role":"user","content":%s}]}' % content
    answer = raw(ark, "ark-dev", body.encode())
    assert status_of(answer) == 403 and b"does not allow images" in answer, answer
    assert status_of(raw(ark, "ark-near", body.encode())) == 200


def sent(ark, provider: str, answer) -> dict:
    (seen,) = ark.fleet.seen(provider, answer.request_id)
    return json.loads(seen["body"])


def test_a_request_without_a_bound_gets_the_ceiling(ark):
    for model, provider, key, body in [
        ("official", "official", "max_completion_tokens", {}),
        ("official", "official", "max_completion_tokens", {"max_completion_tokens": None}),
        ("azure", "azure", "max_completion_tokens", {"max_tokens": None}),
    ]:
        answer = ask(ark, "ark-dev", model, **body)
        assert answer.status == 200, answer.text
        assert sent(ark, provider, answer)[key] == 64
    stated = ask(ark, "ark-dev", "official", max_tokens=7)
    body = sent(ark, "official", stated)
    assert body["max_tokens"] == 7 and "max_completion_tokens" not in body
    free = ask(ark, "ark-near", "official")
    assert "max_completion_tokens" not in sent(ark, "official", free)


def test_responses_are_bounded_too(ark):
    client = ark.client("ark-dev")
    body = {"model": "official", "input": "x"}
    answer = client.send("POST", "/v1/responses", json=body)
    assert answer.status == 200, answer.text
    assert sent(ark, "official", answer)["max_output_tokens"] == 64
    over = client.send("POST", "/v1/responses", json=body | {"max_output_tokens": 65})
    denied(over, "devs", "max_tokens")


@pytest.mark.parametrize("said", [{}, {"store": True}, {"store": None}, {"store": False}])
def test_providers_are_told_not_to_store(ark, said):
    stranger = ark.client("ark-stranger")
    # An API that stores by default is told; one that does not only where the client says otherwise.
    answer = stranger.chat("keeper", **said)
    assert answer.status == 200, answer.text
    assert sent(ark, "keeper", answer)["store"] is False
    answer = stranger.chat("official", **said)
    assert sent(ark, "official", answer).get("store", False) is False
    for model in ("official", "keeper"):
        body = {"model": model, "input": "x"} | said
        answer = stranger.send("POST", "/v1/responses", json=body)
        assert answer.status == 200, answer.text
        assert sent(ark, model, answer)["store"] is False
    # Translated.
    body = {"model": "keeper", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}
    answer = stranger.send("POST", "/v1/messages", json=body)
    assert answer.status == 200, answer.text
    assert sent(ark, "keeper", answer)["store"] is False
    twice = raw(ark, "ark-stranger", b'{"model":"keeper","store":false,"store":true,' + MESSAGES + b"}")
    assert status_of(twice) == 400


def test_a_tenant_that_opted_in_is_left_alone(ark):
    keeper = ark.client("ark-keeper")
    for said in ({}, {"store": True}, {"store": False}):
        for path, more in [(CHAT, {}), ("/v1/responses", {"input": "x"})]:
            body = (chat_body("keeper") if path == CHAT else {"model": "keeper"}) | more | said
            answer = keeper.send("POST", path, json=body)
            assert answer.status == 200, answer.text
            told = sent(ark, "keeper", answer)
            assert {k: v for k, v in told.items() if k == "store"} == said


# `both` is what the key `allowed` may use; each of these must never reach a provider as `claude`.
LOOK_ALIKES = [
    "ｂｏｔｈ",
    "bоth",
    "both ",
    " both",
    "both.",
    "both\x00",
    "both\u200b",
    "both/",
    "BOTH",
    "%62oth",
    "both%00",
    "./both",
    "x/../both",
    "ﬁne",
    "claude ",
    "Claude",
    "claudе",
    "claude\x00both",
    "claude\u0000",
    "both,claude",
    "official/../claude",
]


@pytest.mark.parametrize("name", LOOK_ALIKES)
def test_a_name_that_only_looks_like_a_model_is_none(ark, name):
    answer = ask(ark, "ark-dev", name)
    assert answer.status == 404 and answer.error["code"] == "model_not_found", answer.text
    assert ark.fleet.seen("claude", answer.request_id) == []


@pytest.mark.parametrize(
    "members",
    [
        b'"model":"both","model":"claude"',
        b'"model":"claude","model":"both"',
        b'"model":"both","Model":"claude"',
        b'"MODEL":"claude","model":"both"',
        b'"model":"both","mod\\u0065l":"claude"',
        b'"model":"both","\\u004dodel":"claude"',
        b'"model":["both","claude"]',
        b'"model":{"name":"claude"}',
    ],
)
def test_a_second_model_does_not_pass(ark, members):
    answer = raw(ark, "ark-dev", b"{" + members + b"," + MESSAGES + b"}")
    assert status_of(answer) == 400, answer


def test_an_escaped_name_is_the_name(ark):
    body = b'{"model":"cl\\u0061ude",' + MESSAGES + b"}"
    answer = raw(ark, "ark-dev", body)
    assert status_of(answer) == 403 and b"no-claude-for-devs" in answer


@pytest.mark.parametrize(
    "path",
    [
        "/v1/chat%2fcompletions",
        "/v1/chat/completions%00",
        "/v1/chat/completions;x",
        "/v1/chat/completions/",
        "/V1/chat/completions",
        "/v1/chat/completions/..%2fcompletions",
        "/v1/chat/completions%20",
        "/v1/models/%2e%2e/embeddings%3f",
        "/openai/deployments/claude/chat/completions",
        "/v1/ｅmbeddings",
    ],
)
def test_no_way_of_writing_a_path_is_another_endpoint(ark, path):
    body = json.dumps(chat_body("both")).encode()
    head = b"POST " + path.encode() + b" HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ark-dev\r\n"
    head += b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
    answer = exchange_bytes(ark.gateway_port, head + body)
    assert status_of(answer) in (400, 404), answer


@pytest.mark.parametrize("path", ["/v1/x/../embeddings", "//v1//embeddings", "/v1/./embeddings", "/v1/%65mbeddings", "/v1\\embeddings"])
def test_a_path_is_judged_as_what_it_comes_to(ark, path):
    body = b'{"model":"both","input":"x"}'
    head = b"POST " + path.encode() + b" HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ark-dev\r\n"
    head += b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
    answer = exchange_bytes(ark.gateway_port, head + body)
    assert status_of(answer) == 403 and b"access_denied" in answer, answer


def test_decisions_are_counted_by_rule(ark):
    counted = [("devs", "allow"), ("devs", "deny"), ("no-claude-for-devs", "deny")]

    def counts() -> list[float]:
        return [ark.metric("ark_access_total", rule=r, effect=e) for r, e in counted]

    client = ark.client("ark-dev")
    before = counts()
    client.chat("both", max_tokens=5)
    client.chat("both", max_tokens=500)
    client.chat("claude")
    grown = lambda: all(now > then for now, then in zip(counts(), before, strict=True))  # noqa: E731
    eventually(grown, 20, "each decision is counted")


def test_check_names_rules_that_can_never_match(ark, tmp_path):
    content = config.yaml.safe_load(ark.config_file.read_text())
    content["access"] += [{"name": "again", "effect": "allow", "who": {"keys": ["near"], "roles": ["ops"]}}]
    content["access"] += [{"name": "twice", "effect": "deny", "who": {"roles": ["ops"]}}]
    file = tmp_path / "ark.yaml"
    file.write_text(config.yaml.safe_dump(content, sort_keys=False))
    env = {**os.environ, **ark.fleet.environment()}
    command = [str(parts.ark()), "check", str(file)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=30)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "again can never match: none of its keys" in said
    assert "twice can never match: ops before it decides on all of it" in said
    assert "no access rule allows nobody anything" in said
