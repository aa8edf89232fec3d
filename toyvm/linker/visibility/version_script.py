"""Version scripts: `V1 { global: a; b*; local: *; }; V2 { global: c; } V1;`, or one node without a name.

ld(1), "VERSION Command". A node without a name decides only which symbols other components see. The
others are versions that the output defines; each symbol belongs to the node that names it, or to the
one that its own name says (`a@V1`, from `.symver`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import cached_property

import numpy as np

from toyvm.base.record import Record

from ...base.errors import LinkError
from ...elf.demangling import demangled
from ..inputs.columns import SHARED, UNDEFINED, Column, ProgramColumns
from ..inputs.global_symbols import DefinitionKind, GlobalSymbol
from ..link_errors import Diagnostics
from ..link_options import LinkOptions
from .name_patterns import NamePattern, matches_any

MAX_VERSIONS = 0x7F00  # .gnu.version has 15 bits for the number of a version
_TOKEN = re.compile(r'/\*.*?(?:\*/|(\Z))|#[^\n]*|("[^"]*")|([{};:])|((?:[^\s{};:"]|::)+)', re.S)


class VersionNode(Record):
    """A node: the versions that it inherits from, and its patterns of global and of local names."""

    name: str
    parents: tuple[str, ...]
    shown: tuple[NamePattern, ...]
    kept: tuple[NamePattern, ...]


_ByLocality = tuple[list[tuple[VersionNode, NamePattern]], list[tuple[VersionNode, NamePattern]]]


class VersionScript:
    """The nodes of a script, in its order."""

    def __init__(self, nodes: tuple[VersionNode, ...] = ()) -> None:
        self.nodes = nodes

    @cached_property
    def versions(self) -> tuple[str, ...]:
        """The names of the versions that the output defines."""
        return tuple(node.name for node in self.nodes if node.name)

    @cached_property
    def _named(self) -> dict[str, VersionNode]:
        return {node.name: node for node in self.nodes if node.name}

    def node_of(self, name: str) -> tuple[VersionNode | None, bool]:
        """The node of a symbol that has no version of its own, and whether it makes the symbol local.

        An exact name takes precedence over a pattern, any pattern over `*`, and a global name over a
        local one. Of several nodes with patterns, the last one counts (GNU ld: bfd_find_version_for_sym).
        """
        exact = self._exact.get((name, False))
        if exact is None and self._has_cpp:
            exact = self._exact.get((demangled(name), True))
        if exact is not None:
            return exact
        for patterns in (self._patterns, self._stars):
            for is_local in (False, True):
                for node, pattern in reversed(patterns[is_local]):
                    if pattern.matches(name):
                        return node, is_local
        return None, False

    @cached_property
    def _has_cpp(self) -> bool:
        return any(cpp for _, cpp in self._exact)

    @cached_property
    def _exact(self) -> dict[tuple[str, bool], tuple[VersionNode, bool]]:
        """(name, whether it is one of C++) -> the first node that has it itself, and whether it is local there."""
        found: dict[tuple[str, bool], tuple[VersionNode, bool]] = {}
        for node in self.nodes:
            for is_local, patterns in ((False, node.shown), (True, node.kept)):
                for pattern in patterns:
                    if pattern.is_exact:
                        found.setdefault((pattern.text, pattern.cpp), (node, is_local))
        return found

    @cached_property
    def _patterns(self) -> _ByLocality:
        return self._select(lambda pattern: not pattern.is_exact and pattern.text != "*")

    @cached_property
    def _stars(self) -> _ByLocality:
        return self._select(lambda pattern: not pattern.is_exact and pattern.text == "*")

    def _select(self, wanted: Callable[[NamePattern], bool]) -> _ByLocality:
        shown = [(node, pattern) for node in self.nodes for pattern in node.shown if wanted(pattern)]
        kept = [(node, pattern) for node in self.nodes for pattern in node.kept if wanted(pattern)]
        return shown, kept

    def is_local(self, symbol: GlobalSymbol) -> bool:
        """Whether the symbol stays inside the file."""
        if symbol.name in self._named:
            return False
        if not symbol.version:
            return self.node_of(symbol.name)[1]
        node = self._named.get(symbol.version)
        if node is None:
            return False
        base = symbol.dynamic_name
        return matches_any(node.kept, base) and not matches_any(node.shown, base)

    def version_of(self, symbol: GlobalSymbol) -> str:
        """The version of a symbol that is defined here; "" for none."""
        if symbol.version or symbol.name in self._named:
            return symbol.version or symbol.name
        node = self.node_of(symbol.name)[0]
        return node.name if node is not None else ""


NO_SCRIPT = VersionScript()


def with_own_versions(
    script: VersionScript, program: ProgramColumns, public: Column, options: LinkOptions
) -> VersionScript:
    """The script and, for a program, the versions of exported definitions such as `foo@V` that it does not name."""
    known = set(script.versions)
    named = program.resolution.symbols.versions
    more = dict.fromkeys(named[n] for n in sorted(named) if public[n] and named[n] not in known)
    if options.shared or not more:
        return script
    return VersionScript((*script.nodes, *(VersionNode(version, (), (), ()) for version in more)))


def parse_version_script(text: str) -> VersionScript:
    """Parse the nodes of a version script. Raises LinkError when it is malformed."""
    return _Parser(text).script()


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens: list[str] = []
        for found in _TOKEN.finditer(text):
            if found[1] is not None:
                raise _syntax("comment without end")
            if token := found[2] or found[3] or found[4]:
                self._tokens.append(token)
        self._at = 0

    def script(self) -> VersionScript:
        nodes: list[VersionNode] = []
        known: set[str] = set()
        while self._at < len(self._tokens):
            node = self._node()
            if node.name and node.name in known:
                raise _syntax(f"duplicate version tag `{node.name}'")
            for parent in node.parents:
                if parent not in known:
                    raise _syntax(f"unable to find version dependency `{parent}'")
            nodes.append(node)
            known.add(node.name)
            if len(nodes) > MAX_VERSIONS:
                raise _syntax(f"more than {MAX_VERSIONS} versions")
        if len(nodes) > 1 and not all(node.name for node in nodes):
            raise _syntax("anonymous version tag cannot be combined with other version tags")
        return VersionScript(tuple(nodes))

    def _next(self) -> str:
        if self._at == len(self._tokens):
            raise _syntax("syntax error: unbalanced braces")
        self._at += 1
        return self._tokens[self._at - 1]

    def _node(self) -> VersionNode:
        name = self._next()
        if name == "{":
            name = ""
        elif self._next() != "{":
            raise _syntax(f"syntax error: expected {{ after {name}")
        shown: list[NamePattern] = []
        kept: list[NamePattern] = []
        self._names(shown, kept)
        parents = []
        while (token := self._next()) != ";":
            parents.append(token)
        return VersionNode(name, tuple(parents), tuple(shown), tuple(kept))

    def dynamic_list(self) -> tuple[NamePattern, ...]:
        """The names of a dynamic list: braces around names, and a semicolon; several of them are joined."""
        names: list[NamePattern] = []
        while self._at < len(self._tokens):
            if self._next() != "{":
                raise _syntax("syntax error: expected {")
            self._names(names, names)
            if self._next() != ";":
                raise _syntax("syntax error: expected ; after }")
        return tuple(names)

    def _names(self, shown: list[NamePattern], kept: list[NamePattern], cpp: bool = False) -> None:
        """The names up to the brace that ends the node."""
        target = shown
        while (token := self._next()) != "}":
            if token in ("global", "local") and self._tokens[self._at : self._at + 1] == [":"]:
                target = shown if token == "global" else kept
                self._at += 1
            elif token == "extern":
                language = self._next()
                if language not in ('"C"', '"C++"') or self._next() != "{":
                    raise _syntax('extern blocks are supported for "C" and "C++" only')
                self._names(target, target, language == '"C++"')
            elif token not in (";", ":"):
                target.append(NamePattern(token.strip('"'), cpp, token.startswith('"')))


def _syntax(message: str) -> LinkError:
    return LinkError([f"version script: {message}"])


def parse_dynamic_list(text: str) -> tuple[NamePattern, ...]:
    """The names in a file for --dynamic-list or --export-dynamic-symbol-list. Raises LinkError when it is malformed."""
    return _Parser(text).dynamic_list()


def local_symbols(program: ProgramColumns, script: VersionScript, exclude_libs: tuple[str, ...]) -> Column:
    """Boolean by global symbol: whether the version script or --exclude-libs makes it local."""
    result = np.zeros(program.symbols.globals, dtype=bool)
    if script.nodes:
        explicit = {(s.dynamic_name, s.version) for s in program.resolution.symbols if "@" in s.name}
        for symbol in program.resolution.symbols:
            # A definition beside `a@V` whose name alone would give it the same version is hidden.
            twin = not symbol.version and (symbol.name, script.version_of(symbol)) in explicit
            result[symbol.id] = twin or script.is_local(symbol)
    excluded = {name for text in exclude_libs for name in re.split("[,:]", text)}
    if excluded:
        for symbol in program.resolution.symbols:
            here = symbol.kind in (DefinitionKind.DEFINED, DefinitionKind.COMMON)
            archive = os.path.basename(program.resolution.files[symbol.file].archive) if here else ""
            names = {"ALL", archive, archive.removesuffix(".a")}
            result[symbol.id] |= bool(archive) and bool(names & excluded)
    return result


def check_versions(program: ProgramColumns, script: VersionScript, errors: Diagnostics) -> None:
    """Add an error for each name that the script gives a version and that the output does not define (--no-undefined-version)."""
    if not script.nodes:
        return
    defined = {
        symbol.dynamic_name
        for symbol in program.resolution.symbols
        if program.symbols.sid[symbol.id] not in (UNDEFINED, SHARED)
    }
    for node in script.nodes:
        for pattern in node.shown:
            names = {demangled(name) for name in defined} if pattern.cpp else defined
            if pattern.is_exact and pattern.text not in names:
                errors.error(f"{pattern.text}: undefined version: {node.name}")
