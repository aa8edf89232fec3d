"""Which rows of the instruction table an architecture has."""

from __future__ import annotations

from ..elf.architecture.isa_strings import Arch
from ..isa.extensions import satisfied
from ..isa.widths import both


def enabled_rows(arch: Arch) -> frozenset[str]:
    """The extensions of the instruction table (`Insn.ext`) in an architecture."""
    names = {name.capitalize() for name, _ in arch.extensions} | {"I", "Privileged"}
    if arch.has("a"):
        names |= {"Zaamo", "Zalrsc"}
    if arch.has("c") and arch.has("d"):
        names.add("Zcd")
    if arch.has("c") and arch.has("f") and arch.xlen == 32:
        names.add("Zcf")
    if arch.has_compressed:
        names |= {"C", "Zca"}
    return both(satisfied(names), arch.xlen)


# Extensions whose instructions are only encoded (isa/encoded)
_ENCODED = frozenset({"q", "zqinx", "zcmp", "zcmt", "zicfilp", "zicfiss"})


def needs_encoded(arch: Arch) -> bool:
    """Whether an architecture has instructions that are not in the table of executed ones."""
    return arch.xlen == 32 or any(
        name in _ENCODED or name[:2] == "zv" or name[:6] == "xthead" for name, _ in arch.extensions
    )
