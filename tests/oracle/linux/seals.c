/* Seals of memfd files (F_ADD_SEALS), and the arguments of memfd_create. */
#include "checks.h"
#include <sys/mman.h>
#include <linux/falloc.h>

enum { PAGE = 4096 };

int main(void)
{
    int fd = memfd_create("file", 0), pipes[2];
    char *p;
    pipe(pipes);

    puts("sealed");
    int sealed = memfd_create("sealed", MFD_ALLOW_SEALING);
    T(fcntl(sealed, F_GET_SEALS));
    T(fcntl(fd, F_GET_SEALS));
    T(fcntl(pipes[0], F_GET_SEALS));
    T(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    T(ftruncate(sealed, 2 * PAGE));
    T(fcntl(sealed, F_ADD_SEALS, 0x1000));
    T(fcntl(sealed, F_ADD_SEALS, F_SEAL_SHRINK));
    T(fcntl(sealed, F_GET_SEALS));
    T(ftruncate(sealed, PAGE));
    T(ftruncate(sealed, 3 * PAGE));
    T(fcntl(sealed, F_ADD_SEALS, F_SEAL_GROW));
    T(ftruncate(sealed, 4 * PAGE));
    T(pwrite(sealed, "x", 1, 3 * PAGE));
    T(pwrite(sealed, "xy", 2, 3 * PAGE - 1));
    T(pwrite(sealed, "x", 1, 2 * PAGE));
    T(fallocate(sealed, 0, 0, 4 * PAGE));
    T(fallocate(sealed, 0, 0, 3 * PAGE));
    p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, sealed, 0);
    T(fcntl(sealed, F_ADD_SEALS, F_SEAL_WRITE));
    T(munmap(p, PAGE));
    T(fcntl(sealed, F_ADD_SEALS, F_SEAL_WRITE));
    T(pwrite(sealed, "x", 1, 0));
    T(fallocate(sealed, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE));
    T(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, sealed, 0) == MAP_FAILED);
    T(errno);
    T(fcntl(sealed, F_ADD_SEALS, F_SEAL_SEAL));
    T(fcntl(sealed, F_ADD_SEALS, F_SEAL_WRITE));
    T(fcntl(sealed, F_GET_SEALS));
    T(memfd_create("x", 0x100));
    T(memfd_create(NULL, 0));
    T(memfd_create((char *)8, 0));
    char longest[300];
    memset(longest, 'n', 299);
    longest[299] = 0;
    T(memfd_create(longest, 0));
    longest[249] = 0;
    T(memfd_create(longest, 0) >= 0);
    T(fcntl(memfd_create("c", MFD_CLOEXEC), F_GETFD));
    T(fcntl(memfd_create("c", 0), F_GETFL) & O_ACCMODE);
    return 0;
}
