"""The experiment of `toyvm compare`: build the same sources both ways, and measure both programs.

Each build runs by itself, without any library file in its file system, as several processes at
once, and with one library replaced. `observe.comparison` draws the conclusions from the
measurements. All figures except the link time are reproducible.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from .base.errors import UsageError
from .base.record import replace
from .base.resources import data_dir
from .base.sample_directives import LINKAGES
from .build import LibraryDir, Program, build_libraries, build_program, guest_libraries
from .elf.constants import SHF_ALLOC
from .elf.elf_file import ElfFile
from .guestfs import add_program
from .kernel.accounts.memory_report import memory_report
from .kernel.mm.vma import PROT_EXEC
from .kernel.proc.lifecycle import release_held
from .kernel.proc.process import Process
from .machine.physical_memory import PAGE_SIZE
from .machine.sv39 import pte_frame
from .observe.comparison import BuildFacts, Comparison, InstanceFacts, UpdateFacts, claims
from .result import RunResult
from .run_options import RunOptions
from .system import Session, Start, run

DEFAULT_INSTANCES = (1, 2, 4, 8)
_MARK = "[lib{name}.so: new version]"

Progress = Callable[[str], None]


def compare(
    sources: Sequence[Path],
    *,
    libs: Sequence[str] = (),
    instances: Sequence[int] = DEFAULT_INSTANCES,
    options: RunOptions | None = None,
    progress: Progress = lambda _: None,
) -> Comparison:
    """Build `sources` both ways against the guest libraries, run both, and compare.

    `instances` are the numbers of processes to keep alive at once, each from 1 to 64. Raises
    ToyvmError if the program cannot be built, UsageError if a number is out of range.
    """
    if not instances or min(instances) < 1 or max(instances) > 64:
        raise UsageError("--instances: expected numbers from 1 to 64")
    options = options or RunOptions()
    libraries = guest_libraries()
    facts = []
    for linkage in LINKAGES:
        progress(f"building and running the {linkage} program")
        built = build_program(sources, linkage=linkage, libs=libs, libraries=libraries)
        measured = _measure(built, libraries, options)
        progress(f"running {', '.join(map(str, instances))} {linkage} programs at once")
        facts.append((built, replace(measured, instances=_together(built, sorted(set(instances)), options))))
    progress("replacing the library")
    static, dynamic = _with_update(facts, options)
    return Comparison(Path(sources[0]).name, static, dynamic, claims(static, dynamic))


def _measure(built: Program, libraries: LibraryDir, options: RunOptions) -> BuildFacts:
    """Measure one build: on disk, at load, and at run time."""
    elf = ElfFile.parse(built.image, built.name)
    result = _run(built, replace(options, watch="main"))
    loaded = {name: _library_size(name, libraries, built) for name in result.libraries}
    return BuildFacts(
        linkage=built.linkage,
        file_size=len(built.image),
        sections={s.name: s.header.size for s in elf.sections if s.header.flags & SHF_ALLOC},
        link_seconds=built.link_seconds,
        libraries=loaded,
        load_relocations=result.load_relocations,
        lazy_relocations=result.lazy_relocations,
        symbol_lookups=result.symbol_lookups,
        instructions_to_main=result.watched,
        instructions=result.stats.instructions,
        faults={str(kind): n for kind, n in result.stats.faults.items() if n},
        status=result.status,
        stdout=result.stdout.decode("utf-8", "replace"),
        runs_alone=_runs_alone(built, result, options),
    )


def _run(built: Program, options: RunOptions) -> RunResult:
    return run(built, [built.name, *built.directives.args], options, capture=True)


def _library_size(name: str, libraries: LibraryDir, built: Program) -> int:
    own = built.files.get(f"/lib/{name}")
    return len(own) if own is not None else (libraries.path / name).stat().st_size


def _runs_alone(built: Program, before: RunResult, options: RunOptions) -> bool:
    """Whether the program behaves the same with no library file in the guest's file system."""
    alone = replace(
        built, files={path: data for path, data in built.files.items() if not path.startswith("/lib/")}
    )
    result = _run(alone, replace(options, libraries=False))
    return (result.status, result.stdout) == (before.status, before.stdout)


def _together(built: Program, numbers: Sequence[int], options: RunOptions) -> tuple[InstanceFacts, ...]:
    """The memory use of each of `numbers` processes, of one file and of separate files."""
    return tuple(
        run_together(built, number, separate, options) for separate in (False, True) for number in numbers
    )


def run_together(program: Program, number: int, separate: bool, options: RunOptions) -> InstanceFacts:
    """Run `number` processes of a program, hold each at its exit, and count their frames.

    With `separate`, each process runs its own copy of the file, as separate programs would. Child
    processes of the program are not held. The output is discarded.
    """
    session = Session(options, capture=True)
    kernel = session.kernel
    path = add_program(kernel.vfs, program)
    start = Start(program, [program.name, *program.directives.args])
    held = []
    for index in range(number):
        if separate and index:
            path = f"/bin/{program.name}.{index}"
            kernel.vfs.add_file(path, program.image)
        process = session.spawn(start, path)
        process.hold_at_exit = True
        held.append(process)
    kernel.run()
    report = memory_report(kernel)
    owners = Counter(frame for process in held for frame in _frames(process))
    text = {frame for process in held for frame in _frames(process, PROT_EXEC)}
    release_held(kernel)
    private = sum(count == 1 for count in owners.values())
    pss = tuple(round(process.usage.pss * PAGE_SIZE) for process in report.processes)
    return InstanceFacts(number, separate, private, len(owners) - private, len(owners), len(text), pss)


def _frames(process: Process, prot: int = 0) -> set[int]:
    """The frames mapped by the areas of a process that allow all of `prot`."""
    mm = process.mm
    return {
        pte_frame(pte) for area in mm.vmas if area.prot & prot == prot for _, pte in mm.map.resident(area)
    }


def _with_update(
    facts: Sequence[tuple[Program, BuildFacts]], options: RunOptions
) -> tuple[BuildFacts, BuildFacts]:
    """Replace a library of the dynamic build, and run both builds again without relinking."""
    (static, static_facts), (dynamic, dynamic_facts) = facts
    names = [name.removeprefix("lib").removesuffix(".so") for name in dynamic_facts.libraries]
    replaceable = [
        name
        for name in names
        if (data_dir("libs") / f"lib{name}").is_dir() or (data_dir("libs") / name).is_dir()
    ]
    if not replaceable:
        return static_facts, dynamic_facts
    # Prefer a library of the program's own subject to libc, which every program uses.
    name = next((name for name in replaceable if name != "c"), "c")
    with tempfile.TemporaryDirectory(prefix="toyvm-compare-") as folder:
        newer = _newer_library(name, Path(folder))
        return (
            replace(static_facts, update=_update(static, name, newer, options)),
            replace(dynamic_facts, update=_update(dynamic, name, newer, options)),
        )


def _newer_library(name: str, folder: Path) -> Mapping[str, bytes]:
    """A new version of library `name`: its initialiser prints a line.

    Returns its guest path and its bytes.
    """
    source = folder / "newer.s"
    source.write_text(_NEWER.format(mark=_MARK.format(name=name)))
    out = folder / "out"
    out.mkdir()
    build_libraries(data_dir("libs"), out, {name: [source]})
    return {f"/lib/lib{name}.so": (out / f"lib{name}.so").read_bytes()}


_NEWER = """\
# An initialiser of the new version of the library, which announces it on standard error.
        .section .rodata
message:
        .ascii  "{mark}\\n"
        .equ    LENGTH, . - message
        .text
announce:
        li      a0, 2
        lla     a1, message
        li      a2, LENGTH
        li      a7, 64                  # write
        ecall
        ret
        .section .init_array, "aw", @init_array
        .balign 8
        .dword  announce
"""


def _update(built: Program, name: str, newer: Mapping[str, bytes], options: RunOptions) -> UpdateFacts:
    result = _run(replace(built, files={**built.files, **newer}), options)
    mark = _MARK.format(name=name)
    shown = mark if mark in result.stderr.decode("utf-8", "replace") else ""
    return UpdateFacts(f"lib{name}.so", result.status, bool(shown), shown)
