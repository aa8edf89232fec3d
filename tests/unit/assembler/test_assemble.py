"""Text in, object out: data, branches, relocations, symbols, errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from toyvm.assembler.assemble import assemble_text, assemble_texts
from toyvm.assembler.assembler_options import AssemblerOptions
from toyvm.base.errors import AssemblyError, UsageError
from toyvm.elf.architecture.attributes import decode
from toyvm.elf.object_file import ObjectFile, Section
from toyvm.relocations import R


def section(text: str, name: str = ".data", **options: Any) -> Section:
    found = assemble_text(text, "t.s", AssemblerOptions(**options)).section(name)
    assert found is not None
    return found


def relocs(made: ObjectFile, name: str = ".text") -> list[tuple[int, str, str, int]]:
    found = made.section(name)
    assert found is not None
    names = made.symbols.names
    return [(int(o), R(int(t)).name, names[int(s)], int(a)) for o, t, s, a in found.relocs.tolist()]


def symbol(made: ObjectFile, name: str) -> tuple[int, ...]:
    return tuple(made.symbols.array[made.symbols.names.index(name)].tolist())


@pytest.mark.parametrize(
    ("text", "data"),
    [
        (".byte 1, -1, 'a'", b"\x01\xffa"),
        (".half 0x1234", b"\x34\x12"),
        (".dword 1<<63", bytes(7) + b"\x80"),
        (".uleb128 624485", b"\xe5\x8e\x26"),
        (".sleb128 -123456", b"\xc0\xbb\x78"),
        (".float 1.5", b"\x00\x00\xc0\x3f"),
        ('.ascii "\\101\\x42\\n\\"", "x"', b'AB\n"x'),
        ('.asciz "a;b#c//d/*e*/"', b"a;b#c//d/*e*/\0"),
        (".byte 1 # one\n.byte 2 // two\n/* three\n*/ .byte 3; .byte 4", b"\1\2\3\4"),
        (".fill 2, 2, 0x0102", b"\2\1\2\1"),
        (".byte 1\n.balign 4, 0xff", b"\1\xff\xff\xff"),
        (".byte 1\n.p2align 3,,3\n.byte 2", b"\1\2"),
        (".byte 1\n.org 4, 7\n.byte 2", b"\1\7\7\7\2"),
        (".byte 1\n.subsection 1\n.byte 3\n.data\n.byte 2", b"\1\2\3"),
        ("a: .byte b - a\nb:", b"\1"),
        (".byte 1f - .\n1:", b"\1"),
        ("x = 5\n.byte x\nx = 6\n.byte x", b"\5\6"),
        (".byte late\n.set late, 9", b"\x09"),
        (".skip n, 7\n.set n, 3", b"\7\7\7"),
        (
            ".macro m a, b=2, c:vararg\n.byte \\a, \\b\n.ifnb \\c\nm \\c\n.endif\n.endm\nm 1\nm 3,4,5,6",
            b"\1\2\3\4\5\6",
        ),
        ('.macro m x\n.ascii "\\x"\n.endm\nm "a b"\nm \' \'', b"a b' '"),
        (".macro m\nl\\@: .byte \\@\n.exitm\n.byte 9\n.endm\nm\nm", b"\0\1"),
        (".rept 2\n.irp x, 1, 2\n.byte \\x\n.endr\n.endr", b"\1\2\1\2"),
        ('.irpc c, abc\n.ascii "\\c"\n.endr', b"abc"),
        (".if 0\n.byte 1\n.elseif 1\n.byte 2\n.else\n.byte 3\n.endif", b"\2"),
        (".ifdef x\n.byte 1\n.else\n.byte 2\n.endif\nx: .ifdef x\n.byte 3\n.endif", b"\2\3"),
        ('.ifc a, a\n.byte 1\n.endif\n.ifeqs "a", "b"\n.byte 2\n.endif', b"\1"),
        (".byte 1\n.end\n.byte 2", b"\1"),
    ],
)
def test_data(text: str, data: bytes) -> None:
    assert section(f".data\n{text}\n").data == data


def test_branch_out_of_reach_becomes_the_opposite_over_a_jump() -> None:
    made = assemble_text("start: beq a0, a1, far\n.skip 5000\nfar: nop\n", "t.s")
    text = made.section(".text")
    assert text is not None
    assert text.data[:4] == bytes.fromhex("6314b500")  # bne a0, a1, 8
    assert relocs(made) == [(4, "JAL", "far", 0)]
    assert symbol(made, "far")[4] == 5008


def test_growing_one_branch_pushes_another_out_of_reach() -> None:
    made = assemble_text("beq a0, a1, a\nbeq a0, a1, b\n.skip 4084\na: .skip 8\nb: nop\n", "t.s")
    assert [entry[1] for entry in relocs(made)] == ["JAL", "JAL"]


@pytest.mark.parametrize(("relax", "types"), [(True, ["CALL_PLT", "RELAX", "ALIGN"]), (False, ["CALL_PLT"])])
def test_relaxation(relax: bool, types: list[str]) -> None:
    made = assemble_text("call f\n.align 4\n", "t.s", AssemblerOptions(relax=relax))
    assert [entry[1] for entry in relocs(made)] == types


def test_differences_in_code_are_left_to_the_linker() -> None:
    made = assemble_text("a: call f\nb: .data\n.word b - a\n", "t.s")
    assert relocs(made, ".data") == [(0, "ADD32", "b", 0), (0, "SUB32", "a", 0)]


def test_symbols() -> None:
    made = assemble_text(
        ".globl f\n.type f, @function\nf: nop\n.size f, . - f\n.hidden f\n.comm c, 8, 4\n.weak w\n.set alias, f\n.L1: nop\n",
        "t.s",
    )
    assert symbol(made, "f")[1:] == (0x12, 2, 1, 0, 2)
    assert symbol(made, "c")[3:] == (0xFFF2, 4, 8)
    assert symbol(made, "alias")[1] == 2
    assert "w" not in made.symbols.names
    assert ".L1" not in made.symbols.names


def test_bss_takes_no_bytes() -> None:
    bss = section(".bss\n.zero 1 << 34\n", ".bss")
    assert (bss.size, bss.data) == (1 << 34, b"")


def test_architecture_is_recorded() -> None:
    made = assemble_text("nop", "t.s")
    assert made.e_flags == 5
    attributes = made.section(".riscv.attributes")
    assert attributes is not None and b"_c2p0_" in attributes.data


def test_defsym_include_and_several_texts(tmp_path: Path) -> None:
    (tmp_path / "x.inc").write_text(".byte N\n")
    options = AssemblerOptions(include_dirs=(str(tmp_path),), defsyms=(("N", 7),))
    made = assemble_texts([('.data\n.include "x.inc"', "a.s"), (".byte 8", "b.s")], "o", options)
    data = made.object.section(".data")
    assert data is not None and data.data == b"\x07\x08"
    assert made.included == (str(tmp_path / "x.inc"),)


def test_debug_lines() -> None:
    made = assemble_text("nop\nnop\n", "t.s", AssemblerOptions(debug_lines=True))
    assert {".debug_line", ".debug_info"} <= {part.name for part in made.sections}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("adi a0, a0, 1", ["t.s:1:1: error: unknown instruction 'adi'", "did you mean 'andi'?"]),
        (".wrod 5", ["unknown directive '.wrod'", "did you mean '.word'?"]),
        ("addi a0, a1", ["'addi' takes 3 operands, not 2", "expected addi rd, rs1, imm12"]),
        ("addi a0, a1, 5000", ["t.s:1:14: error: 5000 is not in -2048..2047", "             ^^^^"]),
        (
            "addi a0, spp, 5",
            ["operand 2 of 'addi' does not fit: 'spp'", "expected a register", "did you mean 'sp'?"],
        ),
        ("lw a0, 5", ["expected offset(register)"]),
        ("f: nop\nf: nop", ["t.s:2:1: error: symbol 'f' is already defined", "first defined at t.s:1"]),
        ("j 1f", ["there is no label '1:' after this"]),
        ("nop\n1: .word 2b", ["t.s:2:", "there is no label '2:' before this"]),
        (".if 1", ["the text ends before the .endif of this .if"]),
        (".macro m\nnop", [".macro without its end"]),
        (
            ".macro m\nbad\n.endm\nm",
            ["t.s:2:1: error: unknown instruction 'bad'", "t.s:4:1: note: in macro 'm' called here"],
        ),
        (".set a, b\n.set b, a", ["is defined in terms of itself"]),
        (".byte foo", ["no relocation for an address in 1 byte"]),
        (".option pop", [".option pop without .option push"]),
        ('.error "no"', ["t.s:1:1: error: no"]),
        (".zero 1 << 40", ["the limit is 268435456"]),
        (".align 40", ["0..2**16"]),
        (".cfi_startproc", ["missing .cfi_endproc"]),
        ('.include "nowhere.inc"', ["cannot find the file 'nowhere.inc'"]),
        (".option norvc\nc.addi a0, 1", ["t.s:2:1: error: 'c.addi' needs extension 'c', which rv64i2p1"]),
        (".option arch, rv64i\nmul a0, a0, a0", ["'mul' needs extension 'm'"]),
        (".option arch, rv64imaf\nfneg.d fa0, fa1", ["'fneg.d' needs extension 'd'"]),
        ("clz a0, a0", ["'clz' needs extension 'zbb'"]),
        (".option arch, -d\nc.fld fa0, 8(a0)", ["'c.fld' needs extension 'zcd'"]),
        ("c.lw t0, 0(a0)", ["t0 is not one of x8 to x15"]),
        ("c.addi4spn a0, sp, 0", ["0 is reserved here"]),
        ("c.lw a0, 3(a0)", ["3 is not a multiple of 4"]),
        ("c.lw a0, %lo(x)(a0)", ["there is no relocation for %lo in 16 bits"]),
        ("c.jr zero", ["x0 is reserved here"]),
        ("fadd.s fa0, a1, fa2", ["operand 2 of 'fadd.s' does not fit", "expected a floating-point register"]),
        ("fadd.s fa0, fa1, fa2, up", ["expected a rounding mode (rne, rtz, rdn, rup, rmm, dyn)"]),
        ("\x00", ["unexpected '\\x00'"]),
    ],
)
def test_errors(text: str, words: list[str]) -> None:
    with pytest.raises(AssemblyError) as caught:
        assemble_text(text, "t.s")
    for word in words:
        assert word in str(caught.value)


def test_many_errors_in_one_run_but_not_without_end() -> None:
    with pytest.raises(AssemblyError) as caught:
        assemble_text("bad1\nnop\nbad2\n", "t.s")
    assert len(caught.value.messages) == 2
    with pytest.raises(AssemblyError, match="more than 100 errors"):
        assemble_text("\n".join(f"bad{i}" for i in range(1000)), "t.s")


def test_warnings_can_be_errors() -> None:
    assert assemble_texts([(".byte 300", "t.s")], "t.o").warnings
    with pytest.raises(AssemblyError, match="--fatal-warnings"):
        assemble_text(".byte 300", "t.s", AssemblerOptions(fatal_warnings=True))


def test_a_comment_that_never_ends_is_told_with_its_place() -> None:
    (warning,) = assemble_texts([("nop; nop\nli a0, 1 /* abc\nnop\n", "t.s")], "t.o").warnings
    assert warning.startswith("t.s:2:1: warning: end of file in multiline comment")
    assert not assemble_texts([("nop /* a */ # /* b\nnop\n", "t.s")], "t.o").warnings


def test_what_an_architecture_lacks_is_made_of_what_it_has() -> None:
    for march, words in (
        ("rv64gc_zbb", ["60451513"]),
        ("rv64g", ["03851513", "43855513"]),
        ("rv64gc", ["1562", "9561"]),
    ):
        code = assemble_text("sext.b a0, a0", "t.s", AssemblerOptions(march=march)).sections[1].data
        lengths = [len(word) // 2 for word in words]
        at = [sum(lengths[:index]) for index in range(len(words))]
        pieces = [code[a : a + n][::-1].hex() for a, n in zip(at, lengths, strict=True)]
        assert (march, pieces) == (march, words)


def test_bad_march() -> None:
    with pytest.raises(UsageError):
        assemble_text("nop", "t.s", AssemblerOptions(march="rv17"))


@pytest.mark.parametrize(
    ("march", "added", "instruction", "size"),
    [
        ("rv64i", "zca", "li a0, 1", 2),
        ("rv64i", "zcb", "li a0, 1", 2),
        ("rv64i", "zcd", "c.fld fa0, 8(a0)", 2),
        ("rv64i", "zaamo", "amoadd.w a0, a1, (a2)", 4),
        ("rv64i", "zabha", "amoadd.d.aqrl a0, a1, (a2)", 4),
        ("rv64i", "zacas", "amoswap.w a0, a1, (a2)", 4),
        ("rv64i", "zalrsc", "lr.w a0, (a1)", 4),
        ("rv64i", "zmmul", "mulhu a0, a1, a2", 4),
        ("rv64i", "zihintntl", "nop", 4),
        ("rv64gc", "zca", "li a0, 1", 2),
        ("rv64gc", "zcmop", "li a0, 1", 2),
    ],
)
def test_option_arch_adds_parts_of_extensions(march: str, added: str, instruction: str, size: int) -> None:
    text = f".option push\n.option arch, {march}\n.option arch, +{added}\n{instruction}\n.option pop\n"
    made = assemble_text(text, "a.s", AssemblerOptions(march="rv64gc", relax=False))
    assert len(made.sections[1].data) == size


@pytest.mark.parametrize(
    ("added", "instruction", "message"),
    [
        ("zaamo", "lr.w a0, (a1)", "'lr.w' needs extension 'a' or 'zalrsc'"),
        ("zalrsc", "amoadd.w a0, a1, (a2)", "'amoadd.w' needs extension 'a' or 'zaamo'"),
        ("zmmul", "div a0, a1, a2", "'div' needs extension 'm'"),
        ("zca", "c.fld fa0, 8(a0)", "'c.fld' needs extension 'zcd'"),
        ("foo", "nop", "unknown extension 'foo'"),
    ],
)
def test_parts_of_extensions_are_only_parts(added: str, instruction: str, message: str) -> None:
    with pytest.raises(AssemblyError, match=message):
        assemble_text(f".option arch, rv64i\n.option arch, +{added}\n{instruction}\n", "a.s")


def test_norvc_ends_all_16_bit_instructions() -> None:
    text = ".option arch, rv64i_zcb\nli a0, 1\n.option norvc\nli a0, 1\n"
    assert assemble_text(text, "a.s", AssemblerOptions(relax=False)).sections[1].data[:6] == bytes.fromhex(
        "054513051000"
    )
    with pytest.raises(AssemblyError, match="needs extension 'c'"):
        assemble_text(text + "c.nop\n", "a.s")


def test_what_clang_writes_around_a_function() -> None:
    """Attributes by number, and the table of symbols whose address matters, which GNU as does not make."""
    text = """
        .attribute      4, 16
        .attribute      5, "rv64i2p1_zca1p0"
        .attribute      14, 3
        .attribute      16, 1
        .p2align        1
main:   call    f
        li      a0, 1
        .addrsig
        .addrsig_sym    f
        .addrsig_sym    never_mentioned
    """
    made = assemble_text(text, "a.s", AssemblerOptions(march="rv64i", relax=False))
    code, attributes = made.section(".text"), made.section(".riscv.attributes")
    assert code is not None and attributes is not None
    assert code.data[8:10] == bytes.fromhex("0545")  # `.attribute 5` sets the architecture, too
    assert decode(attributes.data, "a.o") == {4: 16, 5: "rv64i2p1_zca1p0", 14: 3, 16: 1}
    assert "f" in made.symbols.names and "never_mentioned" not in made.symbols.names


def test_given_files_are_all_that_a_text_can_read(tmp_path: Path) -> None:
    """A text of somebody else's must not read the host's files, under whatever name."""
    (tmp_path / "secret").write_bytes(b"secret")
    files = {"parts/a.inc": b'.incbin "b.bin", 1\n.incbin "../c.bin"', "parts/b.bin": b"123", "c.bin": b"4"}
    assert section('.data\n.include "./parts/a.inc"', files=files).data == b"234"
    for name in (
        str(tmp_path / "secret"),
        "../" * 20 + str(tmp_path / "secret"),
        "b.bin",
        "",
        "parts",
        "a\\0b",
    ):
        for directive in (".include", ".incbin"):
            with pytest.raises(AssemblyError, match="there is no file"):
                section(f'.data\n{directive} "{name}"', files=files)


def test_a_byte_order_mark_at_the_start_of_a_file_is_skipped() -> None:
    """Of the source and of a file that it includes; elsewhere it is a character that means nothing."""
    options = AssemblerOptions(files={"a.inc": b"\xef\xbb\xbf.equ NUMBER, 9\n"})
    marked = assemble_text('\ufeff.include "a.inc"\nli a0, NUMBER\n', "a.s", options)
    plain = assemble_text("li a0, 9\n", "a.s")
    assert [made.data for made in marked.sections] == [made.data for made in plain.sections]
    with pytest.raises(AssemblyError, match=r"a\.s:2:1: error"):
        assemble_text("nop\n\ufeffnop\n", "a.s")
