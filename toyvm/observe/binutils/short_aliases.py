"""What GNU objdump calls compressed instructions unless `-M no-aliases` is given: `ret` for `c.jr ra`.

A compressed instruction is shown as the instruction that it expands to, and that by its shortest name.
"""

from __future__ import annotations

_SAME_REGISTER = ("and", "or", "xor", "sub", "addw", "subw", "mul")  # c.and a0,a1 is and a0,a0,a1
_IMMEDIATE = ("addi", "addiw", "slli", "srli", "srai", "andi")
_UNARY = ("not", "zext.b", "sext.b", "zext.h", "sext.h", "zext.w")
_STACK = {"lwsp": "lw", "ldsp": "ld", "swsp": "sw", "sdsp": "sd", "fldsp": "fld", "fsdsp": "fsd"}


def uncompressed(mnemonic: str, operands: str) -> tuple[str, str]:
    """The name and the operands of an instruction without `c.`; others stay as they are."""
    if not mnemonic.startswith("c."):
        return mnemonic, operands
    name = mnemonic[2:]
    words = operands.split(",")
    if name in _STACK:
        return _STACK[name], operands
    if (words[0] == "zero" and len(words) > 1) or (name == "nop" and operands) or name.startswith("ntl."):
        return mnemonic, operands  # a hint, which has no other name
    if name == "lui":
        return name, f"{words[0]},{int(words[1], 0) & 0xFFFFF:#x}"
    if name == "jr":
        return ("ret", "") if operands == "ra" else ("jr", operands)
    if name == "add":
        return ("add", f"{words[0]},{operands}")
    if name in _SAME_REGISTER:
        return name, f"{words[0]},{operands}"
    if name in _IMMEDIATE:
        if name == "addiw" and words[1] == "0":
            return "sext.w", f"{words[0]},{words[0]}"
        return name, f"{words[0]},{operands}"
    if name in _UNARY:
        return name, f"{words[0]},{words[0]}"
    if name == "addi16sp":
        return "addi", f"sp,sp,{words[-1]}"
    if name == "addi4spn":
        return "addi", f"{words[0]},sp,{words[-1]}"
    return name, operands
