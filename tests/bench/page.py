"""docs/performance.*: the figures last taken as JSON, the page whose tables are made from them, and the plot.

The page is prose written by hand with marked places; a run of some groups replaces their figures and leaves the others'.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench import aims, plot
from tests.bench.tables import Column, Row, Table

DOCS = Path(__file__).parents[2] / "docs"
PAGE, FIGURES, PLOT = DOCS / "performance.md", DOCS / "performance.json", DOCS / "performance.svg"
AIM = 0.6
_PLACE = re.compile(r"(<!-- figures: (\w+) -->\n).*?(<!-- end -->)", re.S)
Report = dict[str, Any]

# What others reach, as ratios to qemu-riscv64 7.2: medians of CPU time on another machine of two processors.
PEERS = Table(
    "peers",
    (
        Column("what", "engine"),
        Column("memory", "memory"),
        *(
            Column(name, heading)
            for name, heading in (
                ("mix", "CoreMark"),
                ("sieve", "sieve"),
                ("matmul", "product"),
                ("quicksort", "quicksort"),
                ("forks", "fork + COW"),
                ("hello", "hello"),
            )
        ),
    ),
)
_PEERS = """
native x86-64 -O2|the hardware's|0.23|0.46|0.41|0.64|0.25|0.08
RVVM, user mode|host pointers|0.59|0.55|0.72|0.87|0.35|0.21
ria-jit|host pointers|0.49 to 0.68|0.87|0.76|0.72|-|0.05
libriscv, translated to C, warm|flat arena|0.52|0.74|0.94|0.76|cannot|0.54
rv32emu, LLVM tier (rv32)|flat|1.4 to 1.7|1.1 to 1.4|2.6 to 4.5|1.5|cannot|2.2
RVVM, machine mode|software TLB|1.52|0.97|9.9|1.34|-|0.61
qemu-system-riscv64|software TLB|1.60|1.51|37|1.34|-|3.4
Unicorn 2.1.4 from Python|software TLB|8.3|19|22|4.6|-|13.6
Spike|interpreter, TLB|8.1|5.8|60|4.4|-|1.03
"""


def write(report: Report) -> list[str]:
    """Merge a report's groups into the figures kept, and make page and plot anew. The files written."""
    kept = json.loads(FIGURES.read_text()) if FIGURES.exists() else {"groups": {}}
    merged = {**report, "groups": {**kept["groups"], **report["groups"]}}
    FIGURES.write_text(json.dumps(merged, indent=1) + "\n")
    PAGE.write_text(filled(PAGE.read_text(), merged))
    PLOT.write_text(picture(merged))
    return [str(path.relative_to(DOCS.parent)) for path in (FIGURES, PAGE, PLOT)]


def filled(page: str, report: Report) -> str:
    """The page's text with every marked place filled from the figures. A place without figures says so."""

    def fill(place: re.Match[str]) -> str:
        name = place.group(2)
        maker = _PLACES.get(name)
        lines = maker(report) if maker else _group(name, report)
        return place.group(1) + "\n".join(lines) + "\n" + place.group(3)

    return _PLACE.sub(fill, page)


def picture(report: Report) -> str:
    """The plot of the compute programs."""
    return plot.ratios([row for row in _rows("compute", report) if row.get("warm") is not None], AIM)


def _rows(name: str, report: Report) -> list[Row]:
    rows: list[Row] = report["groups"].get(name, {}).get("rows", [])
    return rows


def _group(name: str, report: Report) -> list[str]:
    from tests.bench.__main__ import GROUPS

    rows = _rows(name, report)
    return list(GROUPS[name][0].markdown(rows)) if rows else ["Not measured yet."]


def _host(report: Report) -> list[str]:
    host = report["host"]
    return [
        f"{host['processor']}, {host['processors']} processors; Python {host['python']}; {host['qemu']}; {host['gcc']};",
        f"native: {host['native gcc']}. Load of the machine in the last minutes of it: {host['load']} (1 is the benchmark's own).",
        "Runs of each command: "
        + ", ".join(f"{name} {group['runs']}" for name, group in report["groups"].items())
        + ".",
    ]


def _peers(report: Report) -> list[str]:
    ours: Row = {"what": "**toyvm**, warm", "memory": "Sv39 pages"}
    for group in ("compute", "calls"):
        ours |= {str(row["what"]): row.get("warm/qemu") for row in _rows(group, report)}
    for row in _rows("start", report):
        if row["what"] == "hello, static, glibc":
            ours["hello"] = float(row["warm"] or 0) / float(row["qemu"] or 1)
    keys = [column.key for column in PEERS.columns]
    others: list[Row] = [dict(zip(keys, line.split("|"), strict=True)) for line in _PEERS.split("\n") if line]
    return list(PEERS.markdown([ours, *others]))


def _aims(report: Report) -> list[str]:
    return list(aims.lines(report["groups"]))


_PLACES: dict[str, Callable[[Report], list[str]]] = {"aims": _aims, "host": _host, "peers": _peers}
