"""`toyvm as`: assemble text into a relocatable object, with the options of GNU as."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import ToyvmError, UsageError
from ..base.version import VERSION
from .terminal.color import add_color, painted

if TYPE_CHECKING:
    from ..assembler.assemble import Assembled
    from ..assembler.assembler_options import AssemblerOptions
    from ..elf.object_file import ObjectFile


_VERSION_TEXT = f"GNU assembler compatible, toyvm {VERSION} (riscv64-linux-gnu)"


def main(argv: list[str]) -> int:
    """Assemble the files into one object. On an error, no output file remains."""
    began = time.process_time()
    args = parser().parse_args(_split_joined(argv))
    args.words = argv
    if args.verbose:
        print(_VERSION_TEXT, file=sys.stderr)
    from ..base.resources import NoCollection, require_other_file

    require_other_file(args.o, args.files)
    with NoCollection():
        return _assemble(args, began)


def _assemble(args: argparse.Namespace, began: float) -> int:
    # imports numpy and Lark, which --help does not need
    from ..assembler.assemble import assemble_texts
    from ..base.record import replace
    from ..base.resources import write_atomically

    texts = [_read(name) for name in args.files or ["-"]]
    output = Path(args.o)
    try:
        made = assemble_texts(texts, output.name, _options(args))
        data = _compressed(made.object, args.compress) if args.compress != "none" else made.output.file()
    except ToyvmError:
        _forget(output)
        raise
    if made.errors and args.always_write:
        counts = f"{len(made.errors)} errors, {len(made.warnings)} warnings"
        made = replace(made, reports=(*made.reports, f"{counts}, generating bad object file"))
    for line in made.reports:
        if not args.no_warn or line not in made.warnings:
            print(painted(line, sys.stderr), file=sys.stderr)
    for line in made.printed:
        print(line)
    if made.errors and not args.always_write:
        _extras(args, made, [name for _, name in texts])
        _forget(output)
        return 1
    write_atomically(output, data)
    _extras(args, made, [name for _, name in texts])
    if args.statistics:
        print(f"toyvm as: total time in assembly: {time.process_time() - began:.6f}", file=sys.stderr)
        print(
            f"toyvm as: {sum(len(text) for text, _ in texts)} characters of text, ", end="", file=sys.stderr
        )
        print(f"{len(made.object.sections) - 1} sections, {len(data)} bytes of object", file=sys.stderr)
    return 1 if made.errors else 0


def _compressed(made: ObjectFile, format: str) -> bytes:
    """The file of an object with compressed debugging information."""
    from ..base.record import replace
    from ..elf.compression import compressed
    from ..elf.constants import COMPRESSION_FORMATS
    from ..elf.object_writer import write_object

    return write_object(
        replace(
            made, sections=[compressed(section, COMPRESSION_FORMATS[format]) for section in made.sections]
        )
    )


def _forget(output: Path) -> None:
    """Remove the object of an earlier run, so that a stale object is not linked."""
    if output.is_file() and not output.is_symlink():
        output.unlink()


def _extras(args: argparse.Namespace, made: Assembled, sources: list[str]) -> None:
    """Write the listing and the dependency file, if requested."""
    if args.a is not None:
        from ..assembler.listing import Command, listing

        command = Command(
            _VERSION_TEXT, tuple(word for word in args.words if word[:1] == "-"), tuple(sources), args.o
        )
        text = listing(made, args.a, command)
        target = args.a.partition("=")[2]
        if target:
            Path(target).write_text(text)
        else:
            sys.stdout.write(text)
    if args.MD:
        names = " ".join(name.replace(" ", "\\ ") for name in [*sources, *made.included])
        Path(args.MD).write_text(f"{args.o}: {names}\n")


def _options(args: argparse.Namespace) -> AssemblerOptions:
    from ..assembler.assembler_options import AssemblerOptions

    return AssemblerOptions(
        march=args.march,
        mabi=args.mabi or "",
        isa_spec=args.isa_spec,
        priv_spec=args.priv_spec,
        csr_check=args.csr_check,
        arch_attribute=args.arch_attribute,
        gnu_messages=args.gnu_messages,
        cie_version=args.cie_version,
        relax=args.relax,
        pic=args.pic,
        include_dirs=tuple(args.I),
        defsyms=tuple(_defsym(text) for text in args.defsym),
        debug_lines=args.debug,
        dwarf_level=args.dwarf_level,
        keep_locals=args.L,
        listing=args.a is not None,
        fatal_warnings=args.fatal_warnings,
        alternate=args.alternate,
        always_write=args.always_write,
        stt_common=args.stt_common == "yes",
        multibyte=args.multibyte.replace("_", "-"),
        build_notes=args.build_notes == "yes",
        stack_note=args.stack_note,
    )


def _defsym(text: str) -> tuple[str, int]:
    name, equals, value = text.partition("=")
    try:
        if equals and name:
            return name, int(value, 8 if value.isdigit() and value.startswith("0") else 0)
    except ValueError:
        pass  # reported below
    raise UsageError(f"--defsym takes SYMBOL=NUMBER, not '{text}'")


def _compression(word: str) -> str:
    """The format for --compress-debug-sections. Raises UsageError for one that this assembler does not write."""
    from ..elf.constants import COMPRESSION_FORMATS

    if word != "none" and word not in COMPRESSION_FORMATS:
        known = ", ".join(COMPRESSION_FORMATS)
        raise UsageError(f"--compress-debug-sections: '{word}' is not one of none, {known}")
    return word


def _read(name: str) -> tuple[str, str]:
    """The text and the name of a file, or of standard input for "-".

    Bytes that are not UTF-8 are kept.
    """
    from ..base.resources import read_input, read_stream

    if name == "-":
        return read_stream(sys.stdin.buffer).decode("utf-8", "surrogateescape"), "{standard input}"
    return read_input(name).decode("utf-8", "surrogateescape"), name


def _split_joined(argv: list[str]) -> list[str]:
    """Convert GNU's spellings for argparse: `-gdwarf-5` to -g, `-aln=FILE` to -a=ln=FILE, and values left out."""
    out: list[str] = []
    for word in argv:
        if word.startswith("--gdwarf-cie-version"):
            out.append(word)
            continue
        if word.startswith("--gdwarf-sections"):
            continue  # our line tables have one section
        if word.startswith(("-gdwarf", "--gdwarf", "-gstabs", "--gen-debug")):
            out += ["-g", f"--dwarf-level={word[-1]}"] if word[-1:] in "2345" else ["-g"]
        elif (
            word.startswith("-a")
            and word != "-a"
            and not word.startswith(("-alternate", "-arch", "-assembler"))
        ):
            out += [f"-a={word[2:]}"]
        elif word == "--compress-debug-sections":
            out.append(f"{word}=zlib")
        elif word == "-a":
            out += ["-a="]
        else:
            out.append(word)
    return out


def parser() -> argparse.ArgumentParser:
    """The options of `toyvm as`."""
    p = argparse.ArgumentParser(
        prog="toyvm as",
        description="Assemble RISC-V assembly text (GNU syntax) into an object.",
        allow_abbrev=False,
    )
    add = p.add_argument
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
    add("--dwarf-level", type=int, default=0, help=argparse.SUPPRESS)  # from -gdwarf-N
    add("--defsym", "-defsym", action="append", default=[], metavar="SYM=VAL", help="define a symbol")
    add("-march", default="rv64gc", metavar="ISA", help="set the instruction set (default: rv64gc)")
    add(
        "-mabi",
        choices=("ilp32", "ilp32e", "ilp32f", "ilp32d", "ilp32q", "lp64", "lp64e", "lp64f", "lp64d", "lp64q"),
        metavar="ABI",
        help="set the calling convention (default: that of the instruction set)",
    )
    for ignored in ("--hash-size", "--size-check", "--debug-prefix-map"):
        add(ignored, help=argparse.SUPPRESS)
    add(
        "--multibyte-handling",
        dest="multibyte",
        choices=("allow", "warn", "warn-sym-only", "warn_sym_only"),
        default="allow",
        metavar="WHEN",
        help="warn about characters beyond ASCII: allow, warn or warn-sym-only (default: allow)",
    )
    add(
        "--generate-missing-build-notes",
        dest="build_notes",
        choices=("yes", "no"),
        default="no",
        metavar="yes|no",
        help="write .gnu.build.attributes for sections of code without it (default: no)",
    )
    add(
        "-misa-spec",
        dest="isa_spec",
        choices=("2.2", "20190608", "20191213"),
        default="20191213",
        help="take the versions of extensions from this manual (default: 20191213)",
    )
    add(
        "-mpriv-spec",
        dest="priv_spec",
        choices=("1.9.1", "1.10", "1.11", "1.12"),
        default="1.11",
        help="know the CSRs of this version of the privileged manual (default: 1.11)",
    )
    add(
        "-mcsr-check",
        dest="csr_check",
        action="store_true",
        help="warn about CSRs that the architecture does not have, and about writing read-only ones",
    )
    add("-mno-csr-check", dest="csr_check", action="store_false", help="do not warn about CSRs (default)")
    add(
        "-mno-arch-attr",
        dest="arch_attribute",
        action="store_false",
        default=True,
        help="write no .riscv.attributes, unless the text has .attribute",
    )
    add("-march-attr", dest="arch_attribute", action="store_true", help=argparse.SUPPRESS)
    add(
        "--gdwarf-cie-version",
        dest="cie_version",
        type=int,
        choices=(1, 3, 4),
        default=3,
        metavar="1|3|4",
        help="write call frame information of this version (default: 3)",
    )
    add(
        "--gnu-messages",
        action="store_true",
        help="write messages in the shape of GNU as, for tools that read them",
    )
    add(
        "-mrelax",
        dest="relax",
        action="store_true",
        default=True,
        help="allow the linker to relax the code (default)",
    )
    add("-mno-relax", dest="relax", action="store_false", help="do not allow the linker to relax the code")
    add("-v", dest="verbose", action="store_true", help="print the version to standard error")
    add("--version", action="version", version=_VERSION_TEXT)
    add("-mlittle-endian", action="store_true", help=argparse.SUPPRESS)
    add(
        "--traditional-format",
        "--64",
        "-D",
        "-f",
        "-J",
        "-K",
        "-X",
        "-w",
        "-x",
        "--reduce-memory-overheads",
        "--no-pad-sections",
        "--sectname-subst",
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
    add(
        "-a",
        metavar="cdlmns",
        help="print a listing: lines (l), symbols (s), macro expansions (m), version and options (g), without "
        "skipped lines (c), directives for debuggers (d) or pages (n); -aln=FILE writes it to a file",
    )
    add("--alternate", "-alternate", action="store_true", help="begin in the macro language of .altmacro")
    add("--fatal-warnings", action="store_true", help="treat warnings as errors")
    add("-W", "--no-warn", dest="no_warn", action="store_true", help="do not print warnings")
    add("--warn", action="store_false", dest="no_warn", help=argparse.SUPPRESS)
    add("-Z", dest="always_write", action="store_true", help="write an object even if there are errors")
    add(
        "--elf-stt-common",
        dest="stt_common",
        choices=("yes", "no"),
        default="no",
        help="give common symbols the type STT_COMMON",
    )
    add(
        "--compress-debug-sections",
        dest="compress",
        default="none",
        type=_compression,
        metavar="none|zlib",
        help="compress debugging information",
    )
    add(
        "--nocompress-debug-sections",
        dest="compress",
        action="store_const",
        const="none",
        help=argparse.SUPPRESS,
    )
    add(
        "--noexecstack",
        dest="stack_note",
        action="store_false",
        default=None,
        help="mark the object as not needing an executable stack",
    )
    add(
        "--execstack",
        dest="stack_note",
        action="store_true",
        help="mark the object as needing an executable stack",
    )
    add(
        "--statistics", action="store_true", help="print the time and the sizes of the work to standard error"
    )
    add("--MD", "-MD", metavar="FILE", help="write a list of the input files, for make")
    add_color(p)
    return p
