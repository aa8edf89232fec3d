"""Q, floating point of 128 bits: the rows of D with another number in the format field, and the conversions."""

from __future__ import annotations

from collections.abc import Iterator

from ..fields import FR, LOAD, S
from ..spec import Insn, Rows
from ..table import INSNS
from .notation import absent

_FORMAT = 3 << 25  # of quads; D has 1
_LOAD_FP, _STORE_FP, _OP_FP = 0x07, 0x27, 0x53


_others = Rows("Q")
_others("flq", LOAD, "frd, load_mem", opcode=_LOAD_FP, funct3=4)(absent)
_others("fsq", S, "frs2, store_mem", opcode=_STORE_FP, funct3=4)(absent)
for _number, (_name, _ext) in enumerate((("s", "Q"), ("d", "Q"), ("h", "Zfhmin and Q"))):
    _from = _others(
        f"fcvt.{_name}.q", FR, "frd, frs1, rm", ext=_ext, opcode=_OP_FP, funct7=0x20 | _number, rs2=3
    )
    _from(absent)
    _others(f"fcvt.q.{_name}", FR, "frd, frs1", ext=_ext, opcode=_OP_FP, funct7=0x23, rs2=_number)(absent)


def rows() -> Iterator[Insn]:
    """Every row."""
    for insn in INSNS.values():
        if insn.ext == "D" and ".d" in insn.name and not insn.name.startswith("fmv."):
            if insn.name in ("fcvt.s.d", "fcvt.d.s"):
                continue
            # A conversion from an integer is exact, so it has no rounding mode
            syntax = "frd, rs1" if insn.name.startswith("fcvt.d.") else insn.syntax
            twin = insn.twin("RV64 Q" if ".l" in insn.name else "Q", syntax)
            twin.name = insn.name.replace(".d", ".q")
            twin.match = insn.match | _FORMAT
            twin.semantics = absent
            yield twin
    yield from _others.rows


PSEUDOS = """
fmv.q    | frd, frs1        | fsgnj.q {0}, {1}, {1}
fabs.q   | frd, frs1        | fsgnjx.q {0}, {1}, {1}
fneg.q   | frd, frs1        | fsgnjn.q {0}, {1}, {1}
fgt.q    | rd, frs1, frs2   | flt.q {0}, {2}, {1}
fge.q    | rd, frs1, frs2   | fle.q {0}, {2}, {1}
"""
