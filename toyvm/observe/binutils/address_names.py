"""The symbols of a file by address, for listings of its code."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator

from toyvm.base.bits import M64
from toyvm.elf import constants as c
from toyvm.elf.elf_file import ElfFile, ElfSection
from toyvm.relocations import R

_GLOBAL_POINTER = "__global_pointer$"


class Names:
    """The symbols of a file by address, or in a relocatable object by section and offset. `spell` writes their names."""

    def __init__(self, elf: ElfFile, spell: Callable[[str], str] = str):
        self._relocatable = elf.header.type == c.ET_REL
        self._sections = [s for s in elf.sections if s.header.flags & c.SHF_ALLOC]
        found: dict[tuple[int, int], tuple[tuple[bool, bool, int, str], str]] = {}
        self._marks: dict[int, list[tuple[int, bool]]] = {}
        self._sets: dict[int, list[tuple[int, str]]] = {}
        table = elf.symbols(".symtab") or elf.symbols(".dynsym")
        for name, row in zip(table.names, table.array.tolist(), strict=True) if table else ():
            _, info, other, shndx, value, _ = row
            if name[:2] in ("$x", "$d"):
                self._marks.setdefault(shndx, []).append((value, name[1] == "d"))
                if name[:4] == "$xrv":
                    self._sets.setdefault(shndx, []).append((value, name[2:].partition(".")[0]))
            if _is_name(name, info, shndx):
                kind, binding = info & c.ST_TYPE_MASK, info >> c.ST_BIND_SHIFT
                rank = (
                    kind != c.STT_FUNC,
                    other & c.ST_VISIBILITY_MASK in (c.STV_INTERNAL, c.STV_HIDDEN),
                    (c.STB_GLOBAL, c.STB_WEAK, c.STB_LOCAL).index(min(binding, 2)),
                    name,
                )
                key = (shndx, value)
                found[key] = min(found.get(key, (rank, name)), (rank, name))
        for number, value, name in plt_entries(elf):
            found.setdefault((number, value), ((True, False, 0, name), name))
        self._names: dict[int, tuple[list[int], list[str]]] = {}
        for (shndx, value), (_, name) in sorted(found.items()):
            addresses, texts = self._names.setdefault(shndx, ([], []))
            addresses.append(value)
            texts.append(spell(name))
        everywhere = sorted((value, text) for (_, value), (_, text) in found.items())
        self._everywhere = [value for value, _ in everywhere], [spell(text) for _, text in everywhere]
        for marks in self._marks.values():
            marks.sort()
        for sets in self._sets.values():
            sets.sort()

    def starting_in(self, section: ElfSection, low: int, high: int) -> list[tuple[int, str]]:
        """(address, name) of the symbols of `section` with low <= address < high."""
        addresses, texts = self._names.get(section.number, ([], []))
        first, last = bisect_left(addresses, low), bisect_left(addresses, high)
        return list(zip(addresses[first:last], texts[first:last], strict=True))

    def describe(self, address: int, section: ElfSection) -> str:
        """`main+0x4`, or "" without a symbol.

        In an object, `address` is an offset in `section`. In another file an address before the first symbol of its
        section is named after the section, and one in no section after the nearest symbol.
        """
        if self._relocatable:
            return _near(address, *self._names.get(section.number, ([], [])))
        inside = (s for s in self._sections if s.header.addr <= address < s.header.addr + s.header.size)
        home = next(inside, None)
        if home is None:
            addresses, texts = self._everywhere
            below = addresses and address < addresses[0]
            return f"{texts[0]}-{addresses[0] - address:#x}" if below else _near(address, addresses, texts)
        distance = address - home.header.addr
        own = _near(address, *self._names.get(home.number, ([], [])))
        return own or home.name + (f"+{distance:#x}" if distance else "")

    def is_data(self, section: ElfSection, address: int) -> bool:
        """Whether mapping symbols ($d, $x) mark the address as data (psABI)."""
        marks = self._marks.get(section.number, [])
        index = bisect_right(marks, (address, True)) - 1
        return index >= 0 and marks[index][1]

    def instruction_set(self, section: ElfSection, address: int) -> str:
        """The last instruction set that a mapping symbol named up to `address`, such as "rv64i2p1_c2p0"; "" for none."""
        sets = self._sets.get(section.number, [])
        index = bisect_right(sets, address, key=lambda item: item[0]) - 1
        return sets[index][1] if index >= 0 else ""

    def next_mark(self, section: ElfSection, address: int) -> int:
        """The address of the next mapping symbol after `address`."""
        marks = self._marks.get(section.number, [])
        index = bisect_right(marks, (address, True))
        return marks[index][0] if index < len(marks) else M64


def _near(address: int, addresses: list[int], texts: list[str]) -> str:
    """The last of the symbols `texts` at or before `address`, and how far it is."""
    index = bisect_right(addresses, address) - 1
    if index < 0:
        return ""
    distance = address - addresses[index]
    return texts[index] + (f"+{distance:#x}" if distance else "")


def global_pointer(elf: ElfFile) -> int | None:
    """The value of `__global_pointer$`, if the file has symbols and names it."""
    table = elf.symbols(".symtab")
    if table is None or elf.header.type == c.ET_REL or _GLOBAL_POINTER not in table.names:
        return None
    return int(table.array["st_value"][table.names.index(_GLOBAL_POINTER)])


def plt_entries(elf: ElfFile) -> Iterator[tuple[int, int, str]]:
    """(section number, address, "printf@plt") of each PLT entry, from the relocations of their words.

    The entry of a function that a resolver of this file chooses is called by the resolver: `*ABS*+0x1234@plt`.
    """
    plt, rela = elf.section(".plt"), elf.section(".rela.plt")
    if plt is None or rela is None or rela.header.type != c.SHT_RELA or not rela.header.link:
        return
    table = elf.symbols_of(elf.linked(rela))
    start = plt.header.addr + c.PLT_HEADER_SIZE
    for index, (_, kind, symbol, addend) in enumerate(elf.relocations_of(rela).tolist()):
        name = table.names[symbol] if kind == R.JUMP_SLOT else f"*ABS*+{addend & M64:#x}"
        yield plt.number, start + c.PLT_ENTRY_SIZE * index, f"{name}@plt"


def _is_name(name: str, info: int, shndx: int) -> bool:
    if (
        not name
        or name == ".L0 "
        or name[:2] in ("$x", "$d")
        or info & c.ST_TYPE_MASK in (c.STT_SECTION, c.STT_FILE, c.STT_TLS)
    ):
        return False
    return shndx != c.SHN_UNDEF and shndx < c.SHN_LORESERVE
