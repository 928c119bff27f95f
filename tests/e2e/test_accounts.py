"""What a model of OpenAI's or Google's thought can be read by the account that it thought it for, and by no
other: each gets its own back, whichever way the client carries it, and the providers here refuse what is
another's."""

import json

import pytest

from harness.arrived import arrived, body_of
from harness.config import pair
from harness.heard import Refused
from harness.polyglot import (
    ACCOUNTS,
    REASONER,
    SIGNED_CALLS,
    SIGNED_CALLS_MOVED,
)

STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
CARRIED = pytest.mark.parametrize("dialect", ["messages", "responses"])
BETWEEN = pytest.mark.parametrize(("here", "there"), ACCOUNTS, ids=["-".join(two) for two in ACCOUNTS])
THINKING = {"think": True, "tools": ["get_weather"]}


def thoughts_sent(tower, name, heard) -> list[dict]:
    """The encrypted reasoning that the provider got, in its own words."""
    body = body_of(arrived(tower.fleet, name, heard.request_id))
    items = [item for item in body["input"] if item.get("type") == "reasoning"]
    assert all("@" not in item["encrypted_content"] for item in items)
    assert all(item["id"].startswith("rs_") for item in items)
    return items


def first_turn(voice, model, script, stream):
    """A conversation in which the model has thought and called a tool."""
    turns = voice.user("How is it in Rome?")
    heard = voice.ask(model, turns, script, stream, **THINKING)
    assert heard.thoughts and len(heard.calls) == 1
    return turns + heard.turn + voice.results(heard.calls)


@STREAMED
@CARRIED
@BETWEEN
def test_a_conversation_moves_to_another_account_and_back(tower, voices, dialect, here, there, stream):
    voice = voices[dialect]
    turns = first_turn(voice, f"reasons-{here}", f"{here}=calls:1", stream)
    # Elsewhere the other one's reasoning is left out, and said to be.
    heard = voice.ask(f"reasons-{there}", turns, f"{there}=calls:1", stream, **THINKING)
    assert heard.lost == ["reasoning_history"]
    assert thoughts_sent(tower, there, heard) == []
    turns = turns + heard.turn + voice.results(heard.calls)
    # Each gets its own back, and no other's.
    for name in (here, there):
        heard = voice.ask(f"reasons-{name}", turns, f"{name}=calls:0", stream, **THINKING)
        assert heard.lost == ["reasoning_history"]
        assert len(thoughts_sent(tower, name, heard)) == 1
        assert heard.text.startswith(f"This is {name} answering as {REASONER}:")


@STREAMED
@CARRIED
@pytest.mark.usefixtures("well")
def test_one_request_fails_over_to_another_account(tower, voices, dialect, stream):
    here, there = ACCOUNTS[0]
    voice = voices[dialect]
    model = "reasons-" + pair(here, there)
    turns = first_turn(voice, model, f"{here}=calls:1", stream)
    script = f"{here}=fail:overloaded, {there}=calls:0"
    heard = voice.ask(model, turns, script, stream, **THINKING)
    assert (heard.provider, heard.headers["x-ark-attempts"]) == (there, "2")
    assert heard.lost == ["reasoning_history"]
    # The same request: the first was sent what is its own, the second was not.
    assert len(thoughts_sent(tower, here, heard)) == 1
    assert thoughts_sent(tower, there, heard) == []


@CARRIED
def test_a_model_that_must_lose_nothing_stays_with_the_account(tower, voices, dialect):
    here, there = ACCOUNTS[0]
    voice = voices[dialect]
    turns = first_turn(voice, f"reasons-{there}", f"{there}=calls:1", False)
    heard = voice.ask("keeps-" + pair(here, there), turns, None, False, **THINKING)
    assert (heard.provider, heard.headers["x-ark-attempts"], heard.lost) == (there, "1", [])
    assert len(thoughts_sent(tower, there, heard)) == 1


def test_a_client_of_responses_sees_an_opaque_text_that_names_nobody(tower, voices):
    voice = voices["responses"]
    turns = first_turn(voice, "reasons-openai", "openai=calls:1", True)
    item = next(item for item in turns if item.get("type") == "reasoning")
    mark, _ = item["encrypted_content"].split(".", 1)
    assert len(mark) == 9 and mark.startswith("@") and int(mark[1:], 16) >= 0


def test_what_no_account_is_known_of_goes_to_whoever_is_asked(tower, voices):
    """Such as what was encrypted before Ark came: its own account takes it, another one hands over to the
    next, and the last one says what is wrong."""
    voice = voices["responses"]
    turns = first_turn(voice, "reasons-openai", "openai=calls:1", False)
    text = json.dumps(turns)
    item = next(item for item in turns if item.get("type") == "reasoning")
    mark = item["encrypted_content"].split(".", 1)[0] + "."
    unmarked = json.loads(text.replace(mark, ""))
    heard = voice.ask("reasons-openai", unmarked, None, False, **THINKING)
    assert len(thoughts_sent(tower, "openai", heard)) == 1
    heard = voice.ask("reasons-azure-v1-then-openai", unmarked, None, False, **THINKING)
    assert (heard.provider, heard.headers["x-ark-attempts"]) == ("openai", "2")
    with pytest.raises(Refused) as failure:
        voice.ask("reasons-azure-v1", unmarked, None, False, **THINKING)
    assert (failure.value.status, failure.value.code) == (400, "invalid_encrypted_content")


@STREAMED
def test_signatures_of_google_stay_with_the_api_that_gave_them(tower, voice, stream):
    """Nothing is said of Vertex AI taking the Gemini API's; models that demand one take a stand-in."""
    turns = voice.user("How is it in Rome?")
    first = voice.ask(SIGNED_CALLS, turns, "gemini=calls:1", stream, tools=["get_weather"])
    turns = turns + first.turn + voice.results(first.calls)
    for model, name, lost in [
        (SIGNED_CALLS_MOVED, "vertex", ["reasoning_history"]),
        (SIGNED_CALLS, "gemini", []),
    ]:
        heard = voice.ask(model, turns, f"{name}=calls:0", stream, tools=["get_weather"])
        assert heard.lost == lost
        sent = arrived(tower.fleet, name, heard.request_id)["body"]
        assert ("skip_thought_signature_validator" in sent) == bool(lost)
