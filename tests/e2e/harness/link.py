"""The little of the filter's own message form (codec/src/lib.rs) that a test needs."""

REQUEST, RESPONSE = b"\xa7\x01\x01", b"\xa7\x01\x02"
CONTENT_TYPE = "application/x-ark"


def name(of: str) -> bytes:
    """What stands for a field."""
    value = 0x811C9DC5
    for byte in of.encode():
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return (value & 0xFFFF ^ value >> 16).to_bytes(2, "little")


def first_question(worker: str) -> bytes:
    """What a worker that has nothing asks."""
    assert len(worker) < 128
    nothing = [name(field) + b"\x00" for field in ("scores", "records", "waiting")]
    wanted = name("pages") + b"\x01\x01" + name("numbers") + b"\x00"
    text = name("worker") + bytes([len(worker)]) + worker.encode()
    return REQUEST + b"\x05" + text + b"".join(nothing) + wanted


def with_wrong_targets(response: bytes) -> bytes:
    """The same snapshot, with models whose targets are not there. It has a few of them."""
    assert response.startswith(RESPONSE)
    field, changed = name("targets"), bytearray(response)
    # The first are the snapshot's own; what follows the models is not looked at.
    at = response.index(name("models"), response.index(field))
    end = response.index(name("priorities"), at)
    found = 0
    while (at := response.find(field, at + 1, end)) >= 0:
        count = response[at + 2]
        if 0 < count < 32 and all(number < 32 for number in response[at + 3 : at + 3 + count]):
            changed[at + 3 : at + 3 + count] = b"\x7f" * count
            found += 1
    assert found
    return bytes(changed)
