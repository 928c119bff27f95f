"""No storage: marked content goes through every path, and is looked for everywhere afterwards."""

import base64
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from harness import config, parts
from harness.client import CHAT, PROMPT, Client
from harness.h2 import send_with_trailers
from harness.http import plain
from harness.stack import Stack, make_stack
from harness.trap import with_trap
from harness.waiting import eventually

FLEET = {
    "official": "openai",
    "backup": "openai",
    "azure": "azure-openai",
    "claude": "anthropic",
    "gemini": "gemini",
}
KEYS = {name: f"kept-by-envoy-{name}-0c6e2d81f3" for name in FLEET}
CLIENT_KEY = "ark-unkept-client-key-5a90d3c7"
LIMITED_KEY = "ark-unkept-limited-key-41be07f2"
ADMIN_TOKEN = "unkept-admin-token-77d0b1c9e4"
# Each thing that passes has a mark of its own, so that a find says what it was.
PROMPT_MARK = "unkeptprompt9e5517c0aa"
# Eight letters: the scripted providers send so many at a time.
ANSWER_MARK = "zq7kX2vW"
TOOL_MARK = "unkepttool0aa9e5517c"
IMAGE_MARK = base64.b64encode(b"unkept image of 1x1 pixel").decode()
SYSTEM_MARK = "unkeptsystem5517c0aa9e"
MARKS = [PROMPT_MARK, ANSWER_MARK, TOOL_MARK, IMAGE_MARK, SYSTEM_MARK, CLIENT_KEY, LIMITED_KEY, ADMIN_TOKEN]
SAY = f"say:{ANSWER_MARK}"
FAULTS = ["status:500", "status:400", "reset", "first-event-error", "cut:2", "no-end", "error-at:2"]
SINKS = [
    ("admin_url", f"/{path}")
    for path in (
        ["metrics", "healthz", "readyz"]
        + [f"v1/{name}" for name in ("scores", "config", "keys", "providers", "canaries", "shadows")]
        + [f"v1/{name}" for name in ("spend", "forecast", "limits", "audit")]
    )
] + [
    ("envoy_admin_url", f"/{path}")
    for path in ("stats", "stats/prometheus", "config_dump?include_eds", "clusters", "listeners")
]


def text(fleet) -> str:
    folder = fleet.providers["official"].aws_file.parent.parent
    providers = [config.provider(p) for p in fleet.providers.values()]
    names = list(FLEET)
    price = {"currency": "USD", "input_per_million": 1, "output_per_million": 1}
    shadow = {"provider": "backup", "model": "copy", "price": price, "share": "100%"}
    models = [config.model(config.only(name), [name]) for name in names]
    models += [config.model("all", names)]
    models += [config.model("copied", ["official"]) | {"shadow": shadow}]
    models += [config.model("raced", ["official", "claude"]) | {"hedge": {"after_ms": 100, "budget": "50%"}}]
    keys = [
        config.key(CLIENT_KEY, "client"),
        config.key(LIMITED_KEY, "limited", limits={"requests_per_minute": 1, "burst": 1}),
    ]
    token = config.key(ADMIN_TOKEN)["sha256"]
    more = {
        "admin": {"tokens": [{"id": "ops", "sha256": token, "role": "admin"}]},
        "audit": {"dir": str(folder / "audit")},
        "limits_store": {"file": str(folder / "limits.json")},
        "limits": [{"per": ["key"], "of": "tokens", "limit": 100_000_000, "window": "hour"}],
    }
    written = config.text(providers, models, keys)
    return written + "".join(f"{name}: {json.dumps(block)}\n" for name, block in more.items())


def body(model: str, stream: bool) -> dict:
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{IMAGE_MARK}"}}
    call = {"name": "look", "arguments": json.dumps({"word": TOOL_MARK})}
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
    return {
        "model": model,
        "stream": stream,
        "tools": [tool],
        "messages": [
            {"role": "system", "content": SYSTEM_MARK},
            {"role": "user", "content": [{"type": "text", "text": PROMPT_MARK}, image]},
            {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": call}]},
            {"role": "tool", "tool_call_id": "c1", "content": TOOL_MARK},
        ],
    }


def pass_through(stack: Stack) -> None:
    """Every path that content takes."""
    client = stack.client(CLIENT_KEY)
    for name in FLEET:
        for stream in (False, True):
            answer = ask(client, config.only(name), f"{name}={SAY}", stream)
            assert answer.status == 200 and ANSWER_MARK in answer.text, answer.text
            for fault in FAULTS:
                ask(client, config.only(name), f"{name}={fault}, *={SAY}", stream)
    for stream in (False, True):
        ask(client, "all", f"official=status:503, backup=reset, azure=first-event-error, *={SAY}", stream)
        ask(client, "copied", f"*={SAY}", stream)
        ask(client, "raced", f"official=slow:400, *={SAY}", stream)
    # Refused: an unknown key, an unknown model, a limit, a body that is none, a path with a key.
    limited = stack.client(LIMITED_KEY)
    refusals = [ask(limited, "all", None, False).status for _ in range(3)]
    assert 429 in refusals, refusals
    assert ask(stack.client(f"{CLIENT_KEY}x"), "all", None, False).status == 401
    assert ask(client, PROMPT_MARK, None, False).status == 404
    assert client.send("POST", CHAT, content=f'{{"model": "all", "{PROMPT_MARK}').status == 400
    client.get(f"/v1/models/none?key={CLIENT_KEY}")
    hang_up(stack)
    client.close()


def ask(client: Client, model: str, script: str | None, stream: bool):
    headers = {"x-demo-script": script} if script else {}
    try:
        return client.send("POST", CHAT, json=body(model, stream), headers=headers)
    except httpx.HTTPError:
        """A stream that is cut."""


def hang_up(stack: Stack) -> None:
    headers = {"authorization": f"Bearer {CLIENT_KEY}", "x-demo-script": "*=chunks:200+chunk-delay:20"}
    with (
        plain(headers=headers) as http,
        http.stream("POST", stack.url + CHAT, json=body("all", True)) as reply,
    ):
        next(reply.iter_raw())


def operate(stack: Stack) -> None:
    """What operators do, and do wrong."""
    with plain() as stranger:
        url = f"{stack.admin_url}/v1/keys/{PROMPT_MARK}"
        assert stranger.get(url, headers={"authorization": f"Bearer {CLIENT_KEY}"}).status_code == 401
    stack.get(f"{stack.admin_url}/v1/spend?group_by={CLIENT_KEY}")
    good = stack.config_file.read_text()
    # A key where a name belongs.
    stack.write_config(good + f"unknown: {{api_key: sk-{'a1' * 20}}}\n")
    eventually(lambda: stack.config_view()["bad_edit"], 10, "the edit is refused")
    assert "a1a1a1" not in json.dumps(stack.config_view())
    stack.write_config(good)
    eventually(lambda: not stack.config_view()["bad_edit"], 10, "the edit is taken back")


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """An Ark through which all of it has gone, before and after a crash of the sidecar and of a VM."""
    trapping = tmp_path_factory.mktemp("filter") / "ark_filter.wasm"
    module = parts.filter_module().read_bytes()
    trapping.write_bytes(with_trap(module, "proxy_on_request_trailers"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "filter_module", lambda: trapping)
        patch.setenv("ARK_LOG", "debug")
        with make_stack(FLEET, text, KEYS, admin_token=ADMIN_TOKEN) as stack:
            use(stack)
            yield stack


def use(stack: Stack) -> None:
    pass_through(stack)
    operate(stack)
    stack.sidecar.kill()
    ask(stack.client(CLIENT_KEY), "all", f"*={SAY}", True)
    stack.start_sidecar()
    stack.await_ready()
    assert send_with_trailers(stack.gateway_port) in (401, 500, 503)
    client = stack.client(CLIENT_KEY)
    eventually(lambda: client.chat("all").status == 200, 20, "served after a trap")
    ask(client, "all", f"*={SAY}", True)
    last = client.chat("all")
    eventually(lambda: last.request_id in audited(stack), 10, "the last request is settled")
    client.close()


def audited(stack: Stack) -> str:
    return "".join(file.read_text() for file in (stack.folder / "audit").glob("audit-*.jsonl"))


def found(content: bytes, marks: list[str]) -> list[str]:
    return [mark for mark in marks if mark.encode() in content]


def test_the_marks_did_pass(used):
    """Otherwise nothing else here proves anything."""
    seen = json.dumps([used.fleet.seen(name) for name in FLEET])
    assert not [m for m in (PROMPT_MARK, TOOL_MARK, IMAGE_MARK, SYSTEM_MARK) if m not in seen]


@pytest.mark.parametrize(("base", "path"), SINKS)
def test_nothing_is_told_to_whoever_asks(used, base, path):
    reply = used.get(getattr(used, base) + path)
    # A machine that is busy with other tests may find a worker late.
    assert reply.status_code == 200 or path == "/readyz", reply.text
    assert found(reply.content, [*MARKS, *KEYS.values()]) == []


def test_nothing_is_on_any_disk(used):
    """Logs of Envoy and of the sidecar, the latter at debug level; ledger, audit log, limits, keys."""
    theirs = {"providers.json", "providers.log"}
    files = [file for file in used.folder.rglob("*") if file.is_file() and file.name not in theirs]
    names = {file.name for file in files}
    assert {"ledger.db", "sidecar.log", "envoy.log", "limits.json"} <= names, names
    assert any(name.startswith("audit-") for name in names)
    leaks = {file.name: found(file.read_bytes(), [*MARKS, *KEYS.values()]) for file in files}
    assert not {name: marks for name, marks in leaks.items() if marks}


def memory(pid: int) -> Iterator[bytes]:
    """What a process may write to of its own memory, piece by piece."""
    with Path(f"/proc/{pid}/maps").open() as maps, Path(f"/proc/{pid}/mem").open("rb", 0) as mem:
        for line in maps:
            start, end, mode, name = re.match(r"(\w+)-(\w+) (\S+) \S+ \S+ \S+\s*(.*)", line).groups()
            if not mode.startswith("rw") or name.startswith("[v"):
                continue
            mem.seek(int(start, 16))
            yield mem.read(int(end, 16) - int(start, 16))


@pytest.mark.skipif(os.geteuid() != 0, reason="Ark lets none but root read its memory")
def test_nothing_is_left_in_the_sidecars_memory(used):
    # A connection that is open holds the last request's head.
    used.close_admin()
    pieces = list(memory(used.sidecar.pid))
    # What it must hold shows that this looks at the right place: the providers' credentials.
    assert any(found(piece, list(KEYS.values())) for piece in pieces)
    assert not [mark for piece in pieces for mark in found(piece, MARKS)]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root reads another process's memory")
def test_what_envoy_still_holds_is_reported(used, record_property, capsys):
    """Envoy does not wipe what it frees, and nobody can ask it to: docs/privacy.md says so."""
    counts = dict.fromkeys(MARKS, 0)
    for piece in memory(used.envoy.pid):
        for mark in counts:
            counts[mark] += piece.count(mark.encode())
    record_property("left in Envoy's memory", counts)
    with capsys.disabled():
        print(f"\nleft in Envoy's freed memory: {counts}")


def test_no_core_is_dumped(used):
    limits = Path(f"/proc/{used.sidecar.pid}/limits").read_text()
    core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
    assert core.split()[4:6] == ["0", "0"], core
    # Not dumpable: what is below /proc belongs to root, whoever runs it.
    assert Path(f"/proc/{used.sidecar.pid}/mem").stat().st_uid == 0
