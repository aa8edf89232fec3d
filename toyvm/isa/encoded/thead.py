"""T-Head's extensions (XTheadBa and its kin), as GNU as 2.40 encodes them."""

from __future__ import annotations

from collections.abc import Iterator

from ..spec import Insn
from .notation import read

_ROWS = """
Xtheadba:
0000100b th.addsl rd,rs1,rs2,u2@25
Xtheadbb:
1000100b th.srri rd,rs1,u6@20
0000200b th.ext rd,rs1,u6@26,u6@20
0000300b th.extu rd,rs1,u6@26,u6@20
8400100b th.ff0 rd,rs1
8600100b th.ff1 rd,rs1
8200100b th.rev rd,rs1
8000100b th.tstnbz rd,rs1
RV64 Xtheadbb:
1400100b th.srriw rd,rs1,u5@20
9000100b th.revw rd,rs1
Xtheadbs:
8800100b th.tst rd,rs1,u6@20
Xtheadcmo:
0010000b th.dcache.call
0030000b th.dcache.ciall
0020000b th.dcache.iall
0290000b th.dcache.cpa rs1
02b0000b th.dcache.cipa rs1
02a0000b th.dcache.ipa rs1
0250000b th.dcache.cva rs1
0270000b th.dcache.civa rs1
0260000b th.dcache.iva rs1
0210000b th.dcache.csw rs1
0230000b th.dcache.cisw rs1
0220000b th.dcache.isw rs1
0280000b th.dcache.cpal1 rs1
0240000b th.dcache.cval1 rs1
0100000b th.icache.iall
0110000b th.icache.ialls
0380000b th.icache.ipa rs1
0300000b th.icache.iva rs1
0150000b th.l2cache.call
0170000b th.l2cache.ciall
0160000b th.l2cache.iall
Xtheadcondmov:
4000100b th.mveqz rd,rs1,rs2
4200100b th.mvnez rd,rs1,rs2
Xtheadfmemidx:
6000600b th.flrd frd,rs1,rs2,u2@25
4000600b th.flrw frd,rs1,rs2,u2@25
7000600b th.flurd frd,rs1,rs2,u2@25
5000600b th.flurw frd,rs1,rs2,u2@25
6000700b th.fsrd frd,rs1,rs2,u2@25
4000700b th.fsrw frd,rs1,rs2,u2@25
7000700b th.fsurd frd,rs1,rs2,u2@25
5000700b th.fsurw frd,rs1,rs2,u2@25
RV32 Xtheadfmv:
5000100b th.fmv.hw.x rd,frs1
6000100b th.fmv.x.hw rd,frs1
Xtheadint:
0050000b th.ipop
0040000b th.ipush
RV64 Xtheadmemidx:
7800400b th.ldia rd,amo_mem,s5@20,u2@25
6800400b th.ldib rd,amo_mem,s5@20,u2@25
d800400b th.lwuia rd,amo_mem,s5@20,u2@25
c800400b th.lwuib rd,amo_mem,s5@20,u2@25
7800500b th.sdia rd,amo_mem,s5@20,u2@25
6800500b th.sdib rd,amo_mem,s5@20,u2@25
6000400b th.lrd rd,rs1,rs2,u2@25
c000400b th.lrwu rd,rs1,rs2,u2@25
6000500b th.srd rd,rs1,rs2,u2@25
7000400b th.lurd rd,rs1,rs2,u2@25
d000400b th.lurwu rd,rs1,rs2,u2@25
7000500b th.surd rd,rs1,rs2,u2@25
Xtheadmemidx:
5800400b th.lwia rd,amo_mem,s5@20,u2@25
4800400b th.lwib rd,amo_mem,s5@20,u2@25
3800400b th.lhia rd,amo_mem,s5@20,u2@25
2800400b th.lhib rd,amo_mem,s5@20,u2@25
b800400b th.lhuia rd,amo_mem,s5@20,u2@25
a800400b th.lhuib rd,amo_mem,s5@20,u2@25
1800400b th.lbia rd,amo_mem,s5@20,u2@25
0800400b th.lbib rd,amo_mem,s5@20,u2@25
9800400b th.lbuia rd,amo_mem,s5@20,u2@25
8800400b th.lbuib rd,amo_mem,s5@20,u2@25
5800500b th.swia rd,amo_mem,s5@20,u2@25
4800500b th.swib rd,amo_mem,s5@20,u2@25
3800500b th.shia rd,amo_mem,s5@20,u2@25
2800500b th.shib rd,amo_mem,s5@20,u2@25
1800500b th.sbia rd,amo_mem,s5@20,u2@25
0800500b th.sbib rd,amo_mem,s5@20,u2@25
4000400b th.lrw rd,rs1,rs2,u2@25
2000400b th.lrh rd,rs1,rs2,u2@25
a000400b th.lrhu rd,rs1,rs2,u2@25
0000400b th.lrb rd,rs1,rs2,u2@25
8000400b th.lrbu rd,rs1,rs2,u2@25
4000500b th.srw rd,rs1,rs2,u2@25
2000500b th.srh rd,rs1,rs2,u2@25
0000500b th.srb rd,rs1,rs2,u2@25
5000400b th.lurw rd,rs1,rs2,u2@25
3000400b th.lurh rd,rs1,rs2,u2@25
b000400b th.lurhu rd,rs1,rs2,u2@25
1000400b th.lurb rd,rs1,rs2,u2@25
9000400b th.lurbu rd,rs1,rs2,u2@25
5000500b th.surw rd,rs1,rs2,u2@25
3000500b th.surh rd,rs1,rs2,u2@25
1000500b th.surb rd,rs1,rs2,u2@25
RV64 Xtheadmempair:
f800400b th.ldd rd,rs2,amo_mem,u2@25,#4
f800500b th.sdd rd,rs2,amo_mem,u2@25,#4
Xtheadmempair:
e000400b th.lwd rd,rs2,amo_mem,u2@25,#3
f000400b th.lwud rd,rs2,amo_mem,u2@25,#3
e000500b th.swd rd,rs2,amo_mem,u2@25,#3
Xtheadmac:
2000100b th.mula rd,rs1,rs2
2800100b th.mulah rd,rs1,rs2
2200100b th.muls rd,rs1,rs2
2a00100b th.mulsh rd,rs1,rs2
RV64 Xtheadmac:
2400100b th.mulaw rd,rs1,rs2
2600100b th.mulsw rd,rs1,rs2
Xtheadsync:
0400000b th.sfence.vmas rs1,rs2
0180000b th.sync
01a0000b th.sync.i
01b0000b th.sync.is
0190000b th.sync.s
"""


def rows() -> Iterator[Insn]:
    """Every row."""
    return read(_ROWS)
