"""Sections during assembly, and their symbols: bytes, places of variable size, and fix-ups.

A section consists of chunks, one for each subsection (`.text 1`). At the end they are joined in the
order of their numbers. The bytes of a chunk are appended to one bytearray. A *part* marks a place
whose size is not known yet, such as a branch that may become a longer pair, or an alignment after
one; `section_layout` decides its size. A *frag* is a range of bytes without parts. The frags of a
chunk are numbered from 0. The distance of two labels in one frag does not change.

As in GNU as, a frag also ends where the *linker* may delete bytes, because call frame information
depends on such places.

A symbol is undefined, a label, a number (`x = 5`), an expression that is evaluated at the end, or
common. Chunks and symbols refer to each other, so this module defines both.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from functools import partial
from typing import Any, NamedTuple, Self

from ..base.bits import M64
from ..base.record import Record
from ..elf.constants import (
    SHF_ALLOC,
    SHF_EXECINSTR,
    SHF_WRITE,
    SHT_NOBITS,
    SHT_PROGBITS,
    STB_LOCAL,
    STT_FUNC,
    STT_GNU_IFUNC,
    STT_NOTYPE,
    STT_OBJECT,
    STT_TLS,
    STV_DEFAULT,
)
from ..relocations import R
from .problems import MAX_CONTENTS_BYTES, MAX_NOBITS_BYTES, MAX_SECTION_BYTES, Problem, too_much

FAKE_LABEL = ".L0 "
"""The name of the assembler's own labels (gas: FAKE_LABEL_NAME). A program cannot use it."""


class AsmSymbol:
    """One symbol. A label has `chunk`, `frag` and `offset`; other symbols have a `value`, or are common."""

    __slots__ = (
        "binding",
        "chunk",
        "common",
        "equated",
        "frag",
        "has_alias_size",
        "index",
        "is_forward",
        "listed",
        "local_wanted",
        "name",
        "offset",
        "section",
        "size",
        "size_where",
        "type",
        "used",
        "value",
        "visibility",
        "where",
    )

    def __init__(self, name: str):
        self.name = name
        self.chunk: Chunk | None = None
        self.frag = 0
        self.offset = 0
        self.value: Value | None = None
        self.binding: int = STB_LOCAL
        self.type: int = STT_NOTYPE
        self.visibility: int = STV_DEFAULT
        self.size: Value = 0
        self.size_where = 0
        self.is_forward = False  # an expression used it before its definition
        self.has_alias_size = False  # its size is that of the symbol that it is set to
        self.common: tuple[int, int] | None = None  # (size, alignment)
        self.section: AsmSection | None = None  # set for section symbols only
        self.equated = False  # by .set, which may redefine it
        self.listed = False  # is in the order of the symbol table
        self.local_wanted = False  # by .local: stays local, and .comm allocates it
        self.used = False  # a relocation refers to it
        self.index = 0  # its number in the finished symbol table
        self.where = 0  # line number (source map) of the definition or the first use

    @property
    def is_defined(self) -> bool:
        """Whether the symbol is a label, has a value, or is common."""
        return self.chunk is not None or self.value is not None or self.common is not None

    @property
    def is_temporary(self) -> bool:
        """Whether GNU as omits the name from the symbol table unless a relocation needs it."""
        return self.name.startswith(".L") or self.name.startswith("L0\x01")

    def __repr__(self) -> str:
        return f"Symbol({self.name!r})"


# Of several types of a symbol, the first in this order applies.
_TYPE_ORDER = (STT_TLS, STT_GNU_IFUNC, STT_FUNC, STT_OBJECT)


def joined_type(own: int, other: int) -> int:
    """The type of a symbol of type `own` that is set to a symbol of type `other` (gas: copy_symbol_attributes).

    An alias of an IFUNC is an IFUNC. An alias of a thread-local symbol is not thread-local.
    """
    types = (own, STT_OBJECT if other == STT_TLS else other)
    return next((type for type in _TYPE_ORDER if type in types), own)


class Linear(NamedTuple):
    """`add - sub + addend`. Either symbol may be None."""

    add: AsmSymbol | None
    sub: AsmSymbol | None
    addend: int


class DeferredOperation(NamedTuple):
    """An operation that is evaluated when all addresses are known. `left` is 0 for unary operators."""

    op: str
    left: Value
    right: Value


Value = int | Linear | DeferredOperation


class PartKind(IntEnum):
    """The kinds of places whose size is determined by layout."""

    BRANCH = 0  # a conditional branch: grows when its target is out of reach
    JUMP = 1  # c.j grows to jal; jal keeps its size, but its relocation is in the order of branches
    ALIGN = 2  # padding up to an alignment
    ORG = 3  # padding up to an offset
    SPACE = 4  # `.skip` of a size that is known only at the end
    LEB128 = 5  # a number whose length is known only at the end


class Part(NamedTuple):
    """A place where a chunk may grow. New bytes are inserted before `offset` and before frag `frag`.

    BRANCH, JUMP  `symbol + addend` is the target; the instruction is at `offset - size`
    ALIGN         `addend` is the alignment, `fill` the byte (None: nops), `limit` the maximum
                  number of bytes (0: no limit)
    ORG, SPACE    `target` is the offset or the size, `fill` the byte
    LEB128        `target` is the number; `addend` is 1 for `.sleb128`
    """

    offset: int
    frag: int
    kind: int
    symbol: AsmSymbol | None = None
    addend: int = 0
    where: int = 0
    fill: bytes | None = b"\0"
    limit: int = 0
    target: Value = 0
    size: int = 4


class Fix(NamedTuple):
    """A fix-up: the bytes at `offset` will contain `add - sub + addend`.

    `type` > 0 is a relocation type. `type` < 0 is data of -`type` bytes, whose relocation types
    depend on the symbols. If `relax` is set, the relocation is followed by R_RISCV_RELAX.
    """

    offset: int
    type: int
    add: AsmSymbol | None
    sub: AsmSymbol | None
    addend: int
    relax: bool
    where: int


# The same from a tuple, in a third of the time: hundreds of thousands are made.
FixFields = tuple[int, int, AsmSymbol | None, AsmSymbol | None, int, bool, int]
PartFields = tuple[int, int, int, AsmSymbol | None, int, int, bytes | None, int, Value, int]
part_of: Callable[[PartFields], Part] = partial(tuple.__new__, Part)
fix_of: Callable[[FixFields], Fix] = partial(tuple.__new__, Fix)


class ZeroBytes(bytearray):
    """The contents of an SHT_NOBITS section: a size. Raises Problem for a nonzero byte."""

    __slots__ = ("size",)

    def __init__(self) -> None:
        super().__init__()
        self.size = 0

    def __len__(self) -> int:
        return self.size

    def __iadd__(self, data: Any) -> Self:  # type: ignore[misc]  # the contents only grow in place: no `+`
        if any(data):
            raise Problem("only zeros can be put into a section without contents (@nobits)")
        self.size += len(data)
        return self


class Room(Record, frozen=False):
    """The bytes that directives have put into all sections with contents of one object."""

    used: int = 0


class Chunk:
    """One subsection. `base` is its offset in the section after layout."""

    __slots__ = ("base", "data", "fixes", "frag", "growth", "number", "parts", "section")

    def __init__(self, section: AsmSection, number: int):
        self.section = section
        self.number = number
        self.data: bytearray = ZeroBytes() if section.type == SHT_NOBITS else bytearray()
        self.frag = 0
        self.parts: list[Part] = []
        self.fixes: list[Fix] = []
        self.growth: list[int] = []  # by part; filled by layout
        self.base = 0

    def place(self, symbol: AsmSymbol) -> AsmSymbol:
        """Make `symbol` a label at the current end of the chunk, and return it."""
        symbol.chunk, symbol.frag, symbol.offset = self, self.frag, len(self.data)
        return symbol

    def here(self) -> AsmSymbol:
        """A new label without a name at the current end: for `.`, the high part of a pair, or CFI."""
        return self.place(AsmSymbol(FAKE_LABEL))

    def skip(self, count: int, fill: bytes = b"\0") -> None:
        """Append `count` copies of `fill`. Raises Problem above the size limit."""
        self.check_room(count * len(fill))
        if isinstance(self.data, ZeroBytes) and not any(fill):
            self.data.size += count * len(fill)
        else:
            self.data += fill * count

    def check_room(self, count: int) -> None:
        """Count `count` more bytes. Raise Problem if that is too much for a section, or for all sections."""
        nobits = isinstance(self.data, ZeroBytes)
        limit = MAX_NOBITS_BYTES if nobits else MAX_SECTION_BYTES
        if count < 0 or len(self.data) + count > limit:
            raise Problem(
                f"section {self.section.name} would have {len(self.data) + count} bytes; the limit is {limit}"
            )
        if not nobits:
            self._use_room(count)

    def count_room(self, count: int) -> None:
        """The same for bytes that are appended already."""
        if not isinstance(self.data, ZeroBytes):
            self.check_room(0)
            self._use_room(count)

    def _use_room(self, count: int) -> None:
        room = self.section.room
        if room.used + count > MAX_CONTENTS_BYTES:
            raise too_much(room.used + count)
        room.used += count

    def stretch(self, part: Part) -> None:
        """End the frag with `part`, whose `offset` and `frag` must be those of this place."""
        self.parts.append(part)
        self.frag += 1

    @property
    def is_absolute(self) -> bool:
        """Whether labels here are numbers (`.struct`)."""
        return False


class _AbsoluteBytes(ZeroBytes):
    """The contents of the absolute section: a size. Raises Problem for anything that is not padding."""

    __slots__ = ()

    def __iadd__(self, data: Any) -> Self:  # type: ignore[misc]  # the contents only grow in place: no `+`
        if any(data):
            raise Problem(
                "attempt to store a value in the absolute section", expected="room, such as .skip 8"
            )
        self.size += len(data)
        return self


class AbsoluteChunk(Chunk):
    """The absolute section (`.struct`, `.offset`), in which labels are numbers: `origin` plus the room before them."""

    __slots__ = ("origin",)

    def __init__(self, origin: int):
        super().__init__(AsmSection("*ABS*", SHT_NOBITS), 0)
        self.section.chunks[0] = self
        self.origin = min(0, origin >> 16 << 16)  # a multiple of every alignment
        self.data = data = _AbsoluteBytes()
        data.size = origin - self.origin

    def place(self, symbol: AsmSymbol) -> AsmSymbol:
        """Give `symbol` the number of this place."""
        symbol.value = (self.origin + len(self.data)) & M64
        return symbol

    def stretch(self, part: Part) -> None:
        """Raises Problem: the size of each part must be known here."""
        raise Problem("in the absolute section this must be known here, and cannot be an instruction")

    @property
    def is_absolute(self) -> bool:
        """True."""
        return True


class ExplicitReloc(NamedTuple):
    """A `.reloc`: the relocation `type` for `value` at `place`, a label plus a number, or an offset in `section`."""

    section: AsmSection
    place: Value
    type: R
    value: Linear
    where: int


class SectionKey(NamedTuple):
    """What tells sections apart: two of one name differ if anything else here does (gas: get_section_by_match)."""

    name: str
    group: str = ""
    link: str = ""  # the symbol that SHF_LINK_ORDER refers to
    unique: int | None = None
    retain: bool = False  # SHF_GNU_RETAIN
    node: int = 0  # of memory, of a section with SHF_GNU_MBIND


class AsmSection:
    """One section: its name, type, flags and chunks."""

    def __init__(
        self,
        name: str,
        type: int = SHT_PROGBITS,
        flags: int = 0,
        entsize: int = 0,
        symbol: AsmSymbol | None = None,
    ):
        self.name = name
        self.type = type
        self.flags = flags
        self.entsize = entsize
        self.align = 1
        self.link: str = ""  # the symbol whose section SHF_LINK_ORDER refers to
        self.node: int = 0  # of memory (SHF_GNU_MBIND)
        self.group: str = ""  # signature of its section group
        self.comdat = False
        self.chunks: dict[int, Chunk] = {}
        self.room = Room()  # until the section is one of an object
        self.symbol = symbol or AsmSymbol(name)
        self.symbol.section = self
        # mapping symbols ($x, $d) of code sections: the state, and the symbols so far
        self.map_state = ""
        self.map_arch = ""
        self.mapping: list[AsmSymbol] = []
        self.line_seen = False
        self.size = 0  # after layout
        self.index = 0  # in the finished object
        place(self, self.symbol)

    @property
    def is_code(self) -> bool:
        """Whether the section holds instructions."""
        return bool(self.flags & SHF_EXECINSTR)

    @property
    def is_alloc(self) -> bool:
        """Whether the section is in memory when the program runs. Debugging information is not."""
        return bool(self.flags & SHF_ALLOC)

    @property
    def is_nobits(self) -> bool:
        """Whether the section has no bytes in the file."""
        return self.type == SHT_NOBITS

    def chunk(self, number: int) -> Chunk:
        """The chunk of subsection `number`. It is created if necessary."""
        if number not in self.chunks:
            self.chunks[number] = Chunk(self, number)
        return self.chunks[number]

    def in_order(self) -> list[Chunk]:
        """All chunks in the order in which they are joined."""
        return [self.chunks[number] for number in sorted(self.chunks)]


def place(section: AsmSection, symbol: AsmSymbol) -> None:
    """Make `symbol` a label at the start of `section`."""
    chunk = section.chunk(0)
    symbol.chunk, symbol.frag, symbol.offset = chunk, 0, 0


def distance(left: AsmSymbol, right: AsmSymbol) -> int | None:
    """`left - right` in bytes, or None if a part between the two labels may grow."""
    a, b = left.chunk, right.chunk
    if a is None or a is not b:
        return None
    low, high = sorted((left.frag, right.frag))
    if low != high and any(low < part.frag <= high for part in a.parts):
        return None
    return left.offset - right.offset


def may_relax(value: Value) -> bool:
    """Whether `value` contains a distance in code that the linker may shorten."""
    if isinstance(value, DeferredOperation):
        return may_relax(value.left) or may_relax(value.right)
    if not isinstance(value, Linear) or value.add is None or value.sub is None:
        return False
    a, b = value.add, value.sub
    if a.chunk is None or b.chunk is None or not a.chunk.section.is_code:
        return False
    return (a.chunk, a.frag) != (b.chunk, b.frag)


TEXT_FLAGS = SHF_ALLOC | SHF_EXECINSTR
DATA_FLAGS = SHF_ALLOC | SHF_WRITE
