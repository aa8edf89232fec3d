"""What is left out of the output, and what then becomes of references to it."""

from __future__ import annotations

import pytest

from tests.support.small_links import lib, link_all, obj
from toyvm.base.errors import LinkError
from toyvm.elf.constants import SHF_LINK_ORDER, SHN_ABS, SHN_UNDEF
from toyvm.elf.elf_file import ElfFile
from toyvm.elf.object_file import ObjectFile
from toyvm.elf.object_reader import read_object
from toyvm.linker.link_options import Input, LinkOptions
from toyvm.linker.relocatable import link_relocatable

DEBUG = """
        .globl _start
_start: nop
        .section .text.gone,"ax"
gone:   nop
        nop
        .section .debug_ranges,"",@progbits
        .dword gone+4
        .section .debug_info,"",@progbits
        .dword gone+4, _start
"""
ONCE = '.section .gnu.linkonce.t.f,"ax"\n.globl f\nf: ret\n.section .gnu.linkonce.r.f,"a"\n.dword f\n'


def contents(image: bytes, name: str) -> bytes:
    elf = ElfFile.parse(image, "out")
    return elf.contents(next(section for section in elf.sections if section.name == name))


def joined(*texts: str, **options: object) -> ObjectFile:
    """The output of -r, written and read."""
    inputs = [Input(object=obj(text, f"{index}.o")) for index, text in enumerate(texts)]
    made = LinkOptions(kind="relocatable", output="out.o", **options)  # type: ignore[arg-type]  # several types
    return read_object(link_relocatable(inputs, made).image, "out.o")


def test_debugging_information_of_a_discarded_function_is_zero() -> None:
    result = link_all(DEBUG, gc_sections=True)
    start = result.symbols["_start"].to_bytes(8, "little")
    assert contents(result.image, ".debug_info") == bytes(8) + start
    assert contents(result.image, ".debug_ranges") == (1).to_bytes(8, "little")  # 0 ends a list of ranges


def test_link_once_sections_are_linked_once() -> None:
    result = link_all(".globl _start\n_start: call f\n", ONCE, ONCE)
    once = link_all(".globl _start\n_start: call f\n", ONCE)
    assert (result.sizes[".text"], result.sizes[".rodata"]) == (once.sizes[".text"], once.sizes[".rodata"])
    comdat = '.section .text.f,"axG",@progbits,f,comdat\n.globl f\nf: ret\n'
    assert link_all(".globl _start\n_start: call f\n", comdat, ONCE).symbols["f"]
    assert [s.name for s in joined(ONCE, ONCE).sections].count(".gnu.linkonce.t.f") == 1


def test_sections_for_relocatable_output_define_nothing() -> None:
    other = '.section .text.x,"axe"\n.globl f\nf: nop\n'
    result = link_all(".globl _start, f\n_start: ret\nf: ret\n", other)
    assert result.definition("f") == "a.o:(.text+0x2)"


def test_relocatable_output_without_unreachable_sections() -> None:
    text = '.globl f\n.section .text.f,"ax"\nf: call g\n.section .text.g,"ax"\n.globl g\ng: ret\n.section .text.h,"ax"\n.globl h\nh: ret\n'
    made = joined(text, gc_sections=True, entry="f")
    assert {s.name for s in made.sections if s.name.startswith(".text.")} == {".text.f", ".text.g"}
    assert "h" not in made.symbols.names
    with pytest.raises(LinkError, match="requires either an entry or an undefined symbol"):
        joined(text, gc_sections=True)


def test_relocatable_output_keeps_no_relocation_against_a_dropped_section() -> None:
    group = '.section .text.f,"axG",@progbits,f,comdat\nlocal: .globl f\nf: ret\n.section .debug_info,"",@progbits\n.dword local\n'
    made = joined(group, group)
    table = next(s.relocs for s in made.sections if s.name == ".debug_info")
    assert [bool(kind) for kind in table["r_type"].tolist()] == [True, False]  # R_RISCV_NONE
    assert int(table["r_sym"][1]) == int(table["r_addend"][1]) == 0


def test_definitions_of_relocatable_output() -> None:
    made = joined(".globl f\nf: call z\n", defsyms=(("z", "5"), ("y", "0x10")))
    rows = {name: made.symbols.array[made.symbols.names.index(name)] for name in ("z", "y")}
    assert [(int(row["st_shndx"]), int(row["st_value"])) for row in rows.values()] == [
        (SHN_ABS, 5),
        (SHN_ABS, 16),
    ]
    with pytest.raises(LinkError, match="only a number has a value"):
        joined("f: ret\n", defsyms=(("z", "f"),))


ORDERED = """
        .globl _start, first, second, loose
        .section .text.a,"ax"
a:      ret
        .section .text.b,"ax"
b:      ret
        .section mine,"ao",@progbits,b
second: .byte 2
        .section mine,"ao",@progbits,a
first:  .byte 1
        .text
_start: ret
"""


def test_sections_follow_those_that_they_name() -> None:
    result = link_all(ORDERED)
    assert result.symbols["first"] < result.symbols["second"]
    elf = ElfFile.parse(result.image, "out")
    section = next(s for s in elf.sections if s.name == "mine")
    assert section.header.flags & SHF_LINK_ORDER and elf.section_name(section.header.link) == ".text"


def test_a_requested_symbol_stays_undefined() -> None:
    result = link_all(".globl _start\n_start: ret\n", undefined=("wanted",))
    table = ElfFile.parse(result.image, "out").symbols()
    assert table is not None
    assert int(table.array[table.names.index("wanted")]["st_shndx"]) == SHN_UNDEF


def test_common_symbols_that_a_library_does_not_define() -> None:
    result = link_all(".comm c, 8, 8\n.globl f\n.data\nf: .dword c\n", kind="shared", define_commons=False)
    table = ElfFile.parse(result.image, "out").symbols(".dynsym")
    assert table is not None
    assert int(table.array[table.names.index("c")]["st_shndx"]) == SHN_UNDEF


def test_emitted_relocations_of_a_program_without_any() -> None:
    result = link_all(".globl _start\n_start: nop\n", emit_relocs=True)
    assert not [s for s in ElfFile.parse(result.image, "out").sections if s.name.startswith(".rela")]


def test_a_file_that_warns() -> None:
    text = '.globl _start\n_start: ret\n.section .gnu.warning,"",@progbits\n.string "do not use this"\n'
    result = link_all(text)
    assert [w for w in result.warnings if w.endswith("warning: do not use this")]
    assert b"do not use this" not in result.image


def test_excluded_archives_hide_common_symbols_too() -> None:
    archive = lib("/x/libx.a", m=".comm c, 8, 8\n.globl d\n.data\nd: .word 1\n")
    for name, hidden in ("libx.a", True), ("libx", True), ("ALL", True), ("liby", False):
        result = link_all(".globl f\n.data\nf: .dword c, d\n", archive, kind="shared", exclude_libs=(name,))
        table = ElfFile.parse(result.image, "out").symbols(".dynsym")
        assert table is not None and {"c", "d"}.isdisjoint(table.names) == hidden
