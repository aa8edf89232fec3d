"""Reading: every construct becomes what it says; errors show file, line and caret."""

from __future__ import annotations

import pytest

from tests.support.small_links import START, errors_of
from toyvm.base.errors import LinkError
from toyvm.linker.script.reading.reader import MAX_INCLUDES, read_script
from toyvm.linker.script.reading.tree import (
    Assignment,
    Call,
    Fill,
    InputPattern,
    Insert,
    OutputSection,
    Script,
    Text,
)


def read(text: str, **files: str) -> Script:
    def read_file(path: str) -> bytes:
        if path not in files:
            raise FileNotFoundError(path)
        return files[path].encode()

    return read_script("x.ld", text.encode(), read_file, ["folder"])


def only_section(text: str) -> OutputSection:
    script = read(f"SECTIONS {{ {text} }}")
    (section,) = script.sections()
    return section


def test_commands() -> None:
    script = read("""
        OUTPUT_FORMAT("elf64-littleriscv", "elf64-bigriscv", elf64-littleriscv) OUTPUT_ARCH(riscv) TARGET(x)
        ENTRY(begin) SEARCH_DIR("=/lib"); SEARCH_DIR(other) OUTPUT(out) EXTERN(a b, c)
        INPUT(x.o, -lm AS_NEEDED(y.so z.so)) GROUP(liba.a libb.a) STARTUP(crt0.o) FORCE_COMMON_ALLOCATION
        NOCROSSREFS(.a .b) NOCROSSREFS_TO(.c .d) VERSION { V1 { global: f; local: *; }; } LD_FEATURE("SANE_EXPR")
        REGION_ALIAS("ALIAS", ROM) MEMORY { ROM (rx!w) : ORIGIN = 0x100, LENGTH = 2K RAM : org = 3, l = 1M }
        PHDRS { text PT_LOAD FILEHDR PHDRS AT(4) FLAGS(5); note 4; }
    """)
    assert (script.entry, script.search, script.output) == ("begin", ["=/lib", "other"], "out")
    assert script.externs == ["a", "b", "c"]
    assert [(f.name, f.as_needed, f.group) for f in script.inputs] == [
        ("crt0.o", False, None), ("x.o", False, None), ("-lm", False, None), ("y.so", True, None), ("z.so", True, None),
        ("liba.a", False, 0), ("libb.a", False, 0),
    ]  # fmt: skip
    assert [(c.sections, c.to_first) for c in script.cross_references] == [
        ((".a", ".b"), False),
        ((".c", ".d"), True),
    ]
    assert script.versions[0].split() == ["V1", "{", "global:", "f;", "local:", "*;", "};"]
    assert script.sane
    assert [(a, r) for a, r, _ in script.aliases] == [("ALIAS", "ROM")]
    assert [(r.name, r.flags, r.not_flags) for r in script.regions] == [("ROM", "rx", "w"), ("RAM", "", "")]
    text, note = script.headers
    assert (text.name, text.file_header, text.headers) == ("text", True, True)
    assert (note.name, note.file_header, note.flags) == ("note", False, None)


def test_output_section() -> None:
    section = only_section(
        ".x 0x100 (NOLOAD) : AT(1) ALIGN(2) SUBALIGN(4) ONLY_IF_RO { foo = .; BYTE(1) } >A :p :q =0x90"
    )
    assert (section.name, section.type, section.constraint) == (".x", "NOLOAD", "ONLY_IF_RO")
    assert (section.region, section.headers) == ("A", ("p", "q"))
    assert only_section(".x : { } >A AT>B").lma_region == "B"
    assert None not in (section.address, section.at, section.align, section.subalign, section.fill)
    assert only_section(".x (READONLY (TYPE=SHT_NOTE)) : { }").type == "READONLY_TYPE"
    assert only_section(".x : ALIGN_WITH_INPUT { }").align_with_input


def test_patterns() -> None:
    section = only_section("""
        .x : {
            *(.a .b.*) KEEP (lib.a:*.o(SORT(.c) SORT_BY_ALIGNMENT(SORT_BY_NAME(.d*)) EXCLUDE_FILE(*e.o f.o) .e))
            dir/*.o(.f) INPUT_SECTION_FLAGS(SHF_ALLOC & !SHF_WRITE) *(.g) whole.o SORT(*)(.h) EXCLUDE_FILE(i.o) *(.i)
            *(COMMON) [a-z]?.o(SORT_NONE(.j) REVERSE(.k)) CONSTRUCTORS SORT(CONSTRUCTORS)
        }""")
    wild = [p for p in section.body if isinstance(p, InputPattern)]
    assert [p.file for p in wild] == [
        "*", "lib.a:*.o", "dir/*.o", "*", "whole.o", "*", "*", "*", "[a-z]?.o",
    ]  # fmt: skip
    assert [p.keep for p in wild] == [False, True, *[False] * 7]
    assert [s.sort for s in wild[1].sections] == [("name",), ("alignment", "name"), ()]
    assert wild[1].sections[2].exclude == ("*e.o", "f.o")
    assert (wild[3].with_flags, wild[3].without_flags) == (2, 1)
    assert wild[4].sections == ()
    assert wild[5].sort_files
    assert wild[6].exclude == ("i.o",)
    assert wild[8].sections[1].reverse


def test_names_and_operators_share_characters() -> None:
    section = only_section(".note.gnu-x : { a=1;b+=2; c-d = 3; *(.x-y) e = f-g; h = .*2; }")
    assigned = [s for s in section.body if isinstance(s, Assignment)]
    assert [a.name for a in assigned] == ["a", "b", "c-d", "e", "h"]
    assert [s.name for s in only_section(".t: { *(.a,.b) }").body[0].sections] == [".a", ".b"]  # type: ignore[union-attr]  # it is a pattern


def test_comments() -> None:
    script = read("/* a */ x = 1 /* b */ + /**/ 2; SECTIONS { .t : { lib/*.o(.a) /* c */ } /* d\n */ }")
    assert [type(s) for s in script.statements] == [Assignment, OutputSection]


def test_text_and_fill() -> None:
    body = only_section('.x : { ASCIZ "a\\n\\101" FILL(0x9090) }').body
    assert isinstance(body[0], Text)
    assert body[0].data == b"a\nA\0"
    assert isinstance(body[1], Fill)


def test_overlay() -> None:
    script = read("SECTIONS { OVERLAY 0x100 : NOCROSSREFS AT(0x200) { .a { *(.a) } .b { *(.b) } } >R :p =1 }")
    one, two = script.sections()
    assert (one.overlay, two.overlay) == ("first", "more")
    assert (one.region, one.headers, two.headers) == ("R", ("p",), ("p",))
    assert one.at is not None
    assert two.at is None
    assert isinstance(two.address, Call)
    assert two.after is not None
    assert [a.name for a in script.assignments()] == [
        "__load_start_a", "__load_stop_a", "__load_start_b", "__load_stop_b",
    ]  # fmt: skip
    assert script.cross_references[0].sections == (".a", ".b")


def test_include() -> None:
    script = read(
        "INCLUDE one SECTIONS { INCLUDE two .x : { INCLUDE three *(.b) } } MEMORY { INCLUDE four }",
        one="a = 1; ENTRY(e)",
        **{"folder/two": ".y : { *(.y) }", "three": "*(.a) b = 2;", "four": "R : ORIGIN = 0, LENGTH = 1"},
    )
    assert script.entry == "e"
    assert [s.name for s in script.sections()] == [".y", ".x"]
    assert [a.name for a in script.assignments()] == ["a", "b"]
    assert [r.name for r in script.regions] == ["R"]


def test_insert() -> None:
    script = read("SECTIONS { .a : { } } INSERT AFTER .text; SECTIONS { .b : { } } INSERT BEFORE .data;")
    assert [(s.where, s.before) for s in script.statements if isinstance(s, Insert)] == [
        (".text", False),
        (".data", True),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SECTIONS { .text : { *(.text } }", "x.ld:1:30: error: syntax error at `}'"),
        ("foo = 3 + ;", "x.ld:1:11: error: syntax error at `;'\n  foo = 3 + ;\n            ^"),
        ("/* never", "x.ld:1:1: error: comment without end"),
        ('ASSERT(1, "x)', "x.ld:1:11: error: text without closing quote"),
        ("SECTIONS {\n .a : { *(.b)", "x.ld:2:14: error: syntax error at the end of the script"),
        ("x = 0y;", "syntax error at `y'"),
        ("x = 09;", "`09' is not a number"),
        ("x = 0x12345678901234567890 + 99999999999999999999;", "does not fit 64 bits"),
        ("PROVIDE(. = 1);", "the location counter can only be assigned to"),
        ("PROVIDE(a += 1);", "`+=' cannot be used here"),
        ("MEMORY { A (q) : ORIGIN = 0, LENGTH = 1 }", "invalid character q in flags"),
        ("PHDRS { a PT_NONE; }", "unknown phdr type `PT_NONE'"),
        ("SECTIONS { .a : AT(1) { } AT>R }", "section has both a load address and a load region"),
        ("SECTIONS { .a : ALIGN(1) ALIGN(2) { } }", "ALIGN is given twice"),
        ("SECTIONS { .a : { *(SORT(SORT(SORT(.b)))) } }", "at most two orders can be nested"),
        ("SECTIONS { .a : { INPUT_SECTION_FLAGS(SHF_X) *(.b) } }", "unrecognized input section flag `SHF_X'"),
        ("INCLUDE nothing", "x.ld:1:9: error: cannot find linker script `nothing'"),
        ("x = " + "(-" * 300 + "1" + ")" * 300 + ";", "nested deeper than 200"),
        ("LD_FEATURE(x)", "unknown feature `x'"),
    ],
)
def test_errors(text: str, message: str) -> None:
    with pytest.raises(LinkError) as caught:
        read(text)
    assert message in str(caught.value)


def test_error_in_an_included_file() -> None:
    with pytest.raises(LinkError, match="one:2:1: error: syntax error"):
        read("INCLUDE one", one="a = 1;\n) b")


def test_includes_end() -> None:
    with pytest.raises(LinkError, match=f"INCLUDE nested deeper than {MAX_INCLUDES}"):
        read("INCLUDE one", one="INCLUDE one")


def test_many_parentheses_are_no_depth() -> None:
    script = read("x = " + "(" * 5000 + "1" + ")" * 5000 + ";")
    assert len(script.statements) == 1


def test_a_file_name_with_a_nul_is_a_file_that_is_not_there() -> None:
    """Whatever names it: INCLUDE, INPUT, or an implicit script."""
    assert r"cannot find linker script `a\x00b'" in errors_of(START, scripts=(("s", 'INCLUDE "a\0b"'),))
    assert "cannot find a\0b: No such file" in errors_of(START, scripts=(("s", 'INPUT("a\0b")'),))
