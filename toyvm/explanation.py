"""Explanations of a link as one kind of value, for Python: `toyvm.explain(program, "symbol", "main")`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .base import notebook
from .base.diagnostics import did_you_mean
from .base.errors import ToyvmError, UnknownNameError, UsageError
from .base.light_types import Any
from .base.record import Record
from .base.rows import Rows
from .build import Program
from .elf.elf_file import ElfFile
from .explain.values import tree

SCHEMA = "toyvm.explanation/1"


class Explanation(Record):
    """Why something in a program is what it is: `answers` as values, and `text` as `toyvm explain` prints it."""

    kind: str
    subject: str
    answers: tuple[Record, ...]
    text: str

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        count = len(self.answers)
        return f"Explanation({self.kind} {self.subject}: {count} answer{'s' * (count != 1)})"

    def _repr_html_(self) -> str:
        lines = notebook.text(self.text, most=400)
        return notebook.fragment([notebook.heading(f"{self.kind} {self.subject}"), lines])

    @property
    def rows(self) -> Rows:
        """A row for each answer, with those of its fields that are numbers and text."""
        rows = [
            {
                name: getattr(answer, name)
                for name in answer.record_fields
                if isinstance(getattr(answer, name), (int, str))
            }
            for answer in self.answers
        ]
        return Rows(dict.fromkeys(name for row in rows for name in row), rows)

    def to_json(self) -> dict[str, Any]:
        """The answers as JSON values; `schema` names the version of the format."""
        answers = [tree(answer) for answer in self.answers]
        return {"schema": SCHEMA, "kind": self.kind, "subject": self.subject, "answers": answers}


Found = tuple[Sequence[Record], str]


def _relocations(program: Program, subject: str) -> Found:
    from .explain.relocations.relocation_explanations import RelocationExplainer, explain_rows
    from .explain.relocations.relocation_places import parse_place, rows_of
    from .explain.relocations.relocation_text import relocation_text
    from .relocations import R

    explainer = RelocationExplainer(program.link)
    found = explain_rows(explainer, rows_of(explainer, parse_place(subject)))
    shown = [each for each in found if each.type != R.RELAX] or found
    return found, "\n\n".join(map(relocation_text, shown))


def _sections(program: Program, subject: str) -> Found:
    from .explain.address_text import input_section_text, output_section_text
    from .explain.section_explanations import SectionExplainer

    explainer = SectionExplainer(program.link)
    sids, outputs = explainer.find(subject)
    whole = [explainer.output_section(output) for output in outputs]
    parts = [explainer.input_section(sid) for sid in sids if not outputs]
    return [*whole, *parts], "\n\n".join([*map(output_section_text, whole), *map(input_section_text, parts)])


def _address(program: Program, subject: str) -> Found:
    from .explain.address_explanations import explain_address, parse_address
    from .explain.address_text import address_text

    elf = ElfFile.parse(program.image, program.name)
    found = explain_address(elf, parse_address(subject, elf), program.link)
    return [found], address_text(found)


def _symbol(program: Program, subject: str) -> Found:
    from .explain.symbol_history import SymbolHistory
    from .explain.symbol_text import symbol_text

    history = SymbolHistory(program.link)
    try:
        found = history.explain(subject)
    except ToyvmError as error:
        raise UnknownNameError(f"{error}. {did_you_mean(subject, history.names())}".rstrip()) from None
    return [found], symbol_text(found)


def _members(program: Program, subject: str) -> Found:
    from .explain.member_chain import explain_member
    from .explain.symbol_history import SymbolHistory
    from .explain.symbol_text import members_text

    found = explain_member(SymbolHistory(program.link), subject)
    return found, members_text(found)


KINDS: dict[str, Callable[[Program, str], Found]] = {
    "reloc": _relocations,
    "section": _sections,
    "address": _address,
    "symbol": _symbol,
    "member": _members,
}


_OF_A_RUN = ("lookup", "got", "fault", "page", "frame", "process")


def explain(program: Program, kind: str, subject: str) -> Explanation:
    """Explain something in a program whose link has kept its history.

    Raises UsageError for an unknown kind, ToyvmError if the program has no such thing.
    """
    if kind not in KINDS:
        hint = did_you_mean(kind, KINDS)
        if kind in _OF_A_RUN:
            hint = f"'{kind}' is asked of a run, by the command `toyvm explain {kind}`"
        raise UsageError(f"explain: '{kind}': expected one of {', '.join(KINDS)}; {hint}".removesuffix("; "))
    if program.link.history is None:
        raise UsageError(f"explain: the link of {program.name} has kept no history: use toyvm.link")
    found, text = KINDS[kind](program, subject)
    return Explanation(kind, subject, tuple(found), text)
