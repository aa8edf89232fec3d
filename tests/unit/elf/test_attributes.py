"""Architecture strings and the attribute section."""

from __future__ import annotations

import pytest

from toyvm.base.errors import ElfError
from toyvm.elf.attributes import (
    TAG_ARCH,
    TAG_STACK_ALIGN,
    TAG_UNALIGNED_ACCESS,
    Arch,
    ArchError,
    decode,
    encode,
)

# What GNU as 2.40 writes for it (-misa-spec=20191213).
CANONICAL = {
    "rv64i": "rv64i2p1",
    "rv64gc": "rv64i2p1_m2p0_a2p1_f2p2_d2p2_c2p0_zicsr2p0_zifencei2p0_zmmul1p0",
    "rv64imafd": "rv64i2p1_m2p0_a2p1_f2p2_d2p2_zicsr2p0_zmmul1p0",
    "rv64i_zba_m": "rv64i2p1_m2p0_zmmul1p0_zba1p0",
    "rv64i2p0": "rv64i2p0_zicsr2p0_zifencei2p0",
    "rv64ima_zicsr2p0_zba": "rv64i2p1_m2p0_a2p1_zicsr2p0_zmmul1p0_zba1p0",
    "rv64gc_xtheadba1p0_svinval_zfh": (
        "rv64i2p1_m2p0_a2p1_f2p2_d2p2_c2p0_zicsr2p0_zifencei2p0_zmmul1p0_zfh1p0_zfhmin1p0_svinval1p0_xtheadba1p0"
    ),
}


@pytest.mark.parametrize("text", CANONICAL)
def test_canonical(text: str) -> None:
    assert str(Arch.parse(text)) == CANONICAL[text]
    assert str(Arch.parse(CANONICAL[text])) == CANONICAL[text]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rv64", "begins with"),
        ("rv64m", "begins with"),
        ("x86-64", "begins with"),
        ("rv64i_zfoo", "unknown extension 'zfoo'"),
        ("rv64gx", "cannot read 'x'"),
        ("rv64gy", "unknown extension 'y'"),
        ("rv64gc!", "cannot read '!'"),
    ],
)
def test_bad_architectures(text: str, words: str) -> None:
    with pytest.raises(ArchError, match=words):
        Arch.parse(text)


def test_with_and_without() -> None:
    arch = Arch.parse("rv64im")
    assert not arch.has("c") and arch.has("zmmul")
    assert str(arch.with_extension("c")) == "rv64i2p1_m2p0_c2p0_zmmul1p0"
    assert str(arch.with_extension("zba1p0")) == "rv64i2p1_m2p0_zmmul1p0_zba1p0"
    assert arch.with_extension("d").has("zicsr")
    assert arch.with_extension("c").without_extension("c") == arch
    with pytest.raises(ArchError):
        arch.with_extension("nope")


def test_merge_takes_all_and_the_newer() -> None:
    merged = Arch.parse("rv64i2p0_a").merge(Arch.parse("rv64ic"))
    assert str(merged) == "rv64i2p1_a2p1_c2p0_zicsr2p0_zifencei2p0"
    with pytest.raises(ArchError, match="rv64 and rv32"):
        Arch.parse("rv64i").merge(Arch.parse("rv32i"))


def test_section_bytes() -> None:
    data = encode({TAG_ARCH: "rv64i2p1", TAG_STACK_ALIGN: 16, TAG_UNALIGNED_ACCESS: 0})
    assert data == b"A\x1b\0\0\0riscv\0\x01\x11\0\0\0\x04\x10\x05rv64i2p1\0"
    assert decode(data, "x") == {TAG_STACK_ALIGN: 16, TAG_ARCH: "rv64i2p1"}
    assert decode(b"", "x") == {}


@pytest.mark.parametrize(
    "data",
    [
        b"B",
        b"A\1\0\0\0",
        b"A\xff\0\0\0riscv\0",
        b"A\x10\0\0\0riscv\0\1\xff\0\0\0\0",
        b"A\x12\0\0\0riscv\0\1\x08\0\0\0\5ab",
    ],
)
def test_malformed_sections(data: bytes) -> None:
    with pytest.raises(ElfError, match=r"^x\.o: .*riscv\.attributes"):
        decode(data, "x.o")
