"""The dynamic symbols of one object: look-up by name through .gnu.hash, or .hash when there is no other.

The tables are those of the guest's image: the Bloom filter says at once, for most names, that the object does not
define it; a bucket gives the first symbol of a chain whose low bits mark the end. (.gnu.hash: the format GNU ld
writes; .hash: gABI, "Hash Table".)
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import lru_cache

from ..base.light_types import NamedTuple
from ..base.record import Record
from ..elf import constants as c
from ..machine.physical_memory import PAGE_SIZE
from .dlerror import corrupt
from .dynamic_section import Dynamic, ImageReader

_SYM = struct.Struct("<IBBHQQ")
_GNU_HEADER = struct.Struct("<IIII")
_VERSION_HIDDEN = 0x8000


class Symbol(NamedTuple):
    """An Elf64_Sym; `name` is the offset in the string table."""

    name: int
    info: int
    other: int
    shndx: int
    value: int
    size: int

    @property
    def type(self) -> int:
        """STT_*"""
        return self.info & 15

    @property
    def binding(self) -> int:
        """STB_*"""
        return self.info >> 4

    @property
    def visibility(self) -> int:
        """STV_*"""
        return self.other & 3


@lru_cache(maxsize=4096)
def gnu_hash(name: bytes) -> int:
    """The hash of .gnu.hash (Bernstein's, 32 bits)."""
    value = 5381
    for byte in name:
        value = (value * 33 + byte) & 0xFFFFFFFF
    return value


@lru_cache(maxsize=4096)
def sysv_hash(name: bytes) -> int:
    """The hash of .hash (gABI)."""
    value = 0
    for byte in name:
        value = (value << 4) + byte
        high = value & 0xF0000000
        value = (value ^ (high >> 24)) & ~high & 0xFFFFFFFF
    return value


class GnuHash(Record):
    """A .gnu.hash table. `chain[i]` belongs to symbol `first + i`; its low bit marks the end of a chain."""

    first: int
    shift: int
    bloom: tuple[int, ...]
    buckets: tuple[int, ...]
    chain: tuple[int, ...]

    def candidates(self, name: bytes) -> Iterator[int]:
        """Indices of the symbols whose hash is `name`'s."""
        value = gnu_hash(name)
        word = self.bloom[(value >> 6) & (len(self.bloom) - 1)]
        if not (word >> (value & 63)) & (word >> ((value >> self.shift) & 63)) & 1:
            return
        index = self.buckets[value % len(self.buckets)]
        if index < self.first:
            return
        for position in range(index - self.first, len(self.chain)):
            entry = self.chain[position]
            if (entry ^ value) >> 1 == 0:
                yield self.first + position
            if entry & 1:
                return

    @property
    def symbols(self) -> int:
        """How many symbols the table knows to exist."""
        return self.first + len(self.chain)


class SysvHash(Record):
    """A .hash table. A chain that runs in a circle is followed once."""

    buckets: tuple[int, ...]
    chain: tuple[int, ...]

    def candidates(self, name: bytes) -> Iterator[int]:
        """Indices of the symbols in `name`'s chain."""
        index = self.buckets[sysv_hash(name) % len(self.buckets)] if self.buckets else 0
        for _ in range(len(self.chain)):
            if index == 0 or index >= len(self.chain):
                return
            yield index
            index = self.chain[index]

    @property
    def symbols(self) -> int:
        """How many symbols the table knows to exist."""
        return len(self.chain)


class SymbolTable(Record):
    """All dynamic symbols of one object."""

    objname: str
    array: bytes
    strings: bytes
    hash: GnuHash | SysvHash | None
    versions: bytes

    def __len__(self) -> int:
        return len(self.array) // c.SYM_SIZE

    def __getitem__(self, index: int) -> Symbol:
        if index >= len(self):
            raise corrupt(self.objname, f"symbol {index} of a table of {len(self)}")
        return Symbol._make(_SYM.unpack_from(self.array, index * c.SYM_SIZE))

    def name(self, symbol: Symbol) -> bytes:
        """A symbol's name."""
        end = self.strings.find(b"\0", symbol.name) if symbol.name < len(self.strings) else -1
        if end < 0:
            raise corrupt(self.objname, f"symbol name at {symbol.name:#x} is not in the string table")
        return self.strings[symbol.name : end]

    def find(self, name: bytes) -> Iterator[Symbol]:
        """The symbols called `name`, defined or not, without those whose version is hidden (not the default)."""
        if self.hash is None:
            return
        wanted = name + b"\0"
        for index in self.hash.candidates(name):
            if index >= len(self):
                return
            symbol = self[index]
            if self.strings.startswith(wanted, symbol.name) and not self._hidden(index):
                yield symbol

    def _hidden(self, index: int) -> bool:
        entry = self.versions[2 * index : 2 * index + 2]
        return len(entry) == 2 and bool(int.from_bytes(entry, "little") & _VERSION_HIDDEN)


def read(reader: ImageReader, dynamic: Dynamic, highest_index: int) -> SymbolTable:
    """The symbols of a mapped object; `highest_index` is the highest that its relocations name. Raises DlError.

    Nothing in a dynamic section says how many symbols there are: the hash table and the relocations do.
    """
    table = _read_hash(reader, dynamic)
    count = max(table.symbols if table else 0, highest_index + 1)
    array = b""
    if c.DT_SYMTAB in dynamic.tags:
        array = reader.read(reader.bias + dynamic.tags[c.DT_SYMTAB], count * c.SYM_SIZE, "symbol table")
    elif highest_index > 0:
        raise corrupt(reader.name, "relocations name symbols, but there is no symbol table")
    versions = b""
    if c.DT_VERSYM in dynamic.tags and array:
        versions = reader.read(reader.bias + dynamic.tags[c.DT_VERSYM], 2 * count, "symbol versions")
    return SymbolTable(reader.name, array, dynamic.strings, table, versions)


def _read_hash(reader: ImageReader, dynamic: Dynamic) -> GnuHash | SysvHash | None:
    if c.DT_GNU_HASH in dynamic.tags:
        return _read_gnu_hash(reader, reader.bias + dynamic.tags[c.DT_GNU_HASH])
    if c.DT_HASH in dynamic.tags:
        return _read_sysv_hash(reader, reader.bias + dynamic.tags[c.DT_HASH])
    return None


def _words(data: bytes, letter: str = "I") -> tuple[int, ...]:
    return struct.unpack(f"<{len(data) // struct.calcsize('<' + letter)}{letter}", data)


def _read_gnu_hash(reader: ImageReader, va: int) -> GnuHash:
    header = reader.read(va, _GNU_HEADER.size, "GNU hash table")
    nbuckets, first, nbloom, shift = _GNU_HEADER.unpack(header)
    if nbloom == 0 or nbloom & (nbloom - 1) or nbuckets == 0:
        raise corrupt(reader.name, f"GNU hash table with {nbloom} Bloom words and {nbuckets} buckets")
    bloom_va = va + _GNU_HEADER.size
    bloom = _words(reader.read(bloom_va, 8 * nbloom, "GNU hash Bloom filter"), "Q")
    buckets_va = bloom_va + 8 * nbloom
    buckets = _words(reader.read(buckets_va, 4 * nbuckets, "GNU hash buckets"))
    return GnuHash(
        first, shift, bloom, buckets, _chain(reader, buckets_va + 4 * nbuckets, first, max(buckets))
    )


def _chain(reader: ImageReader, va: int, first: int, last_bucket: int) -> tuple[int, ...]:
    """The chain words from symbol `first` to the end of the last bucket's chain."""
    if last_bucket < first:
        return ()
    data = reader.read(va, 4 * (last_bucket - first), "GNU hash chain")
    position = va + len(data)
    while True:
        room = min(PAGE_SIZE - position % PAGE_SIZE, reader.end - position, reader.limit - len(data))
        reader.check(va, len(data) + 4, "GNU hash chain")
        piece = reader.read(position, max(room, 4) & ~3, "GNU hash chain")
        for index, word in enumerate(_words(piece)):
            if word & 1:
                return _words(data + piece[: 4 * index + 4])
        data += piece
        position += len(piece)


def _read_sysv_hash(reader: ImageReader, va: int) -> SysvHash:
    nbuckets, nchain = _words(reader.read(va, 8, "hash table"))
    buckets = _words(reader.read(va + 8, 4 * nbuckets, "hash buckets"))
    return SysvHash(buckets, _words(reader.read(va + 8 + 4 * nbuckets, 4 * nchain, "hash chain")))
