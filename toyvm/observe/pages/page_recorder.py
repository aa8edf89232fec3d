"""Records the page references of a run in a trace, with the address spaces and their areas."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from toyvm.base.events import PageFault, ProcessEnding
from toyvm.engines.watching.recording_engine import PIECE, RecordedCode, RecordingEngine

from .page_trace import MAX_EVENTS, PageTrace, RecordedArea, Space, TraceWriter

if TYPE_CHECKING:
    from array import array

    from toyvm.kernel.kernel import Kernel
    from toyvm.kernel.proc.process import Process
    from toyvm.machine.hart import Hart
    from toyvm.machine.physical_memory import PhysicalMemory

MAX_AREAS = 4096  # recorded for an address space; an area that grows counts once
NAME_COLUMN = 73  # the column of the name in a line of /proc/PID/maps


class PageRecorder:
    """Watches one run (`system.Watcher`) and writes its trace to `stream`.

    Recording stops after about `limit` references (fetches, loads and stores); the program
    continues.
    """

    def __init__(self, stream: BinaryIO, limit: int):
        self._writer = TraceWriter(stream)
        self._limit = limit
        self._spaces: list[Space] = []
        self._complete = True
        self._kernel: Kernel
        self._engine: RecordingEngine

    def engine(self, memory: PhysicalMemory) -> RecordingEngine:
        """An engine that records."""
        self._engine = RecordingEngine(memory, self._take, self._new_space, min(PIECE, self._limit))
        return self._engine

    def start(self, kernel: Kernel) -> None:
        """Subscribe to the events that show the areas of processes."""
        self._kernel = kernel
        kernel.bus.subscribe(PageFault, self._fault)
        kernel.bus.subscribe(ProcessEnding, lambda event: self._learn(kernel.processes[event.pid]))

    def finish(self, program: str) -> PageTrace:
        """Write the rest of the trace. Returns it without its events."""
        engine = self._engine
        engine.flush()
        at = engine.time
        return self._writer.finish(program, at, self._complete, self._spaces)

    def _take(self, times: array[int], values: array[int]) -> bool:
        self._writer.add(times, values)
        self._complete = self._complete and (
            self._engine.time + self._writer.extra < self._limit
            and self._writer.events < MAX_EVENTS - 2 * len(times)
        )
        return self._complete

    # --- address spaces and areas ---

    def _new_space(self, number: int, hart: Hart) -> None:
        process = next(t.leader for t in self._kernel.threads.values() if t.hart is hart)
        self._spaces.append(Space(process.pid, process.comm, ()))
        self._learn(process)

    def _number(self, process: Process) -> int | None:
        code = process.mm.mmu.code
        return (
            code.number if isinstance(code, RecordedCode) and 0 <= code.number < len(self._spaces) else None
        )

    def _learn(self, process: Process) -> None:
        """Record the areas that the process has now."""
        number = self._number(process)
        if number is not None:
            for area in process.mm.vmas:
                self._add(number, area.describe())

    def _fault(self, event: PageFault) -> None:
        process = self._kernel.processes.get(event.pid)
        if process is not None and event.vma:
            number = self._number(process)
            if number is not None:
                self._add(number, event.vma)

    def _add(self, number: int, line: str) -> None:
        space = self._spaces[number]
        area = _area(line)
        areas = [old for old in space.areas if not _grows_into(old, area)]
        if len(areas) < MAX_AREAS and (not areas or areas[-1] != area):
            self._spaces[number] = Space(space.pid, space.command, (*areas, area))


def _area(line: str) -> RecordedArea:
    """Parse a line of /proc/PID/maps."""
    addresses, permissions = line.split()[:2]
    start, _, end = addresses.partition("-")
    return RecordedArea(int(start, 16), int(end, 16), permissions, line[NAME_COLUMN:])


def _grows_into(old: RecordedArea, new: RecordedArea) -> bool:
    """Whether `new` is the area `old` at the same size or grown."""
    return old.name == new.name and new.start <= old.start and old.end <= new.end
