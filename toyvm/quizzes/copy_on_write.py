"""Questions on copy-on-write: processes that fork, and write to the pages that they share."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from ..base.events import FaultKind
from ..base.record import Record
from ..machine.sv39 import PTE_COW
from .question import Block, Listing, Part, Question, answer, paragraph, table
from .small_runs import PAGE, Recording, build, run
from .translation import flags

TITLE = "Copy-on-write"
NAMES = "PCG"  # parent, child, grandchild
WHO = {"P": "the parent P", "C": "its child C", "G": "C's child G"}

SHARED_FRAME = -1  # the frame of the shared page, in `_work`
NONE, ZERO, COPY, REUSE, READ = "no fault", "demand_zero", "cow", "cow_reuse", "zero_read"
OUTCOMES: dict[str, str] = {
    NONE: "the entry allows the access",
    READ: "the first read of a page that nobody has touched: the frame of zeros is mapped without W",
    ZERO: "a write to a page that has no frame, or the frame of zeros: a new frame of zeros",
    COPY: "a write to a private page whose frame others map too: a copy in a new frame",
    REUSE: "a write to a private page whose frame nobody else maps any more: the entry gets W, without a copy",
}


class Step(Record):
    """One access of a process, to a page of the region."""

    who: str
    page: int
    offset: int
    write: bool


class Worked(Record):
    """What the rules say about a step: its outcome, and the users of the page's frame before and after it.

    `mapped` counts the frames of the region that the process maps after it, without that of zeros.
    """

    outcome: str
    before: int
    after: int
    mapped: int


def make(rng: Random, seed: int, number: int, level: int) -> Question:
    """Two or three processes, and the steps of each, in the order in which they happen."""
    pages = 2 + level
    depth = 2 if level == 1 else 3
    shared = rng.randrange(pages) if level >= 2 and rng.random() < 0.6 else None
    worked: list[Worked] = []
    while COPY not in [w.outcome for w in worked]:
        steps = _steps(rng, pages, depth, level)
        worked = _work(steps, shared)
    source = _program(steps, pages, depth, shared)
    recording = run(build(source), {"memory": 4 << 20})
    outcomes = [_outcome(recording, n) for n in range(1, len(steps) + 1)]
    if [w.outcome for w in worked] != outcomes:
        raise RuntimeError(f"the working says {[w.outcome for w in worked]}, the machine {outcomes}")
    copies = sum(event.copied and event.source != "zero" for event in recording.copies if event.pc)
    asked = rng.choice([n for n, w in enumerate(worked) if w.outcome == COPY])
    event = next(e for e in recording.copies if e.pc == recording.address(f"a{asked + 1}"))
    if (event.refcount_before, event.refcount_after) != (worked[asked].before, worked[asked].after):
        raise RuntimeError(f"the working says {worked[asked]}, the machine {event}")
    parts = (
        _outcomes_part(steps, worked),
        _references_part(asked, steps, worked),
        _copies_part(worked, copies),
        _frames_part(worked, recording),
        _entries_part(asked, event.pte_before, event.pte_after),
    )
    data = {
        "source": source,
        "pages": pages,
        "shared": shared,
        "steps": [[s.who, s.page, s.write] for s in steps],
        "outcomes": outcomes,
        "copies": copies,
        "asked": asked + 1,
        "references": [event.refcount_before, event.refcount_after],
        "mapped": worked[-1].mapped,
    }
    return Question("cow", seed, number, level, TITLE, _given(source, pages, depth, shared), parts, data)


def _given(source: str, pages: int, depth: int, shared: int | None) -> tuple[Block, ...]:
    """The program, and the rules for its accesses."""
    blocks: list[Block] = [
        paragraph(
            f"This program has {pages} pages of anonymous memory at `region`, which nothing has touched when it "
            f"begins. {'It forks once' if depth == 2 else 'It forks, and its child forks'}: "
            f"{', '.join(WHO[name] for name in NAMES[:depth])}. A process that has forked waits until its child "
            "has ended, so the numbered instructions run in the order of their numbers."
        )
    ]
    if shared is not None:
        blocks.append(
            paragraph(
                f"Page {shared} is mapped again with MAP_SHARED before anything else happens; all "
                "other pages are private."
            )
        )
    blocks += [
        Listing(source),
        paragraph(
            "fork copies the page table and no page: afterwards both processes map the same frames, and the "
            "entries of private pages have lost W. The kernel resolves an access in one of these ways:"
        ),
        table("outcome, when and how", OUTCOMES.items()),
    ]
    if shared is not None:
        blocks.append(
            paragraph(
                "A process that has no entry for the shared page gets one with W at its first access "
                "(outcome shared_zero): all processes share one frame. fork copies such an entry as it is."
            )
        )
    return tuple(blocks)


def _steps(rng: Random, pages: int, depth: int, level: int) -> list[Step]:
    """Before each fork some steps, in the last process some, and some after each wait."""
    order = [*NAMES[:depth], *reversed(NAMES[: depth - 1])]  # P C G C P
    found: list[Step] = []
    for index, who in enumerate(order):
        count = rng.randrange(2, 4) if index == 0 else rng.randrange(1, 3 + (level == 3))
        for _ in range(count):
            write = rng.random() < (0.7 if index == 0 else 0.85)
            known = sorted({step.page for step in found})
            page = rng.choice(known) if known and rng.random() < 0.7 and index else rng.randrange(pages)
            found.append(Step(who, page, 8 * rng.randrange(512), write))
    return found


def _program(steps: Sequence[Step], pages: int, depth: int, shared: int | None) -> str:
    lines = ["        .globl  _start", "_start: la      s0, region"]
    if shared is not None:
        lines += [
            f"        li      t0, {shared * PAGE}",
            "        add     a0, s0, t0",
            f"        li      a1, {PAGE}",
            "        li      a2, 3                   # PROT_READ | PROT_WRITE",
            "        li      a3, 0x31                # MAP_SHARED | MAP_FIXED | MAP_ANONYMOUS",
            "        li      a4, -1",
            "        li      a5, 0",
            "        li      a7, 222                 # mmap",
            "        ecall",
        ]
    order = [*NAMES[:depth], *reversed(NAMES[: depth - 1])]
    groups = _groups(steps, order)
    number = 0
    for index, (who, group) in enumerate(zip(order, groups, strict=True)):
        for step in group:
            number += 1
            op, way = ("sd", "to") if step.write else ("ld", "from")
            lines += [
                f"        li      t0, {step.page * PAGE + step.offset}",
                "        add     t0, t0, s0",
                f"a{number}:{'':{6 - len(str(number))}}{op}      t1, 0(t0)               "
                f"# ({number}) {who} {'stores' if step.write else 'loads'} {way} page {step.page}",
            ]
        if index < depth - 1:
            lines += [
                "        li      a0, 17                  # SIGCHLD",
                "        li      a1, 0",
                "        li      a7, 220                 # clone, as fork",
                "        ecall",
                f"        beqz    a0, child_{NAMES[index + 1].lower()}",
                f"        j       wait_{who.lower()}",
                f"child_{NAMES[index + 1].lower()}:",
            ]
        else:
            lines += [
                "        li      a0, 0",
                "        li      a7, 93                  # exit",
                "        ecall",
            ]
            if index < len(order) - 1:
                lines += [
                    f"wait_{order[index + 1].lower()}:",
                    "        li      a0, -1",
                    "        li      a1, 0",
                    "        li      a2, 0",
                    "        li      a3, 0",
                    "        li      a7, 260                 # wait4",
                    "        ecall",
                ]
    lines += ["        .bss", "        .balign 4096", f"region: .space  {pages * PAGE}"]
    return "\n".join(lines) + "\n"


def _groups(steps: Sequence[Step], order: Sequence[str]) -> list[list[Step]]:
    """The steps by the stretches of the program: each stretch belongs to one process."""
    groups: list[list[Step]] = []
    before = ""
    for step in steps:
        if step.who != before:
            groups.append([])
            before = step.who
        groups[-1].append(step)
    assert [group[0].who for group in groups] == list(order)
    return groups


def _outcome(recording: Recording, number: int) -> str:
    """What the kernel did at the instruction `number`."""
    pc = recording.address(f"a{number}")
    return next((str(e.kind) for e in recording.faults if e.pc == pc and e.access != "execute"), NONE)


def _work(steps: Sequence[Step], shared: int | None) -> list[Worked]:
    """The outcome of each step by the rules that the question states.

    A process maps a page to the number of a frame, 0 for the frame of zeros. An entry without W is
    in `locked`.
    """
    frames: dict[str, dict[int, int]] = {"P": {}}
    locked: dict[str, set[int]] = {"P": set()}
    found: list[Worked] = []
    made = 0
    before = "P"
    for step in steps:
        if step.who != before:
            if step.who in frames:  # its child has ended
                del frames[before]
            else:
                private = {page for page in frames[before] if page != shared}
                locked[before] |= private
                frames[step.who], locked[step.who] = dict(frames[before]), set(locked[before])
            before = step.who
        mine, page = frames[step.who], step.page
        frame = mine.get(page)
        users = _users(frames, frame)
        if frame is None and page == shared:
            mine[page], outcome = SHARED_FRAME, str(FaultKind.SHARED_ZERO)
        elif not step.write:
            outcome = NONE if frame is not None else READ
            if frame is None:
                mine[page] = 0
                locked[step.who].add(page)
        elif not frame:
            made += 1
            mine[page], outcome = made, ZERO
            locked[step.who].discard(page)
        elif page not in locked[step.who]:
            outcome = NONE
        elif users == 1:
            outcome = REUSE
            locked[step.who].discard(page)
        else:
            made += 1
            mine[page], outcome = made, COPY
            locked[step.who].discard(page)
        found.append(Worked(outcome, users, _users(frames, frame), len({*mine.values()} - {0})))
    return found


def _users(frames: dict[str, dict[int, int]], frame: int | None) -> int:
    """The processes that map a frame; 0 for none and the frame of zeros."""
    return sum(f == frame for maps in frames.values() for f in maps.values()) if frame else 0


def _outcomes_part(steps: Sequence[Step], worked: Sequence[Worked]) -> Part:
    rows = [
        (f"({n})", s.who, "store" if s.write else "load", s.page, w.outcome, w.before or "-")
        for n, (s, w) in enumerate(zip(steps, worked, strict=True), 1)
    ]
    return Part(
        "What is the outcome of each numbered instruction?",
        (table("instruction, process, access, page, outcome, processes that map the frame before", rows),),
    )


def _references_part(asked: int, steps: Sequence[Step], worked: Sequence[Worked]) -> Part:
    w = worked[asked]
    return Part(
        f"How many processes map the frame of page {steps[asked].page} just before instruction ({asked + 1}), and how "
        "many map that same frame just after it?",
        answer(f"{w.before} before, {w.after} after."),
        (paragraph("The writer takes a copy, and leaves the old frame to the others."),),
    )


def _copies_part(worked: Sequence[Worked], copies: int) -> Part:
    mine = sum(w.outcome == COPY for w in worked)
    if mine != copies:
        raise RuntimeError(f"the working says {mine} copies, the machine {copies}")
    return Part(
        "How many pages does the kernel copy in the whole run?",
        answer(f"{copies}."),
        (paragraph("Each cow copies 4096 bytes; demand_zero and cow_reuse copy nothing."),),
    )


def _frames_part(worked: Sequence[Worked], recording: Recording) -> Part:
    region = recording.address("region")
    pages = {va: pte for va, pte in recording.end.leaves().items() if region <= va < region + 64 * PAGE}
    there = len({pte >> 10 for pte in pages.values()} - {0})
    if there != worked[-1].mapped:
        raise RuntimeError(f"the working says {worked[-1].mapped} frames, the machine {there}")
    return Part(
        "How many frames does P map in the region when it ends, without the frame of zeros?",
        answer(f"{there}."),
    )


def _entries_part(asked: int, before: int, after: int) -> Part:
    cow = "is set" if before & PTE_COW else "is clear"
    new = "a new frame" if before >> 10 != after >> 10 else "the same frame"
    return Part(
        f"Instruction ({asked + 1}) faults. Which of the flags W and D has the page's entry just before the fault, and just "
        "after the kernel has resolved it (before the store runs again)?",
        answer(
            f"Before: {flags(before)}, so {_has(before)}. After: {flags(after)}, so {_has(after)}. "
            f"The entry has {new}."
        ),
        (
            paragraph(
                f"fork has taken W away; a bit for software (the kernel's note that the page is private) {cow} in the "
                "entry before. The machine sets A and D when the store runs again."
            ),
        ),
    )


def _has(pte: int) -> str:
    return f"{'W' if pte & 4 else 'no W'} and {'D' if pte & 128 else 'no D'}"
