"""The ONE instruction table: every row of every extension, by mnemonic, in the manual's order.

    from toyvm.isa.table import INSNS, lookup
    INSNS["addi"].encode(rd=10, rs1=2, imm=-16)         # bit fields by name
    insn, ordering = lookup("amoadd.w.aqrl")            # INSNS["amoadd.w"], {"aq": 1, "rl": 1}

The assembler's operands and syntax, `decode`, the engines, the reference page and statistics are
derived from it. To add an extension, write a module in `rows/` and list its rows here.
"""

from __future__ import annotations

from .rows import privileged, rv64a, rv64c, rv64fd, rv64i, rv64m, zb, zbk, zcb, zfa, zi, zicsr, zk
from .spec import Insn

_ROWS = (
    rv64i.insn, rv64m.insn, rv64a.insn, zicsr.insn, rv64fd.single, rv64fd.double, rv64c.insn,
    zb.zba, zb.zbb, zb.zbs, zb.zicond, zbk.zbc, zbk.zbkb, zbk.zbkx, zk.zkn, zk.zks,
    rv64a.zabha, rv64a.zacas, rv64fd.half, rv64fd.bfloat, zfa.insn, zcb.insn,
    privileged.insn, privileged.svinval, privileged.hypervisor, privileged.smrnmi,
    zi.zicbom, zi.zicboz, zi.zicbop, zi.zihintntl, zi.zawrs, zi.zimop, zi.zcmop,
)  # fmt: skip
INSNS: dict[str, Insn] = {row.name: row for rows in _ROWS for row in rows.rows}

ORDERINGS = {".aqrl": {"aq": 1, "rl": 1}, ".aq": {"aq": 1, "rl": 0}, ".rl": {"aq": 0, "rl": 1}}


def lookup(mnemonic: str) -> tuple[Insn, dict[str, int]] | None:
    """The row of a mnemonic, and the fields that its ordering suffix (`.aq`, `.rl`, `.aqrl`) sets.

    None if the mnemonic is unknown.
    """
    insn = INSNS.get(mnemonic)
    if insn is not None:
        return insn, {}
    stem, dot, ordering = mnemonic.rpartition(".")
    insn = INSNS.get(stem)
    fields = ORDERINGS.get(dot + ordering)
    if insn is None or fields is None or "aq" not in insn.format.fields:
        return None
    return insn, dict(fields)
