"""A whole Ark: scripted providers, the sidecar and Envoy, each the built artefact."""

import os
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from harness import metrics, parts
from harness.client import Client
from harness.fleet import Fleet
from harness.http import plain
from harness.ports import free_port
from harness.process import Process
from harness.waiting import eventually

READY_TIMEOUT_S = 30
# The literals of envoy/bootstrap.yaml that differ from place to place.
_ADMIN_LITERAL, _SOCKET_LITERAL = "port_value: 9901", "/run/ark/ark.sock"


class Stack:
    """One Ark on ports of its own. `start` it, or its parts one by one."""

    def __init__(
        self,
        folder: Path,
        fleet: Fleet,
        config: str,
        workers: int = 1,
        envoy_log: str = "info",
        admin_token: str | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.folder, self.fleet, self.workers = folder, fleet, workers
        self.gateway_port, self.admin_port = free_port(), free_port()
        self.envoy_admin_port = free_port()
        self.socket = folder / "ark.sock"
        self.config_file = folder / "ark.yaml"
        self.ledger = folder / "ledger.db"
        self.sidecar: Process | None = None
        self.envoy: Process | None = None
        self._envoy_log = envoy_log
        headers = {"authorization": f"Bearer {admin_token}"} if admin_token else {}
        self._tls = tls
        self._scheme = "http" if tls is None else "https"
        self._admin = plain(self._tls, timeout=5, headers=headers)
        self.write_config(config)

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"{self._scheme}://127.0.0.1:{self.gateway_port}"

    @property
    def admin_url(self) -> str:
        """The sidecar's own interface."""
        return f"http://127.0.0.1:{self.admin_port}"

    @property
    def envoy_admin_url(self) -> str:
        """Envoy's admin interface."""
        return f"http://127.0.0.1:{self.envoy_admin_port}"

    def client(self, key: str = "ark-demo", **more: object) -> Client:
        """A plain HTTP client of the gateway."""
        return Client(self.url, key, **more)

    def write_config(self, text: str) -> None:
        """Replaces `ark.yaml` at once, as editors and deployments do."""
        new = self.folder / "ark.yaml.new"
        new.write_text(text)
        new.replace(self.config_file)

    def start(self) -> "Stack":
        """Starts everything and waits until every worker serves this configuration."""
        try:
            self.start_sidecar()
            self.start_envoy()
            self.await_ready()
        except AssertionError as error:
            # Whoever starts a stack stops it on a failure: its logs must be in the message.
            said = "\n".join(f"--- {name}\n{words}" for name, words in self.logs())
            raise AssertionError(f"{error}\n{said}") from error
        return self

    def start_sidecar(self) -> None:
        """Starts `ark serve`."""
        self.sidecar = Process(
            "ark serve",
            [parts.ark(), "serve", "--config", self.config_file]
            + ["--socket", self.socket, "--filter", parts.filter_module()]
            + ["--admin", f"127.0.0.1:{self.admin_port}"]
            + ["--keys", self.folder / "keys.json"]
            + ["--envoy-admin", f"127.0.0.1:{self.envoy_admin_port}"]
            + ["--listen", f"127.0.0.1:{self.gateway_port}"]
            + ["--ledger", self.ledger],
            self.folder / "sidecar.log",
            self.fleet.environment(),
        )

    def start_envoy(self) -> None:
        """Starts Envoy on the committed bootstrap with this place's port and socket."""
        text = parts.BOOTSTRAP.read_text()
        for literal in (_ADMIN_LITERAL, _SOCKET_LITERAL):
            assert literal in text, f"{parts.BOOTSTRAP} does not hold `{literal}`"
        text = text.replace(_ADMIN_LITERAL, f"port_value: {self.envoy_admin_port}")
        self.run_envoy(text.replace(_SOCKET_LITERAL, str(self.socket)))

    def start_static(self) -> None:
        """Starts Envoy on what `ark render envoy` prints, without a sidecar."""
        self.run_envoy(self.rendered())

    def rendered(self) -> str:
        """The complete static configuration."""
        command = [parts.ark(), "render", "envoy", "--config", self.config_file]
        command += ["--filter", parts.filter_module()]
        command += ["--listen", f"127.0.0.1:{self.gateway_port}"]
        return run([*map(str, command)], {**os.environ, **self.fleet.environment()})

    def run_envoy(self, configuration: str) -> None:
        """Starts Envoy on a configuration."""
        file = self.folder / "envoy.yaml"
        file.write_text(configuration)
        self.envoy = Process(
            "envoy",
            [parts.envoy(), "-c", file, "--concurrency", str(self.workers)]
            + ["--use-dynamic-base-id", "--log-level", self._envoy_log]
            # Its list of everything that it is made of would be all that a failure shows.
            + ["--component-log-level", "main:warning"]
            # What is logged is there when a test looks, not ten seconds later.
            + ["--file-flush-interval-msec", "100"]
            + ["--log-format", "[%Y-%m-%d %T.%e][%l][%n] %v"],
            self.folder / "envoy.log",
            self.fleet.environment(),
        )

    def check(self) -> None:
        """Fails when a part has ended by itself."""
        for process in (self.fleet.process, self.sidecar, self.envoy):
            if process is not None:
                process.check()

    def await_ready(self, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Waits until every worker runs the newest snapshot and all its targets are active."""

        def ready() -> bool:
            self.check()
            view = self.config_view()
            states = {target["state"] for target in view["targets"]}
            assert states == {"active"}, view
            running = [w["snapshot"] for w in view["workers"].values() if w["live"]]
            assert len(running) >= self.workers, view
            assert set(running) == {view["snapshot"]}, view
            return self.get(self.url + "/readyz").status_code == 200

        eventually(ready, timeout_s, "every worker serves the newest snapshot")

    def get(self, url: str) -> httpx.Response:
        """A GET of any of the stack's interfaces."""
        return self._admin.get(url)

    def close_admin(self) -> None:
        """Closes the connections to the interfaces; the next GET opens new ones."""
        headers = self._admin.headers
        self._admin.close()
        self._admin = plain(self._tls, timeout=5, headers=headers)

    def config_view(self) -> dict:
        """`/v1/config`."""
        return self.get(self.admin_url + "/v1/config").raise_for_status().json()

    def scores(self) -> dict:
        """`/v1/scores`."""
        return self.get(self.admin_url + "/v1/scores").raise_for_status().json()

    def metrics(self) -> metrics.Samples:
        """The sidecar's `/metrics`."""
        return metrics.read(self.get(self.admin_url + "/metrics").raise_for_status().text)

    def metric(self, name: str, **labels: str) -> float:
        """A metric of the sidecar, summed over what the labels leave open."""
        return metrics.total(self.metrics(), name, **labels)

    def envoy_metric(self, name: str, **labels: str) -> float:
        """A metric of Envoy's, the filter's among them."""
        text = self.get(self.envoy_admin_url + "/stats/prometheus").raise_for_status().text
        return metrics.total(metrics.read(text), name, **labels)

    def envoy_stats(self, pattern: str) -> dict[str, int]:
        """Envoy's own counters and gauges whose names match."""
        reply = self.get(f"{self.envoy_admin_url}/stats?format=json&filter={pattern}")
        stats = reply.raise_for_status().json()["stats"]
        return {s["name"]: s["value"] for s in stats if "name" in s}

    def vm_failures(self) -> int:
        """How often a VM of the filter has trapped, was reloaded or could not be had."""
        return sum(self.envoy_stats("vm_reload|runtime_error|vm_failed").values())

    def stop(self) -> None:
        """Ends Envoy and the sidecar; the providers are their owner's to end."""
        for process in (self.envoy, self.sidecar):
            if process is not None:
                process.stop()
        self._admin.close()

    def logs(self) -> list[tuple[str, str]]:
        """Name and last words of every part."""
        processes = (self.fleet.process, self.sidecar, self.envoy)
        return [(process.name, process.tail()) for process in processes if process is not None]


@contextmanager
def make_stack(
    kinds: dict[str, str],
    config: Callable[[Fleet], str],
    keys: dict[str, str] | None = None,
    start: bool = True,
    scripted: dict | None = None,
    **more: object,
) -> Iterator[Stack]:
    """An Ark whose `ark.yaml` is what `config` makes of its fleet of scripted providers."""
    # A short path: a socket's may have 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="ark-e2e-"))
    with ExitStack() as at_end:
        at_end.callback(shutil.rmtree, folder, ignore_errors=True)
        fleet = Fleet(folder, kinds, keys, **(scripted or {}))
        at_end.callback(fleet.stop)
        stack = Stack(folder, fleet, config(fleet), **more)
        at_end.callback(stack.stop)
        yield stack.start() if start else stack


def run(command: Sequence[str], env: dict[str, str] | None = None, timeout_s: float = 60) -> str:
    """Runs a command to its end and returns what it printed; an error carries what it said."""
    done = subprocess.run(
        command, env=env, capture_output=True, text=True, timeout=timeout_s, check=False
    )
    assert done.returncode == 0, f"{command[0]}: {done.stdout}\n{done.stderr}"
    return done.stdout
