"""What the memory of a few processes should hold: a plain dictionary of pages for each, and nothing of how it is done."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product

import numpy as np

PAGE = 4096
READ, WRITE, EXEC = 1, 2, 4
SIGBUS, SIGSEGV = 7, 11
MAPERR, ACCERR, ADRERR = 1, 2, 2
M64 = (1 << 64) - 1
_MOST_CANDIDATES = 4


@dataclass(eq=False)
class Backing:
    """The pages that several mappings show: a file's, or shared anonymous memory. `pages` is its size, too."""

    pages: list[bytearray]


@dataclass(eq=False)
class Page:
    """One page of one process.

    `made` numbers the mapping it came with: neighbours of one number with the same settings belong to one area. `own` is what a private
    page has of its own, once it does: the contents it may have, of which there are several after MADV_FREE.
    """

    made: object
    prot: int
    shared: bool = False
    backing: Backing | None = None
    index: int = 0
    own: list[bytearray] | None = None
    mergeable: bool = False
    wipe_on_fork: bool = False
    dont_fork: bool = False
    locked: bool = False

    @property
    def anonymous(self) -> bool:
        return self.backing is None

    @property
    def settings(self) -> tuple[object, ...]:
        """What neighbours in one area have in common."""
        return self.made, self.prot, self.mergeable, self.wipe_on_fork, self.dont_fork, self.locked

    @property
    def beyond(self) -> bool:
        """Whether it shows what lies behind the end of its file."""
        return self.backing is not None and self.index >= len(self.backing.pages)

    @property
    def contents(self) -> list[bytearray]:
        """What it may hold; for reading only."""
        if self.own is not None:
            return self.own
        return [self.backing.pages[self.index]] if self.backing is not None else [bytearray(PAGE)]

    def refusal(self, access: int) -> tuple[int, int] | None:
        """The signal and its code that `access` (READ, WRITE or EXEC) raises."""
        if not self.prot & access:
            return SIGSEGV, ACCERR
        return (SIGBUS, ADRERR) if self.beyond else None

    def touch(self) -> list[bytearray]:
        """As after a write: what may be changed."""
        if self.shared and self.backing is not None:
            return [self.backing.pages[self.index]]
        if self.own is None:
            self.own = [bytearray(self.contents[0])]
        return self.own

    def store(self, at: int, data: bytes) -> None:
        """Write inside the page."""
        for content in self.touch():
            content[at : at + len(data)] = data

    def discard(self) -> None:
        """Forget what is its own (MADV_DONTNEED)."""
        self.own = None

    def may_forget(self) -> None:
        """MADV_FREE: from now on it is what it was, or zero bytes."""
        if self.own is not None:
            self.own = self.own[: _MOST_CANDIDATES - 1]
            if all(map(any, self.own)):
                self.own.append(bytearray(PAGE))

    @property
    def forgettable(self) -> bool:
        """Whether MADV_FREE may be modelled: it has few enough candidates."""
        return self.own is None or len(self.own) < _MOST_CANDIDATES

    def forked(self) -> Page:
        """The child's. It has no locks, but what they cut apart stays in areas of its own."""
        own = None if self.own is None or self.wipe_on_fork else [bytearray(content) for content in self.own]
        return Page(
            (self.made, "locked") if self.locked else self.made,
            self.prot,
            self.shared,
            self.backing,
            self.index,
            own,
            self.mergeable,
            self.wipe_on_fork,
            self.dont_fork,
        )


@dataclass(eq=False)
class Process:
    """The pages of one process, by page number."""

    pages: dict[int, Page] = field(default_factory=dict)

    def refusal(self, address: int, access: int) -> int:
        """What the player tells of the signal that an access raises, or 0."""
        page = self.pages.get(address // PAGE)
        why = (SIGSEGV, MAPERR) if page is None else page.refusal(access)
        return 0 if why is None else address << 8 | why[0] << 4 | why[1]

    def readable(self, number: int) -> bool:
        """Whether every read of the page succeeds."""
        return not self.refusal(number * PAGE, READ)

    def sure(self, first: int, count: int = 1) -> bool:
        """Whether it is known what each of these pages holds, as far as it can be read."""
        return all(
            len(self.pages[n].contents) == 1
            for n in range(first, first + count)
            if n in self.pages and self.readable(n)
        )

    def forked(self) -> Process:
        return Process({n: page.forked() for n, page in self.pages.items() if not page.dont_fork})


def checksums(pages: list[Page]) -> frozenset[int]:
    """What the player's `sum` may say of neighbouring pages."""
    return frozenset(_sum(b"".join(contents)) for contents in product(*(page.contents for page in pages)))


_WEIGHTS = np.cumprod(np.full(64 * PAGE // 8, 3, np.uint64), dtype=np.uint64)


def _sum(data: bytes) -> int:
    words = np.frombuffer(data, np.uint64)[::-1]
    weights = np.concatenate((np.ones(1, np.uint64), _WEIGHTS[: len(words) - 1]))
    return int((words * weights).sum(dtype=np.uint64))
