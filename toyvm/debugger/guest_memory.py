"""Guest memory as a debugger sees it: reading changes nothing, writing reaches read-only private pages too."""

from __future__ import annotations

from toyvm.base.light_types import TYPE_CHECKING
from toyvm.kernel.mm.faults.page_fault import own_page
from toyvm.kernel.mm.user_memory import Fault
from toyvm.kernel.mm.vma import PROT_EXEC, PROT_READ, PROT_WRITE
from toyvm.machine.mmu import Access
from toyvm.machine.physical_memory import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE
from toyvm.machine.sv39 import PTE_SWAP, entry_slot, translated, walk

if TYPE_CHECKING:
    from toyvm.kernel.mm.address_space import AddressSpace
    from toyvm.kernel.mm.vma import Vma


def read(mm: AddressSpace, address: int, length: int) -> bytes:
    """Memory up to the first byte that no mapping has; no page becomes present, no A bit is set."""
    found = bytearray()
    while len(found) < length:
        at = address + len(found)
        size = min(PAGE_SIZE - (at & PAGE_MASK), length - len(found))
        page = _page(mm, at & ~PAGE_MASK)
        if page is None:
            break
        found += page[at & PAGE_MASK : (at & PAGE_MASK) + size]
    return bytes(found)


def _page(mm: AddressSpace, va: int) -> bytes | memoryview | None:
    """The bytes of one page; None if nothing is mapped there."""
    memory, system = mm.memory, mm.system
    leaf = walk(memory, mm.mmu.root_ppn, va)
    if leaf is not None and (pa := translated(leaf[1], leaf[2], va)) + PAGE_SIZE <= memory.size:
        return memory.u8[pa : pa + PAGE_SIZE]
    if not mm.has_mmu:
        return None
    area = mm.vmas.find(va)
    if area is None:
        return None
    entry = mm.table.entry(va)
    if entry & PTE_SWAP and system.swap is not None:
        return system.swap.peek(entry_slot(entry))
    if area.file is None:
        return bytes(PAGE_SIZE)
    index = area.offset_of(va) >> PAGE_SHIFT
    frame = system.cache.peek(area.file, index)
    if frame is not None:
        return memory.u8[frame << PAGE_SHIFT : (frame + 1) << PAGE_SHIFT]
    slot = system.cache.slot_of(area.file, index)
    if slot is not None and system.swap is not None:
        return system.swap.peek(slot)
    try:
        return area.file.pread(index << PAGE_SHIFT, PAGE_SIZE).ljust(PAGE_SIZE, b"\0")
    except OSError:
        return None


def write(mm: AddressSpace, address: int, data: bytes) -> None:
    """Write as ptrace does: private pages are copied first, whatever their protection.

    Raises Fault (EFAULT) before it writes a byte if a page has no mapping, cannot be accessed at
    all, or is a read-only page of a shared mapping.
    """
    pages = range(address & ~PAGE_MASK, address + len(data), PAGE_SIZE)
    ways = {page: _way(mm, page) for page in pages} if mm.has_mmu else {}
    for page in pages:
        first, last = max(page, address), min(page + PAGE_SIZE, address + len(data))
        piece = data[first - address : last - address]
        way = ways.get(page, Access.WRITE)
        if way is Access.WRITE:
            mm.write(first, piece)
            continue
        mm.translate(page, way)
        own_page(mm.system, mm.map, mm.context, page)
        pa = mm.translate(first, way)
        mm.memory.u8[pa : pa + len(piece)] = piece
    mm.system.invalidate(mm.mmu, address & ~PAGE_MASK, address + len(data))


def can_write(mm: AddressSpace, address: int, length: int) -> bool:
    """Whether `write` can write all these bytes."""
    if not mm.has_mmu:
        return len(read(mm, address, length)) == length
    try:
        for page in range(address & ~PAGE_MASK, address + length, PAGE_SIZE):
            _way(mm, page)
    except Fault:
        return False
    return True


def _way(mm: AddressSpace, page: int) -> Access:
    """The access by which a page can be made present."""
    area: Vma | None = mm.vmas.find(page)
    if area is None:
        raise Fault(page)
    if area.prot & PROT_WRITE:
        return Access.WRITE
    if area.shared or not area.prot & (PROT_READ | PROT_EXEC):
        raise Fault(page)
    return Access.READ if area.prot & PROT_READ else Access.EXECUTE
