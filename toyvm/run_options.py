"""The options of a run, each declared once: type, default, unit, range, help, and flags.

Every other form of an option is derived from its declaration:

    Limits            the options that the kernel reads
    RunOptions        the options of `system.run` and the Python API: Limits, the guest's files
                      and environment, and what to record
    CommandOptions    the options of `toyvm run`: RunOptions, and those of the command line alone
    rows              the declarations by field name, from which argparse's options
                      (`cli/run_parser.py`), shell completion and docs/reference/options.md
                      (`cli/options_page.py`) are made

An option without flags can be set only from Python; an option of CommandOptions only on the command
line. This module is a layer below the kernel and imports none of the modules that implement the
options. `base/options.py` defines what a declaration is.
"""

from __future__ import annotations

from os import PathLike

from .base.light_types import TYPE_CHECKING
from .base.options import Option, OptionRecord, option

if TYPE_CHECKING:
    from collections.abc import Iterable

DEFAULT_DATE = "1700000000"
PAGE = 4096
MAX_WINDOW = 512  # the most pages that one fault reads or maps

RECLAIM_POLICIES = ("clock", "lru", "fifo", "random", "second-chance", "wsclock")
THP_POLICIES = ("always", "madvise", "never")
ENGINES = ("auto", "llvm", "native", "reference", "lockstep")
TRACES = ("faults", "cow", "swap", "syscalls", "process", "loader", "insn")
NETS = ("machine", "loopback-host")
VIEWS = ("maps", "smaps", "pagetable")

BUILDING = "building (.s and .o files)"
WORLD = "files and environment"
MACHINE = "the machine"
MEMORY = "memory management"
PROGRAMS = "several programs at once"
SHOWING = "what to show (on standard error)"
GROUPS = (BUILDING, WORLD, MACHINE, MEMORY, PROGRAMS, SHOWING)


def environment(env: Iterable[tuple[str, str | None]], everything: bool = False) -> list[str]:
    """The variables that a guest gets, as NAME=VALUE.

    A value of None is the host's; a variable that the host does not have is left out. With
    `everything` the host's variables come first. The last value of a name counts.
    """
    import os  # few runs set variables

    values = dict(os.environ) if everything else {}
    for name, value in env:
        values.pop(name, None)
        value = os.environ.get(name) if value is None else value
        if value is not None:
            values[name] = value
    return [f"{name}={value}" for name, value in values.items()]


class Limits(OptionRecord):
    """The options that the kernel reads."""

    cpus: int = option(
        default=1,
        flags="--cpus",
        group=MACHINE,
        metavar="COUNT",
        unit="processors",
        lowest=1,
        highest=64,
        help="tell programs that the machine has this many processors; threads still run one at a time",
    )
    date: str = option(
        default=DEFAULT_DATE,
        flags="--date",
        group=WORLD,
        metavar="now|SECONDS|ISO",
        unset="1700000000, which is 2023-11-14T22:13:20Z",
        help="set the date at which virtual time starts: the host's, seconds since 1970, or YYYY-MM-DD[THH:MM[:SS]] in UTC",
    )

    interp: str = option(
        default="auto",
        flags="--interp",
        group=WORLD,
        metavar="LOADER",
        choices=("auto", "program", "toyvm"),
        help="choose the dynamic loader: program is the one in PT_INTERP, toyvm is the built-in one, "
        "auto is the one in PT_INTERP if the guest's files include it",
    )
    net: str = option(
        default="machine",
        flags="--net",
        group=WORLD,
        metavar="NETWORK",
        choices=NETS,
        help="say whom sockets reach: machine is other sockets of this machine and nobody else; with loopback-host a "
        "connection or a datagram to 127.0.0.1 or ::1, to a port that no program of the machine has, goes to this host's "
        "loopback, and such a run is not repeatable",
    )
    memory_limit: int = option(
        default=0,
        flags="--memory-limit",
        group=MEMORY,
        metavar="SIZE",
        unit="bytes",
        lowest=0,
        unset="no limit",
        excluded_by="no_mmu",
        reason="without an MMU a program's memory is fixed when it is loaded",
        help="limit the physical memory of each program, counted together with its descendants",
    )
    overcommit: int = option(
        default=0,
        flags="--overcommit",
        group=MEMORY,
        metavar="MODE",
        choices=(0, 1, 2),
        help="set vm.overcommit_memory: 0 refuses only requests that cannot fit, 1 accepts every request, "
        "2 accepts only what memory and swap can back",
    )
    overcommit_ratio: int = option(
        default=50,
        flags="--overcommit-ratio",
        group=MEMORY,
        metavar="PERCENT",
        unit="percent",
        lowest=1,
        help="set vm.overcommit_ratio: the part of physical memory that counts for --overcommit 2",
    )
    swap: int = option(
        default=0,
        flags="--swap",
        group=MEMORY,
        metavar="SIZE",
        unit="bytes",
        lowest=0,
        unset="no swap area",
        excluded_by="no_mmu",
        reason="without an MMU no page can be swapped out",
        help="provide a swap area of this size, in a temporary file",
    )
    swap_readahead: int = option(
        default=8,
        flags="--swap-readahead",
        group=MEMORY,
        metavar="PAGES",
        unit="pages",
        lowest=1,
        highest=MAX_WINDOW,
        help="read this many neighbouring slots of the swap area in one fault",
    )
    reclaim: str = option(
        default="clock",
        flags="--reclaim",
        group=MEMORY,
        metavar="POLICY",
        choices=RECLAIM_POLICIES,
        help="choose the policy that selects pages for reclaim when memory runs low",
    )
    dirty_ratio: int = option(
        default=20,
        flags="--dirty-ratio",
        group=MEMORY,
        metavar="PERCENT",
        unit="percent",
        lowest=0,
        highest=100,
        help="write dirty pages of mapped files back when they reach this part of memory",
    )
    readahead: int = option(
        default=0,
        flags="--readahead",
        group=MEMORY,
        metavar="PAGES",
        unit="pages",
        lowest=0,
        highest=MAX_WINDOW,
        unset="no read-ahead",
        help="read up to this many pages ahead of a program that reads a mapped file in order",
    )
    fault_around: int = option(
        default=1,
        flags="--fault-around",
        group=MEMORY,
        metavar="PAGES",
        unit="pages",
        lowest=1,
        highest=MAX_WINDOW,
        help="map up to this many cached pages of a file in one fault",
    )
    thp: str = option(
        default="never",
        flags="--thp",
        group=MEMORY,
        metavar="POLICY",
        choices=THP_POLICIES,
        excluded_by="no_mmu",
        reason="without an MMU there are no pages",
        help="back aligned 2 MiB of anonymous memory by a megapage: always, in areas with MADV_HUGEPAGE, or never",
    )
    ksm: int = option(
        default=0,
        flags="--ksm",
        group=MEMORY,
        metavar="PAGES",
        unit="pages",
        lowest=0,
        unset="off until the guest starts it",
        help="merge equal pages in areas with MADV_MERGEABLE: scan this many pages every 20 ms of virtual time",
    )
    no_mmu: bool = option(
        default=False,
        flags="--no-mmu",
        group=PROGRAMS,
        help="run the programs together in bare physical memory; a program is loaded where it is linked, "
        "or at ADDR: PROGRAM[@ADDR]",
    )
    max_instructions: int | None = option(
        default=None,
        flags="--max-instructions",
        group=MACHINE,
        metavar="N",
        unit="instructions",
        lowest=0,
        unset="no limit",
        help="stop the run with status 124 after this many instructions",
    )
    max_syscalls: int | None = option(
        default=None,
        flags="--max-syscalls",
        group=MACHINE,
        metavar="N",
        unit="system calls",
        lowest=0,
        unset="no limit",
        help="stop the run with status 124 after this many system calls",
    )
    max_faults: int | None = option(
        default=None,
        flags="--max-faults",
        group=MACHINE,
        metavar="N",
        unit="page faults",
        lowest=0,
        unset="no limit",
        help="stop the run with status 124 after this many page faults",
    )
    max_output: int | None = option(
        default=None,
        flags="--max-output",
        group=MACHINE,
        metavar="SIZE",
        unit="bytes",
        lowest=0,
        unset="no limit",
        help="stop the run with status 124 when the programs write more than this to standard output and error together",
    )
    virtual_seconds: float | None = option(
        default=None,
        group=MACHINE,
        unit="seconds",
        lowest=0,
        unset="no limit",
        help="stop the run with status 124 after this much virtual time",
    )
    quantum: int = option(
        default=10_000,
        group=MACHINE,
        unit="instructions",
        lowest=1,
        help="let a process run for at most this many instructions before the next one is dispatched",
    )
    schedule_seed: int | None = option(
        default=None,
        flags="--schedule-seed",
        group=MACHINE,
        metavar="N",
        unset="all quanta have the same length",
        help="draw the length of each quantum from this seed, so that processes interleave differently",
    )
    seed: int = option(
        default=0, group=MACHINE, help="seed the numbers of getrandom(2), AT_RANDOM and the random policy"
    )
    processes: int = option(
        default=1000,
        flags="--processes",
        group=MACHINE,
        metavar="COUNT",
        unit="processes",
        lowest=1,
        help="allow at most this many processes and threads at the same time",
    )
    open_files: int = option(
        default=1024,
        flags="--open-files",
        group=WORLD,
        metavar="COUNT",
        unit="descriptors",
        lowest=3,
        help="allow each process at most this many open descriptors",
    )
    memfs_bytes: int = option(
        default=256 << 20,
        flags="--memory-files",
        group=WORLD,
        metavar="SIZE",
        unit="bytes",
        lowest=0,
        help="allow at most this much data in files that are kept in memory (/tmp, /dev/shm, memfd)",
    )
    disk_limit: int = option(
        default=1 << 30,
        flags="--disk-limit",
        group=WORLD,
        metavar="SIZE",
        unit="bytes",
        lowest=0,
        help="let the guest add at most this much to the disk of a writable root (--root DIR:rw); it gets ENOSPC after that",
    )


class RunOptions(Limits):
    """The options of one run. docs/reference/options.md lists them."""

    root: str | PathLike[str] | None = option(
        default=None,
        flags="--root",
        group=WORLD,
        metavar="DIR[:rw]",
        unset="the current folder, read-only",
        help="make this folder the guest's root directory, writable with :rw; an empty DIR is an empty directory in "
        "memory, which the guest can write to",
    )
    root_writable: bool = option(
        default=False, group=WORLD, help="let the guest write to `root` (the :rw of --root)"
    )
    sysroot: str | PathLike[str] | None = option(
        default=None,
        flags="--sysroot -L",
        group=WORLD,
        metavar="DIR",
        help="make DIR the guest's root directory, read-only: the files of another system, or a folder with "
        "lib/; programs start in the current folder, which keeps its path",
    )
    libraries: bool = option(default=True, group=WORLD, help="put the guest libraries into /lib")
    env: tuple[tuple[str, str | None], ...] = option(
        default=(),
        flags="-E --env",
        group=WORLD,
        metavar="NAME[=VALUE]",
        help="put a variable into the guest's environment, which is empty otherwise; without a value, "
        "with the value it has here, if any; may be repeated, and the last one counts",
    )
    env_all: bool = option(
        default=False,
        flags="--env-all",
        group=WORLD,
        help="put all variables of this environment into the guest's",
    )
    memory: int = option(
        default=2 << 30,
        flags="--memory",
        group=MACHINE,
        metavar="SIZE",
        unit="bytes",
        lowest=PAGE,
        help="set the size of physical memory; the host's memory is used only for frames in use",
    )
    engine: str = option(
        default="auto",
        flags="--engine",
        group=MACHINE,
        metavar="ENGINE",
        choices=ENGINES,
        help="choose the engine: llvm translates hot code to native code, native executes cold code in native code, "
        "too, auto is native where LLVM is available, reference interprets in Python, lockstep runs native and "
        "reference and compares them",
    )
    caching: bool = option(
        default=True,
        group=MACHINE,
        constants={
            "--no-cache": (False, "do not load native code from the cache folder, and do not store any")
        },
        help="load native code of earlier runs from the cache folder, and store new code there",
    )
    trace: frozenset[str] = option(
        default=frozenset(),
        flags="--trace",
        group=SHOWING,
        metavar="WHAT,...",
        choices=TRACES,
        help="write a line for each of these events; may be repeated",
    )
    trace_file: str | PathLike[str] | None = option(
        default=None,
        flags="--trace-file",
        group=SHOWING,
        metavar="FILE",
        unset="standard error",
        help="write the lines of --trace to this file",
    )
    views: frozenset[str] = option(
        default=frozenset(),
        group=SHOWING,
        choices=VIEWS,
        constants={
            "--maps": ("maps", "show the memory map of each process when it ends"),
            "--smaps": ("smaps", "show the memory map with the memory use of each area"),
            "--pagetable": ("pagetable", "show the page table, entry by entry"),
        },
        help="show these views of each process's memory when it ends",
    )
    breakpoint: str = option(
        default="",
        flags="--break",
        group=SHOWING,
        metavar="SYMBOL|0xADDRESS|FILE:LINE",
        help="show the backtrace, the registers and the views when a process reaches this place",
    )
    break_count: int = option(
        default=1,
        flags="--break-count",
        group=SHOWING,
        metavar="N",
        lowest=1,
        help="with --break, let a process pass the place N - 1 times before",
    )
    trace_range: tuple[str, ...] = option(
        default=(),
        flags="--trace-range",
        group=SHOWING,
        metavar="FUNCTION|0xSTART-0xEND",
        help="with --trace=insn, trace the instructions in this function or range of addresses only; may be repeated",
    )
    watch: str = option(
        default="",
        group=SHOWING,
        help="count the instructions before this symbol of the program is first reached, for `RunResult.watched`",
    )


class CommandOptions(RunOptions):
    """The options of `toyvm run`: those of the run, and what to build, to start and to print."""

    linkage: str | None = option(
        default=None,
        group=BUILDING,
        constants={
            "--static": ("static", "link statically (default)"),
            "--dynamic": ("dynamic", "link against the shared libraries"),
        },
        help="how sources are linked",
    )
    with_: tuple[str, ...] = option(
        default=(),
        flags="--with",
        group=BUILDING,
        metavar="FILE",
        help="add a .s, .o or .a file to the link; may be repeated",
    )
    libs: tuple[str, ...] = option(
        default=(),
        flags="-l",
        group=BUILDING,
        metavar="LIB",
        help="add a library to the link, from the folder of -L or the guest libraries; may be repeated",
    )
    together: bool = option(
        default=False,
        flags="--together",
        group=PROGRAMS,
        help="take PROGRAM and each ARG as programs, and run them all at once",
    )
    stack_at: tuple[int, ...] = option(
        default=(),
        flags="--stack-at",
        group=PROGRAMS,
        metavar="ADDR",
        unit="address",
        help="with --no-mmu, set the top of a program's stack; the first one is for the first program",
    )
    stats: bool = option(
        default=False,
        flags="--stats",
        group=SHOWING,
        help="show the counts of instructions, faults, frames, TLB misses and copies",
    )
    frames_picture: str | None = option(
        default=None,
        flags="--frames-picture",
        group=SHOWING,
        metavar="FILE",
        help="draw the owner and the use of every frame (SVG), at the process end with the most frames in use",
    )
    trace_out: str | None = option(
        default=None,
        flags="--trace-out",
        group=SHOWING,
        metavar="FILE",
        help="write a timeline for Perfetto or chrome://tracing (JSON)",
    )
    layout_picture: str | None = option(
        default=None,
        flags="--layout-picture",
        group=SHOWING,
        metavar="FILE",
        help="draw the areas of the program's memory when it ends, and which pages are resident (SVG)",
    )
    json: bool = option(
        default=False, flags="--json", group=SHOWING, help="write statistics and views as JSON"
    )
    report_file: str | None = option(
        default=None,
        flags="--report-file",
        group=SHOWING,
        metavar="FILE",
        unset="standard error",
        help="write statistics and views to this file, with --json as JSON and nothing else",
    )
    program: str = option(
        default="",
        metavar="PROGRAM",
        help="an ELF image, or a .s or .o file to be built; .s, .o and .a files that follow a source are part of the "
        "program too, and `--` ends them",
    )
    args: tuple[str, ...] = option(default=(), metavar="ARG", help="the arguments of the program")

    @staticmethod
    def spelling(row: Option) -> str:
        return row.flags[0] if row.flags else row.name
