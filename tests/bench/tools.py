"""The assembler, the linker and the reference engine, each beside what is known of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from tests.bench import programs_to_link, sources
from tests.bench.measure import cpu_seconds, interleaved, peak_mebibytes, progress
from tests.bench.settings import TOYVM, Settings
from tests.bench.tables import Column, Row, Table
from tests.support.oracles import GNU_AS, GNU_LD
from toyvm.base.resources import data_dir, write_atomically
from toyvm.build import build_program, guest_libraries

TABLE = Table(
    "assembler and linker, CPU seconds",
    (
        Column("what", "work"),
        Column("ours", "toyvm", ".3f"),
        Column("gnu", "GNU", ".3f"),
        Column("ratio", "ratio"),
        Column("peak", "MiB", ",d"),
        Column("gnu_peak", "GNU, MiB", ",d"),
        Column("aim", "aim"),
    ),
)
ENGINE = Table(
    "the reference engine",
    (
        Column("what", "program"),
        Column("instructions", "instructions", ",d"),
        Column("rate", "million/s", ".1f"),
        Column("aim", "aim"),
    ),
)


def rows(settings: Settings) -> Iterator[Row]:
    """`toyvm as` against GNU as on compiler output, `toyvm ld` against GNU ld on hello."""
    yield from _assemblies(settings)
    yield from _links(settings)


def _assemblies(settings: Settings) -> Iterator[Row]:
    folder = settings.folder
    progress("", about="as")
    for flags, aim in (((), "2.5 or less"), (("-g",), "3 or less")):
        text = sources.compiler_output(folder, settings.length(100_000), *flags)
        count = sum(1 for _ in text.open())
        yield _ratio(
            f"assemble {count:,} lines of gcc's {' '.join(flags)}".rstrip(),
            [*TOYVM, "as", str(text), "-o", str(folder / "ours.o")],
            [GNU_AS, str(text), "-o", str(folder / "gnu.o")],
            settings,
            aim,
        )
    for flags, aim in (((), "2.5 or less"), (("-g",), "3 or less")):
        if settings.quick:
            break  # SQLite is fetched
        text = programs_to_link.sqlite_assembly(folder, *flags)
        yield _ratio(
            f"assemble SQLite, gcc -O1 {' '.join(flags)}".rstrip(),
            [*TOYVM, "as", str(text), "-o", str(folder / "ours.o")],
            [GNU_AS, str(text), "-o", str(folder / "gnu.o")],
            settings,
            aim,
        )
    yield _ratio(
        "assemble hello.s; GNU: Python's start",
        [*TOYVM, "as", str(data_dir("asm") / "hello.s"), "-o", str(folder / "ours.o")],
        [sys.executable, "-c", "pass"],
        settings,
        "6 or less",
    )


def _links(settings: Settings) -> Iterator[Row]:
    folder = settings.folder
    progress("", about="ld")
    libraries = guest_libraries().path
    hello = folder / "hello.o"
    inputs = [str(libraries / "crt1.o"), str(hello), "-L", str(libraries), "-lc"]
    out = str(folder / "hello")
    cpu_seconds([*TOYVM, "as", str(data_dir("asm") / "hello.s"), "-o", str(hello)])
    objects = settings.length(2000)
    links: list[tuple[str, list[str], str | None]] = [
        ("link static hello", ["-static", *inputs], None),
        ("link static hello of glibc", programs_to_link.hello_link(folder), "8 or less"),
        (f"link {objects:,} objects", programs_to_link.web_of_objects(folder, objects, "-mno-relax"), "1.0"),
        (f"relax {objects:,} objects", programs_to_link.web_of_objects(folder, objects), "1.0"),
    ]
    if not settings.quick:
        text = programs_to_link.sqlite_assembly(folder)
        links.append(("relax static SQLite", programs_to_link.sqlite_link(folder, text), "0.8"))
    for what, words, aim in links:
        yield _ratio(what, [*TOYVM, "ld", "-o", out, *words], [GNU_LD, "-o", out, *words], settings, aim)


def _ratio(what: str, ours: list[str], gnu: list[str], settings: Settings, aim: str | None) -> Row:
    timings = interleaved({"ours": ours, "gnu": gnu}, settings.runs)
    mine, theirs = timings["ours"].median, timings["gnu"].median
    return {
        "what": what,
        "ours": mine,
        "gnu": theirs,
        "ratio": mine / theirs,
        "peak": peak_mebibytes(ours),
        "gnu_peak": peak_mebibytes(gnu),
        "aim": aim,
    }


def engine(settings: Settings) -> Iterator[Row]:
    """A loop with loads and stores: the difference between a long run and a short one, so without the start."""
    commands, counts = {}, {}
    for name, rounds in (("short", 10), ("long", settings.length(7000) + 10)):
        text, counts[name] = sources.memory_loop(rounds)
        source, image = settings.folder / f"{name}.s", settings.folder / name
        source.write_text(text)
        write_atomically(image, build_program([source], linkage="static").image, 0o755)
        commands[name] = [*TOYVM, "run", "--engine", "reference", str(image)]
    progress("", about="reference engine")
    timings = interleaved(commands, settings.runs)
    seconds = timings["long"].median - timings["short"].median
    instructions = counts["long"] - counts["short"]
    yield {
        "what": "two loads or stores in seven instructions",
        "instructions": instructions,
        "rate": instructions / seconds / 1e6,
        "aim": "1 or more",
    }
