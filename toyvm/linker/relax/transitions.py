"""Replaces accesses that are more general than the output needs (psABI, "Linker Relaxation"; lld does the same).

    TLS descriptor   in a program: local exec if the program defines the variable, otherwise initial exec.
                     Always, because a static program has nobody who would fill the descriptor.
    initial exec     in a program that defines the variable: local exec. Only with relaxation.
    GOT load         of a symbol that this output defines and nobody can preempt: its address. Only with relaxation.

Each access is a high part, whose place a label names, and the low parts that name the label. The new code stands at the
same places, so it may be mixed with other code as the old was. Local exec needs two instructions of the four of a
descriptor, and one if all thread-local variables lie within 2 KiB: the others are deleted where R_RISCV_RELAX allows it,
and are nops otherwise.
"""

from __future__ import annotations

import numpy as np

from toyvm.base.record import Record, replace
from toyvm.elf.constants import SHF_ALLOC, SHF_EXECINSTR, SHF_TLS, STT_GNU_IFUNC, STT_TLS
from toyvm.relocations import R, relocation_name

from ..inputs.columns import Column, ProgramColumns
from ..link_errors import Diagnostics
from ..link_options import LinkOptions
from .deletions import Deletions, delete, with_bytes

_NOP = 0x13
_AUIPC, _LUI, _OPCODE = 0x17, 0x37, 0x7F
_LD, _ADDI, _FUNCTION = 0x3003, 0x0013, 0x707F  # opcode and funct3
_JALR = 0x0067
_RS1_MASK = 31 << 15
_LARGEST_LOW = 0x7FF
# The instruction, and the bits that tell it, at each kind of place.
_EXPECTED = {
    R.TLSDESC_HI20: (_AUIPC, _OPCODE),
    R.TLS_GOT_HI20: (_AUIPC, _OPCODE),
    R.GOT_HI20: (_AUIPC, _OPCODE),
    R.TLSDESC_LOAD_LO12: (_LD, _FUNCTION),
    R.TLSDESC_ADD_LO12: (_ADDI, _FUNCTION),
    R.TLSDESC_CALL: (_JALR, _FUNCTION),
    R.PCREL_LO12_I: (_LD, _FUNCTION),
}
_DESCRIPTOR_LOW = (R.TLSDESC_LOAD_LO12, R.TLSDESC_ADD_LO12, R.TLSDESC_CALL)


class Transitions(Record, eq=False):
    """The program with simpler accesses, and name -> (number of accesses, bytes saved)."""

    program: ProgramColumns
    forms: dict[str, tuple[int, int]]


def simplify(
    program: ProgramColumns, options: LinkOptions, free: Column, scripted: bool, errors: Diagnostics
) -> Transitions:
    """Replace the accesses that can be simpler.

    `free` says by symbol number whether it is preemptible; with `scripted`, a linker script places the sections. Adds to
    `errors` what is no access at all.
    """
    types = set() if options.shared else {R.TLSDESC_HI20}
    if options.relax:
        if not options.shared:
            types.add(R.TLS_GOT_HI20)
        # Code may be too far from data whose address the user chose.
        if not scripted and not options.section_starts:
            types.add(R.GOT_HI20)
    highs = np.flatnonzero(np.isin(program.relocs.type, list(types)))
    if not len(highs):
        return Transitions(program, {})
    return _Simplifier(program, options, free, scripted, errors).run(highs)


class _Simplifier:
    def __init__(
        self,
        program: ProgramColumns,
        options: LinkOptions,
        free: Column,
        scripted: bool,
        errors: Diagnostics,
    ):
        self.program, self.options, self.free, self.errors = program, options, free, errors
        relocs = program.relocs
        self.type, self.sym, self.addend = relocs.type.copy(), relocs.sym.copy(), relocs.addend.copy()
        self.patched: dict[int, bytearray] = {}
        self.dropped: list[int] = []
        self.room = _LARGEST_LOW if scripted else _thread_local_size(program)

    def run(self, highs: Column) -> Transitions:
        relocs, sections = self.program.relocs, self.program.sections
        wanted = SHF_ALLOC | SHF_EXECINSTR
        code = sections.live & ((sections.flags & wanted) == wanted)
        stray = highs[~code[relocs.sid[highs]] & sections.live[relocs.sid[highs]]]
        for row in stray[relocs.type[stray] == R.TLSDESC_HI20].tolist():
            self._refuse(row)
        highs = highs[code[relocs.sid[highs]]]
        low = np.flatnonzero(np.isin(relocs.type, (*_DESCRIPTOR_LOW, R.PCREL_LO12_I, R.PCREL_LO12_S)))
        counts: dict[str, tuple[int, int]] = {}
        for high, parts in self._accesses(highs, low[code[relocs.sid[low]]]):
            before = len(self.dropped)
            name = self._simplify(high, parts)
            if name:
                number, saved = counts.get(name, (0, 0))
                counts[name] = number + 1, saved + 4 * (len(self.dropped) - before)
        changed = replace(relocs, type=self.type, sym=self.sym, addend=self.addend)
        program = replace(with_bytes(self.program, self.patched), relocs=changed)
        rows = np.array(self.dropped, dtype=np.int64)
        gone = Deletions.of((relocs.sid[rows], relocs.offset[rows], np.full(len(rows), 4, dtype=np.int64)))
        return Transitions(delete(program, gone), counts)

    def _accesses(self, highs: Column, lows: Column) -> list[tuple[int, list[int]]]:
        """Each high part with the low parts that name its place."""
        relocs, symbols = self.program.relocs, self.program.symbols
        parts: dict[tuple[int, int], list[int]] = {}
        found = []
        for high, sid, offset in zip(
            highs.tolist(), relocs.sid[highs].tolist(), relocs.offset[highs].tolist(), strict=True
        ):
            if (sid, offset) not in parts:
                parts[sid, offset] = []
                found.append(high)
            elif relocs.type[high] == R.TLSDESC_HI20:
                self._refuse(high)  # a second relocation of one instruction
        label = relocs.sym[lows]
        named = zip(symbols.sid[label].tolist(), symbols.value[label].tolist(), strict=True)
        for row, place in zip(lows.tolist(), named, strict=True):
            if place in parts:
                parts[place].append(row)
        return list(zip(found, parts.values(), strict=True))

    def _simplify(self, high: int, parts: list[int]) -> str:
        """Replace one access. Returns the name of what was done, "" for nothing."""
        kind, sym = int(self.type[high]), int(self.sym[high])
        odd = [row for row in (high, *parts) if not self._is_expected(row)]
        if kind == R.TLSDESC_HI20:
            if odd:
                self._refuse(odd[0])
                return ""
            return self._replace_descriptor(high, parts)
        if odd or not parts or any(self.type[row] != R.PCREL_LO12_I for row in parts):
            return ""
        symbols = self.program.symbols
        here = int(symbols.sid[sym])
        if self.free[sym] or here < 0 or not self.program.sections.live[here]:
            return ""
        if kind == R.TLS_GOT_HI20:
            self._local_exec(high, parts, shorten=False)
            return "initial exec to local exec"
        if symbols.type[sym] in (STT_GNU_IFUNC, STT_TLS) or self.addend[high]:
            return ""
        self.type[high] = R.PCREL_HI20
        for row in parts:
            self._write(row, self._word(row) & ~_FUNCTION | _ADDI)
        return "GOT load to address"

    def _replace_descriptor(self, high: int, parts: list[int]) -> str:
        sym = int(self.sym[high])
        shorten = self.options.relax and self._is_marked(high)
        adds = [row for row in parts if self.type[row] == R.TLSDESC_ADD_LO12]
        for row in parts:
            if row not in adds:
                self._drop(row, shorten)
        if not self.free[sym]:
            self._local_exec(high, adds, shorten)
            return "descriptor to local exec"
        self.type[high] = R.TLS_GOT_HI20
        for row in adds:
            self.type[row] = R.PCREL_LO12_I
            self._write(row, self._word(row) & ~_FUNCTION | _LD)
        return "descriptor to initial exec"

    def _local_exec(self, high: int, lows: list[int], shorten: bool) -> None:
        """lui and addi of the offset from tp, or addi alone where every offset fits."""
        sym, addend = int(self.sym[high]), int(self.addend[high])
        near = 0 <= addend <= _LARGEST_LOW - self.room
        for row in lows:
            self.type[row], self.sym[row] = R.TPREL_I if near else R.TPREL_LO12_I, sym
            self.addend[row] += addend
            word = self._word(row) & ~_FUNCTION | _ADDI
            self._write(row, word & ~_RS1_MASK if near else word)
            self._unmark(row)
        if near:
            self._drop(high, shorten)
            return
        self.type[high] = R.TPREL_HI20
        self._write(high, self._word(high) & ~_OPCODE | _LUI)
        self._unmark(high)

    def _drop(self, row: int, delete: bool) -> None:
        """An instruction that is needed no more."""
        self.type[row] = R.NONE
        self._unmark(row)
        self._write(row, _NOP)
        if delete:
            self.dropped.append(row)

    def _is_marked(self, row: int) -> bool:
        relocs = self.program.relocs
        return (
            row + 1 < len(relocs)
            and self.type[row + 1] == R.RELAX
            and (relocs.sid[row + 1], relocs.offset[row + 1]) == (relocs.sid[row], relocs.offset[row])
        )

    def _unmark(self, row: int) -> None:
        """Keep `relax` from a new instruction: the offset, not the address, is in its register."""
        if self._is_marked(row):
            self.type[row + 1] = R.NONE

    def _is_expected(self, row: int) -> bool:
        relocs = self.program.relocs
        expected = _EXPECTED.get(R(int(relocs.type[row])))
        if expected is None or not 0 <= relocs.offset[row] <= self.program.sections.size[relocs.sid[row]] - 4:
            return False
        word, mask = expected
        return self._word(row) & mask == word

    def _refuse(self, row: int) -> None:
        relocs = self.program.relocs
        place = f"{self.program.section_label(int(relocs.sid[row]))}+{int(relocs.offset[row]):#x})"
        self.errors.error(
            f"{place}: {relocation_name(int(relocs.type[row]))} is not at an instruction that accesses a TLS descriptor"
        )

    def _word(self, row: int) -> int:
        sid, at = int(self.program.relocs.sid[row]), int(self.program.relocs.offset[row])
        body = self.patched.get(sid, self.program.sections.data[sid])
        return int.from_bytes(body[at : at + 4], "little")

    def _write(self, row: int, word: int) -> None:
        sid, at = int(self.program.relocs.sid[row]), int(self.program.relocs.offset[row])
        if sid not in self.patched:
            self.patched[sid] = bytearray(self.program.sections.data[sid])
        self.patched[sid][at : at + 4] = word.to_bytes(4, "little")


def _thread_local_size(program: ProgramColumns) -> int:
    """The most bytes that the thread-local variables of the output can take, with all alignments."""
    sections = program.sections
    mine = sections.live & ((sections.flags & SHF_TLS) != 0)
    return int((sections.size[mine] + np.maximum(sections.align[mine], 1) - 1).sum())
