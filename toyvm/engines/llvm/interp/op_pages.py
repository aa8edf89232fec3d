"""Pages of decoded operations: memory that handlers read, and the pages of one address space.

A page has one operation for each 2 bytes of guest code (`state_layout.OP_BYTES`). At first each is
`decode`, which replaces itself when it is executed. A page belongs to one address space; its
operations are dropped with the blocks of the page.
"""

from __future__ import annotations

import mmap

from toyvm.machine.physical_memory import PAGE_MASK, PAGE_SHIFT

from .. import state_layout as layout
from ..native_code import ANONYMOUS, NO_RESERVE, address_of
from ..tiers import NativeCode

_PAGE_BYTES = layout.OP_BYTES * layout.OPS_OF_PAGE
_STRIDE = _PAGE_BYTES + 32  # so that pages do not compete for the same sets of the host's cache
MOST_PAGES = 2048


class OpPages:
    """Memory for `MOST_PAGES` pages; `decode` and `sought` are the addresses of these two handlers."""

    def __init__(self, decode: int, sought: int):
        self._map = mmap.mmap(-1, MOST_PAGES * _STRIDE, flags=ANONYMOUS | NO_RESERVE)
        self._bytes = memoryview(self._map)
        self._words = self._bytes.cast("Q")
        self._base = address_of(self._map)
        self._decode = decode
        body = layout.OPS_OF_PAGE - 2
        fresh, ended = (
            handler.to_bytes(8, "little").ljust(layout.OP_BYTES, b"\0") for handler in (decode, sought)
        )
        self._fresh = fresh * body + ended * 2
        self._ended = ended * (body + 2)
        self._free = list(range(MOST_PAGES - 1, -1, -1))
        self.retired: list[int] = []  # pages that `collect` makes free
        self.owners: dict[int, tuple[InterpretedCode, int]] = {}  # by page: its address space and page number

    def allocate(self, owner: InterpretedCode, vpn: int) -> int | None:
        """The address of a page of fresh operations; None if all pages are in use."""
        if not self._free:
            return None
        number = self._free.pop()
        at = number * _STRIDE
        self._bytes[at : at + _PAGE_BYTES] = self._fresh
        self.owners[number] = owner, vpn
        return self._base + at

    def retire(self, address: int) -> None:
        """Drop a page. Native code that is in it looks for other code at its next operation."""
        at = address - self._base
        self._bytes[at : at + _PAGE_BYTES] = self._ended
        number = at // _STRIDE
        del self.owners[number]
        self.retired.append(number)

    def collect(self) -> None:
        """Reuse the retired pages. Native code must not be running."""
        self._free += self.retired
        self.retired.clear()

    def has_run(self, address: int, pc: int) -> bool:
        """Whether the operation for `pc` of the page at `address` has been executed."""
        at = address - self._base + (pc & PAGE_MASK) * layout.OP_BYTES // 2
        return self._words[at >> 3] != self._decode


class InterpretedCode(NativeCode):
    """The code of one address space, with its pages of operations by page number."""

    __slots__ = ("copies", "page_memory", "pages")

    def __init__(self, owner: object):
        super().__init__(owner)
        self.pages: dict[int, int] = {}
        self.page_memory: OpPages | None = None
        self.copies: dict[int, int] = {}  # by address of a block: how many regions contain it

    def add_page(self, memory: OpPages, vpn: int, address: int, host: int) -> None:
        """Add the operations at `address` for the page whose bytes are at the host's address `host`."""
        assert self.tables is not None
        self.page_memory = memory
        self.pages[vpn] = address
        self.tables.set_code(vpn, address, host)

    def has_run(self, pc: int) -> bool:
        """Whether the interpreter has executed the instruction at `pc`."""
        address = self.pages.get(pc >> PAGE_SHIFT)
        return address is not None and self.page_memory is not None and self.page_memory.has_run(address, pc)

    def drop_operations(self, vpn: int) -> None:
        """Drop the operations of a page."""
        address = self.pages.pop(vpn, None)
        if address is not None:
            assert self.tables is not None and self.page_memory is not None
            self.tables.set_code(vpn, 0, 0)
            self.page_memory.retire(address)

    def link_all(self) -> None:
        """Enter all native code in the table of entry points."""
        if self.tables is not None:
            for pc, function in self.native.items():
                self.link(pc, function)

    def clear(self) -> None:
        """Drop everything."""
        for vpn in list(self.pages):
            self.drop_operations(vpn)
        self.copies.clear()
        super().clear()

    def drop_page(self, vpn: int) -> None:
        """Drop one page."""
        if vpn not in self.pages and not self.holds(vpn):
            self.drop_entries(vpn)
            return
        self.drop_operations(vpn)
        before = len(self.native)
        super().drop_page(vpn)
        if len(self.native) != before:
            self.link_all()
