"""`make bench`: the figures that the aims are stated in, each beside its oracle, run in turn with it.

    python -m tests.bench [GROUP...] [--quick] [--runs N] [--only NAME,...] [--json FILE] [--write-docs]

Without groups all are run.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench import (
    compute,
    debian_programs,
    explore_page,
    grade,
    latency,
    memory,
    real_programs,
    swap,
    system,
    timetravel,
    tools,
)
from tests.bench.host import describe
from tests.bench.measure import cpu_seconds, progress
from tests.bench.settings import TOYVM, Settings
from tests.bench.tables import Row, Table

Group = tuple[Table, Callable[[Settings], Iterator[Row]]]
GROUPS: dict[str, Group] = {
    "compute": (compute.TABLE, compute.rows),
    "pointers": (compute.POINTERS, compute.chasing),
    "product": (compute.PRODUCT, compute.product),
    "wide": (compute.FEW, compute.wide),
    "calls": (system.CALLS, system.calls),
    "start": (system.START, system.starts),
    "latency": (latency.TABLE, latency.rows),
    "tools": (tools.TABLE, tools.rows),
    "engine": (tools.ENGINE, tools.engine),
    "grade": (grade.TABLE, grade.rows),
    **memory.GROUPS,
    **swap.GROUPS,
    "timetravel": (timetravel.TABLE, timetravel.rows),
    "explore": (explore_page.TABLE, explore_page.rows),
    "programs": (real_programs.TABLE, real_programs.programs),
    "cpython": (real_programs.CPYTHON, real_programs.cpython),
    "debian": (debian_programs.TABLE, debian_programs.rows),
}
# Names for several groups at once.
SEVERAL = {"system": ("calls", "start"), "memory": tuple(memory.GROUPS), "swap": tuple(swap.GROUPS)}
SCHEMA = "toyvm.bench/2"


def parse(argv: list[str]) -> argparse.Namespace:
    """The command line. Ends the process where it makes no sense."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=(__doc__ or "").split("\n")[0])
    names = [*GROUPS, *SEVERAL]
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=", ".join(names))
    parser.add_argument("--quick", action="store_true", help="a tenth of the work")
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="runs of each command (default 5)")
    parser.add_argument("--only", default="", metavar="NAME,...", help="only these programs of a group")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument("--write-docs", action="store_true", help="put the figures into docs/performance.*")
    options = parser.parse_args(argv)
    unknown = set(options.groups) - set(names)
    if unknown:
        parser.error(f"no group named {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    if options.runs < 1:
        parser.error("--runs: at least one")
    if options.write_docs and (options.quick or options.only):
        parser.error("--write-docs takes whole groups at full length")
    options.groups = list(
        dict.fromkeys(name for group in options.groups or GROUPS for name in SEVERAL.get(group, (group,)))
    )
    return options


def run_group(name: str, settings: Settings) -> list[Row]:
    """Run one group and show its rows as they come."""
    table, rows_of = GROUPS[name]
    print(f"\n{table.title}\n{table.line(table.heading())}", flush=True)
    rows = []
    for row in rows_of(settings):
        progress("")
        print(table.line(table.cells(row)), flush=True)
        rows.append(row)
    return rows


def main(argv: list[str]) -> int:
    """Run the groups named in `argv`."""
    options = parse(argv)
    cpu_seconds([*TOYVM, "cache", "fill"])
    groups = {}
    for name in options.groups:
        with tempfile.TemporaryDirectory(prefix="toyvm-bench-") as folder:
            settings = Settings(
                Path(folder), options.runs, options.quick, frozenset(filter(None, options.only.split(",")))
            )
            rows = run_group(name, settings)
        groups[name] = {
            "title": GROUPS[name][0].title,
            "runs": options.runs,
            "quick": options.quick,
            "rows": rows,
        }
    report = {"schema": SCHEMA, "host": describe(), "groups": groups}
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    if options.write_docs:
        from tests.bench import page

        print("wrote", ", ".join(page.write(report)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
