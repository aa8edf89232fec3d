# Parameters of macros: \@, defaults, :vararg, keywords, nesting, .exitm.

	.data
# at
.macro m x
lab\@: .word \x
.ifnb \x
.word \@
.endif
.endm
m 1
m 2

# vararg
.macro v a, b=7, c:vararg
.word \a, \b
.ascii "\c"
.endm
v 1
v 1,2,3,4,5
v 1,,x y z
v b=3, a=4
v 5 6 7 8
