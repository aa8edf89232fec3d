.section .tdata,"awT",@progbits
 x: .word 1
.globl y
y: .word 2
.type z,@object
z: .word 3
f: .word 1
.type f,@function
