"""Loops whose pointers are looked at once for many accesses: what they are, and that they do what the reference engine does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support.bare_machine import CODE, DATA, DATA_PAGES, NO_ACCESS, READ_ONLY, Machine, code
from tests.unit.engines.llvm.test_llvm_engine import AT_ONCE
from tests.unit.engines.test_agreement import outcome
from toyvm.engines.llvm.analysis.loops import Loop, find_loops
from toyvm.engines.llvm.analysis.regions import explore
from toyvm.engines.llvm.emit.effects_text import native
from toyvm.engines.llvm.llvm_engine import LlvmEngine
from toyvm.engines.llvm.tiers import Thresholds
from toyvm.engines.llvm.translator import Translator, unavailable
from toyvm.engines.python.reference_engine import ReferenceEngine

Line = tuple[str, dict[str, int]]
END = DATA + (DATA_PAGES << 12)


def load(pointer: int, offset: int = 0) -> Line:
    return "ld", {"rd": 20, "rs1": pointer, "imm": offset}


def store(pointer: int, offset: int = 0) -> Line:
    return "sd", {"rs1": pointer, "rs2": 21, "imm": offset}


def addi(rd: int, rs1: int, imm: int) -> Line:
    return "addi", {"rd": rd, "rs1": rs1, "imm": imm}


def add(rd: int, rs1: int, rs2: int) -> Line:
    return "add", {"rd": rd, "rs1": rs1, "rs2": rs2}


def back(lines: int) -> Line:
    """To so many instructions before, unless register 22 is 0."""
    return "bne", {"rs1": 22, "rs2": 0, "imm": -4 * lines}


def loops_of(*lines: Line) -> list[Loop]:
    text = code(*lines)

    def fetch(pc: int) -> int | None:
        at = pc - CODE
        return int.from_bytes(text[at : at + 4], "little") if 0 <= at < len(text) else None

    region = explore(CODE, fetch, lambda key: CODE <= key[0] < CODE + len(text), native)
    assert region is not None
    return find_loops(region)


def described(loop: Loop) -> list[tuple[object, ...]]:
    """Of each pointer the registers it is made of, the first and the last access, whether any writes, and where it moves."""
    return sorted(
        (
            one.terms,
            one.first,
            one.last,
            one.writes,
            one.step if one.step is not None else (one.up > 0, one.down > 0),
        )
        for one in loop.pointers
    )


UP, DOWN, STILL = (True, False), (False, True), (False, False)


@pytest.mark.parametrize(
    ("lines", "pointers"),
    [
        ([load(5), addi(5, 5, 8), back(2)], [(((5, 1),), 0, 0, False, UP)]),
        ([store(5, -8), load(5, 16), addi(5, 5, -8), back(3)], [(((5, 1),), -8, 16, True, DOWN)]),
        ([load(5), load(6), add(5, 5, 7), back(3)], [(((5, 1),), 0, 0, False, 7), (((6, 1),), 0, 0, False, STILL)]),
        # An index times eight and a base; the index counts up.
        (
            [("slli", {"rd": 8, "rs1": 9, "shamt": 3}), add(8, 8, 6), load(8, 8), addi(9, 9, 1), back(4)],
            [(((6, 1), (9, 8)), 8, 8, False, UP)],
        ),
        # A copy that is stepped beside what it was copied from is still at the same distance from it.
        (
            [addi(8, 5, 8), load(8), addi(5, 5, 8), addi(8, 8, 8), load(8), back(5)],
            [(((5, 1),), 8, 8, False, UP)],
        ),
        # What a load gives is nothing that is known of; neither is a register that is added to another that changes.
        ([("ld", {"rd": 5, "rs1": 5, "imm": 0}), back(1)], []),
        ([load(5), addi(6, 6, 8), add(5, 5, 6), back(3)], []),
        ([load(5), ("addiw", {"rd": 5, "rs1": 5, "imm": 8}), back(2)], []),
    ],
)  # fmt: skip
def test_the_pointers_of_a_loop(lines: Sequence[Line], pointers: list[tuple[object, ...]]) -> None:
    found = loops_of(*lines)
    assert [described(loop) for loop in found] == ([pointers] if pointers else [])


def test_of_a_nest_the_loop_that_saves_most_has_the_pointers() -> None:
    inner = [load(5), addi(5, 5, 8), load(6), ("bne", {"rs1": 23, "rs2": 0, "imm": -12})]
    # Register 5 goes on where it was: the outer loop knows how far it gets.
    (whole,) = loops_of(addi(23, 22, 0), *inner, back(5))
    assert whole.head[0] == CODE
    # Here the outer loop sets it from memory, and only the inner loop knows.
    (part,) = loops_of(("ld", {"rd": 5, "rs1": 7, "imm": 0}), *inner, back(5))
    assert part.head[0] == CODE + 4


def test_a_nest_looks_ahead_outside_its_inner_loop() -> None:
    inner = [load(8), addi(8, 8, 8), addi(9, 9, 1), ("bne", {"rs1": 23, "rs2": 0, "imm": -12})]
    # The region begins with the inner loop; the outer one puts its pointer where its index is.
    part, loop = loops_of(*inner, store(6), ("slli", {"rd": 8, "rs1": 9, "shamt": 3}), add(8, 8, 7), back(7))
    assert loop.head == (CODE + 16, ()) and loop.looks == {loop.head}
    assert part.head == (CODE, ()) and part.outer is loop
    assert described(loop) == [(((6, 1),), 0, 0, True, STILL), (((7, 1), (9, 8)), 0, 0, False, UP)]
    assert {key[0]: loop.copies_of(key) for key in loop.blocks} == {CODE: 4, CODE + 16: 1}


def test_a_register_drifts_from_where_an_outer_loop_set_it() -> None:
    inner = [load(8, 16), addi(8, 8, 8), ("bne", {"rs1": 23, "rs2": 0, "imm": -8})]
    lines = [addi(8, 5, 32), addi(8, 8, 32), *inner, addi(5, 5, -4), back(6)]
    part, loop = loops_of(*lines)
    (pointer,) = loop.pointers
    # Where the outer loop is not inside all ranges, the inner one looks ahead.
    assert part.blocks < loop.blocks and part.outer is loop and loop.outer is None
    assert part.pointer_of.keys() == loop.pointer_of.keys()
    assert pointer.terms == ((5, 1),) and pointer.varying == ((8, 1),) and pointer.fixed == ()
    assert (pointer.first, pointer.last) == (64 + 16, 64 + 16 + 8)
    # The two moves before the inner loop are part of where it begins.
    assert (pointer.up, pointer.down, pointer.shortest) == (8, 4, 3)
    assert set(loop.pointer_of.values()) == {(pointer, 16)} and loop.looks == {loop.head}
    # A register that another register moves may be anywhere.
    moved = [add(8, 8, 9), ("bne", {"rs1": 23, "rs2": 0, "imm": -12})]
    assert loops_of(*lines[:4], *moved, *lines[5:]) == []


def test_a_register_that_is_set_in_two_ways_does_not_move_by_itself() -> None:
    lines = [addi(8, 5, 32), ("beq", {"rs1": 9, "rs2": 0, "imm": 8}), addi(8, 5, 40), load(8), addi(5, 5, 8)]
    (loop,) = loops_of(*lines, back(5))
    (pointer,) = loop.pointers
    assert (pointer.first, pointer.last, pointer.drifting) == (32, 40, 8)
    assert (pointer.up, pointer.down, pointer.shortest) == (8, 0, 5)  # as register 5


def test_a_loop_that_calls_has_no_pointers() -> None:
    call, stay, ret = (
        ("jal", {"rd": 1, "imm": 12}),
        ("jal", {"rd": 0, "imm": 0}),
        ("jalr", {"rd": 0, "rs1": 1, "imm": 0}),
    )
    assert loops_of(load(5), addi(5, 5, 8), call, back(3), stay, ret) == []


def test_a_loop_without_accesses_has_no_pointers() -> None:
    assert loops_of(addi(5, 5, 1), back(1)) == []


@pytest.fixture(scope="module")
def translator() -> Iterator[Translator]:
    yield Translator(folder=None)


def after(work: int) -> Thresholds:
    """Regions are made after so much work, so that all blocks of a nest have run and are in them."""
    return Thresholds(ask=1, trace=1, hot=1, missed=1, first=work, price=0, cold=1, piece=20)


def compare(
    translator: Translator,
    text: bytes,
    x: list[int],
    data: bytes,
    frames: list[int],
    pieces: list[int],
    thresholds: Thresholds = AT_ONCE,
) -> None:
    """Run a program on both engines in pieces: registers, memory and page tables after each. After a trap it goes on with the
    pointers that it began with."""
    machines = [Machine(text, x, data) for _ in range(2)]
    for machine in machines:
        for page, frame in enumerate(frames):
            machine.map(DATA + (page << 12), 16 + frame, 6)
    ours, theirs = machines
    translator.forget()
    llvm, reference = (
        LlvmEngine(ours.memory, translator=translator, thresholds=thresholds),
        ReferenceEngine(theirs.memory),
    )
    for piece in pieces:
        for _ in range(4):
            got, expected = llvm.run(ours.hart, piece), reference.run(theirs.hart, piece)
            assert outcome(got) == outcome(expected)
            assert ours.state() == theirs.state()
            assert ours.memory.u8 == theirs.memory.u8
            if got is not None:
                for machine in machines:
                    machine.hart.x[5:9] = x[5:9]


pointers = st.sampled_from([5, 6, 7, 8])
offsets = st.sampled_from([-16, -8, 0, 8, 24, 2040])
lines = st.one_of(
    st.builds(load, pointers, offsets),
    st.builds(store, pointers, offsets),
    st.builds(addi, pointers, pointers, st.sampled_from([-64, -8, 4, 8, 16, 136])),
    st.builds(add, pointers, pointers, st.sampled_from([9, 10])),
    st.builds(addi, st.just(11), st.just(11), st.just(1)),
    st.builds(lambda rd: ("slli", {"rd": rd, "rs1": 11, "shamt": 3}), pointers),
    st.builds(lambda rd: ("sub", {"rd": rd, "rs1": rd, "rs2": 9}), pointers),
    st.just(("beq", {"rs1": 20, "rs2": 11, "imm": 8})),
)
places = st.sampled_from([DATA, DATA + 64, DATA + 4088, DATA + 8192, END - 512, END - 8])


@pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "LLVM is here")
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    before=st.lists(lines, max_size=3),
    body=st.lists(lines, min_size=1, max_size=6),
    starts=st.lists(places, min_size=4, max_size=4),
    steps=st.lists(st.sampled_from([8, -8, 24, 512, -4096, 1 << 40]), min_size=2, max_size=2),
    rounds=st.integers(2, 300),
    frames=st.permutations(range(DATA_PAGES)),
    pieces=st.lists(st.integers(1, 3000), min_size=2, max_size=5),
)
@example(
    [], [load(5), store(6, 8), addi(5, 5, 8), add(6, 6, 9)], [DATA] * 4, [24, 8], 300, [0, 1, 2, 3], [3000]
)
@example([], [load(5), addi(5, 5, 8)], [END - 512] * 4, [8, 8], 300, [0, 1, 2, 3], [3000])
@example([], [store(5), addi(5, 5, -8)], [DATA + 512] * 4, [8, 8], 300, [0, 1, 2, 3], [3000])
@example([], [load(5), addi(5, 5, 8)], [DATA + 64] * 4, [8, 8], 900, [3, 0, 2, 1], [9000])
def test_loops_do_what_the_reference_engine_does(
    translator: Translator,
    before: list[Line],
    body: list[Line],
    starts: list[int],
    steps: list[int],
    rounds: int,
    frames: list[int],
    pieces: list[int],
) -> None:
    """Two loops inside each other, through pages whose frames may be anywhere and which end somewhere: registers, memory
    and page tables after each piece of the run."""
    count = addi(22, 22, -1)
    text = code(
        addi(22, 24, 0),
        *before,
        addi(23, 23, 1),
        *body,
        count,
        back(2 + len(body)),
        ("jal", {"rd": 0, "imm": -4 * (4 + len(before) + len(body))}),
    )
    x = [0] * 32
    x[5:9], x[9:11], x[21], x[24] = starts, [step & (1 << 64) - 1 for step in steps], 7, rounds
    compare(translator, text, x, bytes(range(256)) * 64, frames, pieces)


nest_lines = st.one_of(
    lines,
    st.builds(addi, pointers, st.sampled_from([12, 13]), offsets),
    st.builds(lambda rd: ("auipc", {"rd": rd, "imm": DATA - CODE & 0xFFFFF000}), pointers),
    st.just(("beq", {"rs1": 20, "rs2": 11, "imm": 12})),
)
nest_bodies = st.lists(nest_lines, max_size=5)


@pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "LLVM is here")
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    first=nest_bodies,
    second=nest_bodies,
    third=nest_bodies,
    starts=st.lists(places, min_size=6, max_size=6),
    steps=st.lists(st.sampled_from([8, -8, 24, 512, -4096]), min_size=2, max_size=2),
    rounds=st.tuples(st.integers(1, 150), st.one_of(st.integers(1, 9), st.integers(10, 100))),
    frames=st.permutations(range(DATA_PAGES)),
    pieces=st.lists(st.integers(1, 3000), min_size=2, max_size=5),
    work=st.sampled_from([0, 100, 1000]),
)
@example(
    [addi(5, 12, 0)], [load(5), addi(5, 5, 8)], [store(6), addi(12, 12, 8)],
    [DATA] * 6, [8, 8], (150, 3), [0, 1, 2, 3], [100, 3000, 9000], 100,
)  # fmt: skip
@example(
    [addi(5, 12, 0)], [load(5), addi(5, 5, 136)], [addi(12, 12, 16)],
    [END - 2048] * 6, [8, 8], (150, 9), [0, 1, 2, 3], [100, 300, 9000], 100,
)  # fmt: skip
@example(
    [addi(5, 12, 0)], [load(5), addi(5, 5, 136)], [addi(12, 12, 16)],
    [END - 8192] * 6, [8, 8], (20, 100), [0, 1, 2, 3], [100, 300, 9000], 1000,
)  # fmt: skip
@example(  # the inner loop leaves the range in which the outer one looked ahead, and looks ahead itself
    [addi(5, 12, 0)], [load(5), store(6), addi(5, 5, 136)], [addi(12, 12, 16)],
    [DATA] * 6, [8, 8], (20, 100), [3, 0, 2, 1], [100, 30000, 777, 9000], 1000,
)  # fmt: skip
def test_nested_loops_do_what_the_reference_engine_does(
    translator: Translator,
    first: list[Line],
    second: list[Line],
    third: list[Line],
    starts: list[int],
    steps: list[int],
    rounds: tuple[int, int],
    frames: list[int],
    pieces: list[int],
    work: int,
) -> None:
    """An inner loop, whose pointers the outer loop sets before or after it."""
    text = code(
        addi(22, 24, 0),
        *first,
        addi(23, 25, 0),
        *second,
        addi(23, 23, -1),
        ("bne", {"rs1": 23, "rs2": 0, "imm": -4 * (1 + len(second))}),
        *third,
        addi(22, 22, -1),
        back(4 + len(first) + len(second) + len(third)),
        ("jal", {"rd": 0, "imm": -4 * (6 + len(first) + len(second) + len(third))}),
    )
    x = [0] * 32
    x[5:9], x[12:14] = starts[:4], starts[4:]
    x[9:11] = [step & (1 << 64) - 1 for step in steps]
    x[21], x[24], x[25] = 7, *rounds
    compare(translator, text, x, bytes(range(256)) * 64, frames, pieces, after(work))


away = st.one_of(  # where what is read from memory leads: other pages, their ends, pages that cannot be written or read
    st.builds(lambda page, at: DATA + (page << 12) + at, st.integers(0, 3), st.integers(0, 4088)),
    st.sampled_from([READ_ONLY, READ_ONLY + 8, NO_ACCESS, END - 8, END - 16, END - 24, END]),
)


@pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "LLVM is here")
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    body=st.lists(
        st.one_of(
            st.builds(
                lambda rd, at: ("ld", {"rd": rd, "rs1": 12, "imm": at}), st.sampled_from([13, 14]), offsets
            ),
            st.builds(lambda at: ("sd", {"rs1": 12, "rs2": 13, "imm": at}), offsets),
            st.just(("ld", {"rd": 15, "rs1": 16, "imm": 0})),
            st.just(addi(17, 13, 1)),
            st.just(("beq", {"rs1": 13, "rs2": 17, "imm": 8})),
        ),
        min_size=1,
        max_size=6,
    ),
    table=st.lists(away, min_size=16, max_size=16),
    often=st.integers(0, 12),
    frames=st.permutations(range(DATA_PAGES)),
    pieces=st.lists(st.integers(1, 2000), min_size=2, max_size=4),
)
def test_accesses_that_go_elsewhere_in_a_loop_that_looks_ahead(
    translator: Translator,
    body: list[Line],
    table: list[int],
    often: int,
    frames: list[int],
    pieces: list[int],
) -> None:
    """One pointer walks through a table; what is read there leads anywhere, alone or several accesses at a time, mostly where
    it led the last time. So the loop changes between its forms in the middle of its block."""
    text = code(
        addi(5, 24, 0),
        addi(22, 25, 0),
        ("ld", {"rd": 12, "rs1": 5, "imm": 0}),
        addi(5, 5, 8),
        ("ld", {"rd": 16, "rs1": 5, "imm": 0}),
        *body,
        addi(22, 22, -1),
        back(4 + len(body)),
        ("jal", {"rd": 0, "imm": -4 * (7 + len(body))}),
    )
    entries = [table[0] if number % 16 < often else table[number % 16] for number in range(200)]
    x = [0] * 32
    x[24], x[25] = DATA + 64, 180
    data = bytes(64) + b"".join(entry.to_bytes(8, "little") for entry in entries)
    physical = bytearray(DATA_PAGES << 12)  # `data` is told by address, and pages may be anywhere
    physical[frames[0] << 12 : (frames[0] << 12) + len(data)] = data
    compare(translator, text, x, bytes(physical), frames, pieces)
