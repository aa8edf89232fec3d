# &name in a macro without .altmacro.

	.data
# amp
.macro m a, b
.word 3&b
.word 7&1
.ascii "&a&b & c \(abc\n)"
.endm
m 1,2
