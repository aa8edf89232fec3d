"""Why a word is an illegal instruction: the extension that it belongs to, or the privilege that it needs.

The encodings are those of the unprivileged and privileged manuals and of riscv-opcodes. Instructions
that are hints on a machine without their extension (prefetch.r, ntl.p1, pause) are not here, because
they do not trap.
"""

from __future__ import annotations

from functools import cache

from ..base.light_types import TYPE_CHECKING
from .buckets import file_rows, find_row
from .decode import decode
from .registers import CSRS
from .vector_names import vector_name

if TYPE_CHECKING:
    from .buckets import Entry, Filed

_ABSENT = "which this machine does not have"

# Extension: match/mask:mnemonic
_ROWS = """
Zicfiss: 4800202f/f800707f:ssamoswap.w 4800302f/f800707f:ssamoswap.d
Q: 00004007/0000707f:flq 00004027/0000707f:fsq
Zvbb: 48052057/fc0ff07f:vbrev.v 48062057/fc0ff07f:vclz.v 4806a057/fc0ff07f:vctz.v
Zvbb: 48072057/fc0ff07f:vcpop.v d4000057/fc00707f:vwsll.vv d4004057/fc00707f:vwsll.vx
Zvbb: d4003057/fc00707f:vwsll.vi
Zvkb: 04000057/fc00707f:vandn.vv 04004057/fc00707f:vandn.vx 48042057/fc0ff07f:vbrev8.v
Zvkb: 4804a057/fc0ff07f:vrev8.v 54000057/fc00707f:vrol.vv 54004057/fc00707f:vrol.vx
Zvkb: 50000057/fc00707f:vror.vv 50004057/fc00707f:vror.vx 50003057/f800707f:vror.vi
Zvbc: 30002057/fc00707f:vclmul.vv 30006057/fc00707f:vclmul.vx 34002057/fc00707f:vclmulh.vv
Zvbc: 34006057/fc00707f:vclmulh.vx
"""

# Major opcodes that belong to an extension, or that the manual leaves to vendors
_OPCODES = {
    0x77: "an instruction of a vector cryptography extension (Zvk)",
    0x57: "an instruction of the V extension or of one that extends it",
    0x0B: "an instruction of a vendor's own (custom-0), for example of T-Head's extensions",
    0x2B: "an instruction of a vendor's own (custom-1)",
    0x5B: "an instruction of a vendor's own (custom-2)",
    0x7B: "an instruction of a vendor's own (custom-3)",
}

_CSR_OWNERS = {
    0x008: "V", 0x009: "V", 0x00A: "V", 0x00F: "V", 0xC20: "V", 0xC21: "V", 0xC22: "V",
    0x011: "Zicfiss", 0x015: "Zkr", 0x017: "Zcmt",
}  # fmt: skip
_CSR_NAMES = {number: name for name, number in CSRS.items()} | {
    0x008: "vstart", 0x009: "vxsat", 0x00A: "vxrm", 0x00F: "vcsr", 0xC20: "vl", 0xC21: "vtype", 0xC22: "vlenb",
    0x011: "ssp", 0x015: "seed", 0x017: "jvt",
}  # fmt: skip
_MODES = ("user", "supervisor", "hypervisor", "machine")
_PRIVILEGED = ("Privileged", "Svinval", "H", "Svinval and H", "Smrnmi")
_UNIMP = 0xC0001073
_FORMATS = "sdhq"
_QUAD = 3
_FLOAT_OPCODES = (0x43, 0x47, 0x4B, 0x4F, 0x53)


def why_illegal(word: int) -> str:
    """A sentence about `word`, which this machine has refused as an illegal instruction; "" if nothing is known.

    `word` is the whole instruction. Of an instruction of 16 bits the upper half is ignored.
    """
    if word & 3 != 3:
        return _compressed(word & 0xFFFF)
    if word == _UNIMP:
        return "unimp, which is always illegal: compilers put it where control must not come"
    if word & 0x1F == 0x1F:
        return "an instruction of more than 32 bits, or data: no extension with such instructions is ratified"
    known = decode(word)
    if known is not None:
        return _known(word, known.name, known.insn.ext)
    found = absent_instruction(word)
    if found is not None:
        name, extension = found
        return f"{name} is of the {extension} extension, {_ABSENT}"
    if word & 0x7F in _OPCODES:
        return f"{_OPCODES[word & 0x7F]}, {_ABSENT}"
    return ""


def absent_instruction(word: int) -> tuple[str, str] | None:
    """(mnemonic, extension) of an instruction of an extension that this machine does not have, or None."""
    row = find_row(_filed(), word)
    if row is not None:
        return row
    if word & 3 == 3:
        name = vector_name(word)
        return (name, "V") if name else _float(word)
    return None


@cache
def _filed() -> Filed[tuple[str, str]]:
    return file_rows(rows())


def rows() -> list[Entry[tuple[str, str]]]:
    """The instructions that are listed: match, mask, 0, (mnemonic, extension)."""
    entries: list[Entry[tuple[str, str]]] = []
    for line in _ROWS.split("\n"):
        extension, _, items = line.partition(": ")
        for item in items.split():
            numbers, _, name = item.partition(":")
            match, mask = (int(number, 16) for number in numbers.split("/"))
            entries.append((match, mask, 0, (name, extension)))
    return entries


def _float(word: int) -> tuple[str, str] | None:
    """An instruction on quads (Q): one on singles with another number in the format field."""
    opcode, form, source = word & 0x7F, word >> 25 & 3, word >> 20 & 31
    if opcode not in _FLOAT_OPCODES:
        return None
    if opcode == 0x53 and word >> 27 == 0b01000 and source < 4:  # fcvt between formats
        return f"fcvt.{_FORMATS[form]}.{_FORMATS[source]}", "Q"
    single = decode(word & ~(3 << 25)) if form == _QUAD else None
    if single is None or ".s" not in single.name:
        return None
    return single.name.replace(".s", ".q"), "Q"


def _compressed(word: int) -> str:
    if word == 0:
        return "all zeros, which is no instruction: a jump into data, or beyond the end of the code?"
    found = absent_instruction(word)
    return f"{found[0]} is of the {found[1]} extension, {_ABSENT}" if found is not None else ""


def _known(word: int, name: str, extension: str) -> str:
    """An instruction that this machine has, and that is illegal here."""
    if extension in _PRIVILEGED or name == "cbo.inval":
        return f"{name} is a privileged instruction: a program in user mode cannot execute it"
    if extension[:3] in ("F", "D", "Zfh", "Zfa", "Zfb"):
        return f"{name} with a rounding mode that is reserved, in the instruction or in frm"
    if extension != "Zicsr":
        return ""
    number = word >> 20
    csr = _CSR_NAMES.get(number, f"{number:#x}")
    if number in _CSR_OWNERS:
        return f"{name} of the CSR {csr}, which is of the {_CSR_OWNERS[number]} extension, {_ABSENT}"
    mode = number >> 8 & 3
    if mode:
        return f"{name} of the CSR {csr}, which only the {_MODES[mode]} mode can access"
    if number >> 10 == 3 and number in CSRS.values():
        return f"{name} writes the CSR {csr}, which is read-only"
    return f"{name} of the CSR {csr}, {_ABSENT}"
