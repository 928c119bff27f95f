"""What a provider received of a request: where, with which credential, and in its own words."""

import json

from harness.fleet import Fleet, Provider
from harness.polyglot import upstream

CREDENTIALS = ("authorization", "api-key", "x-api-key", "x-goog-api-key")
_HEADERS = {"azure-openai": "api-key", "anthropic": "x-api-key", "gemini": "x-goog-api-key"}


def arrived(fleet: Fleet, name: str, request_id: str) -> dict:
    """The one request with this id that a provider received, after the checks that hold for all."""
    (sent,) = fleet.seen(name, request_id)
    check_credential(fleet[name], sent["headers"])
    assert sent["headers"]["host"] == f"127.0.0.1:{fleet[name].port}"
    assert int(sent["headers"]["content-length"]) == sent["body_bytes"]
    assert sent["headers"]["content-type"].startswith("application/json")
    internal = {"x-ark-provider", "x-ark-priority", "x-ark-target"}
    assert not internal & set(sent["headers"])
    return sent


def check_credential(provider: Provider, headers: dict[str, str]) -> None:
    """Its own credential in its own header, and no other."""
    own = _HEADERS.get(provider.kind, "authorization")
    assert [header for header in CREDENTIALS if header in headers] == [own]
    if provider.is_signed_for:
        identity = provider.key.split(":")[0]
        signed = f"AWS4-HMAC-SHA256 Credential={identity}/"
        assert headers[own].startswith(signed) and "/us-east-1/bedrock/" in headers[own]
    else:
        bearer = "Bearer " if own == "authorization" else ""
        assert headers[own] == bearer + provider.key


def target_of(provider: Provider, stream: bool) -> str:
    """Path and query of a conversation's next turn."""
    model, base = upstream(provider.name), provider.base
    if provider.kind == "azure-openai" and provider.variety is None:
        return f"/openai/deployments/{model}/chat/completions?api-version=2024-10-21"
    if provider.kind == "azure-openai":
        return "/openai/v1/chat/completions"
    if provider.kind == "anthropic":
        return "/v1/messages"
    if provider.kind in ("gemini", "vertex"):
        method = "streamGenerateContent?alt=sse" if stream else "generateContent"
        return f"{base}/models/{model}:{method}"
    if provider.kind == "bedrock":
        escaped = model.replace(":", "%3A")
        return f"/model/{escaped}/{'converse-stream' if stream else 'converse'}"
    return f"{base}/chat/completions"


def body_of(sent: dict) -> dict:
    """The body, of which 4 KiB are kept."""
    return json.loads(sent["body"])
