"""`toyvm strings`: print the sequences of printable characters in files, as GNU strings does."""

from __future__ import annotations

import argparse
import sys

from ...base.errors import UsageError

_WIDTHS = {"s": 1, "S": 1, "b": 2, "l": 2, "B": 4, "L": 4}
_UNICODE = {
    "d": "default",
    "s": "show",
    "l": "locale",
    "i": "invalid",
    "x": "hex",
    "e": "escape",
    "h": "highlight",
}
_MOST = 1 << 20  # characters; a longer minimum finds nothing in any input that this tool reads


def parser() -> argparse.ArgumentParser:
    """The options of `toyvm strings`."""
    p = argparse.ArgumentParser(
        prog="toyvm strings",
        description="Print the sequences of printable characters in files (default: standard input).",
        fromfile_prefix_chars="@",
    )
    p.add_argument("-a", "--all", dest="data", action="store_false", help="scan the whole file (default)")
    p.add_argument("-d", "--data", action="store_true", help="scan only the loaded sections of object files")
    p.add_argument(
        "-f", "--print-file-name", dest="file_name", action="store_true", help="print the file name first"
    )
    p.add_argument(
        "-n",
        "--bytes",
        type=_number,
        default=4,
        metavar="N",
        help="at least N characters (default: 4); also -N",
    )
    p.add_argument(
        "-t", "--radix", choices=tuple("odx"), help="print offsets in octal, decimal or hexadecimal"
    )
    p.add_argument("-o", dest="radix", action="store_const", const="o", help="the same as --radix=o")
    p.add_argument(
        "-w",
        "--include-all-whitespace",
        dest="whitespace",
        action="store_true",
        help="line ends belong to strings",
    )
    p.add_argument(
        "-e",
        "--encoding",
        choices=tuple(_WIDTHS),
        default="s",
        help="characters: s of 7 bits, S of 8 bits, b or l of 16 bits (big-endian, little-endian), B or L of 32 bits",
    )
    p.add_argument(
        "-U",
        "--unicode",
        type=_unicode,
        default="default",
        metavar="HOW",
        help=f"what to do with UTF-8 sequences: {', '.join(_UNICODE.values())}, or d, s, l, i, x, e, h",
    )
    p.add_argument(
        "-s",
        "--output-separator",
        dest="separator",
        default="\n",
        metavar="TEXT",
        help="print TEXT after each string",
    )
    p.add_argument("-T", "--target", metavar="NAME", help="accepted; files are ELF or anything else")
    p.add_argument("files", nargs="*", metavar="FILE")
    p.set_defaults(data=False)
    return p


def main(argv: list[str]) -> int:
    """Print the strings of each file. Returns 1 if a file cannot be read."""
    from ...observe.binutils.binaries import for_each, read
    from ...observe.binutils.printable import StringForm, loaded_parts, strings

    options = parser().parse_args([_as_bytes(word) for word in argv if word != "-"])
    if options.unicode not in ("default", "invalid") and _WIDTHS[options.encoding] > 1:
        raise UsageError("--unicode is for characters of one byte")
    how = "escape" if options.unicode == "highlight" and not sys.stdout.isatty() else options.unicode
    form = StringForm(options.encoding, options.bytes, options.whitespace, how)

    def scan(data: bytes, name: str, start: int = 0) -> None:
        for offset, text in strings(data, form):
            place = f"{start + offset:7{options.radix}} " if options.radix else ""
            prefix = f"{name}: " if options.file_name else ""
            # Each byte comes out as it is, whatever the encoding of stdout.
            print(prefix + place + text.decode("ascii", "surrogateescape"), end=options.separator)

    def report(path: str) -> None:
        if not path:
            scan(sys.stdin.buffer.read(), "{standard input}")
            return
        data = read(path)
        for start, part in loaded_parts(data, path) if options.data else [(0, data)]:
            scan(part, path, start)

    return for_each("strings", options.files or [""], report)


def _as_bytes(word: str) -> str:
    """`-12` is the old spelling of `-n12`."""
    return f"-n{word[1:]}" if word[:1] == "-" and word[1:].isdecimal() else word


def _number(text: str) -> int:
    try:
        number = int(text, 0)
    except ValueError:
        raise argparse.ArgumentTypeError(f"invalid integer argument {text}") from None
    if not 1 <= number <= _MOST:
        raise argparse.ArgumentTypeError(f"invalid minimum string length {text}")
    return number


def _unicode(text: str) -> str:
    """The name of a way to treat UTF-8, from the name or its letter."""
    how = _UNICODE.get(text, text)
    if how not in _UNICODE.values():
        raise argparse.ArgumentTypeError(f"{text}: choose one of {', '.join(_UNICODE.values())}")
    return how
