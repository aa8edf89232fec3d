"""A question with its solution as a value, and both as text.

A question consists of what is given and of parts, each of which asks one thing. The solution of a
part is its answer and the working that leads to it. All are blocks: paragraphs, listings, tables.
`html_sheet` renders the same blocks as a page.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from ..base import notebook
from ..base.record import Record

SCHEMA = "toyvm.quiz/1"
WIDTH = 92  # columns of a sheet
INDENT = 4  # columns before tables and listings
NARROWEST = 18  # a column of a table whose cells are wrapped


class Paragraph(Record):
    """Prose; it is wrapped when it is shown."""

    text: str


class Listing(Record):
    """Lines that keep their spaces: a program, a command."""

    text: str


class Table(Record):
    """Rows of cells under a head. A column of numbers is aligned to the right."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def right(self) -> tuple[bool, ...]:
        """Whether each column is aligned to the right."""
        columns = zip(*self.rows, strict=True)
        return tuple(all(cell.isdigit() or cell == "-" for cell in column) for column in columns)


Block = Paragraph | Listing | Table


class Part(Record):
    """One thing that is asked: the answer, and the steps that lead to it."""

    ask: str
    answer: tuple[Block, ...]
    working: tuple[Block, ...] = ()


class Question(Record):
    """A question about one real run or link.

    The same `kind`, `seed`, `number` (of the question on its sheet, from 0) and `level` give the
    same question, unless it is a `secret` one: that depends on a secret too, and its heading does not
    name the seed. `data` holds everything that is given and the answers, as JSON values.
    """

    kind: str
    seed: int
    number: int
    level: int
    title: str
    given: tuple[Block, ...]
    parts: tuple[Part, ...]
    data: Mapping[str, Any]
    secret: bool = False

    def __repr__(self) -> str:
        return f"Question({self.kind}: {heading(self)}, {len(self.parts)} parts)"

    def _repr_html_(self) -> str:
        shown = notebook.text(self.question)
        return notebook.fragment([shown, notebook.folded("solution", notebook.text(self.solution))])

    @property
    def question(self) -> str:
        """The question as text."""
        return "".join(line + "\n" for line in question_lines(self))

    @property
    def solution(self) -> str:
        """The solution as text."""
        return "".join(line + "\n" for line in solution_lines(self))

    def to_json(self) -> dict[str, Any]:
        """The question as JSON values (of the format SCHEMA)."""
        own = {name: getattr(self, name) for name in ("kind", "seed", "secret", "number", "level", "title")}
        return {
            **own,
            "question": self.question,
            "solution": self.solution,
            "data": self.data,
        }


def label(index: int) -> str:
    """The label of a part: (a), (b), ..."""
    return f"({chr(ord('a') + index)})"


def paragraph(text: str) -> Paragraph:
    """A paragraph from text of several lines."""
    return Paragraph(" ".join(text.split()))


def answer(text: str) -> tuple[Block, ...]:
    """An answer of one sentence."""
    return (Paragraph(text),)


def table(head: str, rows: Iterable[Sequence[object]]) -> Table:
    """A table; commas separate the words of `head`."""
    cells = tuple(tuple(str(cell) for cell in row) for row in rows)
    return Table(tuple(word.strip() for word in head.split(",")), cells)


def heading(question: Question) -> str:
    """The line above a question."""
    marks = [] if question.secret else [f"seed {question.seed}"]
    if question.number:
        marks.append(f"question {question.number + 1}")
    return f"{question.title} ({', '.join(marks)})" if marks else question.title


def question_lines(question: Question) -> Iterator[str]:
    """The lines of a question."""
    yield heading(question)
    yield "=" * len(heading(question))
    yield from _blocks(question.given)
    for index, part in enumerate(question.parts):
        yield ""
        yield from _wrap(part.ask, WIDTH, f"{label(index)} ")


def solution_lines(question: Question) -> Iterator[str]:
    """The lines of a solution."""
    title = f"Solution: {heading(question)}"
    yield title
    yield "=" * len(title)
    for index, part in enumerate(question.parts):
        yield ""
        first, *rest = part.answer
        if isinstance(first, Paragraph):
            yield from _wrap(first.text, WIDTH, f"{label(index)} ")
        else:
            yield label(index)
            rest = [first, *rest]
        yield from _blocks((*rest, *part.working), "    ")


def _wrap(text: str, width: int, begin: str = "") -> list[str]:
    """`text` in lines; `begin` stands before the first one, and the others are indented as far."""
    return textwrap.wrap(
        text, width, initial_indent=begin, subsequent_indent=" " * len(begin), break_on_hyphens=False
    )


def _blocks(blocks: Iterable[Block], indent: str = "") -> Iterator[str]:
    """The lines of blocks, with an empty line before each."""
    for block in blocks:
        yield ""
        for line in _lines(block, WIDTH - len(indent)):
            yield f"{indent}{line}".rstrip()


def _lines(block: Block, width: int) -> Iterator[str]:
    if isinstance(block, Paragraph):
        yield from _wrap(block.text, width)
    elif isinstance(block, Listing):
        yield from (" " * INDENT + line for line in block.text.splitlines())
    else:
        yield from _table_lines(block, width)


def _table_lines(block: Table, width: int) -> Iterator[str]:
    """A table; the cells of its widest columns are wrapped if it is too wide."""
    widths = [max(map(len, column)) for column in zip(block.head, *block.rows, strict=True)]
    while INDENT + sum(widths) + 2 * (len(widths) - 1) > width and max(widths) > NARROWEST:
        widths[widths.index(max(widths))] -= 1
    right = block.right()

    def lines(cells: Sequence[str]) -> Iterator[str]:
        pieces = [_wrap(cell, size) for cell, size in zip(cells, widths, strict=True)]
        for shown in zip_longest(*pieces, fillvalue=""):
            padded = [
                cell.rjust(size) if to_right else cell.ljust(size)
                for cell, size, to_right in zip(shown, widths, right, strict=True)
            ]
            yield " " * INDENT + "  ".join(padded)

    yield from lines(block.head)
    yield " " * INDENT + "  ".join("-" * size for size in widths)
    for row in block.rows:
        yield from lines(row)
