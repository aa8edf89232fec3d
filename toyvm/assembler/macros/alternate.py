"""The macro language of `.altmacro` (gas, "Altmacro"): `LOCAL`, `%expression`, `<strings>`, parameters without a backslash.

The rules are those of gas/macro.c: names in the body that are parameters are replaced, also inside strings; `&` separates
a name from the text beside it; `!` takes the character after it as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ..problems import Problem

Evaluate = Callable[[str], int]

_NAME = r"[A-Za-z_.$][\w.$]*"
_KEYWORD = re.compile(rf"\s*({_NAME})\s*=(?!=)\s*")
_LOCAL = re.compile(r"(\s*(?:[A-Za-z_.$][\w.$]*:)?\s*)LOCAL\s+(.*)", re.IGNORECASE | re.DOTALL)
_USE = re.compile(rf"\\\(([^)]*)\)|\\(@)|\\(\+)|\\({_NAME})&?|&({_NAME})(&?)|({_NAME})&?")
_OPERATORS = "-+*/|&^<>=!~%:"


def arguments(text: str, parameters: list[str], vararg: bool, evaluate: Evaluate) -> list[tuple[str, str]]:
    """The arguments of a call: (parameter's name or "" if it goes by position, value). Raises Problem.

    With `vararg` the last parameter gets the rest as it is written.
    """
    found: list[tuple[str, str]] = []
    at, position = _blank(text, 0), 0
    while at < len(text):
        name = ""
        keyword = _KEYWORD.match(text, at)
        if keyword is not None and keyword[1] in parameters:
            name, at = keyword[1], keyword.end()
        if vararg and (name == parameters[-1] or (not name and position == len(parameters) - 1)):
            found.append((name, text[at:].rstrip()))
            break
        value, at = argument(text, at, evaluate)
        found.append((name, value))
        position += not name
        at = _blank(text, at)
        if text[at : at + 1] == ",":
            at = _blank(text, at + 1)
            if at == len(text):
                found.append(("", ""))
    return found


def _blank(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t":
        at += 1
    return at


def argument(text: str, at: int, evaluate: Evaluate) -> tuple[str, int]:
    """The argument at `at`, and where it ends: `%expression`, `<string>`, a quoted string, or a word. Raises Problem."""
    first = text[at : at + 1]
    if first == "%":
        end = _word_end(text, at + 1)
        return str(evaluate(text[at + 1 : end])), end
    if first == "<":
        return _angled(text, at)
    if first and first in "\"'":
        value, end = _quoted(text, at)
        return f'"{value}"', end
    end = _word_end(text, at)
    word = text[at:end].strip()
    return re.sub(r"[ \t]+", "", word) if '"' not in word and "'" not in word else word, end


def _word_end(text: str, at: int) -> int:
    """The end of a word: a comma, or a blank that is not beside an operator or inside parentheses."""
    depth, start = 0, at
    while at < len(text):
        letter = text[at]
        if letter in "\"'":
            closing = text.find(letter, at + 1)
            at = len(text) if closing < 0 else closing + 1
            continue
        depth += (letter == "(") - (letter == ")")
        if depth <= 0 and letter in ",<" and at > start:
            return at
        if depth <= 0 and letter in " \t":
            after = _blank(text, at)
            before, behind = text[at - 1 : at] if at > start else "", text[after : after + 1]
            if not (before and before in _OPERATORS) and not (behind and behind in _OPERATORS):
                return at
            at = after
            continue
        at += 1
    return at


def _angled(text: str, at: int) -> tuple[str, int]:
    """The text between `<` and its `>`; `!` takes the next character as it is."""
    depth, out, start = 0, "", at
    while at < len(text):
        letter = text[at]
        if letter == "!" and at + 1 < len(text):
            out, at = out + text[at + 1], at + 2
            continue
        depth += (letter == "<") - (letter == ">")
        if not depth:
            return out[1:], at + 1
        out, at = out + letter, at + 1
    raise Problem("'<' without '>' in the argument of a macro", text[start:])


def _quoted(text: str, at: int) -> tuple[str, int]:
    """The text of a string in single or double quotes; a doubled quote stands for one."""
    quote, out, start = text[at], "", at
    at += 1
    while at < len(text):
        letter = text[at]
        if letter == "!" and at + 1 < len(text):
            out, at = out + text[at + 1], at + 2
        elif letter == "\\" and at + 1 < len(text):
            out, at = out + (text[at + 1] if text[at + 1] == quote else text[at : at + 2]), at + 2
        elif letter == quote and text[at + 1 : at + 2] == quote:
            out, at = out + quote, at + 2
        elif letter == quote:
            return out, at + 1
        else:
            out, at = out + letter, at + 1
    raise Problem("a string without its end in the argument of a macro", text[start:])


def substitute(
    body: list[str], values: dict[str, str], calls: int, times: int, fresh: Callable[[], str] | None
) -> list[str]:
    """`body` with each parameter replaced. `fresh` makes the names of LOCAL symbols; None: LOCAL is an instruction."""
    known = dict(values)

    def replace(match: re.Match[str]) -> str:
        literal, number, count, escaped, marked, tail, plain = match.groups()
        if literal is not None:
            return literal
        if number or count:
            return str(calls if number else times)
        if escaped is not None:
            return known.get(escaped, "\\" + escaped)
        if marked is not None:
            return known.get(marked, f"&{marked}{tail}")
        return known.get(plain, plain)

    out: list[str] = []
    for line in body:
        local = _LOCAL.fullmatch(line) if fresh is not None else None
        if local is not None and fresh is not None and not values.keys() & {"LOCAL", "local"}:
            for name in local[2].replace(",", " ").split():
                known[name] = fresh()
            line = local[1]
        out.append(_USE.sub(replace, line))
    return out
