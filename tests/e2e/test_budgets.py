"""Budgets by API and command; units that another worker holds are called back."""

import json

import pytest

from harness import parts
from harness.limits import KINDS, burst, limit, tokens_of, with_limits
from harness.stack import make_stack, run
from harness.waiting import eventually

LIMITS = [
    limit("usd", 1, name="money", zone="Europe/Berlin", alerts=[50, 80]),
    limit("requests", 40, name="few"),
]


@pytest.fixture(scope="module")
def ark():
    with make_stack(KINDS, with_limits(LIMITS), workers=4) as stack:
        yield stack


def budgets(stack, query: str = "") -> list[dict]:
    reply = stack.get(f"{stack.admin_url}/v1/budgets{query}")
    return reply.raise_for_status().json()["budgets"]


def test_nobody_is_refused_before_the_limit_is_reached(ark):
    """Four workers ask by turns: what one holds and does not need goes to who asks for it."""
    unused = budgets(ark)[0]
    assert (unused["limit"], unused["spent"], unused["remaining"]) == ("money", 0, 1_000_000)
    assert "heard_at" not in unused
    answers = [ark.client().chat("chat", max_tokens=20) for _ in range(50)]
    assert [answer.status for answer in answers] == [200] * 40 + [429] * 10
    spent = tokens_of(answers)
    eventually(lambda: budgets(ark)[0]["spent"] == spent, 10, "what was used is settled")


def test_a_budget_says_what_is_left(ark):
    ark.client().chat("chat")
    money = eventually(
        lambda: next((b for b in budgets(ark) if b["reserved"] == 0 and b["spent"]), None),
        10,
        "nothing is in flight",
    )
    assert money["remaining"] == money["amount"] - money["spent"]
    assert (money["unit"], money["window"], money["zone"]) == ("micro_usd", "month", "Europe/Berlin")
    assert (money["tenant"], money["alerts"], money["alerted"]) == ("tests", [50, 80], [])
    assert money["since"] < money["heard_at"] < money["resets_at"]
    few = budgets(ark, "?of=requests")[0]
    assert (few["limit"], few["remaining"], few["percent"]) == ("few", 0, 100)
    assert len(budgets(ark, "?of=any&tenant=tests")) == 2
    assert budgets(ark, "?tenant=others") == []
    reply = ark.get(ark.admin_url + "/v1/budgets?tenat=x")
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "tenat")
    command = [parts.ark(), "budgets", "--admin", ark.admin_url, "--where", "of=any"]
    table = run([*map(str, command)])
    assert "money" in table and "few" in table and "100 %" in table
    out = run([*map(str, [*command, "--json"])])
    assert {b["limit"] for b in json.loads(out)["budgets"]} == {"money", "few"}


def test_a_burst_gets_all_of_a_limit():
    """Whoever asks at the same time as others gets what others do not need."""
    with make_stack(KINDS, with_limits([limit("requests", 60)]), workers=4) as stack:
        answers = burst(stack.client, 120)
        good = sum(answer.status == 200 for answer in answers)
        assert good <= 60
        more = [stack.client().chat("chat").status for _ in range(60 - good + 4)]
        assert more == [200] * (60 - good) + [429] * 4
