"""Advice about pages, and files read before they are asked for."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.guest_kernel import PAGE, PROT_READ, RW, Guest
from toyvm.base.events import FaultKind
from toyvm.kernel.accounts.proc_text import smaps_rollup
from toyvm.kernel.mm.address_space import AddressSpace
from toyvm.kernel.mm.advice import (
    MADV_COLD,
    MADV_FREE,
    MADV_PAGEOUT,
    MADV_RANDOM,
    MADV_REMOVE,
    MADV_SEQUENTIAL,
    MADV_WILLNEED,
    madvise,
)
from toyvm.kernel.mm.frame_allocator import OutOfFrames
from toyvm.kernel.mm.shared_anonymous import ShmNode
from toyvm.kernel.vfs.memory_files import MemFile
from toyvm.machine.sv39 import PTE_A, PTE_SWAP
from toyvm.run_options import Limits

PAGES = 100


def mapped(guest: Guest) -> tuple[AddressSpace, int]:
    """A mapping of a file of PAGES pages, each filled with its number."""
    contents = b"".join(bytes([n]) * PAGE for n in range(PAGES))
    file = MemFile(guest.kernel.vfs.memfs, 0o644, contents)
    return guest.mm, guest.mm.mmap(0, PAGES * PAGE, PROT_READ, file=file)


def majors(guest: Guest) -> int:
    return guest.kernel.stats.faults[FaultKind.FILE_MAJOR]


@pytest.mark.parametrize("most, expected", [(0, PAGES), (1, 51), (4, 2), (32, 2)])
def test_reading_in_order_waits_for_few_pages(most: int, expected: int) -> None:
    """The first page, the second; from then on each window is read as the one before it is entered."""
    guest = Guest(limits=Limits(readahead=most))
    mm, at = mapped(guest)
    for number in range(PAGES):
        assert mm.read(at + number * PAGE, 1) == bytes([number])
    stats = guest.kernel.stats
    assert majors(guest) <= expected
    assert stats.read_early == stats.used_early == PAGES - majors(guest)
    assert majors(guest) + stats.faults[FaultKind.FILE_MINOR] == PAGES


def test_reading_all_over_the_place_reads_nothing_ahead() -> None:
    guest = Guest(limits=Limits(readahead=32))
    mm, at = mapped(guest)
    places = [(n * 37 + 11) % PAGES for n in range(40)]
    assert not any(b == a + 1 for a, b in pairwise(places)) and 0 not in places
    for number in places:
        assert mm.read(at + number * PAGE, 1) == bytes([number])
    assert majors(guest) == 40 and guest.kernel.stats.read_early == 0


def test_advice_decides_what_is_read_ahead() -> None:
    guest = Guest(limits=Limits(readahead=16))
    mm, at = mapped(guest)
    madvise(mm, at, 50 * PAGE, MADV_RANDOM)
    for number in range(20):
        mm.read(at + number * PAGE, 1)
    assert guest.kernel.stats.read_early == 0
    madvise(mm, at + 50 * PAGE, 50 * PAGE, MADV_SEQUENTIAL)
    mm.read(at + 70 * PAGE, 1)
    assert guest.kernel.stats.read_early == 16
    assert "rr" in guest.read(guest.open("/proc/self/smaps"), 1 << 16).decode()


def test_what_is_wanted_soon_is_there() -> None:
    guest = Guest()
    mm, at = mapped(guest)
    madvise(mm, at + 10 * PAGE, 20 * PAGE, MADV_WILLNEED)
    assert guest.kernel.stats.read_early == 20
    for number in range(10, 30):
        assert mm.read(at + number * PAGE, 1) == bytes([number])
    assert majors(guest) == 0
    mm.read(at + 30 * PAGE, 1)
    assert majors(guest) == 1


def test_reading_ahead_stops_where_frames_are_short() -> None:
    guest = Guest(memory=64 * PAGE)
    mm, at = mapped(guest)
    madvise(mm, at, PAGES * PAGE, MADV_WILLNEED)
    assert 0 < guest.kernel.stats.read_early < 64 and guest.kernel.frames.free >= guest.kernel.system.low


@given(order=st.lists(st.integers(0, PAGES - 1), max_size=60), most=st.sampled_from([1, 4, 32]))
def test_the_bytes_are_the_files_in_any_order(order: list[int], most: int) -> None:
    guest = Guest(limits=Limits(readahead=most))
    mm, at = mapped(guest)
    for number in order:
        assert mm.read(at + number * PAGE, 1) == bytes([number])
    stats = guest.kernel.stats
    assert len(guest.kernel.system.cache) == majors(guest) + stats.read_early
    assert majors(guest) + stats.used_early == len(set(order))


def fill(guest: Guest, pages: int) -> int:
    at = guest.mm.mmap(0, pages * PAGE, RW)
    for number in range(pages):
        guest.mm.write(at + number * PAGE, bytes([number + 1]) * PAGE)
    return at


def test_freed_pages_go_first_and_without_a_write() -> None:
    """Not even a swap area is needed; what was written again stays."""
    guest = Guest(memory=128 * PAGE)
    at = fill(guest, 40)
    madvise(guest.mm, at, 40 * PAGE, MADV_FREE)
    assert b"LazyFree:            160 kB\n" in smaps_rollup(guest.mm)
    guest.mm.write(at + 7 * PAGE, b"wanted")
    assert b"LazyFree:            156 kB\n" in smaps_rollup(guest.mm)
    assert guest.mm.read(at, 1) == b"\1"  # nothing has run low
    fill(guest, 100)
    assert guest.kernel.stats.reclaimed > 0
    assert guest.mm.read(at + 7 * PAGE, 6) == b"wanted"
    left = {guest.mm.read(at + number * PAGE, PAGE) for number in range(40) if number != 7}
    assert bytes(PAGE) in left and all(len(set(page)) == 1 for page in left)


def test_a_freed_page_is_never_taken_from_who_wrote_it_before_a_fork() -> None:
    guest = Guest(memory=128 * PAGE)
    at = fill(guest, 20)
    madvise(guest.mm, at, 20 * PAGE, MADV_FREE)
    for number in range(20):
        guest.mm.write(at + number * PAGE, b"again")
    child = guest.fork()
    guest.mm.munmap(at, 20 * PAGE)
    with pytest.raises(OutOfFrames):
        fill(guest, 120)
    assert all(child.mm.read(at + number * PAGE, 5) == b"again" for number in range(20))


def test_a_frame_that_was_given_to_somebody_else_is_theirs() -> None:
    guest = Guest(memory=128 * PAGE)
    at = fill(guest, 30)
    madvise(guest.mm, at, 30 * PAGE, MADV_FREE)
    guest.mm.munmap(at, 30 * PAGE)
    other = fill(guest, 30)
    file = MemFile(guest.kernel.vfs.memfs, 0o644, bytes(90 * PAGE))
    view = guest.mm.mmap(0, 90 * PAGE, PROT_READ, file=file)
    for number in range(90):
        guest.mm.read(view + number * PAGE, 1)
        guest.kernel.system.balance(guest.mm.context)
    assert guest.kernel.stats.reclaimed > 0
    assert all(guest.mm.read(other + n * PAGE, 1) == bytes([n + 1]) for n in range(30))


def test_pages_go_out_when_they_are_told_to() -> None:
    guest = Guest(limits=Limits(swap=1 << 20))
    at = fill(guest, 6)
    child = guest.fork()
    child.mm.write(at, b"own")
    free = guest.kernel.frames.free
    madvise(guest.mm, at, 6 * PAGE, MADV_PAGEOUT)
    assert (
        guest.mm.table.entry(at) & PTE_SWAP and guest.kernel.frames.free == free + 1
    )  # the others are the child's too
    assert guest.mm.read(at, 2) == b"\1\1" and guest.kernel.stats.faults[FaultKind.SWAP_IN] == 1


def test_cold_pages_count_as_unused() -> None:
    guest = Guest()
    at = fill(guest, 3)
    madvise(guest.mm, at, 2 * PAGE, MADV_COLD)
    assert [bool(guest.mm.table.entry(at + n * PAGE) & PTE_A) for n in range(3)] == [False, False, True]


def test_removed_pages_of_shared_memory_give_frames_and_slots_back() -> None:
    guest = Guest(limits=Limits(swap=64 * PAGE))
    mm, kernel = guest.mm, guest.kernel
    at = mm.mmap(0, 8 * PAGE, RW, shared=True, file=ShmNode(kernel.new_inode(), 8 * PAGE))
    for number in range(8):
        mm.write(at + number * PAGE, bytes([number + 1]))
    swap = kernel.system.swap
    assert swap is not None
    madvise(mm, at, 4 * PAGE, MADV_PAGEOUT)
    before, slots = kernel.system.frames.free, swap.used
    assert slots == 4
    madvise(mm, at + 2 * PAGE, 4 * PAGE, MADV_REMOVE)
    assert kernel.system.frames.free == before + 2 and swap.used == slots - 2
    assert [mm.read(at + number * PAGE, 1)[0] for number in range(8)] == [1, 2, 0, 0, 0, 0, 7, 8]
