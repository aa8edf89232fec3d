"""What RV32 has and RV64 has not, or encodes differently."""

from __future__ import annotations

from collections.abc import Iterator

from ..fields import CI_LW, CJ, CL_LW, CS_SW, CSS_SW, Format
from ..spec import Insn, Rows
from .notation import absent, read

_ROWS = """
RV32 Zbb:
08004033 zext.h rd,rs1
RV32 Zbb or Zbkb:
69805013 rev8 rd,rs1
RV32 Zbkb:
08f01013 zip rd,rs1
08f05013 unzip rd,rs1
RV32 Zknd:
2a000033 aes32dsi rd,rs1,rs2,u2@30
2e000033 aes32dsmi rd,rs1,rs2,u2@30
RV32 Zkne:
22000033 aes32esi rd,rs1,rs2,u2@30
26000033 aes32esmi rd,rs1,rs2,u2@30
RV32 Zknh:
5c000033 sha512sig0h rd,rs1,rs2
54000033 sha512sig0l rd,rs1,rs2
5e000033 sha512sig1h rd,rs1,rs2
56000033 sha512sig1l rd,rs1,rs2
50000033 sha512sum0r rd,rs1,rs2
52000033 sha512sum1r rd,rs1,rs2
RV32 Zfa and D:
e2101053 fmvh.x.d rd,frs1
b2000053 fmvp.d.x frd,rs1,rs2
"""

_short = Rows("RV32 Zca")
_short("c.jal", CJ, op=1, funct3=1)(absent)
_short("c.flw", CL_LW, "frd, load_mem", ext="RV32 Zcf", op=0, funct3=3, bound={"imm": "uimm"})(absent)
_short("c.fsw", CS_SW, "frs2, store_mem", ext="RV32 Zcf", op=0, funct3=7, bound={"imm": "uimm"})(absent)
_short("c.flwsp", CI_LW, "frd, load_sp", ext="RV32 Zcf", op=2, funct3=3, bound={"imm": "uimm"})(absent)
_short("c.fswsp", CSS_SW, "frs2, store_sp", ext="RV32 Zcf", op=2, funct3=7, bound={"imm": "uimm"})(absent)

# Shifts by 0, which are shifts by 64 on a machine of 128 bits
_CI_64 = Format("CI-64", "funct3 fixed5:1 rd fixed0:5 op", "rd")
_CB_64 = Format("CB-64", "funct3 fixed5:1 funct2:2 rd' fixed0:5 op", "rd")
_short("c.slli64", _CI_64, ext="Zca", op=2, funct3=0, fixed5=0, fixed0=0)(absent)
_short("c.srli64", _CB_64, ext="Zca", op=1, funct3=4, funct2=0, fixed5=0, fixed0=0)(absent)
_short("c.srai64", _CB_64, ext="Zca", op=1, funct3=4, funct2=1, fixed5=0, fixed0=0)(absent)

PSEUDOS = """
sext.b | rd, rs1            | slli {0}, {1}, 24; srai {0}, {0}, 24 | short
sext.h | rd, rs1            | slli {0}, {1}, 16; srai {0}, {0}, 16 | short
zext.h | rd, rs1            | slli {0}, {1}, 16; srli {0}, {0}, 16 | short
la     | rd, symbol         | auipc {0}, %got_pcrel_hi({1}); lw {0}, %pcrel_lo({label})({0}) | pic
lga    | rd, symbol         | auipc {0}, %got_pcrel_hi({1}); lw {0}, %pcrel_lo({label})({0})
la.tls.ie | rd, symbol      | auipc {0}, %tls_ie_pcrel_hi({1}); lw {0}, %pcrel_lo({label})({0})
rdcycleh   | rd             | csrrs {0}, cycleh, zero
rdtimeh    | rd             | csrrs {0}, timeh, zero
rdinstreth | rd             | csrrs {0}, instreth, zero
"""

COMPRESSED = """
flw    | freg, spmem        | c.flwsp {0}, {1}
flw    | freg, mem          | c.flw {0}, {1}
fsw    | freg, spmem        | c.fswsp {0}, {1}
fsw    | freg, mem          | c.fsw {0}, {1}
"""


def rows() -> Iterator[Insn]:
    """Every row."""
    yield from read(_ROWS)
    yield from _short.rows
