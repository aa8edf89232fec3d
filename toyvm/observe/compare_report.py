"""Reports of a comparison: a table for the terminal, and an HTML page with plots."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from html import escape

from .comparison import BuildFacts, Comparison, InstanceFacts, UpdateFacts
from .html_page import document, plot
from .pictures import svg

Row = tuple[str, str, str]


def rows(result: Comparison) -> Iterator[tuple[str, list[Row]]]:
    """(heading, rows) for each group of figures; a row is (what, static, dynamic)."""
    s, d = result.static, result.dynamic
    yield (
        "On disk",
        [
            ("file size, bytes (below: sections in memory)", f"{s.file_size:,}", f"{d.file_size:,}"),
            *_pairs(s.sections, d.sections, "  {}"),
            ("libraries needed", ", ".join(s.libraries) or "none", ", ".join(d.libraries) or "none"),
            *_pairs(s.libraries, d.libraries, "  {}, bytes"),
            ("link time, ms", f"{s.link_seconds * 1000:.0f}", f"{d.link_seconds * 1000:.0f}"),
        ],
    )
    yield (
        "At load and at the first call",
        [
            _sum_row("relocations at load", s.load_relocations, d.load_relocations),
            *_pairs(s.load_relocations, d.load_relocations, "  {}"),
            _sum_row("bound lazily", s.lazy_relocations, d.lazy_relocations),
            *_pairs(s.lazy_relocations, d.lazy_relocations, "  {}"),
            ("symbol look-ups", f"{s.symbol_lookups:,}", f"{d.symbol_lookups:,}"),
        ],
    )
    yield (
        "At run time",
        [
            ("instructions to main", _number(s.instructions_to_main), _number(d.instructions_to_main)),
            ("instructions in all", f"{s.instructions:,}", f"{d.instructions:,}"),
            _sum_row("page faults", s.faults, d.faults),
            *_pairs(s.faults, d.faults, "  {}"),
            ("exit status", str(s.status), str(d.status)),
        ],
    )
    for separate, heading in (
        (False, "Processes of one file at once"),
        (True, "Programs, each its own file, at once"),
    ):
        group = _instance_rows(result, separate)
        if group:
            yield f"{heading}: frames (shared, text), mean PSS", group
    if s.update and d.update:
        yield (
            f"After replacing {d.update.library}, without relinking",
            [("library in use", _age(s.update), _age(d.update))],
        )


def _age(update: UpdateFacts) -> str:
    return "new" if update.takes_new else "old"


def _pairs(a: Mapping[str, int], b: Mapping[str, int], label: str) -> list[Row]:
    return [(label.format(k), _number(a.get(k)), _number(b.get(k))) for k in dict.fromkeys([*a, *b])]


def _sum_row(label: str, a: Mapping[str, int], b: Mapping[str, int]) -> Row:
    return label, f"{sum(a.values()):,}", f"{sum(b.values()):,}"


def _number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _instance_rows(result: Comparison, separate: bool) -> list[Row]:
    pairs = zip(
        _of_kind(result.static, separate),
        _of_kind(result.dynamic, separate),
        strict=True,
    )
    return [(str(a.instances), _frames(a), _frames(b)) for a, b in pairs]


def _of_kind(build: BuildFacts, separate: bool) -> list[InstanceFacts]:
    return [row for row in build.instances if row.separate is separate]


def _frames(row: InstanceFacts) -> str:
    return f"{row.total} ({row.shared}, {row.text}), {sum(row.pss) // len(row.pss) // 1024 if row.pss else 0} KiB"


def text_table(result: Comparison, width: int | None = None, *, color: bool = False) -> str:
    """The comparison as a table. The default width is that of the terminal, or 110."""
    # The page and JSON do not need rich.
    import io
    import sys

    from rich.console import Console
    from rich.table import Table

    terminal = sys.stdout.isatty()
    console = Console(
        file=io.StringIO(),
        force_terminal=color,
        no_color=not color,
        width=width or (None if terminal else 110),
    )
    table = Table(title=f"{result.program}: static against dynamic", title_justify="left")
    table.add_column("")
    table.add_column("static", justify="right")
    table.add_column("dynamic", justify="right")
    for heading, group in rows(result):
        table.add_row(f"[bold]{heading}[/bold]", "", "")
        for row in group:
            table.add_row(*row)
        table.add_section()
    console.print(table)
    for claim in result.claims:
        console.print(f"{'yes' if claim.holds else 'NO '}  {claim.text}.", highlight=False)
        console.print(f"     {claim.figures}", highlight=False)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def html_page(result: Comparison) -> str:
    """A self-contained HTML page with the claims, plots, the table, and the outputs."""
    s, d = result.static, result.dynamic
    parts = [
        f"<h1>{escape(result.program)}: static against dynamic linking</h1>",
        "<p class=key><i style='background:var(--a)'></i>static<i style='background:var(--b)'></i>dynamic</p>",
        *(_claim(claim.text, claim.holds, claim.figures) for claim in result.claims),
        "<h2>The file, and its sections in memory, bytes</h2>",
        plot(
            svg.bars(
                {
                    "static": {"whole file": s.file_size, **s.sections},
                    "dynamic": {"whole file": d.file_size, **d.sections},
                }
            )
        ),
        "<h2>Page faults by kind</h2>",
        plot(svg.bars({"static": s.faults, "dynamic": d.faults})),
        "<h2>Relocations by the loader</h2>",
        plot(svg.bars({"static": _relocations(s), "dynamic": _relocations(d)})),
        *_memory_plots(result),
        "<h2>All figures</h2>",
        _html_table(rows(result)),
        "<h2>Output</h2>",
        f"<pre>{escape(s.stdout)}</pre>" if s.stdout == d.stdout else _two_outputs(s, d),
    ]
    return document(f"{result.program}: static and dynamic", parts)


def _claim(text: str, holds: bool, figures: str) -> str:
    mark = "<b>&#10003;</b>" if holds else "<b class=no>&#10007;</b>"
    return f"<p class=claim>{mark} {escape(text)}.<br><small>{escape(figures)}</small></p>"


def _relocations(build: BuildFacts) -> dict[str, float]:
    return {
        **{f"{k} at load": v for k, v in build.load_relocations.items()},
        **{f"{k} lazily": v for k, v in build.lazy_relocations.items()},
    }


def _memory_plots(result: Comparison) -> Iterator[str]:
    for separate, title in ((True, "programs, each its own file"), (False, "processes of one file")):
        series = {
            build.linkage: [(row.instances, row.total) for row in _of_kind(build, separate)]
            for build in result.builds
        }
        if any(series.values()):
            yield f"<h2>Frames in use, by number of {title}, at once</h2>"
            yield plot(svg.lines(series, title, "frames of 4096 bytes"))
            text = {
                build.linkage: [(row.instances, row.text) for row in _of_kind(build, separate)]
                for build in result.builds
            }
            yield f"<h2>Frames of program and library text, by number of {title}, at once</h2>"
            yield plot(svg.lines(text, title, "frames of 4096 bytes"))


def _html_table(groups: Iterable[tuple[str, list[Row]]]) -> str:
    out = ["<div class=wide><table><tr><th></th><th>static</th><th>dynamic</th></tr>"]
    for heading, group in groups:
        out.append(f"<tr><th colspan=3>{escape(heading)}</th></tr>")
        out += ["<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in group]
    return "\n".join([*out, "</table></div>"])


def _two_outputs(s: BuildFacts, d: BuildFacts) -> str:
    return f"<h3>static</h3><pre>{escape(s.stdout)}</pre><h3>dynamic</h3><pre>{escape(d.stdout)}</pre>"
