"""The loop over statements: labels, directives, macros, instructions.

A statement without symbols always gives the same bytes, so they are cached by its text
(`AssemblyState.memo`). Half of a compiler's output comes from this cache.
"""

from __future__ import annotations

import re

from toyvm.base.light_types import TYPE_CHECKING

from .assembler_options import AssemblerOptions
from .directives.architecture import ARCHITECTURE
from .directives.control_flow import FLOW
from .directives.data import DATA
from .directives.debug_information import DEBUG_INFORMATION
from .directives.floating import FLOATING
from .directives.listing_control import LISTING
from .directives.messages import MESSAGES
from .directives.relocation import RELOCATION
from .directives.section_switching import SECTIONS
from .directives.source_lines import LINES
from .directives.symbol_attributes import SYMBOLS, assign, eqv, redefinition
from .encode import encode
from .mnemonics import all_candidates, candidates, mnemonics
from .problems import Abandoned, Fatal, Problem, unknown
from .sections import AsmSymbol
from .source_listing import Listed, Mark
from .state import AssemblyState
from .statement_reader import Reader, SourceText
from .statements import NAME_PATTERN, split_operands, symbol_name

if TYPE_CHECKING:
    from .known.known_statements import KnownStatements
    from .known.statement_runs import StatementRuns

DIRECTIVES = {
    **DATA, **FLOATING, **SECTIONS, **SYMBOLS, **ARCHITECTURE, **DEBUG_INFORMATION, **LINES, **MESSAGES, **RELOCATION,
    **LISTING,
}  # fmt: skip

_WORD = re.compile(
    rf'[ \t\r\f\v]*({NAME_PATTERN}|[0-9]+(?=\s*:)|(?:"(?:[^"\\]|\\.)*"\s*)+(?=\s*[:=]))[ \t\r\f\v]*'
)

# The form that a compiler writes: blank, word, blank, operands that do not begin with a label's ":" or an assignment.
_USUAL = re.compile(r"[ \t]([A-Za-z_.][\w.]*)(?:[ \t]+([^ \t:=].*))?$")

MANY_LINES = 200  # of one text: from here on, knowing forms saves more time than importing the module takes
# A label alone on its line
_LABEL = re.compile(r"[A-Za-z_.$][\w.$]*:$")


class Driver:
    """Reads texts into an `AssemblyState`."""

    def __init__(self, options: AssemblerOptions):
        self.state = AssemblyState(options)
        self.reader = Reader(self.state)
        self.known: KnownStatements | None = None  # from the first long text on
        self.runs: StatementRuns | None = None

    def run(self, text: str, file: str) -> None:
        """Assemble `text`. Messages call it `file`. Errors are collected in the state.

        Raises TooManyErrors and Abandoned.
        """
        self.reader.push_source(text, file)
        while self.reader.texts and not self.reader.ended:
            top = self.reader.texts[-1]
            if top.pos >= len(top.lines):
                self.reader.pop()
            elif self.state.options.listing:
                self._read_listed(top)
            else:
                self._read(top)

    def _read(self, text: SourceText) -> None:
        """Read statements of `text` until it ends or another text is on top of the stack."""
        state, reader = self.state, self.reader
        lines, base, texts = text.lines, text.base, reader.texts
        count = len(lines)
        at = text.pos
        data, known = state.chunk.data, state.memo.get
        if count > MANY_LINES and self.known is None:
            from .known.known_statements import KnownStatements  # which a short text does not pay for
            from .known.statement_runs import StatementRuns

            self.known = KnownStatements(state, reader.macros)
            self.runs = StatementRuns(state, self.known)
        known_statements, runs = self.known, self.runs
        while at < count:
            if runs is not None:
                at = text.pos = self._run(runs, text, at)
                if at == count:
                    return
                data, known = state.chunk.data, state.memo.get
            line = lines[at]
            code = known(line)
            at += 1
            if code is not None:
                data += code
                continue
            text.pos = at
            state.where, state.line = base + at - 1, line
            try:
                if _LABEL.match(line):
                    self._label(line[:-1])
                elif known_statements is None or (line[1:2] == "." and state.memo is not state.data_memo):
                    self.statement(line)
                elif not known_statements.assemble(line):
                    before = known_statements.mark()
                    self.statement(line)
                    known_statements.learn(line, before)
            except Problem as problem:
                self._report(problem)
            if texts[-1] is not text or reader.ended:
                return
            at = text.pos
            data, known = state.chunk.data, state.memo.get
        text.pos = at

    def _run(self, runs: StatementRuns, text: SourceText, at: int) -> int:
        """Assemble statements of known forms from `at` on. Returns the index of the first other one."""
        chunk = self.state.chunk
        start = len(chunk.data)
        at = runs.run(text.lines, at, text.base)
        try:
            chunk.count_room(len(chunk.data) - start)
        except Problem as problem:
            self._report(problem)
        return at

    def _read_listed(self, text: SourceText) -> None:
        """Read one statement of `text`, and record for the listing what it appends."""
        state, reader = self.state, self.reader
        line = text.lines[text.pos]
        text.pos += 1
        state.where, state.line = text.base + text.pos - 1, line
        state.listing.at = reader.line_read()
        expanded = sum(other.listed is None for other in reader.texts)
        chunk, start = state.chunk, Mark.here(state.chunk)
        try:
            self.statement(line)
        except Problem as problem:
            self._report(problem)
        same = state.chunk is chunk
        chunk = state.chunk
        end = Mark.here(chunk)
        at = state.listing.at
        state.listing.statements.append(
            Listed(at[0], at[1], expanded, line, chunk, start if same else end, end)
        )

    def _report(self, problem: Problem) -> None:
        self.state.report(problem)
        if isinstance(problem, Fatal):
            raise Abandoned

    def statement(self, line: str) -> None:
        """Assemble one statement with its labels. Raises Problem."""
        usual = _USUAL.match(line)
        if usual is not None:
            self._command(usual[1], usual[2], whole=True)
            return
        at = 0
        while True:
            match = _WORD.match(line, at)
            if match is None:
                rest = line[at:].strip()
                if rest:
                    raise Problem(
                        f"unexpected '{rest[:20] if rest.isprintable() else rest[0]}'",
                        rest.split()[0],
                        expected="a label, a directive or an instruction",
                    )
                return
            word, at = match[1], match.end()
            following = line[at : at + 1]
            if following == ":":
                self._label(word)
                at += 1
                continue
            if following == "=":
                word = symbol_name(word.strip()) if word[0] == '"' else word
                if line[at + 1 : at + 2] == "=":
                    eqv(self.state, f"{word},{line[at + 2 :]}")
                else:
                    assign(self.state, word, line[at + 1 :])
                return
            self._command(word, line[at:], whole=match.start() == 0)
            return

    def _label(self, word: str) -> None:
        state = self.state
        symbols = state.symbols
        if word.isdigit():
            if len(word) > 11:
                raise Problem(
                    f"local label {word} is too large", word, gnu=f"local label too large near {word[1:]}:"
                )
            symbol = symbols.numeric_define(int(word))
        else:
            name = symbol_name(word.strip()) if word[0] == '"' else word
            symbol = symbols.get(name, state.where)
            if symbol.is_defined:
                raise redefinition(state, symbol.name, symbol)
        symbol.where = state.where
        state.chunk.place(symbol)
        if state.mark_labels:
            state.mark_label(symbol)

    def _command(self, word: str, rest: str | None, whole: bool) -> None:
        """Execute a directive or a macro call, or assemble an instruction. Raises Problem."""
        state = self.state
        rest = rest or ""
        if word[0] == ".":
            directive = DIRECTIVES.get(word) or DIRECTIVES.get(word.lower())
            if directive is not None:
                directive(state, rest.strip())
                return
            flow = FLOW.get(word) or FLOW.get(word.lower())
            if flow is not None:
                flow(self.reader, rest.strip())
                return
        macro = self.reader.macros.get(word.lower()) if self.reader.macros else None
        if macro is not None:
            self.reader.call_macro(macro, rest)
            return
        if word[0] == ".":
            raise unknown("directive", word, [*DIRECTIVES, *FLOW])
        self._instruction(word, rest, whole)

    def _instruction(self, word: str, rest: str, whole: bool) -> None:
        state = self.state
        if not candidates(word) and not all_candidates(word, state.xlen):
            if candidates(word.lower()) or all_candidates(word.lower(), state.xlen):
                word = word.lower()
            else:
                raise unknown("instruction", word, [*mnemonics(), *self.reader.macros])
        state.begin_instruction()
        chunk = state.chunk
        start, fixes, frag = len(chunk.data), len(chunk.fixes), chunk.frag
        try:
            encode(state, word, split_operands(rest))
        except Problem as problem:
            problem.gnu = problem.gnu or "illegal operands `{statement}'"
            raise
        if whole and state.memo is state.code_memo and len(chunk.fixes) == fixes and chunk.frag == frag:
            state.memo[state.line] = bytes(chunk.data[start:])


def define(state: AssemblyState, name: str, value: int) -> None:
    """--defsym name=value."""
    symbol: AsmSymbol = state.symbols.list(state.symbols.get(name))
    symbol.value = value
    symbol.equated = True
