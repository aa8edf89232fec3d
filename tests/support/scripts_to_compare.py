"""Linker scripts that GNU ld and we must lay out alike, and the objects for them."""

from __future__ import annotations

OBJECTS = {
    "a": """
.globl _start, main
.text
_start: call main
 la a0, val
 ret
.section .text.hot,"ax"
 nop
.section .init,"ax"
 nop
.section .rodata,"a"
.balign 8
 .dword _start
.section .rodata.str1.8,"aMS",@progbits,1
.balign 8
.string "hello"
.balign 8
.string "world"
.data
.globl val
val: .word 1,2,3
.section .data.b,"aw"
 .dword 9
.bss
.globl buf
buf: .skip 100
.section .vectors,"ax"
 j _start
.section .orphan_ro,"a"
 .word 1
.section .orphan_rw,"aw"
 .word 2
.section .orphan_x,"ax"
 .word 2
.section .orphan_bss,"aw",@nobits
 .skip 20
.section .comment,"MS",@progbits,1
.string "me"
""",
    "b": """
.globl main
.text
main: lla a0, buf
 ret
.section .text.a,"ax"
.balign 16
 nop
.section .rodata.str1.8,"aMS",@progbits,1
.balign 8
.string "world"
.balign 8
.string "there"
.data
.dword val
.section .data.a,"aw"
.balign 32
 .dword 7
.bss
.balign 64
 .skip 10
.section .orphan_ro,"a"
 .word 3
.section .debug_foo,"",@progbits
 .word 5
.section foo,"aw"
 .word 7
.section .note.x,"a",@note
 .word 4,4,1,0x41414141,0x42424242
""",
}

# Name -> (script, options).
SCRIPTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "bare": (
        """
OUTPUT_ARCH(riscv) ENTRY(_start) MEMORY {
ROM (rx) : ORIGIN = 0x20000000, LENGTH = 128K RAM (rwx) : ORIGIN = 0x80000000, LENGTH = 64K } SECTIONS {
.vectors : { KEEP(*(.vectors)) . = ALIGN(256); } > ROM .text : { *(.init) *(.text .text.*) _etext = .; }
> ROM .rodata : { *(.rodata .rodata.*) . = ALIGN(8); } > ROM .data : { __data_start = .;
*(.data .data.*) . = ALIGN(8); __data_end = .; } > RAM AT> ROM __data_source = LOADADDR(.data);
__data_size = SIZEOF(.data); .bss (NOLOAD) : { __bss_start = .; *(.bss .bss.* COMMON) . = ALIGN(8);
__bss_end = .; } > RAM .heap (NOLOAD) : { __heap_start = .; . = . + 0x1000; __heap_end = .; }
> RAM PROVIDE(__stack_size = 0x400); __stack = ORIGIN(RAM) + LENGTH(RAM); PROVIDE(main_alias = main); }
""",
        (),
    ),
    "simple": (
        """
SECTIONS { . = 0x10000; .text : { *(.text*) } .data : { *(.data*) } .bss : { *(.bss) } }
""",
        (),
    ),
    "headers": (
        """
SECTIONS { . = 0x10000 + SIZEOF_HEADERS; .text : { *(.text*) } . = ALIGN(0x1000); .data : { *(.data*) }
.bss : { *(.bss) } _end = .; }
""",
        (),
    ),
    "fill": (
        """
SECTIONS { . = 0x10000; .text : { *(.text*) . = ALIGN(32);
BYTE(1) SHORT(2) LONG(3) QUAD(. + 4) FILL(0x90) . = . + 10; *(.rodata) } =0xdeadbeef .data : {
*(.data*) LONG(5) . += 3; } =0x12 .bss : { *(.bss) } }
""",
        (),
    ),
    "sort": (
        """
SECTIONS { . = 0x10000; .text : { *(SORT(.text*)) *(.init) } .data : { *(SORT_BY_ALIGNMENT(.data*)) }
.bss : { *(.bss) } foo : { a = .; *(foo) b = .; } }
""",
        (),
    ),
    "discard": (
        """
SECTIONS { . = 0x10000; /DISCARD/ : { *(.comment) *(.orphan*) *(.note*) } .text : {
a.o(.text*) b.o(.text*) } .data : { EXCLUDE_FILE(*b.o) *(.data*) } .data2 : { *(.data.*) } .bss : {
*(.bss) } }
""",
        (),
    ),
    "flags": (
        """
SECTIONS { . = 0x10000; .x : { INPUT_SECTION_FLAGS(SHF_EXECINSTR) *(*) } .ro : {
INPUT_SECTION_FLAGS(!SHF_WRITE & SHF_ALLOC) *(*) } .rest : { *(.data .data*) } .bss : { *(.bss) } }
""",
        (),
    ),
    "phdrs": (
        """
PHDRS { hdr PT_PHDR PHDRS; text PT_LOAD FILEHDR PHDRS; data PT_LOAD FLAGS(6); st PT_GNU_STACK FLAGS(6); }
SECTIONS { . = 0x10000 + SIZEOF_HEADERS; .text : { *(.text*) } :text .rodata : { *(.rodata*) }
. = ALIGN(0x1000); .data : { *(.data*) } :data .bss : { *(.bss) } }
""",
        (),
    ),
    "overlay": (
        """
SECTIONS { . = 0x1000; .text : { *(.text) } OVERLAY 0x2000 : AT(0x4000) { .o1 { *(.text.hot) LONG(1) }
.o2 { *(.text.a) } } . = 0x8000; .data : { *(.data*) } .bss : { *(.bss) } x = .; }
""",
        (),
    ),
    "empty": (
        """
SECTIONS { . = 0x10000; .nothing : { *(.nothing) } .kept : { . = .; } .sym : { s = .; } .text : {
*(.text*) } .pad : { . = . + 16; } .data : { *(.data*) } .bss : { *(.bss) } .e2 : { t = .;
*(.zz) . = ALIGN(. != 0 ? 8 : 1); } }
""",
        (),
    ),
    "regions": (
        """
MEMORY { A : ORIGIN = 0x1000, LENGTH = 0x1000 B (w!x) : o = 0x8000, l = 4K }
REGION_ALIAS("X", A) SECTIONS { .text : { *(.text*) } >X .data : { *(.data*) } .bss : { *(.bss) }
.rodata : {*(.rodata*) } >A x = ADDR(.bss); }
""",
        (),
    ),
    "info": (
        """
SECTIONS { . = 0x1000; .text : { *(.text*) } .i (INFO) : { *(.rodata*) LONG(1) } .c (COPY) : {
*(.data.a) } .data : { *(.data*) } .bss : { *(.bss) } }
""",
        (),
    ),
    "onlyif": (
        """
SECTIONS { . = 0x1000; .text : { *(.text*) } .d : ONLY_IF_RO { *(.data*) } . = ALIGN(0x1000);
.d : ONLY_IF_RW { *(.data*) } .r : ONLY_IF_RO { *(.rodata*) } .bss : { *(.bss) } }
""",
        (),
    ),
    "subalign": (
        """
SECTIONS { . = 0x1000; .text : SUBALIGN(64) { *(.text*) } .data : ALIGN(128) { *(.data*) }
.d2 ALIGN(256) : AT(ADDR(.text) + 0x10000) { *(.rodata*) } .bss : { *(.bss) } }
""",
        (),
    ),
    "assert": (
        """
SECTIONS { . = 0x1000; .text : { *(.text*) } .data : { *(.data*) } .bss : { *(.bss) }
ASSERT(SIZEOF(.text) < 0x1000, "big") x = ASSERT(1,"y") + 3; }
""",
        (),
    ),
    "assertfail": (
        """
SECTIONS { .text : { *(.text*) } ASSERT(0, "big") }
""",
        (),
    ),
    "provide": (
        """
SECTIONS { . = 0x1000; .text : { *(.text*) PROVIDE(main = 5); PROVIDE(qq = .); zz = qq; HIDDEN(hid = .);
PROVIDE_HIDDEN(ph = 3); uu = ph; } }
""",
        (),
    ),
    "defined": (
        """
aa = DEFINED(main) ? 1 : 2; bb = DEFINED(cc) ? 1 : 2; SECTIONS { . = 0x1000; .text : { *(.text*) cc = .;
dd = DEFINED(cc) ? cc : 0; ee = DEFINED(later) ? 1 : 2; later = 4; } }
""",
        (),
    ),
    "segstart": (
        """
SECTIONS { . = SEGMENT_START("text-segment", 0x5000); .text : { *(.text*) }
. = SEGMENT_START("foo", 0x9000); .data : { *(.data*) } }
""",
        (),
    ),
    "lma": (
        """
MEMORY { R : ORIGIN = 0x1000, LENGTH = 64K F : ORIGIN = 0x100000, LENGTH = 64K } SECTIONS { .text : {
*(.text*) } >F .rodata : { *(.rodata*) } >F .data : ALIGN_WITH_INPUT { *(.data*) } >R AT>F .d2 : {
*(foo) } >R .bss : { *(.bss) } >R x = LOADADDR(.data); y = LOADADDR(.d2); }
""",
        (),
    ),
    "at": (
        """
SECTIONS { .text 0x1000 : { *(.text*) } .data 0x2000 : AT(0x9000) { *(.data*) } .rodata : { *(.rodata*) }
.bss : { *(.bss) } }
""",
        (),
    ),
    "backwards": (
        """
SECTIONS { . = 0x4000; .text : { *(.text*) } . = 0x2000; .data : { *(.data*) } . = 0x1000; .rodata : {
*(.rodata*) } .bss : { *(.bss) } }
""",
        (),
    ),
    "overflow": (
        """
MEMORY { R (rwx) : ORIGIN = 0x1000, LENGTH = 16 } SECTIONS { .text : { *(.text*) } >R }
""",
        (),
    ),
    "noregion": (
        """
MEMORY { R (x) : ORIGIN = 0x1000, LENGTH = 4K } SECTIONS { .text : { *(.text*) } >R .data : { *(.data*) }
}
""",
        (),
    ),
    "overlap": (
        """
SECTIONS { .text 0x1000 : { *(.text*) } .data 0x1010 : { *(.data*) } }
""",
        (),
    ),
    "samename": (
        """
SECTIONS { . = 0x1000; .text : { a.o(.text*) } .data : { *(.data) } .text : { b.o(.text*) } .data : {
*(.data*) } }
""",
        (),
    ),
    "types": (
        """
SECTIONS { . = 0x1000; .text : { *(.text*) } .n (TYPE=SHT_NOTE) : { LONG(4) } .p (READONLY) : {
*(.data.a) } .q (READONLY (TYPE=SHT_PROGBITS)) : { *(.data.b) } .o (OVERLAY) : { *(foo) } .d (DSECT) : {
LONG(4) } .z (NOLOAD) : { *(.data) } }
""",
        (),
    ),
    "exclude": (
        """
SECTIONS { . = 0x1000; .a : { *(EXCLUDE_FILE(a.o) .text .text.*) } .b : {
*(.text EXCLUDE_FILE(*b.o) .data*) } .c : { EXCLUDE_FILE(*a.o) *(.rodata*) } }
""",
        (),
    ),
    "sort2": (
        """
SECTIONS { . = 0x1000; .a : { *(SORT_BY_NAME(SORT_BY_ALIGNMENT(.text*))) } .b : {
*(SORT_BY_ALIGNMENT(SORT_BY_NAME(.data*))) } }
""",
        (),
    ),
    "sortmix": (
        """
SECTIONS { . = 0x1000; .a : { *(.text SORT(.text.*) .init) *(SORT(.orphan*) foo) } }
""",
        (),
    ),
    "sso": (
        """
SECTIONS { . = 0x1000; .a : { *(.text*) } .b : { *(.data* .rodata*) } }
""",
        ("--sort-section=name",),
    ),
    "sso2": (
        """
SECTIONS { . = 0x1000; .a : { *(.text*) } .b : { *(.data* .rodata*) } }
""",
        ("--sort-section=alignment",),
    ),
    "orph-discard": (
        """
SECTIONS { . = 0x1000; .text : { *(.text*) } .data : { *(.data*) } .bss : { *(.bss) }
.rodata : {*(.rodata*)} }
""",
        ("--orphan-handling=discard",),
    ),
    "gc": (
        """
ENTRY(_start) SECTIONS { . = 0x1000; .text : { KEEP(*(.text.a)) *(.text*) } .data : { *(.data*) } .bss : {
*(.bss) } s = .orphan; }
""",
        ("--gc-sections",),
    ),
    "gc2": (
        """
ENTRY(_start) SECTIONS { . = 0x1000; .text : { KEEP(*(.text.a)) *(.text*) } .data : { *(.data*) } .bss : {
*(.bss) } }
""",
        ("--gc-sections",),
    ),
    "nmagic": (
        """
SECTIONS { . = 0x1000; .text : { *(.text*) } .data : { *(.data*) } .bss : { *(.bss) } }
""",
        ("-n",),
    ),
    "hi": (
        """
SECTIONS { . = 0xffffffff80000000; .text : AT(ADDR(.text) - 0xffffffff00000000) { *(.text*) } .data : {
*(.data*) } .bss : { *(.bss) } _end = .; }
""",
        (),
    ),
    "fillexpr": (
        """
SECTIONS { . = 0x1000; .text : { *(.text*) . = ALIGN(64); } =0x1 .a : { *(.data*) . = ALIGN(128); }
=4660 .b : { *(.rodata*) FILL(0x0102030405) . = ALIGN(64); LONG(1) . += 7; } }
""",
        (),
    ),
    "dotabs": (
        """
SECTIONS { . = 0x1000; .text : { *(.text*) . = 0x100; x = .; . = ABSOLUTE(0x1200); y = .; } z = .;
. += 0x10; w = .; .data : { *(.data*) } }
""",
        (),
    ),
    "neg": (
        """
SECTIONS { . = 0x1000; .text : { *(.text*) . = 0x4; } }
""",
        (),
    ),
    "nocross": (
        """
NOCROSSREFS(.text .data) SECTIONS { . = 0x1000; .text : { *(.text*) } .data : { *(.data*) } }
""",
        (),
    ),
    "kernel": (
        """
OUTPUT_ARCH(riscv) ENTRY(_start) jiffies = 0x40; PECOFF = 0x200; SECTIONS { . = 0xffffffe000000000;
_start2 = .; .head.text : { *(.vectors) } . = ALIGN(0x1000); _text = .; .text : { _stext = .;
*(.text .text.*) . = ALIGN(8); *(.init) _etext = .; } . = ALIGN(0x1000); __init_begin = .; .init.data : {
*(.orphan*) } . = ALIGN(64); .percpu : { __per_cpu_start = .; *(foo) __per_cpu_end = .; }
__per_cpu_load = LOADADDR(.percpu); . = ALIGN(0x1000); __init_end = .;
.rodata : AT(ADDR(.rodata) - 0xffffffe000000000) { __start_rodata = .; *(.rodata) *(.rodata.*) }
. = ALIGN(512); __end_rodata = .; _sdata = .; .data : AT(ADDR(.data) - 0xffffffe000000000) {
. = ALIGN(64); *(.data .data.*) } _edata = .; .bss : { *(.bss*) } _end = .;
__global_pointer$ = _sdata + 0x800; .stab 0 : { *(.stab) } /DISCARD/ : { *(.note*) *(.comment) } }
""",
        (),
    ),
    "ops": (
        """
a = 1+2*3; b = (7-9)/2; c = -7%3; d = 1<<40; e = 0xff>>4; f = ~0; g = !5; h = 5>3&&2<1; i = 5||0; j = 6&3;
k = 6|1; m = 0x10; n = 2M; oo = 010; p = 1?2:3; q = MAX(3,4); r = MIN(-1,4); s = LOG2CEIL(5);
t = CONSTANT(MAXPAGESIZE); u = ALIGN(0x123,0x10); x = 5==5; y = 5!=5; z = 5>=5; aa = 5<=4; bb = -1>1;
SECTIONS { . = 0x1000; ww = NEXT(16); vv = BLOCK(16); .text : { *(.text*) A = -7/2; B = 5-3; C = .+1;
D = ~.; E = MAX(.,4); F = ALIGN(64); G = ALIGN(.,64); H = NEXT(32); I = 1<<3; J = main+4; K = main-_start;
L = main*2; M = ABSOLUTE(4); N = SIZEOF_HEADERS; Q = MIN(main,_start); R = LOG2CEIL(.); S = ADDR(.text)+1;
T = SIZEOF(.text); U = ALIGNOF(.text); V = ADDR(.text)-main; W = main==main; } .data : { *(.data*) }
a += 5; b -= 1; e <<= 2; f >>= 60; g &= 1; h |= 8; XA = main+4; XB = main-_start;
XC = ADDR(.data)-ADDR(.text); XD = MAX(main,3); XE = . + 1; XF = main ? main : 0; XG = -main;
XH = SIZEOF(.data)*2; XI = ALIGN(8); }
""",
        (),
    ),
    "ty1": (
        """
SECTIONS { . = 0x1000; .text : { *(.text*) } .n (TYPE=SHT_NOTE) : { LONG(4) } }
""",
        (),
    ),
    "ty2": (
        """
SECTIONS { . = 0x1000; .text : { *(.text*) } .d (DSECT) : { LONG(4) } }
""",
        (),
    ),
    "ty3": (
        """
SECTIONS { . = 0x1000; .text : { *(.text*) } .p (READONLY) : { *(.data.a) } }
""",
        (),
    ),
    "ty4": (
        """
SECTIONS { . = 0x1000; .text : { *(.text*) } .q (READONLY (TYPE=SHT_PROGBITS)) : { *(.data.b) } }
""",
        (),
    ),
    "ty5": (
        """
SECTIONS { . = 0x1000; .text : { *(.text*) } .q : { LONG(4) } .r : { . = . + 4; LONG(4) } .s : { . += 4; }
.i (INFO) : { . += 4; } .dd : { *(.data*) } }
""",
        (),
    ),
    "defined_by_object": (
        """
one = DEFINED (val); val = DEFINED (val) ? val + 4 : 42; two = DEFINED (three); three = ABSOLUTE (main);
SECTIONS { . = 0x1000; .text : { *(.text*) } .data : { *(.data*) } }
""",
        (),
    ),
    "defsym_after": (
        """
far = DEFINED (far) ? far : 0x900;
SECTIONS { . = far; .text : { *(.text*) } .data : { *(.data*) } }
""",
        ("--defsym", "far=0x800"),
    ),
    "overlay_in_region": (
        """
MEMORY { low (rx) : ORIGIN = 0x1000, LENGTH = 64K  high (w) : ORIGIN = 0x40000, LENGTH = 64K }
SECTIONS { OVERLAY : { .one { *(.text.a) } .two { *(.text.hot) } } > low AT > high .text : { *(.text*) } > low
.data : { *(.data*) } > high }
""",
        (),
    ),
}
