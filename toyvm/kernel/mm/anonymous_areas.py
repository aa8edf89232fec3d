"""The usual mmap and munmap: private anonymous memory, wherever there is room, and none of it in another state.

Both have the effects of `AddressSpace.mmap` and `munmap`, or none, and then return None or False. They
neither allocate a frame nor emit an event.
"""

from __future__ import annotations

from toyvm.base.events import MappingChanged
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.machine.physical_memory import PAGE_MASK, PAGE_SHIFT

from .address_space import MMAP_MIN
from .overcommit import NEVER
from .vma import PROT_EXEC

if TYPE_CHECKING:
    from .address_space import AddressSpace


def map_anonymous(space: AddressSpace, length: int) -> int | None:
    """Map `length` bytes, readable and writable, in the highest gap; the address."""
    system, facts, vmas, limits = space.system, space.map, space.vmas, space.rlimits
    length = length + PAGE_MASK & ~PAGE_MASK
    pages, commit = length >> PAGE_SHIFT, system.commit
    if (
        not space.has_mmu
        or facts.lock_future
        or MappingChanged in system.bus.wanted
        or commit.mode == NEVER
        or pages > commit.ram
        or vmas.pages + pages > limits.address_space >> PAGE_SHIFT
        or vmas.data_pages + pages > limits.data >> PAGE_SHIFT
        or len(vmas) >= system.max_map_count
    ):
        return None
    va = vmas.find_gap(length, MMAP_MIN, space.mmap_top)
    if va is None:
        return None
    commit.committed += pages
    system.windows.foresee(facts, vmas.add_plain(va, va + length), va)
    return va


def unmap_anonymous(space: AddressSpace, start: int, length: int) -> bool:
    """Unmap whole pages inside one area; whether that was done."""
    system, facts, vmas = space.system, space.map, space.vmas
    end = start + length + PAGE_MASK & ~PAGE_MASK
    area = vmas.find(start)
    if (
        area is None
        or start & PAGE_MASK
        or not start < end <= area.end
        or area.file is not None
        or area.prot & PROT_EXEC
        or not space.has_mmu
        or MappingChanged in system.bus.wanted
        or system.swap is not None
        or system.merged is not None
        or system.frames.groups is not None
        or system.frames.free < system.low
        or len(vmas) >= system.max_map_count
    ):
        return False
    found = facts.table.take_few(start, end)
    if found is None:
        return False
    pages, entries = found
    if pages:
        system.windows.collect(facts, space.context)
        frames = system.frames
        facts.high_water.left(frames.resident(entries))
        system.invalidate_pages(facts.mmu, pages)
        frames.put_entries(entries)
    vmas.cut(area, start, end)
    if area.accounted:
        system.commit.committed -= end - start >> PAGE_SHIFT
    system.windows.follow(facts)
    return True
