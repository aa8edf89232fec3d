"""String tables of ELF files (gABI, "String Table"), under construction."""

from __future__ import annotations


class StringTable:
    """A string table under construction; a string that ends another one shares its bytes (".text" in ".rela.text").

    The order is that of GNU as: strings as they were first added, without those that are a tail of another one.
    """

    def __init__(self) -> None:
        self._strings: dict[str, None] = {}

    def add(self, text: str) -> None:
        """Add `text` to the table."""
        if text:
            self._strings[text] = None

    def finish(self) -> tuple[bytes, dict[str, int]]:
        """(the table's bytes, offset of each added string). The empty string is at 0."""
        encoded = {text: text.encode("utf-8", "surrogateescape") for text in self._strings}
        # Sorted by their reversed bytes, a tail comes right before the strings it ends.
        order = sorted(encoded, key=lambda text: encoded[text][::-1])
        host: dict[str, str] = {}
        for text, following in zip(reversed(order[:-1]), reversed(order[1:]), strict=True):
            whole = host.get(following, following)
            if encoded[whole].endswith(encoded[text]):
                host[text] = whole
        out = bytearray(b"\0")
        offsets = {"": 0}
        for text, raw in encoded.items():
            if text not in host:
                offsets[text] = len(out)
                out += raw + b"\0"
        for text, whole in host.items():
            offsets[text] = offsets[whole] + len(encoded[whole]) - len(encoded[text])
        return bytes(out), offsets
