"""C: compressed instructions (unprivileged manual, chapter "C"). A row's semantics are those of what it expands to.

What the short form leaves out is bound: `rs1` is the field `rd`, or x2, or x0. Reserved encodings have no row; hints
(c.li x0, c.slli by 0...) are instructions that change nothing.
"""

from __future__ import annotations

from ..fields import (
    C_NONE,
    CA,
    CB,
    CB_ANDI,
    CB_SHIFT,
    CI,
    CI_LD,
    CI_LUI,
    CI_LW,
    CI_SHIFT,
    CI_SP,
    CIW,
    CJ,
    CL_LD,
    CL_LW,
    CR,
    CR_JUMP,
    CS_SD,
    CS_SW,
    CSS_SD,
    CSS_SW,
)
from ..semantics import Machine
from ..spec import Rows
from . import rv64fd as f
from . import rv64i as i

insn = Rows("C")

_SAME = {"rs1": "rd"}
_SP, _ZERO = 2, 0
_LOAD_SP: dict[str, int | str] = {"rs1": _SP, "imm": "uimm"}


@insn("c.unimp", C_NONE, bits=0)
def c_unimp(m: Machine) -> None:
    """Always illegal."""
    m.trap_illegal()


# Quadrant 0: op = 0
insn("c.addi4spn", CIW, op=0, funct3=0, bound={"rs1": _SP, "imm": "uimm"}, nonzero="uimm")(i.addi)
insn("c.fld", CL_LD, "frd, load_mem", ext="Zcd", op=0, funct3=1, bound={"imm": "uimm"})(f.fld)
insn("c.lw", CL_LW, op=0, funct3=2, bound={"imm": "uimm"})(i.lw)
insn("c.ld", CL_LD, op=0, funct3=3, bound={"imm": "uimm"})(i.ld)
insn("c.fsd", CS_SD, "frs2, store_mem", ext="Zcd", op=0, funct3=5, bound={"imm": "uimm"})(f.fsd)
insn("c.sw", CS_SW, op=0, funct3=6, bound={"imm": "uimm"})(i.sw)
insn("c.sd", CS_SD, op=0, funct3=7, bound={"imm": "uimm"})(i.sd)


# Quadrant 1: op = 1
insn("c.nop", CI, "", op=1, funct3=0, rd=0, imm=0, bound={"rd": 0, "rs1": 0, "imm": 0})(i.addi)
insn("c.addi", CI, op=1, funct3=0, bound=_SAME)(i.addi)
insn("c.addiw", CI, op=1, funct3=1, bound=_SAME, nonzero="rd")(i.addiw)
insn("c.li", CI, op=1, funct3=2, bound={"rs1": _ZERO})(i.addi)
insn("c.addi16sp", CI_SP, op=1, funct3=3, rd=_SP, bound={"rd": _SP, "rs1": _SP}, nonzero="imm")(i.addi)
insn("c.lui", CI_LUI, op=1, funct3=3, nonzero="imm")(i.lui)
insn("c.srli", CB_SHIFT, op=1, funct3=4, funct2=0, bound=_SAME)(i.srli)
insn("c.srai", CB_SHIFT, op=1, funct3=4, funct2=1, bound=_SAME)(i.srai)
insn("c.andi", CB_ANDI, op=1, funct3=4, funct2=2, bound=_SAME)(i.andi)
insn("c.sub", CA, op=1, funct6=0x23, funct2=0, bound=_SAME)(i.sub)
insn("c.xor", CA, op=1, funct6=0x23, funct2=1, bound=_SAME)(i.xor)
insn("c.or", CA, op=1, funct6=0x23, funct2=2, bound=_SAME)(i.or_)
insn("c.and", CA, op=1, funct6=0x23, funct2=3, bound=_SAME)(i.and_)
insn("c.subw", CA, op=1, funct6=0x27, funct2=0, bound=_SAME)(i.subw)
insn("c.addw", CA, op=1, funct6=0x27, funct2=1, bound=_SAME)(i.addw)
insn("c.j", CJ, op=1, funct3=5, bound={"rd": _ZERO})(i.jal)
insn("c.beqz", CB, op=1, funct3=6, bound={"rs2": _ZERO})(i.beq)
insn("c.bnez", CB, op=1, funct3=7, bound={"rs2": _ZERO})(i.bne)

# Quadrant 2: op = 2
insn("c.slli", CI_SHIFT, op=2, funct3=0, bound=_SAME)(i.slli)
insn("c.fldsp", CI_LD, "frd, load_sp", ext="Zcd", op=2, funct3=1, bound=_LOAD_SP)(f.fld)
insn("c.lwsp", CI_LW, op=2, funct3=2, bound=_LOAD_SP, nonzero="rd")(i.lw)
insn("c.ldsp", CI_LD, op=2, funct3=3, bound=_LOAD_SP, nonzero="rd")(i.ld)
insn("c.jr", CR_JUMP, op=2, funct4=8, rs2=0, bound={"rd": _ZERO, "imm": 0}, nonzero="rs1")(i.jalr)
insn("c.mv", CR, op=2, funct4=8, bound={"rs1": _ZERO}, nonzero="rs2")(i.add)
insn("c.ebreak", CR, "", op=2, funct4=9, rd=0, rs2=0)(i.ebreak)
insn("c.jalr", CR_JUMP, op=2, funct4=9, rs2=0, bound={"rd": 1, "imm": 0}, nonzero="rs1")(i.jalr)
insn("c.add", CR, op=2, funct4=9, bound=_SAME, nonzero="rs2")(i.add)
insn("c.fsdsp", CSS_SD, "frs2, store_sp", ext="Zcd", op=2, funct3=5, bound=_LOAD_SP)(f.fsd)
insn("c.swsp", CSS_SW, op=2, funct3=6, bound=_LOAD_SP)(i.sw)
insn("c.sdsp", CSS_SD, op=2, funct3=7, bound=_LOAD_SP)(i.sd)
