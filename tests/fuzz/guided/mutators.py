"""Changes to inputs that keep most of their structure. Each takes an input and dice, and returns another input."""

from __future__ import annotations

import json
import re
import struct
import zlib
from random import Random
from typing import Any

from toyvm.observe.pages.page_trace import MAGIC

Dice = Random

_EDGES = (
    0,
    1,
    2,
    3,
    4,
    7,
    8,
    15,
    16,
    63,
    64,
    127,
    128,
    255,
    256,
    4095,
    4096,
    0x7FFF,
    0x8000,
    0xFFFF,
    1 << 20,
    1 << 24,
)
_EDGES += (
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
    1 << 32,
    1 << 38,
    1 << 48,
    (1 << 63) - 1,
    1 << 63,
    (1 << 64) - 1,
    (1 << 64) - 8,
)
_TOKEN = re.compile(r"\s+|\w[\w.$]*|.", re.S)


def number(dice: Dice, size: int, near: int = 0) -> int:
    """A number of `size` bytes: a limit of something, or close to `near`."""
    kind = dice.random()
    if kind < 0.5:
        value = dice.choice(_EDGES)
    elif kind < 0.85:
        value = near + dice.choice((-16, -8, -4, -1, 1, 2, 4, 8, 16, 24))
    else:
        value = dice.getrandbits(8 * size)
    return value & (1 << 8 * size) - 1


def raw(data: bytes, dice: Dice) -> bytes:
    """A few bytes changed, removed, repeated or inserted."""
    out = bytearray(data)
    for _ in range(dice.choice((1, 1, 2, 4))):
        at = dice.randrange(len(out) + 1)
        kind = dice.randrange(6)
        if kind == 0 and at < len(out):
            out[at] ^= 1 << dice.randrange(8)
        elif kind == 1:
            size = dice.choice((1, 2, 4, 8))
            near = int.from_bytes(out[at : at + size], "little")
            out[at : at + size] = number(dice, size, near).to_bytes(size, "little")
        elif kind == 2:
            del out[at : at + dice.choice((1, 1, 4, 16, 64))]
        elif kind == 3:
            start = dice.randrange(len(out) + 1)
            out[at:at] = out[start : start + dice.choice((1, 4, 24, 64))]
        elif kind == 4:
            out[at:at] = dice.randbytes(dice.choice((1, 2, 4, 8)))
        else:
            out[at : at + 1] = dice.randbytes(1)
    return bytes(out)


def text(data: bytes, dice: Dice, words: list[str]) -> bytes:
    """A few tokens or lines of a text changed, removed, repeated or inserted; `words` mean something to its reader."""
    if dice.random() < 0.1:
        return raw(data, dice)
    if dice.random() < 0.3:
        parts = data.decode("utf-8", "surrogateescape").splitlines(keepends=True)
    else:
        parts = _TOKEN.findall(data.decode("utf-8", "surrogateescape"))
    for _ in range(dice.choice((1, 1, 2, 3, 6))):
        at = dice.randrange(len(parts) + 1)
        kind = dice.randrange(7)
        if kind == 0:
            parts[at : at + 1] = [dice.choice(words)]
        elif kind == 1:
            parts[at:at] = [dice.choice((" ", "", "\n", ",")), dice.choice(words), " "]
        elif kind == 2:
            del parts[at : at + dice.choice((1, 1, 2, 8))]
        elif kind == 3 and parts:
            start = dice.randrange(len(parts))
            parts[at:at] = parts[start : start + dice.choice((1, 2, 5, 20))]
        elif kind == 4 and parts:
            parts[at : at + 1] = [dice.choice(parts)]
        elif kind == 5:
            value = number(dice, 8)
            parts[at : at + 1] = [dice.choice((str(value), hex(value), str(-value), str(value % 100)))]
        elif at < len(parts):
            parts[at] = parts[at] * dice.choice((2, 3, 50))
    return "".join(parts).encode("utf-8", "surrogateescape")


# ELF: (offset, size) of the fields of each record
_EHDR = [(4, 1), (5, 1), (16, 2), (18, 2), (20, 4), (24, 8), (32, 8), (40, 8), (48, 4)] + [
    (at, 2) for at in range(52, 64, 2)
]
_SHDR = [(0, 4), (4, 4), (8, 8), (16, 8), (24, 8), (32, 8), (40, 4), (44, 4), (48, 8), (56, 8)]
_PHDR = [(0, 4), (4, 4), (8, 8), (16, 8), (24, 8), (32, 8), (40, 8), (48, 8)]
_RECORDS = {
    2: (24, [(0, 4), (4, 1), (5, 1), (6, 2), (8, 8), (16, 8)]),  # SYMTAB
    11: (24, [(0, 4), (4, 1), (5, 1), (6, 2), (8, 8), (16, 8)]),  # DYNSYM
    4: (24, [(0, 8), (8, 4), (12, 4), (16, 8)]),  # RELA
    6: (16, [(0, 8), (8, 8)]),  # DYNAMIC
    17: (4, [(0, 4)]),  # GROUP
    14: (8, [(0, 8)]),  # INIT_ARRAY
    0x6FFFFFF6: (4, [(0, 4)]),  # GNU_HASH
    0x6FFFFFFD: (4, [(0, 2), (2, 2)]),  # VERDEF
    0x6FFFFFFE: (4, [(0, 2), (2, 2), (0, 4)]),  # VERNEED
    0x6FFFFFFF: (2, [(0, 2)]),  # VERSYM
}  # fmt: skip


def elf(data: bytes, dice: Dice) -> bytes:
    """A few fields of headers and tables changed, or bytes of sections."""
    out = bytearray(data)
    for _ in range(dice.choice((1, 1, 2, 3))):
        found = _places(out, dice) if len(out) >= 64 and dice.random() < 0.9 else None
        if found is None:
            out = bytearray(raw(bytes(out), dice))
            continue
        at, size = found
        near = int.from_bytes(out[at : at + size], "little")
        value = number(dice, size, dice.choice((near, near, len(out))))
        if dice.random() < 0.2:  # the same field of a neighbour
            step = dice.choice((24, 64, 56, 16, 4))
            value = int.from_bytes(out[at + step : at + step + size], "little")
        out[at : at + size] = value.to_bytes(size, "little")
    return bytes(out)


def _places(data: bytearray, dice: Dice) -> tuple[int, int] | None:
    """(offset, size) of a field somewhere in an ELF file; None if the file is too odd."""
    phoff, shoff = struct.unpack_from("<QQ", data, 32)
    phnum, shnum = struct.unpack_from("<H", data, 56)[0], struct.unpack_from("<H", data, 60)[0]
    kind = dice.random()
    if kind < 0.08:
        return dice.choice(_EHDR)
    if kind < 0.2 and 0 < phnum < 64 and phoff + 56 * phnum <= len(data):
        at, size = dice.choice(_PHDR)
        return phoff + 56 * dice.randrange(phnum) + at, size
    if not 0 < shnum < 200 or shoff + 64 * shnum > len(data):
        return None
    header = shoff + 64 * dice.randrange(shnum)
    if kind < 0.45:
        at, size = dice.choice(_SHDR)
        return header + at, size
    form, start, length = (
        struct.unpack_from(f, data, header + at)[0] for f, at in (("<I", 4), ("<Q", 24), ("<Q", 32))
    )
    if not 0 < length <= len(data) or start + length > len(data):
        return None
    step, fields = _RECORDS.get(form, (1, [(0, 1), (0, 2), (0, 4), (0, 8)]))
    at, size = dice.choice(fields)
    place = start + step * dice.randrange(max(length // step, 1)) + at
    return (place, size) if place + size <= len(data) else None


def archive(data: bytes, dice: Dice) -> bytes:
    """Fields of the headers of members, the index, or a member as an ELF file."""
    members = _members(data)
    if not members or dice.random() < 0.15:
        return raw(data, dice)
    at, size = dice.choice(members)
    kind = dice.random()
    out = bytearray(data)
    if kind < 0.4:
        body = elf(data[at + 60 : at + 60 + size], dice)
        if len(body) == size:
            return data[: at + 60] + body + data[at + 60 + size :]
        return bytes(out[: at + 60] + body + out[at + 60 + size :])
    if kind < 0.7:
        start, length = dice.choice(((0, 16), (16, 12), (28, 6), (34, 6), (40, 8), (48, 10), (58, 2)))
        words = (
            b"/",
            b"//",
            b"/SYM64/",
            b"/1",
            b"/99999999",
            b"#1/20",
            b"../../x/",
            b"x/",
            b"",
            b"a\0b/",
            b"-1",
            b"0",
        )
        value = dice.choice((*words, str(number(dice, 8, size)).encode()))
        out[at + start : at + start + length] = value[:length].ljust(length)
        return bytes(out)
    if kind < 0.85:  # a member again, or not
        piece = data[at : at + 60 + size + size % 2]
        return data[:at] + piece * dice.choice((0, 2, 3)) + data[at + len(piece) :]
    place = at + 60 + dice.randrange(max(size, 1))
    width = dice.choice((1, 4))
    out[place : place + width] = number(dice, width).to_bytes(width, "big")
    return bytes(out)


def _members(data: bytes) -> list[tuple[int, int]]:
    """(offset, size) of each member, as far as the headers are readable."""
    found = []
    at = 8
    while at + 60 <= len(data):
        field = data[at + 48 : at + 58].strip()
        if not field.isdigit():
            break
        found.append((at, int(field)))
        at += 60 + int(field) + int(field) % 2
    return found


def words(data: bytes, dice: Dice) -> bytes:
    """Instructions of four bytes each: one replaced, removed, repeated; or a bit changed."""
    out = bytearray(data[: len(data) & ~3])
    for _ in range(dice.choice((1, 1, 2, 5))):
        at = dice.randrange(len(out) // 4 + 1) * 4
        kind = dice.randrange(5)
        if kind == 0:
            out[at:at] = dice.randbytes(4)
        elif kind == 1:
            out[at : at + 4] = dice.randbytes(4)
        elif kind == 2:
            del out[at : at + 4 * dice.choice((1, 2, 8))]
        elif kind == 3 and out:
            start = dice.randrange(len(out) // 4) * 4
            out[at:at] = out[start : start + 4 * dice.choice((1, 3))]
        elif out:
            out[dice.randrange(len(out))] ^= 1 << dice.randrange(8)
    return bytes(out)


def recording(data: bytes, dice: Dice) -> bytes:
    """A part's contents changed, with its checksum and its compression made again."""
    parts = []
    at = len(MAGIC)
    while at + 12 <= len(data):
        tag, length, _ = struct.unpack_from("<4sII", data, at)
        parts.append((tag, data[at + 12 : at + 12 + length]))
        at += 12 + length
    if not parts or dice.random() < 0.1:
        return raw(data, dice)
    index = dice.randrange(len(parts))
    tag, payload = parts[index]
    if tag == b"INFO" and dice.random() < 0.9:
        payload = _info(payload, dice)
    elif tag == b"EVTS" and dice.random() < 0.8:
        try:
            planes = zlib.decompress(payload[12:])
        except zlib.error:
            planes = b""
        head = payload[:12] if dice.random() < 0.7 else raw(payload[:12], dice)
        payload = head + zlib.compress(raw(planes, dice), 1)
    else:
        payload = raw(payload, dice)
    parts[index] = (tag, payload)
    if dice.random() < 0.1:
        parts.insert(dice.randrange(len(parts) + 1), dice.choice(parts))
    return MAGIC + b"".join(struct.pack("<4sII", t, len(p), zlib.crc32(p)) + p for t, p in parts)


def _info(payload: bytes, dice: Dice) -> bytes:
    try:
        value: Any = json.loads(payload)
    except (ValueError, RecursionError):
        return raw(payload, dice)
    odd = (
        None,
        True,
        -1,
        0,
        1.5,
        1e308,
        "",
        "x" * 99,
        [],
        {},
        [[]],
        "\ud800\0",
        dice.getrandbits(64),
        dice.getrandbits(32),
    )
    holder, key = None, None
    inner = value
    while isinstance(inner, (dict, list)) and inner and (holder is None or dice.random() < 0.8):
        holder = inner
        key = dice.choice(list(inner) if isinstance(inner, dict) else range(len(inner)))
        inner = inner[key]
    if holder is not None:
        if isinstance(inner, int) and dice.random() < 0.5:
            holder[key] = inner + dice.choice((-1, 1, 4096, -4096))
        else:
            holder[key] = dice.choice(odd)
    return json.dumps(value).encode()
