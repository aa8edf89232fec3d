"""How much memory is promised: Committed_AS, and when a promise is refused (Documentation/mm/overcommit-accounting.rst).

Promised are the private writable pages of all areas, unless MAP_NORESERVE, and all pages of shared anonymous memory, touched or not. What
stands for how many pages is counted where areas come and go (`VmaSet`), so that no operation adds anything up.
"""

from __future__ import annotations

import errno

from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.base.record import replace
from toyvm.machine.physical_memory import PAGE_SHIFT

from .vma import PROT_WRITE, Vma

if TYPE_CHECKING:
    from .memory_map import MemoryMap

GUESS, ALWAYS, NEVER = 0, 1, 2  # OVERCOMMIT_* of vm.overcommit_memory
DEFAULT_RATIO = 50
_RESERVE_PART = 32  # vm.admin_reserve_kbytes and vm.user_reserve_kbytes begin as this part of memory
_ADMIN_MOST, _USER_MOST = 8 << 20 >> PAGE_SHIFT, 128 << 20 >> PAGE_SHIFT


class Commit:
    """The account of one machine with `ram` pages of memory. `mode` and `ratio` are vm.overcommit_memory and _ratio."""

    def __init__(self, ram: int, mode: int = GUESS, ratio: int = DEFAULT_RATIO):
        self.ram = ram
        self.swap = 0  # pages of the swap area
        self.mode, self.ratio = mode, ratio
        self.committed = 0

    @property
    def limit(self) -> int:
        """CommitLimit, in pages: what may be promised when `mode` is NEVER."""
        return self.ram * self.ratio // 100 + self.swap

    def require(self, pages: int, space_pages: int = 0) -> None:
        """Whether `pages` more may be promised to a process that has areas of `space_pages` (__vm_enough_memory).

        Raises OSError(ENOMEM).
        """
        if pages <= 0 or self.mode == ALWAYS:
            return
        if self.mode == GUESS:
            if pages > self.ram + self.swap:
                raise error(errno.ENOMEM)
            return
        allowed = self.limit - min(self.ram // _RESERVE_PART, _ADMIN_MOST)
        allowed -= min(space_pages // _RESERVE_PART, self.ram // _RESERVE_PART, _USER_MOST)
        if self.committed + pages >= allowed:
            raise error(errno.ENOMEM)

    def add(self, pages: int) -> None:
        """Promise `pages` more; fewer when negative."""
        self.committed += pages

    def require_copy(self, space: MemoryMap) -> None:
        """Whether all that `space` has been promised may be promised once more (fork). Raises OSError(ENOMEM).

        Linux asks for one area after the other, which makes a difference only where each is measured by itself.
        """
        accounted = space.vmas.accounted
        if self.mode != GUESS:
            self.require(accounted, space.vmas.pages)
        elif accounted > self.ram + self.swap:
            for area in space.vmas:
                if area.accounted:
                    self.require(area.length >> PAGE_SHIFT)

    @staticmethod
    def accounts(prot: int, *, shared: bool, no_reserve: bool) -> bool:
        """Whether an area counts as promised (accountable_mapping)."""
        return bool(prot & PROT_WRITE) and not shared and not no_reserve


def may_expand(space: MemoryMap, area: Vma, pages: int) -> bool:
    """Whether RLIMIT_AS and RLIMIT_DATA allow `pages` more of the kind of `area` (may_expand_vm)."""
    limits, vmas = space.rlimits, space.vmas
    if vmas.pages + pages > limits.address_space >> PAGE_SHIFT:
        return False
    # A soft limit of 0 under an endless hard one stops brk only: Valgrind wants it so (mm/mmap.c).
    return not area.data or not limits.data or vmas.data_pages + pages <= limits.data >> PAGE_SHIFT


def require_limits(space: MemoryMap, area: Vma, pages: int) -> None:
    """Raises OSError(ENOMEM) unless `may_expand`."""
    if not may_expand(space, area, pages):
        raise error(errno.ENOMEM)


def admit(
    commit: Commit, space: MemoryMap, area: Vma, pages: int, over: tuple[int, int] | None = None
) -> None:
    """Whether `space` may have `pages` more of the kind of `area`, which would take the place of what is in the range `over`.

    Raises OSError(ENOMEM).
    """
    covered = freed = 0
    if over is not None:
        for old in space.vmas.overlapping(*over):
            size = min(old.end, over[1]) - max(old.start, over[0]) >> PAGE_SHIFT
            covered += size
            freed += size if old.accounted else 0
    require_limits(space, area, pages - covered)
    if area.accounted:
        commit.require(pages - freed, space.vmas.pages)


def becomes_accounted(commit: Commit, space: MemoryMap, area: Vma, prot: int) -> bool:
    """Whether `area` counts as promised once mprotect has given it `prot`; what was writable once goes on counting.

    The pages are added to the account here. Raises OSError(ENOMEM).
    """
    if not prot & PROT_WRITE:
        return area.accounted
    pages = area.length >> PAGE_SHIFT
    if not may_expand(space, replace(area, prot=prot), pages) and may_expand(space, area, pages):
        raise error(errno.ENOMEM)
    if area.accounted or area.prot & PROT_WRITE:
        return area.accounted
    if not Commit.accounts(prot, shared=area.shared, no_reserve=area.no_reserve):
        return False
    commit.require(pages, space.vmas.pages)
    commit.add(pages)
    return True
