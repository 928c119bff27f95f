"""Gives a Wasm module a callback that traps, for the drill of a panic.

The binary format is that of <https://webassembly.github.io/spec/core/binary/modules.html>.
"""

_EXPORT, _IMPORT, _CODE = 7, 2, 10
_FUNCTION = 0
# No locals, `unreachable`, `end`.
_TRAP = b"\x00\x00\x0b"


def _read(data: bytes, at: int) -> tuple[int, int]:
    """An unsigned LEB128 number and where it ends."""
    value, shift = 0, 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def _number(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _sections(module: bytes) -> list[tuple[int, bytes]]:
    assert module[:8] == b"\0asm\x01\0\0\0", "not a Wasm module"
    sections, at = [], 8
    while at < len(module):
        kind = module[at]
        size, at = _read(module, at + 1)
        sections.append((kind, module[at : at + size]))
        at += size
    return sections


def _skip_limits(data: bytes, at: int) -> int:
    flags, at = _read(data, at)
    _, at = _read(data, at)
    return _read(data, at)[1] if flags & 1 else at


def _imported_functions(section: bytes) -> int:
    count, at = _read(section, 0)
    functions = 0
    for _ in range(count):
        for _name in range(2):
            size, at = _read(section, at)
            at += size
        kind, at = section[at], at + 1
        if kind == _FUNCTION:
            functions += 1
            _, at = _read(section, at)
        elif kind == 1:
            at = _skip_limits(section, at + 1)
        elif kind == 2:
            at = _skip_limits(section, at)
        else:
            at += 2
    return functions


def _exported(section: bytes, wanted: str) -> int:
    count, at = _read(section, 0)
    for _ in range(count):
        size, at = _read(section, at)
        name, at = section[at : at + size].decode(), at + size
        kind = section[at]
        index, at = _read(section, at + 1)
        if name == wanted and kind == _FUNCTION:
            return index
    raise AssertionError(f"the module exports no function {wanted}")


def with_trap(module: bytes, export: str) -> bytes:
    """The module, with the body of an exported function replaced by a trap."""
    sections = _sections(module)
    by_kind = dict(sections)
    place = _exported(by_kind[_EXPORT], export) - _imported_functions(by_kind[_IMPORT])
    count, at = _read(by_kind[_CODE], 0)
    assert 0 <= place < count
    bodies = []
    for _ in range(count):
        size, at = _read(by_kind[_CODE], at)
        bodies.append(by_kind[_CODE][at : at + size])
        at += size
    bodies[place] = _TRAP
    code = _number(count) + b"".join(_number(len(body)) + body for body in bodies)
    changed = [(kind, code if kind == _CODE else data) for kind, data in sections]
    return module[:8] + b"".join(
        bytes([kind]) + _number(len(data)) + data for kind, data in changed
    )
