"""`toyvm completion`: print a shell script that completes commands and options.

shtab, an optional dependency, makes the script from the argparse parsers of the commands: `pip
install toyvm[completion]`. `ar` and `ld`, which have GNU's command lines and no argparse parser, get
one here from their help.
"""

from __future__ import annotations

import argparse
import re
from importlib import import_module
from typing import Any

from ..base.errors import UsageError
from ..run_options import CommandOptions
from . import COMMANDS
from .help_formatter import HelpFormatter

SHELLS = ("bash", "zsh", "fish")
_FOLDERS = ("DIR", "DIR[:rw]")
_WORDS = (
    "N",
    "COUNT",
    "SIZE",
    "PAGES",
    "PERCENT",
    "ADDR",
    "SYMBOL",
    "SYM=VAL",
    "NAME[=VALUE]",
    "now|SECONDS|ISO",
)
_RUNNERS = ("run", "top", "trace")  # their parsers check choices without argparse


def parser() -> argparse.ArgumentParser:
    """The options of `toyvm completion`."""
    p = argparse.ArgumentParser(
        prog="toyvm completion",
        formatter_class=HelpFormatter,
        description='Print a completion script. bash and zsh: `eval "$(toyvm completion bash)"` in ~/.bashrc '
        "or ~/.zshrc (zsh after compinit); fish: `toyvm completion fish > ~/.config/fish/completions/toyvm.fish`.",
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
    script = shtab.complete(all_commands(shtab.FILE, shtab.DIRECTORY), options.shell)
    print(_with_old_options(script) if options.shell == "fish" else script)
    return 0


def _with_old_options(script: str) -> str:
    """The script with `-o mabi` for options such as -mabi; shtab writes `-s`, which is for one letter."""
    lines = []
    for line in script.split("\n"):
        declared, description, rest = line.partition(" -d '")
        if line.startswith("complete -c "):
            declared = re.sub(r" -s ([\w+][^ ]+)", r" -o \1", declared)
        lines.append(declared + description + rest)
    return "\n".join(lines)


def all_commands(file: Any, folder: Any) -> argparse.ArgumentParser:
    """A parser with all commands as subcommands.

    Arguments without choices complete as `file` or `folder`.
    """
    root = argparse.ArgumentParser(prog="toyvm")
    commands = root.add_subparsers(dest="command")
    for name, (module, summary) in COMMANDS.items():
        make = getattr(import_module(f".{module}", __package__), "parser", None) or _WITHOUT_ARGPARSE[name]
        command = commands.add_parser(name, help=summary, parents=[make()], add_help=False)
        for action in command._actions:
            row = CommandOptions.rows.get(action.dest) if name in _RUNNERS else None
            if row is not None and row.choices and action.nargs != 0:
                action.choices = [str(choice) for choice in row.choices]
            if action.choices is None and action.nargs != 0 and action.metavar not in _WORDS:
                action.complete = folder if action.metavar in _FOLDERS else file  # type: ignore[attr-defined]  # shtab reads this attribute
    return root


def _ar_parser() -> argparse.ArgumentParser:
    """`toyvm ar`: an operation with its usual modifiers, then files."""
    p = argparse.ArgumentParser(add_help=False)
    p.add_argument("operation", choices=("rcs", "r", "q", "d", "x", "t", "tv", "p", "s"))
    p.add_argument("files", nargs="*")
    return p


def _ld_parser() -> argparse.ArgumentParser:
    """`toyvm ld`: the options that its help lists, as spelled there; those that take a value as its table says."""
    from .ld import HELP
    from .linking.option_table import LONG, SHORT_LISTS, SHORT_VALUES

    p = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for flag in dict.fromkeys(_FLAG.findall(HELP)):
        name = flag.lstrip("-")
        takes = name in SHORT_VALUES or name in SHORT_LISTS or (name in LONG and LONG[name][0] == "value")
        p.add_argument(flag, dest=flag, action="store" if takes else "store_true")
    p.add_argument("files", nargs="*")
    return p


_FLAG = re.compile(r"(?<![\w|\[-])--?[A-Za-z](?:[\w-]*\w)?(?![\w-])")
_WITHOUT_ARGPARSE = {"ar": _ar_parser, "ld": _ld_parser}
