"""The npm `openai` SDK against the gateway."""

import json
import os
import shutil
import warnings
from pathlib import Path

import pytest

from harness import parts
from harness.config import DEMO_KEY
from harness.stack import Stack, run

SCRIPT = Path(__file__).with_name("node_sdk.mjs")


@pytest.fixture
def got(stack: Stack, tmp_path: Path) -> dict:
    """What the SDK got; skips, aloud, where there is no Node.js or no SDK."""
    found = parts.node()
    if found is None:
        reason = "THE NPM SDK WAS NOT TESTED: no node, or no openai in ARK_NODE_MODULES"
        warnings.warn(reason, stacklevel=1)
        pytest.skip(reason)
    node, modules = found
    # An ES module finds its packages from where it stands, and nowhere else.
    (tmp_path / "node_modules").symlink_to(modules.resolve())
    script = shutil.copy(SCRIPT, tmp_path)
    no_proxy = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    said = run([str(node), script, stack.url + "/v1", DEMO_KEY, "gpt-4o-mini"], no_proxy)
    return json.loads(said.splitlines()[-1])


def test_the_npm_sdk(got):
    assert got["provider"] == "official"
    assert got["chat"].startswith("This is official answering as gpt-4o-mini:")
    assert got["stream"] == got["chat"]
    assert got["usageUnasked"] is False and got["usage"] == 16
    assert got["finish"] == "tool_calls"
    assert got["tool"] == {"name": "get_weather", "arguments": '{"city":"example"}'}
    assert got["streamedTool"] == '{"city":"example"}'
    assert "gpt-4o-mini" in got["models"]
    assert got["dimensions"] == [4, 4]
    error = {"kind": None, "status": None, "code": None, "param": None}
    expected = {
        "authentication": ("AuthenticationError", 401, "invalid_key", None),
        "notFound": ("NotFoundError", 404, "model_not_found", "model"),
        "badRequest": ("BadRequestError", 400, "invalid_request", "stream"),
        "providers": ("InternalServerError", 502, "provider_error", None),
        "streamedProviders": ("InternalServerError", 502, "provider_error", None),
    }
    assert got["errors"] == {
        name: dict(zip(error, values, strict=True)) for name, values in expected.items()
    }
