"""The ONE instruction table: every row of every extension, by mnemonic, in the manual's order.

    from toyvm.isa.table import INSNS, lookup
    INSNS["addi"].encode(rd=10, rs1=2, imm=-16)         # bit fields by name
    insn, ordering = lookup("amoadd.w.aqrl")            # INSNS["amoadd.w"], {"aq": 1, "rl": 1}

The assembler's operands and syntax, `decode`, the engines, the reference page and statistics are derived from it.
To add an extension, write a module of rows and name it here.
"""

from __future__ import annotations

from . import rows_a, rows_c, rows_f, rows_i, rows_m, rows_zb, rows_zicsr
from .spec import Insn

_ROWS = (
    rows_i.insn, rows_m.insn, rows_a.insn, rows_zicsr.insn, rows_f.single, rows_f.double, rows_c.insn,
    rows_zb.zba, rows_zb.zbb, rows_zb.zbs, rows_zb.zicond,
)  # fmt: skip
INSNS: dict[str, Insn] = {row.name: row for rows in _ROWS for row in rows.rows}

ORDERINGS = {".aqrl": {"aq": 1, "rl": 1}, ".aq": {"aq": 1, "rl": 0}, ".rl": {"aq": 0, "rl": 1}}


def lookup(mnemonic: str) -> tuple[Insn, dict[str, int]] | None:
    """The row that a mnemonic names and the fields that its ordering suffix sets (`.aq`, `.rl`, `.aqrl`), or None."""
    insn = INSNS.get(mnemonic)
    if insn is not None:
        return insn, {}
    stem, dot, ordering = mnemonic.rpartition(".")
    insn = INSNS.get(stem)
    fields = ORDERINGS.get(dot + ordering)
    if insn is None or fields is None or "aq" not in insn.format.fields:
        return None
    return insn, dict(fields)
