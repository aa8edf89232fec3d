"""The report on a fatal trap: address, access, the mapping there or nearby, and a likely cause."""

from __future__ import annotations

from toyvm.base.diagnostics import printable
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.machine.traps import Cause, Trap

from ..mm.vma import PROT_EXEC, PROT_READ, PROT_WRITE, Vma
from .thread_report import registers

if TYPE_CHECKING:
    from ..proc.kernel_state import KernelState
    from ..proc.process import Process

_VERB = {
    Cause.LOAD_PAGE_FAULT: "read",
    Cause.LOAD_ACCESS: "read",
    Cause.STORE_PAGE_FAULT: "write",
    Cause.STORE_ACCESS: "write",
    Cause.INSTRUCTION_PAGE_FAULT: "execute",
    Cause.INSTRUCTION_ACCESS: "execute",
}
_NEEDED = {"read": PROT_READ, "write": PROT_WRITE, "execute": PROT_EXEC}
_NEAR_NULL = 0x1000
_STACK_REACH = 1 << 20


def explain_death(kernel: KernelState, process: Process, signal: int, trap: Trap) -> str:
    """The lines that follow "Segmentation fault" or a similar message, without a final newline."""
    return "\n".join(map(printable, [*_explain(kernel, process, trap), *_where(kernel, process)]))


def _where(kernel: KernelState, process: Process) -> list[str]:
    """The functions that have called the one that failed, if any are known, and the registers."""
    frames = kernel.backtrace(process)
    backtrace = ["  backtrace:", *(f"    {frame}" for frame in frames)] if len(frames) > 1 else []
    return [*backtrace, *registers(process, "  ")]


def _explain(kernel: KernelState, process: Process, trap: Trap) -> list[str]:
    pc, va = process.hart.pc, trap.tval
    who = process.title
    at = _place(kernel, process, pc)
    verb = _VERB.get(trap.cause)
    if verb is None:
        return _explain_instruction(process, who, at, trap)
    lines = [f"toyvm: {who}: {verb} of address {va:#x} failed", f"  at pc {at}"]
    symbol = kernel.describe(process, va)
    if symbol and va != pc:
        lines.append(f"  the address is {symbol}")
    area = process.mm.vmas.find(va)
    if area is not None:
        lines.append(f"  in {area.describe()}")
    else:
        lines += _neighbours(process, va)
    hint = _hint(process, va, pc, verb, area)
    if hint:
        lines.append(f"  {hint}")
    return lines


def _place(kernel: KernelState, process: Process, pc: int) -> str:
    symbol = kernel.describe(process, pc)
    area = process.mm.vmas.find(pc)
    if symbol and area is not None and not area.prot & PROT_EXEC:
        return f"{pc:#x} in data, at {symbol}"  # no function: its name would read as that of one
    return f"{pc:#x} {symbol}" if symbol else f"{pc:#x}"


def _explain_instruction(process: Process, who: str, at: str, trap: Trap) -> list[str]:
    why = ""
    if trap.cause == Cause.ILLEGAL_INSTRUCTION:
        what, why = (
            f"illegal instruction {trap.tval:#0{10 if trap.tval & 3 == 3 else 6}x}",
            _why_illegal(trap.tval),
        )
    elif trap.cause == Cause.BREAKPOINT:
        what = "ebreak"
    else:
        what = f"misaligned address {trap.tval:#x}"
    lines = [f"toyvm: {who}: {what}", f"  at pc {at}"]
    area = process.mm.vmas.find(process.hart.pc)
    if area is not None:
        lines.append(f"  in {area.describe()}")
    if why:
        lines.append(f"  {why}")
    return lines


def _why_illegal(word: int) -> str:
    from toyvm.isa.absent_extensions import why_illegal  # only an illegal instruction needs it

    return why_illegal(word)


def _neighbours(process: Process, va: int) -> list[str]:
    if not process.mm.has_mmu:
        return ["  no memory is there"]
    below, above = process.mm.vmas.below(va), process.mm.vmas.above(va)
    lines = ["  nothing is mapped there"]
    if below is not None:
        lines.append(f"  {va - below.end:#x} bytes above the end of {below.describe()}")
    if above is not None:
        lines.append(f"  {above.start - va:#x} bytes below the start of {above.describe()}")
    return lines


def _hint(process: Process, va: int, pc: int, verb: str, area: Vma | None) -> str:
    if not process.mm.has_mmu:
        return ""
    if va < _NEAR_NULL:
        if verb == "execute":
            return "a call or jump through a NULL function pointer"
        return "a NULL pointer" + (f" plus {va:#x}: a member of a structure or an element?" if va else "")
    if va >> 38:
        return "no user address: it is not below 0x4000000000"
    if area is None:
        above = process.mm.vmas.above(va)
        if above is not None and above.grows_down and above.start - va < _STACK_REACH:
            limit = process.rlimits.stack
            if above.end - (va & ~0xFFF) > limit:
                return f"stack overflow: the stack's limit is {limit >> 10} KiB; endless recursion?"
            return "the guard gap below the stack: no room for it to grow"
        if verb == "execute":
            return "a jump to a wild address; a smashed return address?"
        return ""
    if not area.prot:
        return "the pages are mapped PROT_NONE: no access is allowed"
    if not area.prot & _NEEDED[verb]:
        if verb == "write" and area.prot & PROT_EXEC:
            return "the program text is read-only"
        if verb == "write":
            return "the pages are read-only: a constant, or mprotect?"
        if verb == "execute":
            return "the pages hold data: they are not executable"
        return f"the pages do not allow {verb}"
    if area.file is not None:
        return f"beyond the end of the file, which has {area.file.size} bytes"
    return ""
