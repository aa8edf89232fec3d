"""The machine code of the dynamic loader that the guest executes: one read-only page, `[ld.so]` in /proc/PID/maps.

`stub.s` beside this module is its text. It is assembled once, and the bytes are kept in the cache: a warm start imports no assembler.
One frame serves all processes.
"""

from __future__ import annotations

import os
from functools import lru_cache

from ..base.record import Record
from ..base.resources import kept, source_version
from ..elf import constants as c
from ..elf.hashes import SysvHash
from ..elf.symbol import Sym, st_info
from ..kernel.proc.execve import AT_ENTRY
from .dynamic_section import Dynamic, Table
from .dynamic_symbols import SymbolTable
from .link_map import LinkMap

NAME = "[ld.so]"
CACHE_FILE = "stub.marshal"
DL_RESOLVE, DL_NEXT_INIT, DL_NEXT_FINI, DL_OPEN, DL_SYM, DL_CLOSE, DL_ERROR, DL_FINI = range(7000, 7008)
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
    """The page's bytes and the offsets of its entry points."""

    code: bytes
    labels: dict[str, int]


@lru_cache(maxsize=1)
def build() -> Stub:
    """The stub page, assembled once for many runs."""
    return Stub(*kept(CACHE_FILE, code_version(), assembled))


def code_version() -> bytes:
    """The version of everything that makes the stub's code."""
    return source_version("base", "elf", "isa", "assembler", "linker", "loader", "relocations.py")


def assembled() -> tuple[bytes, dict[str, int]]:
    """The code of `stub.s`, and the offsets of its global labels."""
    # What follows is imported only when the cache does not have the code.
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
    """The stub as an object that defines symbols, its page at `address`. It has no file: its "bias" is in the values."""
    labels = build().labels
    strings = b"\0" + b"".join(name.encode() + b"\0" for name in _EXPORTED)
    array = Sym().pack()
    for name in _EXPORTED:
        offset = strings.index(name.encode())
        info = st_info(c.STB_GLOBAL, c.STT_FUNC)
        array += Sym(offset, info, 0, c.SHN_ABS, address + labels[name]).pack()
    chain = (0, *range(2, len(_EXPORTED) + 1), 0)
    symbols = SymbolTable(NAME, array, strings, SysvHash((1,), chain), b"")
    dynamic = Dynamic(0, {}, (), "", "", "", strings, Table(), Table(), Table(), (), (), (), 0)
    obj = LinkMap(NAME, None, dynamic, symbols)
    obj.startup = True
    return obj
