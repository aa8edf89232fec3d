"""The lines of test_corner_lines.py for extensions that are newer than the unprivileged manual of 2019.

What qemu 7.2 executes too (Zb*, Zk*, Zfh), the oracle tests compare with it for many operands.
"""

LINES = """
c.lbu a0, 3(a1)                     | m0=0x80000000                 | a0=0x80
c.lhu a0, 2(a1)                     | m0=0x80010000                 | a0=0x8001
c.lh a0, 2(a1)                      | m0=0x80010000                 | a0=-0x7fff
c.sb a0, 1(a1)                      | a0=-1 m0=0                    | m0=0xff00
c.sh a0, 2(a1)                      | a0=-1 m0=0                    | m0=0xffff0000
c.zext.b a0                         | a0=-1                         | a0=0xff
c.sext.b a0                         | a0=0x80                       | a0=-0x80
c.zext.h a0                         | a0=-1                         | a0=0xffff
c.sext.h a0                         | a0=0x8000                     | a0=-0x8000
c.zext.w a0                         | a0=-1                         | a0=0xffffffff
c.not a0                            | a0=MIN                        | a0=MAX
c.mul a0, a2                        | a0=MIN a2=-1                  | a0=MIN
prefetch.i 2016(a0)                 | a0=0                          | a0=0 pc=4
prefetch.r -32(a0)                  | a0=0                          | a0=0 pc=4
prefetch.w -2048(a0)                | a0=0                          | a0=0 pc=4
wrs.nto                             | a0=7                          | a0=7 pc=4
wrs.sto                             | a0=7                          | a0=7 pc=4
cbo.zero (a1)                       | m0=-1 m8=-1 m56=-1 m64=7      | m0=0 m8=0 m56=0 m64=7 pc=4
cbo.clean (a1)                      | m0=5                          | m0=5 pc=4
cbo.flush (a1)                      | m0=5                          | m0=5 pc=4
cbo.inval (a1)                      | m0=5                          | m0=5 trap=illegal pc=0
amocas.b a0, a2, (a1)               | m0=0x1180 a0=0x80 a2=1        | a0=-0x80 m0=0x1101
amocas.h a0, a2, (a1)               | m0=0x118000 a0=0x8000 a2=1    | a0=-0x8000 m0=0x110001
amocas.w a0, a2, (a1)               | m0=0xffffffff00000005 a0=5 a2=9 | a0=5 m0=0xffffffff00000009
amocas.w a0, a2, (a1)               | m0=6 a0=5 a2=9                | a0=6 m0=6
amocas.w zero, a2, (a1)             | m0=0 a2=9                     | zero=0 m0=9
amocas.d a0, a2, (a1)               | m0=MIN a0=MIN a2=9            | a0=MIN m0=9
amocas.d a0, a2, (a1)               | m0=MIN a0=0 a2=9              | a0=MIN m0=MIN
amocas.q a2, a4, (a1)               | m0=1 m8=2 a2=1 a3=2 a4=7 a5=8 | a2=1 a3=2 m0=7 m8=8
amocas.q a2, a4, (a1)               | m0=1 m8=3 a2=1 a3=2 a4=7 a5=8 | a2=1 a3=3 m0=1 m8=3
amocas.q zero, a4, (a1)             | m0=0 m8=0 ra=9 a4=7 a5=8      | zero=0 ra=9 m0=7 m8=8
amocas.q a2, zero, (a1)             | m0=1 m8=2 ra=9 a2=1 a3=2      | a2=1 a3=2 m0=0 m8=0
amoswap.b a0, a2, (a1)              | m0=0x1280 a2=0x341            | a0=-0x80 m0=0x1241
amoadd.b a0, a2, (a1)               | m0=0x12ff a2=2                | a0=-1 m0=0x1201
amoxor.b a0, a2, (a1)               | m0=0x12f0 a2=0xff             | a0=-0x10 m0=0x120f
amoand.b a0, a2, (a1)               | m0=0x12f0 a2=0x3c             | a0=-0x10 m0=0x1230
amoor.b a0, a2, (a1)                | m0=0x1201 a2=0x80             | a0=1 m0=0x1281
amomin.b a0, a2, (a1)               | m0=0x1280 a2=1                | a0=-0x80 m0=0x1280
amomax.b a0, a2, (a1)               | m0=0x1280 a2=1                | a0=-0x80 m0=0x1201
amominu.b a0, a2, (a1)              | m0=0x1280 a2=1                | a0=-0x80 m0=0x1201
amomaxu.b a0, a2, (a1)              | m0=0x1280 a2=1                | a0=-0x80 m0=0x1280
amoswap.h a0, a2, (a1)              | m0=0x128000 a2=0x34567        | a0=-0x8000 m0=0x124567
amoadd.h a0, a2, (a1)               | m0=0x12ffff a2=2              | a0=-1 m0=0x120001
amoxor.h a0, a2, (a1)               | m0=0x12f000 a2=0xffff         | a0=-0x1000 m0=0x120fff
amoand.h a0, a2, (a1)               | m0=0x12f000 a2=0x3c00         | a0=-0x1000 m0=0x123000
amoor.h a0, a2, (a1)                | m0=0x120001 a2=0x8000         | a0=1 m0=0x128001
amomin.h a0, a2, (a1)               | m0=0x128000 a2=1              | a0=-0x8000 m0=0x128000
amomax.h a0, a2, (a1)               | m0=0x128000 a2=1              | a0=-0x8000 m0=0x120001
amominu.h a0, a2, (a1)              | m0=0x128000 a2=1              | a0=-0x8000 m0=0x120001
amomaxu.h a0, a2, (a1)              | m0=0x128000 a2=1              | a0=-0x8000 m0=0x128000
fli.s fa0, 0.5                      | fa0=0                         | fa0=0.5s flags=0
fli.s fa0, -1.0                     | fa0=0                         | fa0=-1s flags=0
fli.d fa0, min                      | fa0=0                         | fa0=0x10000000000000 flags=0
fli.d fa0, nan                      | fa0=0                         | fa0=nand flags=0
fli.d fa0, 0.4375                   | fa0=0                         | fa0=0.4375d flags=0
fli.h fa0, 65536.0                  | fa0=0                         | fa0=0xffffffffffff7c00 flags=0
fli.h fa0, 1.52587890625e-05        | fa0=0                         | fa0=0xffffffffffff0100 flags=0
fli.h fa0, min                      | fa0=0                         | fa0=0xffffffffffff0400 flags=0
fminm.s fa0, fa1, fa2               | fa1=1s fa2=nans               | fa0=nans flags=0
fminm.s fa0, fa1, fa2               | fa1=1s fa2=0xffffffff7f800001 | fa0=nans flags=NV
fmaxm.s fa0, fa1, fa2               | fa1=1s fa2=2s                 | fa0=2s flags=0
fminm.d fa0, fa1, fa2               | fa1=0d fa2=-0d                | fa0=-0d flags=0
fmaxm.d fa0, fa1, fa2               | fa1=0d fa2=-0d                | fa0=0d flags=0
fminm.h fa0, fa1, fa2               | fa1=0xffffffffffff3c00 fa2=0xffffffffffff7e00 | fa0=0xffffffffffff7e00 flags=0
fmaxm.h fa0, fa1, fa2               | fa1=0xffffffffffff3c00 fa2=0xffffffffffff4000 | fa0=0xffffffffffff4000 flags=0
fround.s fa0, fa1                   | fa1=2.5s                      | fa0=2s flags=0
fround.s fa0, fa1, rmm              | fa1=2.5s                      | fa0=3s flags=0
fround.s fa0, fa1                   | fa1=0xffffffff7f800001        | fa0=nans flags=NV
froundnx.s fa0, fa1, rup            | fa1=2.25s                     | fa0=3s flags=NX
froundnx.s fa0, fa1, rup            | fa1=3s                        | fa0=3s flags=0
fround.d fa0, fa1, rdn              | fa1=-0.5d                     | fa0=-1d flags=0
froundnx.d fa0, fa1                 | fa1=-0.25d                    | fa0=-0d flags=NX
froundnx.d fa0, fa1                 | fa1=1e300d                    | fa0=1e300d flags=0
fround.h fa0, fa1                   | fa1=0xffffffffffff4100        | fa0=0xffffffffffff4000 flags=0
froundnx.h fa0, fa1, rtz            | fa1=0xffffffffffffc100        | fa0=0xffffffffffffc000 flags=NX
fleq.s a0, fa1, fa2                 | fa1=1s fa2=nans               | a0=0 flags=0
fleq.s a0, fa1, fa2                 | fa1=1s fa2=1s                 | a0=1 flags=0
fltq.s a0, fa1, fa2                 | fa1=1s fa2=2s                 | a0=1 flags=0
fleq.d a0, fa1, fa2                 | fa1=0d fa2=-0d                | a0=1 flags=0
fltq.d a0, fa1, fa2                 | fa1=1d fa2=0x7ff0000000000001 | a0=0 flags=NV
fleq.h a0, fa1, fa2                 | fa1=0xffffffffffff3c00 fa2=0xffffffffffff4000 | a0=1 flags=0
fltq.h a0, fa1, fa2                 | fa1=0xffffffffffff3c00 fa2=0xffffffffffff7e00 | a0=0 flags=0
fcvtmod.w.d a0, fa1, rtz            | fa1=4294967297d               | a0=1 flags=NV
fcvtmod.w.d a0, fa1, rtz            | fa1=-1.5d                     | a0=-1 flags=NX
fcvtmod.w.d a0, fa1, rtz            | fa1=2147483648d               | a0=-0x80000000 flags=NV
fcvtmod.w.d a0, fa1, rtz            | fa1=infd                      | a0=0 flags=NV
fcvtmod.w.d a0, fa1, rtz            | fa1=1e300d                    | a0=0 flags=NV
fcvt.bf16.s fa0, fa1                | fa1=1.5s                      | fa0=0xffffffffffff3fc0 flags=0
fcvt.bf16.s fa0, fa1                | fa1=0xffffffff3f808000        | fa0=0xffffffffffff3f80 flags=NX
fcvt.s.bf16 fa0, fa1                | fa1=0xffffffffffff3fc0        | fa0=1.5s flags=0
clmul a0, a2, a3                    | a2=0x0123456789abcdef a3=0xfedcba9876543210 | a0=0x40a0789828c810f0
clmulr a0, a2, a3                   | a2=0x0123456789abcdef a3=0xfedcba9876543210 | a0=0x1c071b0d110a160
clmulh a0, a2, a3                   | a2=0x0123456789abcdef a3=0xfedcba9876543210 | a0=0xe038d8688850b0
pack a0, a2, a3                     | a2=0x0123456789abcdef a3=0xfedcba9876543210 | a0=0x7654321089abcdef
packh a0, a2, a3                    | a2=0x0123456789abcdef a3=0xfedcba9876543210 | a0=0x10ef
packw a0, a2, a3                    | a2=0x0123456789abcdef a3=0xfedcba9876543210 | a0=0x3210cdef
brev8 a0, a2                        | a2=0x0123456789abcdef a3=0xfedcba9876543210 | a0=0x80c4a2e691d5b3f7
xperm4 a0, a2, a3                   | a2=0x0123456789abcdef a3=0xfedcba9876543210 | a0=0x123456789abcdef
xperm8 a0, a2, a3                   | a2=0x0123456789abcdef a3=0xfedcba9876543210 | a0=0x0
aes64es a0, a2, a3                  | a2=0x0123456789abcdef a3=0xfedcba9876543210 | a0=0xa7862385bb206edf
aes64esm a0, a2, a3                 | a2=0x0123456789abcdef a3=0xfedcba9876543210 | a0=0x6443f5555927d88c
aes64ds a0, a2, a3                  | a2=0x0123456789abcdef a3=0xfedcba9876543210 | a0=0xf93800a09fdc061
aes64dsm a0, a2, a3                 | a2=0x0123456789abcdef a3=0xfedcba9876543210 | a0=0xa9440af11b8378b5
aes64im a0, a2                      | a2=0x0123456789abcdef a3=0xfedcba9876543210 | a0=0xc66c82284ee40aa0
aes64ks1i a0, a2, 3                 | a2=0x0123456789abcdef a3=0xfedcba9876543210 | a0=0x857c2666857c2666
aes64ks2 a0, a2, a3                 | a2=0x0123456789abcdef a3=0xfedcba9876543210 | a0=0x89abcdef77777777
sha256sum0 a0, a2                   | a2=0x0123456789abcdef a3=0xfedcba9876543210 | a0=0x22210003
sha256sum1 a0, a2                   | a2=0x0123456789abcdef a3=0xfedcba9876543210 | a0=0xffffffffd6316d8a
sha256sig0 a0, a2                   | a2=0x0123456789abcdef a3=0xfedcba9876543210 | a0=0x3d5dcc4c
sha256sig1 a0, a2                   | a2=0x0123456789abcdef a3=0xfedcba9876543210 | a0=0xffffffff9f685f13
sha512sum0 a0, a2                   | a2=0x0123456789abcdef a3=0xfedcba9876543210 | a0=0xb7c57a100c7ec1ab
sha512sum1 a0, a2                   | a2=0x0123456789abcdef a3=0xfedcba9876543210 | a0=0x7703112333475567
sha512sig0 a0, a2                   | a2=0x0123456789abcdef a3=0xfedcba9876543210 | a0=0x6f92c77c6c4f1aa1
sha512sig1 a0, a2                   | a2=0x0123456789abcdef a3=0xfedcba9876543210 | a0=0x70a3460dbbd4317a
sm3p0 a0, a2                        | a2=0x0123456789abcdef a3=0xfedcba9876543210 | a0=0x45ef01ab
sm3p1 a0, a2                        | a2=0x0123456789abcdef a3=0xfedcba9876543210 | a0=0xffffffff9898dcdc
sm4ed a0, a2, a3, 2                 | a2=0x0123456789abcdef a3=0xfedcba9876543210 | a0=0xfffffffff91e082a
sm4ks a0, a2, a3, 2                 | a2=0x0123456789abcdef a3=0xfedcba9876543210 | a0=0xffffffffb1daed61
flh fa0, 2(a1)                      | m0=0x12347c010000             | fa0=0xffffffffffff7c01 flags=0
fsh fa2, 2(a1)                      | fa2=0xffffffffffffc155 m0=0   | m0=0xc1550000 flags=0
fmadd.h fa0, fa1, fa2, fa3          | fa1=0xffffffffffff3e01 fa2=0xffffffffffffc155 fa3=0xffffffffffff0001 | fa0=0xffffffffffffc400 flags=1
fmsub.h fa0, fa1, fa2, fa3          | fa1=0xffffffffffff3e01 fa2=0xffffffffffffc155 fa3=0xffffffffffff0001 | fa0=0xffffffffffffc400 flags=1
fnmsub.h fa0, fa1, fa2, fa3         | fa1=0xffffffffffff3e01 fa2=0xffffffffffffc155 fa3=0xffffffffffff0001 | fa0=0xffffffffffff4400 flags=1
fnmadd.h fa0, fa1, fa2, fa3         | fa1=0xffffffffffff3e01 fa2=0xffffffffffffc155 fa3=0xffffffffffff0001 | fa0=0xffffffffffff4400 flags=1
fadd.h fa0, fa1, fa2                | fa1=0xffffffffffff3e01 fa2=0xffffffffffffc155 | fa0=0xffffffffffffbca9 flags=0
fsub.h fa0, fa1, fa2                | fa1=0xffffffffffff3e01 fa2=0xffffffffffffc155 | fa0=0xffffffffffff442b flags=1
fmul.h fa0, fa1, fa2                | fa1=0xffffffffffff3e01 fa2=0xffffffffffffc155 | fa0=0xffffffffffffc400 flags=1
fdiv.h fa0, fa1, fa2                | fa1=0xffffffffffff3e01 fa2=0xffffffffffffc155 | fa0=0xffffffffffffb881 flags=1
fsqrt.h fa0, fa1                    | fa1=0xffffffffffff3e01        | fa0=0xffffffffffff3ce7 flags=1
fsgnj.h fa0, fa1, fa2               | fa1=0xffffffffffff3e01 fa2=0xffffffffffffc155 | fa0=0xffffffffffffbe01 flags=0
fsgnjn.h fa0, fa1, fa2              | fa1=0xffffffffffff3e01 fa2=0xffffffffffffc155 | fa0=0xffffffffffff3e01 flags=0
fsgnjx.h fa0, fa1, fa2              | fa1=0xffffffffffff3e01 fa2=0xffffffffffffc155 | fa0=0xffffffffffffbe01 flags=0
fmin.h fa0, fa1, fa2                | fa1=0xffffffffffff3e01 fa2=0xffffffffffffc155 | fa0=0xffffffffffffc155 flags=0
fmax.h fa0, fa1, fa2                | fa1=0xffffffffffff3e01 fa2=0xffffffffffffc155 | fa0=0xffffffffffff3e01 flags=0
fcvt.w.h a0, fa1                    | fa1=0xffffffffffff3e01        | a0=0x2 flags=1
fcvt.wu.h a0, fa1                   | fa1=0xffffffffffff3e01        | a0=0x2 flags=1
fcvt.l.h a0, fa1                    | fa1=0xffffffffffff3e01        | a0=0x2 flags=1
fcvt.lu.h a0, fa1                   | fa1=0xffffffffffff3e01        | a0=0x2 flags=1
feq.h a0, fa1, fa2                  | fa1=0xffffffffffff3e01 fa2=0xffffffffffffc155 | a0=0x0 flags=0
flt.h a0, fa1, fa2                  | fa1=0xffffffffffff3e01 fa2=0xffffffffffffc155 | a0=0x0 flags=0
fle.h a0, fa1, fa2                  | fa1=0xffffffffffff3e01 fa2=0xffffffffffffc155 | a0=0x0 flags=0
fclass.h a0, fa1                    | fa1=0xffffffffffff3e01        | a0=0x40 flags=0
fcvt.h.w fa0, a2                    | a2=0x0123456789abcdef a3=0xfedcba9876543210 | fa0=0xfffffffffffffc00 flags=5
fcvt.h.wu fa0, a2                   | a2=0x0123456789abcdef a3=0xfedcba9876543210 | fa0=0xffffffffffff7c00 flags=5
fcvt.h.l fa0, a2                    | a2=0x0123456789abcdef a3=0xfedcba9876543210 | fa0=0xffffffffffff7c00 flags=5
fcvt.h.lu fa0, a2                   | a2=0x0123456789abcdef a3=0xfedcba9876543210 | fa0=0xffffffffffff7c00 flags=5
fmv.x.h a0, fa1                     | fa1=0xffffffffffff3e01        | a0=0x3e01 flags=0
fmv.h.x fa0, a2                     | a2=0x0123456789abcdef a3=0xfedcba9876543210 | fa0=0xffffffffffffcdef flags=0
fcvt.h.s fa0, fa1                   | fa1=1.0001s                   | fa0=0xffffffffffff3c00 flags=1
fcvt.s.h fa0, fa1                   | fa1=0xffffffffffff3e01        | fa0=0xffffffff3fc02000 flags=0
fcvt.h.d fa0, fa1                   | fa1=65519.5d                  | fa0=0xffffffffffff7bff flags=1
fcvt.d.h fa0, fa1                   | fa1=0xffffffffffff3e01        | fa0=0x3ff8040000000000 flags=0
sinval.vma a2, a3                   | a0=7                          | a0=7 trap=illegal pc=0
sfence.w.inval                      | a0=7                          | a0=7 trap=illegal pc=0
sfence.inval.ir                     | a0=7                          | a0=7 trap=illegal pc=0
hinval.vvma a2, a3                  | a0=7                          | a0=7 trap=illegal pc=0
hinval.gvma a2, a3                  | a0=7                          | a0=7 trap=illegal pc=0
hfence.vvma a2, a3                  | a0=7                          | a0=7 trap=illegal pc=0
hfence.gvma a2, a3                  | a0=7                          | a0=7 trap=illegal pc=0
hlv.b a0, (a1)                      | a0=7                          | a0=7 trap=illegal pc=0
hlv.bu a0, (a1)                     | a0=7                          | a0=7 trap=illegal pc=0
hlv.h a0, (a1)                      | a0=7                          | a0=7 trap=illegal pc=0
hlv.hu a0, (a1)                     | a0=7                          | a0=7 trap=illegal pc=0
hlvx.hu a0, (a1)                    | a0=7                          | a0=7 trap=illegal pc=0
hlv.w a0, (a1)                      | a0=7                          | a0=7 trap=illegal pc=0
hlv.wu a0, (a1)                     | a0=7                          | a0=7 trap=illegal pc=0
hlvx.wu a0, (a1)                    | a0=7                          | a0=7 trap=illegal pc=0
hlv.d a0, (a1)                      | a0=7                          | a0=7 trap=illegal pc=0
hsv.b a3, (a1)                      | a0=7                          | a0=7 trap=illegal pc=0
hsv.h a3, (a1)                      | a0=7                          | a0=7 trap=illegal pc=0
hsv.w a3, (a1)                      | a0=7                          | a0=7 trap=illegal pc=0
hsv.d a3, (a1)                      | a0=7                          | a0=7 trap=illegal pc=0
mnret                               | a0=7                          | a0=7 trap=illegal pc=0
csrrs a0, hpmcounter31, zero         | a0=7                          | a0=0
ntl.p1                              | sp=5                          | sp=5 pc=4
c.ntl.p1                            | sp=5                          | sp=5 pc=2
ntl.pall                            | sp=5                          | sp=5 pc=4
c.ntl.pall                          | sp=5                          | sp=5 pc=2
ntl.s1                              | sp=5                          | sp=5 pc=4
c.ntl.s1                            | sp=5                          | sp=5 pc=2
ntl.all                             | sp=5                          | sp=5 pc=4
c.ntl.all                           | sp=5                          | sp=5 pc=2
"""
LINES += "".join(f"mop.r.{n} a0, a2 | a0=7 a2=9 | a0=0\n" for n in range(32))
LINES += "".join(f"mop.rr.{n} a0, a2, a3 | a0=7 a2=9 a3=9 | a0=0\n" for n in range(8))
LINES += "".join(f"c.mop.{n} | a0=7 | a0=7 pc=2\n" for n in range(1, 16, 2))
