"""Macros and repetitions (`.macro .rept .irp .irpc`), which expand to text. For `.altmacro` see `alternate`.

`\\name` and `&name` are a parameter, `\\@` is the number of macro calls so far, and `\\+` that of earlier calls of this
macro or rounds of this repetition. `\\(text)` is that text; `\\()` separates a parameter from the text after it.
A `\\word` that is not a parameter is not changed (`"\\n"`).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from toyvm.base.record import Record

from ..problems import Problem
from ..statements import split_operands

_NAME = re.compile(r"[A-Za-z_.$][\w.$]*")
_USE = re.compile(r"\\(?:\(([^)]*)\)|(@)|(\+)|([A-Za-z_.$][\w.$]*))|&([A-Za-z_.$][\w.$]*)(&?)")


class Parameter(Record):
    """A parameter: its default, and whether it is `:req` (required) or `:vararg` (all other arguments)."""

    name: str
    default: str = ""
    required: bool = False
    vararg: bool = False


class Macro(Record):
    """A macro: its parameters, and its text, which begins at line `first` of `file`."""

    name: str
    parameters: tuple[Parameter, ...]
    body: list[str]
    file: str
    first: int

    def expand(self, rest: str, count: int, times: int) -> list[str]:
        """The lines of a call with operands `rest`. Raises Problem.

        `count` is the number of earlier calls of any macro, `times` that of this one.
        """
        return substitute(self.body, bind(self, rest), count, times)


def parse_header(rest: str) -> tuple[str, tuple[Parameter, ...]]:
    """Name and parameters of `.macro name a, b=1, c:req, d:vararg`. Raises Problem."""
    match = _NAME.match(rest.strip())
    if match is None:
        raise Problem("a macro needs a name", rest.strip() or ".macro", expected=".macro name parameters")
    name = match.group()
    text = rest.strip()[match.end() :].strip()
    if text.startswith("(") and text.endswith(")"):
        text = text[1:-1]
    parameters: list[Parameter] = []
    if text.startswith(",") and not text[1:].strip(" \t,"):
        raise Problem(f"macro '{name}' has a comma without a parameter", text)
    for number, piece in enumerate(_words(text.removeprefix(","))):
        if parameters and parameters[-1].vararg:
            raise Problem(
                f"parameter '{parameters[-1].name}' of macro '{name}' takes all arguments, so it must be the last",
                piece,
            )
        if not piece:
            raise Problem(
                f"parameter {number + 1} of macro '{name}' has no name",
                rest.strip(),
                gnu="Missing parameter name",
            )
        parameters.append(_parameter(piece, name))
        if parameters[-1].name in [parameter.name for parameter in parameters[:-1]]:
            raise Problem(f"macro '{name}' has the parameter '{parameters[-1].name}' twice", piece)
    return name, tuple(parameters)


def _parameter(piece: str, macro: str) -> Parameter:
    head, equals, default = piece.partition("=")
    word, colon, kind = head.partition(":")
    if not _NAME.fullmatch(word) or (colon and kind not in ("req", "vararg")):
        raise Problem(
            f"bad parameter '{piece}' of macro '{macro}'",
            piece,
            expected="name, name=default, name:req or name:vararg",
        )
    return Parameter(word, _unquoted(default) if equals else "", kind == "req", kind == "vararg")


_QUOTED = r'"(?:[^"\\]|\\.)*"?|\'(?:\\.|[^\\])\'?'
_OPERATOR_BLANKS = re.compile(rf"({_QUOTED})|[ \t]*([-+*/|&^<>=!~%:()])[ \t]*")
_WORD = re.compile(rf"(?:{_QUOTED}|[^\s\"'])+")


def _words(text: str) -> list[str]:
    """Arguments, separated by commas or by blanks that are not next to an operator."""
    tight = _OPERATOR_BLANKS.sub(lambda m: m.group(1) or m.group(2), text.strip())
    words: list[str] = []
    for piece in split_operands(tight):
        words += _WORD.findall(piece) or [""]
    return words


def _unquoted(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return text[1:-1].replace('\\"', '"')
    return text


def bind(macro: Macro, rest: str) -> dict[str, str]:
    """The values of the parameters in a call. Raises Problem for surplus or missing arguments."""
    values: dict[str, str] = {}
    parameters = macro.parameters
    names = {parameter.name for parameter in parameters}
    position = 0
    if parameters and parameters[-1].vararg:
        words, tail = _take(rest, len(parameters) - 1)
    else:
        words, tail = _words(rest), ""
    for word in words:
        head, equals, value = word.partition("=")
        if equals and head in names and not value.startswith("="):
            values[head] = _unquoted(value)
            continue
        values[_position(macro, position, word)] = _unquoted(word)
        position += 1
    if parameters and parameters[-1].vararg:
        values.setdefault(parameters[-1].name, tail)
    return with_defaults(macro, values)


def bind_arguments(macro: Macro, given: list[tuple[str, str]]) -> dict[str, str]:
    """The values of the parameters in a call with arguments (name or "", value). Raises Problem."""
    values: dict[str, str] = {}
    position = 0
    for name, value in given:
        values[name or _position(macro, position, value)] = value
        position += not name
    return with_defaults(macro, values)


def _position(macro: Macro, position: int, word: str) -> str:
    """The name of the parameter at a position. Raises Problem if there is none."""
    count = len(macro.parameters)
    if position >= count:
        raise Problem(
            f"too many arguments for macro '{macro.name}', which takes {count}",
            word,
            gnu="too many positional arguments",
        )
    return macro.parameters[position].name


def with_defaults(macro: Macro, values: dict[str, str]) -> dict[str, str]:
    """`values` with the defaults of the parameters that have none. Raises Problem for one that is required."""
    for parameter in macro.parameters:
        if not values.get(parameter.name):
            if parameter.required:
                raise Problem(f"macro '{macro.name}' needs a value for '{parameter.name}'", macro.name)
            values[parameter.name] = parameter.default
    return values


def _take(rest: str, count: int) -> tuple[list[str], str]:
    """The first `count` arguments, and the rest as written (for a `:vararg` parameter)."""
    words: list[str] = []
    text = rest.strip()
    while len(words) < count and text:
        match = re.match(r'\s*((?:"(?:[^"\\]|\\.)*"?|[^\s,"])*)\s*,?', text)
        assert match is not None
        words.append(match.group(1))
        text = text[match.end() :]
    return words, text.strip()


def substitute(body: list[str], values: dict[str, str], count: int, times: int) -> list[str]:
    """`body` with each `\\name` replaced by its value. The caller splits lines that now contain `;`."""

    def replace(match: re.Match[str]) -> str:
        literal, counter, round, name, marked, _ = match.groups()
        if literal is not None:
            return literal
        if counter or round:
            return str(count if counter else times)
        return values.get(name or marked, match.group())

    return [_USE.sub(replace, line) if "\\" in line or "&" in line else line for line in body]


def repetitions(
    kind: str, rest: str, words: Callable[[str], list[str]] | None = None
) -> tuple[str, list[str]]:
    """Parameter and values of `.irp name, values` and `.irpc name, characters`. Raises Problem.

    `words` splits the values (None: as in the arguments of a macro).
    """
    match = _NAME.match(rest.strip())
    if match is None:
        raise Problem(f"{kind} needs a parameter", rest.strip() or kind, expected=f"{kind} name, values")
    tail = rest.strip()[match.end() :].lstrip()
    tail = tail[1:] if tail.startswith(",") else tail
    if kind == ".irpc":
        return match.group(), list(_unquoted(tail.strip())) or [""]
    values = [_unquoted(word) for word in _words(tail)] if words is None else words(tail)
    return match.group(), values or [""]
