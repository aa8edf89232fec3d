"""Address spaces: mapping, protection, faults, copy-on-write, and that every frame is accounted for."""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.guest_kernel import PAGE, PROT_EXEC, PROT_READ, RW, Guest
from toyvm.base.events import CowFault, FaultKind, PageFault
from toyvm.kernel.accounts.memory_report import memory_report
from toyvm.kernel.accounts.proc_text import maps
from toyvm.kernel.counters import KERNEL
from toyvm.kernel.limits import Rlimits
from toyvm.kernel.mm import frame_allocator as frames_module
from toyvm.kernel.mm import mapped_ranges
from toyvm.kernel.mm.address_space import MMAP_TOP, STACK_TOP, AddressSpace
from toyvm.kernel.mm.advice import MADV_DONTNEED, madvise
from toyvm.kernel.mm.faults.page_fault import GUARD_GAP
from toyvm.kernel.mm.frame_allocator import ZERO_FRAME, OutOfFrames
from toyvm.kernel.mm.moved_mappings import _move_pages, mremap
from toyvm.kernel.mm.shared_anonymous import ShmNode
from toyvm.kernel.mm.user_memory import Fault
from toyvm.kernel.vfs.memory_files import MemFile
from toyvm.machine.mmu import Access
from toyvm.machine.sv39 import PTE_A, PTE_COW, PTE_D, PTE_W, pte_frame


@pytest.fixture
def guest() -> Guest:
    return Guest()


def frame_at(mm: AddressSpace, va: int) -> int:
    return pte_frame(mm.table.entry(va))


def kinds(mm: AddressSpace) -> dict[FaultKind, int]:
    return {kind: count for kind, count in mm.context.counters.faults.items() if count}


def test_a_read_shares_the_zero_page_and_a_write_gets_a_frame(guest: Guest) -> None:
    mm = guest.mm
    used = guest.kernel.frames.used
    assert mm.read(guest.scratch, 8) == bytes(8)
    assert frame_at(mm, guest.scratch) == ZERO_FRAME
    tables = mm.table.table_count - 1
    assert guest.kernel.frames.used - used == tables
    mm.write(guest.scratch, b"x")
    assert frame_at(mm, guest.scratch) != ZERO_FRAME
    assert guest.kernel.frames.used - used == tables + 1
    assert kinds(mm) == {FaultKind.ZERO_READ: 1, FaultKind.DEMAND_ZERO: 1}


def test_fork_shares_until_somebody_writes(guest: Guest) -> None:
    mm = guest.mm
    mm.write(guest.scratch, b"old")
    frame = frame_at(mm, guest.scratch)
    child = mm.fork()
    assert frame_at(child, guest.scratch) == frame and guest.kernel.frames.refcount(frame) == 2
    for space in (mm, child):
        assert space.table.entry(guest.scratch) & (PTE_COW | PTE_W) == PTE_COW
    child.write(guest.scratch, b"new")
    assert frame_at(child, guest.scratch) != frame
    assert (mm.read(guest.scratch, 3), child.read(guest.scratch, 3)) == (b"old", b"new")
    mm.write(guest.scratch, b"mine")  # the last sharer takes the frame without a copy
    assert frame_at(mm, guest.scratch) == frame
    assert (
        child.context.counters.faults[FaultKind.COW],
        mm.context.counters.faults[FaultKind.COW_REUSE],
    ) == (1, 1)
    child.release()


def test_fork_keeps_what_is_known_of_reads_and_code(guest: Guest) -> None:
    mm = guest.mm
    text = mm.mmap(0, PAGE, PROT_READ | PROT_EXEC)
    for va, access in ((guest.scratch, Access.WRITE), (guest.scratch, Access.READ), (text, Access.EXECUTE)):
        assert mm.fault(va, access, 0)
        mm.mmu.translate(va, access)
    child = mm.fork()
    number, code = guest.scratch // PAGE, text // PAGE
    assert number in mm.mmu.tlb.read and number not in mm.mmu.tlb.write
    for space in (mm, child):
        assert code in space.mmu.tlb.execute and space.table.entry(text) & PTE_A
    assert number not in child.mmu.tlb.read
    assert not child.table.entry(guest.scratch) & (PTE_A | PTE_D)
    child.release()


def test_unmapping_a_megabyte_forgets_nothing_else(guest: Guest) -> None:
    mm = guest.mm
    gone = mm.mmap(0, 1 << 20, RW)
    for va in (guest.scratch, gone + 5 * PAGE):
        assert mm.fault(va, Access.WRITE, 0)
        mm.mmu.translate(va, Access.WRITE)
    mm.munmap(gone, 1 << 20)
    assert set(mm.mmu.tlb.write) == {guest.scratch // PAGE}


def test_unmapping_the_stack_of_a_thread_forgets_nothing_else() -> None:
    """A stack is long, but few of its pages are used."""
    guest = Guest(16 << 20)
    mm = guest.mm
    stack = mm.mmap(0, 8 << 20, RW)
    for va in (guest.scratch, stack + (8 << 20) - PAGE):
        assert mm.fault(va, Access.WRITE, 0)
        mm.mmu.translate(va, Access.WRITE)
    mm.munmap(stack, 8 << 20)
    assert set(mm.mmu.tlb.write) == {guest.scratch // PAGE}


def test_a_cow_fault_tells_its_steps(guest: Guest) -> None:
    seen: list[CowFault] = []
    guest.bus.subscribe(CowFault, seen.append)
    mm = guest.mm
    mm.write(guest.scratch, b"old")
    before = frame_at(mm, guest.scratch)
    child = mm.fork()
    child.context.pid = 7
    child.fault(guest.scratch + 5, Access.WRITE, 0x1234)
    mm.fault(guest.scratch + 5, Access.WRITE, 0x5678)
    copy, reuse = seen
    assert (copy.pid, copy.pc, copy.va, copy.source, copy.copied) == (
        7,
        0x1234,
        guest.scratch,
        "anonymous",
        True,
    )
    assert (copy.frame_before, copy.refcount_before, copy.refcount_after) == (before, 2, 1)
    assert (
        copy.frame_after == frame_at(child, guest.scratch)
        and copy.pte_after & PTE_W
        and not copy.pte_before & PTE_W
    )
    assert (reuse.copied, reuse.frame_after, reuse.refcount_before) == (False, before, 1)
    assert "rw-p" in copy.vma
    child.release()


def test_shared_memory_stays_shared_after_fork(guest: Guest) -> None:
    mm = guest.mm
    va = mm.mmap(0, PAGE, RW, shared=True, file=ShmNode(1, PAGE))
    mm.write(va, b"a")
    child = mm.fork()
    child.write(va, b"b")
    assert mm.read(va, 1) == b"b" and frame_at(mm, va) == frame_at(child, va)
    assert kinds(child) == {}
    frame = frame_at(mm, va)
    mm.munmap(va, PAGE)
    assert guest.kernel.frames.refcount(frame) == 2  # the child's mapping and the cache
    child.release()
    assert guest.kernel.frames.refcount(frame) == 0


def test_two_processes_map_one_set_of_frames_of_a_file(guest: Guest) -> None:
    file = MemFile(guest.kernel.vfs.memfs, 0o755, b"text" * 3000)
    spaces = [guest.mm, AddressSpace(guest.kernel.system)]
    places = [mm.mmap(0, 3 * PAGE, PROT_READ | PROT_EXEC, file=file) for mm in spaces]
    frames = [[_touch(mm, va + n * PAGE) for n in range(3)] for mm, va in zip(spaces, places, strict=True)]
    assert frames[0] == frames[1]
    assert kinds(spaces[1]) == {FaultKind.FILE_MINOR: 3}
    assert kinds(spaces[0]) == {FaultKind.FILE_MAJOR: 3}
    spaces[1].release()


def _touch(mm: AddressSpace, va: int) -> int:
    mm.read(va, 1)
    return frame_at(mm, va)


def test_fault_around_maps_the_neighbours_that_are_cached(guest: Guest) -> None:
    file = MemFile(guest.kernel.vfs.memfs, 0o755, b"text" * 1024 * 40)
    first = AddressSpace(guest.kernel.system)
    va = first.mmap(0, 40 * PAGE, PROT_READ, file=file)
    for page in range(40):
        first.read(va + page * PAGE, 1)
    guest.kernel.system.fault_around = 16
    there = guest.mm.mmap(va, 40 * PAGE, PROT_READ, file=file)
    guest.mm.read(there + 20 * PAGE, 1)
    present = [at for at, _, _ in guest.mm.table.present(there, there + 40 * PAGE)]
    window = (there + 20 * PAGE) & -(16 * PAGE)
    assert present == [
        at for at in range(window, window + 16 * PAGE, PAGE) if there <= at < there + 40 * PAGE
    ]
    assert kinds(guest.mm) == {FaultKind.FILE_MINOR: 1}
    first.release()
    guest.mm.munmap(there, 40 * PAGE)
    guest.kernel.system.cache.drop()
    assert guest.kernel.frames.used == guest.mm.table.table_count


def test_private_file_pages_are_copied_and_the_file_is_not_changed(guest: Guest) -> None:
    file = MemFile(guest.kernel.vfs.memfs, 0o644, b"original")
    va = guest.mm.mmap(0, PAGE, RW, file=file)
    assert guest.mm.read(va, 8) == b"original"
    guest.mm.write(va, b"O")
    assert guest.mm.read(va, 8) == b"Original" and file.pread(0, 8) == b"original"
    assert kinds(guest.mm)[FaultKind.COW] == 1


def test_shared_file_pages_are_written_back_by_msync_and_munmap(guest: Guest) -> None:
    file = MemFile(guest.kernel.vfs.memfs, 0o644, b"0123456789")
    mm = guest.mm
    va = mm.mmap(0, PAGE, RW, shared=True, file=file)
    mm.write(va, b"ab")
    assert file.pread(0, 10) == b"0123456789"
    assert guest.kernel.system.cache.pread(file, 0, 10) == b"ab23456789"
    mapped_ranges.sync(mm, va, PAGE)
    assert file.pread(0, 10) == b"ab23456789"
    mm.write(va + 2, b"c")
    mm.munmap(va, PAGE)
    assert file.pread(0, 10) == b"abc3456789"  # and not one byte longer


def test_reading_marks_nothing_dirty(guest: Guest) -> None:
    file = MemFile(guest.kernel.vfs.memfs, 0o644, b"0123456789")
    va = guest.mm.mmap(0, PAGE, RW, shared=True, file=file)
    guest.mm.read(va, 1)
    guest.mm.munmap(va, PAGE)
    assert not guest.kernel.system.cache.dirty


def test_beyond_the_file_is_sigbus_and_the_rest_of_its_page_zero(guest: Guest) -> None:
    seen: list[PageFault] = []
    guest.bus.subscribe(PageFault, seen.append)
    file = MemFile(guest.kernel.vfs.memfs, 0o644, b"abc")
    va = guest.mm.mmap(0, 3 * PAGE, PROT_READ, file=file)
    assert guest.mm.read(va, 6) == b"abc\0\0\0"
    assert not guest.mm.fault(va + PAGE, Access.READ, 0)
    assert [event.kind for event in seen] == [FaultKind.FILE_MAJOR, FaultKind.SIGBUS]


def test_truncation_takes_mapped_pages_away(guest: Guest) -> None:
    fd = guest.call("memfd_create", guest.text("m"), 0)
    assert fd is not None and guest.call("ftruncate", fd, 3 * PAGE) == 0
    shared = guest.call("mmap", 0, 3 * PAGE, RW, 1, fd, 0)
    private = guest.call("mmap", 0, 3 * PAGE, RW, 2, fd, 0)
    assert shared is not None and private is not None
    for va in (shared, private):
        guest.mm.write(va, b"x" * 3 * PAGE)
    child = guest.mm.fork()
    assert guest.call("ftruncate", fd, PAGE + 10) == 0
    for mm in (guest.mm, child):
        for va in (shared, private):
            assert mm.read(va + PAGE, 1) == b"x" and not mm.fault(va + 2 * PAGE, Access.READ, 0)
    assert guest.mm.read(shared + PAGE + 9, 2) == b"x\0"
    assert guest.call("ftruncate", fd, 3 * PAGE) == 0
    assert guest.mm.read(shared + 2 * PAGE, 1) == b"\0"
    child.release()


def test_protection_is_enforced_and_comes_back(guest: Guest) -> None:
    mm = guest.mm
    mm.write(guest.scratch, b"keep")
    mm.mprotect(guest.scratch, PAGE, PROT_READ)
    with pytest.raises(Fault):
        mm.write(guest.scratch, b"x")
    mm.mprotect(guest.scratch, PAGE, 0)
    with pytest.raises(Fault):
        mm.read(guest.scratch, 1)
    assert len(mm.vmas) == 2
    mm.mprotect(guest.scratch, PAGE, RW)
    assert mm.read(guest.scratch, 4) == b"keep" and len(mm.vmas) == 1
    mm.write(guest.scratch, b"x")


@pytest.mark.parametrize(
    ("call", "number"),
    [
        (lambda mm, va: mm.mmap(0, 0, RW), errno.EINVAL),
        (lambda mm, va: mm.mmap(0, PAGE, RW, offset=7), errno.EINVAL),
        (lambda mm, va: mm.mmap(0, 1 << 39, 0), errno.ENOMEM),
        (lambda mm, va: mm.mmap(0, 1 << 30, RW), errno.ENOMEM),
        (lambda mm, va: mm.mmap(va, PAGE, RW, no_replace=True), errno.EEXIST),
        (lambda mm, va: mm.mmap(0, PAGE, RW, fixed=True), errno.EPERM),
        (lambda mm, va: mm.mmap(va + 1, PAGE, RW, fixed=True), errno.EINVAL),
        (lambda mm, va: mm.mmap((1 << 38) - PAGE, 2 * PAGE, RW, fixed=True), errno.ENOMEM),
        (lambda mm, va: mm.munmap(va + 1, PAGE), errno.EINVAL),
        (lambda mm, va: mm.munmap(va, 0), errno.EINVAL),
        (lambda mm, va: mm.munmap(0, 1 << 63), errno.EINVAL),
        (lambda mm, va: mm.mprotect(0x100000000, PAGE, RW), errno.ENOMEM),
        (lambda mm, va: mremap(mm, 0x100000000, PAGE, PAGE, may_move=True), errno.EFAULT),
    ],
)
def test_what_cannot_be_mapped(
    guest: Guest, call: Callable[[AddressSpace, int], object], number: int
) -> None:
    with pytest.raises(OSError) as caught:
        call(guest.mm, guest.scratch)
    assert caught.value.errno == number


def test_mappings_go_top_down_and_join(guest: Guest) -> None:
    mm = guest.mm
    assert guest.scratch == MMAP_TOP - (1 << 16)
    below = mm.mmap(0, PAGE, RW)
    assert below == guest.scratch - PAGE and len(mm.vmas) == 1
    apart = mm.mmap(0, PAGE, PROT_READ)
    assert apart == below - PAGE and len(mm.vmas) == 2
    mm.munmap(below, PAGE)
    assert mm.mmap(0, PAGE, RW) == below  # the highest gap that fits


def test_munmap_splits(guest: Guest) -> None:
    mm = guest.mm
    mm.munmap(guest.scratch + PAGE, PAGE)
    assert [(a.start - guest.scratch, a.end - guest.scratch) for a in mm.vmas] == [
        (0, PAGE),
        (2 * PAGE, 16 * PAGE),
    ]
    with pytest.raises(Fault):
        mm.read(guest.scratch + PAGE, 1)


def test_brk_grows_shrinks_and_forgets(guest: Guest) -> None:
    mm = guest.mm
    start = mm.brk(0)
    assert mm.brk(start + 3 * PAGE + 5) == start + 3 * PAGE + 5
    mm.write(start + 2 * PAGE, b"x")
    assert mm.brk(start + PAGE) == start + PAGE
    assert mm.brk(start + 3 * PAGE) == start + 3 * PAGE
    assert mm.read(start + 2 * PAGE, 1) == b"\0"
    assert mm.brk(start - 1) == start + 3 * PAGE  # below the heap: refused
    assert mm.brk(1 << 37) == start + 3 * PAGE  # more than there is: refused
    assert b"[heap]" in maps(mm)


def test_the_stack_grows_down_to_its_limit() -> None:
    mm = Guest(16 << 20).mm  # a stack does not grow by more at once than memory has
    mm.map_stack()
    mm.write(STACK_TOP - (1 << 20), b"deep")
    assert mm.context.counters.stack_growths == 1
    assert not mm.fault(STACK_TOP - (8 << 20) - 1, Access.WRITE, 0)
    assert mm.fault(STACK_TOP - (8 << 20), Access.WRITE, 0)


def test_the_stack_keeps_a_guard_gap(guest: Guest) -> None:
    mm = guest.mm
    mm.map_stack()
    wall = STACK_TOP - (4 << 20)
    mm.mmap(wall, PAGE, RW, fixed=True)
    assert not mm.fault(wall + GUARD_GAP, Access.WRITE, 0)
    assert mm.fault(wall + PAGE + GUARD_GAP, Access.WRITE, 0)


def test_mremap_that_finds_no_frame_for_its_tables_moves_nothing() -> None:
    guest = Guest(40 * PAGE)
    mm, va, frames = guest.mm, guest.scratch, guest.kernel.frames
    mm.write(va, b"here")
    while frames.free:
        frames.alloc(KERNEL)
    with pytest.raises(OutOfFrames):
        _move_pages(mm, va, PAGE, va - (1 << 30))
    assert mm.read(va, 4) == b"here"


def test_mremap_moves_contents_and_leaves_nothing(guest: Guest) -> None:
    mm = guest.mm
    va = mm.mmap(0, 2 * PAGE, RW)
    mm.mmap(va - PAGE, PAGE, PROT_READ, fixed=True)
    mm.write(va + PAGE, b"here")
    moved = mremap(mm, va, 2 * PAGE, 5 * PAGE, may_move=True)
    assert moved != va and mm.read(moved + PAGE, 4) == b"here"
    with pytest.raises(Fault):
        mm.read(va, 1)


def test_dontneed_gives_zeros_again(guest: Guest) -> None:
    guest.mm.write(guest.scratch, b"x")
    madvise(guest.mm, guest.scratch, PAGE, MADV_DONTNEED)
    assert guest.mm.read(guest.scratch, 1) == b"\0"


def test_fork_without_memory_changes_nothing() -> None:
    guest = Guest(40 * PAGE)
    for page in range(16):
        guest.mm.write(guest.scratch + page * PAGE, b"x")
    while guest.kernel.frames.free > 2:
        guest.kernel.frames.alloc(KERNEL)
    used = guest.kernel.frames.used
    with pytest.raises(OSError) as caught:
        guest.mm.fork()
    assert caught.value.errno == errno.ENOMEM and guest.kernel.frames.used == used
    guest.mm.write(guest.scratch, b"still mine")


def test_looking_up_does_not_grow_with_the_number_of_areas(guest: Guest) -> None:
    mm = guest.mm
    base = 0x1000000000
    for n in range(3000):
        mm.mmap(base + 2 * n * PAGE, PAGE, RW, fixed=True)
    assert len(mm.vmas) == 3001
    mm.write(base + 2 * 1234 * PAGE, b"x")
    assert mm.vmas.find(base + (2 * 1234 + 1) * PAGE) is None
    mm.munmap(base, 6000 * PAGE)
    assert len(mm.vmas) == 1


PAGES = 24
BASE = 0x200000000 - 8 * PAGE  # crosses a border between two tables
steps = st.lists(
    st.tuples(
        st.sampled_from(
            ["map", "shared", "unmap", "write", "read", "protect", "fork", "drop", "discard", "file"]
        ),
        st.integers(0, PAGES - 1),
        st.integers(1, 6),
        st.integers(0, 255),
    ),
    max_size=40,
)


class Model:
    """What an address space should hold: page number -> [prot, cell]; shared pages share their cell (a bytearray)."""

    def __init__(self) -> None:
        self.pages: dict[int, tuple[int, str, bytearray]] = {}

    def fork(self) -> Model:
        twin = Model()
        for n, (prot, kind, cell) in self.pages.items():
            twin.pages[n] = (prot, kind, cell if kind == "shared" else bytearray(cell))
        return twin


@pytest.mark.parametrize("by", ["entry", "array"])
@settings(max_examples=150, deadline=None)
@given(history=steps)
def test_random_histories_agree_with_a_dictionary(by: str, history: list[tuple[str, int, int, int]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        if by == "array":
            patch.setattr(frames_module, "IMPORT_COST", 0)
            patch.setattr(frames_module, "FEWEST_TABLES", 1)
        _random_history(history)


def _random_history(history: list[tuple[str, int, int, int]]) -> None:
    guest = Guest(2 << 20)
    kernel = guest.kernel
    first = AddressSpace(kernel.system, Rlimits())
    spaces: list[tuple[AddressSpace, Model]] = [(first, Model())]
    file = MemFile(kernel.vfs.memfs, 0o644, bytes(range(256)) * 16 * PAGES)
    for number, (action, page, count, value) in enumerate(history):
        mm, model = spaces[value % len(spaces)]
        count = min(count, PAGES - page)
        va, span = BASE + page * PAGE, range(page, page + count)
        if action in ("map", "shared", "file"):
            backing = (
                ShmNode(1000 + number, count * PAGE)
                if action == "shared"
                else file
                if action == "file"
                else None
            )
            mm.mmap(
                va,
                count * PAGE,
                RW,
                fixed=True,
                shared=action == "shared",
                file=backing,
                offset=page * PAGE if backing is file else 0,
            )
            for n in span:
                model.pages[n] = (RW, action, bytearray(b"\x07" if action == "file" else b"\0"))
        elif action == "unmap":
            mm.munmap(va, count * PAGE)
            for n in span:
                model.pages.pop(n, None)
        elif action == "protect" and all(n in model.pages for n in span):
            prot = (0, PROT_READ, RW)[value % 3]
            mm.mprotect(va, count * PAGE, prot)
            for n in span:
                model.pages[n] = (prot, *model.pages[n][1:])
        elif action == "discard" and all(n in model.pages and model.pages[n][1] == "map" for n in span):
            madvise(mm, va, count * PAGE, MADV_DONTNEED)
            for n in span:
                model.pages[n][2][:] = b"\0"
        elif action == "write":
            allowed = page in model.pages and model.pages[page][0] == RW
            assert mm.fault(va + 7, Access.WRITE, 0) == allowed
            if allowed:
                mm.write(va + 7, bytes([value]))
                model.pages[page][2][:] = bytes([value])
        elif action == "fork" and len(spaces) < 4:
            spaces.append((mm.fork(), model.fork()))
        elif action == "drop" and len(spaces) > 1:
            spaces.remove((mm, model))
            mm.release()
        _check(kernel, [*spaces, (guest.mm, Model())], guest)
    for mm, _ in spaces:
        mm.release()
    guest.mm.release()
    kernel.system.cache.drop()
    assert kernel.frames.used == 0


def _check(kernel: object, spaces: list[tuple[AddressSpace, Model]], guest: Guest) -> None:
    holders: Counter[int] = Counter()
    for mm, model in spaces:
        tables = mm.table
        for _, _, pte in tables.present(0, 1 << 38):
            holders[pte_frame(pte)] += 1
        for n in range(PAGES):
            expected = model.pages.get(n)
            area = mm.vmas.find(BASE + n * PAGE)
            assert (area is not None) == (expected is not None)
            if expected is not None and expected[0]:
                assert mm.read(BASE + n * PAGE + 7, 1) == expected[2]
                holders = Counter()  # reading maps pages: count again below
    holders = Counter(pte_frame(pte) for mm, _ in spaces for _, _, pte in mm.table.present(0, 1 << 38))
    cache = guest.kernel.system.cache
    frames = guest.kernel.frames
    for frame, count in holders.items():
        assert frames.refcount(frame) == count + (frame in cache.owner) + (frame == ZERO_FRAME)
    tables_used = sum(mm.table.table_count for mm, _ in spaces)
    mapped = set(holders) - {ZERO_FRAME}
    assert frames.used == len(mapped | set(cache.owner)) + tables_used


def test_the_sum_of_pss_is_the_user_frames() -> None:
    guest = Guest()
    file = MemFile(guest.kernel.vfs.memfs, 0o755, b"x" * 5 * PAGE)
    va = guest.mm.mmap(0, 5 * PAGE, RW, file=file)
    for page in range(5):
        guest.mm.read(va + page * PAGE, 1)
    guest.mm.write(guest.scratch, bytes(6 * PAGE))
    children = [guest.fork() for _ in range(6)]
    children[0].mm.write(guest.scratch, b"own")
    children[1].mm.write(va, b"own")
    report = memory_report(guest.kernel)
    assert report.total.pss == report.user_frames == 6 + 5 + 2
    assert report.used_frames == report.user_frames + report.cache_only_frames + report.table_frames
    assert report.total.rss == 7 * 11
    assert report.processes[0].usage.private == 0 and report.processes[1].usage.private == 1
