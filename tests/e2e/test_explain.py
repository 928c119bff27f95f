"""`x-ark-explain`, `POST /v1/explain` and the basis of records: why a request went where it went."""

import json

import httpx
import pytest

from harness import config
from harness.config import pair
from harness.stack import Stack, make_stack
from harness.waiting import eventually

FLEET = {"official": "openai", "azure": "azure-openai", "optimized": "openai"}
ASK = {"x-ark-explain": "true"}
HEADER_LIMIT_BYTES = 4096


def text(fleet) -> str:
    providers = [config.provider(p) for p in fleet.providers.values()]
    models = [config.model("chat", FLEET) | {"order": "scored"}, config.model(pair("official", "azure"), FLEET)]
    models[0]["targets"][2]["capabilities"] = {"tools": False}
    keys = [config.key("ark-demo", may_explain=True), config.key("ark-plain")]
    return config.text(providers, models, keys)


@pytest.fixture(scope="module")
def stack():
    with make_stack(FLEET, text, workers=2) as stack:
        yield stack


def post_explain(stack: Stack, question: object):
    url = stack.admin_url + "/v1/explain"
    return httpx.post(url, json=question, trust_env=False, timeout=5)


def test_an_answer_says_why_it_came_from_where_it_came(stack):
    client = stack.client()
    answer = client.chat("chat", headers=ASK, tools=[TOOL])
    assert answer.status == 200, answer.text
    header = answer.headers["x-ark-explain"]
    assert len(header) <= HEADER_LIMIT_BYTES
    said = json.loads(header)
    assert said["model"] == "chat" and said["priority"] == "standard"
    assert said["snapshot"] == answer.headers["x-ark-snapshot"]
    assert len(said["draw"]) == 16 and len(said["weights"]) == 5 and said["scores"] > 0
    by_name = {c["provider"]: c for c in said["candidates"]}
    assert set(by_name) == set(FLEET)
    assert by_name["optimized"]["removed"] == "tools"
    first = next(c for c in said["candidates"] if c.get("rank") == 1)
    assert first["provider"] == answer.headers["x-ark-provider"]
    assert first["odds"] > 0 and all(0 <= term <= 1 for term in first["terms"])


def test_a_provider_never_sees_that_it_was_asked(stack):
    client = stack.client()
    answer = client.chat("chat", headers=ASK)
    provider = answer.headers["x-ark-provider"]
    (seen,) = stack.fleet.seen(provider, answer.request_id)
    assert "x-ark-explain" not in {name.lower() for name in dict(seen["headers"])}


def test_whoever_did_not_ask_or_may_not_is_told_nothing(stack):
    assert "x-ark-explain" not in stack.client().chat("chat").headers
    refused = stack.client("ark-plain").chat("chat", headers=ASK)
    assert refused.status == 200
    assert json.loads(refused.headers["x-ark-explain"]) == {
        "error": "the key's may_explain is not set"
    }


def test_a_refusal_is_explained_too(stack):
    client = stack.client()
    pinned = ASK | {"x-ark-provider": "optimized"}
    answer = client.chat("chat", headers=pinned, tools=[TOOL])
    assert answer.status == 400, answer.text
    said = json.loads(answer.headers["x-ark-explain"])
    assert said["refused"] == {"lacking": "tools"}
    assert {c["removed"] for c in said["candidates"]} == {"pin", "tools"}


def test_the_control_plane_explains_what_the_filter_did(stack):
    client = stack.client()

    def same() -> bool:
        answer = client.chat("chat", headers=ASK)
        header = json.loads(answer.headers["x-ark-explain"])
        tokens = header["tokens"][0]
        question = {"model": "chat", "input_tokens": tokens, "draw": header["draw"]}
        reply = post_explain(stack, question)
        assert reply.status_code == 200, reply.text
        whole = reply.json()
        # Scores may have moved on between the two.
        if whole["scores"] != header["scores"]:
            return False
        ranks = {c["provider"]: c.get("rank") for c in whole["candidates"]}
        assert ranks == {c["provider"]: c.get("rank") for c in header["candidates"]}
        assert whole["rule"] == header["rule"]
        assert set(whole["newest_attempt_age_ms"]) >= {"official/official-model"}
        return True

    eventually(same, 10, "both speak of the same scores")


def test_a_question_that_cannot_be_answered_says_why(stack):
    for question, status, part in [
        ({"model": "nobody"}, 422, "there is no model"),
        ({"model": "chat", "provider": "x"}, 422, "there is no provider"),
        ({"model": "chat", "draw": "xyz"}, 422, "hex digits"),
        ({"wings": 2}, 400, "unknown field"),
    ]:
        reply = post_explain(stack, question)
        assert reply.status_code == status, reply.text
        assert part in reply.text
    assert stack.get(stack.admin_url + "/v1/explain").status_code == 405


TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
