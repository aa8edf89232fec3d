"""The listings of `size`: code, data and bss in Berkeley format, or a table in System V format."""

from __future__ import annotations

from typing import NamedTuple

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


def sizes(elf: ElfFile) -> Sizes:
    """The Berkeley sizes of a file."""
    text = data = bss = 0
    for section in content_sections(elf):
        if not is_alloc(section):
            continue
        if is_code(section) or is_readonly(section):
            text += section.header.size
        elif has_contents(section):
            data += section.header.size
        else:
            bss += section.header.size
    return Sizes(text, data, bss)


BERKELEY_HEADER = "   text\t   data\t    bss\t    dec\t    hex\tfilename"


def berkeley(found: Sizes, title: str) -> str:
    """One line of the Berkeley format."""
    return f"{found.text:7}\t{found.data:7}\t{found.bss:7}\t{found.total:7}\t{found.total:7x}\t{title}"


def system_v(elf: ElfFile, title: str) -> str:
    """The table of the System V format (`size -A`), with two empty lines after it."""
    rows = [(section.name, section.header.size, section.header.addr) for section in content_sections(elf)]
    total = sum(size for _, size, _ in rows)
    name = max([len(row[0]) for row in rows] + [len("section")])
    size = max(len(str(total)), len("size"))
    addr = max([len(str(row[2])) for row in rows] + [len("addr")])
    lines = [f"{title}:", f"{'section':<{name}}   {'size':>{size}}   {'addr':>{addr}}"]
    lines += [f"{row[0]:<{name}}   {row[1]:>{size}}   {row[2]:>{addr}}" for row in rows]
    lines.append(f"{'Total':<{name}}   {total:>{size}}")
    return "\n".join(lines) + "\n\n"
