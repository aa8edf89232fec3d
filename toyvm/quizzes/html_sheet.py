"""Question sheets and solutions as HTML pages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape

from ..observe.html_page import document, table
from .question import Block, Paragraph, Question, Table, heading, label

_STYLE = """\
pre { font:13px/1.45 ui-monospace,monospace } .plain td, .plain th { font-size:14px; font-variant-numeric:tabular-nums }
.part { margin:.8rem 0 .2rem; padding-left:2rem; text-indent:-2rem } .answer { font-weight:600 } .working { margin-left:2rem }
details { margin:.6rem 0; border-left:3px solid var(--line); padding-left:.8rem } summary { cursor:pointer; color:var(--soft) }
p { overflow-wrap:anywhere } @media (max-width:480px) { .working { margin-left:0 } .part { padding-left:0; text-indent:0 } }
@media print { details:not([open]) { display:none } }
"""


def sheet(questions: Sequence[Question], *, solutions: bool) -> str:
    """A page of questions. With `solutions`, each question has its own, folded."""
    parts: list[str] = []
    for question in questions:
        parts += _question(question)
        if solutions:
            parts.append("<details><summary>Solution</summary>")
            parts += _solution(question)
            parts.append("</details>")
    return document(_title("toyvm quiz", questions), parts, _STYLE)


def solution_sheet(questions: Sequence[Question]) -> str:
    """A page of solutions alone."""
    parts: list[str] = []
    for question in questions:
        parts.append(f"<h1>Solution: {escape(heading(question))}</h1>")
        parts += _solution(question)
    return document(_title("Solutions, toyvm quiz", questions), parts, _STYLE)


def _title(what: str, questions: Sequence[Question]) -> str:
    kinds = dict.fromkeys(question.kind for question in questions)
    seed = "" if questions[0].secret else f", seed {questions[0].seed}"
    return f"{what}: {', '.join(kinds)}{seed}"


def _question(question: Question) -> Iterator[str]:
    yield f"<h1>{escape(heading(question))}</h1>"
    yield from _blocks(question.given)
    for index, part in enumerate(question.parts):
        yield f"<p class=part>{label(index)} {escape(part.ask)}</p>"


def _solution(question: Question) -> Iterator[str]:
    for index, part in enumerate(question.parts):
        first, *rest = part.answer
        if isinstance(first, Paragraph):
            yield f"<p class=part>{label(index)} <span class=answer>{escape(first.text)}</span></p>"
        else:
            yield f"<p class=part>{label(index)}</p>"
            rest = [first, *rest]
        yield "<div class=working>"
        yield from _blocks((*rest, *part.working))
        yield "</div>"


def _blocks(blocks: Iterable[Block]) -> Iterator[str]:
    for block in blocks:
        if isinstance(block, Paragraph):
            yield f"<p>{escape(block.text)}</p>"
        elif isinstance(block, Table):
            yield table(block.head, block.rows, block.right())
        else:
            yield f"<pre>{escape(block.text)}</pre>"
