"""`toyvm completion`: print a shell script that completes commands and options.

shtab, an optional dependency, makes the script from the argparse parsers of the commands: `pip
install toyvm[completion]`. For commands without an argparse parser, such as `ar` and `ld`, only
file names are completed.
"""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import Any

from ..base.errors import UsageError
from ..run_options import CommandOptions
from . import COMMANDS
from .help_formatter import HelpFormatter

SHELLS = ("bash", "zsh", "fish")
_FOLDERS = ("DIR", "DIR[:rw]")
_RUNNERS = ("run", "top", "trace")  # their parsers check choices without argparse


def parser() -> argparse.ArgumentParser:
    """The options of `toyvm completion`."""
    p = argparse.ArgumentParser(
        prog="toyvm completion",
        formatter_class=HelpFormatter,
        description='Print a completion script. In bash: eval "$(toyvm completion bash)"',
    )
    p.add_argument("shell", choices=SHELLS, help="the shell that will read the script")
    return p


def main(argv: list[str]) -> int:
    """Print the script. Raises UsageError if shtab is not installed."""
    options = parser().parse_args(argv)
    try:
        import shtab
    except ImportError:
        raise UsageError("shtab is not installed: pip install 'toyvm[completion]'") from None
    print(shtab.complete(all_commands(shtab.FILE, shtab.DIRECTORY), options.shell))
    return 0


def all_commands(file: Any, folder: Any) -> argparse.ArgumentParser:
    """A parser with all commands as subcommands.

    Arguments without choices complete as `file` or `folder`.
    """
    root = argparse.ArgumentParser(prog="toyvm")
    commands = root.add_subparsers(dest="command")
    for name, (module, summary) in COMMANDS.items():
        make = getattr(import_module(f".{module}", __package__), "parser", None)
        if make is None:
            command = commands.add_parser(name, help=summary)
            command.add_argument("files", nargs="*")
        else:
            command = commands.add_parser(name, help=summary, parents=[make()], add_help=False)
        for action in command._actions:
            row = CommandOptions.rows.get(action.dest) if name in _RUNNERS else None
            if row is not None and row.choices and action.nargs != 0:
                action.choices = [str(choice) for choice in row.choices]
            if action.choices is None and action.nargs != 0:
                action.complete = folder if action.metavar in _FOLDERS else file  # type: ignore[attr-defined]  # shtab reads this attribute
    return root
