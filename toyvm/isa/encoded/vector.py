"""V, Zvfh and the vector cryptography extensions (vector manual 1.0, "Vector Instruction Listing")."""

from __future__ import annotations

from collections.abc import Iterator

from ..spec import Insn
from .notation import read, row

_OP_V, _LOAD, _STORE = 0x57, 0x07, 0x27
_WIDTHS = {8: 0, 16: 5, 32: 6, 64: 7}  # bits of an element -> funct3 of loads and stores
_UNMASKED = 1 << 25
_INT, _FLOAT, _LONG = "Zve32x", "Zve32f", "Zve64x"

# funct3 -> the names by funct6 without their first letter v; "-": none
_ARITHMETIC = {
    0: (
        "add.vv - sub.vv - minu.vv min.vv maxu.vv max.vv - and.vv or.vv xor.vv rgather.vv - rgatherei16.vv - "
        "adc.vvm madc.vv sbc.vvm msbc.vv - - - merge.vvm mseq.vv msne.vv msltu.vv mslt.vv msleu.vv msle.vv - "
        "- saddu.vv sadd.vv ssubu.vv ssub.vv - sll.vv - smul.vv srl.vv sra.vv ssrl.vv ssra.vv nsrl.wv nsra.wv "
        "nclipu.wv nclip.wv wredsumu.vs wredsum.vs"
    ),
    1: (
        "fadd.vv fredusum.vs fsub.vv fredosum.vs fmin.vv fredmin.vs fmax.vv fredmax.vs fsgnj.vv fsgnjn.vv "
        "fsgnjx.vv - - - - - - - - - - - - - mfeq.vv mfle.vv - mflt.vv mfne.vv - - - fdiv.vv - - - fmul.vv - "
        "- - fmadd.vv fnmadd.vv fmsub.vv fnmsub.vv fmacc.vv fnmacc.vv fmsac.vv fnmsac.vv fwadd.vv "
        "fwredusum.vs fwsub.vv fwredosum.vs fwadd.wv - fwsub.wv - fwmul.vv - - - fwmacc.vv fwnmacc.vv "
        "fwmsac.vv fwnmsac.vv"
    ),
    2: (
        "redsum.vs redand.vs redor.vs redxor.vs redminu.vs redmin.vs redmaxu.vs redmax.vs aaddu.vv aadd.vv "
        "asubu.vv asub.vv - - - - - - - - - - - compress.vm mandn.mm mand.mm mor.mm mxor.mm morn.mm mnand.mm "
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
_SOURCE = {0: "vs1", 1: "vs1", 2: "vs1", 3: "s5@15", 4: "rs1", 5: "frs1", 6: "rs1"}
_UNSIGNED = frozenset(
    [
        "sll",
        "srl",
        "sra",
        "ssrl",
        "ssra",
        "nsrl",
        "nsra",
        "nclipu",
        "nclip",
        "rgather",
        "slideup",
        "slidedown",
    ]
)
_THREE = ("madd", "msub", "macc", "msac")  # the destination is an addend or a factor: the factors come first

# (funct3, funct6) -> the names by the field of the first source
_UNARY = {
    (1, 18): {
        0: "fcvt.xu.f.v", 1: "fcvt.x.f.v", 2: "fcvt.f.xu.v", 3: "fcvt.f.x.v", 6: "fcvt.rtz.xu.f.v",
        7: "fcvt.rtz.x.f.v", 8: "fwcvt.xu.f.v", 9: "fwcvt.x.f.v", 10: "fwcvt.f.xu.v", 11: "fwcvt.f.x.v",
        12: "fwcvt.f.f.v", 14: "fwcvt.rtz.xu.f.v", 15: "fwcvt.rtz.x.f.v", 16: "fncvt.xu.f.w",
        17: "fncvt.x.f.w", 18: "fncvt.f.xu.w", 19: "fncvt.f.x.w", 20: "fncvt.f.f.w", 21: "fncvt.rod.f.f.w",
        22: "fncvt.rtz.xu.f.w", 23: "fncvt.rtz.x.f.w",
    },
    (1, 19): {0: "fsqrt.v", 4: "frsqrt7.v", 5: "frec7.v", 16: "fclass.v"},
    (2, 18): {
        2: "zext.vf8", 3: "sext.vf8", 4: "zext.vf4", 5: "sext.vf4", 6: "zext.vf2", 7: "sext.vf2",
    },
    (2, 20): {1: "msbf.m", 2: "msof.m", 3: "msif.m", 16: "iota.m"},
}  # fmt: skip

_OTHERS = """
Zve32x:
00007057 vsetvli rd,rs1,vtype
80007057 vsetvl rd,rs1,rs2
c0007057 vsetivli rd,u5@15,vtype10
5e000057 vmv.v.v vd,vs1
5e003057 vmv.v.i vd,s5@15
5e004057 vmv.v.x vd,rs1
42006057 vmv.s.x vd,rs1
42002057 vmv.x.s rd,vs2
40082057 vcpop.m rd,vs2,vm
40082057 ~vpopc.m rd,vs2,vm
4008a057 vfirst.m rd,vs2,vm
5008a057 vid.v vd,vm
9e003057 vmv1r.v vd,vs2
9e00b057 vmv2r.v vd,vs2
9e01b057 vmv4r.v vd,vs2
9e03b057 vmv8r.v vd,vs2
02b00007 vlm.v vd,amo_mem
02b00027 vsm.v vd,amo_mem
02b00007 ~vle1.v vd,amo_mem
02b00027 ~vse1.v vd,amo_mem
0c004057 ~vneg.v vd,vs2,vm
c4006057 ~vwcvt.x.x.v vd,vs2,vm
c0006057 ~vwcvtu.x.x.v vd,vs2,vm
2c0fb057 ~vnot.v vd,vs2,vm
b0004057 ~vncvt.x.x.w vd,vs2,vm
6c000057 ~vmsgt.vv vd,vs1,vs2,vm
68000057 ~vmsgtu.vv vd,vs1,vs2,vm
74000057 ~vmsge.vv vd,vs1,vs2,vm
70000057 ~vmsgeu.vv vd,vs1,vs2,vm
74003057 ~vmslt.vi vd,vs2,less5@15,vm
70003057 ~vmsltu.vi vd,vs2,less5@15,vm
7c003057 ~vmsge.vi vd,vs2,less5@15,vm
78003057 ~vmsgeu.vi vd,vs2,less5@15,vm
62002057 ~vmandnot.mm vd,vs2,vs1
72002057 ~vmornot.mm vd,vs2,vs1
Zve32f:
42005057 vfmv.s.f vd,frs1
42001057 vfmv.f.s frd,vs2
5e005057 vfmv.v.f vd,frs1
6c001057 ~vmfgt.vv vd,vs1,vs2,vm
64001057 ~vmfge.vv vd,vs1,vs2,vm
4c021057 ~vfrsqrte7.v vd,vs2,vm
4c029057 ~vfrece7.v vd,vs2,vm
04001057 ~vfredsum.vs vd,vs2,vs1,vm
c4001057 ~vfwredsum.vs vd,vs2,vs1,vm
Zvbb:
48052057 vbrev.v vd,vs2,vm
48062057 vclz.v vd,vs2,vm
4806a057 vctz.v vd,vs2,vm
48072057 vcpop.v vd,vs2,vm
d4000057 vwsll.vv vd,vs2,vs1,vm
d4004057 vwsll.vx vd,vs2,rs1,vm
d4003057 vwsll.vi vd,vs2,u5@15,vm
Zvkb:
04000057 vandn.vv vd,vs2,vs1,vm
04004057 vandn.vx vd,vs2,rs1,vm
48042057 vbrev8.v vd,vs2,vm
4804a057 vrev8.v vd,vs2,vm
54000057 vrol.vv vd,vs2,vs1,vm
54004057 vrol.vx vd,vs2,rs1,vm
50000057 vror.vv vd,vs2,vs1,vm
50004057 vror.vx vd,vs2,rs1,vm
50003057 vror.vi vd,vs2,u5@15,vm
Zvbc:
30002057 vclmul.vv vd,vs2,vs1,vm
30006057 vclmul.vx vd,vs2,rs1,vm
34002057 vclmulh.vv vd,vs2,vs1,vm
34006057 vclmulh.vx vd,vs2,rs1,vm
Zvkg:
b2002077 vghsh.vv vd,vs2,vs1
a208a077 vgmul.vv vd,vs2
Zvkned:
a2002077 vaesdm.vv vd,vs2
a200a077 vaesdf.vv vd,vs2
a2012077 vaesem.vv vd,vs2
a201a077 vaesef.vv vd,vs2
a6002077 vaesdm.vs vd,vs2
a600a077 vaesdf.vs vd,vs2
a6012077 vaesem.vs vd,vs2
a601a077 vaesef.vs vd,vs2
a603a077 vaesz.vs vd,vs2
8a002077 vaeskf1.vi vd,vs2,u5@15
aa002077 vaeskf2.vi vd,vs2,u5@15
Zvknha or Zvknhb:
b6002077 vsha2ms.vv vd,vs2,vs1
ba002077 vsha2ch.vv vd,vs2,vs1
be002077 vsha2cl.vv vd,vs2,vs1
Zvksed:
86002077 vsm4k.vi vd,vs2,u5@15
a2082077 vsm4r.vv vd,vs2
a6082077 vsm4r.vs vd,vs2
Zvksh:
82002077 vsm3me.vv vd,vs2,vs1
ae002077 vsm3c.vi vd,vs2,u5@15
Zvfbfmin:
480e9057 vfncvtbf16.f.f.w vd,vs2,vm
48069057 vfwcvtbf16.f.f.v vd,vs2,vm
Zvfbfwma:
ec001057 vfwmaccbf16.vv vd,vs1,vs2,vm
ec005057 vfwmaccbf16.vf vd,frs1,vs2,vm
"""


def rows() -> Iterator[Insn]:
    """Every row."""
    yield from read(_OTHERS)
    for funct3, names in _ARITHMETIC.items():
        for funct6, name in enumerate(names.split()):
            if name != "-":
                yield from _arithmetic(name, funct6 << 26 | funct3 << 12 | _OP_V, _SOURCE[funct3])
    for (funct3, funct6), unary in _UNARY.items():
        for source, name in unary.items():
            word = funct6 << 26 | source << 15 | funct3 << 12 | _OP_V
            yield row(_FLOAT if name[0] == "f" else _INT, word, f"v{name}", "vd,vs2,vm")
    yield from _memory()


def _arithmetic(name: str, word: int, source: str) -> Iterator[Insn]:
    stem, _, suffix = name.partition(".")
    ext = _FLOAT if stem[0] == "f" or stem[:2] == "mf" else _INT
    if stem in _UNSIGNED and source[0] == "s":
        source = f"u{source[1:]}"
    if suffix in ("vvm", "vxm", "vim", "vfm"):
        yield row(ext, word, f"v{name}", f"vd,vs2,{source},v0")
    elif stem in ("madc", "msbc"):
        yield row(ext, word, f"v{name}m", f"vd,vs2,{source},v0")
        yield row(ext, word | _UNMASKED, f"v{name}", f"vd,vs2,{source}")
    elif suffix in ("mm", "vm"):
        yield row(ext, word | _UNMASKED, f"v{name}", f"vd,vs2,{source}")
    elif any(part in stem for part in _THREE):
        yield row(ext, word, f"v{name}", f"vd,{source},vs2,vm")
    else:
        yield row(ext, word, f"v{name}", f"vd,vs2,{source},vm")


def _memory() -> Iterator[Insn]:
    """Loads and stores: of unit stride, strided, indexed, of segments, of whole registers."""
    for bits, funct3 in _WIDTHS.items():
        ext = _LONG if bits == 64 else _INT
        for kind, opcode in (("l", _LOAD), ("s", _STORE)):
            for count in range(1, 9):
                word = (count - 1) << 29 | funct3 << 12 | opcode
                segments = f"seg{count}" if count > 1 else ""
                yield row(ext, word, f"v{kind}{segments}e{bits}.v", "vd,amo_mem,vm")
                if kind == "l":
                    yield row(ext, word | 16 << 20, f"v{kind}{segments}e{bits}ff.v", "vd,amo_mem,vm")
                yield row(ext, word | 2 << 26, f"v{kind}s{segments}e{bits}.v", "vd,amo_mem,rs2,vm")
                for mode, order in ((1, "u"), (3, "o")):
                    name = f"v{kind}{order}x{segments}ei{bits}.v"
                    yield row(ext, word | mode << 26, name, "vd,amo_mem,vs2,vm")
    for count in (1, 2, 4, 8):
        word = (count - 1) << 29 | 8 << 20 | _UNMASKED
        yield row(_INT, word | _STORE, f"vs{count}r.v", "vd,amo_mem")
        yield row(_INT, word | _LOAD, f"~vl{count}r.v", "vd,amo_mem")
        for bits, funct3 in _WIDTHS.items():
            ext = _LONG if bits == 64 else _INT
            yield row(ext, word | funct3 << 12 | _LOAD, f"vl{count}re{bits}.v", "vd,amo_mem")
