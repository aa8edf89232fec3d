"""The disassembler of `toyvm objdump`: capstone's text, with symbols and relocations.

The mnemonics are capstone's (`c.addi`, `addi a5,zero,1`). As in GNU's listings, immediates are
decimal and no space follows a comma. The instruction table decodes what capstone cannot (Zba, Zbb,
Zbs, Zicond); other bytes are shown as `.4byte` or `.2byte`, and data as `.word` or `.half`.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import capstone

from toyvm.base.bits import M64, sext
from toyvm.base.errors import ElfError
from toyvm.base.record import Record
from toyvm.elf import constants as c
from toyvm.elf.elf_file import ElfFile, ElfSection
from toyvm.isa.decode import decode
from toyvm.isa.registers import F_NAMES, X_NAMES
from toyvm.isa.text import instruction_text
from toyvm.relocation_fields import gather
from toyvm.relocations import B_TYPE, CB_TYPE, CJ_TYPE, J_TYPE, relocation_name

from .address_names import Names, global_pointer
from .instruction_sets import RV64GC, InstructionSet, instruction_sets
from .short_aliases import uncompressed

if TYPE_CHECKING:
    from toyvm.elf.dwarf import LineTable

_MAX_SOURCE = 16 << 20  # bytes of a source file that a listing shows


class Instruction(NamedTuple):
    """One line.

    `target` is the target of a branch, or the address that an instruction pair computes.
    """

    address: int
    raw: bytes
    mnemonic: str
    operands: str
    target: int | None
    is_branch: bool

    @property
    def text(self) -> str:
        """`addi sp,sp,-16`."""
        return f"{self.mnemonic} {self.operands}".rstrip()


@cache
def _engine(xlen: int = 64) -> Any:
    mode = capstone.CS_MODE_RISCV32 if xlen == 32 else capstone.CS_MODE_RISCV64
    return capstone.Cs(capstone.CS_ARCH_RISCV, mode | capstone.CS_MODE_RISCVC)


_HEX = re.compile(r"-?\b0x[0-9a-f]+")


def disassemble(
    code: bytes,
    address: int,
    instruction_set: InstructionSet = RV64GC,
    aliases: bool = True,
    gp: int | None = None,
) -> Iterator[Instruction]:
    """The instructions in `code`, which is at `address`. Other bytes become directives.

    Without `aliases` each has its own name, `addi a0,a1,0` for `mv a0,a1`. `gp` is the global pointer, if known.
    """
    at = 0
    xlen = instruction_set.xlen
    pairs: dict[int, int] = {}
    known = {0: 0, 4: 0} | ({3: gp} if gp is not None else {})
    while at < len(code):
        for place, size, mnemonic, operands in _engine(xlen).disasm_lite(code[at : at + 4096], address + at):
            raw = code[place - address : place - address + size]
            own = None if aliases or size != 4 else by_table(raw, xlen)
            if own is not None:
                mnemonic, _, operands = own.partition(" ")
            spelled = instruction_set.spelled(raw, mnemonic, operands)
            yield _instruction(place, raw, *spelled, pairs, known, xlen)
            at += size
        if at < len(code):
            size = min(4 if code[at] & 3 == 3 else 2, len(code) - at)
            raw = code[at : at + size]
            text = by_table(raw, xlen)
            if text is None:
                yield _unknown(address + at, raw)
            else:
                mnemonic, _, operands = text.partition(" ")
                spelled = instruction_set.spelled(raw, mnemonic, operands)
                yield _instruction(address + at, raw, *spelled, pairs, known, xlen)
            at += size


def by_table(raw: bytes, xlen: int = 64) -> str | None:
    """The text of an instruction from the instruction table; None if it has none of this length."""
    from toyvm.isa.encoded.table import decode_any  # as large as the table of all other instructions

    word = int.from_bytes(raw, "little")
    decoded = (decode(word) if xlen == 64 else None) or decode_any(word, xlen)
    return instruction_text(decoded) if decoded is not None and decoded.length == len(raw) else None


def _unknown(address: int, raw: bytes) -> Instruction:
    """Bytes at the place of an instruction that no table has: `.4byte` or `.2byte`."""
    if len(raw) not in (2, 4):
        return data_word(address, raw)
    value = int.from_bytes(raw, "little")
    return Instruction(address, raw, f".{len(raw)}byte", f"{value:#x}" if value else "0", None, False)


def data_word(address: int, raw: bytes) -> Instruction:
    """Bytes that are not an instruction: `.word`, `.half` or `.byte`s."""
    directive = {4: ".word", 2: ".half"}.get(len(raw))
    if directive is None:
        return Instruction(address, raw, ".byte", ",".join(f"{byte:#04x}" for byte in raw), None, False)
    return Instruction(
        address, raw, directive, f"0x{int.from_bytes(raw, 'little'):0{2 * len(raw)}x}", None, False
    )


def _instruction(
    address: int,
    raw: bytes,
    mnemonic: str,
    operands: str,
    pairs: dict[int, int],
    known: dict[int, int],
    xlen: int,
) -> Instruction:
    word = int.from_bytes(raw, "little")
    operands = operands.replace(", ", ",")
    mask = (1 << xlen) - 1
    distance = _branch_distance(word, len(raw), xlen)
    if distance is not None:
        target = (address + distance) & mask
        before, _, _ = operands.rpartition(",")
        return Instruction(
            address, raw, mnemonic, f"{before},{target:x}" if before else f"{target:x}", target, True
        )
    alias = _ALIASES[mnemonic](word) if mnemonic in _ALIASES else ""
    if alias:
        mnemonic, _, operands = alias.partition(" ")
    elif len(raw) == 4 and word & 0x5F == 0x17:  # lui and auipc have hexadecimal immediates
        operands = f"{operands.partition(',')[0]},{word >> 12:#x}"
    elif mnemonic == "c.lui":
        register, _, number = operands.partition(",")
        operands = f"{register},{int(number, 0) & 0xFFFFF:#x}"
    else:
        operands = _HEX.sub(lambda match: str(int(match[0], 16)), operands)
    computed = _pair_target(address, word, len(raw), pairs, known)
    return Instruction(address, raw, mnemonic, operands, None if computed is None else computed & mask, False)


# Hints about locality (Zihintntl) are additions of these registers to zero.
_LOCALITY = {2: "ntl.p1", 3: "ntl.pall", 4: "ntl.s1", 5: "ntl.all"}


def _zext_b(word: int) -> str:
    return f"zext.b {X_NAMES[word >> 7 & 31]},{X_NAMES[word >> 15 & 31]}" if word >> 20 == 255 else ""


def _zext_w(word: int) -> str:
    return f"zext.w {X_NAMES[word >> 7 & 31]},{X_NAMES[word >> 15 & 31]}" if not word >> 20 & 31 else ""


def _locality(word: int) -> str:
    return _LOCALITY.get(word >> 20 & 31, "") if not word & 0x000F8F80 else ""


def _short_locality(word: int) -> str:
    hint = _LOCALITY.get(word >> 2 & 31, "") if not word & 0x0F80 else ""
    return f"c.{hint}" if hint else ""


def _short_nop(word: int) -> str:
    number = sext((word >> 7 & 0x20) | (word >> 2 & 0x1F), 6)
    return f"c.nop {number}" if number and not word & 0x0F80 else ""


# Mnemonic of capstone or of our table -> what GNU's (2.44) and LLVM's listings call some of its words instead.
_ALIASES: dict[str, Callable[[int], str]] = {
    "andi": _zext_b,
    "add.uw": _zext_w,
    "add": _locality,
    "c.add": _short_locality,
    "c.nop": _short_nop,
    "c.addi": _short_nop,
}


def _branch_distance(word: int, size: int, xlen: int) -> int | None:
    if size == 4:
        if word & 0x7F == 0x63:
            return sext(gather(B_TYPE, word), 13)
        return sext(gather(J_TYPE, word), 21) if word & 0x7F == 0x6F else None
    if word & 3 == 1 and word >> 13 in (6, 7):
        return sext(gather(CB_TYPE, word), 9)
    short_jumps = (5,) if xlen == 64 else (5, 1)  # c.j, and c.jal of 32-bit machines
    return sext(gather(CJ_TYPE, word), 12) if word & 3 == 1 and word >> 13 in short_jumps else None


_LOADS_AND_ADDI = {0x03, 0x07, 0x13, 0x1B, 0x67}
_STORES = {0x23, 0x27}


def _pair_target(
    address: int, word: int, size: int, pairs: dict[int, int], known: dict[int, int]
) -> int | None:
    """The address that lui or auipc and the next use of its register compute, or an access from a `known` register.

    `pairs` maps a register to the value of the first instruction.
    """
    opcode, rd, rs1 = word & 0x7F, word >> 7 & 31, word >> 15 & 31
    if size != 4:
        return None
    if opcode in (0x17, 0x37):
        pairs[rd] = sext(word & 0xFFFFF000, 32) + (address if opcode == 0x17 else 0)
        return None
    is_sum = opcode in (0x13, 0x1B)
    if (rs1 not in pairs and rs1 not in known) or (is_sum and (word >> 12 & 7 or not rs1)):
        return None
    if opcode in _LOADS_AND_ADDI:
        return (_base(rs1, pairs, known) + sext(word >> 20, 12)) & M64
    if opcode in _STORES:
        return (_base(rs1, pairs, known) + sext(word >> 25 << 5 | word >> 7 & 31, 12)) & M64
    return None


def _base(register: int, pairs: dict[int, int], known: dict[int, int]) -> int:
    return pairs.pop(register) if register in pairs else known[register]


_NUMBERED = {name: f"x{number}" for number, name in enumerate(X_NAMES)} | {
    name: f"f{number}" for number, name in enumerate(F_NAMES)
}
_NAMED = re.compile(rf"(?<![\w.<])(?:{'|'.join(sorted(_NUMBERED, key=len, reverse=True))})(?![\w.>])")


def with_numbers(operands: str) -> str:
    """Operands with the numbers of registers in the place of their names: `x10` for `a0`."""
    return _NAMED.sub(lambda match: _NUMBERED[match[0]], operands)


class ListingStyle(Record):
    """What a listing shows: addresses from `low` to below `high`, and only the functions in `symbols` unless empty.

    `raw` is the bytes of instructions, `addresses` the column of addresses, `prefix` whole addresses with their symbol,
    `offsets` those in the file with each label, `zeros` runs of zeros in full.
    """

    low: int = 0
    high: int = M64
    raw: bool = True
    addresses: bool = True
    prefix: bool = False
    offsets: bool = False
    zeros: bool = False
    symbols: frozenset[str] = frozenset()


class Listing:
    """The output of `objdump -d` for one file. `lines` is for -l and -S, `source` for -S, `spell` for -C.

    `aliases`: instructions have their short names, and compressed ones those of what they expand to. `numeric`:
    registers have numbers.
    """

    def __init__(
        self,
        elf: ElfFile,
        relocations: bool = False,
        lines: LineTable | None = None,
        source: bool = False,
        spell: Callable[[str], str] = str,
        aliases: bool = False,
        style: ListingStyle | None = None,
        numeric: bool = False,
    ):
        self.elf = elf
        self.aliases, self.numeric = aliases, numeric
        self.style = style or ListingStyle()
        self.names = Names(elf, spell)
        self._sets = instruction_sets(elf)
        self.gp = global_pointer(elf)
        self.lines = lines
        self.source = source
        self._place: tuple[str, int] | None = None
        self._relocs: dict[int, list[tuple[int, str]]] = {}
        if relocations and elf.header.type == c.ET_REL:
            for section, array in elf.relocations():
                self._relocs[section.header.info] = relocation_lines(elf, section, array, spell)

    def section(self, section: ElfSection) -> Iterator[str]:
        """The lines of one section."""
        data, style = self.elf.contents(section), self.style
        start, end = max(section.header.addr, style.low), min(section.header.addr + len(data), style.high)
        if start >= end:
            return
        labels = self.names.starting_in(section, start, end)
        stops = [address for address, _ in labels] + [end]
        if not labels or labels[0][0] != start:
            labels.insert(0, (start, self.names.describe(start, section) or section.name))
            stops.insert(0, start)
        width = -(-len(f"{end:x}") // 4) * 4
        titled = False
        for (address, name), stop in zip(labels, stops[1:], strict=True):
            if style.symbols and name not in style.symbols:
                continue
            if not titled:
                titled = True
                yield ""
                yield f"Disassembly of section {section.name}:"
            yield from self._label(section, address, name)
            yield from self._stretch(section, data, address, stop, width)

    def _label(self, section: ElfSection, address: int, name: str) -> Iterator[str]:
        if self.style.prefix:
            return
        yield ""
        place = f"{address:0{self.elf.digits}x} " if self.style.addresses else ""
        offset = f" (File Offset: {address - section.header.addr + section.header.offset:#x})"
        yield f"{place}<{name}>{offset if self.style.offsets else ''}:"

    def _stretch(self, section: ElfSection, data: bytes, low: int, high: int, width: int) -> Iterator[str]:
        """The lines between two symbols: instructions, data, and runs of zeros as dots."""
        base = section.header.addr
        relocs = self._relocs.get(section.number, [])
        at = low
        while at < high:
            mark = min(high, self.names.next_mark(section, at))
            is_data = self.names.is_data(section, at)
            code = data[at - base : mark - base]
            chosen = self._sets(self.names.instruction_set(section, at))
            pieces = _words(code, at) if is_data else disassemble(code, at, chosen, self.aliases, self.gp)
            skip = at
            for piece in pieces:
                if piece.address < skip:
                    continue
                zeros = 0 if self.style.zeros else self._zeros(data, base, piece.address, mark, relocs)
                if zeros:
                    yield "\t..."
                    skip = piece.address + zeros
                    continue
                yield from self._source_lines(section, piece.address)
                yield self._prefix(piece.address, section, width) + self._columns(piece, section)
                yield from _between(relocs, piece.address, piece.address + len(piece.raw))
            at = mark

    def _prefix(self, address: int, section: ElfSection, width: int) -> str:
        if self.style.prefix:
            distance = address - section.header.addr
            near = self.names.describe(address, section) or section.name + (
                f"+{distance:#x}" if distance else ""
            )
            return f"{address:0{self.elf.digits}x} <{near}> "
        return f"{address:{width}x}:\t" if self.style.addresses else "\t"

    @staticmethod
    def _zeros(data: bytes, base: int, at: int, stop: int, relocs: Sequence[tuple[int, str]]) -> int:
        """The zero bytes to skip at `at` by GNU objdump's rule, up to the next relocation."""
        index = bisect_left(relocs, (at, ""))
        limit = min(stop, relocs[index][0]) if index < len(relocs) else stop
        chunk = data[at - base : limit - base]
        count = len(chunk) - len(chunk.lstrip(b"\0"))
        if at + count == stop:
            return count if count >= 8 or count < 3 else 0
        return count & ~3 if count >= 8 else 0

    def _columns(self, piece: Instruction, section: ElfSection) -> str:
        raw = f"{int.from_bytes(piece.raw, 'little'):0{2 * len(piece.raw)}x}"
        raw = (
            raw.ljust(18 if len(piece.raw) == 4 else 20) + "\t"
            if self.style.raw and not self.style.prefix
            else ""
        )
        mnemonic, operands = piece.mnemonic, piece.operands
        if self.aliases:
            mnemonic, operands = uncompressed(mnemonic, operands)
        if self.numeric:
            operands = with_numbers(operands)
        if piece.target is not None:
            near = self.names.describe(piece.target, section)
            where = f" <{near}>" if near else ""
            digits = self.elf.digits if self.style.prefix else 0
            operands += where if piece.is_branch else f" # {piece.target:0{digits}x}{where}"
        return f"{raw}{mnemonic}" + (f"\t{operands}" if operands else "")

    def _source_lines(self, section: ElfSection, address: int) -> Iterator[str]:
        place = self.lines.lookup(address, section.number) if self.lines else None
        if place is None or place == self._place:
            return
        previous, self._place = self._place, place
        file, line = place
        text = source_text(file) if self.source else None
        if text is None:
            yield f"{file}:{line}"
            return
        # As GNU objdump does, show the lines that were skipped in the same file.
        first = previous[1] + 1 if previous and previous[0] == file and previous[1] < line else line
        yield from text[max(first, line - 20) - 1 : line]


def _words(code: bytes, address: int) -> Iterator[Instruction]:
    """Data in words from its start on, whatever its alignment; the rest in a half-word and a byte (riscv_data_length)."""
    at = 0
    while at < len(code):
        size = next(n for n in (4, 2, 1) if at + n <= len(code))
        yield data_word(address + at, code[at : at + size])
        at += size


def _between(relocs: Sequence[tuple[int, str]], low: int, high: int) -> Iterator[str]:
    for index in range(bisect_left(relocs, (low, "")), len(relocs)):
        if relocs[index][0] >= high:
            return
        yield f"\t\t\t{relocs[index][0]:x}: {relocs[index][1]}"


def relocation_lines(
    elf: ElfFile, section: ElfSection, array: Any, spell: Callable[[str], str] = str
) -> list[tuple[int, str]]:
    """(offset, "R_RISCV_HI20\\tx+0x4") for each relocation of a section, ordered by offset."""
    table = elf.symbols_of(elf.linked(section)) if section.header.link else None
    found = []
    for offset, kind, symbol, addend in array.tolist():
        name = spell(table.names[symbol]) if table and symbol else "*ABS*"
        if not name and table:
            name = elf.section_name(int(table.array["st_shndx"][symbol]))
        distance = f"{'-' if addend < 0 else '+'}{abs(addend):#x}" if addend else ""
        found.append((offset, f"{relocation_name(kind)}\t{name}{distance}"))
    return sorted(found, key=lambda item: item[0])


@cache
def source_text(path: str) -> list[str] | None:
    """The lines of a source file, or None if it cannot be read.

    Debugging information names the file, so it may be anything: a device, or a file of any size.
    """
    try:
        if not os.path.isfile(path) or os.path.getsize(path) > _MAX_SOURCE:
            return None
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read().splitlines()
    except (OSError, ValueError):
        return None


def line_table(elf: ElfFile) -> LineTable | None:
    """The file's line table, or None if it is missing or malformed."""
    from toyvm.elf.dwarf import LineTable  # pyelftools

    try:
        return LineTable.from_elf(elf.data, elf.name) or None
    except ElfError:
        return None
