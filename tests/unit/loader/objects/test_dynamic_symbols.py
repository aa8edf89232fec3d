"""Look-up by hash, against what is known of the tables."""

from __future__ import annotations

import struct

import pytest

from tests.support.elf_maker import TEXT, Maker, Sym
from tests.support.loader_guest import Loaded, PaperGuest
from toyvm.elf import constants as c
from toyvm.elf.hashes import GnuHash, gnu_hash
from toyvm.loader.objects import dynamic_symbols
from toyvm.loader.objects.dynamic_section import Dynamic, ImageReader, Table


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
    assert [next(iter(table.find(f"f{i}".encode())))[1].value for i in range(40)] == [
        TEXT + 4 * i for i in range(40)
    ]
    assert not [s for _, s in table.find(b"absent") if s.shndx]
    assert not [s for _, s in table.find(b"wanted") if s.shndx]


def test_a_hidden_version_is_not_the_default() -> None:
    symbols = [Sym("f", TEXT, version=0x8003), Sym("g", TEXT, version=3), Sym("h", TEXT, version=0x8002)]
    loaded = Loaded({"/bin/prog": Maker(symbols=symbols).build()})
    scope = [[loaded.object("")]]
    look_up = loaded.session.resolver.look_up
    assert look_up(b"f", scope) is None and look_up(b"f", scope, newest=True) is None
    assert look_up(b"g", scope) is not None and look_up(b"g", scope, newest=True) is not None
    assert look_up(b"h", scope) is not None and look_up(b"h", scope, newest=True) is None
