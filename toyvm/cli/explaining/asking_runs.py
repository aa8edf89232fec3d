"""What the kinds of `toyvm explain` that run the program have in common: options, the run, errors."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from ...base.diagnostics import did_you_mean
from ...base.errors import ToyvmError, UsageError
from ...base.options import option
from ...base.record import replace
from ...run_options import CommandOptions
from .. import run as run_command
from .. import run_parser
from ..terminal.pager import add_no_pager

if TYPE_CHECKING:
    from ...kernel.proc.process import Process
    from ...observe.symbolize import Symbolizer
    from ...observe.why.run_watchers import MomentWatcher
    from ...result import RunResult
    from ...system import Watcher

MOMENT = "the moment"


class QuestionOptions(CommandOptions):
    """The options of `toyvm run`, and those that say whom to ask, and when."""

    pid: int = option(
        default=0,
        flags="--pid",
        group=MOMENT,
        metavar="PID",
        lowest=0,
        unset="the first process",
        help="ask about this process",
    )
    at: int | None = option(
        default=None,
        flags="--at",
        group=MOMENT,
        metavar="N",
        unit="instructions",
        lowest=1,
        unset="just before the process exits",
        help="ask after the machine has executed N instructions",
    )


def parser(kind: str, subject: str, description: str) -> argparse.ArgumentParser:
    """The parser of `toyvm explain KIND SUBJECT`, without the subject."""
    note = "The program's input is empty, and its output is not shown."
    p = run_parser.parser(
        QuestionOptions,
        f"toyvm explain {kind}",
        f"{description} {note}",
        f"{subject}{'' if subject == 'PID' else ' [--pid PID]'} [--at N] [--json]",
    )
    add_no_pager(p)
    return p


def read(kind: str, subject: str, argv: list[str], p: argparse.ArgumentParser) -> tuple[str, QuestionOptions]:
    """The subject, which is the first word, and the options. Raises UsageError, and SystemExit for --help."""
    if not argv or argv[0] in ("-h", "--help"):
        p.parse_args(["--help"])
    if argv[0].startswith("-"):
        raise UsageError(f"{kind}: expected {subject} before {argv[0]}")
    if len(argv) == 1:
        raise UsageError(f"{kind} {argv[0]}: expected the program to run")
    return argv[0], run_parser.parse(QuestionOptions, p, argv[1:])


def execute(options: QuestionOptions, watcher: Watcher) -> RunResult:
    """Run the program with the watcher, to its end or to --at."""
    if options.at is not None:
        most = options.max_instructions
        options = replace(options, max_instructions=options.at if most is None else min(most, options.at))
    return run_command.execute(options, (watcher,), stdin=b"", capture=True)


def answered(options: QuestionOptions, watcher: MomentWatcher) -> Any:
    """Run the program and return the watcher's answer. Raises ToyvmError if there was no such process then."""
    execute(options, watcher)
    if watcher.answer is None:
        when = f"after {options.at:,} instructions" if options.at is not None else "in this run"
        those = ", ".join(map(str, watcher.pids)) or "none"
        who = f"process {options.pid}" if options.pid else "the first process"
        raise ToyvmError(f"{who} does not exist {when}; the processes are: {those}")
    return watcher.answer


def show(options: QuestionOptions, text: str, answer: dict[str, Any]) -> int:
    """Print the answer: the text, or with --json the object."""
    print(json.dumps(answer, indent=2) if options.json else text)
    return 0


def address_of(process: Process, place: str, symbols: Symbolizer) -> int:
    """The address of a place. Raises ToyvmError with what may have been meant."""
    from ...observe.why.named_places import locate, names

    found = locate(process, place, symbols)
    if found is None:
        hint = did_you_mean(place, names(process, symbols))
        raise ToyvmError(
            f"'{place}' is neither an address nor a place of the program or its libraries. {hint}".rstrip()
        )
    return found


def number(text: str, what: str) -> int:
    """A number that the user wrote. Raises UsageError."""
    from ...observe.why.named_places import as_number

    found = as_number(text)
    if found is None or found < 0:
        raise UsageError(f"'{text}': expected {what}")
    return found
