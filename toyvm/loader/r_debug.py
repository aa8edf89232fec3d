"""The rendezvous with debuggers: `struct r_debug` and the list of `struct link_map` in guest memory (<link.h>).

A debugger finds r_debug through DT_DEBUG of the program, walks the list, and puts a breakpoint on r_brk, which is a
`ret` in the stub page. A link map's address is also what GOT[1] holds and what dlopen returns.
"""

from __future__ import annotations

import struct

from ..kernel.mm.address_space import AddressSpace
from ..kernel.mm.vma import PROT_WRITE
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
    """Make the object's `struct link_map`, its name behind it; `publish` links it in. Raises OSError."""
    name = _name_bytes(obj)
    va = namespace.heap.alloc(memory, _LINK_MAP.size + len(name))
    memory.write(va, _LINK_MAP.pack(obj.bias, va + _LINK_MAP.size, obj.dynamic.va, 0, 0) + name)
    return va


def drop_link_map(namespace: Namespace, memory: AddressSpace, obj: LinkMap) -> None:
    """Give the object's `struct link_map` back."""
    namespace.heap.release(memory, obj.handle, _LINK_MAP.size + len(_name_bytes(obj)))


def publish(namespace: Namespace, memory: AddressSpace, stub: int, r_brk: int) -> None:
    """Link all link maps in load order and tell the program's DT_DEBUG about them. Raises OSError."""
    handles = [obj.handle for obj in namespace.objects if not obj.missing]
    for index, handle in enumerate(handles):
        following = handles[index + 1] if index + 1 < len(handles) else 0
        memory.write(handle + _LINKS_OFFSET, _LINKS.pack(following, handles[index - 1] if index else 0))
    if not namespace.r_debug:
        namespace.r_debug = namespace.heap.alloc(memory, _R_DEBUG.size)
        memory.write(namespace.r_debug, _R_DEBUG.pack(_VERSION, 0, handles[0], r_brk, RT_CONSISTENT, 0, stub))
        _tell_program(memory, namespace)


def _tell_program(memory: AddressSpace, namespace: Namespace) -> None:
    """Fill in DT_DEBUG, where the program has one and its dynamic section can be written (`-z rodynamic` makes it constant)."""
    slot = namespace.main.dynamic.debug_slot
    area = memory.vmas.find(slot) if slot else None
    if area is not None and area.prot & PROT_WRITE:
        memory.write(slot, struct.pack("<Q", namespace.r_debug))
