"""Hot paths compiled to one Python function each.

A trace begins at a hot block. It follows the hotter side of each branch, direct jumps, calls, and
returns to calls inside it. It ends where it returns to its beginning (then it is a loop), where
another trace begins, or at its maximal length. Where execution leaves the path, the function
returns. Registers are local variables. One `finally` writes them back to the hart, also on a trap:
a local changes only when its instruction is complete.

The text depends only on the instructions and their distances, not on addresses, so one function
serves all processes with the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType

from toyvm.base.bits import sext
from toyvm.base.record import Record
from toyvm.isa.decode import Decoded
from toyvm.isa.ops import Node, Op, Tree
from toyvm.isa.trees import tree

from .statement_printer import INDENT, StatementPrinter

MAX_LENGTH = 96
FLOAT_WORK = 30  # the time of a floating-point operation in Python, in plain instructions of a trace
# (distance from the head in bytes, instruction bits), in the order of execution
Path = tuple[tuple[int, int], ...]


class TraceStep(Record, eq=False):
    """One instruction of a trace and its tree.

    `offset` is its distance from the head in bytes, `following` that of the next instruction on the
    path; None if the path ends with an indirect jump.
    """

    offset: int
    decoded: Decoded
    effects: Tree
    following: int | None


def select(
    fetch: Callable[[int], Decoded | None],
    heat: Callable[[int], int],
    ends: Callable[[int, int], bool],
    head: int,
) -> list[TraceStep]:
    """The hot path from `head`.

    `fetch` returns the instruction at an address, or None if a trace cannot contain it. `heat`
    returns the executions of the block at an address. `ends` takes an address and the length of the
    path so far, and returns whether the path ends before that address.
    """
    steps: list[TraceStep] = []
    seen: set[int] = set()
    returns: list[int] = []
    pc: int | None = head
    while (
        pc is not None and len(steps) < MAX_LENGTH and pc not in seen and not (steps and ends(pc, len(steps)))
    ):
        decoded = fetch(pc)
        if decoded is None:
            break
        seen.add(pc)
        effects = tree(decoded)
        here, pc = pc, _following(decoded, effects, pc, heat, returns, head)
        steps.append(TraceStep(here - head, decoded, effects, None if pc is None else pc - head))
    return steps


def _following(
    decoded: Decoded, effects: Tree, pc: int, heat: Callable[[int], int], returns: list[int], head: int
) -> int | None:
    """Where the hot path continues after an instruction; None after an indirect jump."""
    after = pc + decoded.length
    for node in effects:
        if node.op is Op.BRANCH:
            target = _direct(node.args[1], pc)
            if target is None:
                return None
            return target if target == head or heat(target) > heat(after) else after
        if node.op is Op.JUMP:
            target = _direct(node.args[0], pc)
            if target is None:
                return returns.pop() if returns and decoded.rd == 0 and decoded.rs1 == 1 else None
            if decoded.rd == 1:
                returns.append(after)
            return target
    return after


def _direct(target: Node, pc: int) -> int | None:
    """The address of a target that is pc plus a constant; None for others."""
    if target.op is Op.ADD and target.args[0].op is Op.PC and target.args[1].op is Op.CONST:
        return pc + sext(target.args[1].value, 64)
    return pc if target.op is Op.PC else None


class _TracePrinter(StatementPrinter):
    """Registers are local variables. The variable `pc` is the address of the head."""

    def __init__(self) -> None:
        super().__init__()
        self.indent = INDENT * 3
        self.registers: set[int] = set()
        self.written: set[int] = set()
        self.floats: set[int] = set()
        self.floats_written: set[int] = set()
        self._step: TraceStep
        self._done = 0  # instructions of the trace before this one
        self._deferred: list[str] = []

    def register(self, number: Node) -> str:
        self.registers.add(number.value)
        return f"r{number.value}"

    def float_register(self, number: Node) -> str:
        self.floats.add(number.value)
        return f"f{number.value}"

    def pc(self) -> str:
        return self._at(self._step.offset)

    def _at(self, offset: int) -> str:
        return f"(pc + {offset})" if offset else "pc"

    def raw(self, node: Node) -> str:
        if node.op is Op.ADD and node.args[0].op is Op.PC and node.args[1].op is Op.CONST:
            return self._at(self._step.offset + sext(node.args[1].value, 64))
        return super().raw(node)

    def exact(self, node: Node) -> str:
        if node.op is Op.PC and self._step.offset:
            return self._exact_offset(self._step.offset)
        return super().exact(node)

    def call(self, effect: str, *arguments: str) -> str:
        left = f"left - {self._done}" if self._done else "left"
        return f"c.{effect}_at({', '.join(arguments)}, {self.pc()}, {left})"

    def write(self, number: Node, value: str) -> None:
        name = self.register(number)
        self.written.add(number.value)
        if value != name:
            self.line(f"{name} = {value}")

    def write_float(self, number: Node, value: str) -> None:
        name = self.float_register(number)
        self.floats_written.add(number.value)
        if value != name:
            self.line(f"{name} = {value}")

    def jump(self, target: Node) -> None:
        following = self._step.following
        direct = _direct(target, self._step.offset)
        if direct is not None and direct == following:
            return
        self.line(f"n = {self.exact(target)}")
        if following is not None:  # a return that the path expects to go to its own call
            self._deferred.append(f"if n != {self._exact_offset(following)}:")
            self._leave("n", self._deferred)
        else:
            self._leave("n", self._deferred, deeper=0)

    def branch(self, condition: Node, target: Node) -> None:
        following = self._step.following
        after = self._step.offset + self._step.decoded.length
        taken = following != after and following == _direct(target, self._step.offset)
        self.line(f"if {'not ' if taken else ''}({self.truth(condition)}):")
        leave: list[str] = []
        self._leave(self._exact_offset(after) if taken else self.exact(target), leave)
        self.lines += [self.indent + line for line in leave]

    def _exact_offset(self, offset: int) -> str:
        return f"({self._at(offset)} & {(1 << 64) - 1:#x})"

    def _leave(self, target: str, lines: list[str], deeper: int = 1) -> None:
        """Append the statements that end the function after this instruction, at `target`."""
        lines += [INDENT * deeper + f"pc = {target}", INDENT * deeper + f"left -= {self._done + 1}"]
        lines.append(INDENT * deeper + "break")

    def step(self, step: TraceStep) -> None:
        """Print one instruction. An exit from the trace follows the register writes."""
        self._step = step
        self._deferred = []
        for node in step.effects:  # load directly into the register
            if node.op is Op.WRITE_X and node.args[1].op is Op.LOAD:
                self.effect_names[node.args[1]] = self.register(node.args[0])
        self.tree(step.effects)
        self.lines += [self.indent + line for line in self._deferred]
        self._done += 1

    def finish(self, last: TraceStep) -> None:
        """Print the end: the next iteration, or the exit where the path continues."""
        if last.following is None:
            return  # the indirect jump has printed an exit
        self.line(f"left -= {self._done}")
        if last.following == 0:
            self.line(f"if left < {self._done}:")
            self.line("break", deeper=1)
        else:
            self.line(f"pc = {self._exact_offset(last.following)}")
            self.line("break")


def source(steps: list[TraceStep]) -> str:
    """The text of the function `trace(x, pc, left, read, write, c)` -> (next pc, budget left)."""
    printer = _TracePrinter()
    for step in steps:
        printer.step(step)
    printer.finish(steps[-1])
    loads = [f"{INDENT}r{number} = x[{number}]" for number in sorted(printer.registers)]
    loads += [f"{INDENT}f{number} = c.f[{number}]" for number in sorted(printer.floats)]
    stores = [f"{INDENT * 2}x[{number}] = r{number}" for number in sorted(printer.written)]
    stores += [f"{INDENT * 2}c.f[{number}] = f{number}" for number in sorted(printer.floats_written)]
    return "\n".join(
        [
            "def trace(x, pc, left, read, write, c, u8=u8, u16=u16, u32=u32, u64=u64):",
            *loads,
            f"{INDENT}try:",
            f"{INDENT * 2}while True:",
            *printer.lines,
            f"{INDENT}finally:",
            *(stores or [INDENT * 2 + "pass"]),
            f"{INDENT}return pc, left",
        ]
    )


def compile_trace(steps: list[TraceStep]) -> CodeType:
    """The code object that defines `trace`."""
    return compile(source(steps), "<trace>", "exec")


def path_of(steps: list[TraceStep]) -> Path:
    """The path of a trace, which determines its function."""
    return tuple((step.offset, step.decoded.word & ((1 << 8 * step.decoded.length) - 1)) for step in steps)


def work_of(steps: list[TraceStep]) -> int:
    """The duration of one pass, in units of one plain instruction of a trace."""
    return len(steps) + FLOAT_WORK * sum(effect.op is Op.FLOAT for step in steps for effect in step.effects)
