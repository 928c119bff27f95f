"""The simulator against a real Envoy: a small load through both costs the same.

`cargo xtask replay-live` is the whole of it: thousands of requests of a production trace, see
docs/evidence.md.
"""

import json
import os
import subprocess

import pytest

HEAD = "TIMESTAMP,ContextTokens,GeneratedTokens"


def write_trace(file, count: int) -> None:
    """A request every 400 ms, of sizes as in the trace of code completion."""
    lines = [HEAD]
    for n in range(count):
        at = n * 400
        time = f"2023-11-16 18:{17 + at // 60000:02}:{at // 1000 % 60:02}.{at % 1000:03}0000"
        lines.append(f"{time},{200 + n * 37 % 3000},{5 + n * 13 % 60}")
    file.write_text("\n".join(lines) + "\n")


@pytest.mark.timeout(600)
def test_a_load_through_envoy_costs_what_the_simulator_says(tmp_path, capsys):
    task = os.environ.get("ARK_XTASK")
    if not task:
        pytest.skip("ARK_XTASK is not set: `cargo xtask test` sets it")
    trace, out, records = (tmp_path / name for name in ("trace.csv", "out.json", "records.jsonl"))
    write_trace(trace, 800)
    command = [task, "replay-live", "--trace", trace, "--requests", "800", "--rate", "20"]
    command += ["--json", out, "--records", records]
    done = subprocess.run(
        [*map(str, command)], capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    compared = json.loads(out.read_text())
    overall = compared["overall"]
    assert overall["requests"] == 800
    assert overall["availability"]["live"] == 1.0
    assert abs(overall["cost_difference"]) <= 0.05
    # Every decision of this run comes out the same when it is made again from its record.
    assert compared["reproduced"] == compared["decisions"] == 800
    lines = [json.loads(line) for line in records.read_text().splitlines()]
    bases = [line["basis"] for line in lines if "basis" in line]
    assert len(bases) == 800 and all(len(basis["draw"]) == 16 for basis in bases)
    with capsys.disabled():
        print(f" [cost {overall['cost_difference']:+.2%}]", end="")
