"""The dynamic section of a mapped object, read from guest memory and checked.

As in ld.so, the tables are found through PT_DYNAMIC of the mapped image, not through section
headers (gABI, "Dynamic Section"). Addresses in the file are relative to the object's bias. A table
outside the image is an error here, so users of a `Dynamic` need not check addresses again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from toyvm.base.record import Record
from toyvm.elf import constants as c
from toyvm.elf.headers import Phdr, read_dynamic
from toyvm.kernel.mm.address_space import AddressSpace

from ..dlerror import corrupt

ADDRESS_SIZE = 8


class ImageReader(Record):
    """Checked reads of a mapped object, whose pages range from guest address `start` to `end`.

    `limit` is the size of the file. No table can be larger, even if the image has a huge bss.
    """

    name: str
    memory: AddressSpace
    bias: int
    start: int
    end: int
    limit: int

    def read(self, va: int, size: int, what: str) -> bytes:
        """`size` bytes at guest address `va`.

        Raises DlError, which names `what`, if not in the image.
        """
        self.check(va, size, what)
        try:
            return self.memory.read(va, size) if size else b""
        except OSError as error:
            raise corrupt(self.name, f"{what} at {va:#x} is not mapped") from error

    def check(self, va: int, size: int, what: str) -> None:
        """Raise DlError unless the range is in the image and no larger than the file."""
        if size > self.limit or not (self.start <= va and va + size <= self.end):
            raise corrupt(self.name, f"{what} at {va:#x} with {size:#x} bytes lies outside the image")


class Table(Record):
    """A table of the object: guest address (bias included) and size in bytes; size 0: there is
    none.
    """

    va: int = 0
    size: int = 0


class Dynamic(Record):
    """The contents of a dynamic section: strings decoded, bias added to addresses, sizes checked."""

    va: int
    tags: Mapping[int, int]
    needed: tuple[str, ...]
    soname: str
    rpath: str
    runpath: str
    strings: bytes
    rela: Table
    plt_rela: Table
    relr: Table
    init_functions: tuple[int, ...]
    fini_functions: tuple[int, ...]
    preinit_functions: tuple[int, ...]
    debug_slot: int

    def flag(self, flags: int, flags_1: int = 0, tag: int = c.DT_NULL) -> bool:
        """Whether DT_FLAGS contains `flags`, DT_FLAGS_1 contains `flags_1`, or `tag` is present."""
        return bool(
            self.tags.get(c.DT_FLAGS, 0) & flags
            or self.tags.get(c.DT_FLAGS_1, 0) & flags_1
            or (tag and tag in self.tags)
        )

    @property
    def symbolic(self) -> bool:
        """References are resolved in the object itself first (-Bsymbolic)."""
        return self.flag(c.DF_SYMBOLIC, tag=c.DT_SYMBOLIC)

    @property
    def bind_now(self) -> bool:
        """All references are bound at load time (-z now)."""
        return self.flag(c.DF_BIND_NOW, c.DF_1_NOW, c.DT_BIND_NOW)

    @property
    def textrel(self) -> bool:
        """Relocations may modify read-only segments."""
        return self.flag(c.DF_TEXTREL, tag=c.DT_TEXTREL)

    @property
    def nodelete(self) -> bool:
        """The object is never unloaded (-z nodelete)."""
        return self.flag(0, c.DF_1_NODELETE)


def read(reader: ImageReader, phdrs: Sequence[Phdr]) -> Dynamic:
    """Read the dynamic section of a mapped object. Raises DlError."""
    segment = next((phdr for phdr in phdrs if phdr.type == c.PT_DYNAMIC), None)
    if segment is None or not segment.memsz:
        raise corrupt(reader.name, "object file has no dynamic section")
    va = reader.bias + segment.vaddr
    entries = read_dynamic(reader.read(va, segment.memsz, "dynamic section"))
    tags = dict(reversed(entries))
    _check_sizes(reader.name, tags)
    strings = _table(reader, tags, c.DT_STRTAB, c.DT_STRSZ, 1, "string table")
    text = reader.read(strings.va, strings.size, "string table")
    plt_rela = _table(reader, tags, c.DT_JMPREL, c.DT_PLTRELSZ, c.RELA_SIZE, "PLT relocations")
    debug = next((i for i, (tag, _) in enumerate(entries) if tag == c.DT_DEBUG), None)
    return Dynamic(
        va=va,
        tags=tags,
        needed=tuple(_string(reader.name, text, value) for tag, value in entries if tag == c.DT_NEEDED),
        soname=_tag_string(reader.name, text, tags, c.DT_SONAME),
        rpath=_tag_string(reader.name, text, tags, c.DT_RPATH),
        runpath=_tag_string(reader.name, text, tags, c.DT_RUNPATH),
        strings=text,
        rela=_without(_table(reader, tags, c.DT_RELA, c.DT_RELASZ, c.RELA_SIZE, "relocations"), plt_rela),
        plt_rela=plt_rela,
        relr=_table(reader, tags, c.DT_RELR, c.DT_RELRSZ, ADDRESS_SIZE, "relative relocations"),
        init_functions=_functions(reader, tags, c.DT_INIT, c.DT_INIT_ARRAY, c.DT_INIT_ARRAYSZ),
        fini_functions=_functions(reader, tags, c.DT_FINI, c.DT_FINI_ARRAY, c.DT_FINI_ARRAYSZ),
        preinit_functions=_functions(reader, tags, c.DT_NULL, c.DT_PREINIT_ARRAY, c.DT_PREINIT_ARRAYSZ),
        debug_slot=va + c.DYN_SIZE * debug + 8 if debug is not None else 0,
    )


def _check_sizes(name: str, tags: Mapping[int, int]) -> None:
    """Reject entry sizes other than those of ELF64, and DT_REL (RISC-V uses only RELA)."""
    for tag, size, what in (
        (c.DT_RELAENT, c.RELA_SIZE, "DT_RELAENT"),
        (c.DT_SYMENT, c.SYM_SIZE, "DT_SYMENT"),
        (c.DT_RELRENT, ADDRESS_SIZE, "DT_RELRENT"),
    ):
        if tags.get(tag, size) != size:
            raise corrupt(name, f"{what} is {tags[tag]}, expected {size}")
    if tags.get(c.DT_PLTREL, c.DT_RELA) != c.DT_RELA or c.DT_REL in tags:
        raise corrupt(name, "relocations without addends (DT_REL) are not used on RISC-V")


def _table(
    reader: ImageReader, tags: Mapping[int, int], tag: int, size_tag: int, unit: int, what: str
) -> Table:
    size = tags.get(size_tag, 0)
    if tag not in tags or not size:
        return Table()
    if size % unit:
        raise corrupt(reader.name, f"{what} have {size:#x} bytes, which is no multiple of {unit}")
    table = Table(reader.bias + tags[tag], size)
    reader.check(table.va, table.size, what)
    return table


def _without(rela: Table, plt_rela: Table) -> Table:
    """Exclude the PLT's relocations, which GNU ld includes in DT_RELASZ if they are adjacent."""
    if plt_rela.size and rela.size >= plt_rela.size and rela.va + rela.size == plt_rela.va + plt_rela.size:
        return Table(rela.va, rela.size - plt_rela.size)
    return rela


def _functions(
    reader: ImageReader, tags: Mapping[int, int], single: int, array: int, array_size: int
) -> tuple[int, ...]:
    """The functions of tag `single` (such as DT_INIT) and array `array` (such as DT_INIT_ARRAY).

    A positive number is the address of a function. A negative number is the negated address of an
    array slot, whose contents are known only after relocation.
    """
    first = [reader.bias + tags[single]] if single and tags.get(single) else []
    slots = _table(reader, tags, array, array_size, ADDRESS_SIZE, "function array")
    return (*first, *(-(slots.va + offset) for offset in range(0, slots.size, ADDRESS_SIZE)))


def _tag_string(name: str, text: bytes, tags: Mapping[int, int], tag: int) -> str:
    return _string(name, text, tags[tag]) if tag in tags else ""


def _string(name: str, text: bytes, offset: int) -> str:
    end = text.find(b"\0", offset) if offset < len(text) else -1
    if end < 0:
        raise corrupt(name, f"string at {offset:#x} is not in the string table of {len(text):#x} bytes")
    return text[offset:end].decode("utf-8", "surrogateescape")
