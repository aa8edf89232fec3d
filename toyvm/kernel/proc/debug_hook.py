"""What a debugger under the kernel is told, synchronously: it may look at and change the machine before it returns."""

from __future__ import annotations

from toyvm.base.light_types import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .process import Process
    from .signals import SigInfo


class DebugHook(Protocol):
    """A debugger. The counts of the machine are exact whenever it is called.

    `every_fault`: page faults must end the engine's run, so that `kernel_left` follows each.
    """

    every_fault: bool

    def switched(self, thread: Process) -> None:
        """The hart runs `thread` from now on."""

    def syscall_entered(self, thread: Process, number: int) -> None:
        """A system call is about to be made; its arguments are in the registers."""

    def syscall_returned(self, thread: Process, number: int) -> None:
        """A system call has set its result, or the registers of another program or of sigreturn."""

    def fault_handled(self, thread: Process, address: int) -> None:
        """A page fault of user mode was handled. The engine may be running: only note it."""

    def signal(self, thread: Process, info: SigInfo) -> int:
        """A signal is about to be delivered. Returns the number to deliver in its place; 0: none."""

    def kernel_left(self, thread: Process) -> None:
        """The kernel has done all that an entry asked for, and goes on to run threads."""
