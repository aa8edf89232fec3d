"""The link that a kind of `toyvm explain` is about: as `toyvm run` builds a program, or as `toyvm ld` is told after `--`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ...base.errors import LinkError, NotFoundError, ToyvmError, UsageError
from ...base.record import replace
from ...base.sample_directives import LINKAGES
from ..help_formatter import CommandParser, HelpFormatter
from ..terminal.pager import add_no_pager

if TYPE_CHECKING:
    from ...linker.link_options import Input
    from ...linker.link_result import LinkResult

EPILOG = """Without `--`, the program is linked as `toyvm run` links it: with the start file, libc and the libraries
of its directives. Words after `--` are those of a `toyvm ld` command line, and decide alone; FILE comes first unless
they name it, and .s files among them are assembled."""


def parser(kind: str, description: str) -> argparse.ArgumentParser:
    """A parser with the options of a link."""
    p = CommandParser(
        prog=f"toyvm explain {kind}",
        usage=f"toyvm explain {kind} [options] %s [FILE...] [-- LD-ARGUMENT...]" % WHAT[kind],
        formatter_class=HelpFormatter,
        description=description,
        epilog=EPILOG,
    )
    add_no_pager(p)
    return p


WHAT = {"reloc": "PLACE", "section": "NAME", "address": "ADDR", "symbol": "NAME", "member": "MEMBER"}


def add_link_options(p: argparse.ArgumentParser) -> None:
    """Add the files and options of the link, and --json."""
    p.add_argument(
        "files",
        nargs="*",
        default=[],
        metavar="FILE",
        help="sources (.s), objects and archives of the program",
    )
    p.add_argument(
        "-l", dest="libs", action="append", default=[], metavar="LIB",
        help="add a library to the link; may be repeated",
    )  # fmt: skip
    p.add_argument(
        "--linkage",
        choices=LINKAGES,
        help="static or dynamic (default: what the directives of the source say)",
    )
    p.add_argument(
        "--dynamic",
        dest="linkage",
        action="store_const",
        const="dynamic",
        help="the same as --linkage dynamic",
    )
    p.add_argument(
        "--relax", action="store_true", help="let the linker shorten code, which `toyvm run` does not"
    )
    p.add_argument("--json", action="store_true", help="print JSON")


def parse(p: argparse.ArgumentParser, argv: Sequence[str]) -> tuple[argparse.Namespace, list[str] | None]:
    """(the options, which may stand between the files; the words after `--`, or None without one)."""
    words, ld_words = split(argv)
    return p.parse_intermixed_args(words), ld_words


def split(argv: Sequence[str]) -> tuple[list[str], list[str] | None]:
    """(the words before `--`, those after it or None)."""
    words = list(argv)
    if "--" not in words:
        return words, None
    at = words.index("--")
    return words[:at], words[at + 1 :]


def linked(
    options: argparse.Namespace, ld_words: list[str] | None, first: str = "", *, forgiving: bool = False
) -> LinkResult:
    """The finished link with its history. `first` is a file that takes part if it exists, even if it is not listed.

    `forgiving`: undefined and repeated symbols are no errors, so that they can be explained.
    """
    from ...base.resources import NoCollection

    names = list(options.files)
    if ld_words is not None:
        if options.libs or options.relax or options.linkage:
            raise UsageError(
                "-l, --linkage and --relax say how `toyvm run` links; after `--`, `toyvm ld` is told"
            )
        with NoCollection():
            return _as_ld(names, ld_words, first, forgiving)
    if first and os.path.exists(first) and not _is_among(first, names):
        names.insert(0, first)
    if not names:
        raise _missing(first)
    from ...build import build_program

    for name in names:
        _require_unlinked(name)
    with NoCollection():
        return build_program(
            [Path(name) for name in names],
            linkage=options.linkage, libs=options.libs, relax=options.relax,
            keep_history=True, forgiving=forgiving,
        ).link  # fmt: skip


def _require_unlinked(name: str) -> None:
    """Raise UsageError for a program, which does not say what it was made of, and for a source in C."""
    from ...build import read_file
    from ...elf.constants import ET_EXEC
    from ...elf.headers import is_elf, read_ehdr

    if Path(name).suffix in (".c", ".cc", ".cpp"):
        raise UsageError(
            f"{name}: not assembly but C: compile it first (riscv64-linux-gnu-gcc -g -c), and name the object"
        )
    if Path(name).suffix in (".s", ".S") or not os.path.isfile(name):
        return
    data = read_file(Path(name))
    if is_elf(data) and read_ehdr(data, name).type == ET_EXEC:
        raise UsageError(
            f"{name} is linked already, and does not say how: give its sources or objects, or its link after `--`"
        )


def _missing(first: str) -> ToyvmError:
    return NotFoundError(f"{first}: No such file or directory") if first else UsageError("no input files")


def _is_among(name: str, names: Sequence[str]) -> bool:
    return any(os.path.realpath(name) == os.path.realpath(other) for other in names)


def _as_ld(names: list[str], words: list[str], first: str, forgiving: bool) -> LinkResult:
    from ...linker.link import link
    from ..linking.parsing import link_options, parse

    state = parse(words)
    inputs: list[Input] = [replace(state.modes, path=name) for name in names] + list(state.inputs)
    if first and os.path.exists(first) and not _is_among(first, [each.path for each in inputs if each.path]):
        inputs.insert(0, replace(state.modes, path=first))
    if not inputs:
        raise _missing(first)
    options = link_options(state)
    if options.kind == "relocatable":
        raise UsageError("-r joins objects and applies no relocation: there is nothing to explain")
    options = replace(options, keep_history=True)
    try:
        return link([_assembled(each) for each in inputs], options.forgiving() if forgiving else options)
    except LinkError as error:
        raise LinkError([f"toyvm ld: {message}" for message in error.messages]) from None


def _assembled(given: Input) -> Input:
    """A source becomes an object in memory."""
    if given.library or Path(given.path).suffix not in (".s", ".S"):
        return given
    from ...build import assemble_file

    return replace(given, path="", object=assemble_file(Path(given.path)))
