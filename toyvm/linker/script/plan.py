"""Which input section goes where: the statements of a script with the sections that their patterns chose."""

from __future__ import annotations

from collections.abc import Iterator

from toyvm.base.record import Record

from ..inputs.columns import Column
from .flags import ALLOC, CONTENTS, LOAD, MERGE, NEVER_LOAD, READONLY, STRINGS, named_type
from .tree import Assertion, Assignment, BodyStatement, OutputSection, Script

DISCARD = "/DISCARD/"
_NO_ALLOC = ("DSECT", "COPY", "INFO", "OVERLAY")


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
    hint: int = 0  # the properties that a name in the script stands for, while nothing is there

    @property
    def members(self) -> Iterator[int]:
        """The input sections in order."""
        return (sid for item in self.items if isinstance(item, list) for sid in item)

    def create(self, flags: int) -> None:
        """Make the section, as the statement that names it first."""
        if not self.exists:
            self.exists = True
            kind = self.statement.type
            self.flags = flags | (READONLY if kind.startswith("READONLY") else 0)
            self.flags |= NEVER_LOAD if kind == "NOLOAD" else 0
            self.type = named_type(self.name)

    def add_data(self) -> None:
        """A statement that writes bytes is in the body."""
        kind, flags = self.statement.type, CONTENTS | ALLOC | LOAD
        if kind in _NO_ALLOC:
            flags = CONTENTS
        elif kind.startswith("READONLY"):
            flags |= READONLY
        elif kind == "NOLOAD":
            flags = NEVER_LOAD | ALLOC
        self.create(flags | READONLY)
        self.flags |= flags

    def add(self, flags: int, type: int, align: int, entsize: int, note: bool) -> None:
        """Take the properties of an input section (GNU ld: lang_add_section)."""
        kind = self.statement.type
        if kind in _NO_ALLOC:
            flags &= ~ALLOC
        elif kind.startswith("READONLY"):
            flags |= READONLY
        elif kind == "NOLOAD":
            flags = (flags & ~(LOAD | (ALLOC if note else CONTENTS))) | NEVER_LOAD
        self.create(flags)
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
            self.type, self.entsize = type if not kind.startswith("READONLY") else 0, entsize
        self.align = max(self.align, align)


class Plan(Record, eq=False):
    """All output sections. `flow` has them and the statements between them in the order of addresses, `table` in that of
    section headers. `out_of`: input section -> index in `outs`, -1 for those that are not in the output."""

    script: Script
    flow: list[Out | Assignment | Assertion]
    outs: list[Out]
    table: list[Out]
    out_of: Column
    keep: Column  # boolean: sections of a KEEP
    discarded: Column  # boolean

    def name_of(self, sid: int) -> str:
        """The name of the output section of an input section; "" if it is not in the output."""
        index = int(self.out_of[sid])
        return self.outs[index].name if index >= 0 else ""
