"""`toyvm objcopy`: copy an object, program or library with changes, or in another format."""

from __future__ import annotations

import argparse
import os
import zlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ...base.errors import ToyvmError, UsageError
from .rewriting_options import Job, common_changes, read_list, rewriting_parser, targets

if TYPE_CHECKING:
    from ...elf.rewriting.changes import Changes

# option words, field of Changes (a NameSet), metavar, help
_SETS = (
    (("-j", "--only-section"), "only", "copy only these sections"),
    (("--strip-unneeded-symbol",), "strip_unneeded_symbol", "remove a symbol unless a relocation needs it"),
    (("-L", "--localize-symbol"), "localize", "make a symbol local"),
    (("--globalize-symbol",), "globalize", "make a symbol global"),
    (("-G", "--keep-global-symbol"), "keep_global", "make all other symbols local"),
    (("-W", "--weaken-symbol"), "weaken_symbol", "make a symbol weak"),
)
_FILES = {
    "strip-symbols": "strip_symbol",
    "strip-unneeded-symbols": "strip_unneeded_symbol",
    "keep-symbols": "keep_symbol",
    "localize-symbols": "localize",
    "globalize-symbols": "globalize",
    "keep-global-symbols": "keep_global",
    "weaken-symbols": "weaken_symbol",
}

_WITHOUT_EFFECT = (
    *("--debugging", "--pure", "--impure", "--writable-text", "--readonly-text"),
    *("--change-leading-char", "--remove-leading-char"),
)
_OPTIONAL = {"--compress-debug-sections": "--compress-debug-sections=zlib", "--interleave": "--interleave=4"}


def parser() -> argparse.ArgumentParser:
    """The options of `toyvm objcopy`."""
    p = rewriting_parser(
        "toyvm objcopy",
        "Copy an object file, program, library or archive with changes, or in another format.",
        ("-S", "--strip-all"),
    )
    p.add_argument(
        "-B", "--binary-architecture", dest="architecture", metavar="ARCH", help="of a raw binary: riscv"
    )
    p.add_argument(
        "--extract-dwo", dest="strip", action="store_const", const="keep-dwo", help="keep only .dwo sections"
    )
    for words, field, text in _SETS:
        p.add_argument(*words, dest=field, action="append", default=[], metavar="NAME", help=text)
    for name, field in _FILES.items():
        p.add_argument(
            f"--{name}",
            dest=f"{field}_files",
            action="append",
            default=[],
            metavar="FILE",
            help=f"--{name.removesuffix('s')} for each line of FILE",
        )
    p.add_argument("--weaken", action="store_true", help="make all global symbols weak")
    p.add_argument("--localize-hidden", action="store_true", help="make hidden symbols local")
    p.add_argument(
        "--extract-symbol", action="store_true", help="keep symbols, without the contents of sections"
    )
    _values(p)
    _addresses(p)
    _formats(p)
    for word in _WITHOUT_EFFECT:
        p.add_argument(word, action="store_true", help="accepted; has no effect on ELF files")
    p.add_argument(
        "--long-section-names", choices=("enable", "disable", "keep"), help="accepted; has no effect"
    )
    p.add_argument("input", metavar="INPUT")
    p.add_argument("output", nargs="?", metavar="OUTPUT", help="by default the input is replaced")
    return p


def _values(p: argparse.ArgumentParser) -> None:
    def many(word: str, metavar: str, text: str) -> None:
        p.add_argument(word, action="append", default=[], metavar=metavar, help=text)

    many("--redefine-sym", "OLD=NEW", "rename a symbol")
    many("--redefine-syms", "FILE", "rename the symbols in FILE, OLD NEW on each line")
    many("--add-symbol", "NAME=[SECTION:]VALUE[,FLAGS]", "add a symbol")
    p.add_argument("--prefix-symbols", default="", metavar="PREFIX", help="before the name of each symbol")
    p.add_argument("--prefix-sections", default="", metavar="PREFIX", help="before the name of each section")
    p.add_argument(
        "--prefix-alloc-sections",
        dest="prefix_alloc",
        default="",
        metavar="PREFIX",
        help="before the name of each section that is loaded",
    )
    many("--rename-section", "OLD=NEW[,FLAGS]", "rename a section")
    many("--set-section-flags", "SECTION=FLAGS", "give sections other flags")
    many("--set-section-alignment", "SECTION=N", "give sections another alignment")
    many("--add-section", "SECTION=FILE", "add a section with the contents of FILE")
    many("--update-section", "SECTION=FILE", "replace the contents of a section")
    many("--dump-section", "SECTION=FILE", "write the contents of a section to FILE")
    p.add_argument(
        "--add-gnu-debuglink", metavar="FILE", help="add a section that names FILE, with its checksum"
    )
    p.add_argument(
        "--compress-debug-sections",
        default="",
        metavar="FORMAT",
        help="none, zlib, zlib-gabi or zstd",
    )
    p.add_argument(
        "--decompress-debug-sections",
        dest="compress_debug_sections",
        action="store_const",
        const="none",
        help="the same as --compress-debug-sections=none",
    )
    p.add_argument(
        "--elf-stt-common", choices=("yes", "no"), help="the type of common symbols: COMMON, OBJECT"
    )
    p.add_argument("--reverse-bytes", metavar="N", help="reverse each N bytes of all sections")


def _moved(which: str, text: str) -> tuple[str, str]:
    return which, text


def _addresses(p: argparse.ArgumentParser) -> None:
    p.add_argument("--set-start", metavar="ADDRESS", help="the address where the program begins")
    p.add_argument("--change-start", "--adjust-start", metavar="N", help="add N to that address")
    p.add_argument("--change-addresses", "--adjust-vma", metavar="N", help="add N to all addresses")
    for words, which in (
        (("--change-section-address", "--adjust-section-vma"), "address"),
        (("--change-section-vma",), "vma"),
        (("--change-section-lma",), "lma"),
    ):
        p.add_argument(
            *words,
            dest="moved",
            action="append",
            default=[],
            type=partial(_moved, which),
            metavar="SECTION{=,+,-}N",
            help=f"change the {which.upper() if which != 'address' else which} of sections",
        )
    p.add_argument(
        "--change-warnings",
        "--adjust-warnings",
        dest="warn",
        action="store_true",
        default=True,
        help="warn if such a section does not exist (default)",
    )
    p.add_argument(
        "--no-change-warnings", "--no-adjust-warnings", dest="warn", action="store_false", help="do not warn"
    )
    p.add_argument("--gap-fill", metavar="BYTE", help="fill the gaps between sections")
    p.add_argument("--pad-to", metavar="ADDRESS", help="let the last section end at ADDRESS")
    p.add_argument("-b", "--byte", metavar="N", help="copy only byte N of each group (see -i)")
    p.add_argument("-i", "--interleave", metavar="N", help="the bytes in a group (4)")
    p.add_argument("--interleave-width", metavar="N", help="the bytes that -b copies of each group (1)")


def _formats(p: argparse.ArgumentParser) -> None:
    p.add_argument("--srec-len", metavar="N", help="bytes of data in an S-record (16)")
    p.add_argument("--srec-forceS3", dest="srec_s3", action="store_true", help="write S3 records only")
    p.add_argument("--verilog-data-width", metavar="N", help="bytes in a word of Verilog: 1, 2, 4, 8 or 16")


def main(argv: list[str]) -> int:
    """Copy the file. Returns 1 if it cannot be read or written, or if a change does not fit it."""
    from ...elf.rewriting.changes import number
    from ...elf.rewriting.flat_formats import FlatOptions

    # Values that may be missing come with "=" only, so that a file name after the option is not taken for one.
    argv = [_OPTIONAL.get(word, word) for word in argv]
    options = parser().parse_args(argv)
    changes = common_changes(options)
    input_target, output_target = targets(options)
    if options.architecture and not options.architecture.startswith("riscv"):
        raise ToyvmError(f"architecture {options.architecture} unknown")
    _symbols(options, changes)
    dumps = _sections(options, changes)
    _places(options, changes)
    length = number(options.srec_len, "--srec-len") if options.srec_len is not None else 16
    width = number(options.verilog_data_width, "--verilog-data-width") if options.verilog_data_width else 1
    if width not in (1, 2, 4, 8, 16):
        raise ToyvmError("error: verilog data width must be 1, 2, 4, 8 or 16")
    job = Job(
        "objcopy",
        changes,
        input_target,
        output_target,
        FlatOptions(length, options.srec_s3, width),
        dates=options.dates,
        verbose=options.verbose,
        dumps=dumps,
    )
    job.convert(options.input, options.output or options.input)
    return 0


def _contents(path: str) -> bytes:
    from ...base.resources import read_input

    try:
        return read_input(path)
    except OSError as error:
        raise ToyvmError(f"cannot open: {path}: {error.strerror}") from None


def _pair(option: str, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name or not value:
        raise ToyvmError(f"bad format for --{option}")
    return name, value


def _symbols(options: argparse.Namespace, changes: Changes) -> None:
    from ...elf.rewriting.changes import parse_added_symbol

    for _, field, _ in _SETS:
        getattr(changes, field).add(getattr(options, field))
    for field in _FILES.values():
        for path in getattr(options, f"{field}_files"):
            getattr(changes, field).add(read_list(path, _contents))
    if changes.globalize and changes.keep_global:
        raise ToyvmError("--globalize-symbol(s) is incompatible with -G/--keep-global-symbol(s)")
    changes.weaken, changes.localize_hidden = options.weaken, options.localize_hidden
    changes.extract_symbols = options.extract_symbol
    changes.prefix_symbols = options.prefix_symbols
    for text in options.redefine_sym:
        _redefine(changes, *_pair("redefine-sym", text), "--redefine-sym")
    for path in options.redefine_syms:
        _redefinitions(changes, path)
    changes.add_symbols = [parse_added_symbol(text) for text in options.add_symbol]
    if options.elf_stt_common:
        changes.common_type = options.elf_stt_common == "yes"


def _redefine(changes: Changes, old: str, new: str, where: str) -> None:
    if old in changes.redefine:
        raise ToyvmError(f'{where}: Multiple redefinition of symbol "{old}"')
    if new in changes.redefine.values():
        raise ToyvmError(f'{where}: Symbol "{new}" is target of more than one redefinition')
    changes.redefine[old] = new


def _redefinitions(changes: Changes, path: str) -> None:
    try:
        text = _contents(path).decode("utf-8", "surrogateescape")
    except ToyvmError as error:
        reason = str(error).rpartition(": ")[2]
        raise ToyvmError(f"couldn't open symbol redefinition file {path} (error: {reason})") from None
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split("#", 1)[0].split()
        if not words:
            continue
        if len(words) == 1:
            raise ToyvmError(f"{path}:{number}: missing new symbol name")
        if len(words) > 2:
            raise ToyvmError(f"{path}:{number}: garbage found at end of line")
        _redefine(changes, words[0], words[1], f"{path}:{number}")


def _sections(options: argparse.Namespace, changes: Changes) -> dict[str, str]:
    """Fill in what changes sections; returns section -> file to dump it to."""
    from ...elf.constants import COMPRESSION_FORMATS, MAX_ALIGN
    from ...elf.rewriting.changes import number, parse_flags

    changes.prefix_sections, changes.prefix_alloc = options.prefix_sections, options.prefix_alloc
    for text in options.rename_section:
        old, value = _pair("rename-section", text)
        new, comma, flags = value.partition(",")
        if old in changes.rename:
            raise ToyvmError(f"Multiple renames of section {old}")
        changes.rename[old] = (new, parse_flags(flags) if comma else None)
    for text in options.set_section_flags:
        name, value = _pair("set-section-flags", text)
        changes.flags.append((name, parse_flags(value)))
    for text in options.set_section_alignment:
        name, value = _pair("set-section-alignment", text)
        alignment = number(value, "--set-section-alignment")
        if alignment < 0 or alignment & (alignment - 1):
            raise ToyvmError("bad format for --set-section-alignment: alignment is not a power of two")
        if alignment > MAX_ALIGN:
            raise ToyvmError(f"--set-section-alignment: {alignment} is larger than {MAX_ALIGN}")
        changes.alignments.append((name, alignment))
    for option, field in (("add-section", changes.add), ("update-section", changes.update)):
        for text in getattr(options, option.replace("-", "_")):
            name, path = _pair(option, text)
            field.append((name, _contents(path)))
    dumps = dict(_pair("dump-section", text) for text in options.dump_section)
    changes.dump = list(dumps)
    if options.add_gnu_debuglink:
        changes.debug_link = _debug_link(options.add_gnu_debuglink)
    changes.compress = options.compress_debug_sections
    if changes.compress not in ("", "none", *COMPRESSION_FORMATS):
        raise ToyvmError(f"unrecognized --compress-debug-sections type `{changes.compress}'")
    return dumps


def _debug_link(path: str) -> bytes:
    """The contents of .gnu_debuglink: the file's name, padded, and the CRC of its bytes."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ToyvmError(f"cannot fill debug link section `{path}': {error.strerror}") from None
    name = os.path.basename(path).encode("utf-8", "surrogateescape") + b"\0"
    return name + bytes(-len(name) % 4) + zlib.crc32(data).to_bytes(4, "little")


def _places(options: argparse.Namespace, changes: Changes) -> None:
    from ...elf.rewriting.changes import AddressChange, number

    for field in ("change_start", "change_addresses", "set_start", "pad_to", "gap_fill", "reverse_bytes"):
        text = getattr(options, field)
        if text is not None:
            setattr(changes, field, number(text, f"--{field.replace('_', '-')}"))
    changes.change_warnings = options.warn
    for which, text in options.moved:
        at = max(text.rfind(sign) for sign in "=+-")
        if text[: at + 1][-2:-1] == "=" and text[at] in "+-":
            at -= 1  # NAME=-4
        if at <= 0:
            raise ToyvmError(f"bad format for --change-section-{which}")
        value = number(text[at + 1 :], f"--change-section-{which}")
        sign = text[at]
        changes.addresses.append(
            AddressChange(
                text[:at],
                "=" if sign == "=" else "+",
                -value if sign == "-" else value,
                which in ("address", "vma"),
                which in ("address", "lma"),
                f"--change-section-{which} {text[:at]}{sign}{value:#x}",
            )
        )
    if changes.reverse_bytes < 0 or changes.reverse_bytes % 2 or options.reverse_bytes == "0":
        raise ToyvmError("number of bytes to reverse must be positive and even")
    _interleaving(options, changes)


def _interleaving(options: argparse.Namespace, changes: Changes) -> None:
    from ...elf.rewriting.changes import number

    if options.interleave is not None:
        changes.interleave = number(options.interleave, "--interleave")
        if changes.interleave < 1:
            raise ToyvmError("interleave must be positive")
    if options.interleave_width is not None:
        changes.interleave_width = number(options.interleave_width, "--interleave-width")
        if changes.interleave_width < 1:
            raise ToyvmError("interleave width must be positive")
    if options.byte is not None:
        if options.interleave is None:
            raise ToyvmError("interleave start byte must be set with --byte")
        changes.byte = number(options.byte, "--byte")
        if changes.byte < 0:
            raise ToyvmError("byte number must be non-negative")
        if changes.byte >= changes.interleave:
            raise ToyvmError("byte number must be less than interleave")
        if changes.interleave_width > changes.interleave - changes.byte:
            raise ToyvmError("interleave width must be less than or equal to interleave - byte")
    elif options.interleave is not None:
        raise UsageError("-i needs -b")
