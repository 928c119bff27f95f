"""Every dialect of clients, to every kind of provider: words and tools, whole and streamed."""

import pytest

from harness.arrived import arrived, body_of, target_of
from harness.config import only
from harness.polyglot import NAMES, upstream

STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
EVERYWHERE = pytest.mark.parametrize("name", NAMES)
# Providers that have Responses themselves: there the bytes pass.
RESPONSES = ("openai", "azure-v1")
# Google's calls come whole.
WHOLE_CALLS = ("gemini", "vertex")
# Providers that tell nothing of their caches.
NO_CACHE = ("mistral", "ollama")


def sentence(name: str, noting: str = "") -> str:
    """What a scripted provider says, with what it notes of the request."""
    said = f"This is {name} answering as {upstream(name)}:{noting}"
    words = [" every", " word", " of", " it", " is", " one", " token", " and", " one", " chunk"]
    return said + "".join(words[: 10 - -(-len(noting) // 8)])


@STREAMED
@EVERYWHERE
def test_words(tower, voice, name, stream):
    turns = voice.user("Say hello.")
    heard = voice.ask(only(name), turns, stream=stream, system="Be brief.")
    assert heard.text == sentence(name)
    assert (heard.stop, heard.calls, heard.thoughts, heard.lost) == ("end", [], "", [])
    assert (heard.provider, heard.headers["x-ark-model"]) == (name, upstream(name))
    assert heard.output_tokens == 16 and heard.input_tokens > 5
    sent = arrived(tower.fleet, name, heard.request_id)
    if voice.name == "responses" and name in RESPONSES:
        assert sent["target"].endswith("/v1/responses")
    else:
        assert sent["target"] == target_of(tower.fleet[name], stream)
    body = body_of(sent)
    assert "Say hello." in sent["body"] and "Be brief." in sent["body"]
    # In the body or in the path: Azure's deployments ignore what stands in the body.
    if name != "azure":
        assert body.get("model", upstream(name)) == upstream(name)


@STREAMED
@EVERYWHERE
def test_parallel_tools_and_their_results(tower, voice, name, stream):
    tools = ["get_weather", "get_time"]
    asked = voice.user("How is it in Rome, and when?")
    heard = voice.ask(only(name), asked, f"{name}=calls:2", stream, tools)
    assert heard.stop == "calls" and heard.lost == []
    assert [(c.name, c.arguments) for c in heard.calls] == [(t, {"city": "example"}) for t in tools]
    assert len({call.id for call in heard.calls}) == 2
    if stream:
        assert heard.argument_pieces > 2 or name in WHOLE_CALLS
    turns = asked + heard.turn + voice.results(heard.calls)
    told = voice.ask(only(name), turns, stream=stream, tools=tools)
    assert told.text.startswith(f"This is {name} answering as {upstream(name)}: [2 tool results]")
    assert told.stop == "end" and told.lost == []
    sent = arrived(tower.fleet, name, told.request_id)
    for word in ("get_weather: sunny", "get_time: sunny", "example", "Tells the weather."):
        assert word in sent["body"], word


@EVERYWHERE
def test_usage_with_cached_tokens(voice, name):
    # Every other provider streams; what is counted is tested for both elsewhere.
    stream = NAMES.index(name) % 2 == 0
    script = f"{name}=prompt-tokens:100+cached:40+chunks:5"
    heard = voice.ask(only(name), voice.user("Say hello."), script, stream)
    assert (heard.input_tokens, heard.output_tokens) == (100, 5)
    assert heard.cached_tokens == (0 if name in NO_CACHE else 40)


@STREAMED
@pytest.mark.parametrize("name", ["anthropic", "bedrock", "openai", "gemini", "mistral", "kimi"])
def test_an_answer_that_is_cut_off_says_so(voice, name, stream):
    bound = {"chat": "max_completion_tokens", "responses": "max_output_tokens"}
    # The API's least for Responses is 16.
    limit = {bound.get(voice.name, "max_tokens"): 16}
    heard = voice.ask(
        only(name), voice.user("Go on."), f"{name}=say:{'0123456 ' * 20}.", stream, **limit
    )
    assert heard.stop == "length" and heard.output_tokens == 16
    assert heard.text == "0123456 " * 16


@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_the_provider_is_in_the_headers(voices, name):
    voice = voices["chat"]
    heard = voice.ask(only(name), voice.user("Hello."))
    own = (
        "openai-organization",
        "openai-project",
        "anthropic-",
        "x-amzn-",
        "x-goog-",
        "x-ratelimit-",
        "x-envoy-",
        "set-cookie",
    )
    own += ("alt-svc", "server-timing", "x-groq", "x-mistral")
    assert [header for header in heard.headers if header.startswith(own)] == []
    assert heard.headers["server"] == "ark"
