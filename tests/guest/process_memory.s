# process_vm_readv and process_vm_writev: a parent reads and writes the memory of its child, which tells what it finds.
# toyvm: qemu: no it has not these calls
        .include "guest.inc"
        .text
        .globl  main
main:   enter
        la      a0, ends
        li      a1, 0
        sys     59
        call    fork
        mv      s0, a0
        bnez    a0, 1f
        la      t0, word                # the child: its copy is another one
        li      t1, 1234
        sd      t1, 0(t0)
        la      t0, ends
        lw      a0, 0(t0)
        la      a1, text
        li      a2, 1
        sys     63                      # until the parent has written
        ld      a0, word
        call    exit
# The child writes first, whatever the order of processes: the parent looks until it has.
1:      sys     124
        mv      a0, s0
        la      a1, mine
        li      a2, 1
        la      a3, its
        li      a4, 1
        li      a5, 0
        sys     270
        mv      s1, a0
        ld      t0, found
        li      t1, 1234
        bne     t0, t1, 1b
        mv      a0, s1
        show    "bytes read: %ld\n"
        ld      a0, found
        show    "what the child has: %ld\n"
        ld      a0, word
        show    "what its parent has: %ld\n"
        li      t0, 77
        la      t1, found
        sd      t0, 0(t1)
        mv      a0, s0
        la      a1, mine
        li      a2, 1
        la      a3, its
        li      a4, 1
        li      a5, 0
        sys     271
        show    "bytes written: %ld\n"
        mv      a0, s0
        la      a1, mine
        li      a2, 1
        la      a3, nowhere
        li      a4, 1
        li      a5, 0
        sys     270
        show    "from where nothing is: %ld\n"
        la      t0, ends
        lw      a0, 4(t0)
        la      a1, text
        li      a2, 1
        sys     64
        la      a0, status
        call    wait
        lw      a0, status
        srli    a0, a0, 8
        show    "what the child found: %ld\n"
        leave

        .data
        .balign 8
word:   .dword  0
found:  .dword  0
mine:   .dword  found, 8
its:    .dword  word, 8
nowhere: .dword 8, 8
ends:   .word   0, 0
status: .word   0
text:   .asciz  "x"
