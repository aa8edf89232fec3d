"""Zicsr: control and status registers (unprivileged manual, chapter "Zicsr").

A CSR is read even when rd is x0: no CSR here has a side effect of being read. It is not written, and so may be
read-only, when a set or clear names x0 or 0.
"""

from __future__ import annotations

from ..fields import CSR, CSRI, SYSTEM
from ..semantics import Machine
from ..spec import Rows

insn = Rows("Zicsr")

_SYSTEM = 0x73


@insn("unimp", SYSTEM, ext="I", opcode=_SYSTEM, funct3=1, rd=0, rs1=0, funct12=0xC00)
def unimp(m: Machine) -> None:
    """Always illegal: written as csrrw x0, cycle, x0, a write to a read-only CSR."""
    m.trap_illegal()


@insn("csrrw", CSR, opcode=_SYSTEM, funct3=1)
def csrrw(m: Machine) -> None:
    """Swap a CSR with a register."""
    new = m.rs1
    old = m.csr_read()
    m.csr_write(new)
    m.rd = old


@insn("csrrs", CSR, opcode=_SYSTEM, funct3=2)
def csrrs(m: Machine) -> None:
    """Read a CSR and set the bits of rs1 in it."""
    old = m.csr_read()
    m.csr_write(old | m.rs1, unless_zero="rs1")
    m.rd = old


@insn("csrrc", CSR, opcode=_SYSTEM, funct3=3)
def csrrc(m: Machine) -> None:
    """Read a CSR and clear the bits of rs1 in it."""
    old = m.csr_read()
    m.csr_write(old & ~m.rs1, unless_zero="rs1")
    m.rd = old


@insn("csrrwi", CSRI, opcode=_SYSTEM, funct3=5)
def csrrwi(m: Machine) -> None:
    """Read a CSR and write an immediate to it."""
    old = m.csr_read()
    m.csr_write(m.uimm)
    m.rd = old


@insn("csrrsi", CSRI, opcode=_SYSTEM, funct3=6)
def csrrsi(m: Machine) -> None:
    """Read a CSR and set the bits of an immediate in it."""
    old = m.csr_read()
    m.csr_write(old | m.uimm, unless_zero="uimm")
    m.rd = old


@insn("csrrci", CSRI, opcode=_SYSTEM, funct3=7)
def csrrci(m: Machine) -> None:
    """Read a CSR and clear the bits of an immediate in it."""
    old = m.csr_read()
    m.csr_write(old & ~m.uimm, unless_zero="uimm")
    m.rd = old
