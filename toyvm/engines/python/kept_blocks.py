"""Basic blocks that earlier runs have decoded. A short program executes most of its code once, and decoding that takes longer.

One file a program, found by its first page of code. A block from there is used only where memory holds the same bytes; it is plain
data until then: the operands, and for each instruction the number of its form among the names in the file.
"""

from __future__ import annotations

import marshal
from itertools import islice

from toyvm.base.light_types import TYPE_CHECKING
from toyvm.machine.physical_memory import PAGE_MASK

from ..code_map import Block
from ..llvm.translation_cache import TranslationCache
from .prepared_rows import PreparedRows

if TYPE_CHECKING:
    from collections.abc import Collection

    from ..code_map import BoundStep

    Step = tuple[int, tuple[int, ...]]  # number of a form, operands
    # of a block: its bytes, the addresses of its instructions, the address behind it, the numbers of the steps that go on and of the one
    # that transfers control, `system`
    Data = tuple[bytes, list[int], int, list[int], int | None, bool]

FOLDER = "blocks"
LIMIT = 32 << 20  # bytes of all files
_MOST = 4096  # blocks of a program that are kept
_WORTH = 8  # the file is written when more than one of so many blocks were not in it


class KeptBlocks:
    """The blocks of the program that an engine runs, in the cache folder `folder` (None: the user's)."""

    def __init__(self, rows: PreparedRows, folder: str | None = None):
        self._rows = rows
        self._folder = folder
        self._cache: TranslationCache | None = None
        self._pc = 0
        self._page = b""
        self._blocks: dict[int, Data] = {}  # not asked for yet, by the address of the first instruction
        self._taken = 0
        self._steps: list[BoundStep] = []  # those of the kept blocks

    def take(self, head: int, memory: memoryview, pa: int) -> Block | None:
        """The block whose first instruction is at `head`, which is at `pa`, if memory holds the bytes of what is kept.

        It is asked for when the block is first executed, and no sooner: a program that writes code before it executes it must find
        what it wrote, whatever an earlier run has left. The first block asked for tells which program this is.
        """
        if self._cache is None:
            self._open(head, memory, pa)
        kept = self._blocks.pop(head, None)
        if kept is None or memory[pa : pa + len(kept[0])] != kept[0]:
            return None
        step = self._steps.__getitem__
        block: Block = Block.__new__(Block)
        block.text, block.pcs, block.end, body, last, block.system = kept
        block.body = list(map(step, body))
        block.last = None if last is None else step(last)
        block.length = len(block.pcs)
        block.heat = block.copies = 0
        self._taken += 1
        return block

    def _open(self, pc: int, memory: memoryview, pa: int) -> None:
        """Read what is kept of the program whose first instruction is at `pc`, which is at `pa`."""
        page = bytes(memory[pa & ~PAGE_MASK : (pa | PAGE_MASK) + 1])
        folder = self._folder
        if folder is None:
            from toyvm.base.resources import cache_path

            folder = cache_path(FOLDER)
        self._cache = TranslationCache(folder, self._rows.version, LIMIT)
        self._pc, self._page = pc, page
        found = self._cache.get(pc, page)
        if found is not None:
            forms, steps, self._blocks = marshal.loads(found[2])
            functions = [self._rows.function(*form) for form in forms]
            self._steps = [(functions[form], fields) for form, fields in steps]

    def keep(self, blocks: Collection[Block]) -> None:
        """Write the file, if many of a run's blocks were not in it."""
        many = min(len(blocks), _MOST)
        if self._cache is None or (many - self._taken) * _WORTH < many:
            return
        forms: dict[tuple[str, bool], int] = {}
        steps: dict[Step, int] = {}
        numbers: dict[int, int] = {}  # by identity: most steps are shared between blocks

        def number_of(step: BoundStep) -> int:
            form = forms.setdefault(self._rows.name_of(step[0]), len(forms))
            number = numbers[id(step)] = steps.setdefault((form, step[1]), len(steps))
            return number

        def plain(step: BoundStep) -> int:
            number = numbers.get(id(step))
            return number_of(step) if number is None else number

        kept: dict[int, Data] = {}
        for block in islice(blocks, _MOST):
            if block.text:
                last = None if block.last is None else plain(block.last)
                kept[block.pcs[0]] = (
                    block.text,
                    block.pcs,
                    block.end,
                    [plain(step) for step in block.body],
                    last,
                    block.system,
                )
        self._cache.put(self._pc, self._page, ([], 0, marshal.dumps((list(forms), list(steps), kept))))
