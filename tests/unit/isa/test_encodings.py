"""Rows of extensions that binutils 2.40 lacks, as LLVM 22.1 (clang -c of the ziglang package 0.17.1) encodes them.

Of each row these are the lowest and the highest operands; all rows were compared so when they were written, with a dozen
random operands each.
"""

from __future__ import annotations

import pytest

from toyvm.assembler.assemble import assemble_text
from toyvm.assembler.assembler_options import AssemblerOptions
from toyvm.isa.decode import decode
from toyvm.isa.encoded.table import decode_any
from toyvm.isa.table import INSNS
from toyvm.isa.text import instruction_text

EXTENSIONS = """zba zbb zicond zihintntl zimop zcb zcmop zacas zabha zfa zfbfmin zfh"""
LLVM = """
0e005033 czero.eqz zero, zero, zero
0fffdfb3 czero.eqz t6, t6, t6
0e007033 czero.nez zero, zero, zero
0fffffb3 czero.nez t6, t6, t6
0800002f amoswap.b zero, zero, (zero)
0fff8faf amoswap.b.aqrl t6, t6, (t6)
0000002f amoadd.b zero, zero, (zero)
07ff8faf amoadd.b.aqrl t6, t6, (t6)
2000002f amoxor.b zero, zero, (zero)
27ff8faf amoxor.b.aqrl t6, t6, (t6)
6000002f amoand.b zero, zero, (zero)
67ff8faf amoand.b.aqrl t6, t6, (t6)
4000002f amoor.b zero, zero, (zero)
47ff8faf amoor.b.aqrl t6, t6, (t6)
8000002f amomin.b zero, zero, (zero)
87ff8faf amomin.b.aqrl t6, t6, (t6)
a000002f amomax.b zero, zero, (zero)
a7ff8faf amomax.b.aqrl t6, t6, (t6)
c000002f amominu.b zero, zero, (zero)
c7ff8faf amominu.b.aqrl t6, t6, (t6)
e000002f amomaxu.b zero, zero, (zero)
e7ff8faf amomaxu.b.aqrl t6, t6, (t6)
0800102f amoswap.h zero, zero, (zero)
0fff9faf amoswap.h.aqrl t6, t6, (t6)
0000102f amoadd.h zero, zero, (zero)
07ff9faf amoadd.h.aqrl t6, t6, (t6)
2000102f amoxor.h zero, zero, (zero)
27ff9faf amoxor.h.aqrl t6, t6, (t6)
6000102f amoand.h zero, zero, (zero)
67ff9faf amoand.h.aqrl t6, t6, (t6)
4000102f amoor.h zero, zero, (zero)
47ff9faf amoor.h.aqrl t6, t6, (t6)
8000102f amomin.h zero, zero, (zero)
87ff9faf amomin.h.aqrl t6, t6, (t6)
a000102f amomax.h zero, zero, (zero)
a7ff9faf amomax.h.aqrl t6, t6, (t6)
c000102f amominu.h zero, zero, (zero)
c7ff9faf amominu.h.aqrl t6, t6, (t6)
e000102f amomaxu.h zero, zero, (zero)
e7ff9faf amomaxu.h.aqrl t6, t6, (t6)
2800002f amocas.b zero, zero, (zero)
2fff8faf amocas.b.aqrl t6, t6, (t6)
2800102f amocas.h zero, zero, (zero)
2fff9faf amocas.h.aqrl t6, t6, (t6)
2800202f amocas.w zero, zero, (zero)
2fffafaf amocas.w.aqrl t6, t6, (t6)
2800302f amocas.d zero, zero, (zero)
2fffbfaf amocas.d.aqrl t6, t6, (t6)
2800402f amocas.q zero, zero, (zero)
2fefcf2f amocas.q.aqrl t5, t5, (t6)
44800053 fcvt.bf16.s ft0, ft0, rne
448fffd3 fcvt.bf16.s ft11, ft11, dyn
40600053 fcvt.s.bf16 ft0, ft0
406f8fd3 fcvt.s.bf16 ft11, ft11
f0100053 fli.s ft0, -1.0
f01f8fd3 fli.s ft11, nan
28002053 fminm.s ft0, ft0, ft0
29ffafd3 fminm.s ft11, ft11, ft11
28003053 fmaxm.s ft0, ft0, ft0
29ffbfd3 fmaxm.s ft11, ft11, ft11
40400053 fround.s ft0, ft0, rne
404fffd3 fround.s ft11, ft11, dyn
40500053 froundnx.s ft0, ft0, rne
405fffd3 froundnx.s ft11, ft11, dyn
a0004053 fleq.s zero, ft0, ft0
a1ffcfd3 fleq.s t6, ft11, ft11
a0005053 fltq.s zero, ft0, ft0
a1ffdfd3 fltq.s t6, ft11, ft11
f2100053 fli.d ft0, -1.0
f21f8fd3 fli.d ft11, nan
2a002053 fminm.d ft0, ft0, ft0
2bffafd3 fminm.d ft11, ft11, ft11
2a003053 fmaxm.d ft0, ft0, ft0
2bffbfd3 fmaxm.d ft11, ft11, ft11
42400053 fround.d ft0, ft0, rne
424fffd3 fround.d ft11, ft11, dyn
42500053 froundnx.d ft0, ft0, rne
425fffd3 froundnx.d ft11, ft11, dyn
a2004053 fleq.d zero, ft0, ft0
a3ffcfd3 fleq.d t6, ft11, ft11
a2005053 fltq.d zero, ft0, ft0
a3ffdfd3 fltq.d t6, ft11, ft11
f4100053 fli.h ft0, -1.0
f41f8fd3 fli.h ft11, nan
2c002053 fminm.h ft0, ft0, ft0
2dffafd3 fminm.h ft11, ft11, ft11
2c003053 fmaxm.h ft0, ft0, ft0
2dffbfd3 fmaxm.h ft11, ft11, ft11
44400053 fround.h ft0, ft0, rne
444fffd3 fround.h ft11, ft11, dyn
44500053 froundnx.h ft0, ft0, rne
445fffd3 froundnx.h ft11, ft11, dyn
a4004053 fleq.h zero, ft0, ft0
a5ffcfd3 fleq.h t6, ft11, ft11
a4005053 fltq.h zero, ft0, ft0
a5ffdfd3 fltq.h t6, ft11, ft11
c2801053 fcvtmod.w.d zero, ft0, rtz
c28f9fd3 fcvtmod.w.d t6, ft11, rtz
8000 c.lbu s0, 0(s0)
83fc c.lbu a5, 3(a5)
8400 c.lhu s0, 0(s0)
87bc c.lhu a5, 2(a5)
8440 c.lh s0, 0(s0)
87fc c.lh a5, 2(a5)
8800 c.sb s0, 0(s0)
8bfc c.sb a5, 3(a5)
8c00 c.sh s0, 0(s0)
8fbc c.sh a5, 2(a5)
9c61 c.zext.b s0
9fe1 c.zext.b a5
9c65 c.sext.b s0
9fe5 c.sext.b a5
9c69 c.zext.h s0
9fe9 c.zext.h a5
9c6d c.sext.h s0
9fed c.sext.h a5
9c71 c.zext.w s0
9ff1 c.zext.w a5
9c75 c.not s0
9ff5 c.not a5
9c41 c.mul s0, s0
9fdd c.mul a5, a5
00200033 ntl.p1
900a c.ntl.p1
00300033 ntl.pall
900e c.ntl.pall
00400033 ntl.s1
9012 c.ntl.s1
00500033 ntl.all
9016 c.ntl.all
81c04073 mop.r.0 zero, zero
81d04073 mop.r.1 zero, zero
81e04073 mop.r.2 zero, zero
81f04073 mop.r.3 zero, zero
85c04073 mop.r.4 zero, zero
85d04073 mop.r.5 zero, zero
85e04073 mop.r.6 zero, zero
85f04073 mop.r.7 zero, zero
89c04073 mop.r.8 zero, zero
89d04073 mop.r.9 zero, zero
89e04073 mop.r.10 zero, zero
89f04073 mop.r.11 zero, zero
8dc04073 mop.r.12 zero, zero
8dd04073 mop.r.13 zero, zero
8de04073 mop.r.14 zero, zero
8df04073 mop.r.15 zero, zero
c1c04073 mop.r.16 zero, zero
c1d04073 mop.r.17 zero, zero
c1e04073 mop.r.18 zero, zero
c1f04073 mop.r.19 zero, zero
c5c04073 mop.r.20 zero, zero
c5d04073 mop.r.21 zero, zero
c5e04073 mop.r.22 zero, zero
c5f04073 mop.r.23 zero, zero
c9c04073 mop.r.24 zero, zero
c9d04073 mop.r.25 zero, zero
c9e04073 mop.r.26 zero, zero
c9f04073 mop.r.27 zero, zero
cdc04073 mop.r.28 zero, zero
cdd04073 mop.r.29 zero, zero
cde04073 mop.r.30 zero, zero
cdf04073 mop.r.31 zero, zero
82004073 mop.rr.0 zero, zero, zero
86004073 mop.rr.1 zero, zero, zero
8a004073 mop.rr.2 zero, zero, zero
8e004073 mop.rr.3 zero, zero, zero
c2004073 mop.rr.4 zero, zero, zero
c6004073 mop.rr.5 zero, zero, zero
ca004073 mop.rr.6 zero, zero, zero
ce004073 mop.rr.7 zero, zero, zero
6081 c.mop.1
6181 c.mop.3
6281 c.mop.5
6381 c.mop.7
6481 c.mop.9
6581 c.mop.11
6681 c.mop.13
6781 c.mop.15
"""
CASES = [line.partition(" ")[::2] for line in LLVM.strip().splitlines()]


@pytest.mark.parametrize(("word", "statement"), CASES, ids=[statement for _, statement in CASES])
def test_our_word_is_that_of_llvm(word: str, statement: str) -> None:
    options = ", ".join(f"+{name}" for name in EXTENSIONS.split())
    compressed = "rvc" if len(word) == 4 else "norvc"
    made = assemble_text(
        f".option norelax\n.option arch, {options}\n.option {compressed}\n{statement}", "t.s"
    )
    text = made.section(".text")
    assert text is not None and text.data == int(word, 16).to_bytes(len(word) // 2, "little")
    decoded = decode(int(word, 16))
    assert decoded is not None and instruction_text(decoded) == statement


def test_each_row_of_those_extensions_is_here() -> None:
    """All that is no part of what binutils 2.40 knows (tests/oracle/test_isa.py compares the rest with it)."""
    names = {statement.split()[0] for _, statement in CASES}
    newer = ("Zimop", "Zcmop", "Zcb", "Zacas", "Zabha", "Zfa", "Zfbfmin", "Zicond", "Zihintntl")
    assert {name for name, row in INSNS.items() if row.ext.startswith(newer)} <= names


# Of LLVM 19 (clang -c of the ziglang package 0.14.1), which binutils 2.40 does not know either. All rows of Zvbb, Zvbc and
# Zvk* were compared so when they were written, with six random operands each.
ENCODED_LLVM = """
48c52157 vbrev.v v2,v12,v0.t
54c3c257 vrol.vx v4,v12,t2,v0.t
32c3a257 vclmul.vv v4,v12,v7
a2c02277 vaesdm.vv v4,v12
a6c1a277 vaesef.vs v4,v12
8ac4a277 vaeskf1.vi v4,v12,9
bac3a277 vsha2ch.vv v4,v12,v7
a6c82277 vsm4r.vs v4,v12
82c3a277 vsm3me.vv v4,v12,v7
b2c3a277 vghsh.vv v4,v12,v7
eec55257 vfwmaccbf16.vf v4,fa0,v12
d6cfb257 vwsll.vi v4,v12,31
"""
SHORT_LLVM = """
b842 cm.push {ra}, -16
b856 cm.push {ra, s0}, -32
ba76 cm.pop {ra, s0-s2}, 48
bef2 cm.popret {ra, s0-s11}, 112
bc86 cm.popretz {ra, s0-s3}, 64
ac3e cm.mvsa01 s0, s7
acea cm.mva01s s1, s2
a00e cm.jt 3
a0a2 cm.jalt 40
a3fe cm.jalt 255
beee cm.popret {ra, s0-s9}, 144
"""


def test_rows_that_are_only_encoded() -> None:
    vectors = "rv64gcv_zvbb_zvbc_zvkng_zvksg_zvfbfwma"
    for march, lines in ((vectors, ENCODED_LLVM), ("rv64i_zcmp_zcmt", SHORT_LLVM)):
        for line in lines.strip().splitlines():
            word, _, text = line.partition(" ")
            section = assemble_text(f"{text}\n", "x.s", AssemblerOptions(march=march)).section(".text")
            assert section is not None
            assert section.data[: len(word) // 2] == int(word, 16).to_bytes(len(word) // 2, "little"), text
            decoded = decode_any(int(word, 16))
            if len(word) == 8:
                assert decoded is not None and instruction_text(decoded).replace(", ", ",") == text
