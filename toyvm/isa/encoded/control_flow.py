"""Zicfilp, Zicfiss (landing pads, shadow stacks), Zcmp and Zcmt, and instructions of older privileged manuals."""

from __future__ import annotations

from collections.abc import Iterator

from ..fields import AMO, Format
from ..spec import Insn, Rows
from .notation import absent, read

_ROWS = """
Zicfilp:
00000017 ~lpad u20@12
Zicfiss:
ce104073 sspush.x1
ce504073 sspush.x5
cdc0c073 sspopchk.x1
cdc2c073 sspopchk.x5
Privileged:
10400073 sfence.vm
10400073 sfence.vm rs1
"""

_short = Rows("Zcmp")
_LIST = Format("CM-list", "funct8:8 rlist:4 spimm:2 op", "reglist, stack")
for _name, _funct8 in (("cm.push", 0xB8), ("cm.pop", 0xBA), ("cm.popretz", 0xBC), ("cm.popret", 0xBE)):
    _short(_name, _LIST, op=2, funct8=_funct8)(absent)
_PAIR = Format("CM-pair", "funct6:6 sreg1:3 funct2:2 sreg2:3 op", "sreg1, sreg2")
_short("cm.mvsa01", _PAIR, op=2, funct6=0x2B, funct2=1)(absent)
_short("cm.mva01s", _PAIR, op=2, funct6=0x2B, funct2=3)(absent)
_TABLE = Format("CM-table", "funct6:6 index:8 op", "index")
_short("cm.jalt", _TABLE, "jalt", ext="Zcmt", op=2, funct6=0x28)(absent)
_short("cm.jt", _TABLE, "jt", ext="Zcmt", op=2, funct6=0x28)(absent)


_shadow = Rows("Zicfiss")
for _suffix, _funct3 in (("w", 2), ("d", 3)):
    _shadow(f"ssamoswap.{_suffix}", AMO, opcode=0x2F, funct3=_funct3, funct5=9)(absent)


def rows() -> Iterator[Insn]:
    """Every row. `cm.jt` before `cm.jalt`, whose numbers begin at 32."""
    yield from read(_ROWS)
    yield from _short.rows
    yield from _shadow.rows
