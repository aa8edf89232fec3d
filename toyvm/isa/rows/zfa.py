"""Zfa: additional floating-point instructions (manual, chapter "Zfa")."""

from __future__ import annotations

from ..fields import FR, R
from ..lookup_tables import FLI_NAMES
from ..semantics import Machine, look_up
from ..spec import Rows, Semantics

insn = Rows("Zfa")

_OP_FP = 0x53
_RTZ = 1
_FORMATS = (("s", 32, 0, "Zfa"), ("d", 64, 1, "Zfa and D"), ("h", 16, 2, "Zfa and Zfh"))
FLI_COUNT = len(FLI_NAMES)


def _constant(bits: int) -> Semantics:
    def fli(m: Machine) -> None:
        """Load one of 32 constants."""
        m.frd = look_up(f"fli{bits}", m.field("rs1", 5))

    return fli


def _binary(operation: str, bits: int, doc: str, compares: bool = False) -> Semantics:
    def binary(m: Machine) -> None:
        result = m.float(f"f{bits}_{operation}", 64 if compares else bits, m.frs1(bits), m.frs2(bits))
        if compares:
            m.rd = result
        else:
            m.frd = result

    binary.__doc__ = doc
    return binary


def _round(operation: str, bits: int, doc: str) -> Semantics:
    def round_(m: Machine) -> None:
        m.frd = m.float(f"f{bits}_{operation}", bits, m.frs1(bits), rounds=True)

    round_.__doc__ = doc
    return round_


for _suffix, _bits, _fmt, _ext in _FORMATS:
    insn(f"fli.{_suffix}", R, "frd, fli", ext=_ext, opcode=_OP_FP, funct3=0, funct7=0x78 | _fmt, rs2=1)(
        _constant(_bits)
    )
    for _name, _operation, _funct3, _doc in (
        ("fminm", "minm", 2, "Minimum; a NaN if one of them is."),
        ("fmaxm", "maxm", 3, "Maximum; a NaN if one of them is."),
    ):
        insn(
            f"{_name}.{_suffix}",
            R,
            "frd, frs1, frs2",
            ext=_ext,
            opcode=_OP_FP,
            funct3=_funct3,
            funct7=0x14 | _fmt,
        )(_binary(_operation, _bits, _doc))
    for _name, _operation, _selector, _doc in (
        ("fround", "round", 4, "Round to an integral number, without the inexact flag."),
        ("froundnx", "roundnx", 5, "Round to an integral number."),
    ):
        insn(
            f"{_name}.{_suffix}",
            FR,
            "frd, frs1, rm",
            ext=_ext,
            opcode=_OP_FP,
            funct7=0x20 | _fmt,
            rs2=_selector,
        )(_round(_operation, _bits, _doc))
    for _name, _operation, _funct3, _doc in (
        ("fleq", "leq", 4, "Set if less than or equal; quiet."),
        ("fltq", "ltq", 5, "Set if less than; quiet."),
    ):
        insn(
            f"{_name}.{_suffix}",
            R,
            "rd, frs1, frs2",
            ext=_ext,
            opcode=_OP_FP,
            funct3=_funct3,
            funct7=0x50 | _fmt,
        )(_binary(_operation, _bits, _doc, compares=True))


@insn("fcvtmod.w.d", FR, "rd, frs1, rtz", ext="Zfa and D", opcode=_OP_FP, funct7=0x61, rs2=8, rm=_RTZ)
def fcvtmod_w_d(m: Machine) -> None:
    """Convert to an integer modulo 2**32, rounding towards zero, as JavaScript does."""
    m.rd = m.float("f64_to_mod32", 64, m.frs1(64))
