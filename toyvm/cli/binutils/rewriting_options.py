"""The options that `objcopy` and `strip` share, and how files are read, changed and written."""

from __future__ import annotations

import argparse
import os
import stat
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ...base.errors import NotFoundError, ToyvmError, UsageError
from ...base.record import Record, replace

if TYPE_CHECKING:
    from ...elf.rewriting.changes import Changes
    from ...elf.rewriting.flat_formats import FlatOptions
    from ...elf.rewriting.model import Image

ELF_TARGETS = ("elf64-littleriscv", "elf64-little", "default")
TARGETS = ("elf64-littleriscv", "elf64-little", "binary", "srec", "ihex", "verilog")

# option words, field of Changes (a NameSet), help
_SETS = (
    (("-R", "--remove-section"), "remove", "remove sections; a pattern with ! before it excludes"),
    (("--keep-section",), "keep_section", "do not remove sections"),
    (("--remove-relocations",), "remove_relocations", "remove the relocations of sections"),
    (("-N", "--strip-symbol"), "strip_symbol", "remove a symbol"),
    (("-K", "--keep-symbol"), "keep_symbol", "keep a symbol that would be removed"),
)
_STRIPS = (
    (("-g", "--strip-debug"), "debug", "remove debugging information"),
    (("--strip-unneeded",), "unneeded", "remove the symbols that no relocation needs"),
    (("--only-keep-debug",), "keep-debug", "empty what is loaded, and keep the debugging information"),
    (("--strip-dwo",), "dwo", "remove .dwo sections"),
)


class _Parser(argparse.ArgumentParser):
    """A parser whose @FILE has several words on a line."""

    def convert_arg_line_to_args(self, arg_line: str) -> list[str]:
        """The words of a line."""
        import shlex

        return shlex.split(arg_line)


def rewriting_parser(prog: str, description: str, strip_all: Sequence[str]) -> argparse.ArgumentParser:
    """A parser with the options that both commands have. `strip_all` are the words for removing everything."""
    p = _Parser(prog=prog, description=description, fromfile_prefix_chars="@", add_help=False)
    p.add_argument("-h", "--help", action="help", help="show this help message and exit")
    p.add_argument(
        "-I", "--input-target", dest="input_target", metavar="TARGET", help="the format of the input"
    )
    p.add_argument(
        "-O", "--output-target", dest="output_target", metavar="TARGET", help=f"one of {', '.join(TARGETS)}"
    )
    p.add_argument("-F", "--target", metavar="TARGET", help="the same as -I and -O")
    p.add_argument(
        *strip_all,
        dest="strip",
        action="store_const",
        const="all",
        default="",
        help="remove symbols and relocations",
    )
    for words, value, text in _STRIPS:
        p.add_argument(*words, dest="strip", action="store_const", const=value, help=text)
    for words, field, text in _SETS:
        p.add_argument(*words, dest=field, action="append", default=[], metavar="NAME", help=text)
    p.add_argument("-w", "--wildcard", action="store_true", help="names of symbols are patterns")
    p.add_argument(
        "-x",
        "--discard-all",
        dest="discard",
        action="store_const",
        const="all",
        default="",
        help="remove local symbols",
    )
    p.add_argument(
        "-X",
        "--discard-locals",
        dest="discard",
        action="store_const",
        const="locals",
        help="remove generated labels",
    )
    p.add_argument("--keep-file-symbols", action="store_true", help="keep the symbols that name source files")
    p.add_argument("--keep-section-symbols", action="store_true", help="keep the symbols of sections")
    p.add_argument(
        "-p",
        "--preserve-dates",
        dest="dates",
        action="store_true",
        help="give the output the times of the input",
    )
    p.add_argument(
        "-D",
        "--enable-deterministic-archives",
        dest="deterministic",
        action="store_true",
        default=True,
        help="write archives without times and owners (default)",
    )
    p.add_argument(
        "-U",
        "--disable-deterministic-archives",
        dest="deterministic",
        action="store_false",
        help="accepted; archives are always deterministic",
    )
    p.add_argument("-M", "--merge-notes", action="store_true", help="accepted; notes are not merged")
    p.add_argument("--no-merge-notes", action="store_true", help="accepted; notes are not merged")
    p.add_argument("-v", "--verbose", action="store_true", help="print the name of each file")
    return p


def common_changes(options: argparse.Namespace) -> Changes:
    """The changes of the shared options."""
    from ...elf.rewriting.changes import no_changes

    changes = no_changes(options.wildcard)
    for _, field, _ in _SETS:
        getattr(changes, field).add(getattr(options, field))
    changes.strip, changes.discard = options.strip, options.discard
    changes.keep_file_symbols = options.keep_file_symbols
    changes.keep_section_symbols = options.keep_section_symbols
    return changes


class Job(Record, frozen=False):
    """One command: what is changed, and in which formats files are read and written."""

    tool: str
    changes: Changes
    input_target: str
    output_target: str
    flat: FlatOptions
    dates: bool = False
    verbose: bool = False
    dumps: dict[str, str] = {}  # section -> file

    def convert(self, source: str, target: str) -> None:
        """Change the file `source` and write it as `target`; nothing is written after an error."""
        from ...base.resources import write_atomically
        from ...elf.archive import Archive
        from ...observe.binutils.binaries import read

        data = read(source)
        status = os.stat(source)
        dumped: dict[str, bytes] = {}
        if self.input_target in ("", *ELF_TARGETS) and Archive.is_archive(data):
            result = self._archive(data, source, dumped)
        else:
            if self.verbose:
                print(f"copy from `{source}' [{self._name(data)}] to `{target}' [{self._output(data)}]")
            result = self._file(data, source, target, dumped)
        if os.path.isdir(target):
            raise NotFoundError(f"{target}: Is a directory")
        for section, contents in dumped.items():
            write_atomically(Path(self.dumps[section]), contents)
        write_atomically(Path(target), result, stat.S_IMODE(status.st_mode))
        if self.dates:
            os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))

    def _name(self, data: bytes) -> str:
        from ...elf.rewriting.flat_formats import format_of

        if self.input_target:
            return self.input_target
        return format_of(data) or ELF_TARGETS[0]

    def _output(self, data: bytes) -> str:
        name = self.output_target or self._name(data)
        return ELF_TARGETS[0] if name in ELF_TARGETS else name

    def _archive(self, data: bytes, path: str, dumped: dict[str, bytes]) -> bytes:
        from ...elf.archive import Archive, write
        from ...elf.headers import is_elf

        archive = Archive.parse(data, path)
        if archive.thin:
            raise ToyvmError(f"{path}: a thin archive: its members are files of their own")
        members = []
        for member in archive.members:
            if is_elf(member.data):
                title = f"{path}({member.name})"
                if self.verbose:
                    print(
                        f"copy from `{title}' [{ELF_TARGETS[0]}] to `{title}' [{self._output(member.data)}]"
                    )
                member = replace(member, data=self._file(member.data, title, member.name, dumped))
            members.append(member)
        return write(members)

    def _file(self, data: bytes, source: str, target: str, dumped: dict[str, bytes]) -> bytes:
        from ...elf.rewriting.elf_output import write_image
        from ...elf.rewriting.flat_formats import FLAT_FORMATS, write_flat
        from ...elf.rewriting.rewrite import rewrite

        image = self._image(data, source)
        outcome = rewrite(image, self.changes)
        for warning in outcome.warnings:
            print(f"toyvm {self.tool}: {warning}", file=sys.stderr)
        dumped.update(outcome.dumped)
        output = self._output(data)
        if output in FLAT_FORMATS:
            return write_flat(image, output, target, self.flat)
        return write_image(image)

    def _image(self, data: bytes, source: str) -> Image:
        from ...elf.rewriting.flat_formats import read_flat
        from ...elf.rewriting.model import read_image

        name = self._name(data)
        if name in ELF_TARGETS:
            return read_image(data, source)
        return read_flat(data, name, source)


def targets(options: argparse.Namespace) -> tuple[str, str]:
    """(the input's format, the output's format) that -I, -O and -F name, "" for the default. UsageError for others."""
    made = []
    for given in (options.input_target or options.target, options.output_target or options.target):
        if given and given not in (*ELF_TARGETS, *TARGETS):
            error = UsageError(f"{given}: invalid bfd target\nsupported targets: {' '.join(TARGETS)}")
            error.exit_code = 1
            raise error
        made.append(given or "")
    if made[0] == "verilog":
        raise ToyvmError("verilog: can be written only")
    return made[0], made[1]


def read_list(path: str, read: Callable[[str], bytes]) -> list[str]:
    """The names in a file of --keep-symbols and the like: the first word of a line, without comments."""
    names = []
    for line in read(path).decode("utf-8", "surrogateescape").splitlines():
        line = line.split("#", 1)[0].strip()
        if line:
            names.append(line.split()[0])
    return names
