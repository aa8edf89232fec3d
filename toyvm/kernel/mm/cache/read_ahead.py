"""Read-ahead for files that are read sequentially, as in Linux's mm/readahead.c.

A fault that reads a page right behind the last one, or at the beginning of the file, starts a
window, whose pages are read at once. Touching the first of the pages read ahead reads the next
window, twice as large, up to `most` pages. So a sequential reader finds every page in memory. Any
other fault reads one page. MADV_SEQUENTIAL starts with the largest window anywhere; MADV_RANDOM
disables read-ahead.
"""

from __future__ import annotations

from toyvm.base.light_types import TYPE_CHECKING
from toyvm.kernel.vfs.nodes import FileNode, Identity

from .page_cache import PageCache

if TYPE_CHECKING:
    from toyvm.kernel.counters import FaultContext

    from ..vma import Vma

FIRST_WINDOW = 4
MAX_FILES = 1024  # windows kept
MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL = 0, 1, 2


class _Window:
    """The window of one file: pages before `end` were read; touching `mark` reads more.

    `size` 0: no sequential access yet.
    """

    __slots__ = ("end", "mark", "size")

    def __init__(self) -> None:
        self.end = self.size = 0
        self.mark = -1


class ReadAhead:
    """The windows of all files of one machine. `most` is the size of the largest, in pages."""

    def __init__(self, cache: PageCache, most: int):
        self._cache = cache
        self._most = most
        self._windows: dict[Identity, _Window] = {}

    def touched(self, area: Vma, index: int, read: bool, context: FaultContext) -> None:
        """A fault in `area` got page `index` of its file; `read`: it had to be read."""
        file = area.file
        assert file is not None
        if area.advice == MADV_RANDOM or not file.backed:
            return
        window = self._windows.get(file.identity)
        if window is None:
            if len(self._windows) >= MAX_FILES:
                self._windows.clear()
            window = self._windows[file.identity] = _Window()
        if not read:
            if index == window.mark:
                self._go_on(file, window, window.end, context)
        elif area.advice == MADV_SEQUENTIAL or index == window.end:
            if area.advice == MADV_SEQUENTIAL:
                window.size = self._most
            self._go_on(file, window, index + 1, context)
        else:
            window.end, window.size, window.mark = index + 1, 0, -1

    def _go_on(self, file: FileNode, window: _Window, start: int, context: FaultContext) -> None:
        """Read the next window, from page `start`."""
        window.size = min(2 * window.size or FIRST_WINDOW, self._most)
        window.mark, window.end = start, start + window.size
        self._cache.read_ahead(file, start, window.size, context)
