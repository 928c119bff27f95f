"""What clients are told when a provider fails: in their own dialect, before and inside streams."""

import json
from urllib.parse import quote

import pytest

from harness.config import only
from harness.heard import Refused
from harness.polyglot import DIALECTS, NAMES

# Outlier detection must not remember the failures of the test before.
pytestmark = pytest.mark.usefixtures("well")
STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
# The client's own faults: what is told, in OpenAI's and in Anthropic's word.
INVALID = ("invalid_request_error", "invalid_request_error")
# How a provider fails; the status that the client gets, and for Ark's own refusals their code.
OURS = [
    ("authentication", 502, "provider_auth", ("server_error", "api_error")),
    ("permission", 502, "provider_auth", ("server_error", "api_error")),
    ("rate-limit", 503, "provider_overloaded", ("server_error", "overloaded_error")),
    ("overloaded", 503, "provider_overloaded", ("server_error", "overloaded_error")),
    ("server", 502, "provider_error", ("server_error", "api_error")),
]
SHOWN = ["openai", "azure", "anthropic", "gemini", "vertex", "bedrock", *NAMES[8:]]


def kind_of(voice, kinds: tuple[str, str]) -> str:
    return kinds[1] if voice.name == "messages" else kinds[0]


@pytest.mark.parametrize("name", SHOWN)
@pytest.mark.parametrize(("failing", "status", "code", "kinds"), OURS, ids=[row[0] for row in OURS])
def test_a_providers_failure_is_arks_to_tell(voices, name, failing, status, code, kinds):
    # Each provider in each dialect, though not for each failure.
    place = SHOWN.index(name) + [row[0] for row in OURS].index(failing)
    voice = list(voices.values())[place % len(voices)]
    with pytest.raises(Refused) as failure:
        voice.ask(only(name), voice.user("Hello."), f"{name}=fail:{failing}")
    assert (failure.value.status, failure.value.code) == (status, code)
    assert failure.value.kind == kind_of(voice, kinds)
    # Nothing of what the provider said.
    told = json.dumps(failure.value.body).lower()
    for word in ("api key", "api-key", "quota", "engine", "account", name):
        assert word not in told, told


@pytest.mark.parametrize("name", SHOWN)
def test_the_clients_own_fault_is_told_as_such(voice, name):
    with pytest.raises(Refused) as failure:
        voice.ask(only(name), voice.user("Hello."), f"{name}=fail:invalid")
    assert failure.value.status in (400, 422)
    assert failure.value.kind == kind_of(voice, INVALID), failure.value


@pytest.mark.parametrize("name", SHOWN)
def test_a_prompt_that_is_too_long_is_told_as_such(voice, name):
    """In one word for all providers: an application shortens its prompt when it reads it."""
    with pytest.raises(Refused) as failure:
        voice.ask(only(name), voice.user("Hello."), f"{name}=fail:context-length")
    assert 400 <= failure.value.status < 500
    assert failure.value.kind == kind_of(voice, INVALID), failure.value
    if voice.name != "messages":
        assert failure.value.code == "context_length_exceeded", failure.value


@pytest.mark.parametrize("name", ["openai", "anthropic", "gemini", "bedrock", "qwen"])
def test_when_to_come_back_is_told_if_the_provider_says(tower, voice, name):
    """Bedrock never says; Google says it in the body, the others in a header."""
    with pytest.raises(Refused) as failure:
        voice.ask(only(name), voice.user("Hello."), f"{name}=fail:rate-limit+retry-after:7")
    cause = failure.value.__cause__
    assert cause.response.headers.get("retry-after") == (None if name == "bedrock" else "7")


@STREAMED
@pytest.mark.parametrize("name", SHOWN)
@pytest.mark.parametrize("dialect", ["chat", "messages"])
def test_an_error_hidden_in_a_200_is_an_error(voices, dialect, name, stream):
    voice = voices[dialect]
    way = "first-event-error" if stream else "error-200"
    with pytest.raises(Refused) as failure:
        voice.ask(only(name), voice.user("Hello."), f"{name}={way}", stream)
    assert failure.value.status in (502, 503)
    assert failure.value.code in ("provider_error", "provider_overloaded")


BROKEN = ["error-at:4", "no-end", "end:4"]
# All that these lack then is `[DONE]`, which says nothing that their last chunk has not said.
COMPLETE = ["openai", "azure", "deepseek", "mistral"]


@pytest.mark.parametrize(
    "name", [*DIALECTS, "azure", "vertex", "deepseek", "mistral", "bedrock-key"]
)
@pytest.mark.parametrize("way", BROKEN)
def test_a_stream_that_breaks_ends_with_an_error_in_the_clients_dialect(voice, name, way):
    passes = voice.name == "chat" or (voice.name, name) == ("responses", "openai")
    if way == "no-end" and name in COMPLETE and not passes:
        heard = voice.ask(only(name), voice.user("Hello."), f"{name}=no-end", stream=True)
        assert heard.stop == "end" and heard.output_tokens == 16
        return
    with pytest.raises(Refused) as failure:
        voice.ask(only(name), voice.user("Hello."), f"{name}={way}", stream=True)
    assert failure.value.status == 200, "the stream had begun"
    kinds = {
        "chat": ("server_error", "overloaded_error"),
        "responses": ("error", "response.failed", "server_error"),
        "messages": ("api_error", "overloaded_error"),
    }
    assert failure.value.kind in kinds[voice.name], failure.value


@pytest.mark.parametrize(
    ("dialect", "name"), [("chat", "anthropic"), ("messages", "openai"), ("responses", "bedrock")]
)
def test_a_connection_that_breaks_never_looks_like_an_end(voices, dialect, name):
    voice = voices[dialect]
    # Whatever the SDK's name for a connection that ended too soon is: no answer comes of it.
    with pytest.raises(Exception, match=r"(?i)incomplete|closed|connection|error"):
        voice.ask(only(name), voice.user("Hello."), f"{name}=cut:6", stream=True)


@pytest.mark.parametrize("name", DIALECTS)
@pytest.mark.parametrize("way", ["keep-alives", "split:1", "comment-first", "burst+crlf"])
def test_a_stream_in_any_shape_says_the_same(voice, name, way):
    """Google's and Amazon's own clients know no comments: those streams have none."""
    if way in ("keep-alives", "comment-first") and name == "gemini":
        way = "split:3"
    text = 'été — 東京 + "done" \\ .'
    heard = voice.ask(only(name), voice.user("Hello."), f"{name}={way}+say:{quote(text)}", True)
    assert heard.text == text and heard.stop == "end"


@pytest.mark.parametrize("name", [*DIALECTS, "azure", "deepseek"])
def test_an_answer_against_the_policy_is_no_answer(voice, name):
    """Each provider has a way of its own to say so: a 400, or an answer that stopped for it."""
    try:
        heard = voice.ask(only(name), voice.user("Hello."), f"{name}=block")
    except Refused as refusal:
        assert refusal.status == 400 and refusal.kind == kind_of(voice, INVALID), refusal
    else:
        assert heard.stop == "refused", heard
