"""The scripted providers: started, told how to behave, asked what they received."""

import json
from dataclasses import dataclass
from pathlib import Path

from harness import parts
from harness.http import plain
from harness.ports import free_port
from harness.process import Process
from harness.waiting import eventually

# The base path of each kind's API, and of the vendors that have their own.
_BASES = {
    "azure-openai": "",
    "gemini": "/v1beta",
    "vertex": "/v1/projects/tests/locations/us-east1/publishers/google",
    "bedrock": "",
}
_VENDORS_BASES = {
    "glm": "/api/paas/v4",
    "qwen": "/compatible-mode/v1",
    "doubao": "/api/v3",
    "groq": "/openai/v1",
}


@dataclass(frozen=True)
class Provider:
    """One scripted provider: its name in `ark.yaml`, its port and the key that it expects."""

    name: str
    kind: str
    port: int
    key: str
    # The vendor of an `openai-compatible` one, `v1` for Azure's newer paths.
    variety: str | None
    # Where Envoy finds the key of one whose requests it signs.
    aws_file: Path

    @property
    def base(self) -> str:
        """The path of its API."""
        return _VENDORS_BASES.get(self.variety or "") or _BASES.get(self.kind, "/v1")

    @property
    def endpoint(self) -> str:
        """Its `endpoint` in `ark.yaml`."""
        return f"http://127.0.0.1:{self.port}{self.base}"

    @property
    def credential(self) -> str:
        """The environment variable from which the sidecar reads its key."""
        return f"{self.name.upper().replace('-', '_')}_API_KEY"

    @property
    def is_signed_for(self) -> bool:
        """Whether its key is a pair, with which requests are signed."""
        return self.kind == "bedrock" and ":" in self.key

    def scripted(self) -> dict:
        """Its entry in the scripted providers' own configuration."""
        entry = {"name": self.name, "kind": self.kind, "port": self.port, "key": self.key}
        if self.kind == "openai-compatible":
            entry["vendor"] = self.variety
        return entry | {"seen": 1024}

    def write_aws_file(self) -> None:
        """Writes the key as AWS's tools keep it."""
        identity, secret = self.key.split(":")
        self.aws_file.parent.mkdir(exist_ok=True)
        lines = ["[ark]", f"aws_access_key_id = {identity}", f"aws_secret_access_key = {secret}"]
        self.aws_file.write_text("\n".join(lines) + "\n")


class Fleet:
    """Several scripted providers in one process."""

    def __init__(
        self,
        folder: Path,
        kinds: dict[str, str],
        keys: dict[str, str] | None = None,
        **more: object,
    ) -> None:
        """Providers by name and kind, `openai-compatible/VENDOR` and `azure-openai/v1` among
        them; `more` goes into each one's configuration.
        """
        keys = keys or {}
        self.providers = {}
        for name, speaks in kinds.items():
            kind, _, variety = speaks.partition("/")
            key = keys.get(name, f"key-{name}")
            # In a folder of its own: Envoy watches it, and would see its own log grow.
            file = folder / "aws" / name
            provider = Provider(name, kind, free_port(), key, variety or None, file)
            self.providers[name] = provider
            if provider.is_signed_for:
                provider.write_aws_file()
        config = {"providers": [p.scripted() | more for p in self.providers.values()]}
        file = folder / "providers.json"
        file.write_text(json.dumps(config))
        self._control = free_port()
        command = [parts.traffic(), "providers", "--config", file]
        command += ["--control-port", str(self._control)]
        if parts.RECORDINGS.is_dir():
            command += ["--recordings", parts.RECORDINGS]
        self.process = Process("providers", command, folder / "providers.log")
        self._http = plain(base_url=f"http://127.0.0.1:{self._control}", timeout=10)
        eventually(self._is_up, 10, "the scripted providers listen")

    def __getitem__(self, name: str) -> Provider:
        return self.providers[name]

    def _is_up(self) -> bool:
        self.process.check()
        return self._http.get("/stats").status_code == 200

    def environment(self) -> dict[str, str]:
        """The keys, as the sidecar's environment."""
        keyed = [p for p in self.providers.values() if not p.is_signed_for]
        return {p.credential: p.key for p in keyed}

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

    def bill(self, name: str) -> list[dict]:
        """What a provider charges for: `request_id`, tokens of `prompt` and `answer`, `reported`."""
        return self._http.get(f"/{name}/bill").json()["charges"]

    def forget(self) -> None:
        """Clears counts and received requests."""
        assert self._http.post("/stats/reset").status_code == 200

    def stop(self) -> None:
        """Ends the process."""
        self._http.close()
        self.process.stop()
