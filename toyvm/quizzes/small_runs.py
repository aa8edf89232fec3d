"""Builds small programs from text, runs them, and keeps what a question asks about.

A program here defines `_start` and needs no library. It calls getpid(2) to say "here": each call
makes a snapshot of the process's page table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ..assembler import AssemblerOptions, assemble_text
from ..base.events import CowFault, PageFault, ProcessEnding, SyscallEnter
from ..base.record import Record
from ..base.sample_directives import Directives
from ..build import Program
from ..elf.elf_file import ElfFile
from ..linker.link import link
from ..linker.link_options import Input, LinkOptions
from ..machine.sv39 import entries
from ..observe.memory_views import VIEWS
from ..run_options import RunOptions
from ..system import Session, Start, Watcher

if TYPE_CHECKING:
    from ..kernel.proc.process import Process
    from ..result import RunResult

PAGE = 4096
MOST_INSTRUCTIONS = 100_000

Callback = Callable[["Process"], None]

EXIT = """\
        li      a0, 0
        li      a7, 93                  # exit
        ecall
"""
HERE = """\
        li      a7, 172                 # getpid
        ecall
"""


class Entry(Record):
    """An entry of a page table: in the table in frame `table`, at `index`, of `level` 2 to 0.

    `va` is the first address that it translates.
    """

    table: int
    index: int
    pte: int
    level: int
    va: int


class Snapshot(Record):
    """A process's memory at one moment: its page table, and counts of frames.

    `root` is the PPN of the root table, `maps` the lines of /proc/PID/maps. `used` frames are in
    use in the machine, of which `tables` hold page tables and `cached` pages of files.
    """

    root: int
    entries: tuple[Entry, ...]
    maps: tuple[str, ...]
    used: int
    tables: int
    cached: int

    def leaves(self) -> dict[int, int]:
        """The entry of each page that is present, by its virtual address."""
        return {e.va: e.pte for e in self.entries if e.pte & 0b1110}


class Recording(Record):
    """What one run left: the first snapshot is from before the first instruction."""

    program: Program
    result: RunResult
    start: Snapshot
    marks: tuple[Snapshot, ...]
    end: Snapshot
    faults: tuple[PageFault, ...]
    copies: tuple[CowFault, ...]

    def address(self, symbol: str) -> int:
        """The address of a symbol of the program, local ones included."""
        found = ElfFile.parse(self.program.image, self.program.name).symbols()
        assert found is not None
        return int(found.array["st_value"][found.names.index(symbol)])


def build(source: str, name: str = "quiz.s") -> Program:
    """Assemble and link one source that defines `_start`."""
    obj = assemble_text(source, name, AssemblerOptions())
    result = link([Input(object=obj)], LinkOptions(static=True))
    return Program(name.removesuffix(".s"), "static", result.image, result, 0.0, Directives(), {})


def run(
    program: Program,
    options: Mapping[str, object],
    at_mark: Callback | None = None,
    watcher: Watcher | None = None,
) -> Recording:
    """Run a program to its end. `at_mark` is called at each getpid(2), after the snapshot."""
    settings = {"engine": "reference", "caching": False, "libraries": False, "root": "", **options}
    settings.setdefault("max_instructions", MOST_INSTRUCTIONS)
    session = Session(
        RunOptions(**settings),  # type: ignore[arg-type]  # settings of several types, by name
        (watcher,) if watcher is not None else (),
        capture=True,
    )
    faults: list[PageFault] = []
    copies: list[CowFault] = []
    marks: list[Snapshot] = []
    ends: list[Snapshot] = []
    kernel = session.kernel
    first = session.start(Start(program, [program.name]))
    session.bus.subscribe(PageFault, faults.append)
    session.bus.subscribe(CowFault, copies.append)

    def called(event: SyscallEnter) -> None:
        if event.name == "getpid":
            process = kernel.threads[event.pid]
            marks.append(snapshot(process))
            if at_mark is not None:
                at_mark(process)

    def ending(event: ProcessEnding) -> None:
        if event.pid == first.pid:
            ends.append(snapshot(first))

    session.bus.subscribe(SyscallEnter, called)
    session.bus.subscribe(ProcessEnding, ending)
    start = snapshot(first)
    result = session.finish()
    return Recording(program, result, start, tuple(marks), ends[0], tuple(faults), tuple(copies))


def snapshot(process: Process) -> Snapshot:
    """The page table of a process as it is now."""
    mm = process.mm
    tables = {2: mm.table.root_ppn}
    found = []
    for level, index, va, pte in entries(mm.memory, mm.table.root_ppn):
        found.append(Entry(tables[level], index, pte, level, va))
        if not pte & 0b1110:
            tables[level - 1] = pte >> 10
    system = mm.system
    return Snapshot(
        mm.table.root_ppn,
        tuple(found),
        tuple(VIEWS["maps"](mm).splitlines()),
        system.frames.used,
        mm.table.table_count,
        len(system.cache.owner),
    )
