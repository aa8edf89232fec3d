"""Wild system calls: any number, any arguments. The kernel answers with an errno, never with an exception of the host,
never with more host memory than it was given, and every frame comes back at the end."""

from __future__ import annotations

import resource

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.kernel.guest import Guest
from toyvm.kernel.lifecycle import kill_all
from toyvm.kernel.process import State
from toyvm.kernel.syscalls import dispatch
from toyvm.kernel.syscalls.table import TABLE
from toyvm.kernel.vfs.vfs import Vfs
from toyvm.machine.memory import PAGE_SIZE

dispatch.find(-1)
NUMBERS = sorted(TABLE)
SCRATCH = Guest(1 << 20).scratch

_SMALL = [0, 1, 2, 3, 4, 8, 16, 17, 0x21, 0x22, 0x32, 64, 4095, 4096, 4097, 1 << 16]
_LARGE = [1 << 31, (1 << 31) - 1, (1 << 32) - 1, 1 << 38, (1 << 38) - 4096, 1 << 60, 1 << 63]
_MINUS = [(1 << 64) - n for n in (1, 100, 4096)]
edges = st.sampled_from(_SMALL + _LARGE + _MINUS)
near_scratch = st.integers(SCRATCH - 2 * PAGE_SIZE, SCRATCH + 18 * PAGE_SIZE)
in_scratch = st.integers(0, 0x3FFF).map(lambda offset: SCRATCH + (offset & ~7))
words = st.one_of(edges, near_scratch, in_scratch, st.integers(0, 130), st.integers(0, (1 << 64) - 1))
calls = st.tuples(
    st.one_of(st.sampled_from(NUMBERS), st.sampled_from(NUMBERS), st.integers(0, 600)),
    st.tuples(words, words, words, words, words, words),
)
_PATHS = [b"", b"/tmp/a\0", b"/proc/self/maps\0", b"..\0", b"/dev/full\0", b"/bin/test\0"]
_BYTES = [
    b"\xff" * 64,
    bytes(range(256)),
    SCRATCH.to_bytes(8, "little") * 8,
    (1 << 62).to_bytes(8, "little") * 8,
]
fillings = st.sampled_from(_PATHS + _BYTES)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(fillings, calls), min_size=20, max_size=40))
def test_wild_calls_never_leave_the_kernel(steps: list[tuple[bytes, tuple[int, tuple[int, ...]]]]) -> None:
    guest = Guest(2 << 20, vfs=Vfs.sandbox(None, memfs_bytes=4 << 20))
    kernel = guest.kernel
    assert guest.scratch == SCRATCH
    before = _peak()
    for filling, (number, args) in steps:
        process = guest.process
        if not process.alive:
            break
        try:
            process.mm.write(SCRATCH, filling)
        except OSError:
            pass  # the guest has unmapped it
        process.hart.pc = 0x10000
        result = guest.call(number, *args)
        assert result is None or -(1 << 63) <= result < 1 << 63
        if process.state in (State.BLOCKED, State.STOPPED):  # nobody will wake it: make the next call anyway
            process.state = State.RUNNABLE
            process.in_call = False
    assert _peak() - before < 200_000  # KiB
    kill_all(kernel)
    kernel.system.cache.drop()
    assert kernel.frames.used == 0
