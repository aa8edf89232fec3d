"""Makes the plan of a program: chooses input sections, places orphans, moves what INSERT names."""

from __future__ import annotations

import numpy as np

from ...elf.constants import SHT_NOTE
from ..inputs.columns import ProgramColumns
from ..link_errors import Diagnostics
from ..link_options import LinkOptions
from .flags import KEEP, NEVER_LOAD, READONLY, section_flags
from .matching import Matcher
from .orphans import Flow, OrphanPlacer, OrphanSection
from .plan import DISCARD, Out, Plan
from .reading.tree import (
    Assignment,
    Call,
    Data,
    Expr,
    Fill,
    InputPattern,
    Insert,
    OutputSection,
    Script,
    Text,
)


def arrange(program: ProgramColumns, script: Script, options: LinkOptions, errors: Diagnostics) -> Plan:
    """Give each live section its place. Adds INSERT of an unknown section, and orphans that are refused, to `errors`."""
    return _Arranger(program, script, options, errors).plan()


class _Arranger:
    def __init__(
        self, program: ProgramColumns, script: Script, options: LinkOptions, errors: Diagnostics
    ) -> None:
        self.program, self.script, self.options, self.errors = program, script, options, errors
        sections = program.sections
        self.out_of = np.full(len(sections), -1, dtype=np.int64)
        self.keep, self.discarded = np.zeros(len(sections), dtype=bool), np.zeros(len(sections), dtype=bool)
        self.taken: set[int] = set()
        self.outs = [_out(statement) for statement in script.sections()]
        self.table: list[Out] = []
        patterns = [p for out in self.outs for p in out.statement.body if isinstance(p, InputPattern)]
        # GNU ld makes one section for the relocations of each section, and calls those of a static program .rela.iplt.
        made_names = {".rela.dyn": [".rela.dyn", ".rela.got"]}
        if options.static and not options.pic:
            made_names[".rela.plt"] = [".rela.iplt"]
        self.matcher = Matcher(program, patterns, options.sort_section, made_names)
        columns = (sections.type.tolist(), sections.flags.tolist())
        self.flags = [
            section_flags(name, kind, flag) if live else 0
            for name, kind, flag, live in zip(sections.name, *columns, sections.live.tolist(), strict=True)
        ]

    def plan(self) -> Plan:
        """Map the sections, statement by statement, then the orphans."""
        outs = iter(self.outs)
        flow: Flow = []
        for statement in self.script.statements:
            if isinstance(statement, OutputSection):
                flow.append(next(outs))
            elif not isinstance(statement, Insert):
                flow.append(statement)
        for pattern, chosen in zip(self.matcher.patterns, self.matcher.chosen, strict=True):
            for sid, _ in chosen if pattern.keep else ():
                self.keep[sid] = True
                self.flags[sid] |= KEEP
        numbers = {id(p): i for i, p in enumerate(self.matcher.patterns)}
        for item in flow:
            if isinstance(item, Out):
                self._map(item, numbers)
            else:
                self._mention(item.value if isinstance(item, Assignment) else item.test)
        for name, address in self.options.section_starts.items():
            self._start(name, address, flow)
        made = list(self.outs)
        flow, self.outs = self._inserted(flow)
        made += self._place_orphans(flow)
        text = next((out for out in self.table if out.name == ".text"), None)
        if text is not None:  # whatever is in it
            text.flags = text.flags & ~READONLY | (READONLY if self.options.text_read_only else 0)
        index = {id(out): i for i, out in enumerate(self.outs)}
        for out in self.outs:
            self.out_of[list(out.members)] = index[id(out)]
        return Plan(self.script, flow, self.outs, self.table, made, self.out_of, self.keep, self.discarded)

    def _map(self, out: Out, numbers: dict[int, int]) -> None:
        statement = out.statement
        patterns = [p for p in statement.body if isinstance(p, InputPattern)]
        chosen = {id(p): self.matcher.sids(numbers[id(p)], out.name) for p in patterns}
        if statement.constraint in ("ONLY_IF_RO", "ONLY_IF_RW"):
            readonly = all(
                self.flags[sid] & READONLY
                for sids in chosen.values()
                for sid in sids
                if sid not in self.taken
            )
            out.matches = readonly == (statement.constraint == "ONLY_IF_RO")
        if not out.matches:
            return
        if out.name == DISCARD:
            for sids in chosen.values():
                self.discarded[[sid for sid in sids if sid not in self.taken]] = True
                self.taken.update(sids)
            out.matches = False
            return
        sections = self.program.sections
        for item in statement.body:
            if isinstance(item, InputPattern):
                sids = [sid for sid in chosen[id(item)] if sid not in self.taken]
                self.taken.update(sids)
                out.items.append(sids)
                for sid in sids:
                    kind, existed = int(sections.type[sid]), out.exists
                    out.add(
                        self.flags[sid],
                        kind,
                        int(sections.align[sid]),
                        int(sections.entsize[sid]),
                        kind == SHT_NOTE,
                    )
                    self._created(out, existed)
                continue
            out.items.append(item)
            if isinstance(item, Data | Text):
                if isinstance(item, Data):
                    self._mention(item.value)
                existed = out.exists
                out.add_data()
                self._created(out, existed)
            elif isinstance(item, Assignment):
                self._create(out)
                self._mention(item.value)
            elif isinstance(item, Fill):
                self._create(out)

    def _create(self, out: Out) -> None:
        """Make the section."""
        existed = out.exists
        out.create()
        self._created(out, existed)

    def _created(self, out: Out, existed: bool) -> None:
        """A new section gets its header; sections that its address mentions exist, too."""
        if not existed:
            self.table.append(out)
            self._mention_addresses(out)

    def _mention_addresses(self, out: Out) -> None:
        for expr in (out.statement.address, out.statement.at) if out.exists else ():
            if expr is not None:
                self._mention(expr)

    def _mention(self, expr: Expr) -> None:
        """ADDR and LOADADDR of a section make it (GNU ld: exp_init_os)."""
        for part in expr.walk():
            if isinstance(part, Call) and part.function in ("ADDR", "LOADADDR"):
                found = next(
                    (o for o in self.outs if o.name == part.name and o.matches and o.name != DISCARD), None
                )
                if found is not None:
                    self._create(found)

    def _start(self, name: str, address: int, flow: Flow) -> None:
        """--section-start: the section exists, and its address is that one."""
        from .reading.tree import Number, Place, Source

        place = Place(Source("--section-start", ""), 0, 0)
        out = next((o for o in self.outs if o.name == name and o.matches), None)
        if out is None:
            out = Out(OutputSection(name, (), place), name)
            self.outs.append(out)
            flow.append(out)
        fields = {field: getattr(out.statement, field) for field in OutputSection.record_fields}
        out.statement = OutputSection(**fields | {"address": Number(place, 1, address)})
        self._create(out)

    def _inserted(self, flow: Flow) -> tuple[Flow, list[Out]]:
        """Move the statements before each INSERT to their place."""
        if not any(isinstance(statement, Insert) for statement in self.script.statements):
            return flow, self.outs
        items = iter(flow)
        result: Flow = []
        pending: Flow = []
        moves: list[tuple[Insert, Flow]] = []
        for statement in self.script.statements:
            if isinstance(statement, Insert):
                moves.append((statement, pending))
                pending = []
            else:
                pending.append(next(items))
        result = [*flow]
        for insert, moved in moves:
            old = result
            kept = {id(item) for item in moved}
            result = [item for item in result if id(item) not in kept]
            where = next(
                (
                    i
                    for i, o in enumerate(result)
                    if isinstance(o, Out) and o.name == insert.where and o.matches
                ),
                -1,
            )
            if where < 0:
                self.errors.error(insert.place.message(f"{insert.where} not found for insert"))
                result = old
                continue
            if insert.before:
                earlier = [i for i in range(where) if isinstance(result[i], Out) and result[i].matches]  # type: ignore[union-attr]  # the test before says that it is an Out
                where = earlier[-1] if earlier else -1
            placer = OrphanPlacer(result, [], [])
            after = result[where] if where >= 0 else None
            at = placer.flow_place(after)  # type: ignore[arg-type]  # an Out, as above
            result[at:at] = moved
        outs = [item for item in result if isinstance(item, Out)]
        rank = {id(out): i for i, out in enumerate(outs)}
        self.table.sort(key=lambda out: rank[id(out)])
        return result, outs

    def _place_orphans(self, flow: Flow) -> list[Out]:
        """Place what no pattern chose; the output sections made for it."""
        handling = self.options.orphan_handling
        placer = OrphanPlacer(flow, self.outs, self.table, self.options.unique, self._mention_addresses)
        sections = self.program.sections
        for sid in self.matcher.order():
            if sid in self.taken:
                continue
            name, owner = sections.name[sid], self.program.file_name(int(sections.file[sid]))
            if handling == "discard":
                self.discarded[sid] = True
                continue
            if handling == "error" and sections.file[sid] >= 0:
                self.errors.error(f"error: unplaced orphan section `{name}' from `{owner}'")
            if name in ("COMMON", ".scommon", ".tcommon"):
                name = {"COMMON": ".bss", ".scommon": ".sbss", ".tcommon": ".tbss"}[name]
            out = placer.place(
                OrphanSection(
                    sid,
                    name,
                    self.flags[sid],
                    int(sections.type[sid]),
                    int(sections.align[sid]),
                    int(sections.entsize[sid]),
                )
            )
            if handling == "warn" and sections.file[sid] >= 0:
                self.errors.warning(
                    f"orphan section `{sections.name[sid]}' from `{owner}' being placed in section `{out.name}'"
                )
        return placer.made


def _out(statement: OutputSection) -> Out:
    return Out(
        statement,
        statement.name,
        region=statement.region,
        lma_region=statement.lma_region,
        headers=statement.headers,
        hint=NEVER_LOAD if statement.type == "NOLOAD" else 0,
    )
