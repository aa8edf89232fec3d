"""What the kernel's memory paths cost each time: faults by kind, forks by size, mappings by how many there are.

Each figure is a difference of two lengths of the same program divided by the difference, so that start-up and warming up
are not in it: microseconds of CPU time (user and system) for one fault, fork or round.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tests.bench.images import build
from tests.bench.measure import Command, interleaved, progress
from tests.bench.settings import Cache, Settings
from tests.bench.tables import Column, Row, Table
from tests.support.oracles import QEMU

PAGES = 4096  # of faults.c
KINDS = {"demand zero": 1, "read of the zero page": 2, "copy on write": 3, "minor file fault": 4}
MEGAPAGES = "demand zero by megapages, a page"
SIZES = {16: (40, 240), 256: (40, 1200), 1024: (10, 300)}  # MiB of a touched heap: forks, short and long
AREAS = (0, 10, 1000, 10_000, 60_000, 100_000)
HOST_AREAS = 65_530  # more than that Linux allows only where vm.max_map_count says so
MEMORIES = ("8M", "64M", "512M", "4G")  # 2,000 to 1,000,000 frames


def _table(title: str) -> Table:
    ways = ("toyvm", "reference", "qemu", "native")
    columns = [Column("what", "what"), *(Column(way, f"{way}, us", ",.1f") for way in ways)]
    return Table(title, (*columns, Column("ratio", "toyvm/qemu")))


def _difference(
    ways: Mapping[str, tuple[Sequence[str] | Command, Sequence[str] | Command]], count: int, runs: int
) -> Row:
    """Microseconds for each of `count` more events in the second command of each way than in the first.

    No figure is given where the second command takes no longer: the events are lost in the host's noise.
    """
    commands = {(way, end): command for way, pair in ways.items() for end, command in enumerate(pair)}
    timings = interleaved({f"{way} {end}": command for (way, end), command in commands.items()}, runs)
    row: Row = {}
    for way in ways:
        short, long = (timings[f"{way} {end}"].median for end in (0, 1))
        row[way] = (long - short) / count * 1e6 if long > short else None
    if row.get("qemu") and row["toyvm"]:
        row["ratio"] = float(row["toyvm"]) / float(row["qemu"] or 1)
    return row


def _ways(
    settings: Settings,
    name: str,
    flags: tuple[str, str],
    *,
    reference: bool = True,
    options: tuple[str, ...] = (),
    others: bool = True,
) -> dict[str, tuple[Sequence[str] | Command, Sequence[str] | Command]]:
    """The program built twice, with each of `flags`, and run on every engine, qemu and the host."""
    cache = Cache(settings.folder / "cache")
    ends: list[dict[str, Sequence[str] | Command]] = []
    for number, flag in enumerate(flags):
        folder = settings.folder / str(number)
        folder.mkdir(exist_ok=True)
        image = build(name, folder, flags=tuple(flag.split()))
        end: dict[str, Sequence[str] | Command] = {"toyvm": cache.run(*options, image)}
        if reference:
            end["reference"] = cache.run(*options, "--engine", "reference", image)
        if others:
            end["qemu"] = [QEMU, str(image)]
            end["native"] = [str(build(name, folder, native=True, flags=tuple(flag.split())))]
        ends.append(end)
    return {way: (ends[0][way], ends[1][way]) for way in ends[0]}


def faults(settings: Settings) -> Iterator[Row]:
    """One page fault, by kind; the program does 4,096 of them a round. COW includes its share of a fork.

    With megapages a fault is for 512 pages; the figure is for one of them, and the host and qemu are as they are."""
    short, long = 2, 2 + settings.length(20)
    for name, kind in {**KINDS, MEGAPAGES: KINDS["demand zero"]}.items():
        progress("building", about=name)
        flags = (f"-DKIND={kind} -DROUNDS={short}", f"-DKIND={kind} -DROUNDS={long}")
        options = ("--thp", "always") if name == MEGAPAGES else ()
        ways = _ways(settings, "faults", flags, options=options, others=name != MEGAPAGES)
        yield {"what": name, **_difference(ways, (long - short) * PAGES, settings.runs)}


def heaps(settings: Settings) -> Iterator[Row]:
    """One fork with exit and wait, the child writing 64 pages, by the size of the touched heap."""
    for mib, (short, long) in SIZES.items():
        progress("building", about=f"fork of {mib} MiB")
        flags = (f"-DMIB={mib} -DN={short}", f"-DMIB={mib} -DN={long}")
        ways = _ways(settings, "forks", flags, reference=False, options=("--memory", f"{2 * mib + 32}M"))
        yield {"what": f"{mib} MiB", **_difference(ways, long - short, settings.runs)}


def areas(settings: Settings) -> Iterator[Row]:
    """Map 64 KiB, touch a page, unmap, by the number of other areas."""
    short = 2000
    long = short + settings.length(20_000)
    for count in AREAS:
        progress("building", about=f"{count} areas")
        flags = (f"-DN={short} {_areas(count)}", f"-DN={long} {_areas(count)}")
        options, others = ("--memory", "256M"), count < HOST_AREAS
        ways = _ways(settings, "storm", flags, reference=False, options=options, others=others)
        yield {"what": f"{count:,} areas", **_difference(ways, long - short, settings.runs)}


def _areas(count: int) -> str:
    """The compiler's flags for so many areas."""
    more = "" if count < HOST_AREAS else f" -DMAX_MAP_COUNT={count + 1000}"
    return f"-DAREAS={count}{more}"


def frames(settings: Settings) -> Iterator[Row]:
    """A demand-zero fault, by the size of physical memory and by the number of other areas."""
    short, long = 8, 8 + settings.length(1600)
    cases = [(f"{size} of memory", size, 0) for size in MEMORIES]
    cases += [(f"{count:,} areas", MEMORIES[-2], count) for count in AREAS]
    for what, size, count in cases:
        progress("building", about=what)
        flags = (
            f"-DPAGES=512 -DROUNDS={short} {_areas(count)}",
            f"-DPAGES=512 -DROUNDS={long} {_areas(count)}",
        )
        ways = _ways(settings, "faults", flags, reference=False, options=("--memory", size), others=False)
        yield {"what": what, **_difference(ways, (long - short) * 512, settings.runs)}


GROUPS = {
    "faults": (_table("one page fault"), faults),
    "heaps": (_table("one fork, its child writing 64 pages"), heaps),
    "areas": (_table("map, touch and unmap 64 KiB"), areas),
    "frames": (_table("one demand-zero fault"), frames),
}
