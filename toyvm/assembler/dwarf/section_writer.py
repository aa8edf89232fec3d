"""The bytes of a debugging section while they are written, with the places that relocations fill."""

from __future__ import annotations

from typing import Generic

from toyvm.relocations import R

from .code_places import EmittedSection, Fixup, L, SectionStart


class SectionWriter(Generic[L]):
    """Appends numbers, strings, addresses and distances to `data`."""

    def __init__(self, word: int) -> None:
        self.word = word  # bytes of an address
        self.data = bytearray()
        self.fixups: list[Fixup[L]] = []

    def length(self) -> int:
        """Begin a unit that starts with its 4-byte length. Pass the result to `close`."""
        self.data += bytes(4)
        return len(self.data)

    def close(self, start: int) -> None:
        """End the unit that `length` began."""
        self.data[start - 4 : start] = (len(self.data) - start).to_bytes(4, "little")

    def string(self, text: str) -> None:
        """A string with its final zero."""
        self.data += text.encode("utf-8", "surrogateescape") + b"\0"

    def fixed(self, size: int, *relocs: tuple[R, L | SectionStart], addend: int = 0) -> None:
        """`size` zero bytes for the relocations to fill."""
        self.fixups += [Fixup(len(self.data), type, symbol, addend) for type, symbol in relocs]
        self.data += bytes(size)

    def offset(self, section: str, addend: int = 0) -> None:
        """An offset of 4 bytes into a debugging section."""
        self.fixed(4, (R.ABS32, SectionStart(section)), addend=addend)

    def address(self, place: L) -> None:
        """An address."""
        self.fixed(self.word, (R.ABS64 if self.word == 8 else R.ABS32, place))

    def distance(self, start: L, end: L) -> None:
        """A distance of the size of an address."""
        if self.word == 8:
            self.fixed(8, (R.ADD64, end), (R.SUB64, start))
        else:
            self.fixed(4, (R.ADD32, end), (R.SUB32, start))

    def section(self, name: str, addralign: int = 1, strings: bool = False) -> EmittedSection[L]:
        """The finished section."""
        return EmittedSection(name, False, addralign, bytes(self.data), self.fixups, strings)
