"""Directives that choose the section: `.text`, `.section`, `.pushsection`, `.previous` and others."""

from __future__ import annotations

import re

from toyvm.base.bits import sext
from toyvm.base.record import Record
from toyvm.elf.constants import (
    SHF_ALLOC,
    SHF_EXCLUDE,
    SHF_EXECINSTR,
    SHF_GNU_MBIND,
    SHF_GNU_RETAIN,
    SHF_GROUP,
    SHF_LINK_ORDER,
    SHF_MERGE,
    SHF_STRINGS,
    SHF_TLS,
    SHF_WRITE,
    SHT_FINI_ARRAY,
    SHT_INIT_ARRAY,
    SHT_NOBITS,
    SHT_NOTE,
    SHT_PREINIT_ARRAY,
    SHT_PROGBITS,
)

from ..grammar import number
from ..problems import MAX_NOBITS_BYTES, Problem, junk, unknown
from ..sections import DATA_FLAGS, TEXT_FLAGS, AbsoluteChunk, AsmSection, SectionKey
from ..state import AssemblyState
from ..statements import split_operands, unquote
from .data import Directive

_FLAGS = {
    "a": SHF_ALLOC, "w": SHF_WRITE, "x": SHF_EXECINSTR, "M": SHF_MERGE, "S": SHF_STRINGS, "G": SHF_GROUP,
    "T": SHF_TLS, "o": SHF_LINK_ORDER, "R": SHF_GNU_RETAIN, "e": SHF_EXCLUDE, "d": SHF_GNU_MBIND,
}  # fmt: skip
_TYPES = {
    "progbits": SHT_PROGBITS,
    "nobits": SHT_NOBITS,
    "note": SHT_NOTE,
    "init_array": SHT_INIT_ARRAY,
    "fini_array": SHT_FINI_ARRAY,
    "preinit_array": SHT_PREINIT_ARRAY,
}
_ARRAYS = (SHT_INIT_ARRAY, SHT_FINI_ARRAY, SHT_PREINIT_ARRAY)
# Type and flags of a .section without them, by name: NAME and NAME.anything (BFD: special sections).
_SPECIAL: tuple[tuple[str, int, int], ...] = (
    (".text", SHT_PROGBITS, TEXT_FLAGS),
    (".init_array", SHT_INIT_ARRAY, DATA_FLAGS),
    (".fini_array", SHT_FINI_ARRAY, DATA_FLAGS),
    (".preinit_array", SHT_PREINIT_ARRAY, DATA_FLAGS),
    (".init", SHT_PROGBITS, TEXT_FLAGS),
    (".fini", SHT_PROGBITS, TEXT_FLAGS),
    (".data1", SHT_PROGBITS, DATA_FLAGS),
    (".data", SHT_PROGBITS, DATA_FLAGS),
    (".sdata", SHT_PROGBITS, DATA_FLAGS),
    (".rodata1", SHT_PROGBITS, SHF_ALLOC),
    (".rodata", SHT_PROGBITS, SHF_ALLOC),
    (".bss", SHT_NOBITS, DATA_FLAGS),
    (".sbss", SHT_NOBITS, DATA_FLAGS),
    (".tdata", SHT_PROGBITS, DATA_FLAGS | SHF_TLS),
    (".tbss", SHT_NOBITS, DATA_FLAGS | SHF_TLS),
    (".noinit", SHT_NOBITS, DATA_FLAGS),
    (".gnu.linkonce.n", SHT_NOBITS, DATA_FLAGS),
    (".persistent.bss", SHT_NOBITS, DATA_FLAGS),
    (".persistent", SHT_PROGBITS, DATA_FLAGS),
    (".gnu.linkonce.p", SHT_PROGBITS, DATA_FLAGS),
    (".note", SHT_NOTE, 0),
)
_LTO = ".gnu.lto_"  # sections of a compiler's intermediate language


def special(name: str) -> tuple[int, int]:
    """The type and flags that the name of a section implies."""
    for prefix, type, flags in _SPECIAL:
        if name == prefix or name.startswith(prefix + "."):
            return type, flags
    return SHT_PROGBITS, SHF_EXCLUDE if name.startswith(_LTO) else 0


class _Request(Record):
    name: str
    type: int
    flags: int
    entsize: int
    group: str
    comdat: bool
    link: str
    unique: int | None
    stated: bool  # whether flags or a type are given
    node: int = 0  # the node of memory of an mbind section, its sh_info

    @property
    def key(self) -> SectionKey:
        """What tells the section apart from others."""
        retain = bool(self.flags & SHF_GNU_RETAIN)
        return SectionKey(self.name, self.group, self.link, self.unique, retain, self.node)


def _parse(state: AssemblyState, rest: str) -> _Request:
    """The operands of `.section name, "flags", @type, entsize, group, comdat`. Raises Problem."""
    pieces = split_operands(rest)
    if not pieces or not pieces[0]:
        raise Problem("a section needs a name", expected='.section name, "flags", @type')
    name = unquote(pieces[0]).decode("utf-8", "replace") if pieces[0].startswith('"') else pieces[0]
    if not name or re.search(r"[\s\0]", name):
        raise Problem(f"'{name}' is not a section's name", pieces[0])
    type, flags = special(name)
    more = pieces[1:]
    if not more:
        return _Request(name, type, flags, 0, "", False, "", None, False)
    letters = unquote(more.pop(0)).decode("utf-8", "replace")
    wanted = _flags(letters.replace("?", ""))
    if name.startswith(_LTO):
        wanted |= SHF_EXCLUDE
    # As in GNU as, the name implies only the type if flags are given.
    if more and more[0][:1] in "@%" and more[0]:
        type = _type(more.pop(0)[1:])
    elif more and more[0].startswith('"'):
        type = _type(unquote(more.pop(0)).decode("utf-8", "replace"))
    entsize = 0
    group = link = ""
    comdat = False
    if wanted & SHF_MERGE:
        entsize = _entsize(more.pop(0) if more else "")
    if wanted & SHF_LINK_ORDER:
        link = _link(more.pop(0) if more else "")
    if wanted & SHF_GROUP:
        group = _plain(more.pop(0)) if more else ""
        if not group:
            raise Problem("a section with the flag G needs the name of its group", expected="a group's name")
        if more and more[0] == "comdat":
            comdat = bool(more.pop(0))
    elif "?" in letters and not state.chunk.is_absolute:  # the group of the current section, if it has one
        group, comdat = state.chunk.section.group, state.chunk.section.comdat
    node = 0
    if "d" in letters and not letters[:1].isdigit():
        if not wanted & SHF_ALLOC:
            raise Problem(
                f"section {name} has the flag d without a",
                letters,
                gnu=f"SHF_ALLOC isn't set for GNU_MBIND section: {name}",
            )
        if more and more[0][:1].isdigit():
            node = _entsize(more.pop(0))
    unique = None
    if more and more[0] == "unique":
        unique = _unique(more[1] if len(more) > 1 else "")
        more = more[2:]
    if more:
        problem = junk(f", {more[0]}")
        problem.message, problem.at = f"unexpected '{more[0]}' in .section", more[0]
        raise problem
    if not letters and special(name) != (SHT_PROGBITS, 0):
        wanted = special(name)[1]
    return _Request(name, type, wanted & ~SHF_GROUP, entsize, group, comdat, link, unique, True, node)


def _plain(text: str) -> str:
    return unquote(text).decode("utf-8", "replace") if text.startswith('"') else text


def _flags(letters: str) -> int:
    """The flags of letters and numbers, such as "ax" and "a0x100000"."""
    flags = 0
    for letter in re.findall(r"0[xX][0-9a-fA-F]+|[0-9]+|.", letters, re.DOTALL):
        if letter[0].isdigit():
            flags |= number(letter) & 0xFFFFFFFF
        elif letter not in _FLAGS:
            raise unknown("section flag", letter, _FLAGS)
        else:
            flags |= _FLAGS[letter]
    return flags


def _link(text: str) -> str:
    """The symbol behind the flag `o`. A number stands for no symbol."""
    match = re.match(r"[0-9]+", text)
    if match is not None and match.end() < len(text):
        raise junk(text[match.end() :])
    return text


def _type(text: str) -> int:
    if text in _TYPES:
        return _TYPES[text]
    if re.fullmatch(r"0x[0-9a-fA-F]{1,8}|[0-9]{1,9}", text):
        return int(text, 0)
    raise unknown("section type", text, _TYPES)


def _entsize(text: str) -> int:
    if not re.fullmatch(r"0x[0-9a-fA-F]{1,8}|[0-9]{1,9}", text):
        raise Problem("a mergeable section (M) needs the size of its entries", text, expected="a number")
    return int(text, 0)


def _unique(text: str) -> int:
    """The number after `unique`: sections of one name with different numbers stay apart."""
    value = number(text) if re.fullmatch(r"0x[0-9a-fA-F]{1,16}|[0-9]{1,20}", text) else -1
    if not 0 <= value <= 0xFFFFFFFF:
        gnu = f"unsupported section id: {text}" if value >= 0 else junk(text).gnu
        raise Problem("unique takes a number from 0 to 4294967295", text, expected="a number", gnu=gnu)
    return value


def _open(state: AssemblyState, request: _Request) -> AsmSection:
    """The section of a request. Warns if it exists with other flags."""
    found = state.find_section(request.key)
    if found is None:
        entsize = request.entsize or (8 if request.type in _ARRAYS else 0)
        found = state.section(request.name, request.type, request.flags, entsize, request.key)
        found.comdat = request.comdat
    elif request.stated:
        more = request.flags & ~found.flags
        if not more & ~_ADDED:
            found.flags |= more
        if (found.flags ^ request.flags) & ~_ADDED:
            _changed(state, request.name, "attributes")
        if found.type != request.type:
            _changed(state, request.name, "type")
    return found


# Flags that a section gets even if it exists: those of systems and processors, SHF_GNU_RETAIN among them
_ADDED = (0x0FF00000 | 0xF0000000) & ~SHF_GNU_MBIND


def _changed(state: AssemblyState, name: str, what: str) -> None:
    """Report a section that exists with another type or other flags: a warning if its name implies them, as in GNU as."""
    if special(name) != (SHT_PROGBITS, 0):
        state.warn(f"ignoring changed section {what} for {name}", name)
    else:
        state.report(Problem(f"changed section {what} for {name}", name))


def section(state: AssemblyState, rest: str) -> None:
    """`.section`."""
    state.enter(_open(state, _parse(state, rest)).chunk(0))


def pushsection(state: AssemblyState, rest: str) -> None:
    """`.pushsection name, subsection, "flags", ...`: like .section, until .popsection."""
    pieces = split_operands(rest)
    number = 0
    if len(pieces) > 1 and not pieces[1].startswith('"'):
        number = _subsection_number(state, pieces.pop(1))
    saved = (state.chunk, state.previous)
    if len(state.section_stack) >= 1000:
        raise Problem("more than 1000 .pushsection without .popsection")
    state.enter(_open(state, _parse(state, ",".join(pieces))).chunk(number))
    state.section_stack.append(saved)


def popsection(state: AssemblyState, rest: str) -> None:
    """`.popsection`."""
    if not state.section_stack:
        raise Problem(".popsection without corresponding .pushsection")
    state.chunk, state.previous = state.section_stack.pop()
    state.refresh_memo()


def previous(state: AssemblyState, rest: str) -> None:
    """`.previous`: swap the current and the previous section."""
    state.enter(state.previous)


def _subsection_number(state: AssemblyState, text: str) -> int:
    number = state.number_of(text, "the subsection") if text else 0
    if not 0 <= number <= 8192:
        raise Problem(f"subsection {number} is not in 0..8192", text)
    return number


def subsection(state: AssemblyState, rest: str) -> None:
    """`.subsection number` of the current section."""
    if state.chunk.is_absolute:
        raise Problem("the absolute section has no subsections")
    state.enter(state.chunk.section.chunk(_subsection_number(state, rest.strip())))


def struct(state: AssemblyState, rest: str) -> None:
    """`.struct number`, `.offset number`: labels are numbers from here on, until another section begins."""
    origin = state.number_of(rest, "the offset") if rest.strip() else 0
    if not -MAX_NOBITS_BYTES <= (origin := sext(origin, 64)) <= MAX_NOBITS_BYTES:
        raise Problem(f"offset {origin} is not in -{MAX_NOBITS_BYTES}..{MAX_NOBITS_BYTES}", rest.strip())
    state.enter(AbsoluteChunk(origin))
    state.absolute.append(state.chunk)


def attach_to_group(state: AssemblyState, rest: str) -> None:
    """`.attach_to_group name`: make the current section a member of a section group."""
    name = _plain(rest.strip())
    if not name:
        raise Problem(
            "this takes the name of a group",
            expected="a group's name",
            gnu="missing name",
            also="Warning: group name not parseable",
        )
    current = state.chunk.section
    if state.chunk.is_absolute:
        raise Problem("the absolute section cannot be in a group")
    if current.group:
        state.warn(f"section {current.name} already has a group ({current.group})", rest.strip())
        return
    current.group = name


def well_known(name: str) -> Directive:
    """`.text 1`, `.data`, `.bss`: one of the three sections that always exist."""

    def directive(state: AssemblyState, rest: str) -> None:
        number = _subsection_number(state, rest.strip())
        found = state.find_section(SectionKey(name))
        assert found is not None
        state.enter(found.chunk(number))

    return directive


def shorthand(name: str) -> Directive:
    """`.rodata`, `.sdata`, ...: short for `.section NAME`."""
    return lambda state, rest: section(state, name)


SECTIONS: dict[str, Directive] = {
    ".text": well_known(".text"),
    ".data": well_known(".data"),
    ".bss": well_known(".bss"),
    ".rodata": shorthand(".rodata"),
    ".sdata": shorthand(".sdata"),
    ".sbss": shorthand(".sbss"),
    ".tdata": shorthand(".tdata"),
    ".tbss": shorthand(".tbss"),
    ".section": section,
    **dict.fromkeys((".section.s", ".sect", ".sect.s"), section),
    ".pushsection": pushsection,
    ".popsection": popsection,
    ".previous": previous,
    ".subsection": subsection,
    **dict.fromkeys((".struct", ".offset"), struct),
    ".attach_to_group": attach_to_group,
}
