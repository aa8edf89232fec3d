"""Random histories of processes, played by a guest program on both engines in a memory so small that everything swaps.

`TOYVM_HISTORIES=5000` asks for that many; the suite makes do with fewer. A history is made against a plain dictionary of pages
(`model`), which says what every load, store and system call must answer (`script`); the guest carries it out, and after each answer all
references are counted again from the tables (`machine`). Both engines must come to the same counts of everything.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.histories.machine import ENGINES, play
from tests.histories.model import PAGE
from tests.histories.script import (
    ADD,
    ADVICE,
    ARENA,
    FILE_PAGES,
    FILES,
    KINDS,
    MERGEABLE,
    PAGES,
    PROTECTIONS,
    RW,
    SLOTS,
    SWAP,
    Script,
)
from toyvm.engines.llvm.translator import unavailable
from toyvm.run_options import RECLAIM_POLICIES, Limits

HISTORIES = int(os.environ.get("TOYVM_HISTORIES", "20"))
STEPS = 40
FRAMES = {"static": 56, "dynamic": 88}
SWAP_PAGES = 1000

pages = st.integers(ARENA, ARENA + PAGES - 1)
lengths = st.integers(1, 6)
words = st.integers(0, PAGE // 8 - 1)
numbers = st.integers(0, (1 << 64) - 1)
files = st.integers(0, FILES - 1)


class Histories(RuleBasedStateMachine):
    """The rules write the script; it is played at the end."""

    @initialize(
        policy=st.sampled_from(RECLAIM_POLICIES),
        readahead=st.sampled_from((1, 4, 8)),
        ksm=st.sampled_from((0, 100)),
        around=st.sampled_from((1, 4)),
        linkage=st.sampled_from(("static", "static", "static", "dynamic")),
    )
    def machine(self, policy: str, readahead: int, ksm: int, around: int, linkage: str) -> None:
        self.limits = Limits(
            swap=SWAP_PAGES * PAGE,
            swap_readahead=readahead,
            reclaim=policy,
            ksm=ksm,
            fault_around=around,
        )
        self.linkage = linkage
        self.script = Script()
        self.script.mmap(ARENA, PAGES - 12, "anonymous", RW)
        self.script.mmap(ARENA + PAGES - 12, 6, "shm", RW)
        self.script.mmap(ARENA + PAGES - 6, 6, "shared file", RW)
        self.script.fill(ARENA * PAGE, PAGES, PAGE + 8, 1)

    def somewhere(self, first: int, far: int) -> int:
        """`first`, or mostly a page that is mapped."""
        mapped = sorted(self.script.now.pages)
        return mapped[first % len(mapped)] if far and mapped else first

    @rule(
        first=pages,
        count=lengths,
        kind=st.sampled_from(KINDS),
        prot=st.sampled_from((RW, RW, *PROTECTIONS)),
        populate=st.booleans(),
        file=files,
    )
    def mmap(self, first: int, count: int, kind: str, prot: int, populate: bool, file: int) -> None:
        self.script.mmap(first, count, kind, prot, populate=populate, file=file)

    @rule(first=pages, count=lengths)
    def munmap(self, first: int, count: int) -> None:
        self.script.munmap(first, count)

    @rule(first=pages, count=lengths, prot=st.sampled_from(PROTECTIONS))
    def mprotect(self, first: int, count: int, prot: int) -> None:
        self.script.mprotect(first, count, prot)

    @rule(first=pages, count=lengths, advice=st.sampled_from(ADVICE))
    def madvise(self, first: int, count: int, advice: int) -> None:
        self.script.madvise(first, count, advice)

    @rule(first=pages, count=lengths, new=lengths)
    def resize(self, first: int, count: int, new: int) -> None:
        self.script.resize(first, count, new)

    @rule(first=pages, count=lengths, new=lengths, to=pages, keep=st.booleans())
    def move(self, first: int, count: int, new: int, to: int, keep: bool) -> None:
        self.script.move(first, count, new, to, keep=keep)

    @rule(first=pages, count=lengths)
    def msync(self, first: int, count: int) -> None:
        self.script.msync(first, count)

    @rule(first=pages, count=st.integers(1, 2), locked=st.booleans())
    def lock(self, first: int, count: int, locked: bool) -> None:
        if locked:
            self.script.lock(first, count)
        else:
            self.script.unlock(first, count)

    @rule(
        first=pages,
        at=words,
        count=st.integers(1, 64),
        stride=st.sampled_from((8, 512, PAGE, PAGE + 8)),
        value=numbers,
        far=st.integers(0, 3),
    )
    def fill(self, first: int, at: int, count: int, stride: int, value: int, far: int) -> None:
        if stride >= PAGE:
            count = count % PAGES + 1
        self.script.fill(self.somewhere(first, far) * PAGE + 8 * at, count, stride, value)

    @rule(first=pages, count=lengths)
    def equal(self, first: int, count: int) -> None:
        """Equal pages are what same-page merging looks for."""
        self.script.mmap(first, count, "anonymous", RW)
        self.script.madvise(first, count, MERGEABLE)
        for n in range(first, first + count):
            self.script.fill(n * PAGE, 1, 8, 7)

    @rule(
        first=pages,
        to=pages,
        at=st.integers(0, PAGE - 1),
        where=st.integers(0, PAGE - 1),
        count=st.integers(1, 100),
    )
    def copy(self, first: int, to: int, at: int, where: int, count: int) -> None:
        self.script.copy(self.somewhere(to, 1) * PAGE + where, self.somewhere(first, 1) * PAGE + at, count)

    @rule(first=pages, at=words, value=numbers, what=st.sampled_from((ADD, SWAP)))
    def atomic(self, first: int, at: int, value: int, what: int) -> None:
        self.script.atomic(what, self.somewhere(first, 1) * PAGE + 8 * at, value)

    @rule(first=pages, at=words, number=st.integers(0, 2047))
    def code(self, first: int, at: int, number: int) -> None:
        self.script.code(self.somewhere(first, 1) * PAGE + 8 * at, number)

    @rule(first=pages)
    def read(self, first: int) -> None:
        self.script.read(first)

    @rule()
    def read_all(self) -> None:
        self.script.read_all()

    @rule(file=files, size=st.integers(0, FILE_PAGES + 2))
    def truncate(self, file: int, size: int) -> None:
        self.script.truncate(file, size)

    @rule(
        file=files,
        offset=st.integers(0, FILE_PAGES * PAGE),
        first=pages,
        at=st.integers(0, PAGE - 1),
        count=st.integers(1, PAGE),
        out=st.booleans(),
    )
    def transfer(self, file: int, offset: int, first: int, at: int, count: int, out: bool) -> None:
        """read(2) and write(2): the kernel's own access."""
        act = self.script.pwrite if out else self.script.pread
        act(file, offset, self.somewhere(first, 1) * PAGE + at, count)

    @rule()
    def fork(self) -> None:
        self.script.fork()

    @precondition(lambda self: len(self.script.processes) > 1)
    @rule(slot=st.integers(0, SLOTS - 1))
    def turn(self, slot: int) -> None:
        self.script.pass_turn(slot)

    @precondition(lambda self: len(self.script.processes) > 1)
    @rule(status=st.sampled_from((0, 3, -1)))
    def exit(self, status: int) -> None:
        self.script.exit(status)

    @rule(count=st.integers(1, max(FRAMES.values())))
    def pressure(self, count: int) -> None:
        self.script.pressure(count)

    def teardown(self) -> None:
        if not hasattr(self, "script"):
            return
        self.script.finish()
        counts = [
            play(self.script, engine, self.linkage, FRAMES[self.linkage], self.limits) for engine in ENGINES
        ]
        assert all(count == counts[0] for count in counts)


@pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "LLVM is here")
class TestHistories(Histories.TestCase):  # type: ignore[name-defined,misc]  # made as hypothesis makes it, at run time
    settings = settings(
        max_examples=HISTORIES,
        stateful_step_count=STEPS,
        deadline=None,
        phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
