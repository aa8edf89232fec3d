"""Where a function has put its caller's registers, read off its instructions.

For code without call frame information, as most assembly. The instructions from the start of the
function to the place where it is are taken in their order, which is right for a function that moves
sp at its start and moves it back before each return.
"""

from __future__ import annotations

from collections.abc import Callable

from ..isa.decode import Decoded, decode
from ..machine.physical_memory import PAGE_SIZE

_RA, _SP, _T0 = 1, 2, 5
_LONGEST = 4096  # bytes of code that are looked at
_BACK = 2048  # bytes before an address in which its function may start
_KEPT = frozenset({_RA, 8, 9, *range(18, 28)})  # ra, s0 ... s11
_ADDI = frozenset({"addi", "c.addi", "c.addi16sp"})
_STORES = frozenset({"sd", "c.sdsp"})
_JUMPS = frozenset({"jal", "jalr", "c.j", "c.jr"})
_WITHOUT_RD = frozenset({"sb", "sh", "sw", "sd", "c.sd", "c.sw", "c.sdsp", "c.swsp", "fsd", "fsw"})
_JAL, _JALR = 0x6F, 0x67
_RET = 0x8082  # c.jr ra

Reader = Callable[[int, int], bytes]


def caller_of(read: Reader, start: int, pc: int) -> dict[int, int] | None:
    """The frame of a function that starts at `start` and is at `pc`.

    Register 2 -> how far sp is below the CFA, which is sp at the start; each saved register -> its
    place relative to the CFA. None if the function moves sp in a way that is not understood.
    """
    code = read(start, min(pc - start, _LONGEST) + 2)
    depth, saved = 0, dict[int, int]()
    before: tuple[int, dict[int, int]] | None = None  # the frame before sp was moved back
    at = 0
    while at < pc - start and at + 2 <= len(code):
        decoded = decode(int.from_bytes(code[at : at + 4].ljust(4, b"\0"), "little"))
        if decoded is None:
            break
        name = decoded.insn.name
        if name in _ADDI and decoded.rd == _SP:
            if decoded.rs1 != _SP:
                return None
            if decoded.imm > 0 and before is None:
                before = depth, dict(saved)
            depth -= decoded.imm
        elif name in _STORES and decoded.rs1 == _SP and decoded.rs2 in _KEPT:
            saved.setdefault(decoded.rs2, decoded.imm - depth)
        elif _leaves(decoded) and before is not None:
            (depth, saved), before = before, None
        elif decoded.rd == _SP and name not in _WITHOUT_RD and not name.startswith(("f", "c.f")):
            return None
        at += decoded.length
    return {_SP: depth, **saved} if depth >= 0 else None


def likely_start(read: Reader, pc: int, *, leaf: bool) -> int | None:
    """The start of the function at `pc` if it has no symbol: the last place before it that makes room on the stack.

    `leaf`: the function may have made none. Then a return before `pc` is the end of another function.
    """
    first = max(0, pc - _BACK & -2)
    code = read(first, pc - first)
    if not code:  # the page before is not in memory
        first = pc & -PAGE_SIZE
        code = read(first, pc - first)
    for at in range(len(code) - 2 & -2, -1, -2):
        half = code[at] | code[at + 1] << 8
        if half & 0xEF83 == 0x6101 and half >> 12 & 1:  # c.addi16sp, of which the immediate is negative
            return first + at
        if half & 0xFF83 == 0x1101:  # c.addi sp, negative
            return first + at
        if leaf and half == _RET:
            return None
        word = int.from_bytes(code[at : at + 4], "little")
        if word & 0x800FFFFF == 0x80010113:  # addi sp, sp, negative
            return first + at
    return None


def _leaves(decoded: Decoded) -> bool:
    """Whether control never goes on behind this instruction: a return or another jump without a link."""
    return decoded.insn.name in _JUMPS and decoded.rd == 0


def follows_a_call(read: Reader, address: int) -> bool:
    """Whether the instruction before `address` is a call, whose return address this is."""
    if address & 1 or address < 4:
        return False
    code = read(address - 4, 4)
    if len(code) < 4:
        return False
    word = int.from_bytes(code, "little")
    if word & 0x7F in (_JAL, _JALR) and word >> 7 & 31 in (_RA, _T0):
        return True
    half = word >> 16
    return half & 0xF07F == 0x9002 and half >> 7 & 31 != 0  # c.jalr


def called_by(read: Reader, address: int) -> int | None:
    """The target of the direct call that returns to `address` (jal, or auipc and jalr); None if there is none."""
    code = read(address - 8, 8)
    if len(code) < 8:
        return None
    first, word = int.from_bytes(code[:4], "little"), int.from_bytes(code[4:], "little")
    call = decode(word)
    if call is None or call.insn.name not in ("jal", "jalr") or call.rd not in (_RA, _T0):
        return None
    if call.insn.name == "jal":
        return address - 4 + call.imm
    upper = decode(first)
    if upper is None or upper.insn.name != "auipc" or upper.rd != call.rs1:
        return None
    return address - 8 + (upper.imm << 12) + call.imm
