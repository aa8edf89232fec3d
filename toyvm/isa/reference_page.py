"""Prints docs/reference/isa.md from the table: `python -m toyvm.isa.reference_page > docs/reference/isa.md`."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .ops import Node, Op
from .properties import class_of
from .pseudo import PSEUDOS
from .spec import Insn
from .table import INSNS
from .trees import tree

_INFIX = {
    Op.ADD: "+", Op.SUB: "-", Op.MUL: "*", Op.AND: "&", Op.OR: "|", Op.XOR: "^", Op.SHL: "<<", Op.LSHR: ">>u",
    Op.ASHR: ">>s", Op.UDIV: "/u", Op.UREM: "%u", Op.SDIV: "/s", Op.SREM: "%s", Op.EQ: "==", Op.NE: "!=",
    Op.ULT: "<u", Op.UGE: ">=u", Op.SLT: "<s", Op.SGE: ">=s",
}  # fmt: skip


def expression(node: Node) -> str:
    """A value as the page writes it: signedness is in the operator, width only where it changes."""
    op, args = node.op, [expression(argument) for argument in node.args]
    if op in _INFIX:
        return f"({args[0]} {_INFIX[op]} {args[1]})"
    if op is Op.CONST:
        sign = 1 << (node.width - 1)
        return str((node.value ^ sign) - sign) if node.width > 1 else str(node.value)
    if op is Op.SELECT:
        return f"({args[0]} ? {args[1]} : {args[2]})"
    texts: dict[Op, Callable[[], str]] = {
        Op.FIELD: lambda: node.name,
        Op.PC: lambda: "pc",
        Op.READ_X: lambda: f"x[{args[0]}]",
        Op.CLZ: lambda: f"clz{node.width}({args[0]})",
        Op.CTZ: lambda: f"ctz{node.width}({args[0]})",
        Op.CPOP: lambda: f"cpop{node.width}({args[0]})",
        Op.TABLE: lambda: f"{node.name}[{args[0]}]",
        Op.READ_F: lambda: f"f[{args[0]}]",
        Op.FLOAT: lambda: f"{node.name}({', '.join(args)})",
        Op.TRUNC: lambda: f"{args[0]}[{node.width - 1}:0]",
        Op.ZEXT: lambda: f"zext{node.width}({args[0]})",
        Op.SEXT: lambda: f"sext{node.width}({args[0]})",
        Op.CSR_READ: lambda: f"CSR[{args[0]}]",
        Op.LOAD: lambda: f"M{node.width}[{args[0]}]",
        Op.AMO_LOAD: lambda: f"M{node.width}[{args[0]}]",
        Op.LOAD_RESERVED: lambda: f"reserve(M{node.width}[{args[0]}])",
        Op.STORE_CONDITIONAL: lambda: f"store_conditional(M[{args[0]}], {args[1]})",
    }
    return texts[op]()


def effect(node: Node) -> str | None:
    """An effect as the page writes it; None for an effect that appears where its value is used."""
    args = node.args
    texts: dict[Op, Callable[[], str]] = {
        Op.STORE: lambda: f"M{args[1].width}[{expression(args[0])}] = {expression(args[1])}",
        Op.CSR_WRITE: lambda: (
            ("" if args[2].op is Op.CONST else f"if {expression(args[2])}: ")
            + f"CSR[{expression(args[0])}] = {expression(args[1])}"
        ),
        Op.FENCE: lambda: "order memory accesses",
        Op.FENCE_I: lambda: "order instruction fetches",
        Op.TRAP: lambda: f"trap with cause {node.value}",
        Op.JUMP: lambda: f"next pc = {expression(args[0])}",
        Op.BRANCH: lambda: f"if {expression(args[0])}: next pc = {expression(args[1])}",
        Op.WRITE_X: lambda: f"x[{expression(args[0])}] = {expression(args[1])}",
        Op.WRITE_F: lambda: f"f[{expression(args[0])}] = {expression(args[1])}",
    }
    return texts[node.op]() if node.op in texts else None


_LONGEST = 600  # characters of a meaning that helps a reader


def bits(insn: Insn) -> str:
    """The row's fixed bits as a string from bit 31 down, `.` where a field is free."""
    return "".join(
        str(insn.match >> at & 1) if insn.mask >> at & 1 else "." for at in range(8 * insn.length - 1, -1, -1)
    )


def page() -> Iterable[str]:
    """The lines of the page."""
    yield "# Instructions"
    yield ""
    yield "Generated from the instruction table by `python -m toyvm.isa.reference_page`. `M64[a]` is 64 bits of"
    yield "memory at address a, and `x[r]` is a register. `>>u >>s <u <s /u /s` mark unsigned and signed"
    yield "operations. All reads come before all writes. In an encoding the most significant bit comes first,"
    yield "and `.` belongs to a field."
    for ext in dict.fromkeys(insn.ext for insn in INSNS.values()):
        yield from [
            "",
            f"## {ext}",
            "",
            "| instruction | encoding | class | what it does |",
            "|---|---|---|---|",
        ]
        yield from (_row(insn) for insn in INSNS.values() if insn.ext == ext)
    yield from ["", "## Formats", "", "| format | fields, most significant first |", "|---|---|"]
    formats = {insn.format.name: insn.format.layout for insn in INSNS.values()}
    yield from (f"| {name} | `{layout.replace('|', chr(92) + '|')}` |" for name, layout in formats.items())
    yield from ["", "## Pseudo-instructions", "", "| written | stands for | where |", "|---|---|---|"]
    for entries in PSEUDOS.values():
        for pseudo in entries:
            written = f"{pseudo.name} {', '.join(pseudo.operands)}".strip()
            lines = "; ".join(pseudo.lines) or "what builds the constant: `lui`, `addi`, `addiw`, `slli`"
            yield f"| `{written}` | {lines if not pseudo.lines else f'`{lines}`'} | {pseudo.when} |"


def _row(insn: Insn) -> str:
    effects = [text for text in map(effect, tree(insn)) if text is not None]
    meaning = "; ".join(effects).replace("|", "\\|")
    syntax = f"{insn.name} {insn.syntax}".strip()
    shown = f"<br>`{meaning}`" if len(meaning) <= _LONGEST else ""
    return f"| `{syntax}` | `{bits(insn)}` | {class_of(insn)} | {insn.doc}{shown} |"


def main() -> None:
    """Print the page."""
    print("\n".join(page()))


if __name__ == "__main__":
    main()
