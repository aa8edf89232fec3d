"""The small parts alone: frames, areas, tables, images, the loader's seam, records of a run."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.kernel.guest import PAGE, Guest
from toyvm.base.errors import LoadError, NotExecutableError
from toyvm.base.events import FaultKind, PageFault, ProcessExited
from toyvm.elf import constants as elf
from toyvm.elf.headers import Ehdr, Phdr
from toyvm.kernel.kernel import Kernel
from toyvm.kernel.mm.address_space import PIE_BASE
from toyvm.kernel.mm.frame_allocator import ZERO_FRAME, FrameAllocator, OutOfFrames
from toyvm.kernel.mm.image_mapping import map_image
from toyvm.kernel.mm.page_table import PageTable
from toyvm.kernel.mm.reclaim.swap_area import SwapArea
from toyvm.kernel.mm.vma import Vma, VmaSet
from toyvm.kernel.proc.interpreter import LoadedImage, Registers
from toyvm.kernel.proc.process import Process
from toyvm.kernel.proc.scheduler import COMPACT_ABOVE, Scheduler
from toyvm.kernel.proc.trap_handling import serve
from toyvm.kernel.vfs.memory_files import MemFile
from toyvm.kernel.vfs.path_walk import Vfs
from toyvm.machine.physical_memory import PhysicalMemory
from toyvm.machine.sv39 import PTE_D, PTE_SWAP, entry_slot, swap_entry, walk


def test_frames_are_given_lowest_first_and_freed_ones_again() -> None:
    frames = FrameAllocator(PhysicalMemory(8 * PAGE))
    taken = [frames.alloc() for _ in range(3)]
    assert taken == [1, 2, 3] and frames.used == 3 and frames.free == 4
    frames.get(2)
    frames.put(2)
    assert frames.refcount(2) == 1
    frames.memory.u8[2 * PAGE] = 9
    frames.put(2)
    assert frames.alloc() == 2 and frames.memory.u8[2 * PAGE] == 0
    for _ in range(4):
        frames.alloc()
    with pytest.raises(OutOfFrames):
        frames.alloc()
    assert frames.peak == 7 and frames.refcount(ZERO_FRAME) == 1


def test_reclaim_is_asked_before_giving_up() -> None:
    guest = Guest(32 * PAGE)
    file = MemFile(guest.kernel.vfs.memfs, 0o644, b"x" * 8 * PAGE)
    cache, frames = guest.kernel.system.cache, guest.kernel.frames
    for index in range(8):
        cache.page(file, index)
    for _ in range(frames.free):
        frames.alloc()
    assert len(cache) == 8
    for _ in range(8):
        frames.alloc()
    assert len(cache) == 0
    with pytest.raises(OutOfFrames):
        frames.alloc()


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 60), st.integers(1, 12), st.integers(0, 2)), max_size=40)
)
def test_areas_agree_with_a_set_of_pages(steps: list[tuple[bool, int, int, int]]) -> None:
    areas, pages = VmaSet(), dict[int, int]()
    for put, first, count, prot in steps:
        start, end = first * PAGE, (first + count) * PAGE
        areas.split(start)
        areas.split(end)
        for area in areas.overlapping(start, end):
            areas.remove(area)
        if put:
            areas.add(Vma(start, end, prot))
        for page in range(first, first + count):
            pages.pop(page, None)
            if put:
                pages[page] = prot
        found = [(page, area.prot) for area in areas for page in range(area.start // PAGE, area.end // PAGE)]
        assert found == sorted(pages.items())
        for page in range(75):
            area = areas.find(page * PAGE + 5)
            assert (area.prot if area else None) == pages.get(page)
        for length in (1, 3):
            wanted = next(
                (p for p in range(80 - length, 0, -1) if not any(q in pages for q in range(p, p + length))),
                None,
            )
            got = areas.find_gap(length * PAGE, PAGE, 80 * PAGE)
            assert got == (None if wanted is None else wanted * PAGE)


def test_tables_are_real_and_given_back() -> None:
    memory = PhysicalMemory(64 * PAGE)
    frames = FrameAllocator(memory)
    table = PageTable(memory, frames)
    va = 0x3FFFFFF000
    table.u64[table.slot(va)] = 5 << 10 | 0xD3
    found = walk(memory, table.root_ppn, va)
    assert found is not None and found[1] == 5 << 10 | 0xD3 and table.entry(va) == found[1]
    assert (table.table_count, frames.used) == (3, 3)
    assert table.clear(0, 1 << 38) == [5 << 10 | 0xD3]
    assert walk(memory, table.root_ppn, va) is None and table.table_count == 2
    table.free()
    assert frames.used == 0


flags = st.integers(1, 0x3FF).filter(lambda bits: not bits & PTE_SWAP)
entries = st.builds(lambda frame, flags: frame << 10 | flags, st.integers(0, 30), flags)


@settings(max_examples=60, deadline=None)
@given(
    mapped=st.dictionaries(
        st.integers(0, 6 * 512 - 1), entries | st.integers(0, 8).map(swap_entry), max_size=40
    ),
    cut=st.tuples(st.integers(0, 6 * 512), st.integers(0, 6 * 512)),
    frozen=st.sets(st.integers(0, 30)),
)
def test_arrays_and_loops_leave_the_same_machine(
    mapped: dict[int, int], cut: tuple[int, int], frozen: set[int]
) -> None:
    """Fork, unmap a part of the child, and end both, by numpy and one by one: every byte, count and free frame."""

    def history(cost: int) -> list[object]:
        memory = PhysicalMemory(96 * PAGE)
        frames = FrameAllocator(memory)
        for _ in range(31):
            frames.alloc()
        swap = frames.swap = SwapArea(9 * PAGE, memory, frames)
        for _ in range(9):
            swap.write_out(1)
        parent = PageTable(memory, frames)
        for page, pte in mapped.items():
            parent.u64[parent.slot(page * PAGE)] = pte
            if pte & PTE_SWAP:
                swap.hold(entry_slot(pte))
            else:
                frames.get(pte >> 10)
        for frame in range(1, 31):
            if frame not in frozen and frames.refcount(frame) > 1:
                frames.put(frame)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("toyvm.kernel.mm.frame_allocator.IMPORT_COST", cost)
            patch.setattr("toyvm.kernel.mm.frame_allocator.FEWEST_TABLES", 1)
            child = PageTable(memory, frames)
            parent.copy_for_fork(child)
            seen: list[object] = []
            for table, start, end in (
                (child, min(cut), max(cut)),
                (child, 0, 6 * 512),
                (parent, 0, 6 * 512),
            ):
                taken = table.clear(start * PAGE, end * PAGE) if start < end else []
                seen += [[int(pte) for pte in taken], frames.frames_with(taken, PTE_D)]
                frames.put_entries(taken)
                seen += [list(frames.refs), bytes(memory.u8), frames.used, list(swap.refs), swap.used]
            while frames.free:
                seen.append(frames.alloc())
        return seen

    assert history(0) == history(1 << 62)


def image(*phdrs: Phdr, e_type: int = elf.ET_DYN, entry: int = 0x1000, size: int = 3 * PAGE) -> bytes:
    header = Ehdr(e_type, entry=entry, phoff=64, phentsize=56, phnum=len(phdrs), shentsize=0)
    return (header.pack() + b"".join(p.pack() for p in phdrs)).ljust(size, b"\xaa")


LOAD = Phdr(elf.PT_LOAD, elf.PF_R | elf.PF_W, 0, 0, 0, 0x1234, 0x5000, PAGE)


def map_bytes(data: bytes, *, library: bool = False) -> tuple[Guest, LoadedImage]:
    guest = Guest()
    file = MemFile(guest.kernel.vfs.memfs, 0o755, data)
    return guest, map_image(guest.mm, file, "/x", library=library)


def test_bss_is_zero_to_the_last_byte() -> None:
    guest, mapped = map_bytes(image(LOAD))
    assert mapped.bias == PIE_BASE + PAGE and mapped.entry == mapped.bias + 0x1000
    assert guest.mm.read(mapped.start + 0x1233, 2) == b"\xaa\0"
    assert guest.mm.read(mapped.start + 0x1234, 0x5000 - 0x1234) == bytes(0x5000 - 0x1234)
    assert mapped.end - mapped.start == 0x5000 and mapped.phdr == mapped.start + 64


def test_a_library_goes_to_the_mmap_area() -> None:
    guest, mapped = map_bytes(image(LOAD), library=True)
    assert mapped.end <= guest.scratch and mapped.end > guest.scratch - (1 << 20)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not an ELF file"),
        (image(), "no PT_LOAD"),
        (image(LOAD, e_type=elf.ET_REL), "link it first"),
        (image(LOAD, e_type=elf.ET_EXEC), "below 0x10000"),
        (image(LOAD._replace(filesz=0x6000), size=0x7000), "larger than p_memsz"),
        (image(LOAD._replace(vaddr=1 << 38)), "above the user half"),
        (image(LOAD._replace(memsz=1 << 63)), "above the user half"),
        (image(LOAD._replace(vaddr=0x10)), "differ modulo the page"),
        (image(LOAD, LOAD), "shares a page"),
        (image(LOAD._replace(memsz=0x3000000000)), "not free"),
        (image(LOAD, Phdr(elf.PT_INTERP, 4, 0, 0, 0, 1, 1, 1)), "PT_INTERP"),
        (image(LOAD._replace(offset=0x10000)), "ends beyond"),
    ],
)
def test_images_that_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(NotExecutableError, match=message):
        map_bytes(data)


@pytest.mark.parametrize(("flags", "permissions"), [(6, "rw-p"), (7, "rwxp")])
def test_the_stack_is_executable_only_when_the_image_asks(flags: int, permissions: str) -> None:
    vfs = Vfs(None)
    vfs.add_file("/bin/x", image(LOAD, Phdr(elf.PT_GNU_STACK, flags, 0, 0, 0, 0, 0, 16)))
    process = Kernel(1 << 20, None, vfs).spawn("/bin/x", ["x"])
    stack = next(area for area in process.mm.vmas if area.name == "[stack]")
    assert stack.permissions() == permissions


class Interpreter:
    """A loader that records what it is asked."""

    def __init__(self, failure: Exception | None = None):
        self.failure = failure
        self.calls: list[str] = []

    def start(
        self,
        kernel: Kernel,
        process: Process,
        image: LoadedImage,
        argv: Sequence[bytes],
        envp: Sequence[bytes],
    ) -> int:
        if self.failure is not None:
            raise self.failure
        process.loader_state = ["state"]
        self.calls.append(f"start {image.interpreter} argc={process.mm.read_int(process.hart.x[2])}")
        return image.entry + 4

    def call(self, kernel: Kernel, process: Process, number: int, args: Registers) -> None:
        self.calls.append(f"call {number} at {process.hart.pc:#x}")
        if self.failure is not None:
            raise self.failure
        args[10] = 42

    def forked(self, parent: Process, child: Process) -> None:
        self.calls.append("forked")

    def released(self, process: Process) -> None:
        self.calls.append("released")


def dynamic(interpreter: Interpreter) -> tuple[Kernel, Process]:
    text = image(LOAD, Phdr(elf.PT_INTERP, 4, 0x2000, 0, 0, 10, 10, 1)).ljust(0x3000, b"\xaa")
    vfs = Vfs(None)
    vfs.add_file("/bin/d", text[:0x2000] + b"/lib/ld.so\0"[:10] + text[0x200A:])
    kernel = Kernel(1 << 20, None, vfs, interpreter=interpreter)
    return kernel, kernel.spawn("/bin/d", ["d", "x"])


def test_the_loader_is_asked_at_exec_call_fork_and_exit() -> None:
    interpreter = Interpreter()
    kernel, process = dynamic(interpreter)
    assert process.hart.pc == PIE_BASE + PAGE + 0x1004
    process.hart.x[17] = 7003
    serve(kernel, process)
    assert process.hart.x[10] == 42
    process.hart.x[17], process.hart.x[10] = 220, 17
    serve(kernel, process)
    process.hart.x[17] = 94
    serve(kernel, process)
    assert interpreter.calls == [
        "start /lib/ld.so argc=2",
        f"call 7003 at {PIE_BASE + PAGE + 0x1008:#x}",
        "forked",
        "released",
    ]


@pytest.mark.parametrize(("failure", "status"), [(LoadError("nope"), 127), (OSError(2, "gone"), 127)])
def test_a_loader_that_fails_ends_the_process(failure: Exception, status: int) -> None:
    _, process = dynamic(Interpreter(failure))
    assert not process.alive and process.status == status << 8


def test_events_come_to_those_who_asked() -> None:
    guest = Guest()
    faults: list[PageFault] = []
    ends: list[ProcessExited] = []
    guest.bus.subscribe(PageFault, faults.append)
    guest.bus.subscribe(ProcessExited, ends.append)
    guest.mm.write(guest.scratch, b"x")
    guest.call("exit_group", 3)
    assert [(f.kind, f.access, f.va) for f in faults] == [(FaultKind.DEMAND_ZERO, "write", guest.scratch)]
    assert [(e.status, e.signal) for e in ends] == [(3, 0)]


def test_timers_of_sleeps_that_are_over_do_not_pile_up() -> None:
    process = Guest().process
    scheduler = Scheduler()
    for turn in range(3 * COMPACT_ABOVE):
        scheduler.block(process, (), 1 << 60 | turn)
        scheduler.wake(process)
        process.alarm_at = 1 << 61 | turn
        scheduler.set_alarm(process, process.alarm_at)
    assert len(scheduler._timers) + len(scheduler._alarms) <= COMPACT_ABOVE
    assert scheduler.advance()
    assert scheduler.now == process.alarm_at
