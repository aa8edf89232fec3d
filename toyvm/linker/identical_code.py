"""--icf: functions of equal code become one (lld and gold: identical code folding).

Two sections of code are equal if their bytes are, and each relocation names equal code or the same place. What a section
names may itself be folded, so classes are refined until nothing changes: sections that only name each other in the same
way stay equal. The first section of a class stays, and the symbols of the others move there.

`all` folds every such function. Then two functions may have one address, which C and C++ do not allow for functions
whose addresses are compared. `safe` leaves alone what relocations other than calls name, and what others may name.
Functions whose unwind records name exception tables are not folded.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable

import numpy as np

from toyvm.base.record import replace

from ..elf.constants import SHF_ALLOC, SHF_EXECINSTR, SHF_GNU_RETAIN, SHF_WRITE, SHT_PROGBITS
from ..relocations import Formula
from .inputs.columns import Column, ProgramColumns
from .link_errors import Diagnostics
from .link_options import LinkOptions
from .output_names import output_name
from .synthetic.eh_frame import Frames, eh_frame_sections
from .type_arrays import CALL, MARKER, computing

_IDENTIFIER = re.compile(r"[A-Za-z_]\w*\Z")  # __start_NAME may bound such a section
_LOW = computing(Formula.PC_LOW)


def identical(
    program: ProgramColumns, options: LinkOptions, free: Column, public: Column, errors: Diagnostics
) -> Column:
    """By section number, the section that stands for it.

    `free` says by symbol number whether it is preemptible, `public` by global symbol whether others see it. With
    --print-icf-sections each folded section is reported to `errors` as a message.
    """
    stands = np.arange(len(program.sections))
    candidates = _candidates(program, options, public)
    if len(candidates) < 2:
        return stands
    for members in _classes(program, candidates, free):
        stands[members[1:]] = members[0]
        for sid in members[1:] if options.print_icf else ():
            name, file = program.sections.name[sid], program.file_name(int(program.sections.file[sid]))
            first = program.file_name(int(program.sections.file[members[0]]))
            errors.warning(
                f"ICF folding section '{name}' in file '{file}' into "
                f"'{program.sections.name[members[0]]}' in file '{first}'"
            )
    return stands


def without_folded(program: ProgramColumns, stands: Column) -> ProgramColumns:
    """The program in which folded sections are dead. Their symbols stay, so that their unwind records go, too."""
    live = program.sections.live & (stands == np.arange(len(stands)))
    return replace(program, sections=replace(program.sections, live=live))


def with_moved_symbols(program: ProgramColumns, stands: Column) -> ProgramColumns:
    """The program whose symbols are in the sections that stand for theirs."""
    sid = program.symbols.sid
    moved = np.where(sid >= 0, stands[np.maximum(sid, 0)], sid)
    return replace(program, symbols=replace(program.symbols, sid=moved))


def _candidates(program: ProgramColumns, options: LinkOptions, public: Column) -> list[int]:
    sections = program.sections
    wanted = SHF_ALLOC | SHF_EXECINSTR
    mask = sections.live & (sections.type == SHT_PROGBITS) & (sections.size > 0)
    mask &= (sections.flags & (wanted | SHF_WRITE | SHF_GNU_RETAIN)) == wanted
    mask[_with_tables(program)] = False
    if options.icf == "safe":
        mask[_addressed(program, public)] = False
    names = sections.name
    return [
        sid
        for sid in np.flatnonzero(mask).tolist()
        if output_name(names[sid]) == ".text" and not _IDENTIFIER.match(names[sid])
    ]


def _with_tables(program: ProgramColumns) -> list[int]:
    """The sections whose unwind records name more than the code itself."""
    found: list[int] = []
    sids = eh_frame_sections(program)
    frames = Frames(program, sids)
    for sid in sids:
        handlers = {}
        for record, targets in frames.targets(sid):
            if record.cie < 0:
                handlers[record.offset] = bool(targets)
            elif targets and targets[0] >= 0 and (set(targets) != {targets[0]} or handlers.get(record.cie)):
                found.append(targets[0])
    return found


def _addressed(program: ProgramColumns, public: Column) -> Column:
    """The sections whose addresses somebody may take: a relocation of loaded data or code that is no call, or another file."""
    relocs, symbols, sections = program.relocs, program.symbols, program.sections
    frames = np.isin(relocs.sid, eh_frame_sections(program))
    taken = sections.live[relocs.sid] & sections.alloc[relocs.sid] & ~frames
    taken &= ~(CALL | MARKER | _LOW)[relocs.type]
    inside = symbols.sid[relocs.sym] == relocs.sid  # a jump table is in another section
    named = symbols.sid[relocs.sym[taken & ~inside]]
    shown = symbols.sid[: symbols.globals][public]
    result: Column = np.unique(np.concatenate((named[named >= 0], shown[shown >= 0])))
    return result


def _classes(program: ProgramColumns, candidates: list[int], free: Column) -> list[list[int]]:
    """The classes with more than one section, each in the order of the link."""
    sections, relocs, symbols = program.sections, program.relocs, program.symbols
    order = np.argsort(relocs.sid, kind="stable")
    source = relocs.sid[order]
    mine = set(candidates)
    fixed: dict[int, Hashable] = {}
    variable: dict[int, list[int]] = {}
    for sid in candidates:
        low, high = np.searchsorted(source, (sid, sid + 1)).tolist()
        rows = order[low:high]
        parts: list[Hashable] = []
        named: list[int] = []
        columns = (relocs.offset, relocs.type, relocs.addend, relocs.sym)
        for offset, kind, addend, sym in zip(*(column[rows].tolist() for column in columns), strict=True):
            target, value = int(symbols.sid[sym]), int(symbols.value[sym])
            if free[sym] or target < 0:
                place: Hashable = ("symbol", sym)
            elif target == sid:
                place = ("here", value)
            elif target in mine:
                place = ("code", value)
                named.append(target)
            else:
                place = ("place", target, value)
            parts.append((offset, kind, addend, place))
        flags = int(program.resolution.files[int(sections.file[sid])].object.e_flags)
        fixed[sid] = (
            sections.data[sid],
            int(sections.align[sid]),
            int(sections.flags[sid]),
            flags,
            tuple(parts),
        )
        variable[sid] = named
    classes = _numbered(fixed)
    while True:
        refined = _numbered(
            {sid: (classes[sid], *(classes[to] for to in variable[sid])) for sid in candidates}
        )
        if len(set(refined.values())) == len(set(classes.values())):
            break
        classes = refined
    members: dict[int, list[int]] = defaultdict(list)
    for sid in candidates:
        members[classes[sid]].append(sid)
    return [group for group in members.values() if len(group) > 1]


def _numbered(keys: dict[int, Hashable]) -> dict[int, int]:
    """Equal numbers for equal keys."""
    numbers: dict[Hashable, int] = {}
    return {sid: numbers.setdefault(key, len(numbers)) for sid, key in keys.items()}
