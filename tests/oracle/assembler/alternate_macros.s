# .altmacro: LOCAL, %expression, <strings>, names without a backslash.

# alt1
.altmacro
.macro m x y
LOCAL lab, lab2
lab: .word x
lab2: .word y
j lab
.endm
m 1 2
m %3+4 5
m <1+2>, 3
m 7, <8>
.noaltmacro
.macro k x
.word \x
.endm
k 4
