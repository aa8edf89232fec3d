"""Places in code, before and after layout, for the tables that describe it (call frames, lines).

`L` is the assembler's handle of a place, made while the text is read. After layout a handle has a
`Place`. The fixups of an `EmittedSection` name handles, so the assembler makes symbols only for those
that a relocation needs.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, NamedTuple, TypeVar

from toyvm.base.record import Record
from toyvm.relocations import R

L = TypeVar("L", bound=Hashable)


class Place(NamedTuple):
    """The place of a handle after layout: its offset in the section, and its fragment.

    The linker cannot change the distance of two places in one fragment, so it is written as a
    constant. GNU as begins a new fragment after each branch, jal/j, call/tail/la and the like,
    `lui %hi`, `auipc %pcrel_hi`, `%tprel_hi`, `%tprel_add`, and at .align, .fill, .skip, .zero,
    .space, .org; not after %lo, %pcrel_lo, %got_pcrel_hi.
    """

    offset: int
    fragment: int


class SectionStart(Record):
    """The beginning of the section called `name`, as the symbol of a fixup."""

    name: str


class Fixup(NamedTuple, Generic[L]):
    """A relocation at `offset` of its section; its symbol is a handle, or the start of a section."""

    offset: int
    type: R
    symbol: L | SectionStart
    addend: int = 0


class EmittedSection(NamedTuple, Generic[L]):
    """A finished SHT_PROGBITS section. `alloc`: it has SHF_ALLOC; `strings`: it holds strings to merge."""

    name: str
    alloc: bool
    addralign: int
    data: bytes
    fixups: list[Fixup[L]]
    strings: bool = False
