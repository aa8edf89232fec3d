"""VmHWM: the most pages that were resident at once. The histories of `test_swap_histories` check the same after random steps."""

from __future__ import annotations

import pytest

from tests.support.guest_kernel import PAGE, PROT_EXEC, PROT_READ, RW, Guest
from toyvm.kernel.counters import KERNEL
from toyvm.kernel.mm.address_space import AddressSpace
from toyvm.kernel.mm.advice import MADV_DONTFORK, MADV_DONTNEED, MADV_FREE, madvise
from toyvm.kernel.mm.page_table import PageTable
from toyvm.kernel.vfs.memory_files import MemFile, MemFs

_PAGES = 40


@pytest.fixture
def guest() -> Guest:
    return Guest()


def kilobytes(guest: Guest, name: str) -> int:
    text = guest.read(guest.open("/proc/self/status")).decode()
    return int(text.split(f"{name}:")[1].split()[0])


def touch(mm: AddressSpace, at: int, pages: int) -> None:
    for va in range(at, at + pages * PAGE, PAGE):
        mm.write(va, b"x")


def come_and_go(mm: AddressSpace, pages: int) -> None:
    """Let the mark be `pages`: what is no more than that is not counted again."""
    at = mm.mmap(0, pages * PAGE, RW)
    touch(mm, at, pages)
    mm.munmap(at, pages * PAGE)
    assert mm.map.high_water.mark == pages


def test_the_mark_stays_when_pages_go(guest: Guest) -> None:
    touch(guest.mm, guest.scratch, 16)  # the buffers of the reads below are there from now on
    before = kilobytes(guest, "VmHWM")
    assert before == kilobytes(guest, "VmRSS") == 16 * 4
    at = guest.mm.mmap(0, _PAGES * PAGE, RW)
    touch(guest.mm, at, _PAGES)
    guest.mm.munmap(at, _PAGES * PAGE)
    assert kilobytes(guest, "VmRSS") == before and kilobytes(guest, "VmHWM") == before + 4 * _PAGES
    at = guest.mm.mmap(0, _PAGES * PAGE, RW)
    touch(guest.mm, at, _PAGES // 2)
    madvise(guest.mm, at, _PAGES * PAGE, MADV_DONTNEED)
    assert kilobytes(guest, "VmHWM") == before + 4 * _PAGES


def test_zero_pages_are_not_resident(guest: Guest) -> None:
    mm, at = guest.mm, guest.mm.mmap(0, _PAGES * PAGE, RW)
    for va in range(at, at + _PAGES * PAGE, PAGE):
        mm.read(va, 1)
    mm.write(at, b"x")
    mm.munmap(at, _PAGES * PAGE)
    assert mm.map.high_water.mark == 1


def test_what_reclaim_takes_was_there(guest: Guest) -> None:
    mm, at = guest.mm, guest.mm.mmap(0, _PAGES * PAGE, RW)
    touch(mm, at, _PAGES)
    madvise(mm, at, _PAGES * PAGE, MADV_FREE)
    guest.kernel.system.recent.clear()
    assert guest.kernel.system.reclaimer.shrink(KERNEL, _PAGES) == _PAGES
    assert mm.table.resident() == 0 and mm.map.high_water.mark == _PAGES


def test_a_child_begins_at_what_it_has(guest: Guest) -> None:
    mm = guest.mm
    at, kept_back = (mm.mmap(0, _PAGES * PAGE, RW) for _ in range(2))
    touch(mm, at, _PAGES)
    mm.munmap(at, _PAGES // 2 * PAGE)
    touch(mm, kept_back, 3)
    madvise(mm, kept_back, _PAGES * PAGE, MADV_DONTFORK)
    child = mm.fork()
    child.munmap(at, _PAGES * PAGE)
    assert child.map.high_water.mark == _PAGES // 2
    mm.munmap(at, _PAGES * PAGE)
    assert mm.map.high_water.mark == _PAGES


def test_pages_mapped_around_a_fault_count(guest: Guest) -> None:
    mm = guest.mm
    guest.kernel.system.fault_around = 16
    file = MemFile(MemFs(dev=9, limit=1 << 20), 0o644, bytes(8 * PAGE))
    one, other = (mm.mmap(0, 8 * PAGE, PROT_READ, file=file) for _ in range(2))
    mm.read(one, 8 * PAGE)  # into the page cache
    mm.munmap(one, 8 * PAGE)
    mm.read(other, 1)
    touch(mm, guest.scratch, 2)
    mm.munmap(other, 8 * PAGE)
    assert mm.map.high_water.mark == 10


def test_a_copy_of_a_file_page_counts(guest: Guest) -> None:
    mm = guest.mm
    file = MemFile(MemFs(dev=9, limit=1 << 20), 0o644, bytes(8 * PAGE))
    shown = mm.mmap(0, 8 * PAGE, PROT_READ, file=file)
    mm.read(shown, 8 * PAGE)
    mm.munmap(shown, 8 * PAGE)
    at = mm.mmap(0, 8 * PAGE, RW, file=file)
    touch(mm, at, 8)
    touch(mm, guest.scratch, 2)
    mm.munmap(at, 8 * PAGE)
    assert mm.map.high_water.mark == 10


def test_a_megapage_is_512_pages() -> None:
    guest = Guest(memory=16 << 20)
    mm = guest.mm
    come_and_go(mm, _PAGES)
    guest.kernel.frames.megapages.enabled = "always"
    at = mm.mmap(0, 4 << 20, RW)
    mm.write(at + (2 << 20), b"x")
    assert mm.table.megapages
    mm.munmap(at, 4 << 20)
    assert mm.map.high_water.mark == 512


def test_whoever_uses_the_memory_counts(guest: Guest) -> None:
    """The faults of a vfork child are counted with the child's, and the pages are the parent's."""
    mm = guest.mm
    come_and_go(mm, 10)
    at = mm.mmap(0, _PAGES * PAGE, RW)
    touch(mm, at, 3)
    child = mm.share()
    touch(child, at + 3 * PAGE, 4)
    child.release()
    touch(mm, at + 7 * PAGE, 5)
    mm.munmap(at, _PAGES * PAGE)
    assert mm.map.high_water.mark == 12
    assert (mm.context.counters.page_faults, child.context.counters.page_faults) == (18, 4)


def test_a_breakpoint_in_a_zero_page_makes_it_resident(guest: Guest) -> None:
    mm = guest.mm
    at = mm.mmap(0, PAGE, RW | PROT_EXEC)
    mm.read(at, 1)
    mm.poke(at, b"\0\0")
    mm.munmap(at, PAGE)
    assert mm.map.high_water.mark == 1


def test_tables_are_counted_only_for_a_new_mark(guest: Guest, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = []
    resident = PageTable.resident

    def counted(table: PageTable) -> int:
        counts.append(table)
        return resident(table)

    monkeypatch.setattr(PageTable, "resident", counted)
    for _ in range(100):
        at = guest.mm.mmap(0, _PAGES * PAGE, RW)
        touch(guest.mm, at, _PAGES)
        guest.mm.munmap(at, _PAGES * PAGE)
    assert len(counts) == 1
