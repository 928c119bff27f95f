"""The scripted providers: started, told how to behave, asked what they received."""

import json
from dataclasses import dataclass
from pathlib import Path

import httpx

from harness import parts
from harness.ports import free_port
from harness.process import Process
from harness.waiting import eventually


@dataclass(frozen=True)
class Provider:
    """One scripted provider: its name in `ark.yaml`, its port and the key that it expects."""

    name: str
    kind: str
    port: int
    key: str

    @property
    def endpoint(self) -> str:
        """Its `endpoint` in `ark.yaml`."""
        base = "" if self.kind == "azure-openai" else "/v1"
        return f"http://127.0.0.1:{self.port}{base}"

    @property
    def credential(self) -> str:
        """The environment variable from which the sidecar reads its key."""
        return f"{self.name.upper()}_API_KEY"


class Fleet:
    """Several scripted providers in one process."""

    def __init__(
        self,
        folder: Path,
        kinds: dict[str, str],
        keys: dict[str, str] | None = None,
        **more: object,
    ) -> None:
        """Providers by name and kind; `more` goes into each one's configuration."""
        keys = keys or {}
        self.providers = {
            name: Provider(name, kind, free_port(), keys.get(name, f"key-{name}"))
            for name, kind in kinds.items()
        }
        config = {
            "providers": [
                {"name": p.name, "kind": p.kind, "port": p.port, "key": p.key, "seen": 1024} | more
                for p in self.providers.values()
            ]
        }
        file = folder / "providers.json"
        file.write_text(json.dumps(config))
        self._control = free_port()
        command = [parts.traffic(), "providers", "--config", file]
        command += ["--control-port", str(self._control)]
        if parts.RECORDINGS.is_dir():
            command += ["--recordings", parts.RECORDINGS]
        self.process = Process("providers", command, folder / "providers.log")
        self._http = httpx.Client(
            base_url=f"http://127.0.0.1:{self._control}", trust_env=False, timeout=10
        )
        eventually(self._is_up, 10, "the scripted providers listen")

    def __getitem__(self, name: str) -> Provider:
        return self.providers[name]

    def _is_up(self) -> bool:
        self.process.check()
        return self._http.get("/stats").status_code == 200

    def environment(self) -> dict[str, str]:
        """The keys, as the sidecar's environment."""
        return {p.credential: p.key for p in self.providers.values()}

    def control(self, name: str, **change: object) -> None:
        """Changes how a provider behaves from now on: `status`, `hang`, `down`, `script`, ..."""
        reply = self._http.post(f"/{name}/control", json=change)
        assert reply.status_code == 200, reply.text

    def restore(self) -> None:
        """Everything back to normal."""
        for name in self.providers:
            self.control(name, reset=True)

    def seen(self, name: str, request_id: str | None = None) -> list[dict]:
        """What a provider received, oldest first; of one request when its id is given."""
        seen = self._http.get(f"/{name}/seen").json()["seen"]
        return [s for s in seen if request_id in (None, s["request_id"])]

    def visited(self, request_id: str) -> list[str]:
        """The providers that received a request with this id."""
        return [name for name in self.providers if self.seen(name, request_id)]

    def stats(self) -> dict[str, dict]:
        """Counts by provider: `requests`, `statuses`, `resets`, `abandoned`, `active`, ..."""
        return self._http.get("/stats").json()

    def forget(self) -> None:
        """Clears counts and received requests."""
        assert self._http.post("/stats/reset").status_code == 200

    def stop(self) -> None:
        """Ends the process."""
        self._http.close()
        self.process.stop()
