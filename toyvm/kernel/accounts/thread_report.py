"""Where threads are: a backtrace and the registers, for the reports on a crash and on the end of a run."""

from __future__ import annotations

from toyvm.base.diagnostics import printable
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.isa.registers import X_NAMES

if TYPE_CHECKING:
    from ..proc.kernel_state import KernelState
    from ..proc.process import Process

_LISTED = 10
_WIDTH = 100


def whereabouts(kernel: KernelState, thread: Process, indent: str) -> list[str]:
    """The backtrace of a thread that is not executing, and its registers."""
    return [*(indent + printable(line) for line in kernel.backtrace(thread)), *registers(thread, indent)]


def registers(thread: Process, indent: str) -> list[str]:
    """The integer registers that are not 0."""
    words = [
        f"{name} {value:#x}" for name, value in zip(X_NAMES[1:], thread.hart.x[1:], strict=True) if value
    ]
    if not words:
        return [f"{indent}registers: all 0"]
    if len(words) < len(X_NAMES) - 1:
        words.append("the others 0")
    lines = [f"{indent}registers:"]
    for number, word in enumerate(words):
        text = word + "," * (number < len(words) - 1)
        if len(lines[-1]) + 1 + len(text) > _WIDTH:
            lines.append(f"{indent} ")
        lines[-1] += f" {text}"
    return lines


def all_threads(kernel: KernelState) -> list[str]:
    """Where each thread is, as a run ends before its processes do. At most `_LISTED` threads are listed."""
    threads = [t for p in kernel.processes.values() for t in p.thread_group.members.values() if t.alive]
    lines = []
    for thread in threads[:_LISTED]:
        lines.append(f"  {thread.title} {_doing(kernel, thread)}")
        lines += whereabouts(kernel, thread, "    ")
    if len(threads) > _LISTED:
        lines.append(f"  and {len(threads) - _LISTED} more")
    return lines


def waiting(kernel: KernelState, thread: Process) -> str:
    """What a blocked thread waits for: the call, and the futex if there is one."""
    text = f"waits in {thread.waits_in}" if thread.waits_in else "waits"
    if thread.in_call and thread.call.futex is not None:
        va = thread.hart.x[10]
        text += f" at {kernel.describe(thread, va) or hex(va)}"
    return text


def _doing(kernel: KernelState, thread: Process) -> str:
    from ..proc.process import State

    if thread.state is State.STOPPED:
        return "is stopped"
    if thread.state is not State.RUNNABLE:
        return waiting(kernel, thread)
    return "was running" if thread.tid == kernel.last_tid else "could run"
