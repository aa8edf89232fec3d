"""Segments while they are made, and what decides about sections in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from toyvm.base.record import Record

from ...base.bits import M64
from ...elf.constants import SHT_NOBITS, SHT_NOTE
from ...elf.headers import Phdr
from .flags import ALLOC, CONTENTS, LOAD, TLS, default_type, elf_flags, named_flags
from .placing import Placed

if TYPE_CHECKING:
    from .sizing import Sizing


class Mapped(Record, frozen=False, eq=False):
    """A segment while it is made."""

    type: int
    sections: list[Placed] = []
    flags: int | None = None
    paddr: int | None = None
    vaddr_offset: int = 0
    file_header: bool = False
    headers: bool = False
    align: int = 0
    # The result.
    offset: int = 0
    vaddr: int = 0
    filesz: int = 0
    memsz: int = 0
    final_flags: int = 0
    final_paddr: int = 0

    def phdr(self) -> Phdr:
        """The program header."""
        return Phdr(
            self.type, self.final_flags, self.offset, self.vaddr & M64, self.final_paddr & M64, self.filesz, self.memsz,
            self.align,
        )  # fmt: skip


def section_type(placed: Placed) -> int:
    """sh_type of an output section."""
    kind = placed.out.type
    if kind == 0 or (kind == SHT_NOBITS and placed.flags & ALLOC):
        return default_type(placed.flags)
    if kind != SHT_NOTE and placed.flags & ALLOC and not placed.flags & (LOAD | CONTENTS):
        return SHT_NOBITS
    return kind


def header_flags(placed: Placed) -> int:
    """sh_flags of an output section."""
    out = placed.out
    return elf_flags(placed.flags) | (named_flags(out.name) if out.named and not out.has_input else 0)


def header_align(placed: Placed) -> int:
    """sh_addralign of an output section: less than its alignment if the script forces its address."""
    align = placed.align | placed.vma
    return align & -align


def present(table: Sequence[Placed]) -> list[Placed]:
    return [placed for placed in table if not placed.excluded]


def sorted_sections(table: Sequence[Placed]) -> list[Placed]:
    def key(pair: tuple[int, Placed]) -> tuple[int, int, bool, int, int]:
        index, placed = pair
        at_end = not placed.flags & (LOAD | TLS) and bool(placed.size)
        return placed.lma, placed.vma, at_end, placed.size if placed.flags & LOAD else 0, index

    allocated = [
        (i, placed) for i, placed in enumerate(table) if placed.flags & ALLOC and not placed.excluded
    ]
    return [placed for _, placed in sorted(allocated, key=key)]


def relro_range(sizing: Sizing) -> tuple[int, int] | None:
    segment = sizing.segment
    if not segment.relro_end or segment.base >= segment.relro_end:
        return None
    return segment.base, segment.relro_end
