"""Promised memory: what each mode refuses, what fork may, and that the account is always the sum of the areas."""

from __future__ import annotations

import errno

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.guest_kernel import MAP_ANONYMOUS, MAP_PRIVATE, MAP_SHARED, PAGE, PROT_READ, RW, Guest
from toyvm.kernel.mm.moved_mappings import mremap
from toyvm.kernel.mm.sysv_shm import SHM_DEST
from toyvm.kernel.proc.lifecycle import fork
from toyvm.run_options import Limits

MAP_NORESERVE = 0x4000
NO_FILE = (1 << 64) - 1
RAM = 1024  # pages
GUESS, ALWAYS, NEVER = 0, 1, 2
LIMIT = (RAM - 1) // 2 - (RAM - 1) // 32  # what mode 2 leaves to a small process at the default ratio


def guest_with(mode: int, ratio: int = 50) -> Guest:
    return Guest(RAM * PAGE, limits=Limits(overcommit=mode, overcommit_ratio=ratio))


def mmap(guest: Guest, pages: int, prot: int = RW, flags: int = MAP_PRIVATE) -> int:
    va = guest.call("mmap", 0, pages * PAGE, prot, flags | MAP_ANONYMOUS, NO_FILE, 0)
    assert va is not None
    return va


@pytest.mark.parametrize(
    ("mode", "pages", "flags", "refused"),
    [
        (GUESS, RAM - 1, MAP_PRIVATE, False),
        (GUESS, RAM, MAP_PRIVATE, True),
        (GUESS, RAM, MAP_SHARED, True),
        (GUESS, RAM, MAP_PRIVATE | MAP_NORESERVE, False),
        (GUESS, RAM, MAP_SHARED | MAP_NORESERVE, False),
        (ALWAYS, 1000 * RAM, MAP_PRIVATE, False),
        (ALWAYS, 1000 * RAM, MAP_SHARED, False),
        (NEVER, RAM // 2, MAP_PRIVATE, True),
        (NEVER, RAM // 2, MAP_SHARED, True),
        (NEVER, RAM // 2, MAP_PRIVATE | MAP_NORESERVE, True),
        (NEVER, RAM // 2, MAP_SHARED | MAP_NORESERVE, True),
        (NEVER, RAM // 4, MAP_SHARED, False),
    ],
)
def test_what_each_mode_refuses(mode: int, pages: int, flags: int, refused: bool) -> None:
    guest = guest_with(mode)
    before = guest.kernel.system.commit.committed
    assert (mmap(guest, pages, flags=flags) == -errno.ENOMEM) == refused
    if refused:
        assert guest.kernel.system.commit.committed == before


def test_many_small_promises_add_up_in_mode_2_only() -> None:
    """0 looks at each call alone."""
    for mode, made in ((GUESS, 64), (NEVER, LIMIT // 64)):
        guest = guest_with(mode)
        assert sum(mmap(guest, 64) > 0 for _ in range(64)) in (made, made - 1)


def test_the_ratio_and_the_reserve() -> None:
    """CommitLimit, less what the administrator may need, less a part of what the process has (__vm_enough_memory)."""
    guest = guest_with(NEVER, ratio=100)
    commit = guest.kernel.system.commit
    assert commit.limit == RAM - 1
    pages = guest.mm.vmas.pages
    room = commit.limit - (RAM - 1) // 32 - min(pages // 32, (RAM - 1) // 32) - commit.committed - 1
    assert mmap(guest, room + 1) == -errno.ENOMEM
    assert mmap(guest, room) > 0


@pytest.mark.parametrize(("mode", "refused"), [(GUESS, False), (ALWAYS, False), (NEVER, True)])
def test_fork_of_a_large_process(mode: int, refused: bool) -> None:
    """A third of memory, none of it touched, can be promised once but not twice when promises are kept."""
    guest = guest_with(mode)
    assert mmap(guest, RAM // 3) > 0
    committed, frames = guest.kernel.system.commit.committed, guest.kernel.frames.used
    answer = guest.call("clone", 17, 0, 0, 0, 0)
    assert answer == (-errno.ENOMEM if refused else 101)
    if refused:
        assert (guest.kernel.system.commit.committed, guest.kernel.frames.used) == (committed, frames)


def test_fork_of_an_area_larger_than_memory() -> None:
    """Two halves that have grown together are one area, which mode 0 cannot promise again (dup_mmap)."""
    guest = guest_with(GUESS)
    first = mmap(guest, RAM - 1)
    assert mmap(guest, RAM - 1) == first - (RAM - 1) * PAGE
    assert guest.call("clone", 17, 0, 0, 0, 0) == -errno.ENOMEM


def test_what_becomes_writable_is_promised_and_stays_so() -> None:
    guest = guest_with(NEVER)
    commit = guest.kernel.system.commit
    before = commit.committed
    va = mmap(guest, RAM // 2, PROT_READ)
    assert commit.committed == before
    assert guest.call("mprotect", va, RAM // 2 * PAGE, RW) == -errno.ENOMEM
    assert guest.call("mprotect", va, 8 * PAGE, RW) == 0
    assert commit.committed == before + 8
    assert guest.call("mprotect", va, 8 * PAGE, PROT_READ) == 0
    assert commit.committed == before + 8
    assert guest.call("munmap", va, RAM // 2 * PAGE) == 0
    assert commit.committed == before


def test_segments_are_promised_until_they_end() -> None:
    guest = guest_with(NEVER)
    commit = guest.kernel.system.commit
    before = commit.committed
    assert guest.call("shmget", 0, RAM // 2 * PAGE, 0o600) == -errno.ENOMEM
    assert len(guest.kernel.segments) == 0
    number = guest.call("shmget", 0, 10 * PAGE, 0o600)
    assert number is not None and commit.committed == before + 10
    va = guest.call("shmat", number, 0, 0)
    assert va is not None and commit.committed == before + 10
    guest.call("shmctl", number, 0, 0)
    assert guest.kernel.segments.by_number(number).mode & SHM_DEST and commit.committed == before + 10
    guest.call("shmdt", va)
    assert commit.committed == before


def test_the_guest_sees_and_sets_it() -> None:
    guest = guest_with(GUESS)

    def text(path: str) -> str:
        fd = guest.open(path, 0)
        count = guest.call("read", fd, guest.scratch, 4096)
        assert count is not None
        guest.call("close", fd)
        return guest.mm.read(guest.scratch, count).decode()

    fields = dict(line.split(":") for line in text("/proc/meminfo").splitlines())
    assert fields["CommitLimit"].split() == [str((RAM - 1) // 2 * 4), "kB"]
    assert fields["Committed_AS"].split() == [str(guest.mm.vmas.accounted * 4), "kB"]
    assert text("/proc/sys/vm/overcommit_memory") == "0\n" and text("/proc/sys/vm/overcommit_ratio") == "50\n"
    fd = guest.open("/proc/sys/vm/overcommit_memory", 1)
    guest.mm.write(guest.scratch, b"2\n3\n")
    assert guest.call("write", fd, guest.scratch, 2) == 2
    assert guest.kernel.system.commit.mode == NEVER
    assert guest.call("write", fd, guest.scratch + 2, 2) == -errno.EINVAL


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("mnsrubpgfxj"), st.integers(0, 15), st.integers(1, 16)), max_size=50),
    st.sampled_from([GUESS, ALWAYS, NEVER]),
)
def test_the_account_is_the_sum_of_the_areas(steps: list[tuple[str, int, int]], mode: int) -> None:
    """After any history, and 0 when everything is gone."""
    guest = guest_with(mode)
    kernel, mm = guest.kernel, guest.mm
    base = mm.mmap(0, 32 * PAGE, PROT_READ)
    children = []
    for what, page, count in steps:
        at, length = base + page * PAGE, count * PAGE
        try:
            match what:
                case "m":
                    mm.mmap(at, length, RW, fixed=True)
                case "n":
                    mm.mmap(at, length, RW, fixed=True, no_reserve=True)
                case "s":
                    mmap(guest, count * 20, flags=MAP_SHARED)
                case "r":
                    mm.mprotect(at, length, PROT_READ)
                case "p":
                    mm.mprotect(at, length, RW)
                case "u":
                    mm.munmap(at, length)
                case "b":
                    mm.brk(mm.map.brk_start + page * length)
                case "g":
                    mremap(mm, at, PAGE, length, may_move=True)
                case "j":
                    mremap(mm, at, PAGE, PAGE, may_move=True, keep=True)
                case "f":
                    children.append(fork(kernel, guest.process).mm)
                case "x" if children:
                    children.pop().release()
        except OSError as failure:
            assert failure.errno in (errno.ENOMEM, errno.EFAULT)
        spaces = list(kernel.system.spaces)
        for space in spaces:
            assert space.vmas.pages == sum(a.length for a in space.vmas) // PAGE
            assert space.vmas.data_pages == sum(a.length for a in space.vmas if a.data) // PAGE
            assert space.vmas.accounted == sum(a.length for a in space.vmas if a.accounted) // PAGE
        shared = {a.file for s in spaces for a in s.vmas if a.file is not None}
        promised = sum(s.vmas.accounted for s in spaces) + sum(f.size // PAGE for f in shared)
        assert kernel.system.commit.committed == promised
    for owner in [*children, mm]:
        owner.release()
    assert kernel.system.commit.committed == 0
