"""Sections while they grow, and the symbols in them: bytes, the places where they may still stretch, and what must be patched.

A section is made of chunks, one for each subsection number (`.text 1`), joined at the end in the order of their
numbers. A chunk's bytes are appended to one bytearray; where its size is not known before the end (a branch that may
become a longer pair, an alignment behind it) stands a *part*, whose growth `layout` decides. A *frag* is a stretch
without such places, numbered from 0: two labels of one frag keep their distance whatever happens here.

Frags also end, as in GNU as, where the *linker* may delete bytes, because call frame information depends on it.

A symbol is undefined, a place in a section, a number (`x = 5`), an expression that is resolved at the end, or common.
Chunks and symbols refer to each other, so both are here.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple, Self

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
from .problems import MAX_NOBITS_BYTES, MAX_SECTION_BYTES, Problem

FAKE_LABEL = ".L0 "
"""The name of labels that the assembler makes itself (gas: FAKE_LABEL_NAME); no program can write it."""


class AsmSymbol:
    """One symbol. `chunk, frag, offset` say where a label stands; `value` is a number or a deferred expression."""

    __slots__ = (
        "binding",
        "chunk",
        "common",
        "equated",
        "frag",
        "index",
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
        self.common: tuple[int, int] | None = None  # (size, alignment)
        self.section: AsmSection | None = None  # set for section symbols only
        self.equated = False  # by .set: may be redefined
        self.listed = False  # has its place in the symbol table's order
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
        """Whether the name is one that GNU as keeps out of the symbol table unless a relocation needs it."""
        return self.name.startswith(".L") or self.name.startswith("L0\x01")

    def __repr__(self) -> str:
        return f"Symbol({self.name!r})"


# What a symbol with several types is, the strongest first.
_TYPE_ORDER = (STT_TLS, STT_GNU_IFUNC, STT_FUNC, STT_OBJECT)


def joined_type(own: int, other: int) -> int:
    """The type of a symbol of type `own` that is set to a symbol of type `other` (gas: copy_symbol_attributes).

    An alias of a function that is declared to be an IFUNC is one; being thread-local is not passed on.
    """
    types = (own, STT_OBJECT if other == STT_TLS else other)
    return next((type for type in _TYPE_ORDER if type in types), own)


class Linear(NamedTuple):
    """`add - sub + addend`; either symbol may be missing."""

    add: AsmSymbol | None
    sub: AsmSymbol | None
    addend: int


class DeferredOperation(NamedTuple):
    """An operation that cannot be evaluated before all addresses are known. `left` is 0 for unary operators."""

    op: str
    left: Value
    right: Value


Value = int | Linear | DeferredOperation


class PartKind(IntEnum):
    """The kinds of places whose size is not known at once."""

    BRANCH = 0  # a conditional branch: grows when its target is out of reach
    JUMP = 1  # c.j grows to jal; jal never grows, but ends a frag, and becomes a relocation only when branches do
    ALIGN = 2  # padding up to an alignment
    ORG = 3  # padding up to a place
    SPACE = 4  # `.skip` with a size known at the end
    LEB128 = 5  # a number of late known length


class Part(NamedTuple):
    """A place where a chunk may stretch. Growth goes in front of `offset`; labels from frag `frag` on are behind it.

    BRANCH, JUMP: `symbol + addend` is the target and the instruction stands at `offset - size`.
    ALIGN: `addend` is the alignment, `fill` the byte (None: nops), `limit` the most bytes to skip (0: any number).
    ORG, SPACE: `target` is the place or the size, `fill` the byte.
    LEB128: `target` is the number; `addend` is 1 for `.sleb128`.
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
    """Bytes at `offset` that hold `add - sub + addend`.

    `type` > 0: a relocation number; `type` < 0: data of that many bytes, whose relocations depend on the symbols.
    `relax`: a R_RISCV_RELAX stands beside it.
    """

    offset: int
    type: int
    add: AsmSymbol | None
    sub: AsmSymbol | None
    addend: int
    relax: bool
    where: int


class ZeroBytes(bytearray):
    """The contents of a SHT_NOBITS section: only their size. Raises Problem for a byte that is not zero."""

    __slots__ = ("size",)

    def __init__(self) -> None:
        super().__init__()
        self.size = 0

    def __len__(self) -> int:
        return self.size

    def __iadd__(self, data: Any) -> Self:  # type: ignore[misc]  # `+` is not meant to be used
        if any(data):
            raise Problem("only zeros can be put into a section without contents (@nobits)")
        self.size += len(data)
        return self


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
        """A new label without a name for this place: `.`, the high part of a pair, the start of a function's CFI."""
        return self.place(AsmSymbol(FAKE_LABEL))

    def skip(self, count: int, fill: bytes = b"\0") -> None:
        """Append `count` times the byte or bytes `fill`."""
        self.check_room(count * len(fill))
        if isinstance(self.data, ZeroBytes) and not any(fill):
            self.data.size += count * len(fill)
        else:
            self.data += fill * count

    def check_room(self, count: int) -> None:
        """Raise Problem when `count` more bytes would make the section larger than the limit."""
        limit = MAX_NOBITS_BYTES if isinstance(self.data, ZeroBytes) else MAX_SECTION_BYTES
        if count < 0 or len(self.data) + count > limit:
            raise Problem(
                f"section {self.section.name} would have {len(self.data) + count} bytes; the limit is {limit}"
            )

    def stretch(self, part: Part) -> None:
        """End the frag with `part`, which must have been made for this place."""
        self.parts.append(part)
        self.frag += 1


class AsmSection:
    """One section: its name, type, flags and chunks."""

    def __init__(self, name: str, type: int = SHT_PROGBITS, flags: int = 0, entsize: int = 0):
        self.name = name
        self.type = type
        self.flags = flags
        self.entsize = entsize
        self.align = 1
        self.link: str = ""  # name of the section that SHF_LINK_ORDER means
        self.group: str = ""  # signature of its section group
        self.comdat = False
        self.chunks: dict[int, Chunk] = {}
        self.symbol = AsmSymbol(name)
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
        """Whether the section is in memory when the program runs (others: debugging information)."""
        return bool(self.flags & SHF_ALLOC)

    @property
    def is_nobits(self) -> bool:
        """Whether the section has no bytes in the file."""
        return self.type == SHT_NOBITS

    def chunk(self, number: int) -> Chunk:
        """The subsection of that number, created if it is new."""
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
    """`left - right` in bytes when nothing between the two labels can stretch, else None."""
    a, b = left.chunk, right.chunk
    if a is None or a is not b:
        return None
    low, high = sorted((left.frag, right.frag))
    if low != high and any(low < part.frag <= high for part in a.parts):
        return None
    return left.offset - right.offset


def may_relax(value: Value) -> bool:
    """Whether `value` is made of a distance in code that the linker may shorten."""
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
