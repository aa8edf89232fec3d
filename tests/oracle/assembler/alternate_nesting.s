# .altmacro: macros that call themselves, .irp.

# alt3
.altmacro
.macro cnt from, to
.word from
.if to-from
cnt %(from+1),to
.endif
.endm
cnt 1,4

# altlab
.altmacro
.macro m
lbl: LOCAL q
.word 1
q: .word q-lbl
.endm
m

# altexit
.purgem m
.macro m n
LOCAL l
.if n
m %n-1
.endif
l: .word n
.endm
m 3
