"""What runs is in the ledger before it ends; what never ends there is closed; and Parquet says the same."""

import subprocess
import threading
from decimal import Decimal
from urllib.parse import urlencode

import duckdb
import httpx
import pytest

from harness import config, parts
from harness.client import CHAT
from harness.http import plain
from harness.stack import Stack, make_stack, run
from harness.waiting import eventually

FLEET = {"official": "openai"}
RUNNING = 6
MOST_TOKENS = 700
# A stream that nobody waits for to its end.
ENDLESS = "official=chunks:600+chunk-delay:100"


def text(fleet) -> str:
    providers = [config.provider(p) for p in fleet.providers.values()]
    whole = config.text(providers, [config.model("chat", FLEET)])
    return whole + "\nledger: {lost_after_s: 5}\n"


@pytest.fixture(scope="module")
def ark():
    with make_stack(FLEET, text, workers=2) as stack:
        yield stack


class Stream(threading.Thread):
    """A client that reads a stream until it breaks, or until it is told to go."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self._url, self._leave = url, threading.Event()
        self.start()

    def leave(self) -> None:
        self._leave.set()

    def run(self) -> None:
        message = {"role": "user", "content": "go on"}
        body = {"model": "chat", "messages": [message], "stream": True, "max_tokens": MOST_TOKENS}
        headers = {"authorization": f"Bearer {config.DEMO_KEY}", "x-demo-script": ENDLESS}
        try:
            with plain(timeout=30, headers=headers) as http:
                with http.stream("POST", self._url + CHAT, json=body) as reply:
                    for _ in reply.iter_raw():
                        if self._leave.is_set():
                            return
        except httpx.HTTPError:
            """Envoy is killed."""


def spend(stack: Stack, **query: object) -> dict:
    reply = stack.get(f"{stack.admin_url}/v1/spend?{urlencode(query)}")
    return reply.raise_for_status().json()


def await_spend(stack: Stack, what: str, **expected: int) -> dict:
    def there() -> dict:
        total = spend(stack)["total"]
        assert {name: total[name] for name in expected} == expected, total
        return total

    return eventually(there, 60, what)


def export(stack: Stack, form: str) -> str:
    """The ledger in a file, by `ark ledger export`."""
    file = str(stack.folder / f"ledger.{form}")
    command = [parts.ark(), "ledger", "export", "--ledger", stack.ledger]
    run([*map(str, command), "--format", form, "--out", file])
    return file


def test_what_runs_when_envoy_is_killed_is_named_and_closed(ark):
    quick = ark.client()
    assert [quick.chat("chat").status for _ in range(3)] == [200] * 3
    await_spend(ark, "quick ones are settled", requests=3)
    streams = [Stream(ark.url) for _ in range(RUNNING)]
    total = await_spend(ark, "what runs is reserved", reserved_attempts=RUNNING)
    assert (total["requests"], total["attempts"], total["lost_attempts"]) == (3, 3, 0)
    # USD 1 per million tokens: the bound that the client set, and a prompt.
    assert total["reserved_micro_usd"] >= RUNNING * MOST_TOKENS
    assert total["reserved_micro_usd"] < RUNNING * (MOST_TOKENS + 100)
    rows = spend(ark, group_by="settlement,verdict,model,provider,tenant")["rows"]
    assert ["reserved", "open", "chat", "official", "tests"] in [
        [value for _, value in row["of"]] for row in rows
    ]

    # One ends as clients do: its line is settled, once.
    streams[0].leave()
    await_spend(ark, "it has ended", reserved_attempts=RUNNING - 1, requests=4, attempts=4)

    ark.sidecar.kill()
    ark.start_sidecar()
    eventually(lambda: ark.get(ark.admin_url + "/healthz").status_code == 200, 30, "it is back")
    await_spend(ark, "they run still", reserved_attempts=RUNNING - 1, lost_attempts=0)

    ark.envoy.kill()
    for stream in streams:
        stream.join(60)
    total = await_spend(ark, "nobody will end them", reserved_attempts=0, lost_attempts=RUNNING - 1)
    assert (total["requests"], total["attempts"], total["unpriced_attempts"]) == (4, 4, 0)
    assert total["lost_micro_usd"] >= (RUNNING - 1) * MOST_TOKENS
    lost = "ark_ledger_lost_lines_total"
    eventually(lambda: ark.metric(lost) == RUNNING - 1, 60, "they are counted")
    said = subprocess.run(
        [*map(str, [parts.ark(), "spend", "--ledger", ark.ledger])],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert f"the end of {RUNNING - 1} attempts was never told" in said.stdout

    # Another Envoy begins with a clean slate.
    ark.start_envoy()
    ark.await_ready()
    assert quick.chat("chat").status == 200
    await_spend(ark, "it is settled", requests=5, lost_attempts=RUNNING - 1, reserved_attempts=0)


def test_parquet_equals_the_csv_and_has_the_types_of_focus(ark):
    """Read by somebody else's reader; runs after the test above, with what that has left."""
    parquet, csv = export(ark, "parquet"), export(ark, "csv")
    types = dict(
        duckdb.sql(f"SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM '{parquet}')").fetchall()
    )
    for column, kind in [
        ("BilledCost", "DECIMAL(18,6)"),
        ("ContractedCost", "DECIMAL(18,6)"),
        ("ConsumedQuantity", "DECIMAL(18,0)"),
        ("ChargePeriodStart", "TIMESTAMP WITH TIME ZONE"),
        ("BillingCurrency", "VARCHAR"),
        ("Tags", "VARCHAR"),
        ("x_CostMicro", "BIGINT"),
    ]:
        assert types[column] == kind, (column, types[column])
    # Every cell as text, in the same order; nothing and an empty text are one in CSV.
    shown = []
    for column, kind in types.items():
        text = f'"{column}"::VARCHAR'
        if kind == "TIMESTAMP WITH TIME ZONE":
            text = f'epoch_ms("{column}")::VARCHAR'
        shown.append(f"coalesce({text}, '')")
    ours = duckdb.sql(f"SELECT {', '.join(shown)} FROM '{parquet}'").fetchall()
    times = {c for c, kind in types.items() if kind == "TIMESTAMP WITH TIME ZONE"}
    theirs = [
        f"epoch_ms(\"{c}\"::TIMESTAMPTZ)::VARCHAR" if c in times else f"coalesce(\"{c}\", '')"
        for c in types
    ]
    rows = duckdb.sql(
        f"SELECT {', '.join(theirs)} FROM read_csv('{csv}', all_varchar=true, header=true)"
    ).fetchall()
    costs = [n for n, c in enumerate(types) if types[c].startswith("DECIMAL")]
    assert len(ours) == len(rows) > 5
    for ours_row, csv_row in zip(ours, rows, strict=True):
        for n, (a, b) in enumerate(zip(ours_row, csv_row, strict=True)):
            same = Decimal(a) == Decimal(b) if n in costs and a and b else a == b
            assert same, (list(types)[n], a, b)
    [billed] = duckdb.sql(f"SELECT sum(BilledCost), sum(x_CostMicro) FROM '{parquet}'").fetchall()
    assert billed[0] * 1_000_000 == billed[1] == spend(ark)["total"]["cost_micro_usd"]
