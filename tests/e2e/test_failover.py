"""When a provider fails before its answer has begun, the next one answers and nobody notices."""

import json

import pytest

from harness import estate
from harness.client import CHAT, read_broken, said
from harness.config import only, pair
from harness.waiting import Stopwatch, eventually

# What the first provider does, and whether it means that both shall be tried with little patience.
FAULTS = [
    "reset",
    "status:500",
    "status:502",
    "status:503",
    "status:504",
    "status:529",
    "status:429",
    "status:401",
    "status:403",
    "hang",
    "error-200",
]
STREAM_FAULTS = [
    "first-event-error",
    "first-event-error:overloaded_error",
    "empty-stream",
    "cut:0",
    "first-event-error+comment-first",
    "first-event-error+split:1",
    "first-event-error+crlf",
]


def rewritten_for(provider: str, sent: dict, streamed: bool) -> None:
    """Checks that a provider received its own path, credential and name for the model."""
    headers, body = sent["headers"], json.loads(sent["body"])
    model = f"{provider}-model"
    if estate.KINDS[provider] == "openai":
        assert sent["target"] == "/v1/chat/completions"
        assert headers["authorization"] == f"Bearer key-{provider}"
        assert "api-key" not in headers
        assert body["model"] == model
    else:
        version = "?api-version=2024-10-21"
        assert sent["target"] == f"/openai/deployments/{model}/chat/completions{version}"
        assert headers["api-key"] == f"key-{provider}"
        assert "authorization" not in headers
    assert ("stream_options" in body) == streamed
    assert int(headers["content-length"]) == sent["body_bytes"]


def answered_by_the_second(stack, answer, first: str, second: str) -> None:
    assert answer.status == 200, answer.text
    assert answer.headers["x-ark-provider"] == second
    assert answer.headers["x-ark-model"] == f"{second}-model"
    assert answer.headers["x-ark-attempts"] == "2"
    (sent,) = stack.fleet.seen(second, answer.request_id)
    streamed = answer.headers["content-type"].startswith("text/event-stream")
    rewritten_for(second, sent, streamed)
    (failed,) = stack.fleet.seen(first, answer.request_id)
    rewritten_for(first, failed, streamed)


@pytest.mark.parametrize("streamed", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_moves_the_request_on(stack, client, fault, streamed):
    model = "hasty" if fault == "hang" else pair("official", "azure")
    answer = client.chat(model, f"official={fault}", stream=streamed)
    answered_by_the_second(stack, answer, "official", "azure")
    if streamed:
        assert said(answer.chunks).startswith("This is azure answering as azure-model")
    else:
        assert answer.json()["model"] == "azure-model"


def test_a_clients_query_goes_nowhere(stack, client):
    """What stands behind the path is the client's own; a provider has its own query or none."""
    path = CHAT + "?api-version=1999-01-01&key=secret"
    for first, second in [("official", "azure"), ("azure", "official"), ("official", "optimized")]:
        answer = client.chat(pair(first, second), f"{first}=status:500", path=path)
        answered_by_the_second(stack, answer, first, second)


@pytest.mark.parametrize("fault", STREAM_FAULTS)
@pytest.mark.parametrize("first", ["official", "azure"])
def test_a_stream_that_fails_in_its_first_event_moves_on(stack, client, first, fault):
    second = "optimized"
    model = pair(first, second)
    answer = client.chat(model, f"{first}={fault}", stream=True)
    answered_by_the_second(stack, answer, first, second)
    assert said(answer.chunks).startswith(f"This is {second}")
    # Nothing of the failed answer got through, not even its comments.
    assert b"error" not in answer.body and b"keep-alive" not in answer.body


@pytest.mark.parametrize("streamed", [False, True], ids=["json", "stream"])
def test_a_refused_connection_moves_the_request_on(stack, client, streamed):
    stack.fleet.control("official", down=True)
    answer = client.chat(pair("official", "azure"), stream=streamed)
    assert (answer.status, answer.headers["x-ark-provider"]) == (200, "azure")
    assert answer.headers["x-ark-attempts"] in ("1", "2")
    assert stack.fleet.seen("official", answer.request_id) == []


def test_three_providers_are_tried_and_no_fourth(stack, client):
    third = client.chat("all", "official=status:500, azure=reset")
    assert third.headers["x-ark-provider"] == "optimized"
    assert third.headers["x-ark-attempts"] == "3"
    assert stack.fleet.visited(third.request_id) == ["official", "azure", "optimized"]
    failed = client.chat("all", "*=status:500, domestic=ok")
    assert (failed.status, failed.error["code"]) == (502, "provider_error")
    assert failed.headers["x-ark-attempts"] == "3"
    assert stack.fleet.visited(failed.request_id) == ["official", "azure", "optimized"]


@pytest.mark.parametrize("streamed", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize(
    ("script", "status", "code"),
    [
        ("*=status:500", 502, "provider_error"),
        ("*=reset", 502, "provider_error"),
        ("*=error-200", 502, "provider_error"),
        ("*=status:401", 502, "provider_auth"),
        ("*=status:403", 502, "provider_auth"),
        ("*=status:429", 503, "provider_overloaded"),
        ("*=status:503", 503, "provider_overloaded"),
        ("*=status:529", 503, "provider_overloaded"),
        ("*=hang", 504, "provider_timeout"),
        # The last one to fail says what the client is told.
        ("official=status:401, azure=hang", 504, "provider_timeout"),
        ("official=hang, azure=status:429", 503, "provider_overloaded"),
    ],
)
def test_when_all_fail_the_code_says_how(stack, client, script, status, code, streamed):
    model = "hasty" if "hang" in script else pair("official", "azure")
    answer = client.chat(model, script, stream=streamed)
    assert (answer.status, answer.error["code"]) == (status, code)
    assert answer.error["type"] == "server_error"
    assert answer.headers["x-ark-attempts"] == "2"
    # Nothing of what the providers said, and nothing of what Envoy would say.
    for word in ("Rate limit reached", "Incorrect API key", "engine", "upstream", "no healthy"):
        assert word not in answer.text
    assert "azure" not in answer.text and "official" not in answer.text


def test_a_failing_stream_tells_the_gates_error(client):
    answer = client.chat(pair("official", "azure"), "*=first-event-error", stream=True)
    assert (answer.status, answer.error["code"]) == (502, "provider_error")


@pytest.mark.parametrize("streamed", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize("status", [400, 404, 409, 413, 422])
def test_the_clients_own_errors_are_not_retried(stack, client, status, streamed):
    script = f"official=status:{status}"
    answer = client.chat(pair("official", "azure"), script, stream=streamed)
    assert answer.status == status
    assert answer.error["message"] == "The request was refused."
    assert answer.error["type"] == "invalid_request_error"
    assert answer.headers["x-ark-attempts"] == "1"
    assert stack.fleet.visited(answer.request_id) == ["official"]


def test_azures_errors_come_in_openais_form(client):
    answer = client.chat(only("azure"), messages=[])
    assert (answer.status, answer.error["param"]) == (400, "messages")
    short = client.chat(only("azure"), "azure=status:404")
    assert (short.status, short.error["type"]) == (404, "invalid_request_error")


def test_our_bad_key_is_loud(stack, client):
    def refusals() -> float:
        return stack.metric("ark_credential_errors_total", provider="official", reason="refused")

    before = refusals()
    answer = client.chat(pair("official", "azure"), "official=status:401")
    assert (answer.status, answer.headers["x-ark-provider"]) == (200, "azure")
    eventually(lambda: refusals() == before + 1, 5, "the refused credential is counted")
    assert "refuses Ark's credential" in stack.sidecar.output()


def test_the_overall_budget_holds_whatever_attempts_remain(client):
    watch = Stopwatch()
    answer = client.chat("brief", "*=hang")
    assert (answer.status, answer.error["code"]) == (504, "provider_timeout")
    # One patience and a part of the second, not two: a deadline, with room for a slow machine.
    assert watch.seconds < 5
    # A stream that has begun ends when its time is over, and not as if it were whole.
    with client.streaming("brief", "*=chunks:1000+chunk-delay:20") as reply:
        assert reply.status_code == 200
        text = read_broken(reply)
    assert b"This" in text and watch.seconds < 10


def test_the_first_bytes_patience_does_not_bound_the_stream(client):
    """`hasty` waits 0.4 s for a first byte; this answer takes four times as long in all."""
    answer = client.chat("hasty", "*=chunks:30+chunk-delay:50", stream=True)
    assert answer.status == 200
    assert answer.headers["x-ark-attempts"] == "1"
    assert len(answer.chunks) == 32
