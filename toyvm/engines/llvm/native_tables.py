"""The tables of one address space that native code reads without asking: a shadow of its page tables, and entry points.

The shadow is reserved address space of the host; a page of it gets memory when an entry is made. Native code logs the groups of
pages that have entries. To empty the shadow, a few groups are zeroed one by one, which keeps their memory; many are given back to
the host by one madvise(2). Tables of a dead address space serve another one: making them costs more than filling them.
"""

from __future__ import annotations

import mmap

from . import state_layout as layout
from .native_code import ANONYMOUS, NO_RESERVE, address_of

_GROUP = layout.ENTRY_BYTES << layout.MARK_BITS  # bytes of a group's entries for one kind of access
_ZEROS = bytes(_GROUP)
_MOST_LINKS = 256


class NativeTables:
    """Empty tables. `shadow_address` and `jump_address` are true as long as this lives."""

    __slots__ = (
        "_bytes",
        "_jump",
        "_jump_map",
        "_linked",
        "_log",
        "_shadow",
        "_shadow_map",
        "jump_address",
        "shadow_address",
    )

    def __init__(self) -> None:
        shadow = mmap.mmap(-1, layout.TABLES_BYTES, flags=ANONYMOUS | NO_RESERVE)
        shadow.madvise(mmap.MADV_NOHUGEPAGE)
        self._shadow_map = shadow
        self._bytes = memoryview(shadow)
        self._shadow = self._bytes.cast("Q")
        self._log = self._bytes[layout.LOG :].cast("Q")
        self.shadow_address = address_of(shadow)
        self._jump_map = mmap.mmap(-1, layout.JUMP_BYTES, flags=ANONYMOUS)
        self._jump = memoryview(self._jump_map).cast("Q")
        self._linked: set[int] = set()
        self.jump_address = address_of(self._jump_map)
        self._jump[0] = 1  # no instruction is at 1, so address 0 is unknown as well

    def link(self, pc: int, function: int) -> None:
        """Let native code find the function at `pc`."""
        slot = (pc >> 1 & (1 << layout.JUMP_BITS) - 1) * 2
        self._jump[slot] = pc
        self._jump[slot + 1] = function
        self._linked.add(slot)

    def unlink(self) -> None:
        """No function is to be found."""
        if len(self._linked) > _MOST_LINKS:
            self._jump_map.madvise(mmap.MADV_DONTNEED)
        else:
            for slot in self._linked:
                self._jump[slot] = self._jump[slot + 1] = 0
        self._linked.clear()
        self._jump[0] = 1

    def wipe(self) -> None:
        """The shadow has no entry."""
        noted = self._log[0]
        if noted > layout.LOG_MOST:
            self._shadow_map.madvise(mmap.MADV_DONTNEED)
            return
        data, writes = self._bytes, layout.WRITES
        for group in self._log[1 : noted + 1]:
            at = group * _GROUP
            data[at : at + _GROUP] = _ZEROS
            data[writes + at : writes + at + _GROUP] = _ZEROS
            data[layout.SHADOW_BYTES + group] = 0
        self._log[0] = 0

    def wipe_writes(self) -> None:
        """The shadow has no entry for writes."""
        noted = self._log[0]
        if noted > layout.LOG_MOST:
            self._shadow_map.madvise(mmap.MADV_DONTNEED, layout.WRITES, layout.WRITES)
            return
        data, writes = self._bytes, layout.WRITES
        for group in self._log[1 : noted + 1]:
            at = writes + group * _GROUP
            data[at : at + _GROUP] = _ZEROS

    def drop(self, vpn: int) -> bool:
        """Take out the entries of a page; whether there may have been one."""
        if vpn >= layout.PAGES or not self._bytes[layout.SHADOW_BYTES + (vpn >> layout.MARK_BITS)]:
            return False
        self._shadow[2 * vpn] = 0
        self._shadow[2 * (layout.PAGES + vpn)] = 0
        return True
