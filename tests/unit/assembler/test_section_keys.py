"""Sections of one name that stay apart: by the symbol that they are linked to, by group, by number."""

from __future__ import annotations

import pytest

from toyvm.assembler import assemble_text
from toyvm.base.errors import AssemblyError


def sizes(text: str, name: str) -> list[int]:
    """The sizes of the sections called `name`."""
    return [section.size for section in assemble_text(text, "a.s").sections if section.name == name]


def test_sections_linked_to_different_symbols() -> None:
    """gcc -fpatchable-function-entry: each function's record goes with the function."""
    record = '.section records, "awo", @progbits, {}\n.dword {}\n'
    functions = '.section .text.one, "ax"\none: nop\n.section .text.two, "ax"\ntwo: nop\n'
    text = functions + record.format("one", 1) + record.format("two", 2) + record.format("one", 3)
    made = assemble_text(text, "a.s")
    found = [section for section in made.sections if section.name == "records"]
    assert [section.size for section in found] == [16, 8]
    assert [made.sections[section.link].name for section in found] == [".text.one", ".text.two"]


def test_the_group_of_the_current_section() -> None:
    text = '.section .text.f, "axG", @progbits, f, comdat\nnop\n.pushsection .note.f, "?", @note\n.dword 0\n.popsection\n'
    made = assemble_text(text + '.text\n.section .note.f, "?", @note\n.word 0\n', "a.s")
    assert [section.size for section in made.sections if section.name == ".note.f"] == [8, 4]
    (group,) = made.groups
    assert [made.sections[member].name for member in group.members] == [".text.f", ".note.f"]


def test_unique_sections() -> None:
    text = "".join(f'.section many, "a", @progbits, unique, {n}\n.dword 0\n' for n in (7, 8, 7))
    assert sizes(text + '.section many, "a"\n.word 0\n', "many") == [16, 8, 4]
    assert sizes('.section many, "aG", @progbits, g, comdat, unique, 1\n.byte 1\n', "many") == [1]


@pytest.mark.parametrize(
    "operands", ["unique", "unique, x", "unique, 0x100000000", "unique, 1, 2", "onique, 1"]
)
def test_bad_numbers_of_unique_sections(operands: str) -> None:
    with pytest.raises(AssemblyError, match=r"unique|unexpected"):
        assemble_text(f'.section many, "a", @progbits, {operands}\n', "a.s")


def test_a_name_that_is_evaluated_where_it_is_used() -> None:
    """`==` is .eqv (gas)."""
    text = ".data\nx: .long 0, 0\ny = . - x\nz == . - x\n.long y, z\n.long y, z\n"
    (data,) = [s.data for s in assemble_text(text, "a.s").sections if s.name == ".data"]
    words = [int.from_bytes(data[at : at + 4], "little") for at in range(8, 24, 4)]
    assert words == [8, 12, 8, 20]


def test_a_section_symbol_stays_local() -> None:
    """GNU as makes a symbol table that readelf complains about of `.weak` for a section."""
    made = assemble_text('.section g,"a"\n.word 1\n.weak g\nx: .globl y\ny: .word g\n', "a.s")
    assert list(made.symbols.names[made.symbols.first_global :]) == ["y"]
