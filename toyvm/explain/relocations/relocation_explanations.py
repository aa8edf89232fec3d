"""Explains relocations of a finished link: one, those of a place, or all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from toyvm.base.errors import UnknownNameError
from toyvm.base.record import replace
from toyvm.elf.constants import SHF_EXECINSTR
from toyvm.linker.link_result import LinkResult
from toyvm.observe.binutils.disassembly import disassemble
from toyvm.relocation_fields import RelocationError, uleb128_length
from toyvm.relocations import RELOCATIONS, ULEB128, Field, Formula, R

from ..link_index import LinkIndex
from ..section_fates import why_absent
from ..values import Application, RelaxationVerdict, RelocationExplanation
from .loader_parts import LoaderParts
from .psabi_rules import rule_of
from .relaxation_verdicts import Verdicts
from .relocation_arithmetic import Arithmetic

_LOST = {
    "frames": "its unwind record is dropped with its function",
    "simplify": "a simpler access does without the instruction",
    "relax": "relaxation has deleted the instruction",
    "align": "the alignment does not need these bytes",
    "discard": "the script keeps no bytes of its section (NOLOAD)",
    "final": "the script keeps no bytes of its section",
}


class RelocationExplainer:
    """Explains the relocations of one link. Raises ValueError if the link has kept no history.

    Making one takes a pass over the link's tables; explaining a relocation then takes some 100 microseconds.
    """

    def __init__(self, link: LinkResult):
        self.index = LinkIndex(link)
        self.arithmetic = Arithmetic(self.index)
        self.loader = LoaderParts(self.index, self.arithmetic)
        self.verdicts = Verdicts(self.index, self.arithmetic)

    @cached_property
    def _columns(self) -> tuple[list[int], ...]:
        relocs = self.index.read.relocs
        return tuple(c.tolist() for c in (relocs.sid, relocs.offset, relocs.type, relocs.sym, relocs.addend))

    def __len__(self) -> int:
        return len(self.index.read.relocs)

    def rows_at(self, sid: int, low: int = 0, high: int = 1 << 62) -> list[int]:
        """The relocations of offsets `low`..`high`-1 of an input section, by offset."""
        relocs = self.index.read.relocs
        mine = (relocs.sid == sid) & (relocs.offset >= low) & (relocs.offset < high)
        rows = mine.nonzero()[0].tolist()
        return sorted(rows, key=lambda row: (int(relocs.offset[row]), row))

    def explain(self, row: int, *, texts: bool = True, source: bool = True) -> RelocationExplanation:
        """Explain relocation number `row`. Without `texts`, nothing is disassembled; without `source`, no line is found."""
        sids, offsets, types, syms, addends = self._columns
        sid, offset, kind = sids[row], offsets[row], types[row]
        index, reloc = self.index, RELOCATIONS[R(kind)]
        final = index.final_row[row]
        fate, reason = self._fate(row, sid, final)
        applied = self.arithmetic.application(final) if fate == "applied" else None
        assembled = self._assembled(sid, offset, reloc.field)
        if applied is not None and texts:
            applied = self._with_texts(applied, sid)
        symbol = syms[row]
        number = self.arithmetic.sym[final] if final >= 0 else -1
        found = RelocationExplanation(
            row=row,
            object=index.object_name(sid),
            section=index.read.sections.name[sid],
            offset=offset,
            function=index.function(sid, offset),
            source=index.places.source(sid, offset) if source else "",
            type=kind,
            name=reloc.name,
            meaning=reloc.meaning,
            symbol=index.read.symbol_name(symbol),
            addend=addends[row],
            definition=index.definition(number) if number >= 0 else "",
            fate=fate,
            reason=reason,
            rule=rule_of(reloc),
            assembled=assembled,
            assembled_text=self._text(assembled, offset, sid, reloc.field.name) if texts else (),
            relaxation=self.verdicts.of(row) if fate != "discarded" else RelaxationVerdict(),
            applied=applied,
            loader=self.loader.of(final) if final >= 0 and fate in ("applied", "loader") else (),
        )
        return found

    def _fate(self, row: int, sid: int, final: int) -> tuple[str, str]:
        absent = why_absent(self.index, sid)
        if absent:
            return "discarded", absent
        if final < 0:
            return "deleted", _LOST.get(self.index.lost_in(row), "a pass of the linker has dropped it")
        if self.arithmetic.is_left_to_loader(final):
            return "loader", "the loader looks the symbol up; the word stays 0 in the file"
        if RELOCATIONS[R(self.arithmetic.type[final])].formula is Formula.NONE:
            return "marker", "no bytes change"
        return "applied", ""

    def _assembled(self, sid: int, offset: int, field: Field) -> bytes:
        data = self.index.read.sections.data[sid]
        width = field.width
        if field is ULEB128:
            try:
                width = uleb128_length(memoryview(data), offset, RELOCATIONS[R.SET_ULEB128])
            except RelocationError:
                width = 0
        return data[offset : offset + width]

    def _with_texts(self, applied: Application, sid: int) -> Application:
        texts = (
            self._text(each, applied.place, sid, applied.field.name)
            for each in (applied.before, applied.after)
        )
        return replace(applied, before_text=next(texts), after_text=next(texts))

    def _text(self, unit: bytes, address: int, sid: int, field: str) -> tuple[str, ...]:
        """The instructions of a unit; nothing for data."""
        code = int(self.index.read.sections.flags[sid]) & SHF_EXECINSTR
        if not code or not field.endswith("-type"):
            return ()
        return tuple(each.text for each in disassemble(unit, address))


def explain_relocation(
    link: LinkResult, object: str, section: str, offset: int
) -> tuple[RelocationExplanation, ...]:
    """The relocations at `offset` of a section of an object, in the object's order; several may be at one place.

    `object` is a name as messages have it, or its last part: `main.o`, `libc.a(puts.o)`, `puts.o`. Raises UnknownNameError if
    nothing is there, ValueError if the link has kept no history.
    """
    explainer = RelocationExplainer(link)
    rows = [
        row
        for file in explainer.index.find_object(object)
        for sid in explainer.index.sections_of(file)
        if explainer.index.read.sections.name[sid] == section
        for row in explainer.rows_at(sid, offset, offset + 1)
    ]
    if not rows:
        raise UnknownNameError(f"{object}:{section}+{offset:#x}: no relocation is there")
    return tuple(explainer.explain(row) for row in rows)


def explain_relocations(
    link: LinkResult, *, texts: bool = True, source: bool = False
) -> Iterator[RelocationExplanation]:
    """All relocations of the objects that take part, in link order.

    `texts` disassembles, `source` finds source lines; each of them costs more time than the rest. Raises ValueError if the
    link has kept no history.
    """
    explainer = RelocationExplainer(link)
    for row in range(len(explainer)):
        yield explainer.explain(row, texts=texts, source=source)


def explain_rows(explainer: RelocationExplainer, rows: Iterable[int]) -> Sequence[RelocationExplanation]:
    """Several relocations, with disassembly and source lines."""
    return [explainer.explain(row) for row in rows]
