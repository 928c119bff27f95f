"""Providers that we did not write: `fakellm`, a mock of OpenAI's and of Anthropic's API."""

from collections.abc import Iterator

import pytest

from harness import config, parts
from harness.ports import free_port
from harness.stack import Stack, make_stack
from harness.stranger import running, skip_aloud
from harness.voices import VOICES

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
        skip_aloud("no fakellm in ARK_FAKELLM or PATH")
    folder, port = tmp_path_factory.mktemp("fakellm"), free_port()
    rules = folder / "fakellm.yaml"
    rules.write_text(RULES)
    command = [program, "serve", "--port", str(port), "--config", rules]
    with running("fakellm", command, folder, f"http://127.0.0.1:{port}/_fakellm/stats"):
        yield port


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
