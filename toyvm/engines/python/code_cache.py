"""Code that earlier runs have left on disk: translations to native code, and basic blocks that are decoded already.

A file holds what was made of the code at one address:

    magic, CRC-32 of what follows, marshalled (version, key, runs, need, object code)

Its name is made of checksums of the version (sources of the table and the printers, LLVM's, the host's CPU) and of the code's
first bytes, and of the address. A file that is damaged, of another version, or does not fit the code in memory counts as
absent. Files are written whole and renamed, so that runs at the same time never see half of one.
"""

from __future__ import annotations

import marshal
import os
import zlib
from itertools import islice

from toyvm.base.light_types import TYPE_CHECKING
from toyvm.machine.physical_memory import PAGE_MASK

from ..code_map import Block
from .prepared_rows import PreparedRows

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from ..code_map import BoundStep

    # The guest's code as (address, bytes), the budget that it needs, the object file.
    Translation = tuple[list[tuple[int, bytes]], int, bytes]

    KeptStep = tuple[int, tuple[int, ...]]  # number of a form, operands
    # of a block: its bytes, the addresses of its instructions, the address behind it, the numbers of the steps that go on and of the one
    # that transfers control, `system`
    Data = tuple[bytes, list[int], int, list[int], int | None, bool]

TRANSLATIONS, BLOCKS = "native", "blocks"  # folders of the user's cache
TRANSLATIONS_LIMIT, BLOCKS_LIMIT = 256 << 20, 32 << 20  # bytes of all files
_MAGIC = b"toyvm native 1\n"
_SWEEP_EVERY = 64  # files written between two looks at the limit
_MOST = 4096  # blocks of a program that are kept
_WORTH = 8  # the file is written when more than one of so many blocks were not in it


class CodeCache:
    """The files in `folder` that are of one version. Above `limit` bytes the oldest files go."""

    def __init__(self, folder: str, version: bytes, limit: int = TRANSLATIONS_LIMIT):
        self._folder = folder
        self._version = version
        self._prefix = os.path.join(folder, f"{zlib.crc32(version):08x}")
        self._limit = limit
        self._written = 0

    def path(self, pc: int, text: bytes) -> str:
        """The file of a translation."""
        return f"{self._prefix}-{pc:x}-{zlib.crc32(text):08x}"

    def get(self, pc: int, text: bytes) -> Translation | None:
        """The translation for the entry point `pc`, where the code begins with `text`."""
        path = self.path(pc, text)
        if not os.access(
            path, os.R_OK
        ):  # most are not there, and to fail to open one takes several times as long
            return None
        try:
            with open(path, "rb") as stream:
                content = stream.read()
        except OSError:
            return None
        head = len(_MAGIC) + 4
        payload = content[head:]
        if (
            not content.startswith(_MAGIC)
            or zlib.crc32(payload).to_bytes(4, "little") != content[head - 4 : head]
        ):
            return None
        version, at, runs, need, code = marshal.loads(payload)
        return (runs, need, code) if (version, at) == (self._version, pc) else None

    def put(self, pc: int, text: bytes, translation: Translation) -> None:
        """Keep a translation; a disk that does not take it costs the next run some time, nothing else."""
        from toyvm.base.resources import write_atomically

        payload = marshal.dumps((self._version, pc, *translation))
        content = _MAGIC + zlib.crc32(payload).to_bytes(4, "little") + payload
        try:
            os.makedirs(self._folder, exist_ok=True)
            write_atomically(self.path(pc, text), content)
        except OSError:
            return
        self._written += 1
        if self._written % _SWEEP_EVERY == 1:
            shrink(self._folder, self._limit)


def files(folder: str) -> Iterator[tuple[str, int, float]]:
    """(path, bytes, time of last change) of each file of the cache."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        try:
            if not entry.is_file(follow_symlinks=False):
                continue  # none of ours
            status = entry.stat(follow_symlinks=False)
        except OSError:
            continue  # another run has removed it
        yield entry.path, status.st_size, status.st_mtime


def shrink(folder: str, limit: int) -> tuple[int, int]:
    """Remove the oldest files until the rest fits into `limit` bytes; how many went, and their bytes."""
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
    """The basic blocks of the program that an engine runs, in the cache folder `folder` (None: the user's).

    One file a program, found by its first page of code: a short program executes most of its code once, and decoding that takes
    longer. A block from there is used where memory holds the same bytes. It is plain data until then: the operands, and for each
    instruction the number of its form among the names in the file.
    """

    def __init__(self, rows: PreparedRows, folder: str | None = None):
        self._rows = rows
        self._folder = folder
        self._cache: CodeCache | None = None
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

            folder = cache_path(BLOCKS)
        self._cache = CodeCache(folder, self._rows.version, BLOCKS_LIMIT)
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
