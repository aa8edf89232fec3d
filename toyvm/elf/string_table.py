"""String tables of ELF files (gABI, "String Table"), under construction."""

from __future__ import annotations

from itertools import accumulate


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
        texts = list(self._strings)
        if not all(map(str.isascii, texts)):  # a character for each byte
            texts = [text.encode("utf-8", "surrogateescape").decode("latin-1") for text in texts]
        hosts: dict[str, str] = {}
        whole = ""
        # Backwards and sorted, a tail comes right before the strings it ends.
        for tail in sorted([text[::-1] for text in texts], reverse=True):
            if whole.startswith(tail):
                hosts[tail[::-1]] = whole[::-1]
            else:
                whole = tail
        kept = [text for text in texts if text not in hosts] if hosts else texts
        ends = accumulate([len(text) + 1 for text in kept], initial=1)
        places = dict(zip(kept, ends, strict=False))
        for tail, whole in hosts.items():
            places[tail] = places[whole] + len(whole) - len(tail)
        data = "\0".join(["", *kept, ""]) if kept else "\0"
        offsets = dict(zip(self._strings, [places[text] for text in texts], strict=True))
        return data.encode("latin-1"), {"": 0, **offsets}
