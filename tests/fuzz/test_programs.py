"""Wild programs: random instructions, many of them valid, with system calls among them. Whatever they do to themselves, the run
ends with a status that a shell knows, the host sees no exception, and every frame comes back."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toyvm.base.record import replace
from toyvm.elf import constants as elf
from toyvm.elf.headers import Ehdr, Phdr
from toyvm.engines.checking.lockstep_engine import LockstepEngine
from toyvm.engines.engine import Engine
from toyvm.engines.llvm.translator import Translator, unavailable
from toyvm.engines.python.reference_engine import ReferenceEngine
from toyvm.isa.table import INSNS
from toyvm.kernel.kernel import Kernel
from toyvm.kernel.vfs.path_walk import Vfs
from toyvm.machine.physical_memory import PhysicalMemory
from toyvm.run_options import Limits

BASE = 0x10000
DATA = 0x20000
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
_COMPUTING = [
    name for name in sorted(INSNS) if INSNS[name].format.name in ("R", "I", "I-shift", "S", "R-float")
]
computing = st.tuples(st.sampled_from(_COMPUTING), st.integers(0, (1 << 32) - 1)).map(
    lambda pair: INSNS[pair[0]].match | (pair[1] & ~0xF0080000 | 1 << 18) & ~INSNS[pair[0]].mask & 0xFFFFFFFF
)  # rs1, where there is one, is one of x8 to x15; immediates are below 256
programs = st.lists(
    st.one_of(valid.map(lambda w: [w]), call, st.integers(0, (1 << 32) - 1).map(lambda w: [w])), max_size=60
)


def image(words: list[int], *, writable: bool = True) -> bytes:
    """A segment that can be read and executed, beginning with the file header, and written unless there is another one for data."""
    code = b"".join(word.to_bytes(4, "little") for word in words)
    header = Ehdr(
        elf.ET_EXEC, entry=BASE + 0x100, phoff=64, phentsize=56, phnum=2 - writable, shentsize=0
    ).pack()
    size = 0x100 + len(code)
    flags = elf.PF_R | elf.PF_X | (elf.PF_W if writable else 0)
    segments = Phdr(elf.PT_LOAD, flags, 0, BASE, BASE, size, size + 0x2000, 0x1000).pack()
    if not writable:
        segments += Phdr(elf.PT_LOAD, elf.PF_R | elf.PF_W, 0, DATA, DATA, 0, 0x4000, 0x1000).pack()
    return (header + segments).ljust(0x100, b"\0") + code


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(programs)
def test_wild_programs_end_in_order(blocks: list[list[int]]) -> None:
    end_in_order(
        image([word for block in blocks for word in block]),
        ReferenceEngine,
        Limits(max_instructions=3000, quantum=100),
    )


_TRANSLATOR = Translator(folder=None)


@pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "LLVM is here")
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.one_of(st.one_of(valid, computing).map(lambda w: [w]), call), max_size=30),
    st.integers(0, 1000),
)
def test_wild_loops_are_the_same_on_both_engines(blocks: list[list[int]], seed: int) -> None:
    """Again and again, so that they become native code, with pointers to data in some registers: in lockstep, and the
    processes that they fork interleaved at random. The code cannot be written: what happens without fence.i is open."""
    pointers = [
        INSNS["lui"].encode(rd=register, imm=DATA + 0x1000 * (register & 3)) for register in range(8, 16)
    ]
    words = [*pointers, *(word for block in blocks for word in block)]
    words.append(INSNS["jal"].encode(imm=-4 * len(words)))

    def lockstep(memory: PhysicalMemory) -> LockstepEngine:
        _TRANSLATOR.forget()
        return LockstepEngine(memory, seed, _TRANSLATOR)

    limits = Limits(max_instructions=4000, quantum=500, schedule_seed=seed)
    end_in_order(image(words, writable=False), lockstep, limits)


def end_in_order(program: bytes, engine: Callable[[PhysicalMemory], Engine], limits: Limits) -> None:
    """Run a program that may do anything to itself."""
    vfs = Vfs.sandbox(None, memfs_bytes=1 << 20)
    vfs.add_file("/bin/wild", program)
    err = io.BytesIO()
    limits = replace(limits, virtual_seconds=1e6, processes=8)
    kernel = Kernel(1 << 20, engine, vfs, limits=limits, stdout=io.BytesIO(), stderr=err)
    kernel.spawn("/bin/wild", ["wild"])
    status = kernel.run()
    assert 0 <= status <= 255
    assert b"Traceback" not in err.getvalue()
    kernel.system.cache.drop()
    assert kernel.frames.used == 0
