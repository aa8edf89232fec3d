"""Cache blocks, hints and may-be operations: Zicbom, Zicboz, Zicbop, Zihintntl, Zawrs, Zimop, Zcmop (manual, chapters of those names).

Caches are not visible here: cleaning and flushing a block only checks the address. cbo.inval stays illegal in user mode,
as under Linux. Hints, and the operations of Zimop that no other extension redefines, change nothing but rd.
"""

from __future__ import annotations

from ..extensions import CACHE_BLOCK
from ..fields import Format, R
from ..semantics import Machine, number
from ..spec import Rows

zicbom, zicboz, zicbop = Rows("Zicbom"), Rows("Zicboz"), Rows("Zicbop")
zihintntl, zawrs, zimop, zcmop = Rows("Zihintntl"), Rows("Zawrs"), Rows("Zimop"), Rows("Zcmop")

_OP, _OP_IMM, _MISC_MEM, _SYSTEM = 0x33, 0x13, 0x0F, 0x73

_BLOCK = Format("I-block", "funct12:12 rs1 funct3 rd opcode", "amo_mem")
_PREFETCH = Format("S-prefetch", "imm[11:5] rs2 rs1 funct3 rd opcode", "store_mem")
_MOP_R = Format("R-mop.r", "one:1 n[4] none:2 n[3:2] seven:4 n[1:0] rs1 funct3 rd opcode", "rd, rs1")
_MOP_RR = Format("R-mop.rr", "one:1 n[2] none:2 n[1:0] last:1 rs2 rs1 funct3 rd opcode", "rd, rs1, rs2")
_C_MOP = Format("C-mop", "bits:16", "")
_C_HINT = Format("C-hint", "bits:16", "")


@zicbom("cbo.inval", _BLOCK, opcode=_MISC_MEM, funct3=2, rd=0, funct12=0)
def cbo_inval(m: Machine) -> None:
    """Invalidate a cache block: illegal in user mode."""
    m.trap_illegal()


@zicbom("cbo.clean", _BLOCK, opcode=_MISC_MEM, funct3=2, rd=0, funct12=1)
def cbo_clean(m: Machine) -> None:
    """Write back a cache block."""
    m.load(8, m.rs1)


@zicbom("cbo.flush", _BLOCK, opcode=_MISC_MEM, funct3=2, rd=0, funct12=2)
def cbo_flush(m: Machine) -> None:
    """Write back and invalidate a cache block."""
    m.load(8, m.rs1)


@zicboz("cbo.zero", _BLOCK, opcode=_MISC_MEM, funct3=2, rd=0, funct12=4)
def cbo_zero(m: Machine) -> None:
    """Store zeros to the whole cache block that holds the address."""
    start = m.rs1 & -CACHE_BLOCK
    for offset in range(0, CACHE_BLOCK, 8):
        m.store(start + offset, number(0))


def _hint(m: Machine) -> None:
    """A hint about memory: changes nothing."""
    m.fence()


for _name, _selector in (("i", 0), ("r", 1), ("w", 3)):
    zicbop(f"prefetch.{_name}", _PREFETCH, opcode=_OP_IMM, funct3=6, rd=0, rs2=_selector)(_hint)

for _number, _name in ((2, "p1"), (3, "pall"), (4, "s1"), (5, "all")):
    zihintntl(f"ntl.{_name}", R, "", opcode=_OP, funct3=0, funct7=0, rd=0, rs1=0, rs2=_number)(_hint)
    zihintntl(f"c.ntl.{_name}", _C_HINT, "", ext="Zca and Zihintntl", bits=0x9002 | _number << 2)(_hint)


def _wait(m: Machine) -> None:
    """Wait for a reservation set to change, or not: a single hart sees its own stores in order."""
    m.fence()


for _name, _number in (("nto", 0x00D), ("sto", 0x01D)):
    zawrs(f"wrs.{_name}", _BLOCK, "", opcode=_SYSTEM, funct3=0, rd=0, rs1=0, funct12=_number)(_wait)


def _may_be(m: Machine) -> None:
    """May be an operation: rd gets 0 unless an extension redefines it."""
    m.rd = number(0)


for _number in range(32):
    zimop(f"mop.r.{_number}", _MOP_R, opcode=_SYSTEM, funct3=4, one=1, none=0, seven=7, n=_number)(_may_be)
for _number in range(8):
    zimop(f"mop.rr.{_number}", _MOP_RR, opcode=_SYSTEM, funct3=4, one=1, none=0, last=1, n=_number)(_may_be)


def _compressed_may_be(m: Machine) -> None:
    """May be an operation: changes nothing unless an extension redefines it."""
    m.fence()


for _number in range(1, 16, 2):
    zcmop(f"c.mop.{_number}", _C_MOP, bits=0x6001 | _number << 7)(_compressed_may_be)
