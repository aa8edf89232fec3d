"""Files that hold bytes for addresses and nothing else: raw binary, Motorola S-records, Intel hex, Verilog's $readmemh.

Sources: bfd/binary.c, srec.c, ihex.c, verilog.c of GNU binutils 2.40. Lines end with CR LF, as BFD writes them. Addresses
are load addresses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...base.errors import ElfError, ToyvmError
from ...base.record import Record
from ..constants import SHF_ALLOC, SHF_WRITE
from ..object_writer import write_object
from ..raw_object import raw_object
from .model import Image, Part, new_image, read_image

FLAT_FORMATS = ("binary", "srec", "ihex", "verilog")
_CHUNK = 16  # bytes in a line of ihex and verilog
_LONGEST = 255  # the largest count of a record
_LARGEST = 1 << 31  # bytes of a raw binary file; the holes between sections count


class FlatOptions(Record):
    """How records are written. `width`: bytes in a word of Verilog."""

    srec_length: int = 16
    srec_s3: bool = False
    width: int = 1


def write_flat(image: Image, format: str, file: str, options: FlatOptions) -> bytes:
    """The loaded sections in a format of FLAT_FORMATS. `file` is the name in an S-record header.

    Raises ElfError for addresses that the format cannot hold.
    """
    parts = [part for part in image.parts if part.is_loaded and part.data]
    if format == "binary":
        return _binary(image, parts)
    parts.sort(key=lambda part: part.lma)
    if format == "srec":
        return _srec(image, parts, file, options)
    return _ihex(image, parts) if format == "ihex" else _verilog(parts, options)


def read_flat(data: bytes, format: str, file: str) -> Image:
    """A file of a format of FLAT_FORMATS but verilog, as an object. Raises ElfError("FILE: ...") when it is malformed."""
    image = new_image(file)
    if format == "binary":
        return read_image(write_object(raw_object(data, file)), file)
    reader = _srec_records if format == "srec" else _ihex_records
    part: Part | None = None
    runs: list[tuple[Part, bytearray]] = []
    for address, body in reader(data, file, image):
        if part is not None and part.lma + len(runs[-1][1]) == address:
            runs[-1][1].extend(body)
            continue
        part = Part(f".sec{len(runs) + 1}", flags=SHF_ALLOC | SHF_WRITE)
        part.addr = part.lma = address
        part.offset = 0  # as a section that was in the input
        runs.append((part, bytearray(body)))
    for made, contents in runs:
        made.put(bytes(contents))
        image.parts.append(made)
    return image


def _binary(image: Image, parts: list[Part]) -> bytes:
    if not parts:
        return b""
    low = min(part.lma for part in parts)
    high = max(part.lma + part.size for part in parts)
    if high - low > _LARGEST:
        raise ElfError(
            f"{image.name}: the sections span {high - low:#x} bytes from {low:#x}, too many for a file"
        )
    out = bytearray(high - low)
    for part in parts:
        out[part.lma - low : part.lma - low + part.size] = part.data
    return bytes(out)


# S-records: type, count, address, data, checksum


def _srec(image: Image, parts: list[Part], file: str, options: FlatOptions) -> bytes:
    last = max((part.lma + part.size - 1 for part in parts), default=0)
    if last > 0xFFFFFFFF:
        raise ElfError(f"{image.name}: address {last:#x} does not fit in an S-record")
    kind = 3 if options.srec_s3 or last > 0xFFFFFF else 2 if last > 0xFFFF else 1
    length = min(max(options.srec_length, 1), _LONGEST - kind - 2)
    lines = [_s_record(0, 0, file.encode("utf-8", "surrogateescape")[:40])]
    for part in parts:
        for at in range(0, part.size, length):
            lines.append(_s_record(kind, part.lma + at, part.data[at : at + length]))
    lines.append(_s_record(10 - kind, image.header.entry, b""))
    return b"".join(lines)


_ADDRESS_BYTES = {"0": 2, "1": 2, "2": 3, "3": 4, "5": 2, "6": 3, "7": 4, "8": 3, "9": 2}


def _s_record(kind: int, address: int, data: bytes) -> bytes:
    size = _ADDRESS_BYTES[str(kind)]
    body = (address & ((1 << 8 * size) - 1)).to_bytes(size, "big") + data
    body = bytes([len(body) + 1]) + body
    return b"S%d%s%02X\r\n" % (kind, body.hex().upper().encode(), ~sum(body) & 0xFF)


def _srec_records(data: bytes, file: str, image: Image) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(_lines(data), start=1):
        if not line:
            continue
        kind = line[1:2]
        size = _ADDRESS_BYTES.get(kind, 0)
        if line[:1] != "S" or not size:
            raise ElfError(f"{file}:{number}: unexpected character {line[:2]!r} in S-record file")
        raw = _hex(line[2:], file, number, "S-record file")
        count = raw[0] if raw else 0
        if count < size + 1 or len(raw) < count + 1:
            raise ElfError(f"{file}:{number}: byte count {count} does not fit the S-record")
        if sum(raw[: count + 1]) & 0xFF != 0xFF:
            raise ElfError(f"{file}:{number}: bad checksum in S-record file")
        address, body = int.from_bytes(raw[1 : 1 + size], "big"), raw[1 + size : count]
        if kind in "123" and body:
            yield address, body
        elif kind in "789":
            image.header = image.header._replace(entry=address)
            return


# Intel hex: count, offset, type, data, checksum


def _ihex(image: Image, parts: list[Part]) -> bytes:
    out: list[bytes] = []
    segment = base = 0
    for part in parts:
        where, at = part.lma, 0
        if where + part.size - 1 > 0xFFFFFFFF:
            raise ElfError(f"{image.name}: address {where:#x} out of range for Intel Hex file")
        while at < part.size:
            count = min(_CHUNK, part.size - at)
            if where > segment + base + 0xFFFF:
                if where <= 0xFFFFF:
                    segment = where & 0xF0000
                    out.append(_ihex_record(0, 2, (segment >> 4).to_bytes(2, "big")))
                else:
                    if segment:
                        # Some readers add both bases.
                        out.append(_ihex_record(0, 2, bytes(2)))
                        segment = 0
                    base = where & 0xFFFF0000
                    out.append(_ihex_record(0, 4, (base >> 16).to_bytes(2, "big")))
            offset = where - base - segment
            count = min(count, 0x10000 - offset)
            out.append(_ihex_record(offset, 0, part.data[at : at + count]))
            where, at = where + count, at + count
    start = image.header.entry
    if start:
        if start <= 0xFFFFF:
            out.append(
                _ihex_record(
                    0, 3, ((start & 0xF0000) >> 4).to_bytes(2, "big") + (start & 0xFFFF).to_bytes(2, "big")
                )
            )
        else:
            out.append(_ihex_record(0, 5, (start & 0xFFFFFFFF).to_bytes(4, "big")))
    out.append(_ihex_record(0, 1, b""))
    return b"".join(out)


def _ihex_record(offset: int, kind: int, data: bytes) -> bytes:
    body = bytes([len(data)]) + offset.to_bytes(2, "big") + bytes([kind]) + data
    return b":%s%02X\r\n" % (body.hex().upper().encode(), -sum(body) & 0xFF)


def _ihex_records(data: bytes, file: str, image: Image) -> Iterator[tuple[int, bytes]]:
    segment = base = 0
    for number, line in enumerate(_lines(data), start=1):
        if not line:
            continue
        if line[:1] != ":":
            raise ElfError(f"{file}:{number}: unexpected character {line[:1]!r} in Intel Hex file")
        raw = _hex(line[1:], file, number, "Intel Hex file")
        if len(raw) < 5 or len(raw) < raw[0] + 5:
            raise ElfError(f"{file}:{number}: byte count does not fit the Intel Hex record")
        raw = raw[: raw[0] + 5]
        if sum(raw) & 0xFF:
            raise ElfError(f"{file}:{number}: bad checksum in Intel Hex file")
        offset, kind, body = int.from_bytes(raw[1:3], "big"), raw[3], raw[4:-1]
        expected = {0: None, 1: None, 2: 2, 3: 4, 4: 2, 5: 4}
        if kind not in expected:
            raise ElfError(f"{file}:{number}: unrecognized ihex type {kind} in Intel Hex file")
        if expected[kind] is not None and len(body) != expected[kind]:
            raise ElfError(
                f"{file}:{number}: bad length {len(body)} of a record of type {kind} in Intel Hex file"
            )
        value = int.from_bytes(body, "big")
        if kind == 0 and body:
            yield base + segment + offset, body
        elif kind == 1:
            return
        elif kind == 2:
            segment = value << 4
        elif kind == 3:
            image.header = image.header._replace(entry=(value >> 16 << 4) + (value & 0xFFFF))
        elif kind == 4:
            base = value << 16
        elif kind == 5:
            image.header = image.header._replace(entry=value)


def _lines(data: bytes) -> list[str]:
    return [line.strip() for line in data.decode("latin-1").replace("\r", "\n").split("\n")]


def _hex(text: str, file: str, number: int, what: str) -> bytes:
    digits = text[: len(text) & ~1]
    if not re.fullmatch(r"[0-9A-Fa-f]*", text) or len(text) % 2:
        bad = re.sub(r"[0-9A-Fa-f]", "", text)[:1]
        raise ElfError(f"{file}:{number}: unexpected character {bad!r} in {what}")
    return bytes.fromhex(digits)


# Verilog


def _verilog(parts: list[Part], options: FlatOptions) -> bytes:
    width = options.width
    out: list[bytes] = []
    for part in parts:
        if part.lma % width:
            raise ToyvmError(
                f"section {part.name}: address {part.lma:#x} is no multiple of the data width {width}"
            )
        address = part.lma // width
        out.append(b"@%016X\r\n" % address if address > 0xFFFFFFFF else b"@%08X\r\n" % address)
        for at in range(0, part.size, _CHUNK):
            line = part.data[at : at + _CHUNK]
            words = [line[i : i + width][::-1].hex().upper() for i in range(0, len(line), width)]
            out.append(" ".join(words).encode() + b"\r\n")
    return b"".join(out)


def format_of(data: bytes) -> str | None:
    """The format that a file has by its beginning, "srec" or "ihex"; None for another one."""
    head = data[:4].decode("latin-1")
    if re.match(r"S[0-9][0-9A-Fa-f]{2}", head):
        return "srec"
    return "ihex" if re.match(r":[0-9A-Fa-f]{3}", head) else None
