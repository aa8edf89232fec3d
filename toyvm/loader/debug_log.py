"""LD_DEBUG: what the loader does, told in glibc's lines, `     20536:\tbinding file A [0] to B [0]: ...`."""

from __future__ import annotations

from collections.abc import Callable

from ..base.record import Record


class DebugLog(Record):
    """Writes lines of the chosen categories, each behind the process number."""

    categories: frozenset[str]
    pid: int
    sink: Callable[[bytes], None]

    def on(self, category: str) -> bool:
        """Whether lines of `category` are wanted: ask before building one."""
        return category in self.categories

    def write(self, text: str) -> None:
        """Write `text`, a line or more, as _dl_debug_printf does."""
        prefix = f"{self.pid:10d}:\t"
        lines = "".join(f"{prefix}{line}\n" for line in text.split("\n"))
        self.sink(lines.encode("utf-8", "surrogateescape"))

    def say(self, category: str, text: str) -> None:
        """Write `text` when `category` is wanted."""
        if category in self.categories:
            self.write(text)
