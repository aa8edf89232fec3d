"""Tier 0, traces and the tree walk do the same: registers, memory, traps, counts, to the instruction."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.bare_machine import CODE, DATA, NO_ACCESS, READ_ONLY, Machine, code
from toyvm.engines.checking.walk_engine import WalkEngine
from toyvm.engines.engine import Engine
from toyvm.engines.python.reference_engine import ReferenceEngine
from toyvm.isa.fields import Format
from toyvm.isa.spec import Insn
from toyvm.isa.table import INSNS
from toyvm.machine.traps import Cause, Trap

CORNERS = [0, 1, 2, 31, 32, 63, 64, 0x7F, 0x80, 0x7FFF, 0x8000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 32]
CORNERS += [(1 << 63) - 1, 1 << 63, (1 << 63) + 1, (1 << 64) - 2, (1 << 64) - 1, 0xFFFFFFFF80000000]
ADDRESSES = [
    DATA,
    DATA + 8,
    DATA + 4,
    DATA + 1,
    DATA + 0xFFD,
    DATA + 0x1000,
    READ_ONLY,
    READ_ONLY + 0xFFC,
    NO_ACCESS,
]
ADDRESSES += [NO_ACCESS - 4, 0, (1 << 64) - 4, CODE]

values = st.one_of(
    st.sampled_from(CORNERS), st.sampled_from(ADDRESSES), st.integers(0, (1 << 64) - 1), st.integers(0, 100)
)


MEMORY = b"".join(value.to_bytes(8, "little") for value in CORNERS) * 97


def outcome(trap: Trap | None) -> object:
    return None if trap is None else (trap.cause, trap.tval)


def compare(text: bytes, x: Sequence[int], budget: int, hot: int) -> None:
    """Run the same machine on all engines and in pieces; every piece must end the same. Traps are stepped over."""
    ours, definition = Machine(text, x, MEMORY), Machine(text, x, MEMORY)
    engine: Engine = ReferenceEngine(ours.memory, hot=hot)
    walk: Engine = WalkEngine(definition.memory)
    while budget > 0:
        piece = min(budget, 1 + budget // 3)
        got, expected = engine.run(ours.hart, piece), walk.run(definition.hart, piece)
        assert outcome(got) == outcome(expected)
        assert ours.state() == definition.state()
        if got is not None:
            if got.cause is Cause.INSTRUCTION_PAGE_FAULT:
                break
            length = 4 if ours.hart.mmu.fetch(ours.hart.pc) & 3 == 3 else 2
            ours.hart.pc += length
            definition.hart.pc += length
        budget -= piece


def fields_of(format: Format, names: Sequence[str]) -> st.SearchStrategy[dict[str, int]]:
    """Random fields; the immediate of a jump or branch stays within the code page."""
    choices = {}
    for name in names:
        field = format.fields[name]
        if name in ("rd", "rs1", "rs2", "rs3") and not field.bias:
            choices[name] = st.integers(0, 12 // field.step).map(
                lambda number, step=field.step: number * step
            )
        elif name == "csr":
            choices[name] = st.sampled_from([0x001, 0x002, 0x003, 0xC00, 0xC01, 0xC02, 0x300, 0x800])
        elif name == "imm" and format.name in ("B", "J", "CB", "CJ"):
            choices[name] = st.sampled_from([-16, -12, -8, -4, 0, 4, 8, 12, 16, 20])
        else:
            choices[name] = st.integers(field.low // field.step, field.high // field.step).map(
                lambda number, step=field.step: number * step
            )
    return st.fixed_dictionaries(choices)


def instructions(names: Sequence[str]) -> st.SearchStrategy[bytes]:
    """One instruction with random fields."""

    def of(insn: Insn) -> st.SearchStrategy[bytes]:
        names = [field.name for field in insn.free]
        return fields_of(insn.format, names).map(lambda fields: code((insn.name, fields)))

    return st.sampled_from([INSNS[name] for name in names]).flatmap(of)


@pytest.mark.parametrize("name", INSNS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_each_row(name: str, data: st.DataObject) -> None:
    text = data.draw(instructions([name]))
    x = data.draw(st.lists(values, min_size=13, max_size=13))
    compare(text, x, 1, hot=1 << 30)


ALL = list(INSNS)
PLAIN = [
    name
    for name, insn in INSNS.items()
    if insn.format.name
    in ("R", "I", "U", "I-shift", "B", "CR", "CI", "CI-lui", "CI-shift", "CA", "CB", "CB-shift")
    and insn.mask != 0xFFFFFFFF
]
PLAIN = [
    name
    for name in PLAIN
    if name not in ("jalr", "sfence.vma", "fence.i", "c.ebreak") and "mem" not in INSNS[name].syntax
]
MEMORY_NAMES = ["ld", "sd", "lw", "sb", "lhu", "sw", "addi", "add", "amoadd.w", "lr.d", "sc.d", "beq", "bltu"]
thorough = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])


def loop(body: list[bytes]) -> bytes:
    """The instructions again and again."""
    text = b"".join(body)
    return text + code(("jal", {"imm": -len(text)}))


@thorough
@given(
    body=st.lists(instructions(PLAIN), min_size=1, max_size=12),
    x=st.lists(values, min_size=13, max_size=13),
    budget=st.integers(1, 200),
    hot=st.sampled_from([1, 2, 5]),
)
def test_random_loops(body: list[bytes], x: list[int], budget: int, hot: int) -> None:
    compare(loop(body), x, budget, hot)


@thorough
@given(
    body=st.lists(st.one_of(instructions(PLAIN), instructions(ALL)), min_size=1, max_size=12),
    x=st.lists(values, min_size=13, max_size=13),
    budget=st.integers(1, 200),
)
def test_random_programs(body: list[bytes], x: list[int], budget: int) -> None:
    compare(loop(body), x, budget, hot=1)


@thorough
@given(
    body=st.lists(instructions(MEMORY_NAMES), min_size=1, max_size=10),
    bases=st.lists(st.sampled_from(ADDRESSES[:9]), min_size=13, max_size=13),
    budget=st.integers(1, 150),
)
def test_random_memory_accesses(body: list[bytes], bases: list[int], budget: int) -> None:
    compare(loop(body), bases, budget, hot=1)


@given(st.integers(0, (1 << 32) - 1))
@settings(max_examples=300, deadline=None)
def test_any_word_does_the_same(word: int) -> None:
    compare(word.to_bytes(4, "little"), [DATA] * 13, 3, hot=1)
