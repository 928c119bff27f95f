"""The ledger of a fleet: two sidecars write one PostgreSQL, whatever is killed meanwhile."""

import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest
import test_ledger as bill
import yaml

from harness import parts, postgres
from harness.stack import Stack, make_stack, run
from harness.waiting import eventually

REQUESTS = 240

pytestmark = pytest.mark.skipif(
    postgres.programs() is None, reason="PostgreSQL is not installed (Debian's postgresql)"
)


def with_spool(text: str, folder: Path) -> str:
    """`ark.yaml` whose ledger waits in this folder for its database."""
    ledger = {"spool": str(folder / "spool.db")}
    return yaml.safe_dump(yaml.safe_load(text) | {"ledger": ledger}, sort_keys=False)


@pytest.fixture
def pair(monkeypatch):
    """A PostgreSQL that is down, and two Arks in front of the same providers that know of it."""
    monkeypatch.setenv("PGPASSWORD", postgres.PASSWORD)
    with ExitStack() as at_end:
        database = postgres.Postgres()
        at_end.callback(database.close)
        first = at_end.enter_context(make_stack(bill.FLEET, bill.text, start=False))
        folder = Path(tempfile.mkdtemp(prefix="ark-e2e-", dir=first.folder))
        second = Stack(folder, first.fleet, first.config_file.read_text())
        at_end.callback(second.stop)
        for stack in (first, second):
            stack.write_config(with_spool(stack.config_file.read_text(), stack.folder))
            stack.ledger = database.url
        yield database, first, second


def test_two_sidecars_write_one_ledger_whatever_is_killed(pair):
    database, first, second = pair
    # Nobody waits for a database that is not there yet.
    first.start()
    for _ in range(5):
        assert first.client().chat("chat").status == 200
    waiting = "ark_ledger_spool_waiting_lines"
    eventually(lambda: first.metric(waiting) == 5, 30, "lines wait on this machine")
    assert first.metric("ark_ledger_open") == 0
    first.sidecar.kill()
    database.start()
    # Both find no tables.
    first.start_sidecar()
    second.start()
    eventually(lambda: first.metric(waiting) == 0, 30, "what waited is handed on")
    bill.await_settled(first, 5)

    loads = [
        threading.Thread(target=bill.send_many, args=(stack.url, REQUESTS // 2, seed))
        for seed, stack in enumerate((first, second))
    ]
    for load in loads:
        load.start()
    written = lambda: bill.spend(first)["total"]["requests"]  # noqa: E731
    eventually(lambda: written() > 5 + REQUESTS // 8, 60, "lines are being written")
    second.sidecar.kill()
    second.start_sidecar()
    database.kill()
    spooled = "ark_ledger_spooled_lines_total"
    eventually(lambda: first.metric(spooled) > 0, 60, "lines wait while the database is down")
    database.start()
    for load in loads:
        load.join()
    try:
        bill.await_settled(first, 5 + REQUESTS)
    except AssertionError as error:
        logs = [*first.logs(), *second.logs(), ("postgres", database.process.tail())]
        said = "\n".join(f"--- {name}\n{words}" for name, words in logs)
        raise AssertionError(f"{error}\n{said}") from error
    bill.check(first)
    assert bill.spend(second)["total"] == bill.spend(first)["total"]
    assert first.metric("ark_ledger_open") == 1
    command = [parts.ark(), "spend", "--ledger", database.url, "--by", "provider"]
    assert "official" in run([*map(str, command)])
    for stack in (first, second):
        said = stack.sidecar.output() + stack.get(stack.admin_url + "/v1/config").text
        assert postgres.PASSWORD not in said
