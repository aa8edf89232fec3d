"""GNU ld's built-in scripts for RISC-V, which `-N`, `-n` and `-z [no]separate-code` ask for.

A link without these options has the layout of `builtin`. GNU ld keeps the scripts apart as files (`elf64lriscv.x` and so
on); here one text has the parts that differ. Their notice: Copyright (C) 2014-2023 Free Software Foundation, Inc. Copying
and distribution of this script, with or without modification, are permitted in any medium without royalty provided the
copyright notice and this notice are preserved.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..link_options import DEFAULT_BASE, LinkOptions

_NOTICE = """\
/* Copyright (C) 2014-2023 Free Software Foundation, Inc.
   Copying and distribution of this script, with or without modification,
   are permitted in any medium without royalty provided the copyright
   notice and this notice are preserved.  */"""
_PAGE = "CONSTANT (MAXPAGESIZE)"
_COMPILERS = "*crtbegin.o *crtbegin?.o *crtend.o *crtend?.o"

# Stem of relocation sections -> the input sections besides .rela.STEM.
_RELOCATIONS = {
    "init": "", "text": ".rela.text.* .rela.gnu.linkonce.t.*", "fini": "",
    "rodata": ".rela.rodata.* .rela.gnu.linkonce.r.*",
    "data.rel.ro": ".rela.data.rel.ro.* .rela.gnu.linkonce.d.rel.ro.*",
    "data": ".rela.data.* .rela.gnu.linkonce.d.*", "tdata": ".rela.tdata.* .rela.gnu.linkonce.td.*",
    "tbss": ".rela.tbss.* .rela.gnu.linkonce.tb.*", "ctors": "", "dtors": "", "got": "",
    "sdata": ".rela.sdata.* .rela.gnu.linkonce.s.*", "sbss": ".rela.sbss.* .rela.gnu.linkonce.sb.*",
    "sdata2": ".rela.sdata2.* .rela.gnu.linkonce.s2.*", "sbss2": ".rela.sbss2.* .rela.gnu.linkonce.sb2.*",
    "bss": ".rela.bss.* .rela.gnu.linkonce.b.*", "ifunc": "",
}  # fmt: skip
_TEXT = """\
    *(.text.unlikely .text.*_unlikely .text.unlikely.*)
    *(.text.exit .text.exit.*)
    *(.text.startup .text.startup.*)
    *(.text.hot .text.hot.*)
    *(SORT(.text.sorted.*))
    *(.text .stub .text.* .gnu.linkonce.t.*)
    *(.gnu.warning)"""
_CTORS = """\
    KEEP (*crtbegin.o(.{0}))
    KEEP (*crtbegin?.o(.{0}))
    KEEP (*(EXCLUDE_FILE (*crtend.o *crtend?.o ) .{0}))
    KEEP (*(SORT(.{0}.*)))
    KEEP (*(.{0}))"""
_EXCEPTIONS = {
    ".eh_frame": "KEEP (*(.eh_frame)) *(.eh_frame.*)",
    ".sframe": "*(.sframe) *(.sframe.*)",
    ".gcc_except_table": "*(.gcc_except_table .gcc_except_table.*)",
    ".gnu_extab": "*(.gnu_extab*)",
    ".exception_ranges": "*(.exception_ranges*)",
}
_STABS = ".stab .stabstr .stab.excl .stab.exclstr .stab.index .stab.indexstr .comment"
_DEBUG = """
.debug .line .debug_srcinfo .debug_sfnames .debug_aranges .debug_pubnames .debug_info .debug_abbrev .debug_line
.debug_frame .debug_str .debug_loc .debug_macinfo .debug_weaknames .debug_funcnames .debug_typenames .debug_varnames
.debug_pubtypes .debug_ranges .debug_addr .debug_line_str .debug_loclists .debug_macro .debug_names .debug_rnglists
.debug_str_offsets .debug_sup
"""
_RELOCATABLE = """
.init .text .fini .rodata .rodata1 .sdata2 .sbss2 .eh_frame .sframe .gcc_except_table .tdata .tbss .jcr .data .data1
.sdata .sbss .bss
"""
_MORE = {
    ".debug_info": " .gnu.linkonce.wi.*",
    ".debug_line": " .debug_line.* .debug_line_end",
}  # patterns besides the section's own name


def gnu_script(options: LinkOptions) -> str:
    """The script that GNU ld has for `options` (its names: .x and .xc, -n .xn, -N .xbn, -pie .xd, -shared .xs, separate
    code .xe, -r .xr)."""
    return "\n".join(_Script(options).lines()) + "\n"


class _Script:
    def __init__(self, options: LinkOptions) -> None:
        self.shared, self.kind = options.shared, options.kind
        self.omagic, self.paged = not options.text_read_only, options.paged
        self.separate = bool(options.separate_code) and self.paged
        self.base = 0 if options.pic else DEFAULT_BASE

    def lines(self) -> Iterator[str]:
        yield _NOTICE
        yield 'OUTPUT_FORMAT("elf64-littleriscv", "elf64-littleriscv", "elf64-littleriscv")'
        yield "OUTPUT_ARCH(riscv)"
        if self.kind != "relocatable":
            yield "ENTRY(_start)"
        yield "SECTIONS"
        yield "{"
        if self.kind == "relocatable":
            yield from self._relocatable()
        else:
            yield from self._headers()
            yield from self._code()
            yield from self._read_only()
            yield from self._relro()
            yield from self._data()
        yield from _not_loaded()
        yield "}"

    def _bound(self, name: str) -> list[str]:
        """The symbol of a bound of an array, which only programs have."""
        return [] if self.shared else [f"    PROVIDE_HIDDEN ({name} = .);"]

    def _symbol(self, name: str) -> str:
        """A symbol that programs always have, and shared objects if they need it."""
        return f"PROVIDE ({name} = .);" if self.shared else f"{name} = .;"

    def _headers(self) -> Iterator[str]:
        start = f'SEGMENT_START("text-segment", {self.base:#x})'
        provide = "" if self.shared else f"PROVIDE (__executable_start = {start}); "
        yield f"  {provide}. = {start} + SIZEOF_HEADERS;"
        if not self.shared:
            yield "  .interp         : { *(.interp) }"
        for name in (
            "note.gnu.build-id", "hash", "gnu.hash", "dynsym", "dynstr", "gnu.version", "gnu.version_d", "gnu.version_r",
        ):  # fmt: skip
            yield f"  .{name:14} : {{ *(.{name}) }}"
        patterns = [f"*({f'.rela.{stem} {more}'.rstrip()})" for stem, more in _RELOCATIONS.items()]
        if self.paged:
            yield from _section(".rela.dyn", [f"    {pattern}" for pattern in patterns])
        else:
            for stem, pattern in zip(_RELOCATIONS, patterns, strict=True):
                yield f"  .rela.{stem} : {{ {pattern} }}"
        program = self.kind == "exec"
        bounds = [
            self._bound("__rela_iplt_start") if program else [],
            self._bound("__rela_iplt_end") if program else [],
        ]
        yield from _section(".rela.plt", ["    *(.rela.plt)", *bounds[0], "    *(.rela.iplt)", *bounds[1]])

    def _code(self) -> Iterator[str]:
        if self.separate:
            yield f"  . = ALIGN({_PAGE});"
        yield from _section(".init", ["    KEEP (*(SORT_NONE(.init)))"])
        yield "  .plt            : { *(.plt) *(.iplt) }"
        yield from _section(".text", [_TEXT])
        yield from _section(".fini", ["    KEEP (*(SORT_NONE(.fini)))"])
        yield from (f"  PROVIDE ({name} = .);" for name in ("__etext", "_etext", "etext"))
        if self.separate:
            yield f"  . = ALIGN({_PAGE});"
            yield f'  . = SEGMENT_START("rodata-segment", ALIGN({_PAGE}) + (. & ({_PAGE} - 1)));'

    def _read_only(self) -> Iterator[str]:
        yield "  .rodata         : { *(.rodata .rodata.* .gnu.linkonce.r.*) }"
        yield "  .rodata1        : { *(.rodata1) }"
        if not self.shared:
            yield "  .sdata2         : { *(.sdata2 .sdata2.* .gnu.linkonce.s2.*) }"
            yield "  .sbss2          : { *(.sbss2 .sbss2.* .gnu.linkonce.sb2.*) }"
        yield "  .eh_frame_hdr   : { *(.eh_frame_hdr) *(.eh_frame_entry .eh_frame_entry.*) }"
        yield from (f"  {name} : ONLY_IF_RO {{ {text} }}" for name, text in _EXCEPTIONS.items())
        yield (
            "  . = .;" if self.omagic else f"  . = DATA_SEGMENT_ALIGN ({_PAGE}, CONSTANT (COMMONPAGESIZE));"
        )
        yield from (f"  {name} : ONLY_IF_RW {{ {text} }}" for name, text in _EXCEPTIONS.items())

    def _relro(self) -> Iterator[str]:
        yield from _section(
            ".tdata", [*self._bound("__tdata_start"), "    *(.tdata .tdata.* .gnu.linkonce.td.*)"]
        )
        yield "  .tbss           : { *(.tbss .tbss.* .gnu.linkonce.tb.*) *(.tcommon) }"
        yield from self._array("preinit", ["    KEEP (*(.preinit_array))"])
        for which, old in (("init", "ctors"), ("fini", "dtors")):
            yield from self._array(
                which,
                [
                    f"    KEEP (*(SORT_BY_INIT_PRIORITY(.{which}_array.*) SORT_BY_INIT_PRIORITY(.{old}.*)))",
                    f"    KEEP (*(.{which}_array EXCLUDE_FILE ({_COMPILERS} ) .{old}))",
                ],
            )
        for old in ("ctors", "dtors"):
            yield from _section(f".{old}", [_CTORS.format(old)])
        yield "  .jcr            : { KEEP (*(.jcr)) }"
        yield from _section(
            ".data.rel.ro",
            [
                "    *(.data.rel.ro.local* .gnu.linkonce.d.rel.ro.local.*)",
                "    *(.data.rel.ro .data.rel.ro.* .gnu.linkonce.d.rel.ro.*)",
            ],
        )
        yield "  .dynamic        : { *(.dynamic) }"
        if not self.omagic:
            yield "  . = DATA_SEGMENT_RELRO_END (0, .);"

    def _array(self, which: str, patterns: list[str]) -> Iterator[str]:
        start, end = (self._bound(f"__{which}_array_{side}") for side in ("start", "end"))
        return _section(f".{which}_array", [*start, *patterns, *end])

    def _data(self) -> Iterator[str]:
        begins = [
            [] if self.shared else [f"    {name} = .;"] for name in ("__DATA_BEGIN__", "__SDATA_BEGIN__")
        ]
        small = (
            ".srodata.cst16", ".srodata.cst8", ".srodata.cst4", ".srodata.cst2", ".srodata .srodata.*",
            *([".sdata2 .sdata2.* .gnu.linkonce.s2.*"] if self.shared else []), ".sdata .sdata.* .gnu.linkonce.s.*",
        )  # fmt: skip
        yield from _section(
            ".data", [*begins[0], "    *(.data .data.* .gnu.linkonce.d.*)", "    SORT(CONSTRUCTORS)"]
        )
        yield "  .data1          : { *(.data1) }"
        yield "  .got            : { *(.got.plt) *(.igot.plt) *(.got) *(.igot) }"
        yield from _section(".sdata", [*begins[1], *(f"    *({pattern})" for pattern in small)])
        yield f"  {self._symbol('_edata')} PROVIDE (edata = .);"
        yield "  . = .;"
        yield f"  {self._symbol('__bss_start')}"
        uninitialised = ["    *(.sbss2 .sbss2.* .gnu.linkonce.sb2.*)"] if self.shared else []
        yield from _section(
            ".sbss",
            ["    *(.dynsbss)", *uninitialised, "    *(.sbss .sbss.* .gnu.linkonce.sb.*)", "    *(.scommon)"],
        )
        yield from _section(
            ".bss",
            [
                "    *(.dynbss)", "    *(.bss .bss.* .gnu.linkonce.b.*)", "    *(COMMON)",
                "    . = ALIGN(. != 0 ? 64 / 8 : 1);",
            ],
        )  # fmt: skip
        yield "  . = ALIGN(64 / 8);"
        yield '  . = SEGMENT_START("ldata-segment", .);'
        yield "  . = ALIGN(64 / 8);"
        if not self.shared:
            yield "  __BSS_END__ = .;"
            yield "  __global_pointer$ = MIN(__SDATA_BEGIN__ + 0x800,"
            yield "                          MAX(__DATA_BEGIN__ + 0x800, __BSS_END__ - 0x800));"
        yield f"  {self._symbol('_end')} PROVIDE (end = .);"
        if not self.omagic:
            yield "  . = DATA_SEGMENT_END (.);"

    def _relocatable(self) -> Iterator[str]:
        """Of -r: sections of one name join, at address 0."""
        for name in _RELOCATABLE.split():
            more = " .stub" if name == ".text" else ""
            keep = "KEEP ({})" if name in (".eh_frame", ".init", ".fini", ".jcr") else "{}"
            yield f"  {name:15} 0 : {{ {keep.format(f'*({name}{more})')} }}"


def _section(name: str, body: Sequence[str]) -> Iterator[str]:
    yield f"  {name:15} :"
    yield "  {"
    yield from body
    yield "  }"


def _not_loaded() -> Iterator[str]:
    yield from (f"  {name:15} 0 : {{ *({name}) }}" for name in _STABS.split())
    yield "  .gnu.build.attributes : { *(.gnu.build.attributes .gnu.build.attributes.*) }"
    yield from (f"  {name:15} 0 : {{ *({name}{_MORE.get(name, '')}) }}" for name in _DEBUG.split())
    yield "  .gnu.attributes 0 : { KEEP (*(.gnu.attributes)) }"
    yield "  /DISCARD/ : { *(.note.GNU-stack) *(.gnu_debuglink) *(.gnu.lto_*) }"
