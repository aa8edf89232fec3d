# .altmacro: strings, & and !.

# alt2
.altmacro
.macro str s
.ascii s
.endm
str <"abc">
str <"a!<b!>c">
str "'x'"
.macro c s, t
.ascii "&s&t"
.endm
c ab, cd
c %1+2, %(3*4)
.macro d n
lab&n: .word n
.word lab&n
.endm
d 1
d %1+1

# irpalt
.altmacro
.irp x, 1,2,%1+2
.word x
.endr
.irp x, <1,2>, 3
.word x
.endr
