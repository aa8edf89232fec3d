"""The machine code of the dynamic loader that the guest executes: one read-only page, `[ld.so]` in /proc/PID/maps.

The decisions are the loader's; this code only carries the guest's registers to it (private system calls,
`docs/design/loader.md`) and calls what it names. One frame serves all processes.
"""

from __future__ import annotations

import struct
from functools import lru_cache

from ..base.record import Record
from ..base.resources import kept, source_version
from ..elf import constants as c
from ..elf.hashes import SysvHash
from ..elf.symbol import Sym, st_info
from ..isa.registers import F_NAMES, F_NUMBERS, X_NUMBERS
from .dynamic_section import Dynamic, Table
from .dynamic_symbols import SymbolTable
from .link_map import LinkMap

NAME = "[ld.so]"
CACHE_FILE = "stub.marshal"
DL_RESOLVE, DL_NEXT_INIT, DL_NEXT_FINI, DL_OPEN, DL_SYM, DL_CLOSE, DL_ERROR, DL_FINI = range(7000, 7008)
_SYS_EXIT_GROUP = 94
_AT_ENTRY = 9
_NUMBERS = {**F_NUMBERS, **X_NUMBERS}


class Stub(Record):
    """The page's bytes and the offsets of its entry points."""

    code: bytes
    labels: dict[str, int]


class _Code:
    """Instructions one after another; branches name labels and are encoded when all are known."""

    def __init__(self) -> None:
        self._insns: list[tuple[str, dict[str, int], str | None]] = []
        self.labels: dict[str, int] = {}

    def label(self, name: str) -> None:
        self.labels[name] = 4 * len(self._insns)

    def op(self, name: str, to: str | None = None, **operands: str | int) -> None:
        """One instruction: bit fields by name, registers by ABI name (`rd="a0", imm=8`), or a label to branch to."""
        fields = {
            field: _NUMBERS[value] if isinstance(value, str) else value for field, value in operands.items()
        }
        self._insns.append((name, fields, to))

    def system_call(self, number: int) -> None:
        """`li a7, number; ecall`, for any number of 31 bits."""
        upper = number + 0x800 & ~0xFFF
        if upper:
            self.op("lui", rd="a7", imm=upper)
        self.op("addiw", rd="a7", rs1="a7" if upper else "zero", imm=number - upper)
        self.op("ecall")

    def encode(self) -> bytes:
        from ..isa.table import INSNS

        words = []
        for index, (name, fields, to) in enumerate(self._insns):
            if to is not None:
                fields = fields | {"imm": self.labels[to] - 4 * index}
            words.append(INSNS[name].encode(**fields))
        return struct.pack(f"<{len(words)}I", *words)


def _runtime_resolve(code: _Code) -> None:
    """What GOT[0] points at: t0 = link map, t1 = PLT offset; all argument registers are kept."""
    code.label("_dl_runtime_resolve")
    code.op("addi", rd="sp", rs1="sp", imm=-16)
    code.op("sd", rs2="a7", rs1="sp")
    code.system_call(DL_RESOLVE)
    code.op("ld", rd="a7", rs1="sp")
    code.op("addi", rd="sp", rs1="sp", imm=16)
    code.op("jalr", rd="zero", rs1="t3")


def _resolve_ifunc(code: _Code) -> None:
    """The first call of an IFUNC symbol: t0 = its resolver, t1 = the PLT slot. All argument registers (a0-a7, fa0-fa7)
    are kept."""
    saved = ["ra", "t1", *(f"a{i}" for i in range(8)), *(f"fa{i}" for i in range(8))]
    code.label("_dl_resolve_ifunc")
    code.op("addi", rd="sp", rs1="sp", imm=-8 * len(saved))
    for i, register in enumerate(saved):
        code.op("fsd" if register in F_NAMES else "sd", rs2=register, rs1="sp", imm=8 * i)
    code.op("jalr", rd="ra", rs1="t0")
    code.op("addi", rd="t3", rs1="a0")
    for i, register in enumerate(saved):
        code.op("fld" if register in F_NAMES else "ld", rd=register, rs1="sp", imm=8 * i)
    code.op("sd", rs2="t3", rs1="t1")
    code.op("addi", rd="sp", rs1="sp", imm=8 * len(saved))
    code.op("jalr", rd="zero", rs1="t3")


def _start_user(code: _Code) -> None:
    """Where a dynamic program begins: the initialisers with argc, argv, envp, then the program's own entry (AT_ENTRY).

    The entry sees sp as at exec and `_dl_fini` in a0, which the C library registers with atexit.
    """
    code.label("_dl_start_user")
    code.op("ld", rd="s0", rs1="sp")
    code.op("addi", rd="s1", rs1="sp", imm=8)
    code.op("slli", rd="s2", rs1="s0", shamt=3)
    code.op("add", rd="s2", rs1="s2", rs2="s1")
    code.op("addi", rd="s2", rs1="s2", imm=8)
    code.label("next_init")
    code.system_call(DL_NEXT_INIT)
    code.op("beq", rs1="a0", rs2="zero", to="initialised")
    code.op("addi", rd="t1", rs1="a0")
    code.op("addi", rd="a0", rs1="s0")
    code.op("addi", rd="a1", rs1="s1")
    code.op("addi", rd="a2", rs1="s2")
    code.op("jalr", rd="ra", rs1="t1")
    code.op("jal", rd="zero", to="next_init")
    code.label("initialised")
    code.op("ld", rd="t0", rs1="s2")
    code.op("addi", rd="s2", rs1="s2", imm=8)
    code.op("bne", rs1="t0", rs2="zero", to="initialised")
    code.op("addi", rd="t1", rs1="zero", imm=_AT_ENTRY)
    code.label("next_auxv")
    code.op("ld", rd="t0", rs1="s2")
    code.op("ld", rd="t3", rs1="s2", imm=8)
    code.op("addi", rd="s2", rs1="s2", imm=16)
    code.op("bne", rs1="t0", rs2="t1", to="next_auxv")
    code.op("auipc", rd="a0")
    code.op("addi", rd="a0", rs1="a0", imm=4 * 3)  # _dl_fini follows the jump
    code.op("jalr", rd="zero", rs1="t3")


def _fini(code: _Code) -> None:
    """The finalisers of all objects, at exit."""
    code.label("_dl_fini")
    code.op("addi", rd="sp", rs1="sp", imm=-16)
    code.op("sd", rs2="ra", rs1="sp", imm=8)
    code.system_call(DL_FINI)
    code.label("next_fini")
    code.system_call(DL_NEXT_FINI)
    code.op("beq", rs1="a0", rs2="zero", to="finalised")
    code.op("jalr", rd="ra", rs1="a0")
    code.op("jal", rd="zero", to="next_fini")
    code.label("finalised")
    code.op("ld", rd="ra", rs1="sp", imm=8)
    code.op("addi", rd="sp", rs1="sp", imm=16)
    code.op("jalr", rd="zero", rs1="ra")


def _small_ones(code: _Code) -> None:
    """`__tls_get_addr` (psABI; keeps all but a0 and the temporaries), the debugger's hook, and a clean end."""
    code.label("__tls_get_addr")
    code.op("ld", rd="t0", rs1="a0")
    code.op("ld", rd="a0", rs1="a0", imm=8)
    code.op("ld", rd="t1", rs1="tp", imm=-16)
    code.op("slli", rd="t0", rs1="t0", shamt=3)
    code.op("add", rd="t0", rs1="t0", rs2="t1")
    code.op("ld", rd="t0", rs1="t0")
    code.op("lui", rd="t1", imm=0x1000)
    code.op("srli", rd="t1", rs1="t1", shamt=1)
    code.op("add", rd="a0", rs1="a0", rs2="t1")
    code.op("add", rd="a0", rs1="a0", rs2="t0")
    code.op("jalr", rd="zero", rs1="ra")
    code.label("_dl_debug_state")
    code.op("jalr", rd="zero", rs1="ra")
    code.label("_dl_exit")
    code.op("addi", rd="a0", rs1="zero")
    code.system_call(_SYS_EXIT_GROUP)


@lru_cache(maxsize=1)
def build() -> Stub:
    """The stub page, encoded once for many runs: encoding needs the instruction table."""
    return Stub(*kept(CACHE_FILE, source_version("isa", "loader"), _encoded))


def _encoded() -> tuple[bytes, dict[str, int]]:
    code = _Code()
    _runtime_resolve(code)
    _resolve_ifunc(code)
    _start_user(code)
    _fini(code)
    _small_ones(code)
    return code.encode(), code.labels


_EXPORTED = ("__tls_get_addr", "_dl_debug_state")


@lru_cache(maxsize=16)
def object_at(address: int) -> LinkMap:
    """The stub as an object that defines symbols, its page at `address`. It has no file: its "bias" is in the values."""
    labels = build().labels
    strings = b"\0" + b"".join(name.encode() + b"\0" for name in _EXPORTED)
    array = Sym().pack()
    for name in _EXPORTED:
        offset = strings.index(name.encode())
        info = st_info(c.STB_GLOBAL, c.STT_FUNC)
        array += Sym(offset, info, 0, c.SHN_ABS, address + labels[name]).pack()
    chain = (0, *range(2, len(_EXPORTED) + 1), 0)
    symbols = SymbolTable(NAME, array, strings, SysvHash((1,), chain), b"")
    dynamic = Dynamic(0, {}, (), "", "", "", strings, Table(), Table(), Table(), (), (), (), 0)
    obj = LinkMap(NAME, None, dynamic, symbols)
    obj.startup = True
    return obj
