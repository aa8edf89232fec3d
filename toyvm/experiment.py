"""The experiment behind `toyvm compare`: build the same sources statically and dynamically, and measure both.

Each build is run alone, without any library in reach, many at once, and with its library replaced; what is found goes
into `observe.comparison`, which draws the conclusions. All figures but the link time are the same on every run.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from toyvm.base.record import replace

from .base.errors import UsageError
from .base.record import replace as changed
from .base.resources import data_dir
from .base.sample_directives import LINKAGES
from .build import LibraryDir, build_libraries, build_program, guest_libraries
from .elf.constants import SHF_ALLOC
from .elf.elf_file import ElfFile
from .observe.comparison import BuildFacts, Comparison, InstanceFacts, UpdateFacts, claims
from .program import Program
from .result import RunResult
from .run_options import RunOptions
from .system import run, run_together

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

    `instances` are the numbers of processes to have alive at once. Raises ToyvmError when the program cannot be built,
    UsageError when a number makes no sense.
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
    """One build on disk, at load and while it runs."""
    elf = ElfFile.parse(built.image, built.name)
    result = _run(built, changed(options, watch="main"))
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
    beside = built.files.get(f"/lib/{name}")
    return len(beside) if beside is not None else (libraries.path / name).stat().st_size


def _runs_alone(built: Program, before: RunResult, options: RunOptions) -> bool:
    """Whether the program does the same with no library file in the guest's file system."""
    alone = changed(
        built, files={path: data for path, data in built.files.items() if not path.startswith("/lib/")}
    )
    result = _run(alone, changed(options, libraries=False))
    return (result.status, result.stdout) == (before.status, before.stdout)


def _together(built: Program, numbers: Sequence[int], options: RunOptions) -> tuple[InstanceFacts, ...]:
    """Memory with each of `numbers` processes alive at once: of one file, and each of a file of its own."""
    return tuple(
        run_together(built, number, separate=separate, options=options)
        for separate in (False, True)
        for number in numbers
    )


def _with_update(
    facts: Sequence[tuple[Program, BuildFacts]], options: RunOptions
) -> tuple[BuildFacts, BuildFacts]:
    """Both builds run once more after the dynamic one's library was replaced, with nothing linked again."""
    (static, static_facts), (dynamic, dynamic_facts) = facts
    names = [name.removeprefix("lib").removesuffix(".so") for name in dynamic_facts.libraries]
    ours = [
        name
        for name in names
        if (data_dir("libs") / f"lib{name}").is_dir() or (data_dir("libs") / name).is_dir()
    ]
    if not ours:
        return static_facts, dynamic_facts
    # The library nearest to the program tells most: libc only when there is no other.
    name = next((name for name in ours if name != "c"), "c")
    with tempfile.TemporaryDirectory(prefix="toyvm-compare-") as folder:
        newer = _newer_library(name, Path(folder))
        return (
            replace(static_facts, update=_update(static, name, newer, options)),
            replace(dynamic_facts, update=_update(dynamic, name, newer, options)),
        )


def _newer_library(name: str, folder: Path) -> Mapping[str, bytes]:
    """All guest libraries built anew, `name` with one source more, whose initialiser says that it is there."""
    source = folder / "newer.s"
    source.write_text(_NEWER.format(mark=_MARK.format(name=name)))
    out = folder / "out"
    out.mkdir()
    build_libraries(data_dir("libs"), out, {name: [source]})
    return {f"/lib/lib{name}.so": (out / f"lib{name}.so").read_bytes()}


_NEWER = """\
# What a new version of the library does before anything else: it says so, on standard error.
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
    result = _run(changed(built, files={**built.files, **newer}), options)
    mark = _MARK.format(name=name)
    shown = mark if mark in result.stderr.decode("utf-8", "replace") else ""
    return UpdateFacts(f"lib{name}.so", result.status, bool(shown), shown)
