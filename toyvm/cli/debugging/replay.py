"""`toyvm replay`: repeat a recorded run, and say whether it was the same."""

from __future__ import annotations

import argparse
import sys

from ..help_formatter import HelpFormatter

DIVERGED = 1


def parser() -> argparse.ArgumentParser:
    """The options of `toyvm replay`."""
    p = argparse.ArgumentParser(
        prog="toyvm replay",
        formatter_class=HelpFormatter,
        usage="toyvm replay [OPTION...] RECORDING",
        description="Repeat a run that `toyvm record` recorded: same output, same status, same counts. "
        "If the run differs, say where, with status 1.",
    )
    p.add_argument("recording", metavar="RECORDING", help="a file that `toyvm record` wrote")
    p.add_argument("--until", type=int, metavar="N", help="stop after N instructions, with status 124")
    p.add_argument("--verify", action="store_true", help="print what was compared, if nothing differs")
    p.add_argument("--stats", action="store_true", help="print statistics of the run")
    p.add_argument(
        "--any-version",
        action="store_true",
        help="repeat the recording of another version of toyvm, in which the run may differ",
    )
    return p


def main(argv: list[str]) -> int:
    """Repeat the run. Returns its status, or 1 if it differs from the recorded one."""
    from ...debugger.recording import read_recording
    from ...debugger.replaying import replay

    p = parser()
    args = p.parse_args(argv)
    if args.until is not None and args.until < 1:
        p.error("argument --until: expected a number of instructions, 1 or more")
    replayed = replay(
        read_recording(args.recording),
        until=args.until,
        any_version=args.any_version,
        stdout=sys.stdout.buffer,
        stderr=sys.stderr.buffer,
    )
    if args.stats:
        print(replayed.result.stats_text(), file=sys.stderr, end="")
    if replayed.difference:
        print(f"toyvm replay: the run differs from the recorded one: {replayed.difference}", file=sys.stderr)
        return DIVERGED
    if args.verify:
        outcome = replayed.outcome
        print(
            f"toyvm replay: status {outcome.status}, {outcome.instructions:,} instructions, {outcome.syscalls:,} "
            f"system calls, {outcome.context_switches:,} switches, {outcome.faults:,} faults and "
            f"{outcome.output_bytes:,} bytes of output"
            f"{' so far' if args.until is not None else ' are those of the recorded run'}",
            file=sys.stderr,
        )
    return replayed.result.status
