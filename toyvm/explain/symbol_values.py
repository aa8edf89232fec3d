"""What an explanation of a symbol, a member or a library says, as values."""

from __future__ import annotations

from toyvm.base.record import Record


class Mention(Record):
    """A file that mentions a symbol. `what` is "reference", "definition", "common", "library", "unused member", ...

    `place` is where a definition is (`.text+0x8`). `effect` says what the mention changed, or why it changed nothing.
    `won`: the output has this definition.
    """

    file: str
    what: str
    effect: str
    place: str = ""
    size: int = 0
    won: bool = False


class SymbolExplanation(Record):
    """A symbol: everyone who mentions it, in the order of reading, and what became of it.

    `definition` is "FILE:(SECTION+OFFSET)", a library, or "". `rules` are those that decided, besides the effects of the
    mentions. `output` is the output section, or "" if it has none.
    """

    name: str
    mentions: tuple[Mention, ...]
    definition: str
    rules: tuple[str, ...]
    address: int | None
    call_address: int | None  # of its PLT entry, if calls go there
    size: int
    output: str
    binding: str
    visibility: str
    type: str


class Link(Record):
    """A step of a chain: `file` refers to `symbol`, and so `pulled` takes part."""

    file: str
    symbol: str
    pulled: str


class MemberExplanation(Record):
    """An archive member or a library: why it takes part, or why it stays out.

    `chain` leads from an object of the command line to it. `uses` are the symbols that others take from it.
    """

    name: str
    taken: bool
    reason: str
    chain: tuple[Link, ...] = ()
    uses: tuple[str, ...] = ()
    needed: str = ""  # its entry in DT_NEEDED
