"""A plain HTTP client of the gateway, for what SDKs hide: heads, bytes and broken endings."""

import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from harness.http import plain

PROMPT = [{"role": "user", "content": "Say hello."}]
CHAT = "/v1/chat/completions"


@dataclass(frozen=True)
class Answer:
    """A whole answer."""

    status: int
    headers: httpx.Headers
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    def json(self) -> dict:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def request_id(self) -> str:
        """The id under which providers saw the request."""
        return self.headers["x-request-id"]

    @property
    def error(self) -> dict:
        """The error of a body in OpenAI's form, which it must be to the member."""
        content = self.json()
        assert set(content) == {"error"}, content
        error = content["error"]
        assert set(error) == {"message", "type", "param", "code"}, error
        assert self.headers["content-type"].startswith("application/json")
        return error

    @property
    def events(self) -> list[str]:
        """The data of each event of a stream."""
        return data_of(self.body)

    @property
    def chunks(self) -> list[dict]:
        """The JSON of each event of a stream, which must end with `[DONE]`."""
        *events, last = self.events
        assert last == "[DONE]", self.text
        return [json.loads(event) for event in events]


def data_of(stream: bytes) -> list[str]:
    """The `data` of each whole event of a stream."""
    text = stream.decode().replace("\r\n", "\n")
    events = [part for part in text.split("\n\n")[:-1] if part]
    lines = [line for event in events for line in event.split("\n")]
    return [line.removeprefix("data:").lstrip(" ") for line in lines if line.startswith("data:")]


def read_broken(reply: httpx.Response) -> bytes:
    """Reads a stream that must not look whole: broken off, or with an error as its last event."""
    text, broke = b"", False
    try:
        for piece in reply.iter_bytes():
            text += piece
    except (httpx.RemoteProtocolError, httpx.ReadError):
        broke = True
    assert b"[DONE]" not in text, "a stream that broke looks whole"
    if not broke:
        events = data_of(text)
        assert events and "error" in json.loads(events[-1]), "a stream that broke ended cleanly"
    return text


def said(chunks: list[dict]) -> str:
    """The text of the first choice of a chat stream."""
    choices = [chunk["choices"][0] for chunk in chunks if chunk["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


class Client:
    """Requests with one key."""

    def __init__(
        self, url: str, key: str | None, timeout_s: float = 30, tls: ssl.SSLContext | None = None
    ) -> None:
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        self._http = plain(tls, base_url=url, headers=headers, timeout=timeout_s)

    def close(self) -> None:
        """Closes its connections."""
        self._http.close()

    def send(self, method: str, path: str, **more: object) -> Answer:
        """Any request."""
        reply = self._http.request(method, path, **more)
        return Answer(reply.status_code, reply.headers, reply.content)

    def get(self, path: str, **more: object) -> Answer:
        """A GET."""
        return self.send("GET", path, **more)

    def chat(
        self,
        model: str,
        script: str | None = None,
        headers: dict[str, str] | None = None,
        path: str = CHAT,
        **body: object,
    ) -> Answer:
        """A chat completion; `script` says what the providers do with it."""
        return self.send(
            "POST", path, json=chat_body(model, **body), headers=_scripted(script, headers)
        )

    @contextmanager
    def streaming(
        self, model: str, script: str | None = None, **body: object
    ) -> Iterator[httpx.Response]:
        """A streamed chat completion, to be read piece by piece."""
        content = chat_body(model, stream=True, **body)
        with self._http.stream(
            "POST", CHAT, json=content, headers=_scripted(script, None)
        ) as reply:
            yield reply


def chat_body(model: str, **more: object) -> dict:
    """The body of a chat completion."""
    return {"model": model, "messages": PROMPT} | more


def _scripted(script: str | None, headers: dict[str, str] | None) -> dict[str, str]:
    own = {} if script is None else {"x-demo-script": script}
    return own | (headers or {})


def exchange_bytes(port: int, request: bytes, timeout_s: float = 10) -> bytes:
    """Sends these very bytes and reads until the other side closes or has answered in full."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as wire:
        wire.sendall(request)
        answer = b""
        while not _is_whole(answer):
            piece = wire.recv(65536)
            if not piece:
                break
            answer += piece
        return answer


def _is_whole(answer: bytes) -> bool:
    head, found, body = answer.partition(b"\r\n\r\n")
    if found and head.startswith(b"HTTP/1.1 1"):
        # `100 Continue` comes before the answer.
        return _is_whole(body)
    for line in head.split(b"\r\n")[1:] if found else []:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return len(body) >= int(value)
        if name.lower() == b"transfer-encoding":
            return body.endswith(b"0\r\n\r\n")
    return False


def status_of(answer: bytes) -> int:
    """The status of an answer's bytes; 0 when the connection closed without one."""
    if answer.startswith(b"HTTP/1.1 100 "):
        return status_of(answer.partition(b"\r\n\r\n")[2])
    parts = answer.split(b" ", 2)
    return int(parts[1]) if answer.startswith(b"HTTP/1.1 ") else 0
