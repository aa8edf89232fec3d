"""The other directives: `.option`, `.attribute`, call frames, lines, messages, raw instructions."""

from __future__ import annotations

import re
from typing import Any

from toyvm.elf.attributes import TAGS, Arch, ArchError
from toyvm.elf.constants import SHF_MERGE, SHF_STRINGS, SHT_PROGBITS, STT_FILE

from ..dwarf.call_frames import CfiError
from ..dwarf.cfi_directives import DIRECTIVES as CFI
from ..dwarf.cfi_directives import REGISTER_ARGUMENTS, dwarf_register
from ..dwarf.line_table import LineError, LineTableWriter, Loc
from ..encode import split
from ..grammar import parse_expression
from ..problems import Problem, unknown
from ..sections import AsmSection, AsmSymbol
from ..state import AssemblyState
from ..statements import split_operands, unquote
from .data import Directive

_OPTIONS = (
    "push",
    "pop",
    "rvc",
    "norvc",
    "relax",
    "norelax",
    "pic",
    "nopic",
    "arch",
    "csr-check",
    "no-csr-check",
)


def option(state: AssemblyState, rest: str) -> None:
    """`.option`."""
    pieces = split_operands(rest)
    word = pieces[0] if pieces else ""
    modes = state.modes
    if word == "push":
        state.push_modes()
    elif word == "pop":
        if not state.mode_stack:
            raise Problem(".option pop without .option push", word)
        state.modes = state.mode_stack.pop()
    elif word in ("rvc", "norvc"):
        modes.rvc = word == "rvc"
        state.seen_rvc |= modes.rvc
        modes.arch = with_extension(modes.arch, "c", modes.rvc)
    elif word in ("relax", "norelax"):
        modes.relax = word == "relax"
    elif word in ("pic", "nopic"):
        modes.pic = word == "pic"
    elif word == "arch":
        _option_arch(state, pieces[1:])
    elif word not in _OPTIONS:
        raise unknown("option", word, _OPTIONS)
    state.modes_changed()


def with_extension(arch: Arch, name: str, wanted: bool) -> Arch:
    """`arch` with an extension (and what it implies), or without it."""
    if not wanted:
        return arch.without_extension(name)
    return arch if arch.has(name) else Arch.parse(f"{arch}_{name}")


def _option_arch(state: AssemblyState, pieces: list[str]) -> None:
    """`.option arch, +m, -c` or `.option arch, rv64gc`."""
    if not pieces:
        raise Problem(
            ".option arch takes extensions or an architecture", expected="+extension, -extension or rv64..."
        )
    for piece in pieces:
        state.modes.arch = _changed(state.modes.arch, piece)
    state.modes.rvc = state.modes.arch.has("c")
    state.seen_rvc |= state.modes.rvc


def _changed(arch: Arch, piece: str) -> Arch:
    try:
        if piece[:1] == "+":
            return with_extension(arch, piece[1:], True)
        return with_extension(arch, piece[1:], False) if piece[:1] == "-" else Arch.parse(piece)
    except ArchError as error:
        raise Problem(str(error), piece) from None


def attribute(state: AssemblyState, rest: str) -> None:
    """`.attribute tag, value`; `arch` also sets the architecture from here on."""
    pieces = split_operands(rest)
    if len(pieces) != 2:
        raise Problem(".attribute takes a tag and a value", expected="tag, value")
    name = pieces[0].removeprefix("Tag_RISCV_")
    tag = TAGS.get(name)
    if tag is None:
        if not re.fullmatch(r"\d{1,9}", pieces[0]):
            raise unknown("attribute", pieces[0], TAGS)
        tag = int(pieces[0])
    if tag % 2 == 0:
        value = state.number_of(pieces[1], "the value")
        if not 0 <= value < 1 << 64:
            raise Problem(f"value {value} is not in 0..2**64-1", pieces[1])
        state.attributes[tag] = value
        return
    text = unquote(pieces[1]).decode("utf-8", "replace")
    if name == "arch":
        state.modes.arch = _changed(state.modes.arch, text) if text[:1] not in "+-" else state.modes.arch
        state.modes.rvc = state.modes.arch.has("c")
        state.seen_rvc |= state.modes.rvc
        state.modes_changed()
    else:
        state.attributes[tag] = text


def cfi(name: str) -> Directive:
    """A `.cfi_*` directive: adds to the table of call frames."""

    def directive(state: AssemblyState, rest: str) -> None:
        pieces = split_operands(rest)
        try:
            _cfi(state, name, pieces)
        except CfiError as error:
            raise Problem(str(error)) from None

    return directive


def _cfi(state: AssemblyState, name: str, pieces: list[str]) -> None:
    frames = state.frames
    if name == ".cfi_startproc":
        if pieces not in ([], ["simple"]):
            raise Problem(".cfi_startproc takes nothing or 'simple'", pieces[0], expected="simple")
        frames.startproc(state.cfi_here, simple=bool(pieces))
    elif name == ".cfi_endproc":
        frames.endproc(state.cfi_here)
    elif name == ".cfi_sections":
        frames.sections(pieces)
    elif name in (".cfi_personality", ".cfi_lsda"):
        encoding = state.number_of(pieces[0], "the encoding") if pieces else 0xFF
        symbol = _cfi_symbol(state, pieces[1]) if len(pieces) > 1 else None
        (frames.personality if name == ".cfi_personality" else frames.lsda)(encoding, symbol)
    else:
        registers = REGISTER_ARGUMENTS.get(name)
        everywhere = name in (".cfi_restore", ".cfi_undefined", ".cfi_same_value")
        values = []
        for index, piece in enumerate(pieces):
            number = dwarf_register(piece) if everywhere or (registers and index in registers) else None
            values.append(state.number_of(piece, "the argument") if number is None else number)
        frames.directive(name, values, state.cfi_here)


def _cfi_symbol(state: AssemblyState, text: str) -> AsmSymbol:
    add, sub, addend = split(state, parse_expression(text))
    if add is None or sub is not None or addend:
        raise Problem("expected a symbol", text, expected="a symbol")
    return add


def lines(state: AssemblyState) -> LineTableWriter[AsmSection, AsmSymbol]:
    """The line table, created when it is first needed."""
    if state.lines is None:
        state.lines = LineTableWriter()
    return state.lines


def file(state: AssemblyState, rest: str) -> None:
    """`.file "name"` (a symbol of type FILE), or `.file number "folder" "name" md5 0x...` for `.loc`."""
    match = re.fullmatch(
        r'\s*(?:(\d+)\s+)?("(?:[^"\\]|\\.)*")\s*("(?:[^"\\]|\\.)*")?\s*(?:md5\s+(0x[0-9a-fA-F]+))?\s*', rest
    )
    if match is None:
        raise Problem(
            ".file takes a name, or a number and a name", rest.strip(), expected='"name" or 1 "name"'
        )
    first = unquote(match[2]).decode("utf-8", "surrogateescape")
    if match[1] is None:
        symbol = AsmSymbol(first)
        symbol.type = STT_FILE
        symbol.value = 0
        state.symbols.files.insert(0, symbol)
        return
    if len(match[1]) > 6:
        raise Problem(f"file number {match[1]} is too large", match[1])
    second = unquote(match[3]).decode("utf-8", "surrogateescape") if match[3] else None
    md5 = int(match[4], 16).to_bytes(16, "big") if match[4] and len(match[4]) <= 34 else None
    try:
        if second is None:
            lines(state).file(int(match[1]), first, None, md5)
        else:
            lines(state).file(int(match[1]), second, first, md5)
    except LineError as error:
        raise Problem(str(error), match[1]) from None


_LOC_NUMBERS = ("is_stmt", "isa", "discriminator", "view")
_LOC_OPTIONS = ("basic_block", "prologue_end", "epilogue_begin", *_LOC_NUMBERS)


def loc(state: AssemblyState, rest: str) -> None:
    """`.loc file line column options`."""
    words = rest.replace(",", " ").split()
    numbers: list[int] = []
    while words and re.fullmatch(r"\d{1,9}", words[0]) and len(numbers) < 3:
        numbers.append(int(words.pop(0)))
    if len(numbers) < 2:
        raise Problem(".loc takes a file number and a line", rest.strip(), expected="file line column")
    table = lines(state)
    column = numbers[2] if len(numbers) > 2 else 0
    row = Loc(numbers[0], numbers[1], column, is_stmt=table.last.is_stmt, isa=table.last.isa)
    while words:
        row = _loc_option(state, row, words)
    try:
        table.loc(row, state.chunk.section, state.chunk.here)
    except LineError as error:
        raise Problem(str(error), str(numbers[0])) from None
    state.watch_instructions()


def _loc_option(state: AssemblyState, row: Loc, words: list[str]) -> Loc:
    """`row` with the next option of `.loc`, which is removed from `words`."""
    word = words.pop(0)
    if word in ("basic_block", "prologue_end", "epilogue_begin"):
        change: dict[str, Any] = {word: True}
        return row._replace(**change)
    if word not in _LOC_NUMBERS or not words:
        raise unknown("option of .loc", word, _LOC_OPTIONS)
    value = words.pop(0)
    if word == "view":  # which of several rows at one address: nothing that our tables hold
        return row
    number = state.number_of(value, word)
    change = {word: bool(number) if word == "is_stmt" else number}
    return row._replace(**change)


def ident(state: AssemblyState, rest: str) -> None:
    """`.ident "text"`: into .comment, which begins with a zero byte."""
    text = unquote(rest.strip())
    section = state.section(".comment", SHT_PROGBITS, SHF_MERGE | SHF_STRINGS, 1, listed=False)
    chunk = section.chunk(0)
    if not len(chunk.data):
        chunk.data += b"\0"
    chunk.data += text + b"\0"


def message(kind: str) -> Directive:
    """`.error`, `.warning`, `.err`, `.print`."""

    def directive(state: AssemblyState, rest: str) -> None:
        text = (
            unquote(rest.strip()).decode("utf-8", "replace")
            if rest.strip()
            else f"{kind} directive invoked in source file"
        )
        if kind == ".warning":
            state.warn(text)
        elif kind == ".print":
            state.printed.append(text)
        else:
            raise Problem(text)

    return directive


# format -> (number of numeric fields in front, their shifts and widths; register shifts in the order of the syntax)
_INSN_FORMATS: dict[str, tuple[tuple[tuple[int, int], ...], str]] = {
    "r": (((0, 7), (12, 3), (25, 7)), "rd, rs1, rs2"),
    "i": (((0, 7), (12, 3)), "rd, rs1, simm12"),
    "s": (((0, 7), (12, 3)), "rs2, simm12(rs1)"),
    "b": (((0, 7), (12, 3)), "rs1, rs2, symbol"),
    "sb": (((0, 7), (12, 3)), "rs1, rs2, symbol"),
    "u": (((0, 7),), "rd, simm20"),
    "j": (((0, 7),), "rd, symbol"),
    "uj": (((0, 7),), "rd, symbol"),
}


def insn(state: AssemblyState, rest: str) -> None:
    """`.insn r opcode, funct3, funct7, rd, rs1, rs2` and the other formats, or `.insn value`, `.insn 4, value`."""
    from ..raw_instruction import encode_format

    words = rest.strip().split(None, 1)
    if words and words[0].lower() in _INSN_FORMATS:
        fields, syntax = _INSN_FORMATS[words[0].lower()]
        encode_format(
            state, words[0].lower(), fields, syntax, split_operands(words[1] if len(words) > 1 else "")
        )
        return
    pieces = split_operands(rest)
    if not 1 <= len(pieces) <= 2:
        raise unknown("format of .insn", words[0] if words else "", _INSN_FORMATS)
    value = state.number_of(pieces[-1], "the instruction")
    length = 2 if value & 3 != 3 else 4
    if len(pieces) == 2 and state.number_of(pieces[0], "the length") != length:
        raise Problem(f"instruction {value:#x} has {length} bytes by its lowest bits", pieces[0])
    if not 0 <= value < 1 << 8 * length:
        raise Problem(f"instruction {value:#x} does not fit {length} bytes", pieces[-1])
    state.begin_instruction()
    state.chunk.data += value.to_bytes(length, "little")


MISC: dict[str, Directive] = {
    ".option": option,
    ".attribute": attribute,
    **{
        name: cfi(name)
        for name in (*CFI, ".cfi_startproc", ".cfi_endproc", ".cfi_sections", ".cfi_personality", ".cfi_lsda")
    },
    ".file": file,
    ".loc": loc,
    ".ident": ident,
    ".err": message(".err"),
    ".error": message(".error"),
    ".warning": message(".warning"),
    ".print": message(".print"),
    ".insn": insn,
}
