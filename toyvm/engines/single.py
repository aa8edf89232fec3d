"""One Python function for each row of the table: how code runs the first few times.

A function takes the registers, the values of the row's fields and the shared effects:

    def op(x, f, c):                      # addi
        rs1, rd, imm = f
        x[rd] = ((x[rs1] + imm) & 0xffffffffffffffff)

It is compiled when its mnemonic is first met, so that a short program pays for the few dozen that it uses. A row that
transfers control returns the next address; a row that reads pc finds it as the last of its fields.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType
from typing import Any

from ..isa.ops import Node, Op, Tree
from ..isa.semantics import tree
from ..isa.spec import Insn
from ..machine.memory import PhysicalMemory
from ..machine.traps import Cause, Trap
from .effects import Effects
from .pyprint import HELPERS
from .pystatements import StatementPrinter

Operation = Callable[[list[int], tuple[int, ...], Effects], Any]

_CONTROL = frozenset({Op.JUMP, Op.BRANCH})
_SYSTEM = frozenset({Op.TRAP, Op.FENCE_I, Op.CSR_READ, Op.CSR_WRITE})


class Shape:
    """What running a row takes, seen from its tree. With `discards` the row's destination is x0: nothing is written."""

    __slots__ = ("code", "control", "fields", "needs_pc", "nop", "system")

    def __init__(self, insn: Insn, discards: bool):
        effects = _without_writes(tree(insn)) if discards else tree(insn)
        self.control = any(node.op in _CONTROL for node in effects)
        self.system = any(node.op in _SYSTEM for node in effects)
        self.nop = all(node.op is Op.FENCE for node in effects)
        names: set[str] = set()
        uses_pc = [_collect(node, names) for node in effects]
        self.needs_pc = any(uses_pc)
        self.fields = tuple(field for field in insn.free if field.name in names)
        self.code = _compile(insn, effects, self)


def _without_writes(effects: Tree) -> Tree:
    return tuple(node for node in effects if node.op is not Op.WRITE_X)


def _collect(node: Node, names: set[str]) -> bool:
    """Add the fields that a node uses to `names`; whether it uses pc."""
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
        return f"x[{number.name}]"

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
        self.line(f"x[{number.name}] = {value}")

    def system(self, node: Node) -> None:
        self.line(f"raise Trap(Cause({node.value}))" if node.op is Op.TRAP else "c.fence_i()")

    def finish(self) -> None:
        """Return the next address, or nothing."""
        if self._next is not None:
            self.line(f"return {self._next}")
        elif not self.lines:
            self.line("pass")


def _compile(insn: Insn, effects: Tree, shape: Shape) -> CodeType:
    printer = _RowPrinter(insn)
    printer.tree(effects)
    printer.finish()
    variables = [field.name for field in shape.fields] + (["pc"] if shape.needs_pc else [])
    unpack = [f"    {', '.join(variables)}{',' if len(variables) == 1 else ''} = f"] if variables else []
    source = "\n".join(["def op(x, f, c):", *unpack, *printer.lines])
    return compile(source, f"<row {insn.name}>", "exec")


_SHAPES: dict[tuple[str, bool], Shape] = {}


def shape(insn: Insn, word: int) -> Shape:
    """The shape of an instruction: that of its row, or of its row with x0 as the destination."""
    free_rd = insn.format.fields.get("rd")
    discards = free_rd is not None and free_rd in insn.free and free_rd.extract(word) == 0
    key = (insn.name, discards)
    found = _SHAPES.get(key)
    if found is None:
        found = _SHAPES[key] = Shape(insn, discards)
    return found


class Operations:
    """The functions of one engine: the code of the shapes, on its physical memory."""

    def __init__(self, memory: PhysicalMemory):
        self._namespace: dict[str, object] = {
            "u8": memory.u8,
            "u16": memory.u16,
            "u32": memory.u32,
            "u64": memory.u64,
            "Trap": Trap,
            "Cause": Cause,
            **HELPERS,
        }
        self._functions: dict[Shape, Operation] = {}

    def function(self, shape: Shape) -> Operation:
        """The function that runs instructions of a shape."""
        function = self._functions.get(shape)
        if function is None:
            function = self._functions[shape] = self.link(shape.code, "op")
        return function

    def link(self, code: CodeType, name: str) -> Any:
        """The function `name` that `code` defines, with the engine's memory as its globals."""
        exec(code, self._namespace)
        return self._namespace.pop(name)
