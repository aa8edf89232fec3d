"""Reads statements from a stack of texts (files, macro calls, repetitions), without those `.if` skips."""

from __future__ import annotations

import re
from bisect import bisect_left

from toyvm.base.bits import sext
from toyvm.base.record import Record

from .macros.expansion import Macro, bind_arguments, parse_header, repetitions, substitute
from .problems import MAX_EXPANDED_LINES, MAX_NESTING, Fatal, Problem
from .source_listing import ListedText
from .state import AssemblyState, Condition
from .statements import line_markers, statements, unclosed_comment

_LABELS = r"\s*(?:(?:[A-Za-z_.$][\w.$]*|\d+)\s*:\s*)*"
_CONDITIONAL = re.compile(
    _LABELS + r"\.(if\w*|else|elseif|endif|elsec|endc)(?![\w.$])(.*)", re.IGNORECASE | re.DOTALL
)
_REPEAT = re.compile(_LABELS + r"\.(rept|rep|irp|irpc|irep|irepc)(?![\w.$])", re.IGNORECASE)
_END_REPEAT = re.compile(_LABELS + r"\.(endr|endrep)(?![\w.$])", re.IGNORECASE)
_MACRO = re.compile(_LABELS + r"\.macro(?![\w.$])", re.IGNORECASE)
_END_MACRO = re.compile(_LABELS + r"\.(endm|endmacro)(?![\w.$])", re.IGNORECASE)


_MULTIBYTE_WARNINGS = 10


class SourceText(Record, frozen=False):
    """A text on the stack: `base` is the number of its first statement, `pos` the index of the next one.

    `conditions` is the number of `.if` that were open at its start. `macro` marks the text of a macro
    call, which .exitm ends. `listed` is the index of a file in the listing, None for an expansion.
    """

    lines: list[str]
    base: int
    conditions: int
    macro: bool = False
    pos: int = 0
    listed: int | None = None


class Reader:
    """The stack of texts and the macros of one assembly."""

    def __init__(self, state: AssemblyState):
        self.state = state
        self.texts: list[SourceText] = []
        self.macros: dict[str, Macro] = {}  # by the name in small letters: case does not count (gas)
        self.calls = 0
        self.times: dict[str, int] = {}  # the calls of each macro
        self.alternate = state.options.alternate  # .altmacro
        self._locals = 0
        self.expanded = 0
        self.ended = False
        self.included: list[str] = []

    def push_source(self, text: str, file: str, parent: int = -1) -> None:
        """Read `text` of `file` next, without the byte order mark that some editors put in front."""
        text = text.removeprefix("\ufeff")
        if self.state.options.multibyte == "warn" and not text.isascii():
            self._warn_multibyte(text, file)
        lines, numbers = statements(text)
        markers = line_markers(text)
        base = self.state.source.add(file, lines, numbers, 1, parent, "included from here", markers)
        opened = unclosed_comment(text)
        if opened is not None:  # the statement in which the comment begins
            at = opened - 1 if numbers is None else bisect_left(numbers, opened)
            problem = Problem("end of file in multiline comment", expected="'*/'")
            self.state.report(problem, base + min(at, len(lines) - 1), severity="warning")
        listed = 0
        if self.state.options.listing:
            texts = self.state.listing.texts
            listed = len(texts)
            around = self.line_read() if self.texts else None
            texts.append(ListedText(text.replace("\r\n", "\n").split("\n"), around))
        self._push(SourceText(lines, base, len(self.state.conditions), listed=listed))

    def _warn_multibyte(self, text: str, file: str) -> None:
        """Warn about the bytes beyond ASCII, the first of them in each file (--multibyte-handling=warn)."""
        found = 0
        for number, line in enumerate(text.split("\n"), start=1):
            for byte in line.encode("utf-8", "surrogateescape") if not line.isascii() else b"":
                if byte < 0x80:
                    continue
                said = f"multibyte character ({byte:#x}) encountered in {file} at or near line {number}"
                self.state.warn_unplaced(said, file)
                found += 1
                if found == _MULTIBYTE_WARNINGS:
                    self.state.warn_unplaced("further multibyte character warnings suppressed", file)
                    return

    def line_read(self) -> tuple[int, int]:
        """The line of a file that was read last: (index of the file in the listing, number)."""
        text = next(text for text in reversed(self.texts) if text.listed is not None)
        assert text.listed is not None
        return text.listed, self.state.source.place(text.base + max(text.pos - 1, 0))[1]

    def push_expansion(self, lines: list[str], file: str, first: int, note: str, macro: bool) -> None:
        """Read the lines of a macro call or a repetition next. Raises Fatal above MAX_EXPANDED_LINES."""
        self.expanded += len(lines) + 1
        if self.expanded > MAX_EXPANDED_LINES:
            raise Fatal(f"macros and repetitions expand to more than {MAX_EXPANDED_LINES} lines")
        if any(";" in line or "#" in line or "//" in line for line in lines):
            split, numbers = statements("\n".join(lines))
            numbers = [first - 1 + number for number in numbers] if numbers else None
        else:
            split, numbers = lines, None
        base = self.state.source.add(file, split, numbers, first, self.state.where, note)
        self._push(SourceText(split, base, len(self.state.conditions), macro))

    def _push(self, text: SourceText) -> None:
        if len(self.texts) >= MAX_NESTING:
            raise Fatal(f"macros, repetitions and included files are nested deeper than {MAX_NESTING}")
        self.texts.append(text)

    def pop(self) -> None:
        """End the current text. Reports the conditions that are still open."""
        text = self.texts.pop()
        state = self.state
        while len(state.conditions) > text.conditions:
            condition = state.conditions.pop()
            if not text.macro:
                state.report(Problem("the text ends before the .endif of this .if"), condition.where)

    # -- blocks -----------------------------------------------------------------------------------

    def block(self, begin: re.Pattern[str], end: re.Pattern[str], what: str) -> tuple[list[str], str, int]:
        """Consume the statements up to the matching end.

        Returns them without the end, and the file and line of the first one. Raises Problem.
        """
        text = self.texts[-1]
        lines, at, depth = text.lines, text.pos, 1
        while at < len(lines):
            line = lines[at]
            if "." in line:
                if end.match(line):
                    depth -= 1
                    if not depth:
                        break
                elif begin.match(line):
                    depth += 1
            at += 1
        else:
            text.pos = len(lines)
            raise Problem(f"{what} without its end")
        body = lines[text.pos : at]
        file, first = self.state.source.place(text.base + text.pos)
        text.pos = at + 1
        return body, file, first

    def define_macro(self, rest: str) -> None:
        """Define the macro of `.macro name parameters` up to `.endm`."""
        body, file, first = self.block(_MACRO, _END_MACRO, ".macro")
        name, parameters = parse_header(rest)
        known = self.macros.get(name.lower())
        if known is not None:
            place = f"first defined at {known.file}:{known.first - 1}"
            raise Problem(
                f"macro '{name}' is already defined", name, hint=f"{place}; .purgem {name} removes it"
            )
        self.macros[name.lower()] = Macro(name, parameters, body, file, first)
        self.state.forget_statements()

    def call_macro(self, macro: Macro, rest: str) -> None:
        """Read the text of a macro call next."""
        times = self.times.get(macro.name, 0)
        if self.alternate:
            from .macros import alternate  # few texts use .altmacro

            names = [parameter.name for parameter in macro.parameters]
            vararg = bool(names) and macro.parameters[-1].vararg
            given = alternate.arguments(rest, names, vararg, self._percent)
            values = bind_arguments(macro, given)
            lines = alternate.substitute(macro.body, values, self.calls, times, self._local_name)
        else:
            lines = macro.expand(rest, self.calls, times)
        self.calls += 1
        self.times[macro.name] = times + 1
        self.push_expansion(
            lines, macro.file, macro.first, f"in macro '{macro.name}' called here", macro=True
        )

    def _percent(self, text: str) -> int:
        """The value of `%text` in the arguments of a macro. Raises Problem."""
        return sext(self.state.number_of(text, "the expression after %"), 64)

    def _local_name(self) -> str:
        """A new name for a symbol that a macro declares by LOCAL (gas's form of it)."""
        self._locals += 1
        return f".LL{self._locals:04x}"

    def exit_macro(self) -> None:
        """`.exitm`: leave the innermost macro call."""
        if not any(text.macro for text in self.texts):
            raise Problem(".exitm outside of a macro")
        while True:
            text = self.texts[-1]
            text.pos = len(text.lines)
            del self.state.conditions[text.conditions :]
            if text.macro:
                return
            self.texts.pop()

    def repeat(self, rest: str) -> None:
        """`.rept count` up to `.endr`."""
        body, file, first = self.block(_REPEAT, _END_REPEAT, ".rept")
        count = self.state.number_of(rest, "the count of .rept")
        if count < 0:
            raise Problem(
                f"count {count} of .rept is negative", rest.strip(), gnu="negative count for REPT - ignored"
            )
        self._check_size(count, body)
        if any("\\+" in line for line in body):
            lines = [line for times in range(count) for line in self._round(body, {}, times)]
        else:
            lines = body * count
        self.push_expansion(lines, file, first, "repeated here", macro=False)

    def irp(self, kind: str, rest: str) -> None:
        """`.irp name, values` and `.irpc name, characters` up to `.endr`."""
        body, file, first = self.block(_REPEAT, _END_REPEAT, kind)
        if self.alternate and kind == ".irp":
            name, values = repetitions(kind, rest, self._alternate_words)
        else:
            name, values = repetitions(kind, rest)
        self._check_size(len(values), body)
        lines = [
            line for times, value in enumerate(values) for line in self._round(body, {name: value}, times)
        ]
        self.push_expansion(lines, file, first, "repeated here", macro=False)

    def _alternate_words(self, text: str) -> list[str]:
        from .macros import alternate

        return [value for _, value in alternate.arguments(text, [], False, self._percent)]

    def _round(self, body: list[str], values: dict[str, str], times: int) -> list[str]:
        """The lines of one round of a repetition, after `times` others. An inner repetition has its own `\\+`."""
        if self.alternate:
            from .macros import alternate

            return alternate.substitute(body, values, self.calls, times, None)
        return substitute(body, values, self.calls, times)

    def _check_size(self, count: int, body: list[str]) -> None:
        if (
            count * len(body) + self.expanded > MAX_EXPANDED_LINES
            or count * sum(map(len, body)) > MAX_EXPANDED_LINES * 64
        ):
            raise Problem(
                f"{count} repetitions of {len(body)} lines: more than {MAX_EXPANDED_LINES} lines in all"
            )

    # -- conditions -------------------------------------------------------------------------------

    def if_(self, holds: bool) -> None:
        """Open an `.if`. If its condition does not hold, skip to the next branch."""
        if len(self.state.conditions) >= 1000:
            raise Problem(".if nested deeper than 1000")
        self.state.conditions.append(Condition(self.state.where, holds))
        if not holds:
            self.skip()

    def skip(self) -> None:
        """Skip statements up to the branch that is taken, or up to and including the `.endif`."""
        text, state = self.texts[-1], self.state
        lines, depth = text.lines, 0
        condition = state.conditions[-1]
        while text.pos < len(lines):
            line = lines[text.pos]
            text.pos += 1
            found = _CONDITIONAL.match(line) if "." in line else None
            word = found[1].lower() if found is not None else ""
            listed = state.options.listing and text.listed is not None
            if listed and (found is None or depth or word.startswith("if")):
                state.listing.skipped.add(self.line_read())
            if found is None:
                continue
            if word.startswith("if"):
                depth += 1
            elif word in ("endif", "endc"):
                if not depth:
                    state.conditions.pop()
                    return
                depth -= 1
            elif not depth:
                state.where, state.line = text.base + text.pos - 1, line
                if self._branch(condition, word, found[2]):
                    return

    def _branch(self, condition: Condition, word: str, rest: str) -> bool:
        """Handle `.else` or `.elseif` while skipping. Returns whether its branch is taken."""
        if condition.final:
            raise Problem(f".{word} after .else")
        condition.final = word in ("else", "elsec")
        if condition.taken:
            return False
        condition.taken = condition.final or self.state.number_of(rest, "the condition") != 0
        return condition.taken

    def else_(self, word: str) -> None:
        """Handle `.else` or `.elseif` after a branch that was taken: skip the other branches."""
        conditions = self.state.conditions
        if len(conditions) <= self.texts[-1].conditions:
            raise Problem(f".{word} without .if")
        if conditions[-1].final:
            raise Problem(f".{word} after .else")
        conditions[-1].final = word == "else"
        self.skip()

    def endif(self) -> None:
        """Close an `.if`."""
        if len(self.state.conditions) <= self.texts[-1].conditions:
            raise Problem(".endif without .if")
        self.state.conditions.pop()
