"""Layout by scripts: sections, regions, segments, orphans, what is kept and dropped, what a script makes of symbols."""

from __future__ import annotations

import pytest

from tests.support.script_links import facts
from tests.support.scripted import PARTS, script_errors, script_link, section_addresses, section_bytes
from tests.support.small_links import START, elf_of, lib, link_all, obj, shared
from toyvm.elf.constants import PF_W, PF_X, PT_GNU_STACK, PT_LOAD, PT_PHDR
from toyvm.linker.link_options import Input, LinkOptions
from toyvm.linker.script.builtin import builtin_script
from toyvm.linker.script.layout import MAX_PADDING


def test_regions_and_load_addresses() -> None:
    result = script_link("""
        MEMORY { ROM (rx) : ORIGIN = 0x20000000, LENGTH = 4K  RAM (rw) : ORIGIN = 0x80000000, LENGTH = 8K }
        SECTIONS {
            .text : { *(.text*) } >ROM
            .rodata : { *(.rodata*) } >ROM
            .data : { start = .; *(.data*) } >RAM AT>ROM
            .bss : { *(.bss) } >RAM
            source = LOADADDR(.data);
        }""")
    assert section_addresses(result)[".data"][0] == 0x80000000
    assert result.symbols["source"] == 0x20000018
    loads = [(p.vaddr, p.paddr) for p in elf_of(result).segments if p.type == PT_LOAD]
    assert (0x80000000, 0x20000018) in loads
    used = {region.name: region.used for region in result.layout.memory}
    assert used == {"ROM": 0x18 + 0x24, "RAM": 0x34}


def test_region_overflow() -> None:
    text = script_errors(
        "MEMORY { ROM (rx) : ORIGIN = 0, LENGTH = 8 }\nSECTIONS {\n .text : { *(.text*) } >ROM }"
    )
    assert (
        "test.ld:3:2: error: section `.text' will not fit in region `ROM'\n   .text : { *(.text*) } >ROM"
        in text
    )
    assert "test.ld:1:10: error: region `ROM' overflowed by 44 bytes" in text


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (
            "SECTIONS { .text 0x1000 : { *(.text*) } .data 0x1004 : { *(.data) } }",
            "overlaps section .text LMA",
        ),
        (
            "MEMORY { A : ORIGIN = 0, LENGTH = 1 A : ORIGIN = 0, LENGTH = 1 }",
            "redeclaration of memory region `A'",
        ),
        ('REGION_ALIAS("X", A) SECTIONS { }', "memory region `A' for alias `X' does not exist"),
        ('REGION_ALIAS("X", "*default*") SECTIONS { }', "alias for default memory region"),
        (
            "SECTIONS { .text 0x1000 : { *(.text*) } :nothing } PHDRS { a PT_LOAD; }",
            "non-existent phdr `nothing'",
        ),
        ("SECTIONS { .x : { } } INSERT AFTER .nothing;", ".nothing not found for insert"),
        ("SECTIONS { .text : { *(.text*) . = 0xffffffffffff; } }", "the output would have"),
        ("SECTIONS { .text ALIGN(3) : ALIGN(6) { *(.text*) } }", "alignment 0x6 is not a power of two"),
        (
            "SECTIONS { . = 0x10; .text : { *(.text*) } } NOCROSSREFS(.text .data)",
            "prohibited cross reference",
        ),
    ],
)
def test_errors(script: str, message: str) -> None:
    source = PARTS + ".text\nlla a0, value\n"
    assert message in script_errors(script, source)


def test_padding_is_bounded() -> None:
    fits, too_much = MAX_PADDING - 0x10000, MAX_PADDING + 0x10000
    script = "SECTIONS {{ .text 0x1000 : {{ *(.text*) . += {:#x}; }} }}"
    assert f"{too_much:#x}"[:4] in script_errors(script.format(too_much), obj_text())
    assert (
        len(script_link("SECTIONS { .text 0x1000 : { *(.text*) . += 0x10000; } }", obj_text()).image)
        < 0x20000
    )
    assert fits < MAX_PADDING


def obj_text() -> str:
    return START


def test_no_file_space_for_zeros() -> None:
    result = script_link(
        "SECTIONS { .text 0x1000 : { *(.text*) } .heap (NOLOAD) : { . += 0x40000000; } }", START
    )
    assert len(result.image) < 0x4000
    assert section_addresses(result)[".heap"][1] == 0x40000000


def test_fill_and_data() -> None:
    result = script_link(
        'SECTIONS { .x : { BYTE(1) SHORT(0x203) LONG(. + 1) QUAD(-1) . = ALIGN(32); FILL(0xaabbcc) . += 4; ASCIZ "a" } '
        "=0x90 }"
    )
    start = section_addresses(result)[".x"][0]
    numbers = b"\1" + (0x203).to_bytes(2, "little") + (start + 4).to_bytes(4, "little") + b"\xff" * 8
    gap = -(start + len(numbers)) % 32
    assert section_bytes(result, ".x") == numbers + b"\x90" * gap + b"\xaa\xbb\xcc\xaa" + b"a\0"


def test_a_fill_of_few_digits_repeats_a_word() -> None:
    result = script_link("SECTIONS { .x 0x1000 : { BYTE(1) . += 6; } =10 }")
    assert section_bytes(result, ".x") == b"\1\0\0\0\x0a\0\0"


def test_keep_and_discard() -> None:
    source = (
        START
        + """
        .section .text.kept,"ax"
        .word 1
        .section .text.dropped,"ax"
        .word 2
        .section .note.x,"a"
        .word 3
    """
    )
    script = "ENTRY(_start) SECTIONS { .text : { *(.text) KEEP(*(.text.kept)) *(.text.*) } /DISCARD/ : { *(.note*) } }"
    sizes = section_addresses(script_link(script, source, gc_sections=True))
    assert sizes == {".text": (0, 6)}
    assert section_addresses(script_link(script, source))[".text"][1] == 10


def test_reference_to_a_discarded_section() -> None:
    source = PARTS + ".text\nlla a0, value\n"
    text = script_errors("SECTIONS { .text : { *(.text*) } /DISCARD/ : { *(.data) } }", source)
    assert "defined in discarded section" in text


def test_archives_in_patterns() -> None:
    archive = lib("libx.a", one=".globl f\nf: ret\n", two=".globl g\ng: ret\n")
    main = Input(object=obj(START + "call f\ncall g\n", "main.o"))
    script = "SECTIONS {{ .x 0x1000 : {{ {}(.text) }} .rest 0x2000 : {{ *(.text) }} }}"
    for pattern, inside in (
        ("libx.a:one.o", {"f"}),
        ("*.a:*", {"f", "g"}),
        ("libx.a:", {"f", "g"}),
        (":main.o", {"_start"}),
        ("libx.a", {"f", "g"}),
        ("EXCLUDE_FILE(*x.a:one.o) *", {"_start", "g"}),
    ):
        symbols = script_link(script.format(pattern), main, archive, script_position=2).symbols
        assert {name for name in ("f", "g", "_start") if symbols[name] < 0x2000} == inside, pattern


def test_a_pattern_names_a_file(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]  # fixtures
    from toyvm.elf.object_writer import write_object

    monkeypatch.chdir(tmp_path)
    (tmp_path / "extra.o").write_bytes(write_object(obj(".globl f\nf: ret\n", "extra.o")))
    result = script_link("SECTIONS { .text 0x1000 : { extra.o(.text) *(.text) } }", START)
    assert result.symbols["f"] == 0x1000
    result = script_link("INPUT(extra.o) SECTIONS { .text 0x1000 : { *(.text) } }", START)
    assert "f" in result.symbols


def test_provide() -> None:
    source = START + ".dword used, weakly\n.weak weakly\n.globl mine\nmine: .word 1\n"
    result = script_link(
        "SECTIONS { .text 0x1000 : { *(.text*) } PROVIDE(used = 1); PROVIDE(weakly = 2); PROVIDE(mine = 3); "
        "PROVIDE(unused = 4); PROVIDE(chained = 5); also = chained; over = 6; }",
        source,
    )
    symbols = result.symbols
    assert (symbols["used"], symbols["weakly"], symbols["chained"], symbols["also"]) == (1, 2, 5, 5)
    assert symbols["mine"] > 0x1000
    assert "unused" not in symbols


def test_an_assignment_defines_before_archives_do() -> None:
    archive = lib("libx.a", one=".globl f\nf: .zero 64\n")
    for form, size in (("f = 0x44;", 0), ("PROVIDE(f = 0x44);", 64)):
        script = f"SECTIONS {{ .text 0x1000 : {{ *(.text*) }} {form} }}"
        sections = section_addresses(script_link(script, START + ".dword f\n", archive))
        assert (sections[".text"][1] >= 64) == bool(size)


def test_hidden_symbols_are_local() -> None:
    result = script_link(
        "SECTIONS { .text : { *(.text*) HIDDEN(a = .); b = .; PROVIDE_HIDDEN(c = .); d = c; } }"
    )
    table = elf_of(result).symbols()
    assert table is not None
    binding = {
        name: info >> 4 for name, info in zip(table.names, table.array["st_info"].tolist(), strict=True)
    }
    assert [binding[name] for name in "abcd"] == [0, 1, 0, 1]


def test_entry() -> None:
    layout = "SECTIONS { .text 0x1000 : { *(.text*) } }"
    assert elf_of(script_link("ENTRY(one) " + layout)).header.entry == 0x1006
    assert elf_of(script_link("ENTRY(one) " + layout, entry="value")).header.entry != 0x1006
    assert elf_of(script_link(layout)).header.entry == 0x1000
    assert not any("entry" in warning for warning in script_link(layout).warnings)
    assert "cannot find entry symbol nothing" in script_link("ENTRY(nothing) " + layout).warnings[0]


def test_orphans() -> None:
    source = (
        PARTS
        + """
        .section .more_code,"ax"
        .word 1
        .section .more_data,"aw"
        .word 2
        .section .more_zero,"aw",@nobits
        .skip 4
        .section .more_ro,"a"
        .word 3
    """
    )
    script = "SECTIONS { .text 0x1000 : { *(.text*) } .data : { *(.data*) } .bss : { *(.bss) } end = .; }"
    result = script_link(script, source)
    names = list(section_addresses(result))
    assert names == [
        ".text",
        ".more_code",
        ".rodata",
        ".more_ro",
        ".data",
        ".more_data",
        ".bss",
        ".more_zero",
    ]
    for handling in ("discard", "error", "warn"):
        options = {"orphan_handling": handling}
        if handling == "error":
            assert "error: unplaced orphan section `.more_ro' from `a.o'" in script_errors(
                script, source, **options
            )
        else:
            result = script_link(script, source, **options)
            assert (".more_ro" in section_addresses(result)) == (handling == "warn")
    assert any(
        "orphan section `.more_ro' from `a.o' being placed in section `.more_ro'" in w
        for w in result.warnings
    )


def test_bounds_of_orphans() -> None:
    source = START + '.dword __start_mine, __stop_mine\n.section mine,"aw"\n.word 1, 2\n'
    symbols = script_link("SECTIONS { .text 0x1000 : { *(.text*) } }", source).symbols
    assert symbols["__stop_mine"] - symbols["__start_mine"] == 8


def test_program_headers() -> None:
    result = script_link("""
        PHDRS { table PT_PHDR PHDRS; code PT_LOAD FILEHDR PHDRS; data PT_LOAD FLAGS(6) AT(0x9000); stack PT_GNU_STACK; }
        SECTIONS { . = 0x10000 + SIZEOF_HEADERS; .text : { *(.text*) } :code .rodata : { *(.rodata) }
            . = ALIGN(0x1000); .data : { *(.data*) } :data }""")
    found = elf_of(result).segments
    kinds = [p.type for p in found if p.type != 0x70000003]
    assert kinds == [PT_PHDR, PT_LOAD, PT_LOAD, PT_GNU_STACK]
    code, data = (p for p in found if p.type == PT_LOAD)
    assert (code.vaddr, code.offset, code.flags & (PF_W | PF_X)) == (0x10000, 0, PF_X)
    assert (data.vaddr, data.paddr, data.flags) == (0x11000, 0x9000, 6)


def test_insert_moves_sections_into_another_script() -> None:
    result = link_all(
        PARTS,
        scripts=(
            ("one.ld", "SECTIONS { .mine : { *(.text.one) } } INSERT BEFORE .rodata;"),
            ("two.ld", ""),
        ),
    )
    names = list(section_addresses(result))
    assert names.index(".mine") == names.index(".rodata") - 1


def test_implicit_scripts(tmp_path) -> None:  # type: ignore[no-untyped-def]  # fixtures
    def text(content: str) -> Input:
        return Input(path="extra.ld", data=content.encode())

    result = link_all(PARTS, text("answer = 42; SECTIONS { .mine : { *(.data.b) } } INSERT AFTER .rodata;"))
    assert result.symbols["answer"] == 42
    assert ".mine" in section_addresses(result)
    main = obj(PARTS, "a.o")
    (tmp_path / "a.o").write_bytes(b"")
    result = link_all(main, text("EXTERN(x) ENTRY(one)"))
    assert elf_of(result).header.entry == result.symbols["one"]


def test_high_addresses() -> None:
    result = script_link(
        "SECTIONS { . = 0xffffffff80000000; .text : AT(0x1000) { *(.text*) } .data : { *(.data*) } end = .; }"
    )
    assert section_addresses(result)[".text"][0] == 0xFFFFFFFF80000000
    assert elf_of(result).header.entry == 0xFFFFFFFF80000000
    load = next(p for p in elf_of(result).segments if p.type == PT_LOAD)
    assert (load.vaddr, load.paddr) == (0xFFFFFFFF80000000, 0x1000)


def test_relaxation_by_a_script() -> None:
    source = '.globl _start\n_start: call far\n call near\n.globl near\nnear: ret\n.section .far,"ax"\n.globl far\nfar: ret\n'
    script = "SECTIONS {{ .text 0x10000 : {{ *(.text) }} .far {} : {{ *(.far) }} }}"
    near = section_addresses(script_link(script.format("0x20000"), source, relax=True))[".text"][1]
    far = section_addresses(script_link(script.format("0x20000000"), source, relax=True))[".text"][1]
    assert near + 4 == far


def test_tables_in_sections_of_other_names() -> None:
    """What .dynamic points to is found wherever the script puts it."""
    library = shared("libx.so", ".globl f\n.type f,@function\nf: ret\n")
    script = """SECTIONS { . = 0x10000 + SIZEOF_HEADERS; .interp : { *(.interp) }
        .tables : { *(.dynsym) *(.dynstr) *(.gnu.hash) *(.hash) *(.rela.*) }
        .text : { *(.text) *(.plt) } .data : { *(.dynamic) *(.got) *(.got.plt) } }"""
    result = script_link(script, START + "call f\n", library)
    elf = elf_of(result)
    entries = dict(elf.dynamic_entries()) if hasattr(elf, "dynamic_entries") else {}
    start, size = section_addresses(result)[".tables"]
    assert all(start <= entries[tag] < start + size for tag in (5, 6) if tag in entries)
    assert result.needed == ("libx.so",)


EVERYTHING = (
    PARTS
    + """
        .section .init_array,"aw"
        .dword one
        .section .tdata,"awT",@progbits
        .p2align 4
        .word 1
        .section .tbss,"awT",@nobits
        .skip 8
        .section .sdata,"aw"
        .word 3
        .section .data.rel.ro,"aw"
        .dword one
        .section mine,"aw"
        .word 8
        .section .text.hot,"ax"
        .word 1
        .text
        .dword __bss_start, _end, edata, etext, __init_array_start, __global_pointer$, __start_mine
"""
)


@pytest.mark.parametrize("relro", [True, False])
@pytest.mark.parametrize("kind", ["exec", "pie", "shared"])
def test_the_builtin_script_gives_the_default_layout(kind: str, relro: bool) -> None:
    source = (
        EVERYTHING if kind == "exec" else EVERYTHING.replace(".text\n        .dword", ".data\n        .dword")
    )
    inputs = [Input(object=obj(source, "a.o", pic=kind != "exec"))]
    if kind != "exec":
        inputs.append(shared("libx.so", ".globl f\n.type f,@function\nf: ret\n"))
    options = {"kind": kind, "relro": relro, "static": kind == "exec", "exec_stack": False}
    script = builtin_script(LinkOptions(**options))  # type: ignore[arg-type]  # a table of options
    one = link_all(*inputs, **options)
    two = link_all(*inputs, scripts=(("built-in", script),), **options)
    first, second = facts(one.image), facts(two.image)
    for found in (first, second):
        found["symbols"] = {name: row[0] for name, row in found["symbols"].items()}
    assert first == second


def test_file_that_a_pattern_names_comes_where_the_script_comes() -> None:
    archive = lib("libx.a", one=".globl f\nf: ret\n")
    main = Input(object=obj(START + "call f\n", "main.o"))
    script = "SECTIONS { .x 0x1000 : { libx.a(.text) } .rest 0x2000 : { *(.text) } }"
    assert "f" in script_link(script, main, archive, script_position=1).symbols
    assert "undefined reference to `f'" in script_errors(script, main, archive)


def test_insert_after_what_is_not_there_or_moves_itself() -> None:
    for name in (".none", ".x"):
        text = script_errors(f"SECTIONS {{ .x : {{ BYTE(1) }} }} INSERT AFTER {name};")
        assert f"{name} not found for insert" in text


def test_too_many_program_headers() -> None:
    headers = " ".join(f"p{i} PT_LOAD;" for i in range(1001))
    text = script_errors(f"PHDRS {{ {headers} }} SECTIONS {{ .text : {{ *(.text) }} :p0 }}")
    assert "more than 1000 program headers" in text
    assert "^" in text
