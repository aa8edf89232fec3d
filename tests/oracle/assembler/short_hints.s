# c.nop with a number is the hint c.addi x0, number.
.option rvc
c.nop -3
c.nop
c.nop 31
c.nop 1
