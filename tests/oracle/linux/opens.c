/* openat, openat2 with every RESOLVE_ rule, O_PATH, O_TMPFILE, O_NOFOLLOW, renameat2, linkat: good and bad uses. */
#include "checks.h"
#include <grp.h>
#include <linux/openat2.h>
#include <sys/mman.h>

static int try(int dir, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve)
{
    struct open_how how = {flags, mode, resolve};
    int fd = syscall(SYS_openat2, dir, path, &how, sizeof how);
    if (fd >= 0)
        close(fd);
    return fd < 0 ? -1 : 0;
}
static int op(int dir, const char *path, int flags, int mode)
{
    int fd = openat(dir, path, flags, mode);
    if (fd >= 0)
        close(fd);
    return fd < 0 ? -1 : 0;
}
static int swap(const char *from, const char *to, unsigned flags) { return renameat2(AT_FDCWD, from, AT_FDCWD, to, flags); }
static void make(const char *name, const char *text) { int fd = open(name, O_CREAT | O_TRUNC | O_WRONLY, 0644); write(fd, text, strlen(text)); close(fd); }
static void look(const char *name)
{
    char text[40] = "";
    struct stat s;
    if (lstat(name, &s)) {
        printf("%s: %s\n", name, strerrorname_np(errno));
        return;
    }
    if (S_ISREG(s.st_mode)) {
        int fd = open(name, O_RDONLY);
        read(fd, text, 39);
        close(fd);
    } else if (S_ISLNK(s.st_mode))
        readlink(name, text, 39);
    printf("%s: %o %d '%s'\n", name, s.st_mode, S_ISDIR(s.st_mode) ? 0 : (int)s.st_nlink, text);
}

int main(void)
{
    if (!geteuid())
        setgroups(0, NULL), setgid(1000), setuid(1000);
    umask(022);
    enter_folder();
    int here = open(".", O_RDONLY | O_DIRECTORY), fd, i;
    char name[300];
    make("file", "text");
    mkdir("d", 0755);
    mkdir("d/e", 0755);
    make("d/e/f", "deep");
    symlink("file", "link");
    symlink("d", "to_d");
    symlink("../file", "d/up");
    symlink("/tmp", "root");
    symlink("e/f", "d/down");
    symlink("loop", "loop");
    symlink("gone", "dangling");
    int d = open("d", O_RDONLY | O_DIRECTORY), path = open("file", O_PATH), plain = open("file", O_RDWR);

    puts("openat");
    T(op(AT_FDCWD, "none", O_RDONLY, 0));
    T(op(AT_FDCWD, "", O_RDONLY, 0));
    T(op(AT_FDCWD, NULL, O_RDONLY, 0));
    T(op(99, "file", O_RDONLY, 0));
    T(op(99, "/tmp", O_RDONLY, 0));
    T(op(plain, "file", O_RDONLY, 0));
    T(op(d, "e/f", O_RDONLY, 0));
    T(op(AT_FDCWD, "file/x", O_RDONLY, 0));
    T(op(AT_FDCWD, "file/", O_RDONLY, 0));
    T(op(AT_FDCWD, "d/", O_RDONLY, 0));
    T(op(AT_FDCWD, "d", O_WRONLY, 0));
    T(op(AT_FDCWD, "d", O_RDWR, 0));
    T(op(AT_FDCWD, "d", O_CREAT, 0644));
    T(op(AT_FDCWD, "d", O_CREAT | O_DIRECTORY, 0644));
    T(op(AT_FDCWD, "new/", O_CREAT | O_WRONLY, 0644));
    T(op(AT_FDCWD, "file", O_DIRECTORY, 0));
    T(op(AT_FDCWD, "file", O_CREAT | O_EXCL | O_RDWR, 0644));
    T(op(AT_FDCWD, "link", O_CREAT | O_EXCL | O_RDWR, 0644));
    T(op(AT_FDCWD, "dangling", O_CREAT | O_EXCL | O_RDWR, 0644));
    T(op(AT_FDCWD, "dangling", O_RDWR, 0));
    T(op(AT_FDCWD, "dangling", O_CREAT | O_RDWR, 0600));
    look("gone");
    T(unlink("gone"));
    T(op(AT_FDCWD, "link", O_NOFOLLOW, 0));
    T(op(AT_FDCWD, "to_d", O_NOFOLLOW | O_DIRECTORY, 0));
    T(op(AT_FDCWD, "to_d/e", O_NOFOLLOW, 0));
    T(op(AT_FDCWD, "loop", O_RDONLY, 0));
    T(op(AT_FDCWD, "loop/x", O_RDONLY, 0));
    memset(name, 'n', 299), name[256] = 0;
    T(op(AT_FDCWD, name, O_RDONLY, 0));
    name[255] = 0;
    T(op(AT_FDCWD, name, O_RDONLY, 0));
    T(op(AT_FDCWD, "mode", O_CREAT | O_WRONLY, 06777));
    look("mode");
    T(op(AT_FDCWD, "mode", O_TRUNC, 0));
    T(op(AT_FDCWD, "none", O_RDONLY | 0x40000000, 0));
    T(op(AT_FDCWD, "file", O_RDONLY | 0x40000000, 0));
    T(op(AT_FDCWD, "file", O_ACCMODE, 0));
    T(chmod("mode", 0));
    T(op(AT_FDCWD, "mode", O_RDONLY, 0));
    T(op(AT_FDCWD, "mode", O_PATH, 0));
    T(unlink("mode"));
    for (i = 0; i < 41; i++) {
        char from[8], to[8];
        snprintf(from, 8, "l%d", i + 1), snprintf(to, 8, "l%d", i);
        symlink(i ? to : "file", from);
    }
    T(op(AT_FDCWD, "l40", O_RDONLY, 0));
    T(op(AT_FDCWD, "l41", O_RDONLY, 0));
    for (i = 1; i < 42; i++)
        snprintf(name, 8, "l%d", i), unlink(name);

    puts("O_PATH");
    char text[8];
    struct stat s;
    T(read(path, text, 1));
    T(write(path, text, 1));
    T(pread(path, text, 1, 0));
    T(fstat(path, &s));
    T(s.st_size);
    T(fchmod(path, 0600));
    T(fchown(path, -1, -1));
    T(ftruncate(path, 1));
    T(fsync(path));
    T(getdents64(path, text, 8));
    T(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, path, 0) == MAP_FAILED);
    T(dup2(path, 60));
    T(close(60));
    T(op(AT_FDCWD, "none", O_PATH | O_CREAT, 0600));
    T(op(AT_FDCWD, "file", O_PATH | O_TRUNC, 0600));
    look("file");
    T(op(AT_FDCWD, "file", O_PATH | O_DIRECTORY, 0));
    int link = open("link", O_PATH | O_NOFOLLOW);
    T(fstat(link, &s));
    T(S_ISLNK(s.st_mode));
    T(readlinkat(link, "", text, 8));
    T(readlinkat(path, "", text, 8));
    T(fstatat(link, "", &s, AT_EMPTY_PATH));
    T(fstatat(link, "", &s, 0));
    T(fchownat(link, "", -1, -1, AT_EMPTY_PATH));
    T(linkat(path, "", AT_FDCWD, "hard", AT_EMPTY_PATH));
    snprintf(name, sizeof name, "/proc/self/fd/%d", path);
    T(linkat(AT_FDCWD, name, AT_FDCWD, "hard", AT_SYMLINK_FOLLOW));
    look("hard");
    T(linkat(AT_FDCWD, name, AT_FDCWD, "hard", AT_SYMLINK_FOLLOW));
    T(linkat(AT_FDCWD, "link", AT_FDCWD, "hard2", 0));
    look("hard2");
    T(linkat(AT_FDCWD, "d", AT_FDCWD, "hard3", 0));
    T(linkat(AT_FDCWD, "file", AT_FDCWD, "none/hard3", 0));
    T(linkat(AT_FDCWD, "file", 99, "hard3", 0));
    T(linkat(AT_FDCWD, "file", AT_FDCWD, "/proc/hard3", 0));
    T(linkat(AT_FDCWD, "file", AT_FDCWD, "hard3", 0x10000));
    T(unlink("hard"));
    T(unlink("hard2"));
    T(op(AT_FDCWD, name, O_RDONLY, 0));
    int dp = open("d", O_PATH | O_DIRECTORY);
    T(op(dp, "e/f", O_RDONLY, 0));
    T(fchdir(dp));
    T(access("e/f", F_OK));
    T(fchdir(path));
    T(fchdir(99));
    T(fchdir(here));

    puts("O_TMPFILE");
    T(op(AT_FDCWD, ".", O_TMPFILE | O_RDONLY, 0600));
    T(op(AT_FDCWD, "file", O_TMPFILE | O_RDWR, 0600));
    T(op(AT_FDCWD, "none", O_TMPFILE | O_RDWR, 0600));
    T(op(AT_FDCWD, ".", O_TMPFILE | O_RDWR | O_CREAT, 0600));
    T(op(AT_FDCWD, ".", (O_TMPFILE & ~O_DIRECTORY) | O_RDWR, 0600));
    T(op(AT_FDCWD, "/proc", O_TMPFILE | O_RDWR, 0600));
    fd = open("d", O_TMPFILE | O_RDWR, 0640);
    T(fd >= 0);
    T(write(fd, "nameless", 8));
    T(fstat(fd, &s));
    T(s.st_nlink);
    T(s.st_mode);
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    T(linkat(AT_FDCWD, name, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
    look("named");
    T(unlink("named"));
    T(linkat(AT_FDCWD, name, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
    close(fd);
    fd = open("d", O_TMPFILE | O_RDWR | O_EXCL, 0640);
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    T(linkat(AT_FDCWD, name, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
    close(fd);

    puts("openat2");
    struct { struct open_how how; uint64_t more; } big = {{O_RDONLY, 0, 0}, 0};
    T(syscall(SYS_openat2, AT_FDCWD, "file", &big, 8));
    T(syscall(SYS_openat2, AT_FDCWD, "file", &big, 0));
    T(close(syscall(SYS_openat2, AT_FDCWD, "file", &big, sizeof big)));
    big.more = 1;
    T(syscall(SYS_openat2, AT_FDCWD, "file", &big, sizeof big));
    T(syscall(SYS_openat2, AT_FDCWD, "file", NULL, sizeof big.how));
    T(syscall(SYS_openat2, AT_FDCWD, "file", &big, 5000));
    T(try(AT_FDCWD, "file", O_RDONLY, 0600, 0));
    T(try(AT_FDCWD, "file", O_CREAT, 010000, 0));
    T(try(AT_FDCWD, "file", O_CREAT | O_RDWR, 0600, 0));
    T(try(AT_FDCWD, "file", 1ull << 40, 0, 0));
    T(try(AT_FDCWD, "file", O_RDONLY, 0, 0x80));
    T(try(AT_FDCWD, "file", O_PATH | O_RDWR, 0, 0));
    T(try(AT_FDCWD, "file", O_PATH | O_CREAT, 0, 0));
    T(try(AT_FDCWD, "file", O_PATH | O_CLOEXEC | O_NOFOLLOW, 0, 0));
    T(try(AT_FDCWD, "d", O_CREAT | O_DIRECTORY, 0600, 0));
    T(try(AT_FDCWD, ".", O_TMPFILE, 0600, 0));
    T(try(AT_FDCWD, ".", O_TMPFILE | O_RDWR, 0600, 0));
    T(try(AT_FDCWD, "", O_RDONLY, 0, 0));
    T(try(99, "file", O_RDONLY, 0, 0));
    puts("beneath");
    T(try(d, "e/f", 0, 0, RESOLVE_BENEATH));
    T(try(d, "../file", 0, 0, RESOLVE_BENEATH));
    T(try(d, "e/../e/f", 0, 0, RESOLVE_BENEATH));
    T(try(d, "e/../../file", 0, 0, RESOLVE_BENEATH));
    T(try(d, "up", 0, 0, RESOLVE_BENEATH));
    T(try(d, "down", 0, 0, RESOLVE_BENEATH));
    T(try(d, "/tmp", 0, 0, RESOLVE_BENEATH));
    T(try(here, "root", 0, 0, RESOLVE_BENEATH));
    T(try(d, ".", 0, 0, RESOLVE_BENEATH));
    T(try(d, "..", 0, 0, RESOLVE_BENEATH));
    T(try(d, "none", 0, 0, RESOLVE_BENEATH));
    T(try(AT_FDCWD, "d/../file", 0, 0, RESOLVE_BENEATH));
    T(try(AT_FDCWD, "file", 0, 0, RESOLVE_BENEATH | RESOLVE_IN_ROOT));
    T(try(AT_FDCWD, "/proc/self/fd/0", 0, 0, RESOLVE_BENEATH));
    puts("in root");
    T(try(d, "/e/f", 0, 0, RESOLVE_IN_ROOT));
    T(try(d, "../../e/f", 0, 0, RESOLVE_IN_ROOT));
    T(try(d, "up", 0, 0, RESOLVE_IN_ROOT));
    T(try(here, "d/up", 0, 0, RESOLVE_IN_ROOT));
    T(try(here, "root", 0, 0, RESOLVE_IN_ROOT));
    T(try(d, "..", 0, 0, RESOLVE_IN_ROOT));
    T(try(d, "/", 0, 0, RESOLVE_IN_ROOT));
    puts("no links");
    T(try(AT_FDCWD, "file", 0, 0, RESOLVE_NO_SYMLINKS));
    T(try(AT_FDCWD, "link", 0, 0, RESOLVE_NO_SYMLINKS));
    T(try(AT_FDCWD, "to_d/e/f", 0, 0, RESOLVE_NO_SYMLINKS));
    T(try(AT_FDCWD, "link", O_NOFOLLOW | O_PATH, 0, RESOLVE_NO_SYMLINKS));
    T(try(AT_FDCWD, "link", O_NOFOLLOW, 0, RESOLVE_NO_SYMLINKS));
    T(try(AT_FDCWD, "link", 0, 0, RESOLVE_NO_MAGICLINKS));
    T(try(AT_FDCWD, "/proc/self/cwd", 0, 0, RESOLVE_NO_MAGICLINKS));
    T(try(AT_FDCWD, "/proc/self/exe", 0, 0, RESOLVE_NO_MAGICLINKS));
    T(try(AT_FDCWD, "/proc/self/status", 0, 0, RESOLVE_NO_MAGICLINKS));
    T(try(AT_FDCWD, "/proc/self/exe", 0, 0, RESOLVE_NO_SYMLINKS));
    T(try(AT_FDCWD, "/proc/self/exe", O_PATH | O_NOFOLLOW, 0, RESOLVE_NO_MAGICLINKS));
    puts("no other file system");
    T(try(AT_FDCWD, "d/e/f", 0, 0, RESOLVE_NO_XDEV));
    T(try(AT_FDCWD, "/proc/self/exe", 0, 0, RESOLVE_NO_XDEV));
    T(try(AT_FDCWD, "/proc", 0, 0, RESOLVE_NO_XDEV));
    T(try(open("/proc", O_PATH), "self/status", 0, 0, RESOLVE_NO_XDEV));
    T(try(open("/proc", O_PATH), "..", 0, 0, RESOLVE_NO_XDEV));
    puts("cached");
    T(try(AT_FDCWD, "cached", O_CREAT | O_RDWR, 0600, RESOLVE_CACHED));
    T(try(AT_FDCWD, "file", O_TRUNC | O_RDWR, 0, RESOLVE_CACHED));
    T(try(AT_FDCWD, ".", O_TMPFILE | O_RDWR, 0600, RESOLVE_CACHED));
    T(try(AT_FDCWD, "file", O_RDONLY, 0, RESOLVE_CACHED));

    puts("renameat2");
    make("a", "A"), make("b", "B");
    T(swap("a", "b", RENAME_NOREPLACE));
    T(swap("a", "c", RENAME_NOREPLACE));
    look("a"), look("c");
    T(swap("c", "b", RENAME_EXCHANGE));
    look("b"), look("c");
    T(swap("c", "none", RENAME_EXCHANGE));
    T(swap("none", "c", RENAME_EXCHANGE));
    T(swap("c", "b", RENAME_EXCHANGE | RENAME_NOREPLACE));
    T(swap("c", "b", RENAME_EXCHANGE | RENAME_WHITEOUT));
    T(swap("c", "b", 8));
    T(swap("c", "d", RENAME_EXCHANGE));
    look("c"), look("d");
    T(swap("c", "d", RENAME_EXCHANGE));
    T(swap("d", "d/e", RENAME_EXCHANGE));
    T(swap("d/e", "d", RENAME_EXCHANGE));
    T(swap("d", "d/e/x", 0));
    T(swap("c", "c", RENAME_EXCHANGE));
    T(swap("c", "c", RENAME_NOREPLACE));
    T(swap("c", "link", RENAME_EXCHANGE));
    look("c"), look("link");
    T(swap("c", "link", RENAME_EXCHANGE));
    T(swap("c", "d", 0));
    T(swap("d", "c", 0));
    T(swap("to_d", "d", 0));
    mkdir("full", 0755), make("full/x", ""), mkdir("empty", 0755);
    T(swap("empty", "full", 0));
    T(swap("full", "empty", 0));
    look("full"), look("empty");
    T(swap(".", "x", 0));
    T(swap("d/.", "x", 0));
    T(swap("d/..", "x", 0));
    T(swap("c", ".", 0));
    T(swap("c", "..", RENAME_NOREPLACE));
    T(swap("c", "x/", 0));
    T(swap("d", "x/", 0));
    T(swap("x", "d", 0));
    T(swap("", "x", 0));
    T(swap("c", "", 0));
    T(swap("c/x", "x", 0));
    T(renameat2(99, "c", AT_FDCWD, "x", 0));
    T(renameat2(d, "e", here, "moved", 0));
    T(renameat2(here, "moved", d, "e", 0));
    T(swap("c", "/proc/x", 0));
    T(swap("/proc/version", "x", 0));
    symlink("b", "sym");
    T(swap("c", "sym", 0));
    look("sym"), look("b");
    look("file");

    for (const char *const *n = (const char *const[]){"sym", "b", "empty/x", "empty", "d/e/f", "d/e", "d/up", "d/down", "d", "file", "link", "to_d", "root", "loop", "dangling", NULL}; *n; n++)
        remove(*n);
    leave_folder();
    return 0;
}
