"""The request for a link: the inputs in command-line order, each with the options in force there, and the global options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from toyvm.base.record import Record, replace

if TYPE_CHECKING:
    from ..elf.archive import Archive
    from ..elf.object_file import (
        ObjectFile,  # imports numpy, which options alone do not need
    )

DEFAULT_INTERPRETER = "/lib/ld-linux-riscv64-lp64d.so.1"
DEFAULT_INTERPRETER32 = "/lib/ld-linux-riscv32-ilp32d.so.1"
DEFAULT_BASE = 0x10000
PAGE = 0x1000
DEFAULT_ENTRY = "_start"


class Input(Record):
    """One input, and the options in force at its place on the command line.

    Exactly one of these identifies it: `object` (an object in memory), `data` (a file's bytes, called `path` in
    messages), `library` (the NAME of -lNAME, to be searched), or else `path` is read from the disk.
    """

    path: str = ""
    data: bytes | None = None
    object: ObjectFile | None = None
    library: str = ""
    whole_archive: bool = False
    as_needed: bool = False
    static: bool = False  # -Bstatic: -lNAME finds archives only
    binary: bool = False  # -b binary: the file's bytes are data
    just_symbols: bool = False  # -R: take the addresses of the file's symbols, and nothing else
    group: int | None = None  # inputs of one --start-group share a number

    @property
    def display(self) -> str:
        """The name of this input in messages."""
        if self.library:
            return f"-l{self.library}"
        return self.object.name if self.object is not None and not self.path else self.path


class LinkOptions(Record):
    """The options of GNU ld, by its names. Addresses and sizes are in bytes."""

    kind: str = "exec"  # "exec", "pie", "shared"; "relocatable" for `link_relocatable`
    xlen: int = 64  # 32: an ELF32 file for RV32 (-m elf32lriscv)
    static: bool = False  # -static: no interpreter, no dynamic section, archives only
    entry: str = ""  # "" for _start
    warn_entry: bool = True  # ... if it cannot be found
    library_path: tuple[str, ...] = ()
    archives: Mapping[str, Archive] = {}  # by path: archives that need not be read again
    sysroot: str = ""
    soname: str = ""
    rpath: tuple[str, ...] = ()
    rpath_link: tuple[str, ...] = ()  # folders for the libraries that libraries need
    copy_needed: bool = (
        False  # --copy-dt-needed-entries: such a library takes part, if it defines what is undefined
    )
    new_dtags: bool = True  # else DT_RPATH in the place of DT_RUNPATH, and no DT_FLAGS
    dynamic_linker: str = DEFAULT_INTERPRETER
    undefined: tuple[str, ...] = ()  # -u
    required: tuple[str, ...] = ()  # --require-defined
    defsyms: tuple[tuple[str, str], ...] = ()
    keep_history: bool = False  # what passes had stays in the result, for `toyvm.explain`
    emit_relocs: bool = False  # -q: the output has the relocations that made it
    relax: bool = False  # shorten code whose targets are near
    relax_gp: bool = True  # ... also by addresses from gp, if the program sets it
    icf: str = "none"  # fold identical code: "none", "safe", "all"
    print_icf: bool = False
    gc_sections: bool = False
    start_stop_gc: bool = False  # __start_NAME and __stop_NAME keep no section
    print_gc_sections: bool = False
    hash_style: str = "gnu"  # "gnu", "sysv", "both"
    build_id: str = "none"  # "sha1", "md5", "none" or "0xHEX"
    eh_frame_hdr: bool = False
    compression: int = 0  # the format of debugging information, of COMPRESSION_FORMATS; 0: not compressed
    strip: str = ""  # "" keeps all, "debug" is -S, "all" is -s
    discard: str = "locals"  # "none", "locals" (.L names), "all" (-x)
    export_dynamic: bool = False
    exported_symbols: tuple[str, ...] = ()  # --export-dynamic-symbol: names and globs
    export_lists: tuple[str, ...] = ()  # the text of each --export-dynamic-symbol-list
    dynamic_lists: tuple[str, ...] = ()  # the text of each --dynamic-list
    dynamic_data: bool = False
    dynamic_cpp: tuple[str, ...] = ()  # --dynamic-list-cpp-NAME: "new", "typeinfo"
    symbolic: str = ""  # "" , "all" (-Bsymbolic), "functions"
    defs: bool = False  # -z defs, --no-undefined
    allow_undefined: bool = False  # anywhere; or only ...
    ignore_in_objects: bool = False
    ignore_in_libraries: bool = False  # --allow-shlib-undefined
    ignored_symbols: tuple[str, ...] = ()  # --ignore-unresolved-symbol
    warn_unresolved: bool = False  # undefined symbols are warnings
    retained: tuple[str, ...] | None = None  # --retain-symbols-file: .symtab has only these
    keep_exported: bool = False  # --gc-keep-exported
    define_commons: bool = True  # else --no-define-common: a library leaves them undefined
    sort_common: str = ""  # --sort-common: "ascending", "descending"
    force_groups: bool = False  # --force-group-allocation: with -r, members of groups are as other sections
    section_bounds: bool = False  # -Ur: with -r, __start_NAME and __stop_NAME have values, too
    place_commons: bool = False  # -d: with -r, common symbols get their places
    common_type: bool | None = (
        None  # whether common symbols that stay common are STT_COMMON; None: as in the objects
    )
    allow_multiple_definition: bool = False
    now: bool = False
    relro: bool = True
    exec_stack: bool | None = None
    warn_exec_stack: bool | None = None  # None: only where an object asks for it, not -z execstack
    warn_rwx: bool = True  # ... of segments that may be both written and executed
    unique_symbols: bool = False  # -z unique-symbol: .symtab has each local name once
    text_relocations: bool = False  # -z notext, --warn-textrel: allowed
    warn_textrel: bool = False
    flags_1: int = 0  # bits of DT_FLAGS_1 that -z keywords ask for
    stack_size: int = 0  # of PT_GNU_STACK; 0: the system's
    auxiliary: tuple[str, ...] = ()
    filter: str = ""
    audit: tuple[str, ...] = ()
    depaudit: tuple[str, ...] = ()
    package_metadata: str = ""  # JSON
    origin: bool = False
    combine_relocations: bool = (
        True  # else those of the loader have a section for each kind of place, unsorted
    )
    pack_relative: bool = False  # R_RISCV_RELATIVE relocations in a DT_RELR table
    page: int = PAGE  # -z max-page-size
    common_page: int = PAGE  # -z common-page-size, for scripts
    image_base: int | None = None
    section_starts: Mapping[str, int] = {}  # --section-start, -Ttext, -Tdata, -Tbss
    version_script: str = ""  # the script's text
    undefined_version: bool = True  # it may name symbols that nothing defines
    exclude_libs: tuple[str, ...] = ()
    init: str = "_init"
    fini: str = "_fini"
    trace_symbols: tuple[str, ...] = ()
    wrap: tuple[str, ...] = ()
    no_warnings: bool = False
    wants_map: bool = False  # the layout keeps what a link map shows of a script
    output: str = "a.out"
    output_format: str = ""  # --oformat, or OUTPUT_FORMAT of a script: "" for ELF, or one of FLAT_FORMATS
    scripts: tuple[tuple[str, str], ...] = ()  # -T: name and text of each linker script
    orderings: tuple[tuple[str, str], ...] = ()  # --section-ordering-file: name and text of each
    defsym_position: int | None = None  # the number of --defsym before -T
    script_position: int = 0  # the number of inputs before -T
    assigned: tuple[str, ...] = ()  # symbols that a script assigns
    wanted: tuple[str, ...] = ()  # symbols that a script's expressions need
    orphan_handling: str = "place"  # "place", "warn", "error", "discard"
    sort_section: str = ""  # --sort-section: "name", "alignment"
    unique: bool = False  # --unique: orphans of one name stay apart
    check_sections: bool = True
    paged: bool = True  # else -n, -N: sections are not aligned to pages in the file
    text_read_only: bool = True  # else -N: data follow code in one writable segment
    separate_code: bool | None = (
        None  # whether code has segments of its own; None: as the script in force says
    )

    @property
    def entry_symbol(self) -> str:
        """The name, or number, of the entry."""
        return self.entry or DEFAULT_ENTRY

    @property
    def gnu_layout(self) -> bool:
        """Whether the layout is that of GNU ld's built-in script, which some options ask for."""
        return self.separate_code is not None or not self.paged

    @property
    def pic(self) -> bool:
        """Whether the image may be loaded anywhere (addresses in it need RELATIVE relocations)."""
        return self.kind != "exec"

    @property
    def shared(self) -> bool:
        """Whether the output is a shared object."""
        return self.kind == "shared"

    def forgiving(self) -> LinkOptions:
        """The same options, but undefined symbols and second definitions are no errors."""
        return replace(self, warn_unresolved=True, allow_multiple_definition=True)
