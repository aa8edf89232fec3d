"""Reads linker scripts: text in, a `Script` out, or an error with file, line and caret."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from toyvm.base.errors import LinkError
from toyvm.base.record import Record

from .grammar import parser
from .tree import Place, Script, Source

MAX_TEXT = 1 << 22  # bytes of a script with all that it includes
MAX_INCLUDES = 16  # nested

_EXPECTED = {
    "ASSIGN": "an assignment", "SEMICOLON": "`;'", "COLON": "`:'", "LBRACE": "`{'", "RBRACE": "`}'", "LPAR": "`('",
    "RPAR": "`)'", "COMMA": "`,'", "INT": "a number", "NAME": "a symbol", "SNAME": "a name", "WORD": "a pattern",
    "FNAME": "a file", "QUOTED": "a text in quotes", "REGION_LENGTH": "LENGTH", "REGION_ORIGIN": "ORIGIN",
}  # fmt: skip
_EXPECTED_SHOWN = 6

ReadFile = Callable[[str], bytes]


class _Reader(Record, frozen=False, eq=False):
    read_file: ReadFile
    folders: Sequence[str]
    room: int = MAX_TEXT
    depth: int = 0
    script: Script = Script()

    def read(self, kind: str, source: Source) -> Any:
        """What the rule `kind` makes of a text. Commands in it become part of `script`."""
        from lark.exceptions import UnexpectedInput, VisitError

        from .builder import Builder

        self.room -= len(source.text)
        if self.room < 0:
            raise LinkError([f"{source.name}: linker scripts of more than {MAX_TEXT} bytes"])
        builder = Builder(source, self._include, self.script)
        try:
            tree = parser().parse(source.text, start=kind)
        except UnexpectedInput as error:
            raise _syntax_error(source, error) from None
        try:
            return builder.transform(tree)
        except VisitError as error:
            if isinstance(error.orig_exc, LinkError):
                raise error.orig_exc from None
            raise

    def _include(self, kind: str, file: str, place: Place) -> Any:
        if self.depth >= MAX_INCLUDES:
            raise place.error(f"INCLUDE nested deeper than {MAX_INCLUDES}")
        for path in (file, *(os.path.join(folder, file) for folder in self.folders)):
            try:
                data = self.read_file(path)
            except OSError:
                continue
            self.depth += 1
            result = self.read(kind, Source(path, _decoded(data)))
            self.depth -= 1
            return result
        raise place.error(f"cannot find linker script `{file}'")


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def read_script(name: str, data: bytes, read_file: ReadFile, folders: Sequence[str] = ()) -> Script:
    """Read a script called `name`. `read_file` reads what INCLUDE names, here or in `folders`.

    Raises LinkError with a place for text that is no linker script.
    """
    script = Script()
    reader = _Reader(read_file, folders, script=script)
    script.statements = reader.read("script", Source(name, _decoded(data)))
    return script


def read_ordering(name: str, text: str) -> list[Any]:
    """Read the text of a --section-ordering-file: statements as in SECTIONS. Raises LinkError."""
    statements: list[Any] = _Reader(_no_files, ()).read("sections_body", Source(name, text))
    return statements


def read_expression(name: str, text: str) -> Any:
    """Read one expression, such as that of --defsym. Raises LinkError."""
    return _Reader(_no_files, ()).read("exp", Source(name, text))


def _no_files(path: str) -> bytes:
    raise FileNotFoundError(path)


def _syntax_error(source: Source, error: Any) -> LinkError:
    at = getattr(error, "pos_in_stream", None)
    token = getattr(error, "token", None)
    start = (
        len(source.text.rstrip())
        if at is None or at < 0 or (token is not None and token.type == "$END")
        else at
    )
    length = len(token) if token is not None and token.type != "$END" else 1
    place = Place(source, start, start + length)
    found = source.text[start : start + length]
    known = sorted(
        error.accepts or () if hasattr(error, "accepts") else getattr(error, "allowed", None) or ()
    )
    names = [_EXPECTED.get(name, name) for name in known if name in _EXPECTED]
    expected = ", ".join(names[:_EXPECTED_SHOWN])
    if source.text.startswith("/*", start):
        return place.error("comment without end")
    if found.startswith('"'):
        return place.error("text without closing quote")
    message = f"syntax error at `{found}'" if found.strip() else "syntax error at the end of the script"
    return place.error(message, expected=expected)
