"""Providers that we did not write: `aimock` (npm), a mock of the APIs of OpenAI, Azure, Anthropic, Google and AWS."""

import json
from collections.abc import Iterator

import pytest

from harness import config, parts
from harness.ports import free_port
from harness.stack import Stack, make_stack
from harness.stranger import running, skip_aloud
from harness.voices import VOICES, Voice

WORDS = "These words are of a stranger's server, and there are some of them."
CITY = {"city": "example"}
CALLS = [{"name": "get_weather", "arguments": json.dumps(CITY)}]
# It counts nothing by itself.
USED = {"usage": {"prompt_tokens": 7, "completion_tokens": 9, "total_tokens": 16}}
FIXTURES = [
    {"match": {"userMessage": "Hello."}, "response": {"content": WORDS} | USED},
    {
        "match": {"userMessage": "Weather?", "hasToolResult": False},
        "response": {"toolCalls": CALLS} | USED,
    },
    {"match": {"hasToolResult": True}, "response": {"content": WORDS} | USED},
]
# What each is like: by the model's name OpenAI's are asked by one API or by the other.
KINDS = {
    "openai": {"kind": "openai", "base": "/v1", "model": "gpt-4o"},
    "openai-responses": {"kind": "openai", "base": "/v1", "model": "gpt-5.1"},
    "azure": {"kind": "azure-openai", "base": "", "model": "gpt-4o", "api_version": "2024-10-21"},
    "anthropic": {"kind": "anthropic", "base": "/v1", "model": "claude-sonnet-4-5"},
    "gemini": {"kind": "gemini", "base": "/v1beta", "model": "gemini-2.5-flash"},
    "vertex": {
        "kind": "vertex",
        "base": "/v1/projects/tests/locations/us-east1/publishers/google",
        "model": "gemini-2.5-flash",
    },
    "bedrock": {
        "kind": "bedrock",
        "base": "",
        "model": "anthropic.claude-3-5-haiku-20241022-v1:0",
        "aws": {"region": "us-east-1"},
    },
}


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a running aimock; skips, aloud, where it is not installed."""
    program = parts.aimock()
    if program is None:
        skip_aloud("no aimock in ARK_NODE_MODULES")
    folder, port = tmp_path_factory.mktemp("aimock"), free_port()
    fixtures = folder / "fixtures.json"
    fixtures.write_text(json.dumps({"fixtures": FIXTURES}))
    # Few letters to a piece: words and arguments of tools come in several.
    options = ["--port", str(port), "--fixtures", fixtures, "--strict", "--chunk-size", "7"]
    with running("aimock", [*program, *options], folder, f"http://127.0.0.1:{port}/health"):
        yield port


@pytest.fixture(scope="module")
def strange(stranger: int) -> Iterator[Stack]:
    def text(fleet) -> str:
        providers, models = [], []
        for name, like in KINDS.items():
            more = {key: like[key] for key in like if key not in ("base", "model")}
            endpoint = {"endpoint": f"http://127.0.0.1:{stranger}{like['base']}", "tier": "official"}
            credential = {"credential": {"env": fleet["official"].credential}}
            providers.append({"name": name} | endpoint | credential | more)
            model = config.model(f"at-{name}", [name])
            model["targets"][0]["model"] = like["model"]
            models.append(model)
        return config.text([*providers, config.provider(fleet["official"])], models)

    with make_stack({"official": "openai"}, text) as stack:
        yield stack


# What passes is the stranger's own, and its Responses lack what the SDK's types demand.
PAIRS = [
    (dialect, name)
    for dialect in VOICES
    for name in KINDS
    if not (dialect == "responses" and name.startswith("openai"))
]


@pytest.fixture
def voice(strange: Stack, dialect: str) -> Iterator[Voice]:
    voice = VOICES[dialect](strange)
    yield voice
    voice.close()


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize(("dialect", "name"), PAIRS)
def test_words_of_a_strangers_server(voice, name, stream):
    heard = voice.ask(f"at-{name}", voice.user("Hello."), stream=stream, system="Be brief.")
    assert heard.text == WORDS
    assert heard.stop == "end" and heard.provider == name
    # What was counted before a stream's answer is not told in all of their streams.
    assert heard.output_tokens == 9 and heard.input_tokens in (7, 0 if stream else 7)


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize(("dialect", "name"), PAIRS)
def test_a_tool_is_called_and_its_result_taken(voice, name, stream):
    asked = voice.user("Weather?")
    heard = voice.ask(f"at-{name}", asked, stream=stream, tools=["get_weather"])
    assert [(call.name, call.arguments) for call in heard.calls] == [("get_weather", CITY)]
    assert heard.stop == "calls"
    turns = [*asked, *heard.turn, *voice.results(heard.calls)]
    told = voice.ask(f"at-{name}", turns, stream=stream, tools=["get_weather"])
    assert told.text == WORDS and told.stop == "end"
