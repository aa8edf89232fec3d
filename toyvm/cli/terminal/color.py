"""Whether output is coloured, and diagnostics in the colours of gcc.

In this order: `--color=always|never`, CLICOLOR_FORCE (not 0: always), NO_COLOR (not empty: never),
and with neither a terminal gets colours unless TERM is dumb (bixense.com/clicolors, no-color.org).
"""

from __future__ import annotations

import os
import re

from ...base.light_types import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from typing import IO

WHEN = ("auto", "always", "never")

_BOLD, _RED, _MAGENTA, _CYAN, _GREEN, _RESET = (
    f"\x1b[{code}m" for code in ("1", "1;31", "1;35", "1;36", "1;32", "0")
)
_SEVERITIES = {"error": _RED, "warning": _MAGENTA, "note": _CYAN}
_FIRST = re.compile(
    r"(?P<place>(?:[^\s:][^:\n]*:)(?:\d+:)*(?:\([^)\n]*\):)?) (?P<severity>error|warning|note): "
)
_COMMAND = re.compile(r"toyvm [\w+]+: ")
_CARET = re.compile(r"\s+\^+")


class _Chosen:
    """What `--color` says, and whether standard output was a terminal before a pager took its place."""

    when = "auto"
    paged = False


def choose(when: str) -> None:
    """Set what `--color` says, for this process."""
    _Chosen.when = when


def paging() -> None:
    """Standard output is a pager's, which is on a terminal."""
    _Chosen.paged = True


def add_color(parser: argparse._ActionsContainer) -> None:
    """Declare `--color` of a command that prints reports or diagnostics."""
    import argparse  # slow to import, and `ld` does not use it

    class ColorAction(argparse.Action):
        """Sets the choice while the command line is parsed, and leaves nothing in the namespace."""

        def __call__(
            self, parser: Any, namespace: Any, values: Any, option_string: str | None = None
        ) -> None:
            choose(values)

    parser.add_argument(
        "--color",
        action=ColorAction,
        dest=argparse.SUPPRESS,
        default=argparse.SUPPRESS,
        choices=WHEN,
        metavar="WHEN",
        help="colour the output: auto (on a terminal, unless NO_COLOR is set; default), always or never",
    )


def enabled(stream: IO[Any]) -> bool:
    """Whether what is written to `stream` is coloured."""
    if _Chosen.when != "auto":
        return _Chosen.when == "always"
    if os.environ.get("CLICOLOR_FORCE", "0") not in ("", "0"):
        return True
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    import sys

    return stream.isatty() or (_Chosen.paged and stream is sys.stdout)


def painted(text: str, stream: IO[Any]) -> str:
    """Diagnostics with the place and the message bold, and severity and caret in gcc's colours."""
    if not enabled(stream):
        return text
    lines = []
    color = _RED
    for line in text.split("\n"):
        found = _FIRST.match(line)
        if found:
            color = _SEVERITIES[found["severity"]]
            message = line[found.end() :]
            lines.append(
                f"{_BOLD}{found['place']}{_RESET} {color}{found['severity']}:{_RESET} {_BOLD}{message}{_RESET}"
            )
        elif named := _COMMAND.match(line):
            lines.append(f"{_BOLD}{named[0]}{_RESET}{line[named.end() :]}")
        elif _CARET.fullmatch(line):
            indent = line[: line.index("^")]
            lines.append(f"{indent}{color}{line[len(indent) :]}{_RESET}")
        elif line.startswith("  did you mean"):
            lines.append(f"{_GREEN}{line}{_RESET}")
        else:
            lines.append(line)
    return "\n".join(lines)
