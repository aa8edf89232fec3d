/* Names, modes, dates and kinds of files in /tmp (a folder of the test's own), as a user or as root sees them alike. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define SHOW(call)                                                              \
    do {                                                                        \
        errno = 0;                                                              \
        long r_ = (long)(call);                                                 \
        int e_ = errno;                                                         \
        printf("%s = %ld %d\n", #call, r_, r_ < 0 ? e_ : 0);                    \
    } while (0)
#define FD(call)                                                                \
    ({                                                                          \
        errno = 0;                                                              \
        int r_ = (call);                                                        \
        int e_ = errno;                                                         \
        printf("%s = %s %d\n", #call, r_ >= 0 ? "fd" : "-1", r_ < 0 ? e_ : 0);   \
        r_;                                                                     \
    })
#define CLOSED(call) do { int f_ = FD(call); if (f_ >= 0) close(f_); } while (0)

static void look(const char *path) {
    struct stat s;
    if (lstat(path, &s)) { printf("%s: errno %d\n", path, errno); return; }
    printf("%s: mode %o nlink %d size %d own %d\n", path, s.st_mode, S_ISDIR(s.st_mode) ? 0 : (int)s.st_nlink, S_ISDIR(s.st_mode) ? 0 : (int)s.st_size,
        s.st_uid == getuid() && s.st_gid == getgid());
}
static void dates(const char *path) {
    struct stat s; lstat(path, &s);
    printf("%s: atime %ld.%09ld mtime %ld.%09ld\n", path, (long)s.st_atim.tv_sec, s.st_atim.tv_nsec, (long)s.st_mtim.tv_sec, s.st_mtim.tv_nsec);
}
static int make(const char *path, const char *text) { int fd = open(path, O_CREAT | O_RDWR | O_TRUNC, 0644); write(fd, text, strlen(text)); close(fd); return 0; }
static void contents(const char *path) { char b[64]; int fd = open(path, O_RDONLY), n = fd < 0 ? -1 : (int)read(fd, b, 63); b[n < 0 ? 0 : n] = 0; printf("%s holds %d '%s'\n", path, n, b); if (fd >= 0) close(fd); }
static long how2(int dir, const char *path, unsigned long flags, unsigned long mode, unsigned long resolve) {
    struct open_how h = {flags, mode, resolve}; long r = syscall(SYS_openat2, dir, path, &h, sizeof h); if (r >= 0) { close(r); return 0; } return r; }
static void on_alarm(int s) { }
static int removed(const char *path, const struct stat *s, int kind, struct FTW *at) { return remove(path); }

/* As an ordinary user, whoever starts it: root may do what nobody in the machine may. */
static void drop(void) { if (!geteuid()) { setgroups(0, 0); setgid(1000); setuid(1000); } if (!geteuid()) exit(77); }

int main(void) {
    drop();
    char dir[] = "/tmp/filesXXXXXX"; /* /tmp is the guest's writable place */
    int fd, fd2, p[2]; char buf[256]; struct stat s; pid_t c;
    setvbuf(stdout, 0, _IONBF, 0); umask(022); mkdtemp(dir); chdir(dir);

    /* modes and owners */
    SHOW(make("a", "hello")); look("a");
    SHOW(chmod("a", 04755)); look("a"); SHOW(chmod("a", 0)); look("a"); SHOW(chmod("a", 0640)); look("a");
    SHOW(chmod("none", 0640)); SHOW(chmod("a/x", 0640)); SHOW(chmod("", 0640));
    fd = FD(open("a", O_RDWR)); SHOW(fchmod(fd, 0600)); look("a"); SHOW(fchmod(99, 0600));
    SHOW(fchown(fd, -1, -1)); SHOW(fchown(fd, getuid(), getgid())); SHOW(fchown(99, -1, -1)); SHOW(chown("none", -1, -1)); SHOW(lchown("a", getuid(), -1));
    SHOW(fchownat(AT_FDCWD, "a", -1, -1, 0x8000)); SHOW(fchownat(fd, "", -1, -1, AT_EMPTY_PATH)); SHOW(fchownat(fd, "", -1, -1, 0));
    SHOW(mkdir("d", 0777)); look("d"); SHOW(chmod("d", 01700)); look("d"); SHOW(chmod("d", 0755));
    SHOW(umask(077)); make("u", ""); look("u"); SHOW(mkdir("ud", 0777)); look("ud"); SHOW(umask(022)); SHOW(rmdir("ud"));
    fd2 = open("u", O_PATH); SHOW(fchmod(fd2, 0600)); SHOW(fchown(fd2, -1, -1)); close(fd2);

    /* links */
    SHOW(link("a", "b")); look("a"); look("b"); SHOW(link("a", "b")); SHOW(link("none", "c")); SHOW(link("d", "e")); SHOW(link("a", "d/")); SHOW(link("a", "x/y")); SHOW(link("a", "new/"));
    SHOW(unlink("a")); look("b"); contents("b"); SHOW(rename("b", "a"));
    SHOW(symlink("a", "l")); look("l"); SHOW(symlink("a", "l")); SHOW(symlink("", "l2")); SHOW(readlink("l", buf, sizeof buf)); SHOW(readlink("a", buf, sizeof buf)); SHOW(readlink("l", buf, 0)); SHOW(readlink("none", buf, 1));
    SHOW(symlink("loop", "loop")); CLOSED(open("loop", O_RDONLY)); SHOW(stat("loop", &s)); SHOW(linkat(AT_FDCWD, "l", AT_FDCWD, "hl", 0)); look("hl"); SHOW(linkat(AT_FDCWD, "l", AT_FDCWD, "hf", AT_SYMLINK_FOLLOW)); look("hf"); look("a");
    SHOW(linkat(AT_FDCWD, "a", AT_FDCWD, "z", 0x80)); SHOW(unlink("hl")); SHOW(unlink("hf")); look("l"); CLOSED(open("l", O_RDONLY | O_NOFOLLOW));
    SHOW(symlink("dangling-target", "dang")); CLOSED(open("dang", O_RDONLY)); CLOSED(open("dang", O_CREAT | O_EXCL | O_RDWR, 0600)); SHOW(chmod("dang", 0600));

    /* rename */
    make("r1", "one"); make("r2", "two");
    SHOW(renameat2(AT_FDCWD, "r1", AT_FDCWD, "r2", RENAME_NOREPLACE)); SHOW(renameat2(AT_FDCWD, "r1", AT_FDCWD, "r3", RENAME_NOREPLACE)); contents("r3"); contents("r1");
    SHOW(renameat2(AT_FDCWD, "r3", AT_FDCWD, "r2", RENAME_EXCHANGE)); contents("r3"); contents("r2"); SHOW(renameat2(AT_FDCWD, "r3", AT_FDCWD, "none", RENAME_EXCHANGE)); SHOW(renameat2(AT_FDCWD, "none", AT_FDCWD, "r2", 0));
    SHOW(renameat2(AT_FDCWD, "r3", AT_FDCWD, "r2", 3)); SHOW(renameat2(AT_FDCWD, "r3", AT_FDCWD, "r2", 8)); SHOW(renameat2(AT_FDCWD, "r3", AT_FDCWD, "d", RENAME_EXCHANGE)); look("d"); look("r3"); contents("d"); SHOW(renameat2(AT_FDCWD, "r3", AT_FDCWD, "d", RENAME_EXCHANGE));
    SHOW(mkdir("d/sub", 0755)); SHOW(rename("d", "d/sub/x")); SHOW(renameat2(AT_FDCWD, "d", AT_FDCWD, "d/sub", RENAME_EXCHANGE)); SHOW(rename("r2", "d")); SHOW(rename("d", "r2")); SHOW(mkdir("e", 0755)); SHOW(rename("e", "d")); SHOW(rename("d/sub", "e")); SHOW(rename("r2", "newdir/")); SHOW(rename("r2", "r2")); SHOW(rename("a", "l")); look("l"); SHOW(rename("l", "a")); SHOW(rmdir("e"));
    SHOW(rmdir("a")); SHOW(unlink("d")); SHOW(mkdir("d", 0755)); SHOW(mkdir("none/x", 0755)); SHOW(rmdir("none")); SHOW(mkdir("a/x", 0755)); SHOW(rmdir("d/.")); SHOW(unlink("a/"));

    /* dates */
    struct timespec t[2] = {{1000, 5}, {2000, 999999999}}; SHOW(utimensat(AT_FDCWD, "a", t, 0)); dates("a");
    t[0].tv_nsec = UTIME_OMIT; t[1].tv_sec = 3000; t[1].tv_nsec = 1; SHOW(utimensat(AT_FDCWD, "a", t, 0)); dates("a"); t[1].tv_nsec = UTIME_OMIT; SHOW(utimensat(AT_FDCWD, "a", t, 0)); SHOW(utimensat(AT_FDCWD, "none", t, 0)); dates("a");
    t[0].tv_nsec = 1000000000; SHOW(utimensat(AT_FDCWD, "a", t, 0)); t[0].tv_nsec = -1; SHOW(utimensat(AT_FDCWD, "a", t, 0)); t[0].tv_nsec = 7; t[0].tv_sec = 77; t[1].tv_nsec = 8; SHOW(utimensat(AT_FDCWD, "a", t, 0x4000)); SHOW(utimensat(AT_FDCWD, "none", t, 0)); SHOW(futimens(fd, t)); dates("a"); SHOW(futimens(99, t));
    SHOW(symlink("a", "sl")); SHOW(utimensat(AT_FDCWD, "sl", t, AT_SYMLINK_NOFOLLOW)); dates("sl"); t[0].tv_nsec = t[1].tv_nsec = UTIME_NOW; SHOW(utimensat(AT_FDCWD, "a", t, 0)); stat("a", &s); struct timespec n; clock_gettime(CLOCK_REALTIME, &n); printf("now %d %d\n", n.tv_sec - s.st_mtim.tv_sec < 5, n.tv_sec - s.st_atim.tv_sec < 5); SHOW(syscall(SYS_utimensat, fd, 0, 0, 0)); SHOW(syscall(SYS_utimensat, AT_FDCWD, 0, 0, 0)); SHOW(utimensat(AT_FDCWD, "a", (void *)8, 0));
    t[0] = t[1] = (struct timespec){5, 6}; utimensat(AT_FDCWD, "a", t, 0); write(fd, "x", 1); stat("a", &s); printf("write changes mtime %d atime %d ctime %d\n", s.st_mtim.tv_sec > 1000, s.st_atim.tv_sec, s.st_ctim.tv_sec > 1000);
    utimensat(AT_FDCWD, "d", t, 0); make("d/f", ""); stat("d", &s); printf("a new name changes the folder %d\n", s.st_mtim.tv_sec > 1000); utimensat(AT_FDCWD, "d", t, 0); unlink("d/f"); stat("d", &s); printf("unlink too %d\n", s.st_mtim.tv_sec > 1000); utimensat(AT_FDCWD, "a", t, 0); stat("a", &s); time_t ct = s.st_ctime; printf("ctime is now %d\n", ct > 1000); chmod("a", 0600); stat("a", &s); printf("chmod leaves mtime %d\n", (int)s.st_mtime); SHOW(truncate("a", 3)); stat("a", &s); printf("truncate %d %d\n", s.st_mtime > 1000, (int)s.st_size);

    /* statx */
    struct statx x; memset(&x, 0xff, sizeof x); SHOW(statx(AT_FDCWD, "a", 0, STATX_BASIC_STATS, &x)); printf("mask %x mode %o size %d nlink %d blksize %d uid %d\n", x.stx_mask & STATX_BASIC_STATS, x.stx_mode, (int)x.stx_size, x.stx_nlink, x.stx_blksize, x.stx_uid == getuid());
    SHOW(statx(AT_FDCWD, "a", 0x8000, STATX_BASIC_STATS, &x)); SHOW(statx(AT_FDCWD, "a", 0, 0x80000000, &x)); SHOW(statx(AT_FDCWD, "a", AT_STATX_SYNC_TYPE, 0, &x)); SHOW(statx(fd, "", AT_EMPTY_PATH, STATX_ALL & ~STATX_BTIME, &x)); SHOW(statx(fd, "", 0, STATX_ALL, &x)); SHOW(statx(AT_FDCWD, "sl", AT_SYMLINK_NOFOLLOW, STATX_MODE, &x)); printf("%o\n", x.stx_mode); SHOW(fstatat(AT_FDCWD, "a", &s, 0x8000)); SHOW(faccessat(AT_FDCWD, "a", 8, 0)); SHOW(syscall(439, AT_FDCWD, "a", R_OK, 0x8000)); SHOW(access("a", F_OK)); SHOW(access("a", R_OK | W_OK)); SHOW(access("a", X_OK)); SHOW(access("none", F_OK)); SHOW(access("d", X_OK)); SHOW(access("a/x", F_OK));
    struct statfs f; SHOW(statfs("/proc", &f)); printf("%lx\n", (long)f.f_type); SHOW(statfs(".", &f)); printf("%d %d %d\n", f.f_namelen, f.f_bsize == 4096, f.f_bfree <= f.f_blocks); SHOW(fstatfs(fd, &f)); SHOW(fstatfs(99, &f)); SHOW(statfs("none", &f)); SHOW(statfs(".", (void *)8));

    /* fallocate, sync */
    fd2 = open("fa", O_CREAT | O_RDWR, 0600); write(fd2, "0123456789", 10); SHOW(fallocate(fd2, 0, 0, 5000)); fstat(fd2, &s); printf("%d\n", (int)s.st_size); SHOW(fallocate(fd2, FALLOC_FL_KEEP_SIZE, 0, 10000)); fstat(fd2, &s); printf("%d\n", (int)s.st_size); SHOW(fallocate(fd2, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 2, 3)); SHOW(pread(fd2, buf, 10, 0)); for (int i = 0; i < 10; i++) printf("%x ", buf[i]); printf("\n");
    SHOW(fallocate(fd2, FALLOC_FL_PUNCH_HOLE, 2, 3)); SHOW(fallocate(fd2, 0, -1, 3)); SHOW(fallocate(fd2, 0, 0, 0)); SHOW(fallocate(fd2, 0, 0, -1)); SHOW(fallocate(fd2, 0x400, 0, 1)); SHOW(fallocate(99, 0, 0, 1)); SHOW(fallocate(fd2, 0, 0x7fffffffffffffff, 1)); pipe(p); SHOW(fallocate(p[1], 0, 0, 1)); { int ro = open("fa", O_RDONLY); SHOW(fallocate(ro, 0, 0, 1)); close(ro); ro = open(".", O_RDONLY); SHOW(fallocate(ro, 0, 0, 1)); close(ro); }
    char *m = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd2, 0); m[0] = 'A'; m[7] = 'B'; SHOW(fallocate(fd2, 3, 0, 4)); printf("%x %c\n", m[0], m[7]); munmap(m, 4096);
    SHOW(fsync(fd2)); SHOW(fdatasync(fd2)); SHOW(syncfs(fd2)); SHOW(syncfs(99)); SHOW(sync_file_range(fd2, 0, 0, 7)); SHOW(sync_file_range(fd2, 0, 0, 8)); SHOW(sync_file_range(fd2, -1, 0, 7)); SHOW(sync_file_range(fd2, 0, -1, 7)); SHOW(sync_file_range(p[0], 0, 0, 7)); SHOW(sync_file_range(99, 0, 0, 7)); close(fd2);

    /* O_TMPFILE, O_PATH */
    fd2 = FD(open(".", O_TMPFILE | O_RDWR, 0600)); SHOW(write(fd2, "tmp", 3)); fstat(fd2, &s); printf("nlink %d\n", (int)s.st_nlink); snprintf(buf, sizeof buf, "/proc/self/fd/%d", fd2); SHOW(linkat(AT_FDCWD, buf, AT_FDCWD, "named", AT_SYMLINK_FOLLOW)); look("named"); contents("named"); close(fd2); CLOSED(open(".", O_TMPFILE | O_RDONLY, 0600)); CLOSED(open("a", O_TMPFILE | O_RDWR, 0600)); fd2 = FD(open(".", O_TMPFILE | O_RDWR | O_EXCL, 0600)); snprintf(buf, sizeof buf, "/proc/self/fd/%d", fd2); SHOW(linkat(AT_FDCWD, buf, AT_FDCWD, "named2", AT_SYMLINK_FOLLOW)); close(fd2);
    fd2 = FD(open("a", O_PATH | O_RDWR)); SHOW(fcntl(fd2, F_GETFL) & O_PATH ? 1 : 0); SHOW(read(fd2, buf, 1)); SHOW(write(fd2, buf, 1)); SHOW(lseek(fd2, 0, 0)); SHOW(fsync(fd2)); SHOW(ftruncate(fd2, 0)); SHOW(fcntl(fd2, F_SETFL, 0)); SHOW(mmap(0, 4096, 1, MAP_PRIVATE, fd2, 0)); SHOW(fstat(fd2, &s)); SHOW(fstatfs(fd2, &f)); SHOW(fallocate(fd2, 0, 0, 1)); SHOW(ioctl(fd2, 0x541b, buf)); SHOW(fstatat(fd2, "", &s, AT_EMPTY_PATH)); { int again; snprintf(buf, sizeof buf, "/proc/self/fd/%d", fd2); again = FD(open(buf, O_RDWR)); SHOW(read(again, buf, 2)); close(again); again = dup(fd2); SHOW(again >= 0); close(again); } close(fd2);
    fd2 = FD(open("sl", O_PATH | O_NOFOLLOW)); SHOW(readlinkat(fd2, "", buf, sizeof buf)); fstat(fd2, &s); printf("%o\n", s.st_mode & S_IFMT); close(fd2); fd2 = FD(open("d", O_PATH | O_DIRECTORY)); SHOW(fchdir(fd2)); SHOW(chdir("..")); SHOW(syscall(SYS_getdents64, fd2, buf, sizeof buf)); CLOSED(openat(fd2, "../a", O_RDONLY)); close(fd2); CLOSED(open("a", O_PATH | O_DIRECTORY)); SHOW(readlinkat(fd, "", buf, 9));

    /* open */
    CLOSED(open("a", O_CREAT | O_EXCL | O_RDWR, 0600)); CLOSED(open("d", O_RDWR)); CLOSED(open("d", O_WRONLY | O_TRUNC)); CLOSED(open("a", O_DIRECTORY)); CLOSED(open("none", O_RDONLY)); CLOSED(open("new/", O_CREAT | O_RDWR, 0600)); CLOSED(open("a/", O_RDONLY)); CLOSED(open("d", O_CREAT | O_RDONLY, 0600)); CLOSED(open("nodir", O_CREAT | O_DIRECTORY | O_RDWR, 0600)); unlink("nodir"); memset(buf, 'n', 255); buf[255] = 0; SHOW(make(buf, "")); SHOW(unlink(buf)); { char long_[300]; memset(long_, 'n', 299); long_[299] = 0; CLOSED(open(long_, O_RDONLY)); }
    CLOSED(open((char *)8, O_RDONLY)); CLOSED(openat(99, "a", O_RDONLY)); CLOSED(openat(fd, "a", O_RDONLY)); CLOSED(open("", O_RDONLY));
    fd2 = open("ap", O_CREAT | O_RDWR | O_APPEND, 0600); write(fd2, "one", 3); lseek(fd2, 0, 0); write(fd2, "two", 3); SHOW(lseek(fd2, 0, SEEK_CUR)); SHOW(fcntl(fd2, F_GETFL) & O_APPEND ? 1 : 0); SHOW(fcntl(fd2, F_SETFL, 0)); SHOW(pwrite(fd2, "X", 1, 0)); contents("ap"); close(fd2);

    /* openat2 */
    int dd = open("d", O_RDONLY | O_DIRECTORY); make("d/in", "in"); symlink("../a", "d/out"); symlink("in", "d/lin"); symlink("/in", "d/abs"); 
    SHOW(how2(dd, "in", O_RDONLY, 0, RESOLVE_BENEATH)); SHOW(how2(dd, "../a", O_RDONLY, 0, RESOLVE_BENEATH)); SHOW(how2(dd, "out", O_RDONLY, 0, RESOLVE_BENEATH)); SHOW(how2(dd, "lin", O_RDONLY, 0, RESOLVE_BENEATH)); SHOW(how2(dd, "abs", O_RDONLY, 0, RESOLVE_BENEATH)); SHOW(how2(dd, "/tmp", O_RDONLY, 0, RESOLVE_BENEATH)); SHOW(how2(dd, ".", O_RDONLY, 0, RESOLVE_BENEATH)); SHOW(how2(dd, "..", O_RDONLY, 0, RESOLVE_BENEATH)); SHOW(how2(dd, "sub/../in", O_RDONLY, 0, RESOLVE_BENEATH));
    SHOW(how2(dd, "abs", O_RDONLY, 0, RESOLVE_IN_ROOT)); SHOW(how2(dd, "/in", O_RDONLY, 0, RESOLVE_IN_ROOT)); SHOW(how2(dd, "../in", O_RDONLY, 0, RESOLVE_IN_ROOT)); SHOW(how2(dd, "out", O_RDONLY, 0, RESOLVE_IN_ROOT)); SHOW(how2(dd, "lin", O_RDONLY, 0, RESOLVE_NO_SYMLINKS)); SHOW(how2(dd, "in", O_RDONLY, 0, RESOLVE_NO_SYMLINKS)); SHOW(how2(AT_FDCWD, "/proc/self/fd/1", O_WRONLY, 0, RESOLVE_NO_MAGICLINKS)); SHOW(how2(AT_FDCWD, "/proc/version", O_RDONLY, 0, RESOLVE_NO_XDEV)); SHOW(how2(dd, "in", O_RDONLY, 0, RESOLVE_BENEATH | RESOLVE_IN_ROOT)); SHOW(how2(dd, "in", O_RDONLY, 0, 0x40)); SHOW(how2(dd, "in", O_RDONLY, 0600, 0)); SHOW(how2(dd, "cr", O_CREAT | O_RDWR, 0600, 0)); look("d/cr"); SHOW(how2(dd, "cr", O_CREAT | O_RDWR, 010000, 0)); SHOW(how2(dd, "in", 1UL << 40, 0, 0)); SHOW(how2(dd, "in", O_PATH | O_RDWR, 0, 0)); { struct open_how h[2] = {{0}}; SHOW(syscall(SYS_openat2, dd, "in", h, 8)); h[1].flags = 1; SHOW(syscall(SYS_openat2, dd, "in", h, 48)); SHOW(syscall(SYS_openat2, dd, "in", (void *)8, 24)); }

    /* named pipes */
    SHOW(mkfifo("ff", 0640)); look("ff"); SHOW(mkfifo("ff", 0640)); CLOSED(open("ff", O_WRONLY | O_NONBLOCK)); fd2 = FD(open("ff", O_RDONLY | O_NONBLOCK)); SHOW(read(fd2, buf, 1)); { int w = FD(open("ff", O_WRONLY | O_NONBLOCK)); SHOW(read(fd2, buf, 1)); SHOW(write(w, "pipe", 4)); SHOW(read(fd2, buf, 9)); fstat(w, &s); printf("%o\n", s.st_mode); SHOW(lseek(w, 0, 0)); close(w); SHOW(read(fd2, buf, 9)); } close(fd2);
    if (!(c = fork())) { int w = open("ff", O_WRONLY); write(w, "from child", 10); _exit(0); } fd2 = FD(open("ff", O_RDONLY)); SHOW(read(fd2, buf, 20)); waitpid(c, 0, 0); SHOW(read(fd2, buf, 20)); close(fd2);
    if (!(c = fork())) { int w = open("ff", O_RDONLY); printf("child read %d\n", (int)read(w, buf, 20)); _exit(0); } fd2 = FD(open("ff", O_WRONLY)); int sent = write(fd2, "to child", 8); close(fd2); waitpid(c, 0, 0); SHOW(sent); struct sigaction a = {.sa_handler = on_alarm}; sigaction(SIGALRM, &a, 0); alarm(1); CLOSED(open("ff", O_RDONLY)); fd2 = FD(open("ff", O_RDWR)); SHOW(write(fd2, "self", 4)); SHOW(read(fd2, buf, 9)); close(fd2); CLOSED(open("ff", O_WRONLY | O_NONBLOCK));
    SHOW(mknod("reg", S_IFREG | 0600, 0)); look("reg"); SHOW(mknod("reg", S_IFREG | 0600, 0)); SHOW(mknod("x", S_IFDIR | 0600, 0)); SHOW(mknod("x", S_IFLNK | 0600, 0)); SHOW(mknod("none/x", S_IFIFO, 0)); SHOW(unlink("ff"));

    /* descriptors */
    SHOW(close_range(200, 100, 0)); SHOW(close_range(0, 1, 8)); fd2 = dup2(fd, 150); dup2(fd, 151); SHOW(close_range(150, 150, CLOSE_RANGE_CLOEXEC)); SHOW(fcntl(150, F_GETFD)); SHOW(fcntl(151, F_GETFD)); SHOW(close_range(150, ~0U, 0)); SHOW(fcntl(150, F_GETFD)); SHOW(fcntl(fd, F_GETFD)); SHOW(fcntl(99, F_GETFD)); SHOW(fcntl(fd, 9999, 0)); SHOW(dup2(99, 5)); SHOW(dup2(fd, -1)); SHOW(dup3(fd, fd, 0)); SHOW(dup3(fd, 60, 1)); SHOW(fcntl(fd, F_DUPFD, -1)); SHOW(fcntl(fd, F_DUPFD, 1 << 30)); SHOW(fcntl(p[0], F_GETPIPE_SZ)); SHOW(fcntl(fd, F_GETPIPE_SZ));
    pipe(p); write(p[1], "again", 5); snprintf(buf, sizeof buf, "/dev/fd/%d", p[0]); fd2 = FD(open(buf, O_RDONLY)); SHOW(read(fd2, buf, 9)); close(fd2); snprintf(buf, sizeof buf, "/proc/self/fd/%d", p[0]); SHOW(readlink(buf, buf + 100, 50) > 6 && !memcmp(buf + 100, "pipe:[", 6)); CLOSED(open("/proc/self/fd/99", O_RDONLY)); close(p[0]); close(p[1]);
    fd2 = open("gone", O_CREAT | O_RDWR, 0600); write(fd2, "gone", 4); unlink("gone"); snprintf(buf, sizeof buf, "/proc/self/fd/%d", fd2); { int again = FD(open(buf, O_RDONLY)); SHOW(read(again, buf, 9)); close(again); } close(fd2);
    chdir("/"); SHOW(nftw(dir, removed, 10, FTW_DEPTH | FTW_PHYS));
    return 0;
}
