"""Messages: GNU's words, the place, the limit; never a traceback."""

from __future__ import annotations

import random

import pytest

from tests.support.small_links import START, errors_of, link_all, obj
from toyvm.base.errors import LinkError, ToyvmError
from toyvm.cli.linking.gnu_messages import shaped
from toyvm.elf.object_writer import write_object
from toyvm.linker.inputs.files import ScriptItem, parse_script
from toyvm.linker.inputs.global_symbols import GlobalSymbols
from toyvm.linker.link import link
from toyvm.linker.link_errors import Diagnostics
from toyvm.linker.link_options import Input, LinkOptions
from toyvm.linker.visibility.version_script import parse_version_script


def test_undefined_reference_names_function_and_place() -> None:
    text = ".globl _start\n.type _start,@function\n_start: nop\ncall missing\n.size _start, .-_start\n"
    assert errors_of(text) == "a.o: in function `_start':\na.o:(.text+0x2): undefined reference to `missing'"


def test_source_line_where_there_is_one() -> None:
    text = ".globl _start\n_start: nop\n\ncall missing\n"
    message = errors_of(obj(text, "x.s", debug_lines=True))
    assert message.startswith("x.s: in function `_start':\nx.s:4:(.text+0x2): undefined reference")


def test_repetitions_are_cut_short() -> None:
    lines = errors_of(START + "call missing\n" * 100).splitlines()
    assert len(lines) == 7 and lines[0] == "a.o: in function `_start':"
    assert lines[-1] == "a.o: more undefined references to `missing' follow"


def test_all_errors_in_one_run() -> None:
    message = errors_of(START + "call one\ncall two\n")
    assert "`one'" in message and "`two'" in message


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("jal far", "(.text+0x2): relocation truncated to fit: R_RISCV_JAL against symbol `far' defined in .text.z "
         "section in a.o: 0x20000e is not in [-0x100000, 0xfffff]"),
        ("lui a0, %hi(high)", "R_RISCV_HI20 against symbol `high': 0x123456789a is not in [-0x80000800, 0x7ffff7ff]"),
    ],
)  # fmt: skip
def test_overflow_names_the_limit(code: str, message: str) -> None:
    text = f'{START}{code}\n.section .text.z,"ax"\n.zero 0x200000\n.p2align 4\n.globl far\nfar: ret\n'
    other = ".globl high\n.set high, 0x123456789a\n"
    assert message in errors_of(obj(text, relax=False), other)


def test_low_part_without_high_part() -> None:
    assert "%pcrel_lo missing matching %pcrel_hi at `label'" in errors_of(
        START + "label: nop\naddi a0, a0, %pcrel_lo(label)\n"
    )


def test_missing_files() -> None:
    with pytest.raises(LinkError) as caught:
        link([Input(path="/no/such.o"), Input(library="nope"), Input(library=":nope.a")], LinkOptions())
    assert caught.value.messages == (
        "cannot find /no/such.o: No such file or directory",
        "cannot find -lnope: No such file or directory",
        "cannot find -l:nope.a: No such file or directory",
    )


def test_missing_entry_is_a_warning() -> None:
    result = link_all("nop\n")
    assert result.warnings == (
        f"cannot find entry symbol _start; defaulting to {result.layout.start('.text'):016x}",
    )


def test_warning_of_an_object_to_its_users() -> None:
    library = '.globl old\nold: ret\n.section .gnu.warning.old\n.string "old is old"\n'
    assert link_all(START, library).warnings == ()
    result = link_all(START + "call old\n", library)
    assert result.warnings == ("a.o: in function `_start':\na.o:(.text+0x2): warning: old is old",)
    assert not any(name.startswith(".gnu.warning") for name in result.sizes)


def test_diagnostics_checkpoint() -> None:
    errors = Diagnostics()
    errors.checkpoint()
    for number in range(300):
        errors.error(f"error {number}")
    with pytest.raises(LinkError) as caught:
        errors.checkpoint()
    assert caught.value.messages[-1] == "and 100 more errors"


def test_scripts() -> None:
    text = "/* GNU ld script */ OUTPUT_FORMAT(elf64-littleriscv)\nGROUP ( /lib/libc.so.6 libx.a AS_NEEDED ( ld.so ) ) INPUT(-lm, y.o)"
    assert parse_script(text, "libc.so") == [
        ScriptItem("/lib/libc.so.6", True, False),
        ScriptItem("libx.a", True, False),
        ScriptItem("ld.so", True, True),
        ScriptItem("-lm", False, False),
        ScriptItem("y.o", False, False),
    ]
    for bad in ("hello", "GROUP ( a", "SECTIONS { }"):
        with pytest.raises(ToyvmError):
            parse_script(bad, "x")


def test_version_scripts() -> None:
    script = parse_version_script("V1 { global: open; read_*; local: *; }; V2 { global: close; } V1;")
    names = ("open", "read_all", "close", "secret")
    table = GlobalSymbols()
    symbols = [table.add(name) for name in names]
    assert [script.is_local(symbol) for symbol in symbols] == [False, False, False, True]
    assert [script.version_of(symbol) for symbol in symbols[:3]] == ["V1", "V1", "V2"]
    for bad in ("{ global: x;", "V1", "V1 { x; }", 'V1 { extern "Rust" { x; }; };', "V1 { a; }; { b; };"):
        with pytest.raises(LinkError, match="version script: "):
            parse_version_script(bad)


@pytest.mark.parametrize("seed", range(8))
def test_broken_objects(seed: int) -> None:
    """Bytes changed anywhere: a link or a message."""
    text = (
        START
        + 'la a0, x\ncall f\n.p2align 3\nf: ret\n.data\nx: .dword f\n.section .rodata.s,"aMS",@progbits,1\n.string "a"\n'
    )
    good = write_object(obj(text + ".cfi_startproc\n.cfi_endproc\n.comm c, 8, 8\n"))
    generator = random.Random(seed)
    kinds = (
        {"static": True},
        {"kind": "shared", "eh_frame_hdr": True},
        {"gc_sections": True},
        {"kind": "pie"},
    )
    done = 0
    for _ in range(60):
        broken = bytearray(good)
        for _ in range(generator.choice((1, 2, 8))):
            at = generator.randrange(len(broken))
            broken[at : at + 8] = generator.choice((b"\xff" * 8, bytes(8), generator.randbytes(1)))
        try:
            link(
                [Input(path="x.o", data=bytes(broken))],
                LinkOptions(allow_undefined=True, **generator.choice(kinds)),
            )
        except ToyvmError as error:
            assert str(error)
        done += 1
    assert done == 60


def test_addends_of_low_parts() -> None:
    text = (
        START
        + "high: auipc a0, %pcrel_hi(value)\nlw a0, %pcrel_lo(high + {})(a0)\n.data\n.globl value\nvalue: .zero 8\n"
    )
    assert link_all(obj(text.format(1), relax=False)).image
    message = errors_of(obj(text.format(2040), relax=False))
    assert "dangerous relocation: %pcrel_lo overflow with an addend, the value of %pcrel_hi is 0x" in message
    got = text.replace("%pcrel_hi(value)", "%got_pcrel_hi(value{})")
    section_starts = {".text": 0x1_0000_0000, ".data": 0x1000}
    for high, low, words in (
        ("", "4", "%pcrel_lo with addend isn't allowed for R_RISCV_GOT_HI20"),
        ("+4", "0", "The addend isn't allowed for R_RISCV_GOT_HI20"),
    ):
        message = errors_of(
            obj(got.format(high, low), relax=False), section_starts=section_starts, kind="pie"
        )
        assert f"dangerous relocation: {words}" in message


def test_shape_of_gnu_messages() -> None:
    script = "x.t:3:5: error: {}\n    .text : {{ }}\n    ^^^^^\n  expected nothing"
    assert shaped(script.format("syntax error")) == "x.t:3: syntax error"
    assert (
        shaped(script.format("alias for default memory region"))
        == "x.t:3: error: alias for default memory region"
    )
    assert shaped(script.format("region `r' overflowed by 1 byte")) == "region `r' overflowed by 1 byte"
    assert (
        shaped("a.o: in function `f':\na.o:(.text+0x2): what")
        == "a.o: in function `f':\na.o:(.text+0x2): what"
    )


def test_attributes_that_do_not_fit() -> None:
    def attributes(**values: int) -> str:
        return "".join(f".attribute {tag}, {value}\n" for tag, value in values.items())

    old = START + attributes(priv_spec=1, priv_spec_minor=9, priv_spec_revision=1)
    new = attributes(priv_spec=1, priv_spec_minor=11)
    assert link_all(old, new).warnings == (
        "b.o use privileged spec version 1.11.0 but the output use version 1.9.1",
        "privileged spec version 1.9.1 can not be linked with other spec versions",
    )
    assert link_all(old, attributes(priv_spec=0)).warnings == ()
    message = errors_of(START + attributes(stack_align=16), attributes(stack_align=4))
    assert message == "b.o use 4-byte stack aligned but the output use 16-byte stack aligned."
