"""Statements of a known form, which need no parsing: nearly all that a compiler writes.

- `beq a4,a5,.L3`, `call f`, `lla a0,x`, `addi a0,a0,%lo(x)`: an instruction that ends with a symbol. What the first one
  of a *head* (`beq a4,a5,`) appends (bytes, fix-ups, a part) is repeated for every other symbol.
- `ld a5,8(a4)`, `add a0,a0,a1`: registers and at most one number (`instruction_shapes`). The words for the head
  `ld a5,#(a4)` are kept, and the number is put into the first that holds it.
- `.8byte x+4`, `.half .L3-.L5`: data with symbols.
- `.byte 0x12,3`: literal data, kept by its text, as instructions are (`AssemblyState.memo`).

`assemble` returns False for everything else, and before anything has happened: statements with errors, and names that
stand for numbers, registers or expressions. The statement loop then assembles the statement from its parts, and calls
`learn` for what that appended.
"""

from __future__ import annotations

import re
from collections.abc import Container
from typing import NamedTuple

from ...isa.registers import F_NUMBERS, X_NUMBERS
from ..directives.data import SIZES
from ..problems import Problem
from ..sections import FAKE_LABEL, AsmSymbol, Chunk, fix_of, part_of
from ..state import AssemblyState
from ..statements import split_operands
from .instruction_shapes import HOLE, InstructionShapes, Number

_NAME = r"[A-Za-z_.$][\w.$]*"
_ONE_NAME = re.compile(_NAME, re.ASCII)
# Head, symbol, the rest: `)` or `)(a0)` after a modifier
_SYMBOLIC = re.compile(
    rf"([ \t]+[a-z][a-z0-9._]*[ \t]+(?:[a-z0-9]+,[ \t]*)*)(?:({_NAME})|(%[a-z_]+\()({_NAME})(\)(?:\([a-z0-9]+\))?))$"
)
# Head, number, the rest: `(a0)` or nothing
_NUMERIC = re.compile(
    r"([ \t]+[a-z][a-z0-9._]*[ \t]+(?:[a-z0-9]+,[ \t]*)*)(-?(?:0|[1-9][0-9]{0,9}))(\([a-z0-9]+\)|)$"
)
_PLAIN = re.compile(r"[ \t]+([a-z][a-z0-9._]*)(?:[ \t]+([a-z0-9]+(?:,[ \t]*[a-z0-9#()]+)*|#))?$")
_REFERENCE = re.compile(
    rf"[ \t]+\.([a-z0-9]+)[ \t]+({_NAME})(?:([-+])(?:(0|[1-9][0-9]{{0,17}})|({_NAME})))?$"
)
_NUMBER = r"-?(?:0[xX][0-9a-fA-F]+|[0-9]+)"
_LITERAL = re.compile(rf"[ \t]+\.(\w+)[ \t]+{_NUMBER}(?:,[ \t]*{_NUMBER})*$")
_LITERALS = frozenset({*(name[1:] for name in SIZES), "uleb128", "sleb128"})
_KEPT_BYTES = 16  # of literal data: a short line must not stand for much memory
_REGISTERS = frozenset({*X_NUMBERS, *F_NUMBERS})


class LearnedFix(NamedTuple):
    """A fix-up of an instruction, at `offset` from its start. `own`: for the label at the instruction itself."""

    offset: int
    type: int
    own: bool
    addend: int
    relax: bool


class Learned(NamedTuple):
    """What a head appends: `code`, a part at its end or fix-ups, and how many frags it ends."""

    code: bytes
    part: int | None
    fixes: tuple[LearnedFix, ...]
    frags: int

    def append_to(self, chunk: Chunk, symbol: AsmSymbol, where: int) -> None:
        """Append the statement numbered `where`, with `symbol` after the head."""
        code, kind, fixes, frags = self
        data = chunk.data
        start = len(data)
        data += code
        if kind is not None:
            frag = chunk.frag = chunk.frag + 1
            end = start + len(code)
            chunk.parts.append(part_of((end, frag, kind, symbol, 0, where, b"\0", 0, 0, len(code))))
            return
        label = None
        for offset, type, own, addend, relax in fixes:
            if own and label is None:
                label = AsmSymbol(FAKE_LABEL)
                label.chunk, label.frag, label.offset = chunk, chunk.frag, start
            add = label if own else symbol
            chunk.fixes.append(fix_of((start + offset, type, add, None, addend, relax, where)))
        chunk.frag += frags


class Mark(NamedTuple):
    """The end of a chunk before a statement."""

    chunk: Chunk
    size: int
    fixes: int
    parts: int
    frag: int
    warnings: int


class KnownStatements:
    """The known forms of one assembly. `macros` are the names that are not instructions."""

    def __init__(self, state: AssemblyState, macros: Container[str]):
        self._state = state
        self._macros = macros
        self.heads: dict[str, Learned] = {}  # what the statements append that begin with a text
        self._by_name = state.symbols.by_name
        self._plain: set[str] = set()  # names that are nothing but names
        self._numbers: dict[str, tuple[Number, ...]] = {}
        self._shapes = InstructionShapes(state)
        state.caches += [self.heads, self._numbers, self._shapes]

    def assemble(self, line: str) -> bool:
        """Assemble a statement of a known form. Returns whether it was one. Raises Problem."""
        state = self._state
        memo = state.memo
        if memo is state.data_memo:
            chunk = state.chunk
            start = len(chunk.data)
            known = self.reference(line, state.where)
            chunk.count_room(len(chunk.data) - start)
            return known
        if memo is not state.code_memo:
            if not state.row_pending:
                return False
            code = state.code_memo.get(line)
            if code is not None:
                state.give_row()
                state.chunk.data += code
                return True
        match = _SYMBOLIC.match(line)
        if match is not None:
            head, name, modifier, modified, rest = match.groups()
            if name is not None:
                learned = self.heads.get(head)
                if learned is not None and name not in _REGISTERS:
                    return self._symbolic(learned, name)
            else:
                learned = self.heads.get(head + modifier + rest)
                if learned is not None and modified not in _REGISTERS:
                    return self._symbolic(learned, modified)
        return self._numeric(line)

    def _symbolic(self, learned: Learned, name: str) -> bool:
        state = self._state
        symbol = self._symbol(name, state.where)
        if symbol is None:
            return False
        if state.row_pending:
            state.give_row()
        learned.append_to(state.chunk, symbol, state.where)
        return True

    def symbol(self, name: str, where: int) -> AsmSymbol | None:
        """The symbol of a name in statement `where`, created if necessary.

        None if `name` is no plain name, or may stand for something else. Names must not stand for expressions
        (`AssemblyState.substitutes`).
        """
        symbol = self._by_name.get(name)
        if name not in self._plain:
            if _ONE_NAME.fullmatch(name) is None or name == "." or name in _REGISTERS:
                return None
            self._plain.add(name)
        if symbol is None:
            symbol = self._state.symbols.get(name, where)
            symbol.is_forward = True
            return symbol
        return symbol if symbol.value is None else None

    def label(self, chunk: Chunk, name: str, where: int) -> bool:
        """Define the label `name` at the end of `chunk`. Returns False if this needs the parser."""
        symbol = self._by_name.get(name)
        if name not in self._plain:
            if _ONE_NAME.fullmatch(name) is None or name == "." or name in _REGISTERS:
                return False
            self._plain.add(name)
        if symbol is None:
            symbol = self._state.symbols.get(name, where)
        elif symbol.chunk is not None or symbol.value is not None or symbol.common is not None:
            return False
        symbol.where = where
        symbol.chunk, symbol.frag, symbol.offset = chunk, chunk.frag, len(chunk.data)
        return True

    def _symbol(self, name: str, where: int) -> AsmSymbol | None:
        """The symbol of a name, created if necessary; None if the name stands for something else."""
        state = self._state
        symbol = state.symbols.by_name.get(name)
        if state.substitutes or name == ".":
            return None
        if symbol is None:
            symbol = state.symbols.get(name, where)
            symbol.is_forward = True
        return symbol if symbol.value is None else None

    def _numeric(self, line: str) -> bool:
        state = self._state
        code = self.code_of(line)
        if code is None:
            return False
        if state.row_pending:
            state.give_row()
        state.chunk.data += code
        state.code_memo[line] = code
        return True

    def code_of(self, line: str) -> bytes | None:
        """The bytes of an instruction of registers and at most one number; None if it needs the parser."""
        match = _NUMERIC.match(line)
        if match is None:
            value = 0
            numbers = self._words(line)
        else:
            head, text, rest = match.groups()
            value = int(text)
            head = head + HOLE + rest
            kept = self._numbers.get(head)
            if kept is None:
                kept = self._numbers[head] = self._words(head)
            numbers = kept
        for low, high, step, nonzero, word, insert, length in numbers:
            if low <= value <= high and not value % step and (value or not nonzero):
                if insert is not None:
                    word |= insert(value)
                return word.to_bytes(length, "little")
        return None

    def _words(self, line: str) -> tuple[Number, ...]:
        match = _PLAIN.match(line)
        if match is None or match[1] in self._macros:
            return ()
        try:
            return self._shapes.numbers(match[1], split_operands(match[2] or ""))
        except Problem:
            return ()  # it is reported when the statement is assembled

    def reference(self, line: str, where: int) -> bool:
        """Data with one or two symbols, in statement `where`. Returns whether `line` is that."""
        match = _REFERENCE.match(line)
        if match is None:
            return False
        word, name, sign, number, other = match.groups()
        size = SIZES.get("." + word)
        if size is None or (other is not None and sign == "+"):
            return False
        state = self._state
        if state.substitutes or name == "." or other == ".":
            return False
        symbol, minus, addend = self._symbol(name, where), None, 0
        if symbol is None:
            return False
        if other is not None:
            minus = self._symbol(other, where)
            if minus is None:
                return False
        elif number is not None:
            addend = int(number) if sign == "+" else -int(number)
        chunk = state.chunk
        data = chunk.data
        chunk.fixes.append(fix_of((len(data), -size, symbol, minus, addend, False, where)))
        data += bytes(size)
        return True

    # -- learning ---------------------------------------------------------------------------------

    def mark(self) -> Mark:
        """The end of the current chunk, for `learn`."""
        state = self._state
        chunk = state.chunk
        return Mark(
            chunk, len(chunk.data), len(chunk.fixes), len(chunk.parts), chunk.frag, len(state.warnings)
        )

    def learn(self, line: str, before: Mark) -> None:
        """Keep what `line` has appended since `before` if every statement of its form appends the same."""
        state, chunk = self._state, before.chunk
        if state.chunk is not chunk or len(state.warnings) != before.warnings:
            return
        code = bytes(chunk.data[before.size :])
        if state.memo is state.data_memo:
            match = _LITERAL.match(line)
            same = self.mark()[2:] == before[2:]
            if match is not None and match[1] in _LITERALS and same and len(code) <= _KEPT_BYTES:
                state.memo[line] = code
        elif state.memo is state.code_memo or state.row_pending:
            match = _SYMBOLIC.match(line)
            if match is not None and len(code) <= _KEPT_BYTES:
                head, name, modifier, modified, rest = match.groups()
                learned = self._learned(code, before, name or modified)
                if learned is not None:
                    self.heads[head if name else head + modifier + rest] = learned

    def _learned(self, code: bytes, before: Mark, name: str) -> Learned | None:
        """What a statement with the symbol `name` has appended; None if it is not as plain as that."""
        chunk = before.chunk
        symbol = self._state.symbols.by_name.get(name)
        fixes, parts = chunk.fixes[before.fixes :], chunk.parts[before.parts :]
        frags = chunk.frag - before.frag
        if symbol is None or name in _REGISTERS or symbol.value is not None:
            return None
        if parts:
            part = parts[0]
            plain = part.symbol is symbol and not part.addend and part.size == len(code)
            end = before.size + len(code)
            if plain and len(parts) == 1 and not fixes and frags == 1 and part.offset == end:
                return Learned(code, part.kind, (), 1)
            return None
        learned = []
        for fix in fixes:
            own = fix.add is not symbol
            if own:
                label = fix.add
                if label is None or label.chunk is not chunk or label.name != FAKE_LABEL:
                    return None
                if (label.offset, label.frag) != (before.size, before.frag):
                    return None
            if fix.sub is not None or fix.addend:
                return None
            learned.append(LearnedFix(fix.offset - before.size, fix.type, own, fix.addend, fix.relax))
        return Learned(code, None, tuple(learned), frags) if learned else None
