"""`toyvm as`: assembly text to a relocatable object, with GNU as's options."""

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
    """Assemble the files of the command line into one object. Returns the exit code; no output is left on an error."""
    args = _parser().parse_args(_split_joined(argv))
    # numpy and Lark are imported only when there is something to assemble
    from ..assembler.assemble import assemble_texts
    from ..base.resources import require_other_file, write_atomically
    from ..elf.object_writer import write_object

    require_other_file(args.o, args.files)
    gc.disable()  # one run, then the process ends: looking for garbage would only cost time
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
    """Remove what an earlier run left: an object that does not fit its text must not be linked."""
    if output.is_file() and not output.is_symlink():
        output.unlink()


def _extras(args: argparse.Namespace, made: Assembled, sources: list[str]) -> None:
    """The listing and the dependency file."""
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
    )


def _defsym(text: str) -> tuple[str, int]:
    name, equals, value = text.partition("=")
    try:
        if equals and name:
            return name, int(value, 8 if value.isdigit() and value.startswith("0") else 0)
    except ValueError:
        pass  # told below
    raise UsageError(f"--defsym takes SYMBOL=NUMBER, not '{text}'")


def _read(name: str) -> tuple[str, str]:
    """A file's text, or standard input for "-". Bytes that are no UTF-8 are kept as they are."""
    from ..base.resources import read_input, read_stream

    if name == "-":
        return read_stream(sys.stdin.buffer).decode("utf-8", "surrogateescape"), "{standard input}"
    return read_input(name).decode("utf-8", "surrogateescape"), name


def _split_joined(argv: list[str]) -> list[str]:
    """GNU's spellings for argparse: `-gdwarf-5` is -g; `-aln=FILE` is one option with a value."""
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
        prog="toyvm as", description="Assemble RISC-V text (GNU syntax) into an object.", allow_abbrev=False
    )
    add = parser.add_argument
    add(
        "files",
        nargs="*",
        metavar="FILE",
        help="texts, read one after the other; standard input when there is none, or for -",
    )
    add("-o", default="a.out", metavar="OBJECT", help="name of the object (a.out)")
    add("-I", action="append", default=[], metavar="DIR", help="folder for .include and .incbin")
    add("-g", dest="debug", action="store_true", help="line numbers of the text, for debuggers")
    add("--defsym", action="append", default=[], metavar="SYM=VAL", help="define a symbol beforehand")
    add("-march", default="rv64gc", metavar="ISA", help="instruction set (rv64gc)")
    add(
        "-mabi",
        default="lp64d",
        choices=("lp64", "lp64f", "lp64d", "lp64q"),
        help="calling convention (lp64d)",
    )
    add("-misa-spec", default="20191213", help=argparse.SUPPRESS)
    add("-mpriv-spec", help=argparse.SUPPRESS)
    add("-mrelax", dest="relax", action="store_true", default=True, help="let the linker relax (the default)")
    add("-mno-relax", dest="relax", action="store_false", help="do not")
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
        help="`la` goes through the GOT, as after .option pic",
    )
    add("-fno-pic", dest="pic", action="store_false", help="it does not (the default)")
    add("-L", "--keep-locals", dest="L", action="store_true", help="keep symbols that begin with .L")
    add("-a", metavar="ln", help="print a listing (-al text, -an without forms; -aln=FILE into a file)")
    add("--fatal-warnings", action="store_true", help="warnings are errors")
    add("-W", "--no-warn", dest="no_warn", action="store_true", help="no warnings")
    add("--warn", action="store_false", dest="no_warn", help=argparse.SUPPRESS)
    add("--MD", metavar="FILE", help="write the files that were read, for make")
    return parser
