# A memory limit of 1 MiB: the child that takes 2 MiB is killed, and its parent and the next child go on.
        .include "../guest.inc"
        .equ    PAGE, 4096
        .text
# setting(name): the number in a file of the group's folder below /sys/fs/cgroup, which /proc/self/cgroup names.
setting:
        addi    sp, sp, -16
        sd      ra, 8(sp)
        sd      s0, 0(sp)
        mv      s0, a0
        la      a0, itself
        call    contents
        la      a0, text
        li      a1, '\n'
        call    strchr
        sb      zero, 0(a0)
        la      a0, path
        li      a1, 100
        la      a2, format
        la      a3, text + 3            # behind 0::
        mv      a4, s0
        call    snprintf
        la      a0, path
        call    contents
        la      a0, text
        call    atoi
        ld      ra, 8(sp)
        ld      s0, 0(sp)
        addi    sp, sp, 16
        ret

# contents(path): a short file, at text.
contents:
        mv      a1, a0
        li      a0, -100
        li      a2, 0
        li      a3, 0
        sys     56
        mv      t2, a0
        la      a1, text
        li      a2, 199
        sys     63
        la      t0, text
        add     t0, t0, a0
        sb      zero, 0(t0)
        mv      a0, t2
        sys     57
        ret

# A child that touches s1 pages.
child:  li      a0, 0
        slli    a1, s1, 12
        li      a2, 3
        li      a3, 0x22
        li      a4, -1
        li      a5, 0
        sys     222
        li      t0, PAGE
1:      sb      t0, 0(a0)
        add     a0, a0, t0
        addi    s1, s1, -1
        bnez    s1, 1b
        li      a0, 7
        ret

        .macro  told file
        la      a0, \file
        call    setting
        show    "memory.\file: %ld\n"
        .endm

        .globl  main
main:   enter
        told    max
        li      s1, 512
        in_child child
        show    "a child that takes 2 MiB: signal %ld\n"
        told    peak
        la      a0, events
        call    setting
        la      a0, text
        la      a1, kill
        call    strstr
        call    puts_line
        li      s1, 100
        in_child child
        addi    a0, a0, -256
        show    "one that takes 400 KiB: status %ld\n"
        la      a0, current
        call    setting
        li      t0, 100 * PAGE
        slt     a0, a0, t0
        show    "what it had is the group's again: %ld\n"
        leave

# puts_line(text): up to the end of the line.
puts_line:
        addi    sp, sp, -16
        sd      ra, 8(sp)
        sd      s0, 0(sp)
        mv      s0, a0
        li      a1, '\n'
        call    strchr
        sb      zero, 0(a0)
        mv      a0, s0
        call    puts
        ld      ra, 8(sp)
        ld      s0, 0(sp)
        addi    sp, sp, 16
        ret

        .section .rodata
itself: .asciz  "/proc/self/cgroup"
format: .asciz  "/sys/fs/cgroup%s/memory.%s"
max:    .asciz  "max"
peak:   .asciz  "peak"
current: .asciz "current"
events: .asciz  "events"
kill:   .asciz  "oom_kill "
        .bss
text:   .space  200
path:   .space  100
