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
    for index in (0, 2, 4, 6, 8, 10, 12, 14):
        csrs[f"pmpcfg{index}"] = 0x3A0 + index
    for index in range(64):
        csrs[f"pmpaddr{index}"] = 0x3B0 + index
    return csrs


CSRS: dict[str, int] = _csrs()  # name -> number (privileged manual, "CSR Listing")
