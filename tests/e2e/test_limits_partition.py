"""The network between one of two sidecars and their Redis is cut: the bound holds, and the policy rules."""

from contextlib import ExitStack

import pytest
import test_limits_fleet as fleet

from harness.client import Client
from harness.limits import KINDS, limit, with_limits
from harness.stack import make_stack
from harness.waiting import eventually
from harness.wire_cutter import WireCutter

pytestmark = pytest.mark.skipif(fleet.REDIS is None, reason="redis-server is not installed")

LIMIT = 60
# Workers of the two Envoys: each may be left with a lease that the store takes to be free again.
WORKERS = 4


class Cut(fleet.Estate):
    """Two sidecars with an Envoy each; the second one's way to Redis can be cut."""

    def __init__(self, stack, at_end: ExitStack) -> None:
        super().__init__(stack, at_end)
        self.wire = at_end.enter_context(WireCutter(self.redis_port))

    def start(self) -> None:
        text = self.stack.config_file.read_text()
        self.start_redis()
        for at, port in enumerate((self.redis_port, self.wire.port)):
            self.stack.write_config(text.replace("127.0.0.1:0/0", f"127.0.0.1:{port}/0"))
            self.start_sidecar(at)
            self.start_envoy(at)
            ready = self.client(at)
            eventually(lambda ready=ready: ready.send("GET", "/readyz").status == 200, 30, "serves")

    def client(self, at: int) -> Client:
        return Client(f"http://127.0.0.1:{self.ports[at]}", "ark-demo")


@pytest.mark.parametrize("policy", ["deny", "allow"])
def test_one_sidecar_is_cut_off_from_the_store(policy):
    spec = limit("requests", LIMIT, name="shared", on_store_down=policy)
    store = {"redis": {"url": "redis://127.0.0.1:0/0"}, "lease_ms": 2_000}
    text = with_limits([spec], limits_store=store)
    with make_stack(KINDS, text, start=False) as stack, ExitStack() as at_end:
        estate = Cut(stack, at_end)
        estate.start()
        near, far = estate.client(0), estate.client(1)
        admitted = 0
        for client in (near, far) * 5:
            assert client.chat("chat").status == 200
            admitted += 1

        estate.wire.cut()
        # What the far workers hold they may use; then the operator's word counts.
        word = eventually(
            lambda: (a := far.chat("chat")).status != 200 or "x-ark-limits" in a.headers or None,
            30,
            "the cut shows",
        )
        assert word
        unchecked = [far.chat("chat") for _ in range(4)]
        if policy == "deny":
            assert {a.status for a in unchecked} == {503}
            assert {a.error["code"] for a in unchecked} == {"limits_unavailable"}
        else:
            assert {(a.status, a.headers["x-ark-limits"]) for a in unchecked} == {(200, "unchecked")}
        # The near side goes on, and is not stopped by what it cannot know of.
        while near.chat("chat").status == 200:
            admitted += 1
            assert admitted <= LIMIT + WORKERS
        assert admitted >= LIMIT // 2

        estate.wire.mend()
        refused = eventually(
            lambda: (a := far.chat("chat")).status == 429 and a or None, 30, "one limit again"
        )
        assert refused.error["code"] == "limit_reached"
