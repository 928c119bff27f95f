"""Load in the background of a drill."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import httpx

from harness import parts
from harness.client import CHAT, Answer, chat_body
from harness.config import DEMO_KEY
from harness.http import plain
from harness.process import Process
from harness.waiting import eventually


class SteadyLoad:
    """Requests one after the other on several connections, until the end of the `with` block.

    What fails is kept in `failures`, in words; `on_answer` sees every answer.
    """

    def __init__(
        self,
        url: str,
        model: str,
        connections: int = 4,
        key: str = DEMO_KEY,
        on_answer: Callable[[Answer], None] | None = None,
        **body: object,
    ) -> None:
        self.failures: list[str] = []
        self.done = 0
        self._url, self._key, self._body = url, key, chat_body(model, **body)
        self._on_answer, self._lock = on_answer, threading.Lock()
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(connections)]

    def _run(self) -> None:
        headers = {"authorization": f"Bearer {self._key}"}
        with plain(timeout=20, headers=headers) as http:
            while not self._over.is_set():
                try:
                    reply = http.post(self._url + CHAT, json=self._body)
                    answer = Answer(reply.status_code, reply.headers, reply.content)
                    failure = None if answer.status == 200 else f"{answer.status} {answer.text}"
                    if failure is None and self._body.get("stream"):
                        failure = None if answer.events[-1:] == ["[DONE]"] else "no [DONE]"
                except httpx.HTTPError as error:
                    answer, failure = None, repr(error)
                self._count(answer, failure)

    def _count(self, answer: Answer | None, failure: str | None) -> None:
        with self._lock:
            self.done += 1
            if failure is not None:
                self.failures.append(failure)
            elif answer is not None and self._on_answer is not None:
                try:
                    self._on_answer(answer)
                except (AssertionError, KeyError, ValueError) as error:
                    self.failures.append(repr(error))

    def __enter__(self) -> "SteadyLoad":
        for thread in self._threads:
            thread.start()
        self.await_more(len(self._threads))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def await_more(self, count: int, timeout_s: float = 20) -> None:
        """Waits until so many more requests have been answered."""
        wanted = self.done + count
        eventually(lambda: self.done >= wanted, timeout_s, f"{count} more requests are answered")


class TrafficLoad:
    """`ark-traffic load`: open loop, with a line of progress for each second."""

    def __init__(self, folder: Path, url: str, *options: str) -> None:
        self._file = folder / "load.log"
        self._file.write_text("")
        command = [parts.traffic(), "load", "--url", url, "--progress", *options]
        self.process = Process("load", command, self._file)

    def seconds(self) -> list[dict]:
        """What happened in each second so far: `requests`, `errors`, `landed`."""
        # The last line may be in the middle of being written.
        *lines, _ = self._file.read_text().split("\n")
        return [json.loads(line) for line in lines if line.startswith('{"')]

    def report(self, timeout_s: float) -> dict:
        """Waits for its end; what happened altogether."""
        eventually(lambda: not self.process.alive, timeout_s, "the load ends")
        self.process.stop()
        text = self._file.read_text()
        # The report is the only text of several lines; a complaint may follow it.
        report, _ = json.JSONDecoder().raw_decode(text[text.index("{\n") :])
        return report

    def stop(self) -> None:
        """Ends it early."""
        self.process.stop()
