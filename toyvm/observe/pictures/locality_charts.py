"""The charts of `locality`."""

from __future__ import annotations

from ..pages.locality_report import Locality
from . import charts


def working_sets(found: Locality, title: str) -> str:
    """Size over time, a line for each window."""
    series = {
        f"last {charts.number(w.window)}": [
            (float(t), float(s)) for t, s in zip(w.times, w.sizes, strict=True)
        ]
        for w in found.working_sets
    }
    return charts.lines(series, title, "time, instructions", "pages in the working set", dots=False)


def reuse(found: Locality, title: str) -> str:
    """The share of each class of distances."""
    total = max(found.references, 1)
    values = [
        (f"{low:,}" if low == high else f"{low:,}-{high:,}", count / total)
        for low, high, count in found.reuse
    ]
    values.append(("first", found.first / total))
    return charts.bars(
        values,
        title,
        "different pages since the last reference to the same page, itself included",
        "share of references",
    )


def reach(found: Locality, title: str) -> str:
    """Misses by entries, for both page sizes."""
    series = {
        "4 KiB pages": [(float(r.entries), float(r.misses)) for r in found.reach],
        "2 MiB pages": [(float(r.entries), float(r.mega_misses)) for r in found.reach],
    }
    return charts.lines(series, title, "entries of the TLB", "misses", x_base=2, y_log=True)
