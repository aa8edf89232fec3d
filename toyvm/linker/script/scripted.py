"""A link by a script, for the passes of `link`: what each of them asks of the script."""

from __future__ import annotations

import numpy as np

from toyvm.base.record import replace

from ...elf.constants import EHDR_SIZE, PT_LOAD, SHF_LINK_ORDER, SHT_NOBITS, STV_HIDDEN, STV_INTERNAL
from ..image_layout import ImageLayout
from ..inputs.columns import LINKER, UNDEFINED, Column, ProgramColumns
from ..inputs.global_symbols import DefinitionKind
from ..inputs.resolution import Resolution
from ..link_errors import Diagnostics
from ..link_options import LinkOptions
from ..provided_symbols import ScriptNames
from .arranging import arrange
from .layout import lay_out_by_script
from .plan import Plan
from .reading.tree import CrossReferences, Script, names_in


def without_partners(program: ProgramColumns, live: Column) -> Column:
    """`live` without the sections with SHF_LINK_ORDER that name a section which is not: they go with it."""
    link = program.sections.link
    named = ((program.sections.flags & SHF_LINK_ORDER) != 0) & (link >= 0)
    while (gone := live & named & ~live[np.maximum(link, 0)]).any():
        live = live & ~gone
    return live


class Scripted:
    """A script, applied to one program."""

    def __init__(self, script: Script, options: LinkOptions, errors: Diagnostics) -> None:
        self.script, self.options, self.errors = script, options, errors

    def names(self) -> ScriptNames:
        """The symbols that the script defines."""
        assignments = [a for a in self.script.assignments() if a.name != "."]
        return ScriptNames(
            frozenset(a.name for a in assignments if not a.provide),
            frozenset(a.name for a in assignments if a.provide),
            frozenset(a.name for a in assignments if a.hidden),
        )

    def with_provided(self, resolution: Resolution) -> Resolution:
        """The resolution with symbols that only expressions of PROVIDE name, whose symbols the objects need.

        What an object defines itself, PROVIDE_HIDDEN hides all the same, as in GNU ld.
        """
        names = self.names()
        provided = {
            a.name: a for a in self.script.assignments() if a.provide and a.name not in names.assigned
        }
        symbols, table = resolution.symbols, resolution.table
        queue = [name for name in provided if name in table and table[name].kind is DefinitionKind.UNDEFINED]
        for name in (a.name for a in provided.values() if a.hidden and a.name in table):
            known = table[name]
            if known.kind is DefinitionKind.DEFINED and known.visibility != STV_INTERNAL:
                known.visibility = STV_HIDDEN
        for name in queue:
            for other in sorted(names_in(provided[name].value)) if name in provided else ():
                if other not in table and other not in names.assigned:
                    symbols.add(other).object_reference = True
                    queue.append(other)
        return resolution

    def plan(self, program: ProgramColumns, errors: Diagnostics | None = None) -> Plan:
        """Where each section goes. Orphans are reported once: with `errors`."""
        return arrange(program, self.script, self.options, errors if errors is not None else Diagnostics())

    def without_discarded(self, program: ProgramColumns) -> tuple[ProgramColumns, Column]:
        """(the program without sections of /DISCARD/, which sections KEEP keeps)."""
        plan = self.plan(program)
        live = without_partners(program, program.sections.live & ~plan.discarded)
        unloaded = np.array([*(out.statement.type == "NOLOAD" for out in plan.outs), False], dtype=bool)
        self.unloaded = unloaded[plan.out_of]
        return replace(program, sections=replace(program.sections, live=live)), plan.keep

    def without_unloaded(self, program: ProgramColumns) -> ProgramColumns:
        """The program without relocations of NOLOAD: GNU ld lets them refer to what is not there."""
        return replace(program, relocs=program.relocs.where(~self.unloaded[program.relocs.sid]))

    def lay_out(self, program: ProgramColumns, plan: Plan, errors: Diagnostics) -> ImageLayout:
        """All addresses."""
        return lay_out_by_script(program, plan, self.options, errors)

    def lacks_header_symbol(self, program: ProgramColumns, layout: ImageLayout) -> bool:
        """Whether something names `__ehdr_start`, and no segment has the file header."""
        symbol, names = program.resolution.table.get("__ehdr_start"), self.names()
        if symbol is None or symbol.name in names.assigned | names.provided:
            return False
        headers = layout.headers or ()
        inside = any(p.type == PT_LOAD and p.offset == 0 and p.filesz >= EHDR_SIZE for p in headers)
        return not inside and int(program.symbols.sid[symbol.id]) == LINKER

    def without_header_symbol(self, program: ProgramColumns) -> ProgramColumns:
        """The program with `__ehdr_start` undefined."""
        symbol = program.resolution.table["__ehdr_start"]
        sid, visibility = program.symbols.sid.copy(), program.symbols.visibility.copy()
        sid[symbol.id] = UNDEFINED
        if not symbol.weak:  # a weak one stays hidden: the output does not have it
            visibility[symbol.id] = symbol.visibility
        return replace(program, symbols=replace(program.symbols, sid=sid, visibility=visibility))

    def without_unstored(self, program: ProgramColumns, layout: ImageLayout) -> ProgramColumns:
        """The program without relocations of bytes that are not in the file, such as those of NOLOAD."""
        stored = np.array([*(section.type != SHT_NOBITS for section in layout.outputs), True], dtype=bool)
        relocs = program.relocs
        return replace(program, relocs=relocs.where(stored[layout.output[relocs.sid]]))

    def check_references(self, program: ProgramColumns, plan: Plan) -> None:
        """NOCROSSREFS: output sections that must not refer to each other."""
        for rule in self.script.cross_references:
            self._check(program, plan, rule)

    def _check(self, program: ProgramColumns, plan: Plan, rule: CrossReferences) -> None:
        numbers = {name: i for i, name in enumerate(rule.sections)}
        group = np.array([numbers.get(out.name, -1) for out in plan.outs] + [-1], dtype=np.int64)
        relocs = program.relocs
        target = program.symbols.sid[relocs.sym]
        here, there = group[plan.out_of[relocs.sid]], group[plan.out_of[np.maximum(target, 0)]]
        wrong = (here >= 0) & (there >= 0) & (here != there) & (target >= 0)
        if rule.to_first:
            wrong &= there == 0
        for row in np.flatnonzero(wrong & program.sections.live[relocs.sid]).tolist():
            sid = int(relocs.sid[row])
            self.errors.error(
                f"{program.section_label(sid)}+{int(relocs.offset[row]):#x}): prohibited cross reference from "
                f"{rule.sections[int(here[row])]} to `{program.symbol_name(int(relocs.sym[row]))}' in "
                f"{rule.sections[int(there[row])]}"
            )
