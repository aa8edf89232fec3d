# pagemap: find the frame of physical memory that a virtual address of this process is mapped to.
#
# /proc/self/pagemap is an array of 64-bit entries, one for each virtual page (proc(5)): bit 63 is set if the page is
# present; bits 54 to 0 are the frame number. Linux shows frame numbers to root only, toyvm to everyone.
#
#   long frame_of(const void *address)      the frame number, or -1 if the page has no frame yet

        .equ    AT_FDCWD, -100
        .equ    SYS_openat, 56
        .equ    SYS_close, 57
        .equ    SYS_pread64, 67

        .text
        .globl  frame_of
        .type   frame_of, @function
frame_of:
        addi    sp, sp, -32
        sd      s0, 24(sp)
        sd      s1, 16(sp)
        srli    s0, a0, 12              # the virtual page's number
        slli    s0, s0, 3               # entries are 8 bytes

        li      a0, AT_FDCWD
        la      a1, pagemap_path
        li      a2, 0                   # O_RDONLY
        li      a3, 0
        li      a7, SYS_openat
        ecall
        bltz    a0, 1f
        mv      s1, a0

        mv      a1, sp                  # read one entry into the stack
        li      a2, 8
        mv      a3, s0
        li      a7, SYS_pread64
        ecall
        mv      s0, a0

        mv      a0, s1
        li      a7, SYS_close
        ecall

        li      t0, 8
        bne     s0, t0, 1f
        ld      a0, 0(sp)
        bgez    a0, 1f                  # bit 63, the sign, is "present"
        slli    a0, a0, 9               # keep bits 54 to 0
        srli    a0, a0, 9
        j       2f
1:      li      a0, -1
2:      ld      s1, 16(sp)
        ld      s0, 24(sp)
        addi    sp, sp, 32
        ret
        .size   frame_of, . - frame_of

        .section .rodata
pagemap_path:
        .string "/proc/self/pagemap"
