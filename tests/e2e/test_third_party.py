"""Providers that we did not write: `fakellm`, a mock of OpenAI's and of Anthropic's API."""

import warnings
from collections.abc import Iterator

import httpx
import pytest

from harness import config, parts
from harness.ports import free_port
from harness.process import Process
from harness.stack import Stack, make_stack
from harness.voices import VOICES
from harness.waiting import eventually

KINDS = ["openai", "anthropic"]
RULES = """
version: 1
rules:
  - name: everything
    when: {}
    respond:
      content: "These words are of a stranger's server."
defaults:
  fallback:
    content: "These words are of a stranger's server."
"""


@pytest.fixture(scope="module")
def stranger(tmp_path_factory) -> Iterator[int]:
    """The port of a running fakellm; skips, aloud, where it is not installed."""
    program = parts.fakellm()
    if program is None:
        reason = "A THIRD PARTY'S PROVIDERS WERE NOT TRIED: no fakellm in ARK_FAKELLM or PATH"
        warnings.warn(reason, stacklevel=1)
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("fakellm")
    rules = folder / "fakellm.yaml"
    rules.write_text(RULES)
    port = free_port()
    command = [program, "serve", "--port", str(port), "--config", rules]
    server = Process("fakellm", command, folder / "fakellm.log")

    def up() -> bool:
        server.check()
        reply = httpx.get(f"http://127.0.0.1:{port}/_fakellm/stats", trust_env=False)
        return reply.status_code == 200

    try:
        eventually(up, 30, "fakellm listens")
        yield port
    finally:
        server.stop()


@pytest.fixture(scope="module")
def strange(stranger: int) -> Iterator[Stack]:
    def text(fleet) -> str:
        common = {"endpoint": f"http://127.0.0.1:{stranger}/v1", "tier": "self-hosted"}
        # It has no Responses, as many servers that are compatible otherwise.
        openai = {"name": "strange-openai", "kind": "openai-compatible", "vendor": "vllm"}
        providers = [common | openai, common | {"name": "strange-anthropic", "kind": "anthropic"}]
        models = [config.model(f"at-{kind}", [f"strange-{kind}"]) for kind in KINDS]
        return config.text([*providers, config.provider(fleet["official"])], models)

    with make_stack({"official": "openai"}, text) as stack:
        yield stack


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dialect", list(VOICES))
def test_words_of_a_strangers_server(strange, dialect, kind, stream):
    voice = VOICES[dialect](strange)
    heard = voice.ask(f"at-{kind}", voice.user("Hello."), stream=stream, system="Be brief.")
    voice.close()
    assert heard.text == "These words are of a stranger's server."
    assert heard.stop == "end" and heard.provider == f"strange-{kind}"
    # It does not count in streams of OpenAI's form.
    assert heard.output_tokens > 3 or (kind == "openai" and stream)
