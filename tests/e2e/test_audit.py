"""The audit log: who did what, in a chain that shows each change to it."""

import hashlib
import json
import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import config, parts
from harness.client import chat_body
from harness.stack import Stack, make_stack
from harness.waiting import eventually

FLEET = {"official": "openai", "azure": "azure-openai"}
EMAIL = "jane.doe@example.com"


def text(fleet, more: str = "") -> str:
    folder = fleet.providers["official"].aws_file.parent.parent
    audit = {"dir": str(folder / "audit"), "rotate_mb": 1, "durability": "disk"}
    providers = [config.provider(p) for p in fleet.providers.values()]
    models = [config.model("chat", FLEET)]
    written = config.text(providers, models, gateway={"tags": ["x-team"]})
    return written + "audit: " + json.dumps(audit) + "\n" + more


@pytest.fixture(scope="module")
def ark() -> Iterator[Stack]:
    """An Ark that has served, failed over, refused, been changed, killed and started again."""
    with make_stack(FLEET, text) as stack:
        client = stack.client()
        assert client.chat("chat", headers={"x-team": EMAIL}).status == 200
        assert client.chat("chat", "official=status:503").status == 200
        assert stack.client("ark-stranger").chat("chat").status == 401
        await_lines(stack, 3, what="request")
        admin = stack._admin
        digest = hashlib.sha256(b"a-key").hexdigest()
        made = {"tenant": "tests", "sha256": digest, "key": {"id": "web", "models": ["chat"]}}
        assert admin.post(stack.admin_url + "/v1/keys", json=made).status_code == 201
        drain = {"provider": "azure", "drain": True}
        assert admin.post(stack.admin_url + "/v1/drains", json=drain).status_code == 200
        refused = admin.post(stack.admin_url + f"/v1/keys/{EMAIL}/revoke", content="{}")
        assert refused.status_code == 415
        stack.write_config(text(stack.fleet) + "providers: []\n")
        await_lines(stack, 1, what="config", refused="true")
        stack.write_config(text(stack.fleet, more="region_groups: {here: [eu]}\n"))
        await_lines(stack, 2, what="config")
        stack.sidecar.kill()
        stack.start_sidecar()
        stack.await_ready()
        assert client.chat("chat").status == 200
        await_lines(stack, 4, what="request")
        client.close()
        yield stack


def folder(stack: Stack) -> Path:
    return stack.folder / "audit"


def audit(*arguments: object) -> subprocess.CompletedProcess:
    command = [parts.ark(), "audit", *arguments]
    return subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=60)


def lines(stack: Stack, **where: str) -> list[dict]:
    filters = [f"--where={name}={value}" for name, value in where.items()]
    shown = audit("show", folder(stack), "--json", *filters)
    assert shown.returncode == 0, shown.stderr
    return [json.loads(line)["event"] for line in shown.stdout.splitlines()]


def await_lines(stack: Stack, count: int, **where: str) -> None:
    eventually(lambda: len(lines(stack, **where)) >= count, 10, f"{count} lines of {where}")


def test_each_request_is_there_with_who_what_where_and_cost(ark):
    first, failed_over, stranger, after = lines(ark, what="request", purpose="client")
    assert (first["tenant"], first["key"], first["model"]) == ("tests", "demo", "chat")
    assert (first["status"], first["outcome"], first["rule"]) == (200, "ok", "listed")
    assert first["attempts"][0]["provider"] == "official"
    assert first["cost_micro_usd"] > 0 and first["input_tokens"] > 0
    assert first["snapshot"] and first["tags"] == {"x-team": "[email]"}
    assert [a["verdict"] for a in failed_over["attempts"]] == ["overloaded", "ok"]
    assert (stranger["status"], stranger["tenant"]) == (401, "")
    assert after["status"] == 200
    assert len({line["request"] for line in (first, failed_over, stranger, after)}) == 4


def test_changes_refusals_configurations_starts_and_ends_are_there(ark):
    changes = lines(ark, what="admin")
    assert [change["action"] for change in changes] == ["key.create", "provider.drain"]
    assert all(change["actor"] == "loopback" for change in changes)
    (refused,) = lines(ark, what="admin_refused")
    assert (refused["status"], refused["path"]) == (415, "/v1/keys")
    bad, good = lines(ark, what="config")
    assert bad["refused"] and bad["problems"] >= 1 and bad["stays"] == good["from"]
    written = hashlib.sha256(ark.config_file.read_bytes()).hexdigest()
    assert good["sha256"] == written and len(good["to"]) > 8
    # One that was killed has said no farewell.
    assert len(lines(ark, what="start")) == 2 and lines(ark, what="stop") == []


def test_the_log_is_what_was_written_and_its_head_is_told(ark):
    verdict = audit("verify", folder(ark))
    assert verdict.returncode == 0, verdict.stderr
    head = ark.get(ark.admin_url + "/v1/audit").raise_for_status().json()
    assert audit("verify", folder(ark), "--head", head["head"]).returncode == 0
    assert head["lost"] == 0 and ark.metric("ark_audit_lines_lost_total") == 0
    assert "OK" in verdict.stdout and "lines" in verdict.stdout


@pytest.mark.parametrize("how", ["a byte", "a line", "two lines", "the end"])
def test_a_change_is_found_and_named(ark, tmp_path, how):
    copy = tmp_path / "audit"
    shutil.copytree(folder(ark), copy)
    whole = audit("verify", copy)
    head = whole.stdout.split("head ")[1].strip()
    file = max(copy.glob("audit-*.jsonl"))
    kept = file.read_bytes().splitlines(keepends=True)
    if how == "a byte":
        kept[2] = kept[2].replace(b'"status":200', b'"status":201', 1).replace(b"demo", b"omed", 1)
    elif how == "a line":
        del kept[2]
    elif how == "two lines":
        kept[1], kept[2] = kept[2], kept[1]
    else:
        del kept[-1]
    file.write_bytes(b"".join(kept))
    found = audit("verify", copy, "--head", head)
    assert found.returncode == 1, found.stdout
    assert "NOT what was written" in found.stderr and file.name in found.stderr


def test_kill_9_under_load_leaves_a_log_that_holds(ark):
    """Whatever instant it hits: what was torn is marked by the next process, nothing is there twice."""
    client = ark.client()
    for _ in range(3):
        for _ in range(20):
            assert client.send("POST", "/v1/chat/completions", json=chat_body("chat")).status == 200
        ark.sidecar.kill()
        ark.start_sidecar()
    ark.await_ready()
    client.close()
    await_lines(ark, 64, what="request", purpose="client")
    verdict = audit("verify", folder(ark))
    assert verdict.returncode == 0, verdict.stderr
    seen = [(line["worker"], line["record"]) for line in lines(ark, what="request")]
    assert len(seen) == len(set(seen))


def test_a_full_disk_loses_no_line_and_is_told(ark):
    """The system lets no file of the sidecar grow, its log and its ledger included: half a line may be written."""
    client = ark.client()
    before = len(lines(ark, what="request", purpose="client"))
    size = max(file.stat().st_size for file in folder(ark).glob("audit-*.jsonl"))
    resource.prlimit(ark.sidecar.pid, resource.RLIMIT_FSIZE, (size + 100, resource.RLIM_INFINITY))
    for _ in range(20):
        assert client.chat("chat").status == 200
    undrain = {"provider": "azure", "drain": False}
    assert ark._admin.post(ark.admin_url + "/v1/drains", json=undrain).status_code == 200
    eventually(lambda: ark.get(ark.admin_url + "/readyz").json()["audit_problem"], 10, "it is told")
    eventually(lambda: ark.metric("ark_ledger_failures_total") > 0, 10, "the ledger's failure is counted")
    assert audit("verify", folder(ark)).returncode == 0
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    resource.prlimit(ark.sidecar.pid, resource.RLIMIT_FSIZE, unlimited)
    await_lines(ark, before + 20, what="request", purpose="client")
    await_lines(ark, 2, what="admin", action="provider.drain")
    client.close()
    assert len(lines(ark, what="request", purpose="client")) == before + 20
    assert audit("verify", folder(ark)).returncode == 0
    assert ark.metric("ark_audit_lines_lost_total") == 0
    assert "audit_problem" not in ark.get(ark.admin_url + "/readyz").json()
