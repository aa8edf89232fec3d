"""Makes a debugger's changes to a machine, each at its moment: the log that keeps a history consistent."""

from __future__ import annotations

from toyvm.kernel.kernel import Kernel
from toyvm.kernel.proc import lifecycle
from toyvm.kernel.proc.process import Process
from toyvm.kernel.proc.signals import SI_USER, SigInfo, Signal

from .guest_memory import write
from .orders import Intervention
from .target import Moment, NoSuchThreadError, Registers

_M64 = (1 << 64) - 1


class Interventions:
    """The interventions of the present history; those of the past are made already."""

    def __init__(self, kernel: Kernel):
        self._kernel = kernel
        self._all: tuple[Intervention, ...] = ()
        self._made = 0
        self.signals: dict[int, int] = {}  # the signal to deliver to a thread in place of the present one

    def replace(self, interventions: tuple[Intervention, ...]) -> None:
        """Replace the log. What was made already is at its beginning."""
        self._all = interventions

    @property
    def next_moment(self) -> Moment | None:
        """The moment of the next intervention."""
        return self._all[self._made].moment if self._made < len(self._all) else None

    def apply_due(self, moment: Moment) -> bool:
        """Make what is due. Returns whether there was anything."""
        before = self._made
        while self._made < len(self._all) and self._all[self._made].moment <= moment:
            intervention = self._all[self._made]
            self._made += 1
            self._apply(intervention)
        return self._made > before

    def _apply(self, it: Intervention) -> None:
        kernel = self._kernel
        if it.kind == "memory":
            process = kernel.processes.get(it.number)
            if process is not None:
                write(process.mm, it.address, it.data)
            return
        thread = kernel.threads.get(it.number)
        if thread is None:
            return
        if it.kind == "registers" and it.registers is not None:
            set_registers(kernel, thread, it.registers)
        elif it.kind == "kill":
            lifecycle.send(kernel, thread.leader, SigInfo(Signal.SIGKILL))
        elif it.kind == "replace signal":
            self.signals[thread.tid] = it.signal
        elif it.kind == "signal":
            lifecycle.send(kernel, thread, SigInfo(it.signal, SI_USER), to_thread=True)


def set_registers(kernel: Kernel, thread: Process, registers: Registers) -> None:
    """Set all registers of a thread. A thread that waits in a system call leaves it if its pc changes."""
    hart = thread.hart
    hart.x[:] = [0, *(value & _M64 for value in registers.x[1:32])]
    hart.f[:] = [value & _M64 for value in registers.f]
    hart.fcsr = registers.fcsr & 0xFF
    if hart.pc != registers.pc:
        hart.pc = registers.pc & _M64 & ~1
        if thread.in_call:
            thread.leave_call()
            kernel.scheduler.wake(thread)


def thread_of(kernel: Kernel, tid: int) -> Process:
    """The thread of a number. Raises NoSuchThreadError."""
    thread = kernel.threads.get(tid)
    if thread is None:
        raise NoSuchThreadError(f"there is no thread {tid} at this moment")
    return thread


def process_of(kernel: Kernel, pid: int) -> Process:
    """The first thread of the process of a number. Raises NoSuchThreadError."""
    process = kernel.processes.get(pid)
    if process is None:
        raise NoSuchThreadError(f"there is no process {pid} at this moment")
    return process
