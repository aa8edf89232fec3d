.macro m1 a, b=7, c
.word \a, \b
.ifnb \c
.word \c
.endif
.endm
.macro va x, r:vararg
.word \x
.ifnb \r
va \r
.endif
.endm
.macro str s
.asciz "\s"
.endm
.macro lab
lab\@: nop
.exitm
.word 99
.endm
.text
m1 1
m1 1 2 3
m1 a=4, c=5
m1 1,,9
va 1,2,3
lab
lab
.data
str "hello world"
str hello
.macro mm q
.macro inner\q
.word \q
.endm
.endm
mm 5
inner5
.rept 3
.byte 1
.endr
.irp r,1,2,3
.byte \r
.endr
.irp r, a0 a1
.ascii "\r "
.endr
.irpc c,xyz
.ascii "\c"
.endr
.if 1
.if 0
.byte 9
.else
.byte 8
.endif
.elseif 1
.byte 7
.else
.byte 6
.endif
.ifdef foo
.byte 1
.endif
fooo:
.ifdef foo
.byte 2
.endif
.ifc a b,a b
.byte 3
.endif
.ifeqs "a","a"
.byte 4
.endif
.ascii "\101\x42\n\t\\\"\0", "x"
.float 1.5,-2.25e3,1e10
.double 3.141592653589793, 1e-300
.balign 8,0xff
.p2align 4,,3
.p2align 5,0xaa
.balignw 16,0x1234
.byte 1
.balign 4
.uleb128 624485
.sleb128 -123456
.fill 3,2,0x1234
.fill 2,8,0x123456789
.space 3,5
.org 600
.byte 'a','\n,'\\,'b'
.short 'a'
.quad -1,1<<63,0xffffffffffffffff
.octa 0x123456789abcdef0123456789abcdef
.string8 "q"
.string16 "ab"
.hword 5
.2byte 6
.dc.w 7
.word 1+2*3, (1+2)*3, 10-3-2, 7/2, -7/2, -7%3, 1<<4|1, ~5, !5, !0, 5==5,5!=5,5<>4,3<4,4<=3,1&&2,0||0,6&3,6^3,6!3,-1>>60,1<<2+3,2+3<<1, 8|4+1, 5-2&3
.word foo2-foo1
foo1: .skip 5
foo2:
.section .rodata.str1.1,"aMS",@progbits,1
.string "merge"
.weak f1
.type f1,@function
f1: call f2
ret
.size f1,.-f1
.dword f1
.section foo,"aw"
.word 1
.previous
nop
.pushsection .data
.byte 5
.popsection
nop
.text 1
.word 0x11111111
.text 0
.word 0x22222222
.text 2
nop
.text
.symver a,b@c
.hidden hid
.protected prot
.internal intl
prot: intl: hid: nop
.section .note.GNU-stack,"",@progbits
.section .init_array,"aw"
.dword f1
.section .bss.q,"aw",@nobits
.zero 100
.bss
.align 4
.zero 10
.section .note.x,"a",@note
.word 3
.ident "one"
.ident "two"
.section excl,"e"
.word 1
.section lo,"ao",@progbits,foo
.word 1
