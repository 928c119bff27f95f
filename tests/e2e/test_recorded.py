"""Recorded exchanges with OpenAI's API, replayed by the upstream: not a byte is changed."""

import json
import warnings

import pytest
import yaml

from harness import parts
from harness.client import Client

NAMES = sorted(file.stem for file in parts.RECORDINGS.glob("*.yaml"))
ABSENT = "no-recordings"


def recording(name: str) -> tuple[dict, dict]:
    """The recorded request and response."""
    text = (parts.RECORDINGS / f"{name}.yaml").read_text()
    (interaction,) = yaml.safe_load(text)["interactions"]
    return interaction["request"], interaction["response"]


@pytest.mark.parametrize("name", NAMES or [ABSENT])
def test_a_recorded_exchange_passes_unchanged(client: Client, stack, name: str):
    if name == ABSENT:
        reason = "RECORDED EXCHANGES WERE NOT TESTED: ../shared/data/recorded-openai is not there"
        warnings.warn(reason, stacklevel=1)
        pytest.skip(reason)
    request, response = recording(name)
    asked = json.loads(request["body"])
    # Our configuration has no model of that name; the provider replays whatever it is asked.
    body = json.dumps(asked | {"model": "gpt-4o-mini"})
    path = "/v1/" + request["url"].split("/v1/")[1]
    answer = client.send(
        "POST",
        path,
        content=body,
        headers={"content-type": "application/json", "x-demo-script": f"*=replay:{name}"},
    )
    assert answer.status == response["code"]
    (sent,) = stack.fleet.seen("official", answer.request_id)
    assert (sent["method"], sent["target"]) == ("POST", path)
    if answer.status == 200:
        passed_on(answer, response)
        assert sent["body"] == body or asked.get("stream")
    else:
        # Errors are cleaned: the same meaning in the very form of OpenAI's API.
        assert answer.error == json.loads(response["body"])["error"]


def passed_on(answer, response: dict) -> None:
    assert answer.body == response["body"].encode()
    recorded_type = next(
        values[0] for key, values in response["headers"].items() if key.lower() == "content-type"
    )
    assert answer.headers["content-type"] == recorded_type


@pytest.mark.skipif("chat-streaming" not in NAMES, reason="no recordings")
@pytest.mark.parametrize("framing", ["split:1", "split:7", "burst", "crlf", "comment-first"])
def test_a_recorded_stream_passes_unchanged_however_it_is_cut(client: Client, framing: str):
    _, response = recording("chat-streaming")
    recorded = response["body"]
    assert '"obfuscation":' in recorded
    expected = {
        "crlf": recorded.replace("\n", "\r\n"),
        "comment-first": ": keep-alive\n\n" * 2 + recorded,
    }.get(framing, recorded)
    script = f"*=replay:chat-streaming+{framing}"
    answer = client.chat("gpt-4o-mini", script, stream=True)
    assert answer.body == expected.encode()
