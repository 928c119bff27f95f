"""Stacks for the tests, and their logs when a test fails."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from harness import estate, polyglot
from harness.client import Client
from harness.config import only
from harness.polyglot import KINDS
from harness.stack import Stack, make_stack
from harness.voices import VOICES, Voice
from harness.waiting import eventually

# Outlier detection lets a provider that a test has worn out come back after some seconds.
HEAL_TIMEOUT_S = 40


@pytest.fixture(scope="session")
def shared_stack() -> Iterator[Stack]:
    """The one Ark that all tests use which leave nothing behind."""
    with make_stack(estate.KINDS, estate.text, workers=2) as stack:
        yield stack


@pytest.fixture
def stack(shared_stack: Stack) -> Stack:
    """The shared Ark with all providers well and in service."""
    shared_stack.check()
    shared_stack.fleet.restore()
    client = shared_stack.client()
    for name in estate.NAMES:
        # A success also sets back what outlier detection has counted.
        eventually(
            lambda name=name: client.chat(only(name)).status == 200,
            HEAL_TIMEOUT_S,
            f"{name} is in service",
        )
    client.close()
    return shared_stack


@pytest.fixture(scope="session")
def polyglot_stack() -> Iterator[Stack]:
    """The one Ark that the tests of dialects use, with a strict provider of every kind."""
    strict = {"strict": True}
    with make_stack(polyglot.KINDS, polyglot.text, polyglot.KEYS, scripted=strict) as stack:
        yield stack


@pytest.fixture
def tower(polyglot_stack: Stack) -> Stack:
    """That Ark. What tests want of providers goes with their requests: nothing is restored."""
    polyglot_stack.check()
    return polyglot_stack


@pytest.fixture
def well(tower: Stack, request: pytest.FixtureRequest) -> None:
    """The providers that a test names, or one of each dialect, in service again."""
    params = getattr(request.node, "callspec", None)
    named = [
        value
        for value in (params.params.values() if params else ())
        if isinstance(value, str) and value in KINDS
    ]
    client = tower.client()
    for name in named or polyglot.DIALECTS:
        eventually(
            lambda name=name: client.chat(only(name)).status == 200,
            HEAL_TIMEOUT_S,
            f"{name} is in service",
        )
    client.close()


@pytest.fixture(scope="session")
def voices(polyglot_stack: Stack) -> Iterator[dict[str, Voice]]:
    """A client of that Ark for each dialect."""
    with ExitStack() as at_end:
        voices = {name: voice(polyglot_stack) for name, voice in VOICES.items()}
        for voice in voices.values():
            at_end.callback(voice.close)
        yield voices


@pytest.fixture(params=list(VOICES))
def voice(tower: Stack, voices: dict[str, Voice], request: pytest.FixtureRequest) -> Voice:
    """Each of them in turn."""
    return voices[request.param]


@pytest.fixture
def client(stack: Stack) -> Iterator[Client]:
    """A client of the shared Ark that may do everything."""
    client = stack.client()
    yield client
    client.close()


@pytest.fixture
def fresh_stack() -> Iterator[Callable[..., Stack]]:
    """Makes an Ark for one test alone, as `make_stack` does: for drills."""
    with ExitStack() as at_end:

        def make(*args: object, **more: object) -> Stack:
            stack = at_end.enter_context(make_stack(*args, **more))
            _of_this_test.append(stack)
            return stack

        yield make


_of_this_test: list[Stack] = []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Shows the last words of every part of the stacks that a failed test has used."""
    report = yield
    shared = [value for value in item.funcargs.values() if isinstance(value, Stack)]
    if report.failed:
        for stack in {id(s): s for s in [*shared, *_of_this_test]}.values():
            for name, last_words in stack.logs():
                report.sections.append((f"{name} ({stack.folder.name})", last_words))
    if report.when == "teardown":
        _of_this_test.clear()
    return report
