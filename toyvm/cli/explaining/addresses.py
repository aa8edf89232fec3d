"""`toyvm explain address`: from an address to the source line, the object, the section, the segment, the byte in the file."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from . import link_request

if TYPE_CHECKING:
    from ...elf.elf_file import ElfFile
    from ...linker.link_result import LinkResult

SCHEMA = "toyvm.explain.address/1"


def parser() -> argparse.ArgumentParser:
    """The options of `toyvm explain address`."""
    p = link_request.parser(
        "address",
        "Explain an address: source line, object, archive, section, segment, offset in the file, symbol, relocations. A "
        "linked program does not say which objects it is made of; sources, or the link after `--`, do.",
    )
    p.add_argument("address", metavar="ADDR", help="a number (0x10644), SYMBOL+OFFSET, or FILE:LINE")
    link_request.add_link_options(p)
    return p


def main(argv: list[str]) -> int:
    """Print the explanation."""
    options, ld_words = link_request.parse(parser(), argv)
    from ...elf.elf_file import ElfFile
    from ...explain.address_explanations import explain_address, parse_address
    from ...explain.address_text import address_text
    from ...explain.values import tree

    link: LinkResult | None = None
    elf = _linked_file(options.files) if ld_words is None else None
    if elf is None:
        link = link_request.linked(options, ld_words)
        name = options.files[0] if options.files else link.output
        elf = ElfFile.parse(link.image, name)
    found = explain_address(elf, parse_address(options.address, elf), link)
    if options.json:
        print(json.dumps({"schema": SCHEMA, **tree(found)}, indent=2))
        return 0
    print(address_text(found))
    return 0


def _linked_file(names: list[str]) -> ElfFile | None:
    """The one file, if it is a program or a library that is linked already."""
    from ...build import read_file
    from ...elf.constants import ET_REL
    from ...elf.elf_file import ElfFile
    from ...elf.headers import is_elf

    if len(names) != 1:
        return None
    data = read_file(Path(names[0])) if not names[0].endswith((".s", ".S", ".a")) else b""
    if not is_elf(data):
        return None
    elf = ElfFile.parse(data, names[0])
    if elf.header.type == ET_REL:
        return None
    return elf
