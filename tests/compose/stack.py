"""The compose stack under test: chooses an engine, brings docker-compose.yml up, takes it down."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import base_images
import local_engine

ROOT = local_engine.ROOT
BUILD_TIMEOUT_S = 1800
PULL_TIMEOUT_S = 600
HEALTHY_TIMEOUT_S = 90
# Runs once and ends; every other service stays up and has a health check.
ONE_SHOT = "filter"
# Straight to the published ports, whatever proxy the environment names.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class NoEngine(Exception):
    """Why the stack cannot run on this machine."""


@dataclass
class Stack:
    """A running stack: how to reach it and how to look into it."""

    command: list[str]
    env: dict[str, str]
    gateway: str
    admin: str

    def compose(self, *args: str, timeout_s: float = 120) -> str:
        """Runs compose on this stack; an error carries what it said."""
        return _run([*self.command, *args], self.env, timeout_s)

    def docker(self, *args: str) -> str:
        """Runs the docker client on this stack's engine."""
        return _run(["docker", *args], self.env, 120)

    def services(self) -> list[str]:
        """The names of the services in the file."""
        return sorted(self.compose("config", "--services").split())

    def inspect(self, service: str) -> dict:
        """What the engine says of the service's container."""
        identity = self.compose("ps", "-a", "-q", service).strip()
        return json.loads(self.docker("inspect", identity))[0]

    def inside(self, service: str, *command: str) -> subprocess.CompletedProcess:
        """Runs a command in the service's container, as the user that the service has."""
        identity = self.compose("ps", "-q", service).strip()
        return subprocess.run(
            ["docker", "exec", identity, *command],
            env=self.env,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    def await_healthy(self) -> None:
        """Returns once every service is healthy and the one-shot has ended well."""
        self.eventually(lambda: not self._unhealthy(), "every service is healthy")

    def eventually(self, check: Callable[[], object], what: str) -> None:
        """Returns once the check says something true; otherwise fails with the stack's last words."""
        deadline = time.monotonic() + HEALTHY_TIMEOUT_S
        while not check():
            if time.monotonic() > deadline:
                raise AssertionError(f"{what}: not so\n{self._unhealthy()}\n{self.compose('logs', '--tail=60')}")
            time.sleep(0.2)

    def _unhealthy(self) -> dict[str, str]:
        states = {name: self.inspect(name)["State"] for name in self.services()}
        done = states.pop(ONE_SHOT)
        waiting = {name: _health(state) for name, state in states.items()}
        waiting = {name: health for name, health in waiting.items() if health != "healthy"}
        if done["Status"] != "exited" or done["ExitCode"] != 0:
            waiting[ONE_SHOT] = f"{done['Status']} {done['ExitCode']}"
        return waiting

    def leftovers(self) -> dict[str, str]:
        """What the engine still holds of this project, by kind; empty when `down` took it all."""
        label = f"label=com.docker.compose.project={self.env['COMPOSE_PROJECT_NAME']}"
        lists = {
            "containers": ["ps", "-aq"],
            "volumes": ["volume", "ls", "-q"],
            "networks": ["network", "ls", "-q"],
        }
        found = {kind: self.docker(*ask, "--filter", label) for kind, ask in lists.items()}
        return {kind: ids for kind, ids in found.items() if ids.strip()}


def _health(state: dict) -> str:
    return state.get("Health", {}).get("Status", "no health check")


@contextlib.contextmanager
def running() -> Iterator[Stack]:
    """Builds the images, brings the file up, yields it healthy; afterwards nothing is left."""
    with contextlib.ExitStack() as cleanup:
        env = dict(os.environ) | _choose_engine(cleanup)
        gateway, admin = _free_ports(2)
        env["COMPOSE_PROJECT_NAME"] = f"arktest{os.getpid()}"
        env["ARK_GATEWAY_PORT"], env["ARK_ADMIN_PORT"] = str(gateway), str(admin)
        stack = Stack(
            [*_compose_client(), "-f", str(ROOT / "docker-compose.yml")],
            env,
            f"http://127.0.0.1:{gateway}",
            f"http://127.0.0.1:{admin}",
        )
        cleanup.callback(_take_down, stack)
        stack.compose("build", timeout_s=BUILD_TIMEOUT_S)
        stack.compose("up", "-d")
        stack.await_healthy()
        yield stack


def _take_down(stack: Stack) -> None:
    stack.compose("down", "-v", "--rmi", "local")
    left = stack.leftovers()
    if left:
        raise AssertionError(f"`down -v` left {left}")


def _choose_engine(cleanup: contextlib.ExitStack) -> dict[str, str]:
    """The environment that leads to an engine: the one that runs, or with ARK_COMPOSE=1 our own."""
    wish = os.environ.get("ARK_COMPOSE", "")
    if wish == "0":
        raise NoEngine("ARK_COMPOSE=0")
    if not _compose_client():
        raise NoEngine("neither `docker compose` nor `docker-compose` is installed")
    reason = _unusable()
    if reason is None:
        return {}
    if wish != "1":
        raise NoEngine(f"{reason}; ARK_COMPOSE=1 starts an engine for the test (as root)")
    lack = local_engine.missing()
    if lack:
        raise NoEngine(f"{reason}; {lack}")
    host = cleanup.enter_context(local_engine.engine())
    return {"DOCKER_HOST": host, "DOCKER_BUILDKIT": "0"}


def _unusable() -> str | None:
    """Why the engine that the environment names is of no use here, or None."""
    if not _succeeds(["docker", "info"], 30):
        return "no Docker engine answers `docker info`"
    for image in base_images.wanted(ROOT):
        have = _succeeds(["docker", "image", "inspect", image], 30)
        if not have and not _succeeds(["docker", "pull", image], PULL_TIMEOUT_S):
            return f"the Docker engine has no {image} and cannot pull it"
    return None


def _compose_client() -> list[str]:
    if _succeeds(["docker", "compose", "version"], 30):
        return ["docker", "compose"]
    return ["docker-compose"] if shutil.which("docker-compose") else []


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def _succeeds(command: list[str], timeout_s: float) -> bool:
    try:
        done = subprocess.run(command, capture_output=True, timeout=timeout_s, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _run(command: list[str], env: dict[str, str], timeout_s: float) -> str:
    done = subprocess.run(
        command, env=env, capture_output=True, text=True, timeout=timeout_s, check=False
    )
    if done.returncode != 0:
        said = (done.stdout + done.stderr)[-6000:]
        raise AssertionError(f"{' '.join(command)} ended with {done.returncode}:\n{said}")
    return done.stdout
