"""What the relocations ask the linker to make: GOT and PLT entries, copies of library data, work for the loader.

The questions are psABI's and the answers GNU ld's. A symbol is preemptible when another component of the process may
turn out to define it; only then does a reference to it cost something at run time.
"""

from __future__ import annotations

import numpy as np

from toyvm.base.record import Record

from ..elf.constants import SHF_WRITE, STT_FUNC, STT_GNU_IFUNC, STT_OBJECT, STT_TLS, STV_DEFAULT
from ..relocations import R, relocation_name
from .input_columns import ABSOLUTE, LINKER, SHARED, UNDEFINED, Column, ProgramColumns, RelocColumns
from .link_errors import Diagnostics
from .link_options import LinkOptions

CALLS = (R.BRANCH, R.JAL, R.CALL, R.CALL_PLT, R.RVC_BRANCH, R.RVC_JUMP, R.PLT32)
GOT = (R.GOT_HI20, R.GOT32_PCREL)
ABSOLUTE32 = (R.ABS32, R.HI20, R.LO12_I, R.LO12_S, R.RVC_LUI)
PCREL = (R.PCREL_HI20, R.PCREL32)
TPREL = (R.TPREL_HI20, R.TPREL_LO12_I, R.TPREL_LO12_S)
_DATA_SHARED = 8  # errors of one kind shown


class Needs(Record, eq=False):
    """Symbol numbers, each list in order of first need. `dynamic` rows are relocations that the loader will do."""

    got: Column
    tls_ie: Column
    tls_gd: Column
    plt: Column
    ifunc: Column
    copy: Column
    canonical: Column  # functions whose address is their PLT entry (subset of plt)
    preemptible: Column  # boolean by symbol number, after copies and canonical PLT entries are settled
    symbolic: RelocColumns  # R_RISCV_64 with a symbol
    relative: RelocColumns  # R_RISCV_64 against an address in the image


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
        defined = ((sid >= 0) | (sid == ABSOLUTE)) & visible
        if options.symbolic == "all":
            defined[:] = False
        elif options.symbolic == "functions":
            defined &= symbols.type[:n] != STT_FUNC
        result[:n] |= defined
    return result


def scan(program: ProgramColumns, options: LinkOptions, local: Column, errors: Diagnostics) -> Needs:
    """Read all relocations of sections that are in memory. What no output could satisfy is added to `errors`."""
    sections, symbols = program.sections, program.symbols
    relocs = program.relocs.where((sections.live & sections.alloc)[program.relocs.sid])
    free = preemptible(program, options, local)
    kind, sym = relocs.type, relocs.sym
    writable = (sections.flags[relocs.sid] & SHF_WRITE) != 0
    foreign = free[sym]

    # A direct reference from a program to a library's symbol: copy the datum, or let the PLT entry be the function.
    direct = np.isin(kind, PCREL + ABSOLUTE32) | ((kind == R.ABS64) & ~writable)
    if options.pic:
        direct = np.isin(kind, PCREL)
    if not options.shared:
        taken = _unique(sym[direct & foreign & (symbols.sid[sym] == SHARED)])
        is_data = np.isin(symbols.type[taken], (STT_OBJECT, STT_TLS))
        copy, canonical = taken[is_data], taken[~is_data]
        free[copy] = free[canonical] = False
        foreign = free[sym]
    else:
        copy = canonical = np.zeros(0, dtype=np.int64)
    ifuncs = (symbols.type == STT_GNU_IFUNC) & (symbols.sid >= 0) & ~free
    plt = _unique(np.concatenate((canonical, sym[np.isin(kind, CALLS) & foreign])))
    absolute = (symbols.sid[sym] == ABSOLUTE) | (symbols.sid[sym] == UNDEFINED)
    word = kind == R.ABS64
    needs = Needs(
        got=_unique(sym[np.isin(kind, GOT)]),
        tls_ie=_unique(sym[kind == R.TLS_GOT_HI20]),
        tls_gd=_unique(sym[kind == R.TLS_GD_HI20]),
        plt=plt,
        ifunc=_unique(sym[ifuncs[sym]]),
        copy=copy,
        canonical=canonical,
        preemptible=free,
        symbolic=relocs.where(word & foreign),
        relative=relocs.where(word & ~foreign & ~absolute)
        if options.pic
        else relocs.where(np.zeros(0, dtype=np.int64)),
    )
    if not options.static:
        _check(program, options, relocs, foreign, errors)
    return needs


def _unique(numbers: Column) -> Column:
    """Without repetitions, in order of first occurrence."""
    _, first = np.unique(numbers, return_index=True)
    result: Column = numbers[np.sort(first)]
    return result


def _check(
    program: ProgramColumns, options: LinkOptions, relocs: RelocColumns, foreign: Column, errors: Diagnostics
) -> None:
    """Refuse what position-independent code cannot hold, in GNU ld's words."""
    sid = program.symbols.sid[relocs.sym]
    here = (sid >= 0) | (sid == LINKER)
    if options.pic:
        what = "a shared object" if options.shared else "a PIE object"
        bad = np.isin(relocs.type, ABSOLUTE32) & (foreign | here)
        if options.shared:
            bad |= np.isin(relocs.type, PCREL) & foreign
            bad |= np.isin(relocs.type, TPREL) & (program.symbols.type[relocs.sym] == STT_TLS)
        # The low half says nothing new.
        bad &= ~np.isin(relocs.type, (R.LO12_I, R.LO12_S, R.TPREL_LO12_I, R.TPREL_LO12_S))
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
        elsewhere = np.isin(relocs.type, TPREL) & (sid == SHARED)
        for row in np.flatnonzero(elsewhere)[:_DATA_SHARED].tolist():
            errors.error(
                f"{program.section_label(int(relocs.sid[row]))}+{int(relocs.offset[row]):#x}): relocation "
                f"{relocation_name(int(relocs.type[row]))} against `{program.symbol_name(int(relocs.sym[row]))}', "
                "which is in a shared library; recompile with -ftls-model=initial-exec"
            )
    readonly = (program.sections.flags[relocs.sid] & SHF_WRITE) == 0
    dynamic = (relocs.type == R.ABS64) & readonly & (foreign | (here if options.pic else False))
    for row in np.flatnonzero(dynamic)[:_DATA_SHARED].tolist():
        place = f"{program.section_label(int(relocs.sid[row]))}+{int(relocs.offset[row]):#x})"
        name = program.symbol_name(int(relocs.sym[row]))
        message = f"{place}: relocation R_RISCV_64 against `{name}' in read-only section"
        if options.text_relocations:
            errors.warning(f"{message}: creating DT_TEXTREL")
        else:
            errors.error(f"{message}; recompile with -fPIC, or allow it with -z notext")
