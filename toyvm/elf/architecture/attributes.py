"""`.riscv.attributes`: the target that an object was built for, chiefly its instruction set as an -march string.

The section is 'A', then sub-sections of (length, vendor "riscv", file attributes). An attribute is a ULEB128 tag and its
value: a string for an odd tag, a ULEB128 for an even one. Source: RISC-V ELF psABI, "Attributes".
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping

from ...base.errors import ElfError
from ..leb128 import read_uleb128, uleb128

TAG_FILE = 1
TAG_STACK_ALIGN = 4
TAG_ARCH = 5
TAG_UNALIGNED_ACCESS = 6
TAG_PRIV_SPEC = 8
TAG_PRIV_SPEC_MINOR = 10
TAG_PRIV_SPEC_REVISION = 12
TAG_ATOMIC_ABI = 14
TAG_X3_REG_USAGE = 16

# `.attribute NAME` -> tag
TAGS = {
    "stack_align": TAG_STACK_ALIGN,
    "arch": TAG_ARCH,
    "unaligned_access": TAG_UNALIGNED_ACCESS,
    "priv_spec": TAG_PRIV_SPEC,
    "priv_spec_minor": TAG_PRIV_SPEC_MINOR,
    "priv_spec_revision": TAG_PRIV_SPEC_REVISION,
    "atomic_abi": TAG_ATOMIC_ABI,
    "x3_reg_usage": TAG_X3_REG_USAGE,
}

Attributes = dict[int, int | str]


def encode(attributes: Mapping[int, int | str]) -> bytes:
    """The section's bytes. As in GNU as, attributes that are 0 or an empty string are left out."""
    body = b""
    for tag, value in sorted(attributes.items()):
        if value:
            text = value.encode() + b"\0" if isinstance(value, str) else uleb128(value)
            body += uleb128(tag) + text
    part = struct.pack("<BI", TAG_FILE, 5 + len(body)) + body
    vendor = b"riscv\0"
    return b"A" + struct.pack("<I", 4 + len(vendor) + len(part)) + vendor + part


def decode(data: bytes, name: str) -> Attributes:
    """The file attributes of vendor riscv; {} for an empty section. Raises ElfError("NAME: ...") when it is malformed."""
    if not data:
        return {}
    if data[:1] != b"A":
        raise ElfError(f"{name}: .riscv.attributes of unknown format {data[:1]!r}")
    found: Attributes = {}
    try:
        at = 1
        while at < len(data):
            (length,) = struct.unpack_from("<I", data, at)
            if length < 5 or at + length > len(data):
                raise ValueError(f"sub-section of {length} bytes")
            vendor, _, rest = data[at + 4 : at + length].partition(b"\0")
            if vendor == b"riscv":
                found.update(_file_attributes(rest))
            at += length
    except (ValueError, struct.error) as error:
        raise ElfError(f"{name}: malformed .riscv.attributes: {error}") from None
    return found


def _file_attributes(data: bytes) -> Attributes:
    found: Attributes = {}
    at = 0
    while at < len(data):
        tag, length = struct.unpack_from("<BI", data, at)
        if length < 5 or at + length > len(data):
            raise ValueError(f"attributes of {length} bytes")
        if tag == TAG_FILE:
            found.update(_pairs(data[at + 5 : at + length]))
        at += length
    return found


def _pairs(data: bytes) -> Iterable[tuple[int, int | str]]:
    at = 0
    while at < len(data):
        tag, at = read_uleb128(data, at)
        if tag & 1:
            end = data.find(b"\0", at)
            if end < 0:
                raise ValueError("a string without end")
            yield tag, data[at:end].decode("utf-8", "replace")
            at = end + 1
        else:
            value, at = read_uleb128(data, at)
            yield tag, value
