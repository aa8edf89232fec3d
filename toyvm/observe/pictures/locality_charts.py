"""The charts of `toyvm locality` and `toyvm policies` as SVG."""

from __future__ import annotations

from ..pages.locality_report import Locality
from ..pages.miss_ratio import NAMES, Curves
from . import charts


def working_sets(found: Locality, title: str) -> str:
    """The sizes of the working sets over time, a line for each window."""
    series = {
        f"last {charts.number(w.window)}": [
            (float(t), float(s)) for t, s in zip(w.times, w.sizes, strict=True)
        ]
        for w in found.working_sets
    }
    return charts.lines(series, title, "time, instructions", "pages in the working set", dots=False)


def reuse(found: Locality, title: str) -> str:
    """A histogram of the reuse distances."""
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
    """TLB misses by number of entries, for both page sizes."""
    series = {
        "4 KiB pages": [(float(r.entries), float(r.misses)) for r in found.reach],
        "2 MiB pages": [(float(r.entries), float(r.mega_misses)) for r in found.reach],
    }
    return charts.lines(series, title, "entries of the TLB", "misses", x_base=2, y_log=True)


def miss_ratios(result: Curves, title: str) -> str:
    """Miss ratios by number of frames. Raises ValueError if `result` has no policy."""
    series = {
        NAMES[policy]: [(frames, result.ratio(policy, at)) for at, frames in enumerate(result.frames)]
        for policy in result.misses
    }
    wide = result.frames[-1] > 16 * result.frames[0]
    ratios = [ratio for points in series.values() for _, ratio in points]
    y_log = min(ratios) > 0 and max(ratios) > 20 * min(ratios)
    return charts.lines(
        series,
        title,
        "frames",
        "misses, share of all references",
        x_base=2 if wide else 0,
        y_log=y_log,
        y_text=charts.percent,
    )
