"""`ark render envoy`, `ark check` and `ark keys`: Ark for people who bring their own Envoy."""

import json
import os
import subprocess

import pytest
import yaml

from harness import config, estate, parts
from harness.client import said
from harness.config import DEMO_KEY, only, pair
from harness.stack import Stack, make_stack, run
from harness.waiting import eventually


@pytest.fixture(scope="module")
def static():
    """Envoy on the rendered file, with no sidecar anywhere."""
    with make_stack(estate.KINDS, estate.text, workers=2, start=False) as stack:
        stack.start_static()
        client = stack.client()
        eventually(lambda: client.get("/readyz").status == 200, 20, "Envoy serves")
        yield stack


def test_the_rendered_file_is_valid_and_holds_no_key(static: Stack, tmp_path):
    rendered = static.rendered()
    file = tmp_path / "envoy.yaml"
    file.write_text(rendered)
    env = {**os.environ, **static.fleet.environment()}
    run([str(parts.envoy()), "--mode", "validate", "-c", str(file)], env)
    assert yaml.safe_load(rendered)["static_resources"]["clusters"]
    for name in estate.NAMES:
        assert f"key-{name}" not in rendered
    assert DEMO_KEY not in rendered
    assert "/filter/v1" not in rendered


def test_the_committed_bootstrap_is_valid_as_it_is():
    run([str(parts.envoy()), "--mode", "validate", "-c", str(parts.BOOTSTRAP)])


def test_it_serves_without_a_sidecar(static: Stack):
    client = static.client()
    for first, second in [("official", "azure"), ("azure", "optimized"), ("domestic", "official")]:
        for streamed in (False, True):
            answer = client.chat(pair(first, second), f"{first}=status:503", stream=streamed)
            assert (answer.status, answer.headers["x-ark-provider"]) == (200, second)
            assert answer.headers["x-ark-attempts"] == "2"
            # There is nobody to be out of touch with.
            assert "stale" not in answer.headers["x-ark-snapshot"]
            if streamed:
                assert said(answer.chunks).startswith(f"This is {second}")
    assert static.client("nobody").chat("all").status == 401
    assert static.client(estate.NARROW).chat(only("optimized")).status == 403
    models = [model["id"] for model in client.get("/v1/models").json()["data"]]
    assert len(models) == len(estate.models(static.fleet))


def test_a_limit_holds_there_too(static: Stack):
    polite = static.client(estate.POLITE)
    assert [polite.get("/v1/models").status for _ in range(4)] == [200, 200, 429, 429]


def test_large_bodies_and_their_limit_hold_there_too(static: Stack):
    client = static.client()
    content = "x" * (4 << 20)
    messages = [{"role": "user", "content": content}]
    answer = client.chat(pair("azure", "official"), "azure=status:500", messages=messages)
    assert answer.status == 200
    refused = client.chat("all", messages=[{"role": "user", "content": "x" * (33 << 20)}])
    assert (refused.status, refused.error["code"]) == (413, "body_too_large")


def ark(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess:
    return subprocess.run(
        [str(parts.ark()), *arguments],
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def test_check_reports_all_errors_at_once(static: Stack, tmp_path):
    assert ark("check", str(static.config_file), env=static.fleet.environment()).returncode == 0
    broken = config.text(
        [config.provider(static.fleet["official"]) | {"teir": "official"}],
        [config.model("a", ["offical"]), config.model("b", ["official"], first_byte_ms=-1)],
    )
    file = tmp_path / "ark.yaml"
    file.write_text(broken)
    said_so = ark("check", str(file))
    assert said_so.returncode != 0
    complaint = said_so.stdout + said_so.stderr
    for part in (
        "providers[0].teir",
        "models[0].targets[0].provider",
        "defined: official",
        "models[1].timeouts.first_byte_ms",
    ):
        assert part in complaint, complaint


def test_serve_refuses_a_bad_file_at_its_start(tmp_path):
    file = tmp_path / "ark.yaml"
    file.write_text("version: 1\nproviders: 7\n")
    refused = ark(
        "serve",
        "--config",
        str(file),
        "--socket",
        str(tmp_path / "s"),
        "--filter",
        str(parts.filter_module()),
    )
    assert refused.returncode != 0 and "providers" in refused.stdout + refused.stderr


def test_a_new_key_works_as_printed(fresh_stack):
    made = ark("keys", "new")
    assert made.returncode == 0, made.stderr
    words = made.stdout.replace(":", " ").split()
    digest = next(word for word in words if len(word) == 64)
    secret = next(word for word in words if word.startswith("ark-") and len(word) > 20)

    def text(fleet) -> str:
        key = config.key(secret, "new") | {"sha256": digest}
        return config.text(
            [config.provider(fleet["official"])], [config.model("chat", ["official"])], [key]
        )

    stack = fresh_stack({"official": "openai"}, text)
    assert stack.client(secret).chat("chat").status == 200
    assert json.loads(stack.client("other").chat("chat").text)["error"]["code"] == "invalid_key"
