"""Wild text: whatever is written, the assembler gives an object or AssemblyError, soon, and never anything else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toyvm.assembler.assemble import assemble_text
from toyvm.assembler.assembler_options import AssemblerOptions
from toyvm.assembler.directives.control_flow import FLOW
from toyvm.assembler.statement_loop import DIRECTIVES
from toyvm.base.errors import AssemblyError
from toyvm.elf.object_reader import read_object
from toyvm.elf.object_writer import write_object
from toyvm.isa.encoded.table import ENCODED, MORE_PSEUDOS
from toyvm.isa.pseudo import PSEUDOS
from toyvm.isa.table import INSNS

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = [path.read_text() for path in sorted((ROOT / "asm").glob("*.s"))[:12]]
SETTINGS = settings(
    max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
OPTIONS = AssemblerOptions(files={})
WIDE = AssemblerOptions(
    march="rv64imaqv_zicsr_zca_zcmp_zcmt_zvbb_xtheadmemidx_xtheadmempair", files={}, csr_check=True
)
NARROW = AssemblerOptions(march="rv32gcv_zbb_zbkb", files={}, gnu_messages=True, priv_spec="1.12")

_PIECES = [
    "a0", "sp", "zero", "fa0", "x31", "foo", "bar", ".L1", "1f", "1b", ".", "1:", "foo:", "0", "1", "-1", "4", "2047",
    "4096", "0x7fffffffffffffff", "99999999999999999999", "(", ")", ",", "+", "-", "*", "/", "%", "<<", ">>", "=", "==",
    ";", "#", "//", "/*", "*/", "\\", "\\@", "\\()", "@", ":", "'", '"', '"x"', "'a'", "%hi(", "%lo(", "%pcrel_lo(",
    "v0", "v31", "v0.t", "e32,m1,ta,ma", "e9", "{ra}", "{ra,s0-s3}", "{ra", "{", ".sizeof.(.text)", ".startof.(", '"adw"', "+v",
    "rv32gc", "rv32e", "cycleh", "0x80000000", "mstatus", "rw", "@progbits", '"ax"', "push", "pop", "rvc", "arch", "comdat",
]  # fmt: skip
_BLANKS = ["\n", "\n", "\n", " ", "\t", "\x00", "\x7f", "é", "\ud800"]
_FLOW = [name for name in FLOW if name != ".include"]
_WORDS = st.sampled_from([*INSNS, *PSEUDOS, *ENCODED, *MORE_PSEUDOS, *DIRECTIVES, *_FLOW, *_PIECES, *_BLANKS])


def check(text: str, options: AssemblerOptions = OPTIONS) -> None:
    """An object that can be written and read again, or a message with file and line for every error."""
    try:
        made = assemble_text(text, "wild.s", options)
    except AssemblyError as error:
        assert error.messages
        if options.gnu_messages:
            assert error.messages[0].endswith("Assembler messages:") and "Error: " in error.messages[-1]
            return
        assert all(": error: " in m or ": warning: " in m or "errors; " in m for m in error.messages)
        return
    again = read_object(write_object(made), "wild.o")
    assert [section.name for section in again.sections] == [section.name for section in made.sections]


@SETTINGS
@given(st.lists(_WORDS, max_size=40))
def test_words_in_any_order(words: list[str]) -> None:
    check(" ".join(words))


@settings(SETTINGS, max_examples=400)
@given(
    st.sampled_from([WIDE, NARROW]), st.sampled_from([*ENCODED, *MORE_PSEUDOS]), st.lists(_WORDS, max_size=12)
)
def test_instructions_that_are_only_encoded(options: AssemblerOptions, name: str, words: list[str]) -> None:
    check(f"{name} {','.join(words)}", options)
    check(" ".join([name, *words]), options)


@SETTINGS
@given(
    st.sampled_from(SAMPLES),
    st.lists(st.tuples(st.integers(0, 1 << 30), st.integers(0, 6), _WORDS), max_size=6),
)
def test_mutated_samples(text: str, cuts: list[tuple[int, int, str]]) -> None:
    for at, length, word in cuts:
        start = at % (len(text) + 1)
        text = text[:start] + word + text[start + length :]
    check(text)


@settings(SETTINGS, max_examples=300)
@given(st.text(max_size=200))
def test_any_characters(text: str) -> None:
    check(text)


@pytest.mark.parametrize(
    "text",
    [
        ".fill 0x7fffffffffffffff, 8, 1",
        ".zero 1<<62",
        ".skip 99999999999999999999999999",
        ".bss\n.zero 1<<62",
        ".align 60",
        ".balign 0x4000000000000000",
        ".org 0x7fffffffffffffff",
        ".org foo + 1\nfoo:",
        ".org 10\n.org 5",
        ".skip foo\n.set foo, 1<<50",
        ".rept 0x7fffffff\nnop\n.endr",
        ".rept 100000\n.rept 100000\nnop\n.endr\n.endr",
        ".macro m\nm\n.endm\nm",
        ".macro m\nm\nm\n.endm\nm",
        ".irpc x," + "a" * 100000 + "\n.rept 1000\nnop\n.endr\n.endr",
        ".word " + "(" * 100000,
        ".word " + "-" * 100000 + "1",
        ".word " + "(" * 5000 + "1" + ")" * 5000,
        ".word " + "1+" * 100000 + "1",
        ".word " + "foo+" * 3000 + "1",
        ".set a, b\n.set b, a\n.word a",
        ".set a, a + 1\n.word a",
        "\n".join(f".set a{i}, a{i + 1} + 1" for i in range(5000)) + "\n.word a0",
        ".if 1\n" * 5000,
        ".pushsection .data\n" * 5000,
        ".option push\n" * 5000,
        ".word " + "9" * 10000,
        'x: .ascii "unterminated',
        ".cfi_startproc\n.cfi_restore_state",
        ".cfi_startproc\n.cfi_def_cfa_offset 99999999999999999999999999\n.cfi_endproc",
        ".cfi_startproc\n.cfi_offset 99999999999, -8\n.cfi_endproc",
        ".comm x, 1<<63",
        ".size x, y\nx: nop",
        '.file 999999 "x"\n.loc 999999 1',
        ".insn 0x123456789abcdef",
        ".float 1e999999, nan, inf",
        ".dtprelword 5",
        "j 1f",
        "1b: nop",
        "lui a0, %hi(a-b)",
        ".byte foo",
        '.section "", "ax"',
        '.section x, "axGMSTo", @progbits',
        ".uleb128 -1, 1<<70",
        "beq a0, a1, .+99999999999",
    ],
    ids=range(45),
)
def test_limits(text: str) -> None:
    check(text)
