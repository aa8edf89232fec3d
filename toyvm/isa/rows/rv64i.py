"""RV64I: the base integer instructions (unprivileged manual, chapters "RV32I" and "RV64I"), and the privileged
instructions that GNU as accepts, which are illegal in user mode."""

from __future__ import annotations

from ..fields import FENCE, LOAD, SHIFT, SHIFTW, SYSTEM, B, I, J, R, S, U
from ..semantics import Machine, low, s, sext, zext
from ..spec import Rows

insn = Rows("I")

_OP, _OP_IMM, _OP_32, _OP_IMM_32 = 0x33, 0x13, 0x3B, 0x1B
_LOAD, _STORE, _BRANCH, _SYSTEM, _MISC_MEM = 0x03, 0x23, 0x63, 0x73, 0x0F


@insn("lui", U, opcode=0x37)
def lui(m: Machine) -> None:
    """Load upper immediate: the immediate is the upper 20 of 32 bits, sign-extended."""
    m.rd = m.imm


@insn("auipc", U, opcode=0x17)
def auipc(m: Machine) -> None:
    """Add upper immediate to pc."""
    m.rd = m.pc + m.imm


@insn("jal", J, opcode=0x6F)
def jal(m: Machine) -> None:
    """Jump and link."""
    m.jump(m.pc + m.imm)
    m.rd = m.next_pc


@insn("jalr", LOAD, opcode=0x67, funct3=0)
def jalr(m: Machine) -> None:
    """Jump and link register; the target's bit 0 is cleared."""
    m.jump((m.rs1 + m.imm) & ~1)
    m.rd = m.next_pc


@insn("beq", B, opcode=_BRANCH, funct3=0)
def beq(m: Machine) -> None:
    """Branch if equal."""
    m.branch(m.rs1 == m.rs2, m.pc + m.imm)


@insn("bne", B, opcode=_BRANCH, funct3=1)
def bne(m: Machine) -> None:
    """Branch if not equal."""
    m.branch(m.rs1 != m.rs2, m.pc + m.imm)


@insn("blt", B, opcode=_BRANCH, funct3=4)
def blt(m: Machine) -> None:
    """Branch if less than, signed."""
    m.branch(s(m.rs1) < s(m.rs2), m.pc + m.imm)


@insn("bge", B, opcode=_BRANCH, funct3=5)
def bge(m: Machine) -> None:
    """Branch if greater than or equal, signed."""
    m.branch(s(m.rs1) >= s(m.rs2), m.pc + m.imm)


@insn("bltu", B, opcode=_BRANCH, funct3=6)
def bltu(m: Machine) -> None:
    """Branch if less than, unsigned."""
    m.branch(m.rs1 < m.rs2, m.pc + m.imm)


@insn("bgeu", B, opcode=_BRANCH, funct3=7)
def bgeu(m: Machine) -> None:
    """Branch if greater than or equal, unsigned."""
    m.branch(m.rs1 >= m.rs2, m.pc + m.imm)


@insn("lb", LOAD, opcode=_LOAD, funct3=0)
def lb(m: Machine) -> None:
    """Load byte, sign-extended."""
    m.rd = sext(m.load(8, m.rs1 + m.imm))


@insn("lh", LOAD, opcode=_LOAD, funct3=1)
def lh(m: Machine) -> None:
    """Load halfword (16 bits), sign-extended."""
    m.rd = sext(m.load(16, m.rs1 + m.imm))


@insn("lw", LOAD, opcode=_LOAD, funct3=2)
def lw(m: Machine) -> None:
    """Load word (32 bits), sign-extended."""
    m.rd = sext(m.load(32, m.rs1 + m.imm))


@insn("ld", LOAD, opcode=_LOAD, funct3=3)
def ld(m: Machine) -> None:
    """Load doubleword (64 bits)."""
    m.rd = m.load(64, m.rs1 + m.imm)


@insn("lbu", LOAD, opcode=_LOAD, funct3=4)
def lbu(m: Machine) -> None:
    """Load byte, zero-extended."""
    m.rd = zext(m.load(8, m.rs1 + m.imm))


@insn("lhu", LOAD, opcode=_LOAD, funct3=5)
def lhu(m: Machine) -> None:
    """Load halfword, zero-extended."""
    m.rd = zext(m.load(16, m.rs1 + m.imm))


@insn("lwu", LOAD, opcode=_LOAD, funct3=6)
def lwu(m: Machine) -> None:
    """Load word, zero-extended."""
    m.rd = zext(m.load(32, m.rs1 + m.imm))


@insn("sb", S, opcode=_STORE, funct3=0)
def sb(m: Machine) -> None:
    """Store byte."""
    m.store(m.rs1 + m.imm, low(m.rs2, 8))


@insn("sh", S, opcode=_STORE, funct3=1)
def sh(m: Machine) -> None:
    """Store halfword."""
    m.store(m.rs1 + m.imm, low(m.rs2, 16))


@insn("sw", S, opcode=_STORE, funct3=2)
def sw(m: Machine) -> None:
    """Store word."""
    m.store(m.rs1 + m.imm, low(m.rs2, 32))


@insn("sd", S, opcode=_STORE, funct3=3)
def sd(m: Machine) -> None:
    """Store doubleword."""
    m.store(m.rs1 + m.imm, m.rs2)


@insn("addi", I, opcode=_OP_IMM, funct3=0)
def addi(m: Machine) -> None:
    """Add immediate."""
    m.rd = m.rs1 + m.imm


@insn("slti", I, opcode=_OP_IMM, funct3=2)
def slti(m: Machine) -> None:
    """Set if less than immediate, signed."""
    m.rd = s(m.rs1) < s(m.imm)


@insn("sltiu", I, opcode=_OP_IMM, funct3=3)
def sltiu(m: Machine) -> None:
    """Set if less than immediate, unsigned (the immediate is sign-extended first)."""
    m.rd = m.rs1 < m.imm


@insn("xori", I, opcode=_OP_IMM, funct3=4)
def xori(m: Machine) -> None:
    """Exclusive or with immediate."""
    m.rd = m.rs1 ^ m.imm


@insn("ori", I, opcode=_OP_IMM, funct3=6)
def ori(m: Machine) -> None:
    """Or with immediate."""
    m.rd = m.rs1 | m.imm


@insn("andi", I, opcode=_OP_IMM, funct3=7)
def andi(m: Machine) -> None:
    """And with immediate."""
    m.rd = m.rs1 & m.imm


@insn("slli", SHIFT, opcode=_OP_IMM, funct3=1, funct6=0)
def slli(m: Machine) -> None:
    """Shift left by an immediate amount."""
    m.rd = m.rs1 << m.shamt


@insn("srli", SHIFT, opcode=_OP_IMM, funct3=5, funct6=0)
def srli(m: Machine) -> None:
    """Shift right by an immediate amount, filling with zeros."""
    m.rd = m.rs1 >> m.shamt


@insn("srai", SHIFT, opcode=_OP_IMM, funct3=5, funct6=0x10)
def srai(m: Machine) -> None:
    """Shift right by an immediate amount, filling with the sign."""
    m.rd = s(m.rs1) >> m.shamt


@insn("add", R, opcode=_OP, funct3=0, funct7=0)
def add(m: Machine) -> None:
    """Add."""
    m.rd = m.rs1 + m.rs2


@insn("sub", R, opcode=_OP, funct3=0, funct7=0x20)
def sub(m: Machine) -> None:
    """Subtract."""
    m.rd = m.rs1 - m.rs2


@insn("sll", R, opcode=_OP, funct3=1, funct7=0)
def sll(m: Machine) -> None:
    """Shift left by the low 6 bits of rs2."""
    m.rd = m.rs1 << (m.rs2 & 63)


@insn("slt", R, opcode=_OP, funct3=2, funct7=0)
def slt(m: Machine) -> None:
    """Set if less than, signed."""
    m.rd = s(m.rs1) < s(m.rs2)


@insn("sltu", R, opcode=_OP, funct3=3, funct7=0)
def sltu(m: Machine) -> None:
    """Set if less than, unsigned."""
    m.rd = m.rs1 < m.rs2


@insn("xor", R, opcode=_OP, funct3=4, funct7=0)
def xor(m: Machine) -> None:
    """Exclusive or."""
    m.rd = m.rs1 ^ m.rs2


@insn("srl", R, opcode=_OP, funct3=5, funct7=0)
def srl(m: Machine) -> None:
    """Shift right by the low 6 bits of rs2, filling with zeros."""
    m.rd = m.rs1 >> (m.rs2 & 63)


@insn("sra", R, opcode=_OP, funct3=5, funct7=0x20)
def sra(m: Machine) -> None:
    """Shift right by the low 6 bits of rs2, filling with the sign."""
    m.rd = s(m.rs1) >> (m.rs2 & 63)


@insn("or", R, opcode=_OP, funct3=6, funct7=0)
def or_(m: Machine) -> None:
    """Or."""
    m.rd = m.rs1 | m.rs2


@insn("and", R, opcode=_OP, funct3=7, funct7=0)
def and_(m: Machine) -> None:
    """And."""
    m.rd = m.rs1 & m.rs2


@insn("addiw", I, opcode=_OP_IMM_32, funct3=0)
def addiw(m: Machine) -> None:
    """Add immediate, 32 bits, sign-extended."""
    m.rd = sext(low(m.rs1) + low(m.imm))


@insn("slliw", SHIFTW, opcode=_OP_IMM_32, funct3=1, funct7=0)
def slliw(m: Machine) -> None:
    """Shift left by an immediate amount, 32 bits, sign-extended."""
    m.rd = sext(low(m.rs1) << m.shamt)


@insn("srliw", SHIFTW, opcode=_OP_IMM_32, funct3=5, funct7=0)
def srliw(m: Machine) -> None:
    """Shift the low 32 bits right by an immediate amount, filling with zeros; the result is sign-extended."""
    m.rd = sext(low(m.rs1) >> m.shamt)


@insn("sraiw", SHIFTW, opcode=_OP_IMM_32, funct3=5, funct7=0x20)
def sraiw(m: Machine) -> None:
    """Shift the low 32 bits right by an immediate amount, filling with bit 31; the result is sign-extended."""
    m.rd = sext(s(low(m.rs1)) >> m.shamt)


@insn("addw", R, opcode=_OP_32, funct3=0, funct7=0)
def addw(m: Machine) -> None:
    """Add, 32 bits, sign-extended."""
    m.rd = sext(low(m.rs1) + low(m.rs2))


@insn("subw", R, opcode=_OP_32, funct3=0, funct7=0x20)
def subw(m: Machine) -> None:
    """Subtract, 32 bits, sign-extended."""
    m.rd = sext(low(m.rs1) - low(m.rs2))


@insn("sllw", R, opcode=_OP_32, funct3=1, funct7=0)
def sllw(m: Machine) -> None:
    """Shift left by the low 5 bits of rs2, 32 bits, sign-extended."""
    m.rd = sext(low(m.rs1) << (low(m.rs2) & 31))


@insn("srlw", R, opcode=_OP_32, funct3=5, funct7=0)
def srlw(m: Machine) -> None:
    """Shift the low 32 bits right by the low 5 bits of rs2, filling with zeros; the result is sign-extended."""
    m.rd = sext(low(m.rs1) >> (low(m.rs2) & 31))


@insn("sraw", R, opcode=_OP_32, funct3=5, funct7=0x20)
def sraw(m: Machine) -> None:
    """Shift the low 32 bits right by the low 5 bits of rs2, filling with bit 31; the result is sign-extended."""
    m.rd = sext(s(low(m.rs1)) >> (low(m.rs2) & 31))


@insn("fence.tso", FENCE, "", opcode=_MISC_MEM, funct3=0, rd=0, rs1=0, fm=8, pred=3, succ=3)
def fence_tso(m: Machine) -> None:
    """Order memory accesses as total store ordering does."""
    m.fence()


@insn("pause", FENCE, "", ext="Zihintpause", opcode=_MISC_MEM, funct3=0, rd=0, rs1=0, fm=0, pred=1, succ=0)
def pause(m: Machine) -> None:
    """Hint that the hart is waiting in a loop."""
    m.fence()


@insn("fence", FENCE, opcode=_MISC_MEM, funct3=0)
def fence(m: Machine) -> None:
    """Order memory accesses: those in the first set before those in the second. The reserved fields are ignored."""
    m.fence()


@insn("fence.i", I, "", ext="Zifencei", opcode=_MISC_MEM, funct3=1)
def fence_i(m: Machine) -> None:
    """Make earlier stores visible to instruction fetches. The reserved fields are ignored."""
    m.fence_i()


@insn("ecall", SYSTEM, opcode=_SYSTEM, funct3=0, rd=0, rs1=0, funct12=0)
def ecall(m: Machine) -> None:
    """Call the operating system."""
    m.trap_ecall()


@insn("ebreak", SYSTEM, opcode=_SYSTEM, funct3=0, rd=0, rs1=0, funct12=1)
def ebreak(m: Machine) -> None:
    """Stop for a debugger."""
    m.trap_breakpoint()
