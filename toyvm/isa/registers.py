"""The names and numbers of registers (psABI) and CSRs (privileged manual)."""

from __future__ import annotations

X_NAMES = (
    "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2",
    "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5",
    "a6", "a7", "s2", "s3", "s4", "s5", "s6", "s7",
    "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
)  # fmt: skip
F_NAMES = (
    "ft0", "ft1", "ft2", "ft3", "ft4", "ft5", "ft6", "ft7",
    "fs0", "fs1", "fa0", "fa1", "fa2", "fa3", "fa4", "fa5",
    "fa6", "fa7", "fs2", "fs3", "fs4", "fs5", "fs6", "fs7",
    "fs8", "fs9", "fs10", "fs11", "ft8", "ft9", "ft10", "ft11",
)  # fmt: skip

X_NUMBERS: dict[str, int] = {
    **{name: number for number, name in enumerate(X_NAMES)},
    **{f"x{number}": number for number in range(32)},
    "fp": 8,
}
F_NUMBERS: dict[str, int] = {
    **{name: number for number, name in enumerate(F_NAMES)},
    **{f"f{number}": number for number in range(32)},
}


def x_register(name: str) -> int | None:
    """The number of an integer register by either name (`x5`, `t0`, `fp`), or None."""
    return X_NUMBERS.get(name)


def f_register(name: str) -> int | None:
    """The number of a floating-point register by either name (`f10`, `fa0`), or None."""
    return F_NUMBERS.get(name)


# Further CSRs: name:number (binutils 2.40, opcodes/riscv-opc.h; privileged manual and its extensions for newer ones)
_MORE_CSRS = """
vstart:8 vxsat:9 vxrm:a vcsr:f seed:15 sstateen0:10c sstateen1:10d sstateen2:10e sstateen3:10f sieh:114
stimecmp:14d siselect:150 sireg:151 siph:154 stopei:15c stimecmph:15d vsstatus:200 vsie:204 vstvec:205 vsieh:214
vsscratch:240 vsepc:241 vscause:242 vstval:243 vsip:244 vstimecmp:24d vsiselect:250 vsireg:251 vsiph:254
vstopei:25c vstimecmph:25d vsatp:280 mvien:308 mvip:309 mstateen0:30c mstateen1:30d mstateen2:30e mstateen3:30f
mstatush:310 midelegh:313 mieh:314 mvienh:318 mviph:319 menvcfgh:31a mstateen0h:31c mstateen1h:31d mstateen2h:31e
mstateen3h:31f miselect:350 mireg:351 miph:354 mtopei:35c pmpcfg1:3a1 pmpcfg3:3a3 pmpcfg5:3a5 pmpcfg7:3a7
pmpcfg9:3a9 pmpcfg11:3ab pmpcfg13:3ad pmpcfg15:3af hstatus:600 hedeleg:602 hideleg:603 hie:604 htimedelta:605
hcounteren:606 hgeie:607 hvien:608 hvictl:609 henvcfg:60a hstateen0:60c hstateen1:60d hstateen2:60e hstateen3:60f
hidelegh:613 htimedeltah:615 hvienh:618 henvcfgh:61a hstateen0h:61c hstateen1h:61d hstateen2h:61e hstateen3h:61f
htval:643 hip:644 hvip:645 hviprio1:646 hviprio2:647 htinst:64a hviph:655 hviprio1h:656 hviprio2h:657 hgatp:680
mseccfgh:757 mcycleh:b80 minstreth:b82 vl:c20 vtype:c21 vlenb:c22 cycleh:c80 timeh:c81 instreth:c82 scountovf:da0
stopi:db0 hgeip:e12 vstopi:eb0 mtopi:fb0 ssp:11 jvt:17 scountinhibit:120 sctrctl:14e sctrstatus:14f sctrdepth:15f
vsctrctl:24e mctrctl:34e mnscratch:740 mnepc:741 mncause:742 mnstatus:744 srmcfg:181 mcyclecfg:321 minstretcfg:322
"""
# Names of older privileged manuals and of the parts of a register, which no disassembler prints
_OLD_CSRS = """
ustatus:0 uie:4 utvec:5 uscratch:40 uepc:41 ucause:42 utval:43 ubadaddr:43 uip:44 sedeleg:102 sideleg:103
sbadaddr:143 sptbr:180 mucounteren:320 mscounteren:321 mhcounteren:322 mbadaddr:343 mbase:380 mbound:381 mibase:382
mibound:383 mdbase:384 mdbound:385 etrigger:7a1 icount:7a1 itrigger:7a1 mcontrol:7a1 mcontrol6:7a1 tmexttrigger:7a1
textra32:7a3 textra64:7a3 mscontext:7aa dscratch:7b2 hcontext:6a8
"""


def _numbered(text: str) -> dict[str, int]:
    return {name: int(number, 16) for name, _, number in (word.partition(":") for word in text.split())}


def _csrs() -> dict[str, int]:
    csrs = {
        "fflags": 0x001, "frm": 0x002, "fcsr": 0x003,
        "cycle": 0xC00, "time": 0xC01, "instret": 0xC02,
        "sstatus": 0x100, "sie": 0x104, "stvec": 0x105, "scounteren": 0x106, "senvcfg": 0x10A,
        "sscratch": 0x140, "sepc": 0x141, "scause": 0x142, "stval": 0x143, "sip": 0x144, "satp": 0x180,
        "mvendorid": 0xF11, "marchid": 0xF12, "mimpid": 0xF13, "mhartid": 0xF14, "mconfigptr": 0xF15,
        "mstatus": 0x300, "misa": 0x301, "medeleg": 0x302, "mideleg": 0x303, "mie": 0x304, "mtvec": 0x305,
        "mcounteren": 0x306, "mcountinhibit": 0x320,
        "mscratch": 0x340, "mepc": 0x341, "mcause": 0x342, "mtval": 0x343, "mip": 0x344, "mtinst": 0x34A,
        "mtval2": 0x34B, "menvcfg": 0x30A, "mseccfg": 0x747, "mcycle": 0xB00, "minstret": 0xB02,
        "tselect": 0x7A0, "tdata1": 0x7A1, "tdata2": 0x7A2, "tdata3": 0x7A3, "tinfo": 0x7A4,
        "tcontrol": 0x7A5, "mcontext": 0x7A8, "scontext": 0x5A8, "dcsr": 0x7B0, "dpc": 0x7B1,
        "dscratch0": 0x7B2, "dscratch1": 0x7B3,
    }  # fmt: skip
    for index in range(3, 32):
        csrs[f"hpmcounter{index}"] = 0xC00 + index
        csrs[f"mhpmcounter{index}"] = 0xB00 + index
        csrs[f"mhpmevent{index}"] = 0x320 + index
        csrs[f"hpmcounter{index}h"] = 0xC80 + index
        csrs[f"mhpmcounter{index}h"] = 0xB80 + index
        csrs[f"mhpmevent{index}h"] = 0x720 + index
    for index in (0, 2, 4, 6, 8, 10, 12, 14):
        csrs[f"pmpcfg{index}"] = 0x3A0 + index
    for index in range(64):
        csrs[f"pmpaddr{index}"] = 0x3B0 + index
    for letter, number in (("s", 0x150), ("vs", 0x250), ("m", 0x350)):
        csrs |= {
            f"{letter}ireg{index}": number + place
            for index, place in zip(range(2, 7), (2, 3, 5, 6, 7), strict=True)
        }
    return csrs | _numbered(_MORE_CSRS)


_CURRENT: dict[str, int] = _csrs()
CSRS: dict[str, int] = _CURRENT | _numbered(_OLD_CSRS)  # name -> number (privileged manual, "CSR Listing")
CSR_NAMES: dict[int, str] = {number: name for name, number in _CURRENT.items()}
