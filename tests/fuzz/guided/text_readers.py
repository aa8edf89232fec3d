"""The readers of texts that people write: assembly, linker scripts, version scripts, directives, command lines."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
import zlib
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from pathlib import Path
from unittest.mock import patch

from tests.support.scripts_to_compare import OBJECTS
from tests.support.small_links import obj
from toyvm.assembler.assemble import assemble_texts
from toyvm.assembler.assembler_options import AssemblerOptions
from toyvm.assembler.directives.control_flow import FLOW
from toyvm.assembler.listing import Command, listing
from toyvm.assembler.statement_loop import DIRECTIVES
from toyvm.base.errors import AssemblyError, DiagnosticsError, LinkError, NotFoundError, ToyvmError
from toyvm.base.sample_directives import parse_directives
from toyvm.batch.grade.assignment import parse_assignment
from toyvm.batch.grade.differences import difference
from toyvm.elf.elf_file import ElfFile
from toyvm.elf.object_reader import read_object
from toyvm.isa.pseudo import PSEUDOS
from toyvm.isa.table import INSNS
from toyvm.linker.link import link
from toyvm.linker.link_options import Input, LinkOptions
from toyvm.linker.script.reading.grammar import _KEYWORDS

ROOT = Path(__file__).resolve().parents[3]
_SMALL = 2500  # bytes of a source that is a seed


# Assembly


def assembly(data: bytes) -> None:
    """`toyvm as` with options that the input's checksum chooses, and a listing; the object is read again."""
    bits = zlib.crc32(data)
    options = AssemblerOptions(
        files={"x": b'.word 1\n.include "x"\n', "y": bytes(9)},
        relax=bool(bits & 1),
        pic=bool(bits & 2),
        debug_lines=bool(bits & 4),
        keep_locals=bool(bits & 8),
        listing=bool(bits & 16),
        alternate=not bits & 0x60,
        always_write=not bits & 0x180,
        stt_common=not bits & 0xE00,
        fatal_warnings=not bits & 0x7000,
        march=("rv64gc", "rv64i", "rv64gcv_zba_zbb_zcb", "rv32imafdc")[bits >> 16 & 3],
        gnu_messages=bool(bits & 1 << 18),
        dwarf_level=(0, 0, 2, 3, 4, 5, 5, 0)[bits >> 19 & 7],
        cie_version=(1, 3, 3, 4)[bits >> 22 & 3],
        csr_check=not bits >> 24 & 3,
        multibyte=("allow", "warn", "warn-sym-only", "allow")[bits >> 26 & 3],
        stack_note=(None, True, False, None)[bits >> 28 & 3],
        arch_attribute=bool(bits & 1 << 30),
        defsyms=(("x", 3),) if bits >> 31 else (),
    )
    try:
        made = assemble_texts([(data.decode("utf-8", "surrogateescape"), "fuzz.s")], "fuzz.o", options)
    except AssemblyError as error:
        assert error.messages
        return
    if options.listing:
        listing(made, "cdghlmns", Command("v", ("-a",), ("fuzz.s",), "fuzz.o"))
    again = read_object(made.output.file(), "fuzz.o")
    assert [section.name for section in again.sections] == [section.name for section in made.object.sections]


_SNIPPETS = (
    ".macro add2 a, b=1, rest:vararg\n.ifnc \\a, \\b\n addi \\a, \\a, \\b\n.endif\n.endm\nadd2 a0, 4\nadd2 a=a1\n",
    ".altmacro\n.macro m x\nlocal l\nl\\x: .byte x\n.endm\nm %1+1\n.noaltmacro\n.rept 3\n nop\n.endr\n",
    ".irp r, a0, a1, a2\n li \\r, 100000\n.endr\n.irpc c, abc\n.ascii \"\\c\"\n.endr\n",
    "f: .cfi_startproc\n addi sp, sp, -16\n .cfi_def_cfa_offset 16\n .cfi_offset ra, -8\n .cfi_remember_state\n ret\n"
    " .cfi_restore_state\n .cfi_endproc\n",
    '.file 1 "x.c"\n.loc 1 3 4 is_stmt 0\n nop\n.loc 1 4\n nop\n.section .debug_str,"MS",@progbits,1\n.string "x"\n',
    '.section .a,"aG",@progbits,grp,comdat\n.word 1\n.section .b,"awT",@nobits\n.skip 8\n.text\n.subsection 1\n nop\n.previous\n',
    ".set x, 4\n.equ y, x*2+1\n.if x > y\n.word x\n.else\n.word y-x, 1f-., (x<<2)|3\n.endif\n1: .balign 16, 0\n.org 64\n",
    "a: auipc a0, %pcrel_hi(b)\n addi a0, a0, %pcrel_lo(a)\n la a1, b\n call b@plt\n lui a2, %hi(b)\n lw a2, %lo(b)(a2)\n",
    "la.tls.ie a0, t\nla.tls.gd a0, t\n lui a5, %tprel_hi(t)\n add a5, a5, tp, %tprel_add(t)\n.section .tdata,\"awT\"\nt: .dword 0\n",
    ".option push\n.option norvc\n.option arch, +zba\n sh1add a0, a1, a2\n.option pop\n.attribute arch, \"rv64gc\"\n",
    ".float 1.5, nan, inf\n.double 0x1p-3\n.uleb128 300, b-a\n.sleb128 -5\na: .zero 9\nb: .fill 3, 2, 7\n.octa 1\n.half a-b\n",
    '.globl f\n.type f, @function\n.weak g\n.hidden h\n.comm c, 16, 8\n.lcomm d, 4\n.symver f, f@@V1\nf: ret\n.size f, .-f\n.ident "x"\n',
    ".insn r 0x33, 0, 0, a0, a1, a2\n.insn 0x13\n.reloc ., R_RISCV_NONE, f\nf: fadd.d fa0, fa1, fa2, rtz\n amoadd.w.aq a0, a1, (a2)\n",
    "csrrw a0, mstatus, a1\n fence rw, w\n li a0, 0x123456789abcdef\n beqz a0, f\n j f\nf: tail f\n c.nop\n vsetvli t0, a0, e8, m1\n",
    '.error "no"\n.warning "w"\n.print "p"\n.title "t"\n.psize 10, 20\n.eject\n.list\n.nolist\n.end\n',
    '.file 1 "d/a.c"\n.loc 1 3 4 view .V0\nnop\n.loc 1 4 view 0\n.loc 1 5 view -0\ncall f\n.loc 1 6 view .V1\n.uleb128 .V1\n'
    '.loc_mark_labels 1\nl: nop\n.file 0 "/r" "m.c" md5 0x95828e8bc4f7404dbf7526fb7bd0f192\n.loc 0 1 discriminator 3 isa 2\nnop\n',
    '# 10 "a.S" 1\n"q \\x41": .word "q \\x41" - .\n# 0 "" 2\n.fill (e-b), 3, 0x102\nb: .byte 1\ne:\n.equiv t, 2*o\n.equ o, 1\n'
    '.if t > o\n.endif\n.equ o, 300\n.byte o, late\n.equ late, 7\n.equiv y, u\n.if y + 1 <> u\n.endif\n',
    '.section .o,"awo",%progbits,f\n.section .n,"a0x100000x",@0x6,unique,3\n.section .gnu.lto_a,"e"\n.attach_to_group g\n'
    'f: .long .sizeof.(.text)\n'
    '.option norelax\n.byte 1\n.align 3\nnop\n.symver f,f@@V,remove\n.symver f,f@W\n.type f,%object\n.type f,%function\n',
    '.insn r 0x33, 0, 0, a0, a1, a2\n.insn i 0x13, 0, a0, a1, 1\n.insn ci 1, 0, a0, 1\n.insn 6, 0x1f\n.dcb.d 2, 1e9\n'
    '.ds.x 3\n.nops 12\n.nop 3\n'
    '.struct 4\ns: .skip 8\n.text\n.variant_cc f\n.weakref w, f\ncall w\nf: .gnu_attribute 4, 1\n.octa -1\n.dtprelword f\n',
    '.include "x"\n.incbin "y", 1, 2\n.purgem m\n.exitm\n.ifdef x\n.elseif 1\n.ifb \n.endif\n.endif\n.pushsection .x\n.popsection\n',
)  # fmt: skip


def samples() -> Iterable[bytes]:
    """Short texts with every kind of directive, and the small sources of the tree."""
    yield from (text.encode() for text in _SNIPPETS)
    for folder in ("asm", "tests/guest"):
        for path in sorted((ROOT / folder).glob("*.s")):
            if path.stat().st_size < _SMALL:
                yield path.read_bytes()


@cache
def assembly_words() -> list[str]:
    """Mnemonics, directives, registers, modifiers, punctuation."""
    pieces = "a0 sp zero fa0 x31 foo bar .L1 1f 1b . 1: foo: ( ) , + - * / % << >> = == ; # // /* */ \\ \\@ \\() @ : ' \" %hi( %lo( "
    pieces += '%pcrel_hi( %pcrel_lo( %got_pcrel_hi( %tprel_hi( mstatus rw @progbits "ax" push pop rvc arch comdat && || ! ~ < > & | ^ $ '
    pieces += '"x" 0x7fffffffffffffff 99999999999999999999 -1 0b1 017 1.5e9 nan (a0) 4(sp) @plt \x00 é %( 1+ .=.+4 \\a \\b vararg req'
    return [*INSNS, *PSEUDOS, *DIRECTIVES, *DIRECTIVES, *DIRECTIVES, *FLOW, *FLOW, *(pieces.split(" ") * 6)]


# Linker scripts


@cache
def _script_objects() -> list[Input]:
    return [Input(object=obj(text, f"{name}.o")) for name, text in OBJECTS.items()]


def linker_script(data: bytes) -> None:
    """A link by the script, of two objects with sections of all kinds; the output is read again."""
    text = data.decode("utf-8", "surrogateescape")
    bits = zlib.crc32(data)
    options = LinkOptions(
        scripts=(("fuzz.ld", text),),
        gc_sections=not bits & 3,
        relax=not bits & 12,
        kind=("exec", "exec", "exec", "pie", "shared", "exec", "exec", "exec")[bits >> 4 & 7],
        orphan_handling=("place", "place", "warn", "error", "discard")[bits >> 8 & 3],
        unique=not bits & 0x3C00,
    )
    try:
        result = link(_script_objects(), options)
    except LinkError as error:
        assert error.messages
        return
    elf = ElfFile.parse(result.image, "out")
    for section in elf.sections:
        elf.contents(section)


_SCRIPTS = (
    "SECTIONS { . = 0x10000; .text : { *(.text .text.*) } .data : ALIGN(16) { *(.data*) } .bss : { *(.bss) *(COMMON) } }",
    "MEMORY { rom (rx) : ORIGIN = 0x1000, LENGTH = 64K ram (w) : o = 0x80000000, l = 1M }\nREGION_ALIAS(\"R\", ram)\n"
    "SECTIONS { .text : { KEEP(*(.init)) *(.text) } > rom .data : { *(.data) } > R AT> rom =0x90\n .b (NOLOAD) : { *(.bss) } > ram }",
    "ENTRY(_start) PHDRS { text PT_LOAD FILEHDR PHDRS; data PT_LOAD FLAGS(6); }\nSECTIONS { . = 0x20000 + SIZEOF_HEADERS;\n"
    ".text : { *(.text) } :text .data : { a = .; *(SORT_BY_NAME(.data.*)) QUAD(a) BYTE(1) FILL(7) . += 8; } :data\n"
    "/DISCARD/ : { *(.comment) } }",
    "PROVIDE(x = ADDR(.text) + 4); ASSERT(x > 0, \"no\") SECTIONS { .text 0x8000 : AT(0x100) SUBALIGN(8) { *(EXCLUDE_FILE(*b.o) .text) }\n"
    "OVERLAY 0x9000 : NOCROSSREFS { .o1 { *(.data) } .o2 { *(.rodata) } } end = MAX(., DEFINED(y) ? y : 1 << 4); }",
    "SECTIONS { .r : { *(SORT_BY_INIT_PRIORITY(.init_array.*)) *(REVERSE(SORT(.data.*))) INPUT_SECTION_FLAGS(SHF_WRITE) *(.x) } }\n"
    "INSERT AFTER .text;",
    "VERSION { V1 { global: main; local: *; }; } OUTPUT_FORMAT(elf64-littleriscv) INPUT(-lc) GROUP(AS_NEEDED(x)) SEARCH_DIR(/lib)",
)  # fmt: skip


def scripts() -> Iterable[bytes]:
    yield from (text.encode() for text in _SCRIPTS)


@cache
def script_words() -> list[str]:
    names = (
        ".text .data .bss .rodata COMMON * a b main _start . rom ram :text =0 > AT> { } ( ) ; : , + - * / % "
    )
    names += '<< >> ? && || ! ~ == <= += "x" 64K 1M'
    return [*_KEYWORDS.split(), *(names.split() * 3)]


# Version scripts


@cache
def _version_input() -> list[Input]:
    text = "".join(f".globl f{n}\nf{n}: ret\n" for n in range(6)) + ".symver f0, g@V1\n.symver f1, g@@V2\n"
    return [Input(object=obj(text, "v.o", pic=True))]


def version_script(data: bytes) -> None:
    """A shared library by the version script; the output is read again."""
    try:
        result = link(
            _version_input(),
            LinkOptions(kind="shared", version_script=data.decode("utf-8", "surrogateescape")),
        )
    except LinkError as error:
        assert error.messages
        return
    ElfFile.parse(result.image, "out").symbols(".dynsym")


def versions() -> Iterable[bytes]:
    yield b"V1 { global: f0; f1; g; local: *; };\nV2 { global: f2; f[3-4]; } V1;\n"
    yield b'{ global: f*; extern "C" { "f5"; f?; }; local: *; }; # x\n'
    yield b"V1 { /* c */ f0; }; V2 { g; } V1; V3 { local: f1; } V1 V2;"


_VERSION_WORDS = (
    'V1 V2 V3 { } ; : global: local: * f0 f1 f? f[0-9] f[ extern "C" "C++" "f2" g@V1 g # /* */ \n [!a-z]'
)


@cache
def version_words() -> list[str]:
    return _VERSION_WORDS.split(" ")


# Directives in samples


def directives(data: bytes) -> None:
    """The `# toyvm: KEY: VALUE` lines of a source."""
    with contextlib.suppress(ToyvmError):
        parse_directives(data.decode("utf-8", "surrogateescape"), "fuzz.s")


def directive_seeds() -> Iterable[bytes]:
    yield b"# toyvm: libs: m dl\n# toyvm: linkage: static, dynamic\n# toyvm: with: a.s b.s\n# toyvm: shared: p.s -> p.so\n"
    yield b'// toyvm: file: /tmp/x "a\\nb"\n/* toyvm: exit: 3 */\n# toyvm: base: 0x10000\n# toyvm: qemu: no reason\n'
    yield b"# toyvm: args: a 'b c'\n# toyvm: env: A=B\n# toyvm: stdin: x\\ty\n# toyvm: preload: q.s\n"


@cache
def directive_words() -> list[str]:
    keys = "libs linkage with shared preload env args file exit base stdin qemu"
    return [f"# toyvm: {key}: " for key in keys.split()] + [
        "->",
        "'",
        '"',
        "\\",
        "\n",
        "*/",
        "static",
        "/x",
        "0x",
        "1e9",
    ]


# Assignments of `toyvm grade`

_ASSIGNMENT = """title = "t"
[build]
with = ["x"]
include = ["y"]
linkage = "both"
points = 1
[limits]
instructions = 100_000
memory = "1M"
[machine]
engine = "reference"
[[test]]
name = "a"
args = ["1"]
stdin = "x"
env = { A = "b" }
files = { "/tmp/a" = "b" }
files_from = { "/tmp/b" = "x" }
expect.stdout = { pattern = '^a(b|c)*$' }
expect.files = { "/tmp/a" = { lines = "a\\nb" } }
expect.at_most = { instructions = 10_000 }
expect.exit = 3
"""


def assignment(data: bytes) -> None:
    """An assignment, which names two files; and the difference of two texts."""
    text = data.decode("utf-8", "surrogateescape")
    files = {"x": b"contents", "y": b"\xff"}

    def read(name: str) -> bytes:
        if name not in files:
            raise NotFoundError(f"{name}: No such file or directory")
        return files[name]

    first, _, second = text.partition("]")
    if first != second:
        difference(first, second)
    try:
        parse_assignment(text, "a.toml", read)
    except DiagnosticsError as error:
        assert error.messages


def assignments() -> Iterable[bytes]:
    yield _ASSIGNMENT.encode()
    for path in sorted((ROOT / "docs/grading").glob("*.toml")):
        yield path.read_bytes()


@cache
def assignment_words() -> list[str]:
    from toyvm.batch.grade.assignment import Bounds, Build, Expectation, Machine, Test, Top

    keys = [
        name.rstrip("_") for kind in (Top, Build, Bounds, Machine, Test, Expectation) for name in kind.rows
    ]
    return [*keys, *_TOML.split()]


_TOML = """[[test]] [test.expect] [build] = { } [ ]
    , . "x" 'y' true false 1e9 nan -1 1_0 0x1f 2020-01-01 inf 1M "(a*)*b" "[" "\\ud800" \"\"\""""

# Command lines

_NO_FILES = (
    "as",
    "ld",
    "run",
    "binutils.nm",
    "binutils.readelf",
    "binutils.objdump",
    "binutils.size",
    "binutils.ar",
    "policies",
)


def options(data: bytes) -> None:
    """A command line, whose first word is a command; the files that it names do not exist."""
    words = [word for word in data.decode("utf-8", "replace").split("\n") if "\0" not in word]
    if not words:
        return
    command = (
        _NO_FILES[zlib.crc32(words[0].encode()) % len(_NO_FILES)] if words[0] not in _NO_FILES else words[0]
    )
    inputs = [word for word in words[1:] if "/" not in word and not os.path.exists(word)]
    if command == "run":
        from toyvm.cli.run import parser
        from toyvm.cli.run_parser import parse
        from toyvm.run_options import CommandOptions

        call = lambda: parse(CommandOptions, parser(), inputs)  # noqa: E731 - one of three forms of the same call
    elif command == "ld":
        from toyvm.cli.linking.parsing import link_options
        from toyvm.cli.linking.parsing import parse as parse_ld

        call = lambda: link_options(parse_ld(inputs))  # noqa: E731
    else:
        main = import_module(f"toyvm.cli.{command}_" if command == "as" else f"toyvm.cli.{command}").main
        call = lambda: main([*inputs, "no-such-file"])  # noqa: E731
    out, err = io.StringIO(), io.StringIO()
    with (
        tempfile.TemporaryDirectory() as folder,  # where `ar r` and others write
        contextlib.chdir(folder),
        patch("sys.stdin", io.TextIOWrapper(io.BytesIO(data))),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        Path("r").write_bytes(data)  # what @r names
        try:
            call()
        except SystemExit as end:  # argparse
            assert end.code in (0, 1, 2)
        except OSError as failure:  # `cli.run_process` makes a message of it
            assert failure.filename is not None or failure.strerror
        except ToyvmError as error:
            assert str(error)


def option_seeds() -> Iterable[bytes]:
    yield b"ld\n-o\nx\n--defsym\na=1+2\n-Ttext=0x1000\n-z\nmax-page-size=4096\n--build-id=0x12\n-l\nc\n--hash-style=both"
    yield b"ld\n--section-start=.x=0x100\n--start-group\na.o\n--end-group\n--push-state\n--pop-state\n-y\nf\n--wrap=m\n-m\nelf64lriscv"
    yield b"run\n--memory\n64M\n--cpus=4\n--date\n2020-01-01T00:00:00\n-E\nA=B\n--trace=faults,cow\n--swap\n1G\n--break\nmain\nprog\narg"
    yield b"run\n--max-instructions\n1e6\n--quantum\n5\n--engine\nllvm\n--thp=always\n--stack-at\n0x1000\n--no-mmu\nx"
    yield b"as\n-march=rv64gc_zba\n-mabi=lp64d\n--defsym\nx=0x10\n-g\n-aln=y\n-I\nd"
    yield b"binutils.readelf\n-x\n.text\n-W\n-a\n--hex-dump=1\n-p\n.s"
    yield b"binutils.objdump\n-d\n-j\n.text\n--start-address=0x10\n--stop-address=020\n-M\nno-aliases"
    yield b"binutils.ar\nrcsD\nlib.a\na.o"
    yield b"ld\n@r\n'a b' \"c\" \\x"
    yield b"policies\n--string\n1,2,3,4\n--frames\n1..8:1\n--policy\nlru,opt\n--seed\n3"


_VALUES = "64M 1G -1 0 1e9 0x 0xfffffffffffffffff 9999999999999999999999 = , : .. a=b now 1970-01-01 x.o main *0x10 é"


@cache
def option_words() -> list[str]:
    from toyvm.cli.linking.option_table import LONG  # what GNU ld's long options are
    from toyvm.run_options import CommandOptions

    flags = [flag for row in CommandOptions.rows.values() for flag in (row.flags or ())]
    values = _VALUES.split()
    return [
        *(f"\n{flag}" for flag in flags),
        *(f"\n--{name}" for name in LONG),
        *(f"\n{v}" for v in values),
        *values,
        "\n",
    ]
