"""`.insn`: instructions that are not in the table, by a format or as a number (gas, "RISC-V Instruction Formats")."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toyvm.base.record import Record

from ..isa.decode import decode
from ..isa.fields import CA, CB, CI, CJ, CR, LOAD, R4, B, Format, I, J, R, S, U
from ..isa.spec import Insn
from .encode import emit_row
from .grammar import WrittenOperand, parse_operand
from .mnemonics import EncodableRow
from .problems import Problem, unknown
from .state import AssemblyState

if TYPE_CHECKING:
    from ..isa.semantics import Machine


class _Raw(Record):
    """A format of `.insn`: its fixed fields in the order in which they are written, and its operands."""

    format: Format
    fixed: str
    syntax: str


_CIW = Format("CIW", "funct3 uimm[7:0] rd' op", "rd, uimm10")
_CSS = Format("CSS", "funct3 uimm[5:0] rs2 op", "rs2, uimm10")
_CL = Format("CL", "funct3 uimm[4:2] rs1' uimm[1:0] rd' op", "rd, load_mem")
_CS = Format("CS", "funct3 uimm[4:2] rs1' uimm[1:0] rs2' op", "rs2, store_mem")

_FORMATS: dict[str, tuple[_Raw, ...]] = {
    "r": (_Raw(R, "opcode funct3 funct7", R.syntax), _Raw(R4, "opcode rm fmt", "rd, rs1, rs2, rs3")),
    "r4": (_Raw(R4, "opcode rm fmt", "rd, rs1, rs2, rs3"),),
    "i": (_Raw(I, "opcode funct3", I.syntax), _Raw(LOAD, "opcode funct3", LOAD.syntax)),
    "s": (_Raw(S, "opcode funct3", S.syntax),),
    **dict.fromkeys(("b", "sb"), (_Raw(B, "opcode funct3", B.syntax),)),
    "u": (_Raw(U, "opcode", U.syntax),),
    **dict.fromkeys(("j", "uj"), (_Raw(J, "opcode", J.syntax),)),
    "cr": (_Raw(CR, "op funct4", CR.syntax),),
    "ci": (_Raw(CI, "op funct3", CI.syntax),),
    "ciw": (_Raw(_CIW, "op funct3", _CIW.syntax),),
    "css": (_Raw(_CSS, "op funct3", _CSS.syntax),),
    "cl": (_Raw(_CL, "op funct3", _CL.syntax),),
    "cs": (_Raw(_CS, "op funct3", _CS.syntax),),
    "ca": (_Raw(CA, "op funct6 funct2", CA.syntax),),
    "cb": (_Raw(CB, "op funct3", CB.syntax),),
    "cj": (_Raw(CJ, "op funct3", CJ.syntax),),
}
_FIELD_NAMES = {"rm": "funct3", "fmt": "funct2", "op": "opcode"}
_FLOATING = {"rd": "frd", "rs1": "frs1", "rs2": "frs2", "rs3": "frs3"}


def encode_raw(state: AssemblyState, words: str, pieces: list[str]) -> None:
    """Encode `.insn words pieces`: `words` is the format, or "" for a number after an optional length.

    Raises Problem.
    """
    state.begin_instruction()
    if words:
        _encode_format(state, words, pieces)
    else:
        _encode_number(state, pieces)


def is_format(word: str) -> bool:
    """Whether `word` is the name of a format."""
    return word in _FORMATS


def _encode_format(state: AssemblyState, name: str, pieces: list[str]) -> None:
    """Encode numbers for the fixed fields of a format, then its operands. Raises Problem."""
    forms = [form for form in _FORMATS[name] if _count(form) == len(pieces)]
    if not forms:
        usage = " or ".join(_usage(form) for form in _FORMATS[name])
        wanted = " or ".join(str(count) for count in sorted({_count(form) for form in _FORMATS[name]}))
        raise Problem(f".insn {name} takes {wanted} operands, not {len(pieces)}", name, expected=usage)
    form = forms[-1] if parse_operand(pieces[-1]).form == "memory" else forms[0]
    names = form.fixed.split()
    fixed = {
        field: _fixed_field(state, form.format, field, piece)
        for field, piece in zip(names, pieces, strict=False)
    }
    texts = pieces[len(names) :]
    operands = [parse_operand(text) for text in texts]
    kinds = [_kind(kind, operand) for kind, operand in zip(form.syntax.split(", "), operands, strict=True)]
    insn = Insn(f".insn {name}", "I", form.format, ", ".join(kinds), fixed, _unknown)
    emit_row(state, EncodableRow(insn, {}, raw=not _is_branch(insn)), operands, texts)


def _is_branch(insn: Insn) -> bool:
    """Whether these fixed fields are those of a branch or jump of the table, which may grow like it."""
    found = decode(insn.match)
    return found is not None and found.insn.format is insn.format


def _count(form: _Raw) -> int:
    """The number of operands of `.insn` with this format."""
    return len(form.fixed.split()) + form.syntax.count(",") + 1


def _usage(form: _Raw) -> str:
    return ", ".join([*(_FIELD_NAMES.get(name, name) for name in form.fixed.split()), form.syntax])


def _kind(kind: str, operand: WrittenOperand) -> str:
    """The kind of an operand: a register of a format may be of either file."""
    return _FLOATING.get(kind, kind) if operand.form == "float_register" else kind


def _fixed_field(state: AssemblyState, format: Format, name: str, piece: str) -> int:
    """The value of a fixed field. Raises Problem if it does not fit, or if the opcode is of another length."""
    said = _FIELD_NAMES.get(name, name)
    value = _OPCODES.get(piece) if said == "opcode" else None
    value = state.number_of(piece, f"the {said}") if value is None else value
    limit = (1 << format.fields[name].width) - 1
    if not 0 <= value <= limit:
        raise Problem(f"{said} {value} is not in 0..{limit}", piece)
    if said == "opcode" and (value & 3 == 3) != (format.length == 4):
        wanted = "0b11" if format.length == 4 else "other than 0b11"
        raise Problem(f"the lowest bits of the opcode of {format.length} bytes are {wanted}", piece)
    return value


def _encode_number(state: AssemblyState, pieces: list[str]) -> None:
    """Encode `.insn value` or `.insn length, value`. The lowest bits give the length (manual, "Expanded Encoding").

    Raises Problem.
    """
    if len(pieces) == 2 and is_format(pieces[0]):
        raise Problem(
            f".insn {pieces[0]} takes its operands after a blank",
            pieces[0],
            gnu="unrecognized opcode `{operands}'",
        )
    if not 1 <= len(pieces) <= 2:
        problem = unknown("format of .insn", (pieces or [""])[0].partition(" ")[0], _FORMATS)
        problem.gnu = "unrecognized values `{operands}'"
        raise problem
    value = _constant(state, pieces[-1], "the instruction")
    length = _length(value)
    if not length:
        raise Problem(f"an instruction with the lowest bits {value & 0xFFFF:#x} has no length", pieces[-1])
    gnu = "value conflicts with instruction length `{operands}'"
    if len(pieces) == 2 and _constant(state, pieces[0], "the length") != length:
        raise Problem(f"instruction {value:#x} has {length} bytes by its lowest bits", pieces[0], gnu=gnu)
    if not 0 <= value < 1 << 8 * length:
        raise Problem(f"instruction {value:#x} does not fit {length} bytes", pieces[-1], gnu=gnu)
    state.chunk.data += value.to_bytes(length, "little")


def _constant(state: AssemblyState, text: str, what: str) -> int:
    """The value of a number of `.insn`."""
    try:
        return state.number_of(text, what)
    except Problem as problem:
        blank = len(text.split()) > 1
        problem.gnu = "unrecognized values `{operands}'" if blank else "values must be constant `{operands}'"
        raise


def _length(value: int) -> int:
    """The length in bytes of an instruction that begins with the low 16 bits of `value`; 0 if it is reserved."""
    if value & 3 != 3:
        return 2
    if value & 0x1F != 0x1F:
        return 4
    if value & 0x3F == 0x1F:
        return 6
    if value & 0x7F == 0x3F:
        return 8
    extra = value >> 12 & 7
    return 10 + 2 * extra if extra < 7 else 0


def _unknown(m: Machine) -> None:
    """No semantics: a raw instruction is only encoded."""


_OPCODES = {
    "LOAD": 0x03, "MISC_MEM": 0x0F, "OP_IMM": 0x13, "AUIPC": 0x17, "OP_IMM_32": 0x1B, "STORE": 0x23, "AMO": 0x2F,
    "OP": 0x33, "LUI": 0x37, "OP_32": 0x3B, "MADD": 0x43, "MSUB": 0x47, "NMADD": 0x4F, "NMSUB": 0x4B, "OP_FP": 0x53,
    "OP_V": 0x57, "BRANCH": 0x63, "JALR": 0x67, "JAL": 0x6F, "SYSTEM": 0x73, "CUSTOM_0": 0x0B, "CUSTOM_1": 0x2B,
    "CUSTOM_2": 0x5B, "CUSTOM_3": 0x7B, "LOAD_FP": 0x07, "STORE_FP": 0x27, "C0": 0, "C1": 1, "C2": 2,
}  # fmt: skip
