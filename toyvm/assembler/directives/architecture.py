"""Directives about the architecture: `.option`, `.attribute`, and `.insn` for instructions outside the table."""

from __future__ import annotations

import re

from toyvm.elf.architecture.attributes import TAG_ARCH, TAGS
from toyvm.elf.architecture.isa_strings import Arch, ArchError

from ..encode import encode
from ..problems import MAX_SECTION_BYTES, Problem, unknown
from ..state import AssemblyState
from ..statements import split_operands, unquote
from .data import Directive
from .data import nops as nop_bytes

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
            raise Problem(".option pop without .option push", word, gnu=".option pop with no .option push")
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
    elif word in ("csr-check", "no-csr-check"):
        modes.csr_check = word == "csr-check"
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
        return with_extension(arch, piece[1:], False) if piece[:1] == "-" else Arch.parse(piece, arch.spec)
    except ArchError as error:
        raise Problem(str(error), piece, gnu="\n".join(error.gnu)) from None


def attribute(state: AssemblyState, rest: str) -> None:
    """`.attribute tag, value`. The tag `arch` also sets the architecture of the following text."""
    pieces = split_operands(rest)
    if len(pieces) != 2:
        raise Problem(".attribute takes a tag and a value", expected="tag, value")
    state.has_attributes = True
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
        state.abi_arch = state.modes.arch
        state.modes.rvc = state.modes.arch.has_compressed
        state.seen_rvc |= state.modes.rvc
        state.modes_changed()
    else:
        state.attributes[tag] = text


def insn(state: AssemblyState, rest: str) -> None:
    """`.insn r opcode, funct3, funct7, rd, rs1, rs2` and the other formats, or `.insn value`, `.insn 4, value`."""
    from ..raw_instruction import encode_raw, is_format

    words = rest.strip().split(None, 1)
    if words and is_format(words[0].lower()):
        encode_raw(state, words[0].lower(), split_operands(words[1] if len(words) > 1 else ""))
    else:
        encode_raw(state, "", split_operands(rest))


def nop(state: AssemblyState, rest: str) -> None:
    """`.nop`, `.nop size`: the instruction nop, as often as the size in bytes needs, and at least once."""
    size = state.number_of(rest, "the size") if rest.strip() else 0
    if not 0 <= size <= MAX_SECTION_BYTES:
        raise Problem(f"{size} bytes cannot be filled with nops", rest.strip())
    state.begin_instruction()
    chunk, start = state.chunk, len(state.chunk.data)
    encode(state, "nop", [])
    unit = len(chunk.data) - start
    more = max(0, -(-size // unit) - 1) * unit
    chunk.check_room(more)
    chunk.data += bytes(chunk.data[start:]) * (more // unit)


def nops(state: AssemblyState, rest: str) -> None:
    """`.nops size`: nops of that many bytes in all. A second operand, their largest size, has no effect."""
    pieces = split_operands(rest)
    if not 1 <= len(pieces) <= 2:
        raise Problem(".nops takes a size", expected="size")
    size = state.number_of(pieces[0], "the size")
    if not 0 <= size <= MAX_SECTION_BYTES or size % (2 if state.modes.rvc else 4):
        raise Problem(f"{size} bytes cannot be filled with nops", pieces[0])
    state.begin_instruction()
    state.chunk.check_room(size)
    state.chunk.data += nop_bytes(size)


ARCHITECTURE: dict[str, Directive] = {
    ".option": option,
    ".attribute": attribute,
    ".insn": insn,
    ".nop": nop,
    ".nops": nops,
}
