# Address space: mmap(2) and related calls, brk(2), sbrk(2).

        .include "defs.inc"

        SYSCALL mmap, SYS_mmap          # void *mmap(void *address, size_t length, int prot, int flags, int fd, off_t offset)
        SYSCALL munmap, SYS_munmap      # int munmap(void *address, size_t length)
        SYSCALL mprotect, SYS_mprotect  # int mprotect(void *address, size_t length, int prot)
        SYSCALL msync, SYS_msync        # int msync(void *address, size_t length, int flags)
        SYSCALL madvise, SYS_madvise    # int madvise(void *address, size_t length, int advice)

# int brk(void *end): set the end of the heap. The kernel returns the resulting end, moved or not.
        FUNC    brk
        mv      a1, a0
        li      a7, SYS_brk
        ecall
        lla     t0, current_break
        sd      a0, 0(t0)
        bltu    a0, a1, 1f
        li      a0, 0
        ret
1:      li      a0, ENOMEM
        tail    __set_errno
        END     brk

# void *sbrk(intptr_t increment): move the end of the heap; the old end, or (void *) -1 and ENOMEM
        FUNC    sbrk
        mv      a1, a0
        lla     t0, current_break
        ld      t1, 0(t0)               # t1: the old end
        li      a7, SYS_brk
        bnez    t1, 1f
        li      a0, 0                   # unknown: ask the kernel
        ecall
        mv      t1, a0
        sd      t1, 0(t0)
1:      add     a0, t1, a1              # a0: the new end
        sltu    t2, a0, t1              # 1 if the new end is lower
        sltz    t3, a1
        bne     t2, t3, 2f              # overflow
        beqz    a1, 3f
        mv      a1, a0
        ecall
        sd      a0, 0(t0)
        bne     a0, a1, 2f
3:      mv      a0, t1
        ret
2:      li      a0, ENOMEM
        tail    __set_errno
        END     sbrk

        .bss
        .balign 8
current_break:
        .skip   8
