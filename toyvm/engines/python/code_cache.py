"""Code from earlier runs, cached on disk: native translations and decoded basic blocks.

A file belongs to the code at one address:

    magic, CRC-32 of the rest, marshalled (version, address, runs, budget, payload)

Its name consists of a checksum of the version (the sources of the table and the printers, LLVM's
version, the host's CPU), the address, and a checksum of the code's first bytes. A file that is
damaged, has another version, or does not match the code in memory counts as absent. Files are
written atomically, so a concurrent run never reads half a file.
"""

from __future__ import annotations

import marshal
import os
from itertools import islice

from toyvm.base.cache_folder import checksum
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.machine.physical_memory import PAGE_MASK

from ..code_map import Block
from .prepared_rows import PreparedRows

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from ..code_map import BoundStep

    # The guest's code as (address, bytes), the least budget to enter it with, the object file.
    Translation = tuple[list[tuple[int, bytes]], int, bytes]

    KeptStep = tuple[int, tuple[int, ...]]  # number of a form, operands
    # A block's fields `text`, `pcs`, `end`, `body`, `last`, `system`, with steps by their numbers in
    # the file.
    Data = tuple[bytes, list[int], int, list[int], int | None, bool]

TRANSLATIONS, BLOCKS = "native", "blocks"  # folders of the user's cache
TRANSLATIONS_LIMIT, BLOCKS_LIMIT = 256 << 20, 32 << 20  # bytes of all files
_MAGIC = b"toyvm native 2\n"
_SWEEP_EVERY = 64  # files written between two checks of the limit
_MAX_BLOCKS = 4096  # blocks kept per program
_REWRITE_SHARE = 8  # the file is rewritten if at least 1/8 of the blocks are not in it


class CodeCache:
    """The files of one version in `folder`. Above `limit` bytes, the oldest files are removed."""

    def __init__(self, folder: str, version: bytes, limit: int = TRANSLATIONS_LIMIT):
        self._folder = folder
        self._version = checksum(version)  # every file has it, and a version has many kilobytes
        self._prefix = os.path.join(folder, f"{self._version.hex()[:8]}")
        self._limit = limit
        self._written = 0

    def path(self, pc: int, text: bytes) -> str:
        """The file of a translation."""
        return f"{self._prefix}-{pc:x}-{checksum(text).hex()[:8]}"

    def get(self, pc: int, text: bytes) -> Translation | None:
        """The translation for the entry point `pc` of code that begins with `text`, or None."""
        path = self.path(pc, text)
        # Most files do not exist, and a failing open() takes several times as long as access().
        if not os.access(path, os.R_OK):
            return None
        try:
            with open(path, "rb") as stream:
                content = stream.read()
        except OSError:
            return None
        head = len(_MAGIC) + 8
        payload = content[head:]
        if not content.startswith(_MAGIC) or checksum(payload) != content[head - 8 : head]:
            return None
        version, at, runs, need, code = marshal.loads(payload)
        return (runs, need, code) if (version, at) == (self._version, pc) else None

    def put(self, pc: int, text: bytes, translation: Translation) -> None:
        """Store a translation. A write error is ignored: the next run translates again."""
        from toyvm.base.resources import marshalled, write_atomically

        payload = marshalled((self._version, pc, *translation))
        content = _MAGIC + checksum(payload) + payload
        try:
            os.makedirs(self._folder, exist_ok=True)
            write_atomically(self.path(pc, text), content)
        except OSError:
            return
        self._written += 1
        if self._written % _SWEEP_EVERY == 1:
            shrink(self._folder, self._limit)


def files(folder: str) -> Iterator[tuple[str, int, float]]:
    """(path, size in bytes, modification time) of each file of the cache."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        try:
            if not entry.is_file(follow_symlinks=False):
                continue  # not part of the cache
            status = entry.stat(follow_symlinks=False)
        except OSError:
            continue  # another run has removed it
        yield entry.path, status.st_size, status.st_mtime


def shrink(folder: str, limit: int) -> tuple[int, int]:
    """Remove the oldest files until the rest fit in `limit` bytes; (files removed, their bytes)."""
    found = sorted(files(folder), key=lambda file: file[2])
    total = sum(size for _, size, _ in found)
    count = removed = 0
    for path, size, _ in found:
        if total <= limit:
            break
        total -= size
        try:
            os.unlink(path)
        except OSError:
            continue  # another run has removed it
        count += 1
        removed += size
    return count, removed


class KeptBlocks:
    """The decoded basic blocks of the program that an engine runs, in `folder` (None: the user's).

    A short program executes most of its code once, and decoding takes longer than execution. Each
    program has one file, keyed by its first page of code. A block from the file is used only if
    memory holds the same bytes. Until then it is plain data: operands, and the numbers of the
    instructions' forms.
    """

    def __init__(self, rows: PreparedRows, folder: str | None = None):
        self._rows = rows
        self._folder = folder
        self._cache: CodeCache | None = None
        self._pc = 0
        self._page = b""
        self._blocks: dict[int, Data] = {}  # not yet taken, by the address of the first instruction
        self._taken = 0
        self._steps: list[BoundStep] = []  # by the numbers in `_blocks`

    def take(self, head: int, memory: memoryview, pa: int) -> Block | None:
        """The kept block at `head` (physical address `pa`), or None if memory holds other bytes.

        Call this at the block's first execution, not earlier: a program may write code before it
        executes it. The first call identifies the program.
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
        """Read the file of the program that begins at `pc` (physical address `pa`)."""
        page = bytes(memory[pa & ~PAGE_MASK : (pa | PAGE_MASK) + 1])
        folder = self._folder
        if folder is None:
            from toyvm.base.resources import cache_path

            folder = cache_path(BLOCKS)
        self._cache = CodeCache(folder, self._rows.version, BLOCKS_LIMIT)
        self._pc, self._page = pc, page
        found = self._cache.get(pc, page)
        if found is not None:
            forms, steps, self._blocks = marshal.loads(found[2])
            functions = [self._rows.function(*form) for form in forms]
            self._steps = [(functions[form], fields) for form, fields in steps]

    def keep(self, blocks: Collection[Block]) -> None:
        """Write `blocks` to the file, if many of them were not in it."""
        count = min(len(blocks), _MAX_BLOCKS)
        if self._cache is None or (count - self._taken) * _REWRITE_SHARE < count:
            return
        forms: dict[tuple[str, bool], int] = {}
        steps: dict[KeptStep, int] = {}
        numbers: dict[int, int] = {}  # by identity: most steps are shared between blocks

        def number_of(step: BoundStep) -> int:
            form = forms.setdefault(self._rows.name_of(step[0]), len(forms))
            number = numbers[id(step)] = steps.setdefault((form, step[1]), len(steps))
            return number

        def plain(step: BoundStep) -> int:
            number = numbers.get(id(step))
            return number_of(step) if number is None else number

        kept: dict[int, Data] = {}
        for block in islice(blocks, _MAX_BLOCKS):
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
        from toyvm.base.resources import marshalled

        self._cache.put(self._pc, self._page, ([], 0, marshalled((list(forms), list(steps), kept))))
