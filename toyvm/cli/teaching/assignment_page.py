"""Prints the reference page of assignments from their declarations.

`python -m toyvm.cli.teaching.assignment_page > docs/reference/assignment.md`
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...base.option_help import default_text
from ...base.options import Option, OptionRecord
from ...batch.grade.assignment import Bounds, Build, Expectation, Machine, Test, Top
from ...batch.grade.counters import COUNTERS
from ...batch.grade.grades import STATES
from ...batch.grade.toml_tables import REQUIRED, TEXT_WAYS, key_of

_HEAD = """\
# Assignments

This page is printed from `toyvm/batch/grade/assignment.py` by
`python -m toyvm.cli.teaching.assignment_page`. A test checks that it is current.
[Grading](../grading.md) explains the keys by an example.

An assignment of `toyvm grade` is a TOML file. A size is a number of bytes, or a text such as
`"64K"` or `"16M"`. Files beside the assignment are named relative to its folder."""

_KINDS = {
    "str": "string",
    "int": "number",
    "int | None": "number",
    "float": "number",
    "bool": "true or false",
    "tuple[str, ...]": "list of strings",
    "Mapping[str, str]": "table of strings",
    "Mapping[str, int]": "table of counters",
    "Text | None": "text",
    "Mapping[str, Text]": "table of texts",
    "Bounds": "table",
    "Build": "table",
    "Expectation": "table",
    "OptionRecord": "table",
    "tuple[Any, ...]": "array of tables",
}
_SECTIONS: tuple[tuple[str, str, type[OptionRecord]], ...] = (
    ("The file", "", Top),
    ("`[build]`", "", Build),
    ("`[limits]` and `[test.limits]`", "The limits of one run.", Bounds),
    (
        "`[machine]` and `[test.machine]`",
        "Options of `toyvm run` for the machine, described in [options](options.md).",
        Machine,
    ),
    ("`[[test]]`", "", Test),
    ("`[test.expect]`", "Everything that is given must hold, and the exit status.", Expectation),
)


def page() -> Iterator[str]:
    """The lines of the page."""
    yield _HEAD
    for title, text, kind in _SECTIONS:
        yield f"\n## {title}\n"
        if text:
            yield f"{text}\n"
        yield from _table(
            ("key", "value", "default", "what it is"), (_cells(row) for row in kind.rows.values())
        )
    yield "\n## Texts\n"
    yield 'A text is a string, which stands for `{ exact = "..." }`, or a table with one of these keys.\n'
    yield from _table(("key", "what is expected"), ((f"`{way}`", help) for way, help in TEXT_WAYS.items()))
    yield "\n## Counters\n"
    yield "The keys of `at_most` and `at_least`.\n"
    yield from _table(("key", "what it counts"), ((f"`{name}`", row.help) for name, row in COUNTERS.items()))

    yield "\n## States\n"
    yield "What became of a test: the `state` of a row, and the mark in tables.\n"
    yield from _table(
        ("state", "mark", "meaning"), ((f"`{name}`", mark, text) for name, (mark, text) in STATES.items())
    )


def _table(heading: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(heading)} |"
    yield f"|{'---|' * len(heading)}"
    for cells in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _cells(row: Option) -> tuple[str, ...]:
    default = default_text(row)
    if row.unset == REQUIRED:
        default = "required"
    elif isinstance(row.default, float):
        default = f"{row.default:g}"
    elif row.type == "bool":
        default = str(row.default).lower()
    elif row.many:
        default = ", ".join(f"`{item}`" for item in row.default) if isinstance(row.default, tuple) else ""
    elif not isinstance(row.default, (str, int, float)) and not row.unset:
        default = ""
    return f"`{key_of(row)}`", _values(row), default or "-", f"{row.help[0].upper()}{row.help[1:]}."


def _values(row: Option) -> str:
    if row.choices:
        words = ", ".join(f"`{choice}`" for choice in row.choices if choice != "")
        return f"list of {words}" if row.many else words
    if row.number and row.unit == "bytes":
        return "size"
    if row.number and row.unit:
        return row.unit
    return _KINDS[row.type]


if __name__ == "__main__":
    print("\n".join(page()))
