"""The tables of one address space that native code reads: a shadow page table, and entry points.

The shadow reserves host address space, and the host allocates memory for the parts in use. Native
code logs the groups of pages that have entries. To empty the shadow, a few groups are zeroed one by
one, which keeps their memory; many are returned to the host by one madvise(2). The engine reuses
the tables of a dead address space, because creating them costs more than filling them.
"""

from __future__ import annotations

import mmap

from . import state_layout as layout
from .native_code import ANONYMOUS, NO_RESERVE, address_of

_GROUP = layout.ENTRY_BYTES << layout.MARK_BITS  # bytes of a group's entries, for reads or for writes
_ZEROS = bytes(_GROUP)
_MOST_LINKS = 256


class NativeTables:
    """Tables that are empty at first. The two addresses are valid as long as this object lives."""

    __slots__ = (
        "_bytes",
        "_code",
        "_jump",
        "_jump_map",
        "_linked",
        "_log",
        "_shadow",
        "_shadow_map",
        "code_address",
        "jump_address",
        "shadow_address",
    )

    def __init__(self) -> None:
        shadow = mmap.mmap(-1, layout.TABLES_BYTES, flags=ANONYMOUS | NO_RESERVE)
        shadow.madvise(mmap.MADV_NOHUGEPAGE)
        self._shadow_map = shadow
        self._bytes = memoryview(shadow)
        self._shadow = self._bytes.cast("Q")
        self._log = self._bytes[layout.LOG : layout.CODE_PAGES].cast("Q")
        self._code = self._bytes[layout.CODE_PAGES :].cast("Q")
        self.shadow_address = address_of(shadow)
        self.code_address = self.shadow_address + layout.CODE_PAGES
        self._jump_map = mmap.mmap(-1, layout.JUMP_BYTES, flags=ANONYMOUS)
        self._jump = memoryview(self._jump_map).cast("Q")
        self._linked: set[int] = set()
        self.jump_address = address_of(self._jump_map)
        self._jump[0] = 1  # slot 0 would otherwise match pc 0; no instruction is at 1

    def link(self, pc: int, function: int) -> None:
        """Enter the native `function` (a host address) at `pc` in the jump table."""
        slot = (pc >> 1 & (1 << layout.JUMP_BITS) - 1) * 2
        self._jump[slot] = pc
        self._jump[slot + 1] = function
        self._linked.add(slot)

    def set_code(self, vpn: int, operations: int, host: int) -> None:
        """Enter the addresses of a page's operations and bytes, for the interpreter; 0 for none."""
        self._code[2 * vpn], self._code[2 * vpn + 1] = operations, host

    def unlink(self) -> None:
        """Empty the jump table."""
        if len(self._linked) > _MOST_LINKS:
            self._jump_map.madvise(mmap.MADV_DONTNEED)
        else:
            for slot in self._linked:
                self._jump[slot] = self._jump[slot + 1] = 0
        self._linked.clear()
        self._jump[0] = 1

    def wipe(self) -> None:
        """Empty the shadow."""
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
        """Empty the shadow's entries for writes."""
        noted = self._log[0]
        if noted > layout.LOG_MOST:
            self._shadow_map.madvise(mmap.MADV_DONTNEED, layout.WRITES, layout.WRITES)
            return
        data, writes = self._bytes, layout.WRITES
        for group in self._log[1 : noted + 1]:
            at = writes + group * _GROUP
            data[at : at + _GROUP] = _ZEROS

    def drop(self, vpn: int) -> bool:
        """Drop the entries of a page; whether there may have been one."""
        if vpn >= layout.PAGES or not self._bytes[layout.SHADOW_BYTES + (vpn >> layout.MARK_BITS)]:
            return False
        self._shadow[2 * vpn] = 0
        self._shadow[2 * (layout.PAGES + vpn)] = 0
        return True
