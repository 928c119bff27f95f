"""Streams: relayed piece by piece, ended honestly, settled once."""

import itertools
import json
import socket

import pytest

from harness import config
from harness.client import CHAT, chat_body, data_of, read_broken, said
from harness.config import DEMO_KEY, only, pair
from harness.stack import Stack
from harness.waiting import Unchanged, always, eventually

RECORDS_TIMEOUT_S = 5


def ended(stack: Stack, outcome: str) -> float:
    """Requests that have ended so."""
    return stack.metric("ark_requests_total", outcome=outcome)


def in_flight(stack: Stack) -> int:
    """Requests in flight at providers, by Envoy's word."""
    gauges = stack.envoy_stats("^cluster\\..*upstream_rq_active$")
    return sum(value for name, value in gauges.items() if "ark-sidecar" not in name)


def quiet(stack: Stack) -> None:
    """Waits until nothing is under way and all records have come, which takes up to 0.25 s."""
    eventually(lambda: in_flight(stack) == 0, 10, "nothing is in flight")
    unchanged = Unchanged(lambda: stack.metric("ark_records_total"))
    eventually(lambda: unchanged.for_s() > 0.5, 10, "no more records come")


@pytest.mark.parametrize("provider", ["official", "azure"])
def test_the_first_piece_comes_while_the_provider_still_sends(stack, client, provider):
    script = f"{provider}=chunks:40+chunk-delay:25"
    with client.streaming(only(provider), script) as reply:
        pieces = reply.iter_raw()
        first = next(pieces)
        # Order, not time: the provider has not ended when the client has its first piece.
        assert stack.fleet.stats()[provider]["active"] == 1
        assert b"[DONE]" not in first
        rest = list(pieces)
    assert stack.fleet.stats()[provider]["active"] == 0
    # Each piece by itself; some may meet on a busy machine, not half of them.
    assert len(rest) >= 20
    assert data_of(first + b"".join(rest))[-1] == "[DONE]"


def test_the_head_of_an_answer_waits_for_its_first_event_and_no_longer(stack, client):
    """Comments come before the first event; only that shows that the stream is none of failure."""
    script = "official=comment-first+slow:300+chunks:5, azure=status:500"
    answer = client.chat(pair("official", "azure"), script, stream=True)
    assert answer.body.startswith(b": keep-alive\n\n: keep-alive\n\ndata: ")
    assert answer.headers["x-ark-attempts"] == "1"


@pytest.mark.parametrize("framing", ["split:1", "split:3", "split:7", "split:100", "burst"])
@pytest.mark.parametrize("line_ends", ["", "+crlf"])
@pytest.mark.parametrize("provider", ["official", "azure"])
def test_a_stream_is_the_same_however_it_is_cut(client, provider, framing, line_ends):
    plain = client.chat(only(provider), stream=True).chunks
    cut = client.chat(only(provider), f"{provider}={framing}{line_ends}+comment-first", stream=True)
    assert said(cut.chunks) == said(plain)
    assert [c.get("usage") for c in cut.chunks] == [None] * len(plain)
    assert len(cut.chunks) == len(plain)
    end = b"\r\n\r\n" if line_ends else b"\n\n"
    # The two comments, the events and `[DONE]`; the usage event is gone with its blank line.
    assert cut.body.count(end) == 2 + len(plain) + 1
    assert cut.body.endswith(b"data: [DONE]" + end)


@pytest.mark.parametrize("framing", ["split:1", "burst", "crlf", "ok"])
def test_a_usage_event_that_was_asked_for_is_kept(client, framing):
    answer = client.chat(
        only("azure"), f"*={framing}", stream=True, stream_options={"include_usage": True}
    )
    assert answer.chunks[-1]["choices"] == []
    assert answer.chunks[-1]["usage"]["completion_tokens"] == 16


def test_what_a_stream_used_is_counted_whether_or_not_it_was_asked_for(stack, client):
    def tokens(kind: str) -> float:
        return stack.metric("ark_tokens_total", provider="azure", kind=kind)

    quiet(stack)
    before = tokens("output")
    client.chat(only("azure"), "*=chunks:33", stream=True)
    client.chat(only("azure"), "*=chunks:11", stream=True, stream_options={"include_usage": True})
    client.chat(only("azure"), "*=chunks:7")
    eventually(lambda: tokens("output") == before + 51, RECORDS_TIMEOUT_S, "51 tokens are counted")


def hang_up(stack: Stack, model: str, script: str, after_bytes: int) -> None:
    """Sends a request and resets the connection once so many bytes of the answer have come."""
    body = json.dumps(chat_body(model, stream=True)).encode()
    head = (
        f"POST {CHAT} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {DEMO_KEY}\r\n"
        f"x-demo-script: {script}\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode()
    with socket.create_connection(("127.0.0.1", stack.gateway_port), timeout=10) as wire:
        wire.sendall(head + body)
        if after_bytes:
            got = b""
            while len(got) < after_bytes:
                got += wire.recv(4096)
        else:
            eventually(
                lambda: sum(p["active"] for p in stack.fleet.stats().values()) == 1,
                5,
                "the provider has the request",
            )


@pytest.mark.parametrize(
    ("script", "after_bytes"),
    [("*=chunks:1000+chunk-delay:20", 600), ("*=hang", 0), ("*=comment-first+slow:60000", 0)],
    ids=["mid-stream", "before-the-head", "behind-the-gate"],
)
def test_a_client_that_hangs_up_is_settled_once(stack, script, after_bytes):
    quiet(stack)
    before, abandoned = ended(stack, "client_gone"), stack.fleet.stats()["azure"]["abandoned"]
    all_before = stack.metric("ark_requests_total")
    hang_up(stack, only("azure"), script, after_bytes)
    eventually(
        lambda: ended(stack, "client_gone") == before + 1, RECORDS_TIMEOUT_S, "it is counted"
    )
    eventually(lambda: in_flight(stack) == 0, 5, "nothing is in flight")
    # The provider is told, so that it stops working for nobody.
    eventually(
        lambda: stack.fleet.stats()["azure"]["abandoned"] == abandoned + 1, 5, "the provider knows"
    )
    stack.client().chat(only("azure"))
    eventually(
        lambda: stack.metric("ark_requests_total") == all_before + 2,
        RECORDS_TIMEOUT_S,
        "one record for each of the two requests",
    )
    assert ended(stack, "client_gone") == before + 1


def test_many_clients_that_hang_up_leave_nothing_behind(stack):
    quiet(stack)
    before, gone = stack.metric("ark_requests_total"), ended(stack, "client_gone")
    for _ in range(30):
        hang_up(stack, only("official"), "*=chunks:1000+chunk-delay:20", 300)
    eventually(lambda: ended(stack, "client_gone") == gone + 30, 10, "each is counted")
    quiet(stack)
    assert stack.metric("ark_requests_total") == before + 30

    def idle() -> bool:
        targets = stack.scores()["targets"]
        assert all(t["waiting"] == 0 for t in targets), targets
        return all((t["in_flight"] or {"count": 0})["count"] == 0 for t in targets)

    eventually(idle, 5, "the scores count nobody in flight")


@pytest.mark.parametrize("provider", ["official", "azure"])
@pytest.mark.parametrize("framing", ["", "+crlf", "+split:5"])
def test_a_stream_that_is_cut_does_not_end_as_if_it_were_whole(stack, client, provider, framing):
    quiet(stack)
    cut, verdicts = (
        ended(stack, "cut"),
        stack.metric("ark_attempts_total", provider=provider, verdict="cut"),
    )
    script = f"{provider}=chunks:50+cut:20{framing}"
    with client.streaming(only(provider), script) as reply:
        assert reply.status_code == 200
        text = read_broken(reply)
    # What had come before is not lost.
    assert len(data_of(text)) >= 15
    eventually(lambda: ended(stack, "cut") == cut + 1, RECORDS_TIMEOUT_S, "it is counted as cut")
    assert stack.metric("ark_attempts_total", provider=provider, verdict="cut") == verdicts + 1


def test_each_request_has_one_record_whatever_becomes_of_it(stack, client):
    quiet(stack)
    before = stack.metric("ark_requests_total")
    scripts = ["*=ok", "*=status:500", "official=reset", "*=status:400", "official=cut:3"]
    asked = 0
    for script, streamed in itertools.product(scripts, [False, True]):
        if script.endswith("cut:3") and streamed:
            with client.streaming(pair("official", "azure"), script) as reply:
                read_broken(reply)
        else:
            client.chat(pair("official", "azure"), script, stream=streamed)
        asked += 1
    client.chat("gpt-9")
    client.get("/v1/models")
    client.get("/v1/nothing")
    stack.client("nobody").chat("all")
    asked += 4
    eventually(
        lambda: stack.metric("ark_requests_total") == before + asked, 5, "one record for each"
    )
    quiet(stack)
    assert stack.metric("ark_requests_total") == before + asked


def test_a_long_stream_takes_no_memory(fresh_stack):
    """Nothing of an answer is kept: memory is as flat after 20 MB as after 5."""
    stack: Stack = fresh_stack({"official": "openai"}, one_model)
    client = stack.client()

    def stream(chunks: int) -> None:
        line_ends = 0
        with client.streaming("only-official", f"*=chunks:{chunks}") as reply:
            for piece in reply.iter_raw():
                line_ends += piece.count(b"\n")
        assert line_ends == 2 * (chunks + 3)

    stream(25_000)
    before = stack.envoy.memory_kib()
    stream(100_000)
    grown = stack.envoy.memory_kib() - before
    assert grown < 6_000, f"{grown} KiB more after a stream of 20 MB"


def test_a_client_that_reads_slowly_slows_its_provider_down(fresh_stack):
    """Its answer waits at the provider, not in Envoy's memory: many such clients are an outage."""
    stack: Stack = fresh_stack({"official": "openai"}, one_model)
    client = stack.client()
    client.chat(only("official"), f"*=big:{2 << 20}", stream=True)
    before = stack.envoy.memory_kib()
    with client.streaming(only("official"), f"*=big:{48 << 20}+chunks:1000") as reply:
        pieces = reply.iter_raw()
        size = len(next(pieces))
        always(
            lambda: stack.fleet.stats()["official"]["active"] == 1,
            1.5,
            "the provider has not sent all while the client reads nothing",
        )
        grown = stack.envoy.memory_kib() - before
        assert grown < 10_000, f"{grown} KiB more for a client that does not read"
        size += sum(len(piece) for piece in pieces)
    assert size > 48 << 20


def one_model(fleet) -> str:
    providers = [config.provider(p) for p in fleet.providers.values()]
    return config.text(providers, [config.model(only("official"), ["official"])])


def test_a_large_answer_passes_whole(client):
    whole = client.chat(only("official"), f"*=big:{8 << 20}").json()
    assert len(whole["choices"][0]["message"]["content"]) >= 8 << 20
    streamed = client.chat(only("azure"), f"*=big:{8 << 20}+chunks:40", stream=True)
    assert len(said(streamed.chunks)) >= 8 << 20
