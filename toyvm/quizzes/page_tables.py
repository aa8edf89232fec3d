"""Questions on page tables: from the pages of a process to the tables that map them."""

from __future__ import annotations

from random import Random

from . import scattered
from .question import Block, Part, Question, answer, paragraph, table
from .small_runs import PAGE, Snapshot, build, run
from .translation import flags

TITLE = "Page tables"
USER_PAGES = 1 << 26  # of the user half: 38 bits of address, pages of 12 bits
_BITS = {"V": 1, "R": 2, "W": 4, "X": 8, "U": 16, "A": 64, "D": 128}


def make(rng: Random, seed: int, number: int, level: int) -> Question:
    """The pages of a process; how many tables map them, and what an entry holds."""
    mapped = scattered.areas(rng, 1 + level)
    later = _untouched(rng, mapped)
    touch = f"        li      t0, {later:#x}\n        sd      t1, 0(t0)\n"
    source = scattered.program(mapped, rng, touch + "        li      a7, 172\n        ecall\n")
    recording = run(build(source), {"memory": rng.choice((4, 8, 16)) << 20})
    before, after = recording.marks
    leaves = before.leaves()
    chosen = rng.choice([va for va in sorted(leaves) if leaves[va] & 4] or sorted(leaves))
    split = sorted(rng.sample(sorted(leaves), 2))
    given: tuple[Block, ...] = (
        paragraph(
            "A process runs on a machine with Sv39 paging: three levels of tables, 512 entries of 8 bytes in "
            "a table, pages of 4096 bytes, no megapages. A table exists only where it is needed. These pages "
            "of the process are in memory, and no others:"
        ),
        table(
            "virtual page, frame, permissions, so far",
            [
                (f"{va:#x}", f"{pte >> 10:#x}", _permissions(pte), _used(pte))
                for va, pte in sorted(leaves.items())
            ],
        ),
        paragraph(
            "An entry has V in bit 0, R, W, X, U, G, A and D in bits 1 to 7, and the PPN from bit 10 upwards. "
            "Every page here belongs to user mode and is not global. Frame 0x0 is the frame of zeros: all pages "
            "that were read and never written share it."
        ),
    )
    tables = {lvl: len({e.table for e in before.entries if e.level == lvl}) for lvl in (2, 1, 0)}
    parts = (
        *(_split_part(va) for va in split),
        _tables_part(leaves, tables, before),
        _root_part(before),
        _entry_part(chosen, leaves[chosen]),
        _later_part(later, leaves, before, after),
    )
    data = {
        "leaves": [[va, pte] for va, pte in sorted(leaves.items())],
        "split": [[va, [va >> 30 & 511, va >> 21 & 511, va >> 12 & 511]] for va in split],
        "tables": [tables[2], tables[1], tables[0]],
        "root_indexes": [e.index for e in before.entries if e.level == 2],
        "entry": [chosen, leaves[chosen] & ~0x300],
        "later": later,
        "new_tables": after.tables - before.tables,
        "new_frames": after.used - before.used,
    }
    return Question("pagetables", seed, number, level, TITLE, given, parts, data)


def _untouched(rng: Random, mapped: tuple[scattered.Area, ...]) -> int:
    """A page that may be written and has not been touched: of an area, or one of the bss far away."""
    free = [
        area.start + PAGE * page
        for area in mapped
        if area.prot & scattered.WRITE
        for page in range(area.pages)
        if page not in (*area.read, *area.written)
    ]
    # The stack may grow: its last page is in memory, and 511 pages below it is another table.
    stack = [0x4000000000 - PAGE * (2 + rng.randrange(20)), 0x4000000000 - PAGE * (513 + rng.randrange(20))]
    return rng.choice([*free, rng.choice(stack)]) + 8 * rng.randrange(512)


def _permissions(pte: int) -> str:
    return "".join(letter.lower() if pte & _BITS[letter] else "-" for letter in "RWX")


def _used(pte: int) -> str:
    return "written" if pte & _BITS["D"] else "read or executed" if pte & _BITS["A"] else "not used"


def _split_part(va: int) -> Part:
    two, one, zero = va >> 30 & 511, va >> 21 & 511, va >> 12 & 511
    return Part(
        f"Which entries of the tables of level 2, 1 and 0 translate the page {va:#x}?",
        answer(f"VPN[2] = {two}, VPN[1] = {one}, VPN[0] = {zero}."),
        (
            paragraph(
                f"{va:#x} >> 12 = {va >> 12:#x} is the virtual page number, 27 bits. In binary, in groups of "
                f"9 bits: {two:09b} {one:09b} {zero:09b}."
            ),
        ),
    )


def _tables_part(leaves: dict[int, int], tables: dict[int, int], here: Snapshot) -> Part:
    twos, ones = {va >> 30 for va in leaves}, {va >> 21 for va in leaves}
    total = sum(tables.values())
    if (1, len(twos), len(ones), total) != (tables[2], tables[1], tables[0], here.tables):
        raise RuntimeError(
            f"the working says {(1, len(twos), len(ones))}, the machine {tables}, {here.tables}"
        )
    one = [
        (f"{key << 30:#x}", ", ".join(f"{k & 511}" for k in sorted(ones) if k >> 9 == key))
        for key in sorted(twos)
    ]
    times = USER_PAGES * 8 // (total * PAGE)
    return Part(
        "How many tables are there of each level, and how many bytes do they take together? How many times "
        f"more would one table take that has an entry of 8 bytes for each of the 2^26 = {USER_PAGES:,} pages of the "
        "user half of the address space?",
        answer(
            f"1 of level 2, {tables[1]} of level 1, {tables[0]} of level 0: {total} tables, {total * PAGE:,} "
            f"bytes. The one table would take {USER_PAGES * 8:,} bytes, {times:,} times more."
        ),
        (
            paragraph(
                "A table of level 1 covers 512 * 2 MiB = 1 GiB, a table of level 0 covers 512 * 4 KiB = 2 MiB. "
                "The pages lie in these gibibytes, and in each of them in the pieces of 2 MiB with these numbers:"
            ),
            table("gibibyte at, pieces of 2 MiB", one),
        ),
    )


def _root_part(here: Snapshot) -> Part:
    indexes = [e.index for e in here.entries if e.level == 2]
    return Part(
        "Which entries of the root table are not 0?",
        answer(f"{', '.join(map(str, indexes))}."),
        (paragraph("These are the different values of VPN[2] = address >> 30."),),
    )


def _entry_part(va: int, pte: int) -> Part:
    frame, kept = pte >> 10, pte & 0xFF
    bits = " + ".join(f"{letter} {bit:#x}" for letter, bit in _BITS.items() if kept & bit)
    value = frame << 10 | kept
    return Part(
        f"What is the entry that maps page {va:#x}, in hexadecimal? (The two bits for software are 0.)",
        answer(f"{value:#018x}."),
        (
            paragraph(
                f"Frame {frame:#x} * 1024 = {frame << 10:#x}. Flags: {bits} = {kept:#x} ({flags(kept)}): "
                "the machine has set A at the first access, and D if there was a store. The sum is "
                f"{value:#x}."
            ),
        ),
    )


def _later_part(later: int, leaves: dict[int, int], before: Snapshot, after: Snapshot) -> Part:
    gib, piece = later >> 30 in {va >> 30 for va in leaves}, later >> 21 in {va >> 21 for va in leaves}
    new = (not gib) + (not piece)
    if new != after.tables - before.tables or new + 1 != after.used - before.used:
        raise RuntimeError(f"the working says {new} tables, the machine {after.tables - before.tables}")
    reasons = [
        f"Entry {later >> 30} of the root {'points to a table' if gib else 'is 0: 1 new table of level 1'}",
        f"the 2 MiB at {later >> 21 << 21:#x} {'have a table' if piece else 'have no table yet: 1 new table of level 0'}",
        "the page itself takes 1 frame",
    ]
    return Part(
        f"Now the process stores to {later:#x}, which its mappings allow. No page there was touched before. "
        "How many new tables does the kernel make, and how many frames does the store take in all?",
        answer(f"{new} new table{'s' * (new != 1)}; {new + 1} frame{'s' * (new != 0)} in all."),
        (paragraph("; ".join(reasons) + "."),),
    )
