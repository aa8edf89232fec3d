"""Zcb: more compressed instructions (manual, chapter "Zc*")."""

from __future__ import annotations

from ..fields import CA, Format
from ..semantics import Machine, low, zext
from ..spec import Rows
from . import rv64i as i
from . import rv64m, zb

insn = Rows("Zcb")

_LBU = Format("CLB", "funct6:6 rs1' uimm[0|1] rd' op", "rd, load_mem")
_LH = Format("CLH", "funct6:6 rs1' funct1:1 uimm[1] rd' op", "rd, load_mem")
_SB = Format("CSB", "funct6:6 rs1' uimm[0|1] rs2' op", "rs2, store_mem")
_SH = Format("CSH", "funct6:6 rs1' funct1:1 uimm[1] rs2' op", "rs2, store_mem")
_CU = Format("CU", "funct6:6 rd' funct5:5 op", "rd")

_OFFSET = {"imm": "uimm"}
_SAME = {"rs1": "rd"}
_SHORT = 0x27  # funct6 of those on registers

insn("c.lbu", _LBU, op=0, funct6=0x20, bound=_OFFSET)(i.lbu)
insn("c.lhu", _LH, op=0, funct6=0x21, funct1=0, bound=_OFFSET)(i.lhu)
insn("c.lh", _LH, op=0, funct6=0x21, funct1=1, bound=_OFFSET)(i.lh)
insn("c.sb", _SB, op=0, funct6=0x22, bound=_OFFSET)(i.sb)
insn("c.sh", _SH, op=0, funct6=0x23, funct1=0, bound=_OFFSET)(i.sh)


@insn("c.zext.b", _CU, op=1, funct6=_SHORT, funct5=0x18, bound=_SAME)
def c_zext_b(m: Machine) -> None:
    """Zero-extend a byte."""
    m.rd = zext(low(m.rs1, 8))


insn("c.sext.b", _CU, ext="Zcb and Zbb", op=1, funct6=_SHORT, funct5=0x19, bound=_SAME)(zb.sext_b)
insn("c.zext.h", _CU, ext="Zcb and Zbb", op=1, funct6=_SHORT, funct5=0x1A, bound=_SAME)(zb.zext_h)
insn("c.sext.h", _CU, ext="Zcb and Zbb", op=1, funct6=_SHORT, funct5=0x1B, bound=_SAME)(zb.sext_h)


@insn("c.zext.w", _CU, ext="Zcb and Zba", op=1, funct6=_SHORT, funct5=0x1C, bound=_SAME)
def c_zext_w(m: Machine) -> None:
    """Zero-extend a word."""
    m.rd = zext(low(m.rs1))


@insn("c.not", _CU, op=1, funct6=_SHORT, funct5=0x1D, bound=_SAME)
def c_not(m: Machine) -> None:
    """Invert all bits."""
    m.rd = ~m.rs1


insn("c.mul", CA, ext="Zcb and Zmmul", op=1, funct6=_SHORT, funct2=2, bound=_SAME)(rv64m.mul)
