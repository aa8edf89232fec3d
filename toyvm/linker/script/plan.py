"""Which input section goes where: the statements of a script with the sections that their patterns chose."""

from __future__ import annotations

from collections.abc import Iterator

from toyvm.base.record import Record

from ...elf.constants import SHT_NOBITS, SHT_NOTE, SHT_PROGBITS
from ..inputs.columns import Column
from .flags import ALLOC, ARRAY_TYPES, CONTENTS, LOAD, MERGE, NEVER_LOAD, READONLY, STRINGS, named_type
from .reading.tree import Assertion, Assignment, BodyStatement, OutputSection, Script

DISCARD = "/DISCARD/"
_NO_ALLOC = ("DSECT", "COPY", "INFO", "OVERLAY")


class Lone(list[int]):
    """An input section that no pattern chose, as an item of its own."""


class Out(Record, frozen=False, eq=False):
    """An output section: its statement, and per statement of its body the input sections chosen.

    `exists`: something makes the section. `region`, `lma_region` and `headers` of an orphan are those of its neighbour.
    """

    statement: OutputSection
    name: str
    items: list[BodyStatement | list[int]] = []
    matches: bool = True  # ONLY_IF_RO and ONLY_IF_RW: the condition holds
    exists: bool = False
    has_input: bool = False
    flags: int = 0
    type: int = 0
    align: int = 1
    entsize: int = 0
    region: str = ""
    lma_region: str = ""
    headers: tuple[str, ...] = ()
    orphan: bool = False
    named: bool = False  # its name alone gives its type, because nothing else did when it was made
    hint: int = 0  # the properties that a name in the script stands for, while nothing is there

    @property
    def members(self) -> Iterator[int]:
        """The input sections in order."""
        return (sid for item in self.items if isinstance(item, list) for sid in item)

    def create(self, flags: int = 0, by_input: bool = False) -> None:
        """Make the section, as the statement that names it first, or for its first input section."""
        if not self.exists:
            self.exists = True
            self.flags = flags
            kind = named_type(self.name)
            self.named = not by_input or kind in ARRAY_TYPES
            self.type = kind if self.named else 0

    def add_data(self) -> None:
        """A statement that writes bytes is in the body."""
        kind, flags = self.statement.type, CONTENTS | ALLOC | LOAD
        if kind in _NO_ALLOC:
            flags = CONTENTS
        elif kind.startswith("READONLY"):
            flags |= READONLY
        elif kind == "NOLOAD":
            flags = NEVER_LOAD | ALLOC
        self.flags |= flags if self.exists else flags | READONLY
        self.create(self.flags)

    def add(self, flags: int, type: int, align: int, entsize: int, note: bool) -> None:
        """Take the properties of an input section (GNU ld: lang_add_section)."""
        kind, original = self.statement.type, flags
        if kind in _NO_ALLOC:
            flags &= ~ALLOC
        elif kind.startswith("READONLY"):
            flags |= READONLY
        elif kind == "NOLOAD":
            flags = (flags & ~(LOAD | (ALLOC if note else CONTENTS))) | NEVER_LOAD
        self.create(flags, by_input=True)
        self.flags &= flags | ~READONLY
        if self.has_input:
            flags &= ~READONLY
            if self.entsize != entsize:
                self.entsize = 0
                flags &= ~(MERGE | STRINGS)
            different = (self.flags ^ flags) & (MERGE | STRINGS)
            self.flags &= ~different
            flags &= ~different
        self.flags |= flags
        if not self.has_input:
            self.has_input = True
            self.entsize = entsize
            # GNU ld takes the type only if the script changes nothing about the section.
            if self.type in (0, SHT_PROGBITS, SHT_NOTE, SHT_NOBITS):
                self.type = type if self.flags == original else 0
        self.align = max(self.align, align)


class Plan(Record, eq=False):
    """All output sections. `flow` has them and the statements between them in the order of addresses, `table` in that of
    section headers. `out_of`: input section -> index in `outs`, -1 for those that are not in the output."""

    script: Script
    flow: list[Out | Assignment | Assertion]
    outs: list[Out]
    table: list[Out]
    made: list[Out]  # in the order in which they were made, by which names are looked up
    out_of: Column
    keep: Column  # boolean: sections of a KEEP
    discarded: Column  # boolean

    def name_of(self, sid: int) -> str:
        """The name of the output section of an input section; "" if it is not in the output."""
        index = int(self.out_of[sid])
        return self.outs[index].name if index >= 0 else ""
