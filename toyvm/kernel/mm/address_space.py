"""An address space ("mm") as one process uses it: VMAs (the intent) and Sv39 tables (the state).

The layout is that of Linux riscv64 Sv39 without randomisation, low to high: program, heap (brk)
growing up, gap, mmap area growing down from 128 MiB below the top, stack at the top growing down to
its limit with a guard gap below. System calls raise OSError; the kernel's own access to user memory
raises Fault.
"""

from __future__ import annotations

import errno

from toyvm.base.bits import align_up
from toyvm.base.errors import error
from toyvm.base.events import FaultKind, MappingChanged
from toyvm.base.light_types import TYPE_CHECKING, Self
from toyvm.machine.mmu import Access, Mmu
from toyvm.machine.physical_memory import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE
from toyvm.machine.sv39 import PTE_A, PTE_D, PTE_U, USER_TOP, make_pte, pte_frame
from toyvm.machine.traps import Trap

from ..counters import Counters, FaultContext
from ..limits import RLIM_INFINITY, Rlimits
from ..vfs.nodes import FileNode
from .faults.page_fault import GUARD_GAP, RESOLVED_BADLY, handle_fault, own_page
from .frame_allocator import ZERO_FRAME, OutOfFrames
from .machine_memory import MachineMemory
from .memory_map import MemoryMap
from .overcommit import Commit, admit, becomes_accounted
from .page_table import PageTable
from .user_memory import Fault, UserMemory
from .vma import MACHINE_MAP_COUNT, PROT_EXEC, PROT_READ, PROT_WRITE, Vma, VmaSet, end_of_pages, flags_for

if TYPE_CHECKING:
    from ..counters import Group

MMAP_MIN = 0x10000  # vm.mmap_min_addr: nothing is mapped at NULL by accident
MMAP_TOP = USER_TOP - (128 << 20)
PIE_BASE = 0x2A_AAAA_A000  # two thirds of the user half, as Linux's ELF_ET_DYN_BASE
STACK_TOP = USER_TOP
_LEAST_GAP, _MOST_GAP = 128 << 20, USER_TOP // 6 * 5  # between the mmap area and the top of the stack


class AddressSpace(UserMemory):
    """The memory of one process, as that process uses it.

    `map` is the memory itself, `context` the process that the kernel works for. Processes that
    share memory (vfork, CLONE_VM) have an AddressSpace each, with the same `map`. `table`, `mmu`,
    `vmas` and `rlimits` are the map's. Without `map`, the space is new and empty, and charged to
    `group`. Raises OutOfFrames.
    """

    has_mmu = True

    def __init__(
        self,
        system: MachineMemory,
        rlimits: Rlimits | None = None,
        *,
        pid: int = 0,
        counters: Counters | None = None,
        group: Group | None = None,
        map: MemoryMap | None = None,
    ):
        self.system = system
        self.memory = system.memory
        self.context = FaultContext(pid, counters if counters is not None else Counters(), None, group)
        if map is None:
            table = PageTable(system.memory, system.frames, self.context, system.swap)
            mmu = Mmu(system.memory, table.root_ppn)
            map = MemoryMap(table, mmu, VmaSet(), rlimits if rlimits is not None else Rlimits(), group)
        self.map = map
        self.context.mmu = map.mmu
        self.table, self.mmu, self.vmas, self.rlimits = map.table, map.mmu, map.vmas, map.rlimits
        system.spaces[map] = None

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
        """Map `length` bytes (rounded up to pages), as mmap(2); returns the address.

        `addr` is a hint unless `fixed`. Raises OSError: EINVAL for a bad length, address or offset;
        ENOMEM if no gap is large enough, or a limit or the overcommit policy forbids it; EOVERFLOW
        for an offset beyond 2**63; EAGAIN beyond RLIMIT_MEMLOCK, EPERM if that is 0; EEXIST for
        `no_replace`; EPERM below MMAP_MIN.
        """
        if length <= 0 or offset & PAGE_MASK:
            raise error(errno.EINVAL)
        length = align_up(length, PAGE_SIZE)
        if length > USER_TOP:
            raise error(errno.ENOMEM)
        if offset + length >= 1 << 63:
            raise error(errno.EOVERFLOW)
        locked |= self.map.lock_future
        if locked and not self.rlimits.locked:
            raise error(errno.EPERM)
        if locked and self.vmas.locked_bytes + length > self.rlimits.locked:
            raise error(errno.EAGAIN)
        self.require_room(1 + self._added_by_hole(addr, addr + length) if fixed else 1)
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
        admit(
            self.system.commit, self.map, area, length >> PAGE_SHIFT, (addr, addr + length) if fixed else None
        )
        if fixed:
            self.unmap_range(addr, addr + length)
        self.insert("mmap", area)
        return addr

    def insert(self, what: str, area: Vma) -> None:
        """Add a new area whose range is free, as the result of the system call `what`."""
        start, end = area.start, area.end
        self.vmas.any_locked |= area.locked
        self.system.mapped(area)
        if area.file is not None:
            self._file_mapped(area.file, area.length)
        if area.accounted:
            self.system.commit.add(area.length >> PAGE_SHIFT)
        area = self.vmas.add(area)
        self.system.windows.foresee(self.map, area, start)
        self.changed(what, start, end, area)

    def _file_mapped(self, file: FileNode, length: int) -> None:
        mapped = self.map.file_bytes
        if file not in mapped:
            mapped[file] = 0
            file.mappings += 1
        mapped[file] += length

    def place(self, addr: int, length: int, *, fixed: bool = False, no_replace: bool = False) -> int:
        """The address of a new mapping: `addr` if required or free, else in the highest gap.

        Raises OSError as `mmap`.
        """
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
        addr &= ~PAGE_MASK
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
        gap = stack + GUARD_GAP
        if gap < _LEAST_GAP:
            gap = _LEAST_GAP
        elif gap > _MOST_GAP:
            gap = _MOST_GAP
        return STACK_TOP - gap & ~PAGE_MASK

    def require_room(self, more: int) -> None:
        """Raises OSError(ENOMEM) if `more` new areas would exceed vm.max_map_count."""
        if len(self.vmas) + more > self.system.max_map_count:
            raise error(errno.ENOMEM)

    def _added_by_hole(self, start: int, end: int) -> int:
        """How many areas are added if the range is unmapped; negative: removed."""
        areas = self.vmas.overlapping(start, end)
        if len(areas) == 1 and areas[0].start < start and end < areas[0].end:
            return 1
        return -sum(start <= area.start and area.end <= end for area in areas)

    def _require_room_for_split(self, start: int, end: int) -> None:
        """Raises OSError(ENOMEM) if splits at `start` and `end` would exceed vm.max_map_count."""
        if len(self.vmas) + 2 > self.system.max_map_count:
            splits = self.vmas.splits(start) + self.vmas.splits(end)
            if splits:
                self.require_room(splits)

    def munmap(self, addr: int, length: int) -> None:
        """Unmap all pages of the range; holes are no error. Raises OSError: EINVAL, ENOMEM."""
        if addr & PAGE_MASK or length <= 0 or addr + length > USER_TOP:
            raise error(errno.EINVAL)
        end = addr + align_up(length, PAGE_SIZE)
        area = self.vmas.find(addr)
        if area is not None and end <= area.end and area.file is None:  # nearly every call
            if area.start < addr and end < area.end:
                self.require_room(1)
            self.release_pages(addr, end)
            self.vmas.cut(area, addr, end)
            self.system.commit.add(-(end - addr >> PAGE_SHIFT) if area.accounted else 0)
            self.changed("munmap", addr, end, None)
            return
        if self._added_by_hole(addr, end) > 0:
            self.require_room(1)
        self.unmap_range(addr, end)
        self.changed("munmap", addr, end, None)

    def unmap_range(self, start: int, end: int) -> None:
        """Unmap a range without an event."""
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
        file.detached(self.context.pid)
        mapped = self.map.file_bytes
        mapped[file] -= area.length
        if not mapped[file]:
            del mapped[file]
            file.mappings -= 1
            self.system.cache.released(file)

    def release_pages(self, start: int, end: int) -> None:
        """Release the pages from `start` to `end`; the areas stay."""
        self.system.release_pages(self.map, start, end)

    def mprotect(self, addr: int, length: int, prot: int) -> None:
        """Change the protection; splits and merges areas.

        Raises OSError: EINVAL, ENOMEM for a hole, EACCES for a read-only file.
        """
        end = end_of_pages(addr, length)
        if not length:
            return
        if end <= addr:
            raise error(errno.ENOMEM)
        end, refused = self._protectable(addr, end, prot)
        self._require_room_for_split(addr, end)
        for area in self.vmas.overlapping(addr, end):
            if area.prot != prot:
                part = self.vmas.part(area, addr, end)
                self.table.split_borders(part.start, part.end)
                try:
                    accounted = becomes_accounted(self.system.commit, self.map, part, prot)
                except OSError as failure:
                    refused = failure.errno or errno.ENOMEM
                    self.vmas.remove(part)
                    self.vmas.add(part)  # merged with the rest again
                    break
                self.vmas.remove(part)
                part.prot, part.accounted = prot, accounted
                self._reprotect(part)
                self.vmas.add(part)
        self.changed("mprotect", addr, end, self.vmas.find(addr))
        if refused:
            raise error(refused)

    def _protectable(self, start: int, end: int, prot: int) -> tuple[int, int]:
        """The end of the areas from `start` that may have `prot`, and the errno of what stops them.

        A hole stops them too. The errno is 0 if they reach `end`. Raises OSError if the first page
        is not protectable. (Linux, too, changes the areas before the first one that stops it.)
        """
        at, refused = start, errno.ENOMEM
        for area in self.vmas.overlapping(start, end):
            if area.start > at:
                break
            if prot & PROT_WRITE and not area.may_write:
                refused = errno.EACCES
                break
            at = area.end
        if at == start:
            raise error(refused)
        return min(at, end), 0 if at >= end else refused

    def _reprotect(self, area: Vma) -> None:
        refs, u64 = self.system.frames.refs, self.table.u64
        changed = False
        for _, slot, pte in self.table.present(area.start, area.end):
            frame = pte_frame(pte)
            writable = area.shared or (refs[frame] == 1 and frame != ZERO_FRAME)
            u64[slot] = make_pte(frame, flags_for(area, writable=writable) | pte & (PTE_A | PTE_D))
            changed = True
        if changed:
            self.table.changed(area.start, area.end)
            self.system.invalidate(self.mmu, area.start, area.end)

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
        """Set the field `name` of all areas from `start` to `end`; splits and merges areas.

        Raises OSError(ENOMEM).
        """
        self._require_room_for_split(start, end)
        for area in self.vmas.overlapping(start, end):
            if getattr(area, name) != value:
                part = self.vmas.part(area, start, end)
                self.table.split_borders(part.start, part.end)
                self.vmas.remove(part)
                setattr(part, name, value)
                self.vmas.add(part)

    def populate(self, addr: int, length: int) -> None:
        """Fault in every page of a range (MAP_POPULATE, mlock) while memory lasts; ignore errors.

        It stops after as many pages as memory has: more could only map the zero page.
        """
        end = addr + min(length, self.memory.size)
        for area in self.vmas.overlapping(addr, end):
            if not area.prot:
                continue
            private_write = area.prot & PROT_WRITE and not area.shared
            access = Access.WRITE if private_write else Access.READ
            for va in range(max(addr, area.start), min(end, area.end), PAGE_SIZE):
                if not self.table.entry(va) & PTE_U and not self.fault(va, access, self.context.pc):
                    return

    # Program, heap and stack

    def set_brk_start(self, va: int) -> None:
        """Set the start of the heap: exec calls this once, after mapping the image."""
        self.map.brk_start = self.map.brk_end = align_up(va, PAGE_SIZE)

    def brk(self, wanted: int) -> int:
        """The system call brk: the new program break, or the old one if it cannot move there."""
        space = self.map
        if wanted < space.brk_start or wanted > USER_TOP:
            return space.brk_end
        if wanted - space.brk_start + space.data_size > self.rlimits.data:  # also to shrink, as on Linux
            return space.brk_end
        old, new = align_up(space.brk_end, PAGE_SIZE), align_up(wanted, PAGE_SIZE)
        if new > old:
            if not self._extend_heap(old, new):
                return space.brk_end
        elif new < old:
            self.unmap_range(new, old)
        space.brk_end = wanted
        self.changed("brk", space.brk_start, wanted, None)
        return wanted

    def _extend_heap(self, old: int, new: int) -> bool:
        """Extend the heap from `old` to `new`; whether it may grow."""
        space, commit = self.map, self.system.commit
        ceiling = self.vmas.above(old - 1 if old else 0)
        room = ceiling.start - PAGE_SIZE if ceiling is not None else USER_TOP
        if new > room:
            return False
        area = Vma(old, new, PROT_READ | PROT_WRITE, name="[heap]", accounted=True, locked=space.lock_future)
        try:
            self.require_room(1)
            admit(commit, space, area, area.length >> PAGE_SHIFT)
        except OSError:
            return False
        commit.add(area.length >> PAGE_SHIFT)
        self.vmas.add(area)
        if area.locked:
            self.populate(old, new - old)
        return True

    def map_stack(self, *, executable: bool = False) -> int:
        """Map the first page of the stack; returns its top. `executable`: see PT_GNU_STACK."""
        prot = PROT_READ | PROT_WRITE | (PROT_EXEC if executable else 0)
        self.mmap(STACK_TOP - PAGE_SIZE, PAGE_SIZE, prot, fixed=True, name="[stack]", grows_down=True)
        return STACK_TOP

    # Faults

    def fault(self, va: int, access: Access, pc: int) -> bool:
        """Resolve a page fault; whether the access may be tried again."""
        return handle_fault(self.system, self.map, self.context, va, access, pc) not in RESOLVED_BADLY

    def resolve(self, va: int, access: Access) -> FaultKind:
        """Resolve a page fault before it happens; returns its kind."""
        return handle_fault(self.system, self.map, self.context, va, access, self.context.pc)

    def poke(self, va: int, data: bytes) -> None:
        """Write to executable pages whatever their protection, as a debugger (PTRACE_POKETEXT).

        A private page is copied first. Raises OutOfFrames, and Fault for a page that is not
        executable.
        """
        for page in range(va & ~PAGE_MASK, va + len(data), PAGE_SIZE):
            self.translate(page, Access.EXECUTE)
            own_page(self.system, self.map, self.context, page)
        for at, byte in enumerate(data, va):
            self.memory.u8[self.translate(at, Access.EXECUTE)] = byte
        self.system.invalidate(self.mmu, va & ~PAGE_MASK, va + len(data))

    def translate(self, va: int, access: Access) -> int:
        """The physical address for the kernel's access on behalf of the process.

        Raises Fault, OutOfFrames.
        """
        for _ in range(3):
            try:
                return self.mmu.translate(va, access)
            except Trap:
                context = self.context
                kind = handle_fault(self.system, self.map, context, va, access, context.pc)
                if kind is FaultKind.OOM:
                    raise OutOfFrames from None
                if kind in RESOLVED_BADLY:
                    break
        raise Fault(va)

    # Life

    def share(self) -> Self:
        """The same memory for one more process (vfork, CLONE_VM), with a context of its own."""
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin.context = FaultContext(0, Counters(), self.mmu, self.map.group, pc=self.context.pc)
        self.map.users += 1
        return twin

    def fork(self) -> AddressSpace:
        """A copy that shares all frames, private writable pages copy-on-write.

        Raises OSError(ENOMEM) without having changed anything.
        """
        system, space = self.system, self.map
        if sum(len(other.vmas) for other in system.spaces) + len(self.vmas) > MACHINE_MAP_COUNT:
            raise error(errno.ENOMEM)
        system.commit.require_copy(space)
        asking = FaultContext(self.context.pid, self.context.counters, self.mmu, space.group, may_fail=True)
        asking.pc = self.context.pc
        try:
            table = PageTable(system.memory, system.frames, asking, system.swap)
        except OutOfFrames:
            raise error(errno.ENOMEM) from None
        twin = MemoryMap(
            table, Mmu(system.memory, table.root_ppn), self.vmas.copy(), self.rlimits.copy(), space.group
        )
        child = AddressSpace(system, group=space.group, map=twin)
        system.commit.add(twin.vmas.accounted)
        twin.vmas.unlock()
        twin.data_size = space.data_size
        twin.brk_start, twin.brk_end = space.brk_start, space.brk_end
        twin.sigreturn_page = space.sigreturn_page
        twin.no_megapages = space.no_megapages
        twin.arg_range, twin.env_range = space.arg_range, space.env_range
        for file, length in space.file_bytes.items():
            child._file_mapped(file, length)
            file.attached(self.context.pid)
        try:
            self.table.copy_for_fork(child.table, asking)
        except (OutOfFrames, MemoryError):
            child.release()
            raise error(errno.ENOMEM) from None
        # The child's D bits are clear, so they do not show whether a page was written after MADV_FREE.
        system.lazily_freed.clear()
        system.invalidate_writes(self.mmu)
        system.inherit_code(self.mmu, child.mmu)
        for area in list(child.vmas):
            if area.dont_fork:
                child.munmap(area.start, area.length)
            elif area.wipe_on_fork:
                child.release_pages(area.start, area.end)
        twin.high_water.begin_as(space.high_water)
        return child

    def release(self) -> None:
        """Drop one user; the last one frees everything."""
        self.map.users -= 1
        if self.map.users:
            return
        areas = list(self.vmas)
        self.system.commit.add(-self.vmas.accounted)
        self.system.release_all(self.map)
        self.vmas.clear()
        for area in areas:
            self._file_unmapped(area)
        del self.system.spaces[self.map]
        self.table.free()

    def changed(self, what: str, start: int, end: int, area: Vma | None) -> None:
        """Emit the event that the system call `what` has changed `start` to `end`, now `area`."""
        if self.system.bus.wants(MappingChanged):
            detail = area.describe() if area is not None else ""
            self.system.bus.emit(
                MappingChanged(self.system.now(), self.context.pid, what, start, end, detail)
            )
