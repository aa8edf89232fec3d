"""Backtraces: the functions that a thread is in, from its registers and its memory.

For each frame the caller is found in one of these ways, in this order:

1. A signal handler returns to the kernel's trampoline: the frame below holds all registers of the
   interrupted code (rt_sigreturn(2)).
2. Call frame information of the program or of a shared object (`elf.unwind_tables`).
3. Code without such information, as most assembly, and C without -g: the instructions from the
   start of the function on show where it has put ra (`observe.prologue`).
4. The frame pointer: s0 points above the saved ra and s0 (RISC-V psABI, "Frame Pointer Convention").

Nothing here changes the machine: memory that is not present is not faulted in. A stack can hold
anything, so the walk ends after `MAX_FRAMES` frames, where a frame does not lie above the one
before it, and at a return address outside of executable memory.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, NamedTuple

from ..base.bits import M64
from ..elf.unwind_tables import UnwindTable
from ..kernel.mm.vma import PROT_EXEC
from ..kernel.proc.signal_delivery import FRAME_SIZE, saved_registers
from ..kernel.syscalls.tracing.trace_text import peek
from .expressions import ExpressionError, evaluate
from .prologue import called_by, caller_of, follows_a_call, likely_start
from .run_past_end import ran_past_end

if TYPE_CHECKING:
    from ..elf.unwind_tables import Rule, UnwindRow
    from ..kernel.proc.process import Process
    from .symbolize import Symbolizer

MAX_FRAMES = 200
SHOWN = 20  # lines of one backtrace in a report
_REPEATED = 3  # equal frames that are shown before the others are counted
_RA, _SP, _FP = 1, 2, 8
_REGISTERS = 32
_SIGNAL = "<signal handler called>"


class Frame(NamedTuple):
    """One frame. `pc` is where it continues, and `place` is `function+offset (file:line)`, or `(file+address)`.

    `signal`: this is the kernel's frame of a signal, and the next frame is the interrupted code.
    """

    pc: int
    place: str
    signal: bool = False

    def __str__(self) -> str:
        return _SIGNAL if self.signal else f"{self.pc:#x} {self.place}".rstrip()


class _Registers(NamedTuple):
    """The registers of one frame. None: not known."""

    pc: int
    x: list[int | None]
    exact: bool  # pc is the next instruction of the frame, and not the return address of a call


class Backtracer:
    """Finds the frames of threads. `symbols` names addresses and knows the files."""

    def __init__(self, symbols: Symbolizer):
        self._symbols = symbols
        self._tables: dict[Hashable, UnwindTable] = {}
        self._prologues: dict[tuple[int, int], dict[int, int] | None] = {}  # by start and pc

    def frames(self, process: Process, limit: int = MAX_FRAMES) -> list[Frame]:
        """At most `limit` frames of a thread that is not running, the innermost first."""
        hart = process.hart
        now: _Registers | None = _Registers(hart.pc, list(hart.x), exact=True)
        found: list[Frame] = []
        self._prologues.clear()  # the code may be another by now
        while now is not None and len(found) < limit:
            if _is_trampoline(process, now.pc):
                found.append(Frame(now.pc, "", signal=True))
                now = _interrupted(process, now)
                continue
            place = self._symbols.describe(process.pid, now.pc, called=not now.exact)
            place = place or self._symbols.file_place(process.pid, now.pc)
            if place and not _executable(process, now.pc):
                place = f"in data, at {place}"
            found.append(Frame(now.pc, place))
            now = self._caller(process, now)
        return found

    def lines(self, process: Process) -> list[str]:
        """The frames as lines of a report. Of many equal frames, as of a recursion, the first are shown."""
        frames = self.frames(process)
        lines: list[str] = []
        number = 0
        while number < len(frames) and len(lines) < SHOWN:
            same = 1
            while number + same < len(frames) and frames[number + same] == frames[number]:
                same += 1
            shown = same if same <= _REPEATED + 1 else _REPEATED
            lines += [f"#{at:<2} {frames[number]}" for at in range(number, number + shown)]
            if shown < same:
                lines.append(f"... the same {same - shown} times more")
            number += same
        if len(frames) == MAX_FRAMES:
            lines.append("... and so on")
        elif number < len(frames):
            lines.append(f"... and {len(frames) - number} frames more")
        if note := ran_past_end(process, self._symbols, _reader(process)):
            lines.append(note)
        return lines

    def _caller(self, process: Process, now: _Registers) -> _Registers | None:
        """The registers of the caller, or None if this is the last frame."""
        sp = now.x[_SP]
        if sp is None:
            return None
        if not _executable(process, now.pc):
            return _by_ra(process, now) if now.exact else None  # a call through a bad pointer
        row = self._row(process, now)
        if row is not None:
            return _by_table(process, now, row)
        at = now.pc if now.exact else now.pc - 1
        start = self._symbols.function_start(process.pid, at)
        label = self._symbols.label_at(process.pid, at)
        if label is not None and label != start:  # a function too, if this is what a call has called
            caller = self._by_prologue(process, now, label, sp)
            if caller is not None and called_by(_reader(process), caller.pc) == label:
                return caller
        if start is None:
            start = likely_start(_reader(process), at, leaf=now.exact)
        if start is not None and (caller := self._by_prologue(process, now, start, sp)) is not None:
            return caller
        return _by_frame_pointer(process, now, sp)

    def _by_prologue(self, process: Process, now: _Registers, start: int, sp: int) -> _Registers | None:
        """The caller of a function that starts at `start` and has no information."""
        key = start, now.pc
        if key not in self._prologues:
            self._prologues[key] = caller_of(_reader(process), start, now.pc)
        saved = self._prologues[key]
        if saved is None or (_RA not in saved and not now.exact):
            return None  # it has called another function, so its ra was somewhere that is not known
        read = _word_reader(process)
        x: list[int | None] = list(now.x)
        cfa = sp + saved[_SP] & M64
        for number, offset in saved.items():
            x[number] = read(cfa + offset & M64)
        ra = x[_RA]
        if ra is None or not _is_return_address(process, ra):
            return None
        if ra == now.pc and called_by(_reader(process), ra) != start:
            return None  # a label behind a call, which has returned
        x[_SP] = cfa
        return _Registers(ra, x, exact=False) if _grows(now, cfa) else None

    def _row(self, process: Process, now: _Registers) -> UnwindRow | None:
        at = now.pc if now.exact else now.pc - 1
        found = self._symbols.image_at(process.pid, at)
        if found is None:
            return None
        place, image, address = found
        table = self._tables.get(place.identity)
        if table is None:
            table = UnwindTable([]) if image.elf is None else UnwindTable.from_elf(image.elf)
            self._tables[place.identity] = table
        return table.row(address)


def _by_table(process: Process, now: _Registers, row: UnwindRow) -> _Registers | None:
    """The caller by call frame information. Registers without a rule keep their values."""
    read = _word_reader(process)
    try:
        if row.cfa_code:
            cfa = evaluate(row.cfa_code, now.x, read)
        else:
            base = now.x[row.cfa_register] if row.cfa_register < _REGISTERS else None
            if base is None:
                return None
            cfa = base + row.cfa_offset & M64
        x: list[int | None] = list(now.x)
        x[_SP] = cfa
        for number, rule in row.rules.items():
            if number < _REGISTERS:
                x[number] = _value(rule, now, cfa, read)
    except ExpressionError:
        return None
    if row.return_register >= _REGISTERS:
        return None
    pc = x[row.return_register]
    if pc is None:
        return None  # ra is undefined: the outermost frame
    if not pc or not _grows(now, cfa):
        return None
    if row.signal_frame:
        return _Registers(pc, x, exact=True)
    return _Registers(pc, x, exact=False) if _executable(process, pc) else None


def _value(rule: Rule, now: _Registers, cfa: int, read: Callable[[int], int | None]) -> int | None:
    """A register of the caller."""
    from ..elf import unwind_tables as kinds

    if rule.kind == kinds.OFFSET:
        return read(cfa + rule.number & M64)
    if rule.kind == kinds.VALUE_OFFSET:
        return cfa + rule.number & M64
    if rule.kind == kinds.REGISTER:
        return now.x[rule.number] if rule.number < _REGISTERS else None
    if rule.kind == kinds.EXPRESSION:
        return read(evaluate(rule.code, now.x, read, cfa))
    if rule.kind == kinds.VALUE_EXPRESSION:
        return evaluate(rule.code, now.x, read, cfa)
    return None


def _by_frame_pointer(process: Process, now: _Registers, sp: int) -> _Registers | None:
    """The caller by s0, which points above the saved s0 and ra; or by ra, in a function that has saved nothing."""
    read = _word_reader(process)
    fp = now.x[_FP]
    if fp is not None and fp > sp and not fp % 8:
        ra = read(fp - 8)
        if ra is not None and _is_return_address(process, ra):
            x: list[int | None] = list(now.x)
            x[_RA], x[_FP], x[_SP] = ra, read(fp - 16), fp
            return _Registers(ra, x, exact=False)
    ra = now.x[_RA]
    return _by_ra(process, now) if now.exact else None


def _by_ra(process: Process, now: _Registers) -> _Registers | None:
    """The caller of code that has not saved anything yet."""
    ra = now.x[_RA]
    if ra is None or ra == now.pc or not _is_return_address(process, ra):
        return None
    return _Registers(ra, list(now.x), exact=False)


def _is_return_address(process: Process, address: int) -> bool:
    """Whether a call returns to `address`, or a signal handler. Where nothing else vouches for an address, this does."""
    if _is_trampoline(process, address):
        return True
    return _executable(process, address) and follows_a_call(_reader(process), address)


def _grows(now: _Registers, cfa: int) -> bool:
    """Whether the caller's frame is above this one. Only the innermost function may have none of its own."""
    sp = now.x[_SP]
    return sp is not None and (cfa > sp or (cfa == sp and now.exact))


def _is_trampoline(process: Process, pc: int) -> bool:
    return pc != 0 and pc == process.mm.map.sigreturn_page


def _interrupted(process: Process, now: _Registers) -> _Registers | None:
    """The registers that a signal has interrupted, from the frame at sp."""
    sp = now.x[_SP]
    frame = peek(process, sp, FRAME_SIZE) if sp is not None else None
    if frame is None or len(frame) < FRAME_SIZE:
        return None
    pc, registers = saved_registers(frame)
    return _Registers(pc, [0, *registers], exact=True)


def _executable(process: Process, pc: int) -> bool:
    if not process.mm.has_mmu:
        return 0 < pc < process.mm.memory.size and not pc & 1
    area = process.mm.vmas.find(pc)
    return area is not None and bool(area.prot & PROT_EXEC) and not pc & 1


def _word_reader(process: Process) -> Callable[[int], int | None]:
    def read(va: int) -> int | None:
        data = peek(process, va, 8)
        return int.from_bytes(data, "little") if data is not None and len(data) == 8 else None

    return read


def _reader(process: Process) -> Callable[[int, int], bytes]:
    return lambda va, count: peek(process, va, count) or b""
