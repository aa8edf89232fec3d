"""What the loader reads: symbols, relocations, PLT, .dynamic."""

from __future__ import annotations

import struct

import pytest

from tests.support.small_links import START, elf_of, errors_of, link_all, obj, shared
from toyvm.elf import constants as c
from toyvm.elf.elf_file import ElfFile
from toyvm.elf.hashes import Effort, GnuHash, bloom_words, gnu_hash_header, hash_words
from toyvm.linker.link_options import Input

LIBRARY = """
        .globl function, datum, own
        .type function,@function
        .type own,@function
        .type datum,@object
function: ret
own:    tail function
        .data
datum:  .dword 1
        .size datum, 8
        .globl table
table:  .dword own, hidden, weak_one
        .hidden hidden
        .globl hidden
        .weak weak_one
hidden: .dword 5
"""


def pic(text: str, name: str = "a.o") -> Input:
    return Input(object=obj(text, name, pic=True))


def test_shared_object() -> None:
    result = link_all(pic(LIBRARY), kind="shared", soname="lib.so", rpath=("/x", "$ORIGIN"))
    elf = elf_of(result)
    symbols = elf.symbols(".dynsym")
    assert symbols is not None
    assert set(symbols.names) == {"", "function", "datum", "own", "table", "weak_one"}
    assert (elf.soname, elf.runpath) == ("lib.so", "/x:$ORIGIN")
    # own: preemptible; hidden: this file's own; weak_one: perhaps somebody's. The call goes through the PLT.
    assert result.load_relocations == {"R_RISCV_64": 2, "R_RISCV_RELATIVE": 1}
    assert result.lazy_relocations == {"R_RISCV_JUMP_SLOT": 1}
    assert elf.dynamic_value(c.DT_RELACOUNT) == 1


def test_symbolic_needs_no_look_up() -> None:
    result = link_all(pic(LIBRARY), kind="shared", symbolic="all")
    assert result.load_relocations == {"R_RISCV_64": 1, "R_RISCV_RELATIVE": 2}
    assert not result.lazy_relocations
    assert elf_of(result).dynamic_value(c.DT_FLAGS) == c.DF_SYMBOLIC


def test_version_script_keeps_names_inside() -> None:
    result = link_all(pic(LIBRARY), kind="shared", version_script="{ global: fun*; local: *; };")
    symbols = elf_of(result).symbols(".dynsym")
    assert symbols is not None and [
        n for n in symbols.names if n in ("function", "own", "datum", "table")
    ] == ["function"]


def test_program_copies_data_and_calls_through_the_plt() -> None:
    text = START + "call function\nlui a0, %hi(datum)\naddi a0, a0, %lo(datum)\n"
    result = link_all(text, shared("lib.so", LIBRARY))
    assert result.load_relocations == {"R_RISCV_COPY": 1}
    assert result.lazy_relocations == {"R_RISCV_JUMP_SLOT": 1}
    assert result.needed == ("lib.so",)
    elf = elf_of(result)
    assert elf.interpreter == "/lib/ld-linux-riscv64-lp64d.so.1"
    assert elf.dynamic_value(c.DT_PLTGOT) == result.layout.start(".got.plt")
    got_plt = elf.at_address(result.layout.start(".got.plt"), 24)
    assert struct.unpack("<3Q", got_plt) == ((1 << 64) - 1, 0, result.layout.start(".plt"))


def test_address_of_a_library_function_in_a_program_is_its_plt_entry() -> None:
    text = START + "lui a0, %hi(function)\naddi a0, a0, %lo(function)\n"
    result = link_all(text, shared("lib.so", LIBRARY))
    symbols = elf_of(result).symbols(".dynsym")
    assert symbols is not None
    row = symbols.array[symbols.names.index("function")]
    assert (row["st_shndx"], row["st_value"]) == (0, result.layout.start(".plt") + 32)


def test_pie() -> None:
    text = START + "la a0, datum\n.data\n.dword _start\n"
    result = link_all(pic(text), shared("lib.so", LIBRARY), kind="pie")
    assert result.load_relocations == {"R_RISCV_64": 1, "R_RISCV_RELATIVE": 1}
    assert elf_of(result).dynamic_value(c.DT_FLAGS_1) == c.DF_1_PIE


def test_now_protects_the_table_of_the_plt() -> None:
    result = link_all(START + "call function\n", shared("lib.so", LIBRARY), now=True)
    assert ".got.plt" not in result.sizes
    assert elf_of(result).dynamic_value(c.DT_FLAGS) == c.DF_BIND_NOW


def test_library_of_a_library() -> None:
    inner = shared("inner.so", ".globl inner\n.type inner,@function\ninner: ret\n")
    outer = shared("outer.so", ".globl outer\n.type outer,@function\nouter: tail inner\n", inner)
    assert elf_of(link_all(START + "call outer\n", outer)).needed == ["outer.so"]
    loose = shared("outer.so", ".globl outer\n.type outer,@function\nouter: tail inner\n")
    assert "outer.so: undefined reference to `inner'" in errors_of(START + "call outer\n", loose)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("lui a0, %hi(x)\n", "relocation R_RISCV_HI20 against `x' can not be used when making a shared object; recompile with -fPIC"),
        ("lla a0, x\n", "relocation R_RISCV_PCREL_HI20 against `x' can not be used"),
        (".section .rodata\n.dword x\n", "relocation R_RISCV_64 against `x' in read-only section"),
    ],
)  # fmt: skip
def test_code_that_is_not_position_independent(code: str, message: str) -> None:
    assert message in errors_of(code + ".data\n.globl x\nx: .dword 1\n", kind="shared")


def test_undefined_in_shared_object() -> None:
    assert link_all(pic("call nothing\n"), kind="shared").lazy_relocations
    assert "undefined reference to `nothing'" in errors_of(pic("call nothing\n"), kind="shared", defs=True)


@pytest.mark.parametrize("used", [False, True])
def test_static_tls_is_said_when_code_that_stays_is_of_the_initial_exec_model(used: bool) -> None:
    text = (
        '.globl f\nf: ret\n.section .text.g,"ax"\ng: la.tls.ie a0, t\nret\n'
        '.section .tbss,"awT",@nobits\nt: .zero 4\n'
    )
    text += ".text\n.dword g\n" if used else ""
    result = link_all(obj(text, pic=True), kind="shared", gc_sections=True, text_relocations=True)
    flags = elf_of(result).dynamic_value(c.DT_FLAGS) or 0
    assert bool(flags & c.DF_STATIC_TLS) == used


def gnu_hashed(elf: ElfFile) -> set[str]:
    """The names that a look-up by .gnu.hash finds."""
    symbols, section = elf.symbols(".dynsym"), elf.section(".gnu.hash")
    assert symbols is not None and section is not None
    table = elf.contents(section)
    header = gnu_hash_header(table)
    end = 16 + 8 * header.bloom_words
    words = hash_words(table[end:])
    found = GnuHash(
        header.first,
        header.shift,
        bloom_words(table[16:end]),
        words[: header.buckets],
        words[header.buckets :],
        Effort(),
    )
    return {name for at, name in enumerate(symbols.names) if name and at in found.candidates(name.encode())}


def test_what_libraries_share_with_a_program_is_found_by_hash() -> None:
    """The copy of a datum, the canonical address of a function, and what the program defines; not what it imports."""
    text = ".data\n.dword function, called\n.globl word\nword: .word datum\n.text\ncall own\ncall called\n"
    library = shared(
        "lib.so", LIBRARY + ".text\n.globl called\n.type called,@function\ncalled: ret\ncall word\n"
    )
    program = START + ".option norelax\nlui a0, %hi(function)\nlui a0, %hi(called)\n" + text
    elf = elf_of(link_all(program, library))
    symbols = elf.symbols(".dynsym")
    assert symbols is not None
    assert gnu_hashed(elf) == {"function", "called", "datum", "word"}
    rows = dict(zip(symbols.names, symbols.array, strict=True))
    for name in ("function", "called"):
        assert rows[name]["st_shndx"] == c.SHN_UNDEF and rows[name]["st_value"]
    assert rows["own"]["st_shndx"] == rows["own"]["st_value"] == 0


def test_old_and_new_tags() -> None:
    """--disable-new-dtags: DT_RPATH, DT_BIND_NOW and no DT_FLAGS, as by GNU ld."""
    for new in (True, False):
        options = {"rpath": ("/x", "/y"), "now": True, "origin": True, "symbolic": "all", "new_dtags": new}
        elf = elf_of(link_all(pic(LIBRARY), kind="shared", **options))
        old_path, new_path = elf.dynamic_value(c.DT_RPATH), elf.dynamic_value(c.DT_RUNPATH)
        assert [tag is None for tag in (old_path, new_path)] == [new, not new]
        assert elf.dynamic_string((new_path if new else old_path) or 0) == "/x:/y"
        assert elf.dynamic_value(c.DT_BIND_NOW) == (None if new else 0)
        flags = c.DF_ORIGIN | c.DF_SYMBOLIC | c.DF_BIND_NOW if new else None
        assert elf.dynamic_value(c.DT_FLAGS) == flags
        assert elf.dynamic_value(c.DT_FLAGS_1) == c.DF_1_NOW | c.DF_1_ORIGIN
