/* Status of files: libs/libc/fileio.s. The structure is the kernel's (asm-generic). */
#ifndef TOYVM_SYS_STAT_H
#define TOYVM_SYS_STAT_H

#include <sys/types.h>

struct stat {
    unsigned long st_dev, st_ino;
    unsigned st_mode, st_nlink, st_uid, st_gid;
    unsigned long st_rdev, __pad1;
    long st_size;
    int st_blksize, __pad2;
    long st_blocks;
    long st_atime, st_atime_nsec, st_mtime, st_mtime_nsec, st_ctime, st_ctime_nsec;
    unsigned __unused4, __unused5;
};

#define S_IFMT 0170000
#define S_ISREG(mode) (((mode) & S_IFMT) == 0100000)
#define S_ISDIR(mode) (((mode) & S_IFMT) == 0040000)
#define S_ISCHR(mode) (((mode) & S_IFMT) == 0020000)
#define S_ISFIFO(mode) (((mode) & S_IFMT) == 0010000)

int stat(const char *path, struct stat *result);
int fstat(int fd, struct stat *result);
int mkdir(const char *path, mode_t mode);

#endif
