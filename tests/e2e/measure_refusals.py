"""What a refusal costs of a worker's time: `python tests/e2e/measure_refusals.py [SECONDS]`.

Not a test: time is measured here and asserted nowhere. Envoy has one core, all else has the others; what
counts is Envoy's own CPU time, so that neighbours disturb little.
"""

import json
import subprocess
import sys

from harness import parts
from harness.cores import cpu_s, pin
from harness.limits import KINDS, with_limits
from harness.stack import make_stack
from harness.waiting import eventually

SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
# In flight at most one, of which batch may fill 70 %: all of batch is refused.
FULL = {"max_in_flight_per_worker": 1}


def measure(stack, *options: str) -> dict:
    """Closed loop; microseconds of Envoy's CPU for each request."""
    command = [parts.traffic(), "load", "--url", stack.url, "--model", "chat", "--concurrency", "32"]
    command += ["--seconds", str(SECONDS), *options]
    before = cpu_s(stack.envoy.pid)
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    used = cpu_s(stack.envoy.pid) - before
    report = json.loads(run.stdout)
    return {
        "requests_per_s": round(report["rps"]),
        "statuses": report["errors"]["status"],
        "cpu_us": round(1e6 * used / max(report["requests"], 1), 1),
    }


def switch(stack, gateway: dict) -> None:
    before = stack.config_view()["snapshot"]
    stack.write_config(with_limits([], gateway)(stack.fleet))
    eventually(lambda: stack.config_view()["snapshot"] != before, 30, "it is compiled")
    stack.await_ready()


def main() -> None:
    with make_stack(KINDS, with_limits([]), workers=1) as stack:
        pin(stack)
        batch = ["--header", "x-ark-priority: batch"]
        print(json.dumps({"served": measure(stack, *batch)}), flush=True)
        print(json.dumps({"wrong key": measure(stack, "--key", "wrong")}), flush=True)
        switch(stack, FULL)
        for size in ("0", "20000"):
            told = measure(stack, *batch, "--body-bytes", size)
            print(json.dumps({f"shed, body of {size}": told}), flush=True)


if __name__ == "__main__":
    main()
