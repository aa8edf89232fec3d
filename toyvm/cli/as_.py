"""`toyvm as`: assemble text into a relocatable object, with the options of GNU as."""

from __future__ import annotations

import argparse
import gc
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import ToyvmError, UsageError

if TYPE_CHECKING:
    from ..assembler.assemble import Assembled
    from ..assembler.state import AssemblerOptions


def main(argv: list[str]) -> int:
    """Assemble the files into one object. On an error, no output file remains."""
    args = _parser().parse_args(_split_joined(argv))
    # imports numpy and Lark, which --help does not need
    from ..assembler.assemble import assemble_texts
    from ..base.resources import require_other_file, write_atomically
    from ..elf.object_writer import write_object

    require_other_file(args.o, args.files)
    gc.disable()  # the process ends soon: garbage collection would only take time
    texts = [_read(name) for name in args.files or ["-"]]
    output = Path(args.o)
    try:
        made = assemble_texts(texts, output.name, _options(args))
        data = write_object(made.object)
    except ToyvmError:
        _forget(output)
        raise
    for line in made.warnings if not args.no_warn else ():
        print(line, file=sys.stderr)
    for line in made.printed:
        print(line)
    write_atomically(output, data)
    _extras(args, made, [name for _, name in texts])
    return 0


def _forget(output: Path) -> None:
    """Remove the object of an earlier run, so that a stale object is not linked."""
    if output.is_file() and not output.is_symlink():
        output.unlink()


def _extras(args: argparse.Namespace, made: Assembled, sources: list[str]) -> None:
    """Write the listing and the dependency file, if requested."""
    if args.a is not None:
        from ..assembler.listing import listing

        text = listing(made, args.a or "ln")
        target = args.a.partition("=")[2]
        if target:
            Path(target).write_text(text)
        else:
            sys.stdout.write(text)
    if args.MD:
        names = " ".join(name.replace(" ", "\\ ") for name in [*sources, *made.included])
        Path(args.MD).write_text(f"{args.o}: {names}\n")


def _options(args: argparse.Namespace) -> AssemblerOptions:
    from ..assembler.state import AssemblerOptions

    return AssemblerOptions(
        march=args.march,
        mabi=args.mabi,
        relax=args.relax,
        pic=args.pic,
        include_dirs=tuple(args.I),
        defsyms=tuple(_defsym(text) for text in args.defsym),
        debug_lines=args.debug,
        keep_locals=args.L,
        listing=args.a is not None,
        fatal_warnings=args.fatal_warnings,
        alternate=args.alternate,
    )


def _defsym(text: str) -> tuple[str, int]:
    name, equals, value = text.partition("=")
    try:
        if equals and name:
            return name, int(value, 8 if value.isdigit() and value.startswith("0") else 0)
    except ValueError:
        pass  # reported below
    raise UsageError(f"--defsym takes SYMBOL=NUMBER, not '{text}'")


def _read(name: str) -> tuple[str, str]:
    """The text and the name of a file, or of standard input for "-".

    Bytes that are not UTF-8 are kept.
    """
    from ..base.resources import read_input, read_stream

    if name == "-":
        return read_stream(sys.stdin.buffer).decode("utf-8", "surrogateescape"), "{standard input}"
    return read_input(name).decode("utf-8", "surrogateescape"), name


def _split_joined(argv: list[str]) -> list[str]:
    """Convert GNU's spellings for argparse: `-gdwarf-5` to -g, `-aln=FILE` to -a=ln=FILE."""
    out: list[str] = []
    for word in argv:
        if word.startswith(("-gdwarf", "--gdwarf", "-gstabs", "--gen-debug")):
            out.append("-g")
        elif word.startswith("-a") and word != "-a" and not word.startswith(("-alternate", "-arch")):
            out += [f"-a={word[2:]}"]
        elif word == "-a":
            out += ["-a="]
        else:
            out.append(word)
    return out


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="toyvm as",
        description="Assemble RISC-V assembly text (GNU syntax) into an object.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add(
        "files",
        nargs="*",
        metavar="FILE",
        help="sources, assembled as one text; - or no file: standard input",
    )
    add("-o", default="a.out", metavar="OBJECT", help="write the object to this file (default: a.out)")
    add(
        "-I",
        action="append",
        default=[],
        metavar="DIR",
        help="search this folder for the files of .include and .incbin",
    )
    add("-g", dest="debug", action="store_true", help="record line numbers for debuggers")
    add("--defsym", action="append", default=[], metavar="SYM=VAL", help="define a symbol")
    add("-march", default="rv64gc", metavar="ISA", help="set the instruction set (default: rv64gc)")
    add(
        "-mabi",
        default="lp64d",
        choices=("lp64", "lp64f", "lp64d", "lp64q"),
        help="set the calling convention (default: lp64d)",
    )
    add("-misa-spec", default="20191213", help=argparse.SUPPRESS)
    add("-mpriv-spec", help=argparse.SUPPRESS)
    add(
        "-mrelax",
        dest="relax",
        action="store_true",
        default=True,
        help="allow the linker to relax the code (default)",
    )
    add("-mno-relax", dest="relax", action="store_false", help="do not allow the linker to relax the code")
    add("-mlittle-endian", action="store_true", help=argparse.SUPPRESS)
    add(
        "--traditional-format",
        "-mcsr-check",
        "-mno-csr-check",
        "-march-attr",
        "-mno-arch-attr",
        "--64",
        action="store_true",
        help=argparse.SUPPRESS,
    )
    add(
        "-fpic",
        "-fPIC",
        dest="pic",
        action="store_true",
        help="make `la` load addresses from the GOT, as .option pic does",
    )
    add("-fno-pic", dest="pic", action="store_false", help="make `la` compute addresses (default)")
    add("-L", "--keep-locals", dest="L", action="store_true", help="keep local symbols (.L...)")
    add("-a", metavar="ln", help="print a listing; -aln=FILE writes it to a file")
    add("--alternate", action="store_true", help="begin in the macro language of .altmacro")
    add("--fatal-warnings", action="store_true", help="treat warnings as errors")
    add("-W", "--no-warn", dest="no_warn", action="store_true", help="do not print warnings")
    add("--warn", action="store_false", dest="no_warn", help=argparse.SUPPRESS)
    add("--MD", metavar="FILE", help="write a list of the input files, for make")
    return parser
