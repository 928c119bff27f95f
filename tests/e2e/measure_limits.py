"""What authentication and limits cost a worker with 100,000 keys: `python tests/e2e/measure_limits.py`.

Not a test: time is measured here and asserted nowhere. Two gateways take the same load in turns, one worker
each: one knows a single key without limits, the other 100,000 keys and four limits that count every request.
It prints the CPU of Envoy per request, in microseconds, of each round, and the median of the differences.
"""

import json
import os
import statistics

from harness.limits import KINDS, limit, with_limits
from harness.load import TrafficLoad
from harness.stack import make_stack
from test_many_keys import entry

KEYS, ROUNDS, REQUESTS = 100_000, 12, 4_000
LIMITS = [
    limit("requests", 10**9, "minute", per=["key"]),
    limit("tokens", 10**12, "minute", per=["key"]),
    limit("concurrency", 10**5, None, per=["key"]),
    limit("usd", 10**6, "month", per=["tenant"]),
]


def cpu_us(stack) -> float:
    """What Envoy has used so far, in user and kernel mode."""
    with open(f"/proc/{stack.envoy.pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1e6 / os.sysconf("SC_CLK_TCK")


def per_request(stack, key: str) -> float:
    options = ["--requests", str(REQUESTS), "--concurrency", "16", "--body-bytes", "1024"]
    before = cpu_us(stack)
    report = TrafficLoad(stack.folder, stack.url, *options, "--model", "chat", "--key", key).report(120)
    assert report["errors"]["total"] == 0, report
    return (cpu_us(stack) - before) / REQUESTS


def main() -> None:
    plain = make_stack(KINDS, with_limits([]), workers=1)
    full = make_stack(KINDS, with_limits(LIMITS), workers=1, start=False)
    with plain as plain, full as full:
        keys = {f"key-{number}": entry(number) for number in range(KEYS)}
        for key in keys.values():
            key["entry"]["limits"] = {"requests_per_minute": 10**6, "burst": 10**6}
        (full.folder / "keys.json").write_text(json.dumps({"version": 1, "keys": keys}))
        full.start()
        rounds = []
        for number in range(ROUNDS):
            order = [("plain", plain, "ark-demo"), ("full", full, "secret-77")]
            told = {name: per_request(stack, key) for name, stack, key in order[:: 1 - 2 * (number % 2)]}
            rounds.append(told)
            print(json.dumps({name: round(us, 1) for name, us in told.items()}), flush=True)
        differences = [told["full"] - told["plain"] for told in rounds[1:]]
        print(json.dumps({"median_difference_us": round(statistics.median(differences), 1)}))


main()
