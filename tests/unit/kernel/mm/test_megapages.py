"""Transparent megapages: who gets one, what splits it, what the files of /proc and /sys say; and that no frame is lost on the way."""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable

import pytest

from tests.support.guest_kernel import PAGE, PROT_READ, RW, Guest
from toyvm.base.events import CowFault, Event, FaultKind, PageFault
from toyvm.kernel.accounts.memory_report import usage
from toyvm.kernel.counters import KERNEL
from toyvm.kernel.mm.address_space import AddressSpace
from toyvm.kernel.mm.advice import (
    MADV_COLD,
    MADV_DONTFORK,
    MADV_DONTNEED,
    MADV_FREE,
    MADV_HUGEPAGE,
    MADV_MERGEABLE,
    MADV_NOHUGEPAGE,
    MADV_PAGEOUT,
    madvise,
)
from toyvm.kernel.mm.frame_allocator import BLOCK
from toyvm.kernel.mm.moved_mappings import mremap
from toyvm.kernel.mm.shared_anonymous import ShmNode
from toyvm.machine.mmu import Access
from toyvm.machine.sv39 import MEGAPAGE_SIZE, PTE_A, PTE_COW, PTE_D, PTE_W, USER_TOP, pte_frame, walk
from toyvm.machine.traps import Trap
from toyvm.observe.memory_views import page_table
from toyvm.run_options import Limits

START = 0x1000_0000
SWAP = 16 << 20
HALF = MEGAPAGE_SIZE // 2


def machine(thp: str = "always", memory: int = 16 << 20, **more: int) -> Guest:
    return Guest(memory=memory, limits=Limits(thp=thp, swap=SWAP, **more))


@pytest.fixture
def guest() -> Guest:
    """With one megapage at START, each page of which begins with its number."""
    made = machine()
    made.mm.mmap(START, 2 * MEGAPAGE_SIZE, RW, fixed=True)
    fill(made.mm)
    assert leaf(made.mm, START)[1] == 1
    return made


def fill(mm: AddressSpace, start: int = START, pages: int = BLOCK) -> None:
    for number in range(pages):
        mm.write(start + number * PAGE, number.to_bytes(2, "little"))


def check(mm: AddressSpace, start: int = START, pages: int = BLOCK) -> None:
    for number in range(pages):
        assert mm.read_int(start + number * PAGE, 2) == number


def leaf(mm: AddressSpace, va: int) -> tuple[int, int]:
    """What the machine's own walk finds: the leaf entry and its level."""
    found = walk(mm.memory, mm.table.root_ppn, va)
    assert found is not None
    return found[1:]


def contents(guest: Guest, path: str) -> bytes:
    fd = guest.open(path)
    data = b""
    while piece := guest.read(fd, 8192):
        data += piece
    return data


def split(guest: Guest) -> tuple[int, int]:
    """Entries and pages that have been split."""
    return guest.kernel.stats.megapage_entries_split, guest.kernel.stats.megapages_split


def balanced(guest: Guest) -> None:
    """Every frame in use is explained, and the PSS of all spaces is the number of user frames."""
    system = guest.kernel.system
    tables = {frame for space in system.spaces for frame in space.table.table_frames()}
    mapped: dict[int, int] = {}
    for space in system.spaces:
        for area in space.vmas:
            for _, pte in space.resident(area):
                mapped[pte_frame(pte)] = mapped.get(pte_frame(pte), 0) + 1
    assert all(system.mappings(frame) == count for frame, count in mapped.items())
    assert sum(usage(AddressSpace(system, map=space)).pss for space in system.spaces) == len(mapped)
    cached = {frame for frame in system.cache.owner if frame not in mapped}
    swap = system.swap
    swapped = {frame for frame in swap.cached_frames() if frame not in mapped} if swap is not None else set()
    assert system.frames.used == len(mapped) + len(tables) + len(cached) + len(swapped)


def test_first_write_maps_two_mebibytes_by_one_entry(guest: Guest) -> None:
    stats = guest.kernel.stats
    assert (stats.megapages, stats.megapage_fallbacks) == (1, 0)
    assert stats.faults[FaultKind.DEMAND_MEGAPAGE] == 1
    pte, level = leaf(guest.mm, START)
    assert level == 1 and pte & (PTE_A | PTE_D | PTE_W) == PTE_A | PTE_D | PTE_W
    assert pte_frame(pte) % BLOCK == 0
    check(guest.mm)
    assert guest.mm.table.entry(START + 7 * PAGE) == pte + (7 << 10)
    assert usage(guest.mm).megapages == BLOCK
    balanced(guest)


def test_megapage_is_one_entry_of_the_tlb(guest: Guest) -> None:
    mm = guest.mm
    mm.mmu.tlb.flush()
    mm.mmu.tlb.misses = 0
    check(mm)
    assert mm.mmu.tlb.misses == 1
    guest.kernel.invalidate(mm.mmu, START + 5 * PAGE, START + 6 * PAGE)
    mm.mmu.tlb.read.clear()
    mm.read(START, 1)
    assert mm.mmu.tlb.misses == 2


@pytest.mark.parametrize(
    "start, size, wanted",
    [(START, MEGAPAGE_SIZE, True), (START + PAGE, 2 * MEGAPAGE_SIZE, False), (START, MEGAPAGE_SIZE - PAGE, False)],
)  # fmt: skip
def test_only_what_is_aligned_and_whole(start: int, size: int, wanted: bool) -> None:
    guest = machine()
    guest.mm.mmap(start, size, RW, fixed=True)
    guest.mm.write(start, b"x")
    assert (leaf(guest.mm, start)[1] == 1) == wanted
    assert guest.kernel.stats.megapage_fallbacks == 0


@pytest.mark.parametrize(
    "policy, advice, wanted",
    [
        ("never", MADV_HUGEPAGE, False),
        ("madvise", None, False),
        ("madvise", MADV_HUGEPAGE, True),
        ("madvise", MADV_NOHUGEPAGE, False),
        ("always", None, True),
        ("always", MADV_NOHUGEPAGE, False),
    ],
)
def test_policy_and_advice(policy: str, advice: int | None, wanted: bool) -> None:
    guest = machine(policy)
    mm = guest.mm
    mm.mmap(START, MEGAPAGE_SIZE, RW, fixed=True)
    if advice is not None:
        madvise(mm, START, MEGAPAGE_SIZE, advice)
    mm.write(START, b"x")
    assert (leaf(mm, START)[1] == 1) == wanted
    text = contents(guest, "/proc/self/smaps").decode()
    area = text[text.index(f"{START:08x}-") :]
    assert f"AnonHugePages:  {2048 * wanted:8d} kB" in area
    assert f"THPeligible:    {wanted:d}\n" in area
    flags = area[area.index("VmFlags:") :].split("\n")[0].split()
    assert ("hg" in flags, "nh" in flags) == (advice == MADV_HUGEPAGE, advice == MADV_NOHUGEPAGE)


def test_shared_memory_and_what_has_pages_already_gets_none() -> None:
    guest = machine()
    mm = guest.mm
    mm.mmap(START, MEGAPAGE_SIZE, RW, fixed=True, shared=True, file=ShmNode(1, MEGAPAGE_SIZE))
    mm.write(START, b"x")
    assert leaf(mm, START)[1] == 0
    mm.mmap(START, MEGAPAGE_SIZE, RW, fixed=True)
    guest.kernel.frames.megapages.enabled = "never"
    mm.write(START, b"x")
    guest.kernel.frames.megapages.enabled = "always"
    madvise(mm, START + PAGE, PAGE, MADV_DONTNEED)
    mm.write(START + PAGE, b"x")
    madvise(mm, START, 2 * PAGE, MADV_DONTNEED)  # a table with nothing in it is left
    mm.write(START + PAGE, b"x")
    assert leaf(mm, START + PAGE)[1] == 0
    assert (guest.kernel.stats.megapages, guest.kernel.stats.megapage_fallbacks) == (0, 0)


def test_zero_pages_give_way_to_a_megapage() -> None:
    guest = machine()
    mm, refs = guest.mm, guest.kernel.frames.refs
    before = refs[0]
    mm.mmap(START, MEGAPAGE_SIZE, RW, fixed=True)
    for number in (0, 3, BLOCK - 1):
        assert mm.read(START + number * PAGE, 1) == bytes(1)
    assert refs[0] == before + 3
    mm.write(START + 3 * PAGE, b"x")
    assert leaf(mm, START)[1] == 1 and refs[0] == before
    assert mm.read(START + 3 * PAGE, 1) == b"x" and mm.read(START, 1) == bytes(1)
    balanced(guest)


def test_heap_gets_them() -> None:
    guest = machine()
    mm = guest.mm
    mm.brk(mm.map.brk_start + 3 * MEGAPAGE_SIZE)
    aligned = mm.map.brk_start + MEGAPAGE_SIZE & -MEGAPAGE_SIZE
    mm.write(aligned + 12345, b"x")
    assert leaf(mm, aligned)[1] == 1
    mm.brk(aligned + 5 * PAGE)  # a part goes
    assert leaf(mm, aligned)[1] == 0 and split(guest) == (1, 1)
    assert mm.read(aligned + 12345, 1) == b"x"
    balanced(guest)


def test_prctl_turns_them_off_for_children_too(guest: Guest) -> None:
    assert guest.call("prctl", 42) == 0
    assert guest.call("prctl", 41, 1) == 0
    assert guest.call("prctl", 42) == 1
    assert guest.call("prctl", 41, 1, 1) == -errno.EINVAL
    guest.mm.write(START + MEGAPAGE_SIZE, b"x")
    assert leaf(guest.mm, START + MEGAPAGE_SIZE)[1] == 0
    assert guest.mm.fork().map.no_megapages
    assert b"THP_enabled:\t0\n" in contents(guest, "/proc/self/status")


def _unmap(mm: AddressSpace, start: int, size: int) -> None:
    mm.munmap(start, size)


def _advise(advice: int) -> Callable[[AddressSpace, int, int], None]:
    return lambda mm, start, size: madvise(mm, start, size, advice)


def _read_only(mm: AddressSpace, start: int, size: int) -> None:
    mm.mprotect(start, size, PROT_READ)


def _move(mm: AddressSpace, start: int, size: int) -> None:
    mremap(mm, start, size, size, may_move=True, target=0x3000_0000)


CHANGES = {
    "munmap": _unmap,
    "mprotect": _read_only,
    "mremap": _move,
    "dontneed": _advise(MADV_DONTNEED),
    "free": _advise(MADV_FREE),
    "cold": _advise(MADV_COLD),
    "pageout": _advise(MADV_PAGEOUT),
    "mergeable": _advise(MADV_MERGEABLE),
    "dontfork": _advise(MADV_DONTFORK),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("first, pages", [(0, 3), (200, 17), (BLOCK - 1, 1)])
def test_what_changes_a_part_splits_first(
    guest: Guest, change: Callable[[AddressSpace, int, int], None], first: int, pages: int
) -> None:
    mm = guest.mm
    change(mm, START + first * PAGE, pages * PAGE)
    assert split(guest) == (1, 1)
    assert not mm.table.megapages and usage(mm).megapages == 0
    for number in {*range(BLOCK)} - {*range(first, first + pages)}:
        pte, level = leaf(mm, START + number * PAGE)
        assert level == 0 and pte & PTE_D  # not to be lost
        assert mm.read_int(START + number * PAGE, 2) == number
    balanced(guest)


@pytest.mark.parametrize("name", ["munmap", "dontneed"])
def test_what_takes_the_whole_splits_nothing(guest: Guest, name: str) -> None:
    tables = guest.mm.table.table_count
    CHANGES[name](guest.mm, START, MEGAPAGE_SIZE)
    assert split(guest) == (0, 0)
    assert not guest.kernel.frames.megapages.tables
    assert guest.mm.table.table_count == tables - 1
    balanced(guest)


def test_protecting_the_whole_keeps_the_megapage(guest: Guest) -> None:
    mm = guest.mm
    mm.mprotect(START, MEGAPAGE_SIZE, PROT_READ)
    pte, level = leaf(mm, START)
    assert level == 1 and not pte & PTE_W
    mm.mprotect(START, MEGAPAGE_SIZE, 0)
    assert walk(mm.memory, mm.table.root_ppn, START) is None
    mm.mprotect(START, MEGAPAGE_SIZE, RW)
    fill(mm)
    check(mm)
    assert leaf(mm, START)[1] == 1 and split(guest) == (0, 0)


def test_moving_the_whole_keeps_the_megapage_where_that_can_be(guest: Guest) -> None:
    mm = guest.mm
    before = leaf(mm, START)
    to = 0x3000_0000
    assert mremap(mm, START, MEGAPAGE_SIZE, MEGAPAGE_SIZE, may_move=True, target=to) == to
    assert leaf(mm, to) == before and walk(mm.memory, mm.table.root_ppn, START) is None
    check(mm, to)
    balanced(guest)
    mremap(mm, to, MEGAPAGE_SIZE, MEGAPAGE_SIZE, may_move=True, target=START)
    assert split(guest) == (0, 0)
    mremap(mm, START, MEGAPAGE_SIZE, MEGAPAGE_SIZE, may_move=True, target=to + PAGE)
    assert split(guest) == (1, 1)
    check(mm, to + PAGE)
    balanced(guest)


def test_pages_shared_in_part_cannot_be_protected_as_one(guest: Guest) -> None:
    mm = guest.mm
    child = mm.fork()
    child.munmap(START, HALF)
    mm.mprotect(START, MEGAPAGE_SIZE, PROT_READ)
    mm.mprotect(START, MEGAPAGE_SIZE, RW)  # the first half is its own and can be written at once
    assert leaf(mm, START)[0] & PTE_W and not leaf(mm, START + HALF)[0] & PTE_W
    fill(mm)
    check(child, START + HALF, 0)
    check(mm)
    balanced(guest)


def test_fork_shares_the_megapage_and_a_write_splits_the_writers(guest: Guest) -> None:
    mm, system = guest.mm, guest.kernel.system
    tables = mm.table.table_count
    child = mm.fork()
    assert child.table.table_count == tables
    for space, used in ((mm, PTE_A | PTE_D), (child, 0)):
        pte, level = leaf(space, START)
        assert level == 1 and pte & (PTE_A | PTE_D | PTE_W | PTE_COW) == PTE_COW | used
    assert system.frames.megapages.tables == {pte_frame(leaf(mm, START)[0]): 2}
    child.write(START + 9 * PAGE, b"child")
    assert split(guest) == (1, 0)  # the parent has it still
    assert leaf(child, START + PAGE)[1] == 0 and leaf(mm, START)[1] == 1
    assert mm.read_int(START + 9 * PAGE, 2) == 9 and child.read(START + 9 * PAGE, 5) == b"child"
    check(child, START, 9)
    balanced(guest)
    mm.write(START + 10 * PAGE, b"mother")
    assert split(guest) == (2, 1)
    assert child.read_int(START + 10 * PAGE, 2) == 10
    balanced(guest)
    child.release()
    balanced(guest)


def test_last_sharer_takes_the_whole_megapage(guest: Guest) -> None:
    mm = guest.mm
    mm.fork().release()
    assert not leaf(mm, START)[0] & PTE_W
    mm.write(START + 3 * PAGE, b"again")
    pte, level = leaf(mm, START)
    assert level == 1 and pte & PTE_W and not pte & PTE_COW
    assert split(guest) == (0, 0)
    assert guest.kernel.stats.faults[FaultKind.COW_REUSE] == 1
    fill(mm)
    check(mm)


def test_what_is_told_of_it(guest: Guest) -> None:
    mm = guest.mm
    told: list[Event] = []
    for kind in (PageFault, CowFault):
        guest.bus.subscribe(kind, told.append)
    assert f" va {START:#x} megapage\n" in page_table(mm)
    mm.write(START + MEGAPAGE_SIZE, b"x")
    mm.fork().release()
    mm.write(START + 3 * PAGE, b"x")
    faults = [event for event in told if isinstance(event, PageFault)]
    assert [fault.kind for fault in faults] == [FaultKind.DEMAND_MEGAPAGE, FaultKind.COW_REUSE]
    (copy,) = (event for event in told if isinstance(event, CowFault))
    assert (copy.va, copy.refcount_before, copy.refcount_after) == (START + 3 * PAGE, 1, 1)
    assert copy.frame_before == copy.frame_after == pte_frame(leaf(mm, START)[0]) + 3


def test_fork_as_arrays_is_the_same(guest: Guest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways of copying tables leave the same entries."""
    mm, frames = guest.mm, guest.kernel.frames

    def forked() -> list[tuple[int, int]]:
        child = mm.fork()
        found = [leaf(child, START + n * PAGE) for n in (0, 1, BLOCK - 1)]
        child.release()
        return found

    plain = forked()
    monkeypatch.setattr("toyvm.kernel.mm.frame_allocator.FEWEST_TABLES", 1)
    frames.walked(1 << 30)
    assert frames.arrays(1) is not None
    assert forked() == plain
    balanced(guest)


def test_no_block_of_frames_is_a_fallback() -> None:
    guest = machine(memory=4 << 20)
    mm = guest.mm
    mm.mmap(START, 4 * MEGAPAGE_SIZE, RW, fixed=True)
    fill(mm)
    mm.write(START + MEGAPAGE_SIZE, b"x")
    stats = guest.kernel.stats
    assert (stats.megapages, stats.megapage_fallbacks) == (1, 1)
    assert leaf(mm, START + MEGAPAGE_SIZE)[1] == 0
    mm.write(START + MEGAPAGE_SIZE + PAGE, b"x")  # its 2 MiB have pages now, so it is not asked again
    assert guest.kernel.stats.megapage_fallbacks == 1


def test_freed_frames_make_blocks_again_and_blocks_break_into_frames() -> None:
    guest = machine(memory=10 << 20)
    mm, frames = guest.mm, guest.kernel.frames
    used = frames.used - mm.table.table_count
    for _ in range(3):
        mm.mmap(START, 3 * MEGAPAGE_SIZE, RW, fixed=True)
        for start in range(START, START + 3 * MEGAPAGE_SIZE, MEGAPAGE_SIZE):
            mm.write(start, b"\xff" * 8)
            assert mm.read(start + 8, MEGAPAGE_SIZE - 8).count(0) == MEGAPAGE_SIZE - 8
            mm.write(start, b"\xff" * MEGAPAGE_SIZE)
        assert len(mm.table.megapages) == 3
        mm.munmap(START, 3 * MEGAPAGE_SIZE)
        assert frames.used - mm.table.table_count == used
    mm.map.no_megapages = True
    pages = frames.free - 50
    mm.mmap(START, pages * PAGE, RW, fixed=True)
    for number in range(pages):
        mm.write(START + number * PAGE + 100, b"x")
        assert mm.read(START + number * PAGE, 100) == bytes(100)
    balanced(guest)
    mm.munmap(START, pages * PAGE)
    assert frames.used - mm.table.table_count == used


def test_group_at_its_limit_falls_back() -> None:
    guest = machine(memory=16 << 20)
    from toyvm.kernel.mm.memory_groups import Groups

    frames, mm = guest.kernel.frames, guest.mm
    frames.groups = Groups(frames.count, lambda group, context: 0)
    mm.context.group = group = frames.groups.add("small", 600)
    mm.mmap(START, 2 * MEGAPAGE_SIZE, RW, fixed=True)
    mm.write(START, b"x")
    assert group.used >= BLOCK
    mm.write(START + MEGAPAGE_SIZE, b"x")
    assert guest.kernel.stats.megapage_fallbacks == 1
    mm.munmap(START, MEGAPAGE_SIZE)
    assert group.used < 20


def test_reclaim_splits_what_it_takes_pages_of(guest: Guest) -> None:
    mm, system = guest.mm, guest.kernel.system
    system.recent.clear()
    for _ in range(6):
        system.reclaimer.shrink(KERNEL, 64)
    assert guest.kernel.stats.swapped_out
    assert split(guest) == (1, 1)
    balanced(guest)
    check(mm)
    balanced(guest)


def test_clearing_the_accessed_bit_clears_the_megapages(guest: Guest) -> None:
    """The clock looks at pages; they have one bit together."""
    mm, system = guest.mm, guest.kernel.system
    other = mm.fork()
    system.recent.clear()
    while mm.table.megapages and leaf(mm, START)[0] & PTE_A:
        assert system.reclaimer.shrink(KERNEL, 1) or system.stats.scanned < 10 * BLOCK
    assert not mm.table.entry(START + 77 * PAGE) & PTE_A or not mm.table.megapages
    for number in range(BLOCK):
        va = START + number * PAGE
        if mm.table.entry(va) and not mm.table.entry(va) & PTE_A:
            assert va >> 12 not in mm.mmu.tlb.read
    check(mm)
    check(other)
    balanced(guest)


def test_merging_splits_and_saves_pages() -> None:
    guest = machine()
    mm = guest.mm
    for start in (START, 0x3000_0000):
        mm.mmap(start, MEGAPAGE_SIZE, RW, fixed=True)
        fill(mm, start)
    madvise(mm, START, MEGAPAGE_SIZE, MADV_MERGEABLE)
    madvise(mm, 0x3000_0000, MEGAPAGE_SIZE, MADV_MERGEABLE)
    assert len(mm.table.megapages) == 2  # to be offered is no reason to be split
    ksm = guest.kernel.ksm
    for _ in range(3):
        ksm.scan(3 * BLOCK)
        ksm.scan(3 * BLOCK)
    assert ksm.pages_sharing == BLOCK
    check(mm)
    check(mm, 0x3000_0000)
    assert split(guest) == (2, 2)
    balanced(guest)


def test_numbers_of_the_whole_machine(guest: Guest) -> None:
    assert b"AnonHugePages:      2048 kB\n" in contents(guest, "/proc/meminfo")
    guest.mm.mprotect(START, PAGE, PROT_READ)
    guest.mm.write(START + MEGAPAGE_SIZE, b"x")
    text = contents(guest, "/proc/vmstat")
    for name, value in (("fault_alloc", 2), ("fault_fallback", 0), ("split_page", 1), ("split_pmd", 1)):
        assert b"thp_%s %d\n" % (name.encode(), value) in text
    first = pte_frame(leaf(guest.mm, START + MEGAPAGE_SIZE)[0])
    data = contents(guest, "/proc/kpageflags")
    words = struct.unpack(f"<{len(data) // 8}Q", data)
    head, tail, thp = 1 << 15, 1 << 16, 1 << 22
    assert words[first] & (head | tail | thp) == head | thp
    assert {word & (head | tail | thp) for word in words[first + 1 : first + BLOCK]} == {tail | thp}
    assert not words[pte_frame(leaf(guest.mm, START)[0])] & (head | tail | thp)


def test_setting_in_sys(guest: Guest) -> None:
    path = "/sys/kernel/mm/transparent_hugepage/"
    assert contents(guest, path + "enabled") == b"[always] madvise never\n"
    assert contents(guest, path + "hpage_pmd_size") == b"2097152\n"
    fd = guest.open(path + "enabled", 1)
    assert guest.call("write", fd, guest.text("never\n"), 6) == 6
    assert guest.call("write", fd, guest.text("sometimes"), 9) == -errno.EINVAL
    assert contents(guest, path + "enabled") == b"always madvise [never]\n"
    guest.mm.write(START + MEGAPAGE_SIZE, b"x")
    assert leaf(guest.mm, START + MEGAPAGE_SIZE)[1] == 0


def test_everything_comes_back(guest: Guest) -> None:
    child = guest.mm.fork()
    child.write(START, b"x")
    child.release()
    guest.mm.release_pages(0, USER_TOP)
    assert not guest.kernel.frames.megapages.tables
    assert guest.kernel.frames.used == guest.mm.table.table_count + len(guest.kernel.system.cache)
    with pytest.raises(Trap):
        guest.mm.mmu.translate(START, Access.READ)
