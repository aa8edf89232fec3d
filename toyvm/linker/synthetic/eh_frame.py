"""`.eh_frame`: drops the records of functions that are not in the output, and makes the binary search table.

A section of it is a list of records, each a CIE or an FDE that points back to its CIE by a distance; an FDE begins
with its function's address, which in an object is a relocation. LSB Core, "Exception Frames".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from toyvm.base.errors import LinkError

from ..inputs.columns import Column, ProgramColumns
from ..relax.deletions import Deletions, delete, with_bytes

_PC_BEGIN = 8  # offset of the function's address in an FDE
_TERMINATOR = b"\0\0\0\0"
_HEADER = struct.Struct("<BBBBiI")
_ENTRY = struct.Struct("<ii")
_SDATA4_PCREL, _UDATA4, _SDATA4_DATAREL = 0x1B, 0x03, 0x3B


class FrameRecord(NamedTuple):
    """A record at `offset` of `size` bytes, the length word included; `cie` is its CIE's offset, -1 for a CIE."""

    offset: int
    size: int
    cie: int


def records(data: bytes, name: str) -> Iterator[FrameRecord]:
    """The records of an .eh_frame section, up to its end or a terminator. LinkError on a malformed one."""
    at = 0
    while at + 4 <= len(data):
        length = int.from_bytes(data[at : at + 4], "little")
        if length == 0:
            return
        if length < 4 or length >= 0xFFFFFFF0 or at + 4 + length > len(data):
            raise LinkError([f"{name}+{at:#x}): error in .eh_frame: record of {length:#x} bytes"])
        pointer = int.from_bytes(data[at + 4 : at + 8], "little")
        yield FrameRecord(at, length + 4, at + 4 - pointer if pointer else -1)
        at += 4 + length


def eh_frame_sections(program: ProgramColumns) -> list[int]:
    """All live .eh_frame sections, in link order."""
    live = program.sections.live
    return [sid for sid, name in enumerate(program.sections.name) if name == ".eh_frame" and live[sid]]


class Frames:
    """Function address relocations of FDEs, found by (section, offset)."""

    def __init__(self, program: ProgramColumns, sids: list[int]):
        self.program = program
        relocs = program.relocs
        mask = np.zeros(len(program.sections), dtype=bool)
        mask[sids] = True
        self.rows = np.flatnonzero(mask[relocs.sid])
        self._sorted_sid = relocs.sid[self.rows]

    def rows_of(self, sid: int) -> Column:
        """The relocation rows of one section."""
        low, high = np.searchsorted(self._sorted_sid, [sid, sid + 1])
        return self.rows[low:high]

    def targets(self, sid: int) -> list[tuple[FrameRecord, list[int]]]:
        """Every record with the sections that it refers to, an FDE's function first (-1 or less: in no section)."""
        rows = self.rows_of(sid)
        relocs = self.program.relocs
        sections = self.program.symbols.sid[relocs.sym[rows]].tolist()
        pairs = sorted(zip(relocs.offset[rows].tolist(), sections, strict=True))
        found: list[tuple[FrameRecord, list[int]]] = []
        at = 0
        for record in records(self.program.sections.data[sid], self.program.section_label(sid)):
            mine: list[int] = []
            while at < len(pairs) and pairs[at][0] < record.offset + record.size:
                place, target = pairs[at]
                # After the address come differences inside the function, and the symbols of the augmentation.
                mine.insert(0 if place == record.offset + _PC_BEGIN else len(mine), target)
                at += 1
            found.append((record, mine))
        return found


def drop_dead_frames(program: ProgramColumns) -> ProgramColumns:
    """Delete the FDEs of functions that are not linked, and terminators that are not at the end."""
    sids = eh_frame_sections(program)
    if not sids:
        return program
    frames = Frames(program, sids)
    relocs, live = program.relocs, program.sections.live
    target = program.symbols.sid[relocs.sym]
    dead = (target >= 0) & ~live[np.maximum(target, 0)]
    affected = set(relocs.sid[frames.rows[dead[frames.rows]]].tolist())
    gone: list[tuple[int, int, int]] = []
    patches: dict[int, bytearray] = {}
    for sid in sids:
        if sid in affected:
            gone += _dead_records(program, frames, sid, patches)
        elif program.sections.data[sid] == _TERMINATOR and sid != sids[-1]:
            gone.append((sid, 0, 4))
    columns = np.array(gone, dtype=np.int64).reshape(-1, 3).T
    return delete(with_bytes(program, patches), Deletions(*columns))


def _dead_records(
    program: ProgramColumns, frames: Frames, sid: int, patches: dict[int, bytearray]
) -> list[tuple[int, int, int]]:
    """Ranges of `sid` to delete: FDEs of dead functions, and CIEs that no FDE needs any more.

    FDEs that stay get the new distance to their CIE, in `patches`.
    """
    live, data = program.sections.live, program.sections.data[sid]
    found = frames.targets(sid)
    fdes = [r for r, to in found if r.cie >= 0 and not (to and to[0] >= 0 and not live[to[0]])]
    stay = {r.offset for r in fdes} | {r.cie for r in fdes}
    gone, removed, moved = [], 0, {}
    body = bytearray(data)
    for record, _ in found:
        if record.offset not in stay:
            gone.append((sid, record.offset, record.size))
            removed += record.size
            continue
        moved[record.offset] = record.offset - removed
        if record.cie in moved:
            distance = moved[record.offset] + 4 - moved[record.cie]
            body[record.offset + 4 : record.offset + 8] = distance.to_bytes(4, "little")
    patches[sid] = body
    return gone


def search_table(frame: bytes, frame_addr: int, header_addr: int) -> bytes:
    """`.eh_frame_hdr`: the address of .eh_frame, then (function, FDE) sorted by function, for `frame` as relocated.

    Raises LinkError if a function is more than 2 GiB away.
    """
    entries = []
    encodings: dict[int, int] = {}
    for record in records(frame, "(.eh_frame"):
        if record.cie < 0:
            encodings[record.offset] = _fde_encoding(frame, record)
            continue
        start = _decode_pc(
            frame, record.offset + _PC_BEGIN, frame_addr, encodings.get(record.cie, _SDATA4_PCREL)
        )
        entries.append((start - header_addr, frame_addr + record.offset - header_addr))
    entries.sort()
    try:
        head = _HEADER.pack(
            1, _SDATA4_PCREL, _UDATA4, _SDATA4_DATAREL, frame_addr - header_addr - 4, len(entries)
        )
        return head + b"".join(_ENTRY.pack(*entry) for entry in entries)
    except struct.error:
        raise LinkError([".eh_frame_hdr: a function or .eh_frame is more than 2 GiB away"]) from None


def search_table_size(program: ProgramColumns) -> int:
    """The size of `.eh_frame_hdr` in bytes: a header, and an entry for each FDE in the output."""
    count = sum(
        record.cie >= 0
        for sid in eh_frame_sections(program)
        for record in records(program.sections.data[sid], program.section_label(sid))
    )
    return _HEADER.size + _ENTRY.size * count


def _fde_encoding(frame: bytes, cie: FrameRecord) -> int:
    """The `R` byte of a CIE's augmentation: how its FDEs encode addresses."""
    at = cie.offset + 9
    end = frame.index(b"\0", at)
    augmentation = frame[at:end].decode("latin-1")
    at = end + 1
    for _ in range(3):  # code alignment, data alignment, return address register
        at = _skip_leb(frame, at)
    if not augmentation.startswith("z"):
        return 0
    at = _skip_leb(frame, at)
    for letter in augmentation[1:]:
        if letter == "R":
            return frame[at]
        if letter == "P":
            at += 1 + {0: 8, 2: 2, 3: 4, 4: 8}.get(frame[at] & 7, 8)
        elif letter == "L":
            at += 1
    return 0


def _skip_leb(data: bytes, at: int) -> int:
    while data[at] & 0x80:
        at += 1
    return at + 1


def _decode_pc(frame: bytes, at: int, frame_addr: int, encoding: int) -> int:
    width = {0: 8, 2: 2, 3: 4, 4: 8}.get(encoding & 7, 8)
    value = int.from_bytes(frame[at : at + width], "little", signed=bool(encoding & 8))
    return value + frame_addr + at if encoding & 0x70 == 0x10 else value
