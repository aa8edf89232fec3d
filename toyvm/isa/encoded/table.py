"""All rows that are assembled and shown but not executed, beside `isa.table.INSNS`.

It takes as long to import as the table of all other instructions, so it is imported only where a program has such an
instruction, or an architecture (RV32, V) that needs it.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from ..buckets import file_rows, find_row
from ..compressed import read_compressed
from ..decode import Decoded, find
from ..pseudo import Pseudo, read_pseudos
from ..spec import Insn
from ..table import INSNS
from ..widths import needs
from . import control_flow, quad, rv32, thead, vector
from .notation import Alias, by_name

if TYPE_CHECKING:
    from ..buckets import Filed

_PARTS = (rv32, quad, vector, thead, control_flow)
ENCODED: dict[str, list[Insn]] = by_name(insn for part in _PARTS for insn in part.rows())

# Vector pseudo-instructions. Those with a mask are tried first.
_VECTOR = """
vmsltu.vi | vd, vs2, #0, vm     | vmsne.vv {0}, {1}, {1}, {3}
vmsltu.vi | vd, vs2, #0         | vmsne.vv {0}, {1}, {1}
vmsgeu.vi | vd, vs2, #0, vm     | vmseq.vv {0}, {1}, {1}, {3}
vmsgeu.vi | vd, vs2, #0         | vmseq.vv {0}, {1}, {1}
vmmv.m    | vd, vs2             | vmand.mm {0}, {1}, {1}
vmcpy.m   | vd, vs2             | vmand.mm {0}, {1}, {1}
vmclr.m   | vd                  | vmxor.mm {0}, {0}, {0}
vmset.m   | vd                  | vmxnor.mm {0}, {0}, {0}
vmnot.m   | vd, vs2             | vmnand.mm {0}, {1}, {1}
vfneg.v   | vd, vs2, vm         | vfsgnjn.vv {0}, {1}, {1}, {2}
vfneg.v   | vd, vs2             | vfsgnjn.vv {0}, {1}, {1}
vfabs.v   | vd, vs2, vm         | vfsgnjx.vv {0}, {1}, {1}, {2}
vfabs.v   | vd, vs2             | vfsgnjx.vv {0}, {1}, {1}
"""
_COMPARISON = """
vms{0}.vx | vd, vs2, rs1        | vms{1}.vx {{0}}, {{1}}, {{2}}; vmnand.mm {{0}}, {{0}}, {{0}}
vms{0}.vx | not0, vs2, rs1, vm  | vms{1}.vx {{0}}, {{1}}, {{2}}, {{3}}; vmxor.mm {{0}}, {{0}}, v0
vms{0}.vx | v0, vs2, rs1, vm, vd | vms{1}.vx {{4}}, {{1}}, {{2}}, {{3}}; vmandn.mm {{0}}, v0, {{4}}
vms{0}.vx | vd, vs2, rs1, vm, vd | vms{1}.vx {{4}}, {{1}}, {{2}}, {{3}}; vmandn.mm {{4}}, v0, {{4}}; \
vmandn.mm {{0}}, {{0}}, v0; vmor.mm {{0}}, {{4}}, {{0}}
""".replace("\\\n", "")


def _extension(mnemonic: str) -> str:
    """The extension that an expansion needs, by its last line."""
    if mnemonic in ENCODED:
        return ENCODED[mnemonic][0].ext
    return INSNS[mnemonic].ext


MORE_PSEUDOS: dict[str, tuple[Pseudo, ...]] = read_pseudos(
    quad.PSEUDOS + _VECTOR + _COMPARISON.format("ge", "lt") + _COMPARISON.format("geu", "ltu"), _extension
)
PSEUDOS_32: dict[str, tuple[Pseudo, ...]] = read_pseudos(rv32.PSEUDOS, _extension)
COMPRESSED_32: dict[str, tuple[Pseudo, ...]] = read_compressed(rv32.COMPRESSED)


@cache
def _filed() -> tuple[Filed[Insn], Filed[Insn]]:
    """The rows of 64-bit and of 32-bit machines; a program may have all extensions of one width."""
    rows = [insn for rows in ENCODED.values() for insn in rows if not isinstance(insn, Alias)]
    wide = [insn for insn in rows if not insn.ext.startswith("RV32")]
    narrow = [insn for insn in rows if not insn.ext.startswith("RV64")]
    narrow += [insn for insn in INSNS.values() if not needs(insn).startswith("RV64")]
    return _file(wide), _file(narrow)


def _file(rows: list[Insn]) -> Filed[Insn]:
    return file_rows((insn.match, insn.mask, insn.nonzero, insn) for insn in rows)


def find_encoded(word: int) -> Insn | None:
    """The row of a word that `decode.find` does not know, on a 64-bit machine; None if it is no instruction."""
    return find_row(_filed()[0], word)


def decode_any(word: int, xlen: int = 64) -> Decoded | None:
    """The instruction in `word` (32 bits, or 16 in the low half) on a machine of that width, executed here or not."""
    insn = find_row(_filed()[1], word) if xlen == 32 else find(word) or find_encoded(word)
    return Decoded(insn, word) if insn is not None else None
