"""Version scripts, for the visibility of symbols of a shared object only: `{ global: a; b*; local: *; };`.

ld(1), "VERSION Command". The version names themselves are read and not recorded in the output.
"""

from __future__ import annotations

import fnmatch
import os
import re

import numpy as np

from toyvm.base.record import Record

from ..base.errors import LinkError
from .inputs.columns import Column, ProgramColumns
from .inputs.symbol_resolution import DefinitionKind

_TOKEN = re.compile(r'/\*.*?\*/|#[^\n]*|"([^"]*)"|([{};:])|([^\s{};:"]+)', re.S)


class VersionScript(Record):
    """Patterns of global and of local names. An exact name takes precedence over a pattern, and any pattern over `*`."""

    shown: tuple[str, ...]
    kept: tuple[str, ...]

    def is_local(self, name: str) -> bool:
        """Whether the symbol stays inside the file."""
        return self._strength(name, self.kept) > self._strength(name, self.shown)

    @staticmethod
    def _strength(name: str, patterns: tuple[str, ...]) -> int:
        if name in patterns:
            return 3
        if any(p != "*" and fnmatch.fnmatchcase(name, p) for p in patterns):
            return 2
        return int("*" in patterns)


def parse_version_script(text: str) -> VersionScript:
    """Parse the nodes of a version script. Raises LinkError when it is malformed."""
    tokens = [m[1] or m[2] or m[3] for m in _TOKEN.finditer(text) if m[1] or m[2] or m[3]]
    shown: list[str] = []
    kept: list[str] = []
    target, depth, at = shown, 0, 0
    while at < len(tokens):
        token, following = tokens[at], tokens[at + 1 : at + 2]
        at += 1
        if token == "{":
            target, depth = shown, depth + 1
        elif token == "}":
            depth -= 1
            if depth < 0:
                break
        elif token in ("global", "local") and following == [":"]:
            target = shown if token == "global" else kept
            at += 1
        elif token == "extern":
            raise LinkError(["version script: extern blocks are not supported"])
        elif token not in (";", ":") and depth:
            target.append(token)
    if depth:
        raise LinkError(["version script: syntax error: unbalanced braces"])
    return VersionScript(tuple(shown), tuple(kept))


def local_symbols(program: ProgramColumns, script: str, exclude_libs: tuple[str, ...]) -> Column:
    """Boolean by global symbol: whether the version script or --exclude-libs makes it local."""
    result = np.zeros(program.symbols.globals, dtype=bool)
    if script:
        parsed = parse_version_script(script)
        for symbol in program.resolution.symbols:
            result[symbol.id] = parsed.is_local(symbol.name)
    excluded = {name for text in exclude_libs for name in re.split("[,:]", text)}
    if excluded:
        for symbol in program.resolution.symbols:
            archive = (
                program.resolution.files[symbol.file].archive if symbol.kind is DefinitionKind.DEFINED else ""
            )
            result[symbol.id] |= bool(archive) and bool({"ALL", os.path.basename(archive)} & excluded)
    return result
