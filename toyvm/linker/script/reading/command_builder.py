"""The part of `Builder` that takes commands other than SECTIONS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lark import Token, v_args

from toyvm.elf import constants

from .expression_builder import ExpressionBuilder, unquoted
from .tree import (
    CrossReferences,
    Expr,
    Header,
    InputFile,
    Insert,
    Name,
    Number,
    Place,
    Region,
    Script,
    Source,
)

_HEADER_TYPES = {
    "PT_NULL": 0, "PT_LOAD": 1, "PT_DYNAMIC": 2, "PT_INTERP": 3, "PT_NOTE": 4, "PT_SHLIB": 5, "PT_PHDR": 6, "PT_TLS": 7,
    "PT_GNU_EH_FRAME": constants.PT_GNU_EH_FRAME, "PT_GNU_STACK": constants.PT_GNU_STACK,
    "PT_GNU_RELRO": constants.PT_GNU_RELRO, "PT_RISCV_ATTRIBUTES": constants.PT_RISCV_ATTRIBUTES,
}  # fmt: skip


class Part:
    """Optional parts of a rule, by kind: (kind, value) pairs among its children."""

    def __init__(self, kind: str, value: Any, place: Place) -> None:
        self.kind, self.value, self.place = kind, value, place


class CommandBuilder(ExpressionBuilder):
    """Puts what commands say into `made`. `include(kind, file, place)` reads another script, from the rule `kind`."""

    def __init__(self, source: Source, include: Callable[[str, str, Place], Any], made: Script) -> None:
        super().__init__(source)
        self.include, self.made = include, made

    @v_args(inline=True)
    def entry(self, _: Token, name: Token) -> None:
        self.made.entry = unquoted(name)

    @v_args(inline=True)
    def attribute(self, word: Token, value: Expr | None = None) -> Part:
        return Part(str(word), value, self._at(word))

    # -- other commands ---------------------------------------------------------------------------------------------

    @v_args(inline=True)
    def insert_after(self, word: Token, _: Token, name: Token) -> Insert:
        return Insert(unquoted(name), False, self._at(word))

    @v_args(inline=True)
    def insert_before(self, word: Token, _: Token, name: Token) -> Insert:
        return Insert(unquoted(name), True, self._at(word))

    @v_args(inline=True)
    def memory_region(self, name: Token, *rest: Any) -> None:
        letters = "".join(
            str(token) for token in rest if isinstance(token, Token) and token.type == "REGION_FLAGS"
        )
        origin, length = (part for part in rest if isinstance(part, Expr))
        flags, not_flags = _region_flags(letters, self._at(name))
        self.made.regions.append(Region(unquoted(name), flags, not_flags, origin, length, self._at(name)))

    @v_args(inline=True)
    def include_memory(self, _: Token, file: Token) -> None:
        self.include("memory_body", unquoted(file), self._at(file))

    def memory_body(self, _: list[Any]) -> None:
        return None

    def memory(self, _: list[Any]) -> None:
        return None

    def header(self, children: list[Any]) -> None:
        name, kind, *qualifiers = children
        if isinstance(kind, Name) and kind.name in _HEADER_TYPES:
            kind = Number(kind.place, 1, _HEADER_TYPES[kind.name])
        elif isinstance(kind, Name):
            raise kind.place.error(f"unknown phdr type `{kind.name}' (try integer literal)")
        words = {part.kind: part.value for part in qualifiers}
        self.made.headers.append(
            Header(
                unquoted(name), kind, self._at(name), "FILEHDR" in words, "PHDRS" in words, words.get("AT"),
                words.get("FLAGS"),
            )
        )  # fmt: skip

    qualifier = attribute

    def phdrs(self, _: list[Any]) -> None:
        self.made.has_headers = True

    @v_args(inline=True)
    def input_file(self, token: Token) -> list[InputFile]:
        return [InputFile(unquoted(token), self._at(token))]

    def input_list(self, children: list[Any]) -> list[InputFile]:
        return [file for child in children if isinstance(child, list) for file in child]

    @v_args(inline=True)
    def as_needed(self, _: Token, files: list[InputFile]) -> list[InputFile]:
        return [InputFile(file.name, file.place, True, file.group) for file in files]

    @v_args(inline=True)
    def inputs(self, _: Token, files: list[InputFile]) -> None:
        self.made.inputs += files

    @v_args(inline=True)
    def group(self, _: Token, files: list[InputFile]) -> None:
        self.made.inputs += [
            InputFile(file.name, file.place, file.as_needed, self.made.groups) for file in files
        ]
        self.made.groups += 1

    @v_args(inline=True)
    def startup(self, _: Token, file: Token) -> None:
        self.made.inputs.insert(0, InputFile(unquoted(file), self._at(file)))

    @v_args(inline=True)
    def search(self, _: Token, file: Token) -> None:
        self.made.search.append(unquoted(file))

    @v_args(inline=True)
    def output(self, _: Token, file: Token) -> None:
        self.made.output = unquoted(file)

    @v_args(inline=True)
    def output_format(self, _: Token, file: Token, *_others: Token | None) -> None:
        self.made.output_format = unquoted(file)

    @v_args(inline=True)
    def externs(self, _: Token, names: list[str]) -> None:
        self.made.externs += names

    @v_args(inline=True)
    def no_cross_references(self, word: Token, names: list[str]) -> None:
        self.made.cross_references.append(CrossReferences(tuple(names), self._at(word)))

    @v_args(inline=True)
    def no_cross_references_to(self, word: Token, names: list[str]) -> None:
        self.made.cross_references.append(CrossReferences(tuple(names), self._at(word), True))

    @v_args(inline=True)
    def region_alias(self, _: Token, alias: Token, name: Token) -> None:
        self.made.aliases.append((unquoted(alias), unquoted(name), self._at(alias)))

    @v_args(inline=True)
    def feature(self, _: Token, name: Token) -> None:
        if unquoted(name).upper() != "SANE_EXPR":
            raise self._at(name).error(f"unknown feature `{unquoted(name)}'", expected="SANE_EXPR")
        self.made.sane = True

    @v_args(inline=True)
    def version(self, token: Token) -> None:
        text = str(token)
        self.made.versions.append(text[text.index("{") + 1 : text.rindex("}")])

    def force_groups(self, _: list[Any]) -> None:
        self.made.force_groups = True

    def ignored(self, _: list[Any]) -> None:
        return None

    def command(self, _: list[Any]) -> None:
        return None


def _region_flags(letters: str, place: Place) -> tuple[str, str]:
    """The letters of a region's attributes before and after `!`, in lower case."""
    flags: tuple[list[str], list[str]] = ([], [])
    inverted = False
    for letter in letters:
        if letter == "!":
            inverted = not inverted
        elif letter.lower() in "arwxli":
            flags[inverted].append("l" if letter.lower() == "i" else letter.lower())
        else:
            raise place.error(f"invalid character {letter} in flags", expected="some of a, i, l, r, w, x, !")
    return "".join(flags[0]), "".join(flags[1])
