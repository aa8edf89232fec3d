.section .tdata,"awT",@progbits
x: .word 5
.globl y
y: .word 6
.section .tbss,"awT",@nobits
z: .zero 4
.text
lui a0,%tprel_hi(x)
add a0,a0,tp,%tprel_add(x)
addi a0,a0,%tprel_lo(x)
la.tls.ie a0,y
la.tls.gd a0,z
la.tls.gd a0,und
.data
.dtpreldword x
.dword und
.comm tc,4,4
