"""The output section of each input section, and the order of output sections: GNU ld's default script as a table.

The order is that of `ld --verbose` for elf64lriscv with pages of different permissions kept apart:
read-only tables of the loader, code, read-only data, data that is read-only after relocation, data, zeroes.
"""

from __future__ import annotations

from enum import IntEnum
from functools import cache

from ..elf.constants import SHF_ALLOC, SHF_EXECINSTR, SHF_TLS, SHF_WRITE, SHT_NOBITS, SHT_NOTE, SHT_RELA


class OutputRegion(IntEnum):
    """A range of the address space with the same permissions."""

    HEAD = 0  # R
    CODE = 1  # RX
    RODATA = 2  # R
    RELRO = 3  # RW until relocated, then R
    DATA = 4  # RW
    BSS = 5  # RW
    NONE = 6  # not in memory


# Output sections in order; "" is the place of all sections that are not named.
_ORDER: dict[OutputRegion, list[str]] = {
    OutputRegion.HEAD: [
        ".interp",
        ".note.gnu.build-id",
        ".note.ABI-tag",
        ".note",
        ".hash",
        ".gnu.hash",
        ".dynsym",
        ".dynstr",
        ".gnu.version",
        ".gnu.version_d",
        ".gnu.version_r",
        ".rela.dyn",
        ".rela.plt",
        ".relr.dyn",
    ],
    OutputRegion.CODE: [*[".init", ".plt", ".text"], "", ".fini"],
    OutputRegion.RODATA: [*[".rodata", ".rodata1"], "", *[".eh_frame_hdr", ".eh_frame", ".gcc_except_table"]],
    OutputRegion.RELRO: [
        ".tdata",
        ".tbss",
        ".preinit_array",
        ".init_array",
        ".fini_array",
        ".jcr",
        ".data.rel.ro",
        ".dynamic",
        ".got",
    ],
    OutputRegion.DATA: [*[".got.plt", ".data", ".data1"], "", ".sdata"],
    OutputRegion.BSS: [".sbss", ".bss", ""],
    OutputRegion.NONE: ["", ".comment"],
}

_PLACE = {name: (region, rank) for region, names in _ORDER.items() for rank, name in enumerate(names) if name}
_ORPHANS = {region: names.index("") for region, names in _ORDER.items() if "" in names}

# Input names that join another section: NAME itself and NAME.anything. Longest first.
_JOINS = (
    (".gnu.linkonce.d.rel.ro", ".data.rel.ro"),
    (".gnu.linkonce.tb", ".tbss"),
    (".gnu.linkonce.td", ".tdata"),
    (".gnu.linkonce.sb", ".sbss"),
    (".gnu.linkonce.t", ".text"),
    (".gnu.linkonce.r", ".rodata"),
    (".gnu.linkonce.d", ".data"),
    (".gnu.linkonce.s", ".sdata"),
    (".gnu.linkonce.b", ".bss"),
    (".gcc_except_table", ".gcc_except_table"),
    (".data.rel.ro", ".data.rel.ro"),
    (".init_array", ".init_array"),
    (".fini_array", ".fini_array"),
    (".preinit_array", ".preinit_array"),
    (".eh_frame", ".eh_frame"),
    (".srodata", ".sdata"),
    (".rodata", ".rodata"),
    (".sdata", ".sdata"),
    (".tdata", ".tdata"),
    (".ctors", ".init_array"),
    (".dtors", ".fini_array"),
    (".text", ".text"),
    (".data", ".data"),
    (".sbss", ".sbss"),
    (".tbss", ".tbss"),
    (".bss", ".bss"),
)
_EXACT = {
    "COMMON": ".bss",
    ".scommon": ".sbss",
    ".tcommon": ".tbss",
    ".dynbss": ".bss",
    ".stub": ".text",
    ".iplt": ".plt",
}

# Within .text, in GNU's order: code that runs seldom, at exit, at start, often; then the rest.
_TEXT_RANKS = (
    (".text.unlikely", 0),
    (".text.exit", 1),
    (".text.startup", 2),
    (".text.hot", 3),
    (".text.sorted", 4),
)
_SDATA_RANKS = (
    (".srodata.cst16", 0),
    (".srodata.cst8", 1),
    (".srodata.cst4", 2),
    (".srodata.cst2", 3),
    (".srodata", 4),
)
_PLAIN_PRIORITY = 1 << 16


@cache
def output_name(name: str) -> str:
    """The output section that input section `name` joins."""
    if name in _EXACT:
        return _EXACT[name]
    for prefix, target in _JOINS:
        if name == prefix or name.startswith(prefix + "."):
            return target
    return name


def joining_rule(name: str) -> str:
    """The row of the table that decides where input section `name` goes, in words."""
    target = output_name(name)
    if name in _EXACT:
        return f"{name} joins {target}"
    prefix = next((p for p, _ in _JOINS if name == p or name.startswith(p + ".")), "")
    if not prefix:
        return f"no rule names {name}: it is an output section of its own, after those that are like it"
    return f"{prefix} and {prefix}.* join {target}"


@cache
def member_rank(name: str) -> int:
    """The place of input section `name` among those that join the same output section; equal places keep link order."""
    if name.startswith(".text"):
        if name.endswith("_unlikely"):
            return 0
        return next(
            (rank for prefix, rank in _TEXT_RANKS if name == prefix or name.startswith(prefix + ".")), 5
        )
    if name.startswith((".init_array", ".fini_array", ".ctors", ".dtors")):
        priority = name.rpartition(".")[2]
        if not priority.isdigit():
            return _PLAIN_PRIORITY
        # .ctors count the other way: the highest number runs first.
        return int(priority) if "_array" in name else 65535 - int(priority)
    if name.startswith((".srodata", ".sdata")):
        return next((rank for prefix, rank in _SDATA_RANKS if name.startswith(prefix)), 5)
    if name in ("COMMON", ".scommon", ".tcommon"):
        return 2
    return 0 if name == ".dynbss" else 1


FIRST_NOTE = _PLACE[".note.gnu.build-id"][1]


def _is_relocations(name: str, type: int) -> bool:
    """Whether this is one of the sections that `-z nocombreloc` makes of .rela.dyn. They stand together."""
    return type == SHT_RELA and name != ".rela.plt"


def place(name: str, type: int, flags: int) -> tuple[OutputRegion, int]:
    """(region, rank in it) of output section `name`."""
    if not flags & SHF_ALLOC:
        return (
            (OutputRegion.NONE, 1) if name == ".comment" else (OutputRegion.NONE, _ORPHANS[OutputRegion.NONE])
        )
    found = _PLACE[".rela.dyn"] if _is_relocations(name, type) else _PLACE.get(name)
    if found is not None:
        region = found[0]
        # A writable section cannot stay in a read-only region, whatever its name.
        if region >= OutputRegion.RELRO or not flags & SHF_WRITE:
            if region is OutputRegion.BSS and type != SHT_NOBITS:
                return OutputRegion.DATA, len(_ORDER[OutputRegion.DATA])
            return found
    if flags & SHF_TLS:
        return _PLACE[".tbss" if type == SHT_NOBITS else ".tdata"]
    if flags & SHF_WRITE:
        region = OutputRegion.BSS if type == SHT_NOBITS else OutputRegion.DATA
    elif flags & SHF_EXECINSTR:
        region = OutputRegion.CODE
    elif type == SHT_NOTE:
        return _PLACE[".note"]
    else:
        region = OutputRegion.RODATA
    return region, _ORPHANS[region]
