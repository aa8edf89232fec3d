"""What a program or library shows to others, and which inputs that brings in."""

from __future__ import annotations

from tests.support.small_links import START, elf_of, lib, link_all, obj, shared
from toyvm.elf.constants import SHN_UNDEF, STV_DEFAULT, STV_PROTECTED
from toyvm.linker.link_options import Input, LinkOptions
from toyvm.linker.link_result import LinkResult
from toyvm.linker.relocatable import link_relocatable

FUNCTION = ".globl f, bar\n.type f,@function\n.type bar,@function\nf: ret\nbar: ret\n"


def test_what_is_undefined_has_no_size() -> None:
    library = shared("libx.so", ".data\n.globl d\n.type d,@object\nd: .word 1\n.size d,4\n")
    elf = elf_of(link_all(Input(object=obj(".data\n.dword d\n", pic=True)), library, kind="shared"))
    for name in (".dynsym", ".symtab"):
        table = elf.symbols(name)
        assert table is not None and table.array["st_size"][table.names.index("d")] == 0


def dynamic(result: LinkResult) -> dict[str, tuple[int, int]]:
    """The dynamic symbols of the output: name -> (section, visibility)."""
    table = elf_of(result).symbols(".dynsym")
    assert table is not None
    rows = zip(table.names, table.array["st_shndx"].tolist(), table.array["st_other"].tolist(), strict=True)
    return {name: (section, other & 3) for name, section, other in rows if name}


def test_ends_and_bounds_of_a_library_are_exported() -> None:
    text = '.section mine,"aw"\n.word 1\n.data\n.dword _end, __bss_start, __start_mine\n'
    result = link_all(Input(object=obj(text, pic=True)), kind="shared")
    found = dynamic(result)
    assert found["_end"][1] == found["__bss_start"][1] == STV_DEFAULT
    assert found["__start_mine"][1] == STV_PROTECTED
    # Another component may define the ends, but not the bounds.
    assert result.load_relocations == {"R_RISCV_64": 2, "R_RISCV_RELATIVE": 1}


def test_a_datum_is_no_definition_of_a_versioned_function() -> None:
    for version, exported in (("V { global: *; };", False), ("", True)):
        library = shared("libx.so", FUNCTION, version_script=version)
        result = link_all(START + ".globl bar\n.type bar,@object\n.data\nbar: .dword f\n", library)
        assert ("bar" in dynamic(result)) == exported


def test_undefined_by_option_is_asked_of_a_library() -> None:
    library = shared("libx.so", ".data\n.globl d\n.type d,@object\nd: .word 1\n.size d,4\n")
    assert dynamic(link_all(START, library, undefined=("d",)))["d"][0] == SHN_UNDEF
    assert dynamic(link_all(START, library)) == {}


def test_a_program_that_exports_without_a_loader_has_a_dynamic_section() -> None:
    assert "_start" in dynamic(link_all(START, export_dynamic=True, dynamic_linker=""))
    assert elf_of(link_all(START, export_dynamic=True)).section(".dynamic") is None


def test_the_entry_of_a_library_brings_in_its_member() -> None:
    result = link_all(".data\n.word 1\n", lib("x.a", m=".globl foo\nfoo: ret\n"), kind="shared", entry="foo")
    assert "foo" in result.symbols


def test_a_group_comes_back_to_a_library_that_was_not_needed() -> None:
    library = shared("libx.so", ".globl g\n.type g,@function\ng: ret\n")
    archive = lib("x.a", m=".globl f\nf: tail g\n")
    inputs = [Input(path=i.path, data=i.data, as_needed=True, group=1) for i in (library, archive)]
    assert link_all(START + "call f\n", *inputs).needed == ("libx.so",)


def test_resolvers_of_a_program_without_libraries_run_at_its_start() -> None:
    text = ".globl _start, f\n.type f,@gnu_indirect_function\nf: ret\n_start: call f\n"
    elf = elf_of(link_all(text))
    assert elf.section(".rela.plt") is not None and elf.section(".rela.dyn") is None


def test_a_definition_that_is_less_than_a_common_symbol_asks_for() -> None:
    common, data = ".comm foo, 2, 64\n", ".data\n.globl foo\n.byte 1\nfoo: .zero 21\n.size foo, 21\n"
    small = "alignment 1 of symbol `foo' in {} is smaller than 64 in {}"
    size = "size of symbol `foo' changed from 2 in a.o to 21 in b.o"
    for first, second, names, more in ((common, data, "ba", (size,)), (data, common, "ab", ())):
        expected = (small.format(*(f"{n}.o" for n in names)), *more)
        inputs = [Input(object=obj(first, "a.o")), Input(object=obj(second, "b.o"))]
        assert link_relocatable(inputs, LinkOptions(kind="relocatable")).warnings == expected


def test_common_symbols_of_a_finished_link_are_objects() -> None:
    common = Input(object=obj(".comm c, 4, 4\n", stt_common=True, pic=True))
    table = elf_of(link_all(common, kind="shared")).symbols(".dynsym")
    assert table is not None and table.array["st_info"][table.names.index("c")] & 15 == 1


def test_an_object_without_code_keeps_its_calling_convention() -> None:
    empty = obj("", march="rv64gc")
    made = link_relocatable([Input(object=empty)], LinkOptions(kind="relocatable"))
    assert made.object.e_flags == empty.e_flags != 0
