"""What a client gets of an answer, whichever SDK read it."""

from dataclasses import dataclass, field

import httpx


@dataclass
class Call:
    """A call of a tool."""

    id: str
    name: str
    arguments: dict


@dataclass
class Heard:
    """An answer. `turn` is what a client puts into its next request for it."""

    headers: httpx.Headers
    model: str
    text: str = ""
    thoughts: str = ""
    calls: list[Call] = field(default_factory=list)
    # `end`, `length`, `calls`, `refused` or `stop`: what the SDK's own word means.
    stop: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    written_tokens: int = 0
    thought_tokens: int = 0
    turn: list = field(default_factory=list)
    # How many pieces the arguments of tools came in; 0 for an answer that was not streamed.
    argument_pieces: int = 0

    @property
    def request_id(self) -> str:
        """The id under which providers saw the request."""
        return self.headers["x-request-id"]

    @property
    def provider(self) -> str:
        """Who answered."""
        return self.headers["x-ark-provider"]

    @property
    def lost(self) -> list[str]:
        """What the translation lost, by Ark's own word."""
        said = self.headers.get("x-ark-translation", "lossy; dropped=")
        return [name for name in said.removeprefix("lossy; dropped=").split(",") if name]


class Refused(Exception):
    """An error in the client's own dialect."""

    def __init__(self, status: int, kind: str | None, code: str | None, body: object) -> None:
        super().__init__(f"{status} {kind} {code}: {body}")
        self.status, self.kind, self.code, self.body = status, kind, code, body
