"""`toyvm c++filt`: write C++ names as programmers write them, in arguments or in text."""

from __future__ import annotations

import argparse
import re
import sys

from ...base.errors import ToyvmError

# GNU's names of manglings. Those of other languages need a demangler that the host's C++ runtime does not have.
_FORMATS = ("auto", "gnu-v3", "none")
# A name in text: letters, digits, and what a mangled name can hold.
_TOKEN = re.compile(r"[0-9A-Za-z_.$]+")


def parser() -> argparse.ArgumentParser:
    """The options of `toyvm c++filt`."""
    p = argparse.ArgumentParser(
        prog="toyvm c++filt",
        description="Write mangled C++ names readably: the arguments, or all names in standard input.",
        fromfile_prefix_chars="@",
    )
    p.add_argument(
        "-_", "--strip-underscore", dest="underscore", action="store_true", help="ignore the first underscore"
    )
    p.add_argument(
        "-n",
        "--no-strip-underscore",
        dest="underscore",
        action="store_false",
        help="do not ignore it (default)",
    )
    p.add_argument("-p", "--no-params", dest="parameters", action="store_false", help="without parameters")
    p.add_argument(
        "-i",
        "--no-verbose",
        dest="full",
        action="store_false",
        help="short names for std::string and streams",
    )
    p.add_argument("-t", "--types", action="store_true", help="names of types too")
    p.add_argument("-R", "--recurse-limit", action="store_true", help="accepted; has no effect")
    p.add_argument("-r", "--no-recurse-limit", action="store_true", help="accepted; has no effect")
    p.add_argument("-s", "--format", default="auto", metavar="FORMAT", help=f"one of {', '.join(_FORMATS)}")
    p.add_argument("names", nargs="*", metavar="NAME")
    return p


def main(argv: list[str]) -> int:
    """Print each name, or standard input with its names. Returns 1 for an unknown format."""
    options = parser().parse_args(argv)
    if options.format not in _FORMATS:
        raise ToyvmError(f"unknown demangling style `{options.format}'")
    for name in options.names:
        print(readable(name, options))
    if not options.names:
        for line in sys.stdin:
            sys.stdout.write(_TOKEN.sub(lambda found: readable(found[0], options), line))
            sys.stdout.flush()  # the other end of a pipe may wait for this line
    return 0


def readable(name: str, options: argparse.Namespace) -> str:
    """One name. A "." or "$" before it is not a part of it; the name itself if it is not mangled."""
    from ...elf.demangling import demangled, demangled_type, in_full, without_parameters

    if options.format == "none":
        return name
    mangled = name[1:] if name[:1] in (".", "$") else name
    if options.underscore and mangled.startswith("_"):
        mangled = mangled[1:]
    text = (demangled_type if options.types else demangled)(mangled)
    if text == mangled:
        return name
    if options.full:
        text = in_full(text)
    if not options.parameters:
        text = without_parameters(text)
    return f".{text}" if name.startswith(".") else text
