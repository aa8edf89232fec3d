"""Question sheets and solutions as HTML pages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from html import escape

from ..observe.html_page import document, table
from .question import Block, Listing, Paragraph, Question, Table, heading, label

# In escaped text: `code`, numbers such as 0x1f, and the flags of an entry such as -A-U--RV.
_CODE = re.compile(r"`([^`]+)`|\b0x[0-9a-f]+\b|(?<![\w-])[D-][A-][G-][U-][X-][W-][R-][V-](?![\w-])")
# A line of a listing: the statement, a gap, the comment.
_COMMENTED = re.compile(r"(.*\S)( {2,})(#.*)")

_STYLE = """\
pre { font:13px/1.45 ui-monospace,monospace } .plain td, .plain th { font-size:14px; font-variant-numeric:tabular-nums }
.part { margin:.8rem 0 .2rem; padding-left:2rem; text-indent:-2rem } .answer { font-weight:600 } .working { margin-left:2rem }
details { margin:.6rem 0; border-left:3px solid var(--line); padding-left:.8rem } summary { cursor:pointer; color:var(--soft) }
p { overflow-wrap:anywhere } @media (max-width:480px) { .working { margin-left:0 } .part { padding-left:0; text-indent:0 } }
.sheet+.sheet { border-top:2px solid var(--line); margin-top:2.5rem; padding-top:1rem } .note { color:var(--soft) }
td code { white-space:nowrap }
@media (max-width:640px) { pre { white-space:pre-wrap } .gap { display:none } .note { display:block; padding-left:10ch } }
@media print { details:not([open]) { display:none } }
"""


def sheet(questions: Sequence[Question], *, solutions: bool) -> str:
    """A page of questions. With `solutions`, each question has its own, folded."""
    parts: list[str] = []
    for question in questions:
        parts.append("<section class=sheet>")
        parts += _question(question)
        if solutions:
            parts.append("<details><summary>Solution</summary>")
            parts += _solution(question)
            parts.append("</details>")
        parts.append("</section>")
    return document(_title("toyvm quiz", questions), parts, _STYLE)


def solution_sheet(questions: Sequence[Question]) -> str:
    """A page of solutions alone."""
    parts: list[str] = []
    for question in questions:
        parts.append(f"<section class=sheet><h1>Solution: {escape(heading(question))}</h1>")
        parts += _solution(question)
        parts.append("</section>")
    return document(_title("Solutions, toyvm quiz", questions), parts, _STYLE)


def _title(what: str, questions: Sequence[Question]) -> str:
    kinds = dict.fromkeys(question.kind for question in questions)
    seed = "" if questions[0].secret else f", seed {questions[0].seed}"
    return f"{what}: {', '.join(kinds)}{seed}"


def _question(question: Question) -> Iterator[str]:
    yield f"<h1>{escape(heading(question))}</h1>"
    yield from _blocks(question.given)
    for index, part in enumerate(question.parts):
        yield f"<p class=part>{label(index)} {_prose(part.ask)}</p>"


def _solution(question: Question) -> Iterator[str]:
    for index, part in enumerate(question.parts):
        first, *rest = part.answer
        if isinstance(first, Paragraph):
            yield f"<p class=part>{label(index)} <span class=answer>{_prose(first.text)}</span></p>"
        else:
            yield f"<p class=part>{label(index)}</p>"
            rest = [first, *rest]
        yield "<div class=working>"
        yield from _blocks((*rest, *part.working))
        yield "</div>"


def _blocks(blocks: Iterable[Block]) -> Iterator[str]:
    for block in blocks:
        if isinstance(block, Paragraph):
            yield f"<p>{_prose(block.text)}</p>"
        elif isinstance(block, Table):
            yield table(block.head, block.rows, block.right(), _prose)
        else:
            yield f"<pre>{_listing(block)}</pre>"


def _prose(text: str) -> str:
    """Text as HTML: what is between backticks, and hexadecimal numbers, as code."""
    return _CODE.sub(lambda found: f"<code>{found[1] or found[0]}</code>", escape(text))


def _listing(block: Listing) -> str:
    """The lines as HTML. On a narrow screen, a comment goes below its statement.

    The end of the line belongs to the comment: after a block it would be an empty line.
    """
    lines = []
    for line in block.text.splitlines():
        found = _COMMENTED.fullmatch(line)
        if found is None:
            lines.append(f"{escape(line)}\n")
        else:
            statement, gap, comment = map(escape, found.groups())
            lines.append(f"{statement}<span class=gap>{gap}</span><span class=note>{comment}\n</span>")
    return "".join(lines)
