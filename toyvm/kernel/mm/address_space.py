"""An address space ("mm"): the VMAs that say what is meant, the Sv39 tables that say what is present.

Layout as Linux riscv64 Sv39 has it, without randomisation, low to high: program, heap (brk) growing up, gap, mmap area
growing down from 128 MiB below the top, stack at the top growing down to its limit with a guard gap below.
System calls raise OSError; the kernel's own access to user memory raises Fault.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator

from toyvm.base.bits import align_up
from toyvm.base.errors import error
from toyvm.base.events import FaultKind, MappingChanged
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.machine.mmu import Access, Mmu
from toyvm.machine.physical_memory import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE
from toyvm.machine.sv39 import PTE_D, PTE_SHARED, PTE_U, USER_TOP, pte_frame
from toyvm.machine.traps import Trap

from ..counters import Counters
from ..limits import RLIM_INFINITY, Rlimits
from ..vfs.nodes import FileNode
from .faults.page_fault import RESOLVED_BADLY, handle_fault, own_page
from .frame_allocator import ZERO_FRAME, OutOfFrames
from .growth import GUARD_GAP, extend_stack, move_break
from .high_water import HighWater
from .memory_system import MemorySystem
from .overcommit import Commit, admit
from .page_table import PageTable
from .protection import protect
from .user_memory import Fault, UserMemory
from .vma import MACHINE_MAP_COUNT, PROT_EXEC, PROT_READ, PROT_WRITE, Vma, VmaSet

if TYPE_CHECKING:
    from ..proc.interpreter import LoadedImage

MMAP_MIN = 0x10000  # vm.mmap_min_addr: nothing is mapped at NULL by accident
MMAP_TOP = USER_TOP - (128 << 20)
PIE_BASE = 0x2A_AAAA_A000  # two thirds of the user half, as Linux's ELF_ET_DYN_BASE
STACK_TOP = USER_TOP
EXACT_SPAN = (
    2 << 20
)  # bytes up to which it costs less to forget single pages than all that is known of a space


class AddressSpace(UserMemory):
    """One process's memory, or that of several after vfork and CLONE_VM (`users` counts them)."""

    has_mmu = True

    def __init__(
        self,
        system: MemorySystem,
        rlimits: Rlimits | None = None,
        *,
        table: PageTable | None = None,
        mmu: Mmu | None = None,
    ):
        self.system = system
        self.memory = system.memory
        self.table = table if table is not None else PageTable(system.memory, system.frames)
        self.mmu = mmu if mmu is not None else Mmu(system.memory, self.table.root_ppn)
        self.vmas = VmaSet()
        self.rlimits = rlimits if rlimits is not None else Rlimits()
        self.counters = Counters()
        self.high_water = HighWater(self.table, self.counters)
        self.spans: dict[int, int] = {}  # as `FrameAllocator.alloc_in_span` has it
        self.users = 1
        system.spaces[self] = None
        self._file_bytes: dict[FileNode, int] = {}  # how much of each file is mapped
        self.pid = 0  # for events
        self.pc = 0  # for events: where the user stood when the kernel came to use this memory
        self.brk_start = self.brk_end = 0
        self.data_size = 0  # bytes of the image's initialised data, which RLIMIT_DATA counts with the heap
        self.no_megapages = False  # prctl(PR_SET_THP_DISABLE): a child and another program inherit it
        self.lock_future = False  # mlockall(MCL_FUTURE): new areas are locked
        self.sigreturn_page = 0  # where the code that ends a signal handler is mapped, once one has run
        self.arg_range = self.env_range = (0, 0)

    # Mapping

    def mmap(
        self,
        addr: int,
        length: int,
        prot: int,
        *,
        shared: bool = False,
        fixed: bool = False,
        no_replace: bool = False,
        file: FileNode | None = None,
        offset: int = 0,
        name: str = "",
        grows_down: bool = False,
        no_reserve: bool = False,
        may_write: bool = True,
        locked: bool = False,
    ) -> int:
        """Map `length` bytes (rounded up to pages) and return the address, as mmap(2); `addr` is a hint unless `fixed`.

        Raises OSError: EINVAL for a bad length, address or offset, ENOMEM when no gap is large enough or memory obviously
        cannot hold it, EEXIST for `no_replace`, EPERM below MMAP_MIN.
        """
        if length <= 0 or offset & PAGE_MASK:
            raise error(errno.EINVAL)
        length = align_up(length, PAGE_SIZE)
        if length > USER_TOP:
            raise error(errno.ENOMEM)
        if offset + length >= 1 << 63:
            raise error(errno.EOVERFLOW)
        locked |= self.lock_future
        if locked and self.vmas.locked_bytes + length > self.rlimits.locked:
            raise error(errno.EAGAIN)
        self.require_room(3 if fixed else 1)
        addr = self.place(addr, length, fixed=fixed or no_replace, no_replace=no_replace)
        area = Vma(
            addr,
            addr + length,
            prot,
            shared,
            file,
            offset,
            name,
            grows_down,
            may_write=may_write,
            locked=locked,
            no_reserve=no_reserve,
            accounted=Commit.accounts(prot, shared=shared, no_reserve=no_reserve),
        )
        admit(self, area, length >> PAGE_SHIFT, (addr, addr + length) if fixed else None)
        if fixed:
            self.unmap_range(addr, addr + length)
        self.insert("mmap", area)
        return addr

    def insert(self, what: str, area: Vma) -> None:
        """Put in a new area whose range is free, as the result of the system call `what`."""
        start, end = area.start, area.end
        self.vmas.any_locked |= area.locked
        self.system.write_back.mapped(area)
        if area.file is not None:
            self._file_mapped(area.file, area.length)
        if area.accounted:
            self.system.commit.add(area.length >> PAGE_SHIFT)
        self.changed(what, start, end, self.vmas.add(area))

    def _file_mapped(self, file: FileNode, length: int) -> None:
        if file not in self._file_bytes:
            self._file_bytes[file] = 0
            file.mappings += 1
        self._file_bytes[file] += length

    def place(self, addr: int, length: int, *, fixed: bool = False, no_replace: bool = False) -> int:
        """Where a new mapping goes: at `addr` if that must be or is free, else into the highest gap. Raises OSError as `mmap`."""
        if fixed:
            if addr & PAGE_MASK:
                raise error(errno.EINVAL)
            if addr + length > USER_TOP:
                raise error(errno.ENOMEM)
            if addr < MMAP_MIN:
                raise error(errno.EPERM)
            if no_replace and self.vmas.overlapping(addr, addr + length):
                raise error(errno.EEXIST)
            return addr
        addr = align_up(addr, PAGE_SIZE)
        if MMAP_MIN <= addr <= USER_TOP - length and not self.vmas.overlapping(addr, addr + length):
            return addr
        found = self.vmas.find_gap(length, MMAP_MIN, self.mmap_top)
        if found is None:
            raise error(errno.ENOMEM)
        return found

    @property
    def mmap_top(self) -> int:
        """The top of the mmap area: below the largest stack and its guard."""
        stack = self.rlimits.stack
        if stack == RLIM_INFINITY:
            return MMAP_TOP
        gap = min(max(stack + GUARD_GAP, 128 << 20), USER_TOP // 6 * 5)
        return (STACK_TOP - gap) & ~PAGE_MASK

    def require_room(self, more: int) -> None:
        """Refuse what could make `more` areas where there are as many as may be. Raises OSError(ENOMEM)."""
        if len(self.vmas) + more > self.system.max_map_count:
            raise error(errno.ENOMEM)

    def munmap(self, addr: int, length: int) -> None:
        """Unmap all pages of the range; holes are no error. Raises OSError(EINVAL)."""
        if addr & PAGE_MASK or length <= 0 or addr + length > USER_TOP:
            raise error(errno.EINVAL)
        end = addr + align_up(length, PAGE_SIZE)
        if len(self.vmas.overlapping(addr, end)) == 1:  # a hole in one area makes two of it
            self.require_room(1)
        self.unmap_range(addr, end)
        self.changed("munmap", addr, end, None)

    def unmap_range(self, start: int, end: int) -> None:
        """Take out what is mapped in a range, without an event."""
        self.vmas.split(start)
        self.vmas.split(end)
        areas = self.vmas.overlapping(start, end)
        if not areas:
            return
        self.release_pages(start, end)
        before = self.vmas.accounted
        for area in areas:
            self.vmas.remove(area)
            self._file_unmapped(area)
        self.system.commit.add(self.vmas.accounted - before)

    def _file_unmapped(self, area: Vma) -> None:
        file = area.file
        if file is None:
            return
        if area.shared and area.prot & PROT_WRITE:
            self.system.cache.write_back_quietly(file, area.offset, area.offset + area.length)
        file.detached(self.pid)
        self._file_bytes[file] -= area.length
        if not self._file_bytes[file]:
            self._drop_mapping(file)

    def _drop_mapping(self, file: FileNode) -> None:
        del self._file_bytes[file]
        file.mappings -= 1
        self.system.cache.released(file)

    def release_pages(self, start: int, end: int) -> None:
        """Clear the entries and give their references back; a D bit of a shared page marks the cache's page dirty."""
        touched = []
        if (
            end - start <= EXACT_SPAN
        ):  # what is dropped must be learned again, and most of a mapping is seldom touched
            touched = [va >> PAGE_SHIFT for va, _, _ in self.table.entries(start, end)]
        taken = self.table.clear(start, end)
        if not len(taken):
            return
        if self.users:  # nobody can ask any more when the last one goes
            self.high_water.left(self.system.frames.resident(taken))
        if touched:
            self.system.invalidate_pages(self.mmu, touched)
        else:
            self.system.invalidate(self.mmu, start, end)
        frames, cache = self.system.frames, self.system.cache
        cache.dirty.update(frames.frames_with(taken, PTE_D | PTE_SHARED))
        frames.put_entries(taken)
        if self.system.ksm is not None:
            self.system.ksm.let_go(frames.frames_with(taken, PTE_U))

    def forget_beyond(self, file: FileNode, size: int) -> None:
        """Take out the pages of `file`'s mappings that lie beyond its new size, private copies too (truncate(2))."""
        if file in self._file_bytes:
            keep = align_up(size, PAGE_SIZE)
            for area in self.vmas:
                if area.file is file and area.offset + area.length > keep:
                    self.release_pages(area.start + max(0, keep - area.offset), area.end)

    def mprotect(self, addr: int, length: int, prot: int) -> None:
        """Change the protection: `protection.protect`. Raises OSError."""
        protect(self, addr, length, prot)

    def require_mapped(self, start: int, end: int) -> None:
        """Raises OSError(ENOMEM) unless every page of the range belongs to an area."""
        at = start
        for area in self.vmas.overlapping(start, end):
            if area.start > at:
                raise error(errno.ENOMEM)
            at = area.end
        if at < end:
            raise error(errno.ENOMEM)

    def mark(self, start: int, end: int, name: str, value: object) -> None:
        """Give the field `name` of all areas between `start` and `end` a value; splits and joins areas. Raises OSError(ENOMEM)."""
        self.require_room(2)
        for area in self.vmas.overlapping(start, end):
            if getattr(area, name) != value:
                part = self.vmas.part(area, start, end)
                self.table.split_borders(part.start, part.end)
                self.vmas.remove(part)
                setattr(part, name, value)
                self.vmas.add(part)

    def populate(self, addr: int, length: int) -> None:
        """Touch every page of a range (MAP_POPULATE, mlock), as far as there is memory; errors are left to the real touch.

        No more pages than memory has: the rest could only be the shared zero page, over and over.
        """
        end = addr + min(length, self.memory.size)
        for area in self.vmas.overlapping(addr, end):
            if not area.prot:
                continue
            private_write = area.prot & PROT_WRITE and not area.shared
            access = Access.WRITE if private_write else Access.READ
            for va in range(max(addr, area.start), min(end, area.end), PAGE_SIZE):
                if not self.table.entry(va) & PTE_U and not self.fault(va, access, self.pc):
                    return

    # Program, heap and stack

    def load(self, file: FileNode, path: str) -> LoadedImage:
        """Map a program: `image.map_image`. Raises NotExecutableError, OSError(ENOMEM)."""
        from .image_mapping import map_image  # which knows address spaces

        return map_image(self, file, path)

    def set_brk_start(self, va: int) -> None:
        """Where the heap begins: exec calls this once, after the image."""
        self.brk_start = self.brk_end = align_up(va, PAGE_SIZE)

    def brk(self, wanted: int) -> int:
        """brk(2) as the kernel has it: `heap.move_break`."""
        return move_break(self, wanted)

    def map_stack(self, *, executable: bool = False) -> int:
        """Map the first page of the stack; the address of its top. `executable` as PT_GNU_STACK asks."""
        prot = PROT_READ | PROT_WRITE | (PROT_EXEC if executable else 0)
        self.mmap(STACK_TOP - PAGE_SIZE, PAGE_SIZE, prot, fixed=True, name="[stack]", grows_down=True)
        return STACK_TOP

    def grow_stack(self, va: int) -> Vma | None:
        """Extend the area above `va` down to it: `heap.extend_stack`."""
        return extend_stack(self, va)

    # Faults

    def fault(self, va: int, access: Access, pc: int) -> bool:
        """Resolve a page fault; whether the access may be tried again."""
        return handle_fault(self, va, access, pc, self.pid) not in RESOLVED_BADLY

    def resolve(self, va: int, access: Access) -> FaultKind:
        """Resolve a page fault before it happens: what came of it."""
        return handle_fault(self, va, access, self.pc, self.pid)

    def poke(self, va: int, data: bytes) -> None:
        """Write to pages of code whatever their protection, as a debugger does (ptrace(2), PTRACE_POKETEXT): a private page
        is copied first. Raises Fault where nothing can be executed, OutOfFrames."""
        for page in range(va & ~PAGE_MASK, va + len(data), PAGE_SIZE):
            self.translate(page, Access.EXECUTE)
            own_page(self, page)
        for at, byte in enumerate(data, va):
            self.memory.u8[self.translate(at, Access.EXECUTE)] = byte
        self.system.invalidate(self.mmu, va & ~PAGE_MASK, va + len(data))

    def translate(self, va: int, access: Access) -> int:
        """The physical address for the kernel's access on the user's behalf. Raises Fault, OutOfFrames."""
        for _ in range(3):
            try:
                return self.mmu.translate(va, access)
            except Trap:
                kind = handle_fault(self, va, access, self.pc, self.pid)
                if kind is FaultKind.OOM:
                    raise OutOfFrames from None
                if kind in RESOLVED_BADLY:
                    break
        raise Fault(va)

    # Life

    def fork(self) -> AddressSpace:
        """A copy that shares all frames, private writable pages copy-on-write. Raises OSError(ENOMEM), nothing changed."""
        self.system.gentle = True
        try:
            return self._fork()
        finally:
            self.system.gentle = False

    def _fork(self) -> AddressSpace:
        if sum(len(space.vmas) for space in self.system.spaces) + len(self.vmas) > MACHINE_MAP_COUNT:
            raise error(errno.ENOMEM)
        self.system.commit.require_copy(self)
        try:
            child = AddressSpace(self.system, self.rlimits.copy())
        except OutOfFrames:
            raise error(errno.ENOMEM) from None
        child.vmas = self.vmas.copy()
        self.system.commit.add(child.vmas.accounted)
        child.data_size = self.data_size
        child.vmas.unlock()
        child.brk_start, child.brk_end = self.brk_start, self.brk_end
        child.sigreturn_page = self.sigreturn_page
        child.no_megapages = self.no_megapages
        child.arg_range, child.env_range = self.arg_range, self.env_range
        for file, length in self._file_bytes.items():
            child._file_mapped(file, length)
            file.attached(self.pid)
        try:
            self.table.copy_for_fork(child.table)
        except (OutOfFrames, MemoryError):
            child.release()
            raise error(errno.ENOMEM) from None
        self.system.lazily_freed.clear()  # a child's D bits begin clear, so that nobody could tell what has been written again
        self.system.invalidate_writes(self.mmu)
        self.system.inherit_code(self.mmu, child.mmu)
        for area in list(child.vmas):
            if area.dont_fork:
                child.munmap(area.start, area.length)
            elif area.wipe_on_fork:
                child.release_pages(area.start, area.end)
        child.high_water.begin_as(self.high_water)
        return child

    def release(self) -> None:
        """One user less; the last one gives everything back."""
        self.users -= 1
        if self.users:
            return
        areas = list(self.vmas)
        self.system.commit.add(-self.vmas.accounted)
        self.release_pages(0, USER_TOP)
        self.vmas = VmaSet()
        for area in areas:
            self._file_unmapped(area)
        del self.system.spaces[self]
        self.table.free()

    def count_in(self, counters: Counters) -> None:
        """From now on these are the counters of whoever uses this memory."""
        if counters is not self.counters:
            self.counters = counters
            self.high_water.count_in(counters)

    def resident(self, area: Vma) -> Iterator[tuple[int, int]]:
        """(va, entry) of each present page of an area, the zero page left out (as Linux counts RSS)."""
        for va, _, pte in self.table.present(area.start, area.end):
            if pte_frame(pte) != ZERO_FRAME:
                yield va, pte

    def describe_vma(self, area: Vma) -> str:
        """The area's line of /proc/PID/maps, without the newline."""
        from ..accounts.proc_text import maps_line

        return maps_line(area)

    def changed(self, what: str, start: int, end: int, area: Vma | None) -> None:
        """Tell whoever wants to know what the system call `what` has done; `area` is what lies there now."""
        if self.system.bus.wants(MappingChanged):
            detail = self.describe_vma(area) if area is not None else ""
            self.system.bus.emit(MappingChanged(self.system.now(), self.pid, what, start, end, detail))
