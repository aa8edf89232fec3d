"""Finding and opening what the command line names: objects, archives, shared libraries, and GNU's small scripts.

glibc's `libc.so` is a text: `GROUP ( /lib/libc.so.6 /lib/libc_nonshared.a AS_NEEDED ( ld.so ) )`. Such a text is
replaced by the inputs it names. ld(1), "-l namespec", "Scripts".
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence, Set

import numpy as np

from toyvm.base.errors import ElfError, LinkError
from toyvm.base.record import Record, replace
from toyvm.base.resources import read_input
from toyvm.elf.archive import Archive
from toyvm.elf.constants import ET_DYN, ET_REL, SHN_ABS, SHN_COMMON, SHN_UNDEF
from toyvm.elf.elf_file import ElfFile
from toyvm.elf.headers import is_elf, read_ehdr
from toyvm.elf.object_file import NULL_SECTION, ObjectFile, SymbolTable, null_symbols
from toyvm.elf.object_reader import read_object
from toyvm.elf.raw_object import raw_object

from ..link_errors import Diagnostics
from ..link_options import Input, LinkOptions
from .shared_library import SharedLibrary, read_shared

_TOKEN = re.compile(r'/\*.*?(?:\*/|(\Z))|"([^"]*)"|([(),;])|([^\s(),;"]+)', re.S)
_MAX_NESTING = 16


class Opened(Record, eq=False):
    """An input that has been read. Exactly one of `object`, `archive`, `library` is not None."""

    source: Input
    name: str
    object: ObjectFile | None = None
    archive: Archive | None = None
    library: SharedLibrary | None = None


ReadScript = Callable[[str, bytes], "Iterable[ScriptItem]"]


def open_inputs(
    inputs: Sequence[Input],
    options: LinkOptions,
    errors: Diagnostics,
    read_script: ReadScript | None = None,
    own: Set[str] = frozenset(),
) -> list[Opened]:
    """Open all inputs in order. Files that cannot be found or read are added to `errors`.

    `read_script` reads a linker script that is more than a list of files, and returns the files that it names. `own` are
    the symbols that the linker defines itself: --just-symbols does not take those of another program.
    """
    opener = _Opener(options, errors, read_script, own)
    return [opened for source in inputs for opened in opener.open(source)]


def symbols_alone(data: bytes, name: str, own: Set[str]) -> ObjectFile:
    """The global symbols of an object or a program as numbers, without those in `own`. Raises ElfError."""
    table = ElfFile.parse(data, name).symbols() or null_symbols()
    array = table.array[table.first_global :]
    defined = (array["st_shndx"] != SHN_UNDEF) & (array["st_shndx"] != SHN_COMMON)
    defined &= [name not in own for name in table.names[table.first_global :]]
    rows = np.flatnonzero(defined)
    kept = np.concatenate((np.zeros(1, dtype=array.dtype), array[rows]))
    kept["st_shndx"][1:] = SHN_ABS
    names = ["", *(table.names[table.first_global + row] for row in rows.tolist())]
    return ObjectFile(
        name, [NULL_SECTION], SymbolTable(names, kept, 1), read_ehdr(data, name, any_class=True).flags
    )


class _Opener:
    def __init__(
        self, options: LinkOptions, errors: Diagnostics, read_script: ReadScript | None, own: Set[str]
    ):
        self.options, self.read_script, self.own = options, read_script, own
        self.errors = errors
        self.library_path = list(options.library_path)
        self.next_group = -1  # groups of scripts count downwards, those of the command line upwards

    def open(self, source: Input, depth: int = 0) -> Iterator[Opened]:
        """The inputs of `source`; more than one only for a script."""
        if source.object is not None:
            yield Opened(source, source.display, object=source.object)
            return
        path = self._path(source)
        if path is None:
            return
        if (known := self.options.archives.get(path)) is not None and source.data is None:
            yield Opened(source, path, archive=known)
            return
        found = self._contents(source, path)
        if found is None:
            return
        name, data = found
        try:
            if source.just_symbols:
                yield Opened(source, name, object=symbols_alone(data, name, self.own))
            elif source.binary:
                yield Opened(source, name, object=raw_object(data, name))
            elif is_elf(data):
                yield self._elf(source, name, data)
            elif data.startswith((b"!<arch>\n", b"!<thin>\n")):
                yield Opened(source, name, archive=Archive.parse(data, name))
            else:
                yield from self._script(source, name, data, depth)
        except ElfError as error:
            self.errors.error(str(error))

    def _path(self, source: Input) -> str | None:
        """The input's file, or None after an error."""
        return self._search(source) if source.library and source.data is None else source.path

    def _contents(self, source: Input, path: str) -> tuple[str, bytes] | None:
        """(name, bytes) of the input's file, or None after an error."""
        if source.data is not None:
            return path, source.data
        try:
            return path, read_input(path)
        except OSError as error:
            self.errors.error(f"cannot find {path}: {error.strerror}")
            return None

    def _search(self, source: Input) -> str | None:
        """The file for -lNAME or -l:FILE."""
        name = source.library
        if name.startswith(":"):
            candidates = [name[1:]]
        elif source.static or self.options.static:
            candidates = [f"lib{name}.a"]
        else:
            candidates = [f"lib{name}.so", f"lib{name}.a"]
        for folder in self.library_path:
            for candidate in candidates:
                path = os.path.join(self._in_sysroot(folder), candidate)
                if os.path.isfile(path):
                    return path
        self.errors.error(f"cannot find -l{name}: No such file or directory")
        return None

    def _in_sysroot(self, folder: str) -> str:
        """A leading = or $SYSROOT stands for --sysroot (ld(1), -L)."""
        for mark in ("=", "$SYSROOT"):
            if folder.startswith(mark):
                return self.options.sysroot.rstrip("/") + folder[len(mark) :]
        return folder

    def _elf(self, source: Input, name: str, data: bytes) -> Opened:
        kind = read_ehdr(data, name, any_class=True).type
        if kind == ET_REL:
            return Opened(source, name, object=read_object(data, name))
        if kind != ET_DYN:
            raise ElfError(f"{name}: file in wrong format: an executable cannot be linked")
        if self.options.static:
            raise ElfError(f"attempted static link of dynamic object `{name}'")
        return Opened(source, name, library=read_shared(data, name))

    def _script(self, source: Input, name: str, data: bytes, depth: int) -> Iterator[Opened]:
        if depth >= _MAX_NESTING:
            raise ElfError(f"{name}: linker scripts are nested deeper than {_MAX_NESTING}")
        text = data.decode("utf-8", "replace")
        if "\0" in text or (not text.isprintable() and not text.strip()):
            raise ElfError(f"{name}: file not recognized: file format not recognized")
        group = source.group
        if group is None:
            group = self.next_group
            self.next_group -= 1
        for item in self._items(text, name, data):
            inner = replace(
                source,
                path=self._script_path(item.name, name),
                library=item.name[2:] if item.name.startswith("-l") else "",
                data=None,
                as_needed=source.as_needed or item.as_needed,
                group=group if item.grouped else source.group,
            )
            yield from self.open(inner, depth + 1)

    def _items(self, text: str, name: str, data: bytes) -> Iterable[ScriptItem]:
        folders = list(self.library_path)
        try:
            items = parse_script(text, name, folders)
        except ElfError:
            if self.read_script is None:
                raise
            try:
                return self.read_script(name, data)
            except LinkError as error:
                message = "file format not recognized; treating as linker script"
                raise ElfError("\n".join([f"{name}: {message}", *error.messages])) from None
        self.library_path = folders
        return items

    def _script_path(self, path: str, script: str) -> str:
        """A path in a script: in the sysroot when the script is, else as it is, beside the script, or in -L."""
        root = self.options.sysroot.rstrip("/")
        if path.startswith("/"):
            return root + path if root and script.startswith(root + "/") else path
        path = self._in_sysroot(path)
        folders = ["", os.path.dirname(script), *map(self._in_sysroot, self.library_path)]
        return next((p for p in (os.path.join(f, path) for f in folders) if os.path.isfile(p)), path)


class ScriptItem(Record):
    """A file that a script names."""

    name: str
    grouped: bool
    as_needed: bool


def parse_script(text: str, name: str, search: list[str] | None = None) -> list[ScriptItem]:
    """The files named by an implicit linker script; SEARCH_DIR folders are appended to `search`.

    Raises ElfError for anything but OUTPUT_FORMAT, OUTPUT_ARCH, SEARCH_DIR, INPUT, GROUP and AS_NEEDED.
    """
    tokens: list[str] = []
    for found in _TOKEN.finditer(text):
        if found[1] is not None:
            raise ElfError(
                f"{name}: file format not recognized; treating as linker script: comment without end"
            )
        if token := found[2] or found[3] or found[4]:
            tokens.append(token)
    items: list[ScriptItem] = []
    at = 0
    while at < len(tokens):
        word = tokens[at]
        at += 1
        if word == ";":
            continue
        if word not in ("OUTPUT_FORMAT", "OUTPUT_ARCH", "SEARCH_DIR", "INPUT", "GROUP") or tokens[
            at : at + 1
        ] != ["("]:
            raise ElfError(
                f"{name}: file format not recognized; treating as linker script: syntax error at `{word}'"
            )
        at += 1
        depth = 1
        while depth:
            if at >= len(tokens):
                raise ElfError(f"{name}: linker script ends inside {word} (")
            token = tokens[at]
            at += 1
            if token == ")":
                depth -= 1
            elif token == "AS_NEEDED" and tokens[at : at + 1] == ["("]:
                depth += 1
                at += 1
            elif word in ("INPUT", "GROUP") and token != ",":
                items.append(ScriptItem(token, word == "GROUP", depth > 1))
            elif word == "SEARCH_DIR" and search is not None:
                search.append(token)
    return items
