"""Wild programs: random instructions, many of them valid, with system calls among them. Whatever they do to themselves, the run
ends with a status that a shell knows, the host sees no exception, and every frame comes back."""

from __future__ import annotations

import io

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toyvm.elf import constants as elf
from toyvm.elf.headers import Ehdr, Phdr
from toyvm.engines.reference import ReferenceEngine
from toyvm.isa.table import INSNS
from toyvm.kernel.kernel import Kernel
from toyvm.kernel.limits import Limits
from toyvm.kernel.vfs.vfs import Vfs

BASE = 0x10000
ECALL = 0x73
CALLS = [
    17,
    56,
    57,
    59,
    63,
    64,
    93,
    98,
    101,
    103,
    129,
    134,
    139,
    172,
    214,
    215,
    216,
    220,
    221,
    222,
    226,
    233,
    260,
]


def _li(register: int, value: int) -> int:
    return (value & 0xFFF) << 20 | register << 7 | 0x13  # addi register, x0, value


rows = st.sampled_from(sorted(INSNS))
valid = st.tuples(rows, st.integers(0, (1 << 32) - 1)).map(
    lambda pair: INSNS[pair[0]].match | (pair[1] & ~INSNS[pair[0]].mask & 0xFFFFFFFF)
)
call = st.tuples(
    st.sampled_from(CALLS), st.lists(st.tuples(st.integers(10, 15), st.integers(0, 2047)), max_size=4)
).map(lambda pair: [*(_li(register, value) for register, value in pair[1]), _li(17, pair[0]), ECALL])
programs = st.lists(
    st.one_of(valid.map(lambda w: [w]), call, st.integers(0, (1 << 32) - 1).map(lambda w: [w])), max_size=60
)


def image(words: list[int]) -> bytes:
    """One segment that can be read, written and executed, beginning with the file header."""
    code = b"".join(word.to_bytes(4, "little") for word in words)
    header = Ehdr(elf.ET_EXEC, entry=BASE + 0x100, phoff=64, phentsize=56, phnum=1, shentsize=0).pack()
    size = 0x100 + len(code)
    segment = Phdr(elf.PT_LOAD, elf.PF_R | elf.PF_W | elf.PF_X, 0, BASE, BASE, size, size + 0x2000, 0x1000)
    return (header + segment.pack()).ljust(0x100, b"\0") + code


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(programs)
def test_wild_programs_end_in_order(blocks: list[list[int]]) -> None:
    vfs = Vfs.sandbox(None, memfs_bytes=1 << 20)
    vfs.add_file("/bin/wild", image([word for block in blocks for word in block]))
    err = io.BytesIO()
    limits = Limits(instructions=3000, virtual_seconds=1e6, processes=8, quantum=100)
    kernel = Kernel(1 << 20, ReferenceEngine, vfs, limits=limits, stdout=io.BytesIO(), stderr=err)
    kernel.spawn("/bin/wild", ["wild"])
    status = kernel.run()
    assert 0 <= status <= 255
    assert b"Traceback" not in err.getvalue()
    kernel.system.cache.drop()
    assert kernel.frames.used == 0
