"""The options of an assembly."""

from __future__ import annotations

from collections.abc import Mapping

from toyvm.base.record import Record

from ..elf.architecture.extension_names import DEFAULT_SPEC


class AssemblerOptions(Record):
    """The options of an assembly. `march` and `mabi` are those of GNU as; mabi "" is that of the architecture.

    isa_spec     the manual that gives versions of extensions, one of `extension_names.SPECS` (-misa-spec)
    priv_spec    the version of the privileged manual, one of `isa.csr_rules.VERSIONS` (-mpriv-spec)
    csr_check    warn about CSRs that the architecture does not have, or that are read-only (-mcsr-check)
    arch_attribute  write .riscv.attributes even if the text has no .attribute (-march-attr)
    cie_version  the version of call frame information, 1, 3 or 4 (--gdwarf-cie-version)
    gnu_messages  messages in the shape of GNU as
    defsyms      symbols and their numbers (--defsym)
    debug_lines  -g: line numbers of the assembly text
    dwarf_level  the version of DWARF (--gdwarf-N); 0: that of GNU as, 2 with -g and else 3
    keep_locals  -L: `.L` symbols in the symbol table
    listing      record what a listing needs (-a)
    alternate    begin in the macro language of .altmacro (--alternate)
    always_write make an object in spite of errors, of what has none (-Z)
    stt_common   common symbols are of type STT_COMMON (--elf-stt-common)
    multibyte    what to do with characters beyond ASCII: "allow", "warn", or "warn-sym-only"
    build_notes  write .gnu.build.attributes for code if the text has none (--generate-missing-build-notes)
    stack_note   whether the object needs an executable stack: None says nothing (--execstack, --noexecstack)
    """

    march: str = "rv64gc"
    mabi: str = ""
    isa_spec: str = DEFAULT_SPEC
    priv_spec: str = "1.11"
    csr_check: bool = False
    arch_attribute: bool = True
    gnu_messages: bool = False
    cie_version: int = 3
    relax: bool = True
    pic: bool = False
    include_dirs: tuple[str, ...] = ()
    defsyms: tuple[tuple[str, int], ...] = ()
    debug_lines: bool = False
    dwarf_level: int = 0
    keep_locals: bool = False
    listing: bool = False
    fatal_warnings: bool = False
    alternate: bool = False
    always_write: bool = False
    stt_common: bool = False
    multibyte: str = "allow"
    build_notes: bool = False
    stack_note: bool | None = None
    files: Mapping[str, bytes] | None = None  # all that .include and .incbin find, by path; None: the host's
