"""One limit over four Envoys with two workers each and two sidecars, which share a real Redis."""

import json
import os
import shutil
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from harness import parts
from harness.client import chat_body
from harness.http import plain
from harness.limits import KINDS, limit, with_limits
from harness.ports import free_port
from harness.process import Process
from harness.stack import make_stack, run
from harness.waiting import eventually

REDIS = shutil.which("redis-server")
LIMIT_TOKENS = 10_000
# More than ten times the limit: a request uses about 40 tokens.
REQUESTS_PER_MINUTE = 10 * LIMIT_TOKENS // 25
SECONDS = 15

pytestmark = pytest.mark.skipif(REDIS is None, reason="redis-server is not installed")


class Estate:
    """The fleet: Redis, two sidecars, and two Envoys for each."""

    def __init__(self, stack, at_end: ExitStack) -> None:
        self.stack, self.at_end, self.folder = stack, at_end, stack.folder
        self.redis_port, self.redis = free_port(), None
        self.environment = {**stack.fleet.environment()}
        self.sidecars: list[Process | None] = [None, None]
        self.admin_ports = [free_port(), free_port()]
        self.envoys: list[Process | None] = [None] * 4
        self.ports = [free_port() for _ in range(4)]

    def start(self) -> None:
        """Starts everything and waits until each Envoy serves."""
        self.start_redis()
        for at in range(2):
            self.start_sidecar(at)
        for at in range(4):
            self.start_envoy(at)
        with plain() as http:
            for port in self.ports:
                ready = f"http://127.0.0.1:{port}/readyz"
                eventually(lambda ready=ready: http.get(ready).status_code == 200, 30, ready)

    def _process(self, name: str, command: list, log: str) -> Process:
        process = Process(name, command, self.folder / log, self.environment)
        self.at_end.callback(process.stop)
        return process

    def start_redis(self) -> None:
        """Starts Redis with its append-only file, so that a kill loses at most a second."""
        command = [REDIS, "--port", str(self.redis_port), "--bind", "127.0.0.1", "--save", ""]
        command += ["--appendonly", "yes", "--dir", str(self.folder)]
        self.redis = self._process("redis", command, "redis.log")

    def socket(self, at: int) -> Path:
        return self.folder / f"s{at}.sock"

    def start_sidecar(self, at: int) -> None:
        """Starts a sidecar; it serves two Envoys that run a static configuration."""
        command = [parts.ark(), "serve", "--config", self.stack.config_file]
        command += ["--socket", self.socket(at), "--filter", parts.filter_module()]
        command += ["--admin", f"127.0.0.1:{self.admin_ports[at]}"]
        command += ["--envoy-admin", "127.0.0.1:9"]
        self.sidecars[at] = self._process(f"sidecar {at}", command, f"sidecar{at}.log")

    def start_envoy(self, at: int) -> None:
        """Starts an Envoy of two workers at the sidecar whose turn it is."""
        command = [parts.ark(), "render", "envoy", "--config", self.stack.config_file]
        command += ["--filter", parts.filter_module(), "--socket", self.socket(at % 2)]
        command += ["--listen", f"127.0.0.1:{self.ports[at]}"]
        rendered = json.loads(run([*map(str, command)], {**os.environ, **self.environment}))
        del rendered["admin"]
        file = self.folder / f"envoy{at}.json"
        file.write_text(json.dumps(rendered))
        command = [parts.envoy(), "-c", file, "--concurrency", "2", "--use-dynamic-base-id"]
        command += ["--log-level", "warning"]
        self.envoys[at] = self._process(f"envoy {at}", command, f"envoy{at}.log")


class Storm:
    """Open load on all Envoys; what was used is counted by the window in which it was asked."""

    def __init__(self, ports: list[int], requests_per_minute: int, seconds: int) -> None:
        self._ports, self._gap_s = ports, 60 / requests_per_minute
        self._until = time.monotonic() + seconds
        self._lock, self._next = threading.Lock(), time.monotonic()
        self.used: dict[int, int] = {}
        self.statuses: dict[int, int] = {}
        self.broken = 0
        self.sent = 0
        self._threads = [threading.Thread(target=self._run, args=(n,)) for n in range(24)]

    def start(self) -> "Storm":
        for thread in self._threads:
            thread.start()
        return self

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _run(self, number: int) -> None:
        headers = {"authorization": "Bearer ark-demo"}
        body = chat_body("chat", max_tokens=40)
        with plain(timeout=10, headers=headers) as http:
            turn = number
            while True:
                with self._lock:
                    at, self._next = self._next, self._next + self._gap_s
                if at > self._until:
                    return
                time.sleep(max(0.0, at - time.monotonic()))
                turn += 1
                port = self._ports[turn % len(self._ports)]
                self._one(http, f"http://127.0.0.1:{port}/v1/chat/completions", body)

    def _one(self, http: httpx.Client, url: str, body: dict) -> None:
        asked = int(time.time()) // 60
        try:
            reply = http.post(url, json=body)
        except httpx.HTTPError:
            with self._lock:
                self.broken += 1
            return
        with self._lock:
            self.sent += 1
            self.statuses[reply.status_code] = self.statuses.get(reply.status_code, 0) + 1
            if reply.status_code == 200:
                used = reply.json()["usage"]["total_tokens"]
                self.used[asked] = self.used.get(asked, 0) + used


@pytest.fixture
def estate():
    spec = limit("tokens", LIMIT_TOKENS, "minute", name="fleet", on_store_down="deny")
    redis = {"url": "redis://127.0.0.1:0/0"}
    text = with_limits([spec], limits_store={"redis": redis, "deadline_ms": 250})
    with make_stack(KINDS, text, start=False) as stack, ExitStack() as at_end:
        estate = Estate(stack, at_end)
        text = stack.config_file.read_text()
        stack.write_config(text.replace("127.0.0.1:0/0", f"127.0.0.1:{estate.redis_port}/0"))
        estate.start()
        yield estate


def begin_of_a_minute() -> None:
    """A load that fits into one minute is judged by one window."""
    eventually(lambda: time.time() % 60 < 60 - 3 * SECONDS, 60, "enough of the minute is left")


def judge(storm: Storm, capsys: pytest.CaptureFixture, what: str) -> None:
    """Says what was used, and holds it to two per cent."""
    most = max(storm.used.values())
    with capsys.disabled():
        print(
            f"\n{what}: {most} of {LIMIT_TOKENS} tokens used in a minute "
            f"({100 * (most - LIMIT_TOKENS) / LIMIT_TOKENS:+.2f} %), "
            f"{storm.sent} answers {storm.statuses}, {storm.broken} broken"
        )
    assert most <= LIMIT_TOKENS * 1.02
    assert storm.statuses.get(429, 0) > storm.statuses[200]


def test_ten_times_the_limit(estate, capsys):
    begin_of_a_minute()
    storm = Storm(estate.ports, REQUESTS_PER_MINUTE, SECONDS).start()
    storm.join()
    judge(storm, capsys, "calm")
    assert set(storm.statuses) == {200, 429}
    assert max(storm.used.values()) >= LIMIT_TOKENS * 0.9


def test_every_part_is_killed_under_ten_times_the_limit(estate, capsys):
    begin_of_a_minute()
    storm = Storm(estate.ports, REQUESTS_PER_MINUTE, SECONDS).start()
    eventually(lambda: storm.sent > 40, 10, "the load runs")
    estate.envoys[0].kill()
    estate.start_envoy(0)
    eventually(lambda: storm.sent > 80, 10, "the load runs on")
    estate.sidecars[1].kill()
    estate.start_sidecar(1)
    eventually(lambda: storm.sent > 120, 10, "the load runs on")
    estate.redis.kill()
    eventually(lambda: storm.statuses.get(503, 0) > 0, 10, "the store is down, and says so")
    estate.start_redis()
    storm.join()
    judge(storm, capsys, "kill -9 of an Envoy, a sidecar and Redis")
