"""The dynamic symbols of an object: lookup by name in .gnu.hash, or else in .hash.

The tables are read from the guest's image. .gnu.hash has the format that GNU ld writes: a Bloom
filter rejects most undefined names, and a bucket is the first symbol of a chain, whose last word
has bit 0 set. For .hash see the gABI, "Hash Table".
"""

from __future__ import annotations

from collections.abc import Iterator

from toyvm.base.light_types import TYPE_CHECKING
from toyvm.base.record import Record
from toyvm.elf import constants as c
from toyvm.elf.hashes import (
    BLOOM_WORD_SIZE,
    GNU_HEADER_SIZE,
    HASH_WORD_SIZE,
    SYSV_HEADER_SIZE,
    Effort,
    GnuHash,
    SysvHash,
    bloom_words,
    gnu_hash_header,
    hash_words,
    sysv_hash_header,
)
from toyvm.elf.symbol import Sym, symbol_at
from toyvm.machine.physical_memory import PAGE_SIZE

from ..dlerror import corrupt
from .dynamic_section import Dynamic, ImageReader

if TYPE_CHECKING:
    from .version_table import Version, VersionTable


class SymbolTable(Record):
    """The dynamic symbols of one object."""

    objname: str
    array: bytes
    strings: bytes
    hash: GnuHash | SysvHash | None
    versions: bytes
    version_table: VersionTable | None = None

    def __len__(self) -> int:
        return len(self.array) // c.SYM_SIZE

    def __getitem__(self, index: int) -> Sym:
        if index >= len(self):
            raise corrupt(self.objname, f"symbol {index} of a table of {len(self)}")
        return symbol_at(self.array, index)

    def name(self, symbol: Sym) -> bytes:
        """The name of a symbol. Raises DlError."""
        end = self.strings.find(b"\0", symbol.name) if symbol.name < len(self.strings) else -1
        if end < 0:
            raise corrupt(self.objname, f"symbol name at {symbol.name:#x} is not in the string table")
        return self.strings[symbol.name : end]

    def find(self, name: bytes) -> Iterator[tuple[int, Sym]]:
        """The symbols called `name` with their numbers, defined or undefined, of any version. Raises DlError."""
        if self.hash is None:
            return
        wanted = name + b"\0"
        try:
            for index in self.hash.candidates(name):
                if index >= len(self):
                    return
                symbol = self[index]
                if self.strings.startswith(wanted, symbol.name):
                    yield index, symbol
        except ValueError as error:
            raise corrupt(self.objname, str(error)) from None

    def version_number(self, index: int) -> int:
        """The entry of DT_VERSYM for a symbol, with VERSYM_HIDDEN; 0 if there is none."""
        return int.from_bytes(self.versions[c.VERSYM_SIZE * index : c.VERSYM_SIZE * (index + 1)], "little")

    def version(self, index: int) -> Version | None:
        """The version of a symbol, which a reference to it wants; None if it has none."""
        if self.version_table is None:
            return None
        return self.version_table.numbers.get(self.version_number(index) & ~c.VERSYM_HIDDEN)


def read(reader: ImageReader, dynamic: Dynamic, highest_index: int) -> SymbolTable:
    """Read the symbols of a mapped object. Raises DlError.

    A dynamic section does not contain the number of symbols. It is derived from the hash table and
    from `highest_index`, the highest symbol index in the relocations.
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
        versions = reader.read(
            reader.bias + dynamic.tags[c.DT_VERSYM], c.VERSYM_SIZE * count, "symbol versions"
        )
    version_table = None
    if c.DT_VERNEED in dynamic.tags or c.DT_VERDEF in dynamic.tags:
        from . import version_table as version_tables  # few objects have versions

        version_table = version_tables.read(reader, dynamic)
    return SymbolTable(reader.name, array, dynamic.strings, table, versions, version_table)


def _read_hash(reader: ImageReader, dynamic: Dynamic) -> GnuHash | SysvHash | None:
    if c.DT_GNU_HASH in dynamic.tags:
        return _read_gnu_hash(reader, reader.bias + dynamic.tags[c.DT_GNU_HASH])
    if c.DT_HASH in dynamic.tags:
        return _read_sysv_hash(reader, reader.bias + dynamic.tags[c.DT_HASH])
    return None


def _read_gnu_hash(reader: ImageReader, va: int) -> GnuHash:
    buckets_count, first, bloom_count, shift = gnu_hash_header(
        reader.read(va, GNU_HEADER_SIZE, "GNU hash table")
    )
    if bloom_count == 0 or bloom_count & (bloom_count - 1) or buckets_count == 0:
        raise corrupt(
            reader.name, f"GNU hash table with {bloom_count} Bloom words and {buckets_count} buckets"
        )
    bloom_va = va + GNU_HEADER_SIZE
    bloom = bloom_words(reader.read(bloom_va, BLOOM_WORD_SIZE * bloom_count, "GNU hash Bloom filter"))
    buckets_va = bloom_va + BLOOM_WORD_SIZE * bloom_count
    buckets = hash_words(reader.read(buckets_va, HASH_WORD_SIZE * buckets_count, "GNU hash buckets"))
    chain = _chain(reader, buckets_va + HASH_WORD_SIZE * buckets_count, first, max(buckets))
    return GnuHash(first, shift, bloom, buckets, chain, Effort())


def _chain(reader: ImageReader, va: int, first: int, last_bucket: int) -> tuple[int, ...]:
    """The chain words from symbol `first` to the end of the last bucket's chain."""
    if last_bucket < first:
        return ()
    data = bytearray(reader.read(va, HASH_WORD_SIZE * (last_bucket - first), "GNU hash chain"))
    position = va + len(data)
    while True:
        room = min(PAGE_SIZE - position % PAGE_SIZE, reader.end - position, reader.limit - len(data))
        reader.check(va, len(data) + HASH_WORD_SIZE, "GNU hash chain")
        piece = reader.read(position, max(room, HASH_WORD_SIZE) & -HASH_WORD_SIZE, "GNU hash chain")
        for index, word in enumerate(hash_words(piece)):
            if word & 1:
                return hash_words(bytes(data) + piece[: HASH_WORD_SIZE * (index + 1)])
        data += piece
        position += len(piece)


def _read_sysv_hash(reader: ImageReader, va: int) -> SysvHash:
    buckets_count, chain_count = sysv_hash_header(reader.read(va, SYSV_HEADER_SIZE, "hash table"))
    buckets_va = va + SYSV_HEADER_SIZE
    chain_va = buckets_va + HASH_WORD_SIZE * buckets_count
    buckets = hash_words(reader.read(buckets_va, HASH_WORD_SIZE * buckets_count, "hash buckets"))
    chain = hash_words(reader.read(chain_va, HASH_WORD_SIZE * chain_count, "hash chain"))
    return SysvHash(buckets, chain, Effort())
