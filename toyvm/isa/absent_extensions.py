"""Why a word is an illegal instruction: the extension that it belongs to, or the privilege that it needs.

The encodings are those of the unprivileged and privileged manuals and of riscv-opcodes. Instructions
that are hints on a machine without their extension (prefetch.r, ntl.p1, pause) are not here, because
they do not trap.
"""

from __future__ import annotations

from functools import cache

from ..base.light_types import TYPE_CHECKING
from .buckets import file_rows, find_row
from .decode import decode
from .registers import CSRS
from .vector_names import vector_name

if TYPE_CHECKING:
    from .buckets import Entry, Filed

_ABSENT = "which this machine does not have"

# Extension: match/mask:mnemonic
_ROWS = """
Zbc: 0a002033/fe00707f:clmulr 0a001033/fe00707f:clmul 0a003033/fe00707f:clmulh
Zbkb: 08004033/fe00707f:pack 08007033/fe00707f:packh 0800403b/fe00707f:packw 68705013/fff0707f:brev8
Zbkx: 28002033/fe00707f:xperm4 28004033/fe00707f:xperm8
Zknd: 3a000033/fe00707f:aes64ds 3e000033/fe00707f:aes64dsm 30001013/fff0707f:aes64im
Zknd: 31001013/ff00707f:aes64ks1i 7e000033/fe00707f:aes64ks2
Zkne: 32000033/fe00707f:aes64es 36000033/fe00707f:aes64esm
Zknh: 10201013/fff0707f:sha256sig0 10301013/fff0707f:sha256sig1 10001013/fff0707f:sha256sum0
Zknh: 10101013/fff0707f:sha256sum1 10601013/fff0707f:sha512sig0 10701013/fff0707f:sha512sig1
Zknh: 10401013/fff0707f:sha512sum0 10501013/fff0707f:sha512sum1
Zksed: 30000033/3e00707f:sm4ed 34000033/3e00707f:sm4ks
Zksh: 10801013/fff0707f:sm3p0 10901013/fff0707f:sm3p1
Zicbom: 0010200f/fff07fff:cbo.clean 0020200f/fff07fff:cbo.flush 0000200f/fff07fff:cbo.inval
Zicboz: 0040200f/fff07fff:cbo.zero
Zawrs: 00d00073/ffffffff:wrs.nto 01d00073/ffffffff:wrs.sto
Svinval: 16000073/fe007fff:sinval.vma 18000073/ffffffff:sfence.w.inval 18100073/ffffffff:sfence.inval.ir
H: 60004073/fff0707f:hlv.b 60104073/fff0707f:hlv.bu 64004073/fff0707f:hlv.h 64104073/fff0707f:hlv.hu
H: 64304073/fff0707f:hlvx.hu 68004073/fff0707f:hlv.w 68304073/fff0707f:hlvx.wu 68104073/fff0707f:hlv.wu
H: 6c004073/fff0707f:hlv.d 62004073/fe007fff:hsv.b 66004073/fe007fff:hsv.h 6a004073/fe007fff:hsv.w
H: 6e004073/fe007fff:hsv.d 22000073/fe007fff:hfence.vvma 62000073/fe007fff:hfence.gvma
H: 26000073/fe007fff:hinval.vvma 66000073/fe007fff:hinval.gvma
Zacas: 2800202f/f800707f:amocas.w 2800302f/f800707f:amocas.d 2800402f/f800707f:amocas.q
Zacas: 2800002f/f800707f:amocas.b 2800102f/f800707f:amocas.h
Zicfiss: 4800202f/f800707f:ssamoswap.w 4800302f/f800707f:ssamoswap.d
Zabha: 0000002f/f800707f:amoadd.b 0000102f/f800707f:amoadd.h 0800002f/f800707f:amoswap.b
Zabha: 0800102f/f800707f:amoswap.h 2000002f/f800707f:amoxor.b 2000102f/f800707f:amoxor.h
Zabha: 4000002f/f800707f:amoor.b 4000102f/f800707f:amoor.h 6000002f/f800707f:amoand.b
Zabha: 6000102f/f800707f:amoand.h 8000002f/f800707f:amomin.b 8000102f/f800707f:amomin.h
Zabha: a000002f/f800707f:amomax.b a000102f/f800707f:amomax.h c000002f/f800707f:amominu.b
Zabha: c000102f/f800707f:amominu.h e000002f/f800707f:amomaxu.b e000102f/f800707f:amomaxu.h
Zfa: f0100053/fff0707f:fli.s f2100053/fff0707f:fli.d 28002053/fe00707f:fminm.s 28003053/fe00707f:fmaxm.s
Zfa: 2a002053/fe00707f:fminm.d 2a003053/fe00707f:fmaxm.d 40400053/fff0007f:fround.s
Zfa: 40500053/fff0007f:froundnx.s 42400053/fff0007f:fround.d 42500053/fff0007f:froundnx.d
Zfa: c2801053/fff0707f:fcvtmod.w.d a0004053/fe00707f:fleq.s a0005053/fe00707f:fltq.s
Zfa: a2004053/fe00707f:fleq.d a2005053/fe00707f:fltq.d
Zfbfmin: 44800053/fff0007f:fcvt.bf16.s 40600053/fff0007f:fcvt.s.bf16
Zfh: 00001007/0000707f:flh 00001027/0000707f:fsh e4000053/fff0707f:fmv.x.h f4000053/fff0707f:fmv.h.x
Q: 00004007/0000707f:flq 00004027/0000707f:fsq
Zimop: 81c04073/b3c0707f:mop.r 82004073/b200707f:mop.rr
Zvbb: 48052057/fc0ff07f:vbrev.v 48062057/fc0ff07f:vclz.v 4806a057/fc0ff07f:vctz.v
Zvbb: 48072057/fc0ff07f:vcpop.v d4000057/fc00707f:vwsll.vv d4004057/fc00707f:vwsll.vx
Zvbb: d4003057/fc00707f:vwsll.vi
Zvkb: 04000057/fc00707f:vandn.vv 04004057/fc00707f:vandn.vx 48042057/fc0ff07f:vbrev8.v
Zvkb: 4804a057/fc0ff07f:vrev8.v 54000057/fc00707f:vrol.vv 54004057/fc00707f:vrol.vx
Zvkb: 50000057/fc00707f:vror.vv 50004057/fc00707f:vror.vx 50003057/f800707f:vror.vi
Zvbc: 30002057/fc00707f:vclmul.vv 30006057/fc00707f:vclmul.vx 34002057/fc00707f:vclmulh.vv
Zvbc: 34006057/fc00707f:vclmulh.vx
Zcb: 8000/fc03:c.lbu 8400/fc43:c.lhu 8440/fc43:c.lh 8800/fc03:c.sb 8c00/fc43:c.sh 9c61/fc7f:c.zext.b
Zcb: 9c65/fc7f:c.sext.b 9c69/fc7f:c.zext.h 9c6d/fc7f:c.sext.h 9c71/fc7f:c.zext.w 9c75/fc7f:c.not
Zcb: 9c41/fc63:c.mul
Zcmop: 6081/f8ff:c.mop
"""

# Major opcodes that belong to an extension, or that the manual leaves to vendors
_OPCODES = {
    0x77: "an instruction of a vector cryptography extension (Zvk)",
    0x57: "an instruction of the V extension or of one that extends it",
    0x0B: "an instruction of a vendor's own (custom-0), for example of T-Head's extensions",
    0x2B: "an instruction of a vendor's own (custom-1)",
    0x5B: "an instruction of a vendor's own (custom-2)",
    0x7B: "an instruction of a vendor's own (custom-3)",
}

_CSR_OWNERS = {
    0x008: "V", 0x009: "V", 0x00A: "V", 0x00F: "V", 0xC20: "V", 0xC21: "V", 0xC22: "V",
    0x011: "Zicfiss", 0x015: "Zkr", 0x017: "Zcmt",
}  # fmt: skip
_CSR_NAMES = {number: name for name, number in CSRS.items()} | {
    0x008: "vstart", 0x009: "vxsat", 0x00A: "vxrm", 0x00F: "vcsr", 0xC20: "vl", 0xC21: "vtype", 0xC22: "vlenb",
    0x011: "ssp", 0x015: "seed", 0x017: "jvt",
}  # fmt: skip
_MODES = ("user", "supervisor", "hypervisor", "machine")
_UNIMP = 0xC0001073
_FORMATS = "sdhq"
_FLOAT_OPCODES = (0x43, 0x47, 0x4B, 0x4F, 0x53)


def why_illegal(word: int) -> str:
    """A sentence about `word`, which this machine has refused as an illegal instruction; "" if nothing is known.

    `word` is the whole instruction. Of an instruction of 16 bits the upper half is ignored.
    """
    if word & 3 != 3:
        return _compressed(word & 0xFFFF)
    if word == _UNIMP:
        return "unimp, which is always illegal: compilers put it where control must not come"
    if word & 0x1F == 0x1F:
        return "an instruction of more than 32 bits, or data: no extension with such instructions is ratified"
    known = decode(word)
    if known is not None:
        return _known(word, known.name, known.insn.ext)
    found = absent_instruction(word)
    if found is not None:
        name, extension = found
        return f"{name} is of the {extension} extension, {_ABSENT}"
    if word & 0x7F in _OPCODES:
        return f"{_OPCODES[word & 0x7F]}, {_ABSENT}"
    return ""


def absent_instruction(word: int) -> tuple[str, str] | None:
    """(mnemonic, extension) of an instruction of an extension that this machine does not have, or None."""
    row = find_row(_filed(), word)
    if row is not None:
        return row
    if word & 3 == 3:
        name = vector_name(word)
        return (name, "V") if name else _float(word)
    return None


@cache
def _filed() -> Filed[tuple[str, str]]:
    return file_rows(rows())


def rows() -> list[Entry[tuple[str, str]]]:
    """The instructions that are listed: match, mask, 0, (mnemonic, extension)."""
    entries: list[Entry[tuple[str, str]]] = []
    for line in _ROWS.split("\n"):
        extension, _, items = line.partition(": ")
        for item in items.split():
            numbers, _, name = item.partition(":")
            match, mask = (int(number, 16) for number in numbers.split("/"))
            entries.append((match, mask, 0, (name, extension)))
    return entries


def _float(word: int) -> tuple[str, str] | None:
    """An instruction on halves (Zfh) or quads (Q): one on singles with another number in the format field."""
    opcode, form, source = word & 0x7F, word >> 25 & 3, word >> 20 & 31
    if opcode not in _FLOAT_OPCODES:
        return None
    if opcode == 0x53 and word >> 27 == 0b01000 and source < 4:  # fcvt between formats
        extension = "Q" if 3 in (form, source) else "Zfh"
        return f"fcvt.{_FORMATS[form]}.{_FORMATS[source]}", extension
    single = decode(word & ~(3 << 25)) if form > 1 else None
    if single is None or ".s" not in single.name:
        return None
    return single.name.replace(".s", f".{_FORMATS[form]}"), "Zfh" if form == 2 else "Q"


def _compressed(word: int) -> str:
    if word == 0:
        return "all zeros, which is no instruction: a jump into data, or beyond the end of the code?"
    found = absent_instruction(word)
    return f"{found[0]} is of the {found[1]} extension, {_ABSENT}" if found is not None else ""


def _known(word: int, name: str, extension: str) -> str:
    """An instruction that this machine has, and that is illegal here."""
    if extension == "Privileged":
        return f"{name} is a privileged instruction: a program in user mode cannot execute it"
    if extension in ("F", "D"):
        return f"{name} with a rounding mode that is reserved, in the instruction or in frm"
    if extension != "Zicsr":
        return ""
    number = word >> 20
    csr = _CSR_NAMES.get(number, f"{number:#x}")
    if number in _CSR_OWNERS:
        return f"{name} of the CSR {csr}, which is of the {_CSR_OWNERS[number]} extension, {_ABSENT}"
    mode = number >> 8 & 3
    if mode:
        return f"{name} of the CSR {csr}, which only the {_MODES[mode]} mode can access"
    if number >> 10 == 3 and number in CSRS.values():
        return f"{name} writes the CSR {csr}, which is read-only"
    return f"{name} of the CSR {csr}, {_ABSENT}"
