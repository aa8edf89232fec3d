"""-march, -mabi, -misa-spec, -mpriv-spec, -mcsr-check, and messages in the shape of GNU as."""

import pytest

from toyvm.assembler.assemble import assemble_text, assemble_texts
from toyvm.assembler.assembler_options import AssemblerOptions
from toyvm.base.errors import AssemblyError, UsageError
from toyvm.elf.architecture.attributes import TAG_ARCH, TAG_PRIV_SPEC_MINOR, decode
from toyvm.elf.object_file import ObjectFile


def attributes(made: ObjectFile) -> dict[int, int | str]:
    section = made.section(".riscv.attributes")
    assert section is not None
    return decode(section.data, "x.o")


@pytest.mark.parametrize(
    ("march", "spec", "shown"),
    [
        ("rv64gc", "2.2", "rv64i2p0_m2p0_a2p0_f2p0_d2p0_c2p0_zmmul1p0"),
        ("rv64ia", "20190608", "rv64i2p1_a2p0"),
        ("rv32e", "20191213", "rv32e1p9"),
        ("rv32i_xfoo3p1", "20191213", "rv32i2p1_xfoo3p1"),
    ],
)
def test_a_manual_gives_the_versions(march: str, spec: str, shown: str) -> None:
    made = assemble_text("nop\n", "x.s", AssemblerOptions(march=march, isa_spec=spec))
    assert attributes(made)[TAG_ARCH] == shown
    assert made.xlen == int(march[2:4])


def test_what_was_a_part_of_i_needs_no_extension() -> None:
    """Before version 2.1 of I, CSR instructions and fence.i were among its own."""
    assemble_text("csrr a0, cycle\nfence.i\n", "x.s", AssemblerOptions(march="rv64i", isa_spec="2.2"))
    with pytest.raises(AssemblyError, match="'zicsr'"):
        assemble_text("csrr a0, cycle\n", "x.s", AssemblerOptions(march="rv64i"))


def test_the_version_of_the_privileged_manual_is_an_attribute() -> None:
    made = assemble_text("csrr a0, cycle\n", "x.s", AssemblerOptions(priv_spec="1.12"))
    assert attributes(made)[TAG_PRIV_SPEC_MINOR] == 12
    assert TAG_PRIV_SPEC_MINOR not in attributes(assemble_text("nop\n", "x.s"))
    made = assemble_text("nop\n", "x.s", AssemblerOptions(arch_attribute=False))
    assert made.section(".riscv.attributes") is None


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("csrr a0, hstatus", "CSR hstatus needs extension 'h'"),
        ("csrr a0, cycleh", "CSR cycleh is of 32-bit machines"),
        ("csrr a0, menvcfg", "version 1.11 of the privileged manual has no CSR menvcfg"),
        ("csrr a0, sptbr", "version 1.11 of the privileged manual has no CSR sptbr"),
        ("csrw cycle, a0", "CSR cycle is read-only"),
        ("csrs cycle, a0", "CSR cycle is read-only"),
        ("csrs cycle, zero", ""),
        ("csrr a0, mhpmcounter3", ""),
        ("csrr a0, vl", "CSR vl needs extension 'zve32x'"),
    ],
)
def test_csrs_are_checked(line: str, words: str) -> None:
    made = assemble_texts([(f"{line}\n", "x.s")], "x.o", AssemblerOptions(csr_check=True))
    assert bool(made.warnings) == bool(words) and words in "".join(made.warnings)
    quiet = assemble_texts(
        [(f".option no-csr-check\n{line}\n", "x.s")], "x.o", AssemblerOptions(csr_check=True)
    )
    assert not quiet.warnings


@pytest.mark.parametrize(
    ("mabi", "march", "words"),
    [
        ("lp64", "rv32i", "no registers of 64 bits"),
        ("ilp32", "rv64i", "has registers of 64 bits"),
        ("ilp32d", "rv32if", "no extension 'd'"),
        ("ilp32", "rv32e", "needs ilp32e"),
    ],
)
def test_the_calling_convention_must_fit(mabi: str, march: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        assemble_text("nop\n", "x.s", AssemblerOptions(march=march, mabi=mabi))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("frob  a0, a1", "unrecognized opcode `frob a0,a1'"),
        ("mulw a0, a1, a2", "unrecognized opcode `mulw a0,a1,a2'"),
        ("div a0, a1, a2", "unrecognized opcode `div a0,a1,a2', extension `m' required"),
        ("addi a0, a1", "illegal operands `addi a0,a1'"),
        ("slli a0, a0, 32", "improper shift amount (32)"),
        ("csrr a0, nothing", "unknown CSR `nothing'"),
        (".frob 1", "unknown pseudo-op: `.frob'"),
    ],
)
def test_the_shape_of_gnu_as(line: str, message: str) -> None:
    with pytest.raises(AssemblyError) as raised:
        assemble_text(f"nop\n{line}\n", "x.s", AssemblerOptions(march="rv32i_zicsr", gnu_messages=True))
    assert raised.value.messages == ("x.s: Assembler messages:", f"x.s:2: Error: {message}")


@pytest.mark.parametrize(
    ("march", "line", "words"),
    [
        ("rv32i", "ld a0, (a1)", "'ld' is an instruction of 64-bit machines"),
        ("rv64gc", "zip a0, a1", "'zip' is an instruction of 32-bit machines"),
        ("rv64gc", "vadd.vv v1, v2, v3", "needs extension 'zve32x'"),
        ("rv64gcv", "vadd.vv v1, v2, a0", "a vector register"),
        ("rv64gcv", "vsetvli a0, a1, e32, m1, xx, ma", "does not fit"),
        ("rv64gc_xtheadmemidx", "th.lwia a0, (a0), 1, 0", "differ"),
        ("rv32gc", "li a0, 0x123456789", "does not fit into a register of 32 bits"),
        ("rv64i_zcmp", "cm.push {ra, s0-s10}, -112", "not a register list"),
        ("rv64i_zcmp", "cm.push {ra, s0-s11}, -32", "is not one of 112, 128, 144, 160"),
    ],
)
def test_what_an_architecture_does_not_have(march: str, line: str, words: str) -> None:
    with pytest.raises(AssemblyError) as raised:
        assemble_text(f"{line}\n", "x.s", AssemblerOptions(march=march))
    assert words in str(raised.value)


def test_sections_of_a_linker_have_symbols() -> None:
    made = assemble_text(".data\n.8byte .sizeof.(.text), .startof.(.text)\n", "x.s")
    assert made.symbols.names[-2:] == [".sizeof..text", ".startof..text"]
    with pytest.raises(AssemblyError, match="not a section's name"):
        assemble_text(".8byte .sizeof.(a b)\n", "x.s")


@pytest.mark.parametrize(
    ("march", "size", "bytes_"), [("rv64g", "6", 8), ("rv64gc", "6", 6), ("rv64g", "", 4), ("rv64g", "0", 4)]
)
def test_nop_takes_a_size_in_bytes(march: str, size: str, bytes_: int) -> None:
    """GNU as 2.40: as many nops as the size needs, at least one."""
    section = assemble_text(f".nop {size}\n", "x.s", AssemblerOptions(march=march)).section(".text")
    assert section is not None and len(section.data.rstrip(b"\0")) <= bytes_ <= section.size


def test_versions_of_call_frames() -> None:
    text = "f: .cfi_startproc\n ret\n .cfi_endproc\n"
    for version in (1, 3, 4):
        section = assemble_text(text, "x.s", AssemblerOptions(cie_version=version)).section(".eh_frame")
        assert section is not None and section.data[8] == version
    with pytest.raises(AssemblyError, match="return column number 4097 overflows in CIE version 1"):
        assemble_text(
            "f: .cfi_startproc\n .cfi_return_column 4097\n ret\n .cfi_endproc\n",
            "x.s",
            AssemblerOptions(cie_version=1),
        )
