"""`toyvm explore`: run a program, and make one HTML page that shows the run moment by moment."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any

from ..base.errors import NotFoundError, UsageError
from ..run_options import GROUPS, PROGRAMS, SHOWING, CommandOptions
from .help_formatter import HelpFormatter
from .run import library_path, without_library_folder
from .run_parser import add_option

if TYPE_CHECKING:
    from pathlib import Path

    from ..build import Program
    from ..observe.comparison import Comparison

MOMENTS = 100_000  # as `explore.recorder.DEFAULT_MOMENTS`, which is not imported for `--help`
_LEFT_OUT = {"with_", "trace", "views"}  # more sources are arguments; the page shows the rest


def parser() -> argparse.ArgumentParser:
    """The options of `toyvm explore`."""
    p = argparse.ArgumentParser(
        prog="toyvm explore",
        formatter_class=HelpFormatter,
        usage="toyvm explore PROGRAM.s... [OPTION...] [-o PAGE.html] [-- ARG...]",
        description="Build and run a program, and write one HTML page that shows the run moment by moment. "
        "The words after -- are the program's arguments.",
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    p.add_argument(
        "program", nargs="+", metavar="PROGRAM.s", help="the sources (.s, .o, .a), or one ELF image"
    )
    p.add_argument(
        "-o", dest="output", default="", metavar="PAGE.html", help="the page (default: PROGRAM.html)"
    )
    p.add_argument(
        "--moments",
        type=_moments,
        default=MOMENTS,
        metavar="N",
        help=f"show the first N events of the run, from 1 to 1,000,000 (default: {MOMENTS:,})",
    )
    p.add_argument(
        "--no-compare",
        action="store_true",
        default=False,
        help="do not link and run the program the other way too, for the comparison",
    )
    for title in GROUPS:
        group = p.add_argument_group(title)
        for row in CommandOptions.rows.values():
            shown = title not in (SHOWING, PROGRAMS) and row.name not in _LEFT_OUT
            if row.group == title and row.flags and shown:
                add_option(group, row)
    p._action_groups = [group for group in p._action_groups if group._group_actions]
    return p


def _moments(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 1_000_000):
        raise argparse.ArgumentTypeError(f"expected a number from 1 to 1000000, not '{text}'")
    return int(text)


def main(argv: list[str]) -> int:
    """Write the page. Returns 0 however the program ends: its status is on the page."""
    own, _, rest = _split(argv)
    given = vars(parser().parse_intermixed_args(own))
    sources, output, moments = given.pop("program"), given.pop("output"), given.pop("moments")
    no_compare = given.pop("no_compare")
    options = CommandOptions(program=sources[0], **_run_options(given))
    options.check()
    from pathlib import Path

    from ..base.resources import require_other_file, write_atomically
    from ..explore.explore import explore
    from ..guestfs import with_sysroot

    name = os.path.splitext(os.path.basename(sources[0]))[0]
    output = output or f"{name}.html"
    require_other_file(output, [*sources, *options.with_])
    program = _built(sources, options)
    args = tuple(rest) or (() if isinstance(program, str) else tuple(program.directives.args))
    stdin = None if isinstance(program, str) else program.directives.stdin.encode()
    how = _how(program, sources, options)
    paths = [] if isinstance(program, str) else [Path(path) for path in sources]
    comparison = None if no_compare or isinstance(program, str) else _compared(program, paths, options)
    found = explore(
        program,
        (sources[0], *args),
        with_sysroot([program], without_library_folder(options)),
        how=how,
        moments=moments,
        stdin=stdin,
        sources=paths,
        comparison=comparison,
    )
    html = found.html.encode()
    write_atomically(output, html)
    missed = f", and {found.missed:,} more are not shown" if found.missed else ""
    print(
        f"{output}: {found.moments:,} moments{missed}, {len(html):,} bytes; the program's status is {found.result.status}"
    )
    return 0


def _split(argv: list[str]) -> tuple[list[str], str, list[str]]:
    """The words before and after the first `--`."""
    if "--" not in argv:
        return argv, "", []
    at = argv.index("--")
    return argv[:at], "--", argv[at + 1 :]


def _run_options(given: dict[str, Any]) -> dict[str, Any]:
    """The values of a command line as fields of CommandOptions (see `run_parser.parse`)."""
    for name, value in given.items():
        if CommandOptions.rows[name].many:
            given[name] = tuple(value)
    if str(given.get("root", "")).endswith((":rw", ":ro")):
        given["root_writable"] = given["root"].endswith(":rw")
        given["root"] = given["root"][:-3]
    return given


def _built(sources: list[str], options: CommandOptions) -> Program | str:
    for path in sources:
        if not os.path.exists(path):
            raise NotFoundError(f"{path}: No such file or directory")
    if not sources[0].endswith((".s", ".S", ".o", ".a")):
        if len(sources) > 1 or options.linkage or options.libs:
            raise UsageError(f"{sources[0]}: --static, --dynamic, -l and more files are for .s and .o files")
        return sources[0]
    from pathlib import Path

    from ..build import build_program

    return build_program(
        [*map(Path, sources)],
        linkage=options.linkage,
        libs=options.libs,
        library_path=library_path(options),
        keep_history=True,
    )


def _compared(program: Program, sources: list[Path], options: CommandOptions) -> Comparison | None:
    """The program linked both ways, if it can be, with its own options only (see `toyvm compare`)."""
    if len(program.directives.linkages) < 2 or library_path(options):
        return None  # the comparison links against the guest libraries alone
    from ..experiment import compare

    return compare(sources, libs=options.libs)


def _how(program: Program | str, sources: list[str], options: CommandOptions) -> str:
    """How the program was built, for the page's head."""
    if isinstance(program, str):
        return "an ELF image"
    return f"{program.linkage}, from {', '.join(os.path.basename(path) for path in sources)}"
