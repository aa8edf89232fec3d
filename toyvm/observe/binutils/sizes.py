"""The listings of `size`: code, data and bss in Berkeley format, or a table in System V format."""

from __future__ import annotations

from typing import NamedTuple

from toyvm.elf.constants import SHN_COMMON
from toyvm.elf.elf_file import ElfFile

from .binaries import content_sections, has_contents, is_alloc, is_code, is_readonly


class Sizes(NamedTuple):
    """Sizes in bytes. `text` includes read-only data; `bss` is not in the file."""

    text: int
    data: int
    bss: int

    @property
    def total(self) -> int:
        """The sum."""
        return self.text + self.data + self.bss


def common_size(elf: ElfFile) -> int:
    """The bytes of all common symbols."""
    table = elf.symbols(".symtab")
    if table is None:
        return 0
    common = table.array["st_shndx"] == SHN_COMMON
    return int(table.array["st_size"][common].sum())


def sizes(elf: ElfFile, gnu: bool = False, common: bool = False) -> Sizes:
    """The Berkeley sizes of a file.

    `gnu`: read-only data is data and not text, as with `size -G`. `common`: bss includes common symbols.
    """
    text = data = 0
    bss = common_size(elf) if common else 0
    for section in content_sections(elf):
        if not is_alloc(section):
            continue
        if is_code(section) or (is_readonly(section) and (not gnu or not has_contents(section))):
            text += section.header.size
        elif has_contents(section):
            data += section.header.size
        else:
            bss += section.header.size
    return Sizes(text, data, bss)


BERKELEY_HEADER = "   text\t   data\t    bss\t    dec\t    hex\tfilename"


GNU_HEADER = "      text       data        bss      total filename"


def heading(gnu: bool, radix: str) -> str:
    """The titles of the columns. With `radix` "o" the sum is octal."""
    return GNU_HEADER if gnu else BERKELEY_HEADER.replace("dec", "oct") if radix == "o" else BERKELEY_HEADER


def berkeley(found: Sizes, title: str, radix: str = "d") -> str:
    """One line of the Berkeley format. `radix` is d, o or x."""
    prefix = {"d": "", "o": "0", "x": "0x"}[radix]
    texts = [f"{prefix}{value:{radix}}" for value in (found.text, found.data, found.bss)]
    total = f"{found.total:7o}" if radix == "o" else f"{found.total:7}"
    return "\t".join(f"{text:>7}" for text in texts) + f"\t{total}\t{found.total:7x}\t{title}"


def gnu_line(found: Sizes, title: str) -> str:
    """One line of `size -G`."""
    return f"{found.text:10} {found.data:10} {found.bss:10} {found.total:10} {title}"


def system_v(elf: ElfFile, title: str, radix: str = "d", common: bool = False) -> str:
    """The table of the System V format (`size -A`), with two empty lines after it."""
    prefix = {"d": "", "o": "0", "x": "0x"}[radix]

    def number(value: int) -> str:
        return f"{prefix}{value:{radix}}"

    found = [(section.name, section.header.size, section.header.addr) for section in content_sections(elf)]
    if common:
        found.append(("*COM*", common_size(elf), 0))
    total = number(sum(size for _, size, _ in found))
    rows = [(name, number(size), number(addr)) for name, size, addr in found]
    name = max([len(row[0]) for row in rows] + [len("section")])
    size = max(len(total), len("size"))
    addr = max([len(row[2]) for row in rows] + [len("addr")])
    lines = [f"{title}:", f"{'section':<{name}}   {'size':>{size}}   {'addr':>{addr}}"]
    lines += [f"{row[0]:<{name}}   {row[1]:>{size}}   {row[2]:>{addr}}" for row in rows]
    lines.append(f"{'Total':<{name}}   {total:>{size}}")
    return "\n".join(lines) + "\n\n"
