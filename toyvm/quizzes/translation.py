"""Questions on translation: from the dump of a page table to physical addresses and page faults."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from ..base.record import Record
from ..kernel.proc.process import Process
from ..machine.mmu import Access, Mmu
from ..machine.sv39 import VA_BITS
from ..machine.traps import Cause, Trap
from . import scattered
from .question import Block, Part, Question, Table, answer, paragraph, table
from .small_runs import PAGE, Entry, Snapshot, build, run, snapshot

TITLE = "Address translation"
FLAGS = "VRWXUGAD"  # from bit 0 upwards
_NAMES = {Access.READ: "load", Access.WRITE: "store", Access.EXECUTE: "fetch"}
_PHRASES = {
    Access.READ: "load from",
    Access.WRITE: "store to",
    Access.EXECUTE: "fetch of an instruction from",
}
_LETTERS = {Access.READ: "R", Access.WRITE: "W", Access.EXECUTE: "X"}
_CAUSES = {Access.READ: 13, Access.WRITE: 15, Access.EXECUTE: 12}


class Asked(Record):
    """An access that the question asks about."""

    va: int
    access: Access


def make(rng: Random, seed: int, number: int, level: int) -> Question:
    """A process's page table, and addresses to translate."""
    mapped = scattered.areas(rng, 1 + level, megapage=level >= 3)
    program = build(scattered.program(mapped, rng))
    asked: list[Asked] = []
    results: list[int | Cause] = []

    def at_mark(process: Process) -> None:
        asked.extend(_choose(rng, mapped, _leaves(process), 3 + level, level))
        for one in asked:
            # An Mmu of its own has an empty TLB, so it reads the tables.
            results.append(_translate(Mmu(process.mm.memory, process.mm.table.root_ppn), one))

    memory = rng.choice((1, 2, 4)) << 20 if level < 3 else 8 << 20
    recording = run(program, {"memory": memory, "thp": "always" if level >= 3 else "never"}, at_mark)
    here = recording.marks[0]
    parts = tuple(_part(here, one, result) for one, result in zip(asked, results, strict=True))
    rows = [
        (f"{e.table:#x}", e.index, f"{e.table * PAGE + 8 * e.index:#x}", f"{e.pte:#018x}")
        for e in here.entries
    ]
    rows.sort(key=lambda row: int(row[2], 16))
    given: tuple[Block, ...] = (
        paragraph(
            f"A process runs on a RISC-V machine with Sv39 paging, {memory >> 20} MiB of physical memory "
            f"and pages of 4096 bytes. satp holds the PPN of the root table: {here.root:#x}. These are "
            "all entries of its page table that are not 0, by the frame that holds the table:"
        ),
        table("frame of table, index, physical address, entry", rows),
        paragraph(
            "An entry has V in bit 0, R, W and X in bits 1 to 3, U in bit 4, G, A and D in bits 5 to 7, two "
            "bits for software in bits 8 and 9, and the PPN from bit 10 upwards. An entry with V and none of R, "
            "W and X points to the next table. The machine sets A and D by itself. The process runs in user "
            "mode, so a leaf needs U."
        ),
        paragraph(
            "For each access below: which physical address does it reach, or which page fault does it "
            "cause? Write down the address of each entry that the machine reads."
        ),
    )
    data: dict[str, Any] = {
        "memory": memory,
        "root": here.root,
        "entries": [[e.table, e.index, e.pte] for e in here.entries],
        "asked": [[_NAMES[one.access], one.va] for one in asked],
        "answers": [_told(result) for result in results],
    }
    return Question("translation", seed, number, level, TITLE, given, parts, data)


def _leaves(process: Process) -> dict[int, int]:
    return snapshot(process).leaves()


def _translate(mmu: Mmu, one: Asked) -> int | Cause:
    try:
        return mmu.translate(one.va, one.access)
    except Trap as trap:
        return trap.cause


def _told(result: int | Cause) -> str | int:
    return result.name.lower() if isinstance(result, Cause) else result


def _choose(
    rng: Random, mapped: Sequence[scattered.Area], leaves: dict[int, int], count: int, level: int
) -> list[Asked]:
    """Accesses: most of them succeed, and the others fail in different ways."""
    pages = sorted(leaves)
    kinds = ["good", "good", "absent", rng.choice(("forbidden", "far"))]
    if level >= 2:
        kinds.append(rng.choice(("forbidden", "hole", "far")))
    if level >= 3:
        kinds[-1] = "hole"
    kinds += ["good"] * (count - len(kinds))
    rng.shuffle(kinds)
    found: list[Asked] = []
    for kind in kinds:
        while True:
            one = _access(rng, kind, mapped, pages, leaves)
            if one.va not in [other.va for other in found]:
                break
        found.append(one)
    return found


def _access(
    rng: Random, kind: str, mapped: Sequence[scattered.Area], pages: Sequence[int], leaves: dict[int, int]
) -> Asked:
    page = rng.choice(pages)
    offset = rng.randrange(0, PAGE, 2)
    access = rng.choice(tuple(Access))
    if page == mapped[0].start and mapped[0].pages == scattered.MEGAPAGE // PAGE:
        offset |= rng.randrange(512) << 12
    allowed = bool(leaves[page] & access)
    if kind == "good" and not allowed:
        access = rng.choice([a for a in Access if leaves[page] & a])
    elif kind == "forbidden" and allowed:
        access = rng.choice([a for a in Access if not leaves[page] & a])
    elif kind == "absent":  # beside a page that is present, with the same tables where possible
        area = rng.choice(mapped)
        page = area.start + PAGE * rng.randrange(area.pages)
        if page in leaves:
            page = area.start + area.pages * PAGE
    elif kind == "far":
        page = rng.randrange(1, 255) << 30 | rng.randrange(512) << 21 | rng.randrange(512) << 12
    elif kind == "hole":  # bits 63 to 39 differ from bit 38
        page |= rng.randrange(1, 1 << 24) << VA_BITS
    return Asked(page | offset, access)


def _part(here: Snapshot, one: Asked, result: int | Cause) -> Part:
    steps, found = _walk(here, one)
    if found != result:
        raise RuntimeError(f"the working says {found}, the machine {result}")
    if isinstance(result, Cause):
        text = f"{_fault_name(one.access)} (cause {int(result)}); stval holds {one.va:#x}."
    else:
        text = f"Physical address {result:#x}."
    return Part(f"A {_PHRASES[one.access]} {one.va:#x}.", answer(text), steps)


def _fault_name(access: Access) -> str:
    return {Access.READ: "Load page fault", Access.WRITE: "Store page fault"}.get(
        access, "Instruction page fault"
    )


def _walk(here: Snapshot, one: Asked) -> tuple[tuple[Block, ...], int | Cause]:
    """The steps of the walk as a reader of the dump takes them, and where they lead."""
    va, fault = one.va, Cause(_CAUSES[one.access])
    dump: dict[tuple[int, int], Entry] = {(e.table, e.index): e for e in here.entries}
    top = va >> 38
    if top not in (0, (1 << 26) - 1):
        why = (
            f"Bits 63 to 39 of {va:#x} are {va >> 39:#x} and bit 38 is {va >> 38 & 1}. All must be equal: the "
            "address is not canonical, and the machine reads no entry."
        )
        return (paragraph(why),), fault
    numbers = [va >> 12 + 9 * level & 0x1FF for level in (2, 1, 0)]
    split = paragraph(
        f"VPN[2] = {va:#x} >> 30 = {numbers[0]}, VPN[1] = bits 29 to 21 = {numbers[1]}, "
        f"VPN[0] = bits 20 to 12 = {numbers[2]}, offset = {va & 0xFFF:#x}."
    )
    rows: list[tuple[object, ...]] = []
    frame = here.root
    for level, number in zip((2, 1, 0), numbers, strict=True):
        at = frame * PAGE + 8 * number
        place = f"{frame:#x} * 4096 + 8 * {number} = {at:#x}"
        entry = dump.get((frame, number))
        if entry is None:
            rows.append((level, place, "0", "V is clear: page fault"))
            return (split, _steps(rows)), fault
        pte = entry.pte
        shown = f"{pte:#x} = {flags(pte)}"
        if not pte & 0b1110:
            frame = pte >> 10
            rows.append((level, place, shown, f"points to the table in frame {frame:#x}"))
            continue
        letter = _LETTERS[one.access]
        if not pte & one.access:
            rows.append((level, place, shown, f"a leaf without {letter}: page fault"))
            return (split, _steps(rows)), fault
        ppn = pte >> 10
        bits = 12 + 9 * level
        rows.append((level, place, shown, f"a leaf with {letter} and U, frame {ppn:#x}"))
        low = va & (1 << bits) - 1
        pa = ppn << 12 | low
        what = "offset" if not level else f"low {bits} bits (a megapage: VPN[0] belongs to the offset)"
        sum_ = paragraph(f"{ppn:#x} * 4096 + {what} {low:#x} = {pa:#x}.")
        return (split, _steps(rows), sum_), pa
    raise RuntimeError("an entry of level 0 that points to a table")


def _steps(rows: Sequence[tuple[object, ...]]) -> Table:
    return table("level, address of the entry, entry, so", rows)


def flags(pte: int) -> str:
    """The flags of an entry, D to V, a dash for each that is clear."""
    return "".join(letter if pte >> bit & 1 else "-" for bit, letter in reversed(list(enumerate(FLAGS))))
