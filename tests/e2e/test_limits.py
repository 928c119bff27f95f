"""Limits of requests, tokens, money and concurrency, leased to the workers of a real Envoy."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import config
from harness.limits import KINDS, Webhook, burst, limit, tokens_of, with_limits
from harness.stack import make_stack
from harness.waiting import eventually


def stack_of(limits, workers=2, gateway=None, **more):
    return make_stack(KINDS, with_limits(limits, gateway, **more), workers=workers)


def used_of(stack, name: str) -> int:
    """What the sidecar knows that a limit's counters have used."""
    shown = stack.get(stack.admin_url + "/v1/limits").json()
    return sum(counter["used"] for counter in shown if counter["limit"] == name)


def test_a_token_limit_holds_over_workers_and_says_so():
    with stack_of([limit("tokens", 3_000, name="tokens")]) as stack:
        answers = burst(stack.client, 150, max_tokens=50)
        used = tokens_of(answers)
        refused = [answer for answer in answers if answer.status == 429]
        assert {answer.status for answer in answers} == {200, 429}
        assert used <= 3_000, "no request used more than its estimate"
        # What is left is less than what one request, and what each worker still holds, may need.
        assert used > 2_000
        error = refused[0].error
        assert (error["code"], error["type"]) == ("limit_reached", "rate_limit_error")
        assert "'tokens'" in error["message"]
        assert int(refused[0].headers["retry-after"]) > 60
        assert refused[0].headers["x-ratelimit-limit-tokens"] == "3000"
        good = next(answer for answer in answers if answer.status == 200)
        assert 0 < int(good.headers["x-ratelimit-remaining-tokens"]) < 3_000
        assert good.headers["x-ratelimit-reset-tokens"].endswith("ms")
        eventually(lambda: used_of(stack, "tokens") == used, 10, "what was used is settled")
        body = {"model": "chat", "max_tokens": 2_900, "messages": [{"role": "user", "content": "Hi"}]}
        other = stack.client().send("POST", "/v1/messages", json=body)
        assert other.status == 429
        assert other.json()["error"]["type"] == "rate_limit_error"
        assert other.headers["anthropic-ratelimit-tokens-limit"] == "3000"
        assert other.headers["anthropic-ratelimit-tokens-reset"].endswith("Z")
        assert stack.metric("ark_rejects_total", code="limit_reached") >= len(refused)


def test_each_key_and_model_has_its_own_counter():
    keys = [config.key("ark-one"), config.key("ark-two")]
    limits = [limit("requests", 3, per=["key", "model"])]
    # One worker: of two, one may still hold what it did not use when the other asks for it.
    with stack_of(limits, keys=keys, workers=1) as stack:
        for key in ("ark-one", "ark-two"):
            for model in ("chat", "cheap"):
                statuses = [stack.client(key).chat(model).status for _ in range(4)]
                assert statuses == [200, 200, 200, 429], (key, model)


def test_a_client_that_hangs_up_pays_for_what_it_got():
    with stack_of([limit("tokens", 100_000, name="tokens")]) as stack:
        with stack.client().streaming("chat", "official=chunks:200+chunk-delay:20", max_tokens=5_000) as reply:
            next(reply.iter_bytes())
        eventually(lambda: 0 < used_of(stack, "tokens") < 2_000, 10, "the rest is given back")


def test_a_strict_budget_outlives_the_sidecar(tmp_path):
    # One request costs at most 30 micro-USD: a token costs one.
    budget = limit("usd", 0.001, mode="strict", name="budget", zone="Europe/Berlin")
    store = {"file": str(tmp_path / "limits.jsonl")}
    with stack_of([budget], limits_store=store) as stack:
        client = stack.client()
        first = client.chat("chat", max_tokens=20)
        assert first.status == 200
        assert float(first.headers["x-ark-budget-remaining-usd"]) < 0.001
        answers = burst(stack.client, 100, max_tokens=20)
        spent = tokens_of([first, *answers])
        assert {answer.status for answer in answers} == {200, 429}
        assert spent <= 1_000
        refused = next(answer for answer in answers if answer.status == 429)
        assert refused.error["code"] == "budget_spent"
        eventually(lambda: used_of(stack, "budget") == spent, 10, "all of it is settled")
        stack.sidecar.kill()
        assert client.chat("chat", max_tokens=900).error["code"] == "limits_unavailable"
        stack.start_sidecar()
        stack.await_ready()
        answer = eventually(
            lambda: refused_with(client, "budget_spent"), 10, "the store answers again"
        )
        assert answer.status == 429
        assert spent <= used_of(stack, "budget") <= 1_000


def refused_with(client, code):
    answer = client.chat("chat", max_tokens=990)
    return answer if answer.error["code"] == code else None


@pytest.mark.parametrize(
    ("policy", "statuses"),
    [("deny", [503] * 6), ("allow", [200] * 6), ("degrade", [200] * 5 + [503])],
)
def test_a_store_that_is_down(policy, statuses):
    limits = [limit("requests", 5, on_store_down=policy)]
    with stack_of(limits, workers=1) as stack:
        stack.sidecar.kill()
        answers = [stack.client().chat("chat") for _ in range(6)]
        assert [answer.status for answer in answers] == statuses
        for answer in answers:
            if answer.status == 200:
                assert answer.headers["x-ark-limits"] == "unchecked"
            else:
                assert answer.error["code"] == "limits_unavailable"
        if policy != "deny":
            assert "the store of limits does not answer" in stack.envoy.output()
        stack.start_sidecar()
        stack.await_ready()
        if policy != "deny":
            unchecked = {"kind": "quota_unchecked"}
            eventually(
                lambda: stack.metric("ark_filter_faults_total", **unchecked) >= 5,
                10,
                "the sidecar counts them",
            )


def test_concurrency_is_shared_and_comes_back():
    with stack_of([limit("concurrency", 3, window=None)]) as stack:
        answers = burst(stack.client, 12, at_once=12, headers={"x-demo-script": "official=slow:1500"})
        ok = [answer for answer in answers if answer.status == 200]
        assert 1 <= len(ok) <= 3
        eventually(lambda: stack.client().chat("chat").status == 200, 10, "slots come back")


def test_dry_run_alerts_and_a_cheaper_model():
    steps = [{"percent": 50, "use_model": "cheap"}]
    limits = [
        limit("requests", 10, name="soft", alerts=[50, 100], at=steps),
        limit("requests", 4, name="dry", dry_run=True, per=["key"]),
    ]
    with Webhook() as webhook:
        alerts = {"webhook": webhook.url}
        with stack_of(limits, workers=1, limit_alerts=alerts) as stack:
            client = stack.client()
            answers = [client.chat("chat") for _ in range(4)]
            assert {answer.headers["x-ark-provider"] for answer in answers} == {"official"}
            eventually(lambda: cheaper(client), 10, "a cheaper model answers")
            eventually(lambda: client.chat("chat").status == 429, 10, "the limit is reached")
            eventually(lambda: len(webhook.posted) == 2, 10, "both alerts come")
            alerts = [json.loads(body) for body in webhook.posted]
            assert [(a["limit"], a["percent"]) for a in alerts] == [("soft", 50), ("soft", 100)]
            assert alerts[0]["tenant"] == "tests"
            eventually(
                lambda: stack.metric("ark_limit_would_refuse_total", limit="dry") >= 5,
                10,
                "what the dry run would have refused is counted",
            )


def cheaper(client):
    answer = client.chat("chat")
    assert answer.status == 200
    return answer.headers.get("x-ark-downgraded") == "cheap" and (
        answer.headers["x-ark-provider"] == "azure"
    )


def test_an_overloaded_worker_sheds_batch_first():
    with stack_of([], workers=1, gateway={"max_in_flight_per_worker": 10}) as stack:
        slow = {"x-demo-script": "official=slow:5000"}
        with ThreadPoolExecutor(8) as pool:
            held = [pool.submit(stack.client().chat, "chat", headers=slow) for _ in range(8)]
            seen = stack.fleet.stats
            eventually(lambda: seen()["official"]["requests"] >= 8, 10, "eight are in flight")
            statuses = {
                priority: stack.client().chat("chat", headers={"x-ark-priority": priority})
                for priority in ("batch", "standard", "critical")
            }
            assert statuses["batch"].error["code"] == "overloaded"
            assert statuses["batch"].headers["retry-after"] == "1"
            assert statuses["standard"].status == 503
            assert statuses["critical"].status == 200
            assert {one.result().status for one in held} == {200}
