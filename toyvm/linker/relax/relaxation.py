"""Linker relaxation: shortens code whose targets turn out to be near (psABI, "Linker Relaxation"; GNU ld's --relax).

Which form reaches its target depends on addresses, and addresses depend on the forms. The pass lays the program out
again and again: it starts with the code as it was assembled, and gives each unit the shortest form that would do, until nothing changes.
What is near seldom moves away again, but it can, when padding grows: such a unit goes back to a longer form and keeps it.
So the pass ends, and in the last layout every form reaches.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from toyvm.base.record import Record, replace
from toyvm.relocations import R

from ..inputs.columns import Column, ProgramColumns, distinct
from ..link_errors import Diagnostics
from ..link_options import LinkOptions
from .alignment import Alignment, align_sections, alignment, write_nops
from .candidates import (
    C_J,
    C_LUI,
    FROM_GP,
    FROM_ZERO,
    FROM_ZERO_CALL,
    JAL,
    LONG,
    Candidates,
    base_forms,
    call_forms,
    find_candidates,
    fits_12_bits,
    high_forms,
)
from .deletions import Deletions, delete, moved_addends, resize, with_bytes

_ROUNDS = 24  # after these, forms only become longer
_REG, _RS1 = 7, 15  # where an instruction has rd and rs1
_RS1_MASK = 31 << _RS1
_GP, _TP = 3, 4
_JAL, _JALR, _C_J, _C_LUI = 0x6F, 0x67, 0xA001, 0x6001
_STORES = (R.LO12_S, R.PCREL_LO12_S, R.TPREL_LO12_S)


class Reach(Record, eq=False):
    """Addresses in one layout: of sections by number, of symbols, of symbols for calls; gp if the program sets it."""

    section: Column
    symbol: Column
    call: Column
    tls_start: int
    gp: int | None


class Relaxed(Record, eq=False):
    """A program with shorter code, the bytes that it lost, and name of the form -> (number of units, bytes saved).

    `found` and `form` say of each unit which form it has; their rows are those of the program before.
    """

    program: ProgramColumns
    gone: Deletions
    forms: dict[str, tuple[int, int]]
    found: Candidates
    form: Column


def relax(
    program: ProgramColumns,
    options: LinkOptions,
    reach_of: Callable[[ProgramColumns], Reach],
    errors: Diagnostics,
) -> Relaxed:
    """Give each unit of code its shortest form, and delete the surplus of alignments.

    `reach_of` lays a program out. Adds an R_RISCV_ALIGN that cannot be satisfied to `errors`.
    """
    program = align_sections(program)
    found = find_candidates(program, options)
    steps = _Steps(program, found, options)
    form = np.zeros(len(found), dtype=np.int64)
    limit = np.full(len(found), C_J)
    rounds = 0
    while True:
        gone, places = _deletions(program, steps, form, errors)
        errors.checkpoint()
        if not len(found):
            break
        wanted = steps.wanted(gone, reach_of(resize(program, gone)))
        too_short = form > wanted
        limit[too_short] = wanted[too_short]
        following = np.minimum(np.maximum(wanted, form), limit)
        rounds += 1
        if rounds > _ROUNDS:
            following = np.minimum(following, form)
        if (following == form).all():
            break
        form = following
    program = steps.rewrite(write_nops(program, places), form)
    return Relaxed(delete(program, gone), gone, steps.summary(form), found, form)


def _deletions(
    program: ProgramColumns, steps: _Steps, form: Column, errors: Diagnostics
) -> tuple[Deletions, Alignment]:
    ranges = steps.ranges(form)
    places = alignment(program, Deletions.of(*ranges), errors)
    return Deletions.of(*ranges, places.surplus), places


class _Steps:
    """The candidates of one program: which forms they could take, and what each form changes."""

    def __init__(self, program: ProgramColumns, found: Candidates, options: LinkOptions):
        self.program, self.found, self.pic = program, found, options.pic
        self.is_high = np.isin(program.relocs.type, (R.HI20, R.TPREL_HI20))
        self.is_add = program.relocs.type == R.TPREL_ADD

    def split(self, form: Column) -> list[Column]:
        """The forms by kind of unit."""
        return np.split(form, np.cumsum([units.count for units in self.found.kinds])[:-1])

    def wanted(self, gone: Deletions, reach: Reach) -> Column:
        """The shortest form of each unit at the addresses `reach`."""
        relocs, found = self.program.relocs, self.found

        def addends(rows: Column) -> Column:
            return moved_addends(self.program.symbols, gone, relocs.sym[rows], relocs.addend[rows])

        rows = found.calls.row
        target = reach.call[relocs.sym[rows]] + addends(rows)
        place = reach.section[relocs.sid[rows]] + relocs.offset[rows]
        place -= gone.before(relocs.sid[rows], relocs.offset[rows])
        calls = call_forms(found, target - place, target, self.pic)

        rows = found.highs.row
        highs = high_forms(reach.symbol[relocs.sym[rows]] + addends(rows))

        rows = found.addresses.row
        absolute = base_forms(found.addresses, reach.symbol[relocs.sym[rows]] + addends(rows), reach.gp)

        rows = found.distance_high
        addend = addends(rows) + relocs.addend[found.distances.row]
        distances = base_forms(found.distances, reach.symbol[relocs.sym[rows]] + addend, reach.gp)

        rows = found.threads.row
        offset = reach.symbol[relocs.sym[rows]] + addends(rows) - reach.tls_start
        threads = found.threads.all(fits_12_bits(offset) | self.is_add[rows]).astype(np.int64)
        return np.concatenate((calls, highs, absolute, distances, threads))

    def ranges(self, form: Column) -> list[tuple[Column, Column, Column]]:
        """The bytes that the forms do without: (section, offset, count) columns."""
        relocs, found = self.program.relocs, self.found
        calls, highs, absolute, distances, threads = self.split(form)
        kept = np.choose(calls, (8, 4, 4, 2))
        rows = found.calls.row
        result = [(relocs.sid[rows], relocs.offset[rows] + kept, 8 - kept)]

        whole = np.isin(found.highs.row, self._dropped_highs(absolute))
        rows = found.highs.row[(highs == C_LUI) & ~whole]
        result.append(self._ranges(rows, 2, 2))
        result.append(self._ranges(self._dropped_highs(absolute), 0, 4))
        result.append(
            self._ranges(distinct(found.distance_high[found.distances.spread(distances) > LONG]), 0, 4)
        )
        rows = found.threads.row[found.threads.spread(threads) > LONG]
        result.append(self._ranges(rows[self.is_high[rows] | self.is_add[rows]], 0, 4))
        return result

    def _dropped_highs(self, absolute: Column) -> Column:
        rows = self.found.addresses.row[self.found.addresses.spread(absolute) > LONG]
        result: Column = rows[self.is_high[rows]]
        return result

    def _ranges(self, rows: Column, first: int, count: int) -> tuple[Column, Column, Column]:
        relocs = self.program.relocs
        return relocs.sid[rows], relocs.offset[rows] + first, np.full(len(rows), count, dtype=np.int64)

    def rewrite(self, program: ProgramColumns, form: Column) -> ProgramColumns:
        """The instructions and relocations of the forms; the bytes that they do without are still there."""
        found, relocs = self.found, program.relocs
        calls, highs, absolute, distances, threads = self.split(form)
        kind, sym, addend = relocs.type.copy(), relocs.sym.copy(), relocs.addend.copy()
        code = _Code(program)

        for number, type, word in ((JAL, R.JAL, _JAL), (FROM_ZERO_CALL, R.LO12_I, _JALR)):
            mine = calls == number
            kind[found.calls.row[mine]] = type
            code.write(found.calls.row[mine], word | found.call_register[mine] << _REG, 4)
        rows = found.calls.row[calls == C_J]
        kind[rows] = R.RVC_JUMP
        code.write(rows, np.full(len(rows), _C_J), 2)

        mine = (highs == C_LUI) & ~np.isin(found.highs.row, self._dropped_highs(absolute))
        kind[found.highs.row[mine]] = R.RVC_LUI
        code.write(found.highs.row[mine], _C_LUI | found.high_register[mine] << _REG, 2)

        spread = found.addresses.spread(absolute)
        low = ~self.is_high[found.addresses.row]
        for number, base, types in (
            (FROM_GP, _GP, (R.GPREL_I, R.GPREL_S)),
            (FROM_ZERO, 0, (R.LO12_I, R.LO12_S)),
        ):
            rows = found.addresses.row[low & (spread == number)]
            kind[rows] = np.where(np.isin(relocs.type[rows], _STORES), types[1], types[0])
            code.rebase(rows, base)
            chosen = found.distances.spread(distances) == number
            rows, high = found.distances.row[chosen], found.distance_high[chosen]
            kind[rows] = np.where(np.isin(relocs.type[rows], _STORES), types[1], types[0])
            sym[rows], addend[rows] = relocs.sym[high], relocs.addend[high] + relocs.addend[rows]
            code.rebase(rows, base)

        rows = found.threads.row[found.threads.spread(threads) > LONG]
        rows = rows[~self.is_high[rows] & ~self.is_add[rows]]
        kind[rows] = np.where(np.isin(relocs.type[rows], _STORES), R.TPREL_S, R.TPREL_I)
        code.rebase(rows, _TP)
        changed = replace(relocs, type=kind, sym=sym, addend=addend)
        return replace(with_bytes(program, code.patched), relocs=changed)

    def summary(self, form: Column) -> dict[str, tuple[int, int]]:
        """Name of the form -> (number of units, bytes saved)."""
        calls, _, absolute, distances, threads = self.split(form)
        ranges = self.ranges(form)
        saved = {
            "jal": (calls == JAL, 4),
            "c.j": (calls == C_J, 6),
            "jalr x0": (calls == FROM_ZERO_CALL, 4),
        }
        result = {name: (int(mine.sum()), int(mine.sum()) * each) for name, (mine, each) in saved.items()}
        names = ("c.lui", "address from gp or x0", "distance from gp or x0", "thread-local from tp")
        numbers = (
            len(ranges[1][0]),
            (absolute > LONG).sum(),
            (distances > LONG).sum(),
            (threads > LONG).sum(),
        )
        for name, number, (_, _, count) in zip(names, numbers, ranges[1:], strict=True):
            result[name] = int(number), int(count.sum())
        return {name: (number, size) for name, (number, size) in result.items() if number}


class _Code:
    """Bytes of sections that are being rewritten."""

    def __init__(self, program: ProgramColumns):
        self.program = program
        self.patched: dict[int, bytearray] = {}

    def _places(self, rows: Column) -> list[tuple[bytearray, int]]:
        relocs, data = self.program.relocs, self.program.sections.data
        places = []
        for sid, offset in zip(relocs.sid[rows].tolist(), relocs.offset[rows].tolist(), strict=True):
            if sid not in self.patched:
                self.patched[sid] = bytearray(data[sid])
            places.append((self.patched[sid], offset))
        return places

    def write(self, rows: Column, words: Column, width: int) -> None:
        """Write a word of `width` bytes at the place of each row."""
        for (body, at), word in zip(self._places(rows), words.tolist(), strict=True):
            body[at : at + width] = word.to_bytes(width, "little")

    def rebase(self, rows: Column, base: int) -> None:
        """Let the instruction at each row's place add to register `base`."""
        for body, at in self._places(rows):
            word = int.from_bytes(body[at : at + 4], "little") & ~_RS1_MASK | base << _RS1
            body[at : at + 4] = word.to_bytes(4, "little")
