"""Basic blocks that earlier runs have decoded. A short program executes most of its code once, and decoding that takes longer.

One file a program, found by its first page of code. A block from there is used only where memory holds the same bytes; it is plain
data until then: the operands, and for each instruction the number of its form among the names in the file.
"""

from __future__ import annotations

import marshal
from itertools import islice

from ..machine.memory import PAGE_MASK, PAGE_SHIFT
from .code import Block
from .llvm_cache import TranslationCache
from .prepared import PreparedRows

TYPE_CHECKING = False  # importing typing would cost every start of a program several milliseconds
if TYPE_CHECKING:
    from collections.abc import Collection

    from .code import BoundStep
    from .prepared import Operation

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
        self._pages: dict[int, dict[int, Data]] = {}  # that were not asked for yet, by number
        self._taken = 0
        self._forms: list[tuple[str, bool]] = []
        self._functions: list[Operation | None] = []  # of these forms, where they were used
        self._steps: list[Step] = []
        self._bound: list[BoundStep | None] = []  # those that were used

    def open(self, pc: int, memory: memoryview, pa: int) -> None:
        """Take what is kept of the program whose first instruction is at `pc`, which is at `pa`. Nothing from the second time on."""
        if self._cache is not None:
            return
        page = bytes(memory[pa & ~PAGE_MASK : (pa | PAGE_MASK) + 1])
        folder = self._folder
        if folder is None:
            from ..resources import cache_path

            folder = cache_path(FOLDER)
        self._cache = TranslationCache(folder, self._rows.version, LIMIT)
        self._pc, self._page = pc, page
        found = self._cache.get(pc, page)
        if found is not None:
            self._forms, self._steps, self._pages = marshal.loads(found[2])
            self._functions = [None] * len(self._forms)
            self._bound = [None] * len(self._steps)

    def take(self, head: int, memory: memoryview, pa: int) -> dict[int, Block]:
        """Blocks of the page in which `head` is, which is at `pa`: those that memory has the bytes of. Each page is given once."""
        page, found = self._pages.pop(head >> PAGE_SHIFT, None), {}
        if page is None:
            return {}
        bound, bind, delta = self._bound, self._bind, pa - head
        for at, (text, pcs, end, body, last, system) in page.items():
            if memory[at + delta : end + delta] == text:
                block = found[at] = Block.__new__(Block)
                block.text, block.pcs, block.end, block.system = text, pcs, end, system
                block.body = [bound[number] or bind(number) for number in body]
                block.last = None if last is None else bound[last] or bind(last)
                block.length = len(pcs)
                block.ask = block.heat = block.copies = 0
        self._taken += len(found)
        return found

    def _bind(self, number: int) -> BoundStep:
        form, fields = self._steps[number]
        function = self._functions[form]
        if function is None:
            function = self._functions[form] = self._rows.function(*self._forms[form])
        step = self._bound[number] = function, fields
        return step

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

        pages: dict[int, dict[int, Data]] = {}
        for block in islice(blocks, _MOST):
            if block.text:
                head = block.pcs[0]
                last = None if block.last is None else plain(block.last)
                data = (
                    block.text,
                    block.pcs,
                    block.end,
                    [plain(step) for step in block.body],
                    last,
                    block.system,
                )
                pages.setdefault(head >> PAGE_SHIFT, {})[head] = data
        self._cache.put(self._pc, self._page, ([], 0, marshal.dumps((list(forms), list(steps), pages))))
