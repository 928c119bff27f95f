"""What voices ask for, and the errors that they read, whatever their dialect."""

import anthropic
import openai

from harness.heard import Refused

# A PNG of one pixel.
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "YPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city"],
}
# Strict forms of schemas want everything required and nothing else allowed.
SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer"}, "unit": {"type": "string"}},
    "required": ["n", "unit"],
    "additionalProperties": False,
}
MAX_TOKENS = 2048
THINKING_TOKENS = 1024


def scripted(script: str | None) -> dict[str, str]:
    """The header that tells the providers what to do."""
    return {} if script is None else {"x-demo-script": script}


def refused(error: openai.APIError | anthropic.APIError) -> Refused:
    """The error of an SDK, which has read it from an answer or from a stream."""
    status = getattr(error, "status_code", None) or 200
    if isinstance(error, openai.APIError):
        return Refused(status, error.type, error.code, error.body or str(error))
    body = error.body if isinstance(error.body, dict) else {}
    inner = body.get("error") or {}
    details = inner.get("details") or {}
    told = body.get("type") == "error" or isinstance(error, anthropic.APIConnectionError)
    assert told, f"not in Anthropic's form: {error.body!r} {error}"
    return Refused(status, inner.get("type"), details.get("error_code"), body or str(error))
