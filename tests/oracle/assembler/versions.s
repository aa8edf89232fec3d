# .symver: undefined symbols change their names, defined ones get a second one.
        .symver foo, foo@V1
        .symver never, never@V3
        .symver w, w@V4
        .weak w
        .symver d1, d@V1
        .symver d2, d@@V2
        .symver d3, e@@@V2
        .symver x3, x@@@V2
        .symver h, h@V1, hidden
        .symver r, r@V1, remove
        .symver l, l@V1, local
        .symver m, m@V1
        .symver m, m@V2
        .symver loc, locv@V2
        .globl d1, d2, d3, r, l, m, h
        .type d1,@function
        call foo
        call x3
        call w
d1: nop
d2: nop
        .size d1, .-d1
d3: nop
h: nop
r: call r
l: call l
m: call m
loc: nop
        .set eq, 5
        .globl eq
        .symver eq, eq@V5
        .dword foo, eq, d1
