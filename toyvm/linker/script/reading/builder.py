"""Turns Lark's parse tree of a linker script into the records of `tree`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lark import Token, v_args

from toyvm.elf import constants

from .command_builder import CommandBuilder, Part
from .expression_builder import unquoted
from .tree import (
    Assertion,
    Assignment,
    Binary,
    BodyStatement,
    Call,
    Constructors,
    CrossReferences,
    Data,
    Expr,
    Fill,
    InputPattern,
    Insert,
    Name,
    OutputSection,
    Place,
    SectionPattern,
    Text,
)

_SIZES = {"BYTE": 1, "SHORT": 2, "LONG": 4, "QUAD": 8, "SQUAD": 8}
_SORTS = {
    "SORT": "name",
    "SORT_BY_NAME": "name",
    "SORT_BY_ALIGNMENT": "alignment",
    "SORT_BY_INIT_PRIORITY": "priority",
    "SORT_NONE": "none",
    "REVERSE": "reverse",
}


_STATEMENTS = (Assignment, Assertion, OutputSection, Insert)


class Builder(CommandBuilder):
    """Makes all records of a script."""

    # -- assignments ------------------------------------------------------------------------------------------------

    @v_args(meta=True, inline=True)
    def assign(self, meta: Any, name: Token, op: Token, value: Expr) -> Assignment:
        text = unquoted(name)
        if len(op) > 1:
            value = self._binary(Name(self._at(name), 1, text), str(op)[:-1], value, self._at(op))
        return self._assignment(meta, name, value)

    def _assignment(self, meta: Any, name: Token, value: Expr, **flags: bool) -> Assignment:
        text = unquoted(name)
        if not text or any(c in "*?:[]!" for c in text):
            raise self._at(name).error(f"`{text}' is not a symbol")
        if text == "." and flags:
            raise self._at(name).error("the location counter can only be assigned to")
        return Assignment(text, value, self._place(meta), **flags)

    @v_args(meta=True, inline=True)
    def provide(self, meta: Any, _: Token, name: Token, op: Token, value: Expr) -> Assignment:
        self._plain(op)
        return self._assignment(meta, name, value, provide=True)

    @v_args(meta=True, inline=True)
    def provide_hidden(self, meta: Any, _: Token, name: Token, op: Token, value: Expr) -> Assignment:
        self._plain(op)
        return self._assignment(meta, name, value, provide=True, hidden=True)

    @v_args(meta=True, inline=True)
    def hidden(self, meta: Any, _: Token, name: Token, op: Token, value: Expr) -> Assignment:
        self._plain(op)
        return self._assignment(meta, name, value, hidden=True)

    def _plain(self, op: Token) -> None:
        if op != "=":
            raise self._at(op).error(f"`{op}' cannot be used here", expected="`='")

    @v_args(meta=True, inline=True)
    def assertion(self, meta: Any, _: Token, test: Expr, message: Token) -> Assertion:
        return Assertion(test, unquoted(message), self._place(meta))

    @v_args(inline=True)
    def as_it_is(self, statement: Any) -> Any:
        return statement

    # -- output sections --------------------------------------------------------------------------------------------

    def body(self, children: list[Any]) -> list[BodyStatement]:
        flat: list[BodyStatement] = []
        for child in children:
            flat += child if isinstance(child, list) else [child]
        return flat

    @v_args(inline=True)
    def include_body(self, _: Token, file: Token) -> Any:
        return self.include("body", unquoted(file), self._at(file))

    @v_args(inline=True)
    def data(self, word: Token, value: Expr) -> Data | Fill:
        place = self._at(word)
        return Fill(value, place) if word == "FILL" else Data(_SIZES[word], value, place)

    @v_args(inline=True)
    def text(self, word: Token, text: Token) -> Text:
        return Text(_unescaped(unquoted(text)) + b"\0", self._at(word))

    @v_args(meta=True)
    def constructors(self, meta: Any, _: list[Any]) -> Constructors:
        return Constructors(self._place(meta))

    @v_args(inline=True)
    def sort(self, word: Token) -> str:
        return _SORTS[word]

    def word_list(self, children: list[Token]) -> tuple[str, ...]:
        return tuple(unquoted(child) for child in children)

    @v_args(inline=True)
    def plain(self, token: Token) -> SectionPattern:
        return SectionPattern(unquoted(token))

    @v_args(inline=True)
    def excluding(self, _: Token, files: tuple[str, ...], inner: SectionPattern) -> SectionPattern:
        return SectionPattern(inner.name, files + inner.exclude, inner.sort, inner.reverse)

    @v_args(meta=True, inline=True)
    def sorted_by(self, meta: Any, how: str, inner: SectionPattern) -> SectionPattern:
        if how == "reverse":
            return SectionPattern(inner.name, inner.exclude, inner.sort or ("name",), True)
        if len(inner.sort) > 1:
            raise self._place(meta).error("at most two orders can be nested")
        return SectionPattern(inner.name, inner.exclude, (how, *inner.sort), inner.reverse)

    def section_flags(self, children: list[Any]) -> tuple[int, int]:
        with_flags = without = 0
        for negative, bit in (child for child in children if isinstance(child, tuple)):
            with_flags, without = (with_flags, without | bit) if negative else (with_flags | bit, without)
        return with_flags, without

    def _flag(self, token: Token) -> int:
        try:
            return int(getattr(constants, token) if token.startswith("SHF_") else int(token, 0))
        except (AttributeError, ValueError):
            raise self._at(token).error(f"unrecognized input section flag `{token}'") from None

    @v_args(inline=True)
    def flag(self, token: Token) -> tuple[bool, int]:
        return False, self._flag(token)

    @v_args(inline=True)
    def not_flag(self, token: Token) -> tuple[bool, int]:
        return True, self._flag(token)

    @v_args(meta=True)
    def wild(self, meta: Any, children: list[Any]) -> InputPattern:
        flags, file, *sections = children
        with_flags, without_flags = flags or (0, 0)
        if file.sort and file.sort[0] not in ("name", "none"):
            raise self._place(meta).error("files can be sorted by name only")
        return InputPattern(
            file.name, tuple(sections), self._place(meta), file.exclude, file.sort[:1] == ("name",), file.reverse,
            False, with_flags, without_flags,
        )  # fmt: skip

    @v_args(meta=True, inline=True)
    def whole_file(self, meta: Any, token: Token) -> InputPattern:
        return InputPattern(unquoted(token), (), self._place(meta))

    @v_args(inline=True)
    def keep(self, _: Token, inner: InputPattern) -> InputPattern:
        fields = {name: getattr(inner, name) for name in inner.record_fields}
        return InputPattern(**fields | {"keep": True})

    def type(self, children: list[Any]) -> Part:
        if not children:
            return Part("type", ("", None), Place(self.source, 0, 0))
        word = children[0]
        if isinstance(word, Part):
            return word
        place = self._at(word) if isinstance(word, Token) else word.place
        if isinstance(word, Token):
            return Part("type", (str(word), None), place)
        return Part("type", ("TYPE", word), place)

    @v_args(inline=True)
    def readonly_type(self, word: Token, _: Token, value: Expr) -> Part:
        return Part("type", ("READONLY_TYPE", value), self._at(word))

    @v_args(inline=True)
    def type_word(self, _: Token, value: Expr) -> Expr:
        return value

    @v_args(inline=True)
    def constraint(self, word: Token) -> Part:
        return Part("constraint", str(word), self._at(word))

    @v_args(inline=True)
    def region(self, name: Token) -> Part:
        return Part("region", unquoted(name), self._at(name))

    @v_args(inline=True)
    def lma_region(self, _: Token, name: Token) -> Part:
        return Part("lma_region", unquoted(name), self._at(name))

    @v_args(inline=True)
    def phdr(self, name: Token) -> Part:
        return Part("header", unquoted(name), self._at(name))

    @v_args(inline=True)
    def fill(self, value: Expr) -> Part:
        return Part("fill", value, value.place)

    def tail(self, children: list[Any]) -> dict[str, Any]:
        return _tail(child for child in children if child is not None)

    def section(self, children: list[Any]) -> OutputSection:
        name, address, type_part, *rest = children
        tail: dict[str, Any] = rest.pop()
        body: list[BodyStatement] = rest.pop()
        word, value = type_part.value if type_part is not None else ("", None)
        fields = self._attributes(part for part in rest if part is not None)
        place = self._at(name)
        if fields.get("at") is not None and tail.get("lma_region"):
            raise place.error("section has both a load address and a load region")
        return OutputSection(
            unquoted(name), tuple(body), place, address=address, type=word, type_value=value, **fields, **tail
        )

    def _attributes(self, parts: Iterable[Part]) -> dict[str, Any]:
        names = {"AT": "at", "ALIGN": "align", "SUBALIGN": "subalign", "constraint": "constraint"}
        fields: dict[str, Any] = {}
        for part in parts:
            field = names.get(part.kind, "align_with_input")
            if field in fields:
                raise part.place.error(f"{part.kind} is given twice")
            fields[field] = True if field == "align_with_input" else part.value
        if fields.get("align_with_input") and fields.get("align") is not None:
            raise next(iter([part.place for part in parts]), Place(self.source, 0, 0)).error(
                "align with input and explicit align specified"
            )
        return fields

    def overlay_section(self, children: list[Any]) -> tuple[Token, list[BodyStatement], dict[str, Any]]:
        name, body, *rest = children
        return name, body, _tail(part for part in rest if part is not None)

    def overlay(self, children: list[Any]) -> list[Any]:
        word, address, no_cross, *rest = children
        tail: dict[str, Any] = rest.pop()
        sections = [part for part in rest if isinstance(part, tuple)]
        fields = self._attributes(part for part in rest if isinstance(part, Part))
        at = fields.pop("at", None)
        place = self._at(word)
        made: list[Any] = []
        names = [unquoted(name) for name, _, _ in sections]
        first = Call(place, 1, "ADDR", (), names[0] if names else "")
        for index, (name, body, own) in enumerate(sections):
            more = {key: own.get(key) or tail.get(key) for key in ("headers", "fill")}
            if index == len(sections) - 1:
                sizes = tuple(Call(place, 1, "SIZEOF", (), other) for other in names)
                more["after"] = Binary(place, 3, "+", first, Call(place, 2, "MAX", sizes))
            made.append(
                OutputSection(
                    unquoted(name), tuple(body), self._at(name), address=first if index else address,
                    overlay="more" if index else "first", at=None if index else at, region=tail.get("region", ""),
                    lma_region=tail.get("lma_region", ""), **fields,
                    **{key: value for key, value in more.items() if value is not None},
                )
            )  # fmt: skip
            clean = "".join(c for c in unquoted(name) if c.isalnum() or c == "_")
            load = Call(place, 1, "LOADADDR", (), unquoted(name))
            size = Call(place, 1, "SIZEOF", (), unquoted(name))
            made.append(Assignment(f"__load_start_{clean}", load, place, provide=True))
            end = Binary(place, 2, "+", load, size)
            made.append(Assignment(f"__load_stop_{clean}", end, place, provide=True))
        if no_cross is not None:
            self.made.cross_references.append(CrossReferences(tuple(names), place))
        return made

    @v_args(inline=True)
    def include_sections(self, _: Token, file: Token) -> Any:
        return self.include("sections_body", unquoted(file), self._at(file))

    def sections_body(self, children: list[Any]) -> list[Any]:
        flat: list[Any] = []
        for child in children:
            flat += child if isinstance(child, list) else [child]
        return [child for child in flat if isinstance(child, _STATEMENTS)]

    def sections(self, children: list[Any]) -> list[Any]:
        self.made.has_sections = True
        return list(children[-1])

    def script(self, children: list[Any]) -> list[Any]:
        """The statements: what commands like ENTRY made is in `made`."""
        return self.sections_body(children)

    @v_args(inline=True)
    def include_script(self, _: Token, file: Token) -> Any:
        return self.include("script", unquoted(file), self._at(file))


def _tail(parts: Iterable[Part]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    headers: list[str] = []
    for part in parts:
        if part.kind == "header":
            headers.append(part.value)
        else:
            fields[part.kind] = part.value
    return fields | ({"headers": tuple(headers)} if headers else {})


def _unescaped(text: str) -> bytes:
    """The bytes of a string with C's escapes."""
    out = bytearray()
    plain = iter(text)
    simple = {"n": 10, "r": 13, "t": 9, "\\": 92, '"': 34}
    rest = list(plain)
    at = 0
    while at < len(rest):
        letter = rest[at]
        at += 1
        if letter != "\\" or at == len(rest):
            out += letter.encode("utf-8", "surrogateescape")
            continue
        digits = ""
        while at < len(rest) and len(digits) < 3 and rest[at] in "01234567":
            digits += rest[at]
            at += 1
        if digits:
            out.append(int(digits, 8) & 255)
        else:
            out.append(simple.get(rest[at], ord(rest[at]) & 255))
            at += 1
    return bytes(out)
