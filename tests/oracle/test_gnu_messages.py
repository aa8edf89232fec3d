"""--gnu-messages: the words, the order and the lines of GNU as, and the same bytes where it takes what others refuse."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.oracles import GNU_AS, OBJDUMP, READELF, require_oracle
from toyvm.assembler.assemble import assemble_texts
from toyvm.assembler.assembler_options import AssemblerOptions
from toyvm.base.errors import AssemblyError

pytestmark = pytest.mark.oracle

REFUSED = (
    ".data\n.dc.b 0x100, -0x100, -0xff, late\n.equ late, 256\n.dc.b late+1",
    ".byte later\n.set later, 0x1234",
    ".incbin \"/etc/\"",
    ".psize f,-7",
    ".hidden\n.internal\n.protected \n.local\n.weak\n.symver\n.type ",
    ".comm foo,8,8\n.symver foo,foo@V1\n.symver bar,bar@V1\n.comm bar,8,8",
    "foo:\n.section foo,\"a\"\n.section bar,\"a\"\nbar:",
    ".section .data,\"aw\",%progbits,unique,0x100000000\n.section .bss,\"aw\",%nobits,unique,foo",
    ".section .a,\"awo\",%progbits,bar\n.word 1\n.section .b,\"awo\",%progbits,1foo\n.word 2",
    "f:\n.byte 0\n.section .text.x,\"ax\"\n.size f, .-f",
    ".section .rodata, \"z~&q\"",
    ".set foo1,foo\n.globl foo1\n.comm foo,8,8",
    ".comm foo,8,8\n.set foo1,foo",
    ".comm foo,8,8\n.weak foo",
    ".weak foo\n.comm foo,8,8",
    ".symver foo,foo",
    "foo: .symver foo,foo@@@V1\n.symver foo,foo@@@V2",
    ".symver foo,foo@V1\n.symver foo,foo@V2",
    ".insn 0x4, rs1\n.insn 0x4 0x5\n.insn 0x4, 0x0001\n.insn 6, 0x100000000001f",
    "amoadd.w x8,x9,%tprel_add(i)(x10)",
    ".error \"an error\"\n.error\n.err\n.error \"\"\n.warning x",
    ".file 1 \"foo.c\"\n.file 2 baz.c\n.file 1 \"bar.c\"\n.loc 3 1\n.loc 1 1 1 1\n.loc 1 1 is_stmt 2\n.loc 1 1 isa -1",
    ".file 1 \"f.c\"\n.loc 1 1 frob\n.loc 1 1 view 0\n.loc 1 2 view 0",
    ".file <\"x\"\n.file not reached",
    ".macro m a\n.byte \\a\n.endm\nm 1, 2",
    ".rept -1\n.endr",
)  # fmt: skip

WARNED = (
    ".section AAA\n.global AAA\n.byte 1",
    ".type f,%function\n.type f,%object\nf:",
    ".endm\n.endr",
    ".purgem nothing",
    '# 100 "x.S"\n.warning "one"\n.warning "two"',
    ".attach_to_group a\n.attach_to_group b",
)

TAKEN = (
    '.data\n"a b": .byte 1\n.globl "a b"\n.word "a b"\n.equiv "s\\xa5", .',
    ".data\n.fill (b-a), 1, 13\na: .word 1\nb: .fill (b-a), 3, 0x12345\n",
    ".equiv two, 2*one\n.equ one, 1\n.eqv four, 4*one\n.data\n.if two > one\n.byte one, two\n.endif\n"
    ".equ one, -1\n.byte one, two\n.if four < one\n.byte four\n.endif",
    ".if x <> x\n.err\n.endif\n.equiv y, x\n.if x <> y\n.err\n.endif\n.equiv v, y + 1\n.equiv w, y - 1\n"
    ".if v - w <> 2\n.err\n.endif\n.if v == x\n.err\n.endif",
    '.section a,"a0x8000000x"\n.word 1\n.section .gnu.lto_x,"",%progbits\n.word 1',
    ".text\n.size a, 1\na: nop\n.size b, 3\nb: nop\n.set c, a\n.set c, b\n.set d, a",
    '.file "x.c"\na: nop\n.file "y.c"\nb: nop',
    ".option norelax\n.byte 1\n.align 2\nnop\n.byte 2\n.option arch, -c\n.align 3\nnop\n.fill 1,0,0\nnop",
    ".byte x\n.equ x,1\n.equ x,2\n.byte x",
    "s = nothing\n.section s\n.byte 42",
    ".text\n.dcb.s 2\n.dcb.d 1\n.dc.b -255, 255",
)


def ours(text: str) -> tuple[list[str], bytes]:
    """The messages, and the object if there is one."""
    options = AssemblerOptions(march="rv64gc", gnu_messages=True, include_dirs=())
    try:
        made = assemble_texts([(text, "a.s")], "a.o", options)
    except AssemblyError as error:
        return "\n".join(error.messages).splitlines(), b""
    return "\n".join(made.reports).splitlines(), made.output.file()


def gas(text: str, folder: Path) -> list[str]:
    """The messages of GNU as for a.s, which makes a.o."""
    (folder / "a.s").write_text(text)
    command = [GNU_AS, "-march=rv64gc", "-misa-spec=20191213", "a.s", "-o", "a.o"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.stderr.splitlines()


@pytest.mark.parametrize("text", [*REFUSED, *WARNED])
def test_messages_are_those_of_gas(text: str, tmp_path: Path) -> None:
    require_oracle(GNU_AS)
    assert ours(text + "\n")[0] == gas(text + "\n", tmp_path)


@pytest.mark.parametrize("text", TAKEN)
def test_what_gas_takes_gives_the_same_object(text: str, tmp_path: Path) -> None:
    require_oracle(GNU_AS, READELF, OBJDUMP)
    said, made = ours(text + "\n")
    assert said == gas(text + "\n", tmp_path) == []
    (tmp_path / "t.o").write_bytes(made)
    shown = []
    for name in ("a.o", "t.o"):
        commands = ((READELF, "-SrsW", "-x.text", "-x.data"), (OBJDUMP, "--syms", "--special-syms"))
        texts = [
            subprocess.run(
                [*command, name], cwd=tmp_path, capture_output=True, text=True, errors="replace", check=True
            ).stdout
            for command in commands
        ]
        lines = "".join(texts).replace(name, "").splitlines()
        shown.append(
            [
                line
                for line in lines
                if "offset" not in line
                and ".debug_" not in line
                and " Off " not in line
                and "] ." not in line
                and ".L0 " not in line
            ]
        )
    assert shown[1] == shown[0]


def test_build_notes_are_those_of_gas(tmp_path: Path) -> None:
    require_oracle(GNU_AS)
    text = ' nop\n call f\n .section .text.a,"ax"\n nop\n .section .text.c,"axG",@progbits,g,comdat\n nop\n'
    (tmp_path / "a.s").write_text(text.partition(" .section .text.c")[0])
    option = "--generate-missing-build-notes=yes"
    for march in ("rv64gc", "rv32gc"):
        for name, command in (
            ("g.o", [GNU_AS, "-misa-spec=20191213"]),
            ("t.o", [sys.executable, "-m", "toyvm", "as"]),
        ):
            subprocess.run(
                [
                    *command,
                    f"-march={march}",
                    f"-mabi={'lp64d' if march[2] == '6' else 'ilp32d'}",
                    option,
                    "a.s",
                    "-o",
                    name,
                ],
                cwd=tmp_path,
                check=True,
            )
        assert (tmp_path / "t.o").read_bytes() == (tmp_path / "g.o").read_bytes()


def test_listing_with_the_command(tmp_path: Path) -> None:
    """-ag shows version, options and files; a listing comes in spite of errors."""
    (tmp_path / "a.s").write_text(" nop\n frob\n")
    command = [sys.executable, "-m", "toyvm", "as", "--gnu-messages", "-aglnc", "a.s", "-o", "a.o"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "unrecognized opcode `frob'" in done.stderr
    assert " options passed\t: --gnu-messages -aglnc -o" in done.stdout and "\t frob" in done.stdout
    assert not (tmp_path / "a.o").exists()


def test_multibyte_warnings(tmp_path: Path) -> None:
    require_oracle(GNU_AS)
    (tmp_path / "a.s").write_text(".globl h\u00e9\nh\u00e9: .word 1\n# \u00e9\u00e9\u00e9\u00e9\n")
    for how in ("allow", "warn", "warn-sym-only"):
        said = []
        for command in ([GNU_AS], [sys.executable, "-m", "toyvm", "as", "--gnu-messages"]):
            done = subprocess.run(
                [*command, f"--multibyte-handling={how}", "a.s"],
                cwd=tmp_path,
                capture_output=True,
                text=True,
                check=True,
            )
            said.append(done.stderr.count("Warning: multibyte" if how == "warn" else "contains multibyte"))
        assert said[0] == said[1]


@pytest.mark.parametrize(
    "line", ["add a0, s2, a1", "lw a0, 4(t3)", "call f, t6", "mv s11, a0", "lw a0, 4(s1)", "la t2, f"]
)
def test_an_embedded_architecture_has_16_registers(line: str, tmp_path: Path) -> None:
    require_oracle(GNU_AS)
    (tmp_path / "a.s").write_text(f" {line}\n")
    command = [GNU_AS, "-march=rv32e", "-mabi=ilp32e", "a.s"]
    taken = not subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode
    try:
        assemble_texts([(f" {line}\n", "a.s")], "a.o", AssemblerOptions(march="rv32e"))
    except AssemblyError as error:
        assert not taken and "the architecture ends at x15" in str(error)
    else:
        assert taken
