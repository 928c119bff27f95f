"""An attempt in one dialect fails, the next one, in another, answers: nobody notices."""

from itertools import permutations

import pytest

from harness.arrived import arrived, body_of, target_of
from harness.config import pair
from harness.heard import Heard, Refused
from harness.polyglot import DEFAULT_MAX_TOKENS, DIALECTS, upstream
from harness.stack import Stack
from harness.waiting import eventually

# Outlier detection must not remember the failures of the test before.
pytestmark = pytest.mark.usefixtures("well")
STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
PAIRS = list(permutations(DIALECTS, 2))
BETWEEN = pytest.mark.parametrize(("first", "second"), PAIRS, ids=["-".join(two) for two in PAIRS])

# The word for "overloaded" in a stream that has begun.
OVERLOADED = {
    "openai": "server_error",
    "anthropic": "overloaded_error",
    "gemini": "UNAVAILABLE",
    "bedrock": "serviceUnavailableException",
}


def answered_by_the_second(tower: Stack, heard: Heard, first: str, second: str) -> None:
    """Checks that both were asked, each in its own words, and that the answer is the second's."""
    assert heard.text.startswith(f"This is {second} answering as {upstream(second)}:")
    assert (heard.stop, heard.provider) == ("end", second)
    assert heard.headers["x-ark-attempts"] == "2"
    assert heard.headers["x-ark-model"] == upstream(second)
    for name in (first, second):
        sent = arrived(tower.fleet, name, heard.request_id)
        assert "Say hello." in sent["body"]
        assert body_of(sent).get("model", upstream(name)) == upstream(name)
        others = [other for other in DIALECTS if other != name]
        for other in others:
            assert tower.fleet[other].key not in str(sent), (name, other)
        assert f"127.0.0.1:{tower.fleet[name].port}" == sent["headers"]["host"]
        assert ("anthropic-version" in sent["headers"]) == (name == "anthropic")


@STREAMED
@BETWEEN
def test_an_overload_in_the_first_event_moves_on(tower, voice, first, second, stream):
    """Also when no stream was asked for: then the error is all there is in the 200."""
    way = f"first-event-error:{OVERLOADED[first]}" if stream else "error-200"
    heard = voice.ask(pair(first, second), voice.user("Say hello."), f"{first}={way}", stream)
    answered_by_the_second(tower, heard, first, second)


STATUSES = ["fail:overloaded", "fail:rate-limit", "fail:server", "fail:authentication", "reset"]


@pytest.mark.parametrize("way", STATUSES)
@BETWEEN
def test_a_failure_before_the_answer_moves_on(tower, voices, first, second, way):
    """Google's 400 for a key that is not valid is not the client's fault, and moves on."""
    number = PAIRS.index((first, second)) + STATUSES.index(way)
    stream = number % 2 == 1
    voice = list(voices.values())[number % len(voices)]
    heard = voice.ask(pair(first, second), voice.user("Say hello."), f"{first}={way}", stream)
    answered_by_the_second(tower, heard, first, second)


@BETWEEN
def test_a_stream_without_an_event_moves_on(tower, voice, first, second):
    script = f"{first}=empty-stream"
    heard = voice.ask(pair(first, second), voice.user("Say hello."), script, stream=True)
    answered_by_the_second(tower, heard, first, second)


@pytest.mark.parametrize("way", ["cut:0", "end:0", "cut:1", "split:1+first-event-error"])
@pytest.mark.parametrize("first", DIALECTS)
def test_a_stream_that_breaks_before_it_says_something_moves_on(tower, voices, first, way):
    """The first event of most dialects only says that a message begins: no answer yet."""
    second = DIALECTS[DIALECTS.index(first) - 1]
    if way == "cut:1" and first in ("gemini", "openai"):
        # Google's first event has words in it. OpenAI's names the role, and passes: a model that thinks
        # in silence sends it long before its first word, and must not be taken for one that hangs.
        way = "cut:0"
    for voice in voices.values():
        heard = voice.ask(pair(first, second), voice.user("Say hello."), f"{first}={way}", True)
        answered_by_the_second(tower, heard, first, second)


def test_three_dialects_in_a_row(tower, voice):
    script = "anthropic=fail:overloaded, gemini=fail:authentication"
    heard = voice.ask("every", voice.user("Say hello."), script, stream=True, tools=["get_weather"])
    assert (heard.provider, heard.headers["x-ark-attempts"]) == ("bedrock", "3")
    assert [call.name for call in heard.calls] == ["get_weather"]
    tried = ["anthropic", "gemini", "bedrock"]
    assert [name for name in DIALECTS if tower.fleet.seen(name, heard.request_id)] == tried
    for name in tried:
        sent = arrived(tower.fleet, name, heard.request_id)
        assert sent["target"] == target_of(tower.fleet[name], stream=True)


def test_a_bad_key_of_googles_never_shows(tower, voice):
    """`API_KEY_INVALID` is a 400 of Google's, and the gateway's fault, not the client's."""
    with pytest.raises(Refused) as failure:
        voice.ask("only-gemini", voice.user("Say hello."), "gemini=fail:authentication")
    assert (failure.value.status, failure.value.code) == (502, "provider_auth")
    assert "API key not valid" not in str(failure.value)


def test_a_bad_key_of_googles_is_counted_as_such(tower, voices):
    def refusals() -> float:
        return tower.metric("ark_credential_errors_total", provider="gemini", reason="refused")

    before = refusals()
    voice = voices["messages"]
    heard = voice.ask(
        pair("gemini", "openai"), voice.user("Say hello."), "gemini=fail:authentication"
    )
    assert heard.provider == "openai"
    eventually(lambda: refusals() > before, 5, "the refused credential is counted")


REFUSALS = ["fail:context-length", "fail:content-policy", "block"]
# A refusal that Claude, or a guardrail of Amazon's, has put into words is an answer.
ANSWERED = [("anthropic", "block"), ("bedrock", "block")]
MOVING = [(first, way) for first in DIALECTS for way in REFUSALS if (first, way) not in ANSWERED]


@STREAMED
@pytest.mark.parametrize(("first", "way"), MOVING)
def test_a_refusal_moves_on_where_the_model_says_so(tower, voices, first, way, stream):
    second = DIALECTS[DIALECTS.index(first) - 1]
    voice = list(voices.values())[REFUSALS.index(way)]
    model = "refused-" + pair(first, second)
    heard = voice.ask(model, voice.user("Say hello."), f"{first}={way}", stream)
    answered_by_the_second(tower, heard, first, second)


@STREAMED
@pytest.mark.parametrize("way", REFUSALS)
@pytest.mark.parametrize("first", DIALECTS)
def test_a_refusal_is_the_clients_where_the_model_does_not(tower, voices, first, way, stream):
    second = DIALECTS[DIALECTS.index(first) - 1]
    voice = list(voices.values())[REFUSALS.index(way)]
    try:
        heard = voice.ask(pair(first, second), voice.user("Say hello."), f"{first}={way}", stream)
    except Refused as refusal:
        assert refusal.status == 400 and refusal.kind == "invalid_request_error"
        request_id = refusal.__cause__.response.headers["x-request-id"]
    else:
        # A model's own refusal is an answer.
        assert way == "block" and heard.stop == "refused" and heard.provider == first
        request_id = heard.request_id
    assert tower.fleet.visited(request_id) == [first]


@pytest.mark.parametrize("second", ["anthropic", "bedrock"])
def test_each_attempt_is_written_anew(tower, voices, second):
    """A bound that one provider demands is not told to others, and losses are the last one's."""
    voice = voices["chat"]
    asked = {"logprobs": True, "seed": 7}
    heard = voice.ask(pair("openai", second), voice.user("Say hello."), "openai=reset", **asked)
    assert set(heard.lost) == {"logprobs", "seed"}
    first = body_of(arrived(tower.fleet, "openai", heard.request_id))
    assert (first["logprobs"], first["seed"]) == (True, 7) and "max_tokens" not in first
    last = arrived(tower.fleet, second, heard.request_id)["body"]
    assert "logprobs" not in last and "seed" not in last
    assert (f'"max_tokens":{DEFAULT_MAX_TOKENS}' in last) == (second == "anthropic")
    # The other way round nothing is lost in the end, whatever the first attempt had to leave out.
    script = f"{second}=reset"
    heard = voice.ask(pair(second, "openai"), voice.user("Say hello."), script, **asked)
    assert heard.provider == "openai" and heard.lost == []


SIGNING = ["anthropic", "gemini", "bedrock"]


@STREAMED
@pytest.mark.parametrize("second", DIALECTS)
@pytest.mark.parametrize("first", SIGNING)
def test_foreign_signatures_reach_nobody(tower, voice, first, second, stream):
    """A conversation that was begun at one provider goes on at another."""
    if first == second:
        second = "gemini" if first != "gemini" else "anthropic"
    asked, tools = voice.user("How is it?"), ["get_weather"]
    more = {"think": True, "tools": tools, "stream": stream}
    heard = voice.ask(f"only-{first}", asked, **more)
    assert heard.calls and heard.thoughts
    turns = asked + heard.turn + voice.results(heard.calls)
    told = voice.ask(f"only-{second}", turns, **more)
    assert told.provider == second and "[1 tool result]" in told.text
    sent = arrived(tower.fleet, second, told.request_id)["body"]
    assert "ark1." not in sent
    kin = {first, second} == {"anthropic", "bedrock"}
    # Claude's own proofs are good at both of its homes; all others stay behind.
    assert ("reasoning_history" in told.lost) == (not kin), told.lost
    # What a provider got of it it has proved: the strict ones refuse a signature that is not theirs.


@pytest.mark.parametrize("second", ["openai", "gemini", "bedrock"])
def test_versions_and_betas_of_anthropic_reach_anthropic_only(tower, voices, second):
    voice = voices["messages"]
    headers = {"anthropic-beta": "some-beta-2026-01-01"}
    asked = {"turns": voice.user("Say hello."), "headers": headers}
    for order in (pair("anthropic", second), pair(second, "anthropic")):
        first = order.split("-")[0]
        heard = voice.ask(order, script=f"{first}=reset", **asked)
        own = arrived(tower.fleet, "anthropic", heard.request_id)["headers"]
        assert own["anthropic-beta"] == headers["anthropic-beta"]
        assert own["anthropic-version"] == voice.sdk.default_headers["anthropic-version"]
        other = arrived(tower.fleet, second, heard.request_id)["headers"]
        assert not [name for name in other if name.startswith("anthropic-")]


def test_what_ark_writes_is_of_the_version_that_is_configured(tower, voices):
    voice = voices["chat"]
    headers = {"anthropic-version": "1999-01-01"}
    heard = voice.ask("only-anthropic", voice.user("Say hello."), headers=headers, temperature=0.5)
    sent = arrived(tower.fleet, "anthropic", heard.request_id)
    assert sent["headers"]["anthropic-version"] == "2023-06-01"
    assert body_of(sent)["temperature"] == 0.5
