"""A Docker engine of our own, for machines where none runs and no image can be pulled.

`python3 tests/compose/local_engine.py` (as root) starts it, imports the base images that the
Dockerfile and docker-compose.yml name, prints the DOCKER_HOST to use, and stops it on Ctrl-C.

It installs nothing, touches no other engine, no firewall rule and no routing: socket and process
files are in a temporary directory of its own; what it stores is below `target/ark/compose`.
"""

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import base_images

ROOT = Path(__file__).resolve().parents[2]
STORE = ROOT / "target" / "ark" / "compose"
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 60
KEEP_LAYERS_H = 7 * 24

# Each tool with the Debian package that has it.
NEEDED = {
    "dockerd": "docker.io",
    "docker": "docker.io",
    "debootstrap": "debootstrap",
    "tar": "tar",
    "cargo": "rustup (https://rustup.rs)",
}


class EngineError(Exception):
    """Why no engine of our own can run here, with what to do about it."""


def missing() -> str | None:
    """Says what this machine lacks to run an engine of its own, or None."""
    if os.geteuid() != 0:
        return "an engine of our own needs root"
    packages = sorted({package for tool, package in NEEDED.items() if not shutil.which(tool)})
    if packages:
        return f"not installed: {', '.join(packages)} (Debian: apt-get install)"
    return None


@contextlib.contextmanager
def engine() -> Iterator[str]:
    """Runs an engine that has the base images; yields its DOCKER_HOST."""
    lack = missing()
    if lack:
        raise EngineError(lack)
    with tempfile.TemporaryDirectory(prefix="ark-engine-") as run, _daemon(Path(run)) as host:
        _clear(host)
        base_images.provide(host, ROOT, STORE)
        yield host


@contextlib.contextmanager
def _daemon(run: Path) -> Iterator[str]:
    host = f"unix://{run}/docker.sock"
    log = run / "dockerd.log"
    command = [
        "dockerd",
        f"--host={host}",
        f"--data-root={STORE / 'engine'}",
        f"--exec-root={run / 'exec'}",
        f"--pidfile={run / 'dockerd.pid'}",
        # No default bridge: image builds have no network, which proves that they need none here.
        "--bridge=none",
        # Published ports go through Docker's own proxy; the host's firewall stays as it is.
        "--iptables=false",
        "--ip6tables=false",
        "--ip-forward=false",
        "--ip-masq=false",
    ]
    with log.open("wb") as sink:
        # Its own session: a Ctrl-C at the terminal must not stop the engine before its containers.
        daemon = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )
    try:
        _await_ready(daemon, host, log)
        yield host
    finally:
        _stop(daemon)


def _end_with_parent() -> None:
    """Has the kernel stop the engine, and by that its containers, when we are killed."""
    set_parent_death_signal = 1
    ctypes.CDLL(None, use_errno=True).prctl(set_parent_death_signal, signal.SIGTERM)


def _clear(host: str) -> None:
    """Removes what a killed run has left in our store, and layers that are a week old.

    Nothing else uses this store; its containers would come up again by their restart policy.
    """
    for kind, listing in (("container", ["-aq"]), ("volume", ["-q"])):
        found = base_images.docker(host, kind, "ls", *listing).stdout.split()
        if found:
            base_images.docker(host, kind, "rm", "-f", *found)
    base_images.docker(host, "network", "prune", "-f")
    base_images.docker(host, "image", "prune", "-f", "--filter", f"until={KEEP_LAYERS_H}h")


def _await_ready(daemon: subprocess.Popen, host: str, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if daemon.poll() is not None:
            raise EngineError(f"dockerd ended at once:\n{_tail(log)}")
        if base_images.docker(host, "info", check=False).returncode == 0:
            return
        time.sleep(0.1)
    raise EngineError(f"dockerd was not ready within {START_TIMEOUT_S} s:\n{_tail(log)}")


def _stop(daemon: subprocess.Popen) -> None:
    if daemon.poll() is None:
        daemon.send_signal(signal.SIGTERM)
    try:
        daemon.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait()


def _tail(log: Path, lines: int = 20) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def main() -> int:
    """Runs the engine until Ctrl-C."""
    # SIGTERM too must stop the engine on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with engine() as host:
            print(f"export DOCKER_HOST={host} DOCKER_BUILDKIT=0", flush=True)
            signal.pause()
    except KeyboardInterrupt:
        return 0
    except (EngineError, base_images.ImageError) as error:
        print(f"local engine: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
