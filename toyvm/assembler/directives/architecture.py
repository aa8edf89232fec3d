"""Directives about the architecture: `.option`, `.attribute`, and `.insn` for instructions outside the table."""

from __future__ import annotations

import re

from toyvm.elf.attributes import TAG_ARCH, TAGS, Arch, ArchError

from ..problems import Problem, unknown
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
        modes.arch = with_extension(modes.arch, "c", True) if modes.rvc else modes.arch.without_compressed()
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
    """`arch` with an extension and those that it implies, or without the extension."""
    if not wanted:
        return arch.without_extension(name)
    return arch if arch.has(name) else arch.with_extension(name)


def _option_arch(state: AssemblyState, pieces: list[str]) -> None:
    """`.option arch, +m, -c` or `.option arch, rv64gc`."""
    if not pieces:
        raise Problem(
            ".option arch takes extensions or an architecture", expected="+extension, -extension or rv64..."
        )
    for piece in pieces:
        state.modes.arch = _changed(state.modes.arch, piece)
    state.modes.rvc = state.modes.arch.has_compressed
    state.seen_rvc |= state.modes.rvc


def _changed(arch: Arch, piece: str) -> Arch:
    try:
        if piece[:1] == "+":
            return with_extension(arch, piece[1:], True)
        return with_extension(arch, piece[1:], False) if piece[:1] == "-" else Arch.parse(piece)
    except ArchError as error:
        raise Problem(str(error), piece) from None


def attribute(state: AssemblyState, rest: str) -> None:
    """`.attribute tag, value`. The tag `arch` also sets the architecture of the following text."""
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
    if tag == TAG_ARCH:
        state.modes.arch = _changed(state.modes.arch, text) if text[:1] not in "+-" else state.modes.arch
        state.modes.rvc = state.modes.arch.has_compressed
        state.seen_rvc |= state.modes.rvc
        state.modes_changed()
    else:
        state.attributes[tag] = text


# format -> shifts and widths of the numeric fields, which come first; and the syntax of the operands
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


ARCHITECTURE: dict[str, Directive] = {
    ".option": option,
    ".attribute": attribute,
    ".insn": insn,
}
