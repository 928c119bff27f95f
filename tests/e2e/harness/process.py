"""A child process with a log file, ended by its own process group whatever happens."""

import atexit
import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

STOP_TIMEOUT_S = 10
SHOWN_LINES, SHOWN_COLUMNS = 60, 400

_running: set["Process"] = set()


class Process:
    """One child, in a process group of its own."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        log: Path,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as out:
            self._child = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=None if env is None else {**os.environ, **env},
                start_new_session=True,
                # A file that may not grow is then an error to it, as a full disk is, and not its end.
                restore_signals=False,
            )
        _running.add(self)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._child.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._child.poll() is None

    def check(self) -> None:
        """Fails, with its last words, when it has ended by itself."""
        if not self.alive:
            status = self._child.returncode
            raise AssertionError(f"{self.name} ended with status {status}:\n{self.tail()}")

    def signal(self, number: signal.Signals) -> None:
        """Sends it, and whatever it has started, a signal."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def kill(self) -> None:
        """`kill -9`: no farewell."""
        self.signal(signal.SIGKILL)
        self._child.wait(STOP_TIMEOUT_S)
        _running.discard(self)

    def stop(self) -> int:
        """Asks it to end, then ends it; returns its status."""
        if self.alive:
            # A stopped process takes no other signal.
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGTERM)
            try:
                self._child.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self.signal(signal.SIGKILL)
                self._child.wait(STOP_TIMEOUT_S)
        _running.discard(self)
        return self._child.returncode

    def memory_kib(self) -> int:
        """Resident memory, KiB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1])

    def output(self) -> str:
        """All that it has written."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def tail(self) -> str:
        """Its last words."""
        lines = self.output().splitlines()[-SHOWN_LINES:]
        return "\n".join(line[:SHOWN_COLUMNS] for line in lines)


@atexit.register
def _stop_all() -> None:
    for process in list(_running):
        process.kill()
