"""An Image as the bytes of an ELF file.

A relocatable object is laid out anew, as BFD does: the sections, .symtab, .strtab, the relocations, .shstrtab, the section
headers. In a program or library every byte that a segment loads keeps its place; the other sections follow it.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from ...base.errors import ElfError
from .. import class32
from ..constants import (
    EHDR_SIZE,
    PHDR_SIZE,
    PT_LOAD,
    PT_PHDR,
    RELA_SIZE,
    SHF_ALLOC,
    SHF_GROUP,
    SHF_INFO_LINK,
    SHN_LORESERVE,
    SHT_GROUP,
    SHT_NOTE,
    SHT_RELA,
    SHT_STRTAB,
    SHT_SYMTAB,
    SYM_SIZE,
)
from ..headers import Phdr, Shdr
from ..string_table import StringTable
from ..symbol import Sym, st_info
from .model import Image, Name, Part

_WORD = (1 << 64) - 1


def write_image(image: Image) -> bytes:
    """The ELF file. ElfError for a relocation whose symbol is gone, or a loaded section that grew."""
    return _Writer(image).write()


class _Sizes(NamedTuple):
    """The sizes in bytes of headers, records and words."""

    ehdr: int
    phdr: int
    sym: int
    rela: int
    word: int


_WIDE = _Sizes(EHDR_SIZE, PHDR_SIZE, SYM_SIZE, RELA_SIZE, 8)
_NARROW = _Sizes(class32.EHDR_SIZE, class32.PHDR_SIZE, class32.SYM_SIZE, class32.RELA_SIZE, 4)


class _Writer:
    def __init__(self, image: Image):
        self.image = image
        self.names = sorted(
            image.names, key=lambda name: name.is_global or name.is_undefined or name.is_common
        )
        self.strings = StringTable()
        self.out = bytearray()
        self.headers: list[tuple[str, Shdr]] = []
        self.placed: dict[int, int] = {}  # id of a part -> where it is
        self.number: dict[int, int] = {}  # id of a part -> its section number
        self.symbol: dict[int, int] = {}  # number of a symbol before -> now
        self.sizes = _NARROW if image.is_class32 else _WIDE

    def write(self) -> bytes:
        image = self.image
        relocated = [part for part in image.parts if part.relocs is not None and len(part.relocs)]
        with_symbols = bool(self.names or relocated or image.groups)
        self._number_parts(with_symbols)
        locals_ = sum(not (name.is_global or name.is_undefined or name.is_common) for name in self.names)
        self.symbol = {name.number: index for index, name in enumerate(self.names, start=1)}
        self.out += self._loaded()
        for part in image.parts:
            self._place(part)
        rows = [("", Shdr())]
        symtab, relas = self.number.get(id(image.symtab), 0), []
        for part in image.parts:
            rows.append((part.name, self._header(part)))
            if part.relocs is not None and len(part.relocs):
                flags = SHF_INFO_LINK | part.reloc_flags & SHF_GROUP
                info = self.number[id(part)]
                relas.append((len(rows), part))
                rows.append(
                    (
                        f".rela{part.name}",
                        self._table_header(SHT_RELA, self.sizes.rela, flags, symtab, info),
                    )
                )
        if with_symbols:
            table, strtab = self._symbol_table()
            header = self._table_header(SHT_SYMTAB, self.sizes.sym, 0, symtab + 1, locals_ + 1)
            rows.append((".symtab", self._put(table, header)))
            rows.append((".strtab", self._put(strtab, Shdr(0, SHT_STRTAB, addralign=1))))
        for index, part in relas:
            rows[index] = (rows[index][0], self._put(self._relocations(part), rows[index][1]))
        return self._finish(rows)

    def _table_header(self, kind: int, entsize: int, flags: int, link: int, info: int) -> Shdr:
        return Shdr(0, kind, flags, link=link, info=info, addralign=self.sizes.word, entsize=entsize)

    def _number_parts(self, with_symbols: bool) -> None:
        following = 1
        for part in self.image.parts:
            self.number[id(part)] = following
            following += 1 + bool(part.relocs is not None and len(part.relocs))
        if with_symbols:
            self.number[id(self.image.symtab)] = following
        if following + 3 > SHN_LORESERVE:
            raise ElfError(
                f"{self.image.name}: {following + 3} sections; an ELF file without extended numbering holds {SHN_LORESERVE}"
            )

    def _loaded(self) -> bytearray:
        """The file header, and what the segments of the original file hold."""
        image = self.image
        if not image.segments:
            return bytearray(self.sizes.ehdr)
        end = max(self.sizes.ehdr, image.header.phoff + self.sizes.phdr * image.header.phnum)
        stays = [p for p in image.parts if _keeps_place(image, p)]
        if image.debug_only:
            out = bytearray(image.data[:end])
            end = max([end] + [p.offset + p.size for p in stays if p.offset is not None])
            return out.ljust(end, b"\0")
        end = max(
            [end]
            + [
                p.offset + p.filesz
                for p in image.segments
                if p.filesz and (p.type == PT_LOAD or not _is_unloaded(image, p))
            ]
            + [p.offset + p.old_size for p in stays if p.offset is not None]
        )
        out = bytearray(image.data[:end])
        for part in image.removed:
            if part.offset is not None and part.has_contents and part.flags & SHF_ALLOC:
                out[part.offset : part.offset + part.size] = bytes(
                    len(out[part.offset : part.offset + part.size])
                )
        return out

    def _place(self, part: Part) -> None:
        if not part.has_contents and self.image.segments and part.offset is not None:
            self.placed[id(part)] = part.offset
            return
        data = part.data
        if part.type == SHT_GROUP and part.group is not None:
            data = self._group(part)
        if _keeps_place(self.image, part) and part.offset is not None:
            if len(data) > part.old_size:
                raise ElfError(
                    f"{self.image.name}: section {part.name}: {len(data)} bytes do not fit in the "
                    f"{part.old_size} bytes that it has in a loaded segment"
                )
            self.out[part.offset : part.offset + part.old_size] = data.ljust(part.old_size, b"\0")
            self.placed[id(part)] = part.offset
            return
        self.out += bytes(-len(self.out) % max(part.align, 1))
        self.placed[id(part)] = len(self.out)
        self.out += data if part.has_contents else b""

    def _group(self, part: Part) -> bytes:
        assert part.group is not None
        numbers = []
        for member in part.group.members:
            number = self.number.get(id(member))
            if number is not None:
                numbers.append(number)
                if member.relocs is not None and len(member.relocs):
                    numbers.append(number + 1)
        return struct.pack(f"<{1 + len(numbers)}I", part.group.flags, *numbers)

    def _header(self, part: Part) -> Shdr:
        info = part.info
        if part.info_part is not None:
            info = self.number.get(id(part.info_part), 0)
        if part.type == SHT_GROUP and part.group is not None:
            info = self.symbol.get(part.group.signature.number, 0)
            size = len(self._group(part))
        else:
            size = part.size
        link = self.number.get(id(part.link), 0) if part.link is not None else 0
        flags = part.flags
        return Shdr(
            0, part.type, flags, part.addr, self.placed[id(part)], size, link, info, part.align, part.entsize
        )

    def _put(self, data: bytes, header: Shdr) -> Shdr:
        self.out += bytes(-len(self.out) % header.addralign)
        placed = header._replace(offset=len(self.out), size=len(data))
        self.out += data
        return placed

    def _symbol_table(self) -> tuple[bytes, bytes]:
        for name in self.names:
            self.strings.add(name.name)
        strtab, offsets = self.strings.finish()
        rows = [Sym()] + [self._symbol(name, offsets[name.name]) for name in self.names]
        pack = class32.pack_sym if self.image.is_class32 else Sym.pack
        return b"".join(pack(row) for row in rows), strtab

    def _symbol(self, name: Name, text: int) -> Sym:
        shndx = name.special if name.home is None else self.number[id(name.home)]
        return Sym(text, st_info(name.binding, name.type), name.other, shndx, name.value & _WORD, name.size)

    def _relocations(self, part: Part) -> bytes:
        import numpy as np

        assert part.relocs is not None
        renumber = np.full(self.image.numbers, -1, dtype=np.int64)
        renumber[0] = 0
        for before, now in self.symbol.items():
            renumber[before] = now
        relocs = part.relocs.copy()
        numbers = renumber[relocs["r_sym"]]
        if (numbers < 0).any():
            raise ElfError(f"{self.image.name}: section {part.name}: a symbol of its relocations is missing")
        relocs["r_sym"] = numbers
        if self.image.is_class32:
            from ..record_arrays import relocation_bytes32

            return relocation_bytes32(relocs)
        return bytes(relocs.tobytes())

    def _finish(self, rows: list[tuple[str, Shdr]]) -> bytes:
        image = self.image
        strings = StringTable()
        names = [name for name, _ in rows]
        # The order is BFD's and `object_layout`'s.
        for name in (*(name for name in (".symtab", ".strtab") if name in names), ".shstrtab"):
            strings.add(name)
        for name in names:
            strings.add(f".rela{name}" if f".rela{name}" in names else name)
            strings.add(name)
        table, offsets = strings.finish()
        segments = self._segments()
        if image.segments and not image.parts and len(rows) == 1:
            rows = []  # a file without sections, such as a core dump, gets none
        else:
            rows.append((".shstrtab", self._put(table, Shdr(0, SHT_STRTAB, addralign=1))))
            self.out += bytes(-len(self.out) % self.sizes.word)
        header = image.header._replace(
            shoff=len(self.out) if rows else 0,
            shnum=len(rows),
            shstrndx=len(rows) - 1 if rows else 0,
            phnum=len(segments),
            phoff=image.header.phoff if segments else 0,
        )
        for index, phdr in enumerate(segments):
            at = image.header.phoff + index * self.sizes.phdr
            self.out[at : at + self.sizes.phdr] = class32.pack_phdr(phdr) if image.is_class32 else phdr.pack()
        self.out[: self.sizes.ehdr] = class32.pack_ehdr(header) if image.is_class32 else header.pack()
        pack = class32.pack_shdr if image.is_class32 else Shdr.pack
        return bytes(self.out) + b"".join(pack(header._replace(name=offsets[name])) for name, header in rows)

    def _segments(self) -> list[Phdr]:
        """The program headers: as they were, except for those of sections that moved or are gone."""
        made = []
        for phdr in self.image.segments:
            if phdr.type != PT_PHDR:
                phdr = self._segment(phdr)
            made.append(phdr)
        return made

    def _segment(self, phdr: Phdr) -> Phdr:
        image = self.image
        inside = [p for p in image.parts if _covers(phdr, p)]
        gone = [p for p in image.removed if _covers(phdr, p)]
        if phdr.type != PT_LOAD and not inside and gone:
            return phdr._replace(offset=0, filesz=0, memsz=0, vaddr=phdr.vaddr, paddr=0)
        moved = [p for p in inside if not p.flags & SHF_ALLOC and p.has_contents]
        if moved and len(moved) == len(inside):
            return phdr._replace(offset=self.placed[id(moved[0])])
        if image.debug_only:
            ends = [self.placed[id(p)] + p.size for p in inside if p.has_contents]
            return phdr._replace(filesz=max([end - phdr.offset for end in ends] + [0]))
        return phdr


def _covers(phdr: Phdr, part: Part) -> bool:
    """Whether the section was in the segment."""
    if part.offset is None:
        return False
    if part.flags & SHF_ALLOC:
        inside = phdr.vaddr <= part.addr and part.addr + part.old_size <= phdr.vaddr + phdr.memsz
        return inside and bool(phdr.memsz) and (part.addr < phdr.vaddr + phdr.memsz)
    return bool(phdr.filesz) and phdr.offset <= part.offset < phdr.offset + phdr.filesz


def _is_unloaded(image: Image, phdr: Phdr) -> bool:
    """Whether a segment is made of sections that are not loaded, and so moves with them."""
    return any(_covers(phdr, part) for part in (*image.parts, *image.removed) if not part.flags & SHF_ALLOC)


def _keeps_place(image: Image, part: Part) -> bool:
    """Whether the bytes of a section stay where they are in the file."""
    if part.offset is None or not image.segments or not part.has_contents:
        return False
    if image.debug_only:
        return bool(part.flags & SHF_ALLOC) and part.type == SHT_NOTE
    return bool(part.flags & SHF_ALLOC)
