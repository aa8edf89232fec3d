"""Look-up by hash, against what is known of the tables."""

from __future__ import annotations

import struct

import pytest

from tests.support.elf_maker import TEXT, Maker, Sym
from tests.support.loader_guest import Loaded, PaperGuest
from toyvm.elf import constants as c
from toyvm.loader import dynamic_symbols
from toyvm.loader.dynamic_section import Dynamic, ImageReader, Table
from toyvm.loader.dynamic_symbols import GnuHash, SysvHash, gnu_hash, sysv_hash


@pytest.mark.parametrize(
    ("name", "gnu", "sysv"),
    # Values from the gABI's and glibc's own examples.
    [
        ("", 0x00001505, 0),
        ("printf", 0x156B2BB8, 0x077905A6),
        ("exit", 0x7C967E3F, 0x0006CF04),
        ("syscall", 0xBAC212A0, 0x0B09985C),
        ("flapenguin.me", 0x8AE9F18E, 0x03987915),
    ],
)
def test_hash_functions(name: str, gnu: int, sysv: int) -> None:
    assert gnu_hash(name.encode()) == gnu
    assert sysv_hash(name.encode()) == sysv


def test_a_chain_in_a_file_smaller_than_the_rest_of_the_page() -> None:
    memory = PaperGuest({}).memory
    base = memory.mmap(0, 4096, 3)
    memory.write(
        base, struct.pack("<IIIIQIII", 1, 1, 1, 6, (1 << 64) - 1, 1, gnu_hash(b"f") & ~1, gnu_hash(b"g") | 1)
    )
    reader = ImageReader("x", memory, base, base, base + 4096, limit=200)
    dynamic = Dynamic(0, {c.DT_GNU_HASH: 0}, (), "", "", "", b"", *[Table()] * 3, (), (), (), 0)
    table = dynamic_symbols.read(reader, dynamic, 0).hash
    assert isinstance(table, GnuHash)
    assert [list(table.candidates(name)) for name in (b"f", b"g", b"x")] == [[1], [2], []]


@pytest.mark.parametrize("style", ["gnu", "sysv"])
def test_finds_every_symbol_and_no_other(style: str) -> None:
    symbols = [Sym(f"f{i}", TEXT + 4 * i) for i in range(40)] + [Sym("wanted")]
    loaded = Loaded({"/bin/prog": Maker(symbols=symbols, hash=style).build()})
    table = loaded.object("").symbols
    assert [next(iter(table.find(f"f{i}".encode()))).value for i in range(40)] == [
        TEXT + 4 * i for i in range(40)
    ]
    assert not [s for s in table.find(b"absent") if s.shndx]
    assert not [s for s in table.find(b"wanted") if s.shndx]


def test_a_hidden_version_is_not_the_default() -> None:
    symbols = [Sym("f", TEXT, version=0x8002), Sym("g", TEXT, version=2)]
    table = Loaded({"/bin/prog": Maker(symbols=symbols).build()}).object("").symbols
    assert list(table.find(b"f")) == []
    assert [s.value for s in table.find(b"g")] == [TEXT]


def test_a_chain_that_runs_in_a_circle_ends() -> None:
    assert list(SysvHash((1,), (0, 2, 1)).candidates(b"x")) == [1, 2, 1]
