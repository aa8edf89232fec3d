"""What an engine knows of the code of one address space: basic blocks decoded once, and hot traces, by address.

It hangs on the address space's Mmu and dies with it. Everything is filed by page, so that one page can be forgotten.
"""

from __future__ import annotations

from ..base.light_types import TYPE_CHECKING
from ..machine.physical_memory import PAGE_SHIFT

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .effects import Effects

    Operation = Callable[[list[int], tuple[int, ...], Effects], Any]  # (x, operands, effects)
    # (x, pc, left, read, write, effects) -> (next pc, left)
    TraceFunction = Callable[[list[int], int, int, dict[int, int], dict[int, int], Effects], tuple[int, int]]
    BoundStep = tuple[Operation, tuple[int, ...]]  # a row's function and its operands


class Block:
    """Instructions without a jump into or out of the middle, as functions with their operands.

    `body` are those that go on behind themselves; `last` transfers control and is None where the block ends without.
    It holds addresses, but nothing of an address space: those that have the same page at the same place share it.
    `system` means one instruction alone that needs the hart's counters exact (a CSR access, fence.i, ecall...).
    `heat` counts its executions; when it reaches `ask`, something better is looked for. `copies` is how many native functions
    have it inside.
    """

    __slots__ = ("ask", "body", "copies", "end", "heat", "last", "length", "pcs", "system", "text")

    def __init__(self) -> None:
        self.body: list[BoundStep] = []
        self.last: BoundStep | None = None
        self.pcs: list[int] = []
        self.end = 0
        self.length = 0
        self.heat = self.ask = self.copies = 0
        self.system = False
        self.text = b""  # its bytes, by which another address space recognises it; none when it crosses pages


class CodeMap:
    """Blocks and traces by the address of their first instruction.

    After a fork two address spaces have the same code. The child begins with a copy, and what it learns of pages that are still
    the same in both, the parent learns too, so that its next child need not: the parent is the child's `_lender`. A page that
    changes on either side ends that.
    """

    __slots__ = (
        "_borrowed",
        "_by_page",
        "_epoch",
        "_lender",
        "_lender_epoch",
        "_lent",
        "blocks",
        "hot",
        "owner",
    )

    def __init__(self, owner: object):
        self.owner = owner
        self.blocks: dict[int, Block] = {}
        self.hot: dict[
            int, tuple[TraceFunction, int, bool]
        ] = {}  # function, instructions once through, is a loop
        self._by_page: dict[int, set[int]] = {}
        self._lender: CodeMap | None = None
        self._lender_epoch = self._epoch = 0
        self._borrowed: frozenset[int] = frozenset()  # pages that were the same at the fork, and are here
        self._lent: set[int] = set()  # pages that children have borrowed since `_epoch` last changed

    def add_block(self, pc: int, block: Block) -> None:
        """File a block."""
        first, last = pc >> PAGE_SHIFT, block.end - 1 >> PAGE_SHIFT
        for code in (self,) if self._lender is None else self.sharers({first, last}):
            code.blocks[pc] = block
            code._by_page.setdefault(first, set()).add(pc)
            if last != first:
                code._by_page.setdefault(last, set()).add(pc)

    def add_trace(self, pc: int, function: TraceFunction, length: int, loop: bool, pages: set[int]) -> None:
        """File a trace whose instructions are in `pages` (virtual page numbers)."""
        for code in self.sharers(pages):
            code.hot[pc] = (function, length, loop)
            for page in pages:
                code._by_page.setdefault(page, set()).add(pc)

    def sharers(self, pages: set[int]) -> list[CodeMap]:
        """This and the maps of all forebears in which `pages` are still the same."""
        found = [self]
        code = self
        while code._lender is not None and code._borrowed >= pages:
            if code._lender._epoch != code._lender_epoch:
                code._lender = None
                break
            code = code._lender
            found.append(code)
        return found

    def copy(self, pages: frozenset[int]) -> CodeMap:
        """The same blocks and traces, for an address space with the same code, in which all of `pages` are the same."""
        twin = type(self)(self.owner)
        twin.blocks.update(self.blocks)
        twin.hot.update(self.hot)
        twin._by_page = {page: pcs.copy() for page, pcs in self._by_page.items()}
        twin._lender, twin._lender_epoch, twin._borrowed = self, self._epoch, pages
        self._lent |= pages
        return twin

    def clear(self) -> None:
        """Forget everything; the dictionaries stay the same objects, because a running engine holds them."""
        self.blocks.clear()
        self.hot.clear()
        self._by_page.clear()
        self._lender = None
        self._recall()

    def drop_page(self, vpn: int) -> None:
        """Forget what executes instructions in one page."""
        for pc in self._by_page.pop(vpn, ()):
            self.blocks.pop(pc, None)
            self.hot.pop(pc, None)
        if vpn in self._lent:
            self._recall()
        if vpn in self._borrowed:
            self._lender = None

    def _recall(self) -> None:
        """No child shares anything with this any more."""
        self._epoch += 1
        self._lent.clear()
