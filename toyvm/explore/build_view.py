"""What the page shows of the build: each line of the sources with its bytes, relocations and place in the image.

The lines and their bytes come from the assembler's record for listings, relocations from
`toyvm.explain`, and addresses from the linker's layout. Nothing is computed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..assembler import AssemblerOptions
from ..assembler.assemble import Assembled, assemble_texts
from ..base.record import Record
from ..base.resources import read_input
from ..build import Program
from ..elf.constants import SHF_ALLOC, SHT_NOBITS
from ..explain.member_chain import explain_member
from ..explain.relocations.relocation_explanations import RelocationExplainer
from ..explain.relocations.relocation_text import relocation_line, relocation_text
from ..explain.size_areas import size_tree
from ..explain.symbol_history import SymbolHistory
from ..observe.pictures.treemap import Area

MOST_LINES = 20_000  # of all sources together
MOST_BYTES = 64  # of a line
MOST_SYMBOLS = 2_000
MOST_USES = 40  # symbols that others take from a member


def build_view(program: Program, sources: Sequence[Path]) -> dict[str, Any]:
    """The build of a program whose link has kept its history, as JSON.

    Only `sources` that are assembly text are shown line by line. Raises OSError if one cannot be read
    again.
    """
    explainer = RelocationExplainer(program.link)
    first = sources[0].parent
    paths = [*sources, *(first / other for other in program.directives.with_sources)]
    shown: list[dict[str, Any]] = []
    left = MOST_LINES
    for path in paths:
        if path.suffix in (".s", ".S"):
            source = _Source(path, explainer).tree(left)
            left -= len(source["lines"])
            shown.append(source)
    return {
        "sources": shown,
        "sections": _sections(explainer),
        "sizes": _area(size_tree(program.link, program.name)),
        "decisions": _decisions(program),
        "symbols": _symbols(program),
        "relaxed": [[form, *numbers] for form, numbers in sorted(program.link.relaxations.items())],
    }


class _Piece(Record):
    """Bytes that a line has put into a section."""

    section: int
    start: int
    size: int


class _Source:
    """One source: its lines, assembled again as the build has done, with a record of what each appended."""

    def __init__(self, path: Path, explainer: RelocationExplainer):
        self._path = path
        self._explainer = explainer
        text = read_input(path).decode("utf-8", "surrogateescape")
        options = AssemblerOptions(debug_lines=True, include_dirs=(str(path.parent),), listing=True)
        self._made: Assembled = assemble_texts([(text, str(path))], str(path), options)
        found = explainer.index.find_object(str(path))
        self._sids = explainer.index.sections_of(found[0]) if found else range(0)

    def tree(self, most: int) -> dict[str, Any]:
        """The source as JSON; `most` lines of it."""
        pieces: dict[int, list[_Piece]] = {}
        for entry in self._made.state.listing.statements:
            if entry.text or entry.end == entry.start or entry.chunk.is_absolute:
                continue
            start = entry.start.address(entry.chunk)
            size = entry.end.address(entry.chunk) - start
            pieces.setdefault(entry.line, []).append(_Piece(entry.chunk.section.index, start, size))
        text = self._made.state.listing.texts[0]
        lines = []
        for number, line in enumerate(text.lines[: min(most, text.count)], 1):
            mine = [self._piece(piece) for piece in _joined(pieces.get(number, []))]
            clean = line.encode("utf-8", "replace").decode("utf-8")
            lines.append([clean, mine] if mine else [clean])
        return {"name": self._path.name, "lines": lines, "left_out": max(0, text.count - most)}

    def _piece(self, piece: _Piece) -> dict[str, Any]:
        section = self._made.object.sections[piece.section]
        link = self._explainer.index.link
        data = bytes(section.data[piece.start : piece.start + min(piece.size, MOST_BYTES)])
        out: dict[str, Any] = {
            "section": section.name,
            "offset": piece.start,
            "size": piece.size,
            "bytes": data.hex() if section.type != SHT_NOBITS else "",
            "relocations": [],
        }
        if piece.section >= len(self._sids):
            return out
        sid = self._sids[piece.section]
        out["relocations"] = self._relocations(sid, piece)
        before, after = self._explainer.index.read.sections, self._explainer.index.final.sections
        output = int(link.layout.output[sid])
        # Where a pass has deleted or merged bytes of the section, the offset alone does not say the place.
        if output < 0 or int(before.size[sid]) != int(after.size[sid]) or not section.flags & SHF_ALLOC:
            return out
        placed = link.layout.outputs[output]
        at = int(link.layout.offset[sid]) + piece.start
        out.update(output=placed.name, address=int(link.layout.addr[sid]) + piece.start)
        if placed.type != SHT_NOBITS:
            out.update(file=at, final=link.image[at : at + min(piece.size, MOST_BYTES)].hex())
        return out

    def _relocations(self, sid: int, piece: _Piece) -> list[dict[str, str]]:
        found = []
        for row in self._explainer.rows_at(sid, piece.start, piece.start + piece.size):
            explanation = self._explainer.explain(row)
            found.append(
                {
                    "name": explanation.name,
                    "symbol": explanation.symbol,
                    "fate": explanation.fate,
                    "line": relocation_line(explanation),
                    "text": relocation_text(explanation),
                }
            )
        return found


def _joined(pieces: list[_Piece]) -> list[_Piece]:
    """Adjacent pieces as one: an instruction of several parts, or the numbers of one directive."""
    joined: list[_Piece] = []
    for piece in pieces:
        last = joined[-1] if joined else None
        if last is not None and last.section == piece.section and last.start + last.size == piece.start:
            joined[-1] = _Piece(last.section, last.start, last.size + piece.size)
        else:
            joined.append(piece)
    return joined


def _sections(explainer: RelocationExplainer) -> list[list[Any]]:
    """[name, address, size, whether it has bytes in the file] of the output sections in memory."""
    outputs = explainer.index.link.layout.outputs
    return [
        [each.name, each.addr, each.size, each.type != SHT_NOBITS]
        for each in outputs
        if each.flags & SHF_ALLOC and each.size
    ]


def _area(area: Area) -> list[Any]:
    """[name, bytes, kind, parts] of an area of the treemap."""
    return [_short(area.name), area.size, area.kind, [_area(part) for part in area.parts]]


def _decisions(program: Program) -> list[dict[str, Any]]:
    """What the linker took besides the inputs that were named: each with the chain that led to it."""
    history = SymbolHistory(program.link)
    found = []
    for decision in program.link.decisions:
        row: dict[str, Any] = {
            "what": decision.what,
            "name": _short(decision.name),
            "why": _short(decision.reason),
        }
        if decision.what == "member":
            (answer, *_) = explain_member(history, decision.name)
            row["chain"] = [[_short(step.file), step.symbol, _short(step.pulled)] for step in answer.chain]
            row["uses"] = list(answer.uses[:MOST_USES])
        found.append(row)
    return found


def _symbols(program: Program) -> list[list[Any]]:
    """[name, address, where it is defined] of the global symbols, by address."""
    link = program.link
    rows = sorted(link.symbols.items(), key=lambda item: (item[1], item[0]))[:MOST_SYMBOLS]
    return [[name, address, _short(link.definition(name))] for name, address in rows]


def _short(text: str) -> str:
    """A name or a reason without the folders of its files, which are this host's."""
    return " ".join(
        word[: len(word) - len(word.lstrip("("))] + word.lstrip("(").rsplit("/", 1)[-1]
        for word in text.split()
    )
