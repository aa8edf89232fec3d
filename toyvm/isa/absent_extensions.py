"""Why a word is an illegal instruction: the extension that it belongs to, or the privilege that it needs.

The encodings are those of the unprivileged and privileged manuals and of riscv-opcodes. Instructions
that are hints on a machine without their extension (prefetch.r, ntl.p1, pause) are not here, because
they do not trap.
"""

from __future__ import annotations

from .decode import decode
from .registers import CSR_NAMES, CSRS

_ABSENT = "which this machine does not have"

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
_MODES = ("user", "supervisor", "hypervisor", "machine")
_PRIVILEGED = ("Privileged", "Svinval", "H", "Svinval and H", "Smrnmi")
_UNIMP = 0xC0001073


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
    from .encoded.table import find_encoded  # as large as the table of all other instructions

    row = find_encoded(word)
    if row is None or row.ext == "Privileged":
        return None
    ext = row.ext.removeprefix("RV64 ")
    return row.name, "V" if ext[:3] == "Zve" else ext


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
    csr = CSR_NAMES.get(number, f"{number:#x}")
    if number in _CSR_OWNERS:
        return f"{name} of the CSR {csr}, which is of the {_CSR_OWNERS[number]} extension, {_ABSENT}"
    mode = number >> 8 & 3
    if mode:
        return f"{name} of the CSR {csr}, which only the {_MODES[mode]} mode can access"
    if number >> 10 == 3 and number in CSRS.values():
        return f"{name} writes the CSR {csr}, which is read-only"
    return f"{name} of the CSR {csr}, {_ABSENT}"
