"""`toyvm trace pages`: run a program and record which pages it refers to, for `toyvm policies` and `toyvm locality`."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from typing import BinaryIO, cast

from ..base.errors import UsageError
from . import run as run_command
from . import run_options

LIMIT = 50_000_000
SUFFIX = ".pages"


class Options(run_options.Options):
    """Those of `toyvm run`, and where the trace goes."""

    output: str | None = None
    limit: int = LIMIT


def parser() -> argparse.ArgumentParser:
    """The options of `toyvm trace pages`."""
    p = run_options.parser()
    p.prog = "toyvm trace pages"
    p.usage = "toyvm trace pages [-o TRACE] [--limit N] [RUN OPTION...] PROGRAM [ARG...]"
    p.description = "Run a program as `toyvm run` does, and record every page that it fetches instructions from, loads from and stores to."
    trace = p.add_argument_group("the trace")
    trace.add_argument("-o", dest="output", metavar="TRACE", help=f"where it goes (default: PROGRAM{SUFFIX})")
    trace.add_argument(
        "--limit",
        type=int,
        metavar="N",
        help=f"stop recording after about N references; the program goes on (default {LIMIT:,})",
    )
    return p


def main(argv: list[str]) -> int:
    """Record; the program's status is ours."""
    if not argv or argv[0] in ("-h", "--help"):
        print(parser().format_help(), end="")
        return 0 if argv else 2
    if argv[0] != "pages":
        raise UsageError(f"'{argv[0]}': expected `toyvm trace pages`")
    options = parser().parse_args(argv[1:], namespace=Options())
    if options.limit < 1:
        raise UsageError(f"--limit {options.limit}: expected a number above 0")
    if options.engine != Options.engine:
        raise UsageError(f"--engine {options.engine}: recording has an engine of its own")
    if "insn" in ",".join(options.trace).split(","):
        raise UsageError("--trace=insn: recording has an engine of its own, which cannot trace instructions")
    output = options.output or os.path.splitext(os.path.basename(options.program))[0] + SUFFIX
    from ..base.resources import require_other_file

    require_other_file(output, [options.program, *options.with_])
    return _record(options, output)


def _record(options: Options, output: str) -> int:
    from ..observe.pages.page_recorder import PageRecorder

    folder = os.path.dirname(output) or "."
    try:
        stream = tempfile.NamedTemporaryFile(dir=folder, prefix=f".{os.path.basename(output)}.", delete=False)  # noqa: SIM115
    except OSError as error:
        error.filename = output  # not the name that was to be temporary
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
