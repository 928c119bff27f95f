"""Clients of Anthropic's, and conversations that began at other makers' models, at models of OpenAI's that
reason: those are asked by its Responses API, in which reasoning and tools go together."""

import json

import pytest

from harness.arrived import arrived, body_of
from harness.heard import Refused
from harness.polyglot import REASONER, upstream
from harness.wanted import PIXEL

STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
AT = pytest.mark.parametrize("name", ["openai", "azure-v1"])
THOUGHT = f"This is thinking answering as {REASONER}:"


@pytest.fixture
def claude(voices):
    """A client that speaks Anthropic's Messages."""
    return voices["messages"]


def sent_to(tower, name, heard) -> dict:
    """The Responses request that the provider got."""
    sent = arrived(tower.fleet, name, heard.request_id)
    assert sent["target"].endswith("/v1/responses"), sent["target"]
    assert "ark1." not in sent["body"]
    body = body_of(sent)
    assert (body["model"], body["store"]) == (REASONER, False)
    return body


@STREAMED
@AT
def test_words_and_what_they_used(tower, claude, name, stream):
    script = f"{name}=prompt-tokens:100+cached:40+chunks:5"
    turns = claude.user("Say hello.")
    heard = claude.ask(f"reasons-{name}", turns, script, stream=stream, system="Be brief.")
    assert heard.text == f"This is {name} answering as"
    assert (heard.stop, heard.lost, heard.provider) == ("end", [], name)
    assert (heard.input_tokens, heard.cached_tokens, heard.output_tokens) == (100, 40, 5)
    body = sent_to(tower, name, heard)
    assert [item["role"] for item in body["input"]] == ["system", "user"]


@STREAMED
@AT
def test_reasoning_stays_next_to_tools_over_several_turns(tower, claude, name, stream):
    """The provider itself refuses encrypted reasoning that it has not given out, and an item without id."""
    model, tools = f"reasons-{name}", ["get_weather", "get_time"]
    more = {"think": True, "tools": tools, "stream": stream}
    turns, thoughts = claude.user("How is it in Rome?"), 0
    for calls in (2, 1, 0):
        heard = claude.ask(model, turns, f"{name}=calls:{calls}", **more)
        assert (heard.thoughts, heard.lost) == (THOUGHT, [])
        assert (len(heard.calls), heard.stop) == (calls, "calls" if calls else "end")
        assert not (stream and calls) or heard.argument_pieces > 2
        body = sent_to(tower, name, heard)
        # The budget's nearest word that the model has.
        assert body["reasoning"] == {"effort": "low", "summary": "auto"}
        back = [item for item in body["input"] if item["type"] == "reasoning"]
        assert len(back) == thoughts
        assert all(item["id"].startswith("rs_") and item["encrypted_content"] for item in back)
        assert all(item["summary"][0]["text"] == THOUGHT for item in back)
        turns = turns + heard.turn
        turns += claude.results(heard.calls) if calls else claude.user("Thank you.")
        thoughts += 1


@STREAMED
def test_a_conversation_changes_makers_and_comes_back(tower, voice, stream):
    """Each maker gets its own reasoning back, and no other's, whichever way the client carries it."""
    more = {"think": True, "tools": ["get_weather"], "stream": stream}
    turns = voice.user("How is it in Rome?")
    first = voice.ask("only-anthropic", turns, "anthropic=calls:1", **more)
    turns = turns + first.turn + voice.results(first.calls)
    if voice.name == "chat":
        # Such a client is passed on to the API that it speaks.
        heard = voice.ask("reasons-openai", turns, "openai=calls:0", stream=stream)
        sent = arrived(tower.fleet, "openai", heard.request_id)
        assert sent["target"].endswith("/chat/completions")
        return
    # Of the second answer on, what OpenAI thought goes back to it, and what Anthropic did never does.
    for mine in (0, 1, 2):
        heard = voice.ask("reasons-openai", turns, "openai=calls:1", **more)
        assert heard.lost == ["reasoning_history"]
        body = sent_to(tower, "openai", heard)
        back = [item for item in body["input"] if item["type"] == "reasoning"]
        assert len(back) == mine
        turns = turns + heard.turn + voice.results(heard.calls)
    last = voice.ask("only-anthropic", turns, "anthropic=calls:0", **more)
    sent = arrived(tower.fleet, "anthropic", last.request_id)["body"]
    assert sent.count('"signature"') == 1 and "gAAA" not in sent


@STREAMED
def test_images_and_schemas(tower, claude, stream):
    heard = claude.ask("reasons-openai", claude.user("What is this?", PIXEL), stream=stream)
    assert f"{REASONER}: [1 image]" in heard.text and heard.lost == []
    asked = claude.user("How much is it, as JSON?")
    heard = claude.ask("reasons-openai", asked, stream=stream, schema=True)
    assert json.loads(heard.text) == {"n": 1, "unit": "example"}
    assert sent_to(tower, "openai", heard)["text"]["format"]["strict"] is True


def test_an_image_in_a_tools_result_and_a_document_by_url(tower, claude):
    """The chat API has no place for either."""
    image = {"type": "base64", "media_type": "image/png", "data": PIXEL}
    document = {"type": "document", "source": {"type": "url", "url": "https://files.example/a.pdf"}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1"}
    turns = [
        {"role": "user", "content": [document, {"type": "text", "text": "Draw it."}]},
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "toolu_1", "name": "draw", "input": {}}],
        },
        {"role": "user", "content": [result | {"content": [{"type": "image", "source": image}]}]},
    ]
    heard = claude.ask("reasons-openai", turns, tools=["draw"])
    assert heard.lost == []
    body = sent_to(tower, "openai", heard)
    assert body["input"][0]["content"][0]["file_url"] == "https://files.example/a.pdf"
    assert body["input"][2]["output"][0]["image_url"].endswith(PIXEL)


@pytest.mark.parametrize("voice_name", ["messages", "responses"])
def test_a_server_without_responses_is_asked_by_chat(tower, voices, voice_name):
    voice = voices[voice_name]
    heard = voice.ask("chat-openai", voice.user("Say hello."))
    assert heard.text.startswith(f"This is openai answering as {REASONER}:")
    sent = arrived(tower.fleet, "openai", heard.request_id)
    assert sent["target"].endswith("/v1/chat/completions")


def test_what_only_the_chat_api_says_is_told_where_responses_is_wanted(tower, claude):
    heard = claude.ask("responses-openai", claude.user("Hello."), stop_sequences=["END"])
    assert heard.lost == ["stop"]
    sent = arrived(tower.fleet, "openai", heard.request_id)
    assert sent["target"].endswith("/v1/responses")


@STREAMED
@pytest.mark.parametrize("two", [("openai", "anthropic"), ("anthropic", "openai")])
@pytest.mark.usefixtures("well")
def test_failover_to_and_from_it(claude, two, stream):
    first, second = two
    way = "first-event-error:server_error" if stream else "error-200"
    script = f"{first}={way}"
    heard = claude.ask(f"reasons-{first}-{second}", claude.user("Hello."), script, stream=stream)
    model = REASONER if second == "openai" else upstream(second)
    assert heard.text.startswith(f"This is {second} answering as {model}:")
    assert (heard.provider, heard.headers["x-ark-attempts"]) == (second, "2")


@pytest.mark.usefixtures("well")
@pytest.mark.parametrize(
    ("way", "stream", "status", "kind"),
    [
        ("fail:invalid", False, 400, "invalid_request_error"),
        ("fail:context-length", False, 400, "invalid_request_error"),
        ("fail:server", False, 502, "api_error"),
        ("error-200", False, 502, "api_error"),
        ("first-event-error", True, 502, "api_error"),
        ("first-event-error:response.failed", True, 502, "api_error"),
        ("error-at:6", True, 200, "api_error"),
        ("end:6", True, 200, "api_error"),
    ],
)
def test_errors_before_and_inside_streams(claude, way, stream, status, kind):
    with pytest.raises(Refused) as failure:
        claude.ask("reasons-openai", claude.user("Hello."), f"openai={way}", stream)
    assert (failure.value.status, failure.value.kind) == (status, kind)


@pytest.mark.usefixtures("well")
@pytest.mark.parametrize(("dialect", "name"), [("messages", "anthropic"), ("responses", "openai")])
def test_a_strange_error_in_a_passing_stream_is_one_error_of_the_clients_dialect(
    voices, dialect, name
):
    voice = voices[dialect]
    with pytest.raises(Refused) as failure:
        voice.ask(f"only-{name}", voice.user("Hello."), f"{name}=strange-error-at:6", stream=True)
    assert failure.value.status == 200
    assert "capacity exceeded" in str(failure.value)
