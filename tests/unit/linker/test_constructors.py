"""`.ctors` and `.dtors` join the arrays of initialisers: which function stands where."""

from __future__ import annotations

import pytest

from tests.support.small_links import elf_of, link_all
from toyvm.linker.link_result import LinkResult


def functions(letters: str) -> str:
    return "".join(f".globl {letter}\n{letter}: ret\n" for letter in letters) + ".globl _start\n_start: ret\n"


def order(result: LinkResult, section: str) -> str:
    """The letters of the functions in an array."""
    elf = elf_of(result)
    found = elf.section(section)
    assert found is not None
    data = elf.contents(found)
    name_at = {address: name for name, address in result.symbols.items() if len(name) == 1}
    return "".join(name_at[int.from_bytes(data[at : at + 8], "little")] for at in range(0, len(data), 8))


def table(name: str, letters: str) -> str:
    return f'.section {name},"aw"\n.balign 8\n.dword {", ".join(letters)}\n'


@pytest.mark.parametrize("gc_sections", [False, True])
@pytest.mark.parametrize(
    ("old", "new"),
    [(".ctors", ".init_array"), (".dtors", ".fini_array")],
    ids=["constructors", "destructors"],
)
def test_one_order(old: str, new: str, gc_sections: bool) -> None:
    text = (
        functions("abcdefgh")
        + table(f"{new}.65530", "g")
        + table(old, "fe")
        + table(f"{old}.64526", "dc")  # 1009
        + table(f"{new}.01008", "b")
        + table(f"{old}.64528", "a")  # 1007
        + table(new, "h")
    )
    result = link_all(text, gc_sections=gc_sections)
    assert order(result, new) == "abcdgefh"
    assert elf_of(result).section(old) is None


def test_words_without_relocations_change_places_too() -> None:
    text = functions("ab") + '.section .ctors,"aw"\n.balign 8\n.dword a, 0x1111\n'
    elf = elf_of(link_all(text))
    array = elf.section(".init_array")
    assert array is not None
    assert elf.contents(array)[:8] == (0x1111).to_bytes(8, "little")


def test_what_is_no_table_of_words_stays() -> None:
    elf = elf_of(link_all(functions("a") + '.section .ctors,"aw"\n.byte 1, 2, 3\n'))
    array = elf.section(".init_array")
    assert array is not None
    assert elf.contents(array) == bytes((1, 2, 3))


def test_names_that_only_begin_so_are_other_sections() -> None:
    elf = elf_of(link_all(functions("ab") + table(".ctors_of_mine", "ab")))
    assert elf.section(".ctors_of_mine") is not None
