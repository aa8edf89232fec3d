"""The mnemonics of the V extension (vector manual 1.0, "Vector Instruction Listing").

toyvm has no vectors. It names such an instruction in the message about a program that executes one.
"""

from __future__ import annotations

_OP_V, _LOAD, _STORE = 0x57, 0x07, 0x27
_WIDTHS = {0: 8, 5: 16, 6: 32, 7: 64}  # funct3 of loads and stores -> bits of an element

# funct3 -> the names by funct6 without their first letter v; "-": none, "*": see _UNARY
_ARITHMETIC = {
    0: (
        "add.vv - sub.vv - minu.vv min.vv maxu.vv max.vv - and.vv or.vv xor.vv rgather.vv - rgatherei16.vv - "
        "adc.vvm madc.vv sbc.vvm msbc.vv - - - merge.vvm mseq.vv msne.vv msltu.vv mslt.vv msleu.vv msle.vv - "
        "- saddu.vv sadd.vv ssubu.vv ssub.vv - sll.vv - smul.vv srl.vv sra.vv ssrl.vv ssra.vv nsrl.wv nsra.wv "
        "nclipu.wv nclip.wv wredsumu.vs wredsum.vs"
    ),
    1: (
        "fadd.vv fredusum.vs fsub.vv fredosum.vs fmin.vv fredmin.vs fmax.vv fredmax.vs fsgnj.vv fsgnjn.vv "
        "fsgnjx.vv - - - - - * - * * - - - - mfeq.vv mfle.vv - mflt.vv mfne.vv - - - fdiv.vv - - - fmul.vv - "
        "- - fmadd.vv fnmadd.vv fmsub.vv fnmsub.vv fmacc.vv fnmacc.vv fmsac.vv fnmsac.vv fwadd.vv "
        "fwredusum.vs fwsub.vv fwredosum.vs fwadd.wv - fwsub.wv - fwmul.vv - - - fwmacc.vv fwnmacc.vv "
        "fwmsac.vv fwnmsac.vv"
    ),
    2: (
        "redsum.vs redand.vs redor.vs redxor.vs redminu.vs redmin.vs redmaxu.vs redmax.vs aaddu.vv aadd.vv "
        "asubu.vv asub.vv - - - - * - * - * - - compress.vm mandn.mm mand.mm mor.mm mxor.mm morn.mm mnand.mm "
        "mnor.mm mxnor.mm divu.vv div.vv remu.vv rem.vv mulhu.vv mul.vv mulhsu.vv mulh.vv - madd.vv - "
        "nmsub.vv - macc.vv - nmsac.vv waddu.vv wadd.vv wsubu.vv wsub.vv waddu.wv wadd.wv wsubu.wv wsub.wv "
        "wmulu.vv - wmulsu.vv wmul.vv wmaccu.vv wmacc.vv - wmaccsu.vv"
    ),
    3: (
        "add.vi - - rsub.vi - - - - - and.vi or.vi xor.vi rgather.vi - slideup.vi slidedown.vi adc.vim "
        "madc.vi - - - - - merge.vim mseq.vi msne.vi - - msleu.vi msle.vi msgtu.vi msgt.vi saddu.vi sadd.vi - "
        "- - sll.vi - - srl.vi sra.vi ssrl.vi ssra.vi nsrl.wi nsra.wi nclipu.wi nclip.wi"
    ),
    4: (
        "add.vx - sub.vx rsub.vx minu.vx min.vx maxu.vx max.vx - and.vx or.vx xor.vx rgather.vx - slideup.vx "
        "slidedown.vx adc.vxm madc.vx sbc.vxm msbc.vx - - - merge.vxm mseq.vx msne.vx msltu.vx mslt.vx "
        "msleu.vx msle.vx msgtu.vx msgt.vx saddu.vx sadd.vx ssubu.vx ssub.vx - sll.vx - smul.vx srl.vx sra.vx "
        "ssrl.vx ssra.vx nsrl.wx nsra.wx nclipu.wx nclip.wx"
    ),
    5: (
        "fadd.vf - fsub.vf - fmin.vf - fmax.vf - fsgnj.vf fsgnjn.vf fsgnjx.vf - - - fslide1up.vf "
        "fslide1down.vf - - - - - - - fmerge.vfm mfeq.vf mfle.vf - mflt.vf mfne.vf mfgt.vf - mfge.vf fdiv.vf "
        "frdiv.vf - - fmul.vf - - frsub.vf fmadd.vf fnmadd.vf fmsub.vf fnmsub.vf fmacc.vf fnmacc.vf fmsac.vf "
        "fnmsac.vf fwadd.vf - fwsub.vf - fwadd.wf - fwsub.wf - fwmul.vf - - - fwmacc.vf fwnmacc.vf fwmsac.vf "
        "fwnmsac.vf"
    ),
    6: (
        "- - - - - - - - aaddu.vx aadd.vx asubu.vx asub.vx - - slide1up.vx slide1down.vx - - - - - - - - - - "
        "- - - - - - divu.vx div.vx remu.vx rem.vx mulhu.vx mul.vx mulhsu.vx mulh.vx - madd.vx - nmsub.vx - "
        "macc.vx - nmsac.vx waddu.vx wadd.vx wsubu.vx wsub.vx waddu.wx wadd.wx wsubu.wx wsub.wx wmulu.vx - "
        "wmulsu.vx wmul.vx wmaccu.vx wmacc.vx wmaccus.vx wmaccsu.vx"
    ),
}
# (funct3, funct6) -> the names by the field of the first source
_UNARY = {
    (1, 16): {0: "fmv.f.s"},
    (1, 18): {
        0: "fcvt.xu.f.v", 1: "fcvt.x.f.v", 2: "fcvt.f.xu.v", 3: "fcvt.f.x.v", 6: "fcvt.rtz.xu.f.v",
        7: "fcvt.rtz.x.f.v", 8: "fwcvt.xu.f.v", 9: "fwcvt.x.f.v", 10: "fwcvt.f.xu.v", 11: "fwcvt.f.x.v",
        12: "fwcvt.f.f.v", 14: "fwcvt.rtz.xu.f.v", 15: "fwcvt.rtz.x.f.v", 16: "fncvt.xu.f.w",
        17: "fncvt.x.f.w", 18: "fncvt.f.xu.w", 19: "fncvt.f.x.w", 20: "fncvt.f.f.w", 21: "fncvt.rod.f.f.w",
        22: "fncvt.rtz.xu.f.w", 23: "fncvt.rtz.x.f.w",
    },
    (1, 19): {0: "fsqrt.v", 4: "frsqrt7.v", 5: "frec7.v", 16: "fclass.v"},
    (2, 16): {0: "mv.x.s", 16: "cpop.m", 17: "first.m"},
    (2, 18): {
        2: "zext.vf8", 3: "sext.vf8", 4: "zext.vf4", 5: "sext.vf4", 6: "zext.vf2", 7: "sext.vf2",
    },
    (2, 20): {1: "msbf.m", 2: "msof.m", 3: "msif.m", 16: "iota.m"},
}  # fmt: skip
# (funct3, funct6) of instructions that are others if they are not masked
_UNMASKED = {
    (0, 23): "vmv.v.v",
    (3, 23): "vmv.v.i",
    (4, 23): "vmv.v.x",
    (5, 23): "vfmv.v.f",
    (5, 16): "vfmv.s.f",
    (6, 16): "vmv.s.x",
}


def vector_name(word: int) -> str:
    """The mnemonic of a 32-bit instruction of the V extension, or ""."""
    opcode, funct3 = word & 0x7F, word >> 12 & 7
    if opcode in (_LOAD, _STORE) and funct3 in _WIDTHS:
        return _memory_name(word, "l" if opcode == _LOAD else "s", _WIDTHS[funct3])
    if opcode != _OP_V:
        return ""
    if funct3 == 7:
        if not word >> 31:
            return "vsetvli"
        return "vsetivli" if word >> 30 == 3 else "vsetvl" if word >> 25 == 0x40 else ""
    funct6, unmasked, source = word >> 26, word >> 25 & 1, word >> 15 & 31
    if (funct3, funct6) == (3, 39) and unmasked:
        return f"vmv{source + 1}r.v" if source in (0, 1, 3, 7) else ""
    if unmasked and (funct3, funct6) in _UNMASKED:
        return _UNMASKED[funct3, funct6]
    names = _ARITHMETIC[funct3].split()
    name = names[funct6] if funct6 < len(names) else "-"
    if name == "*":
        name = _UNARY[funct3, funct6].get(source, "-")
    if name[:5] in ("madc.", "msbc.") and not unmasked:
        name += "m"  # with the carry in v0
    return "" if name == "-" else f"v{name}"


def _memory_name(word: int, kind: str, bits: int) -> str:
    """The name of a load or a store, such as vle32.v, vlseg2e8ff.v, vluxei16.v, vs4r.v."""
    fields, mode, unit = word >> 29, word >> 26 & 3, word >> 20 & 31
    if word >> 28 & 1:
        return ""  # mew: reserved for wider elements
    segments = f"seg{fields + 1}" if fields else ""
    if mode == 0:
        if unit == 8:
            if fields not in (0, 1, 3, 7):
                return ""
            return f"vl{fields + 1}re{bits}.v" if kind == "l" else f"vs{fields + 1}r.v"
        if unit == 11:
            return f"v{kind}m.v"
        if unit not in (0, 16):
            return ""
        return f"v{kind}{segments}e{bits}{'ff' if unit else ''}.v"
    if mode == 2:
        return f"v{kind}s{segments}e{bits}.v"
    return f"v{kind}{'u' if mode == 1 else 'o'}x{segments}ei{bits}.v"
