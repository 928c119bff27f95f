"""What strangers send over a raw socket: each is refused or harmless, and nothing of it gets past."""

import gzip
import json
import socket
import time

import pytest

from harness import config
from harness.client import chat_body
from harness.config import only
from harness.stack import make_stack
from harness.waiting import eventually

DEADLINE_S = 30

@pytest.fixture(scope="module")
def gate(shared_stack):
    shared_stack.check()
    shared_stack.fleet.restore()
    return shared_stack


POST = b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ark-demo\r\n"
MODEL = only("official")


def talk(port: int, request: bytes) -> bytes:
    """Sends bytes and reads until the gateway closes; it must, within the deadline."""
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S) as wire:
        try:
            wire.sendall(request)
        except (BrokenPipeError, ConnectionResetError):
            pass  # It has heard enough; what it said is still there to be read.
        answer = b""
        try:
            while piece := wire.recv(65536):
                answer += piece
        except ConnectionResetError:
            pass
        return answer


def statuses(answer: bytes) -> list[int]:
    """The statuses of all answers on a connection."""
    parts = answer.split(b"HTTP/1.1 ")[1:]
    return [int(part[:3]) for part in parts]


def post(body: bytes, more: bytes = b"") -> bytes:
    """A whole request, with these lines in its head, after which the connection is over."""
    return POST + more + b"content-length: %d\r\nconnection: close\r\n\r\n%s" % (len(body), body)


def chat(marker: str, **more: object) -> bytes:
    return json.dumps(chat_body(MODEL, messages=[{"role": "user", "content": marker}], **more)).encode()


def arrived(gate, marker: str) -> list[dict]:
    """What the one provider of all these requests has seen of a marker, in bodies and in heads."""
    seen = gate.fleet.seen("official")
    return [s for s in seen if marker in s["body"] or marker in json.dumps(s["headers"])]


def smuggled(marker: str) -> bytes:
    """A whole request that would be the next one on the connection."""
    return post(chat(marker))


# How a request says how long it is, in ways that two servers read as two lengths.
FRAMINGS = {
    "cl-te": b"content-length: 6\r\ntransfer-encoding: chunked\r\n",
    "te-cl": b"transfer-encoding: chunked\r\ncontent-length: 4\r\n",
    "te-te": b"transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n",
    "te-x": b"transfer-encoding: xchunked\r\n",
    "te-list": b"transfer-encoding: chunked, identity\r\n",
    "te-gzip": b"transfer-encoding: gzip, chunked\r\n",
    "te-tab": b"transfer-encoding:\tchunked\r\ncontent-length: 4\r\n",
    "te-space-colon": b"transfer-encoding : chunked\r\n",
    "te-quoted": b'transfer-encoding: "chunked"\r\n',
    "te-null": b"transfer-encoding: chunked\x00\r\n",
    "te-vertical": b"transfer-encoding: \x0bchunked\r\n",
    "te-folded": b"transfer-encoding:\r\n chunked\r\n",
    "te-name-folded": b"x: y\r\n\ttransfer-encoding: chunked\r\ncontent-length: 4\r\n",
    "cl-cl": b"content-length: 5\r\ncontent-length: 6\r\n",
    "cl-list": b"content-length: 5, 6\r\n",
    "cl-plus": b"content-length: +5\r\n",
    "cl-minus": b"content-length: -5\r\n",
    "cl-hex": b"content-length: 0x5\r\n",
    "cl-space": b"content-length: 5 6\r\n",
    "cl-space-colon": b"content-length : 5\r\n",
    "cl-empty": b"content-length: \r\n",
    "cl-huge": b"content-length: 18446744073709551621\r\n",
    "cl-folded": b"content-length:\r\n 5\r\n",
}


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_length_that_can_be_read_in_two_ways_is_no_length(gate, framing):
    marker = f"smuggled-{framing}"
    head = POST + FRAMINGS[framing] + b"\r\n"
    answer = talk(gate.gateway_port, head + b"0\r\n\r\n" + smuggled(marker))
    assert answer, "closed without a word"
    # One answer, a refusal, and the connection is over: nothing behind it is a request.
    assert len(statuses(answer)) == 1 and statuses(answer)[0] in (400, 413), answer
    assert arrived(gate, marker) == []


CHUNKS = {
    "size-plus": b"+5\r\nhello\r\n0\r\n\r\n",
    "size-hex": b"0x5\r\nhello\r\n0\r\n\r\n",
    "size-huge": b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    "size-minus": b"-1\r\nhello\r\n0\r\n\r\n",
    "size-space": b"5 5\r\nhello\r\n0\r\n\r\n",
    "no-end": b"5\r\nhelloX\r\n0\r\n\r\n",
    "end-without-cr": b"5\r\nhello\n0\r\n\r\n",
}


@pytest.mark.parametrize("chunk", CHUNKS)
def test_a_chunk_that_lies_ends_the_connection(gate, chunk):
    marker = f"behind-{chunk}"
    head = POST + b"transfer-encoding: chunked\r\n\r\n"
    answer = talk(gate.gateway_port, head + CHUNKS[chunk] + smuggled(marker))
    assert set(statuses(answer)) <= {400}, answer
    assert arrived(gate, marker) == []


HEADS = {
    "null": b"x-a: b\x00c\r\n",
    "bare-cr-name": b"x-a\r: b\r\n",
    "space-in-name": b"x a: b\r\n",
    "colon-less": b"x-a\r\n",
    "empty-name": b": b\r\n",
    "many": b"".join(b"x-%d: 1\r\n" % n for n in range(200)),
    "large": b"x-a: " + b"y" * 70_000 + b"\r\n",
    "large-name": b"x" * 70_000 + b": y\r\n",
}


@pytest.mark.parametrize("head", HEADS)
def test_heads_that_make_no_sense_do_not_pass(gate, head):
    answer = talk(gate.gateway_port, post(chat(f"head-{head}"), HEADS[head]))
    assert len(statuses(answer)) == 1 and statuses(answer)[0] in (400, 431), answer
    assert arrived(gate, f"head-{head}") == []


# What a lenient server may take for one header (RFC 9110, 5.5; RFC 9112, 5.2) must be one to all.
LENIENT = {
    "bare-cr": b"x-a: b\rx-c: d\r\n",
    "folded": b"x-a: b\r\n x-c: d\r\n",
    "folded-tab": b"x-a: b\r\n\tx-c: d\r\n",
    "second-host": b"host: b\r\n",
}


@pytest.mark.parametrize("head", LENIENT)
def test_heads_that_are_taken_leniently_mean_one_thing(gate, head):
    marker = f"lenient-{head}"
    answer = talk(gate.gateway_port, post(chat(marker), LENIENT[head]))
    assert len(statuses(answer)) == 1 and statuses(answer)[0] in (200, 400), answer
    for seen in arrived(gate, marker):
        assert "x-c" not in seen["headers"] and seen["headers"]["host"] not in ("a", "b")
        assert not any(c in json.dumps(seen["headers"]) for c in ("\\r", "\\n", "\\u0000"))


@pytest.mark.parametrize("end", [b"\n", b"\r"])
def test_lines_that_end_in_half_a_line_end_are_no_way_around(gate, end):
    """Servers may take a bare LF (RFC 9112, 2.2); what then counts is that it means one thing only."""
    marker = f"bare-{end.hex()}"
    body = chat(marker)
    head = (POST + b"x-ark-provider: nobody\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body))
    answer = talk(gate.gateway_port, head.replace(b"\r\n", end) + b"\r\n\r\n" + body)
    # Refused by the head's form, or by what the head says once its lines are read: never served.
    assert set(statuses(answer)) <= {400, 403, 408}, answer
    assert arrived(gate, marker) == []


REQUESTS = {
    "no-version": b"GET /v1/models\r\n\r\n",
    "http-0.9": b"GET /v1/models HTTP/0.9\r\nhost: a\r\n\r\n",
    "http-3": b"GET /v1/models HTTP/3.0\r\nhost: a\r\n\r\n",
    "no-host": b"GET /v1/models HTTP/1.1\r\nauthorization: Bearer ark-demo\r\n\r\n",
    "connect": b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nhost: 127.0.0.1:22\r\n\r\n",
    "trace": b"TRACE / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
    "space": b"GET  /v1/models HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
    "null": b"GET /v1/\x00models HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64 + b"\r\n\r\n",
    "h2-upgrade": b"GET /v1/models HTTP/1.1\r\nhost: a\r\nconnection: upgrade, http2-settings, close\r\n"
    b"upgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\n",
}


@pytest.mark.parametrize("request_line", REQUESTS)
def test_what_is_no_request_of_ours_gets_nothing(gate, request_line):
    answer = talk(gate.gateway_port, REQUESTS[request_line])
    assert set(statuses(answer)) <= {400, 401, 403, 404, 405, 426, 501}, answer
    assert b'"object"' not in answer


# Values that Ark copies into what it sends on or answers.
COPIED = ["x-ark-provider", "x-ark-priority", "x-ark-require", "anthropic-version", "x-request-id"]


@pytest.mark.parametrize("name", COPIED)
@pytest.mark.parametrize("evil", [b"a\rx-evil: 1", b"a\x00x-evil: 1", b"a\\r\\nx-evil: 1", b"a%0d%0ax-evil: 1"])
def test_a_header_is_never_two(gate, name, evil):
    answer = talk(gate.gateway_port, post(chat("copied"), name.encode() + b": " + evil + b"\r\n"))
    head = answer.split(b"\r\n\r\n")[0].lower()
    assert b"\r\nx-evil" not in head and b"\nx-evil" not in head, answer
    for seen in arrived(gate, "copied"):
        assert "x-evil" not in seen["headers"]


def test_a_model_name_is_never_a_header(gate):
    """A model's name comes back in messages only, and its control characters are escaped there."""
    body = json.dumps(chat_body("x\r\nx-evil: 1\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")).encode()
    answer = talk(gate.gateway_port, post(body))
    assert answer.count(b"\r\n\r\n") == 1 and b"\r\nx-evil" not in answer
    assert statuses(answer.split(b"\r\n\r\n")[0]) == [404]


def bomb() -> bytes:
    """Some 10 MB of blanks around a request, in some 10 KB."""
    return gzip.compress(chat("bomb")[:-1] + b" " * 10_000_000 + b"}")


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "deflate", "br", "zstd", "gzip, gzip", "identity, gzip"])
def test_packed_bodies_are_refused(gate, encoding):
    body = bomb() if "gzip" in encoding.lower() else chat("bomb")
    answer = talk(gate.gateway_port, post(body, b"content-encoding: " + encoding.encode() + b"\r\n"))
    assert statuses(answer)[:1] == [400] and b'"content-encoding"' in answer, answer
    assert arrived(gate, "bomb") == []


def test_a_body_that_says_identity_or_nothing_is_read(gate):
    for more in (b"content-encoding: identity\r\n", b""):
        assert statuses(talk(gate.gateway_port, post(chat("plain"), more))) == [200]
    twice = b"content-encoding: identity\r\ncontent-encoding: gzip\r\n"
    assert statuses(talk(gate.gateway_port, post(chat("plain"), twice)))[:1] == [400]
    # A bomb that does not say so is not JSON.
    assert statuses(talk(gate.gateway_port, post(bomb()))) == [400]


DEEP = 100_000
TEXTS = {
    "deep-arrays": (b'{"model":"%s","x":' + b"[" * DEEP + b"]" * DEEP + b"}", 400),
    "deep-objects": (b'{"model":"%s","x":' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}", 400),
    "deep-messages": (b'{"model":"%s","messages":' + b"[" * DEEP + b"]" * DEEP + b"}", 400),
    "invalid-utf-8-model": (b'{"model":"\xff%s"}', 400),
    "half-surrogate-model": (b'{"model":"\\ud800%s"}', 400),
    "overlong-model": (b'{"model":"\xc0\xaf%s"}', 400),
    "null-byte": (b'{"model":"%s\x00"}', 400),
    "utf-16": ('{"model":"m"}'.encode("utf-16"), 400),
    "byte-order-mark": (b'\xef\xbb\xbf{"model":"%s"}', 400),
    "two-objects": (b'{"model":"%s"}{"model":"all"}', 400),
    "comment": (b'{"model":"%s"/*,"model":"all"*/}', 400),
    "single-quotes": (b"{'model':'%s'}", 400),
    "huge-number": (b'{"model":"%s","max_tokens":' + b"9" * 100_000 + b"}", 400),
    "huge-exponent": (b'{"model":"%s","max_tokens":1e999999999}', 400),
    "long-model": (b'{"model":"%s' + b"x" * 100_000 + b'"}', 400),
    "many-models": (b'{"model":"%s"' + b',"model":"all"' * 10_000 + b"}", 400),
    "no-end": (b'{"model":"%s', 400),
}


@pytest.mark.parametrize("text", TEXTS)
def test_bodies_that_are_made_to_hurt(gate, text):
    body, status = TEXTS[text]
    body = body.replace(b"%s", MODEL.encode())
    answer = talk(gate.gateway_port, post(body))
    assert statuses(answer) == [status], answer[:500]
    assert b'"invalid_request"' in answer


def test_many_members_are_read_once_and_pass(gate):
    more = {f"m{n}": n for n in range(20_000)}
    body = chat("many-members", **more)
    answer = talk(gate.gateway_port, post(body))
    assert statuses(answer) == [200], answer[:500]


def test_no_attack_has_trapped_the_filter(gate):
    assert gate.vm_failures() == 0
    assert gate.client().chat(MODEL).status == 200


def quick_text(fleet) -> str:
    providers = [config.provider(p) for p in fleet.providers.values()]
    return config.text(providers, [config.model(MODEL, ["official"])])


@pytest.fixture(scope="module")
def impatient():
    """Envoy on the rendered file, its patience with slow requests cut from minutes to a second."""
    with make_stack({"official": "openai"}, quick_text, start=False) as stack:
        text = stack.rendered()
        for patience in ('"request_headers_timeout": "10s"', '"request_timeout": "300s"'):
            assert patience in text, f"{patience} is not in the file"
            text = text.replace(patience, patience.split(": ")[0] + ': "1s"')
        stack.run_envoy(text)
        client = stack.client()
        eventually(lambda: client.get("/readyz").status == 200, 20, "Envoy serves")
        yield stack


SLOW = {
    "nothing": b"",
    "half-a-line": b"POST /v1/chat",
    "half-a-head": POST + b"x-a: ",
    "half-a-body": POST + b"content-length: 1000\r\n\r\n{",
    "half-a-chunk": POST + b"transfer-encoding: chunked\r\n\r\n5\r\nhe",
    "no-body": POST + b"content-length: 1000\r\n\r\n",
}


def test_who_sends_slowly_is_not_waited_for(impatient):
    """All at once, each sending one more byte now and then, so that no idle time ends them."""
    wires = {name: socket.create_connection(("127.0.0.1", impatient.gateway_port)) for name in SLOW}
    said = dict.fromkeys(SLOW, b"")
    for name, wire in wires.items():
        wire.settimeout(0.05)
        wire.sendall(SLOW[name])
    left = set(SLOW) - {"nothing"}
    end = time.monotonic() + DEADLINE_S
    while left and time.monotonic() < end:
        for name in sorted(left):
            try:
                if name.endswith("head"):
                    wires[name].sendall(b"y")
                elif name == "half-a-body":
                    wires[name].sendall(b" ")
                piece = wires[name].recv(65536)
            except TimeoutError:
                continue
            except OSError:
                piece = b""
            said[name] += piece
            if not piece:
                left.discard(name)
    for wire in wires.values():
        wire.close()
    assert not left, f"still waited for: {left}"
    for name in ("half-a-body", "half-a-chunk", "no-body"):
        assert statuses(said[name]) == [408], (name, said[name])
        assert b"request_timeout" in said[name]
    assert impatient.client().chat(MODEL).status == 200
