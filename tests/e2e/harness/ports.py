"""Free TCP ports on 127.0.0.1."""

import itertools
import os
import socket

# Below the range from which the kernel takes the ports of outgoing connections: a server that is
# restarted under load must find its port free.
_FIRST, _COUNT = 17_000, 12_000
_next = itertools.count(os.getpid() * 61 % _COUNT)


def free_port() -> int:
    """A port that nobody listens on now, and that no other call has returned lately."""
    for _ in range(_COUNT):
        port = _FIRST + next(_next) % _COUNT
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port")
