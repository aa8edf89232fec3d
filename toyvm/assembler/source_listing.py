"""What a listing (`-a`) needs of the reading: the lines of each file, and what each statement appended."""

from __future__ import annotations

from toyvm.base.record import Record

from .sections import Chunk


class Mark(Record):
    """A place in a chunk: its offset, and the number of parts before it."""

    offset: int
    parts: int

    @classmethod
    def here(cls, chunk: Chunk) -> Mark:
        """The end of a chunk."""
        return cls(len(chunk.data), len(chunk.parts))

    def address(self, chunk: Chunk) -> int:
        """The offset of the place in the section, after layout."""
        return chunk.base + self.offset + sum(chunk.growth[: self.parts])


class Listed(Record):
    """A statement: the line of a file that was read last (index of the text, number), and the range that it appended.

    `expanded` is the number of macro calls and repetitions around it, and `shown` its text.
    """

    text: int
    line: int
    expanded: int
    shown: str
    chunk: Chunk
    start: Mark
    end: Mark


class ListedText(Record):
    """A file that was read: its lines, how many of them were, and the (text, line) of the .include, or None."""

    lines: list[str]
    parent: tuple[int, int] | None

    @property
    def count(self) -> int:
        """The number of lines."""
        return len(self.lines) - (self.lines[-1:] == [""])


class SourceListing(Record, frozen=False):
    """The record of one assembly.

    titles   (0 title, 1 subtitle; text, line) -> words
    levels   the changes by .list and .nolist, by (text, line)
    ejects   the lines before which a page ends
    skipped  the lines that .if skips
    """

    texts: list[ListedText] = []
    statements: list[Listed] = []
    titles: dict[tuple[int, int, int], str] = {}
    levels: dict[tuple[int, int], int] = {}
    ejects: set[tuple[int, int]] = set()
    skipped: set[tuple[int, int]] = set()
    at: tuple[int, int] = (0, 1)
    height: int = 60
