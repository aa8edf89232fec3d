"""Random histories of address spaces in a memory so small that everything swaps, against a plain dictionary of pages.

`TOYVM_SWAP_HISTORIES=5000` asks for that many; the suite makes do with fewer. After each step every reference is counted again from the
tables: no frame and no slot may be lost or held twice, what the TLB knows must be what the tables say, and the PSS of all
spaces must be the number of user frames.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import nullcontext
from itertools import takewhile

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.support.guest_kernel import PAGE, PROT_READ, RW
from tests.support.recount import Peaks, check_references, check_shares, check_translations
from toyvm.base.events import Bus
from toyvm.kernel.counters import KERNEL
from toyvm.kernel.mm import mapped_ranges
from toyvm.kernel.mm.address_space import AddressSpace
from toyvm.kernel.mm.advice import MADV_DONTNEED, madvise
from toyvm.kernel.mm.memory_system import MemorySystem
from toyvm.kernel.mm.moved_mappings import mremap
from toyvm.kernel.mm.shared_anonymous import ShmNode
from toyvm.kernel.mm.user_memory import Fault
from toyvm.kernel.vfs.memory_files import MemFile, MemFs
from toyvm.kernel.vfs.nodes import FileNode
from toyvm.machine.physical_memory import PhysicalMemory
from toyvm.run_options import RECLAIM_POLICIES, Limits

FRAMES = 36
ARENA = 0x1000_0000
PAGES = 24  # of the arena: with four spaces, several times what memory holds
MOST_SPACES = 4
FILE_PAGES = 6
HISTORIES = int(os.environ.get("TOYVM_SWAP_HISTORIES", "60"))

pages = st.integers(0, PAGES - 1)
lengths = st.integers(1, 6)
seeds = st.integers(0, 1 << 30)


class Page:
    """What one page of one space should be. `shared` pages are one object in all spaces; `source` is a file's page that a
    private one shows until it is written."""

    def __init__(self, prot: int, shared: list[bytearray] | None = None, index: int = 0):
        self.prot = prot
        self.shared = shared
        self.index = index
        self.own: bytearray | None = None

    @property
    def data(self) -> bytes:
        if self.own is not None:
            return bytes(self.own)
        return bytes(self.shared[self.index]) if self.shared is not None else bytes(PAGE)


class PrivatePage(Page):
    """Private: a write makes it its own."""

    def write(self, at: int, data: bytes) -> None:
        if self.own is None:
            self.own = bytearray(self.data)
        self.own[at : at + len(data)] = data

    def forked(self) -> Page:
        twin = PrivatePage(self.prot, self.shared, self.index)
        twin.own = None if self.own is None else bytearray(self.own)
        return twin

    def discarded(self) -> Page:
        return PrivatePage(self.prot, self.shared, self.index)


class SharedPage(Page):
    """Shared: a write is seen by all."""

    def write(self, at: int, data: bytes) -> None:
        assert self.shared is not None
        self.shared[self.index][at : at + len(data)] = data

    def forked(self) -> Page:
        return SharedPage(self.prot, self.shared, self.index)

    discarded = forked


class Histories(RuleBasedStateMachine):
    """One machine. `spaces` are address spaces with what their pages should be, by page number."""

    @initialize(policy=st.sampled_from(RECLAIM_POLICIES), readahead=st.sampled_from((1, 4, 8)))
    def machine(self, policy: str, readahead: int) -> None:
        memory = PhysicalMemory(FRAMES * PAGE)
        self.time = 0
        limits = Limits(reclaim=policy, swap=1000 * PAGE, swap_readahead=readahead)
        self.system = MemorySystem(memory, None, Bus(), lambda: self.time, limits)
        fs = MemFs(dev=9, limit=1 << 20)
        self.contents = [bytearray(bytes([n + 1]) * PAGE) for n in range(FILE_PAGES)]
        self.file = MemFile(fs, 0o644, b"".join(self.contents))
        self.spaces: list[tuple[AddressSpace, dict[int, Page]]] = [(AddressSpace(self.system), {})]
        self.inodes = self.writes = 0
        self.peaks = Peaks(self.system)
        self.peaks.watch(self.spaces[0][0])
        self.mmap(0, 0, 12, "anonymous")
        self.mmap(0, 12, 6, "shm")
        self.mmap(0, 18, 6, "shared file")
        self.fill(0, 0, PAGES)

    def space(self, seed: int) -> tuple[AddressSpace, dict[int, Page]]:
        return self.spaces[seed % len(self.spaces)]

    def step(self) -> None:
        """Time passes, and few free frames wake reclaim, as after every trap."""
        self.time += 300_000
        if self.system.frames.free < self.system.low:
            self.system.balance(KERNEL)

    # What a program does

    @rule(
        seed=seeds,
        first=pages,
        count=lengths,
        kind=st.sampled_from(("anonymous", "shm", "file", "shared file")),
    )
    def mmap(self, seed: int, first: int, count: int, kind: str) -> None:
        mm, model = self.space(seed)
        file: FileNode | None = None
        made: list[Page] = [PrivatePage(RW) for _ in range(count)]
        if kind == "shm":
            self.inodes += 1
            file = ShmNode(self.inodes, count * PAGE)
            zeros = [bytearray(PAGE) for _ in range(count)]
            made = [SharedPage(RW, zeros, n) for n in range(count)]
        elif kind != "anonymous":
            file, count = self.file, min(count, FILE_PAGES)
            make = SharedPage if kind == "shared file" else PrivatePage
            made = [make(RW, self.contents, n) for n in range(count)]
        shared = kind in ("shm", "shared file")
        mm.mmap(ARENA + first * PAGE, count * PAGE, RW, fixed=True, shared=shared, file=file)
        model.update(zip(range(first, first + count), made, strict=True))
        self.step()

    @rule(seed=seeds, first=pages, count=lengths)
    def munmap(self, seed: int, first: int, count: int) -> None:
        mm, model = self.space(seed)
        mm.munmap(ARENA + first * PAGE, count * PAGE)
        for page in range(first, first + count):
            model.pop(page, None)
        self.step()

    @rule(seed=seeds, first=pages, count=lengths, prot=st.sampled_from((0, PROT_READ, RW)))
    def mprotect(self, seed: int, first: int, count: int, prot: int) -> None:
        mm, model = self.space(seed)
        stretch = range(first, first + count)
        with nullcontext() if all(page in model for page in stretch) else pytest.raises(OSError):
            mm.mprotect(ARENA + first * PAGE, count * PAGE, prot)
        for page in takewhile(model.__contains__, stretch):  # Linux changes what comes before a hole
            model[page].prot = prot
        self.step()

    @rule(seed=seeds, first=pages, count=lengths)
    def madvise(self, seed: int, first: int, count: int) -> None:
        mm, model = self.space(seed)
        stretch = range(first, first + count)
        if all(page in model for page in stretch):
            madvise(mm, ARENA + first * PAGE, count * PAGE, MADV_DONTNEED)
            for page in stretch:
                model[page] = model[page].discarded()
        self.step()

    @rule(seed=seeds, first=pages, count=lengths)
    def move(self, seed: int, first: int, count: int) -> None:
        """Move a stretch away and back: what is there now is replaced."""
        mm, model = self.space(seed)
        start = ARENA + first * PAGE
        area = mm.vmas.find(start)
        if area is None or area.end < start + count * PAGE or area.file is not None:
            return
        away = mremap(mm, start, count * PAGE, (count + 1) * PAGE, may_move=True)
        if away == start:  # there was room
            model[first + count] = PrivatePage(model[first].prot)
        else:
            moved = {(away - ARENA) // PAGE + n: model.pop(first + n) for n in range(count)}
            moved[(away - ARENA) // PAGE + count] = PrivatePage(area.prot)
            model.update(moved)
        self.step()

    @rule(
        seed=seeds,
        first=pages,
        at=st.integers(0, PAGE - 1),
        data=st.binary(min_size=1, max_size=16),
        far=st.integers(0, 4),
    )
    def write(self, seed: int, first: int, at: int, data: bytes, far: int) -> None:
        mm, model = self.space(seed)
        if far and model:
            first = sorted(model)[first % len(model)]
        va = ARENA + first * PAGE + at
        for place, piece in _pieces(first, at, data):
            page = model.get(place)
            if page is None or page.prot != RW:
                with pytest.raises(Fault):
                    mm.write(va, data)
                break
            page.write(*piece)
        else:
            mm.write(va, data)
        self.step()

    @rule(seed=seeds, first=pages, count=st.integers(4, PAGES))
    def fill(self, seed: int, first: int, count: int) -> None:
        """Write to every page that may be written."""
        mm, model = self.space(seed)
        self.writes += 1
        data = self.writes.to_bytes(4, "little")
        for number in range(first, min(first + count, PAGES)):
            page = model.get(number)
            if page is not None and page.prot == RW:
                mm.write(ARENA + number * PAGE + 8 * number, data)
                page.write(8 * number, data)
        self.step()

    @rule(seed=seeds, first=pages)
    def read(self, seed: int, first: int) -> None:
        mm, model = self.space(seed)
        self.compare(mm, first, model.get(first))
        self.step()

    @rule(seed=seeds)
    def read_all(self, seed: int) -> None:
        mm, model = self.space(seed)
        for number, page in sorted(model.items()):
            self.compare(mm, number, page)
        self.step()

    def compare(self, mm: AddressSpace, number: int, page: Page | None) -> None:
        va = ARENA + number * PAGE
        if page is None or not page.prot:
            with pytest.raises(Fault):
                mm.read(va, PAGE)
        else:
            assert mm.read(va, PAGE) == page.data

    @precondition(lambda self: len(self.spaces) < MOST_SPACES)
    @rule(seed=seeds)
    def fork(self, seed: int) -> None:
        mm, model = self.space(seed)
        self.spaces.append((mm.fork(), {number: page.forked() for number, page in model.items()}))
        self.peaks.watch(self.spaces[-1][0])
        self.step()

    @precondition(lambda self: len(self.spaces) > 1)
    @rule(seed=seeds)
    def exit(self, seed: int) -> None:
        mm, _ = self.spaces.pop(seed % len(self.spaces))
        mm.release()
        self.step()

    @rule(seed=seeds, first=pages, count=lengths)
    def msync(self, seed: int, first: int, count: int) -> None:
        mm, model = self.space(seed)
        if all(page in model for page in range(first, first + count)):
            mapped_ranges.sync(mm, ARENA + first * PAGE, count * PAGE)

    @rule(count=st.integers(1, FRAMES))
    def pressure(self, count: int) -> None:
        """Somebody else wants memory."""
        self.system.recent.clear()
        self.system.reclaimer.shrink(KERNEL, count)

    # What must hold

    @invariant()
    def counted_again(self) -> None:
        if hasattr(self, "spaces"):
            check_references(self.system)
            check_shares(self.system)
            check_translations(self.system.spaces)
            self.peaks.check()

    def teardown(self) -> None:
        for mm, model in getattr(self, "spaces", ()):
            for number, page in model.items():
                self.compare(mm, number, page)
            mm.release()
        if hasattr(self, "spaces"):
            system = self.system
            self.spaces = []
            check_references(system)
            system.cache.drop()
            assert system.frames.used == 0 and system.swap is not None and system.swap.used == 0
            assert self.file.pread(0, FILE_PAGES * PAGE) == b"".join(self.contents)


def _pieces(first: int, at: int, data: bytes) -> Iterator[tuple[int, tuple[int, bytes]]]:
    """A write cut at the page border: (page, (offset, bytes))."""
    room = PAGE - at
    yield first, (at, data[:room])
    if data[room:]:
        yield first + 1, (0, data[room:])


TestHistories = Histories.TestCase
TestHistories.settings = settings(
    max_examples=HISTORIES,
    stateful_step_count=60,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
