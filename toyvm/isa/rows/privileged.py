"""Instructions of supervisors, hypervisors and machines (privileged manual): all illegal in user mode."""

from __future__ import annotations

from ..fields import SYSTEM, UNARY, R
from ..semantics import Machine
from ..spec import Rows

insn, svinval, hypervisor, smrnmi = Rows("Privileged"), Rows("Svinval"), Rows("H"), Rows("Smrnmi")

_SYSTEM = 0x73


def _privileged(m: Machine) -> None:
    """Privileged: illegal in user mode."""
    m.trap_illegal()


def _plain(rows: Rows, name: str, funct12: int) -> None:
    rows(name, SYSTEM, opcode=_SYSTEM, funct3=0, rd=0, rs1=0, funct12=funct12)(_privileged)


def _fence(rows: Rows, name: str, funct7: int) -> None:
    rows(name, R, "rs1, rs2", opcode=_SYSTEM, funct3=0, rd=0, funct7=funct7)(_privileged)


_plain(insn, "sret", 0x102)
_plain(insn, "mret", 0x302)
_plain(insn, "wfi", 0x105)
_fence(insn, "sfence.vma", 0x09)

_fence(svinval, "sinval.vma", 0x0B)
_plain(svinval, "sfence.w.inval", 0x180)
_plain(svinval, "sfence.inval.ir", 0x181)
_plain(smrnmi, "mnret", 0x702)

_fence(hypervisor, "hfence.vvma", 0x11)
_fence(hypervisor, "hfence.gvma", 0x31)
svinval("hinval.vvma", R, "rs1, rs2", opcode=_SYSTEM, funct3=0, rd=0, funct7=0x13)(_privileged)
svinval("hinval.gvma", R, "rs1, rs2", opcode=_SYSTEM, funct3=0, rd=0, funct7=0x33)(_privileged)
for _name, _funct12 in (
    ("hlv.b", 0x600), ("hlv.bu", 0x601), ("hlv.h", 0x640), ("hlv.hu", 0x641), ("hlvx.hu", 0x643),
    ("hlv.w", 0x680), ("hlv.wu", 0x681), ("hlvx.wu", 0x683), ("hlv.d", 0x6C0),
):  # fmt: skip
    hypervisor(_name, UNARY, "rd, amo_mem", opcode=_SYSTEM, funct3=4, funct12=_funct12)(_privileged)
for _name, _funct7 in (("hsv.b", 0x31), ("hsv.h", 0x33), ("hsv.w", 0x35), ("hsv.d", 0x37)):
    hypervisor(_name, R, "rs2, amo_mem", opcode=_SYSTEM, funct3=4, rd=0, funct7=_funct7)(_privileged)
