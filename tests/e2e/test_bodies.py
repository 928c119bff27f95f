"""Large bodies: failed over intact, and limited to the byte."""

import contextlib
import hashlib
import http.client
import json

import pytest

from harness import estate
from harness.client import CHAT, chat_body, exchange_bytes, status_of
from harness.config import DEMO_KEY, only, pair

HEADERS = {"authorization": f"Bearer {DEMO_KEY}", "content-type": "application/json"}


def body_of(model: str, size: int, **more: object) -> bytes:
    """A chat completion of exactly `size` bytes."""
    empty = json.dumps(chat_body(model, messages=[{"role": "user", "content": ""}], **more))
    content = "0123456789abcdef" * (size // 16 + 1)
    filled = [{"role": "user", "content": content[: size - len(empty)]}]
    body = json.dumps(chat_body(model, messages=filled, **more)).encode()
    assert len(body) == size
    return body


def as_sent_to(provider: str, body: bytes, model: str) -> str:
    """The SHA-256 of the body that a provider must have received."""
    if estate.KINDS[provider] == "openai":
        # Only the model's name changes; every other byte stays.
        body = body.replace(json.dumps(model).encode(), f'"{provider}-model"'.encode(), 1)
    return hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize("megabytes", [2, 20])
@pytest.mark.parametrize("fault", ["status:500", "reset"])
def test_a_large_body_fails_over_intact(stack, client, megabytes, fault):
    for first, second in [("azure", "official"), ("official", "azure"), ("official", "optimized")]:
        model = pair(first, second)
        body = body_of(model, megabytes << 20)
        script = {"x-demo-script": f"{first}={fault}"}
        answer = client.send("POST", CHAT, content=body, headers=HEADERS | script)
        assert answer.status == 200, answer.text
        assert answer.headers["x-ark-provider"] == second
        for provider in (first, second):
            (seen,) = stack.fleet.seen(provider, answer.request_id)
            assert seen["body_sha256"] == as_sent_to(provider, body, model), provider


def test_a_large_body_that_is_asked_for_its_usage_arrives_intact(stack, client):
    body = body_of(only("azure"), 3 << 20, stream=True)
    answer = client.send("POST", CHAT, content=body, headers=HEADERS)
    assert answer.status == 200
    (seen,) = stack.fleet.seen("azure", answer.request_id)
    asked = body.replace(b"{", b'{"stream_options":{"include_usage":true},', 1)
    assert seen["body_sha256"] == hashlib.sha256(asked).hexdigest()


def post(stack, pieces, headers: dict[str, str], chunked: bool) -> http.client.HTTPResponse:
    """Sends a body piece by piece; a gateway that has heard enough may hang up in the middle."""
    wire = http.client.HTTPConnection("127.0.0.1", stack.gateway_port, timeout=30)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        wire.request("POST", CHAT, pieces, headers, encode_chunked=chunked)
    return wire.getresponse()


@pytest.mark.parametrize("over", [0, 1])
@pytest.mark.parametrize("chunked", [False, True], ids=["content-length", "chunked"])
def test_the_limit_is_exact(stack, over, chunked):
    body = body_of(only("official"), estate.BODY_LIMIT_BYTES + over)
    headers = dict(HEADERS)
    if chunked:
        headers["transfer-encoding"] = "chunked"
        content = (body[at : at + (1 << 18)] for at in range(0, len(body), 1 << 18))
    else:
        headers["content-length"] = str(len(body))
        content = body
    reply = post(stack, content, headers, chunked)
    answer = json.loads(reply.read())
    if not over:
        assert reply.status == 200, answer
        return
    assert reply.status == 413
    assert answer["error"]["code"] == "body_too_large"
    assert answer["error"]["type"] == "invalid_request_error"
    assert str(estate.BODY_LIMIT_BYTES) in answer["error"]["message"]


def test_a_body_far_over_the_limit_is_refused_before_it_is_sent(stack):
    """By its announced length, or once what came is too much; never by taking all of it in."""
    declared = HEADERS | {"content-length": str(1 << 40)}
    reply = post(stack, None, declared, chunked=False)
    assert reply.status == 413
    assert json.loads(reply.read())["error"]["code"] == "body_too_large"
    piece = b"x" * (1 << 20)
    endless = (piece for _ in range(200))
    reply = post(stack, endless, HEADERS | {"transfer-encoding": "chunked"}, chunked=True)
    assert reply.status == 413
    assert json.loads(reply.read())["error"]["code"] == "body_too_large"


def test_a_body_that_arrives_bit_by_bit_is_one_body(stack):
    body = json.dumps(chat_body("gpt-4o-mini")).encode()
    pieces = (body[at : at + 1] for at in range(len(body)))
    reply = post(stack, pieces, HEADERS | {"transfer-encoding": "chunked"}, chunked=True)
    assert reply.status == 200
    assert json.loads(reply.read())["object"] == "chat.completion"


def test_trailers_of_a_request_do_no_harm(stack):
    body = json.dumps(chat_body("gpt-4o-mini")).encode()
    request = b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ark-demo\r\n"
    request += b"transfer-encoding: chunked\r\ntrailer: x-t\r\n\r\n"
    request += b"%x\r\n%s\r\n0\r\nx-t: 1\r\n\r\n" % (len(body), body)
    assert status_of(exchange_bytes(stack.gateway_port, request)) == 200
