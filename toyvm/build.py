"""Builds programs from sources, and the guest libraries that they are linked against.

This module does what a Makefile would do with `toyvm as`, `toyvm ar` and `toyvm ld`. `toyvm run
prog.s`, `toyvm compare` and the tests use it. The guest libraries are built from `libs/` on first
use and cached. The name of the cached folder depends on the versions of the library sources and of
the tools, so that a change of either triggers a rebuild.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

from .base.errors import NotFoundError, ToyvmError, UsageError
from .base.light_types import TYPE_CHECKING
from .base.record import Record, replace
from .base.resources import (
    START_FILE,
    data_dir,
    has_content,
    libraries_path,
    library_files,
    library_name,
    read_input,
    umask,
)
from .base.sample_directives import LINKAGES, Directives, Shared, parse_directives

if TYPE_CHECKING:
    from .base.rows import Rows
    from .elf.archive import Archive
    from .elf.object_file import ObjectFile
    from .linker.link_options import Input, LinkOptions
    from .linker.link_result import LinkResult

C_LIBRARY = "c"


class LibraryDir(Record):
    """A folder with crt1.o and, for each library in libs/, libX.a and libX.so."""

    path: Path
    archives: Mapping[str, Archive] = {}  # by path; see `kept_libraries`

    @property
    def start_object(self) -> Path:
        return self.path / f"{START_FILE}.o"

    def shared_names(self) -> list[str]:
        """File names of the shared libraries, sorted."""
        return sorted(path.name for path in self.path.glob("*.so"))


# --- sources and objects ---


def read_file(path: Path) -> bytes:
    """Read a file that the user named.

    Raises NotFoundError or ToyvmError with the system's message.
    """
    try:
        return read_input(path)
    except FileNotFoundError:
        raise NotFoundError(f"{path}: No such file or directory") from None
    except OSError as error:
        raise ToyvmError(f"{path}: {error.strerror}") from None


def assemble_file(path: Path, *, pic: bool = False, debug_lines: bool = True) -> ObjectFile:
    """Assemble one source.

    `debug_lines` records source lines (DWARF), so that reports can name them.
    """
    from .assembler import AssemblerOptions, assemble_text

    text = read_file(path).decode("utf-8", "surrogateescape")
    return assemble_text(
        text, str(path), AssemblerOptions(pic=pic, debug_lines=debug_lines, include_dirs=(str(path.parent),))
    )


def directives_of(path: Path) -> Directives:
    """The directives in a source; the defaults for any other file."""
    if path.suffix not in (".s", ".S"):
        return Directives()
    return parse_directives(read_file(path).decode("utf-8-sig", "replace"), str(path))


# --- the guest libraries ---


@cache
def guest_libraries() -> LibraryDir:
    """The guest libraries; builds them if the cache does not have them, or has lost a file."""
    folder = Path(libraries_path())
    if not all(has_content(str(folder / name)) for name in library_files()):
        if sys.stderr.isatty():
            print("building the guest libraries (once)...", file=sys.stderr)
        build_into(folder)
    return LibraryDir(folder)


@cache
def kept_libraries() -> LibraryDir:
    """The guest libraries with their archives read, for a process that links many programs.

    The archives are without the local constants of the sources (system call numbers, offsets), which
    are most of their symbols.
    """
    from .elf.archive import Archive
    from .elf.object_file import without_constants

    libraries = guest_libraries()
    archives = {
        str(path): Archive.parse(path.read_bytes(), str(path)) for path in sorted(libraries.path.glob("*.a"))
    }
    for archive in archives.values():
        for number in range(len(archive.members)):
            archive.objects[number] = without_constants(archive.object(number))
    return LibraryDir(libraries.path, archives)


def build_into(folder: Path) -> None:
    """Build in a temporary folder and rename it, so that concurrent builds do not conflict.

    Its mode is an ordinary folder's: all users read what an installation has made.
    """
    import shutil
    import tempfile

    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".libs-"))
    try:
        build_libraries(data_dir("libs"), temporary)
        temporary.chmod(0o777 & ~umask())
        try:
            temporary.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
            # The folder has lost a file, or another process has built the same libraries.
            for path in temporary.iterdir():
                path.replace(folder / path.name)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def build_libraries(sources: Path, out: Path, extra: Mapping[str, Sequence[Path]] | None = None) -> None:
    """Build each folder X of `sources` into `out`/libX.a and libX.so; crt1.s becomes crt1.o.

    `extra` maps a library's name to additional sources: `toyvm compare` makes a new version in this
    way.
    """
    for name, folder in _in_order(sources):
        objects = []
        for path in [*sorted(folder.glob("*.s")), *(extra or {}).get(name, ())]:
            obj = assemble_file(path, debug_lines=False)
            if path.stem == START_FILE:
                (out / f"{START_FILE}.o").write_bytes(_object_bytes(obj))
            else:
                objects.append((f"{path.stem}.o", obj))
        _write_library(name, objects, needs(folder), out)


def _in_order(sources: Path) -> list[tuple[str, Path]]:
    """(name, folder) of each library; a library follows the libraries that it needs."""
    folders = {library_name(path.name): path for path in sorted(sources.iterdir()) if any(path.glob("*.s"))}
    ordered: list[tuple[str, Path]] = []

    def visit(name: str) -> None:
        entry = (name, folders[name])
        if entry not in ordered:
            for other in needs(folders[name]):
                visit(other)
            ordered.append(entry)

    for name in folders:
        visit(name)
    return ordered


def needs(folder: Path) -> tuple[str, ...]:
    """The libraries that the sources in `folder` name with `# toyvm: libs:`."""
    return tuple(
        dict.fromkeys(lib for path in sorted(folder.glob("*.s")) for lib in directives_of(path).libs)
    )


def _object_bytes(obj: ObjectFile) -> bytes:
    from .elf.object_writer import write_object

    return write_object(obj)


def _write_library(
    name: str, objects: list[tuple[str, ObjectFile]], needed: Sequence[str], out: Path
) -> None:
    from .elf import archive
    from .linker.link import link
    from .linker.link_options import Input, LinkOptions

    members = [archive.Member(member, 0, _object_bytes(obj)) for member, obj in objects]
    (out / f"lib{name}.a").write_bytes(archive.write(members))
    inputs = [Input(object=obj) for _, obj in objects]
    inputs += [Input(library=other) for other in needed]
    result = link(inputs, LinkOptions(kind="shared", soname=f"lib{name}.so", library_path=(str(out),)))
    (out / f"lib{name}.so").write_bytes(result.image)


# --- programs ---


class Program(Record):
    """A linked program: its ELF image, the guest files that it needs, and how it was linked.

    `linkage` is "static" or "dynamic". `files` maps guest paths to contents. `link_seconds` is the
    host CPU time of linking.
    """

    name: str
    linkage: str
    image: bytes
    link: LinkResult
    link_seconds: float
    directives: Directives
    files: Mapping[str, bytes]

    def __repr__(self) -> str:
        return f"Program({self.name}, {self.linkage}, {len(self.image):,} bytes)"

    def _repr_html_(self) -> str:
        from .base import notebook

        link = self.link
        lines = [
            ("linked from", ", ".join(map(os.path.basename, link.inputs))),
            ("needs", ", ".join(link.needed) or "no library"),
            ("relocations at load", sum(link.load_relocations.values())),
            ("bound lazily", sum(link.lazy_relocations.values())),
        ]
        return notebook.fragment(
            [
                notebook.heading(self.name, f"{self.linkage} program, {len(self.image):,} bytes"),
                notebook.facts(lines),
                notebook.folded("sections", self.sections.html()),
                notebook.folded("symbols", self.symbols.html()),
            ]
        )

    @property
    def sections(self) -> Rows:
        """A row for each section that is in memory at run time: name, address, size in bytes, permissions."""
        from .base.rows import Rows
        from .elf.constants import SHF_ALLOC, SHF_EXECINSTR, SHF_WRITE
        from .elf.elf_file import ElfFile

        rows = [
            {
                "name": section.name,
                "address": section.header.addr,
                "size": section.header.size,
                "permissions": "r"
                + ("w" if section.header.flags & SHF_WRITE else "-")
                + ("x" if section.header.flags & SHF_EXECINSTR else "-"),
            }
            for section in ElfFile.parse(self.image, self.name).sections
            if section.header.flags & SHF_ALLOC
        ]
        return Rows(("name", "address", "size", "permissions"), rows)

    @property
    def symbols(self) -> Rows:
        """A row for each global symbol with an address, by address: name, address, where it is defined.

        `defined` is an object and a section with an offset, or "" for what the linker defines.
        """
        from .base.rows import Rows

        rows = [
            {"name": name, "address": address, "defined": self.link.definition(name).rpartition("/")[2]}
            for name, address in sorted(self.link.symbols.items(), key=lambda item: (item[1], item[0]))
            if address
        ]
        return Rows(("name", "address", "defined"), rows)


def build_program(
    sources: Sequence[Path | ObjectFile],
    *,
    linkage: str | None = None,
    libs: Sequence[str] = (),
    libraries: LibraryDir | None = None,
    library_path: Sequence[str] = (),
    relax: bool = False,
    keep_history: bool = False,
    forgiving: bool = False,
) -> Program:
    """Assemble and link `sources` (.s, .o, .a, or objects in memory) against the guest libraries.

    The directives of the first source apply. `linkage` is "static" or "dynamic"; None selects the
    first linkage that the directives allow. A program that defines `_start` gets no start file.
    `libs` are looked for in the folders of `library_path` first; a shared library that is found there
    is a file of the program, in /lib. `relax` lets the linker shorten code; `keep_history` keeps
    what `toyvm.explain` needs, and `forgiving` lets symbols be undefined or defined twice.
    Raises ToyvmError if the sources cannot be built.
    """
    first = sources[0]
    directives = directives_of(first) if isinstance(first, Path) else Directives()
    name = first.stem if isinstance(first, Path) else Path(first.name.strip("<>")).stem
    linkage = linkage or directives.linkages[0]
    if linkage not in LINKAGES:
        raise UsageError(f"linkage '{linkage}': expected one of {', '.join(LINKAGES)}")
    if linkage not in directives.linkages:
        raise UsageError(
            f"{first}: this program is {directives.linkages[0]} only, as its directive 'linkage' says"
        )
    libraries = libraries or guest_libraries()
    here = first.parent if isinstance(first, Path) else Path()
    inputs = [_input(source) for source in [*sources, *(here / other for other in directives.with_sources)]]
    started = time.process_time()
    options = _link_options(linkage, libraries, directives.base)
    folders = (*library_path, *options.library_path)
    options = replace(options, relax=relax, keep_history=keep_history, library_path=folders)
    if forgiving:
        options = options.forgiving()
    result = _link_program(inputs, (*libs, *directives.libs), libraries, options)
    seconds = time.process_time() - started
    files = {guest: text.encode() for guest, text in directives.files}
    for shared in (*directives.shared, *directives.preload):
        files[f"/lib/{shared.name}"] = build_shared(here / shared.source, shared, libraries)
    for library in result.resolution.libraries:
        if os.path.dirname(library.name) in library_path:
            files[f"/lib/{library.soname}"] = read_file(Path(library.name))
    return Program(name, linkage, result.image, result, seconds, directives, files)


def _link_options(linkage: str, libraries: LibraryDir, base: int | None) -> LinkOptions:
    from .linker.link_options import LinkOptions

    return LinkOptions(
        static=linkage == "static",
        library_path=(str(libraries.path),),
        archives=libraries.archives,
        image_base=base,
    )


def _link_program(
    inputs: list[Input], libs: Sequence[str], libraries: LibraryDir, options: LinkOptions
) -> LinkResult:
    from .linker.link import link
    from .linker.link_options import Input

    if not any(_defines_start(entry) for entry in inputs):
        inputs.insert(0, Input(path=str(libraries.start_object)))
    inputs += _library_inputs((*libs, C_LIBRARY))
    return link(inputs, options)


def _input(path: Path | ObjectFile, *, pic: bool = False) -> Input:
    """Assemble a source into an object in memory; the linker reads other files itself."""
    from .linker.link_options import Input

    if not isinstance(path, Path):
        return Input(object=path)
    if path.suffix in (".s", ".S"):
        return Input(object=assemble_file(path, pic=pic))
    return Input(path=str(path), data=read_file(path))


def _library_inputs(names: Iterable[str]) -> list[Input]:
    """The inputs for `--as-needed --start-group -lNAME ... --end-group`: any order works."""
    from .linker.link_options import Input

    return [Input(library=name, as_needed=True, group=1) for name in dict.fromkeys(names)]


def _defines_start(entry: Input) -> bool:
    """Whether an object defines `_start`, as a program without libc does."""
    from .elf.constants import ET_REL, SHN_UNDEF
    from .elf.headers import is_elf, read_ehdr
    from .elf.object_reader import read_object

    obj = entry.object
    if (
        obj is None
        and entry.data is not None
        and is_elf(entry.data)
        and read_ehdr(entry.data, entry.path).type == ET_REL
    ):
        obj = read_object(entry.data, entry.path)
    if obj is None or "_start" not in obj.symbols.names:
        return False
    return bool(obj.symbols.array["st_shndx"][obj.symbols.names.index("_start")] != SHN_UNDEF)


def build_shared(path: Path, shared: Shared, libraries: LibraryDir) -> bytes:
    """Build a shared library from one source, linked against the guest libraries it uses."""
    from .linker.link import link
    from .linker.link_options import LinkOptions

    inputs = [_input(path, pic=True), *_library_inputs((*directives_of(path).libs, C_LIBRARY))]
    return link(
        inputs, LinkOptions(kind="shared", soname=shared.name, library_path=(str(libraries.path),))
    ).image
