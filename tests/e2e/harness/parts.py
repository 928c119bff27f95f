"""Where the built artefacts and installed tools are.

`cargo xtask test` names them in the environment; after a plain build the same files are found
below `target/`, so that `pytest tests/e2e` works by itself.
"""

import functools
import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(os.environ.get("ARK_ROOT") or Path(__file__).resolve().parents[3])
TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
INSTALLED = Path(os.environ.get("ARK_TARGET") or TARGET / "ark")
RECORDINGS = ROOT / "../shared/data/recorded-openai"
LLM_SERVER = ROOT / "tests/llm/serve.py"
BOOTSTRAP = ROOT / "envoy/bootstrap.yaml"


def _first(variable: str, *fallbacks: Path | str | None) -> Path | None:
    named = os.environ.get(variable)
    if named:
        return Path(named)
    return next((Path(path) for path in fallbacks if path and Path(path).exists()), None)


def _required(what: str, found: Path | None) -> Path:
    if found is None or not found.exists():
        # Nothing can be tested: one clear message instead of as many as there are tests.
        pytest.exit(f"{what} is missing: `cargo xtask test` builds and installs all parts", 1)
    return found


@functools.cache
def ark() -> Path:
    """The sidecar."""
    return _required("ark", _first("ARK_BIN", TARGET / "release/ark", TARGET / "debug/ark"))


@functools.cache
def traffic() -> Path:
    """Scripted providers and load."""
    built = (TARGET / "release/ark-traffic", TARGET / "debug/ark-traffic")
    return _required("ark-traffic", _first("ARK_TRAFFIC", *built))


@functools.cache
def filter_module() -> Path:
    """The Wasm filter."""
    built = TARGET / "wasm32-wasip1/wasm/ark_filter.wasm"
    return _required("the filter", _first("ARK_FILTER", built))


@functools.cache
def envoy() -> Path:
    """Envoy itself, not the wheel's launcher: a signal must reach it."""
    wheel = sorted(INSTALLED.glob("envoy/lib/python*/site-packages/envoy/_bin/envoy"))
    candidates = (os.environ.get("ENVOY"), *wheel, shutil.which("envoy"))
    return _required("Envoy", _first("ARK_ENVOY", *candidates))


def node() -> tuple[Path, Path] | None:
    """Node.js and the folder of its modules; `None` where one is missing."""
    program = _first("ARK_NODE", shutil.which("node"))
    modules = _first("ARK_NODE_MODULES", INSTALLED / "node/node_modules")
    if program is None or modules is None or not (modules / "openai").is_dir():
        return None
    return program, modules


def aimock() -> list[Path] | None:
    """The command of the npm package `aimock`; `None` where it, or Node.js, is missing."""
    found = node()
    program = found and found[1] / "@copilotkit/aimock/dist/cli.js"
    return [found[0], program] if program and program.is_file() else None


def llm_python() -> Path | None:
    """The Python that has the language model and llama.cpp."""
    venv = _first("ARK_LLM_VENV", INSTALLED / "llm")
    python = _first("ARK_LLM_PYTHON", venv and venv / "bin/python")
    return python if python is not None and python.exists() else None


def fakellm() -> Path | None:
    """Somebody else's mock of two APIs (PyPI `fakellm`), where it is installed."""
    program = _first("ARK_FAKELLM", shutil.which("fakellm"))
    return program if program is not None and program.exists() else None
