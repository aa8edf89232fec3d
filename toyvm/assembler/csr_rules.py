"""Which CSRs an architecture has, by extension and by version of the privileged manual (-mcsr-check).

The rules are those of GNU as 2.40. A CSR that is in none of them needs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

from ..isa.registers import CSRS

if TYPE_CHECKING:
    from .state import AssemblyState

VERSIONS = ("1.9.1", "1.10", "1.11", "1.12")

# Extension | since | before | RV32 only | with H | names: `a..b` are numbers, `*` any number
_RULES = """
i | 1.9.1 |      |    |   | cycle time instret hpmcounter* sstatus sie stvec sscratch sepc scause sip mvendorid marchid
i | 1.9.1 |      |    |   | mimpid mhartid mstatus misa medeleg mideleg mie mtvec mscratch mepc mcause mip mcycle minstret
i | 1.9.1 |      |    |   | mhpmcounter* mhpmevent*
i | 1.9.1 |      | 32 |   | cycleh timeh instreth hpmcounter*h mcycleh minstreth mhpmcounter*h
i | 1.10  |      |    |   | scounteren stval satp mcounteren mtval pmpcfg0 pmpcfg2 pmpaddr0..15
i | 1.10  |      | 32 |   | pmpcfg1 pmpcfg3
i | 1.11  |      |    |   | mcountinhibit
i | 1.12  |      |    |   | senvcfg mconfigptr mtinst mtval2 menvcfg mseccfg pmpaddr16..63
i | 1.12  |      |    |   | pmpcfg4 pmpcfg6 pmpcfg8 pmpcfg10 pmpcfg12 pmpcfg14
i | 1.12  |      | 32 |   | mstatush menvcfgh mseccfgh pmpcfg5 pmpcfg7 pmpcfg9 pmpcfg11 pmpcfg13 pmpcfg15
i | 1.9.1 | 1.10 |    |   | mbase mbound mibase mibound mdbase mdbound mscounteren mhcounteren
i | 1.9.1 | 1.10 |    |   | ubadaddr sbadaddr sptbr mbadaddr mucounteren
i | 1.9.1 | 1.12 |    |   | ustatus uie utvec uscratch uepc ucause uip sedeleg sideleg
i | 1.10  | 1.12 |    |   | utval
f |       |      |    |   | fflags frm fcsr
zkr |     |      |    |   | seed
zve32x |  |      |    |   | vstart vxsat vxrm vcsr vl vtype vlenb
h |       |      |    |   | hstatus hedeleg hideleg hie hcounteren hgeie htval hip hvip htinst hgeip henvcfg hgatp
h |       |      |    |   | htimedelta vsstatus vsie vstvec vsscratch vsepc vscause vstval vsip vsatp
h |       |      | 32 |   | henvcfgh htimedeltah
smaia |   |      |    |   | miselect mireg mtopei mtopi mvien mvip
smaia |   |      | 32 |   | midelegh mieh mvienh mviph miph
smstateen | |    |    |   | mstateen0..3
smstateen | |    | 32 |   | mstateen*h
ssstateen | |    |    |   | sstateen0..3
ssstateen | |    |    | h | hstateen0..3
ssstateen | |    | 32 | h | hstateen*h
ssaia |   |      |    |   | siselect sireg stopei stopi
ssaia |   |      | 32 |   | sieh siph
ssaia |   |      |    | h | hvien hvictl hviprio1 hviprio2 vsiselect vsireg vstopei vstopi
ssaia |   |      | 32 | h | hidelegh hvienh hviph hviprio1h hviprio2h vsieh vsiph
sscofpmf | |     |    |   | scountovf
sscofpmf | |     | 32 |   | mhpmevent*h
sstc |    |      |    |   | stimecmp
sstc |    |      | 32 |   | stimecmph
sstc |    |      |    | h | vstimecmp
sstc |    |      | 32 | h | vstimecmph
"""
Rule = tuple[str, str, str, bool, bool]  # extension, since, before, RV32 only, with H


@cache
def _rules() -> dict[str, Rule]:
    found: dict[str, Rule] = {}
    for line in _RULES.strip().splitlines():
        ext, since, before, width, hypervisor, names = (cell.strip() for cell in line.split("|"))
        for name in names.split():
            rule = (ext, since, before, width == "32", hypervisor == "h")
            found.update(dict.fromkeys(_expanded(name), rule))
    return found


def _expanded(name: str) -> Iterator[str]:
    """The CSRs that a name of `_RULES` stands for."""
    if ".." in name:
        stem, last = name.split("..")
        first = re.sub(r"^\D+", "", stem)
        yield from (f"{stem[: -len(first)]}{number}" for number in range(int(first), int(last) + 1))
    elif "*" in name:
        pattern = re.compile(name.replace("*", r"\d+"))
        yield from (known for known in CSRS if pattern.fullmatch(known))
    else:
        yield name


def check(state: AssemblyState, name: str) -> None:
    """Warn about a CSR, by its name, that the architecture or the privileged manual does not have."""
    rule = _rules().get(name)
    if rule is None:
        return
    ext, since, before, narrow, hypervisor = rule
    arch = state.modes.arch
    missing = ["rv32i"] if narrow and arch.xlen != 32 else []
    missing += ["`h'"] if hypervisor and not arch.has("h") else []
    missing += [f"`{ext}'"] if not arch.has(ext) else []
    for what in missing:
        plain = what.strip("`'")
        state.warn(
            f"CSR {name} needs {'a 32-bit machine' if plain == 'rv32i' else f'extension {plain!r}'}",
            name,
            gnu=f"invalid CSR `{name}', needs {what} extension",
        )
    version = VERSIONS.index(state.priv_spec)
    if (since and version < VERSIONS.index(since)) or (before and version >= VERSIONS.index(before)):
        state.warn(
            f"version {state.priv_spec} of the privileged manual has no CSR {name} (-mpriv-spec)",
            name,
            gnu=f"invalid CSR `{name}' for the privileged spec `{state.priv_spec}'",
        )


_SETS_OR_CLEARS = 2  # bit of funct3


def check_write(state: AssemblyState, word: int) -> None:
    """Warn if an instruction writes a CSR that is read-only."""
    writes = not (word >> 12 & _SETS_OR_CLEARS and word >> 15 & 31 == 0)
    if word >> 30 == 3 and writes:
        state.warn(f"CSR {word >> 20:#x} is read-only", gnu="read-only CSR is written `{statement}'")
