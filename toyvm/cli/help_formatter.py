"""What the commands' parsers share."""

from __future__ import annotations

import argparse
import os


class HelpFormatter(argparse.HelpFormatter):
    """argparse's own, told the width: left to itself it imports shutil, and with it all compressors, for every command."""

    def __init__(self, prog: str) -> None:
        try:
            width = os.get_terminal_size().columns
        except OSError:
            width = 80
        super().__init__(prog, max_help_position=28, width=max(40, width - 2))
