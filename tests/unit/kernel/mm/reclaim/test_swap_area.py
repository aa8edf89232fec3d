"""The swap area, reclaim, locked memory and the end of memory, at the kernel's own interfaces."""

from __future__ import annotations

import errno
import re
from typing import Any

import pytest

from tests.support.guest_kernel import PAGE, RW, Guest
from toyvm.base.errors import error
from toyvm.base.events import FaultKind, PageReclaimed
from toyvm.kernel.counters import KERNEL
from toyvm.kernel.mm.address_space import AddressSpace
from toyvm.kernel.mm.frame_allocator import OutOfFrames
from toyvm.kernel.mm.reclaim.swap_area import SwapFile
from toyvm.kernel.mm.shared_anonymous import ShmNode
from toyvm.kernel.mm.user_memory import Fault
from toyvm.kernel.proc.lifecycle import start_thread
from toyvm.kernel.proc.oom_killer import out_of_memory
from toyvm.kernel.proc.process import Process, State
from toyvm.kernel.vfs.memory_files import MemFile
from toyvm.machine.sv39 import PTE_SWAP, PTE_V, entry_slot
from toyvm.run_options import Limits

MIB = 1 << 20
FRAMES = 128


class FailingFile(SwapFile):
    """A swap file whose disk fails when told to: `writes` and `reads` are the errno, or 0."""

    writes = reads = 0

    def write(self, slot: int, page: bytes | memoryview) -> None:
        if self.writes:
            raise error(self.writes)
        super().write(slot, page)

    def read(self, slot: int, count: int) -> bytes:
        if self.reads:
            raise error(self.reads)
        return super().read(slot, count)


def machine(swap: int = MIB, **limits: Any) -> Guest:
    return Guest(FRAMES * PAGE, limits=Limits(swap=swap, **limits))


@pytest.fixture
def guest() -> Guest:
    return machine()


def failing(guest: Guest) -> FailingFile:
    """Put a disk that can fail under the swap area."""
    swap = guest.kernel.system.swap
    assert swap is not None
    swap.file = FailingFile()
    return swap.file


def fill(mm: AddressSpace, count: int, **mapping: Any) -> int:
    """Map `count` pages and write a number into each."""
    va = mm.mmap(0, count * PAGE, RW, **mapping)
    for number in range(count):
        mm.write_int(va + number * PAGE, number + 1)
    return va


def swap_out(guest: Guest, count: int = FRAMES) -> None:
    guest.kernel.system.recent.clear()
    guest.kernel.system.reclaimer.shrink(KERNEL, count)


def kinds(mm: AddressSpace) -> dict[FaultKind, int]:
    return {kind: count for kind, count in mm.context.counters.faults.items() if count}


def check(mm: AddressSpace, va: int, count: int) -> None:
    assert [mm.read_int(va + number * PAGE) for number in range(count)] == [n + 1 for n in range(count)]


def test_more_memory_than_there_is(guest: Guest) -> None:
    va = fill(guest.mm, 4 * FRAMES // 2)
    check(guest.mm, va, 4 * FRAMES // 2)
    swap = guest.kernel.system.swap
    assert swap is not None and swap.swapped_out > FRAMES
    guest.mm.munmap(va, 2 * FRAMES * PAGE)
    assert swap.used == swap.cached == 0


def test_a_shared_page_is_written_once_and_found_by_every_sharer(guest: Guest) -> None:
    mm, swap = guest.mm, guest.kernel.system.swap
    assert swap is not None
    va = fill(mm, 1)
    children = [mm.fork() for _ in range(3)]
    swap_out(guest)
    assert swap.swapped_out == 1
    slot = entry_slot(mm.table.entry(va))
    assert all(space.table.entry(va) == mm.table.entry(va) for space in children)
    assert mm.table.entry(va) & PTE_SWAP and swap.refs[slot] == 4
    assert [space.read_int(va) for space in (mm, *children)] == [1] * 4
    assert swap.swapped_in == 1 and swap.refs[slot] == 0
    assert kinds(children[0]) == {FaultKind.SWAP_CACHED: 1}
    children[0].write_int(va, 5)  # a copy: the cache and the others have the page
    assert [space.read_int(va) for space in (mm, *children)] == [1, 5, 1, 1]
    for space in children:
        space.release()


def test_a_page_that_was_only_read_goes_again_without_a_write(guest: Guest) -> None:
    mm, swap = guest.mm, guest.kernel.system.swap
    assert swap is not None
    va = fill(mm, 4)
    swap_out(guest)
    check(mm, va, 4)
    swap_out(guest)
    assert swap.swapped_out == 4
    mm.write_int(va, 9)
    swap_out(guest)
    assert swap.swapped_out == 5 and mm.read_int(va) == 9


def test_the_last_sharer_takes_the_frame_and_the_slot_is_free(guest: Guest) -> None:
    mm, swap = guest.mm, guest.kernel.system.swap
    assert swap is not None
    va = fill(mm, 1)
    swap_out(guest)
    mm.write_int(va, 2)
    assert swap.used == 0
    swap_out(guest)
    assert mm.read_int(va) == 2 and swap.used == 1
    mm.write_int(va, 3)  # the same after a read: the page was in the cache
    assert swap.used == 0 and kinds(mm)[FaultKind.COW_REUSE] == 1


@pytest.mark.parametrize(("window", "reads"), [(1, 16), (8, 2)])
def test_neighbours_are_read_together(window: int, reads: int) -> None:
    guest = machine(swap_readahead=window)
    va = fill(guest.mm, 16)
    swap_out(guest)
    check(guest.mm, va, 16)
    assert kinds(guest.mm)[FaultKind.SWAP_IN] == reads
    assert kinds(guest.mm).get(FaultKind.SWAP_CACHED, 0) == 16 - reads


def test_shared_anonymous_memory_is_swapped_by_the_page_cache(guest: Guest) -> None:
    mm, swap = guest.mm, guest.kernel.system.swap
    assert swap is not None
    va = fill(mm, 8, shared=True, file=ShmNode(77, 8 * PAGE))
    child = mm.fork()
    swap_out(guest)
    assert swap.used == 8 and mm.table.entry(va) == 0
    child.write_int(va, 100)
    assert mm.read_int(va) == 100
    mm.munmap(va, 8 * PAGE)
    assert swap.used > 0
    child.release()
    assert swap.used == 0


def test_a_dirty_page_of_a_file_is_written_back(guest: Guest) -> None:
    file = MemFile(guest.kernel.vfs.memfs, 0o600, bytes(4 * PAGE))
    va = fill(guest.mm, 4, shared=True, file=file)
    swap_out(guest)
    assert guest.mm.table.entry(va) == 0 and len(guest.kernel.system.cache) == 0
    assert [file.pread(n * PAGE, 1) for n in range(4)] == [b"\1", b"\2", b"\3", b"\4"]
    check(guest.mm, va, 4)


def test_without_a_swap_area_only_pages_of_files_go() -> None:
    guest = machine(swap=0)
    file = MemFile(guest.kernel.vfs.memfs, 0o600, bytes(4 * PAGE))
    mapped = fill(guest.mm, 4, shared=True, file=file)
    anonymous = fill(guest.mm, 4)
    swap_out(guest)
    assert not guest.mm.table.entry(mapped) and guest.mm.table.entry(anonymous)


def test_events_tell_who_went(guest: Guest) -> None:
    seen: list[PageReclaimed] = []
    guest.bus.subscribe(PageReclaimed, seen.append)
    fill(guest.mm, 2)
    child = guest.mm.fork()
    swap_out(guest)
    assert [(event.mappings, event.slot) for event in seen] == [(2, 0), (2, 1)]
    child.release()


def test_too_many_dirty_pages_are_written_back() -> None:
    guest = machine(dirty_ratio=10)
    file = MemFile(guest.kernel.vfs.memfs, 0o600, bytes(40 * PAGE))
    va = guest.mm.mmap(0, 40 * PAGE, RW, shared=True, file=file)
    system, scheduler = guest.kernel.system, guest.kernel.scheduler
    daemon = system.write_back
    for number in range(FRAMES // 10):
        guest.mm.write_int(va + number * PAGE, 7)
    for more, written in ((0, 0), (1, FRAMES // 10 + 1), (1, FRAMES // 10 + 1)):
        for number in range(more):
            guest.mm.write_int(va + (20 + number) * PAGE, 7)
        assert system.write_back_at is not None
        scheduler.now = system.write_back_at
        daemon.wake()
        assert guest.kernel.stats.written_back == written
    guest.mm.write_int(va, 8)  # D is set again
    guest.mm.munmap(va, 40 * PAGE)
    assert file.pread(0, 1) == b"\x08"
    scheduler.now = system.write_back_at
    daemon.wake()
    assert system.write_back_at is None


def test_merged_pages_stay_and_swapped_copies_are_not_merged(guest: Guest) -> None:
    mm, ksm = guest.mm, guest.kernel.ksm
    va = mm.mmap(0, 4 * PAGE, RW)
    for number in range(4):
        mm.write_int(va + number * PAGE, 1)
    guest.call("madvise", va, 4 * PAGE, 12)
    swap_out(guest)
    assert mm.read_int(va) == mm.read_int(va + PAGE) == 1  # in the swap cache, so not to be merged
    for number in (2, 3):
        mm.write_int(va + number * PAGE, 1)
    for _ in range(5):
        ksm.scan(100)
    assert (ksm.pages_shared, ksm.pages_sharing) == (1, 1)
    swap_out(guest)
    present = [bool(mm.table.entry(va + number * PAGE) & PTE_V) for number in range(4)]
    assert present == [False, False, True, True]
    assert [mm.read_int(va + number * PAGE) for number in range(4)] == [1] * 4


# Locked memory


def test_locked_pages_stay_and_unlocked_ones_go(guest: Guest) -> None:
    va = fill(guest.mm, 4)
    assert guest.call("mlock", va, 2 * PAGE) == 0
    swap_out(guest)
    assert [bool(guest.mm.table.entry(va + n * PAGE) & PTE_SWAP) for n in range(4)] == [
        False,
        False,
        True,
        True,
    ]
    assert guest.call("munlock", va, 4 * PAGE) == 0
    swap_out(guest)
    assert guest.mm.table.entry(va) & PTE_SWAP


def test_locking_brings_pages_in_unless_on_fault(guest: Guest) -> None:
    va = guest.mm.mmap(0, 4 * PAGE, RW)
    assert guest.call("mlock2", va, 2 * PAGE, 1) == 0
    assert guest.mm.table.entry(va) == 0
    assert guest.call("mlock", va, 2 * PAGE) == 0
    assert guest.mm.table.entry(va) and not guest.mm.table.entry(va + 2 * PAGE)


@pytest.mark.parametrize(
    ("call", "arguments", "failure"),
    [
        ("mlock", (0x5000_0000, PAGE), errno.ENOMEM),
        ("mlock2", (0x5000_0000, PAGE, 2), errno.EINVAL),
        ("mlockall", (0,), errno.EINVAL),
        ("mlockall", (4,), errno.EINVAL),
    ],
)
def test_what_cannot_be_locked(guest: Guest, call: str, arguments: tuple[int, ...], failure: int) -> None:
    assert guest.call(call, *arguments) == -failure


def test_the_limit_of_locked_memory(guest: Guest) -> None:
    guest.process.rlimits.locked = 4 * PAGE
    va = guest.mm.mmap(0, 8 * PAGE, RW)
    assert guest.call("mlock", va, 5 * PAGE) == -errno.ENOMEM
    assert guest.call("mlock", va, 4 * PAGE) == 0
    assert guest.call("mlock", va, 4 * PAGE) == 0  # what is locked already counts once
    assert guest.call("mlockall", 2) == 0
    with pytest.raises(OSError) as failure:
        guest.mm.mmap(0, PAGE, RW)
    assert failure.value.errno == errno.EAGAIN
    assert guest.call("munlockall") == 0
    assert guest.mm.mmap(0, PAGE, RW)


@pytest.mark.parametrize("way", ["MAP_LOCKED", "MCL_FUTURE"])
def test_new_areas_can_be_locked_and_filled_at_once(guest: Guest, way: str) -> None:
    if way == "MCL_FUTURE":
        guest.call("mlockall", 2)
    va = guest.call("mmap", 0, 2 * PAGE, RW, 0x22 | (0x2000 if way == "MAP_LOCKED" else 0), -1, 0)
    assert va is not None and guest.mm.vmas.locked_bytes == 2 * PAGE
    swap_out(guest)
    assert all(guest.mm.table.entry(va + n * PAGE) & PTE_V for n in range(2))


def test_locks_are_not_inherited(guest: Guest) -> None:
    va = fill(guest.mm, 1)
    guest.call("mlock", va, PAGE)
    child = guest.fork()
    assert (child.mm.vmas.locked_bytes, guest.mm.vmas.locked_bytes) == (0, PAGE)


# When it goes wrong


def test_a_full_swap_area_is_the_end_of_memory() -> None:
    guest = machine(swap=16 * PAGE)
    with pytest.raises(OutOfFrames):
        fill(guest.mm, FRAMES + 32, no_reserve=True)
    swap = guest.kernel.system.swap
    assert swap is not None and swap.free == 0
    out_of_memory(guest.kernel, guest.process)
    assert swap.used == 0 and guest.process.state in (State.ZOMBIE, State.DEAD)


@pytest.mark.parametrize("failure", [errno.EIO, errno.ENOSPC])
def test_a_disk_that_takes_no_page_loses_none(guest: Guest, failure: int) -> None:
    file = failing(guest)
    va = fill(guest.mm, 8)
    file.writes = failure
    swap_out(guest)
    check(guest.mm, va, 8)
    assert FaultKind.SWAP_IN not in kinds(guest.mm)
    assert b"write error on the swap area" in guest.err.getvalue()
    assert guest.err.getvalue().count(b"\n") == 1
    file.writes = 0
    swap_out(guest)
    check(guest.mm, va, 8)
    assert kinds(guest.mm)[FaultKind.SWAP_IN]


def test_a_page_that_cannot_be_read_back_is_a_bus_error_for_who_needs_it(guest: Guest) -> None:
    file = failing(guest)
    va = fill(guest.mm, 2)
    child = guest.mm.fork()
    swap_out(guest)
    used = guest.kernel.frames.used
    file.reads = errno.EIO
    with pytest.raises(Fault):
        guest.mm.read_int(va)
    assert kinds(guest.mm)[FaultKind.SIGBUS] == 1 and guest.kernel.frames.used == used
    file.reads = 0
    check(child, va, 2)
    child.release()


def test_an_unreadable_page_of_shared_memory_is_one_too(guest: Guest) -> None:
    file = failing(guest)
    va = fill(guest.mm, 2, shared=True, file=ShmNode(5, 2 * PAGE))
    swap_out(guest)
    file.reads = errno.EIO
    with pytest.raises(Fault):
        guest.mm.read_int(va)
    file.reads = 0
    check(guest.mm, va, 2)


def test_when_the_host_has_no_memory_for_reclaim_the_guest_ends(
    guest: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(guest.kernel.system.reclaimer, "_gather", refuse)
    with pytest.raises(OutOfFrames):
        fill(guest.mm, 2 * FRAMES)


# The end of memory


def hog(guest: Guest, pages: int) -> Process:
    """A child with so many pages of its own."""
    child = guest.fork()
    fill(child.mm, pages)
    return child


def test_the_biggest_process_is_killed_and_the_allocation_goes_on() -> None:
    guest = machine(swap=0)
    big, small = hog(guest, 70), hog(guest, 5)
    guest.kernel.last_tid = guest.process.tid
    va = fill(guest.mm, 50)
    assert not big.alive and small.alive and guest.process.alive
    check(guest.mm, va, 50)
    told = guest.err.getvalue().decode()
    assert re.search(r"invoked oom-killer: .*\nMem-Info:\n", told)
    assert re.search(rf"^\[ +{big.pid}\] +1000 +{big.pid} +\d+ +\d+ +\d+ +0 +0 ", told, re.M)
    assert re.search(
        rf"^Out of memory: Killed process {big.pid} .*pgtables:\d+kB oom_score_adj:0$", told, re.M
    )
    assert guest.kernel.stats.oom_kills == 1


@pytest.mark.parametrize(("adjust", "killed"), [((0, 0), 0), ((-1000, 0), 1), ((0, 1000), 1)])
def test_oom_score_adj_moves_the_choice(adjust: tuple[int, int], killed: int) -> None:
    guest = machine(swap=0)
    children = hog(guest, 45), hog(guest, 38)
    for child, value in zip(children, adjust, strict=True):
        fd = guest.open(f"/proc/{child.pid}/oom_score_adj", 1)
        guest.write(fd, str(value).encode())
    guest.kernel.last_tid = guest.process.tid
    fill(guest.mm, 55)
    assert [child.alive for child in children] == [index != killed for index in range(2)]


def test_oom_score_adj_is_inherited_and_checked(guest: Guest) -> None:
    fd = guest.open("/proc/self/oom_score_adj", 2)
    assert guest.write(fd, b"1001") == -errno.EINVAL
    assert guest.write(fd, b"-1001") == -errno.EINVAL
    assert guest.write(fd, b"-17\n") == 4
    assert guest.fork().oom_score_adj == -17
    assert guest.read(guest.open("/proc/self/oom_score_adj")) == b"-17\n"
    assert 0 <= int(guest.read(guest.open("/proc/self/oom_score"))) <= 2000


def test_a_futex_has_its_waiter_when_the_page_comes_back_in_another_frame(guest: Guest) -> None:
    va = fill(guest.mm, 2, shared=True, file=ShmNode(5, 2 * PAGE))
    child = guest.fork()
    assert guest.call("futex", va, 0, 1, 0, process=child) is None
    before = guest.mm.table.entry(va)
    swap_out(guest)
    assert not guest.mm.table.entry(va)
    fill(guest.mm, 4)  # takes the frame that the page had
    assert guest.call("futex", va, 1, 1) == 1
    assert guest.mm.table.entry(va) not in (0, before)


def test_a_futex_has_its_waiter_when_copy_on_write_moves_the_page(guest: Guest) -> None:
    va = fill(guest.mm, 1)
    waiter = start_thread(guest.kernel, guest.process)
    assert guest.call("futex", va, 0, 1, 0, process=waiter) is None
    guest.fork()
    before = guest.mm.table.entry(va)
    guest.mm.write_int(va, 2, 4)
    assert guest.mm.table.entry(va) not in (0, before)
    assert guest.call("futex", va, 1, 1) == 1


# What is told


def proc(guest: Guest, name: str) -> str:
    return guest.read(guest.open(f"/proc/{name}"), 0x4000).decode()


def field(text: str, name: str) -> int:
    found = re.search(rf"^{name}:?\s+(\d+)", text, re.M)
    assert found, text
    return int(found[1])


def test_proc_tells_about_swap(guest: Guest) -> None:
    va = fill(guest.mm, 8)
    swap_out(guest)
    assert proc(guest, "swaps") == (
        "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
        "/swapfile                               file\t\t1024\t\t32\t\t-2\n"
    )
    meminfo = proc(guest, "meminfo")
    assert (field(meminfo, "SwapTotal"), field(meminfo, "SwapFree")) == (1024, 992)
    assert field(proc(guest, "self/status"), "VmSwap") == 32
    area = proc(guest, "self/smaps").split(f"{va:08x}-")[1]
    assert (field(area, "Swap"), field(area, "SwapPss"), field(area, "Locked")) == (32, 32, 0)
    guest.mm.read_int(va)
    vmstat = proc(guest, "vmstat")
    assert field(vmstat, "pswpout") == 8 and field(vmstat, "pswpin") == 8
    assert field(vmstat, "pgmajfault") == 1 and field(vmstat, "pgsteal_kswapd") == 8
    assert field(proc(guest, "meminfo"), "SwapCached") == 32


def test_pagemap_tells_the_slot(guest: Guest) -> None:
    va = fill(guest.mm, 2)
    swap_out(guest)
    fd = guest.open("/proc/self/pagemap")
    guest.call("lseek", fd, va >> 9, 0)
    entries = [int.from_bytes(guest.read(fd, 8), "little") for _ in range(2)]
    assert [entry >> 62 for entry in entries] == [1, 1]
    assert [entry >> 5 & (1 << 50) - 1 for entry in entries] == [0, 1]


@pytest.mark.parametrize("call", ["swapon", "swapoff"])
def test_the_guest_cannot_change_the_swap_area(guest: Guest, call: str) -> None:
    assert guest.call(call, guest.text("/swapfile"), 0) == -errno.EPERM


# Cost


@pytest.mark.parametrize("frames", [1 << 10, 1 << 14])
def test_a_batch_grows_with_memory(frames: int) -> None:
    """So that what going through all tables costs stays the same for each frame that is freed."""
    guest = Guest(frames * PAGE, limits=Limits(swap=frames * PAGE))
    assert guest.kernel.system.reclaimer.batch == max(32, frames // 256)


def test_a_huge_swap_area_costs_nothing_until_it_is_used() -> None:
    guest = machine(swap=1 << 44)
    swap = guest.kernel.system.swap
    assert swap is not None and swap.slots == 1 << 32 and len(swap.refs) == 0
