"""Waiting for something to become true: the only place of the tests that sleeps."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

# What a check may meet while the thing it asks is not there yet.
_NOT_YET = (AssertionError, OSError, KeyError, IndexError, ValueError)


def eventually(check: Callable[[], T], timeout_s: float, what: str) -> T:
    """Calls `check` until it returns something true, or fails with what it last said.

    A check says "not yet" by a false value or by an exception of the usual kinds; connection
    errors of HTTP clients count as such.
    """
    deadline = time.monotonic() + timeout_s
    pause_s = 0.005
    while True:
        last: object
        try:
            last = check()
            if last:
                return last
        except _NOT_YET as error:
            last = error
        except Exception as error:
            # HTTP clients have error trees of their own.
            if not type(error).__module__.startswith(("httpx", "httpcore", "openai")):
                raise
            last = error
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {timeout_s} s: {what}; last: {last!r}")
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, 0.1)


def always(check: Callable[[], object], for_s: float, what: str) -> None:
    """Calls `check` for a while, and fails at the first false value."""
    deadline = time.monotonic() + for_s
    while time.monotonic() < deadline:
        said = check()
        assert said, f"did not stay so: {what}; {said!r}"
        time.sleep(0.02)


class Unchanged:
    """Since when a value has been what it is."""

    def __init__(self, read: Callable[[], object]) -> None:
        self._read = read
        self._value, self._since = read(), time.monotonic()

    def for_s(self) -> float:
        """Reads it again; seconds since it changed."""
        value = self._read()
        if value != self._value:
            self._value, self._since = value, time.monotonic()
        return time.monotonic() - self._since


class Stopwatch:
    """Time since it was made, for deadlines and reports."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds so far."""
        return time.monotonic() - self._began
