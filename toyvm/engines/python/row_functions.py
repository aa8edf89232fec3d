"""One Python function for each row of the table, for code that runs a few times.

A function takes the registers, the values of the row's fields, and the shared effects. `take`
extracts the values from an instruction:

    def take(w):                          # addi
        return ((w >> 15) & 31, (w >> 7) & 31, (w >> 20 ^ 2048) - 2048)
    def op(x, f, c):
        rs1, rd, imm = f
        x[rd] = ((x[rs1] + imm) & 0xffffffffffffffff)

A row that transfers control returns the next address. A row that reads pc gets it as its last
field. A second form of a row, for x0 as the destination, does everything except the register write.

Only `prepared_rows` imports this module, when its cache is cold. A warm start needs neither the
table nor the compiler.
"""

from __future__ import annotations

from types import CodeType

from toyvm.base.light_types import TYPE_CHECKING
from toyvm.base.resources import marshalled
from toyvm.isa.buckets import file_rows
from toyvm.isa.fields import Field
from toyvm.isa.ops import Node, Op, Tree
from toyvm.isa.spec import Insn
from toyvm.isa.table import INSNS
from toyvm.isa.trees import tree

from .statement_printer import StatementPrinter

if TYPE_CHECKING:
    from toyvm.isa.buckets import Filed

# The fields of `RowForm`: code (marshalled, so that unused rows are not unmarshalled), transfers
# control, is a system instruction, needs pc.
FormData = tuple[bytes, bool, bool, bool]
RowData = tuple[str, int, int, FormData, FormData]  # name, length, rd's mask, form, form for rd = x0

_CONTROL = frozenset({Op.JUMP, Op.BRANCH})
_SYSTEM = frozenset({Op.TRAP, Op.FENCE_I, Op.CSR_READ, Op.CSR_WRITE})


def table_data() -> Filed[RowData]:
    """The data of all rows in the buckets of `find_row`; plain data that `marshal` can write."""
    return file_rows((insn.match, insn.mask, insn.nonzero, row_data(insn)) for insn in INSNS.values())


def row_data(insn: Insn) -> RowData:
    """The data of one row."""
    whole = tree(insn)
    writes = any(node.op is Op.WRITE_X and node.args[0].name == "rd" for node in whole)
    destination = next(
        (field.mask for field in insn.free if writes and field.name == "rd" and not field.bias), 0
    )
    plain = _form(insn, whole)
    discarding = _form(insn, _without_writes(whole)) if destination else plain
    return insn.name, insn.length, destination, plain, discarding


def _form(insn: Insn, effects: Tree) -> FormData:
    names: set[str] = set()
    uses_pc = [_collect(node, names) for node in effects]
    fields = [field for field in insn.free if field.name in names]
    code = _compile(insn, effects, fields, any(uses_pc))
    control = any(node.op in _CONTROL for node in effects)
    return marshalled(code), control, any(node.op in _SYSTEM for node in effects), any(uses_pc)


def _without_writes(effects: Tree) -> Tree:
    return tuple(node for node in effects if node.op is not Op.WRITE_X)


def _collect(node: Node, names: set[str]) -> bool:
    """Add the fields that a node uses to `names`. Returns whether it uses pc."""
    if node.op is Op.FIELD:
        names.add(node.name)
    used = [_collect(argument, names) for argument in node.args]
    return node.op is Op.PC or any(used)


class _RowPrinter(StatementPrinter):
    """Fields are local variables, registers are list elements."""

    read_tlb = "c.read"
    write_tlb = "c.write"

    def __init__(self, insn: Insn):
        super().__init__()
        self._insn = insn
        self._next: str | None = None

    def register(self, number: Node) -> str:
        return f"x[{self._number(number)}]"

    def _number(self, node: Node) -> str:
        """A register's number: a field, a constant, or the second register of a pair."""
        return node.name or (str(node.value) if node.op is Op.CONST else self.exact(node))

    def float_register(self, number: Node) -> str:
        return f"c.f[{number.name}]"

    def field(self, name: str) -> str:
        return name

    def pc(self) -> str:
        return "pc"

    def call(self, effect: str, *arguments: str) -> str:
        return f"c.{effect}({', '.join(arguments)})"

    def jump(self, target: Node) -> None:
        self.line(f"n = {self.exact(target)}")
        self._next = "n"

    def branch(self, condition: Node, target: Node) -> None:
        self._next = f"{self.exact(target)} if {self.truth(condition)} else pc + {self._insn.length}"

    def write(self, number: Node, value: str) -> None:
        self.line(f"x[{self._number(number)}] = {value}")

    def write_float(self, number: Node, value: str) -> None:
        self.line(f"c.f[{number.name}] = {value}")

    def system(self, node: Node) -> None:
        self.line(f"raise Trap(Cause({node.value}))" if node.op is Op.TRAP else "c.fence_i()")

    def finish(self) -> None:
        """Print the return of the next address, if the row transfers control."""
        if self._next is not None:
            self.line(f"return {self._next}")
        elif not self.lines:
            self.line("pass")


def _compile(insn: Insn, effects: Tree, fields: list[Field], uses_pc: bool) -> CodeType:
    printer = _RowPrinter(insn)
    printer.tree(effects)
    printer.finish()
    names = [field.name for field in fields] + (["pc"] if uses_pc else [])
    source = [
        "def take(w):",
        f"    return ({''.join(_extraction(field) + ', ' for field in fields)})",
        "def op(x, f, c):",
        *([f"    {', '.join(names)}{',' if len(names) == 1 else ''} = f"] if names else []),
        *printer.lines,
    ]
    return compile("\n".join(source), f"<row {insn.name}>", "exec")


def _extraction(field: Field) -> str:
    """`Field.extract` as a Python expression over the instruction `w`."""
    parts = [
        f"(w >> {at} & {(1 << width) - 1})" + (f" << {to}" if to else "")
        for at, width, to in reversed(field.parts)
    ]
    value = parts[0] if len(parts) == 1 else "(" + " | ".join(f"({part})" for part in parts) + ")"
    if field.bias:
        return f"{value} + {field.bias}"
    if not field.signed:
        return value
    sign = 1 << (field.width - 1)
    return f"(({value}) ^ {sign}) - {sign}"
