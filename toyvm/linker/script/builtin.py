"""The script that `--verbose` prints: in GNU ld's language, it gives the layout that links without a script have.

`image_layout` and `output_names` say the same faster; a test compares the images. Regions of memory stand for parts with the
same permissions, because sections of different regions never share a segment.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..link_options import DEFAULT_BASE, LinkOptions

_PAGE = "CONSTANT (MAXPAGESIZE)"
_CTORS = "EXCLUDE_FILE (*crtend.o *crtend?.o)"

# Region -> (output section, its contents), in order of addresses.
_SECTIONS: dict[str, list[tuple[str, str]]] = {
    "head": [
        *((name, f"*({name})") for name in (
            ".interp", ".note.gnu.build-id", ".note.ABI-tag", ".note", ".hash", ".gnu.hash", ".dynsym", ".dynstr",
            ".gnu.version", ".gnu.version_d", ".gnu.version_r",
        )),
        (".rela.dyn", "*(.rela.dyn)"),
        (
            ".rela.plt",
            "*(.rela.plt) PROVIDE_HIDDEN (__rela_iplt_start = .); *(.rela.iplt) PROVIDE_HIDDEN (__rela_iplt_end = .);",
        ),
        (".relr.dyn", "*(.relr.dyn)"),
    ],
    "code": [
        (".init", "KEEP (*(.init))"),
        (".plt", "*(.plt) *(.iplt)"),
        (
            ".text",
            "*(.text.unlikely .text.*_unlikely .text.unlikely.*) *(.text.exit .text.exit.*) "
            "*(.text.startup .text.startup.*) *(.text.hot .text.hot.*) *(.text.sorted .text.sorted.*) "
            "*(.text .stub .text.* .gnu.linkonce.t .gnu.linkonce.t.*)",
        ),
        (".fini", "KEEP (*(.fini))"),
    ],
    "rodata": [
        (".rodata", "*(.rodata .rodata.* .gnu.linkonce.r .gnu.linkonce.r.*)"),
        (".rodata1", "*(.rodata1)"),
        (".eh_frame_hdr", "*(.eh_frame_hdr)"),
        (".eh_frame", "KEEP (*(.eh_frame)) *(.eh_frame.*)"),
        (".gcc_except_table", "*(.gcc_except_table .gcc_except_table.*)"),
    ],
    "relro": [
        (
            ".tdata",
            "PROVIDE_HIDDEN (__tdata_start = .); *(.tdata .tdata.* .gnu.linkonce.td .gnu.linkonce.td.*)",
        ),
        (".tbss", "*(.tbss .tbss.* .gnu.linkonce.tb .gnu.linkonce.tb.*) *(.tcommon)"),
        (
            ".preinit_array",
            "PROVIDE_HIDDEN (__preinit_array_start = .); KEEP (*(.preinit_array)) "
            "PROVIDE_HIDDEN (__preinit_array_end = .);",
        ),
        *(
            (
                f".{which}_array",
                f"PROVIDE_HIDDEN (__{which}_array_start = .); "
                f"KEEP (*(SORT_BY_INIT_PRIORITY (.{which}_array.*) SORT_BY_INIT_PRIORITY (.{old}.*))) "
                f"KEEP (*(.{which}_array {_CTORS} .{old})) PROVIDE_HIDDEN (__{which}_array_end = .);",
            )
            for which, old in (("init", "ctors"), ("fini", "dtors"))
        ),
        (".jcr", "KEEP (*(.jcr))"),
        (
            ".data.rel.ro",
            "*(.data.rel.ro.local* .gnu.linkonce.d.rel.ro.local.*) *(.data.rel.ro .data.rel.ro.* .gnu.linkonce.d.rel.ro.*)",
        ),
        (".dynamic", "*(.dynamic)"),
        (".got", "*(.got) *(.igot)"),
    ],
    "data": [
        (".got.plt", "*(.got.plt) *(.igot.plt)"),
        (".data", "*(.data .data.* .gnu.linkonce.d .gnu.linkonce.d.*)"),
        (".data1", "*(.data1)"),
        (
            ".sdata",
            "*(.srodata.cst16) *(.srodata.cst8) *(.srodata.cst4) *(.srodata.cst2) *(.srodata .srodata.*) "
            "*(.sdata .sdata.* .gnu.linkonce.s .gnu.linkonce.s.*)",
        ),
    ],
    "bss": [
        (".sbss", "*(.sbss .sbss.* .gnu.linkonce.sb .gnu.linkonce.sb.*) *(.scommon)"),
        (".bss", "*(.dynbss) *(.bss .bss.* .gnu.linkonce.b .gnu.linkonce.b.*) *(COMMON)"),
    ],
}  # fmt: skip
# Debugging sections as gcc writes them, and what is last.
_LAST = """
    .debug_info .debug_abbrev .debug_loclists .debug_loc .debug_aranges .debug_rnglists .debug_ranges .debug_line
    .debug_str .debug_line_str .debug_frame .riscv.attributes .comment
"""


def builtin_script(options: LinkOptions) -> str:
    """The script for the kind of output that `options` ask for."""
    return "\n".join(_lines(options))


def _lines(options: LinkOptions) -> Iterator[str]:
    base = 0 if options.pic else DEFAULT_BASE
    start = f'SEGMENT_START ("text-segment", {base:#x}) + SIZEOF_HEADERS'
    pointer = "PROVIDE_HIDDEN" if options.pic else "PROVIDE"  # of gp, which is each component's own
    regions = "head", "code", "rodata", "relro", "data"
    yield 'OUTPUT_FORMAT ("elf64-littleriscv")'
    yield "OUTPUT_ARCH (riscv)"
    yield "ENTRY (_start)"
    yield "MEMORY"
    yield "{"
    yield from (f"  {name} : ORIGIN = 0, LENGTH = 0xffffffffffffffff" for name in regions)
    yield "}"
    yield "SECTIONS"
    yield "{"
    yield f'  PROVIDE (__executable_start = SEGMENT_START ("text-segment", {base:#x}));'
    yield f"  . = {start};"
    for region, sections in _SECTIONS.items():
        joined = region == "bss" or (region == "data" and not options.relro)
        content = " + ".join(f"SIZEOF ({name})" for name, _ in sections)
        if region == "data" and options.relro:
            yield "  /* The part that is read-only after relocation ends with a page. Nothing moves for it. */"
            start_of = "ABSOLUTE (ADDR (.tdata))"
            yield f"  . = DATA_SEGMENT_RELRO_END (ALIGN ({_PAGE}) - {start_of}, {start_of}) ? . : .;"
        if not joined and region != "head":
            yield "  /* The next page of memory, at the same place in it as in the file. */"
            content += " + SIZEOF (.sbss) + SIZEOF (.bss)" if region == "data" else ""
            yield f"  . = {content} && . != {start} ? ALIGN ({_PAGE}) + (. & ({_PAGE} - 1)) : .;"
        if region == "relro" and options.relro:
            yield "  . = DATA_SEGMENT_ALIGN (1, 1) ? . : .;"
        where = "data" if joined and options.relro else "relro" if joined else region
        for name, contents in sections:
            align = " SUBALIGN (8)" if name.endswith("_array") else ""  # words, whatever their objects say
            yield f"  {name} (SIZEOF ({name}) ? ALIGN (ALIGNOF ({name})) : .) :{align} {{ {contents} }} >{where}"
        yield from _symbols_after(region, pointer)
    if options.relro:
        yield "  . = DATA_SEGMENT_END (.);"
    yield from (f"  {name} 0 : {{ *({name}) }}" for name in _LAST.split())
    yield "}"


def _symbols_after(region: str, pointer: str) -> Iterator[str]:
    if region == "code":
        yield from (f"  PROVIDE ({name} = .);" for name in ("__etext", "_etext", "etext"))
    elif region == "data":
        yield from (f"  PROVIDE ({name} = .);" for name in ("_edata", "edata"))
    elif region == "bss":
        bss = "(SIZEOF (.sbss) ? ADDR (.sbss) : SIZEOF (.bss) ? ADDR (.bss) : .)"
        small = f"(SIZEOF (.sdata) ? ADDR (.sdata) : {bss})"
        names = ".got.plt", ".data", ".data1", ".sdata", ".sbss", ".bss"
        data = "".join(f"SIZEOF ({name}) ? ADDR ({name}) : " for name in names)
        yield f"  PROVIDE (__bss_start = {bss});"
        yield f"  PROVIDE (__SDATA_BEGIN__ = {small});"
        yield f"  PROVIDE (__DATA_BEGIN__ = {data}.);"
        yield f"  {pointer} (__global_pointer$ = MIN ({small} + 0x800, MAX (({data}.) + 0x800, . - 0x800)));"
        yield from (f"  PROVIDE ({name} = .);" for name in ("__BSS_END__", "_end", "end"))
