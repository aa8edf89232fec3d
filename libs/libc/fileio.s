# File descriptors: each function is a system call (man section 2). They return -1 and set errno on error.

        .include "defs.inc"

        SYSCALL openat, SYS_openat      # int openat(int directory, const char *path, int flags, ... /* mode_t mode */)
        SYSCALL close, SYS_close        # int close(int fd)
        SYSCALL read, SYS_read          # ssize_t read(int fd, void *buffer, size_t count)
        SYSCALL write, SYS_write        # ssize_t write(int fd, const void *buffer, size_t count)
        SYSCALL readv, SYS_readv        # ssize_t readv(int fd, const struct iovec *parts, int count)
        SYSCALL writev, SYS_writev      # ssize_t writev(int fd, const struct iovec *parts, int count)
        SYSCALL pread, SYS_pread64      # ssize_t pread(int fd, void *buffer, size_t count, off_t offset)
        SYSCALL pwrite, SYS_pwrite64    # ssize_t pwrite(int fd, const void *buffer, size_t count, off_t offset)
        SYSCALL lseek, SYS_lseek        # off_t lseek(int fd, off_t offset, int whence)
        SYSCALL fstat, SYS_fstat        # int fstat(int fd, struct stat *result)
        SYSCALL dup, SYS_dup            # int dup(int fd)
        SYSCALL dup3, SYS_dup3          # int dup3(int old, int new, int flags)
        SYSCALL pipe2, SYS_pipe2        # int pipe2(int fds[2], int flags)
        SYSCALL fcntl, SYS_fcntl        # int fcntl(int fd, int command, ...)
        SYSCALL ioctl, SYS_ioctl        # int ioctl(int fd, unsigned long request, ...)
        SYSCALL ftruncate, SYS_ftruncate # int ftruncate(int fd, off_t length)
        SYSCALL chdir, SYS_chdir        # int chdir(const char *path)

# Older calls, which Linux on riscv64 offers only as special cases of newer ones.

# int open(const char *path, int flags, ... /* mode_t mode */)
        FUNC    open
        mv      a3, a2
        mv      a2, a1
        mv      a1, a0
        li      a0, AT_FDCWD
        j       __libc_openat
        END     open

# int creat(const char *path, mode_t mode)
        FUNC    creat
        mv      a2, a1
        li      a1, 0x241               # O_WRONLY | O_CREAT | O_TRUNC
        j       __libc_open
        END     creat

# int stat(const char *path, struct stat *result)
        FUNC    stat
        mv      a2, a1
        mv      a1, a0
        li      a0, AT_FDCWD
        li      a3, 0
        li      a7, SYS_newfstatat
        ecall
        RETURN_SYSCALL
        END     stat

# int access(const char *path, int mode)
        FUNC    access
        mv      a2, a1
        mv      a1, a0
        li      a0, AT_FDCWD
        li      a7, SYS_faccessat
        ecall
        RETURN_SYSCALL
        END     access

# int unlink(const char *path)
        FUNC    unlink
        li      a2, 0
        j       unlinkat_here
        END     unlink

# int rmdir(const char *path)
        FUNC    rmdir
        li      a2, AT_REMOVEDIR
        j       unlinkat_here
        END     rmdir

        LOCAL   unlinkat_here
        mv      a1, a0
        li      a0, AT_FDCWD
        li      a7, SYS_unlinkat
        ecall
        RETURN_SYSCALL
        END     unlinkat_here

# int mkdir(const char *path, mode_t mode)
        FUNC    mkdir
        mv      a2, a1
        mv      a1, a0
        li      a0, AT_FDCWD
        li      a7, SYS_mkdirat
        ecall
        RETURN_SYSCALL
        END     mkdir

# ssize_t readlink(const char *path, char *buffer, size_t size)
        FUNC    readlink
        mv      a3, a2
        mv      a2, a1
        mv      a1, a0
        li      a0, AT_FDCWD
        li      a7, SYS_readlinkat
        ecall
        RETURN_SYSCALL
        END     readlink

# int pipe(int fds[2]): fds[0] is the read end, fds[1] the write end
        FUNC    pipe
        li      a1, 0
        j       __libc_pipe2
        END     pipe

# int dup2(int old, int new): unlike in dup3, equal descriptors are not an error if the descriptor is open
        FUNC    dup2
        li      a2, 0
        bne     a0, a1, 1f
        mv      a2, a0
        li      a1, 1                   # F_GETFD: EBADF if it is closed
        li      a7, SYS_fcntl
        ecall
        bltz    a0, 2f
        mv      a0, a2
        ret
1:      j       __libc_dup3
2:      tail    __syscall_error
        END     dup2

# char *getcwd(char *buffer, size_t size): buffer, or NULL and errno (ERANGE: buffer too small)
        FUNC    getcwd
        mv      a2, a0
        li      a7, SYS_getcwd
        ecall
        bltz    a0, 1f
        mv      a0, a2
        ret
1:      PUSH_RA
        call    __syscall_error
        li      a0, 0
        POP_RA
        ret
        END     getcwd

# int isatty(int fd): 1 for a terminal, else 0 and errno (ENOTTY)
        FUNC    isatty
        addi    sp, sp, -64             # struct termios of the kernel: 36 bytes
        li      a1, 0x5401              # TCGETS
        mv      a2, sp
        li      a7, SYS_ioctl
        ecall
        addi    sp, sp, 64
        bltz    a0, 1f
        li      a0, 1
        ret
1:      PUSH_RA
        call    __syscall_error
        li      a0, 0
        POP_RA
        ret
        END     isatty
