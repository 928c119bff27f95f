"""How long requests wait while the whole of 100,000 keys changes: `python tests/e2e/measure_keys.py`.

Not a test: time is measured here and asserted nowhere. It prints the latencies of an open loop of requests
through one worker, first while nothing happens and then while every key changes again and again.
"""

import json
import sys
import threading

from harness import config
from harness.load import TrafficLoad
from harness.stack import make_stack
from harness.waiting import eventually
from test_many_keys import FLEET, entry, text

KEYS, RATE, SECONDS, CHANGES = 100_000, 300, 15, 3


def with_models(fleet, more: int) -> str:
    """Models are known by their place: one more in front changes what every key may use."""
    front = [config.model(f"a{number}", FLEET) for number in range(more)]
    providers = [config.provider(p) for p in fleet.providers.values()]
    return config.text(providers, [*front, config.model("chat", FLEET)])


def measured(stack) -> dict:
    options = ["--rate", str(RATE), "--seconds", str(SECONDS), "--concurrency", "8"]
    load = TrafficLoad(stack.folder, stack.url, *options, "--model", "chat")
    return load.report(SECONDS + 30)


def change(stack, version: list[str]) -> None:
    client = stack.client()
    for more in range(1, CHANGES + 1):
        stack.write_config(with_models(stack.fleet, more))
        before = version[-1]
        eventually(lambda: client.chat("chat").headers["x-ark-snapshot"] != before, 30, "it is taken")
        version.append(client.chat("chat").headers["x-ark-snapshot"])
    client.close()


def main() -> None:
    with make_stack(FLEET, text, workers=1, start=False) as stack:
        keys = {f"key-{number}": entry(number) for number in range(KEYS)}
        (stack.folder / "keys.json").write_text(json.dumps({"version": 1, "keys": keys}))
        stack.start()
        print(json.dumps({"quiet": measured(stack)}))
        version = [stack.client().chat("chat").headers["x-ark-snapshot"]]
        changing = threading.Thread(target=change, args=(stack, version))
        changing.start()
        print(json.dumps({"changing": measured(stack)}))
        changing.join()
        print(json.dumps({"snapshots": version}))
        stats = stack.get(stack.envoy_admin_url + "/stats?filter=dispatcher.*loop_duration").text
        print(stats, file=sys.stderr)


main()
