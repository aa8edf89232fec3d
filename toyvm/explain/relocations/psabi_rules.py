"""Where the psABI says what a relocation type means: the section of "RISC-V ABIs Specification"."""

from __future__ import annotations

from toyvm.relocations import Formula, Need, R, Reloc

_BY_TYPE = {
    R.NONE: "Relocations: Relocation types",
    R.ALIGN: "Relocation for Alignment; Linker Relaxation",
    R.RELAX: "Linker Relaxation",
    R.TPREL_ADD: "Thread Local Storage: Local Exec",
    R.TLS_GOT_HI20: "Thread Local Storage: Initial Exec",
    R.TLS_GD_HI20: "Thread Local Storage: Global Dynamic",
    R.GOT_HI20: "Global Offset Table; PC-Relative Symbol Addresses",
    R.CALL: "Procedure Calls",
    R.CALL_PLT: "Procedure Calls",
    R.PLT32: "Procedure Linkage Table",
    R.GOT32_PCREL: "Global Offset Table",
}


def rule_of(row: Reloc) -> str:
    """The psABI's section for a type, as `psABI, "Procedure Calls"`."""
    return f'psABI, "{_section(row)}"'


def _section(row: Reloc) -> str:
    if row.type in _BY_TYPE:
        return _BY_TYPE[row.type]
    if row.name.startswith("R_RISCV_TLSDESC"):
        return "Thread Local Storage: TLS Descriptors"
    if row.name.startswith("R_RISCV_TPREL"):
        return "Thread Local Storage: Local Exec"
    if Need.THREAD_LOCAL in row.needs:
        return "Thread Local Storage"
    if Need.PLT in row.needs:
        return "PC-Relative Jumps and Branches"
    if row.formula in (Formula.PC_RELATIVE, Formula.PC_LOW) and row.field.name.endswith("-type"):
        return "PC-Relative Symbol Addresses"
    if row.formula is Formula.GP_RELATIVE:
        return "Linker Relaxation: Global-pointer Relaxation"
    if row.formula is Formula.ABSOLUTE and row.field.name.endswith("-type"):
        return "Absolute Addresses"
    return "Relocations: Relocation types"
