"""Same-page merging: what is merged, that a write parts it again, that nothing is lost, and what /sys tells."""

from __future__ import annotations

import errno
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.guest_kernel import MAP_ANONYMOUS, MAP_SHARED, PAGE, PROT_READ, RW, Guest
from tests.support.harness import GUEST, OPTIONS, Case, run_case
from toyvm.base.record import replace
from toyvm.kernel.accounts.memory_report import usage
from toyvm.kernel.mm.address_space import AddressSpace
from toyvm.kernel.mm.advice import MADV_DONTNEED, madvise
from toyvm.kernel.mm.frame_allocator import OutOfFrames
from toyvm.machine.sv39 import PTE_W, pte_frame
from toyvm.run_options import RECLAIM_POLICIES, Limits

MADV_MERGEABLE, MADV_UNMERGEABLE = 12, 13
MILLISECOND = 1_000_000


@pytest.fixture
def guest() -> Guest:
    return Guest(limits=Limits(ksm=100))


def frame(mm: AddressSpace, va: int) -> int:
    return pte_frame(mm.table.entry(va))


def pages(guest: Guest, *contents: bytes, mm: AddressSpace | None = None) -> list[int]:
    """Mergeable pages that begin with these bytes."""
    mm = mm or guest.mm
    va = mm.mmap(0, len(contents) * PAGE, RW)
    for number, data in enumerate(contents):
        mm.write(va + number * PAGE, data)
    assert guest.call("madvise", va, len(contents) * PAGE, MADV_MERGEABLE) == 0
    return [va + number * PAGE for number in range(len(contents))]


def settle(guest: Guest) -> None:
    """Whole passes until everything that can be merged has been: one sees the sums, one compares, one more."""
    for _ in range(4):
        guest.kernel.ksm.scan(1 << 20)


def tell(guest: Guest, name: str) -> int:
    fd = guest.open(f"/sys/kernel/mm/ksm/{name}", 0)
    count = guest.call("read", fd, guest.scratch, 100)
    assert count is not None
    guest.call("close", fd)
    return int(guest.mm.read(guest.scratch, count))


def test_equal_pages_become_one_frame_until_somebody_writes(guest: Guest) -> None:
    mm = guest.mm
    a, b, c, other = pages(guest, b"same", b"same", b"same", b"other")
    tell(guest, "run")  # its buffer is a page too
    used = guest.kernel.frames.used
    settle(guest)
    assert frame(mm, a) == frame(mm, b) == frame(mm, c) != frame(mm, other)
    assert not mm.table.entry(a) & PTE_W
    assert guest.kernel.frames.used == used - 2
    assert (tell(guest, "pages_shared"), tell(guest, "pages_sharing")) == (1, 2)
    assert tell(guest, "pages_unshared") == 1
    mm.write(b, b"mine")
    assert (mm.read(a, 4), mm.read(b, 4), mm.read(c, 4)) == (b"same", b"mine", b"same")
    mm.write(a, b"A")
    mm.write(c, b"C")
    assert tell(guest, "pages_shared") == 0, "the last mapping takes the merged frame with it"
    assert guest.kernel.frames.used == used
    fd = guest.open("/proc/vmstat", 0)
    assert b"\ncow_ksm 3\n" in guest.read(fd)


def test_only_what_is_offered_is_merged(guest: Guest) -> None:
    mm = guest.mm
    va = mm.mmap(0, 2 * PAGE, RW)
    for at in (va, va + PAGE):
        mm.write(at, b"same")
    shared = guest.call("mmap", 0, 2 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1 & (1 << 64) - 1, 0)
    assert shared is not None
    for at in (shared, shared + PAGE):
        mm.write(at, b"same")
    assert guest.call("madvise", shared, 2 * PAGE, MADV_MERGEABLE) == 0
    settle(guest)
    assert frame(mm, va) != frame(mm, va + PAGE) and frame(mm, shared) != frame(mm, shared + PAGE)
    assert tell(guest, "pages_shared") == 0


def test_a_page_that_changes_is_left_alone(guest: Guest) -> None:
    a, b = pages(guest, b"0", b"0")
    for number in range(5):
        guest.mm.write(a, str(number).encode())
        guest.mm.write(b, str(number).encode())
        guest.kernel.ksm.scan(1 << 20)
    assert tell(guest, "pages_sharing") == 0 and tell(guest, "pages_volatile") == 2


def test_forked_pages_merge_with_strangers(guest: Guest) -> None:
    """A page that fork already shares counts each of its mappings, and goes on being copied for each writer."""
    mm = guest.mm
    a, b = pages(guest, b"same", b"same")
    child = mm.fork()
    settle(guest)
    assert len({frame(space, va) for space in (mm, child) for va in (a, b)}) == 1
    assert tell(guest, "pages_sharing") == 3
    assert (usage(mm).merged, usage(child).merged) == (2, 2)
    child.write(a, b"kid!")
    assert (mm.read(a, 4), child.read(a, 4), child.read(b, 4)) == (b"same", b"kid!", b"same")
    assert (usage(mm).merged, usage(child).merged) == (2, 1)
    child.release()
    assert tell(guest, "pages_sharing") == 1


def test_protection_holds_for_a_merged_page(guest: Guest) -> None:
    """mprotect there and back does not make a merged frame writable."""
    a, b = pages(guest, b"same", b"same")
    settle(guest)
    guest.mm.mprotect(a, PAGE, PROT_READ)
    guest.mm.mprotect(a, PAGE, RW)
    guest.mm.write(a, b"mine")
    assert guest.mm.read(b, 4) == b"same"


def test_unmerging(guest: Guest) -> None:
    a, b, c = pages(guest, b"same", b"same", b"same")
    settle(guest)
    assert guest.call("madvise", a, PAGE, MADV_UNMERGEABLE) == 0
    settle(guest)
    assert frame(guest.mm, a) != frame(guest.mm, b) == frame(guest.mm, c)
    fd = guest.open("/sys/kernel/mm/ksm/run", 2)
    guest.mm.write(guest.scratch, b"2\n")
    assert guest.call("write", fd, guest.scratch, 2) == 2
    assert frame(guest.mm, b) != frame(guest.mm, c) and tell(guest, "pages_shared") == 0
    guest.mm.write(guest.scratch, b"3\n")
    assert guest.call("write", fd, guest.scratch, 2) == -errno.EINVAL
    assert guest.call("madvise", a, 100 * PAGE, MADV_MERGEABLE) == -errno.ENOMEM


def test_no_more_sharers_than_allowed(guest: Guest) -> None:
    """The chain goes on with a second frame of the same contents (max_page_sharing)."""
    guest.kernel.ksm.max_page_sharing = 3
    vas = pages(guest, *[b"same"] * 8)
    settle(guest)
    sharers = sorted([frame(guest.mm, va) for va in vas].count(f) for f in guest.kernel.ksm.frames.stable)
    assert max(sharers) == 3 and sum(sharers) == 8


def test_it_looks_at_so_many_pages_at_a_time(guest: Guest) -> None:
    """pages_to_scan each sleep_millisecs of virtual time; where time jumps, as often as makes sense."""
    ksm, scheduler = guest.kernel.ksm, guest.kernel.scheduler
    pages(guest, *[b"same"] * 10)
    ksm.pages_to_scan = 4
    guest.kernel._timers()
    assert ksm.pages_scanned == 0
    for wakes in range(1, 4):
        scheduler.now += 20 * MILLISECOND
        guest.kernel._timers()
        assert ksm.pages_scanned == 4 * (wakes - 1), "the first wake only begins the pass"
        assert scheduler.daemon_at == scheduler.now + 20 * MILLISECOND
    ksm.pages_to_scan = 0
    scheduler.now += 1 << 60
    guest.kernel._timers()  # returns: there is nothing to look at, however often
    ksm.pages_to_scan = 4
    scheduler.now += 3_600_000 * MILLISECOND
    guest.kernel._timers()
    assert ksm.pages_scanned <= 50 and ksm.pages_sharing == 9


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("wrfxsuomd"), st.integers(0, 2), st.integers(0, 7), st.sampled_from(b"ab")),
        max_size=60,
    )
)
def test_bytes_and_frames_survive_any_history(steps: list[tuple[str, int, int, int]]) -> None:
    """Against a plain dictionary of bytes, with PSS adding up to the user frames after every step."""
    guest = Guest(1 << 20, limits=Limits(ksm=100))
    begin = guest.kernel.frames.used
    va = guest.mm.mmap(0, 8 * PAGE, RW)
    spaces, models = [guest.mm], [bytearray(8)]
    assert guest.call("madvise", va, 8 * PAGE, MADV_MERGEABLE) == 0
    for what, who, page, value in steps:
        space, model = spaces[who % len(spaces)], models[who % len(spaces)]
        at = va + page * PAGE
        if what == "w":
            space.write(at, bytes([value]))
            model[page] = value
        elif what == "f" and len(spaces) < 3:
            spaces.append(space.fork())
            models.append(bytearray(model))
        elif what == "x" and len(spaces) > 1:
            spaces.pop().release()
            models.pop()
        elif what == "s":
            guest.kernel.ksm.scan(1 + page * 4)
        elif what == "u":
            guest.kernel.ksm.frames.unmerge(space.map, at, va + 8 * PAGE, space.context)
        elif what == "o":
            space.mprotect(at, PAGE, PROT_READ if value & 1 else RW)
            space.mprotect(at, PAGE, RW)
        elif what == "m":
            guest.kernel.ksm.set_run(value & 1 or 2)
        elif what == "d":
            madvise(space, at, PAGE, MADV_DONTNEED)
            model[page] = 0
        for s, m in zip(spaces, models, strict=True):
            assert bytes(s.read(va + n * PAGE, 1)[0] for n in range(8)) == bytes(m)
        shares = [
            s.system.mappings(pte_frame(pte)) for s in spaces for a in s.vmas for _, pte in s.map.resident(a)
        ]
        frames = {pte_frame(pte) for s in spaces for a in s.vmas for _, pte in s.map.resident(a)}
        assert sum(Fraction(1, n) for n in shares) == len(frames)
    for space in spaces[1:]:
        space.release()
    guest.mm.munmap(va, 8 * PAGE)
    assert not guest.kernel.ksm.frames.stable and guest.kernel.frames.used <= begin + 3


def test_the_option_starts_it_and_the_count_is_told() -> None:
    """The same merges at the same instruction, whichever engine runs the program."""
    results = []
    for engine in ("reference", "llvm"):
        options = replace(OPTIONS, engine=engine, ksm=50)
        results.append(run_case(Case(GUEST / "ksm.s", "static"), options))
    assert results[0].stats.pages_merged == results[1].stats.pages_merged >= 10
    assert results[0].stats.instructions == results[1].stats.instructions
    assert "pages merged" in results[0].stats_text()


@pytest.mark.parametrize("policy", RECLAIM_POLICIES)
def test_merging_while_everything_swaps(policy: str) -> None:
    """Twice as many pages as frames, three address spaces: contents are those of a list, and nothing stays behind."""
    random = Random(policy)
    guest = Guest(64 * PAGE, limits=Limits(ksm=100, swap=1 << 20, reclaim=policy, overcommit=1))
    kernel, count = guest.kernel, 120
    va = guest.mm.mmap(0, count * PAGE, RW)
    assert guest.call("madvise", va, count * PAGE, MADV_MERGEABLE) == 0
    spaces = [(guest.mm, [0] * count)]
    for _ in range(1000):
        (mm, model), page, what = random.choice(spaces), random.randrange(count), random.random()
        at = va + page * PAGE
        try:
            if what < 0.6:
                value = random.choice([1, 1, 1, 2, random.randrange(1, 200)])
                mm.write(at, bytes([value]))
                model[page] = value
            elif what < 0.8:
                assert mm.read(at, 1)[0] == model[page]
            elif what < 0.9:
                kernel.ksm.scan(random.randrange(1, 60))
            elif what < 0.93 and len(spaces) < 3:
                spaces.append((mm.fork(), list(model)))
            elif what < 0.95 and len(spaces) > 1:
                spaces.pop()[0].release()
            elif what < 0.97:
                kernel.ksm.frames.unmerge(mm.map, at, va + min(page + 3, count) * PAGE, mm.context)
            else:
                madvise(mm, at, PAGE, MADV_DONTNEED)
                model[page] = 0
        except OSError as failure:
            assert failure.errno == errno.ENOMEM
        except OutOfFrames:
            pass  # all that is left is merged or in use: the access has not happened
        kernel.system.balance(guest.mm.context)
    swap = kernel.system.swap
    assert kernel.ksm.frames.merged > 50 and swap is not None and swap.swapped_out > 50
    for mm, _ in spaces[1:]:
        mm.release()
    guest.mm.munmap(va, count * PAGE)
    assert not kernel.ksm.frames.stable and kernel.frames.used <= 3 and swap.used == 0
