"""The endpoints beside conversations: completions, embeddings, counted tokens, and the models."""

import anthropic
import openai
import pytest

from harness.arrived import arrived, body_of
from harness.config import DEMO_KEY, only
from harness.polyglot import NAMES, upstream
from harness.wanted import scripted

# Vendors whose models are chat models only: a completion becomes a turn of a chat there.
TRANSLATED = ["anthropic", "gemini", "vertex", "bedrock", "deepseek", "kimi", "mistral", "groq"]
NATIVE = ["openai", "azure", "azure-v1", "qwen", "vllm"]
EMBEDDING = ["openai", "azure", "azure-v1", "gemini", "qwen", "mistral", "vllm"]
NOT_EMBEDDING = ["anthropic", "bedrock", "vertex", "deepseek", "kimi", "groq", "minimax"]
COUNTED = ["anthropic", "gemini", "vertex"]
ESTIMATED = ["openai", "azure", "bedrock", "deepseek"]
PROMPT = [{"role": "user", "content": "Count these words."}]


@pytest.fixture
def sdk(voices):
    """OpenAI's SDK."""
    return voices["chat"].sdk


@pytest.fixture
def claude(voices):
    """Anthropic's SDK."""
    return voices["messages"].sdk


@pytest.mark.parametrize("name", NATIVE + TRANSLATED)
def test_a_completion_whole_and_streamed(tower, sdk, name):
    asked = {"model": only(name), "prompt": "Once upon a time", "max_tokens": 64}
    raw = sdk.completions.with_raw_response.create(**asked)
    whole = raw.parse()
    assert whole.object == "text_completion"
    assert whole.choices[0].text.startswith(f"This is {name} answering as {upstream(name)}: every")
    assert whole.choices[0].finish_reason == "stop" and whole.usage.completion_tokens == 16
    sent = arrived(tower.fleet, name, raw.headers["x-request-id"])
    assert "Once upon a time" in sent["body"]
    assert ("prompt" in body_of(sent)) == (name in NATIVE)
    chunks = list(
        sdk.completions.create(stream=True, stream_options={"include_usage": True}, **asked)
    )
    assert "".join(c.choices[0].text for c in chunks if c.choices) == whole.choices[0].text
    assert len(chunks) > 16 and chunks[-1].usage.completion_tokens == 16


@pytest.mark.parametrize("name", EMBEDDING)
def test_embeddings_in_both_encodings(tower, sdk, name):
    asked = {"model": only(name), "input": ["one", "two"]}
    if name in ("openai", "azure", "gemini"):
        asked["dimensions"] = 8
    # The SDK asks for base64 by itself and decodes it.
    raw = sdk.embeddings.with_raw_response.create(**asked)
    decoded = raw.parse()
    floats = sdk.embeddings.create(encoding_format="float", **asked)
    assert [entry.index for entry in decoded.data] == [0, 1]
    for one, other in zip(decoded.data, floats.data, strict=True):
        assert len(one.embedding) == asked.get("dimensions", len(other.embedding)) > 1
        assert one.embedding == pytest.approx(other.embedding, abs=1e-6)
    sent = arrived(tower.fleet, name, raw.headers["x-request-id"])
    end = ":batchEmbedContents" if name == "gemini" else "/embeddings"
    assert sent["target"].split("?")[0].endswith(end)
    assert '"two"' in sent["body"]


@pytest.mark.parametrize("name", NOT_EMBEDDING)
def test_embeddings_never_reach_who_makes_none(sdk, name):
    with pytest.raises(openai.BadRequestError) as failure:
        sdk.embeddings.create(model=only(name), input="one")
    assert failure.value.code == "unsupported"


@pytest.mark.parametrize("name", COUNTED)
def test_tokens_are_counted_by_the_provider(tower, claude, name):
    raw = claude.messages.with_raw_response.count_tokens(
        model=only(name),
        messages=PROMPT,
        system="Be brief.",
        extra_headers=scripted(f"{name}=prompt-tokens:321"),
    )
    assert raw.parse().input_tokens == 321
    assert "x-ark-translation" not in raw.headers
    sent = arrived(tower.fleet, name, raw.headers["x-request-id"])
    end = "/v1/messages/count_tokens" if name == "anthropic" else ":countTokens"
    assert sent["target"].endswith(end) and "Count these words." in sent["body"]


@pytest.mark.parametrize("name", ESTIMATED)
def test_tokens_are_estimated_aloud_where_nobody_counts(tower, claude, name):
    raw = claude.messages.with_raw_response.count_tokens(model=only(name), messages=PROMPT)
    assert 2 <= raw.parse().input_tokens <= 20
    assert raw.headers["x-ark-translation"] == "lossy; estimated=input_tokens"
    assert tower.fleet.seen(name, raw.headers["x-request-id"]) == []
    longer = [{"role": "user", "content": "Count these words. " * 100}]
    assert claude.messages.count_tokens(model=only(name), messages=longer).input_tokens > 200


def test_the_models_come_in_the_callers_own_form(tower, sdk, claude):
    openais, anthropics = list(sdk.models.list()), list(claude.models.list())
    names = [model.id for model in openais]
    assert names == [model.id for model in anthropics] == sorted(names)
    assert {only(name) for name in NAMES} < set(names)
    assert {model.type for model in anthropics} == {"model"}
    assert {model.object for model in openais} == {"model"}
    assert claude.models.retrieve(only("gemini")).display_name == only("gemini")
    with pytest.raises(anthropic.NotFoundError) as failure:
        claude.models.retrieve("claude-none")
    assert failure.value.body["error"]["type"] == "not_found_error"


def test_the_key_may_come_as_anthropics_own_header(tower):
    """Older releases of the SDK send `x-api-key`, newer ones a bearer token."""
    own = {"x-api-key": DEMO_KEY, "Authorization": anthropic.Omit()}
    with anthropic.Anthropic(base_url=tower.url, api_key="unused", max_retries=0) as sdk:
        answer = sdk.messages.create(
            model=only("openai"), max_tokens=100, messages=PROMPT, extra_headers=own
        )
        assert answer.content[0].text.startswith("This is openai")


def test_a_wrong_key_is_refused_in_the_callers_form(tower):
    for own in ({"x-api-key": "sk-nobody", "Authorization": anthropic.Omit()}, {}):
        with anthropic.Anthropic(base_url=tower.url, api_key="sk-no", max_retries=0) as sdk:
            with pytest.raises(anthropic.AuthenticationError) as failure:
                sdk.messages.create(
                    model=only("openai"), max_tokens=9, messages=PROMPT, extra_headers=own
                )
        error = failure.value.body["error"]
        assert error["type"] == "authentication_error"
        assert error["details"]["error_code"] == "invalid_key"
