"""TOML read into records whose fields are declared options, with a message and a line for every mistake.

A field is a key: `with_` is the key `with`, `open_files` is `open_files`. The annotation of the
field decides what the value may be (see `_KINDS`), its declaration the range. A field whose `unset`
is REQUIRED must be given. All mistakes are collected.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from ...base.diagnostics import Diagnostic, Span, did_you_mean
from ...base.errors import DiagnosticsError
from ...base.options import Option, OptionRecord
from ...base.sizes import parse_size, size_text

REQUIRED = "required"
Place = tuple[str | int, ...]  # of a value: ("test", 0, "expect", "stdout")
R = TypeVar("R", bound=OptionRecord)


class TomlError(DiagnosticsError):
    """A file that is not what it should be (exit 2)."""

    exit_code = 2


class TomlReader:
    """One file: its values, the lines of its keys, and the mistakes found so far.

    Raises TomlError if the text is not TOML.
    """

    def __init__(self, text: str, name: str):
        self._lines = text.splitlines()
        self._name = name
        self._found: list[tuple[int, str]] = []
        try:
            self.values = tomllib.loads(text)
        except ValueError as problem:  # TOMLDecodeError, or a number of thousands of digits
            raise TomlError([self._syntax(str(problem))]) from None
        except RecursionError:
            raise TomlError([f"{name}:1:1: error: arrays or tables are nested too deeply"]) from None
        self._places: dict[Place, tuple[int, int]] = {}
        for path, place in _key_lines(self._lines):
            self._places.setdefault(path, place)  # a part of several dotted keys is where it is first

    def finish(self) -> None:
        """Raise TomlError if mistakes were found."""
        if self._found:
            raise TomlError([text for _, text in sorted(self._found)])

    def mistake(self, path: Place, message: str, *, expected: str = "", hint: str = "") -> None:
        """Add a mistake at the value `path`, or at the closest value around it whose line is known."""
        around = path
        while around and around not in self._places:
            around = around[:-1]
        line, column = self._places.get(around, (1, 1))
        text = self._lines[line - 1] if around else ""
        word = next((part for part in reversed(around) if isinstance(part, str)), "-")
        span = Span(self._name, line, column, len(word), text)
        self._found.append((line, Diagnostic(span, message, expected=expected, hint=hint).render()))

    def record(self, kind: type[R], values: object, path: Place, start: R | None = None) -> R:
        """A record from a table. `start` holds the values of the keys that are not given."""
        fields = {name: getattr(start, name) for name in kind.rows} if start else {}
        if not isinstance(values, dict):
            self.mistake(path, f"'{path[-1]}' must be a table", expected=f"[{path[-1]}]")
            return kind(**fields)
        by_key = {key_of(row): row for row in kind.rows.values()}
        for key, value in values.items():
            row = by_key.get(key)
            if row is None:
                known = f"one of {', '.join(by_key)}"
                hint = did_you_mean(key, by_key)
                self.mistake((*path, key), f"unknown key '{key}'", expected="" if hint else known, hint=hint)
                continue
            before = getattr(start, row.name) if start else row.default
            fields[row.name] = self._value(row, value, (*path, key), before)
        for key, row in by_key.items():
            if row.unset == REQUIRED and key not in values:
                self.mistake(path, f"'{key}' is missing: {row.help}")
        return kind(**fields)

    def _value(self, row: Option, value: Any, path: Place, before: Any) -> Any:
        kind = row.type
        if isinstance(before, OptionRecord):
            return self.record(type(before), value, path, before)
        if row.unit == "bytes" and isinstance(value, str):
            try:
                value = parse_size(value)
            except ValueError:
                self.mistake(path, f"'{value}' is not a size", expected="a size such as 4096, 64K or 16M")
                return before
        read = _KINDS[kind]
        try:
            value = read(value)
        except ValueError as problem:
            self.mistake(path, f"'{path[-1]}' {problem}")
            return before
        refused = [item for item in value if item not in row.choices] if row.choices and row.many else []
        if refused or not (row.many or row.accepts(value)):
            wrong = refused[0] if refused else value
            hint = did_you_mean(str(wrong), map(str, row.choices))
            self.mistake(path, f"'{path[-1]}' cannot be {wrong!r}", expected=_expected(row), hint=hint)
            return before
        return value

    def _syntax(self, problem: str) -> str:
        match = re.fullmatch(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", problem, re.S)
        message = match[1] if match else problem
        line = int(match[2]) if match and match[2] else max(1, len(self._lines))
        column = int(match[3]) if match and match[3] else 1
        text = self._lines[line - 1] if line <= len(self._lines) else ""
        return Diagnostic(
            Span(self._name, line, column, 1, text), f"{message[:1].lower()}{message[1:]}"
        ).render()


def key_of(row: Option) -> str:
    """The key of a field: Python's words get an underscore in a field's name."""
    return row.name.rstrip("_")


def _expected(row: Option) -> str:
    if row.unit == "bytes" and row.lowest is not None:
        most = f" to {size_text(row.highest)}" if row.highest is not None else " or more"
        return f"{size_text(row.lowest)}{most}"
    return row.expected()


# What a value may be, by the field's annotation. Each function raises ValueError("must be ...").


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a string")
    return value


def _number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("must be a whole number")
    return value


def _real(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError("must be a number")
    if not -sys.float_info.max <= value <= sys.float_info.max:  # an integer may be larger, too
        raise ValueError("must be a number that is not that large")
    return value


def _switch(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError('must be a list of strings: ["...", "..."]')
    return tuple(value)


def mapping_of(item: Callable[[Any], Any]) -> Callable[[Any], dict[str, Any]]:
    """A reader of tables whose values `item` reads."""

    def read(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValueError("must be a table")
        found = {}
        for key, inner in value.items():
            try:
                found[key] = item(inner)
            except ValueError as problem:
                raise ValueError(f"has '{key}', which {problem}") from None
        return found

    return read


class Text:
    """A text to compare with, and how: the keys of TEXT_WAYS. `value` is a file's name for the ways that end in _file."""

    __slots__ = ("value", "way")

    def __init__(self, way: str, value: str):
        self.way, self.value = way, value


TEXT_WAYS = {
    "exact": "the same bytes",
    "lines": "the same lines; blanks at the ends of lines and blank lines at the end do not count",
    "contains": "this text somewhere in it",
    "pattern": "a match of this regular expression (Python's) somewhere in it; ^ and $ match at each line",
    "exact_file": "the same bytes as this file",
    "lines_file": "the same lines as this file",
}


def _expected_text(value: Any) -> Text:
    if isinstance(value, str):
        return Text("exact", value)
    ways = ", ".join(TEXT_WAYS)
    if not isinstance(value, dict) or len(value) != 1 or not isinstance(next(iter(value.values())), str):
        raise ValueError(f"must be a string, or a table with one of {ways}")
    ((way, text),) = value.items()
    if way not in TEXT_WAYS:
        raise ValueError(f"has the unknown key '{way}'. {did_you_mean(way, TEXT_WAYS) or f'Known: {ways}'}")
    if way == "pattern":
        try:
            re.compile(text)
        except re.error as problem:
            raise ValueError(f"is no regular expression: {problem}") from None
    return Text(way, text)


def _values(value: Any) -> Any:
    return value


_KINDS: dict[str, Callable[[Any], Any]] = {
    "str": _text,
    "int": _number,
    "int | None": _number,
    "float": _real,
    "bool": _switch,
    "tuple[str, ...]": _texts,
    "Mapping[str, str]": mapping_of(_text),
    "Mapping[str, int]": mapping_of(_number),
    "Text | None": _expected_text,
    "Mapping[str, Text]": mapping_of(_expected_text),
    "Mapping[str, Any]": _values,
    "tuple[Any, ...]": _values,
}

# Lines of keys

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\]]+?)\s*\]")
_KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=\s*(.*)""")
_PART = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""")
_INLINE = re.compile(r"""[{,]\s*([\w-]+|"[^"]*"|'[^']*')\s*=""")


def _key_lines(lines: list[str]) -> Iterator[tuple[Place, tuple[int, int]]]:
    """(path, (line, column)) of each table header and of each key; of inline tables, the keys of one level.

    This follows the usual ways to write TOML, not all of its grammar: a key that it misses gets the
    line of the table around it.
    """
    table: Place = ()
    counts: dict[Place, int] = {}
    until = ""  # the end of a multi-line string
    for number, line in enumerate(lines, 1):
        if until:
            if until in line:
                until = ""
            continue
        header, key = _HEADER.match(line), _KEY.match(line)
        if header and not key:
            table = _table(_parts(header[2]), header[1] == "[[", counts)
            yield table, (number, header.start(2) + 1)
        elif key:
            path = table
            for part in _PART.finditer(key[1]):
                path = (*path, *_parts(part[0]))
                yield path, (number, key.start(1) + part.start() + 1)
            if key[2].startswith("{"):
                for inner in _INLINE.finditer(line, key.start(2)):
                    yield (*path, *_parts(inner[1])), (number, inner.start(1) + 1)
        for quotes in ('"""', "'''"):
            if line.count(quotes) % 2:
                until = quotes


def _table(parts: Place, is_array: bool, counts: dict[Place, int]) -> Place:
    """The path of a table header, with the number of each array's element."""
    path: Place = ()
    for part in parts[:-1]:
        path = (*path, part)
        if path in counts:
            path = (*path, counts[path])
    path = (*path, parts[-1])
    if is_array:
        counts[path] = counts.get(path, -1) + 1
        return (*path, counts[path])
    return path


def _parts(text: str) -> Place:
    return tuple(part.strip("\"'") for part in _PART.findall(text))


def tables(reader: TomlReader, values: Mapping[str, Any], key: str) -> Iterator[tuple[Place, Any]]:
    """(path, table) of each element of an array of tables; a mistake if it is none."""
    found = values.get(key, [])
    if not isinstance(found, list):
        reader.mistake((key,), f"'{key}' must be an array of tables", expected=f"[[{key}]]")
        return
    for number, table in enumerate(found):
        yield (key, number), table
