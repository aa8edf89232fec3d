"""An illegal instruction is named with the extension that it belongs to, or the privilege that it needs."""

import pytest

from toyvm.isa.absent_extensions import absent_instruction, why_illegal
from toyvm.isa.decode import decode
from toyvm.isa.encoded.notation import Alias
from toyvm.isa.encoded.table import ENCODED

ABSENT = "which this machine does not have"


@pytest.mark.parametrize(
    ("word", "words"),
    [
        (0x0D0572D7, f"vsetvli is of the V extension, {ABSENT}"),
        (0x5208A0D7, f"vid.v is of the V extension, {ABSENT}"),
        (0x5209A0D7, f"an instruction of the V extension or of one that extends it, {ABSENT}"),
        (0x0205E507, f"vle32.v is of the V extension, {ABSENT}"),
        (0x06B57553, f"fadd.q is of the Q extension, {ABSENT}"),
        (0x04B55553, "fadd.h with a rounding mode that is reserved, in the instruction or in frm"),
        (0x46157553, f"fcvt.q.d is of the Q extension, {ABSENT}"),
        (0x48B5A52F, f"ssamoswap.w is of the Zicfiss extension, {ABSENT}"),
        (0x0005200F, "cbo.inval is a privileged instruction: a program in user mode cannot execute it"),
        (0x6E004073, "hsv.d is a privileged instruction: a program in user mode cannot execute it"),
        (0xA20081F7, f"an instruction of a vector cryptography extension (Zvk), {ABSENT}"),
        (0x0000000B, f"an instruction of a vendor's own (custom-0), for example of T-Head's extensions, {ABSENT}"),
        (0x10200073, "sret is a privileged instruction: a program in user mode cannot execute it"),
        (0xC2202573, f"csrrs of the CSR vlenb, which is of the V extension, {ABSENT}"),
        (0x30002573, "csrrs of the CSR mstatus, which only the machine mode can access"),
        (0xC0101073, "csrrw writes the CSR time, which is read-only"),
        (0xC0001073, "unimp, which is always illegal: compilers put it where control must not come"),
        (0x02B55553, "fadd.d with a rounding mode that is reserved, in the instruction or in frm"),
        (0x00000000, "all zeros, which is no instruction: a jump into data, or beyond the end of the code?"),
        (0xFFFFFFFF, "an instruction of more than 32 bits, or data: no extension with such instructions is ratified"),
        (0x00007073, f"csrrci of the CSR 0x0, {ABSENT}"),
        (0x00008033 | 3 << 25, ""),
        (0x0000A063, ""),
    ],
)  # fmt: skip
def test_an_illegal_word_is_explained(word: int, words: str) -> None:
    assert why_illegal(word) == words


def test_no_row_hides_an_instruction_that_this_machine_has() -> None:
    """Zcmp and Zcmt have the encodings of C with D, and RV32 some of RV64."""
    found = [
        insn
        for insns in ENCODED.values()
        for insn in insns
        if insn.length == 4 and not isinstance(insn, Alias)
    ]
    assert len(found) > 800
    for insn in found:
        if insn.ext[:4] == "RV32" or insn.ext == "Privileged" or insn.name[:3] == "ssp":  # a hint of Zimop
            continue
        for word in (insn.match, insn.match | ~insn.mask & 0xFFFFFFFF):
            assert decode(word) is None, f"{insn.name} of {insn.ext}: {word:#x}"
            assert absent_instruction(word) is not None


def test_every_word_has_an_answer() -> None:
    for word in range(0x7F, 1 << 32, 0x9E3779):
        assert isinstance(why_illegal(word), str)
