/* T(call) prints the call, its result, and the name of errno when it is -1. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define T(call)                                                                   \
    do {                                                                          \
        errno = 0;                                                                \
        long result_ = (long)(call);                                              \
        printf("%s: %ld %s\n", #call, result_, result_ == -1 ? strerrorname_np(errno) : ""); \
    } while (0)

/* Names are made in /tmp: it is the guest's writable place in memory, and on the host each program makes names of its own there. */
static int nameless_file(int flags)
{
    char name[] = "/tmp/checksXXXXXX"; /* /tmp is the guest's writable place */
    int file = mkostemp(name, flags);
    unlink(name);
    return file;
}

static char folder[] = "/tmp/checksXXXXXX";
static void leave_folder(void) { chdir("/"); rmdir(folder); }
/* Make an empty folder the current one. `leave_folder` removes it, when it is empty again. */
static void enter_folder(void) { mkdtemp(folder); chdir(folder); }

__attribute__((constructor)) static void whole_lines(void) { setvbuf(stdout, NULL, _IOLBF, 4096); }
