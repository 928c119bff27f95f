"""The official `openai` Python SDK against the gateway: what an application's developer sees."""

import asyncio
import json

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from harness import estate
from harness.client import PROMPT
from harness.config import DEMO_KEY, only, pair
from harness.stack import Stack

MODEL = "gpt-4o-mini"
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "required": ["city"],
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        },
    },
}


@pytest.fixture
def sdk(stack: Stack):
    """The SDK with its own retries off: it is the gateway that is tested."""
    with make_sdk(stack) as client:
        yield client


def make_sdk(stack: Stack, key: str = DEMO_KEY, **more: object) -> OpenAI:
    return OpenAI(api_key=key, base_url=stack.url + "/v1", max_retries=0, timeout=30, **more)


def script(behaviour: str) -> dict[str, str]:
    return {"x-demo-script": behaviour}


def test_chat(sdk):
    answer = sdk.chat.completions.create(model=MODEL, messages=PROMPT)
    assert answer.object == "chat.completion"
    assert answer.choices[0].message.content.startswith("This is official answering as")
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + 16


def test_headers_of_an_answer_say_who_answered_and_as_what(sdk):
    raw = sdk.chat.completions.with_raw_response.create(
        model=pair("official", "azure"),
        messages=PROMPT,
        extra_headers=script("official=status:500"),
    )
    assert raw.headers["x-ark-provider"] == "azure"
    assert raw.headers["x-ark-model"] == "azure-model"
    assert raw.headers["x-ark-attempts"] == "2"
    assert raw.headers["x-ark-cache"] == "off"
    assert len(raw.headers["x-ark-snapshot"]) == 12
    assert raw.headers["x-request-id"]
    # The SDK's own way to the id, which people quote to their operator.
    assert raw.parse()._request_id == raw.headers["x-request-id"]


def test_nothing_of_the_provider_is_in_the_headers(sdk):
    for provider in ("official", "azure"):
        raw = sdk.chat.completions.with_raw_response.create(model=only(provider), messages=PROMPT)
        for name in (
            "set-cookie",
            "alt-svc",
            "openai-organization",
            "openai-project",
            "x-ratelimit-limit-tokens",
            "x-ratelimit-limit-requests",
            "x-envoy-upstream-service-time",
        ):
            assert name not in raw.headers, (provider, name)
        assert not raw.headers["x-request-id"].startswith("req_")
        assert raw.headers.get("server") not in ("cloudflare", "envoy")


@pytest.mark.parametrize("provider", ["official", "azure"])
@pytest.mark.parametrize("asked", [True, False, None])
def test_a_stream_has_the_usage_chunk_only_when_asked(sdk, stack, provider, asked):
    options = {} if asked is None else {"stream_options": {"include_usage": asked}}
    with sdk.chat.completions.create(
        model=only(provider), messages=PROMPT, stream=True, **options
    ) as stream:
        request_id = stream.response.headers["x-request-id"]
        chunks = list(stream)
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text.startswith(f"This is {provider} answering as {provider}-model")
    with_usage = [chunk for chunk in chunks if chunk.usage]
    if asked:
        assert len(with_usage) == 1 and with_usage[0] is chunks[-1]
        assert with_usage[0].choices == [] and with_usage[0].usage.completion_tokens == 16
    else:
        assert with_usage == []
    # The gateway always asks: it must know what it cost.
    (sent,) = stack.fleet.seen(provider, request_id)
    assert json.loads(sent["body"])["stream_options"] == {"include_usage": True}


def test_tools_in_one_answer(sdk):
    answer = sdk.chat.completions.create(model=MODEL, messages=PROMPT, tools=[WEATHER])
    (call,) = answer.choices[0].message.tool_calls
    assert answer.choices[0].finish_reason == "tool_calls"
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments) == {"city": "example"}
    result = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
    asked = answer.choices[0].message.model_dump(exclude_none=True)
    spoken = sdk.chat.completions.create(
        model=MODEL, messages=[*PROMPT, asked, result], tools=[WEATHER]
    )
    assert spoken.choices[0].message.content


def test_tools_streamed(sdk):
    arguments, names = "", []
    for chunk in sdk.chat.completions.create(
        model=MODEL, messages=PROMPT, tools=[WEATHER], stream=True
    ):
        for call in chunk.choices[0].delta.tool_calls or []:
            names += [call.function.name] if call.function.name else []
            arguments += call.function.arguments or ""
    assert names == ["get_weather"]
    assert json.loads(arguments) == {"city": "example"}


def test_the_sdks_own_stream_helper(sdk):
    with sdk.chat.completions.stream(model=MODEL, messages=PROMPT, tools=[WEATHER]) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].message.tool_calls[0].function.name == "get_weather"


def test_json_mode_and_json_schema(sdk):
    answer = sdk.chat.completions.create(
        model=MODEL, messages=PROMPT, response_format={"type": "json_object"}
    )
    assert json.loads(answer.choices[0].message.content)["provider"] == "official"
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "number", "schema": schema}}
    answer = sdk.chat.completions.create(model=MODEL, messages=PROMPT, response_format=wanted)
    assert json.loads(answer.choices[0].message.content) == {"n": 1}


def test_embeddings_in_both_encodings(sdk):
    wanted = {"model": "text-embedding-3-small", "input": ["one", "two"], "dimensions": 8}
    # The SDK asks for base64 by itself and decodes it.
    decoded = sdk.embeddings.create(**wanted)
    floats = sdk.embeddings.create(encoding_format="float", **wanted)
    assert [len(entry.embedding) for entry in decoded.data] == [8, 8]
    for one, other in zip(decoded.data, floats.data, strict=True):
        assert one.embedding == pytest.approx(other.embedding, abs=1e-6)
    raw = sdk.embeddings.with_raw_response.create(encoding_format="base64", **wanted)
    assert isinstance(json.loads(raw.text)["data"][0]["embedding"], str)


def test_completions_whole_and_streamed(sdk):
    wanted = {"model": "gpt-3.5-turbo-instruct", "prompt": "Once", "max_tokens": 6}
    whole = sdk.completions.create(**wanted)
    assert whole.object == "text_completion" and whole.choices[0].finish_reason == "length"
    chunks = list(sdk.completions.create(stream=True, **wanted))
    assert "".join(c.choices[0].text for c in chunks) == whole.choices[0].text
    assert all(chunk.usage is None for chunk in chunks)


def test_models_are_those_that_the_key_may_use(sdk, stack):
    everything = [model.id for model in sdk.models.list()]
    assert everything == sorted(everything)
    assert set(everything) == {model["name"] for model in estate.models(stack.fleet)}
    assert sdk.models.retrieve(MODEL).id == MODEL
    with make_sdk(stack, estate.NARROW) as narrow:
        assert [m.id for m in narrow.models.list()] == [only("azure"), only("official")]
        with pytest.raises(openai.NotFoundError) as failure:
            narrow.models.retrieve(MODEL)
        assert failure.value.code == "model_not_found"


def test_the_key_may_come_as_x_api_key(stack):
    own = {"x-api-key": DEMO_KEY, "Authorization": openai.Omit()}
    with make_sdk(stack, "unused") as sdk:
        assert sdk.chat.completions.create(model=MODEL, messages=PROMPT, extra_headers=own).choices


@pytest.mark.parametrize(
    ("kind", "code", "change"),
    [
        (openai.AuthenticationError, "invalid_key", {"key": "sk-nobody"}),
        (openai.PermissionDeniedError, "model_not_allowed", {"key": estate.NARROW}),
        (openai.NotFoundError, "model_not_found", {"model": "gpt-9"}),
        (openai.InternalServerError, "provider_error", {"script": "*=status:500"}),
        (openai.InternalServerError, "provider_auth", {"script": "*=status:401"}),
        (openai.InternalServerError, "provider_overloaded", {"script": "*=status:429"}),
        (openai.InternalServerError, "provider_timeout", {"script": "*=hang", "model": "hasty"}),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_error_classes(stack, kind, code, change, streamed):
    with make_sdk(stack, change.get("key", DEMO_KEY)) as sdk, pytest.raises(kind) as failure:
        sdk.chat.completions.create(
            model=change.get("model", MODEL),
            messages=PROMPT,
            stream=streamed,
            extra_headers=script(change.get("script", "*=ok")),
        )
    assert failure.value.code == code
    assert failure.value.request_id


STATUSES = {"provider_error": 502, "provider_auth": 502, "provider_overloaded": 503}


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [("500", "provider_error"), ("403", "provider_auth"), ("529", "provider_overloaded")],
)
def test_the_status_says_what_failed(sdk, behaviour, code):
    with pytest.raises(openai.APIStatusError) as failure:
        sdk.chat.completions.create(
            model=MODEL, messages=PROMPT, extra_headers=script(f"*=status:{behaviour}")
        )
    assert (failure.value.status_code, failure.value.code) == (STATUSES[code], code)
    assert failure.value.type == "server_error"


def test_a_bad_request_names_the_field(sdk):
    with pytest.raises(openai.BadRequestError) as failure:
        sdk.chat.completions.create(model=MODEL, messages=PROMPT, stream="yes")
    assert (failure.value.param, failure.value.code) == ("stream", "invalid_request")
    # What only the provider can judge comes from there, in the same form.
    with pytest.raises(openai.BadRequestError) as failure:
        sdk.chat.completions.create(model=MODEL, messages=[])
    assert (failure.value.param, failure.value.code) == ("messages", "empty_array")


def test_a_rate_limit_says_when_to_come_back(stack):
    with make_sdk(stack, estate.POLITE) as sdk:
        for _ in range(2):
            sdk.chat.completions.create(model=MODEL, messages=PROMPT)
        with pytest.raises(openai.RateLimitError) as failure:
            sdk.chat.completions.create(model=MODEL, messages=PROMPT)
    headers = failure.value.response.headers
    assert failure.value.code == "rate_limited" and failure.value.type == "rate_limit_error"
    # 30 in a minute: the next may come within two seconds.
    assert 1 <= int(headers["retry-after"]) <= 2
    assert headers["x-ratelimit-limit-requests"] == "30"
    assert headers["x-ratelimit-remaining-requests"] == "0"
    assert headers["x-ratelimit-reset-requests"].endswith("ms")


def test_fifty_streams_at_once(stack):
    async def one(client: AsyncOpenAI, number: int) -> str:
        text = ""
        model = only(estate.NAMES[number % len(estate.NAMES)])
        async for chunk in await client.chat.completions.create(
            model=model,
            messages=PROMPT,
            stream=True,
            extra_headers=script(f"*=chunks:{20 + number}+chunk-delay:5"),
        ):
            text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
        return f"{model}: {text}"

    async def fifty() -> list[str]:
        async with AsyncOpenAI(
            api_key=DEMO_KEY, base_url=stack.url + "/v1", max_retries=0, timeout=30
        ) as client:
            return await asyncio.gather(*(one(client, number) for number in range(50)))

    for number, answer in enumerate(asyncio.run(fifty())):
        provider = estate.NAMES[number % len(estate.NAMES)]
        assert answer.startswith(f"{only(provider)}: This is {provider} answering as")
        # The sentence, word by word: nothing lost, nothing of another stream.
        assert len(answer.split(": ", 2)[2].replace(".", " .").split()) == 20 + number - 6
