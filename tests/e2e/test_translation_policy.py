"""What a translation may lose, what a target can do, and how a client is told of either."""

import json
from collections.abc import Iterator

import openai
import pytest

from harness import config
from harness.arrived import arrived, body_of
from harness.config import pair
from harness.fleet import Fleet
from harness.heard import Refused
from harness.polyglot import model
from harness.stack import Stack, make_stack
from harness.voices import VOICES
from harness.waiting import eventually
from harness.wanted import PIXEL

KINDS = {"openai": "openai", "anthropic": "anthropic", "gemini": "gemini"}
POLICIES = ["reject", "warn", "allow"]
# A model per lack: its first and cheapest target has it, its second does not.
LACKS = {
    "images": {"images": False},
    "tools": {"tools": False},
    "json_schema": {"json_schema": False},
    "context": {"context_tokens": 300},
    "output": {"context_tokens": 300, "max_output_tokens": 200},
}
FIELDS = {
    # Where they stand, in OpenAI's words.
    "images": "messages",
    "tools": "tools",
    "json_schema": "response_format",
    "context": "messages",
    "output": "max_tokens",
}


def text(fleet: Fleet) -> str:
    providers = [config.provider(p) for p in fleet.providers.values()]
    models = []
    for policy in POLICIES:
        models.append(model(policy, ["anthropic"], on_loss=policy))
        models.append(model(f"{policy}-or", ["anthropic", "openai"], on_loss=policy))
    models.append(model("reject-openai", ["openai"], on_loss="reject"))
    for lack, capabilities in LACKS.items():
        for suffix, names in (("", ["anthropic"]), ("-or", ["anthropic", "openai"])):
            entry = model(f"no-{lack}{suffix}", names)
            target = entry["targets"][0]
            target["capabilities"] = capabilities
            target["default_max_tokens"] = 100
            models.append(entry)
    models += [model(f"only-{name}", [name]) for name in KINDS]
    # One for each test of what is counted: records of others may still be on their way.
    models += [model(f"counted-{voice}-{name}", [name]) for voice in VOICES for name in KINDS]
    models.append(model(pair("openai", "anthropic"), ["openai", "anthropic"]))
    return config.text(providers, models)


@pytest.fixture(scope="module")
def policy_stack() -> Iterator[Stack]:
    with make_stack(KINDS, text, scripted={"strict": True}) as stack:
        yield stack


@pytest.fixture(scope="module")
def speakers(policy_stack: Stack) -> Iterator[dict]:
    speakers = {name: voice(policy_stack) for name, voice in VOICES.items()}
    yield speakers
    for speaker in speakers.values():
        speaker.close()


@pytest.fixture(params=list(VOICES))
def speaker(speakers, request):
    return speakers[request.param]


def losses(stack: Stack, field: str) -> float:
    name = "ark_translation_losses_total"
    return stack.metric(name, provider="anthropic", field=field)


def counted(stack: Stack, field: str, before: float, times: int) -> None:
    eventually(lambda: losses(stack, field) == before + times, 5, f"the loss of {field} is counted")


def seen_nothing(stack: Stack, failure: Refused) -> bool:
    return stack.fleet.visited(failure.__cause__.response.headers["x-request-id"]) == []


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
def test_warn_tells_what_was_lost(policy_stack, speakers, stream):
    before = losses(policy_stack, "logprobs"), losses(policy_stack, "other")
    asked = {"logprobs": True, "seed": 3, "extra_body": {"my_field": 1}}
    chat = speakers["chat"]
    heard = chat.ask("warn", chat.user("Hello."), stream=stream, **asked)
    assert heard.headers["x-ark-translation"] == "lossy; dropped=seed,logprobs,my_field"
    assert heard.text.startswith("This is anthropic")
    sent = body_of(arrived(policy_stack.fleet, "anthropic", heard.request_id))
    assert not {"logprobs", "seed", "my_field"} & set(sent)
    counted(policy_stack, "logprobs", before[0], 1)
    # What only this client's dialect knows is one label, whatever it is called.
    counted(policy_stack, "other", before[1], 1)


def test_allow_counts_and_says_nothing(policy_stack, speakers):
    before, chat = losses(policy_stack, "seed"), speakers["chat"]
    heard = chat.ask("allow", chat.user("Hello."), seed=3)
    assert "x-ark-translation" not in heard.headers
    counted(policy_stack, "seed", before, 1)


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
def test_reject_names_the_field_and_asks_nobody(policy_stack, speakers, stream):
    chat = speakers["chat"]
    for asked, field in (
        ({"logprobs": True}, "logprobs"),
        ({"n": 2}, "n"),
        ({"seed": 3}, "seed"),
        ({"extra_body": {"my_field": 1}}, "my_field"),
    ):
        with pytest.raises(Refused) as failure:
            chat.ask("reject", chat.user("Hello."), stream=stream, **asked)
        assert (failure.value.status, failure.value.code) == (400, "lossy_translation")
        assert failure.value.body["param"] == field
        assert seen_nothing(policy_stack, failure.value)


def test_reject_in_anthropics_form(policy_stack, speakers):
    """A Messages client, at a model of OpenAI's kind that cannot say `top_k`."""
    speaker = speakers["messages"]
    with pytest.raises(Refused) as failure:
        speaker.ask("reject-openai", speaker.user("Hello."), extra_body={"top_k": 3})
    assert (failure.value.status, failure.value.code) == (400, "lossy_translation")
    assert failure.value.body["error"]["details"]["param"] == "top_k"


def test_reject_goes_to_whom_nothing_is_lost_on(policy_stack, speakers):
    chat = speakers["chat"]
    heard = chat.ask("reject-or", chat.user("Hello."), logprobs=True)
    assert heard.provider == "openai" and heard.lost == []
    # What all can say goes to the first.
    assert chat.ask("reject-or", chat.user("Hello.")).provider == "anthropic"
    # With `warn` the first is asked, and says what it could not.
    heard = chat.ask("warn-or", chat.user("Hello."), logprobs=True)
    assert heard.provider == "anthropic" and heard.lost == ["logprobs"]


def test_hints_are_no_reason_to_refuse(speakers):
    """The end user's name changes no answer: where it cannot be told, it is left out."""
    chat = speakers["chat"]
    heard = chat.ask("reject", chat.user("Hello."), service_tier="flex", user="somebody")
    assert heard.provider == "anthropic"


def asking_for(speaker, lack: str) -> dict:
    """A request that needs what a target lacks."""
    turns = speaker.user("word " * 400 if lack == "context" else "Well, as JSON?")
    if lack == "images":
        return {"turns": speaker.user("What is this?", PIXEL)}
    if lack == "tools":
        return {"turns": turns, "tools": ["get_weather"]}
    if lack == "json_schema":
        return {"turns": turns, "schema": True}
    if lack == "output":
        names = {"chat": "max_completion_tokens", "responses": "max_output_tokens"}
        return {"turns": turns, names.get(speaker.name, "max_tokens"): 250}
    return {"turns": turns}


@pytest.mark.parametrize("lack", list(LACKS))
def test_what_no_target_can_do_is_refused_by_name(policy_stack, speaker, lack):
    asked = asking_for(speaker, lack)
    if speaker.name == "messages" and lack == "context":
        asked["max_tokens"] = 10
    with pytest.raises(Refused) as failure:
        speaker.ask(f"no-{lack}", **asked)
    assert (failure.value.status, failure.value.code) == (400, "unsupported")
    body = failure.value.body
    param = body["error"]["details"]["param"] if speaker.name == "messages" else body["param"]
    assert param == FIELDS[lack]
    assert seen_nothing(policy_stack, failure.value)


@pytest.mark.parametrize("lack", list(LACKS))
def test_what_one_target_cannot_do_goes_to_the_other(policy_stack, speaker, lack):
    heard = speaker.ask(f"no-{lack}-or", **asking_for(speaker, lack))
    assert heard.provider == "openai" and heard.headers["x-ark-attempts"] == "1"
    assert policy_stack.fleet.visited(heard.request_id) == ["openai"]
    # The first is asked for what it can do.
    limits = {"max_tokens": 20} if speaker.name == "messages" else {}
    plain = speaker.ask(f"no-{lack}-or", speaker.user("Hello."), **limits)
    assert plain.provider == "anthropic"


def test_who_cannot_is_not_failed_over_to(policy_stack, speakers):
    """The one that can fails: better an error than an answer without the tools."""
    chat = speakers["chat"]
    with pytest.raises(Refused) as failure:
        chat.ask("no-tools-or", chat.user("Hello."), "openai=fail:server", tools=["get_weather"])
    assert (failure.value.status, failure.value.code) == (502, "provider_error")
    request_id = failure.value.__cause__.response.headers["x-request-id"]
    assert policy_stack.fleet.visited(request_id) == ["openai"]


@pytest.mark.parametrize("name", list(KINDS))
@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
def test_a_response_of_before_is_refused_clearly(policy_stack, speakers, name, stream):
    """Ark keeps nothing of a conversation, so there is nothing to go on from."""
    responses = speakers["responses"]
    with pytest.raises(Refused) as failure:
        responses.ask(
            f"only-{name}", responses.user("Go on."), stream=stream, previous_response_id="resp_1"
        )
    assert failure.value.status == 400 and failure.value.kind == "invalid_request_error"
    assert failure.value.body["param"] == "previous_response_id"
    assert seen_nothing(policy_stack, failure.value)


@pytest.mark.parametrize("asked", [None, True, False])
def test_no_provider_is_asked_to_keep_a_response(policy_stack, speakers, asked):
    responses = speakers["responses"]
    more = {} if asked is None else {"store": asked}
    heard = responses.ask("only-openai", responses.user("Hello."), **more)
    sent = body_of(arrived(policy_stack.fleet, "openai", heard.request_id))
    assert sent["store"] is False and sent["input"] == responses.user("Hello.")


def test_a_bad_request_is_named_before_anybody_is_asked(policy_stack, speakers):
    """What must be translated must be understood: what is wrong is the client's to know."""
    sdk = speakers["chat"].sdk
    for messages, field in (
        ([{"role": "judge", "content": "x"}], "messages[0].role"),
        (
            [{"role": "user", "content": [{"type": "image_url"}]}],
            "messages[0].content[0].image_url",
        ),
        ("hello", "messages"),
    ):
        with pytest.raises(openai.BadRequestError) as failure:
            sdk.chat.completions.create(model="only-anthropic", messages=messages)
        assert failure.value.code == "invalid_request"
        assert failure.value.param == field
        assert policy_stack.fleet.visited(failure.value.request_id) == []


@pytest.mark.parametrize("name", list(KINDS))
def test_tokens_are_counted_whatever_they_are_called(policy_stack, speaker, name):
    """The metrics and the client read the same numbers, cached ones included."""
    model_name = f"counted-{speaker.name}-{name}"

    def tokens(kind: str) -> float:
        labels = {"provider": name, "model": model_name, "kind": kind}
        return policy_stack.metric("ark_tokens_total", **labels)

    script = f"{name}=prompt-tokens:200+cached:90+chunks:7"
    for stream in (False, True):
        heard = speaker.ask(model_name, speaker.user("Hello."), script, stream)
        assert (heard.input_tokens, heard.output_tokens, heard.cached_tokens) == (200, 7, 90)
    eventually(
        lambda: [tokens(kind) for kind in ("input", "output", "cached")] == [400, 14, 180],
        5,
        "the tokens are counted",
    )


def test_marks_for_the_cache_arrive_and_are_counted(policy_stack, speakers):
    speaker = speakers["messages"]
    marked = [{"type": "text", "text": "Long. " * 50, "cache_control": {"type": "ephemeral"}}]
    turns = [{"role": "user", "content": marked}]
    heard = speaker.ask("only-anthropic", turns)
    assert heard.written_tokens > 50
    sent = arrived(policy_stack.fleet, "anthropic", heard.request_id)
    assert body_of(sent)["messages"][0]["content"][0]["cache_control"] == {"type": "ephemeral"}
    elsewhere = speaker.ask("only-openai", turns)
    assert elsewhere.lost == ["cache_control"]


def test_the_same_dialect_passes_as_it_is(policy_stack, speakers):
    """Field order, numbers and members that nobody knows stay, but for the model's name."""
    body = (
        '{"zebra": {"b": 1.50, "a": [1e3, 0.10]}, "max_tokens": 64,\n "model": "only-gemini",'
        ' "messages": [{"content": "Grüße", "role": "user"}]}'
    )
    client = policy_stack.client()
    for path, name, extra in (
        ("/v1/chat/completions", "openai", {}),
        ("/v1/messages", "anthropic", {"anthropic-version": "2023-06-01"}),
    ):
        own = body.replace("only-gemini", f"only-{name}")
        headers = {"content-type": "application/json"} | extra
        answer = client.send("POST", path, content=own.encode(), headers=headers)
        # The strict ones refuse the member: it is they who say so.
        assert answer.status == 400 and "zebra" in answer.text
        (sent,) = policy_stack.fleet.seen(name, answer.request_id)
        upstream = json.loads(sent["body"])["model"]
        assert sent["body"] == own.replace(f"only-{name}", upstream)
    client.close()
