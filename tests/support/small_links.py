"""Small links for tests: assembly text in, what the linker made of it out."""

from __future__ import annotations

from typing import Any

import pytest

from toyvm.assembler import AssemblerOptions, assemble_text
from toyvm.base.errors import LinkError
from toyvm.elf import archive
from toyvm.elf.elf_file import ElfFile
from toyvm.elf.object_file import ObjectFile
from toyvm.elf.object_writer import write_object
from toyvm.linker.link import link
from toyvm.linker.link_options import Input, LinkOptions
from toyvm.linker.link_result import LinkResult

START = ".globl _start\n_start: ret\n"


def obj(text: str, name: str = "a.o", **options: Any) -> ObjectFile:
    """Assemble `text`."""
    return assemble_text(text, name, AssemblerOptions(**options))


def lib(name: str, **members: str) -> Input:
    """An archive `name` whose member FOO.o is assembled from the text of keyword FOO."""
    parts = [
        archive.Member(f"{member}.o", 0, write_object(obj(text, f"{member}.o")))
        for member, text in members.items()
    ]
    return Input(path=name, data=archive.write(parts))


def shared(soname: str, text: str, *needed: Input, **options: Any) -> Input:
    """A shared library linked from `text`."""
    result = link(
        [Input(object=obj(text, "lib.o", pic=True)), *needed],
        LinkOptions(kind="shared", soname=soname, **options),
    )
    return Input(path=soname, data=result.image)


def link_all(*inputs: Input | ObjectFile | str, **options: Any) -> LinkResult:
    """Link; a text is assembled as a.o, b.o ... in order."""
    names = iter("abcdefgh")
    made = []
    for item in inputs:
        if isinstance(item, str):
            item = obj(item, f"{next(names)}.o")
        made.append(item if isinstance(item, Input) else Input(object=item))
    return link(made, LinkOptions(**options))


def errors_of(*inputs: Input | ObjectFile | str, **options: Any) -> str:
    """The messages of a link that must fail."""
    with pytest.raises(LinkError) as caught:
        link_all(*inputs, **options)
    return str(caught.value)


def elf_of(result: LinkResult) -> ElfFile:
    """The output, read back."""
    return ElfFile.parse(result.image, "out")


def at(result: LinkResult, symbol: str | int, size: int = 8) -> int:
    """The little-endian number in the image at a symbol's address."""
    address = result.symbols[symbol] if isinstance(symbol, str) else symbol
    return int.from_bytes(elf_of(result).at_address(address, size), "little")
