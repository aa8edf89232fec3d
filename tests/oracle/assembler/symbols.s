a: nop; call foo
b: .set q,b-a+4
.set r,b+4
.set s,s2+4
.word q,r,s
.set s2,77
.set u,und+4
.word u
.globl gg
.type ff,@function
.set al,func
.type func,@function
func: nop
.size func,4
.set al2,func
.globl al2
.set x,1
.word x
.set x,2
.word x
.local ll
.weak ww,ww2
.word ww2
.equiv eqq,5
1: .word 1b-1b, 1b
.comm c1,1
.comm c2,20
.comm c3,8
.lcomm l1,3
.lcomm l2,20
.local l4
.comm l4,12
.comm c5,0
.comm c6,4,64
