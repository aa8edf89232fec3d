"""Decides which relocations need GOT entries, PLT entries, copies of library data, or the loader.

The needs are the psABI's, the decisions those of GNU ld. A symbol is preemptible if another component of the process
may define it at run time. Only references to preemptible symbols cost anything at run time.
"""

from __future__ import annotations

import numpy as np

from toyvm.base.record import Record, replace

from ..elf.constants import SHF_TLS, SHF_WRITE, STT_COMMON, STT_GNU_IFUNC, STT_OBJECT, STT_TLS, STV_DEFAULT
from ..relocations import RELOCATIONS, Need, relocation_name
from .inputs.columns import ABSOLUTE, LINKER, SHARED, UNDEFINED, Column, ProgramColumns, RelocColumns
from .link_errors import Diagnostics
from .link_options import LinkOptions
from .relax.deletions import Deletions, move_relocs
from .source_places import SourcePlaces
from .type_arrays import (
    ADDRESS,
    ANY_GOT_ENTRY,
    APPLIED,
    CALL,
    DIRECT,
    GOT_ENTRY,
    LOW_PART,
    PC_RELATIVE,
    THREAD_LOCAL,
    TP_RELATIVE,
    fixed_address,
    words,
)
from .visibility.dynamic_list import binds, listed

_DATA_SHARED = 8  # errors of one kind shown


class Needs(Record, eq=False):
    """Symbol numbers, each list in order of first need; and the rows of relocations left to the loader."""

    got: Column
    tls_ie: Column
    tls_gd: Column
    tls_desc: Column
    plt: Column
    ifunc: Column  # functions that a resolver of this file chooses
    iplt: Column  # those of them that code reaches through a PLT entry of their own
    through_slot: Column  # those of `iplt` whose GOT entry is the word of their PLT entry
    copy: Column
    canonical: Column  # functions whose address is their PLT entry (subset of plt)
    preemptible: Column  # boolean by symbol number, after copies and canonical PLT entries are settled
    symbolic: RelocColumns  # words for the address of a symbol that the loader looks up
    relative: RelocColumns  # words that hold an address in the image, which moves with the load base
    resolved: RelocColumns  # words that hold the address that a resolver of this file chooses

    def moved(self, program: ProgramColumns, gone: Deletions) -> Needs:
        """The needs of `program` without the bytes `gone`."""
        names = ("symbolic", "relative", "resolved")
        return replace(self, **{name: move_relocs(program, gone, getattr(self, name)) for name in names})


def preemptible(program: ProgramColumns, options: LinkOptions, local: Column) -> Column:
    """Boolean by symbol number; `local` marks globals that a version script keeps in the file."""
    symbols = program.symbols
    result = np.zeros(len(symbols), dtype=bool)
    if options.static:
        return result
    n = symbols.globals
    sid, visible = symbols.sid[:n], (symbols.visibility[:n] == STV_DEFAULT) & ~local
    result[:n] = sid == SHARED
    if options.shared:
        result[:n] |= (sid == UNDEFINED) & (symbols.visibility[:n] == STV_DEFAULT)
        defined = ((sid >= 0) | (sid == ABSOLUTE) | (sid == LINKER)) & visible
        if options.symbolic == "all" or binds(options):
            defined &= listed(program, options)
        elif options.symbolic == "functions":
            defined &= np.isin(symbols.type[:n], (STT_OBJECT, STT_COMMON)) | listed(program, options)
        result[:n] |= defined
    return result


def refuse_unsupported(program: ProgramColumns, errors: Diagnostics) -> None:
    """Add an error for each relocation of a live section whose type the linker does not apply, in GNU ld's words.

    This runs before any byte moves, so the places are those of the objects. Later passes meet no such type.
    """
    relocs, places = program.relocs, SourcePlaces(program)
    unknown = np.flatnonzero(~APPLIED.take(relocs.type, mode="clip"))
    for row in unknown[program.sections.live[relocs.sid[unknown]]].tolist():
        kind = int(relocs.type[row])
        name = f"{relocation_name(kind)} ({kind})" if kind in RELOCATIONS else f"{kind:#x}"
        errors.error(
            f"{places.describe(int(relocs.sid[row]), int(relocs.offset[row]))}: unsupported relocation type {name}"
        )


def scan(program: ProgramColumns, options: LinkOptions, local: Column, errors: Diagnostics) -> Needs:
    """Scan the relocations of live sections. Adds to `errors` those that no output can satisfy."""
    sections, symbols = program.sections, program.symbols
    entries = _entries(program)
    relocs = program.relocs.where((sections.live & sections.alloc)[program.relocs.sid])
    _check_thread_local(program, relocs, errors)
    free = preemptible(program, options, local)
    kind, sym = relocs.type, relocs.sym
    writable = (sections.flags[relocs.sid] & SHF_WRITE) != 0
    foreign = free[sym]

    # A direct reference from a program to a library's symbol: copy the datum, or let the PLT entry be the function.
    direct = DIRECT[kind] & (PC_RELATIVE[kind] if options.pic else ~(words(options.xlen)[kind] & writable))
    if not options.shared:
        taken = _unique(sym[direct & foreign & (symbols.sid[sym] == SHARED)])
        is_data = np.isin(symbols.type[taken], (STT_OBJECT, STT_TLS))
        copy, canonical = taken[is_data], taken[~is_data]
        free[copy] = free[canonical] = False
        foreign = free[sym]
    else:
        copy = canonical = np.zeros(0, dtype=np.int64)
    chosen_here = (symbols.type == STT_GNU_IFUNC) & (symbols.sid >= 0)
    ifunc, iplt, through_slot, resolved = _ifuncs(relocs, chosen_here & ~free, writable, entries, options)
    through_plt = CALL[kind] | (DIRECT & PC_RELATIVE)[kind] & chosen_here[sym]
    plt = _unique(np.concatenate((canonical, sym[through_plt & foreign])))
    absolute = (symbols.sid[sym] == ABSOLUTE) | (symbols.sid[sym] == UNDEFINED)
    word = words(options.xlen)[kind]
    needs = Needs(
        got=entries[Need.GOT][~np.isin(entries[Need.GOT], through_slot)],
        tls_ie=entries[Need.TLS_IE],
        tls_gd=entries[Need.TLS_GD],
        tls_desc=entries[Need.TLS_DESC],
        plt=plt,
        ifunc=ifunc,
        iplt=iplt,
        through_slot=through_slot,
        copy=copy,
        canonical=canonical,
        preemptible=free,
        symbolic=relocs.where(word & foreign),
        relative=relocs.where(word & ~foreign & ~absolute & ~resolved & options.pic),
        resolved=relocs.where(resolved),
    )
    if not options.static:
        _check(program, options, relocs, foreign, errors)
    return needs


def _ifuncs(
    relocs: RelocColumns, mine: Column, writable: Column, entries: dict[Need, Column], options: LinkOptions
) -> tuple[Column, Column, Column, Column]:
    """(`Needs.ifunc`, `Needs.iplt`, `Needs.through_slot`, the rows of `Needs.resolved`), as GNU ld decides them.

    `mine`: the functions that a resolver of this file chooses. Code that calls one, or computes its address, goes through
    a PLT entry. The GOT and words in data hold the resolver's choice; in a program at a fixed address they hold the PLT
    entry, if code computes the address, too: the function has one address then.
    """
    kind, sym = relocs.type, relocs.sym
    chosen = mine[sym]
    word = chosen & words(options.xlen)[kind] & writable & (relocs.addend == 0)
    address = chosen & DIRECT[kind] & ~word
    iplt = _unique(sym[address | chosen & CALL[kind]])
    has_entry = np.zeros(len(mine), dtype=bool)
    has_entry[iplt] = True
    compared = np.zeros(len(mine), dtype=bool)
    if not options.pic:
        compared[sym[address | word]] = True
    got = entries[Need.GOT]
    got = got[mine[got]]
    resolved = word & (~has_entry[sym] | options.pic)
    return _unique(np.concatenate((sym[chosen], got))), iplt, got[(has_entry & ~compared)[got]], resolved


def _check_thread_local(program: ProgramColumns, relocs: RelocColumns, errors: Diagnostics) -> None:
    """Refuse thread-local relocations against other symbols, and other relocations against thread-local symbols."""
    kind, symbol, sid = relocs.type, program.symbols.type[relocs.sym], program.symbols.sid[relocs.sym]
    inside = (sid >= 0) & ((program.sections.flags[np.maximum(sid, 0)] & SHF_TLS) != 0)
    known = (symbol == STT_TLS) | inside
    bad = np.where(THREAD_LOCAL[kind], ~known & (sid != UNDEFINED), ADDRESS[kind] & known)
    for row in np.flatnonzero(bad & ~LOW_PART[kind]).tolist():
        place = f"{program.section_label(int(relocs.sid[row]))}+{int(relocs.offset[row]):#x})"
        errors.limited(
            "thread-local",
            _DATA_SHARED,
            f"{place}: {relocation_name(int(kind[row]))} used with {'' if known[row] else 'non-'}TLS symbol "
            f"`{program.symbol_name(int(relocs.sym[row]))}'",
            "additional relocations that mix thread-local and other symbols omitted from the output",
        )


def _entries(program: ProgramColumns) -> dict[Need, Column]:
    """The symbols that need each kind of GOT entry, for sections that are not loaded, too."""
    relocs = program.relocs
    rows = np.flatnonzero(ANY_GOT_ENTRY.take(relocs.type, mode="clip"))
    rows = rows[program.sections.live[relocs.sid[rows]]]
    kind, sym = relocs.type[rows], relocs.sym[rows]
    return {need: _unique(sym[types[kind]]) for need, types in GOT_ENTRY.items()}


def _unique(numbers: Column) -> Column:
    """Without repetitions, in order of first occurrence."""
    _, first = np.unique(numbers, return_index=True)
    result: Column = numbers[np.sort(first)]
    return result


def _check(
    program: ProgramColumns, options: LinkOptions, relocs: RelocColumns, foreign: Column, errors: Diagnostics
) -> None:
    """Refuse relocations that position-independent output cannot contain, in GNU ld's words."""
    sid = program.symbols.sid[relocs.sym]
    here = (sid >= 0) | (sid == LINKER)
    if options.pic:
        what = "a shared object" if options.shared else "a PIE object"
        bad = fixed_address(options.xlen)[relocs.type] & (foreign | here)
        if options.shared:
            chosen_here = (program.symbols.type[relocs.sym] == STT_GNU_IFUNC) & (sid >= 0)
            bad |= (DIRECT & PC_RELATIVE)[relocs.type] & foreign & ~chosen_here
            bad |= TP_RELATIVE[relocs.type] & (program.symbols.type[relocs.sym] == STT_TLS)
        bad &= ~LOW_PART[relocs.type]  # the high part is reported
        for row in np.flatnonzero(bad).tolist():
            name = relocation_name(int(relocs.type[row]))
            errors.limited(
                "pic",
                _DATA_SHARED,
                f"{program.section_label(int(relocs.sid[row]))}+{int(relocs.offset[row]):#x}): relocation {name} against "
                f"`{program.symbol_name(int(relocs.sym[row]))}' can not be used when making {what}; recompile with -fPIC",
                "additional relocations that need -fPIC omitted from the output",
            )
    if not options.shared:
        elsewhere = TP_RELATIVE[relocs.type] & (sid == SHARED)
        for row in np.flatnonzero(elsewhere)[:_DATA_SHARED].tolist():
            errors.error(
                f"{program.section_label(int(relocs.sid[row]))}+{int(relocs.offset[row]):#x}): relocation "
                f"{relocation_name(int(relocs.type[row]))} against `{program.symbol_name(int(relocs.sym[row]))}', "
                "which is in a shared library; recompile with -ftls-model=initial-exec"
            )
    readonly = (program.sections.flags[relocs.sid] & SHF_WRITE) == 0
    dynamic = words(options.xlen)[relocs.type] & readonly & (foreign | (here if options.pic else False))
    if options.text_relocations:
        if options.warn_textrel and dynamic.any():
            named = np.flatnonzero(dynamic & (relocs.sym < program.symbols.globals))[:1].tolist()
            for row, home in ((row, int(relocs.sid[row])) for row in named):  # GNU ld names one
                errors.warning(
                    f"{program.file_name(int(program.sections.file[home]))}: warning: relocation against "
                    f"`{program.symbol_name(int(relocs.sym[row]))}' in read-only section `{program.sections.name[home]}'"
                )
            what = "a shared object" if options.shared else "a PIE" if options.pic else "a PDE"
            errors.warning(f"creating DT_TEXTREL in {what}")
        return
    for row in np.flatnonzero(dynamic)[:_DATA_SHARED].tolist():
        place = f"{program.section_label(int(relocs.sid[row]))}+{int(relocs.offset[row]):#x})"
        name = program.symbol_name(int(relocs.sym[row]))
        kind = relocation_name(int(relocs.type[row]))
        message = f"{place}: relocation {kind} against `{name}' in read-only section"
        errors.error(f"{message}; recompile with -fPIC, or allow it with -z notext")
