"""Floating point, its CSRs and reservations stay in native code; and what the host lacks stays in Python."""

from __future__ import annotations

import math
import struct

import pytest

from tests.support.bare_machine import DATA, NO_ACCESS, Machine, code
from tests.unit.engines.test_agreement import MEMORY
from tests.unit.engines.test_agreement import loop as endless
from toyvm.engines.llvm.emit import float_text
from toyvm.engines.llvm.emit.effects_text import native
from toyvm.engines.llvm.llvm_engine import LlvmEngine
from toyvm.engines.llvm.tiers import Thresholds
from toyvm.engines.llvm.translator import Translator, unavailable
from toyvm.engines.python.reference_engine import ReferenceEngine
from toyvm.isa.decode import decode
from toyvm.isa.table import INSNS
from toyvm.isa.trees import tree
from toyvm.machine.sv39 import PTE_R, PTE_W
from toyvm.machine.traps import Trap

pytestmark = pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "LLVM is here")

Text = list[tuple[str, dict[str, int]]]
DYN, RTZ, RUP, RMM = 7, 1, 3, 4
FFLAGS, FRM, FCSR = 1, 2, 3
EARLY = Thresholds(ask=1, trace=1, hot=1, missed=1, first=0, price=0, cold=1, piece=1000)


def bits(value: float) -> int:
    return int.from_bytes(struct.pack("<d", value), "little")


def machines(text: Text, f: dict[int, int], x: dict[int, int]) -> tuple[Machine, Machine]:
    """The same machine twice: an endless loop of the instructions."""
    pair = Machine(endless([code(*text)]), (), MEMORY), Machine(endless([code(*text)]), (), MEMORY)
    for machine in pair:
        for number, value in f.items():
            machine.hart.f[number] = value
        for number, value in x.items():
            machine.hart.x[number] = value
    return pair


def run_both(text: Text, f: dict[int, int], x: dict[int, int] | None = None, count: int = 5000) -> LlvmEngine:
    """Both engines in pieces, which must agree; the LLVM engine."""
    ours, theirs = machines(text, f, x or {})
    llvm = LlvmEngine(ours.memory, translator=Translator(folder=None), thresholds=EARLY)
    reference = ReferenceEngine(theirs.memory)
    for piece in (100, 7, 900, count):
        assert (llvm.run(ours.hart, piece), reference.run(theirs.hart, piece)) == (None, None)
        assert ours.state() == theirs.state()
    return llvm


SUM: Text = [
    ("fld", {"rd": 1, "rs1": 10, "imm": 0}),
    ("fmadd.d", {"rd": 2, "rs1": 1, "rs2": 3, "rs3": 2, "rm": DYN}),
    ("fdiv.d", {"rd": 4, "rs1": 2, "rs2": 3, "rm": DYN}),
    ("fsqrt.d", {"rd": 5, "rs1": 4, "rm": DYN}),
    ("fcvt.l.d", {"rd": 6, "rs1": 5, "rm": RTZ}),
    ("fcvt.d.l", {"rd": 6, "rs1": 6, "rm": DYN}),
    ("fsd", {"rs2": 6, "rs1": 10, "imm": 8}),
]
FLAGS: Text = [
    ("csrrw", {"rd": 5, "csr": FFLAGS, "rs1": 0}),
    ("fadd.d", {"rd": 2, "rs1": 2, "rs2": 3, "rm": DYN}),
    ("csrrs", {"rd": 6, "csr": FFLAGS, "rs1": 0}),
    ("csrrwi", {"rd": 7, "csr": FRM, "uimm": RUP}),
    ("fmul.d", {"rd": 4, "rs1": 3, "rs2": 3, "rm": DYN}),
    ("csrrw", {"rd": 0, "csr": FRM, "rs1": 7}),
    ("csrrs", {"rd": 8, "csr": FCSR, "rs1": 0}),
    ("add", {"rd": 9, "rs1": 9, "rs2": 6}),
]
STATIC: Text = [
    ("fadd.d", {"rd": 2, "rs1": 2, "rs2": 3, "rm": RUP}),
    ("fsub.d", {"rd": 4, "rs1": 2, "rs2": 3, "rm": RTZ}),
    ("fcvt.w.d", {"rd": 5, "rs1": 2, "rm": RMM}),
    ("fmul.d", {"rd": 6, "rs1": 3, "rs2": 3, "rm": DYN}),
]
NANS: Text = [
    ("fmadd.d", {"rd": 2, "rs1": 3, "rs2": 4, "rs3": 2, "rm": DYN}),
    ("fadd.d", {"rd": 5, "rs1": 2, "rs2": 3, "rm": DYN}),
    ("fcvt.w.d", {"rd": 5, "rs1": 2, "rm": DYN}),
    ("fmax.d", {"rd": 6, "rs1": 2, "rs2": 3}),
    ("flt.d", {"rd": 6, "rs1": 2, "rs2": 3}),
]
SINGLES: Text = [
    ("fcvt.s.d", {"rd": 7, "rs1": 3, "rm": DYN}),
    ("fadd.s", {"rd": 8, "rs1": 8, "rs2": 7, "rm": DYN}),
    ("fsw", {"rs2": 8, "rs1": 10, "imm": 4}),
    ("flw", {"rd": 9, "rs1": 10, "imm": 4}),
    ("feq.s", {"rd": 5, "rs1": 8, "rs2": 9}),
    ("fsgnjn.s", {"rd": 9, "rs1": 9, "rs2": 9}),
    ("fcvt.d.s", {"rd": 1, "rs1": 9, "rm": DYN}),
]
ATOMIC: Text = [
    ("lr.d", {"rd": 5, "rs1": 10}),
    ("addi", {"rd": 5, "rs1": 5, "imm": 1}),
    ("sc.d", {"rd": 6, "rs1": 10, "rs2": 5}),
    ("sc.d", {"rd": 7, "rs1": 10, "rs2": 0}),
    ("lr.w", {"rd": 8, "rs1": 10}),
    ("sc.w", {"rd": 8, "rs1": 11, "rs2": 5}),
]
BOXED = 0xFFFFFFFF << 32
PLACES = {10: DATA, 11: DATA + 64}


@pytest.mark.parametrize(
    "text",
    [SUM, FLAGS, STATIC, NANS, SINGLES, ATOMIC],
    ids=["sum", "flags", "static", "nans", "singles", "atomic"],
)
def test_a_loop_stays_native(text: Text) -> None:
    numbers = {2: bits(1.0), 3: bits(0.1), 4: bits(float("nan")), 7: BOXED, 8: BOXED, 9: BOXED}
    llvm = run_both(text, numbers, PLACES)
    assert llvm.native_entries > 0 and llvm.slow_steps == 0


def test_infinity_times_zero_plus_nan_is_invalid() -> None:
    """Not so on the host."""
    fused = NANS[:1]
    llvm = run_both(fused, {2: bits(float("nan")), 3: bits(float("inf")), 4: 0})
    assert llvm.native_entries > 0 and llvm.slow_steps == 0


def test_a_single_without_its_box_is_nan() -> None:
    llvm = run_both([("fadd.s", {"rd": 8, "rs1": 7, "rs2": 7, "rm": DYN})], {7: bits(1.0)})
    assert llvm.native_entries > 0 and llvm.slow_steps > 0


def test_a_rounding_mode_that_the_host_lacks_ends_native_code() -> None:
    """With RMM in frm the loop runs in Python; both ways into it are exact."""
    text: Text = [
        ("csrrwi", {"rd": 0, "csr": FRM, "uimm": RMM}),
        ("fadd.d", {"rd": 2, "rs1": 2, "rs2": 3, "rm": DYN}),
        ("csrrwi", {"rd": 0, "csr": FRM, "uimm": 0}),
        ("fadd.d", {"rd": 4, "rs1": 4, "rs2": 3, "rm": DYN}),
    ]
    llvm = run_both(text, {2: bits(1.0), 3: bits(2**-52 * 1.5), 4: 0})
    assert llvm.native_entries > 0


@pytest.mark.parametrize(
    ("missing", "name", "fields"),
    [
        ("fma", "fmadd.d", {"rd": 2, "rs1": 3, "rs2": 3, "rs3": 2, "rm": DYN}),
        ("sse4_1", "fcvt.w.d", {"rd": 5, "rs1": 2, "rm": DYN}),
    ],
)
def test_what_the_host_lacks_is_not_native(
    missing: str, name: str, fields: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = decode(INSNS[name].encode(**fields))
    assert decoded is not None and native(tree(decoded))
    less = float_text.features() - {missing}
    monkeypatch.setattr(float_text, "features", lambda: less)
    assert not native(tree(decoded))
    run_both(
        [(name, fields), ("fadd.d", {"rd": 4, "rs1": 4, "rs2": 3, "rm": DYN})], {2: 0, 3: bits(0.1), 4: 0}
    )


def test_floating_point_registers_outlive_a_fault() -> None:
    """The kernel, which is Python, uses every vector register of the host while native code waits for it."""
    adds: Text = [("fadd.d", {"rd": n, "rs1": n, "rs2": 31, "rm": DYN}) for n in range(28)]
    text: Text = [*adds[:14], ("sd", {"rs1": 10, "rs2": 5, "imm": 0}), *adds[14:]]
    ours, theirs = machines(text, {n: bits(n + 0.5) for n in range(28)} | {31: bits(0.25)}, {10: NO_ACCESS})
    llvm = LlvmEngine(ours.memory, translator=Translator(folder=None), thresholds=EARLY)
    reference = ReferenceEngine(theirs.memory)
    faults = 0
    for engine, machine in ((llvm, ours), (reference, theirs)):

        def resolve(trap: Trap, pc: int, instret: int, machine: Machine = machine) -> bool:
            nonlocal faults
            faults += 1
            machine.map(trap.tval & ~0xFFF, 28, PTE_R | PTE_W)
            return sum(math.sqrt(number / 3) for number in range(50)) > 0

        for piece in (100, 1000, 1000, 1000):
            assert engine.run(machine.hart, piece, resolve) is None
            machine.map(NO_ACCESS, 0, 0)
            machine.hart.mmu.tlb.drop(NO_ACCESS >> 12)
            engine.invalidate_page(machine.hart.mmu, NO_ACCESS)
    assert ours.state() == theirs.state()
    assert faults == 8 and llvm.native_entries > 0 and llvm.slow_steps == 0
