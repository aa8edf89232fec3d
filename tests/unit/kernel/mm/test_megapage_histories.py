"""Random histories of address spaces that have megapages, in a memory too small for them, against a plain dictionary of pages.

After each step all references are counted again from the tables, as in `test_swap_histories`; and a megapage's own entry and the table set
aside with it agree, it lies in one area, what the TLB knows of it is true of each page, and it is known how often each is mapped.
`TOYVM_SWAP_HISTORIES` asks for more than the suite's few.
"""

from __future__ import annotations

import os
from collections import Counter
from itertools import takewhile

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.support.guest_kernel import PAGE, PROT_READ, RW
from tests.support.recount import Peaks, check_references, check_shares, check_translations
from toyvm.base.events import Bus
from toyvm.kernel.counters import KERNEL
from toyvm.kernel.mm.address_space import AddressSpace
from toyvm.kernel.mm.advice import (
    MADV_COLD,
    MADV_DONTNEED,
    MADV_FREE,
    MADV_HUGEPAGE,
    MADV_MERGEABLE,
    MADV_NOHUGEPAGE,
    MADV_PAGEOUT,
    madvise,
)
from toyvm.kernel.mm.frame_allocator import BLOCK
from toyvm.kernel.mm.memory_system import MemorySystem
from toyvm.kernel.mm.moved_mappings import mremap
from toyvm.kernel.mm.user_memory import Fault
from toyvm.machine.mmu import Access
from toyvm.machine.physical_memory import PhysicalMemory
from toyvm.machine.sv39 import MEGAPAGE_SIZE, PTE_A, PTE_D, PTE_V, pte_frame
from toyvm.run_options import RECLAIM_POLICIES, Limits

FRAMES = 5 * BLOCK  # the first block is never whole
ARENA = 0x1000_0000
PAGES = 2 * BLOCK + 40
MOST_SPACES = 3
HISTORIES = max(10, int(os.environ.get("TOYVM_SWAP_HISTORIES", "60")) // 6)

# Borders of stretches: near those of megapages, and anywhere.
borders = st.one_of(
    st.sampled_from([0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, PAGES]), st.integers(0, PAGES)
)
seeds = st.integers(0, 1 << 30)
Space = tuple[AddressSpace, dict[int, tuple[int, bytes]]]  # by page: protection, and the first eight bytes


class Megapages(RuleBasedStateMachine):
    """One machine that gives megapages to everybody."""

    @initialize(policy=st.sampled_from(RECLAIM_POLICIES))
    def machine(self, policy: str) -> None:
        memory = PhysicalMemory(FRAMES * PAGE)
        self.time = self.writes = 0
        limits = Limits(reclaim=policy, swap=5000 * PAGE, thp="always")
        self.system = MemorySystem(memory, None, Bus(), lambda: self.time, limits)
        self.spaces: list[Space] = [(AddressSpace(self.system), {})]
        self.peaks = Peaks(self.system)
        self.peaks.watch(self.spaces[0][0])
        self.mmap(0, 0, PAGES)
        self.fill(0, 0, PAGES, 1)

    def space(self, seed: int) -> Space:
        return self.spaces[seed % len(self.spaces)]

    def step(self) -> None:
        self.time += 300_000
        if self.system.frames.free < self.system.low:
            self.system.balance(KERNEL)

    @rule(seed=seeds, one=borders, other=borders)
    def mmap(self, seed: int, one: int, other: int) -> None:
        mm, model = self.space(seed)
        first, end = sorted((one, other))
        if first < end:
            mm.mmap(ARENA + first * PAGE, (end - first) * PAGE, RW, fixed=True)
            model.update(dict.fromkeys(range(first, end), (RW, bytes(8))))
        self.step()

    @rule(seed=seeds, one=borders, other=borders)
    def munmap(self, seed: int, one: int, other: int) -> None:
        mm, model = self.space(seed)
        first, end = sorted((one, other))
        if first < end:
            mm.munmap(ARENA + first * PAGE, (end - first) * PAGE)
            for page in range(first, end):
                model.pop(page, None)
        self.step()

    @rule(seed=seeds, one=borders, other=borders, prot=st.sampled_from((0, PROT_READ, RW)))
    def mprotect(self, seed: int, one: int, other: int, prot: int) -> None:
        mm, model = self.space(seed)
        first, end = sorted((one, other))
        mapped = list(takewhile(model.__contains__, range(first, end)))
        try:
            mm.mprotect(ARENA + first * PAGE, (end - first) * PAGE, prot)
        except OSError:
            assert len(mapped) < end - first
        for page in mapped:
            model[page] = prot, model[page][1]
        self.step()

    @rule(
        seed=seeds,
        one=borders,
        other=borders,
        advice=st.sampled_from(
            (MADV_DONTNEED, MADV_COLD, MADV_PAGEOUT, MADV_MERGEABLE, MADV_NOHUGEPAGE, MADV_HUGEPAGE)
        ),
    )
    def madvise(self, seed: int, one: int, other: int, advice: int) -> None:
        mm, model = self.space(seed)
        first, end = sorted((one, other))
        if all(page in model for page in range(first, end)):
            madvise(mm, ARENA + first * PAGE, (end - first) * PAGE, advice)
            if advice == MADV_DONTNEED:
                model.update({page: (model[page][0], bytes(8)) for page in range(first, end)})
        self.step()

    @rule(seed=seeds, one=borders, other=borders, off=st.integers(0, 1))
    def move(self, seed: int, one: int, other: int, off: int) -> None:
        """To another place, where megapages can be, or cannot, and back again."""
        mm, _ = self.space(seed)
        first, end = sorted((one, other))
        area = mm.vmas.find(ARENA + first * PAGE)
        if first == end or area is None or area.end < ARENA + end * PAGE:
            return
        start, size = ARENA + first * PAGE, (end - first) * PAGE
        away = mremap(mm, start, size, size, may_move=True, target=start + 8 * MEGAPAGE_SIZE + off * PAGE)
        mremap(mm, away, size, size, may_move=True, target=start)
        self.step()

    @rule(seed=seeds, one=borders, other=borders, stride=st.sampled_from((1, 7, 100)))
    def fill(self, seed: int, one: int, other: int, stride: int) -> None:
        mm, model = self.space(seed)
        self.writes += 1
        data = self.writes.to_bytes(8, "little")
        for number in range(*sorted((one, other)), stride):
            va = ARENA + number * PAGE
            prot = model[number][0] if number in model else 0
            if prot == RW:
                mm.write(va, data)
                model[number] = RW, data
            elif number % 10 == 0:
                with pytest.raises(Fault):
                    mm.write(va, data)
        self.step()

    @rule(seed=seeds, one=borders, other=borders, stride=st.sampled_from((1, 7, 100)))
    def read(self, seed: int, one: int, other: int, stride: int) -> None:
        mm, model = self.space(seed)
        for number in range(*sorted((one, other)), stride):
            prot, data = model.get(number, (0, b""))
            if prot:
                assert mm.read(ARENA + number * PAGE, 8) == data
        self.step()

    @precondition(lambda self: len(self.spaces) < MOST_SPACES)
    @rule(seed=seeds)
    def fork(self, seed: int) -> None:
        mm, model = self.space(seed)
        self.spaces.append((mm.fork(), model.copy()))
        self.peaks.watch(self.spaces[-1][0])
        self.step()

    @precondition(lambda self: len(self.spaces) > 1)
    @rule(seed=seeds)
    def exit(self, seed: int) -> None:
        mm, _ = self.spaces.pop(seed % len(self.spaces))
        mm.release()
        self.step()

    @rule(count=st.integers(1, BLOCK))
    def pressure(self, count: int) -> None:
        self.system.recent.clear()
        self.system.reclaimer.shrink(KERNEL, count)

    @rule(policy=st.sampled_from(("always", "madvise", "never")))
    def enable(self, policy: str) -> None:
        self.system.frames.megapages.enabled = policy

    @rule(seed=seeds, one=borders)
    def lazily_free(self, seed: int, one: int) -> None:
        """The pages may be forgotten, so their contents are said anew at once."""
        mm, model = self.space(seed)
        if one in model and model[one][0] == RW:
            madvise(mm, ARENA + one * PAGE, PAGE, MADV_FREE)
            mm.write(ARENA + one * PAGE, model[one][1])
        self.step()

    @invariant()
    def counted_again(self) -> None:
        if hasattr(self, "spaces"):
            check_references(self.system)
            check_shares(self.system)
            check_translations(self.system.spaces)
            self.peaks.check()

    @invariant()
    def megapages(self) -> None:
        """The entry and the table set aside with it."""
        if not hasattr(self, "spaces"):
            return
        found = Counter[int]()
        u64 = self.system.memory.u64
        for mm, _ in self.spaces:
            for key, slot in mm.table.megapages.items():
                pte, base = u64[slot], mm.table.leaves[key]
                assert slot == (mm.table._middles[key >> 9] << 9) + (key & 511)
                pages = u64[base : base + BLOCK].tolist()
                assert [page & ~(PTE_A | PTE_D) for page in pages] == [
                    (pte & ~(PTE_A | PTE_D)) + (n << 10) for n in range(BLOCK)
                ]
                area = mm.vmas.find(key * MEGAPAGE_SIZE)
                assert area is not None and area.end >= (key + 1) * MEGAPAGE_SIZE
                assert bool(pte & PTE_V) == bool(area.prot)
                found[pte_frame(pte)] += 1
            for access, known in mm.mmu.tlb.megapages.items():
                needs = access | PTE_A | PTE_V | (PTE_D if access == Access.WRITE else 0)
                for key, delta in known.items():
                    base = mm.table.leaves[key]
                    mm.table.entry(key * MEGAPAGE_SIZE)  # brings A and D over
                    for number, page in enumerate(u64[base : base + BLOCK].tolist()):
                        va = key * MEGAPAGE_SIZE + number * PAGE
                        assert page & needs == needs and pte_frame(page) * PAGE == va + delta
            for key in mm.table.leaves.keys() - mm.table.megapages.keys():
                entry = u64[(mm.table._middles[key >> 9] << 9) + (key & 511)]
                assert entry == mm.table.leaves[key] >> 9 << 10 | PTE_V
        assert self.system.frames.megapages.tables == found
        frames = self.system.frames
        free = [*frames._freed[: frames._words[0]]]
        assert len({*free}) == len(free) and not any(frames.refs[frame] for frame in free)
        for first in frames._blocks:
            assert not any(frames.refs[first : first + BLOCK]) and not {frame & -BLOCK for frame in free} & {
                first
            }

    def teardown(self) -> None:
        for mm, model in getattr(self, "spaces", ()):
            for number, (prot, data) in model.items():
                if prot:
                    assert mm.read(ARENA + number * PAGE, 8) == data
            mm.release()
        if hasattr(self, "spaces"):
            self.spaces = []
            check_references(self.system)
            assert self.system.swap is not None
            assert self.system.frames.used == 0 and self.system.swap.used == 0


TestMegapages = Megapages.TestCase
TestMegapages.settings = settings(
    max_examples=HISTORIES,
    stateful_step_count=30,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
