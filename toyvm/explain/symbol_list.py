"""The symbols of a file by name, for comparing two files."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from toyvm.elf import constants as c
from toyvm.elf.elf_file import ElfFile
from toyvm.observe.binutils.elf_names import SYMBOL_BINDINGS, SYMBOL_TYPES, SYMBOL_VISIBILITIES


class Listed(NamedTuple):
    """A symbol. `end` is where it ends: at its size, or without one at the next symbol of its section.

    `number` is its section's number; `placed` whether it is in a section, and no thread-local variable.
    """

    name: str
    section: str
    number: int
    value: int
    size: int
    end: int
    kind: str
    binding: str
    visibility: str
    placed: bool

    @property
    def properties(self) -> str:
        """`GLOBAL FUNC`."""
        visibility = "" if self.visibility == "DEFAULT" else f" {self.visibility}"
        return f"{self.binding} {self.kind}{visibility}"


def listed(elf: ElfFile) -> dict[str, Listed]:
    """The symbols by name; the second one of a name is `name #2`. Without .symtab, those of .dynsym."""
    table = elf.symbols(".symtab") or elf.symbols(".dynsym")
    if table is None:
        return {}
    counts: Counter[str] = Counter()
    found: dict[str, Listed] = {}
    ends = _ends(elf)
    for name, row in zip(table.names, table.array.tolist(), strict=True):
        _, info, other, shndx, value, size = row
        kind = info & c.ST_TYPE_MASK
        if not name or kind in (c.STT_SECTION, c.STT_FILE) or name[0] == "$" or name.startswith(".L"):
            continue
        counts[name] += 1
        key = name if counts[name] == 1 else f"{name} #{counts[name]}"
        placed = 0 < shndx < c.SHN_LORESERVE and kind != c.STT_TLS
        found[key] = Listed(
            key, "undefined" if shndx == c.SHN_UNDEF else elf.section_name(shndx) or "*ABS*", shndx, value, size,
            value + size if size else ends.get((shndx, value), value),
            SYMBOL_TYPES.get(kind, str(kind)), SYMBOL_BINDINGS.get(info >> c.ST_BIND_SHIFT, "?"),
            SYMBOL_VISIBILITIES[other & c.ST_VISIBILITY_MASK], placed,
        )  # fmt: skip
    return found


def _ends(elf: ElfFile) -> dict[tuple[int, int], int]:
    """(section, value) -> the value of the next symbol of the section, or the section's end."""
    table = elf.symbols(".symtab") or elf.symbols(".dynsym")
    places: dict[int, set[int]] = {}
    for name, row in zip(table.names, table.array.tolist(), strict=True) if table else ():
        if name and name[0] != "$" and not name.startswith(".L") and 0 < row[3] < c.SHN_LORESERVE:
            places.setdefault(row[3], set()).add(row[4])
    ends = {}
    for number, values in places.items():
        if number >= len(elf.sections):
            continue
        header = elf.sections[number].header
        order = sorted(values)
        for value, following in zip(order, [*order[1:], header.addr + header.size], strict=True):
            ends[number, value] = following
    return ends
