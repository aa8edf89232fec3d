"""Thread-local storage: the static block that `tp` points at, and where each module's variables lie (psABI, variant I).

`tp` points at the program's own block; the word at tp - 16 is the address of the dtv, whose entry m is module m's block
(entry 0 its length). Objects there at the start, and small ones opened later, lie in the static block at a fixed distance
from tp, so TPREL works for them; bigger ones get a block of their own, reached through `__tls_get_addr` alone.
There is one thread per process: what a second thread would need is made by nobody here.
"""

from __future__ import annotations

import struct

from ..base.bits import align_up
from ..base.light_types import TYPE_CHECKING
from ..base.record import Record
from ..elf import constants as c
from ..elf.headers import Phdr
from ..kernel.mm.address_space import AddressSpace
from .dlerror import DlError

if TYPE_CHECKING:
    from .link_map import LinkMap, Namespace

TCB_SIZE = 16
DTV_ENTRIES = 128
DTP_OFFSET = c.TLS_DTV_OFFSET
SURPLUS = 1664
_MAX_ALIGN = 1 << 16


class TlsLayout(Record, frozen=False):
    """The static block: `tp` (0 = there is none yet), bytes used of it from tp upwards, its size, and the dtv."""

    tp: int = 0
    used: int = 0
    size: int = 0
    alignment: int = 16
    dtv: int = 0
    modules: list[int] = []


def segment(obj: LinkMap) -> Phdr | None:
    """The object's PT_TLS, checked; None when it has no thread-local variables."""
    phdrs = obj.image.phdrs if obj.image else ()
    phdr = next((phdr for phdr in phdrs if phdr.type == c.PT_TLS and phdr.memsz), None)
    if phdr is None:
        return None
    align = max(phdr.align, 1)
    if align & (align - 1) or align > _MAX_ALIGN or phdr.filesz > phdr.memsz or phdr.memsz > 1 << 30:
        raise DlError(obj.name, "cannot handle TLS data")
    return phdr


def place(layout: TlsLayout, obj: LinkMap) -> None:
    """Give `obj` a module number and, while the block is being laid out or has room, an offset from tp."""
    phdr = segment(obj)
    if phdr is None:
        return
    if len(layout.modules) + 1 >= DTV_ENTRIES:
        raise DlError(obj.name, "cannot handle TLS data")
    layout.modules.append(obj.handle)
    obj.tls_module = len(layout.modules)
    align = max(phdr.align, 1)
    offset = align_up(layout.used, align) + (phdr.vaddr & (align - 1))
    if not layout.tp or (offset + phdr.memsz <= layout.size and align <= layout.alignment):
        obj.tls_offset = offset
        layout.used = offset + phdr.memsz
        layout.alignment = max(layout.alignment, align)


def allocate(namespace: Namespace, memory: AddressSpace) -> int:
    """Make the static block and the dtv in guest memory; the value for `tp`."""
    layout = namespace.tls
    layout.size = align_up(layout.used + SURPLUS, 16)
    before = align_up(TCB_SIZE, layout.alignment)
    layout.tp = namespace.heap.alloc(memory, before + layout.size, layout.alignment) + before
    layout.dtv = namespace.heap.alloc(memory, 8 * DTV_ENTRIES)
    memory.write(layout.dtv, struct.pack("<Q", DTV_ENTRIES - 1))
    memory.write(layout.tp - TCB_SIZE, struct.pack("<QQ", layout.dtv, 0))
    return layout.tp


def initialise(namespace: Namespace, obj: LinkMap, memory: AddressSpace) -> None:
    """Copy the object's initial image into its block, which is zero otherwise, and enter that into the dtv."""
    phdr = segment(obj)
    if phdr is None:
        return
    layout, heap = namespace.tls, namespace.heap
    static = obj.tls_offset is not None
    block = (
        layout.tp + (obj.tls_offset or 0) if static else heap.alloc(memory, phdr.memsz, max(phdr.align, 16))
    )
    data = memory.read(obj.bias + phdr.vaddr, phdr.filesz) if phdr.filesz else b""
    memory.write(block, data)
    memory.write(layout.dtv + 8 * obj.tls_module, struct.pack("<Q", block))
