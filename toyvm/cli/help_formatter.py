"""The help formatter of the commands' argparse parsers."""

from __future__ import annotations

import argparse
import os


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
