"""Programs that map areas at scattered addresses and touch some of their pages."""

from __future__ import annotations

from random import Random

from ..base.record import Record
from .small_runs import EXIT, HERE, PAGE

READ, WRITE = 1, 2  # PROT_READ, PROT_WRITE
MEGAPAGE = 2 << 20
_FIXED = 0x32  # MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED


class Area(Record):
    """A mapping of anonymous memory; `read` and `written` are the numbers of the pages touched."""

    start: int
    pages: int
    prot: int
    read: tuple[int, ...]
    written: tuple[int, ...]


def areas(rng: Random, count: int, *, megapage: bool = False) -> tuple[Area, ...]:
    """`count` areas, some of them near each other so that they share tables.

    With `megapage`, the first one is 2 MiB that a megapage can back.
    """
    found: list[Area] = []
    gigabyte = rng.randrange(1, 254)
    megabytes = rng.randrange(1, 500)
    while len(found) < count:
        if megapage and not found:
            start = gigabyte << 30 | megabytes << 21
            found.append(Area(start, MEGAPAGE // PAGE, READ | WRITE, (), (0,)))
            continue
        if rng.random() < 0.5:
            gigabyte = rng.randrange(1, 254)
        if rng.random() < 0.7:
            megabytes = rng.randrange(1, 500)
        pages = rng.randrange(3, 7)
        start = gigabyte << 30 | megabytes << 21 | rng.randrange(0, 505) << 12
        if any(
            start < area.start + area.pages * PAGE + PAGE and area.start < start + pages * PAGE + PAGE
            for area in found
        ):
            continue
        prot = READ if rng.random() < 0.25 else READ | WRITE
        touched = sorted(rng.sample(range(pages), rng.randrange(1, pages)))
        written = tuple(p for p in touched if prot & WRITE and rng.random() < 0.7)
        found.append(Area(start, pages, prot, tuple(p for p in touched if p not in written), written))
    return tuple(found)


def program(mapped: tuple[Area, ...], rng: Random, then: str = "") -> str:
    """A program that maps the areas, touches their pages, says "here", runs `then`, and exits."""
    lines = ["        .globl  _start", "_start:"]
    for area in mapped:
        lines += [
            f"        li      a0, {area.start:#x}",
            f"        li      a1, {area.pages * PAGE}",
            f"        li      a2, {area.prot}",
            f"        li      a3, {_FIXED:#x}",
            "        li      a4, -1",
            "        li      a5, 0",
            "        li      a7, 222                 # mmap",
            "        ecall",
        ]
        for page in sorted((*area.read, *area.written)):
            lines.append(f"        li      t0, {area.start + page * PAGE + 8 * rng.randrange(512):#x}")
            lines.append(f"        {'sd' if page in area.written else 'ld'}      t1, 0(t0)")
    return "\n".join(lines) + "\n" + HERE + then + EXIT
