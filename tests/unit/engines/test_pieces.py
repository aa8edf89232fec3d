"""A run in pieces: the engine's own pieces end between blocks, the caller's budgets where they say."""

from __future__ import annotations

import pytest

from tests.support.bare_machine import CODE, Machine, code
from tests.unit.engines.test_agreement import MEMORY
from toyvm.engines.code_map import CodeMap
from toyvm.engines.llvm.llvm_engine import LlvmEngine
from toyvm.engines.llvm.tiers import Thresholds
from toyvm.engines.llvm.translator import Translator, unavailable
from toyvm.engines.python.reference_engine import ReferenceEngine

pytestmark = pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "LLVM is here")

NEVER = 1 << 30
BODY = 45
TEXT = code(
    *(("addi", {"rd": 10, "rs1": 10, "imm": 1}) for _ in range(BODY)), ("jal", {"rd": 0, "imm": -4 * BODY})
)


def test_pieces_make_no_blocks_of_parts_of_blocks() -> None:
    machine, other = Machine(TEXT, [0] * 13, MEMORY), Machine(TEXT, [0] * 13, MEMORY)
    patient = Thresholds(ask=NEVER, trace=NEVER, hot=NEVER, missed=NEVER, first=0, price=0, cold=1, piece=100)
    llvm = LlvmEngine(machine.memory, translator=Translator(folder=None), thresholds=patient)
    reference = ReferenceEngine(other.memory, hot=NEVER)
    for budget in (46 * 90, 7, 1000, 1):
        assert llvm.run(machine.hart, budget) is None
        assert reference.run(other.hart, budget) is None
        assert machine.state() == other.state()
        assert machine.hart.instret == other.hart.instret
        if budget == 46 * 90:
            assert isinstance(machine.hart.mmu.code, CodeMap)
            assert list(machine.hart.mmu.code.blocks) == [CODE]
