"""Whether the inputs fit together: e_flags, and `.riscv.attributes` merged into the output's (psABI, "Attributes")."""

from __future__ import annotations

from ..elf.constants import EF_RISCV_FLOAT_ABI, EF_RISCV_RVC, EF_RISCV_RVE, EF_RISCV_TSO, SHF_ALLOC
from .diagnostics import Diagnostics
from .resolve import Resolution

_FLOAT_ABI = {0: "soft-float", 2: "single-float", 4: "double-float", 6: "quad-float"}


def merge_flags(resolution: Resolution, errors: Diagnostics) -> int:
    """The output's e_flags. Objects of different calling conventions are refused in GNU ld's words."""
    flags: int | None = None
    first = ""
    for loaded in resolution.files:
        obj = loaded.object
        # An object with nothing in memory says nothing about calling conventions.
        if not any(s.flags & SHF_ALLOC and s.size for s in obj.sections):
            continue
        if flags is None:
            flags, first = obj.e_flags, obj.name
            continue
        mine, ours = obj.e_flags & EF_RISCV_FLOAT_ABI, flags & EF_RISCV_FLOAT_ABI
        if mine != ours:
            errors.error(
                f"{obj.name}: can't link {_FLOAT_ABI[mine]} modules with {_FLOAT_ABI[ours]} modules ({first})"
            )
        if (obj.e_flags ^ flags) & EF_RISCV_RVE:
            errors.error(f"{obj.name}: can't link RVE with other target ({first})")
        flags |= obj.e_flags & (EF_RISCV_RVC | EF_RISCV_TSO)
    return flags or 0
