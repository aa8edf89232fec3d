# .weakref: aliases whose targets are weak unless something else refers to them.

# weakref
.weakref a, b
call a
.weakref c, d
.globl d
call c
call d
.weakref e, f
.weakref g, h
g2: .dword g
h: nop
.weakref i, j
.globl k
.weakref l,m
.weakref m,n
.dword l
