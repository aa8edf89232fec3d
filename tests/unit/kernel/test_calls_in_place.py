"""System calls made, and file pages mapped, in the middle of a run: times, counts, events and results are those of traps."""

from __future__ import annotations

import pytest

from tests.unit.kernel.test_faults_in_place import history
from toyvm.engines.checking.walk_engine import WalkEngine
from toyvm.engines.llvm.llvm_engine import LlvmEngine
from toyvm.engines.llvm.tiers import EAGER
from toyvm.engines.llvm.translator import Translator, unavailable
from toyvm.engines.python.reference_engine import ReferenceEngine
from toyvm.machine.physical_memory import PhysicalMemory

# Two processes hand a byte round through two pipes. In between: calls one after the other without an instruction,
# clocks, a sleep, a call that fails and one that there is not, and a yield.
CALLS = """
_start: addi    sp, sp, -64
        mv      a0, sp
        li      a1, 0
        sys     59                      # pipe2
        addi    a0, sp, 8
        li      a1, 0
        sys     59
        li      a0, 17
        li      a1, 0
        sys     220                     # clone: fork
        mv      s1, a0
        li      s2, 25
1:      sys     172                     # getpid
        add     s3, s3, a0
        li      a7, 172
        ecall
        ecall
        ecall
        bnez    s1, 2f
        lw      a0, 0(sp)
        addi    a1, sp, 16
        li      a2, 1
        sys     63                      # read
        lw      a0, 12(sp)
        addi    a1, sp, 16
        li      a2, 1
        sys     64                      # write
        j       3f
2:      lw      a0, 4(sp)
        addi    a1, sp, 16
        li      a2, 1
        sys     64
        lw      a0, 8(sp)
        addi    a1, sp, 16
        li      a2, 1
        sys     63
3:      lb      t0, 16(sp)
        addi    t0, t0, 1
        sb      t0, 16(sp)
        li      a0, 1
        addi    a1, sp, 24
        sys     113                     # clock_gettime
        ld      t1, 32(sp)
        add     s3, s3, t1
        rdtime  t1
        xor     s3, s3, t1
        li      a0, 99
        sys     57                      # close: EBADF
        add     s3, s3, a0
        sys     5000                    # ENOSYS
        andi    t0, s2, 7
        bnez    t0, 4f
        sd      zero, 24(sp)
        li      t0, 500
        sd      t0, 32(sp)
        addi    a0, sp, 24
        li      a1, 0
        sys     101                     # nanosleep
        sys     124                     # sched_yield
4:      addi    s2, s2, -1
        bnez    s2, 1b
        beqz    s1, 5f
        li      a0, -1
        li      a1, 0
        li      a2, 0
        li      a3, 0
        sys     260                     # wait4
5:      andi    a0, s3, 0x7f
        sys     93
"""

# A file in memory is mapped, shared and private, and read forwards, backwards and again, while it changes its size.
FILES = """
.equ    PAGES, 24
_start: addi    sp, sp, -16
        sd      zero, 0(sp)
        mv      a0, sp
        li      a1, 0
        sys     279                     # memfd_create
        mv      s0, a0
        li      s5, 3
again:  mv      a0, s0
        li      a1, PAGES * 4096
        sys     46                      # ftruncate
        li      s4, 1                   # MAP_SHARED, then MAP_PRIVATE
each:   li      a0, 0
        li      a1, PAGES * 4096
        li      a2, 3
        mv      a3, s4
        mv      a4, s0
        li      a5, 0
        sys     222                     # mmap
        mv      s1, a0
        mv      t0, s1
        li      t1, PAGES
        li      t3, 4096
1:      ld      t2, 8(t0)
        add     s3, s3, t2
        add     t0, t0, t3
        addi    t1, t1, -1
        bnez    t1, 1b
        sd      t0, 8(s1)
        li      t1, 9
2:      sub     t0, t0, t3
        ld      t2, 8(t0)
        sd      t1, 8(t0)
        add     s3, s3, t2
        addi    t1, t1, -1
        bnez    t1, 2b
        mv      a0, s0
        li      a1, 7 * 4096 + 100
        sys     46                      # its pages from the eighth on are gone
        mv      a0, s0
        li      a1, PAGES * 4096
        sys     46
        mv      t0, s1
        li      t1, PAGES
        li      t3, 4096
3:      ld      t2, 8(t0)
        add     s3, s3, t2
        add     t0, t0, t3
        addi    t1, t1, -1
        bnez    t1, 3b
        mv      a0, s1
        li      a1, 5 * 4096
        sys     215                     # munmap a part, and then all
        mv      a0, s1
        li      a1, PAGES * 4096
        sys     215
        addi    s4, s4, 1
        li      t0, 3
        bne     s4, t0, each
        addi    s5, s5, -1
        bnez    s5, again
        andi    a0, s3, 0x7f
        sys     93
"""


@pytest.mark.parametrize("program", [CALLS, FILES], ids=["calls", "files"])
@pytest.mark.parametrize("quantum", [3, 50, 10_000])
@pytest.mark.parametrize("events", [False, True])
def test_the_place_changes_nothing(program: str, quantum: int, events: bool) -> None:
    expected = history(WalkEngine, quantum, events, program=program)
    assert (
        history(lambda memory: ReferenceEngine(memory, hot=5), quantum, events, program=program) == expected
    )
    if not unavailable():
        translator = Translator(folder=None)

        def llvm(memory: PhysicalMemory) -> LlvmEngine:
            translator.forget()
            return LlvmEngine(memory, translator=translator, thresholds=EAGER)

        assert history(llvm, quantum, events, program=program) == expected
