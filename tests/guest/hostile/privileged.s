# Instructions of the kernel's: each is illegal to a program.
        .include "../guest.inc"
        .text
        .globl  main
main:   enter
        in_child return_from_trap
        show    "sret: signal %ld\n"
        in_child change_page_table
        show    "csrw satp: signal %ld\n"
        in_child flush_tlb
        show    "sfence.vma: signal %ld\n"
        in_child wait_for_interrupt
        show    "csrr mstatus: signal %ld\n"
        leave
return_from_trap:
        .word   0x10200073              # sret
        ret
change_page_table:
        .word   0x18051073              # csrrw x0, satp, a0
        ret
flush_tlb:
        .word   0x12000073              # sfence.vma
        ret
wait_for_interrupt:
        .word   0x30002573              # csrrs a0, mstatus, x0
        ret
