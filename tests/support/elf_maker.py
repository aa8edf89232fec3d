"""Small shared objects and programs, byte by byte, so that a test says exactly what the loader is to find in them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from toyvm.elf import constants as c
from toyvm.elf.hashes import gnu_hash, sysv_hash
from toyvm.elf.headers import Ehdr, Phdr, pack_dynamic
from toyvm.relocations import R

TEXT = 0x800
"""Where `text` begins in every file: 0x800 bytes into the first segment."""
DATA = 0x1000
"""The file's address of the writable segment; its first words are the GOT: two, and one for each PLT slot."""
_BUCKETS = 3
_HEADERS = 64 + 56 * 6


@dataclass(frozen=True)
class Sym:
    """A dynamic symbol. `value` None: undefined; `plt`: undefined too, but with a value, its canonical PLT entry."""

    name: str
    value: int | None = None
    size: int = 8
    type: int = c.STT_FUNC
    binding: int = c.STB_GLOBAL
    visibility: int = c.STV_DEFAULT
    version: int = 1
    plt: bool = False

    def pack(self, name: int) -> bytes:
        shndx = c.SHN_UNDEF if self.value is None or self.plt else 1
        return struct.pack(
            "<IBBHQQ", name, self.binding << 4 | self.type, self.visibility, shndx, self.value or 0, self.size
        )


@dataclass(frozen=True)
class Rel:
    """A relocation of the word at `offset`."""

    offset: int
    type: int
    symbol: str = ""
    addend: int = 0


@dataclass
class Maker:
    """What goes into the file. `plt` names the symbols of the PLT slots, `extra` further dynamic entries."""

    soname: str = ""
    needed: Sequence[str] = ()
    symbols: Sequence[Sym] = ()
    relocs: Sequence[Rel] = ()
    plt: Sequence[str] = ()
    extra: Sequence[tuple[int, int]] = ()
    rpath: str = ""
    runpath: str = ""
    hash: str = "gnu"
    text: bytes = bytes(0x100)
    data: bytes = bytes(0x200)
    bss: int = 0
    relro: int = 0
    tls: tuple[int, bytes, int, int] | None = None  # vaddr, image, memsz, align
    init_array: Sequence[int] = ()
    fini_array: Sequence[int] = ()
    preinit_array: Sequence[int] = ()
    interpreter: str = ""
    e_type: int = c.ET_DYN
    entry: int = TEXT
    _strings: bytearray = field(default_factory=lambda: bytearray(b"\0"))

    def slot(self, index: int) -> int:
        """The file's address of PLT slot `index`."""
        return DATA + 16 + 8 * index

    def free(self, index: int = 0) -> int:
        """The file's address of word `index` behind the GOT."""
        return self.slot(len(self.plt)) + 8 * index

    def build(self) -> bytes:
        """The file."""
        undefined = [s for s in self.symbols if s.value is None]
        defined = [s for s in self.symbols if s.value is not None]
        if self.hash == "gnu":
            defined.sort(key=lambda s: gnu_hash(s.name.encode()) % _BUCKETS)
        symbols = [*undefined, *defined]
        index = {s.name: i + 1 for i, s in enumerate(symbols)} | {"": 0}
        tags = [(c.DT_NEEDED, self._string(n)) for n in self.needed]
        for tag, text in ((c.DT_SONAME, self.soname), (c.DT_RPATH, self.rpath), (c.DT_RUNPATH, self.runpath)):
            if text:
                tags.append((tag, self._string(text)))
        dynsym = bytes(24) + b"".join(s.pack(self._string(s.name)) for s in symbols)
        first = bytearray(_HEADERS)
        slots = [Rel(self.slot(i), R.JUMP_SLOT, name) for i, name in enumerate(self.plt)]
        for tag, size_tag, blob in (
            (c.DT_GNU_HASH if self.hash == "gnu" else c.DT_HASH, 0, self._hash(symbols, len(undefined))),
            (c.DT_SYMTAB, 0, dynsym),
            (c.DT_STRTAB, c.DT_STRSZ, bytes(self._strings)),
            (c.DT_RELA, c.DT_RELASZ, _pack_relocs(self.relocs, index)),
            (c.DT_JMPREL, c.DT_PLTRELSZ, _pack_relocs(slots, index)),
            (c.DT_VERSYM, 0, struct.pack(f"<{1 + len(symbols)}H", 0, *(s.version for s in symbols))),
        ):
            if blob:
                first += bytes(-len(first) % 8)
                tags.append((tag, len(first)))
                tags += [(size_tag, len(blob))] if size_tag else []
                first += blob
        assert len(first) <= TEXT, len(first)
        first += self.interpreter.encode() + b"\0"
        first = first.ljust(TEXT, b"\0") + self.text
        return self._assemble(first.ljust(DATA, b"\0"), tags)

    def _assemble(self, first: bytes, tags: list[tuple[int, int]]) -> bytes:
        got = bytearray(16 + 8 * len(self.plt)) + self.data
        for i in range(len(self.plt)):
            struct.pack_into("<Q", got, 16 + 8 * i, TEXT)
        for tag, size_tag, functions in (
            (c.DT_INIT_ARRAY, c.DT_INIT_ARRAYSZ, self.init_array),
            (c.DT_FINI_ARRAY, c.DT_FINI_ARRAYSZ, self.fini_array),
            (c.DT_PREINIT_ARRAY, c.DT_PREINIT_ARRAYSZ, self.preinit_array),
        ):
            if functions:
                tags += [(tag, DATA + len(got)), (size_tag, 8 * len(functions))]
                got += struct.pack(f"<{len(functions)}Q", *functions)
        tags += [(c.DT_PLTGOT, DATA)] if self.plt else []
        tags += [*self.extra, (c.DT_DEBUG, 0), (c.DT_NULL, 0)]
        dynamic = DATA + len(got)
        second = bytes(got) + pack_dynamic(tags)
        phdrs = [
            Phdr(c.PT_LOAD, c.PF_R | c.PF_X, 0, 0, 0, len(first), len(first), 4096),
            Phdr(c.PT_LOAD, c.PF_R | c.PF_W, DATA, DATA, DATA, len(second), len(second) + self.bss, 4096),
            Phdr(
                c.PT_DYNAMIC,
                c.PF_R,
                dynamic,
                dynamic,
                dynamic,
                len(second) - len(got),
                len(second) - len(got),
                8,
            ),
            Phdr(
                c.PT_GNU_RELRO if self.relro else c.PT_NULL,
                c.PF_R,
                DATA,
                DATA,
                DATA,
                self.relro,
                self.relro,
                1,
            ),
            Phdr(c.PT_NULL, 0, 0, 0, 0, 0, 0, 0),
            Phdr(c.PT_NULL, 0, 0, 0, 0, 0, 0, 0),
        ]
        if self.interpreter:
            path = self.interpreter.encode() + b"\0"
            at = first.index(path)
            phdrs[5] = Phdr(c.PT_INTERP, c.PF_R, at, at, at, len(path), len(path), 1)
        if self.tls:
            vaddr, image, memsz, align = self.tls
            phdrs[4] = Phdr(c.PT_TLS, c.PF_R, vaddr, vaddr, vaddr, len(image), memsz, align)
        ehdr = Ehdr(self.e_type, entry=self.entry, phoff=64, phentsize=56, phnum=6)
        return ehdr.pack() + b"".join(p.pack() for p in phdrs) + first[_HEADERS:] + second

    def _string(self, text: str) -> int:
        offset = len(self._strings)
        self._strings += text.encode() + b"\0"
        return offset

    def _hash(self, symbols: Sequence[Sym], undefined: int) -> bytes:
        if self.hash == "sysv":
            return _sysv_table([s.name.encode() for s in symbols])
        return _gnu_table([s.name.encode() for s in symbols[undefined:]], 1 + undefined)


def _pack_relocs(relocs: Sequence[Rel], index: dict[str, int]) -> bytes:
    return b"".join(struct.pack("<QQq", r.offset, index[r.symbol] << 32 | r.type, r.addend) for r in relocs)


def _gnu_table(names: Sequence[bytes], first: int) -> bytes:
    hashes = [gnu_hash(name) for name in names]
    bloom = 0
    for value in hashes:
        bloom |= 1 << (value & 63) | 1 << ((value >> 6) & 63)
    buckets = [0] * _BUCKETS
    chain = []
    for i, value in enumerate(hashes):
        bucket = value % _BUCKETS
        buckets[bucket] = buckets[bucket] or first + i
        last = i + 1 == len(hashes) or hashes[i + 1] % _BUCKETS != bucket
        chain.append(value & ~1 | last)
    return struct.pack(f"<IIIIQ{_BUCKETS}I{len(chain)}I", _BUCKETS, first, 1, 6, bloom, *buckets, *chain)


def _sysv_table(names: Sequence[bytes]) -> bytes:
    buckets = [0] * _BUCKETS
    chain = [0] * (1 + len(names))
    for i, name in enumerate(names, 1):
        bucket = sysv_hash(name) % _BUCKETS
        chain[i], buckets[bucket] = buckets[bucket], i
    return struct.pack(f"<II{_BUCKETS}I{len(chain)}I", _BUCKETS, len(chain), *buckets, *chain)
