"""`toyvm trace pages`: record page references, for `toyvm policies` and `toyvm locality`."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from typing import BinaryIO, cast

from ..base.errors import UsageError
from ..base.options import option
from ..run_options import CommandOptions
from . import run as run_command
from . import run_parser

SUFFIX = ".pages"


TRACE = "the trace"


class TraceOptions(CommandOptions):
    """The options of `toyvm run` and of the trace."""

    output: str | None = option(
        default=None,
        flags="-o",
        group=TRACE,
        metavar="TRACE",
        unset=f"PROGRAM{SUFFIX}",
        help="write the trace to this file",
    )
    limit: int = option(
        default=50_000_000,
        flags="--limit",
        group=TRACE,
        metavar="N",
        unit="references",
        lowest=1,
        help="stop recording after about N references; the program continues",
    )


def parser() -> argparse.ArgumentParser:
    """The options of `toyvm trace pages`."""
    return run_parser.parser(
        TraceOptions,
        "toyvm trace pages",
        "Run a program as `toyvm run` does, and record the pages that it fetches from, loads from and stores to.",
        "[-o TRACE] [--limit N]",
    )


def main(argv: list[str]) -> int:
    """Run the program and record its references. Returns the program's status."""
    if not argv or argv[0] in ("-h", "--help"):
        print(parser().format_help(), end="")
        return 0 if argv else 2
    if argv[0] != "pages":
        raise UsageError(f"'{argv[0]}': expected `toyvm trace pages`")
    options = run_parser.parse(TraceOptions, parser(), argv[1:])
    if options.engine != options.rows["engine"].default:
        raise UsageError(f"--engine {options.engine}: the recorder uses its own engine")
    if "insn" in options.trace:
        raise UsageError("--trace=insn: the recorder uses its own engine, which cannot trace instructions")
    output = options.output or os.path.splitext(os.path.basename(options.program))[0] + SUFFIX
    from ..base.resources import require_other_file, require_regular

    require_regular(output)
    require_other_file(output, [options.program, *options.with_])
    return _record(options, output)


def _record(options: TraceOptions, output: str) -> int:
    from ..observe.pages.page_recorder import PageRecorder

    folder = os.path.dirname(output) or "."
    try:
        stream = tempfile.NamedTemporaryFile(dir=folder, prefix=f".{os.path.basename(output)}.", delete=False)  # noqa: SIM115
    except OSError as error:
        error.filename = output  # the message names the output, not the temporary file
        raise
    try:
        with stream:
            recorder = PageRecorder(cast("BinaryIO", stream), options.limit)
            result = run_command.execute(options, (recorder,))
            trace = recorder.finish(options.program)
        os.chmod(stream.name, 0o644)
        os.replace(stream.name, output)
    except BaseException:
        os.unlink(stream.name)
        raise
    run_command.report(options, result)
    print(
        f"{output}: {trace.references:,} references in {trace.instructions:,} instructions, "
        f"{len(trace.spaces)} address space{'s' * (len(trace.spaces) != 1)}, {os.path.getsize(output):,} bytes"
        + ("" if trace.complete else "; the rest was not recorded (--limit)"),
        file=sys.stderr,
    )
    return result.status
