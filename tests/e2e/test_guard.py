"""The content guard: what requests hold is masked, refused or counted, and stands nowhere afterwards."""

import json
from collections.abc import Iterator

import pytest

from harness import config
from harness.arrived import arrived
from harness.client import CHAT
from harness.stack import Stack, make_stack
from harness.waiting import eventually

FLEET = {"official": "openai", "backup": "openai", "claude": "anthropic"}
# Addresses, a card and a telephone number that stand for nobody.
MAIL = "guarded.person@example.com"
CARD = "4111 1111 1111 1111"
PHONE = "13812345678"
MARKS = ("guarded.person", "4111 1111", "4111111111111111", PHONE)
GUARDS = [
    {
        "name": "no-cards",
        "find": ["card"],
        "action": "refuse",
        "who": {"keys": ["masked", "cards"]},
    },
    {"name": "people", "find": ["personal"], "action": "mask", "who": {"keys": ["masked"]}},
    {"name": "dry-run", "find": ["personal"], "action": "count", "who": {"roles": ["dry"]}},
    {
        "name": "one-model",
        "find": ["email"],
        "action": "mask",
        "who": {"keys": ["free"]},
        "what": {"models": ["backup"], "endpoints": ["chat_completions"]},
    },
]
KEY = {"masked": "ark-masked", "dry": "ark-dry", "cards": "ark-cards", "free": "ark-free"}


def text(fleet) -> str:
    folder = fleet.providers["official"].aws_file.parent.parent
    price = {"currency": "USD", "input_per_million": 1, "output_per_million": 1}
    shadow = {"provider": "backup", "model": "copy", "price": price, "share": "100%"}
    models = [config.model(name, [name]) for name in FLEET]
    models += [
        config.model("both", ["official", "claude"]),
        config.model("copied", ["official"]) | {"shadow": shadow},
        config.model("raced", ["official", "claude"])
        | {"hedge": {"after_ms": 100, "budget": "50%"}},
        config.model("leads", ["official"]) | {"fallback": ["backup"]},
    ]
    keys = [
        config.key(secret, name, roles=["dry"] if name == "dry" else [])
        for name, secret in KEY.items()
    ]
    content = config.yaml.safe_load(
        config.text([config.provider(p) for p in fleet.providers.values()], models, keys)
    )
    content["guard"] = GUARDS
    content["audit"] = {"dir": str(folder / "audit")}
    return config.yaml.safe_dump(content, sort_keys=False)


@pytest.fixture(scope="module")
def ark() -> Iterator[Stack]:
    with make_stack(FLEET, text, workers=1) as stack:
        yield stack
        assert stack.vm_failures() == 0


def said(said: str) -> list[dict]:
    return [{"role": "user", "content": said}]


# Of each endpoint a request that holds a text wherever content can stand, and how often that is.
DIALECTS = {
    "chat": lambda s: (
        CHAT,
        {
            "messages": [
                {"role": "system", "content": s},
                {"role": "user", "content": [{"type": "text", "text": s}]},
                {
                    "role": "assistant",
                    "tool_calls": [
                        {
                            "id": "c1",
                            "type": "function",
                            "function": {"name": "f", "arguments": json.dumps({"to": s})},
                        }
                    ],
                },
                {"role": "tool", "tool_call_id": "c1", "content": json.dumps({"from": s})},
            ]
        },
        4,
    ),
    "messages": lambda s: (
        "/v1/messages",
        {
            "max_tokens": 9,
            "system": [{"type": "text", "text": s}],
            "messages": [
                {"role": "user", "content": s},
                {
                    "role": "assistant",
                    "content": [{"type": "tool_use", "id": "c1", "name": "f", "input": {"to": s}}],
                },
                {
                    "role": "user",
                    "content": [{"type": "tool_result", "tool_use_id": "c1", "content": s}],
                },
            ],
        },
        4,
    ),
    "responses": lambda s: (
        "/v1/responses",
        {
            "instructions": s,
            "input": [
                {"role": "user", "content": [{"type": "input_text", "text": s}]},
                {
                    "type": "function_call",
                    "call_id": "c1",
                    "name": "f",
                    "arguments": json.dumps({"to": s}),
                },
                {"type": "function_call_output", "call_id": "c1", "output": s},
            ],
        },
        4,
    ),
    "completions": lambda s: ("/v1/completions", {"prompt": s}, 1),
    "embeddings": lambda s: ("/v1/embeddings", {"input": ["x", s]}, 1),
}
PLACES = [
    (dialect, model, stream)
    for dialect in DIALECTS
    for model in ("official", "claude")
    for stream in (False, True)
    if dialect in ("chat", "messages", "responses") or (model == "official" and dialect != "embeddings")
] + [("embeddings", "official", False)]


def ask(ark: Stack, key: str, dialect: str, content: str, model="official", **more):
    headers = more.pop("headers", {})
    path, body, times = DIALECTS[dialect](content)
    with_model = {"model": model, **body, **more}
    client = ark.client(KEY[key])
    return client.send("POST", path, json=with_model, headers=headers), times


def body_at(ark: Stack, name: str, answer) -> str:
    return arrived(ark.fleet, name, answer.request_id)["body"]


@pytest.mark.parametrize(("dialect", "model", "stream"), PLACES)
def test_what_is_masked_reaches_no_provider(ark, dialect, model, stream):
    more = {"stream": True} if stream else {}
    answer, times = ask(ark, "masked", dialect, f"to {MAIL}, now", model, **more)
    assert answer.status == 200, answer.text
    assert answer.headers["x-ark-guard"] == f"masked; email={times}"
    sent = body_at(ark, model, answer)
    assert "guarded" not in sent and sent.count("to [email], now") == times, sent


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_is_refused_is_named_and_never_said(ark, dialect):
    answer, _ = ask(ark, "masked", dialect, f"card {CARD} of {MAIL}")
    assert answer.status == 400 and answer.headers["x-ark-reject"] == "content_guard"
    assert answer.headers["x-ark-guard"].startswith("refused; card=")
    assert "'no-cards'" in answer.text and "holds card" in answer.text
    assert not [mark for mark in MARKS if mark in answer.text]
    if dialect == "messages":
        details = answer.json()["error"]["details"]
        assert details == {"error_code": "content_guard", "param": "system[0].text"}
    else:
        first = {
            "chat": "messages[0].content",
            "responses": "instructions",
            "completions": "prompt",
            "embeddings": "input[1]",
        }
        error = answer.error
        assert (error["code"], error["param"]) == ("content_guard", first[dialect])
    assert ark.fleet.visited(answer.request_id) == []


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_is_counted_passes_as_it_is(ark, dialect):
    answer, times = ask(ark, "dry", dialect, f"{MAIL} {PHONE}")
    assert answer.status == 200, answer.text
    assert answer.headers["x-ark-guard"] == f"counted; email={times}; phone={times}"
    assert body_at(ark, "official", answer).count(MAIL) == times


def test_nobody_else_is_looked_at(ark):
    for model, header in (("official", None), ("backup", "masked; email=4")):
        answer, _ = ask(ark, "free", "chat", MAIL, model)
        assert answer.status == 200 and answer.headers.get("x-ark-guard") == header
    # What a fallback may serve is masked for it.
    answer, _ = ask(ark, "free", "chat", MAIL, "leads")
    assert answer.headers["x-ark-guard"] == "masked; email=4"
    elsewhere, _ = ask(ark, "free", "completions", MAIL, "backup")
    assert "x-ark-guard" not in elsewhere.headers
    clean, _ = ask(ark, "masked", "chat", "nothing here")
    assert clean.status == 200 and "x-ark-guard" not in clean.headers


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (r"guarded\u002eperson\u0040example\u002ecom", "[email]"),
        ("guarded.person＠example.com", "[email]"),
        (r"\u0067\u0075arded.pers\u200bon@example.com", "[email]"),
        ("１３８１２３４５６７８", "[phone]"),
        (r"{\"to\":\"guarded.person\\u0040example.com\"}", r"{\"to\":\"[email]\"}"),
        (r"{\"tel\":13812345678}", r"{\"tel\":\"[phone]\"}"),
    ],
)
def test_spelling_is_no_way_past_and_every_other_byte_stays(ark, written, expected):
    def body(content: str) -> str:
        spaced = '{ "messages" : [ {"role":"user", "content" : "%s" } ],"x\\u0079":1.50,' % content
        return spaced + '"model":"official-at-upstream"}'

    client = ark.client(KEY["masked"])
    sent = body(written).replace("official-at-upstream", "official")
    headers = {"content-type": "application/json"}
    answer = client.send("POST", CHAT, content=sent.encode(), headers=headers)
    assert answer.status == 200, answer.text
    name = config.upstream_model("official")
    arrived_body = body_at(ark, "official", answer).replace(name, "official-at-upstream")
    assert arrived_body == body(expected)


def test_parts_are_read_over_their_border(ark):
    parts = [{"type": "text", "text": "to guarded.person@exam"}, {"type": "text", "text": "ple.com!"}]
    client = ark.client(KEY["masked"])
    body = {"model": "official", "messages": [{"role": "user", "content": parts}]}
    answer = client.send("POST", CHAT, json=body)
    assert answer.headers["x-ark-guard"] == "masked; email=1"
    sent = json.loads(body_at(ark, "official", answer))
    assert [p["text"] for p in sent["messages"][0]["content"]] == ["to [email]", "!"]


def test_every_attempt_copy_and_hedge_sees_the_masked_body(ark):
    fails = {"x-demo-script": "official=status:503"}
    answer, _ = ask(ark, "masked", "chat", MAIL, "both", headers=fails)
    assert answer.status == 200 and answer.headers["x-ark-attempts"] == "2", answer.text
    ids = {answer.request_id: {"official", "claude"}}
    answer, _ = ask(ark, "masked", "chat", MAIL, "copied")
    ids[answer.request_id] = {"official", "backup"}
    # Whoever is first is slow, and so is the other, so that both are asked.
    slow = {"x-demo-script": "*=slow:800", "x-ark-priority": "critical"}
    answer, _ = ask(ark, "masked", "chat", MAIL, "raced", headers=slow)
    assert answer.status == 200, answer.text
    ids[answer.request_id] = {"official", "claude"}
    for request_id, names in ids.items():
        for name in names:
            eventually(lambda n=name, i=request_id: ark.fleet.seen(n, i), 20, f"{name} is asked")
            for sent in ark.fleet.seen(name, request_id):
                assert "guarded" not in sent["body"] and "[email]" in sent["body"], sent


def test_a_large_body_is_searched_to_its_end(ark):
    filler = "The figures for March are final, as the team in Lyon has said twice. " * 14_000
    client = ark.client(KEY["masked"])
    body = {"model": "official", "messages": said(filler + MAIL)}
    answer = client.send("POST", CHAT, json=body)
    assert answer.status == 200 and answer.headers["x-ark-guard"] == "masked; email=1"
    (sent,) = ark.fleet.seen("official", answer.request_id)
    model = len(config.upstream_model("official")) - len("official")
    original = len(json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode())
    assert sent["body_bytes"] == original + len("[email]") - len(MAIL) + model


def test_what_is_no_json_is_refused_where_it_would_be_searched(ark):
    body = b'{"model":"official","messages":[{"role":"user" "content":"x"}]}'
    answer = ark.client(KEY["masked"]).send("POST", CHAT, content=body)
    assert answer.status == 400 and answer.error["code"] == "invalid_request"


def test_an_estimate_of_tokens_says_it_too(ark):
    body = {"model": "official", "messages": said(f"{MAIL} {CARD}")}
    answer = ark.client(KEY["masked"]).send("POST", "/v1/messages/count_tokens", json=body)
    assert answer.status == 400 and answer.json()["error"]["details"]["error_code"] == "content_guard"
    body["messages"] = said(MAIL)
    answer = ark.client(KEY["masked"]).send("POST", "/v1/messages/count_tokens", json=body)
    assert answer.headers["x-ark-guard"] == "masked; email=1"


def test_counts_are_told_and_content_nowhere(ark):
    answer, _ = ask(ark, "masked", "chat", f"{MAIL} {CARD}")
    assert answer.status == 400
    def mine() -> list[dict]:
        files = (ark.folder / "audit").glob("audit-*.jsonl")
        lines = [line for file in files for line in file.read_text().splitlines()]
        return [json.loads(line) for line in lines if answer.request_id in line]

    eventually(mine, 20, "the refusal is in the audit log")
    (line,) = mine()
    found = line.get("guard") or line["event"]["guard"]
    assert found == [
        {"kind": "email", "action": "mask", "count": 4, "guard": "people"},
        {"kind": "card", "action": "refuse", "count": 4, "guard": "no-cards"},
    ]
    for kind, action in (("email", "mask"), ("card", "refuse"), ("phone", "count")):
        assert ark.metric("ark_guard_matches_total", kind=kind, action=action) > 0
    assert ark.metric("ark_guard_requests_total", action="refuse") > 0
    theirs = {"providers.json", "providers.log"}
    files = [f for f in ark.folder.rglob("*") if f.is_file() and f.name not in theirs]
    told = {str(f): f.read_bytes() for f in files}
    told["metrics"] = ark.get(ark.admin_url + "/metrics").content
    told["stats"] = ark.get(ark.envoy_admin_url + "/stats").content
    leaks = {name: [m for m in MARKS if m.encode() in held] for name, held in told.items()}
    assert len(files) > 3 and not {name: marks for name, marks in leaks.items() if marks}
