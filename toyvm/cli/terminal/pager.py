"""The pager of commands with long output, as git has it.

The rule is here alone: the output of a command of PAGED goes through $PAGER (`less -FRX` without
one) if standard output is a terminal, neither `--no-pager` nor an empty PAGER nor PAGER=cat says
otherwise, and the words ask for a listing. `less -F` ends at once if the output fits on the screen.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Callable

from ...base.light_types import Any
from .color import paging

DEFAULT = "less -FRX"
_NOT_PAGED = {"-h", "--help", "--no-pager", "--json"}


class _NoPagerAction(argparse.Action):
    """Leaves nothing in the namespace: `paged` has seen the word before."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        """Do nothing."""


def add_no_pager(parser: argparse._ActionsContainer) -> None:
    """Declare `--no-pager`, which `paged` looks for."""
    parser.add_argument(
        "--no-pager",
        action=_NoPagerAction,
        nargs=0,
        dest=argparse.SUPPRESS,
        default=argparse.SUPPRESS,
        help="do not send long output through $PAGER (default: less -FRX, on a terminal only)",
    )


def command() -> str:
    """The pager's command line, or "" if there is to be none."""
    chosen = os.environ.get("PAGER")
    if chosen is not None:
        return "" if chosen.strip() in ("", "cat") else chosen
    return DEFAULT if shutil.which("less") else ""


def paged(main: Callable[[list[str]], int], argv: list[str]) -> int:
    """Run the main function of a paged command, with standard output going to the pager.

    The pager has the terminal's keys until the user leaves it; Ctrl-C is its own meanwhile.
    """
    shell = command()
    if not shell or _NOT_PAGED & set(argv) or not sys.stdout.isatty():
        return main(argv)
    sys.stdout.flush()
    pager = subprocess.Popen(shell, shell=True, stdin=subprocess.PIPE)
    assert pager.stdin is not None
    terminal = os.dup(1)
    os.dup2(pager.stdin.fileno(), 1)
    pager.stdin.close()
    paging()
    try:
        status = main(argv)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # the user has left the pager
        with open(os.devnull, "wb") as nothing:
            os.dup2(nothing.fileno(), 1)
            sys.stdout.flush()  # what Python still holds
        return 0
    finally:
        os.dup2(terminal, 1)  # closes the pipe: the pager sees the end
        os.close(terminal)
        _wait(pager)


def _wait(pager: subprocess.Popen[bytes]) -> None:
    """Wait until the user leaves the pager; an interrupt is the pager's."""
    while True:
        try:
            pager.wait()
            return
        except KeyboardInterrupt:
            continue
