"""A TCP proxy that can stop passing anything on, as a network that is cut does."""

import contextlib
import socket
import threading
from typing import Self

_PAUSE_S = 0.1


class WireCutter:
    """Passes connections on to a port of this machine until it is cut: then nothing comes through, and
    nobody is told.
    """

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._whole, self._ended = threading.Event(), threading.Event()
        self._whole.set()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """From now on bytes stay where they are."""
        self._whole.clear()

    def mend(self) -> None:
        """Lets them pass again, also those that waited."""
        self._whole.set()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while not self._ended.is_set():
                client, _ = self._server.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            with socket.create_connection(("127.0.0.1", self._target_port)) as server:
                back = threading.Thread(target=self._pass, args=(server, client), daemon=True)
                back.start()
                self._pass(client, server)
                back.join()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                while not self._whole.wait(_PAUSE_S):
                    if self._ended.is_set():
                        return
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._server.close()
