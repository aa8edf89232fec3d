"""The help formatter of the commands' argparse parsers, and a parser whose errors suggest an option."""

from __future__ import annotations

import argparse
import os

from ..base.light_types import NoReturn


class HelpFormatter(argparse.HelpFormatter):
    """argparse's formatter with a given width.

    To find the width, argparse would import shutil, which is slow.
    """

    def __init__(self, prog: str) -> None:
        try:
            width = os.get_terminal_size().columns
        except OSError:
            width = 80
        super().__init__(prog, max_help_position=28, width=max(40, width - 2))


class CommandParser(argparse.ArgumentParser):
    """A parser that suggests the nearest option in place of one that it does not know."""

    def error(self, message: str) -> NoReturn:
        """Print the usage, the message and the suggestion, and exit with status 2."""
        _, unknown, words = message.partition("unrecognized arguments: ")
        option = words.split()[0].partition("=")[0] if unknown else ""
        if option.startswith("--"):
            from ..base.diagnostics import did_you_mean

            known = [flag for flag in self._option_string_actions if flag.startswith("--")]
            message = f"{message}; {did_you_mean(option, known)}".removesuffix("; ")
        super().error(message)
