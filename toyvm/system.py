"""A whole machine for one run: memory, engine, kernel, loader and file system joined, the program started, the result told.

This is the only place that knows all the layers below at once. `run` is what `toyvm run` and `toyvm.run` do;
`run_together` keeps many processes alive at once to count their memory.
"""

from __future__ import annotations

import io
import os
import sys
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from os import PathLike

from .base.errors import NotExecutableError, NotFoundError, UsageError
from .base.events import Bus, ProcessEnding
from .base.light_types import TYPE_CHECKING, Any, Protocol
from .base.record import Record, replace
from .guestfs import add_program, find_sysroot, sandbox
from .kernel.kernel import Kernel
from .kernel.mm.vma import PROT_EXEC
from .kernel.proc.lifecycle import release_held
from .loader.on_demand import OnDemandLoader
from .machine.physical_memory import PAGE_SIZE
from .machine.sv39 import pte_frame
from .program import Program
from .result import RunResult, View
from .run_options import RunOptions

if TYPE_CHECKING:
    from .engines.engine import Engine
    from .isa.decode import Decoded
    from .kernel.proc.breakpoints import Breakpoints
    from .kernel.proc.process import Process
    from .machine.hart import Hart
    from .machine.physical_memory import PhysicalMemory
    from .observe.comparison import InstanceFacts
    from .observe.symbolize import FilePlace, Symbolizer


class Watcher(Protocol):
    """Looks on while a program runs, and may bring an engine of its own."""

    def engine(self, memory: PhysicalMemory) -> Engine | None:
        """The engine to run on; None: the one that the options say."""

    def start(self, kernel: Kernel) -> None:
        """The kernel has been made, and no process yet: subscribe to what is of interest."""


class Start(Record):
    """A program to run: what it is called with, and where it goes in a machine without MMU (`kernel.mm.no_mmu.Placement`)."""

    program: Program | str | PathLike[str]
    argv: Sequence[str]
    load_at: int | None = None
    stack_at: int | None = None


def run(
    program: Program | str | PathLike[str],
    argv: Sequence[str],
    options: RunOptions,
    *,
    watchers: Sequence[Watcher] = (),
    stdin: bytes | None = None,
    capture: bool = False,
) -> RunResult:
    """Run a program to its end: `run_all` of one.

    `argv[0]` is the name it is called by. With `capture`, output goes into the result; else to our own standard streams.
    `stdin` None is our own standard input (an empty one when captured). Raises NotFoundError, NotExecutableError,
    UsageError; all that the program itself does wrong is in the result.
    """
    return run_all([Start(program, argv)], options, watchers=watchers, stdin=stdin, capture=capture)


def run_all(
    starts: Sequence[Start],
    options: RunOptions,
    *,
    watchers: Sequence[Watcher] = (),
    stdin: bytes | None = None,
    capture: bool = False,
) -> RunResult:
    """Run programs at the same time, to the end of all; the first one's status is the result's. Else as `run`."""
    session = _Session(_with_sysroot(starts, options), watchers, stdin=stdin, capture=capture)
    for start in starts:
        session.start(start)
    return session.finish()


def _with_sysroot(starts: Sequence[Start], options: RunOptions) -> RunOptions:
    """The options with the distribution's own sysroot, if a program needs one and none is given; a line says so."""
    if options.sysroot is not None or options.interp == "toyvm" or options.no_mmu:
        return options
    folder = next((found for start in starts if (found := find_sysroot(start.program))), None)
    if folder is None:
        return options
    print(f"toyvm: the guest's / is {folder}; --sysroot DIR chooses another", file=sys.stderr)
    return replace(options, sysroot=folder)


class _Session:
    """One kernel with its observers."""

    def __init__(
        self,
        options: RunOptions,
        watchers: Sequence[Watcher] = (),
        *,
        stdin: bytes | None = None,
        capture: bool = False,
    ):
        options.check()
        self.options = options
        self.watchers = watchers
        self.out = io.BytesIO() if capture else sys.stdout.buffer
        self.err = io.BytesIO() if capture else sys.stderr.buffer
        source = io.BytesIO(stdin or b"") if capture or stdin is not None else sys.stdin.buffer
        self.bus = Bus()
        self.kernel = Kernel(
            memory_bytes=options.memory,
            engine_factory=self._engine,
            vfs=sandbox(
                options.root,
                writable=options.root_writable,
                sysroot=options.sysroot,
                libraries=options.libraries,
                memfs_bytes=options.memfs_bytes,
            ),
            bus=self.bus,
            interpreter=OnDemandLoader(),
            limits=options,
            stdin=source,
            stdout=self.out,
            stderr=self.err,
            describe=lambda process, va: self.symbols.describe(process.pid, va) or None,
            breakpoints=self._breakpoints(),
        )
        self._names: Counter[str] = Counter()  # programs of each name that were put into the tree
        self.views: list[View] = []
        self.libraries: tuple[str, ...] = ()
        self.bus.subscribe(ProcessEnding, self._ending)
        self._attach()
        for watcher in watchers:
            watcher.start(self.kernel)

    @cached_property
    def symbols(self) -> Symbolizer:
        """Names for addresses, made when somebody first asks for one."""
        from .observe.symbolize import Symbolizer

        return Symbolizer(self._locate, self._read)

    def _engine(self, memory: PhysicalMemory) -> Engine:
        for watcher in self.watchers:
            if (engine := watcher.engine(memory)) is not None:
                return engine
        from .engines import engine_choice

        on_trace = self._trace_instruction if "insn" in self.options.trace else None
        options = self.options
        return engine_choice.make_engine(
            options.engine, memory, on_trace, caching=options.caching, seed=options.schedule_seed or 0
        )

    def _attach(self) -> None:
        kinds = self.options.trace - {"insn"}
        if kinds:
            from .observe.event_trace import attach

            attach(self.bus, sorted(kinds), self._write_line, self.symbols)

    def _write_line(self, text: str) -> None:
        self.err.write(text.encode("utf-8", "replace"))
        self.err.flush()

    def _trace_instruction(self, hart: Hart, decoded: Decoded) -> None:
        pid = next((p.pid for p in self.kernel.processes.values() if p.hart is hart), 0)
        where = self.symbols.describe(pid, hart.pc)
        self._write_line(f"[{pid}] {hart.pc:#x} {self.symbols.instruction(pid, hart.pc):<32} {where}\n")

    def start(self, start: Start) -> Process:
        """Put the program into the tree and make a process of it."""
        name = start.program.name if isinstance(start.program, Program) else os.path.basename(start.program)
        path = add_program(self.kernel.vfs, start.program, self._names[name])
        self._names[name] += 1
        return self.spawn(start.program, path, start.argv, start)

    def spawn(
        self,
        program: Program | str | PathLike[str],
        path: str,
        argv: Sequence[str],
        start: Start | None = None,
    ) -> Process:
        """One more process of a program that is in the tree already."""
        placement = None
        if start is not None and self.options.no_mmu:
            from .kernel.mm.no_mmu import Placement

            placement = Placement(start.load_at, start.stack_at)
        try:
            process = self.kernel.spawn(
                path, list(argv), self._environment(program), self.kernel.vfs.home, placement
            )
        except (NotExecutableError, NotFoundError) as error:  # the user knows the name on the command line
            raise type(error)(str(error).replace(path, argv[0], 1)) from None
        if self.options.breakpoint:
            self._break(process, argv[0])
        if self.options.watch and isinstance(program, Program):  # linked where it is loaded: ET_EXEC
            process.watch_pc = program.link.symbols.get(self.options.watch)
        return process

    def _environment(self, program: Program | str | PathLike[str]) -> list[str]:
        settings = [f"{name}={value}" for name, value in self.options.env]
        if isinstance(program, Program):
            settings += program.directives.env
            if program.directives.preload and program.linkage == "dynamic":
                settings.append(
                    "LD_PRELOAD=" + ":".join(f"/lib/{lib.name}" for lib in program.directives.preload)
                )
        return settings

    def _ending(self, event: ProcessEnding) -> None:
        process = self.kernel.processes[event.pid]
        if not self.options.breakpoint:
            self.views += self._views(process, "as it ended")
        if process is self.kernel.first and process.loader_state is not None:
            from .loader.dynamic_loader import libraries

            self.libraries = libraries(process)

    def _views(self, process: Process, when: str) -> list[View]:
        if not self.options.views:
            return []
        from .observe.memory_views import VIEWS

        return [
            View(process.pid, process.comm, what, when, VIEWS[what](process.mm))
            for what in VIEWS
            if what in self.options.views
        ]

    def _breakpoints(self) -> Breakpoints | None:
        if not self.options.breakpoint:
            return None
        from .kernel.proc.breakpoints import Breakpoints

        return Breakpoints(self._reached)

    def _reached(self, process: Process) -> None:
        va = process.hart.pc
        for view in self._views(process, f"at {self.symbols.describe(process.pid, va) or hex(va)}"):
            self._write_line(f"{view}\n")

    def _break(self, process: Process, name: str) -> None:
        """Have the views written when the breakpoint is reached. Raises UsageError where there is none such."""
        from .kernel.mm.user_memory import Fault
        from .observe.memory_views import address_of

        text = self.options.breakpoint
        assert process.image is not None
        file = process.image.file
        va = address_of(text, file.pread(0, file.size), process.image.bias)
        if va is None:
            raise UsageError(f"{name}: no symbol '{text}' to break at")

        assert self.kernel.breakpoints is not None
        try:
            self.kernel.breakpoints.set(process, va)
        except Fault:
            raise UsageError(f"{name}: nothing can be executed at {va:#x}") from None

    def finish(self) -> RunResult:
        """Run to the end, and take stock."""
        kernel = self.kernel
        status = kernel.run()
        close = getattr(kernel.engine, "close", None)
        if close is not None:  # an engine with a thread of its own
            close()
        first = kernel.first
        assert first is not None
        stats = kernel.stats
        kernel.power_off()
        counts = None
        if first.loader_state is not None:
            from .loader.dynamic_loader import counts as loader_counts

            counts = loader_counts(first)
        swap = kernel.system.swap
        return RunResult(
            status=status,
            stdout=self._captured(self.out),
            stderr=self._captured(self.err),
            stats=stats,
            frames_leaked=kernel.frames.used,
            slots_leaked=swap.used if swap is not None else 0,
            libraries=self.libraries,
            load_relocations=dict(counts.relocations) if counts else {},
            lazy_relocations=dict(counts.lazy) if counts else {},
            symbol_lookups=counts.lookups if counts else 0,
            views=tuple(self.views),
            watched=first.watched_at,
        )

    @staticmethod
    def _captured(stream: Any) -> bytes:
        return stream.getvalue() if isinstance(stream, io.BytesIO) else b""

    # What explanations ask

    def _locate(self, pid: int, va: int) -> FilePlace | None:
        from .observe.symbolize import FilePlace

        process = self.kernel.processes.get(pid)
        area = process.mm.vmas.find(va) if process is not None else None
        if area is None or area.file is None:
            return None
        file = area.file
        return FilePlace(file.identity, area.name, area.offset_of(va), lambda: file.pread(0, file.size))

    def _read(self, pid: int, va: int, count: int) -> bytes | None:
        process = self.kernel.processes.get(pid)
        if process is None:
            return None
        try:
            return process.mm.read(va, count)
        except OSError:
            return None


def run_together(program: Program, number: int, *, separate: bool, options: RunOptions) -> InstanceFacts:
    """Run `number` processes of a program, keep each alive as it exits, and count the frames of all of them.

    `separate`: each runs a copy of the image that is a file of its own, as different programs would. Processes that the
    program itself forks are not kept. Output is thrown away.
    """
    from .kernel.accounts.memory_report import memory_report  # only the comparison counts
    from .observe.comparison import InstanceFacts

    session = _Session(options, capture=True)
    kernel = session.kernel
    path = add_program(kernel.vfs, program)
    roots = []
    for index in range(number):
        if separate and index:
            path = f"/bin/{program.name}.{index}"
            kernel.vfs.add_file(path, program.image)
        process = session.spawn(program, path, [program.name, *program.directives.args])
        process.hold_at_exit = True
        roots.append(process)
    kernel.run()
    found = memory_report(kernel)
    owners = Counter(frame for process in roots for frame in _frames(process))
    text = {frame for process in roots for frame in _frames(process, PROT_EXEC)}
    release_held(kernel)
    private = sum(count == 1 for count in owners.values())
    pss = tuple(round(process.usage.pss * PAGE_SIZE) for process in found.processes)
    return InstanceFacts(number, separate, private, len(owners) - private, len(owners), len(text), pss)


def _frames(process: Process, prot: int = 0) -> set[int]:
    """The frames that a process maps, each once; only those of areas that allow all of `prot`."""
    mm = process.mm
    return {
        pte_frame(pte) for area in mm.vmas if area.prot & prot == prot for _, pte in mm.map.resident(area)
    }
