"""The working state of a layout by a script: sections with addresses, memory regions, symbols."""

from __future__ import annotations

from collections.abc import Iterable

from toyvm.base.errors import LinkError
from toyvm.base.record import Record

from ...base.bits import M64
from .flags import ALLOC, CODE, DATA, LOAD, READONLY, TLS
from .plan import Out
from .reading.tree import OutputSection, Place, Region, Script
from .values import Value

DEFAULT_REGION = "*default*"
_SHOWN = {"a": ALLOC, "x": CODE, "r": READONLY, "w": DATA, "l": LOAD}  # in the order of a map
_LETTERS = {"a": ALLOC, "r": READONLY, "w": DATA, "x": CODE, "l": LOAD}


class Placed(Record, frozen=False, eq=False):
    """An output section in a pass. `excluded`: it is not in the output. `ignored`: nor does it move the location counter.

    `pads` are gaps with a pattern: (offset in the section, length, pattern).
    """

    out: Out
    flags: int
    align: int
    fill: bytes = b""
    vma: int = 0
    lma: int = 0
    size: int = 0
    previous_size: int = 0
    excluded: bool = False
    ignored: bool = False
    keep: bool = False
    update_dot: bool = False
    vma_known: bool = False
    lma_known: bool = False
    after_end: bool = False
    region: MemoryRegion | None = None
    lma_region: MemoryRegion | None = None
    pads: list[tuple[int, int, bytes]] = []

    @property
    def statement(self) -> OutputSection:
        """What the script says about it."""
        return self.out.statement

    @property
    def is_tbss(self) -> bool:
        """Thread-local zeros, which take no addresses from what follows."""
        return self.flags & (LOAD | TLS) == TLS

    @property
    def takes_no_addresses(self) -> bool:
        """Whether it is not in memory, or counts as empty there."""
        return not self.flags & ALLOC or self.is_tbss

    def fault(self, message: str) -> str:
        """A message about the section, at its place in the script if it has one."""
        place = self.statement.place
        return place.message(message) if place.source.name else message


class MemoryRegion(Record, frozen=False, eq=False):
    """A region of MEMORY, and how far it is filled."""

    name: str
    origin: int = 0
    length: int = M64
    flags: int = 0
    not_flags: int = 0
    current: int = 0
    last: Placed | None = None
    is_full: bool = False
    place: Place | None = None

    @property
    def attributes(self) -> str:
        """Its attributes in a map (ld/ldlang.c: lang_map_flags)."""
        wanted, unwanted = (
            "".join(letter for letter, bit in _SHOWN.items() if bit & flags)
            for flags in (self.flags, self.not_flags)
        )
        return f"{wanted}!{unwanted}" if unwanted else wanted

    @property
    def overflow(self) -> int:
        """Bytes beyond its end."""
        return max(0, self.current - (self.origin + self.length))


class Regions:
    """The regions of a script by name and alias. What is not declared is all of memory, as in GNU ld."""

    def __init__(self, script: Script) -> None:
        self.default = MemoryRegion(DEFAULT_REGION)
        self.by_name: dict[str, MemoryRegion] = {DEFAULT_REGION: self.default, "": self.default}
        self.declared: list[tuple[Region, MemoryRegion]] = []
        self.undeclared: list[str] = []
        for region in script.regions:
            if region.name in self.by_name:
                raise region.place.error(f"redeclaration of memory region `{region.name}'")
            made = MemoryRegion(
                region.name, flags=_mask(region.flags), not_flags=_mask(region.not_flags), place=region.place
            )
            self.by_name[region.name] = made
            self.declared.append((region, made))
        for alias, name, place in script.aliases:
            if DEFAULT_REGION in (alias, name):
                raise place.error("alias for default memory region")
            if alias in self.by_name:
                raise place.error(f"redefinition of memory region alias `{alias}'")
            if name not in self.by_name:
                raise place.error(f"memory region `{name}' for alias `{alias}' does not exist")
            self.by_name[alias] = self.by_name[name]

    def find(self, name: str) -> MemoryRegion:
        """The region of a name."""
        found = self.by_name.get(name)
        if found is None:
            self.undeclared.append(name)
            found = self.by_name[name] = MemoryRegion(name)
        return found

    def fitting(self, flags: int) -> MemoryRegion:
        """The region of a section that names none: the first one whose attributes fit."""
        if flags & (ALLOC | READONLY | CODE) == ALLOC:
            flags |= DATA
        for _, region in self.declared:
            if region.flags & flags and not region.not_flags & flags:
                return region
        return self.default

    def all(self) -> Iterable[MemoryRegion]:
        """Every region once."""
        return {id(region): region for region in self.by_name.values()}.values()

    def reset(self) -> None:
        """Empty all regions."""
        for region in self.all():
            region.current, region.last = region.origin, None


def _mask(letters: str) -> int:
    mask = 0
    for letter in letters:
        mask |= _LETTERS[letter]
    return mask


class ScriptSymbol(Record, frozen=False, eq=False):
    """A symbol that the script defines."""

    value: Value
    iteration: int = 0
    on_dot: bool = False
    hidden: bool = False
    like: str = ""  # the one symbol that the expression stands on
    home: Placed | None = (
        None  # the section it is shown in, if it is absolute because of the location counter
    )


class Fatal(LinkError):
    """An error that ends a pass."""
