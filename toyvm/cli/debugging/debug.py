"""`toyvm debug`: debug a program in the terminal, forwards and backwards, in gdb's words."""

from __future__ import annotations

import sys
from itertools import chain

from ...base.errors import UsageError
from ...base.light_types import TYPE_CHECKING
from ...base.options import option
from ...run_options import CommandOptions

if TYPE_CHECKING:
    import argparse

    from ...debugger.target import Target

DEBUGGER = "the debugger"
_LONGEST_SCRIPT = 1 << 20  # characters


class DebugOptions(CommandOptions):
    """The options of `toyvm run` and of the debugger."""

    commands: tuple[str, ...] = option(
        default=(),
        flags="-ex --eval-command",
        group=DEBUGGER,
        metavar="COMMAND",
        help="carry out a command at the start; may be repeated",
    )
    script: tuple[str, ...] = option(
        default=(),
        flags="-x --command",
        group=DEBUGGER,
        metavar="FILE",
        help="carry out the commands in a file, before those of -ex; may be repeated",
    )
    batch: bool = option(
        default=False,
        flags="--batch",
        group=DEBUGGER,
        help="carry out the commands line by line, and leave",
    )
    plain: bool = option(
        default=False,
        flags="--plain",
        group=DEBUGGER,
        help="converse line by line, without the screen",
    )
    directories: tuple[str, ...] = option(
        default=(),
        flags="--directory",
        group=DEBUGGER,
        metavar="DIR",
        help="look for source files in DIR; may be repeated",
    )


def parser() -> argparse.ArgumentParser:
    """The options of `toyvm debug`."""
    from .. import run_parser

    return run_parser.parser(
        DebugOptions,
        "toyvm debug",
        "Debug a program: its sources, registers, memory, page tables and frames, forwards and backwards in "
        "time. The commands are gdb's. The screen needs the library textual (the extra toyvm[debug]); without "
        "it, or without a terminal, the debugger works line by line.",
        "[-ex COMMAND] [-x FILE] [--batch]",
    )


def main(argv: list[str]) -> int:
    """Debug a program. Returns 0; with --batch, 1 if a command failed."""
    from .. import run_parser

    options = run_parser.parse(DebugOptions, parser(), argv)
    scripts = [_script(path) for path in options.script]
    screen = not (options.batch or options.plain) and sys.stdin.isatty() and sys.stdout.isatty()
    if screen and not _has_textual():
        print("toyvm debug: without the library textual (toyvm[debug]) there is no screen", file=sys.stderr)
        screen = False
    target = _target(options, screen)
    try:
        return _debug(options, target, scripts, screen)
    finally:
        target.close()


def _debug(options: DebugOptions, target: Target, scripts: list[list[str]], screen: bool) -> int:
    from ...debugger.terminal.commands import Commands, QuitRequest
    from ...debugger.terminal.conversation import Conversation
    from ...debugger.terminal.line_mode import converse, run_lines

    commands = Commands(Conversation(target, options.directories))
    if screen:
        from ...debugger.terminal.screen import show_screen

        show_screen(commands, [*chain(*scripts), *options.commands])
        return 0
    failed = False
    try:  # as in gdb, a failure ends its script, but not the commands of -ex that follow
        for lines in (*scripts, *([command] for command in options.commands)):
            failed |= not run_lines(commands, lines, echo=False)
    except QuitRequest:
        return int(failed)
    if options.batch:
        return int(failed)
    converse(commands)
    return 0


def _target(options: DebugOptions, screen: bool) -> Target:
    """The program at its first instruction. On a screen, its output is a panel."""
    from ...debugger.timeline import Timeline
    from ..run import starts

    options.check()
    out, err = (None, None) if screen else (sys.stdout.buffer, sys.stderr.buffer)
    if options.program.endswith(".tvr"):
        from ...debugger.recording import read_recording

        return Timeline.open(read_recording(options.program), stdout=out, stderr=err)
    return Timeline(starts(options), options, stdout=out, stderr=err)


def _script(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read(_LONGEST_SCRIPT + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: {getattr(error, 'strerror', None) or 'not UTF-8 text'}") from None
    if len(text) > _LONGEST_SCRIPT:
        raise UsageError(f"{path}: more than {_LONGEST_SCRIPT:,} characters of commands")
    return [line for line in text.split("\n") if line.strip()]


def _has_textual() -> bool:
    from importlib.util import find_spec

    return find_spec("textual") is not None
