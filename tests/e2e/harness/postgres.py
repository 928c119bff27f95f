"""A real PostgreSQL of the tests' own, with TLS and a password."""

import os
import shutil
import signal
import subprocess
import tempfile
from glob import glob
from pathlib import Path

from harness.ports import free_port
from harness.process import Process
from harness.waiting import eventually

PASSWORD = "tests-only-9d2f"
# PostgreSQL does not run as root; everybody's `nobody`.
_NOBODY = 65_534


def programs() -> Path | None:
    """Where Debian's package, or the PATH, has the server's programs."""
    folders = sorted(glob("/usr/lib/postgresql/*/bin"), reverse=True)
    found = shutil.which("initdb")
    folders += [str(Path(found).parent)] if found else []
    has_all = (Path(f) for f in folders if all((Path(f) / p).is_file() for p in ("initdb", "postgres")))
    return next(has_all, None)


class Postgres:
    """One server, which may be killed and started again."""

    def __init__(self) -> None:
        self._programs = programs()
        self.folder = Path(tempfile.mkdtemp(prefix="ark-pg-"))
        self.port, self.process = free_port(), None
        self._make_certificate()
        (self.folder / "password").write_text(PASSWORD)
        if os.geteuid() == 0:
            for path in (self.folder, *self.folder.iterdir()):
                os.chown(path, _NOBODY, _NOBODY)
        command = [self._programs / "initdb", "-D", self.folder / "data", "--username=ark"]
        command += ["--auth=scram-sha-256", f"--pwfile={self.folder / 'password'}", "--no-sync"]
        done = subprocess.run(
            self._as_nobody(command), cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    @property
    def url(self) -> str:
        """Where the ledger is, without the password."""
        roots = self.folder / "server.crt"
        host = f"localhost:{self.port}"
        return f"postgresql://ark@{host}/postgres?sslmode=verify-full&sslrootcert={roots}"

    def _as_nobody(self, command: list) -> list[str]:
        words = [str(word) for word in command]
        if os.geteuid() != 0:
            return words
        return ["setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups", *words]

    def _make_certificate(self) -> None:
        command = "openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=localhost".split()
        command += ["-addext", "subjectAltName=DNS:localhost"]
        command += ["-addext", "basicConstraints=critical,CA:FALSE"]
        command += ["-keyout", str(self.folder / "server.key"), "-out", str(self.folder / "server.crt")]
        subprocess.run(command, capture_output=True, check=True)
        (self.folder / "server.key").chmod(0o600)

    def start(self, **more: str) -> None:
        """Starts it with these settings more, and waits until it says that it is ready."""
        settings = {
            "listen_addresses": "localhost",
            "port": self.port,
            "unix_socket_directories": self.folder,
            "ssl": "on",
            "ssl_cert_file": self.folder / "server.crt",
            "ssl_key_file": self.folder / "server.key",
            "fsync": "off",
        }
        command = [self._programs / "postgres", "-D", self.folder / "data"]
        for name, value in (settings | more).items():
            command += ["-c", f"{name}={value}"]
        log = self.folder / "postgres.log"
        log.unlink(missing_ok=True)
        self.process = Process("postgres", self._as_nobody(command), log)
        eventually(lambda: "ready to accept connections" in self.process.output(), 60, "it serves")

    def kill(self) -> None:
        """Ends it as a crash does: nothing is written out, and the next start recovers.

        Its immediate shutdown, as its workers outlive a `kill -9` and hold its memory for a while.
        """
        self.process.signal(signal.SIGQUIT)
        eventually(lambda: not self.process.alive, 30, "it has ended")
        self.process.kill()

    def close(self) -> None:
        """Ends it, and forgets what it kept."""
        if self.process is not None and self.process.alive:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
