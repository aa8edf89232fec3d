"""Functions whose code differs between two files: their disassembly with names in the place of addresses.

Code that only moved is equal in this form. Where a call or an address has a shorter or a longer form in the other file,
that is counted, because linker relaxation makes such differences.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property

from toyvm.base.record import Record
from toyvm.elf import constants as c
from toyvm.elf.elf_file import ElfFile, ElfSection
from toyvm.observe.binutils.address_names import Names
from toyvm.observe.binutils.disassembly import disassemble, relocation_lines

from .symbol_list import Listed, listed

_LONG_CALL, _SHORT_CALL = "calls by auipc and jalr", "calls by jal or c.j"
_PAIRS, _FROM_GP, _FROM_TP = "addresses by auipc or lui", "addresses from gp", "thread-locals from tp alone"
_IMMEDIATE = re.compile(r"-?\b(?:0x[0-9a-f]+|\d+)\b")
_PAGE = 4096  # numbers below are no addresses
_MAX_LINES = 4000  # of one function that are compared line by line


class CodeChange(Record):
    """A function whose code differs: its size in bytes in both files, and a unified diff, of which `hidden` lines are left
    off."""

    name: str
    size_a: int
    size_b: int
    lines: tuple[str, ...]
    hidden: int


def code_changes(
    a: ElfFile, b: ElfFile, old: Mapping[str, Listed], new: Mapping[str, Listed], functions: int, lines: int
) -> tuple[tuple[CodeChange, ...], int, dict[str, tuple[int, int]]]:
    """(functions of both files with different code, how many more there are, form of code -> its number in a and b)."""
    readers = _Code(a), _Code(b)
    forms: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    found: list[CodeChange] = []
    hidden = 0
    seen: set[tuple[int, int]] = set()  # places that have several names
    for name, before in old.items():
        after = new.get(name)
        if after is None or not (readers[0].is_code(before) and readers[1].is_code(after)):
            continue
        if (before.number, before.value) in seen:
            continue
        seen.add((before.number, before.value))
        texts = readers[0].text(before), readers[1].text(after)
        if texts[0] == texts[1]:
            continue
        for counter, text in zip(forms, texts, strict=True):
            counter.update(_forms(text))
        if len(found) >= functions:
            hidden += 1
            continue
        diff = list(
            difflib.unified_diff(texts[0][:_MAX_LINES], texts[1][:_MAX_LINES], "", "", lineterm="", n=1)
        )[2:]
        sizes = before.end - before.value, after.end - after.value
        found.append(CodeChange(name, *sizes, tuple(diff[:lines]), max(len(diff) - lines, 0)))
    counts = {form: (forms[0][form], forms[1][form]) for form in {*forms[0], *forms[1]}}
    return tuple(found), hidden, counts


def _forms(text: Sequence[str]) -> Counter[str]:
    """How many calls and addresses of each form the text of a function has."""
    found: Counter[str] = Counter()
    high = ""
    for line in text:
        mnemonic, _, operands = line.partition(" ")
        if mnemonic in ("auipc", "lui"):
            high = operands.partition(",")[0]
            continue
        if mnemonic in ("jalr", "jr", "c.jr", "c.jalr") and high and "<" in operands:
            found[_LONG_CALL] += 1
        elif mnemonic in ("jal", "j", "c.j") and "<" in operands and "+" not in operands:
            found[_SHORT_CALL] += 1
        elif high and "<" in operands:
            found[_PAIRS] += 1
        elif "(gp)" in operands or operands.split(",")[1:2] == ["gp"]:
            found[_FROM_GP] += 1
        elif "(tp)" in operands or operands.split(",")[1:2] == ["tp"]:
            found[_FROM_TP] += 1
    return found


class _Code:
    """The functions of one file as texts."""

    def __init__(self, elf: ElfFile):
        self.elf = elf
        self.names = Names(elf)
        self.contents: dict[int, bytes] = {}
        self.relocations: dict[int, dict[int, list[str]]] = {}
        if elf.header.type == c.ET_REL:
            for section, table in elf.relocations():
                at = self.relocations.setdefault(section.header.info, {})
                for offset, text in relocation_lines(elf, section, table):
                    at.setdefault(offset, []).append(text.replace("\t", " "))

    def is_code(self, symbol: Listed) -> bool:
        """Whether a symbol names instructions."""
        if (
            not symbol.placed
            or symbol.number >= len(self.elf.sections)
            or symbol.kind not in ("FUNC", "NOTYPE", "IFUNC")
        ):
            return False
        return bool(self.elf.sections[symbol.number].header.flags & c.SHF_EXECINSTR)

    def text(self, symbol: Listed) -> list[str]:
        """The instructions of a function, with names in the place of addresses."""
        section = self.elf.sections[symbol.number]
        if symbol.number not in self.contents:
            self.contents[symbol.number] = self.elf.contents(section)
        start = symbol.value - section.header.addr
        code = self.contents[symbol.number][start : symbol.end - section.header.addr]
        here = self.relocations.get(symbol.number, {})
        instructions = list(disassemble(code, symbol.value))
        inside = {t for t in (each.target for each in instructions) if t is not None}
        labels = sorted(t for t in inside if symbol.value <= t < symbol.end)
        lines: list[str] = []
        highs: dict[str, tuple[int, str]] = {}  # register -> (line of its lui or auipc, the text of that)
        for each in instructions:
            text = each.text
            name = self._name(each.target, labels) if each.target is not None else ""
            if each.is_branch and each.target is not None:
                text = f"{text.rpartition(f'{each.target:x}')[0]}<{name}>"
            elif name:
                text = f"{_IMMEDIATE.sub('', text)} <{name}>"
            elif each.target is not None and highs:
                line, whole = max(highs.values())  # the pair makes a number and no address
                lines[line] = whole
            elif each.mnemonic in ("auipc", "lui"):
                register = each.operands.partition(",")[0]
                highs[register] = len(lines), text
                text = f"{each.mnemonic} {register},"
            marks = here.get(each.address - section.header.addr, ())
            lines.append(f"{text}  # {', '.join(marks)}" if marks else text)
        return lines

    def _name(self, target: int, labels: Sequence[int]) -> str:
        """A place in the function by the number of its label, any other by its symbol or section; "" if it is nowhere."""
        if target in labels:
            return f".{labels.index(target) + 1}"
        home = next(
            (
                each
                for each in self.elf.sections
                if each.header.flags & c.SHF_ALLOC
                and each.header.addr <= target < each.header.addr + max(each.header.size, 1)
            ),
            None,
        )
        if home is None:
            return self._outside.get(target, "")
        if home.name.startswith(".got"):
            return f"the GOT entry of {self._entry(home, target)}"
        return self.names.describe(target, home) or f"{home.name}+{target - home.header.addr:#x}"

    @cached_property
    def _outside(self) -> dict[int, str]:
        """Symbols by address, for those that are in no section, such as __global_pointer$."""
        symbols = listed(self.elf).values()
        return {
            each.value: each.name for each in symbols if each.section != "undefined" and each.value >= _PAGE
        }

    def _entry(self, home: ElfSection, target: int) -> str:
        """What a GOT entry is for: the symbol of its dynamic relocation, or the place that it holds the address of."""
        if target in self.dynamic:
            return self.dynamic[target]
        at = target - home.header.addr
        value = int.from_bytes(self.elf.contents(home)[at : at + 8], "little")
        return self._name(value, ()) if value and not self._is_in_got(value) else f"{home.name}+{at:#x}"

    def _is_in_got(self, value: int) -> bool:
        gots = [each.header for each in self.elf.sections if each.name.startswith(".got")]
        return any(header.addr <= value < header.addr + header.size for header in gots)

    @cached_property
    def dynamic(self) -> dict[int, str]:
        """Place -> the symbol of its dynamic relocation."""
        found: dict[int, str] = {}
        for section, table in self.elf.relocations():
            if self.elf.header.type == c.ET_REL or not section.header.link:
                continue
            names = self.elf.symbols_of(self.elf.linked(section)).names
            for offset, symbol in zip(table["r_offset"].tolist(), table["r_sym"].tolist(), strict=True):
                if symbol and names[symbol]:
                    found[offset] = names[symbol]
        return found
