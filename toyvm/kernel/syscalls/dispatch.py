"""From an ecall to its function and back: arguments, -errno, waiting, restarting, events."""

from __future__ import annotations

import errno

from toyvm.base.events import SyscallEnter, SyscallExit
from toyvm.base.light_types import TYPE_CHECKING

from ..proc.process import CallState, Process
from ..vfs.open_file import WouldBlock
from .table import Syscall, find

if TYPE_CHECKING:
    from ..kernel import Kernel


def syscall(kernel: Kernel, process: Process, number: int) -> None:
    """Make the system call that `process` stands at; blocks it, or sets a0 and moves pc on. Raises OutOfFrames."""
    entry = find(number)
    x = process.hart.x
    args = (x[10], x[11], x[12], x[13], x[14], x[15])
    first = not process.in_call
    kernel.current = process
    if first:
        process.counters.syscalls += 1
        kernel.system.stats.syscalls += 1
    traced = not (entry is not None and entry.private) and (
        kernel.bus.wants(SyscallExit) or kernel.bus.wants(SyscallEnter)
    )
    text = ""
    if traced:
        from .strace import OUTPUTS, call_text

        text = call_text(process, entry, number, args)
    if traced and first:
        name = entry.name if entry is not None else f"syscall_{number}"
        kernel.bus.emit(SyscallEnter(kernel.now, process.pid, number, name, args, text))
    result: int | None
    if entry is None or (entry.needs_mmu and not process.mm.has_mmu):
        result = -errno.ENOSYS
    else:
        try:
            result = entry.function(kernel, process, *args[: entry.arity])
        except WouldBlock as wait:
            _wait(kernel, process, entry, wait)
            return
        except (OSError, OverflowError, MemoryError) as failure:
            result = -_errno(failure)
    if result is None:  # execve and rt_sigreturn have set the registers
        process.in_call = False
        process.call = CallState()
    else:
        process.end_call(result)
    if traced:
        if result is not None and entry is not None and not OUTPUTS.isdisjoint(entry.shapes):
            text = call_text(process, entry, number, args, result)
        _report(kernel, process, entry, number, text, result)


def _errno(failure: Exception) -> int:
    """What Linux would call it: anything unexpected of the host is EIO."""
    if isinstance(failure, OSError):
        return failure.errno if failure.errno is not None and failure.errno in errno.errorcode else errno.EIO
    return errno.ENOMEM


def _wait(kernel: Kernel, process: Process, entry: Syscall, wait: WouldBlock) -> None:
    process.in_call = True
    if process.signals.next() is not None:
        return  # it came before we slept: the call is interrupted at once
    process.waits_for = f"waits in {entry.name}"
    kernel.scheduler.block(process, wait.queues, wait.deadline)


def _report(
    kernel: Kernel, process: Process, entry: Syscall | None, number: int, text: str, result: int | None
) -> None:
    from .strace import result_text

    name = entry.name if entry is not None else f"syscall_{number}"
    value = 0 if result is None else result
    shown = f"{text} = {'?' if not process.alive else result_text(entry, value)}"
    kernel.bus.emit(SyscallExit(kernel.now, process.pid, number, name, value, shown, known=entry is not None))
