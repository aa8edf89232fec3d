"""Memory overcommit: Committed_AS, and when an allocation is refused.

See Documentation/mm/overcommit-accounting.rst. Committed are the private writable pages of all
areas except with MAP_NORESERVE, and all pages of shared anonymous memory, touched or not. `VmaSet`
counts them as areas come and go, so no operation has to sum them up.
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
_RESERVE_PART = 32  # vm.admin_reserve_kbytes and vm.user_reserve_kbytes default to this part of memory
_ADMIN_MOST, _USER_MOST = 8 << 20 >> PAGE_SHIFT, 128 << 20 >> PAGE_SHIFT


class Commit:
    """The account of one machine with `ram` pages of memory.

    `mode` and `ratio` are vm.overcommit_memory and vm.overcommit_ratio.
    """

    def __init__(self, ram: int, mode: int = GUESS, ratio: int = DEFAULT_RATIO):
        self.ram = ram
        self.swap = 0  # pages of the swap area
        self.mode, self.ratio = mode, ratio
        self.committed = 0

    @property
    def limit(self) -> int:
        """CommitLimit, in pages: how many may be committed when `mode` is NEVER."""
        return self.ram * self.ratio // 100 + self.swap

    def require(self, pages: int, space_pages: int = 0) -> None:
        """Check that `pages` more may be committed to a process with areas of `space_pages`.

        Raises OSError(ENOMEM) if not (__vm_enough_memory).
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
        """Commit `pages` more; fewer if negative."""
        self.committed += pages

    def require_copy(self, space: MemoryMap) -> None:
        """Check that all committed pages of `space` may be committed again (fork).

        Linux checks one area after the other, which differs only in mode GUESS, where each area is
        compared by itself. Raises OSError(ENOMEM).
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
        """Whether an area is accounted (accountable_mapping)."""
        return bool(prot & PROT_WRITE) and not shared and not no_reserve


def may_expand(space: MemoryMap, area: Vma, pages: int) -> bool:
    """Whether RLIMIT_AS and RLIMIT_DATA allow `pages` more of the kind of `area` (may_expand_vm)."""
    limits, vmas = space.rlimits, space.vmas
    if vmas.pages + pages > limits.address_space >> PAGE_SHIFT:
        return False
    # A soft limit of 0 under an infinite hard one stops brk only, for Valgrind (mm/mmap.c).
    return not area.data or not limits.data or vmas.data_pages + pages <= limits.data >> PAGE_SHIFT


def require_limits(space: MemoryMap, area: Vma, pages: int) -> None:
    """Raises OSError(ENOMEM) unless `may_expand`."""
    if not may_expand(space, area, pages):
        raise error(errno.ENOMEM)


def admit(
    commit: Commit, space: MemoryMap, area: Vma, pages: int, over: tuple[int, int] | None = None
) -> None:
    """Check that `space` may have `pages` more of the kind of `area`, replacing the range `over`.

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
    """Whether `area` is accounted after mprotect to `prot`; one that was writable once stays so.

    The pages are committed here. Raises OSError(ENOMEM).
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
