"""The debugger line by line: commands from a script or a pipe, or where there is no textual."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from toyvm.base.diagnostics import without_controls

from .commands import Commands, QuitRequest
from .conversation import CommandError

PROMPT = "(toyvm) "


def run_lines(commands: Commands, lines: Iterable[str], *, echo: bool) -> bool:
    """Carry out commands. Returns whether all succeeded; the first failure ends a script, as in gdb.

    With `echo`, each command is printed behind the prompt. Raises QuitRequest.
    """
    for line in lines:
        if echo:
            print(f"{PROMPT}{line}")
        try:
            for text in commands.execute(line):
                print(without_controls(text))
        except CommandError as error:
            print(without_controls(str(error)), file=sys.stderr)
            return False
        sys.stdout.flush()
    return True


def converse(commands: Commands) -> None:
    """Read commands from standard input until it ends or the user leaves; errors are printed and forgotten."""
    if sys.stdin.isatty():
        import readline  # noqa: F401  # input() then has a history and editing keys
    while True:
        try:
            line = input(PROMPT if sys.stdin.isatty() else "")
        except EOFError:
            return
        except KeyboardInterrupt:
            print("Quit")
            continue
        try:
            for text in commands.execute(line):
                print(without_controls(text))
        except QuitRequest:
            return
        except CommandError as error:
            print(without_controls(str(error)), file=sys.stderr)
        except KeyboardInterrupt:
            commands.session.target.interrupt()
            print("Interrupted")
        sys.stdout.flush()
