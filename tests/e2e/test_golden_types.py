"""The golden translations in the hands of the official SDKs: each answer that a story shows is what the
client's own SDK takes, strictly validated, and each request that it shows is what the provider's SDK would
send. No gateway runs: the SDK's transport answers with the story's bytes.
"""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import anthropic
import httpx
import httpx2
import openai
import pytest
from google import genai
from google.genai import types as google
from anthropic.types import message_create_params as anthropic_params
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types import responses as openai_responses
from openai.types.chat import completion_create_params as openai_params
from pydantic import BaseModel, ConfigDict, TypeAdapter
from pydantic.alias_generators import to_camel

GOLDEN = Path(__file__).parents[2] / "dialect/tests/golden"
SECTION = re.compile(r"^## to (\S+)([^\n]*)\n\n```(?:json)?\n(.*?)\n```$", re.DOTALL | re.MULTILINE)
PROMPT = [{"role": "user", "content": "Hello!"}]
# Providers whose requests have a type in an SDK; Anthropic's no longer has what its older models take.
ASKED = {
    "openai": (openai_params.CompletionCreateParams, set()),
    "azure-openai": (openai_params.CompletionCreateParams, set()),
    "anthropic": (anthropic_params.MessageCreateParams, {"temperature", "top_p", "top_k"}),
}


class GeminiRequest(BaseModel):
    """The body of `generateContent`, made of the types of Google's SDK, which take nothing else."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel)

    contents: list[google.Content]
    system_instruction: google.Content | None = None
    tools: list[google.Tool] | None = None
    tool_config: google.ToolConfig | None = None
    generation_config: google.GenerationConfig | None = None
    service_tier: google.ServiceTier | None = None


class Told(NamedTuple):
    """One section of a story: what a provider is sent, or what a client gets."""

    story: Path
    to: str
    note: str
    text: str

    @property
    def feature(self) -> str:
        return self.story.name.split(".")[0]

    @property
    def is_stream(self) -> bool:
        return not self.story.name.endswith(".json.md")

    @property
    def is_error(self) -> bool:
        return self.note.startswith(" (an error")


def told(folder: str) -> Iterator[Any]:
    for story in sorted((GOLDEN / folder).glob("*/*.md")):
        for to, note, text in SECTION.findall(story.read_text()):
            where = f"{story.parent.name}/{story.name.removesuffix('.md')}-to-{to}"
            yield pytest.param(Told(story, to, note, text), id=where)


def answers(*, error: bool, stream: bool | None = None) -> list[Any]:
    kinds = [p for p in told("answers") if p.values[0].is_error == error]
    assert kinds, "no story: bless them"
    return [p for p in kinds if stream is None or p.values[0].is_stream == stream]


def sdk(one: Told, status: int = 200) -> Any:
    """The client's SDK, which gets the story's bytes whatever it asks, and takes nothing on trust."""
    streams = one.is_stream and not one.is_error
    # The first line of an error is its class, for readers of the story.
    text = one.text + "\n\n" if streams else one.text.split("\n", one.is_error)[-1]
    kind = "text/event-stream" if streams else "application/json"
    make, transport = openai.OpenAI, httpx
    if one.to == "messages":
        make, transport = anthropic.Anthropic, httpx2
    reply = transport.Response(status, text=text, headers={"content-type": kind})
    http = transport.Client(transport=transport.MockTransport(lambda _: reply))
    # OpenAI's type of a completion does not know that its streams say null until the last event.
    strict = not (streams and one.to == "completions")
    return make(api_key="k", http_client=http, max_retries=0, _strict_response_validation=strict)


def ask(client: Any, to: str, **more: object) -> Any:
    """Asks as `to` does; with `stream`, the events one by one."""
    match to:
        case "chat":
            return client.chat.completions.create(model="m", messages=PROMPT, **more)
        case "responses":
            return client.responses.create(model="m", input="Hello!", **more)
        case "completions":
            return client.completions.create(model="m", prompt="Hello!", **more)
        case "messages":
            return client.messages.create(model="m", messages=PROMPT, max_tokens=9, **more)
    raise AssertionError(to)


def events(one: Told) -> list[Any]:
    """The events of a stream, until one that says that it failed."""
    got = []
    for event in ask(sdk(one), one.to, stream=True):
        if getattr(event, "type", None) in ("response.failed", "error"):
            raise openai.APIError("it failed", httpx.Request("POST", "/"), body=None)
        got.append(event)
    return got


def end(one: Told) -> str:
    """Why the whole answer ended that the SDK puts together from the stream."""
    client = sdk(one)
    match one.to:
        case "chat":
            state = ChatCompletionStreamState()
            for chunk in ask(client, one.to, stream=True):
                with suppress(
                    openai.LengthFinishReasonError, openai.ContentFilterFinishReasonError
                ):
                    state.handle_chunk(chunk)
            return state.current_completion_snapshot.choices[0].finish_reason
        case "responses":
            last = events(one)[-1]
            assert last.type == f"response.{last.response.status}"
            return last.response.status
        case "messages":
            with client.messages.stream(model="m", messages=PROMPT, max_tokens=9) as stream:
                return stream.get_final_message().stop_reason
        case "completions":
            return next(c.finish_reason for e in events(one) for c in e.choices if c.finish_reason)
    raise AssertionError(one.to)


@pytest.mark.parametrize("one", answers(error=False, stream=False))
def test_whole_answers_have_the_sdks_types(one: Told):
    answer = ask(sdk(one), one.to)
    assert answer.id and answer.model


@pytest.mark.parametrize("one", answers(error=False, stream=True))
def test_streams_have_the_sdks_types_and_its_accumulator_takes_them(one: Told):
    if one.feature.startswith(("error-", "truncated-", "empty-")):
        with pytest.raises((openai.APIError, anthropic.APIError)) as failed:
            events(one)
        assert failed.value.message
        return
    assert events(one)
    assert end(one)


@pytest.mark.parametrize("one", answers(error=True))
def test_errors_are_read_by_the_sdks(one: Told):
    with pytest.raises((openai.APIStatusError, anthropic.APIStatusError)) as failed:
        ask(sdk(one, status=500), one.to)
    body = failed.value.body
    error = body.get("error", body) if isinstance(body, dict) else {}
    assert error["message"] and error["type"], body


@pytest.mark.parametrize("one", [p for p in told("asks") if p.values[0].to in ASKED])
def test_requests_have_the_sdks_types(one: Told):
    body = json.loads(one.text)
    params, older = ASKED[one.to]
    if "input" in body and one.story.parent.name != "embeddings":
        params = openai_responses.response_create_params.ResponseCreateParams
    forms = [f for form in params.__args__ for f in (form, *form.__orig_bases__)]
    known = set().union(*(form.__annotations__ for form in forms))
    assert set(body) - known - older == set()
    walk(adapter(params).validate_python({k: v for k, v in body.items() if k not in older}))


@pytest.mark.parametrize("one", [p for p in told("asks") if p.values[0].to == "gemini"])
def test_requests_have_the_types_of_googles_sdk(one: Told):
    body = json.loads(one.text)
    if one.story.parent.name == "embeddings":
        bodies = body.get("requests", [body])
        assert all(google.Content.model_validate(each["content"]).parts for each in bodies)
        return
    read = GeminiRequest.model_validate(body)
    assert all(content.parts and content.role in ("user", "model") for content in read.contents)


# What Google's SDK sends where a story's client asks the same.
ASKED_OF_GOOGLE: dict[str, google.GenerateContentConfig | None] = {
    "text": None,
    "system": google.GenerateContentConfig(system_instruction="You are a terse geographer."),
    "seed": google.GenerateContentConfig(seed=42),
    "penalties": google.GenerateContentConfig(frequency_penalty=0.5, presence_penalty=-0.25),
}


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize("feature", ASKED_OF_GOOGLE)
def test_googles_sdk_sends_the_same(feature, stream):
    asked = json.loads(read_asked(GOLDEN / "asks/chat" / f"{feature}.json"))
    user = next(m["content"] for m in asked["messages"] if m["role"] == "user")
    seen = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        text = json.dumps({"candidates": [{"content": {"parts": [{"text": "Hi"}]}}]})
        if stream:
            return httpx.Response(200, text=f"data: {text}\n\n")
        return httpx.Response(200, text=text, headers={"content-type": "application/json"})

    http = httpx.Client(transport=httpx.MockTransport(answer))
    client = genai.Client(api_key="k", http_options=google.HttpOptions(httpx_client=http))
    config = ASKED_OF_GOOGLE[feature]
    call = client.models.generate_content_stream if stream else client.models.generate_content
    got = call(model="gemini-2.5-flash", contents=user, config=config)
    assert [part.text for part in got] == ["Hi"] if stream else got.text == "Hi"
    (request,) = seen
    method = "streamGenerateContent" if stream else "generateContent"
    assert request.url.path.endswith(f"/models/gemini-2.5-flash:{method}")
    assert request.url.params.get("alt") == ("sse" if stream else None)
    assert request.headers["x-goog-api-key"] == "k"
    (told_of,) = [p.values[0] for p in told("asks") if p.id == f"chat/{feature}-to-gemini"]
    assert said(json.loads(told_of.text)) == said(json.loads(request.content))


def read_asked(file: Path) -> str:
    return "".join(ln for ln in file.read_text().splitlines(True) if not ln.startswith("// "))


def said(body: dict) -> dict:
    """A request without what says nothing: Google's SDK names the user's role everywhere."""
    body.get("systemInstruction", {}).pop("role", None)
    return {name: value for name, value in body.items() if value != {}}


@cache
def adapter(params: Any) -> TypeAdapter[Any]:
    """Made once: it is slow to make, and must live as long as what it has validated is walked."""
    return TypeAdapter(params)


def walk(value: Any) -> None:
    """Looks at everything: Pydantic checks the elements of an Iterable only then."""
    if isinstance(value, dict):
        value = value.values()
    elif isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
        return
    for element in value:
        walk(element)
