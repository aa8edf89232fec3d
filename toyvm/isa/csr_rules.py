"""Which CSRs an architecture has, by extension and by version of the privileged manual (-mcsr-check).

The rules are those of GNU as 2.40. A CSR that is in none of them needs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache

from .registers import CSRS

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


def csr_faults(name: str, xlen: int, has: Callable[[str], bool], version: str) -> Iterator[tuple[str, str]]:
    """Why a machine has no CSR of that name: our words, and those of GNU as.

    `has` says whether the architecture has an extension, `version` is one of VERSIONS.
    """
    rule = _rules().get(name)
    if rule is None:
        return
    ext, since, before, narrow, hypervisor = rule
    if narrow and xlen != 32:
        yield f"CSR {name} is of 32-bit machines", f"invalid CSR `{name}', needs rv32i extension"
    for needed in (*(("h",) if hypervisor else ()), ext):
        if not has(needed):
            yield (
                f"CSR {name} needs extension '{needed}'",
                f"invalid CSR `{name}', needs `{needed}' extension",
            )
    place = VERSIONS.index(version)
    if (since and place < VERSIONS.index(since)) or (before and place >= VERSIONS.index(before)):
        yield (
            f"version {version} of the privileged manual has no CSR {name} (-mpriv-spec)",
            f"invalid CSR `{name}' for the privileged spec `{version}'",
        )


_SETS_OR_CLEARS = 2  # bit of funct3


def writes_read_only(word: int) -> bool:
    """Whether an instruction writes a CSR that is read-only."""
    only_reads = word >> 12 & _SETS_OR_CLEARS and word >> 15 & 31 == 0
    return word >> 30 == 3 and not only_reads
