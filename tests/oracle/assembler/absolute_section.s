# .struct and .offset: labels that are numbers.

# struct
.struct 4
a: .skip 8
b: .word 0
.align 4
c:
.text
li a0, a
li a1, b
li a2, c
.dword a,b,c

# abssect
.struct 0
x: .struct 10
y:
.section .text
.word x, y
