"""Stacks with limits, and load that keeps count of what it was given."""

import ssl
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

import yaml

from harness import config
from harness.client import Answer, Client
from harness.fleet import Fleet
from harness.issuer import protected

# A store that is only slow, on a busy machine, is not what these tests are about.
PATIENCE_MS = 3_000
KINDS = {"official": "openai", "azure": "azure-openai"}


def with_limits(
    limits: list[dict], gateway: dict | None = None, **more: object
) -> Callable[[Fleet], str]:
    """`ark.yaml` with these limits; every key of `keys` may do everything."""
    keys = more.pop("keys", None) or [config.key(config.DEMO_KEY)]
    more["limits_store"] = {"deadline_ms": PATIENCE_MS} | more.get("limits_store", {})

    def text(fleet: Fleet) -> str:
        plain = config.text(
            [config.provider(p) for p in fleet.providers.values()],
            [
                config.model("chat", ["official"]),
                config.model("cheap", ["azure"]),
            ],
            keys,
            gateway,
        )
        return yaml.safe_dump(yaml.safe_load(plain) | {"limits": limits} | more, sort_keys=False)

    return text


def limit(of: str, units: float, window: str | None = "month", **more: object) -> dict:
    """An entry of `limits`. A month hardly ever ends during a test."""
    entry = {"per": ["tenant"], "of": of, "limit": units}
    if window:
        entry["window"] = window
    return entry | more


def tokens_of(answers: list[Answer]) -> int:
    """What the answers say that they used."""
    usages = [answer.json()["usage"] for answer in answers if answer.status == 200]
    return sum(usage["total_tokens"] for usage in usages)


def burst(make: Callable[[], Client], requests: int, at_once: int = 16, **body: object) -> list:
    """So many requests, so many at once, each thread on a connection of its own."""
    local = threading.local()

    def one(_: int) -> Answer:
        if not hasattr(local, "client"):
            local.client = make()
        return local.client.chat("chat", **body)

    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(one, range(requests)))


class Webhook:
    """A server that keeps what is posted to it."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.posted: list[bytes] = []
        posted = self.posted

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                posted.append(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._scheme = "http" if tls is None else "https"
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = protected(self._server.socket, tls)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}/alerts"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
