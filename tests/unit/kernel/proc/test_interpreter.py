"""The interface between kernel and loader: what the kernel asks, and when."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.support.guest_kernel import PAGE
from tests.support.small_images import LOAD, image
from toyvm.base.errors import LoadError
from toyvm.elf import constants as elf
from toyvm.elf.headers import Phdr
from toyvm.kernel.kernel import Kernel
from toyvm.kernel.mm.address_space import PIE_BASE
from toyvm.kernel.mm.image_mapping import LoadedImage
from toyvm.kernel.proc.kernel_state import KernelState, Registers
from toyvm.kernel.proc.process import Process
from toyvm.kernel.trap_handling import serve
from toyvm.kernel.vfs.path_walk import Vfs


class Interpreter:
    """A loader that records what it is asked."""

    def __init__(self, failure: Exception | None = None):
        self.failure = failure
        self.calls: list[str] = []

    def start(
        self,
        kernel: KernelState,
        process: Process,
        image: LoadedImage,
        argv: Sequence[bytes],
        envp: Sequence[bytes],
    ) -> int:
        if self.failure is not None:
            raise self.failure
        process.loader_state = ["state"]
        self.calls.append(f"start {image.interpreter} argc={process.mm.read_int(process.hart.x[2])}")
        return image.entry + 4

    def call(self, kernel: KernelState, process: Process, number: int, args: Registers) -> None:
        self.calls.append(f"call {number} at {process.hart.pc:#x}")
        if self.failure is not None:
            raise self.failure
        args[10] = 42

    def forked(self, parent: Process, child: Process) -> None:
        self.calls.append("forked")

    def released(self, process: Process) -> None:
        self.calls.append("released")


def dynamic(interpreter: Interpreter) -> tuple[Kernel, Process]:
    text = image(LOAD, Phdr(elf.PT_INTERP, 4, 0x2000, 0, 0, 10, 10, 1)).ljust(0x3000, b"\xaa")
    vfs = Vfs(None)
    vfs.add_file("/bin/d", text[:0x2000] + b"/lib/ld.so\0"[:10] + text[0x200A:])
    kernel = Kernel(1 << 20, None, vfs, interpreter=interpreter)
    return kernel, kernel.spawn("/bin/d", ["d", "x"])


def test_the_loader_is_asked_at_exec_call_fork_and_exit() -> None:
    interpreter = Interpreter()
    kernel, process = dynamic(interpreter)
    assert process.hart.pc == PIE_BASE + PAGE + 0x1004
    process.hart.x[17] = 7003
    serve(kernel, process)
    assert process.hart.x[10] == 42
    process.hart.x[17], process.hart.x[10] = 220, 17
    serve(kernel, process)
    process.hart.x[17] = 94
    serve(kernel, process)
    assert interpreter.calls == [
        "start /lib/ld.so argc=2",
        f"call 7003 at {PIE_BASE + PAGE + 0x1004:#x}",
        "forked",
        "released",
    ]


@pytest.mark.parametrize(("failure", "status"), [(LoadError("nope"), 127), (OSError(2, "gone"), 127)])
def test_a_loader_that_fails_ends_the_process(failure: Exception, status: int) -> None:
    _, process = dynamic(Interpreter(failure))
    assert not process.alive and process.status == status << 8
