"""The loader's machine code in the guest: one read-only page, `[ld.so]` in /proc/PID/maps.

Its source is `stub.s`. The assembled code is kept in the cache, so that the assembler is not
imported every time. All processes share one frame.
"""

from __future__ import annotations

import os
from functools import lru_cache

from ..base.record import Record
from ..base.resources import kept, source_version
from ..elf import constants as c
from ..elf.hashes import Effort, SysvHash
from ..elf.symbol import Sym, st_info
from ..kernel.proc.execve import AT_ENTRY
from .objects.dynamic_section import Dynamic, Table
from .objects.dynamic_symbols import SymbolTable
from .objects.link_map import LinkMap

NAME = "[ld.so]"
CACHE_FILE = "stub.marshal"
DL_RESOLVE, DL_NEXT_INIT, DL_NEXT_FINI, DL_OPEN, DL_SYM, DL_CLOSE, DL_ERROR, DL_FINI = range(7000, 7008)
DL_NEW_THREAD, DL_END_THREAD = 7008, 7009
_SYS_EXIT_GROUP = 94
_CONSTANTS = (
    ("DL_RESOLVE", DL_RESOLVE),
    ("DL_NEXT_INIT", DL_NEXT_INIT),
    ("DL_NEXT_FINI", DL_NEXT_FINI),
    ("DL_FINI", DL_FINI),
    ("SYS_exit_group", _SYS_EXIT_GROUP),
    ("AT_ENTRY", AT_ENTRY),
    ("TLS_DTV_OFFSET", c.TLS_DTV_OFFSET),
)


class Stub(Record):
    """The code of the page, and the offsets of its entry points."""

    code: bytes
    labels: dict[str, int]


@lru_cache(maxsize=1)
def build() -> Stub:
    """The stub page, from the cache or newly assembled."""
    return Stub(*kept(CACHE_FILE, code_version(), assembled))


def code_version() -> bytes:
    """The version of all sources that determine the stub's code, for the cache."""
    return source_version(
        "base", "elf", "isa", "assembler", "linker", "loader", "relocations.py", "relocation_fields.py"
    )


def assembled() -> tuple[bytes, dict[str, int]]:
    """The code of `stub.s`, and the offsets of its global labels."""
    # Imported here because a cache hit does not need it.
    from ..assembler import AssemblerOptions, assemble_text
    from ..elf.elf_file import ElfFile
    from ..linker.link import link
    from ..linker.link_options import Input, LinkOptions

    path = os.path.join(os.path.dirname(__file__), "stub.s")
    with open(path, encoding="utf-8") as stream:
        obj = assemble_text(stream.read(), path, AssemblerOptions(defsyms=_CONSTANTS))
    linked = link([Input(object=obj)], LinkOptions(static=True, entry="_dl_start_user"))
    start = linked.symbols["_dl_runtime_resolve"]
    code = ElfFile.parse(linked.image, path).at_address(start, linked.sizes[".text"])
    first = obj.symbols.first_global
    return bytes(code), {name: linked.symbols[name] - start for name in obj.symbols.names[first:]}


_EXPORTED = ("__tls_get_addr", "_dl_debug_state")


@lru_cache(maxsize=16)
def object_at(address: int) -> LinkMap:
    """The stub at guest address `address` as an object that defines symbols with absolute values."""
    labels = build().labels
    strings = b"\0" + b"".join(name.encode() + b"\0" for name in _EXPORTED)
    array = Sym().pack()
    for name in _EXPORTED:
        offset = strings.index(name.encode())
        info = st_info(c.STB_GLOBAL, c.STT_FUNC)
        array += Sym(offset, info, 0, c.SHN_ABS, address + labels[name]).pack()
    chain = (0, *range(2, len(_EXPORTED) + 1), 0)
    symbols = SymbolTable(NAME, array, strings, SysvHash((1,), chain, Effort()), b"")
    dynamic = Dynamic(0, {}, (), "", "", "", strings, Table(), Table(), Table(), (), (), (), 0)
    obj = LinkMap(NAME, None, dynamic, symbols)
    obj.startup = True
    return obj
