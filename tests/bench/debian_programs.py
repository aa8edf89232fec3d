"""What Debian's riscv64 programs cost: each row of tests/oracle/debian in toyvm and under qemu."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping

from tests.bench.measure import progress
from tests.bench.settings import Settings
from tests.bench.tables import Column, Row, Table
from tests.support import debian
from tests.support.clock import children_seconds

TABLE = Table(
    "Debian's programs, CPU seconds of all commands of a row",
    (
        Column("what", "program"),
        Column("cold", "first run"),
        Column("warm", "warm"),
        Column("qemu", "qemu"),
        Column("cold/qemu", "first/qemu"),
        Column("warm/qemu", "warm/qemu"),
    ),
)
_RATIOS = ("cold/qemu", "warm/qemu")


def rows(settings: Settings) -> Iterator[Row]:
    """Every row of the table; then the geometric means, and the largest ratios.

    The first run has a cache without code of programs. The warm ones come after it, in turn with qemu's.
    """
    root = debian.root_folder()
    if not (root / ".packages").is_file():
        yield {"what": f"no programs in {root.name}: .ci/riscv64-root unpacks them"}
        return
    root = root.resolve()
    debian.make_wrappers(root, settings.folder / "wrappers")
    measured = []
    for row in debian.rows():
        if settings.wants(row.name) and not row.expect:  # qemu does not do the work of a row with `expect`
            progress("", about=row.name)
            measured.append(_measure(row, settings))
            yield measured[-1]
    if len(measured) > 1:
        values = {key: [float(row[key] or 0) for row in measured] for key in _RATIOS}
        yield {"what": "geometric mean", **{key: statistics.geometric_mean(values[key]) for key in _RATIOS}}
        yield {"what": "largest", **{key: max(values[key]) for key in _RATIOS}}


def _measure(row: debian.Row, settings: Settings) -> Row:
    root, work = debian.root_folder().resolve(), settings.folder / "work"
    cache = {"XDG_CACHE_HOME": str(settings.folder / "cache")}
    cold = _seconds_in_toyvm(row, settings, cache)
    warm, qemu = [], []
    for number in range(settings.runs):
        progress(f"run {number + 1} of {settings.runs}")
        warm.append(_seconds_in_toyvm(row, settings, cache))
        before = children_seconds()
        debian.run_by_qemu(row, root, work, settings.folder / "wrappers" if row.children else None)
        qemu.append(children_seconds() - before)
    now, theirs = statistics.median(warm), statistics.median(qemu)
    return {
        "what": row.name,
        "cold": cold,
        "warm": now,
        "qemu": theirs,
        "cold/qemu": cold / theirs,
        "warm/qemu": now / theirs,
    }


def _seconds_in_toyvm(row: debian.Row, settings: Settings, cache: Mapping[str, str]) -> float:
    before = children_seconds()
    outcome = debian.run_by_toyvm(row, debian.root_folder().resolve(), settings.folder / "work", cache)
    if any("toyvm:" in text for text in outcome.stderr):
        raise RuntimeError(f"{row.name}: {outcome.stderr}")
    return children_seconds() - before
