"""What a provider's answer says and the client's dialect cannot: told in the header, or counted."""

from collections.abc import Iterator

import httpx
import pytest

from harness import config
from harness.stack import Stack, make_stack
from harness.teller import Teller
from harness.voices import VOICES
from harness.waiting import eventually

# A golden answer, what of it no other dialect says, and whether that comes before a stream's words.
LOSSES = [
    ("anthropic", "web-search", "answer.server_tools", True),
    ("anthropic", "citations", "answer.annotations", False),
    ("gemini", "grounding", "answer.annotations", False),
    ("gemini", "image-output", "answer.images", False),
    ("openai", "citations", "answer.annotations", False),
]
OWN = {"chat": "openai", "messages": "anthropic", "responses": None}


@pytest.fixture(scope="module")
def teller() -> Iterator[Teller]:
    teller = Teller()
    yield teller
    teller.go.set()
    teller.stop()


@pytest.fixture(scope="module")
def telling(teller: Teller) -> Iterator[Stack]:
    kinds = {"openai": "/openai/v1", "anthropic": "/anthropic/v1", "gemini": "/gemini/v1beta"}

    def text(fleet) -> str:
        providers = [
            {"name": name, "kind": name, "endpoint": teller.url + path, "tier": "official"}
            for name, path in kinds.items()
        ]
        # It has no Responses.
        providers[0] |= {"kind": "openai-compatible", "vendor": "vllm"}
        models = []
        for provider, feature, *_ in LOSSES:
            for policy in ("warn", "allow"):
                model = config.model(f"{policy}-{provider}-{feature}", [provider])
                model["targets"][0]["model"] = feature
                model["targets"][0]["default_max_tokens"] = 100
                models.append(model | {"on_loss": policy})
        return config.text([*providers, config.provider(fleet["official"])], models)

    with make_stack({"official": "openai"}, text) as stack:
        yield stack


def counted(stack: Stack, provider: str, field: str) -> float:
    return stack.metric("ark_translation_losses_total", provider=provider, field=field)


@pytest.mark.parametrize("policy", ["warn", "allow"])
@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize(("provider", "feature", "field", "early"), LOSSES)
@pytest.mark.parametrize("dialect", list(VOICES))
def test_a_loss_of_an_answer_is_told(
    telling, dialect, provider, feature, field, early, stream, policy
):
    voice, before = VOICES[dialect](telling), counted(telling, provider, field)
    passes = OWN[dialect] == provider
    model = f"{policy}-{provider}-{feature}"
    # What the SDKs do with a body of their own dialect is theirs: here its bytes pass.
    heard = voice.ask(model, voice.user("Hello."), stream=stream)
    voice.close()
    told = heard.headers.get("x-ark-translation", "")
    if passes or policy == "allow":
        assert told == ""
    elif told or early or not stream:
        # What comes after a stream's first words is told only if it came together with them.
        assert told.startswith("lossy; dropped=") and field in told.partition("=")[2].split(",")
    if passes:
        assert counted(telling, provider, field) == before
    else:
        eventually(
            lambda: counted(telling, provider, field) == before + 1, 5, f"{field} is counted"
        )


def test_a_loss_behind_the_first_words_is_counted_and_logged(teller, telling):
    """The head has gone: there is no header any more that could tell."""
    before = counted(telling, "gemini", "answer.annotations")
    asked = {"model": "warn-gemini-grounding", "messages": [{"role": "user", "content": "Hello."}]}
    teller.go.clear()
    with httpx.stream(
        "POST",
        telling.url + "/v1/chat/completions",
        json=asked | {"stream": True},
        headers={"authorization": f"Bearer {config.DEMO_KEY}"},
        timeout=30,
        trust_env=False,
    ) as answer:
        assert answer.status_code == 200 and "x-ark-translation" not in answer.headers
        teller.go.set()
        assert answer.read().endswith(b"data: [DONE]\n\n")
    eventually(
        lambda: counted(telling, "gemini", "answer.annotations") == before + 1,
        5,
        "the loss is counted",
    )
    word = "answer.annotations of gemini's streamed answer cannot be said to the client"
    eventually(lambda: word in dict(telling.logs())["envoy"], 5, "the loss is logged")


def test_what_a_provider_says_to_browsers_and_of_itself_stays_with_ark(telling):
    voice = VOICES["chat"](telling)
    heard = voice.ask("warn-anthropic-citations", voice.user("Hello."))
    voice.close()
    assert not {"x-frame-options", "openai-processing-ms"} & set(heard.headers)
