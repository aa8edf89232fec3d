"""Programs in bare physical memory, which all programs share unprotected (`toyvm run --no-mmu`).

Addresses are physical. A program is loaded at the addresses in its ELF file, and fails if another
program is there. Stacks, heaps and mmap regions are allocated from the same memory. The kernel
records the owner of each region only to avoid allocating it twice: an access is checked against the
end of memory and nothing else.

System calls are those of Linux without CONFIG_MMU (Documentation/admin-guide/mm/nommu-mmap.rst): no
fork (vfork works), no mprotect, no MAP_FIXED, no shared mapping of a file; a private mapping is a
copy.
"""

from __future__ import annotations

import errno
from array import array

from toyvm.base.bits import align_down, align_up, u64
from toyvm.base.errors import NotExecutableError, error
from toyvm.base.light_types import TYPE_CHECKING, NoReturn
from toyvm.base.record import Record
from toyvm.elf import constants as elf
from toyvm.machine.mmu import Access, BareMmu
from toyvm.machine.physical_memory import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE
from toyvm.machine.sv39 import PTE_R, PTE_U, PTE_V, PTE_W, PTE_X, TABLE_ENTRIES, make_pte
from toyvm.machine.traps import Trap

from ..counters import KERNEL, Counters
from ..vfs.nodes import FileNode
from .address_space import AddressSpace
from .image_mapping import LoadedImage, headers_address, read_headers
from .memory_map import MemoryMap
from .page_table import LEAF_SHIFT, LEAF_SPAN, PageTable
from .user_memory import Fault
from .vma import PROT_EXEC, PROT_READ, PROT_WRITE, Vma, VmaSet

if TYPE_CHECKING:
    from toyvm.elf.headers import Phdr

    from ..counters import Group
    from ..limits import Rlimits
    from .machine_memory import MachineMemory

STACK_SIZE = 64 << 10
_ALL = PROT_READ | PROT_WRITE | PROT_EXEC
_FLAGS = PTE_V | PTE_R | PTE_W | PTE_X | PTE_U


class Placement(Record):
    """The address to load a program at, and the top of its stack; None for the default."""

    load_at: int | None = None
    stack_at: int | None = None


def table_bytes(size: int) -> int:
    """The memory beyond `size` for the tables of `FlatMemory`."""
    return PAGE_SIZE * (1 + (align_up(size, 1 << 30) >> 30) + (align_up(size, LEAF_SPAN) >> LEAF_SHIFT))


class FlatMemory:
    """`size` bytes of physical memory that all programs share, and the owner of each region in it.

    The tables map each address to itself, for engines that walk tables in native code. They are
    above `size`, where no program can reach. All programs share one MMU: what one program stores
    into another's code is executed after the other's fence.i.
    """

    def __init__(self, system: MachineMemory, size: int):
        self.system = system
        self.size = size
        frames = size >> PAGE_SHIFT
        system.frames.set_aside(frames)
        self.table = PageTable(system.memory, system.frames, KERNEL)
        for va in range(0, size, LEAF_SPAN):
            slot, first = self.table.slot(va, KERNEL), va >> PAGE_SHIFT
            entries = [make_pte(frame, _FLAGS) for frame in range(first, min(first + TABLE_ENTRIES, frames))]
            system.memory.u64[slot : slot + len(entries)] = array("Q", entries)
        self.mmu = BareMmu(system.memory, self.table.root_ppn)
        self.regions = VmaSet()
        self._owners: dict[int, PhysicalSpace] = {}

    def owner_of(self, start: int, end: int) -> tuple[Vma, PhysicalSpace] | None:
        """The first region that overlaps `start`..`end`, and its owner."""
        for region in self.regions.overlapping(start, end):
            return region, self._owners[region.start]
        return None

    def owned_by(self, space: PhysicalSpace) -> list[int]:
        """The start of each region that `space` owns."""
        return [start for start, owner in self._owners.items() if owner.map is space.map]

    def find(self, length: int) -> int:
        """The highest `length` free bytes. Raises OSError(ENOMEM)."""
        found = self.regions.find_gap(length, PAGE_SIZE, self.size)
        if found is None:
            raise error(errno.ENOMEM)
        return found

    def take(self, space: PhysicalSpace, start: int, end: int) -> None:
        """Allocate a free region of whole pages to `space`, filled with zero bytes.

        Raises OSError(ENOMEM).
        """
        if not PAGE_SIZE <= start < end <= self.size or self.owner_of(start, end) is not None:
            raise error(errno.ENOMEM)
        # The unique name keeps neighbours from being merged: each region is freed as it was allocated.
        self.regions.add(Vma(start, end, _ALL, name=f"{start:x}"))
        self._owners[start] = space
        self.system.frames.claim(start >> PAGE_SHIFT, end >> PAGE_SHIFT)
        self.system.memory.u8[start:end] = bytes(end - start)
        self.system.invalidate(self.mmu, start, end)

    def give_back(self, start: int) -> None:
        """Free the region that begins at `start`. Its bytes stay until it is allocated again."""
        region = self.regions.find(start)
        assert region is not None and region.start == start
        self.regions.remove(region)
        del self._owners[start]
        self.system.frames.unclaim(start >> PAGE_SHIFT, region.end >> PAGE_SHIFT)

    def release(self) -> None:
        """Free the tables when the machine is switched off."""
        self.table.free()


class PhysicalSpace(AddressSpace):
    """One program's part of flat memory. `vmas` are its own regions; an access may go anywhere."""

    has_mmu = False

    def __init__(
        self,
        flat_memory: FlatMemory,
        rlimits: Rlimits,
        placement: Placement | None = None,
        *,
        pid: int = 0,
        counters: Counters | None = None,
        group: Group | None = None,
    ):
        space = MemoryMap(flat_memory.table, flat_memory.mmu, VmaSet(), rlimits, group)
        super().__init__(flat_memory.system, pid=pid, counters=counters, group=group, map=space)
        self.flat_memory = flat_memory
        self.placement = placement or Placement()

    # Memory

    def _take(self, start: int, end: int, *parts: Vma, what: str = "mmap") -> None:
        self.flat_memory.take(self, start, end)
        for part in parts:
            self.vmas.add(part)
            self.changed(what, part.start, part.end, part)

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
        """Allocate a region, with a copy of the file if there is one.

        `addr` and `prot` are ignored. Raises OSError: EINVAL for a bad length and for `fixed`,
        ENODEV for a shared file, ENOMEM.
        """
        if length <= 0 or offset & PAGE_MASK or fixed or no_replace:
            raise error(errno.EINVAL)
        if shared and file is not None and file.backed:
            raise error(errno.ENODEV)
        length = align_up(length, PAGE_SIZE)
        start = self.flat_memory.find(length)
        self._take(start, start + length, Vma(start, start + length, _ALL, name=name))
        if file is not None:
            data = file.pread(offset, length)
            self.memory.u8[start : start + len(data)] = data
        return start

    def munmap(self, addr: int, length: int) -> None:
        """Free a whole region that mmap allocated. Raises OSError(EINVAL)."""
        area = self.vmas.find(addr)
        if area is None or area.start != addr or area.length != align_up(length, PAGE_SIZE):
            raise error(errno.EINVAL)
        region = self.flat_memory.regions.find(addr)
        if region is None or (region.start, region.end) != (area.start, area.end):
            raise error(errno.EINVAL)  # a part of the program
        self.vmas.remove(area)
        self.flat_memory.give_back(addr)
        self.changed("munmap", addr, area.end, None)

    def brk(self, wanted: int) -> int:
        """Grow the heap behind the program, page by page, up to another program's memory."""
        if wanted < self.map.brk_start or wanted > self.flat_memory.size:
            return self.map.brk_end
        old, new = align_up(self.map.brk_end, PAGE_SIZE), align_up(wanted, PAGE_SIZE)
        try:
            for page in range(old, new, PAGE_SIZE):
                self._take(
                    page, page + PAGE_SIZE, Vma(page, page + PAGE_SIZE, _ALL, name="[heap]"), what="brk"
                )
                old = page + PAGE_SIZE
        except OSError:
            self._shrink_heap(old, align_up(self.map.brk_end, PAGE_SIZE))
            return self.map.brk_end
        self._shrink_heap(old, new)
        self.map.brk_end = wanted
        return wanted

    def _shrink_heap(self, end: int, to: int) -> None:
        self.vmas.split(to)
        for area in self.vmas.overlapping(to, end):
            self.vmas.remove(area)
        for page in range(to, end, PAGE_SIZE):
            self.flat_memory.give_back(page)

    def map_stack(self, *, executable: bool = False) -> int:
        """Allocate a stack of STACK_SIZE at the highest free address, or where the placement says.

        It does not grow and has no guard page.
        """
        top = self.placement.stack_at
        start = self.flat_memory.find(STACK_SIZE) if top is None else top - STACK_SIZE
        if top is not None:
            self._require_free(start, top, "its stack")
        self._take(start, start + STACK_SIZE, Vma(start, start + STACK_SIZE, _ALL, name="[stack]"))
        return start + STACK_SIZE

    def load(self, file: FileNode, path: str) -> LoadedImage:
        """Copy the segments of an executable to their addresses, or to `Placement.load_at`.

        Nothing is relocated. Raises NotExecutableError, which names the process that is in the way.
        """
        ehdr, phdrs = read_headers(file, path)
        loads = [p for p in phdrs if p.type == elf.PT_LOAD and p.memsz]
        if not loads:
            raise NotExecutableError(f"{path}: cannot execute: no PT_LOAD segment")
        if any(p.type == elf.PT_INTERP for p in phdrs):
            raise NotExecutableError(f"{path}: cannot execute without an MMU: it needs shared libraries")
        low = align_down(min(p.vaddr for p in loads), PAGE_SIZE)
        high = align_up(max(p.vaddr + p.memsz for p in loads), PAGE_SIZE)
        at = self.placement.load_at
        if at is None:
            at = low if ehdr.type == elf.ET_EXEC else self._anywhere(high - low, path)
        bias = at - low
        self._require_free(at, at + high - low, path)
        self._take(at, at + high - low, *self._areas(loads, bias, file, path))
        for p in loads:
            data = file.pread(p.offset, p.filesz)
            self.memory.u8[p.vaddr + bias : p.vaddr + bias + len(data)] = data
        return LoadedImage(
            path=path,
            file=file,
            e_type=ehdr.type,
            e_flags=ehdr.flags,
            bias=bias,
            entry=u64(ehdr.entry + bias),
            start=at,
            end=high + bias,
            phdr=headers_address(ehdr, loads, bias),
            phdrs=tuple(phdrs),
            interpreter=None,
            executable_stack=True,
        )

    def _anywhere(self, length: int, path: str) -> int:
        try:
            return self.flat_memory.find(length)
        except OSError:
            raise NotExecutableError(
                f"{path}: cannot execute: no {length:#x} bytes in a row are free"
            ) from None

    def _areas(self, loads: list[Phdr], bias: int, file: FileNode, path: str) -> list[Vma]:
        """An area for each segment, beginning at the end of the one before if they share a page."""
        areas: list[Vma] = []
        for p in loads:
            start = align_down(p.vaddr + bias, PAGE_SIZE)
            end = align_up(p.vaddr + bias + p.memsz, PAGE_SIZE)
            if areas and start < areas[-1].end:
                start = areas[-1].end
            if start < end:
                offset = align_down(p.offset, PAGE_SIZE) + start - align_down(p.vaddr + bias, PAGE_SIZE)
                areas.append(Vma(start, end, _ALL, file=file, offset=offset, name=path))
        return areas

    def _require_free(self, start: int, end: int, what: str) -> None:
        """Raises NotExecutableError unless `start`..`end` is free memory."""
        where = f"{what}: cannot be at {start:#x}-{end:#x}"
        if start < PAGE_SIZE:
            raise NotExecutableError(f"{where}: the first page is not given away")
        if end > self.flat_memory.size:
            raise NotExecutableError(f"{where}: physical memory ends at {self.flat_memory.size:#x}")
        found = self.flat_memory.owner_of(start, end)
        if found is not None:
            region, owner = found
            area = owner.vmas.find(max(region.start, start))
            name = area.name if area is not None and area.name else "memory"
            raise NotExecutableError(
                f"{where}: {name} of process {owner.context.pid} is at {region.start:#x}-{region.end:#x} "
                "(ld -Ttext-segment=ADDRESS links a program for another place)"
            )

    # Access

    def fault(self, va: int, access: Access, pc: int) -> bool:
        """False: no fault can be resolved."""
        return False

    def translate(self, va: int, access: Access) -> int:
        """The same address if it is in memory. Raises Fault."""
        try:
            return self.mmu.translate(va, access)
        except Trap:
            raise Fault(va) from None

    def populate(self, addr: int, length: int) -> None:
        """Nothing to do: all memory is present."""

    # Life

    def fork(self) -> NoReturn:
        """Raises OSError(ENOSYS), as in uClinux: the child would need the same addresses."""
        raise error(errno.ENOSYS)

    def release(self) -> None:
        """Drop one user; the last one frees all regions."""
        self.map.users -= 1
        if self.map.users:
            return
        self.vmas.clear()
        for start in self.flat_memory.owned_by(self):
            self.flat_memory.give_back(start)
        del self.system.spaces[self.map]
