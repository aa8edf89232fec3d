"""What declared options are for a caller in Python: the parameters of a signature, help, values.

`toyvm.run` takes the options of a run as keyword arguments. Its signature, its help and the checks
of names and values are made from the declarations here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from .light_types import TYPE_CHECKING, Any
from .options import Option
from .sizes import parse_size, size_text

if TYPE_CHECKING:
    from inspect import Parameter

WIDTH = 88  # columns of a help text


def default_text(row: Option) -> str:
    """The default of an option as text, or ""."""
    if row.unset:
        return row.unset
    if row.default is None or row.default == "" or row.many or row.type == "bool":
        return ""
    return (
        size_text(row.default) if row.unit == "bytes" and isinstance(row.default, int) else f"{row.default}"
    )


def keyword_type(row: Option) -> str:
    """The type of the keyword argument: that of the field, and what `keyword_value` makes one of."""
    if row.unit == "bytes":
        return row.type.replace("int", "int | str")
    if row.type.startswith("tuple[tuple"):
        return "Mapping[str, str | None] | Iterable[tuple[str, str | None]]"
    return "str | Iterable[str]" if row.many else row.type


def parameters(rows: Iterable[Option]) -> list[Parameter]:
    """Keyword-only parameters with the defaults, for a signature."""
    from inspect import Parameter

    return [
        Parameter(row.name, Parameter.KEYWORD_ONLY, default=row.default, annotation=keyword_type(row))
        for row in rows
    ]


def help_lines(rows: Iterable[Option], groups: Iterable[str]) -> Iterator[str]:
    """The options under the titles of their groups: name, type, range and unit, default, help."""
    listed = list(rows)
    for title in groups:
        group = [row for row in listed if row.group == title]
        if group:
            yield f"{title}:"
        for row in group:
            yield from _help_of(row)
        if group:
            yield ""


def _help_of(row: Option) -> Iterator[str]:
    import textwrap  # only help needs it

    notes = [note for note in (_values(row), _default(row)) if note]
    yield from textwrap.wrap(
        f"{row.name}: {keyword_type(row)}" + (f"  ({'; '.join(notes)})" if notes else ""),
        WIDTH,
        initial_indent="  ",
        subsequent_indent="      ",
    )
    yield from textwrap.wrap(row.help, WIDTH, initial_indent="      ", subsequent_indent="      ")


def _values(row: Option) -> str:
    if row.type == "bool":
        return ""
    return row.expected() if row.choices or row.lowest is not None else row.unit


def _default(row: Option) -> str:
    shown = str(row.default) if row.type == "bool" else default_text(row)
    return f"default: {shown}" if shown else ""


def typed_dict(rows: Iterable[Option], name: str, docstring: str) -> Iterator[str]:
    """The lines of a TypedDict with a key for each option, for type checkers and editors."""
    yield f"class {name}(TypedDict, total=False):"
    yield f'    """{docstring}"""'
    yield ""
    for row in rows:
        yield f"    {row.name}: {keyword_type(row)}"


def keyword_values(rows: Mapping[str, Option], given: Mapping[str, Any], what: str) -> dict[str, Any]:
    """The values of keyword arguments as the fields have them.

    A size may be text ("64K"), several values may be one or any iterable, variables a mapping.
    Raises TypeError for a name that is no option of `rows`; `what` names the function in it.
    UsageError for a value is `OptionRecord.check`'s.
    """
    for name in given:
        if name not in rows:
            from .diagnostics import did_you_mean

            hint = did_you_mean(name, rows)
            raise TypeError(f"{what}: there is no option '{name}'" + (f"; {hint}" if hint else ""))
    return {name: keyword_value(rows[name], value) for name, value in given.items()}


def keyword_value(row: Option, value: Any) -> Any:
    """The value of one keyword argument as the field has it."""
    if row.unit == "bytes" and isinstance(value, str):
        try:
            return parse_size(value)
        except ValueError:
            return value  # `OptionRecord.check` says what is expected
    if not row.many:
        return value
    if isinstance(value, str):
        value = value.split(",") if row.choices else (value,)
    if isinstance(value, Mapping):
        value = value.items()
    return frozenset(value) if row.type.startswith("frozenset") else tuple(value)
