"""The hash functions against published values, and each table that is written against the look-up that reads it."""

from __future__ import annotations

import struct

import pytest

from toyvm.elf.hashes import (
    BLOOM_WORD_SIZE,
    GNU_HEADER_SIZE,
    HASH_WORD_SIZE,
    SYSV_HEADER_SIZE,
    Effort,
    GnuHash,
    SysvHash,
    bloom_words,
    chain_lengths,
    gnu_hash,
    gnu_hash_header,
    gnu_hash_table,
    hash_words,
    sysv_hash,
    sysv_hash_header,
    sysv_hash_table,
)


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


def read_gnu(table: bytes) -> GnuHash:
    header = gnu_hash_header(table)
    buckets_at = GNU_HEADER_SIZE + BLOOM_WORD_SIZE * header.bloom_words
    chain_at = buckets_at + HASH_WORD_SIZE * header.buckets
    return GnuHash(
        header.first,
        header.shift,
        bloom_words(table[GNU_HEADER_SIZE:buckets_at]),
        hash_words(table[buckets_at:chain_at]),
        hash_words(table[chain_at:]),
        Effort(),
    )


@pytest.mark.parametrize("count", [0, 1, 3, 200])
def test_gnu_table_finds_all_and_little_else(count: int) -> None:
    buckets = max(1, count // 4)
    names = sorted((b"symbol_%d" % i for i in range(count)), key=lambda name: gnu_hash(name) % buckets)
    table = read_gnu(gnu_hash_table(names, 7, buckets))
    assert table.symbols == 7 + count
    for number, name in enumerate(names, 7):
        # Hashes that differ in the lowest bit alone are one to the table, which uses that bit.
        others = [i for i in table.candidates(name) if i != number]
        assert number in table.candidates(name)
        assert all(gnu_hash(names[i - 7]) | 1 == gnu_hash(name) | 1 for i in others)
    assert not any(list(table.candidates(b"other_%d" % i)) for i in range(50))


def test_sysv_table_finds_all() -> None:
    names = [b"s%d" % i for i in range(20)]
    raw = sysv_hash_table(names)
    buckets, chain = sysv_hash_header(raw)
    words = hash_words(raw[SYSV_HEADER_SIZE:])
    assert (buckets, chain, len(words)) == (10, 21, 31)
    table = SysvHash(words[:buckets], words[buckets:], Effort())
    assert all(number in table.candidates(name) for number, name in enumerate(names, 1))
    assert {sysv_hash(names[i - 1]) % buckets for i in table.candidates(b"s3")} == {
        sysv_hash(b"s3") % buckets
    }


def test_a_chain_that_runs_in_a_circle_ends() -> None:
    assert list(SysvHash((1,), (0, 2, 1), Effort()).candidates(b"x")) == [1, 2, 1]


@pytest.mark.parametrize("kind", ["gnu", "sysv"])
def test_very_long_chains_are_followed_for_a_while(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that is one chain: each look-up follows it to its end."""
    monkeypatch.setattr("toyvm.elf.hashes.MAX_STEPS", 100_000)
    count = 1000
    everything = ((1 << 64) - 1,)
    table: GnuHash | SysvHash
    if kind == "gnu":
        table = GnuHash(1, 0, everything, (1,), (2,) * (count - 1) + (1,), Effort())
    else:
        table = SysvHash((1,), (0, *range(2, count + 1), 0), Effort())
    followed = 0
    with pytest.raises(ValueError, match="more than 100000 entries"):
        for number in range(1000):
            list(table.candidates(b"%d" % number))
            followed += 1
    assert followed in (99, 100)


def test_chain_lengths_of_tables_that_lie() -> None:
    """What `readelf -I` counts: the symbols of each bucket, and an error for a table that does not fit or never ends."""
    table = sysv_hash_table([b"a", b"b", b"c"])
    assert sum(chain_lengths(table, gnu=False)) == 3
    names = sorted([b"a", b"b", b"c"], key=lambda name: gnu_hash(name) % 2)
    assert sum(chain_lengths(gnu_hash_table(names, 1, 2), gnu=True)) == 3
    circle = struct.pack("<2I1I2I", 1, 2, 1, 0, 1)
    for bad, gnu in (
        (circle, False),
        (table[:-4], False),
        (b"", True),
        (struct.pack("<4I", 9, 0, 1, 6), True),
    ):
        with pytest.raises(ValueError, match="hash"):
            chain_lengths(bad, gnu=gnu)
