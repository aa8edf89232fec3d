"""Properties of sections as GNU ld sees them, which decide where orphans go and what segments hold."""

from __future__ import annotations

from ...elf.constants import (
    SHF_ALLOC,
    SHF_EXECINSTR,
    SHF_MERGE,
    SHF_STRINGS,
    SHF_TLS,
    SHF_WRITE,
    SHT_FINI_ARRAY,
    SHT_INIT_ARRAY,
    SHT_NOBITS,
    SHT_NOTE,
    SHT_PREINIT_ARRAY,
    SHT_PROGBITS,
)

ALLOC, LOAD, READONLY, CODE, DATA, CONTENTS, TLS, MERGE, STRINGS, DEBUG, NEVER_LOAD, KEEP = (
    1 << i for i in range(12)
)

_DEBUG_NAMES = (
    ".debug", ".gnu.debuglto_.debug_", ".gnu.linkonce.wi.", ".zdebug", ".line", ".stab", ".gdb_index",
)  # fmt: skip
_NAMED_TYPES = {
    ".bss": SHT_NOBITS, ".sbss": SHT_NOBITS, ".tbss": SHT_NOBITS, ".note": SHT_NOTE, ".init_array": SHT_INIT_ARRAY,
    ".fini_array": SHT_FINI_ARRAY, ".preinit_array": SHT_PREINIT_ARRAY,
}  # fmt: skip
_WA = SHF_WRITE | SHF_ALLOC
_NAMED_FLAGS = (
    ((".text", ".init", ".fini"), SHF_ALLOC | SHF_EXECINSTR),
    ((".data", ".data1", ".bss", ".sdata", ".sbss", ".init_array", ".fini_array", ".preinit_array"), _WA),
    ((".tdata", ".tbss"), _WA | SHF_TLS),
    ((".rodata", ".rodata1"), SHF_ALLOC),
)
_PREFIXES = (
    ".text",
    ".data",
    ".bss",
    ".rodata",
    ".tdata",
    ".tbss",
    ".sdata",
    ".sbss",
    ".init_array",
    ".fini_array",
)
_PLAIN_NAMES = (
    ".text",
    ".data",
    ".data1",
    ".rodata",
    ".rodata1",
    ".init",
    ".fini",
    ".tdata",
    ".comment",
    ".sdata",
)
ARRAY_TYPES = (SHT_INIT_ARRAY, SHT_FINI_ARRAY, SHT_PREINIT_ARRAY)


def section_flags(name: str, type: int, flags: int) -> int:
    """The properties of an input section."""
    found = 0 if flags & SHF_WRITE else READONLY
    found |= 0 if type == SHT_NOBITS else CONTENTS
    if flags & SHF_ALLOC:
        found |= ALLOC | (0 if type == SHT_NOBITS else LOAD)
        found |= CODE if flags & SHF_EXECINSTR else DATA if found & LOAD else 0
    elif name.startswith(_DEBUG_NAMES):
        found |= DEBUG
    found |= TLS if flags & SHF_TLS else 0
    found |= MERGE if flags & SHF_MERGE else 0
    return found | (STRINGS if flags & SHF_STRINGS else 0)


def elf_flags(flags: int) -> int:
    """sh_flags of an output section with these properties."""
    return (
        (SHF_ALLOC if flags & ALLOC else 0)
        | (0 if flags & READONLY else SHF_WRITE)
        | (SHF_EXECINSTR if flags & CODE else 0)
        | (SHF_TLS if flags & TLS else 0)
        | (SHF_MERGE if flags & MERGE else 0)
        | (SHF_STRINGS if flags & STRINGS else 0)
    )


def default_type(flags: int) -> int:
    """sh_type of a section without one of its own."""
    return SHT_NOBITS if flags & ALLOC and not flags & (LOAD | CONTENTS) else SHT_PROGBITS


def named_flags(name: str) -> int:
    """The sh_flags that a name alone gives to a section without contents (gABI, "Special Sections")."""
    for names, flags in _NAMED_FLAGS:
        if any(name == known or (known in _PREFIXES and name.startswith(known + ".")) for known in names):
            return flags
    return 0


def named_type(name: str) -> int:
    """The type that a name alone gives (gABI, "Special Sections"); 0 for none."""
    if name in _PLAIN_NAMES:
        return SHT_PROGBITS
    return next(
        (kind for prefix, kind in _NAMED_TYPES.items() if name == prefix or name.startswith(prefix + ".")), 0
    )
