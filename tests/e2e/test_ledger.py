"""The scripted providers' own bill is the truth: the ledger equals it, whatever happens on the way."""

import json
import os
import random
import threading
from dataclasses import dataclass
from urllib.parse import urlencode

import httpx
import pytest

from harness import config, parts
from harness.client import CHAT
from harness.http import plain
from harness.stack import Stack, run
from harness.waiting import eventually

FLEET = {"official": "openai", "azure": "azure-openai", "claude": "anthropic"}
# The order of `chat`; a target's price rises with its place, see `config.model`.
ORDER = ["official", "claude", "azure"]
FIRST_BYTE_MS = 500
REQUESTS = int(os.environ.get("ARK_LEDGER_REQUESTS", "500"))
CONNECTIONS = 16
# An estimate counts the client's bytes; the providers', what Ark made of them.
ESTIMATE_TOLERANCE = 0.02
PROMPT = "Tell me of ledgers and bills. " * 300

# What happens to a request: its share, the script, whether it streams, and after how many bytes of
# its answer the client hangs up.
STORIES = [
    (30, "", False, None),
    (30, "", True, None),
    (8, "official=status:503", True, None),
    (6, "official=status:429, claude=reset", False, None),
    (6, "official=first-event-error", True, None),
    (3, "official=hang", True, None),
    (5, "official=chunks:40+cut:20", True, None),
    (5, "official=chunks:40+no-end", True, None),
    (4, "official=reset, claude=chunks:40+end:20", True, None),
    (6, "*=chunks:60+chunk-delay:10", True, 2_000),
]


def text(fleet) -> str:
    providers = [config.provider(p) for p in fleet.providers.values()]
    models = [config.model("chat", ORDER, first_byte_ms=FIRST_BYTE_MS)]
    return config.text(providers, models, gateway={"tags": ["x-team"]})


@pytest.fixture
def ark(fresh_stack) -> Stack:
    return fresh_stack(FLEET, text, workers=2)


@dataclass
class Sums:
    """Tokens and money, exactly: the price is USD `place` per million tokens."""

    lines: int = 0
    tokens: int = 0
    micro_usd: int = 0

    def add(self, tokens: int, place: int) -> None:
        self.lines += 1
        self.tokens += tokens
        self.micro_usd += tokens * place


def send(http: httpx.Client, url: str, rng: random.Random) -> None:
    """One request of a random story, to its end or until the client hangs up."""
    _, script, stream, hang_up = rng.choices(STORIES, weights=[s[0] for s in STORIES])[0]
    message = {"role": "user", "content": PROMPT}
    body = {"model": "chat", "messages": [message], "stream": stream}
    headers = {"x-team": rng.choice(["search", "shop"])} | ({"x-demo-script": script} if script else {})
    try:
        with http.stream("POST", url + CHAT, json=body, headers=headers) as reply:
            read = 0
            for chunk in reply.iter_raw():
                read += len(chunk)
                if hang_up is not None and read >= hang_up:
                    return
    except httpx.HTTPError:
        """Some answers are cut."""


def send_many(url: str, requests: int, seed: int) -> None:
    """The whole run, on several connections."""
    shares = [requests // CONNECTIONS + (n < requests % CONNECTIONS) for n in range(CONNECTIONS)]

    def work(n: int) -> None:
        rng = random.Random(seed * 1000 + n)
        key = {"authorization": f"Bearer {config.DEMO_KEY}"}
        with plain(timeout=30, headers=key) as http:
            for _ in range(shares[n]):
                send(http, url, rng)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def spend(stack: Stack, **query: object) -> dict:
    """`/v1/spend`."""
    return stack.get(f"{stack.admin_url}/v1/spend?{urlencode(query)}").raise_for_status().json()


def ledger(stack: Stack) -> list[dict]:
    """Every line, by `ark ledger export`."""
    command = [parts.ark(), "ledger", "export", "--ledger", stack.ledger, "--format", "jsonl"]
    out = run([*map(str, command)], timeout_s=300)
    return [json.loads(line) for line in out.splitlines()]


def await_settled(stack: Stack, requests: int) -> None:
    """Every request's record has been written down, and the providers are idle."""

    def settled() -> bool:
        assert all(stats["active"] == 0 for stats in stack.fleet.stats().values())
        total = spend(stack)["total"]
        assert total["requests"] == requests, total
        return True

    eventually(settled, 60, "every request is in the ledger")


def compare(stack: Stack) -> dict[str, tuple[Sums, Sums]]:
    """The ledger's charges against the providers', line by line: what was reported equals."""
    place = {name: n for n, name in enumerate(ORDER, start=1)}
    written = {}
    for line in ledger(stack):
        if line["x_Settlement"] != "unbilled":
            key = (line["ProviderName"], line["x_RequestId"])
            assert key not in written, f"twice: {key}"
            written[key] = line
    sums = {"reported": (Sums(), Sums()), "cut": (Sums(), Sums())}
    for name in ORDER:
        for charge in stack.fleet.bill(name):
            line = written.pop((name, charge["request_id"]), None)
            assert line is not None, f"{name} charges for what no line tells: {charge}"
            tokens = line["x_InputTokens"] + line["x_OutputTokens"]
            assert line["x_CostMicro"] == tokens * place[name], line
            billed = charge["prompt"] + charge["answer"]
            if line["x_Settlement"] == "reported":
                assert (line["x_InputTokens"], line["x_OutputTokens"]) == (
                    charge["prompt"],
                    charge["answer"],
                ), (charge, line)
            kind = "reported" if line["x_Settlement"] == "reported" else "cut"
            sums[kind][0].add(tokens, place[name])
            sums[kind][1].add(billed, place[name])
    assert not written, f"lines that no provider charges for: {list(written.values())[:3]}"
    return sums


def check(stack: Stack) -> dict[str, tuple[Sums, Sums]]:
    """Equal for what was reported, near for what was cut."""
    sums = compare(stack)
    ours, theirs = sums["reported"]
    assert ours == theirs
    ours, theirs = sums["cut"]
    assert abs(ours.micro_usd - theirs.micro_usd) <= ESTIMATE_TOLERANCE * theirs.micro_usd, sums
    print(f"\nreported: {sums['reported']}\ncut: {sums['cut']}")
    return sums


@pytest.mark.timeout(120 + REQUESTS // 20)
def test_the_ledger_equals_the_providers_bill(ark):
    send_many(ark.url, REQUESTS, seed=1)
    await_settled(ark, REQUESTS)
    sums = check(ark)
    # A run in which nothing went wrong would prove nothing.
    for kind in ("reported", "cut"):
        assert sums[kind][0].lines >= REQUESTS // 20, sums
    lines = ledger(ark)
    assert {"reported", "partial", "estimated", "unbilled"} == {r["x_Settlement"] for r in lines}
    assert ark.metric("ark_ledger_lines_total") == len(lines)
    assert ark.metric("ark_ledger_failures_total") == 0
    by_team = spend(ark, group_by="tag.x-team")["rows"]
    assert {row["of"][0][1] for row in by_team} == {"search", "shop"}
    total = sum(line["x_CostMicro"] for line in lines)
    assert sum(row["cost_micro_usd"] for row in by_team) == total
    # A tag is the operator's own.
    assert all("x-team" not in seen["headers"] for seen in ark.fleet.seen("official"))


@pytest.mark.timeout(120 + REQUESTS // 20)
def test_a_killed_sidecar_loses_and_doubles_nothing(ark):
    """What was not acknowledged is sent again; what was written before is known by its number."""
    half = REQUESTS // 2
    load = threading.Thread(target=send_many, args=(ark.url, REQUESTS, 2))
    load.start()
    kills = 0
    while load.is_alive() and kills < 4:
        written = ark.metric("ark_ledger_lines_total")
        eventually(
            lambda written=written: (
                not load.is_alive() or ark.metric("ark_ledger_lines_total") > written + half / 8
            ),
            30,
            "lines are being written",
        )
        ark.sidecar.kill()
        kills += 1
        ark.start_sidecar()
        eventually(lambda: ark.get(ark.admin_url + "/healthz").status_code == 200, 20, "it is back")
    load.join()
    assert kills >= 2
    await_settled(ark, REQUESTS)
    check(ark)


def test_a_ledger_that_cannot_be_written_keeps_nobody_waiting(ark):
    """Workers hold their records; answers and scores go on; what was held is written later, once."""
    client = ark.client()
    assert client.chat("chat").status == 200
    await_settled(ark, 1)
    lock = _Lock(ark)
    with lock:
        for _ in range(20):
            answer = client.chat("chat")
            assert answer.status == 200
            assert "stale" not in answer.headers["x-ark-snapshot"]
        eventually(
            lambda: ark.metric("ark_ledger_failures_total") > 0, 20, "the failure is counted"
        )
        # Their observations are not held up by it, and come once.
        eventually(lambda: ark.metric("ark_records_total") == 21, 20, "records are observed")
    await_settled(ark, 21)
    check(ark)
    assert ark.metric("ark_records_total") == 21
    assert ark.metric("ark_records_dropped_total") == 0


class _Lock:
    """Another process that writes the database and does not finish."""

    def __init__(self, stack: Stack) -> None:
        import sqlite3

        self._connection = sqlite3.connect(stack.ledger, isolation_level=None)

    def __enter__(self) -> None:
        self._connection.execute("BEGIN EXCLUSIVE")

    def __exit__(self, *_: object) -> None:
        self._connection.execute("ROLLBACK")
        self._connection.close()


def test_spend_is_asked_for_in_clear_words(ark):
    client = ark.client()
    for team in ("search", "shop", "=2+2", None):
        headers = {"x-team": team} if team else {}
        assert client.chat("chat", headers=headers).status == 200
    await_settled(ark, 4)
    rows = spend(ark, group_by="tag.x-team", bucket="day")["rows"]
    assert {row["of"][0][1] for row in rows} == {"search", "shop", "?", None}
    one = spend(ark, provider="official", group_by="tenant,key,model,provider,priority")
    assert [value for _, value in one["rows"][0]["of"]] == [
        "tests",
        "demo",
        "chat",
        "official",
        "standard",
    ]
    assert one["rows"][0]["cost_micro_usd"] == one["total"]["cost_micro_usd"] > 0
    assert spend(ark, tenant="others")["total"]["attempts"] == 0
    for query, param in [
        ("tenat=a", "tenat"),
        ("from=soon", "from"),
        ("bucket=week", "bucket"),
        ("group_by=colour", "group_by"),
    ]:
        reply = ark.get(f"{ark.admin_url}/v1/spend?{query}")
        assert reply.status_code == 400
        error = reply.json()["error"]
        assert (error["code"], error["param"]) == ("invalid_parameter", param)
    command = [parts.ark(), "spend", "--ledger", ark.ledger, "--by", "provider"]
    table = run([*map(str, command)])
    assert "official" in table and "total" in table
