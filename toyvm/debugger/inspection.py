"""What a debugger looks at, in the machine's process. Nothing here changes the machine."""

from __future__ import annotations

import errno
from collections.abc import Callable

from toyvm.base.errors import UsageError, error
from toyvm.base.light_types import Any
from toyvm.kernel.accounts import proc_text, system_text
from toyvm.kernel.kernel import Kernel
from toyvm.kernel.proc.process import Process, State
from toyvm.kernel.vfs.open_file import O_RDONLY

from .digests import counts, digest
from .guest_memory import can_write, read
from .interventions import process_of, thread_of
from .target import LibraryState, ProcessState, Registers, ThreadState

LARGEST_FILE = 256 << 20
_STATES = {
    State.RUNNABLE: "R",
    State.BLOCKED: "S",
    State.STOPPED: "T",
    State.HELD: "Z",
    State.ZOMBIE: "Z",
    State.DEAD: "X",
}


class Inspection:
    """Answers questions about one kernel. A number that does not exist raises NoSuchThreadError."""

    def __init__(self, kernel: Kernel, copied: Callable[[Callable[[], Any]], Any]):
        """`copied` calls a function in a copy of this process, and returns its value."""
        self._kernel = kernel
        self._copied = copied

    def processes(self) -> tuple[ProcessState, ...]:
        """See `Target`."""
        return tuple(
            ProcessState(process.pid, process.ppid, process.exe, self._command(process), process.alive)
            for _, process in sorted(self._kernel.processes.items())
        )

    @staticmethod
    def _command(process: Process) -> tuple[bytes, ...]:
        if not process.alive:
            return ()
        first, end = process.mm.map.arg_range
        words = read(process.mm, first, min(end - first, 1 << 17)).split(b"\0")
        return tuple(words[:-1])

    def threads(self) -> tuple[ThreadState, ...]:
        """See `Target`."""
        kernel = self._kernel
        return tuple(
            ThreadState(
                tid,
                thread.pid,
                thread.comm,
                _STATES[thread.state],
                tid == kernel.last_tid and thread.state is State.RUNNABLE,
                thread.waits_in if thread.in_call else "",
            )
            for tid, thread in sorted(kernel.threads.items())
        )

    def registers(self, tid: int) -> Registers:
        """See `Target`."""
        hart = thread_of(self._kernel, tid).hart
        return Registers(
            tuple(hart.x), hart.pc, tuple(hart.f), hart.fcsr, hart.instret, hart.instret + hart.time_offset
        )

    def read_memory(self, pid: int, address: int, length: int) -> bytes:
        """See `Target`."""
        process = process_of(self._kernel, pid)
        return read(process.mm, address, length) if process.alive else b""

    def check_write(self, pid: int, address: int, length: int) -> None:
        """Raises OSError(EFAULT) if a debugger cannot write there."""
        process = process_of(self._kernel, pid)
        if not process.alive or not can_write(process.mm, address, length):
            raise error(errno.EFAULT)

    def read_file(self, pid: int, path: str) -> bytes:
        """See `Target`."""
        process = process_of(self._kernel, pid)
        return bytes(self._copied(lambda: self._file(process, path)))

    def _file(self, process: Process, path: str) -> bytes:
        kernel = self._kernel
        kernel.current = process
        file = kernel.vfs.open(path, O_RDONLY, 0, kernel.system.cache, process.cwd)
        found = bytearray()
        while len(found) < LARGEST_FILE:
            piece = file.read(1 << 20)
            if not piece:
                return bytes(found)
            found += piece
        raise error(errno.EFBIG)

    def auxv(self, pid: int) -> bytes:
        """See `Target`."""
        process = process_of(self._kernel, pid)
        return bytes(self._copied(lambda: system_text.auxv(process)))

    def libraries(self, pid: int) -> tuple[LibraryState, ...]:
        """See `Target`."""
        from .loaded_libraries import libraries

        return libraries(process_of(self._kernel, pid))

    def ask(self, question: str, pid: int, address: int) -> str:
        """See `Target`."""
        questions: dict[str, Callable[[Process, int], str]] = {
            "maps": lambda process, _: proc_text.maps(process.mm).decode("utf-8", "replace"),
            "smaps": lambda process, _: proc_text.smaps(process.mm).decode("utf-8", "replace"),
            "pagetable": lambda process, _: page_table(process),
            "pte": lambda process, va: page_table_entry(self._kernel, process, va),
            "frames": lambda process, _: frames(self._kernel),
            "status": lambda process, _: proc_text.status(process, 1).decode("utf-8", "replace"),
            "backtrace": lambda process, _: backtrace(self._kernel, process),
            "why": lambda process, va: why(self._kernel, process, va),
            "memory": lambda process, _: memory_of(self._kernel, process),
            "frame": lambda _, number: frame(self._kernel, number),
            "digest": lambda process, _: digest(self._kernel),
            "counts": lambda process, _: counts(self._kernel),
            "symbol": lambda process, va: symbol(self._kernel, process, va),
        }
        answer = questions.get(question)
        if answer is None:
            raise UsageError(f"no question is called '{question}': {', '.join(questions)}")
        if question in ("digest", "counts"):  # of the whole machine, which may have no process left
            return digest(self._kernel) if question == "digest" else counts(self._kernel)
        thread = self._kernel.threads.get(pid)
        process = thread if thread is not None else process_of(self._kernel, pid)
        return str(self._copied(lambda: answer(process, address)))


def page_table(process: Process) -> str:
    """The page table as `toyvm run --pagetable` shows it."""
    from toyvm.observe.memory_views import page_table as view

    return view(process.mm)


def page_table_entry(kernel: Kernel, process: Process, va: int) -> str:
    """The walk to an address, an entry a line."""
    from toyvm.observe.why.address_answer import explain_address
    from toyvm.observe.why.answer_text import walk_text

    return walk_text(explain_address(kernel, process, va)) + "\n"


def frames(kernel: Kernel) -> str:
    """How many frames are used."""
    stats = kernel.stats
    return f"{stats.frames_used:,} of {stats.frames_total:,} frames used, {stats.page_cache_frames:,} in the page cache\n"


def backtrace(kernel: Kernel, process: Process) -> str:
    """The frames of a thread, the innermost first."""
    from toyvm.observe.backtrace import Backtracer
    from toyvm.observe.symbolize import kernel_symbolizer

    return "\n".join(Backtracer(kernel_symbolizer(kernel)).lines(process)) + "\n"


def symbol(kernel: Kernel, process: Process, va: int) -> str:
    """The name and the source line of an address; empty if it has none."""
    from toyvm.observe.symbolize import kernel_symbolizer

    return kernel_symbolizer(kernel).describe(process.pid, va)


def why(kernel: Kernel, process: Process, va: int) -> str:
    """The chain from an address to its frame, who else has it, and what an access would do."""
    from toyvm.observe.why.address_answer import explain_address
    from toyvm.observe.why.answer_text import address_text

    return address_text(explain_address(kernel, process, va)) + "\n"


def memory_of(kernel: Kernel, process: Process) -> str:
    """Where the memory of a process is."""
    from toyvm.observe.why.answer_text import process_text
    from toyvm.observe.why.process_answer import explain_process

    return process_text(explain_process(kernel, process)) + "\n"


def frame(kernel: Kernel, number: int) -> str:
    """What a frame is used for, and who refers to it. Raises UsageError if the machine does not have it."""
    from toyvm.observe.why.answer_text import frame_text
    from toyvm.observe.why.frame_owners import explain_frame

    try:
        return frame_text(explain_frame(kernel, number)) + "\n"
    except IndexError as missing:
        raise UsageError(f"there is no frame {number:#x}: {missing}") from None
