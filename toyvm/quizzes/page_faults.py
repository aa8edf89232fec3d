"""Questions on page faults: which accesses of a program fault, and how the kernel resolves them."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from ..base.events import FaultKind
from ..base.record import Record
from .question import Block, Listing, Part, Question, answer, paragraph, table
from .small_runs import EXIT, PAGE, Recording, build, run
from .translation import flags

TITLE = "Page faults"
STACK_TOP = 0x4000000000

NONE = "no fault"
# The answers by kind, as the question lists them.
OUTCOMES: dict[str, str] = {
    NONE: "the entry allows the access",
    str(FaultKind.ZERO_READ): "the first read of an anonymous page: the frame of zeros is mapped without W",
    str(
        FaultKind.DEMAND_ZERO
    ): "a write to an anonymous page that has no frame of its own: a new frame of zeros",
    str(
        FaultKind.FILE_MAJOR
    ): "the first read of a page of a file: it is read into the page cache, whose frame is mapped without W",
    str(
        FaultKind.COW
    ): "a write to a private page whose frame the page cache holds too (and reads first, if it must): a copy in a new frame",
    str(FaultKind.SEGV): "no area allows the access: the kernel ends the program with SIGSEGV",
}


class Area(Record):
    """A part of the program's memory that the accesses are in; `base` is loaded into a register.

    `kind` is "anonymous", "file" or "none". `prot` is that of mmap(2): 1 read, 2 write.
    """

    name: str
    kind: str
    prot: int
    pages: int
    setup: str  # instructions that leave the address in the register that {0} names
    declared: str = ""  # lines of a section


class Access(Record):
    """One numbered instruction."""

    area: int
    page: int
    offset: int
    write: bool


def make(rng: Random, seed: int, number: int, level: int) -> Question:
    """A program whose accesses are numbered."""
    areas = _areas(rng, level)
    accesses = _accesses(rng, areas, 4 + 3 * level)
    source = _program(areas, accesses)
    recording = run(build(source), {"memory": 4 << 20})
    outcomes = _outcomes(recording, len(accesses))
    worked = list(_work(areas, accesses))
    if [kind for kind, _ in worked] != outcomes:
        raise RuntimeError(f"the working says {[kind for kind, _ in worked]}, the machine {outcomes}")
    taken = _frames(recording)
    reached = [n for n, kind in enumerate(outcomes) if kind != "not executed"]
    last = _last_entry(rng, recording, areas, accesses, reached)
    bases = _bases(recording, areas)
    given: tuple[Block, ...] = (
        paragraph(
            "This program runs by itself on a machine with pages of 4096 bytes, demand paging and no swap. "
            "Its code fits in one page. When it starts, the page cache holds that page of its file and no other."
        ),
        Listing(source),
        paragraph("The numbered instructions access these areas:"),
        table(
            "area, begins at, pages, permissions, kind",
            [
                (area.name, f"{base:#x}", area.pages, _permissions(area), _kind_text(area))
                for area, base in zip(areas, bases, strict=True)
                if area.kind != "none"
            ],
        ),
        paragraph(
            "When the first instruction runs, no page of these areas has an entry in the page table, except the "
            "page at the top of the stack. The kernel resolves an access in one of these ways:"
        ),
        table("outcome, when and how", OUTCOMES.items()),
    )
    parts = (
        _outcomes_part(areas, accesses, worked),
        _total_part(recording, outcomes),
        _frames_part(outcomes, taken),
        _entry_part(*last),
    )
    data = {
        "source": source,
        "areas": [[a.name, a.kind, a.prot, a.pages, base] for a, base in zip(areas, bases, strict=True)],
        "accesses": [[a.area, a.page, a.offset, a.write] for a in accesses],
        "outcomes": outcomes,
        "faults": sum(1 for event in recording.faults if event.kind != FaultKind.SEGV),
        "frames": taken,
        "entry": [last[0], last[2] & 0xFF],
    }
    return Question("faults", seed, number, level, TITLE, given, parts, data)


def _areas(rng: Random, level: int) -> tuple[Area, ...]:
    data, rodata, bss, heap, mapped = (rng.randrange(1, 4) for _ in range(5))
    prot = rng.choice((1, 3))
    every = [
        Area(
            "data",
            "file",
            3,
            data,
            "        la      {0}, data",
            f"        .data\n        .balign 4096\ndata:   .fill   {512 * data}, 8, {rng.randrange(1, 1000)}",
        ),
        Area(
            "constants",
            "file",
            1,
            rodata,
            "        la      {0}, constants",
            "        .section .rodata\n        .balign 4096\n"
            f"constants:\n        .fill   {512 * rodata}, 8, {rng.randrange(1, 1000)}",
        ),
        Area(
            "bss",
            "anonymous",
            3,
            bss,
            "        la      {0}, bss",
            f"        .bss\n        .balign 4096\nbss:    .space  {4096 * bss}",
        ),
        Area(
            "mapping",
            "anonymous",
            prot,
            mapped,
            f"        li      a0, 0\n        li      a1, {mapped * PAGE}\n        li      a2, {prot:<19} # "
            f"{'PROT_READ' if prot == 1 else 'PROT_READ | PROT_WRITE'}\n"
            "        li      a3, 0x22                # MAP_PRIVATE | MAP_ANONYMOUS\n        li      a4, -1\n"
            "        li      a5, 0\n        li      a7, 222                 # mmap\n        ecall\n        mv      {0}, a0",
        ),
        Area(
            "heap",
            "anonymous",
            3,
            heap,
            "        li      a0, 0\n        li      a7, 214                 # brk: where is the end?\n        ecall\n"
            f"        mv      {{0}}, a0\n        li      t0, {heap * PAGE}\n        add     a0, a0, t0\n"
            "        li      a7, 214                 # brk: move it\n        ecall",
        ),
        Area("stack", "anonymous", 3, 3, f"        li      {{0}}, {STACK_TOP - 3 * PAGE:#x}"),
    ]
    chosen = sorted(rng.sample(range(len(every)), 2 + level))
    return tuple(every[index] for index in chosen)


def _accesses(rng: Random, areas: tuple[Area, ...], count: int) -> tuple[Access, ...]:
    """Accesses that return to pages, and perhaps a last one that is not allowed."""
    found: list[Access] = []
    places: list[tuple[int, int]] = []
    while len(found) < count:
        if places and rng.random() < 0.55:
            area, page = rng.choice(places)
        else:
            area = rng.randrange(len(areas))
            page = rng.randrange(areas[area].pages)
            places.append((area, page))
        write = bool(areas[area].prot & 2) and rng.random() < 0.5
        found.append(Access(area, page, 8 * rng.randrange(256), write))
    if rng.random() < 0.4:
        forbidden = [n for n, area in enumerate(areas) if not area.prot & 2]
        beyond = [n for n, area in enumerate(areas) if area.name in ("bss", "data", "heap")][-1:]
        candidates = [Access(n, rng.randrange(areas[n].pages), 8, True) for n in forbidden]
        candidates += [Access(n, areas[n].pages + 40, 8, rng.random() < 0.5) for n in beyond]
        if candidates:
            found.append(rng.choice(candidates))
    return tuple(found)


def _program(areas: tuple[Area, ...], accesses: tuple[Access, ...]) -> str:
    lines = ["        .globl  _start", "_start:"]
    for index, area in enumerate(areas):
        lines += area.setup.format(f"s{index + 1}").splitlines()
    for number, access in enumerate(accesses, 1):
        lines += [
            f"        li      t0, {access.page * PAGE + access.offset}",
            f"        add     t0, t0, s{access.area + 1}",
            f"a{number}:{'':{6 - len(str(number))}}{'sd' if access.write else 'ld'}      t1, 0(t0)               "
            f"# ({number}) {'store to' if access.write else 'load from'} page {access.page} of {areas[access.area].name}",
        ]
    lines += EXIT.splitlines()
    for area in areas:
        lines += area.declared.splitlines()
    return "\n".join(lines) + "\n"


def _outcomes(recording: Recording, count: int) -> list[str]:
    """What the kernel said about each access; "not executed" after the program's death."""
    by_pc = {event.pc: str(event.kind) for event in recording.faults if event.access != "execute"}
    found = [by_pc.get(recording.address(f"a{n}"), NONE) for n in range(1, count + 1)]
    if str(FaultKind.SEGV) in found:
        dead = found.index(str(FaultKind.SEGV)) + 1
        found[dead:] = ["not executed"] * (count - dead)
    return found


def _bases(recording: Recording, areas: tuple[Area, ...]) -> list[int]:
    """Where each area begins."""
    found = []
    for area in areas:
        if area.name == "stack":
            found.append(STACK_TOP - 3 * PAGE)
        elif area.declared:
            found.append(recording.address(area.name))
        elif area.name == "heap":
            found.append(next(int(line.split("-")[0], 16) for line in recording.end.maps if "[heap]" in line))
        else:
            plain = [
                line for line in recording.end.maps if line.split()[0].startswith("3ff") and "[" not in line
            ]
            found.append(int(plain[-1].split("-")[0], 16))
    return found


def _frames(recording: Recording) -> int:
    """The frames that the program took for its pages: without tables and the page cache."""
    start, end = recording.start, recording.end
    return (end.used - end.tables - end.cached) - (start.used - start.tables - start.cached)


def _work(areas: tuple[Area, ...], accesses: tuple[Access, ...]) -> Iterator[tuple[str, str]]:
    """(outcome, reason) of each access, by the rules that the question states."""
    state: dict[tuple[str, int], str] = {("stack", 2): "own"}
    for access in accesses:
        area = areas[access.area]
        key = area.name, access.page
        before = state.get(key, "absent")
        if access.page >= area.pages:
            yield str(FaultKind.SEGV), "no area contains the address"
            return
        if access.write and not area.prot & 2:
            yield str(FaultKind.SEGV), f"{area.name} may not be written"
            return
        if before == "own" or (before != "absent" and not access.write):
            yield NONE, f"the page has {_STATES[before]}"
        elif area.kind == "file":
            state[key] = "own" if access.write else "cached"
            kind = FaultKind.COW if access.write else FaultKind.FILE_MAJOR
            yield str(kind), f"the page has {_STATES[before]}; its contents are in the file"
        else:
            state[key] = "own" if access.write else "zero"
            kind = FaultKind.DEMAND_ZERO if access.write else FaultKind.ZERO_READ
            yield str(kind), f"the page has {_STATES[before]}"


_STATES = {
    "absent": "no entry",
    "zero": "the frame of zeros, without W",
    "cached": "the page cache's frame, without W",
    "own": "a frame of its own, with W",
}


def _outcomes_part(
    areas: tuple[Area, ...], accesses: tuple[Access, ...], worked: list[tuple[str, str]]
) -> Part:
    rows = [
        (f"({n})", f"{areas[a.area].name}, page {a.page}", "store" if a.write else "load", kind, reason)
        for n, (a, (kind, reason)) in enumerate(zip(accesses, worked, strict=False), 1)
    ]
    return Part(
        "What is the outcome of each numbered instruction?",
        (table("instruction, page, access, outcome, because", rows),),
    )


def _total_part(recording: Recording, outcomes: list[str]) -> Part:
    good = [kind for kind in outcomes if kind not in (NONE, "not executed", str(FaultKind.SEGV))]
    total = sum(1 for event in recording.faults if event.kind != FaultKind.SEGV)
    if total != len(good) + 1:
        raise RuntimeError(f"the working says {len(good) + 1} faults, the machine {total}")
    return Part(
        "How many page faults does the kernel resolve in the whole run, that of the first fetch included? "
        "(One that ends the program is not resolved.)",
        answer(
            f"{total}: {len(good)} by numbered instructions, and 1 by the fetch of the first instruction."
        ),
    )


def _frames_part(outcomes: list[str], taken: int) -> Part:
    zero, copied = outcomes.count(str(FaultKind.DEMAND_ZERO)), outcomes.count(str(FaultKind.COW))
    if zero + copied != taken:
        raise RuntimeError(f"the working says {zero + copied} frames, the machine {taken}")
    return Part(
        "How many frames does the program take for its pages while it runs, without page tables and the page cache?",
        answer(f"{taken}: {zero} for demand_zero and {copied} for cow."),
        (paragraph("zero_read maps the one frame of zeros, file_major a frame of the page cache."),),
    )


def _last_entry(
    rng: Random,
    recording: Recording,
    areas: tuple[Area, ...],
    accesses: tuple[Access, ...],
    reached: list[int],
) -> tuple[int, str, int]:
    """(page, what it is, its entry at the end) of a page that an access reached."""
    leaves = recording.end.leaves()
    bases = _bases(recording, areas)
    pages = {bases[accesses[n].area] + accesses[n].page * PAGE: accesses[n] for n in reached}
    va = rng.choice([va for va in sorted(pages) if va in leaves])
    return va, f"page {pages[va].page} of {areas[pages[va].area].name}", leaves[va]


def _entry_part(va: int, what: str, pte: int) -> Part:
    shown = flags(pte)
    why = [
        "V, R and U: the page is present, may be read, and belongs to user mode",
        "A: it has been accessed",
    ]
    if pte & 4:
        why.append("W: it has a frame of its own")
    if pte & 128:
        why.append("D: it has been written")
    if not pte & 4:
        why.append("no W: its frame is shared, or its area may not be written")
    if pte & 8:
        why.append("X: the area is in the segment of the code")
    return Part(
        f"Which of the flags D A G U X W R V has the entry of {what} ({va:#x}) when the program ends?",
        answer(f"{shown}."),
        (paragraph("; ".join(why) + "."),),
    )


def _permissions(area: Area) -> str:
    return "rw-" if area.prot & 2 else "r-x" if area.name == "constants" else "r--"


def _kind_text(area: Area) -> str:
    return "private, of the program's file" if area.kind == "file" else "private, anonymous"
