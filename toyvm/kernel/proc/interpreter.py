"""The seam to the dynamic loader, which stands above the kernel: what exec has mapped, and what it asks the loader for.

A real system maps ld.so beside the program and jumps into it. Here the loader is Python code of a higher layer: exec maps
the program, builds the stack, and asks the interpreter for the first pc. Its entry points for running programs are the
private system calls of `syscalls.table` (`docs/design/loader.md`).
"""

from __future__ import annotations

from collections.abc import Sequence

from toyvm.base.light_types import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ..kernel import Kernel
    from ..mm.image_mapping import LoadedImage
    from .process import Process

Registers = list[int]
"""The 32 integer registers of the calling hart, unsigned 64-bit: read arguments from it, write results into it."""


class Interpreter(Protocol):
    """What the kernel asks of a dynamic loader."""

    def start(
        self,
        kernel: Kernel,
        process: Process,
        image: LoadedImage,
        argv: Sequence[bytes],
        envp: Sequence[bytes],
    ) -> int:
        """Load what `image` needs; the pc to begin at.

        Called by exec for an image with PT_INTERP, when the process already has its new address space
        (`process.mm`), its stack (argc at `process.hart.x[2]`) and its auxiliary vector. Map libraries with
        `kernel.map_image(process, path)`; touch guest memory by `process.mm.read/write`.
        Raises LoadError: exec prints it and the process exits with 127.
        """

    def call(self, kernel: Kernel, process: Process, number: int, args: Registers) -> None:
        """One private system call. `args` is `process.hart.x` itself; the pc stands at the ecall.

        Raises LoadError to end the process with 127, OSError to return -errno in a0.
        """

    def forked(self, parent: Process, child: Process) -> None:
        """`child` is a copy of `parent`: give it a copy of `loader_state`."""

    def released(self, process: Process) -> None:
        """The process has left its image (exit, or exec of another one)."""
