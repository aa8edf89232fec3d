"""The command line of `toyvm run`, and of the commands that run a program their own way (`trace`, `top`)."""

from __future__ import annotations

from ..base.light_types import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

_SUFFIXES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
RECLAIM_POLICIES = ("clock", "lru", "fifo", "random", "second-chance", "wsclock")
THP_POLICIES = ("never", "madvise", "always")
MAX_READAHEAD = 512
ENGINES = ("auto", "llvm", "reference", "lockstep")
TRACES = ("faults", "cow", "swap", "syscalls", "process", "loader", "insn")


class Options:
    """The command line, read: each option with its default. argparse fills in what is given."""

    linkage: str | None = None
    with_: list[str] = []
    libs: list[str] = []
    env: list[str] = []
    sysroot: str | None = None
    interp: str = "auto"
    root: str | None = None
    memory: int = 64 << 20
    memory_limit: int = 0
    together: bool = False
    no_mmu: bool = False
    stack_at: list[int] = []
    overcommit: int = 0
    overcommit_ratio: int = 50
    ksm: int = 0
    swap: int = 0
    swap_readahead: int = 8
    readahead: int = 0
    thp: str = "never"
    fault_around: int = 1
    reclaim: str = "clock"
    dirty_ratio: int = 20
    engine: str = "auto"
    caching: bool = True
    max_instructions: int | None = None
    schedule_seed: int | None = None
    trace: list[str] = []
    stats: bool = False
    views: list[str] = []
    breakpoint: str = ""
    frames_picture: str | None = None
    layout_picture: str | None = None
    json: bool = False
    program: str = ""
    args: list[str] = []


def read(argv: list[str]) -> Options:
    """The options in `argv`. Where there is none, argparse is not even imported: most runs are short."""
    options = Options()
    if argv and not argv[0].startswith("-"):
        options.program, options.args = argv[0], argv[1:]
        return options
    return parser().parse_args(argv, namespace=options)


def parser() -> argparse.ArgumentParser:
    """The options of `toyvm run`."""
    import argparse

    from .options import HelpFormatter

    p = argparse.ArgumentParser(
        prog="toyvm run",
        formatter_class=HelpFormatter,
        usage="toyvm run [OPTION...] PROGRAM [ARG...]",
        description="Run a program: an ELF image, or .s and .o files, which are assembled and linked on the fly.",
    )
    build = p.add_argument_group("building (.s and .o files)")
    linkage = build.add_mutually_exclusive_group()
    linkage.add_argument(
        "--static", dest="linkage", action="store_const", const="static", help="link everything in (default)"
    )
    linkage.add_argument(
        "--dynamic", dest="linkage", action="store_const", const="dynamic", help="use shared libraries"
    )
    build.add_argument("--with", dest="with_", action="append", metavar="FILE", help="one more .s, .o or .a")
    build.add_argument("-l", dest="libs", action="append", metavar="LIB", help="one more library")
    world = p.add_argument_group("the guest's world")
    world.add_argument(
        "-E", dest="env", action="append", metavar="VAR=VAL", help="set an environment variable"
    )
    world.add_argument(
        "-L", "--sysroot", dest="sysroot", metavar="DIR", help="a system's files: DIR is the guest's /"
    )
    world.add_argument(
        "--interp", choices=("auto", "toyvm", "program"), metavar="WHOSE", help="who loads dynamic programs: auto, toyvm, program"
    )
    world.add_argument(
        "--root", metavar="DIR[:rw]", help="what the guest sees as / (default: this folder, read-only)"
    )
    world.add_argument("--memory", type=_size, metavar="SIZE", help="physical memory (default 64M)")
    world.add_argument(
        "--memory-limit",
        type=_size,
        metavar="SIZE",
        help="physical memory that each program may have, together with its children (default: no limit)",
    )
    world.add_argument(
        "--together",
        action="store_true",
        default=False,
        help="PROGRAM and each ARG is a program: run them all at once",
    )
    world.add_argument(
        "--no-mmu",
        action="store_true",
        default=False,
        help="run programs together in bare physical memory, each where it is linked, or at ADDR: PROGRAM[@ADDR]",
    )
    world.add_argument(
        "--stack-at",
        action="append",
        type=_address,
        metavar="ADDR",
        help="with --no-mmu: the top of a program's stack; the first is the first program's",
    )
    world.add_argument(
        "--overcommit",
        type=int,
        choices=(0, 1, 2),
        help="promise memory as vm.overcommit_memory says: 0 within reason, 1 always, 2 never more than there is",
    )
    world.add_argument(
        "--overcommit-ratio",
        type=_positive,
        metavar="PERCENT",
        help="how much of memory may be promised with --overcommit 2 (default 50)",
    )
    world.add_argument(
        "--ksm",
        type=_positive,
        metavar="PAGES",
        help="merge equal pages that programs offer (madvise), looking at PAGES every 20 ms of virtual time",
    )
    world.add_argument(
        "--swap", type=_size, metavar="SIZE", help="swap area, in a temporary file (default none)"
    )
    world.add_argument(
        "--reclaim",
        choices=RECLAIM_POLICIES,
        metavar="POLICY",
        help=f"which pages go when memory runs low: {', '.join(RECLAIM_POLICIES)} (default clock)",
    )
    world.add_argument(
        "--swap-readahead",
        type=_count,
        metavar="PAGES",
        help="read so many pages of swap at once (default 8)",
    )
    world.add_argument(
        "--dirty-ratio",
        type=_percent,
        metavar="PERCENT",
        help="write pages of mapped files back when so much of memory is dirty (default 20)",
    )
    world.add_argument(
        "--readahead",
        type=_readahead,
        metavar="PAGES",
        help="read so many pages ahead of a program that goes through a mapped file in order (default 0: none)",
    )
    world.add_argument(
        "--fault-around",
        type=_count,
        metavar="PAGES",
        help="map so many pages of a file by one fault, as far as they are in memory (default 1)",
    )
    world.add_argument(
        "--thp",
        choices=THP_POLICIES,
        help="megapages for 2 MiB of anonymous memory: never, for areas that ask (madvise), always (default never)",
    )
    world.add_argument("--engine", choices=ENGINES, help="how instructions are executed")
    world.add_argument(
        "--no-cache",
        dest="caching",
        action="store_false",
        default=True,
        help="neither use nor keep native code in the cache folder",
    )
    world.add_argument(
        "--max-instructions", type=int, metavar="N", help="stop after N instructions (exit 124)"
    )
    world.add_argument(
        "--schedule-seed",
        type=int,
        metavar="N",
        help="quanta of random lengths: each N lets processes interleave in another way",
    )
    show = p.add_argument_group("what to show (on stderr)")
    show.add_argument("--trace", action="append", metavar="WHAT,...", help=f"any of {', '.join(TRACES)}")
    show.add_argument("--stats", action="store_true", help="instructions, faults, frames, TLB misses, copies")
    for view, what in (
        ("maps", "memory map"),
        ("smaps", "map with what of each area is in memory, and whose"),
        ("pagetable", "page table, entry by entry"),
    ):
        show.add_argument(
            f"--{view}",
            dest="views",
            action="append_const",
            const=view,
            help=f"each process's {what} as it ends",
        )
    show.add_argument(
        "--break",
        dest="breakpoint",
        metavar="SYMBOL|0xADDRESS",
        help="show these when the program first gets there, not at the end",
    )
    show.add_argument(
        "--frames-picture",
        metavar="FILE",
        help="write a picture (SVG): every frame by owner and use, when most were in use as a process ended",
    )
    show.add_argument(
        "--layout-picture",
        metavar="FILE",
        help="write a picture (SVG): the areas of the program's memory as it ends, and what of each is in memory",
    )
    show.add_argument("--json", action="store_true", help="statistics and maps as JSON")
    p.add_argument("program", metavar="PROGRAM")
    p.add_argument("args", nargs=argparse.REMAINDER, metavar="ARG")
    return p


def _positive(text: str) -> int:
    if not text.isdigit() or not int(text):
        import argparse

        raise argparse.ArgumentTypeError(f"'{text}' is not a number above 0")
    return int(text)


def _address(text: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        import argparse

        raise argparse.ArgumentTypeError(f"'{text}' is not an address (0x200000)") from None


def _size(text: str) -> int:
    number, suffix = text.rstrip("bB"), ""
    if number[-1:].isalpha():
        number, suffix = number[:-1], number[-1].lower()
    if not number.isdigit() or suffix not in _SUFFIXES:
        import argparse

        raise argparse.ArgumentTypeError(f"'{text}' is not a size (64M, 1G, 4096)")
    return int(number) * _SUFFIXES[suffix]


def _percent(text: str) -> int:
    if not text.isdigit() or int(text) > 100:
        import argparse

        raise argparse.ArgumentTypeError(f"'{text}' is not a percentage")
    return int(text)


def _readahead(text: str) -> int:
    return 0 if text == "0" else _count(text)


def _count(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= MAX_READAHEAD:
        import argparse

        raise argparse.ArgumentTypeError(f"'{text}' is not a number of pages from 1 to {MAX_READAHEAD}")
    return int(text)
