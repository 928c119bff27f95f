"""Just enough HTTP/2 (RFC 9113) to send a request with trailers, which no client of ours does."""

import json
import socket
import struct

from harness.client import CHAT, chat_body
from harness.config import DEMO_KEY

_DATA, _HEADERS, _RST, _SETTINGS, _GOAWAY = 0, 1, 3, 4, 7
_END_STREAM, _ACK, _END_HEADERS = 1, 1, 4


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return (
        struct.pack(">I", len(payload))[1:]
        + bytes([kind, flags])
        + struct.pack(">I", stream)
        + payload
    )


def _literal(name: str, value: str) -> bytes:
    """A header field without indexing and without Huffman coding (RFC 7541, section 6.2.2)."""
    return b"\0" + b"".join(bytes([len(text)]) + text.encode() for text in (name, value))


def send_with_trailers(port: int, timeout_s: float = 10) -> int:
    """Sends a chat completion with trailers; the answer's status, 0 when the stream was reset."""
    head = b"".join(
        _literal(name, value)
        for name, value in [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", CHAT),
            (":authority", "ark"),
            ("authorization", f"Bearer {DEMO_KEY}"),
            ("content-type", "application/json"),
        ]
    )
    body = json.dumps(chat_body("chat")).encode()
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as wire:
        wire.sendall(
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
            + _frame(_SETTINGS, 0, 0, b"")
            + _frame(_HEADERS, _END_HEADERS, 1, head)
            + _frame(_DATA, 0, 1, body)
            + _frame(_HEADERS, _END_HEADERS | _END_STREAM, 1, _literal("x-trailer", "1"))
        )
        reader = wire.makefile("rb")
        while header := reader.read(9):
            kind, flags = header[3], header[4]
            payload = reader.read(int.from_bytes(header[:3], "big"))
            if kind == _SETTINGS and not flags & _ACK:
                wire.sendall(_frame(_SETTINGS, _ACK, 0, b""))
            if kind == _HEADERS:
                return _status(payload)
            if kind in (_RST, _GOAWAY):
                return 0
    return 0


# Entries 8 to 14 of HPACK's static table (RFC 7541, appendix A).
_INDEXED = dict(zip(range(0x88, 0x8F), (200, 204, 206, 304, 400, 404, 500), strict=True))
# The Huffman codes of digits (appendix B).
_DIGITS = {"00000": "0", "00001": "1", "00010": "2"} | {
    f"{0b011001 + n:06b}": str(3 + n) for n in range(7)
}


def _status(block: bytes) -> int:
    """`:status`, which comes first: an entry of the static table, or a literal with its name."""
    if block[0] in _INDEXED:
        return _INDEXED[block[0]]
    value = block[2 : 2 + (block[1] & 0x7F)]
    if not block[1] & 0x80:
        return int(value)
    text, code = "", ""
    for bit in "".join(f"{byte:08b}" for byte in value):
        code += bit
        if code in _DIGITS:
            text, code = text + _DIGITS[code], ""
    return int(text)
