"""Servers that we did not write, as providers."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.http import plain
from harness.process import Process
from harness.waiting import eventually


def skip_aloud(what: str) -> None:
    """Skips, with a warning that pytest shows even where it keeps the reasons of skips to itself."""
    reason = f"A THIRD PARTY'S PROVIDERS WERE NOT TRIED: {what}"
    warnings.warn(reason, stacklevel=2)
    pytest.skip(reason)


@contextmanager
def running(name: str, command: list, folder: Path, alive: str) -> Iterator[None]:
    """Runs a server for as long as this lasts; it is up when the URL `alive` answers 200."""
    server = Process(name, command, folder / f"{name}.log")
    with plain() as http:

        def is_up() -> bool:
            server.check()
            return http.get(alive).status_code == 200

        try:
            eventually(is_up, 30, f"{name} listens")
            yield
        finally:
            server.stop()
