"""The directives of a sample: comment lines `# toyvm: KEY: VALUE` in its first source.

They describe how to build and run a program that needs more than one file (a plug-in, a preloaded
library, an input file). So `toyvm run asm/plugin.s` needs no options, and the tests need no table.
asm/README.md lists the keys.
"""

from __future__ import annotations

import re
import shlex

from toyvm.base.record import Record

from .errors import ToyvmError

_LINE = re.compile(r"^[ \t]*(?:#|//|/?\*)[ \t]*toyvm:[ \t]*([a-z]+):(.*)$", re.M)
LINKAGES = ("static", "dynamic")


class Shared(Record):
    """A shared library to build with the program: its source, and its file name in /lib."""

    source: str
    name: str


class Directives(Record):
    """The directives of a source. Paths are relative to the source."""

    libs: tuple[str, ...] = ()
    linkages: tuple[str, ...] = LINKAGES
    with_sources: tuple[str, ...] = ()
    shared: tuple[Shared, ...] = ()
    preload: tuple[Shared, ...] = ()
    env: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    exit: int = 0
    stdin: str = ""
    base: int | None = None  # the address of the first segment (ld -Ttext-segment)
    qemu: str = ""  # why the sample cannot be compared with qemu; "" if it can


def parse_directives(text: str, name: str) -> Directives:
    """Parse the directives in `text`. Raises ToyvmError for an unknown key or an invalid value."""
    found: dict[str, list[str]] = {}
    for key, rest in _LINE.findall(text):
        value = rest.strip().removesuffix("*/").rstrip()
        if key not in _PARSERS:
            raise ToyvmError(f"{name}: unknown directive 'toyvm: {key}:'; known: {', '.join(_PARSERS)}")
        found.setdefault(key, []).append(value)
    fields: dict[str, object] = {}
    for key, values in found.items():
        field, parse = _PARSERS[key]
        try:
            fields[field] = parse(values)
        except ValueError as error:
            raise ToyvmError(f"{name}: directive 'toyvm: {key}: {values[-1]}': {error}") from None
    return Directives(**fields)  # type: ignore[arg-type]  # _PARSERS pairs each field with a parser of its type


def _words(values: list[str]) -> tuple[str, ...]:
    return tuple(word for value in values for word in value.replace(",", " ").split())


def _linkages(values: list[str]) -> tuple[str, ...]:
    words = _words(values)
    if not words or set(words) - set(LINKAGES):
        raise ValueError("expected 'static', 'dynamic' or both")
    return words


def _shared(values: list[str]) -> tuple[Shared, ...]:
    result = []
    for value in values:
        source, _, name = (part.strip() for part in value.partition("->"))
        stem = source.rsplit("/", 1)[-1].removesuffix(".s")
        result.append(Shared(source, name or f"{stem}.so"))
    return tuple(result)


def _files(values: list[str]) -> tuple[tuple[str, str], ...]:
    result = []
    for value in values:
        words = shlex.split(value)
        if len(words) != 2 or not words[0].startswith("/"):
            raise ValueError('expected /path "text"')
        result.append((words[0], unescape(words[1])))
    return tuple(result)


def unescape(text: str) -> str:
    r"""Resolve \n, \t and \\ in `text`."""
    return re.sub(r"\\(.)", lambda m: {"n": "\n", "t": "\t"}.get(m[1], m[1]), text)


def _base(values: list[str]) -> int:
    address = int(values[-1], 0)
    if address < 0 or address % 0x1000:
        raise ValueError("expected a multiple of 0x1000")
    return address


def _qemu(values: list[str]) -> str:
    word, _, reason = values[-1].partition(" ")
    if word != "no" or not reason:
        raise ValueError("expected 'no REASON'")
    return reason


_PARSERS = {
    "libs": ("libs", _words),
    "linkage": ("linkages", _linkages),
    "with": ("with_sources", _words),
    "shared": ("shared", _shared),
    "preload": ("preload", _shared),
    "env": ("env", lambda values: tuple(values)),
    "args": ("args", lambda values: tuple(word for value in values for word in shlex.split(value))),
    "file": ("files", _files),
    "exit": ("exit", lambda values: int(values[-1])),
    "base": ("base", _base),
    "stdin": ("stdin", lambda values: unescape("".join(values))),
    "qemu": ("qemu", _qemu),
}
