"""Symbols that the linker defines when an object refers to them: GNU ld's PROVIDE list for riscv.

`NAMES` is known before addresses are; `values` gives them when the layout is fixed.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from toyvm.base.record import Record, replace

from ..elf.constants import SHF_ALLOC, SHF_WRITE, SHT_NOBITS, STV_DEFAULT, STV_HIDDEN, STV_PROTECTED
from .defsyms import defsym_value
from .image_layout import ImageLayout
from .inputs.columns import ABSOLUTE, LINKER, SHARED, UNDEFINED, ProgramColumns
from .link_errors import Diagnostics
from .link_options import LinkOptions
from .output_names import OutputRegion, output_name
from .synthetic.dynamic_tables import is_dynamic

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def _code_end(layout: ImageLayout) -> int:
    return _end(layout, lambda s: s.region is OutputRegion.CODE)


def _data_end(layout: ImageLayout) -> int:
    return _end(layout, lambda s: bool(s.flags & SHF_WRITE) and s.type != SHT_NOBITS)


def _image_end(layout: ImageLayout) -> int:
    return _end(layout, lambda s: not s.is_tbss)


def _end(layout: ImageLayout, wanted: Callable[..., bool]) -> int:
    """The end of the last output section that is `wanted`, or of what lies before it when there is none."""
    ends = [s.end for s in layout.outputs if s.flags & SHF_ALLOC and s.size and wanted(s)]
    return max(ends, default=max((s.addr + s.memsz for s in layout.segments), default=layout.base))


def _bss_start(layout: ImageLayout) -> int:
    starts = [s.addr for s in layout.outputs if s.region is OutputRegion.BSS and s.size]
    return min(starts, default=_data_end(layout))


def _data_start(layout: ImageLayout) -> int:
    starts = [s.addr for s in layout.outputs if s.region in (OutputRegion.DATA, OutputRegion.BSS) and s.size]
    return min(starts, default=_image_end(layout))


def _small_start(layout: ImageLayout) -> int:
    return layout.start(".sdata") if layout.size(".sdata") else _bss_start(layout)


def _global_pointer(layout: ImageLayout) -> int:
    """The value of gp from which 12-bit offsets reach most of the small data (GNU ld's formula)."""
    return min(_small_start(layout) + 0x800, max(_data_start(layout) + 0x800, _image_end(layout) - 0x800))


_VALUES: dict[str, Callable[[ImageLayout], int]] = {
    "__global_pointer$": _global_pointer,
    "__executable_start": lambda layout: layout.base,
    "__ehdr_start": lambda layout: layout.base,
    "__etext": _code_end,
    "_etext": _code_end,
    "etext": _code_end,
    "_edata": _data_end,
    "edata": _data_end,
    "__bss_start": _bss_start,
    "_end": _image_end,
    "end": _image_end,
    "__BSS_END__": _image_end,
    "__DATA_BEGIN__": _data_start,
    "__SDATA_BEGIN__": _small_start,
    "_GLOBAL_OFFSET_TABLE_": lambda layout: layout.start(".got"),
    "_PROCEDURE_LINKAGE_TABLE_": lambda layout: layout.start(".plt"),
    "_DYNAMIC": lambda layout: layout.start(".dynamic"),
    "__GNU_EH_FRAME_HDR": lambda layout: layout.start(".eh_frame_hdr"),
}
for _which in ("preinit_array", "init_array", "fini_array"):
    _VALUES[f"__{_which}_start"] = lambda layout, name=f".{_which}": layout.start(name)  # type: ignore[misc]  # the default binds the loop variable
    _VALUES[f"__{_which}_end"] = lambda layout, name=f".{_which}": layout.start(name) + layout.size(name)  # type: ignore[misc]  # the default binds the loop variable
_VALUES["__tdata_start"] = lambda layout: layout.start(".tdata")
NAMES = frozenset(_VALUES)
# Of them, those that GNU ld's script assigns, or provides without hiding them: others may see them.
_VISIBLE = frozenset(
    (
        "__executable_start",
        "__etext",
        "_etext",
        "etext",
        "_edata",
        "edata",
        "__bss_start",
        "_end",
        "end",
        "__BSS_END__",
        "__DATA_BEGIN__",
        "__SDATA_BEGIN__",
    )
)
_OF_SECTION = (".startof.", ".sizeof.")  # an output section's address and its size: `.sizeof.(NAME)` of as
_IRELATIVE_BOUNDS = ("__rela_iplt_start", "__rela_iplt_end")
# Of them, those that GNU ld itself defines: the others are in its script, and with another script they are not there.
_NOT_IN_SCRIPT = (
    "__ehdr_start",
    "_GLOBAL_OFFSET_TABLE_",
    "_PROCEDURE_LINKAGE_TABLE_",
    "_DYNAMIC",
    "__GNU_EH_FRAME_HDR",
)


class ScriptNames(Record):
    """The symbols that a script defines: always, or if they are referred to and nothing defines them."""

    assigned: frozenset[str]
    provided: frozenset[str]
    hidden: frozenset[str]


def provide(
    program: ProgramColumns, options: LinkOptions, script: ScriptNames | None = None
) -> ProgramColumns:
    """Mark the undefined symbols that the linker will define. Their values are set after layout."""
    wanted = {}
    table = program.resolution.table
    names: set[str] | None = None
    of_globals = program.symbols.sid[: program.symbols.globals]
    candidates = np.flatnonzero((of_globals == UNDEFINED) | (of_globals == SHARED)).tolist()
    if script is not None:
        assigned = {table[name].id for name in script.assigned if name in table}
        candidates = sorted(assigned.union(candidates))
    for number in candidates:
        name = program.resolution.symbols.names[number]
        if script is not None and name in script.assigned:
            wanted[number] = name
            continue
        if script is not None and (name in script.provided or not _is_own(name)):
            if name in script.provided:
                wanted[number] = name
        elif name in _VALUES or name in _IRELATIVE_BOUNDS:
            # In a program without a dynamic section a weak reference to it is 0.
            if name != "_DYNAMIC" or is_dynamic(program.resolution, options):
                wanted[number] = name
        elif name.startswith(("__start_", "__stop_")) and of_globals[number] == UNDEFINED:
            names = _live_names(program) if names is None else names
            if _section_of(name) in names:
                wanted[number] = name
        elif name.startswith(_OF_SECTION[: 1 if options.pic else 2]) and of_globals[number] == UNDEFINED:
            names = _live_names(program) if names is None else names
            if name.split(".", 2)[2] in names:
                wanted[number] = name
    for name, _ in options.defsyms:
        if name in table:
            wanted[table[name].id] = name
    sid, visibility = program.symbols.sid.copy(), program.symbols.visibility.copy()
    numbers = list(wanted)
    sid[numbers] = LINKER
    visibility[numbers] = STV_HIDDEN
    exported = [table[name].id for name, _ in options.defsyms if name in table]
    visibility[exported] = 0
    given = program.symbols.visibility
    open_names = [n for n, name in wanted.items() if name in _VISIBLE and script is None]
    visibility[open_names] = given[open_names]
    bounds = [n for n, name in wanted.items() if name.startswith(("__start_", "__stop_"))]
    if script is not None and bounds:
        # A symbol of PROVIDE is one of these, too, if the script comes before the inputs.
        pairs = zip(program.sections.name, program.sections.live.tolist(), strict=True)
        inputs = {name for name, live in pairs if live and not options.script_position}
        bounds = [n for n in bounds if wanted[n] not in script.provided or _section_of(wanted[n]) in inputs]
    visibility[bounds] = np.where(given[bounds] == STV_DEFAULT, STV_PROTECTED, given[bounds])
    if script is not None:
        shown = [
            n
            for n, name in wanted.items()
            if name in script.assigned | script.provided and name not in script.hidden
        ]
        shown = [n for n in shown if n not in bounds or wanted[n] in script.assigned]
        visibility[shown] = 0
    return replace(program, symbols=replace(program.symbols, sid=sid, visibility=visibility))


def _is_own(name: str) -> bool:
    """Whether the linker defines a symbol even with a script."""
    return name in _NOT_IN_SCRIPT or name.startswith(("__start_", "__stop_", *_OF_SECTION))


def _live_names(program: ProgramColumns) -> set[str]:
    pairs = zip(program.sections.name, program.sections.live.tolist(), strict=True)
    return {output_name(name) for name, live in pairs if live}


def _section_of(name: str) -> str:
    """The output section that `__start_NAME` or `__stop_NAME` bounds; "" for any other name."""
    section = name.removeprefix("__start_") if name.startswith("__start_") else name.removeprefix("__stop_")
    return section if _IDENTIFIER.match(section) else ""


def value_of(name: str, layout: ImageLayout, irelative: tuple[int, int]) -> int:
    """The address of the linker-defined symbol `name`. `irelative`: bounds of the IRELATIVE relocations."""
    if name in _VALUES:
        return _VALUES[name](layout)
    if name in _IRELATIVE_BOUNDS:
        return irelative[_IRELATIVE_BOUNDS.index(name)]
    if name.startswith(_OF_SECTION):
        what, section = name[1:].split(".", 1)
        return layout.start(section) if what == "startof" else layout.size(section)
    section = _section_of(name)
    return layout.start(section) + (layout.size(section) if name.startswith("__stop_") else 0)


def linker_values(
    program: ProgramColumns,
    layout: ImageLayout,
    irelative: tuple[int, int],
    options: LinkOptions,
    errors: Diagnostics,
) -> dict[int, int]:
    """Symbol number -> address, for every linker-defined symbol. --defsym may name any symbol."""
    table = program.resolution.table
    defsyms = dict(options.defsyms)
    placed = layout.symbols
    names = program.resolution.symbols.names
    own = np.flatnonzero(program.symbols.sid[: program.symbols.globals] == LINKER).tolist()
    values = {
        number: placed[name].value if name in placed else value_of(name, layout, irelative)
        for number, name in ((number, names[number]) for number in own)
        if name not in defsyms
    }

    resolving: set[str] = set()

    def lookup(name: str) -> int | None:
        symbol = table.get(name)
        if symbol is None:
            return value_of(name, layout, irelative) if name in _VALUES else None
        if symbol.id in values:
            return values[symbol.id]
        if name in defsyms:
            return define(name, defsyms[name])
        sid, value = int(program.symbols.sid[symbol.id]), int(program.symbols.value[symbol.id])
        if sid == ABSOLUTE:
            return value
        if sid >= 0:  # 0 for a section that was left out, which no other one needs
            return int(layout.addr[sid]) + value if layout.addr[sid] >= 0 else 0
        return None

    def define(name: str, expression: str) -> int | None:
        """The value of NAME, which may come before the --defsym of a symbol that it names. None for a circle."""
        if name in resolving:
            return None
        resolving.add(name)
        result = defsym_value(expression, lookup)
        resolving.discard(name)
        if result is not None and name in table:
            values[table[name].id] = result
        return result

    for name, expression in options.defsyms:
        if define(name, expression) is None:
            errors.error(f"--defsym {name}={expression}: undefined symbol referenced in expression")
    return values
