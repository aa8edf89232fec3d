"""The hash tables of a dynamic symbol table: .gnu.hash and .hash, the functions, the tables, and the look-up.

.gnu.hash is the format that GNU ld writes: a Bloom filter says for most names that the object does not define them;
otherwise a bucket gives the first symbol of a chain of hashes, whose low bit marks the end of the chain. .hash is
that of the gABI, "Hash Table".
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import lru_cache

from ..base.light_types import NamedTuple
from ..base.record import Record
from .headers import Buffer

_GNU_HEADER = struct.Struct("<4I")
_SYSV_HEADER = struct.Struct("<2I")
_M32 = 0xFFFFFFFF
_BLOOM_SHIFT = 26  # as GNU ld chooses it for 64-bit files
_BLOOM_BITS_PER_SYMBOL = 12
GNU_HEADER_SIZE = _GNU_HEADER.size
SYSV_HEADER_SIZE = _SYSV_HEADER.size
BLOOM_WORD_SIZE = 8
HASH_WORD_SIZE = 4
MAX_STEPS = 1 << 24  # entries of chains that look-ups in one table may follow


@lru_cache(maxsize=4096)
def gnu_hash(name: bytes) -> int:
    """The hash of .gnu.hash (Bernstein's): 5381, then times 33 plus the byte, modulo 2**32."""
    value = 5381
    for byte in name:
        value = (value * 33 + byte) & _M32
    return value


@lru_cache(maxsize=4096)
def sysv_hash(name: bytes) -> int:
    """The hash of .hash and of version names (gABI, "Hash Table")."""
    value = 0
    for byte in name:
        value = (value << 4) + byte
        high = value & 0xF0000000
        value = (value ^ high >> 24) & ~high & _M32
    return value


class Effort(Record, frozen=False):
    """The entries of chains that look-ups in one table have followed.

    Those of real tables are a few for each look-up. Without a limit, a table that is one long chain would take hours
    outside the machine, where no limit of the run counts.
    """

    steps: int = 0

    def add(self, steps: int) -> None:
        """Raises ValueError above the limit."""
        self.steps += steps
        if self.steps > MAX_STEPS:
            raise ValueError(f"hash chains of more than {MAX_STEPS} entries were followed")


class GnuHash(Record):
    """A .gnu.hash table. `chain[i]` belongs to symbol `first + i`; its low bit marks the end of a chain.

    Neither `bloom` (a power of two of 64-bit words) nor `buckets` is empty.
    """

    first: int
    shift: int
    bloom: tuple[int, ...]
    buckets: tuple[int, ...]
    chain: tuple[int, ...]
    effort: Effort

    def candidates(self, name: bytes) -> Iterator[int]:
        """Indices of the symbols whose hash is `name`'s. Raises ValueError after very much effort."""
        if not self.bloom_admits(name):
            return
        value = gnu_hash(name)
        index = self.buckets[value % len(self.buckets)]
        if index < self.first:
            return
        counted = index - self.first  # entries before this one are counted
        for position in range(counted, len(self.chain)):
            entry = self.chain[position]
            if (entry ^ value) >> 1 == 0:
                self.effort.add(position + 1 - counted)
                counted = position + 1
                yield self.first + position
            if entry & 1:
                self.effort.add(position + 1 - counted)
                return

    def bloom_admits(self, name: bytes) -> bool:
        """Whether the Bloom filter lets `name` pass: if not, the table does not have it."""
        value = gnu_hash(name)
        word = self.bloom[(value >> 6) & (len(self.bloom) - 1)]
        return bool((word >> (value & 63)) & (word >> ((value >> self.shift) & 63)) & 1)

    @property
    def symbols(self) -> int:
        """How many symbols the table knows to exist."""
        return self.first + len(self.chain)


class SysvHash(Record):
    """A .hash table. A chain that runs in a circle is followed once."""

    buckets: tuple[int, ...]
    chain: tuple[int, ...]
    effort: Effort

    def candidates(self, name: bytes) -> Iterator[int]:
        """Indices of the symbols in `name`'s chain. Raises ValueError after very much effort."""
        index = self.buckets[sysv_hash(name) % len(self.buckets)] if self.buckets else 0
        for _ in range(len(self.chain)):
            if index == 0 or index >= len(self.chain):
                return
            self.effort.add(1)
            yield index
            index = self.chain[index]

    @property
    def symbols(self) -> int:
        """How many symbols the table knows to exist."""
        return len(self.chain)


class GnuHashHeader(NamedTuple):
    """The four words at the start of .gnu.hash; the Bloom filter, the buckets, and the chain follow in this order."""

    buckets: int
    first: int
    bloom_words: int
    shift: int


def chain_lengths(data: Buffer, *, gnu: bool) -> list[int]:
    """The number of symbols in each bucket of .gnu.hash (`gnu`) or .hash, for a look-up table's statistics.

    Raises ValueError if the table does not fit `data`, or a chain does not end.
    """
    try:
        return _gnu_lengths(data) if gnu else _sysv_lengths(data)
    except (struct.error, IndexError):
        raise ValueError("the hash table does not fit its section") from None


def _gnu_lengths(data: Buffer) -> list[int]:
    buckets, first, words, _ = gnu_hash_header(data)
    at = GNU_HEADER_SIZE + words * BLOOM_WORD_SIZE
    starts = struct.unpack_from(f"<{buckets}I", data, at)
    at += buckets * HASH_WORD_SIZE
    chain = hash_words(data[at : at + (len(data) - at) // HASH_WORD_SIZE * HASH_WORD_SIZE])
    ends = [position for position, entry in enumerate(chain) if entry & 1]
    lengths = []
    for start in starts:
        if start < first:
            lengths.append(0)
            continue
        lengths.append(ends[bisect_left(ends, start - first)] - (start - first) + 1)
    return lengths


def _sysv_lengths(data: Buffer) -> list[int]:
    buckets, symbols = sysv_hash_header(data)
    words = struct.unpack_from(f"<{buckets + symbols}I", data, SYSV_HEADER_SIZE)
    starts, chain = words[:buckets], words[buckets:]
    lengths, followed = [], 0
    for start in starts:
        length, index = 0, start
        while index:
            length, index = length + 1, chain[index]
            followed += 1
            if followed > symbols:
                raise ValueError("a hash chain runs in a circle")
        lengths.append(length)
    return lengths


def gnu_hash_header(data: Buffer) -> GnuHashHeader:
    """The header in the first GNU_HEADER_SIZE bytes of a .gnu.hash table."""
    return GnuHashHeader._make(_GNU_HEADER.unpack_from(data))


def sysv_hash_header(data: Buffer) -> tuple[int, int]:
    """(number of buckets, number of symbols) from the first SYSV_HEADER_SIZE bytes of a .hash table."""
    buckets, chain = _SYSV_HEADER.unpack_from(data)
    return buckets, chain


def hash_words(data: Buffer) -> tuple[int, ...]:
    """Buckets or chain: the 32-bit words of `data`. A last part of a word is an error (struct.error)."""
    return struct.unpack(f"<{len(data) // HASH_WORD_SIZE}I", data)


def bloom_words(data: Buffer) -> tuple[int, ...]:
    """A Bloom filter: the 64-bit words of `data`."""
    return struct.unpack(f"<{len(data) // BLOOM_WORD_SIZE}Q", data)


def gnu_hash_table(names: Sequence[bytes], first: int, buckets: int, xlen: int = 64) -> bytes:
    """.gnu.hash of `names`, which are sorted by `gnu_hash(name) % buckets`; the first is number `first` in .dynsym.

    The words of the Bloom filter have `xlen` bits.
    """
    hashes = [gnu_hash(name) for name in names]
    words = 1
    while words * xlen < len(names) * _BLOOM_BITS_PER_SYMBOL:
        words *= 2
    bloom = [0] * words
    starts = [0] * buckets
    chain = []
    for i, value in enumerate(hashes):
        bloom[value // xlen % words] |= 1 << value % xlen | 1 << (value >> _BLOOM_SHIFT) % xlen
        bucket = value % buckets
        starts[bucket] = starts[bucket] or first + i
        last = i + 1 == len(hashes) or hashes[i + 1] % buckets != bucket
        chain.append(value & ~1 | last)
    head = _GNU_HEADER.pack(buckets, first, words, _BLOOM_SHIFT)
    return head + struct.pack(
        f"<{words}{'Q' if xlen == 64 else 'I'}{buckets}I{len(chain)}I", *bloom, *starts, *chain
    )


def sysv_hash_table(names: Sequence[bytes]) -> bytes:
    """.hash of all dynamic symbols; the first of `names` is number 1."""
    buckets = max(1, len(names) // 2)
    starts, chain = [0] * buckets, [0] * (len(names) + 1)
    for number, name in enumerate(names, 1):
        bucket = sysv_hash(name) % buckets
        chain[number] = starts[bucket]
        starts[bucket] = number
    return _SYSV_HEADER.pack(buckets, len(chain)) + struct.pack(f"<{buckets + len(chain)}I", *starts, *chain)
