"""Order, addresses, segments, and the symbols that the linker defines from them."""

from __future__ import annotations

import itertools

import pytest

from tests.support.small_links import START, at, elf_of, errors_of, link_all, obj
from toyvm.elf.constants import PF_W, PF_X, PT_GNU_RELRO, PT_LOAD, PT_TLS
from toyvm.linker.output_names import member_rank, output_name

EVERYTHING = (
    START
    + """
        .section .rodata
        .word 1
        .section .data.rel.ro,"aw"
        .dword 2
        .section .tdata,"awT",@progbits
        .p2align 5
        .dword 3
        .section .tbss,"awT",@nobits
        .zero 100
        .data
        .globl datum
datum:  .dword 4
        .section .sdata,"aw"
        .dword 5
        .bss
        .zero 5000
"""
)
SYMBOLS = [
    "__global_pointer$",
    "_end",
    "end",
    "_edata",
    "edata",
    "_etext",
    "etext",
    "__bss_start",
    "__BSS_END__",
    "__DATA_BEGIN__",
    "__SDATA_BEGIN__",
    "__ehdr_start",
]


def test_segments() -> None:
    result = link_all(EVERYTHING)
    loads = [p for p in elf_of(result).segments if p.type == PT_LOAD]
    assert [p.flags & (PF_W | PF_X) for p in loads] == [PF_X, 0, PF_W, PF_W]
    for load in loads:
        assert load.offset % 0x1000 == load.vaddr % 0x1000
    for before, after in itertools.pairwise(loads):
        assert before.vaddr + before.memsz <= after.vaddr
        # No page has two protections.
        assert (before.vaddr + before.memsz - 1) >> 12 < after.vaddr >> 12
    relro = next(p for p in elf_of(result).segments if p.type == PT_GNU_RELRO)
    assert (relro.vaddr + relro.memsz) % 0x1000 == 0
    assert loads[-1].memsz - loads[-1].filesz >= 5000


def test_tls_template() -> None:
    tls = next(p for p in elf_of(link_all(EVERYTHING)).segments if p.type == PT_TLS)
    assert (tls.filesz, tls.memsz, tls.align) == (8, 108, 32)
    assert tls.vaddr % 32 == 0


def test_linker_symbols_agree_with_sections() -> None:
    names = "".join(f".dword {name}\n" for name in SYMBOLS)
    result = link_all(EVERYTHING, f".data\n{names}")
    value, layout = result.symbols, result.layout
    assert value["_end"] == value["end"] == value["__BSS_END__"] == layout.by_name[".bss"].end
    assert value["_edata"] == value["edata"] == layout.by_name[".sdata"].end
    assert value["_etext"] == value["etext"] == layout.by_name[".text"].end
    assert value["__bss_start"] == layout.start(".bss")
    assert value["__SDATA_BEGIN__"] == layout.start(".sdata")
    assert value["__global_pointer$"] == layout.start(".sdata") + 0x800
    assert value["__ehdr_start"] == 0x10000
    table = elf_of(result).symbols(".symtab")
    assert table is not None and set(SYMBOLS) <= set(table.names)


def test_symbols_that_nobody_asks_for_are_not_there() -> None:
    assert not set(SYMBOLS) & set(link_all(EVERYTHING).symbols)


def test_bounds_of_a_section_called_like_an_identifier() -> None:
    text = START + '.section mine,"aw"\n.dword 1, 2\n.data\n.globl b\nb: .dword __start_mine, __stop_mine\n'
    result = link_all(text)
    begin, end = at(result, "b"), at(result, result.symbols["b"] + 8)
    assert (begin, end - begin) == (result.layout.start("mine"), 16)


def test_initialisers_in_order_of_priority() -> None:
    text = "".join(
        f'.section .init_array{s},"aw",@init_array\n.dword {v}\n'
        for s, v in (("", 9), (".200", 2), (".100", 1))
    )
    result = link_all(START + text + ".data\n.globl b\nb: .dword __init_array_start, __init_array_end\n")
    start, end = at(result, "b"), at(result, result.symbols["b"] + 8)
    assert [at(result, a) for a in range(start, end, 8)] == [1, 2, 9]


@pytest.mark.parametrize(
    ("name", "output"),
    [
        (".text.main", ".text"), (".text.unlikely.x", ".text"), (".rodata.str1.8", ".rodata"), (".data.rel.ro.local", ".data.rel.ro"),
        (".data.x", ".data"), (".sbss.x", ".sbss"), (".srodata.cst8", ".sdata"), ("COMMON", ".bss"), (".tbss.x", ".tbss"),
        (".init_array.5", ".init_array"), (".textual", ".textual"), ("mine", "mine"),
    ],
)  # fmt: skip
def test_output_names(name: str, output: str) -> None:
    assert output_name(name) == output


def test_text_ranks() -> None:
    names = [".text.zebra", ".text.hot.x", ".text.startup", ".text.unlikely", ".text"]
    assert sorted(names, key=member_rank) == [
        ".text.unlikely",
        ".text.startup",
        ".text.hot.x",
        ".text.zebra",
        ".text",
    ]


def test_fixed_addresses() -> None:
    result = link_all(EVERYTHING, section_starts={".text": 0x80000, ".data": 0x200000})
    assert (result.symbols["_start"], result.symbols["datum"]) == (0x80000, 0x200000)


def test_static_program_needs_no_tables() -> None:
    assert set(link_all(START).sizes) == {".text", ".riscv.attributes"}


def test_huge_sections_are_refused() -> None:
    text = START + ".bss\n.globl big\nbig: .zero 8\n"
    made = obj(text)
    sections = list(made.sections)
    for number, section in enumerate(sections):
        if section.name == ".bss":
            sections[number] = type(section)(".bss", section.type, section.flags, 1 << 60, size=1 << 62)
    broken = type(made)(made.name, tuple(sections), made.symbols, made.e_flags)
    assert "is too large" in errors_of(broken)
