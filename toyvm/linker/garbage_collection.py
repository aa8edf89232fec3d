"""--gc-sections: drops sections that nothing reaches.

Roots are the entry, -u symbols, what a shared library or the loader may reach, and sections that are run or read
without being named: .init, .fini, the arrays of initialisers, notes, SHF_GNU_RETAIN (GNU ld's KEEP).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from toyvm.base.record import replace

from ..elf.constants import (
    SHF_ALLOC,
    SHF_EXECINSTR,
    SHF_GNU_RETAIN,
    SHF_GROUP,
    SHF_LINK_ORDER,
    SHT_FINI_ARRAY,
    SHT_INIT_ARRAY,
    SHT_NOTE,
    SHT_PREINIT_ARRAY,
    STV_DEFAULT,
)
from .defsyms import defsym_symbols
from .inputs.columns import Column, ProgramColumns
from .link_errors import Diagnostics
from .link_options import LinkOptions
from .output_names import output_name
from .synthetic.eh_frame import Frames, eh_frame_sections

_KEEP = (".init", ".fini", ".init_array", ".fini_array", ".preinit_array", ".jcr")
_DEBUGGING = (".debug", ".zdebug", ".line", ".stab", ".gdb_index")
_KEEP_TYPES = (SHT_INIT_ARRAY, SHT_FINI_ARRAY, SHT_PREINIT_ARRAY)


def collect(
    program: ProgramColumns,
    options: LinkOptions,
    exported: Column,
    errors: Diagnostics,
    keep: Column | None = None,
) -> ProgramColumns:
    """The program with unreachable sections dead. `exported`: boolean by global symbol.

    `keep`: boolean by section, what a script says KEEP of; without a script, GNU ld's default script says it.
    """
    marker = Marker(program, options)
    marker.mark(sid for sid, _ in root_reasons(program, options, exported, marker.behind, keep))
    sections = program.sections
    live = sections.live & (marker.marked | ~sections.alloc)
    follows = ~sections.alloc & ((sections.flags & SHF_LINK_ORDER) != 0) & (sections.link >= 0)
    itself = sections.link == np.arange(len(sections))  # such a section lives if something names it
    live &= ~follows | np.where(itself, marker.marked, live[np.maximum(sections.link, 0)])
    live &= ~_debugging_of_dead_code(program, live, marker)
    frames = eh_frame_sections(program)
    live[frames] = True
    for sid in np.flatnonzero(sections.live & (sections.link < 0)).tolist():
        if sections.name[sid] == "__patchable_function_entries":
            file = program.file_name(int(sections.file[sid]))
            errors.error(f"{file}({sections.name[sid]}): error: need linked-to section for --gc-sections")
    if options.print_gc_sections:
        for sid in np.flatnonzero(sections.live & ~live & (sections.size > 0)).tolist():
            file = program.file_name(int(sections.file[sid]))
            errors.warning(f"removing unused section '{sections.name[sid]}' in file '{file}'")
    return replace(program, sections=replace(sections, live=live))


def _debugging_of_dead_code(program: ProgramColumns, live: Column, marker: Marker) -> Column:
    """Boolean by section: debugging information that only dead code needs, by the rules of GNU ld.

    It is that of an object of which no code and no data is kept, and in an object with a `.debug_line.NAME` for each
    section of code what is called `.debug_*NAME` after a dead one. What other debugging information names stays.
    """
    sections = program.sections
    names, files = sections.name, sections.file
    debugging = np.array([name.startswith(_DEBUGGING) for name in names], dtype=bool)
    debugging &= (
        live & ~sections.alloc & (files >= 0) & ((sections.flags & (SHF_GROUP | SHF_GNU_RETAIN)) == 0)
    )
    if not debugging.any():
        return debugging
    kept = np.unique(files[live & sections.alloc & (sections.type != SHT_NOTE)])
    dropped = debugging & ~np.isin(files, kept)
    fragments = {
        int(files[sid]) for sid in np.flatnonzero(debugging).tolist() if names[sid].startswith(".debug_line.")
    }
    code = sections.live & ~live & ((sections.flags & SHF_EXECINSTR) != 0) & np.isin(files, list(fragments))
    dead: dict[int, tuple[str, ...]] = {}
    for sid in np.flatnonzero(code).tolist():
        dead[int(files[sid])] = (*dead.get(int(files[sid]), ()), names[sid])
    for sid in np.flatnonzero(debugging & np.isin(files, list(dead))).tolist():
        dropped[sid] |= names[sid].endswith(dead[int(files[sid])])
    front = np.flatnonzero(debugging & ~dropped)
    while len(front):
        named = marker.target[np.isin(marker.source, front)]
        named = np.unique(named[named >= 0])
        front = named[dropped[named]]
        dropped[front] = False
    return dropped


def root_reasons(
    program: ProgramColumns,
    options: LinkOptions,
    exported: Column,
    behind: Mapping[int, Sequence[int]],
    keep: Column | None,
) -> Iterator[tuple[int, str]]:
    """(section, why it is a root); a section may come more than once."""
    sections, symbols, table = program.sections, program.symbols, program.resolution.table
    for sid in np.flatnonzero(sections.live & sections.alloc).tolist():
        if int(sections.flags[sid]) & SHF_GNU_RETAIN:
            yield sid, "it says so itself (SHF_GNU_RETAIN)"
        elif int(sections.type[sid]) == SHT_NOTE:
            yield sid, "notes are read without being named"
        elif _is_kept(sections.name[sid], int(sections.type[sid])) if keep is None else keep[sid]:
            yield sid, "KEEP: it is run without being named" if keep is None else "the script says KEEP"
    notes = sections.live & ~sections.alloc & (sections.type == SHT_NOTE)
    notes &= (sections.flags & (SHF_GROUP | SHF_LINK_ORDER)) == 0
    for sid in np.flatnonzero(notes).tolist():
        yield sid, "notes are read without being named"
    if options.keep_exported:
        n = symbols.globals
        seen = symbols.sid[:n][symbols.visibility[:n] == STV_DEFAULT]
        for sid in seen[seen >= 0].tolist():
            yield sid, "--gc-keep-exported: others may see a symbol in it"
    wanted = {options.entry_symbol: "the entry symbol", options.init: "-init", options.fini: "-fini"}
    names = dict.fromkeys((*options.undefined, *options.wanted), "-u or the like") | wanted
    numbers = {table[name].id: f"{why} is {name}" for name, why in names.items() if name in table}
    for number in np.flatnonzero(exported).tolist():
        numbers.setdefault(number, f"other components may see {program.symbol_name(number)}")
    for number, why in numbers.items():
        if symbols.sid[number] >= 0:
            yield int(symbols.sid[number]), why
        for sid in behind.get(number, ()):
            yield sid, why


def _is_kept(name: str, type: int) -> bool:
    """Whether the default script keeps a section."""
    return type in _KEEP_TYPES or output_name(name) in _KEEP


class Marker:
    """The references between sections: relocations as columns sorted by `source`, and what is behind other symbols.

    `extra` has unwind records and SHF_LINK_ORDER, `groups` the other members of section groups, `behind` the sections that
    a symbol of the linker stands for.
    """

    def __init__(self, program: ProgramColumns, options: LinkOptions):
        self.program = program
        sections = program.sections
        self.marked = np.zeros(len(sections), dtype=bool)
        relocs = program.relocs
        order = np.argsort(relocs.sid, kind="stable")
        self.source = relocs.sid[order]
        self.target = program.symbols.sid[relocs.sym[order]]
        self.symbol = relocs.sym[order]
        self.extra = self._frame_edges()
        self.groups = self._groups()
        # Symbol that the linker defines -> the sections that it stands for.
        self.behind = {} if options.start_stop_gc else self._start_stop()
        for name, _ in options.defsyms:
            self._alias(name, dict(options.defsyms))

    def mark(self, roots: Iterable[int]) -> None:
        """Mark `roots` and everything reachable from them."""
        live = self.program.sections.live
        front = np.unique(np.fromiter(roots, dtype=np.int64))
        while len(front):
            front = front[live[front] & ~self.marked[front]]
            self.marked[front] = True
            low, high = np.searchsorted(self.source, front), np.searchsorted(self.source, front + 1)
            rows = np.concatenate([np.arange(a, b) for a, b in zip(low, high, strict=True)] or [front[:0]])
            reached = self.target[rows]
            more = [
                s for sid in front.tolist() for s in (*self.extra.get(sid, ()), *self.groups.get(sid, ()))
            ]
            if self.behind:
                more += [s for n in np.unique(self.symbol[rows]).tolist() for s in self.behind.get(n, ())]
            front = np.unique(np.concatenate((reached[reached >= 0], np.array(more, dtype=np.int64))))

    def _frame_edges(self) -> dict[int, list[int]]:
        """Function -> what its unwind records name (exception tables, personality); SHF_LINK_ORDER partners."""
        edges: dict[int, list[int]] = {}
        sids = eh_frame_sections(self.program)
        frames = Frames(self.program, sids)
        for sid in sids:
            by_cie: dict[int, list[int]] = {}
            for record, targets in frames.targets(sid):
                if record.cie < 0:
                    by_cie[record.offset] = targets
                elif targets and targets[0] >= 0:
                    named = targets[1:] + by_cie.get(record.cie, [])
                    edges.setdefault(targets[0], []).extend(t for t in named if t >= 0)
        sections = self.program.sections
        for sid in np.flatnonzero(sections.live & ((sections.flags & SHF_LINK_ORDER) != 0)).tolist():
            if sections.link[sid] >= 0 and sections.flags[sid] & SHF_ALLOC:
                edges.setdefault(int(sections.link[sid]), []).append(sid)
        return edges

    def _groups(self) -> dict[int, list[int]]:
        """Add references between the members of each section group: they stay together."""
        together: dict[int, list[int]] = {}
        for number, loaded in enumerate(self.program.resolution.files):
            base = int(self.program.file_sections[number])
            for group in loaded.object.groups:
                members = [base + member for member in group.members]
                for sid in members:
                    together[sid] = members
        return together

    def _start_stop(self) -> dict[int, list[int]]:
        """A reference to __start_NAME or __stop_NAME keeps all sections called NAME."""
        found: dict[int, list[int]] = {}
        for number, symbol in enumerate(self.program.resolution.symbols.names):
            if symbol.startswith(("__start_", "__stop_")):
                name = symbol.partition("_start_" if symbol.startswith("__start_") else "_stop_")[2]
                found[number] = [sid for sid, other in enumerate(self.program.sections.name) if other == name]
        return found

    def _alias(self, name: str, defsyms: Mapping[str, str]) -> list[int]:
        """Note for a symbol of --defsym what it stands for: the sections of the symbols in its expression."""
        table = self.program.resolution.table
        if name not in table:
            return []
        number = table[name].id
        if name not in defsyms or number in self.behind:
            sid = int(self.program.symbols.sid[number])
            return [sid] if sid >= 0 else self.behind.get(number, [])
        found = self.behind[number] = []
        for other in defsym_symbols(defsyms[name]):
            found += self._alias(other, defsyms)
        return found
