"""The relocations that are left to the loader, first as places and symbols, then, with addresses, as records."""

from __future__ import annotations

from collections import Counter

import numpy as np

from toyvm.base.record import Record
from toyvm.elf.constants import STT_GNU_IFUNC, TLS_DTV_OFFSET
from toyvm.elf.record_arrays import RELA
from toyvm.relocations import R, relocation_name

from ..image_layout import ImageLayout
from ..inputs.columns import LINKER, Column, ProgramColumns
from ..link_options import LinkOptions
from ..output_names import output_name
from ..scan_relocations import Needs
from .addresses import Addresses
from .file_class import file_class
from .got_plt import RESERVED, GotPltTables

_NONE = -1


class DynamicRelocs(Record, eq=False):
    """Columns, a row per relocation. Place: `offset` in section `sid`. `symbol`: what the loader looks up, or -1.

    The addend is `addend` + the address of symbol `target` (-1: nothing) (for R_RISCV_TLS_TPREL64 its offset in the template).
    """

    sid: Column
    offset: Column
    type: Column
    symbol: Column
    target: Column
    addend: Column

    def __len__(self) -> int:
        return len(self.sid)

    def where(self, mask: Column) -> DynamicRelocs:
        """The rows that `mask` selects."""
        return DynamicRelocs(
            self.sid[mask],
            self.offset[mask],
            self.type[mask],
            self.symbol[mask],
            self.target[mask],
            self.addend[mask],
        )

    def names(self) -> Counter[str]:
        """How many there are of each type."""
        kinds, counts = np.unique(self.type, return_counts=True)
        return Counter({relocation_name(k): n for k, n in zip(kinds.tolist(), counts.tolist(), strict=True)})


class _Builder:
    def __init__(self) -> None:
        self.rows: list[tuple[Column, ...]] = []

    def add(
        self, sid: object, offset: object, kind: R, symbol: object, target: object, addend: object = 0
    ) -> None:
        columns = np.broadcast_arrays(
            *(np.asarray(c, dtype=np.int64) for c in (sid, offset, int(kind), symbol, target, addend))
        )
        self.rows.append(tuple(np.atleast_1d(c) for c in columns))

    def finish(self) -> DynamicRelocs:
        if not self.rows:
            none = np.zeros(0, dtype=np.int64)
            return DynamicRelocs(none, none, none, none, none, none)
        return DynamicRelocs(*(np.concatenate(column) for column in zip(*self.rows, strict=True)))


def plan(
    program: ProgramColumns, needs: Needs, tables: GotPltTables, options: LinkOptions
) -> tuple[DynamicRelocs, DynamicRelocs]:
    """(those of .rela.dyn, those of .rela.plt). Their number is settled here; addresses come later."""
    rows, address = _Builder(), file_class(options.xlen).address
    rows.add(
        needs.relative.sid,
        needs.relative.offset,
        R.RELATIVE,
        _NONE,
        needs.relative.sym,
        needs.relative.addend,
    )
    rows.add(
        needs.symbolic.sid, needs.symbolic.offset, address, needs.symbolic.sym, _NONE, needs.symbolic.addend
    )
    _plan_got(rows, program, needs, tables, options)
    _plan_tls(rows, program, needs, tables, options)
    sid, value = program.symbols.sid, program.symbols.value
    rows.add(sid[needs.copy], value[needs.copy], R.COPY, needs.copy, _NONE)
    jumps = _Builder()
    count = np.arange(len(needs.plt))
    jumps.add(tables.got_plt, (RESERVED + count) * tables.word, R.JUMP_SLOT, needs.plt, _NONE)
    # The loader runs resolvers when everything else is in place; a static program's start-up code runs them itself.
    for number, (home, slot) in tables.ifunc_slot.items():
        jumps.add(home, slot, R.IRELATIVE, _NONE, number)
    resolvers = jumps if options.static and not options.pic else rows
    resolvers.add(needs.resolved.sid, needs.resolved.offset, R.IRELATIVE, _NONE, needs.resolved.sym)
    unreached = _resolved_entries(needs)
    resolvers.add(tables.got, tables.got_entry[unreached], R.IRELATIVE, _NONE, unreached)
    return _sorted(rows.finish()) if options.combine_relocations else rows.finish(), jumps.finish()


COMBINED = ".rela.dyn"
# The order in which GNU ld's script has the sections of `-z nocombreloc`; others come after .rela.bss.
_ORDER = (
    "init",
    "text",
    "fini",
    "rodata",
    "data.rel.ro",
    "data",
    "tdata",
    "tbss",
    "got",
    "sdata",
    "sbss",
    "bss",
)


def separate(
    rows: DynamicRelocs, program: ProgramColumns, tables: GotPltTables, options: LinkOptions
) -> dict[str, DynamicRelocs]:
    """The sections of relocations, by name: one, or with `-z nocombreloc` one for each kind of place."""
    if not len(rows):
        return {}
    if options.combine_relocations:
        return {COMBINED: rows}
    symbols = program.symbols
    named = np.maximum(rows.symbol, rows.target)
    chosen = (named >= 0) & (symbols.type[named] == STT_GNU_IFUNC) & (symbols.sid[named] >= 0)
    kinds = np.where(rows.sid == tables.got, "got", np.where(chosen, "ifunc" if options.pic else "got", ""))
    names = [output_name(program.sections.name[sid]).removeprefix(".") for sid in rows.sid.tolist()]
    stems = [kind or name for kind, name in zip(kinds.tolist(), names, strict=True)]
    listed = [stem for stem in _ORDER if stem in stems]
    others = [stem for stem in dict.fromkeys(stems) if stem not in _ORDER and stem != "ifunc"]
    last = ["ifunc"] if "ifunc" in stems else []
    array = np.array(stems)
    return {f".rela.{stem}": rows.where(array == stem) for stem in (*listed, *others, *last)}


def _resolved_entries(needs: Needs) -> Column:
    """The functions whose GOT entry holds what their resolver chooses, and no address of a PLT entry."""
    chosen = needs.got[np.isin(needs.got, needs.ifunc)]
    return chosen[~np.isin(chosen, needs.iplt)]


def _plan_got(
    rows: _Builder, program: ProgramColumns, needs: Needs, tables: GotPltTables, options: LinkOptions
) -> None:
    foreign = needs.got[needs.preemptible[needs.got]]
    rows.add(tables.got, tables.got_entry[foreign], file_class(options.xlen).address, foreign, _NONE)
    if options.pic:
        sid = program.symbols.sid[needs.got]
        here = ~needs.preemptible[needs.got] & ((sid >= 0) | (sid == LINKER))
        mine = needs.got[here & ~np.isin(needs.got, _resolved_entries(needs))]
        rows.add(tables.got, tables.got_entry[mine], R.RELATIVE, _NONE, mine)


def _plan_tls(
    rows: _Builder, program: ProgramColumns, needs: Needs, tables: GotPltTables, options: LinkOptions
) -> None:
    types = file_class(options.xlen)
    for numbers, entry, pair in (
        (needs.tls_ie, tables.ie_entry, False),
        (needs.tls_gd, tables.gd_entry, True),
    ):
        foreign = numbers[needs.preemptible[numbers]]
        mine = numbers[~needs.preemptible[numbers]] if options.shared else numbers[:0]
        if pair:
            rows.add(tables.got, entry[foreign], types.module, foreign, _NONE)
            rows.add(tables.got, entry[foreign] + tables.word, types.in_module, foreign, _NONE)
            rows.add(tables.got, entry[mine], types.module, _NONE, _NONE)
        else:
            rows.add(tables.got, entry[foreign], types.from_tp, foreign, _NONE)
            rows.add(tables.got, entry[mine], types.from_tp, _NONE, mine)
    # A program has no descriptor: `thread_models` has replaced its accesses.
    foreign = needs.tls_desc[needs.preemptible[needs.tls_desc]]
    mine = needs.tls_desc[~needs.preemptible[needs.tls_desc]]
    rows.add(tables.got, tables.desc_entry[foreign], R.TLSDESC, foreign, _NONE)
    rows.add(tables.got, tables.desc_entry[mine], R.TLSDESC, _NONE, mine)


def _sorted(rows: DynamicRelocs) -> DynamicRelocs:
    """RELATIVE first (DT_RELACOUNT), then by symbol so that the loader looks each up once, IRELATIVE last."""
    rank = np.where(rows.type == R.RELATIVE, 0, np.where(rows.type == R.IRELATIVE, 2, 1))
    return rows.where(np.lexsort((rows.offset, rows.sid, rows.symbol, rank)))


def encode(
    rows: DynamicRelocs, layout: ImageLayout, known: Addresses, dynsym: Column, options: LinkOptions
) -> bytes:
    """The records of the rows; `dynsym`: symbol number -> number in .dynsym."""
    table = np.zeros(len(rows), dtype=RELA)
    table["r_offset"] = layout.addr[rows.sid] + rows.offset
    table["r_type"] = rows.type
    table["r_sym"] = np.where(rows.symbol >= 0, dynsym[np.maximum(rows.symbol, 0)], 0)
    target = np.maximum(rows.target, 0)
    addend = rows.addend + np.where(rows.target >= 0, known.symbol[target], 0)
    in_block = np.isin(rows.type, (R.TLS_TPREL64, R.TLS_TPREL32, R.TLSDESC)) & (rows.target >= 0)
    addend -= np.where(in_block, known.tls_start, 0)
    for row in np.flatnonzero(rows.type == R.IRELATIVE).tolist():
        addend[row] = known.resolvers[int(rows.target[row])][1]
    table["r_addend"] = addend
    if len(rows) and options.combine_relocations and rows.type[0] == R.RELATIVE:
        count = int((rows.type == R.RELATIVE).sum())
        table[:count] = table[:count][np.argsort(table["r_offset"][:count], kind="stable")]
    return file_class(options.xlen).relocations(table)


def got_bytes(
    program: ProgramColumns,
    layout: ImageLayout,
    needs: Needs,
    tables: GotPltTables,
    known: Addresses,
    options: LinkOptions,
) -> bytes:
    """.got: what is known now; words that the loader fills are 0."""
    size, word, shared = int(program.sections.size[tables.got]), tables.word, options.shared
    words = np.zeros(size // word, dtype=np.int64)
    if not size:
        return b""
    words[0] = layout.start(".dynamic")
    mine = needs.got[~needs.preemptible[needs.got]]
    words[tables.got_entry[mine] // word] = known.symbol[mine]
    for numbers, entry, pair in (
        (needs.tls_ie, tables.ie_entry, False),
        (needs.tls_gd, tables.gd_entry, True),
    ):
        local = numbers[~needs.preemptible[numbers]]
        at = entry[local] // word
        offset = known.symbol[local] - known.tls_start
        if pair:
            words[at] = 0 if shared else 1  # the program itself is module 1
            words[at + 1] = offset - TLS_DTV_OFFSET
        elif not shared:
            words[at] = offset
    return file_class(options.xlen).words(words)
