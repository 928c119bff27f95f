"""What conversations hold besides words: images, schemas, thoughts, choices of tools."""

import base64
import json

import pytest

from harness.arrived import arrived, body_of
from harness.config import only, pair
from harness.heard import Refused
from harness.polyglot import NAMES, SIGNED_CALLS, SIGNED_CALLS_MODEL, upstream
from harness.wanted import PIXEL, SCHEMA

STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
BLIND = ["deepseek"]
WITHOUT_SCHEMAS = ["deepseek", "glm"]
# Those whose reasoning comes with a proof that they want back.
SIGNING = ["anthropic", "bedrock", "gemini", "vertex"]
# Vendors that tell what their models think, as text alone.
THINKING = ["deepseek", "glm", "kimi", "doubao", "vllm", "groq"]


@pytest.mark.parametrize("name", [name for name in NAMES if name not in BLIND])
def test_an_image_arrives(tower, voice, name):
    heard = voice.ask(only(name), voice.user("What is this?", PIXEL))
    assert heard.text.startswith(f"This is {name} answering as {upstream(name)}: [1 image]")
    assert heard.lost == []
    sent = arrived(tower.fleet, name, heard.request_id)
    assert sent["body"].count(PIXEL) == 1 and "What is this?" in sent["body"]


@pytest.mark.parametrize("name", ["openai", "azure", "anthropic", "qwen", "mistral", "gemini"])
def test_an_images_url_arrives(tower, voice, name):
    url = "https://images.example/one.png"
    heard = voice.ask(only(name), voice.user("What is this?", url))
    assert f"{upstream(name)}: [1 image]" in heard.text and heard.lost == []
    assert url in arrived(tower.fleet, name, heard.request_id)["body"]


def test_an_image_by_url_never_reaches_who_takes_only_bytes(tower, voice):
    """Converse takes bytes, and a gateway does not fetch what a stranger's URL names."""
    image = voice.user("What is this?", "https://images.example/1.png")
    with pytest.raises(Refused) as failure:
        voice.ask(only("bedrock"), image)
    assert (failure.value.status, failure.value.code) == (400, "unsupported")
    heard = voice.ask(pair("bedrock", "openai"), image)
    assert (heard.provider, heard.headers["x-ark-attempts"]) == ("openai", "1")


@pytest.mark.parametrize("name", BLIND)
def test_an_image_never_reaches_who_cannot_see(tower, voice, name):
    with pytest.raises(Refused) as failure:
        voice.ask(only(name), voice.user("What is this?", PIXEL))
    assert (failure.value.status, failure.value.code) == (400, "unsupported")
    assert failure.value.kind == "invalid_request_error"


@STREAMED
@pytest.mark.parametrize("name", [name for name in NAMES if name not in WITHOUT_SCHEMAS])
def test_a_schema_bounds_the_answer(tower, voice, name, stream):
    heard = voice.ask(
        only(name), voice.user("How much is it, as JSON?"), stream=stream, schema=True
    )
    assert json.loads(heard.text) == {"n": 1, "unit": "example"}
    assert (heard.stop, heard.lost) == ("end", [])
    sent = arrived(tower.fleet, name, heard.request_id)
    # Bedrock has it as text within the JSON.
    body = sent["body"].replace('\\"', '"')
    assert '"unit"' in body and '"required"' in body


@pytest.mark.parametrize("name", WITHOUT_SCHEMAS)
def test_a_schema_never_reaches_who_takes_none(voice, name):
    with pytest.raises(Refused) as failure:
        voice.ask(only(name), voice.user("How much, as JSON?"), schema=True)
    assert (failure.value.status, failure.value.code) == (400, "unsupported")


@STREAMED
@pytest.mark.parametrize("name", [*SIGNING, SIGNED_CALLS.removeprefix("only-")])
def test_thoughts_come_signed_and_survive_the_way_through_the_client(tower, voice, name, stream):
    signed_calls = only(name) == SIGNED_CALLS
    provider = "gemini" if signed_calls else name
    model = SIGNED_CALLS_MODEL if signed_calls else upstream(name)
    asked, tools = voice.user("How is it in Rome?"), ["get_weather", "get_time"]
    more = {"think": True, "tools": tools, "stream": stream}
    heard = voice.ask(only(name), asked, f"{provider}=calls:2", **more)
    thought = f"This is thinking answering as {model}:"
    assert heard.thoughts == thought and heard.stop == "calls"
    assert heard.thought_tokens == (6 if provider in ("gemini", "vertex") else 0) or (
        voice.name == "messages"
    )
    assert heard.lost == []
    # The provider itself refuses any signature that is not what its maker gave out.
    turns = asked + heard.turn + voice.results(heard.calls)
    told = voice.ask(only(name), turns, **more)
    assert told.text.startswith(f"This is {provider} answering as {model}: [2 tool results]")
    assert told.lost == []
    sent = arrived(tower.fleet, provider, told.request_id)["body"]
    assert ("ignature" in sent) and "ark1." not in sent
    if provider in ("anthropic", "bedrock"):
        assert thought in sent
    # And once more, after an answer without a call.
    turns += told.turn + voice.user("Thank you.")
    last = voice.ask(only(name), turns, f"{provider}=calls:0", **more)
    assert last.stop == "end" and last.lost == []


@STREAMED
@pytest.mark.parametrize("name", ["anthropic", "bedrock"])
def test_thoughts_that_are_hidden_survive_as_well(tower, voice, name, stream):
    asked, tools = voice.user("How is it in Rome?"), ["get_weather"]
    more = {"think": True, "tools": tools, "stream": stream}
    heard = voice.ask(only(name), asked, f"{name}=stop:redacted+calls:0", **more)
    turns = asked + heard.turn + voice.user("Go on.")
    told = voice.ask(only(name), turns, f"{name}=calls:0", **more)
    assert told.lost == []
    sent = arrived(tower.fleet, name, told.request_id)["body"]
    assert "edacted" in sent and "ark1." not in sent


@STREAMED
@pytest.mark.parametrize("name", THINKING)
def test_thoughts_of_vendors_are_told(voice, name, stream):
    heard = voice.ask(only(name), voice.user("Think."), f"{name}=reason:6", stream, think=True)
    assert heard.thoughts == f"This is thinking answering as {upstream(name)}:"
    assert heard.text.startswith(f"This is {name}") and heard.stop == "end"


@pytest.mark.parametrize("name", ["openai", "azure-v1"])
def test_sealed_thoughts_of_openai_survive_in_its_own_dialect(tower, voices, name):
    voice = voices["responses"]
    asked = voice.user("Think.")
    heard = voice.ask(only(name), asked, f"{name}=calls:1", think=True, tools=["get_weather"])
    assert [item["type"] for item in heard.turn] == ["reasoning", "function_call"]
    turns = asked + heard.turn + voice.results(heard.calls)
    told = voice.ask(only(name), turns, think=True, tools=["get_weather"])
    sent = body_of(arrived(tower.fleet, name, told.request_id))
    # But for whose it is, which only the client's text says.
    _, sealed = heard.turn[0]["encrypted_content"].split(".", 1)
    assert sent["input"][1]["encrypted_content"] == sealed


CHOICES = {
    "chat": {
        "none": {"tool_choice": "none"},
        "any": {"tool_choice": "required"},
        "one": {"tool_choice": {"type": "function", "function": {"name": "get_time"}}},
        "single": {"parallel_tool_calls": False},
    },
    "responses": {
        "none": {"tool_choice": "none"},
        "any": {"tool_choice": "required"},
        "one": {"tool_choice": {"type": "function", "name": "get_time"}},
        "single": {"parallel_tool_calls": False},
    },
    "messages": {
        "none": {"tool_choice": {"type": "none"}},
        "any": {"tool_choice": {"type": "any"}},
        "one": {"tool_choice": {"type": "tool", "name": "get_time"}},
        "single": {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
    },
}


@pytest.mark.parametrize(
    "name", ["openai", "azure-v1", "anthropic", "gemini", "bedrock", "mistral"]
)
@pytest.mark.parametrize("choice", ["none", "any", "one", "single"])
def test_which_tool_may_be_called(voice, name, choice):
    tools, more = ["get_weather", "get_time"], CHOICES[voice.name][choice]
    script = f"{name}=calls:2" if choice == "single" else None
    heard = voice.ask(only(name), voice.user("Well?"), script, tools=tools, **more)
    called = [call.name for call in heard.calls]
    expected = {"none": [], "any": ["get_weather"], "one": ["get_time"], "single": ["get_weather"]}
    if choice == "single" and name in ("gemini", "bedrock"):
        # There is no such word there, and that is said.
        assert heard.lost == ["parallel_tool_calls"] and called == tools
        return
    assert (called, heard.lost) == (expected[choice], [])


def test_the_schema_of_a_tool_arrives_as_it_is(tower, voice):
    for name in ("openai", "anthropic", "bedrock"):
        heard = voice.ask(only(name), voice.user("Well?"), tools=["get_weather"])
        sent = arrived(tower.fleet, name, heard.request_id)["body"]
        assert json.dumps(SCHEMA["properties"]["n"], separators=(",", ":")) in sent.replace(" ", "")


# A PDF without a page, and a WAV without a sample.
PDF = base64.b64encode(b"%PDF-1.4\n%%EOF\n").decode()
WAV = base64.b64encode(b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0").decode()


def with_a_document(dialect: str) -> list:
    """A turn with a PDF, as each client's API has it."""
    say = {
        "chat": {"type": "text", "text": "What is this?"},
        "responses": {"type": "input_text", "text": "What is this?"},
        "messages": {"type": "text", "text": "What is this?"},
    }
    data = f"data:application/pdf;base64,{PDF}"
    document = {
        "chat": {"type": "file", "file": {"filename": "a.pdf", "file_data": data}},
        "responses": {"type": "input_file", "filename": "a.pdf", "file_data": data},
        "messages": {
            "type": "document",
            "title": "a.pdf",
            "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
        },
    }
    return [{"role": "user", "content": [document[dialect], say[dialect]]}]


@STREAMED
@pytest.mark.parametrize("name", ["openai", "azure", "anthropic", "gemini", "vertex", "bedrock"])
def test_a_pdf_arrives(tower, voice, name, stream):
    heard = voice.ask(only(name), with_a_document(voice.name), stream=stream)
    assert heard.text.startswith(f"This is {name} answering as {upstream(name)}")
    assert heard.lost == []
    sent = arrived(tower.fleet, name, heard.request_id)["body"]
    assert sent.count(PDF) == 1 and "What is this?" in sent


@STREAMED
@pytest.mark.parametrize("name", ["openai", "gemini", "vertex"])
def test_sound_arrives(tower, voices, name, stream):
    """Of the clients' APIs only Chat Completions has sound."""
    voice = voices["chat"]
    sound = {"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}}
    turns = [{"role": "user", "content": [sound, {"type": "text", "text": "What is said?"}]}]
    heard = voice.ask(only(name), turns, stream=stream)
    assert heard.text.startswith(f"This is {name}") and heard.lost == []
    assert arrived(tower.fleet, name, heard.request_id)["body"].count(WAV) == 1


@pytest.mark.parametrize("name", ["anthropic", "bedrock"])
def test_sound_never_reaches_who_cannot_hear(voices, name):
    voice = voices["chat"]
    sound = {"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}}
    with pytest.raises(Refused) as failure:
        voice.ask(only(name), [{"role": "user", "content": [sound]}])
    assert (failure.value.status, failure.value.code) == (400, "unsupported")
