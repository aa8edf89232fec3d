"""`toyvm record`: run a program, and keep what is needed to repeat the run elsewhere."""

from __future__ import annotations

import argparse
import sys

from ...base.errors import UsageError
from ...base.options import option
from ...base.record import replace
from ...base.resources import require_other_file
from ...run_options import WORLD, CommandOptions
from .. import run as run_command
from .. import run_parser


class RecordOptions(CommandOptions):
    """The options of `toyvm run`, and the recording."""

    recording: str = option(
        default="",
        flags="-o",
        group=WORLD,
        metavar="FILE",
        help="write the recording to this file; may also stand after the program's arguments",
    )


def parser() -> argparse.ArgumentParser:
    """The options of `toyvm record`."""
    return run_parser.parser(
        RecordOptions,
        "toyvm record",
        "Run a program, and write what came from outside (files, input, environment) to a file that "
        "`toyvm replay` repeats the run from. The program sees pipes as its standard streams.",
        "-o FILE",
    )


def main(argv: list[str]) -> int:
    """Run the program and write the recording. Returns the program's status."""
    from ...debugger.replaying import record

    options = run_parser.parse(RecordOptions, parser(), argv)
    if not options.recording and len(options.args) > 1 and options.args[-2] == "-o":
        options = replace(options, recording=options.args[-1], args=options.args[:-2])
    if not options.recording:
        raise UsageError("-o FILE is missing: where to write the recording")
    options.check()
    require_other_file(options.recording, [options.program, *options.with_])
    try:
        result = record(
            run_command.starts(options),
            options,
            options.recording,
            stdin=sys.stdin.buffer,
            stdout=sys.stdout.buffer,
            stderr=sys.stderr.buffer,
        )
    except KeyboardInterrupt:
        print(
            f"toyvm record: interrupted: {options.recording} is not written "
            "(--max-instructions ends a run that does not end by itself)",
            file=sys.stderr,
        )
        raise
    run_command.report(options, result)
    return result.status
