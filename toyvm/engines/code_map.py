"""The decoded code of one address space: basic blocks and hot traces by address.

It belongs to the address space's Mmu (`Mmu.code`). An index by page serves to drop a page's code.
"""

from __future__ import annotations

from ..base.light_types import TYPE_CHECKING
from ..machine.physical_memory import PAGE_SHIFT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from .effects import Effects

    Operation = Callable[[list[int], tuple[int, ...], Effects], Any]  # (x, operands, effects)
    # (x, pc, left, read, write, effects) -> (next pc, left)
    TraceFunction = Callable[[list[int], int, int, dict[int, int], dict[int, int], Effects], tuple[int, int]]
    BoundStep = tuple[Operation, tuple[int, ...]]  # a row's function and its operands


def joined(pieces: Iterable[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """Pieces of code as (address, bytes), in order, with adjacent ones joined."""
    runs: list[tuple[int, bytes]] = []
    for at, text in pieces:
        if runs and runs[-1][0] + len(runs[-1][1]) == at:
            runs[-1] = (runs[-1][0], runs[-1][1] + text)
        else:
            runs.append((at, text))
    return runs


class Block:
    """A basic block: functions of table rows with their operands.

    `body` are the instructions that fall through. `last` transfers control; it is None if the block
    ends without a jump. A block depends on addresses but on no address space, so address spaces
    that map the same page at the same address share it. `system` marks a single instruction that
    needs the hart's exact counters (a CSR access, fence.i, ecall ...). `heat` counts executions;
    when it reaches `ask`, the engine looks for a faster form. `copies` counts the native functions
    that contain the block.
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
        self.text = b""  # its bytes, to compare with memory before reuse; empty if it crosses pages


class CodeMap:
    """Blocks and traces by the address of their first instruction.

    After a fork, the child begins with a copy of the parent's map. The parent is the child's
    `_lender`: the code that the child adds for pages that both still share is added to the parent
    too, for its next child. A change of the page on either side ends the sharing.
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
        # Function, instructions of one pass, whether it is a loop.
        self.hot: dict[int, tuple[TraceFunction, int, bool]] = {}
        self._by_page: dict[int, set[int]] = {}
        self._lender: CodeMap | None = None
        self._lender_epoch = self._epoch = 0
        self._borrowed: frozenset[int] = frozenset()  # pages that the fork shared with the lender
        self._lent: set[int] = set()  # pages that children borrowed since `_epoch` last changed

    def add_block(self, pc: int, block: Block) -> None:
        """Add a block that begins at `pc`."""
        first, last = pc >> PAGE_SHIFT, block.end - 1 >> PAGE_SHIFT
        for code in (self,) if self._lender is None else self.sharers({first, last}):
            code.blocks[pc] = block
            code._by_page.setdefault(first, set()).add(pc)
            if last != first:
                code._by_page.setdefault(last, set()).add(pc)

    def add_trace(self, pc: int, function: TraceFunction, length: int, loop: bool, pages: set[int]) -> None:
        """Add a trace that begins at `pc`; `pages` are the virtual page numbers of its code.

        `length` is the number of instructions of one pass. `loop`: it returns to its beginning.
        """
        for code in self.sharers(pages):
            code.hot[pc] = (function, length, loop)
            for page in pages:
                code._by_page.setdefault(page, set()).add(pc)

    def sharers(self, pages: set[int]) -> list[CodeMap]:
        """This map and those of all ancestors that still share `pages`."""
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
        """A copy for a new address space that shares `pages` with this one."""
        twin = type(self)(self.owner)
        twin.blocks.update(self.blocks)
        twin.hot.update(self.hot)
        twin._by_page = {page: pcs.copy() for page, pcs in self._by_page.items()}
        twin._lender, twin._lender_epoch, twin._borrowed = self, self._epoch, pages
        self._lent |= pages
        return twin

    def clear(self) -> None:
        """Drop everything. The dictionaries stay the same objects: a running engine holds them."""
        self.blocks.clear()
        self.hot.clear()
        self._by_page.clear()
        self._lender = None
        self._recall()

    def holds(self, vpn: int) -> bool:
        """Whether `drop_page` has anything to do for a page."""
        return vpn in self._by_page or vpn in self._lent or vpn in self._borrowed

    def drop_page(self, vpn: int) -> None:
        """Drop the blocks and traces with instructions in one page."""
        for pc in self._by_page.pop(vpn, ()):
            self.blocks.pop(pc, None)
            self.hot.pop(pc, None)
        if vpn in self._lent:
            self._recall()
        if vpn in self._borrowed:
            self._lender = None

    def _recall(self) -> None:
        """End the sharing with all children."""
        self._epoch += 1
        self._lent.clear()
