"""`readelf -w` and `objdump -W`: which debugging information to show. Their letters are optional and follow directly."""

from __future__ import annotations

import argparse
import re
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...observe.binutils.debug_dump.dump import DumpOptions

_LETTERS = "--debug-letters"  # how the short option is passed on: its value may be empty


def spelled_out(argv: list[str], letter: str, long: str) -> list[str]:
    """The command line with the values of the option attached: argparse would take a file's name as one."""
    flags = re.compile(rf"-([a-zA-Z]*?){letter}(.*)", re.S)
    takes_value = "j" if letter == "W" else "xpR"
    found: list[str] = []
    for at, word in enumerate(argv):
        if word == "--":
            return [*found, *argv[at:]]
        match = flags.fullmatch(word)
        if match and not word.startswith("--") and not set(match[1]) & set(takes_value + "MmbE"):
            found += [f"-{match[1]}"] if match[1] else []
            found.append(f"{_LETTERS}={match[2]}")
        else:
            found.append(f"{long}=" if word == long else word)
    return found


def add_debug_dump(parser: argparse.ArgumentParser, letter: str, long: str) -> None:
    """Declare the option, and the two that limit what is shown of .debug_info."""
    parser.add_argument(
        f"-{letter}",
        _LETTERS,
        dest="debug_letters",
        action="append",
        default=[],
        metavar="[LETTERS]",
        help="show debugging information: all, or a abbrev, A addr, f frames, F frames-interp, i info, k links, "
        "l rawline, L decodedline, m macro, o loc, O str-offsets, p pubnames, r aranges, R Ranges, s str, t pubtypes",
    )
    parser.add_argument(
        long,
        dest="debug_words",
        action="append",
        default=[],
        metavar="WORD,...",
        help=f"the same as -{letter}, by words",
    )
    parser.add_argument(
        "--dwarf-depth",
        dest="debug_depth",
        type=int,
        metavar="N",
        help="show the entries of the first N levels of .debug_info",
    )
    parser.add_argument(
        "--dwarf-start",
        dest="debug_start",
        type=lambda text: int(text, 0),
        default=0,
        metavar="N",
        help="show the entry at offset N of .debug_info, with its children and those behind it",
    )


def chosen(options: argparse.Namespace, wide: bool) -> DumpOptions | None:
    """What the options choose; None without them. Raises UsageError."""
    if not options.debug_letters and not options.debug_words:
        return None
    from ...observe.binutils.debug_dump.dump import DumpOptions, chosen_letters, chosen_words  # pyelftools

    shown = frozenset[str]()
    for letters in options.debug_letters:
        shown |= chosen_letters(letters)
    for words in options.debug_words:
        shown |= chosen_words(words)
    return DumpOptions(shown, wide, options.debug_depth, options.debug_start)


def warning(tool: str, title: str, text: str) -> None:
    """Print what is odd about the debugging information of a file, and can be shown nevertheless."""
    sys.stdout.flush()
    print(f"toyvm {tool}: {title}: warning: {text}", file=sys.stderr)
