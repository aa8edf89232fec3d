"""Creates the machine for a run (file system, kernel, engine, loader, observers) and runs it.

`run` is the function behind `toyvm run` and `toyvm.run`. A `Session` is one such machine;
`experiment` uses sessions directly to keep many processes alive at once.
"""

from __future__ import annotations

import io
import os
import sys
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from os import PathLike, fspath

from .base.errors import NotExecutableError, NotFoundError
from .base.events import Bus, MappingChanged, ProcessEnding, ProcessExited
from .base.light_types import TYPE_CHECKING, Any, Protocol
from .base.record import Record
from .guestfs import add_program, sandbox, with_sysroot
from .interrupts import Interrupts
from .kernel.counters import MOST_PROCESSES
from .kernel.kernel import Kernel
from .loader.on_demand import OnDemandLoader
from .result import EndedProcess, RunResult, View
from .run_options import RunOptions, environment

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO

    from .build import Program
    from .engines.engine import Engine
    from .isa.decode import Decoded
    from .kernel.proc.breakpoints import Breakpoints
    from .kernel.proc.process import Process
    from .kernel.vfs.open_file import Sink, Source
    from .kernel.vfs.path_walk import Vfs
    from .loader.loader_events import LibraryMapped
    from .machine.hart import Hart
    from .machine.physical_memory import PhysicalMemory
    from .observe.backtrace import Backtracer
    from .observe.breakpoint_places import BreakpointPlaces
    from .observe.instruction_trace import InstructionTrace
    from .observe.symbolize import Symbolizer

_REPORT_ROOM = 16 << 20  # bytes of the host's memory; the backtrace of a small program takes 7 MiB


class Watcher(Protocol):
    """Observes a run. It may supply the engine."""

    def engine(self, memory: PhysicalMemory) -> Engine | None:
        """The engine to use, or None for the engine that the options name."""

    def start(self, kernel: Kernel) -> None:
        """Called once, before the first process exists, to subscribe to events."""


class Start(Record):
    """A program to run with its arguments.

    `load_at` and `stack_at` are addresses in a machine without MMU (`kernel.mm.no_mmu.Placement`).
    """

    program: Program | str | PathLike[str]
    argv: Sequence[str]
    load_at: int | None = None
    stack_at: int | None = None


class Spawned(Record):
    """A process that a session has created: the guest path of its program, arguments and environment."""

    path: str
    argv: Sequence[str]
    environment: Sequence[str]


def run(
    program: Program | str | PathLike[str],
    argv: Sequence[str],
    options: RunOptions,
    *,
    watchers: Sequence[Watcher] = (),
    stdin: bytes | None = None,
    capture: bool = False,
) -> RunResult:
    """Run a program to its end.

    `argv[0]` is the name of the program. With `capture`, the result holds the output; otherwise it
    goes to this process's streams. `stdin` None is this process's standard input, or empty with
    `capture`. Raises NotFoundError, NotExecutableError or UsageError. A failure of the program
    itself is in the result.
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
    """Run programs at the same time until all have ended; otherwise as `run`.

    The status is that of the first program.
    """
    session = Session(
        with_sysroot((start.program for start in starts), options), watchers, stdin=stdin, capture=capture
    )
    for start in starts:
        session.start(start)
    return session.finish()


class Session:
    """One kernel with its observers. `start` adds programs, `finish` runs them.

    `messages` receives the machine's own messages; None: with the programs' standard error. `streams`
    are the programs' standard streams in place of this process's, `vfs` the guest's files in place of
    those of the options.
    """

    def __init__(
        self,
        options: RunOptions,
        watchers: Sequence[Watcher] = (),
        *,
        stdin: bytes | None = None,
        capture: bool = False,
        messages: IO[bytes] | None = None,
        streams: tuple[Source, Sink, Sink] | None = None,
        vfs: Vfs | None = None,
    ):
        options.check()
        self.options = options
        self.watchers = watchers
        self.out: Any = io.BytesIO() if capture else _bytes_to(sys.stdout)
        self.err: Any = io.BytesIO() if capture else _bytes_to(sys.stderr)
        source: Source = io.BytesIO(stdin or b"") if capture or stdin is not None else _standard_input()
        if streams is not None:
            source, self.out, self.err = streams
        self.messages = self.err if messages is None else messages
        self.bus = Bus()
        self.views = _Views(options, self._describe, self._whereabouts, self._write)
        self.kernel = Kernel(
            memory_bytes=options.memory,
            engine_factory=self._engine,
            vfs=vfs
            if vfs is not None
            else sandbox(
                options.root,
                writable=options.root_writable,
                sysroot=options.sysroot,
                libraries=options.libraries,
                memfs_bytes=options.memfs_bytes,
                disk_limit=options.disk_limit,
            ),
            bus=self.bus,
            interpreter=OnDemandLoader(),
            limits=options,
            stdin=source,
            stdout=self.out,
            stderr=self.err,
            messages=self.messages,
            describe=self._describe,
            backtrace=self._backtrace,
            breakpoints=self.views.breakpoints,
        )
        self._instructions: InstructionTrace
        self.spawned: list[Spawned] = []
        self._trace_file: IO[str] | None = None
        self._names: Counter[str] = Counter()  # of the programs added: the same name may occur again
        self._libraries: tuple[str, ...] = ()
        self._name = ""
        self._ended: dict[int, EndedProcess] = {}
        self.bus.subscribe(ProcessEnding, self._ending)
        self.bus.subscribe(ProcessExited, self._exited)
        if options.breakpoint:
            from .loader.loader_events import LibraryMapped

            self.bus.subscribe(MappingChanged, self._mapped)
            self.bus.subscribe(LibraryMapped, self._mapped)
        if kinds := options.trace - {"insn"}:
            from .observe.event_trace import attach

            attach(self.bus, sorted(kinds), self._trace, self.symbols)
        if "insn" in options.trace:
            from .observe.instruction_trace import InstructionTrace

            self._instructions = InstructionTrace(self.kernel, self.symbols, self._trace, options.trace_range)
        for watcher in watchers:
            watcher.start(self.kernel)

    @cached_property
    def symbols(self) -> Symbolizer:
        """Names for addresses; created on first use."""
        from .observe.symbolize import kernel_symbolizer

        return kernel_symbolizer(self.kernel)

    @cached_property
    def backtracer(self) -> Backtracer:
        """Finds the frames of threads; created on first use."""
        from .observe.backtrace import Backtracer

        return Backtracer(self.symbols)

    def start(self, start: Start) -> Process:
        """Add a program to the guest's file system, and create a process that will execute it.

        Raises NotFoundError, NotExecutableError or UsageError.
        """
        program = start.program
        name = os.path.basename(program) if isinstance(program, (str, PathLike)) else program.name
        path = add_program(self.kernel.vfs, program, self._names[name])
        self._names[name] += 1
        return self.spawn(start, path)

    def spawn(self, start: Start, path: str) -> Process:
        """Create a process for a program that is in the guest's file system at `path`."""
        program, options = start.program, self.options
        self._name = self._name or start.argv[0]
        placement = None
        if options.no_mmu:
            from .kernel.mm.no_mmu import Placement

            placement = Placement(start.load_at, start.stack_at)
        variables = _environment(program, options)
        try:
            argv = self._argv(start, path)
            self.spawned.append(Spawned(path, argv, variables))
            process = self.kernel.spawn(path, argv, variables, self.kernel.vfs.home, placement)
        except (NotExecutableError, NotFoundError) as error:
            # Name the program as on the command line, not by its guest path.
            reason = str(error).replace(path, start.argv[0], 1)
            if isinstance(program, (str, PathLike)):
                from .observe.file_kind import refusal

                reason = refusal(os.fspath(program), reason)
            raise type(error)(reason) from None
        image = process.image
        if image is not None and image.is_library:
            from .observe.file_kind import shared_library

            raise NotExecutableError(shared_library(start.argv[0]))
        if self.views.places is not None:
            self.views.places.start(process, start.argv[0])
        if options.watch and not isinstance(program, (str, PathLike)):
            # ET_EXEC: linked at its run-time address
            process.watch_pc = program.link.symbols.get(options.watch)
        return process

    def _argv(self, start: Start, path: str) -> list[str]:
        """The arguments of a program whose guest path is `path`.

        A program of the sysroot may look for its files beside argv[0]. If the guest has no file of
        the name that the command line gives, argv[0] is the guest path.
        """
        name, *rest = start.argv
        sysroot = self.options.sysroot
        if (
            sysroot is not None
            and isinstance(start.program, (str, PathLike))
            and name == fspath(start.program)
        ):
            vfs = self.kernel.vfs
            inside = os.path.realpath(name).startswith(os.path.join(os.path.realpath(sysroot), ""))
            if inside and not vfs.has(name, vfs.home):
                name = path
        return [name, *rest]

    def finish(self) -> RunResult:
        """Run until all processes have ended, and collect the result.

        Ctrl-C ends the run: each thread is reported, and KeyboardInterrupt raised.
        """
        kernel = self.kernel
        try:
            with Interrupts(kernel):
                status = kernel.run()
        finally:
            if self._trace_file is not None:
                self._trace_file.close()
        if kernel.engine is not None:
            kernel.engine.close()
        first = kernel.first
        assert first is not None
        stats = kernel.stats
        segments_left = len(list(kernel.segments.all())) if "segments" in kernel.__dict__ else 0
        kernel.power_off()
        if self.views.places is not None and (text := self.views.places.report()):
            self._write(f"toyvm: {text}\n")
        if kernel.interrupted:
            raise KeyboardInterrupt
        counts = None
        if first.loader_state is not None:
            from .loader.dynamic_loader import counts as loader_counts

            counts = loader_counts(first)
        swap = kernel.system.swap
        return RunResult(
            status=status,
            stdout=_captured(self.out),
            stderr=_captured(self.err),
            stats=stats,
            frames_leaked=kernel.frames.used,
            slots_leaked=swap.used if swap is not None else 0,
            libraries=self._libraries,
            load_relocations=dict(counts.relocations) if counts else {},
            lazy_relocations=dict(counts.lazy) if counts else {},
            symbol_lookups=counts.lookups if counts else 0,
            views=tuple(self.views.collected),
            watched=first.watched_at,
            signal=0 if kernel.stopped else first.status & 0x7F,
            stopped=kernel.stopped,
            segments_left=segments_left,
            name=os.path.basename(self._name),
            ended=self._ended,
        )

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

    def _mapped(self, event: MappingChanged | LibraryMapped) -> None:
        process = self.kernel.processes.get(event.pid)
        if process is not None and self.views.places is not None:
            self.views.places.search(process, event.start, event.end)

    def _describe(self, process: Process, va: int) -> str | None:
        return (_can_report() and self.symbols.describe(process.pid, va)) or None

    def _whereabouts(self, thread: Process) -> list[str]:
        from .kernel.accounts.thread_report import whereabouts

        return whereabouts(self.kernel, thread, "  ")

    def _backtrace(self, thread: Process) -> list[str]:
        if not _can_report():
            return ["no backtrace: the host has no memory left"]
        return self.backtracer.lines(thread)

    def _write(self, text: str) -> None:
        self.messages.write(text.encode("utf-8", "replace"))
        self.messages.flush()

    @cached_property
    def _trace(self) -> Callable[[str], None]:
        """What writes the lines of a trace: to --trace-file, or with the messages. Raises OSError."""
        if self.options.trace_file is None:
            return self._write
        file = self._trace_file = open(self.options.trace_file, "w", encoding="utf-8", errors="replace")  # noqa: SIM115

        def write(text: str) -> None:
            file.write(text)

        return write

    def _trace_instruction(self, hart: Hart, decoded: Decoded) -> Callable[[], None] | None:
        return self._instructions(hart, decoded)

    def _ending(self, event: ProcessEnding) -> None:
        process = self.kernel.processes[event.pid]
        self._ended[event.pid] = EndedProcess(process.comm, process.ppid)
        if len(self._ended) > MOST_PROCESSES:
            del self._ended[next(iter(self._ended))]
        self.views.collect(process)
        if process is self.kernel.first and process.loader_state is not None:
            from .loader.dynamic_loader import libraries

            self._libraries = libraries(process)

    def _exited(self, event: ProcessExited) -> None:
        end = self._ended[event.pid]
        end.status, end.signal = event.status, event.signal


class _Views:
    """The views that the options request.

    With a breakpoint, they are written when a process reaches it, after the backtrace and the
    registers; otherwise they are collected when a process ends.
    """

    def __init__(
        self,
        options: RunOptions,
        describe: Callable[[Process, int], str | None],
        whereabouts: Callable[[Process], list[str]],
        write: Callable[[str], None],
    ):
        self._options, self._describe, self._write = options, describe, write
        self._whereabouts = whereabouts
        self.collected: list[View] = []
        self.breakpoints: Breakpoints | None = None
        self.places: BreakpointPlaces | None = None
        if options.breakpoint:
            from .kernel.proc.breakpoints import Breakpoints
            from .observe.breakpoint_places import BreakpointPlaces

            self.breakpoints = Breakpoints(self._reached, options.break_count)
            self.places = BreakpointPlaces(options.breakpoint, self.breakpoints)

    def collect(self, process: Process) -> None:
        """Keep the views of a process that is about to end."""
        if self._options.views and self.breakpoints is None:
            self.collected += self._of(process, "as it ended")

    def _reached(self, process: Process) -> None:
        va = process.hart.pc
        place = self._describe(process, va) or hex(va)
        lines = [f"toyvm: {process.title} is at {place}", *self._whereabouts(process)]
        self._write("".join(f"{line}\n" for line in lines))
        for view in self._of(process, f"at {place}"):
            self._write(f"{view}\n")

    def _of(self, process: Process, when: str) -> list[View]:
        from .observe.memory_views import VIEWS

        return [
            View(process.pid, process.comm, what, when, render(process.mm))
            for what, render in VIEWS.items()
            if what in self._options.views
        ]


def _can_report() -> bool:
    """Whether the host has memory for what a report loads: modules and debug information.

    Python takes lack of memory during an import for something else, such as a syntax error.
    """
    from .machine.physical_memory import require_host_room

    try:
        require_host_room(_REPORT_ROOM)
    except MemoryError:
        return False
    return True


def _environment(program: Program | str | PathLike[str], options: RunOptions) -> list[str]:
    """The guest's environment: variables of the options, then those of the directives."""
    settings = environment(options.env, options.env_all)
    if not isinstance(program, (str, PathLike)):
        given = {setting.partition("=")[0] for setting in settings}
        settings += [item for item in program.directives.env if item.partition("=")[0] not in given]
        if program.directives.preload and program.linkage == "dynamic":
            names = (f"/lib/{library.name}" for library in program.directives.preload)
            settings.append("LD_PRELOAD=" + ":".join(names))
    return settings


def _bytes_to(stream: Any) -> Any:
    """A binary stream that writes to a standard stream; a notebook's has text only."""
    if hasattr(stream, "buffer"):
        return stream.buffer
    from .base.text_sink import TextSink

    return TextSink(stream)


def _standard_input() -> Any:
    """This process's standard input; a notebook has none that a program could read."""
    return sys.stdin.buffer if hasattr(sys.stdout, "buffer") else io.BytesIO()


def _captured(stream: Any) -> bytes:
    return stream.getvalue() if isinstance(stream, io.BytesIO) else b""
