"""The debugger interface (<link.h>): `struct r_debug` and the `struct link_map` list in guest
memory.

A debugger finds r_debug through DT_DEBUG of the program, walks the list, and sets a breakpoint at
r_brk, which is a `ret` in the stub page. GOT[1] and dlopen handles are addresses of link maps.
"""

from __future__ import annotations

import struct

from toyvm.kernel.mm.address_space import AddressSpace
from toyvm.kernel.mm.vma import PROT_WRITE

from .link_map import LinkMap, Namespace

_LINK_MAP = struct.Struct("<5Q")  # l_addr, l_name, l_ld, l_next, l_prev
_LINKS = struct.Struct("<2Q")  # l_next, l_prev
_LINKS_OFFSET = _LINK_MAP.size - _LINKS.size
_R_DEBUG = struct.Struct("<iiQQiiQ")  # r_version, padding, r_map, r_brk, r_state, padding, r_ldbase
_VERSION = 1
RT_CONSISTENT = 0


def _name_bytes(obj: LinkMap) -> bytes:
    return obj.name.encode("utf-8", "surrogateescape") + b"\0"


def new_link_map(namespace: Namespace, memory: AddressSpace, obj: LinkMap) -> int:
    """Create the object's `struct link_map`, followed by its name; `publish` links it.

    Raises OSError.
    """
    name = _name_bytes(obj)
    va = namespace.heap.alloc(memory, _LINK_MAP.size + len(name))
    memory.write(va, _LINK_MAP.pack(obj.bias, va + _LINK_MAP.size, obj.dynamic.va, 0, 0) + name)
    return va


def drop_link_map(namespace: Namespace, memory: AddressSpace, obj: LinkMap) -> None:
    """Free the object's `struct link_map`."""
    namespace.heap.release(memory, obj.handle, _LINK_MAP.size + len(_name_bytes(obj)))


def publish(namespace: Namespace, memory: AddressSpace, stub: int, r_brk: int) -> None:
    """Link all link maps in load order, and set the program's DT_DEBUG. Raises OSError."""
    handles = [obj.handle for obj in namespace.objects if not obj.missing]
    for index, handle in enumerate(handles):
        following = handles[index + 1] if index + 1 < len(handles) else 0
        memory.write(handle + _LINKS_OFFSET, _LINKS.pack(following, handles[index - 1] if index else 0))
    if not namespace.r_debug:
        namespace.r_debug = namespace.heap.alloc(memory, _R_DEBUG.size)
        memory.write(namespace.r_debug, _R_DEBUG.pack(_VERSION, 0, handles[0], r_brk, RT_CONSISTENT, 0, stub))
        _set_dt_debug(memory, namespace)


def _set_dt_debug(memory: AddressSpace, namespace: Namespace) -> None:
    """Set DT_DEBUG, if there is one and the dynamic section is writable (not with `-z rodynamic`)."""
    slot = namespace.main.dynamic.debug_slot
    area = memory.vmas.find(slot) if slot else None
    if area is not None and area.prot & PROT_WRITE:
        memory.write(slot, struct.pack("<Q", namespace.r_debug))
