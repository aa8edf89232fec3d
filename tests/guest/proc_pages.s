# What /proc tells about pages: the fields of smaps_rollup, vmstat and swaps, and how often a frame is mapped and what it is.
# toyvm: qemu: no the frames are the host's; tests/oracle/linux/frames.c asks it
        .include "guest.inc"
        .equ    PAGE, 4096
        .equ    SIZE, 8192
        .equ    SHOWN, 1 << 10 | 1 << 11 | 1 << 12 | 1 << 14 | 1 << 24  # BUDDY, MMAP, ANON, SWAPBACKED, ZERO_PAGE
        .text
# file(path): read it all; its length, with 0 behind it.
file:   mv      a1, a0
        li      a0, -100
        li      a2, 0
        li      a3, 0
        sys     56
        mv      t2, a0
        la      a1, text
        li      a2, SIZE - 1
        sys     63
        la      t0, text
        add     t0, t0, a0
        sb      zero, 0(t0)
        mv      t1, a0
        mv      a0, t2
        sys     57
        mv      a0, t1
        ret

# fields(lines to skip): the names that the other lines begin with.
fields: addi    sp, sp, -32
        sd      ra, 24(sp)
        sd      s0, 16(sp)
        sd      s1, 8(sp)
        mv      s1, a0
        la      s0, text
1:      lbu     t0, 0(s0)
        beqz    t0, 5f
        mv      t1, s0                  # where the name ends, and the line
2:      lbu     t0, 0(t1)
        li      t2, 'z' + 1
        bgeu    t0, t2, 3f
        addi    t1, t1, 1
        li      t2, '0'
        bgeu    t0, t2, 2b
        addi    t1, t1, -1
3:      mv      a0, s0
        mv      s0, t1
4:      lbu     t0, 0(s0)
        addi    s0, s0, 1
        li      t2, '\n'
        bne     t0, t2, 4b
        addi    s1, s1, -1
        bgez    s1, 1b
        sb      zero, 0(t1)
        call    puts
        j       1b
5:      ld      ra, 24(sp)
        ld      s0, 16(sp)
        ld      s1, 8(sp)
        addi    sp, sp, 32
        ret

        .macro  fields_of label, path, skip
        say     "\label"
        la      a0, \path
        call    file
        li      a0, \skip
        call    fields
        .endm

# word(path, index): one word of a file of words.
word:   addi    sp, sp, -16
        sd      a1, 0(sp)
        mv      a1, a0
        li      a0, -100
        li      a2, 0
        li      a3, 0
        sys     56
        mv      t2, a0
        ld      a3, 0(sp)
        slli    a3, a3, 3
        mv      a1, sp
        li      a2, 8
        sys     67
        li      t0, 8
        bne     a0, t0, 1f
        ld      a0, 0(sp)
1:      mv      t1, a0
        mv      a0, t2
        sys     57
        mv      a0, t1
        addi    sp, sp, 16
        ret

# frame(address): by /proc/self/pagemap.
frame:  addi    sp, sp, -16
        sd      ra, 8(sp)
        srli    a1, a0, 12
        la      a0, pagemap
        call    word
        slli    a0, a0, 9
        srli    a0, a0, 9
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret

# count(address), flags(address): the words of the frame there.
        .irp    kind, count, flags
\kind:  addi    sp, sp, -16
        sd      ra, 8(sp)
        call    frame
        mv      a1, a0
        la      a0, kpage\kind
        call    word
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret
        .endr

        .macro  told label, address
        mv      a0, \address
        call    count
        mv      s10, a0
        mv      a0, \address
        call    flags
        li      a2, SHOWN
        and     a2, a0, a2
        mv      a1, s10
        la      a0, .Ltold\@
        call    printf
        .pushsection .rodata
.Ltold\@:
        .asciz  "\label: mapped %ld times, flags %#lx\n"
        .popsection
        .endm

# map(flags): a page.
map:    mv      a3, a0
        li      a0, 0
        li      a1, PAGE
        li      a2, 3
        li      a4, -1
        li      a5, 0
        sys     222
        ret

# A child that shares all three pages with its parent, until it writes to the first.
child:  addi    sp, sp, -16
        sd      ra, 8(sp)
        told    "a child's private page", s0
        lbu     t0, 0(s1)               # Linux leaves shared pages out of a fork
        told    "a child's shared page", s1
        mv      a0, s0
        call    frame
        mv      s3, a0
        li      t0, 2
        sb      t0, 0(s0)
        told    "the same, written", s0
        la      a0, kpagecount
        mv      a1, s3
        call    word
        show    "its parent's: mapped %ld times\n"
        li      a0, 0
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret

        .globl  main
main:   enter
        la      a0, swaps
        call    file
        la      a0, text
        call    puts
        fields_of "smaps_rollup:", rollup, 1
        fields_of "vmstat:", vmstat, 0
        li      a0, 0x22
        call    map
        mv      s0, a0
        li      a0, 0x21
        call    map
        mv      s1, a0
        li      a0, 0x22
        call    map
        mv      s2, a0
        li      t0, 1
        sb      t0, 0(s0)
        sb      t0, 0(s1)
        lbu     t0, 0(s2)
        told    "a private page", s0
        told    "a shared page", s1
        told    "a page only read", s2
        in_child child
        told    "the private page again", s0
        mv      a0, s0
        call    frame
        mv      s3, a0
        mv      a0, s0
        li      a1, PAGE
        sys     215
        la      a0, kpagecount
        mv      a1, s3
        call    word
        show    "given back: mapped %ld times"
        la      a0, kpageflags
        mv      a1, s3
        call    word
        li      t0, SHOWN
        and     a0, a0, t0
        show    ", flags %#lx\n"
        leave

        .section .rodata
rollup: .asciz  "/proc/self/smaps_rollup"
vmstat: .asciz  "/proc/vmstat"
swaps:  .asciz  "/proc/swaps"
pagemap: .asciz "/proc/self/pagemap"
kpagecount: .asciz "/proc/kpagecount"
kpageflags: .asciz "/proc/kpageflags"
        .bss
text:   .space  SIZE
