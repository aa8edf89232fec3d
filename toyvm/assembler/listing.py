"""The listing (`-a`): the lines of the text with their offsets and bytes in the object, and the symbols, as GNU as prints them.

Bytes of macro calls and repetitions stand at the line that was read last in the file; with `m` each statement of an
expansion has a line of its own.
"""

from __future__ import annotations

from toyvm.base.record import Record

from ..elf.constants import STT_FILE, STT_SECTION
from .assemble import Assembled
from .sections import AsmSymbol
from .source_listing import Listed

_BYTES_A_LINE = 4
_CONTINUATIONS = 4  # lines of bytes below that of the text
_HEADER_LINES = 3
_DEBUGGING = [[".loc"], [".line"], [".stabs"], [".stabn"], [".stabd"]]
_LOOK_AHEAD = 10  # lines in which a .title counts for the page that begins


class _Pages:
    """Lines of text on pages with a heading; without paging (`n`) only the lines."""

    def __init__(self, made: Assembled, paged: bool):
        self.made = made
        self.paged = paged
        self.height = made.state.listing.height
        self.titles = ["", ""]
        self.out: list[str] = []
        self.page = self.on_page = 0
        self._source = made.state.source.place(0)[0] if made.state.source.next else ""

    def add(self, line: str) -> None:
        """Print a line, on a new page if this one is full."""
        if self.paged and (not self.page or (self.height and self.on_page >= self.height)):
            self.eject()
        self.out.append(line)
        self.on_page += 1

    def eject(self) -> None:
        """Begin a page."""
        if not self.paged:
            return
        form_feed = "\f" if self.page else ""
        self.page += 1
        name = "" if self._source == "{standard input}" else self._source
        self.out += [f"{form_feed}GAS LISTING {name} \t\t\tpage {self.page}", *self.titles]
        self.on_page = _HEADER_LINES


class _Line(Record, frozen=False):
    """A line of a file while it is printed: what was appended while it was the last line read."""

    bytes: bytes = b""
    start: int = -1
    expansions: list[Listed] = []


def listing(made: Assembled, forms: str = "", command: Command | None = None) -> str:
    """The text of a listing. `forms` selects its parts by letters, those of GNU as (`-a[cdghlmns]`).

    l lines, s symbols ("" means both); m expansions; n no pages; c not the lines that `.if` skips; d not the
    directives for debuggers; g the version, the options and the files (`command`).
    """
    letters = set(forms.partition("=")[0] or "ls")
    pages = _Pages(made, paged="n" not in letters)
    if "g" in letters:
        for line in _general(made, command):
            pages.add(line)
    if "l" in letters:
        _lines(made, letters, pages)
    if "s" in letters:
        pages.eject()
        for line in _symbols(made):
            pages.add(line)
    return "\n".join(pages.out) + "\n" if pages.out else ""


class Command(Record):
    """What the general part of a listing shows: the version, the words of the command line, and the output."""

    version: str
    words: tuple[str, ...]
    inputs: tuple[str, ...]
    output: str


def _general(made: Assembled, command: Command | None) -> list[str]:
    if command is None:
        return []
    head = [command.version, f" options passed\t: {' '.join(command.words)}"]
    return [
        *head,
        f" input file    \t: {' '.join(command.inputs)}",
        f" output file   \t: {command.output}",
        " target        \t: riscv64-linux-gnu",
        "",
    ]


def _lines(made: Assembled, letters: set[str], pages: _Pages) -> None:
    state = made.state
    lines: dict[tuple[int, int], _Line] = {}
    for entry in state.listing.statements:
        line = lines.setdefault((entry.text, entry.line), _Line())
        line.expansions.append(entry)
        if entry.end != entry.start and not entry.chunk.is_absolute:
            data, start = _bytes(made, entry)
            if line.start < 0:
                line.start = start
            line.bytes += data
    level = 1
    order = list(_in_order(made, 0))
    for index, (text, number) in enumerate(order):
        for kind in (0, 1):
            for at in range(index, min(index + _LOOK_AHEAD, len(order))):
                pages.titles[kind] = state.listing.titles.get((kind, *order[at]), pages.titles[kind])
        line = lines.get((text, number)) or _Line()
        source = state.listing.texts[text].lines[number - 1]
        skipped = "c" in letters and (text, number) in state.listing.skipped
        debugging = "d" in letters and source.split(":")[-1].split()[:1] in _DEBUGGING
        level += state.listing.levels.get((text, number), 0)
        if level > 0 and not skipped and not debugging:
            _print_line(made, pages, number, source, line, "m" in letters)
        if (text, number) in state.listing.ejects:
            pages.eject()


def _in_order(made: Assembled, text: int) -> list[tuple[int, int]]:
    """The lines of a text and of those that it includes: (index of the text, number of the line)."""
    found: list[tuple[int, int]] = []
    texts = made.state.listing.texts
    waiting = [(index, 1) for index in reversed(range(len(texts))) if texts[index].parent is None]
    inside: dict[tuple[int, int], list[int]] = {}
    for index, other in enumerate(texts):
        if other.parent is not None:
            inside.setdefault(other.parent, []).append(index)
    while waiting:
        index, number = waiting.pop()
        if number > texts[index].count:
            continue
        found.append((index, number))
        waiting.append((index, number + 1))
        waiting += [(child, 1) for child in reversed(inside.get((index, number), []))]
    return found


def _print_line(
    made: Assembled, pages: _Pages, number: int, source: str, line: _Line, expanded: bool
) -> None:
    inner = [entry for entry in line.expansions if entry.expanded and entry.shown.strip()] if expanded else []
    if not inner:
        _print(pages, number, source, line.bytes, line.start)
        return
    _print(pages, number, source, b"", -1)
    for entry in inner:
        data, start = _bytes(made, entry) if entry.end != entry.start else (b"", -1)
        text = ">" * entry.expanded + " " + " ".join(entry.shown.split("\t")).rstrip()
        _print(pages, number, text, data, start)


def _print(pages: _Pages, number: int, source: str, data: bytes, start: int) -> None:
    shown = data[: _BYTES_A_LINE * (1 + _CONTINUATIONS)]
    words = [shown[at : at + _BYTES_A_LINE].hex().upper() for at in range(0, len(shown), _BYTES_A_LINE)] or [
        ""
    ]
    columns = f" {start:04x} {words[0]:8} " if start >= 0 else " " * 14
    pages.add(f"{number:4}{columns}\t{source}")
    for word in words[1:]:
        pages.add(f"{number:4}      {word}{' ' if len(word) == 2 * _BYTES_A_LINE else ''}")


def _bytes(made: Assembled, entry: Listed) -> tuple[bytes, int]:
    """What a statement appended, as it is in the object, and its offset in the section."""
    section, start = entry.chunk.section, entry.start.address(entry.chunk)
    size = entry.end.address(entry.chunk) - start
    if section.is_nobits:
        return bytes(min(size, _BYTES_A_LINE * (1 + _CONTINUATIONS))), start
    return bytes(made.object.sections[section.index].data[start : start + size]), start


def _symbols(made: Assembled) -> list[str]:
    state = made.state
    defined, undefined = [], []
    listed = [*state.symbols.files, *state.symbols.order]
    for symbol in listed:
        row = made.object.symbols.array[symbol.index] if symbol.index else None
        if symbol.section is not None or row is None or symbol.name.startswith(".L"):
            continue
        index, value = int(row["st_shndx"]), int(row["st_value"])
        if index == 0:
            undefined.append(symbol.name)
            continue
        where = "*COM*" if symbol.common is not None else "*ABS*"
        if index < len(made.object.sections):
            where = made.object.sections[index].name
        elif symbol.common is not None:
            value = symbol.common[0]
        defined.append(f"{_place(made, symbol, where)}:{value:016x} {symbol.name}")
    return [
        *(["DEFINED SYMBOLS", *defined] if defined else ["NO DEFINED SYMBOLS"]),
        "",
        *(["UNDEFINED SYMBOLS", *undefined] if undefined else ["NO UNDEFINED SYMBOLS"]),
    ]


def _place(made: Assembled, symbol: AsmSymbol, where: str) -> str:
    """The columns of a symbol's section, after the line that defines it if there is one."""
    if symbol.type in (STT_FILE, STT_SECTION) or symbol.common is not None:
        return f"{where:>33}"
    file, number = made.state.source.place(symbol.where)
    return f"{file:>20}:{number:<5}  {where}"
