"""`toyvm quiz`: question sheets from real runs, with their solutions."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ...base.errors import UsageError
from ..help_formatter import CommandParser, HelpFormatter
from ..terminal.pager import add_no_pager

MOST = 1000  # questions of one kind on a sheet


def parser() -> argparse.ArgumentParser:
    """The options of `toyvm quiz`."""
    p = CommandParser(
        prog="toyvm quiz",
        formatter_class=HelpFormatter,
        description="Print questions about a program that has just run on the machine, or about a link; the "
        "same seed gives the same questions.",
    )
    p.add_argument(
        "kinds",
        nargs="*",
        metavar="KIND",
        help="the kinds of questions, which `--list` shows; all is every kind",
    )
    p.add_argument("--list", action="store_true", help="list the kinds of questions")
    p.add_argument("--seed", type=int, default=1, metavar="N", help="choose the questions (default: 1)")
    hidden = p.add_mutually_exclusive_group()
    hidden.add_argument(
        "--secret-file",
        metavar="FILE",
        help="mix the text of this file into the seed: only those who have it can make the solutions",
    )
    hidden.add_argument("--secret", metavar="TEXT", help="the same with this text, 12 characters or more")
    p.add_argument(
        "--count",
        type=int,
        default=1,
        metavar="N",
        help="print this many questions of each kind (default: 1)",
    )
    p.add_argument(
        "--level", type=int, choices=(1, 2, 3), default=2, help="1 is short, 3 is long (default: 2)"
    )
    p.add_argument("--solution", action="store_true", help="put the solution after each question")
    p.add_argument(
        "-o", dest="output", metavar="FILE", help="write the sheet to a file instead of printing it"
    )
    p.add_argument("--html", metavar="FILE", help="write the sheet as an HTML page; solutions are folded")
    p.add_argument(
        "--solution-file",
        metavar="FILE",
        help="write the solutions to a file of their own (.html: as a page)",
    )
    p.add_argument("--json", action="store_true", help="print questions, solutions and all figures as JSON")
    add_no_pager(p)
    return p


def main(argv: list[str]) -> int:
    """Make the questions, and print or write them."""
    options = parser().parse_args(argv)
    from ...quizzes.kinds import KINDS, quiz

    if options.list:
        print("".join(f"{kind:<13}{summary}\n" for kind, (_, summary) in KINDS.items()), end="")
        return 0
    if not options.kinds:
        raise UsageError(f"expected KIND: one or more of {', '.join(KINDS)}")
    if not 1 <= options.count <= MOST:
        raise UsageError(f"--count {options.count}: expected 1 to {MOST}")
    kinds = [kind for word in options.kinds for kind in (KINDS if word == "all" else [word])]
    secret = _secret(options.secret, options.secret_file)
    questions = [
        quiz(kind, options.seed, number, options.level, secret)
        for kind in kinds
        for number in range(options.count)
    ]
    from ...base.resources import write_atomically
    from ...quizzes import html_sheet
    from ...quizzes.question import SCHEMA

    if options.solution_file:
        path = Path(options.solution_file)
        as_page = path.suffix in (".html", ".htm")
        text = html_sheet.solution_sheet(questions) if as_page else "\n".join(q.solution for q in questions)
        write_atomically(path, text.encode())
    if options.html:
        page = html_sheet.sheet(questions, solutions=options.solution)
        write_atomically(Path(options.html), page.encode())
    texts = [
        text for q in questions for text in ([q.question, q.solution] if options.solution else [q.question])
    ]
    if options.output:
        write_atomically(Path(options.output), "\n".join(texts).encode())
    if options.json:
        import json

        print(json.dumps({"schema": SCHEMA, "questions": [q.to_json() for q in questions]}, indent=2))
    elif not options.output and not options.html:
        sys.stdout.write("\n".join(texts))
    return 0


def _secret(text: str | None, file: str | None) -> str:
    """The secret without blanks and line ends around it; "" if there is none.

    Raises UsageError for an empty one, ToyvmError if the file cannot be read.
    """
    if text is None and file is None:
        return ""
    if file is not None:
        from ...build import read_file

        text = read_file(Path(file)).decode("utf-8", "surrogateescape")
    secret = (text or "").strip()
    if not secret:
        raise UsageError(f"{file or '--secret'}: the secret is empty")
    return secret
