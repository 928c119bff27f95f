"""Cores and their time, for what is measured: a load generator must not pay for what it asks."""

import os


def cpu_s(pid: int) -> float:
    """CPU seconds of a process so far."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def pin(stack) -> None:
    """Envoy to the first core; this process, what it starts, and the stack's other parts to the others."""
    first, *others = sorted(os.sched_getaffinity(0))
    if not others:
        return
    _bind(stack.envoy.pid, {first})
    for pid in (stack.sidecar.pid, stack.fleet.process.pid, os.getpid()):
        _bind(pid, set(others))


def _bind(pid: int, cores: set[int]) -> None:
    for thread in os.listdir(f"/proc/{pid}/task"):
        os.sched_setaffinity(int(thread), cores)
