"""Architecture strings and the attribute section."""

from __future__ import annotations

import pytest

from toyvm.base.errors import ElfError
from toyvm.elf.architecture.attributes import TAG_ARCH, TAG_STACK_ALIGN, TAG_UNALIGNED_ACCESS, decode, encode
from toyvm.elf.architecture.extension_names import PROFILES
from toyvm.elf.architecture.isa_strings import Arch, ArchError

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


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_is_what_it_stands_for(profile: str) -> None:
    assert str(Arch.parse(profile)) == str(Arch.parse(PROFILES[profile]))
    if "64" in profile:
        arch = Arch.parse(f"{profile}_zbc")
        assert arch.has("zbc") and arch.default_abi == ("lp64" if profile.startswith("rvi") else "lp64d")


def test_profiles_hold_what_their_specification_demands() -> None:
    """riscv-profiles: what RVA22 and RVA23 make mandatory that the profile before them did not."""
    rva22, rva23 = Arch.parse("rva22u64"), Arch.parse("rva23u64")
    for name in ("zba", "zbb", "zbs", "zicbom", "zicbop", "zicboz", "zfhmin", "zkt", "zihintpause", "za64rs"):
        assert rva22.has(name) and rva23.has(name) and not Arch.parse("rva20u64").has(name)
    for name in (
        "v",
        "zvfhmin",
        "zvbb",
        "zvkt",
        "zihintntl",
        "zicond",
        "zimop",
        "zcmop",
        "zcb",
        "zfa",
        "zawrs",
    ):
        assert rva23.has(name) and not rva22.has(name)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rv64gc_zfinx", "'zfinx' and 'f' cannot be together"),
        ("rv64gc_zcmp", "'zcmp' and 'c' with 'd' cannot be together"),
        ("rv64imafd_zcd_zcmt", "'zcmt' and 'zcd' cannot be together"),
        ("rv64if_zcf", "'zcf' is of 32-bit machines"),
        ("rv64gc_zicbon", "unknown extension 'zicbon'; did you mean 'zic"),
        ("rva24u64", "did you mean 'rva2"),
    ],
)
def test_what_cannot_be(text: str, words: str) -> None:
    with pytest.raises(ArchError) as raised:
        Arch.parse(text)
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("text", "abi"), [("rv64i", "lp64"), ("rv64e", "lp64e"), ("rv64if", "lp64"), ("rv32gc", "ilp32d"),
    ("rv32imac", "ilp32"), ("rv64gq", "lp64q")]
)  # fmt: skip
def test_the_calling_convention_follows(text: str, abi: str) -> None:
    assert Arch.parse(text).default_abi == abi
