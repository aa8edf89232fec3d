"""System calls made, and file pages mapped, in the middle of a run: times, counts, events and results are those of traps."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.unit.kernel.test_faults_in_place import history
from toyvm.base.record import replace
from toyvm.engines.checking.walk_engine import WalkEngine
from toyvm.engines.llvm.interp.interpreting_engine import InterpretingEngine
from toyvm.engines.llvm.llvm_engine import LlvmEngine
from toyvm.engines.llvm.tiers import EAGER
from toyvm.engines.llvm.translator import Translator, unavailable
from toyvm.engines.python.reference_engine import ReferenceEngine
from toyvm.kernel.proc.kernel_state import KernelState
from toyvm.kernel.proc.process import Process
from toyvm.kernel.quick_calls import QUICK
from toyvm.machine.physical_memory import PhysicalMemory

if TYPE_CHECKING:
    from toyvm.kernel.quick_calls import Quick

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

# Two threads hand a word to each other by futexes, with waits that fail, wake-ups of nobody, and a pipe that fills.
THREADS = """
.bss
.balign 16
word:   .zero   8
done:   .zero   8
fds:    .zero   8
buffer: .zero   5000
.balign 16
stack:  .zero   4096
top:
.text
_start: la      s0, word
        la      s4, buffer
        la      a0, fds
        li      a1, 0
        sys     59                      # pipe2
        lw      s5, fds
        lw      s6, fds + 4
        li      a0, 0x50f00             # CLONE_VM, FS, FILES, SIGHAND, THREAD, SYSVSEM
        la      a1, top
        li      a2, 0
        li      a3, 0
        li      a4, 0
        sys     220                     # clone
        seqz    s1, a0                  # the first thread has 0
        li      s2, 40
1:      mv      a0, s0
        li      a1, 129
        li      a2, 1
        sys     98                      # FUTEX_WAKE | PRIVATE
        add     s3, s3, a0
        lw      t0, (s0)
        beq     t0, s1, 2f
        mv      a0, s0
        li      a1, 128
        addi    a2, s1, 7
        li      a3, 0
        sys     98                      # FUTEX_WAIT: EAGAIN
        add     s3, s3, a0
        mv      a0, s0
        li      a1, 137
        xori    a2, s1, 1
        li      a3, 0
        li      a5, 3
        sys     98                      # FUTEX_WAIT_BITSET
        add     s3, s3, a0
        j       1b
2:      mv      a0, s6
        mv      a1, s4
        li      a2, 2500
        bnez    s1, 3f
        sys     64                      # write: the pipe is never empty for long
        j       4f
3:      mv      a0, s5
        sys     63                      # read
4:      add     s3, s3, a0
        xori    t0, s1, 1
        sw      t0, (s0)
        addi    s2, s2, -1
        bnez    s2, 1b
        mv      a0, s0
        li      a1, 129
        li      a2, 9
        sys     98
        la      t0, done
        li      t1, 1
        amoadd.w t1, t1, (t0)
        bnez    t1, 5f
        li      a0, 0
        sys     93                      # exit of one thread
5:      andi    a0, s3, 0x7f
        sys     94                      # exit_group
"""

# A process fills a pipe in pieces of 1,500 bytes, and another one empties it in pieces of 4,000.
FULL = """
.data
buffer: .zero   4096
.text
_start: addi    sp, sp, -16
        mv      a0, sp
        li      a1, 0
        sys     59                      # pipe2
        li      a0, 17
        li      a1, 0
        sys     220                     # clone: fork
        mv      s1, a0
        la      s4, buffer
        bnez    s1, 2f
        lw      a0, 0(sp)
        sys     57                      # close
        li      s2, 90
1:      lw      a0, 4(sp)
        mv      a1, s4
        li      a2, 1500
        sys     64                      # write
        add     s3, s3, a0
        addi    s2, s2, -1
        bnez    s2, 1b
        j       4f
2:      lw      a0, 4(sp)
        sys     57
3:      lw      a0, 0(sp)
        mv      a1, s4
        li      a2, 4000
        sys     63                      # read
        add     s3, s3, a0
        bnez    a0, 3b
4:      srli    a0, s3, 3
        andi    a0, a0, 0x7f
        sys     93
"""

# Anonymous memory of one to nine pages, touched, unmapped in parts and as a whole, also after a fork and over holes.
MAPS = """
.bss
.balign 8
kept:   .zero   64
.text
_start: li      s2, 60
        la      s4, kept
1:      li      t0, 9
        rem     s5, s2, t0
        addi    s5, s5, 1
        slli    s5, s5, 12              # length
        li      a0, 0
        mv      a1, s5
        li      a2, 3
        li      a3, 0x22
        li      a4, -1
        li      a5, 0
        sys     222                     # mmap
        mv      s6, a0
        xor     s3, s3, a0
        sd      s2, 16(a0)              # a write of the first page, a read of the last
        add     t1, a0, s5
        ld      t2, -8(t1)
        add     s3, s3, t2
        andi    t0, s2, 7
        slli    t0, t0, 3
        add     s7, s4, t0
        ld      s8, (s7)                # the mapping eight ago
        sd      s6, (s7)
        beqz    s8, 2f
        ld      t0, 16(s8)
        add     s3, s3, t0
        li      t1, 4096
        add     a0, s8, t1
        li      a1, 4096
        sys     215                     # munmap the second page, which may be another mapping's
        mv      a0, s8
        li      a1, 100
        sys     215                     # and the first
        xor     s3, s3, a0
        addi    a0, s8, 4
        li      a1, 4096
        sys     215                     # EINVAL
        add     s3, s3, a0
2:      li      t0, 30
        bne     s2, t0, 3f
        li      a0, 17
        li      a1, 0
        sys     220                     # clone: fork
        add     s3, s3, a0
3:      mv      t0, s4                  # memory that is still mapped, before and after the fork
        sd      s3, 24(s6)
        addi    s2, s2, -1
        bnez    s2, 1b
        li      a0, 0
        li      a1, -1
        sys     215                     # EINVAL
        srli    a0, s3, 12
        andi    a0, a0, 0x7f
        sys     93
"""

_ALWAYS = replace(EAGER, arrivals=1 << 30)  # no region


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


@pytest.mark.skipif(bool(unavailable()), reason="needs LLVM")
@pytest.mark.parametrize("program", [CALLS, THREADS, FULL, MAPS], ids=["calls", "threads", "full", "maps"])
@pytest.mark.parametrize("quantum", [1, 3, 50, 333, 10_000])
@pytest.mark.parametrize("events", [False, True])
def test_quick_calls_change_nothing(
    program: str, quantum: int, events: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = dict.fromkeys(QUICK, 0)

    def counting(number: int, call: Quick) -> Quick:
        def quick(kernel: KernelState, process: Process, arguments: list[int]) -> int | None:
            result = call(kernel, process, arguments)
            made[number] += result is not None
            return result

        return quick

    for number, call in list(QUICK.items()):
        monkeypatch.setitem(QUICK, number, counting(number, call))
    folder = str(Path(os.environ["TOYVM_TEST_SCRATCH"]) / "native")

    def interpreter(memory: PhysicalMemory) -> InterpretingEngine:
        return InterpretingEngine(memory, translator=Translator(folder), thresholds=_ALWAYS, first=0)

    expected = history(ReferenceEngine, quantum, events, program=program)
    assert history(interpreter, quantum, events, program=program) == expected
    if quantum > 100:
        assert sum(made.values()) > 20
