"""Page faults resolved in the middle of a run leave no trace of where they were resolved: times, counts, events, results."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.guest_kernel import build
from toyvm.base.events import Bus, ContextSwitch, CowFault, Event, PageFault, ProcessExited
from toyvm.engines.checking.walk_engine import WalkEngine
from toyvm.engines.engine import Engine
from toyvm.engines.llvm.llvm_engine import LlvmEngine
from toyvm.engines.llvm.tiers import EAGER
from toyvm.engines.llvm.translator import Translator, unavailable
from toyvm.engines.python.reference_engine import ReferenceEngine
from toyvm.kernel.kernel import Kernel
from toyvm.kernel.vfs.path_walk import Vfs
from toyvm.machine.physical_memory import PhysicalMemory
from toyvm.run_options import Limits

# Two processes touch pages in turn: demand zero, stores across a border, copy-on-write, an atomic operation, lr and sc;
# the child reads what is not mapped and dies of it.
PROGRAM = """
.data
.dword 1
.bss
.balign 4096
area:   .zero   48 * 4096
.text
_start: la      s0, area
        jal     touch
        li      a0, 17
        li      a1, 0
        sys     220                     # clone: fork
        mv      s1, a0
        jal     touch
        li      t0, 4096
        add     t1, s0, t0
        sd      t0, -4(t1)              # crosses into the next page
        rdtime  s3
        rdinstret s4
        bnez    s1, 1f
        ld      a0, 0(zero)
1:      li      a0, -1
        li      a1, 0
        li      a2, 0
        li      a3, 0
        sys     260                     # wait4
        xor     a0, s3, s4
        andi    a0, a0, 0x3f
        sys     93
touch:  mv      t0, s0
        li      t1, 47 * 4096
        add     t1, t1, s0
2:      sb      t1, 5(t0)
        amoadd.d zero, t1, (t0)
3:      lr.d    t2, (t0)
        addi    t2, t2, 1
        sc.d    t3, t2, (t0)
        bnez    t3, 3b
        li      t2, 4096
        add     t0, t0, t2
        bltu    t0, t1, 2b
        ret
"""


def history(
    make: Callable[[PhysicalMemory], Engine],
    quantum: int,
    events: bool,
    ask: bool = True,
    program: str = PROGRAM,
) -> object:
    bus = Bus()
    seen: list[Event] = []
    if events:
        for kind in (PageFault, CowFault, ContextSwitch, ProcessExited):
            bus.subscribe(kind, seen.append)
    vfs = Vfs.sandbox(None)
    vfs.add_file("/bin/test", build(program))
    limits = Limits(max_instructions=1_000_000, quantum=quantum)
    kernel = Kernel(2 << 20, make, vfs, bus, limits=limits)
    assert kernel.engine is not None
    if not ask:
        run = kernel.engine.run
        kernel.engine.run = lambda hart, budget, on_fault=None: run(hart, budget)  # type: ignore[method-assign]  # replaced for the test
    kernel.spawn("/bin/test", ["test"])
    status = kernel.run()
    stats = kernel.stats
    counts = [(c.instructions, c.context_switches, dict(c.faults)) for c in stats.processes.values()]
    kernel.system.cache.drop()
    assert kernel.frames.used == 0
    return status, counts, stats.virtual_ns, stats.frames_peak, seen, stats.syscalls, stats.calls


@pytest.mark.parametrize("quantum", [3, 50, 10_000])
@pytest.mark.parametrize("events", [False, True])
def test_asking_changes_nothing(quantum: int, events: bool) -> None:
    expected = history(WalkEngine, quantum, events)
    assert history(ReferenceEngine, quantum, events, ask=False) == expected
    assert history(lambda memory: ReferenceEngine(memory, hot=5), quantum, events) == expected
    if not unavailable():
        translator = Translator(folder=None)

        def llvm(memory: PhysicalMemory) -> LlvmEngine:
            translator.forget()
            return LlvmEngine(memory, translator=translator, thresholds=EAGER)

        assert history(llvm, quantum, events) == expected
        assert history(llvm, quantum, events, ask=False) == expected
