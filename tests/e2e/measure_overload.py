"""What a worker does at twice of what it can: `python tests/e2e/measure_overload.py [LATE_MS]`.

Not a test: time is measured here and asserted nowhere. Envoy has one core, all else has the others. It measures how many requests one worker serves
(closed loop), offers twice as many (open loop: 20 % critical, 40 % standard, 40 % batch), with and without
shedding, in turn, and then half as many. `cores` is what Envoy got of its core: where neighbours take
some, compare what was served for each second that it had (`ok_per_cpu_s`).
"""

import json
import subprocess
import sys

from harness import parts
from harness.cores import cpu_s, pin
from harness.load import TrafficLoad
from harness.limits import KINDS, with_limits
from harness.stack import make_stack
from harness.waiting import eventually

SECONDS, ROUNDS, CONNECTIONS = 10, 2, 400
LATE_MS = int(sys.argv[1]) if len(sys.argv) > 1 else 100
SHARES = {"critical": 0.2, "standard": 0.4, "batch": 0.4}


def config_of(late_ms: int):
    return with_limits([], {"shed_when_late_ms": late_ms})


def capacity(stack) -> tuple[float, float]:
    """Requests served in a second, and in a second of Envoy's CPU."""
    before = cpu_s(stack.envoy.pid)
    options = ["--seconds", str(SECONDS), "--concurrency", "64", "--model", "chat"]
    report = TrafficLoad(stack.folder, stack.url, *options).report(SECONDS + 60)
    return report["rps"], report["ok"] / (cpu_s(stack.envoy.pid) - before)


def resident_mb(stack) -> int:
    text = open(f"/proc/{stack.envoy.pid}/status").read()
    return int(next(line for line in text.split("\n") if line.startswith("VmRSS")).split()[1]) // 1024


def offered(stack, rate: float, seconds: int) -> dict:
    """What becomes of so many requests a second, by priority."""
    running, before = {}, cpu_s(stack.envoy.pid)
    for priority, share in SHARES.items():
        command = [parts.traffic(), "load", "--url", stack.url, "--model", "chat"]
        command += ["--rate", str(rate * share), "--seconds", str(seconds), "--timeout-ms", "10000"]
        command += ["--concurrency", str(CONNECTIONS), "--header", f"x-ark-priority: {priority}"]
        running[priority] = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    told = {}
    for priority, process in running.items():
        report = json.loads(process.communicate(timeout=seconds + 120)[0])
        shed = report["errors"]["status"].get("503", 0)
        told[priority] = {
            "ok_per_s": round(report["ok"] / seconds),
            "shed": f"{100 * shed / max(report['requests'], 1):.1f} %",
            "other_errors": report["errors"]["total"] - shed,
            "p50_ms": report["latency_us"]["p50"] // 1000,
            "p99_ms": report["latency_us"]["p99"] // 1000,
        }
    told["ok_per_s"] = sum(told[p]["ok_per_s"] for p in SHARES)
    used = cpu_s(stack.envoy.pid) - before
    told["cores"] = round(used / seconds, 2)
    told["ok_per_cpu_s"] = round(told["ok_per_s"] * seconds / used)
    told["envoy_mb"] = resident_mb(stack)
    return told


def switch(stack, late_ms: int) -> None:
    before = stack.client().chat("chat").headers["x-ark-snapshot"]
    stack.write_config(config_of(late_ms)(stack.fleet))
    eventually(
        lambda: stack.client().chat("chat").headers.get("x-ark-snapshot", before) != before, 30, "taken"
    )


def main() -> None:
    with make_stack(KINDS, config_of(LATE_MS), workers=1) as stack:
        pin(stack)
        for number in range(ROUNDS):
            most, per_cpu_s = capacity(stack)
            told = {"round": number, "capacity_per_s": round(most), "per_cpu_s": round(per_cpu_s)}
            print(json.dumps(told), flush=True)
            print(json.dumps({"twice, shedding": offered(stack, 2 * most, SECONDS)}), flush=True)
            print(json.dumps({"half, after it": offered(stack, most / 2, SECONDS)}), flush=True)
            switch(stack, 0)
            print(json.dumps({"twice, not shedding": offered(stack, 2 * most, SECONDS)}), flush=True)
            switch(stack, LATE_MS)


main()
