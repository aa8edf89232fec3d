"""The locality of a run: working sets, reuse distances, TLB reach, and the use of areas.

Time is measured in instructions of the whole machine. References to one page in a row last until
the next page's reference.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from toyvm.base.record import Record
from toyvm.machine.physical_memory import PAGE_SHIFT

from .reference_string import ReferenceString
from .stack_distances import lru_distances, misses, previous

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .page_trace import PageTrace, Space

SCHEMA = "toyvm.locality/1"
SAMPLES = 400
TLB_ENTRIES = (8, 16, 32, 64, 128, 256, 512, 1024)
MEGAPAGE_SHIFT = 9  # 2 MiB are 2**9 pages of 4 KiB
UNKNOWN = "?"


class WorkingSet(Record):
    """The number of pages referred to in the last `window` instructions (Denning's working set).

    `mean` is over the whole run; `sizes` are sampled at `times`, and `largest` is the largest of
    them.
    """

    window: int
    mean: float
    largest: int
    times: tuple[int, ...]
    sizes: tuple[int, ...]


class Reach(Record):
    """The misses of a fully associative LRU TLB, with 4 KiB and with 2 MiB pages."""

    entries: int
    misses: int
    mega_misses: int


class AreaUse(Record):
    """The use of one area of an address space: the number of pages touched and of references."""

    space: int
    name: str
    start: int
    pages: int
    references: int


class Locality(Record):
    """The results of the analysis.

    `reuse` has (lowest distance, highest distance, references) of each class. The distance of a
    reference is the number of different pages since the last reference to its page, that page
    included. `first` counts first references, which have no distance.
    """

    program: str
    instructions: int
    references: int
    pages: int
    megapages: int
    areas: tuple[AreaUse, ...]
    working_sets: tuple[WorkingSet, ...]
    reuse: tuple[tuple[int, int, int], ...]
    first: int
    reach: tuple[Reach, ...]

    def to_json(self) -> dict[str, Any]:
        """The results as JSON values."""
        return {
            "schema": SCHEMA,
            "program": self.program,
            "instructions": self.instructions,
            "references": self.references,
            "pages": self.pages,
            "megapages": self.megapages,
            "areas": [
                {
                    "space": a.space,
                    "name": a.name,
                    "start": a.start,
                    "pages": a.pages,
                    "references": a.references,
                }
                for a in self.areas
            ],
            "working_sets": [
                {
                    "window": w.window,
                    "mean": w.mean,
                    "largest": w.largest,
                    "times": list(w.times),
                    "sizes": list(w.sizes),
                }
                for w in self.working_sets
            ],
            "reuse": [{"from": low, "to": high, "references": n} for low, high, n in self.reuse],
            "first_references": self.first,
            "tlb": [
                {"entries": r.entries, "misses_4k": r.misses, "misses_2m": r.mega_misses} for r in self.reach
            ],
        }


def analyse(trace: PageTrace, string: ReferenceString, windows: Sequence[int]) -> Locality:
    """Analyse `string`, the selected references of a trace. `windows` are in instructions."""
    distances = lru_distances(string.pages)
    mega = string.coarser(MEGAPAGE_SHIFT)
    small, large = (misses(found, list(TLB_ENTRIES)) for found in (distances, lru_distances(mega.pages)))
    reuse, first = reuse_histogram(string, distances)
    return Locality(
        trace.program,
        trace.instructions,
        string.references,
        string.footprint,
        mega.footprint,
        areas_used(trace.spaces, string),
        tuple(working_set(string, window) for window in windows),
        reuse,
        first,
        tuple(Reach(n, a, b) for n, a, b in zip(TLB_ENTRIES, small, large, strict=True)),
    )


def default_windows(instructions: int) -> list[int]:
    """A thousandth, a hundredth and a tenth of the run, rounded down to one digit."""
    found = []
    for part in (1000, 100, 10):
        rough = max(instructions // part, 1)
        power = 10 ** (len(str(rough)) - 1)
        found.append(rough // power * power)
    return sorted(set(found))


def working_set(string: ReferenceString, window: int, samples: int = SAMPLES) -> WorkingSet:
    """The working set W(t, window), sampled at `samples` times.

    A page is in it from a reference until `window` instructions after the reference ends.
    """
    start = string.times
    if not len(start):
        return WorkingSet(window, 0.0, 0, (), ())
    stop = np.append(start[1:], string.end) + window
    before = previous(string.pages)
    again = np.flatnonzero(before >= 0)
    stop[before[again]] = np.minimum(stop[before[again]], start[again])
    mean = float((np.minimum(stop, string.end) - start).sum() / max(string.end, 1))
    times = np.unique(np.linspace(0, string.end, samples).astype(np.int64))
    entered = np.searchsorted(start, times, side="right")
    left = np.cumsum(np.bincount(np.searchsorted(times, stop), minlength=len(times) + 1))[: len(times)]
    sizes = entered - left
    return WorkingSet(window, mean, int(sizes.max()), tuple(times.tolist()), tuple(sizes.tolist()))


def reuse_histogram(
    string: ReferenceString, distances: NDArray[np.int64]
) -> tuple[tuple[tuple[int, int, int], ...], int]:
    """(classes of doubling distance: (lowest, highest, references); number of first references)."""
    first = int(np.count_nonzero(distances == 0))
    again = distances[distances > 0]
    classes = np.ceil(np.log2(again)).astype(np.int64) if len(again) else again
    counts = np.bincount(classes, minlength=1)
    counts[0] += string.references - len(distances)  # repeated references
    bounds = [(1 if not power else (1 << power - 1) + 1, 1 << power) for power in range(len(counts))]
    return tuple((low, high, int(n)) for (low, high), n in zip(bounds, counts, strict=True)), first


def page_names(spaces: Sequence[Space], string: ReferenceString) -> list[tuple[int, str, int]]:
    """(space, area's name, area's start) of each page. If areas overlap, the latest counts."""
    found = [(string.space_and_page(page)[0], UNKNOWN, 0) for page in range(string.footprint)]
    for number, space in enumerate(spaces):
        for area in space.areas:
            first = string.first_page_at(number, area.start >> PAGE_SHIFT)
            last = string.first_page_at(number, -(-area.end >> PAGE_SHIFT))
            name = area.name.rsplit("/", 1)[-1] or "anonymous"
            found[first:last] = [(number, f"{name} {area.permissions[:3]}", area.start)] * (last - first)
    return found


def areas_used(spaces: Sequence[Space], string: ReferenceString) -> tuple[AreaUse, ...]:
    """The use of each area, in the order of addresses."""
    weights = np.bincount(string.pages, string.counts, string.footprint)
    totals: dict[tuple[int, int, str], list[int]] = {}
    for (number, name, start), weight in zip(page_names(spaces, string), weights.tolist(), strict=True):
        total = totals.setdefault((number, start, name), [0, 0])
        total[0] += 1
        total[1] += int(weight)
    return tuple(AreaUse(n, name, start, *total) for (n, start, name), total in sorted(totals.items()))


def text_report(found: Locality, spaces: Sequence[Space]) -> str:
    """The results as tables."""
    out = [
        f"{found.program}: {found.instructions:,} instructions, {found.references:,} references to {found.pages:,} pages "
        f"(in {found.megapages:,} megapages)",
        "",
        "Where",
    ]
    for use in found.areas:
        who = f"process {spaces[use.space].pid}  " if len(spaces) > 1 else ""
        share = 100 * use.references / max(found.references, 1)
        out.append(
            f"  {who}{use.start:>12x}  {use.name:<24} {use.pages:>7,} pages  {share:8.4f} % of references"
        )
    out += ["", "Working set: different pages in a window of N instructions"]
    for w in found.working_sets:
        out.append(f"  {w.window:>14,}  mean {w.mean:10,.1f}  largest {w.largest:8,}")
    out += ["", "Reuse distance: different pages since the last reference to the same one, itself included"]
    for low, high, count in found.reuse:
        span = f"{low:,}" if low == high else f"{low:,} to {high:,}"
        share = count / max(found.references, 1)
        out.append(f"  {span:>14}  {count:>14,}  {100 * share:8.4f} %  {'#' * round(40 * share)}".rstrip())
    out.append(f"  {'first':>14}  {found.first:>14,}")
    out += ["", "TLB reach: misses by number of entries (fully associative, LRU)"]
    out.append(f"  {'entries':>14}  {'4 KiB reach':>12} {'misses':>12}  {'2 MiB reach':>12} {'misses':>12}")
    for r in found.reach:
        reach = (f"{r.entries * 4:,} KiB", f"{r.entries * 2:,} MiB")
        out.append(f"  {r.entries:>14,}  {reach[0]:>12} {r.misses:>12,}  {reach[1]:>12} {r.mega_misses:>12,}")
    return "\n".join(out) + "\n"
