"""From what a user writes to an address of a process: a number, a symbol, SYMBOL+OFFSET, or FILE:LINE."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..breakpoint_places import linked_address_of

if TYPE_CHECKING:
    from toyvm.kernel.proc.process import Process

    from ..symbolize import ImageSymbols, Symbolizer


def locate(process: Process, text: str, symbols: Symbolizer) -> int | None:
    """The address that `text` names now: in the program, else in the first library that has it; or None."""
    number = as_number(text)
    if number is not None:
        return number
    name, plus, offset = text.rpartition("+")
    more = as_number(offset) if plus else None
    wanted, more = (name, more) if more is not None else (text, 0)
    for image, bias in images(process, symbols):
        found = None if image.elf is None else linked_address_of(wanted, image.elf)
        if found is not None:
            return found + bias + more
    return None


def as_number(text: str) -> int | None:
    """A number in decimal, or in hexadecimal with 0x; None if it is none. Underscores are no digits."""
    try:
        return None if "_" in text else int(text, 0)
    except ValueError:
        return None


def images(process: Process, symbols: Symbolizer) -> Iterator[tuple[ImageSymbols, int]]:
    """The ELF files that are mapped, in the order of their addresses, with their biases; the program first."""
    seen: set[object] = set()
    found = []
    for area in process.mm.vmas:
        if area.file is None or area.file.identity in seen:
            continue
        place = symbols.image_at(process.pid, area.start)
        if place is not None and place[1].elf is not None:
            seen.add(area.file.identity)
            found.append((area.name != process.exe, place[1], area.start - place[2]))
    for _, image, bias in sorted(found, key=lambda entry: entry[0]):
        yield image, bias


def names(process: Process, symbols: Symbolizer) -> list[str]:
    """The names of all symbols, for a hint at what a misspelt one may mean."""
    return sorted({name for image, _ in images(process, symbols) for name, _ in image.entries})
