"""Every row on every engine, on corner cases and random states; and which rows are native code on the LLVM engine.

For each row a few encodings stand in memory, each in a loop of its own. Each is made native once, and then entered again and
again with other registers, beside the other engines. The states are drawn by the row's name: the same on every run.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tests.support.bare_machine import CODE, Machine, code
from tests.unit.engines.llvm.test_llvm_engine import AT_ONCE
from tests.unit.engines.test_agreement import ADDRESSES, CORNERS, MEMORY, outcome
from toyvm.base.bits import M64
from toyvm.base.record import replace
from toyvm.engines.checking.walk_engine import WalkEngine
from toyvm.engines.engine import Engine
from toyvm.engines.llvm.analysis.regions import operations
from toyvm.engines.llvm.emit.effects_text import native as native_tree
from toyvm.engines.llvm.interp.interpreting_engine import InterpretingEngine
from toyvm.engines.llvm.llvm_engine import NATIVE_FCSR, LlvmEngine
from toyvm.engines.llvm.translator import Translator, unavailable
from toyvm.engines.python.reference_engine import ReferenceEngine
from toyvm.isa.decode import Decoded, decode
from toyvm.isa.ops import Op
from toyvm.isa.spec import Insn
from toyvm.isa.table import INSNS
from toyvm.isa.trees import tree

pytestmark = pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "LLVM is here")

ENCODINGS, STATES = 4, 60
SPACING = 64  # bytes from one encoding to the next
CSRS = (0x001, 0x002, 0x003, 0x001, 0x002, 0x003, 0xC01, 0x300)  # fflags, frm, fcsr, and others
MEMORY_OPS = {Op.LOAD, Op.STORE, Op.AMO_LOAD, Op.LOAD_RESERVED, Op.STORE_CONDITIONAL}

# Operations that end native code: the rows that have one run on the reference tier. Every other row is native code, or this
# module fails; one that the printer learns is tested as native at once.
# 16-bit formats and Zfa have exact arithmetic in Python only
WITHOUT_NATIVE_ARITHMETIC = ("Zfh", "Zfhmin", "Zfhmin and D", "Zfbfmin", "Zfa", "Zfa and D", "Zfa and Zfh")
NEVER_NATIVE = {Op.TRAP, Op.FENCE_I, Op.TABLE}

_FLOATS = [
    0,
    0x3F800000,
    0x7F800000,
    0x7FC00000,
    0x7F800001,
    1,
    0x00800000,
    0x007FFFFF,
    0x7F7FFFFF,
    0x4B800001,
]
_DOUBLES = [0, 0x3FF0 << 48, 0x7FF0 << 48, 0x7FF8 << 48, (0x7FF0 << 48) + 1, 1, 1 << 52, (1 << 52) - 1]
_DOUBLES += [
    (0x7FF0 << 48) - 1,
    0x41DFFFFFFFE00000,
    0x43E0000000000000,
    0x3FE0000000000000,
    0x3CA0000000000000,
]
FLOAT_CORNERS = [pattern ^ sign | M64 << 32 & M64 for pattern in _FLOATS for sign in (0, 1 << 31)]
FLOAT_CORNERS += [pattern ^ sign for pattern in _DOUBLES for sign in (0, 1 << 63)]


def is_native(what: Insn | Decoded) -> bool:
    """Whether the LLVM printer knows all of a row, or of one instruction (fmv.x.d to x0 does nothing)."""
    return native_tree(tree(what))


def encodings(insn: Insn, chance: random.Random) -> Iterator[Decoded]:
    """Different ways to write a row: operands at their limits, then random ones."""
    for choose in (lambda field: field.low, lambda field: field.high):
        found = decode(insn.encode(**{field.name: choose(field) for field in insn.free}))
        if found is not None and found.insn is insn:
            yield found
    while True:
        fields = {
            field.name: chance.randint(field.low // field.step, field.high // field.step) * field.step
            for field in insn.free
        }
        if "csr" in fields:
            fields["csr"] = chance.choice(CSRS)
        found = decode(insn.encode(**fields))
        if found is not None and found.insn is insn:
            yield found


def set_state(
    machines: list[Machine], decoded: Decoded, pc: int, accesses: bool, chance: random.Random
) -> None:
    """The same random registers for all; where the row accesses memory, its address is mostly one that says something."""
    kinds = chance.choices(range(4), (5, 2, 3, 1), k=32)
    draws = (
        lambda: chance.choice(CORNERS),
        lambda: chance.choice(ADDRESSES),
        lambda: chance.getrandbits(64),
        lambda: chance.getrandbits(7),
    )
    x = [0, *(draws[kind]() for kind in kinds[1:])]
    if accesses and decoded.register("rs1") and chance.random() < 0.8:
        offset = decoded.imm + decoded.register("uimm")
        x[decoded.register("rs1")] = (
            chance.choice(ADDRESSES[:10]) + chance.choice((0, 0, 8, 64)) - offset & M64
        )
    f = [chance.choice(FLOAT_CORNERS) if chance.random() < 0.8 else chance.getrandbits(64) for _ in range(32)]
    fcsr = chance.choice((0, 1, chance.getrandbits(8)))
    reservation = chance.choice((None, machines[0].physical(x[decoded.register("rs1")]), 0))
    for machine in machines:
        hart = machine.hart
        hart.x[:], hart.f[:], hart.fcsr, hart.pc, hart.reservation = x, f, fcsr, pc, reservation


@pytest.fixture(scope="module")
def translator(tmp_path_factory: pytest.TempPathFactory) -> Translator:
    """With a cache, which has the interpreter after its first use."""
    translator = Translator(folder=str(tmp_path_factory.mktemp("native")))
    translator.keeping = False
    return translator


def make_native(engine: LlvmEngine, machine: Machine) -> bool:
    """Have the code at the pc, which has run, translated; whether that can be."""
    engine._bind(machine.hart)
    engine.want(machine.hart.pc)
    return machine.hart.pc in engine._space.native


WAYS = ("llvm", "interpreter", "single", "trace", "walk")


def differences(ours: Machine, theirs: Machine) -> list[str]:
    """What is not the same, all but memory by name."""
    a, b = ours.hart, theirs.hart
    found = [f"x{n} {a.x[n]:#x} {b.x[n]:#x}" for n in range(32) if a.x[n] != b.x[n]]
    found += [f"f{n} {a.f[n]:#x} {b.f[n]:#x}" for n in range(32) if a.f[n] != b.f[n]]
    for name in ("pc", "instret", "fcsr", "reservation"):
        if getattr(a, name) != getattr(b, name):
            found.append(f"{name} {getattr(a, name)} {getattr(b, name)}")
    return found or ["memory"]


@pytest.mark.parametrize("name", INSNS)
def test_every_engine_does_the_same(name: str, translator: Translator) -> None:
    insn, chance = INSNS[name], random.Random(name)
    variants = [decoded for decoded, _ in zip(encodings(insn, chance), range(ENCODINGS), strict=False)]
    loops = [code(decoded.word, ("jal", {"imm": -insn.length})).ljust(SPACING, b"\0") for decoded in variants]
    machines = [Machine(b"".join(loops), (), MEMORY) for _ in WAYS]
    translator.forget()
    llvm = LlvmEngine(machines[0].memory, translator=translator, thresholds=AT_ONCE)
    interpreter = InterpretingEngine(
        machines[1].memory, translator=translator, thresholds=replace(AT_ONCE, arrivals=1 << 30), first=0
    )
    engines: list[Engine] = [
        llvm,
        interpreter,
        ReferenceEngine(machines[2].memory, hot=1 << 30),
        ReferenceEngine(machines[3].memory, hot=1),
        WalkEngine(machines[4].memory),
    ]
    accesses = bool(operations(tree(insn)) & MEMORY_OPS)
    for number, decoded in enumerate(variants):
        pc, native = CODE + number * SPACING, False
        for state in range(STATES):
            set_state(machines, decoded, pc, accesses, chance)
            fcsr = machines[0].hart.fcsr
            if state == 1:
                native = make_native(llvm, machines[0])
                assert native == is_native(decoded), decoded
            before = llvm.native_entries, list(machines[0].hart.x)
            traps = [
                outcome(engine.run(machine.hart, 2))
                for engine, machine in zip(engines, machines, strict=True)
            ]
            for way, machine, trap in zip(WAYS, machines, traps, strict=True):
                assert trap == traps[-1] and machine.state() == machines[-1].state(), (
                    f"{decoded} with x {before[1]}: {way} {trap}, walk {traps[-1]}; "
                    f"{differences(machine, machines[-1])}"
                )
            assert llvm.native_entries > before[0] or not native or fcsr >= NATIVE_FCSR
    assert llvm.slow_steps < llvm.native_entries or not is_native(insn), "native code gave up each time"


def test_only_what_must_is_not_native() -> None:
    """The one list of what is not native is true, and no row is slow for another reason."""
    slow = {name for name, insn in INSNS.items() if not is_native(insn)}
    assert slow == {
        name
        for name, insn in INSNS.items()
        if operations(tree(insn)) & NEVER_NATIVE or (insn.ext in WITHOUT_NATIVE_ARITHMETIC and computes(insn))
    }


def computes(insn: Insn) -> bool:
    """Whether the row has floating-point arithmetic: moves, loads and sign injection have none."""
    return Op.FLOAT in operations(tree(insn))
