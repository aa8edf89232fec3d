"""What the kernel costs: forks with copy on write, a storm of mappings, and starting at all."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.bench.images import build
from tests.bench.measure import Command, interleaved, progress
from tests.bench.settings import Cache, Settings
from tests.bench.tables import Cell, Column, Row, Table
from tests.support.oracles import QEMU
from toyvm.base.resources import data_dir, write_atomically
from toyvm.build import build_program

FORKS = 2000
MAPPINGS = 200_000
LINES = 200_000
TRIPS = 50_000  # of a byte through two pipes
HANDOVERS = 50_000  # of a turn from one thread to the other
START_RUNS = 21  # of a command that takes some hundredths of a second

CALLS = Table(
    "forks, mappings and system calls, CPU seconds",
    (
        Column("what", "program"),
        Column("length", "length", ",d"),
        Column("cold", "cold"),
        Column("warm", "warm"),
        Column("qemu", "qemu"),
        Column("native", "native"),
        Column("warm/qemu", "warm/qemu"),
        Column("cold/qemu", "cold/qemu"),
        Column("warm/native", "warm/native", ".1f"),
        Column("each", "us each", ",.1f"),
        Column("qemu each", "us, qemu", ",.1f"),
        Column("aim", "aim"),
    ),
)

START = Table(
    "starting, milliseconds of CPU time",
    (
        Column("what", "program"),
        Column("cold", "first run", ".1f"),
        Column("warm", "warm", ".1f"),
        Column("python", "python3", ".1f"),
        Column("warm/python", "warm/python"),
        Column("qemu", "qemu", ".1f"),
        Column("native", "native", ".1f"),
        Column("aim", "aim"),
    ),
)


def calls(settings: Settings) -> Iterator[Row]:
    """2,000 forks whose children write 64 pages of a touched 16 MiB heap; mapping, touching and unmapping 64 KiB;
    lines with one write(2) each; a byte through two pipes and back; turns of two threads by a condition variable.
    """
    if settings.wants("forks"):
        length = settings.length(FORKS)
        yield _compare("forks", length, (), (f"-DN={length}",), settings, "0.2 or less")
    if settings.wants("map_storm"):
        length = settings.length(MAPPINGS)
        yield _compare("map_storm", length, (str(length),), (), settings, "2 or less")
    for name, whole, aim in (
        ("lines", LINES, "4 or less"),
        ("pipe_trips", TRIPS, "5 or less"),
        ("handovers", HANDOVERS, "5 or less"),
    ):
        if settings.wants(name):
            length = settings.length(whole)
            yield _compare(name, length, (str(length),), (), settings, aim)


def _compare(
    name: str, length: int, words: tuple[str, ...], flags: tuple[str, ...], settings: Settings, aim: Cell
) -> Row:
    progress("building", about=name)
    image = build(name, settings.folder, flags=flags)
    native = build(name, settings.folder, native=True, flags=flags)
    timings = interleaved(
        {
            "cold": Cache(settings.folder / "cold").run_without_translations(image, *words),
            "warm": Cache(settings.folder / "warm").run(image, *words),
            "qemu": [QEMU, str(image), *words],
            "native": [str(native), *words],
        },
        settings.runs,
    )
    cold, warm, qemu, host = (timings[way].median for way in ("cold", "warm", "qemu", "native"))
    return {
        "what": name,
        "length": length,
        "cold": cold,
        "warm": warm,
        "qemu": qemu,
        "native": host,
        "warm/qemu": warm / qemu,
        "cold/qemu": cold / qemu,
        "warm/native": warm / host,
        "each": warm / length * 1e6,
        "qemu each": qemu / length * 1e6,
        "aim": aim,
    }


def starts(settings: Settings) -> Iterator[Row]:
    """`toyvm run` of hello: our own library's, statically and dynamically linked, and glibc's, against `python3 -c pass`.

    The first run has an empty cache folder: what comes from no program is the installation's.
    """
    folder = settings.folder
    images: dict[str, Path] = {}
    for linkage in ("static", "dynamic"):
        images[linkage] = folder / f"hello-{linkage}"
        program = build_program([data_dir("asm") / "hello.s"], linkage=linkage)
        write_atomically(images[linkage], program.image, 0o755)
    images["static, glibc"] = build("hello", folder)
    warm, cold = Cache(folder / "warm"), Cache(folder / "cold")
    commands: dict[str, Command | list[str]] = {
        "python": [sys.executable, "-c", "pass"],
        "qemu": [QEMU, str(images["static, glibc"])],
        "native": [str(build("hello", folder, native=True))],
    }
    commands |= {name: warm.run(image) for name, image in images.items()}
    progress("", about="hello")
    runs = max(3, START_RUNS // 5) if settings.quick else START_RUNS
    timings = interleaved(commands, runs)
    first = interleaved(
        {name: cold.run_without_anything(image) for name, image in images.items()},
        settings.runs,
        warm_up=False,
    )
    shutil.rmtree(cold.folder)
    ms = {name: timing.median * 1000 for name, timing in timings.items()}
    for name in images:
        yield {
            "what": f"hello, {name}",
            "cold": first[name].median * 1000,
            "warm": ms[name],
            "python": ms["python"],
            "warm/python": ms[name] / ms["python"],
            "qemu": ms["qemu"] if "glibc" in name else None,
            "native": ms["native"] if "glibc" in name else None,
            "aim": "2.5 or less",
        }
