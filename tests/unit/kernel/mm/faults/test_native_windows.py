"""Native code resolves page faults itself, and nobody can tell: frames, entries, references, counts and results are the kernel's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.guest_kernel import build
from toyvm.base.events import Bus, Event, FaultKind, PageFault, ProcessEnding
from toyvm.engines.engine import Engine
from toyvm.engines.llvm.llvm_engine import LlvmEngine
from toyvm.engines.llvm.tiers import EAGER
from toyvm.engines.llvm.translator import Translator, unavailable
from toyvm.engines.python.reference_engine import ReferenceEngine
from toyvm.kernel.kernel import Kernel
from toyvm.kernel.proc.process import Process
from toyvm.kernel.vfs.path_walk import Vfs
from toyvm.machine.frame_table import BIRTHS, FREED, NEXT, PEAK, USED
from toyvm.machine.physical_memory import PhysicalMemory
from toyvm.machine.traps import Trap
from toyvm.run_options import Limits

pytestmark = pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "LLVM is here")

PAGES = 96  # of each area
AREAS = ("area", "other", "mapped")
READ, WRITE, BOTH, ONCE = range(
    4
)  # ONCE: reads that are executed for the first time, so that they are not native
Pass = tuple[int, int, int, int, int]  # area, first page, step, how many pages, kind
passes = st.lists(
    st.tuples(
        st.integers(0, len(AREAS) - 1),
        st.integers(0, 6),
        st.sampled_from([1, 1, 2, 3]),
        st.integers(1, 25),
        st.integers(READ, ONCE),
    ),
    min_size=1,
    max_size=8,
)

# `touch`: a0 address, a1 bytes to the next one, a2 how many, a3 kind. It is called first for what is on the stack anyway, until it
# is native code. The child of a fork makes its passes before and after a fork of its own.
PROGRAM = """
.data
.balign 4096
area:   .zero   {pages} * 4096
.bss
.balign 4096
other:  .zero   {pages} * 4096
.text
_start: li      a0, 0
        li      a1, {pages} * 4096
        li      a2, 3                   # PROT_READ | PROT_WRITE
        li      a3, 0x22                # MAP_PRIVATE | MAP_ANONYMOUS
        li      a4, -1
        li      a5, 0
        sys     222                     # mmap
        mv      s2, a0
        li      s0, 60
1:      addi    a0, sp, -16
        li      a1, 0
        li      a2, 8
        li      a3, 3
        remu    a3, s0, a3
        jal     touch
        addi    s0, s0, -1
        bnez    s0, 1b
        {first}
        jal     fork
        bnez    s1, 2f
        {second}
        jal     fork
2:      {third}
        li      a0, -1
        li      a1, 0
        li      a2, 0
        li      a3, 0
        sys     260                     # wait4
        mv      a0, s3
        sys     93
fork:   li      a0, 17
        li      a1, 0
        sys     220
        mv      s1, a0
        ret
touch:  li      t1, 1
        beq     a3, t1, 4f
        bgtu    a3, t1, 5f
3:      lbu     t0, 9(a0)
        add     s3, s3, t0
        add     a0, a0, a1
        addi    a2, a2, -1
        bnez    a2, 3b
        ret
4:      sb      a2, 9(a0)
        add     a0, a0, a1
        addi    a2, a2, -1
        bnez    a2, 4b
        ret
5:      ld      t0, 8(a0)
        addi    t0, t0, 3
        sd      t0, 8(a0)
        add     a0, a0, a1
        addi    a2, a2, -1
        bnez    a2, 5b
        ret
"""


def calls(made: list[Pass]) -> str:
    """The instructions for some passes."""
    lines = []
    for area, first, step, count, kind in made:
        begin = "mv a0, s2" if AREAS[area] == "mapped" else f"la a0, {AREAS[area]}"
        lines += [begin, f"li t0, {first} * 4096", "add a0, a0, t0"]
        lines += [f"li a1, {step} * 4096", f"li a2, {count}", f"li a3, {kind}"]
        if kind == ONCE:
            lines += ["lbu t0, 9(a0)", "add s3, s3, t0", "add a0, a0, a1"] * count
        else:
            lines.append("jal touch")
    return "\n".join(lines)


def program(first: list[Pass], second: list[Pass], third: list[Pass]) -> bytes:
    """An image that makes passes before a fork, in the child, and in everybody."""
    return build(PROGRAM.format(pages=PAGES, first=calls(first), second=calls(second), third=calls(third)))


class History:
    """What a run has left behind, at the end of each process and of all."""

    def __init__(
        self,
        make: Callable[[PhysicalMemory], Engine],
        image: bytes,
        memory: int,
        *,
        quantum: int = 100_000,
        watched: bool = False,
    ):
        vfs = Vfs.sandbox(None)
        vfs.add_file("/bin/test", image)
        self.asked = 0
        bus = Bus()
        self.events: list[Event] = []
        if watched:
            bus.subscribe(PageFault, self.events.append)
        limits = Limits(max_instructions=1_000_000, quantum=quantum)
        self.kernel = Kernel(memory, make, vfs, bus, limits=limits)
        faults = self.kernel._slices._faults
        ask = faults.resolve

        def asked(trap: Trap, pc: int, instret: int) -> bool:
            self.asked += 1
            return ask(trap, pc, instret)

        faults.resolve = asked  # type: ignore[method-assign]  # of this one object
        self.seen: list[object] = []
        self.last_pc = 0  # of the last fault or system call, as reclaim sees it
        settle = faults.settle

        def settled(instret: int) -> None:
            settle(instret)
            self.last_pc = faults._process.mm.context.pc

        faults.settle = settled  # type: ignore[method-assign]  # of this one object
        self.kernel.bus.subscribe(
            ProcessEnding, lambda event: self.seen.append(self.state(self.kernel.processes[event.pid]))
        )
        self.kernel.spawn("/bin/test", ["test"])
        status = self.kernel.run()
        self.seen.append((status, self.kernel.stats.virtual_ns, self.kernel.stats.instructions))
        self.kernel.system.cache.drop()
        assert self.kernel.frames.used == 0

    def state(self, process: Process) -> object:
        """All that a fault changes."""
        system = self.kernel.system
        table, words = system.frames.table, system.frames.table.words
        return (
            process.pid,
            list(process.hart.x),
            [list(space.table.entries(0, 1 << 38)) for space in system.spaces],
            [dict(space.spans) for space in system.spaces],
            dict(process.counters.faults),
            dict(system.stats.faults),
            table.refs.tolist(),
            table.born.tolist(),
            bytes(table.given),
            table.freed[: words[FREED]].tolist(),
            [words[word] for word in (NEXT, USED, PEAK, BIRTHS)],
            list(system.recent),
            (process.mm.context.pid, self.last_pc),
        )


@pytest.fixture(scope="module")
def llvm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[PhysicalMemory], LlvmEngine]]:
    """Engines that share one translator."""
    translator = Translator(str(tmp_path_factory.mktemp("native")))

    def make(memory: PhysicalMemory) -> LlvmEngine:
        translator.forget()
        return LlvmEngine(memory, translator=translator, thresholds=EAGER)

    yield make


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(
    first=passes,
    second=passes,
    third=passes,
    memory=st.sampled_from([1 << 20, 4 << 20]),
    quantum=st.sampled_from([300, 100_000]),
)
def test_nobody_can_tell(
    llvm: Callable[[PhysicalMemory], LlvmEngine],
    first: list[Pass],
    second: list[Pass],
    third: list[Pass],
    memory: int,
    quantum: int,
) -> None:
    image = program(first, second, third)
    ours, theirs = (History(make, image, memory, quantum=quantum) for make in (llvm, ReferenceEngine))
    assert ours.seen == theirs.seen


ALL: list[Pass] = [(area, 0, 1, PAGES, BOTH) for area in range(len(AREAS))]


@pytest.mark.parametrize("area", range(len(AREAS)))
@pytest.mark.parametrize("again", [READ, ONCE])
@pytest.mark.parametrize("step", [1, 2])
def test_copies_are_read_after_what_they_were_copied_of(
    llvm: Callable[[PhysicalMemory], LlvmEngine], area: int, again: int, step: int
) -> None:
    """What the TLB, a range or a run of pages knew before the copy is forgotten."""
    count = PAGES // step
    reads: Pass = (area, 0, 1, PAGES, again)
    made: list[Pass] = [reads, (area, 0, step, count, WRITE), reads, reads]
    first: list[Pass] = [(area, 0, 1, PAGES, BOTH)]
    image = program(first, made, [*made, (area, 3, 1, 8, READ)])
    assert History(llvm, image, 4 << 20).seen == History(ReferenceEngine, image, 4 << 20).seen


def test_the_kernel_is_seldom_asked(llvm: Callable[[PhysicalMemory], LlvmEngine]) -> None:
    """Of some 200 first touches and 400 copies, only those that begin something new are the kernel's, and what a file has."""
    ran = History(llvm, program(ALL, ALL, []), 8 << 20)
    faults = ran.kernel.stats.faults
    assert faults[FaultKind.COW] >= 3 * PAGES and faults[FaultKind.DEMAND_ZERO] >= 2 * PAGES
    assert ran.asked < faults[FaultKind.FILE_MAJOR] + faults[FaultKind.FILE_MINOR] + 20


def test_whoever_wants_to_see_faults_sees_each(llvm: Callable[[PhysicalMemory], LlvmEngine]) -> None:
    """An event for each fault, and the run is the same."""
    image = program(ALL, ALL, ALL)
    watched, alone = (History(llvm, image, 8 << 20, watched=watched) for watched in (True, False))
    assert len(watched.events) == watched.kernel.stats.page_faults and watched.seen == alone.seen
