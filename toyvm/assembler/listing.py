"""The listing (`-a`): each statement with its line number, its offset, and its bytes in the object."""

from __future__ import annotations

from ..elf.constants import ST_BIND_SHIFT, ST_TYPE_MASK, STB_GLOBAL, STB_LOCAL, STT_SECTION
from .assemble import Assembled
from .state import Listed

_BYTES_A_LINE = 4


def listing(made: Assembled, forms: str = "ln") -> str:
    """The text of a listing. `forms` selects its parts: "l" statements, "s" symbols, "" both."""
    letters = forms.partition("=")[0]
    want = set(letters or "ls")
    out: list[str] = []
    if want & {"l", "n", "d", "h", "c"}:
        sections = {section.name: bytes(section.data) for section in made.object.sections}
        seen = -1
        for entry in made.state.listed:
            out += _statement(made, entry, sections, seen)
            seen = entry.where
    if "s" in want:
        out += _symbols(made)
    return "\n".join(out) + "\n"


def _statement(made: Assembled, entry: Listed, sections: dict[str, bytes], seen: int) -> list[str]:
    _, number = made.state.source.place(entry.where)
    text = made.state.source.span(entry.where).text
    section = entry.chunk.section
    start = entry.chunk.base + entry.start
    data = (
        b"" if section.is_nobits else sections.get(section.name, b"")[start : start + entry.end - entry.start]
    )
    if not data:
        return [f"{number:4}              \t{text}"]
    pieces = [
        data[at : at + _BYTES_A_LINE].hex().upper() for at in range(0, min(len(data), 32), _BYTES_A_LINE)
    ]
    lines = [f"{number:4} {start:04x} {pieces[0]:8} \t{text}"]
    lines += [f"{number:4}      {piece}" for piece in pieces[1:]]
    return lines


def _symbols(made: Assembled) -> list[str]:
    table = made.object.symbols
    defined, undefined = ["", "DEFINED SYMBOLS"], ["", "UNDEFINED SYMBOLS"]
    for name, row in zip(table.names, table.array.tolist(), strict=True):
        _, info, _, index, value, _ = row
        if not name or info & ST_TYPE_MASK == STT_SECTION:
            continue
        if index == 0:
            undefined.append(name)
        else:
            where = made.object.sections[index].name if index < len(made.object.sections) else "*ABS*"
            mark = {STB_GLOBAL: "g", STB_LOCAL: "l"}.get(info >> ST_BIND_SHIFT, "w")
            defined.append(f"{where}:{value:016x} {mark} {name}")
    return [*defined, *(undefined if len(undefined) > 2 else ["", "NO UNDEFINED SYMBOLS"])]
