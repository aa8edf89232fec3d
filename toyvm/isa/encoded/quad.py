"""Q, floating point of 128 bits: the rows of D with another number in the format field, and the conversions."""

from __future__ import annotations

from collections.abc import Iterator

from ..fields import LOAD, S
from ..spec import Insn, Rows
from ..table import INSNS
from .notation import absent, read

_FORMAT = 3 << 25  # of quads; D has 1
_LOAD_FP, _STORE_FP = 0x07, 0x27

_ROWS = """
Q:
46000053 fcvt.q.s frd,frs1
46100053 fcvt.q.d frd,frs1
40300053 fcvt.s.q frd,frs1,rm
42300053 fcvt.d.q frd,frs1,rm
Zfhmin and Q:
46200053 fcvt.q.h frd,frs1
44300053 fcvt.h.q frd,frs1,rm
"""


_memory = Rows("Q")
_memory("flq", LOAD, "frd, load_mem", opcode=_LOAD_FP, funct3=4)(absent)
_memory("fsq", S, "frs2, store_mem", opcode=_STORE_FP, funct3=4)(absent)


def rows() -> Iterator[Insn]:
    """Every row."""
    for insn in INSNS.values():
        if insn.ext == "D" and ".d" in insn.name and not insn.name.startswith("fmv."):
            if insn.name in ("fcvt.s.d", "fcvt.d.s"):
                continue
            twin = insn.twin("RV64 Q" if ".l" in insn.name else "Q", insn.syntax)
            twin.name = insn.name.replace(".d", ".q")
            twin.match = insn.match | _FORMAT
            twin.semantics = absent
            yield twin
    yield from _memory.rows
    yield from read(_ROWS)


PSEUDOS = """
fmv.q    | frd, frs1        | fsgnj.q {0}, {1}, {1}
fabs.q   | frd, frs1        | fsgnjx.q {0}, {1}, {1}
fneg.q   | frd, frs1        | fsgnjn.q {0}, {1}, {1}
fgt.q    | rd, frs1, frs2   | flt.q {0}, {2}, {1}
fge.q    | rd, frs1, frs2   | fle.q {0}, {2}, {1}
"""
