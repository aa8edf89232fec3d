"""What a file says of the instruction set of its code, where that changes what an encoding means.

Zcmp and Zcmt have the encodings of `c.fsdsp`; with Zfinx and its kin the operands of floating-point
instructions are integer registers. A file says which by `Tag_RISCV_arch` (psABI, "Attributes") and, for
the code after it, by a mapping symbol with the name of the instruction set (`$xrv64i2p1_zcmp1p0`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from toyvm.base.errors import ElfError, ToyvmError
from toyvm.elf.architecture import attributes
from toyvm.elf.architecture.isa_strings import Arch
from toyvm.elf.elf_file import ElfFile
from toyvm.isa.decode import Decoded
from toyvm.isa.encoded.table import find_encoded
from toyvm.isa.registers import F_NAMES, X_NAMES
from toyvm.isa.text import instruction_text

_FLOAT_REGISTER = re.compile(rf"\b(?:{'|'.join(F_NAMES)})\b")
_INTEGER_NAMES = dict(zip(F_NAMES, X_NAMES, strict=True))


class InstructionSet(NamedTuple):
    """`xlen` is 32 or 64 bits; `register_lists`: Zcmp or Zcmt; `floats_in_x`: Zfinx."""

    xlen: int = 64
    register_lists: bool = False
    floats_in_x: bool = False

    def spelled(self, raw: bytes, mnemonic: str, operands: str) -> tuple[str, str]:
        """The text of an instruction in this set, from its text in RV32GC or RV64GC."""
        if self.register_lists and len(raw) == 2 and raw[0] & 3 == 2 and raw[1] >> 5 == 5:
            word = int.from_bytes(raw, "little")
            if row := find_encoded(word):
                mnemonic, _, operands = instruction_text(Decoded(row, word)).partition(" ")
        if self.floats_in_x and mnemonic[0] == "f":
            operands = _FLOAT_REGISTER.sub(lambda match: _INTEGER_NAMES[match[0]], operands)
        return mnemonic, operands


RV64GC = InstructionSet()


@cache
def _named(text: str, xlen: int) -> InstructionSet:
    """Of an -march string; one that cannot be read says nothing, as a newer tool may have written it."""
    try:
        arch = Arch.parse(text, lenient=True)
    except ToyvmError:
        return InstructionSet(xlen)
    return InstructionSet(xlen, arch.has("zcmp") or arch.has("zcmt"), arch.has("zfinx"))


def instruction_sets(elf: ElfFile) -> Callable[[str], InstructionSet]:
    """The instruction set of code whose mapping symbol names the one given, or "" for the set of the whole file."""
    xlen = 32 if elf.is_class32 else 64
    section = elf.section(".riscv.attributes")
    try:
        said = attributes.decode(elf.contents(section), elf.name) if section else {}
    except ElfError:
        said = {}  # `readelf -A` reports it; the code can be listed all the same
    whole = str(said.get(attributes.TAG_ARCH, ""))
    return lambda text: _named(text or whole, xlen)
