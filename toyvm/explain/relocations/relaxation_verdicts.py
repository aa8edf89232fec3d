"""What relaxation made of each relocation's code, and why it did not do more (psABI, "Linker Relaxation")."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from toyvm.elf.constants import SHF_ALLOC, SHF_EXECINSTR
from toyvm.linker.inputs.columns import Column
from toyvm.linker.relax.candidates import C_J, C_LUI, FROM_GP, FROM_ZERO, FROM_ZERO_CALL, JAL, Candidates
from toyvm.relocations import R, relocation_name

from ..link_index import LinkIndex
from ..values import RelaxationVerdict
from .relocation_arithmetic import Arithmetic

_CALLS = (R.CALL, R.CALL_PLT)
_ABSOLUTE = (R.HI20, R.LO12_I, R.LO12_S)
_DISTANCE = (R.PCREL_HI20, R.PCREL_LO12_I, R.PCREL_LO12_S)
_THREAD = (R.TPREL_HI20, R.TPREL_ADD, R.TPREL_LO12_I, R.TPREL_LO12_S)
_CANDIDATES = (*_CALLS, *_ABSOLUTE, *_DISTANCE, *_THREAD)
_GENERAL = (
    R.GOT_HI20,
    R.TLS_GOT_HI20,
    R.TLSDESC_HI20,
    R.TLSDESC_LOAD_LO12,
    R.TLSDESC_ADD_LO12,
    R.TLSDESC_CALL,
)
_CALL_FORMS = {JAL: "jal", FROM_ZERO_CALL: "jalr from x0", C_J: "c.j"}
_BASES = {FROM_GP: "gp", FROM_ZERO: "x0"}
_SIMPLER = {
    (R.GOT_HI20, R.PCREL_HI20): "the address itself, in place of a GOT load",
    (R.TLS_GOT_HI20, R.TPREL_HI20): "local exec, in place of initial exec",
    (R.TLSDESC_HI20, R.TLS_GOT_HI20): "initial exec, in place of a TLS descriptor",
    (R.TLSDESC_HI20, R.TPREL_HI20): "local exec, in place of a TLS descriptor",
    (R.TLSDESC_ADD_LO12, R.PCREL_LO12_I): "the load of initial exec, in place of a TLS descriptor",
    (R.TLSDESC_ADD_LO12, R.TPREL_LO12_I): "the addition of local exec, in place of a TLS descriptor",
    (R.TLSDESC_ADD_LO12, R.TPREL_I): "local exec from tp alone, in place of a TLS descriptor",
    (R.PCREL_LO12_I, R.TPREL_LO12_I): "the addition of local exec, in place of a load of initial exec",
    (R.PCREL_LO12_I, R.TPREL_I): "local exec from tp alone, in place of initial exec",
}
_MINE = "this output defines {}, and no other component can preempt it"


class Verdicts:
    """The verdicts of one link, by row of the relocations as read."""

    def __init__(self, index: LinkIndex, arithmetic: Arithmetic):
        self.index, self.arithmetic = index, arithmetic
        self.type = index.read.relocs.type.tolist()

    def of(self, row: int) -> RelaxationVerdict:
        """The verdict on the code at a row's place."""
        kind = self.type[row]
        if kind == R.ALIGN:
            return self._padding(row)
        simpler = self._simpler(row)
        if simpler is not None:
            return simpler
        if kind in _CANDIDATES and self._is_code(row):
            return self._relaxed(row)
        if kind in _GENERAL and self._is_code(row):
            return RelaxationVerdict("kept", reason=self._general(row))
        return RelaxationVerdict()

    def _is_code(self, row: int) -> bool:
        flags = int(self.index.read.sections.flags[int(self.index.read.relocs.sid[row])])
        return bool(flags & SHF_EXECINSTR and flags & SHF_ALLOC)

    # --- alignment ---

    def _padding(self, row: int) -> RelaxationVerdict:
        room = int(self.index.read.relocs.addend[row])
        final = self.index.final_row[row]
        if final < 0 or room <= 0:
            return RelaxationVerdict()
        boundary = 1 << room.bit_length()
        needed = -self.arithmetic.offset[final] % boundary
        reason = f"{needed} of {room} bytes of nops reach the next multiple of {boundary}"
        return RelaxationVerdict("padded", f"{needed} bytes", room - needed, reason)

    # --- accesses that are more general than the output needs ---

    @cached_property
    def _simplified(self) -> tuple[list[int], list[int], list[bytes]] | None:
        """(by row the row after `simplify`, the types there, the sections' bytes there)."""
        rows, program = self.index.rows_after("simplify"), self.index.history.after_pass("simplify")
        if rows is None or program is None:
            return None
        return rows.tolist(), program.relocs.type.tolist(), program.sections.data

    def _simpler(self, row: int) -> RelaxationVerdict | None:
        if self._simplified is None:
            return None
        rows, types, data = self._simplified
        old, now = self.type[row], rows[row]
        if now < 0:
            if self.index.lost_in(row) != "simplify":
                return None
            return RelaxationVerdict("deleted", "", 4, "the simpler access does without this instruction")
        new = types[now]
        name = (
            self.index.symbol_name(int(self.index.final.relocs.sym[self.index.final_row[row]]))
            if (self.index.final_row[row] >= 0)
            else "the symbol"
        )
        if new == R.NONE and old in (*_GENERAL, R.TLS_GOT_HI20):
            return RelaxationVerdict("replaced", "nop", 0, "the simpler access does without this instruction")
        if new != old and (R(old), R(new)) in _SIMPLER:
            reason = (
                _MINE.format(name)
                if new != R.TLS_GOT_HI20
                else "a program needs no descriptor: its libraries are loaded at start"
            )
            return RelaxationVerdict("replaced", _SIMPLER[R(old), R(new)], 0, reason)
        if new == old == R.PCREL_LO12_I and self._is_code(row) and self._loads_less(row, now, data):
            return RelaxationVerdict(
                "replaced",
                "addi, in place of a load from the GOT",
                0,
                "its high part computes the address itself",
            )
        return None

    def _loads_less(self, row: int, now: int, data: list[bytes]) -> bool:
        program = self.index.history.after_pass("simplify")
        assert program is not None
        read = self.index.read
        sid, offset = int(read.relocs.sid[row]), int(read.relocs.offset[row])
        old = read.sections.data[sid][offset : offset + 1]
        at = int(program.relocs.offset[now])
        return old != data[int(program.relocs.sid[now])][at : at + 1]

    def _general(self, row: int) -> str:
        options = self.index.history.options
        final = self.index.final_row[row]
        if final < 0:
            return ""
        sym = self.arithmetic.sym[final]
        name = self.index.symbol_name(sym)
        if self.type[row] in (R.TLSDESC_LOAD_LO12, R.TLSDESC_ADD_LO12, R.TLSDESC_CALL):
            return "in a shared library, only the loader knows the variable's offset"
        if self.arithmetic.preemptible[sym]:
            return f"the loader decides where {name} is, so its address stays in the GOT"
        if options.shared:
            return (
                "in a shared library, only the loader knows the variable's offset"
                if self.type[row] != R.GOT_HI20
                else (
                    "the instructions at the place are not those of a plain GOT load, or the link does not relax"
                )
            )
        if not options.relax:
            return "the link does not relax code"
        if self.index.history.scripted or options.section_starts:
            return "a script or -T chooses addresses, which may be too far from the code for a distance"
        return (
            f"{name} has no fixed place in this output, or the instructions are not those of a plain access"
        )

    # --- shorter code ---

    @cached_property
    def _program(self) -> tuple[list[int], Candidates, list[Column]] | None:
        """(by row the row before relaxation, the candidates, the forms by kind)."""
        relaxed = self.index.history.relaxed
        if relaxed is None:
            return None
        earlier = [program for name, program in self.index.history.passes if name not in ("relax", "final")]
        rows = self.index.row_in(earlier[-1]).tolist()
        counts = [units.count for units in relaxed.found.kinds]
        return rows, relaxed.found, np.split(relaxed.form, np.cumsum(counts)[:-1])

    @cached_property
    def _unit_of(self) -> dict[int, tuple[str, int]]:
        """Row before relaxation -> (kind of unit, its form). A short `lui` (highs) counts if its address stays long."""
        assert self._program is not None
        _, found, forms = self._program
        result: dict[int, tuple[str, int]] = {}
        names = ("call", "high part", "address", "distance", "thread")
        for name, units, form in zip(names, found.kinds, forms, strict=True):
            for row, chosen in zip(units.row.tolist(), units.spread(form).tolist(), strict=True):
                if chosen or row not in result:
                    result[row] = name, chosen
        for row, chosen in zip(
            found.distance_high.tolist(), found.distances.spread(forms[3]).tolist(), strict=True
        ):
            result[row] = "distance", chosen
        return result

    def _relaxed(self, row: int) -> RelaxationVerdict:
        if self._program is None:
            return RelaxationVerdict("kept", reason="the link does not relax code")
        before = self._program[0][row]
        kind, form = self._unit_of.get(before, ("", 0)) if before >= 0 else ("", 0)
        if form:
            return self._shortened(row, kind, form)
        if not self._is_marked(row):
            return RelaxationVerdict(
                "kept",
                reason="no R_RISCV_RELAX at the place: the assembler does not allow it (.option norelax)",
            )
        if self.index.final_row[row] < 0:
            return RelaxationVerdict()
        return RelaxationVerdict("kept", reason=self._too_far(row, kind))

    def _is_marked(self, row: int) -> bool:
        relocs = self.index.read.relocs
        following = row + 1
        return (
            following < len(self.type)
            and self.type[following] == R.RELAX
            and relocs.sid[following] == relocs.sid[row]
            and relocs.offset[following] == relocs.offset[row]
        )

    def _shortened(self, row: int, kind: str, form: int) -> RelaxationVerdict:
        gone = self.index.final_row[row] < 0
        old = self.type[row]
        if kind == "call":
            saved = 6 if form == C_J else 4
            return RelaxationVerdict("shortened", _CALL_FORMS[form], saved, self._reach(row, form))
        if kind == "high part" and form == C_LUI:
            return RelaxationVerdict("shortened", "c.lui", 2, "its upper 20 bits fit the 6 bits of c.lui")
        base = "tp" if kind == "thread" else _BASES[form]
        if gone:
            reason = f"the low parts reach the address from {base} alone, in 12 bits"
            return RelaxationVerdict("deleted", "", 4, reason)
        new = relocation_name(self.arithmetic.type[self.index.final_row[row]])
        verb = (
            f"a base register {base}, as {new}" if new != relocation_name(old) else f"a base register {base}"
        )
        return RelaxationVerdict("shortened", verb, 0, f"the address is within 2 KiB of {base}")

    def _reach(self, row: int, form: int) -> str:
        final = self.index.final_row[row]
        total = self.arithmetic.compute(final).value
        if form == FROM_ZERO_CALL:
            return f"the target {total:#x} is within 2 KiB of address 0"
        limit = "2 KiB, and rd is x0" if form == C_J else "1 MiB"
        return f"the distance {total:#x} is within {limit}"

    def _too_far(self, row: int, kind: str) -> str:
        options, arithmetic = self.index.history.options, self.arithmetic
        final, old = self.index.final_row[row], self.type[row]
        if old in _CALLS:
            distance = arithmetic.compute(final).value
            return f"jal reaches 1 MiB, and the target is {distance:#x} bytes away" if kind else _whole(kind)
        if old in _DISTANCE and options.pic:
            return "position-independent output: the distance from gp or x0 is not known"
        if not kind:
            return _whole(kind)
        if old in _THREAD:
            return "a variable of the unit is 2 KiB or more from tp"
        pointer = arithmetic.known.gp
        total = arithmetic.compute(final)
        address = total.value
        if old in _DISTANCE:
            high = final if old == R.PCREL_HI20 else arithmetic.high_of(final)
            address = arithmetic.compute(high).value + arithmetic.place(high)
            if final != high:
                address += arithmetic.addend[final]
        if not pointer or not options.relax_gp or options.pic:
            return f"address {address:#x} is not within 2 KiB of 0, and code that never names __global_pointer$ sets no gp"
        return f"address {address:#x} is {abs(address - pointer):#x} bytes from gp ({pointer:#x}): 12 bits reach 2 KiB"


def _whole(kind: str) -> str:
    return (
        "the instructions that form this address change together or not at all, and one of them is not marked"
    )
