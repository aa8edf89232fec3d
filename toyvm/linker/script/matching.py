"""Chooses the input sections of each pattern of a script (ld, "Input Section Description")."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache, cmp_to_key

import numpy as np

from toyvm.base.record import Record

from ..inputs.columns import ProgramColumns
from .reading.tree import InputPattern, SectionPattern

_SPECIAL = re.compile(r"[*?\[\\]")
_PLAIN_PRIORITY = -1


@cache
def pattern_regex(pattern: str) -> re.Pattern[str]:
    """A pattern of fnmatch(3) as a regular expression: `*` and `?` match a slash, too."""
    pieces: list[list[str]] = [[]]  # what is between stars
    at = 0
    while at < len(pattern):
        letter = pattern[at]
        at += 1
        if letter == "*":
            pieces.append([])
        elif letter == "?":
            pieces[-1].append(".")
        elif letter == "\\" and at < len(pattern):
            pieces[-1].append(re.escape(pattern[at]))
            at += 1
        elif letter == "[" and (end := pattern.find("]", at + 1 + (pattern[at : at + 1] in ("!", "^")))) > 0:
            inside = re.sub(r"([\\\[&|~])", r"\\\1", pattern[at:end])
            if inside[:1] in ("!", "^"):
                inside = "^" + inside[1:]
            at = end + 1
            pieces[-1].append(f"[{inside}]")
        else:
            pieces[-1].append(re.escape(letter))
    first, *rest = ("".join(piece) for piece in pieces)
    # The first place that fits is as good as any: the groups are atomic, so that no pattern takes long.
    middle = "".join(f"(?>.*?{piece})" for piece in rest[:-1] if piece)
    text = first + middle + (f".*{rest[-1]}" if rest else "")
    try:
        return re.compile(text, re.S)
    except re.error:  # such as [z-a]
        return re.compile(re.escape(pattern))


def matches(pattern: str, name: str) -> bool:
    """Whether a pattern of a script matches a name."""
    if not _SPECIAL.search(pattern):
        return pattern == name
    if pattern == "*":
        return True
    if pattern[-1] == "*" and not _SPECIAL.search(pattern[:-1]):
        return name.startswith(pattern[:-1])
    return pattern_regex(pattern).fullmatch(name) is not None


class InputName(Record):
    """The name of an object, and that of its archive if it is a member."""

    name: str
    archive: str = ""

    @property
    def file(self) -> str:
        """What a pattern for files is compared with: the name of the member alone."""
        return self.name


def input_names(program: ProgramColumns) -> list[InputName]:
    """The names of all objects of the program."""
    found = []
    for loaded in program.resolution.files:
        name = loaded.object.name
        if loaded.archive and name.startswith(loaded.archive + "(") and name.endswith(")"):
            name = name[len(loaded.archive) + 1 : -1]
        found.append(InputName(name, loaded.archive))
    return found


@cache
def file_matches(pattern: str, file: InputName) -> bool:
    """Whether a pattern for files, or `archive:member`, matches. Linker-made sections have no name."""
    if pattern == "*":
        return True
    archive, colon, member = pattern.partition(":")
    if colon:
        if not archive:
            return not file.archive and matches(member, file.name)
        return (
            bool(file.archive)
            and matches(archive, file.archive)
            and (not member or matches(member, file.name))
        )
    if _SPECIAL.search(pattern):
        return matches(pattern, file.name)
    return pattern in (file.name, file.archive)


@cache
def _is_excluded(patterns: tuple[str, ...], file: InputName) -> bool:
    return any(
        file_matches(pattern, file)
        or (":" not in pattern and bool(file.archive) and matches(pattern, file.archive))
        for pattern in patterns
    )


class Matcher:
    """The sections of a program, by the patterns of a script."""

    def __init__(
        self,
        program: ProgramColumns,
        patterns: Sequence[InputPattern],
        sort_section: str,
        made_names: Mapping[str, list[str]],
    ) -> None:
        self.program, self.patterns, self.made_names = program, patterns, made_names
        self.sort_section = sort_section
        self.files = [*input_names(program), InputName("")]  # the last one is for linker-made sections
        self.chosen: list[list[tuple[int, SectionPattern | None]]] = [[] for _ in patterns]
        self._by_name: dict[tuple[str, ...], list[tuple[int, list[SectionPattern]]]] = {}
        for sid in self.order():
            self._choose(sid)

    def order(self) -> list[int]:
        """The live sections by file, those that the linker makes after those of the first file, as in GNU ld.

        What the linker makes and then does not need is not there.
        """
        sections = self.program.sections
        live = np.flatnonzero(sections.live & ((sections.file >= 0) | (sections.size > 0)))
        file = sections.file[live]
        key = np.where(file < 0, 0, file * 2)
        key[file < 0] = 1
        sids: list[int] = live[np.argsort(key, kind="stable")].tolist()
        return sids

    def _named(self, *names: str) -> list[tuple[int, list[SectionPattern]]]:
        """The patterns that match one of a section's names, by their numbers, with what of them matches."""
        found = self._by_name.get(names)
        if found is None:
            found = self._by_name[names] = []
            for index, pattern in enumerate(self.patterns):
                those = [p for p in pattern.sections if any(matches(p.name, name) for name in names)]
                if those or not pattern.sections:
                    found.append((index, those))
        return found

    def _choose(self, sid: int) -> None:
        sections = self.program.sections
        file = self.files[int(sections.file[sid])]
        flags = int(sections.flags[sid])
        names = [sections.name[sid]]
        if sections.file[sid] < 0:
            names = self.made_names.get(names[0], names)
        for index, those in self._named(*names):
            pattern = self.patterns[index]
            if not file_matches(pattern.file, file) or _is_excluded(pattern.exclude, file):
                continue
            if pattern.with_flags & ~flags or pattern.without_flags & flags:
                continue
            if not pattern.sections:
                self.chosen[index].append((sid, None))
                continue
            fitting = [section for section in those if not _is_excluded(section.exclude, file)]
            self.chosen[index] += [(sid, section) for section in fitting]

    def sids(self, index: int, out_name: str) -> list[int]:
        """The sections of pattern number `index`, in its order. One that several parts match comes where the first is."""
        return list(dict.fromkeys(self._sorted(index, out_name)))

    def _sorted(self, index: int, out_name: str) -> list[int]:
        pattern, found = self.patterns[index], self.chosen[index]
        by_option = self.sort_section if out_name not in (".init", ".fini") else ""
        sorts = {section: _effective(section, by_option) for section in pattern.sections}
        if not pattern.sort_files and not any(sorts.values()):
            return [sid for sid, _ in found]
        if len(set(sorts.values())) == 1 and not pattern.sort_files:
            how, reverse = next(iter(sorts.items()))[1], pattern.sections[0].reverse

            def compare(a: int, b: int) -> int:
                return self._compare(how, reverse, a, b)

            return sorted((sid for sid, _ in found), key=cmp_to_key(compare))
        return self._inserted(pattern, found, sorts)

    def _inserted(
        self,
        pattern: InputPattern,
        found: list[tuple[int, SectionPattern | None]],
        sorts: dict[SectionPattern, tuple[str, ...]],
    ) -> list[int]:
        """Insert one after the other into a binary tree, as GNU ld does when patterns of different orders share a
        statement: what needs no order goes to the end (ld/ldlang.c: wild_sort)."""
        left: dict[int, int] = {}  # by index in `found`
        right: dict[int, int] = {}
        last = -1
        for new, (sid, section) in enumerate(found):
            how = sorts[section] if section is not None else ()
            reverse = section.reverse if section is not None else False
            at, side, at_end = 0, right, True
            if not pattern.sort_files and not how:
                at = last
            else:
                while new:
                    order = self._file_order(pattern, sid, found[at][0]) if pattern.sort_files else 0
                    if order == 0 and how:
                        order = self._compare(how, reverse, sid, found[at][0])
                    side = left if order < 0 else right
                    at_end &= side is right
                    if at not in side:
                        break
                    at = side[at]
            if new:
                side[at] = new
            if at_end:
                last = new
        out: list[int] = []
        stack: list[int] = []
        at = 0 if found else -1
        while stack or at >= 0:
            while at >= 0:
                stack.append(at)
                at = left.get(at, -1)
            at = stack.pop()
            out.append(found[at][0])
            at = right.get(at, -1)
        return out

    def _file_order(self, pattern: InputPattern, a: int, b: int) -> int:
        mine, theirs = self._file_key(a), self._file_key(b)
        order = (mine > theirs) - (mine < theirs)
        return -order if pattern.reverse_files else order

    def _file_key(self, sid: int) -> tuple[str, str]:
        file = self.files[int(self.program.sections.file[sid])]
        return (file.archive, file.name) if file.archive else (file.name, "")

    def _compare(self, how: tuple[str, ...], reverse: bool, a: int, b: int) -> int:
        sections = self.program.sections
        for order in how:
            one, two = sections.name[a], sections.name[b]
            if order == "alignment":
                result = int(sections.align[b]) - int(sections.align[a])
            elif order == "priority":
                first, second = _priority(one), _priority(two)
                result = first - second if first >= 0 and second >= 0 else 0
                result = result or (one > two) - (one < two)
                result = -result if reverse else result
            else:
                result = (one > two) - (one < two)
                result = -result if reverse else result
            if result:
                return result
        return 0


def _effective(section: SectionPattern, by_option: str) -> tuple[str, ...]:
    """The orders of a pattern: its own, completed by --sort-section."""
    how = section.sort
    if how[:1] == ("none",):
        return ()
    if len(how) == 2 and how[0] == how[1]:
        how = how[:1]
    if not by_option:
        return how
    if not how:
        return (by_option,)
    if len(how) == 1 and {how[0], by_option} == {"name", "alignment"}:
        return (how[0], by_option)
    return how


def _priority(name: str) -> int:
    """The priority at the end of `.init_array.N`, or what `.ctors.N` means by it; -1 for none."""
    text = name.rpartition(".")[2]
    if not (text.isascii() and text.isdigit()):
        return _PLAIN_PRIORITY
    value = int(text[:20])
    if name.startswith((".ctors.", ".dtors.")) and name.count(".") == 2:
        value = 65535 - value
    return value if 0 <= value < 1 << 31 else _PLAIN_PRIORITY
