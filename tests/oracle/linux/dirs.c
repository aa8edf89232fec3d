/* Permissions of folders, getdents and its order and positions, statx, xattrs, statfs, dates: good and bad uses. */
#include "checks.h"
#include <dirent.h>
#include <grp.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <sys/sysmacros.h>
#include <linux/limits.h>

static int op(const char *path, int flags) { int fd = open(path, flags, 0644); if (fd >= 0) close(fd); return fd < 0 ? -1 : 0; }
static int compare(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }
static char buffer[65536];
struct entry { uint64_t ino; int64_t off; unsigned short reclen; unsigned char type; char name[]; };

int main(void)
{
    if (!geteuid())
        setgroups(0, NULL), setgid(1000), setuid(1000);
    umask(022);
    enter_folder();
    struct stat s;
    int fd, n, i;
    char name[32];

    puts("folders without permission");
    mkdir("d", 0755), mkdir("d/e", 0755), close(open("d/f", O_CREAT | O_WRONLY, 0644));
    T(chmod("d", 0600));
    T(stat("d/f", &s));
    T(op("d/f", O_RDONLY));
    T(op("d/new", O_CREAT | O_WRONLY));
    T(chdir("d"));
    T(op("d", O_RDONLY | O_DIRECTORY));
    T(mkdir("d/x", 0755));
    T(unlink("d/f"));
    T(access("d/f", F_OK));
    T(rename("d/f", "g"));
    T(chmod("d", 0500));
    T(stat("d/f", &s));
    T(op("d/new", O_CREAT | O_WRONLY));
    T(op("d/f", O_CREAT | O_WRONLY));
    T(mkdir("d/x", 0755));
    T(mkdir("d/e", 0755));
    T(symlink("x", "d/x"));
    T(link("d/f", "d/x"));
    T(link("d/f", "x"));
    T(unlink("x"));
    T(mknod("d/x", S_IFIFO | 0600, 0));
    T(unlink("d/f"));
    T(unlink("d/none"));
    T(rmdir("d/e"));
    T(rename("d/f", "g"));
    T(rename("d/f", "d/g"));
    close(open("g", O_CREAT | O_WRONLY, 0644));
    T(rename("g", "d/g"));
    T(op("d", O_TMPFILE | O_RDWR));
    T(chmod("d", 0300));
    T(op("d", O_RDONLY | O_DIRECTORY));
    T(op("d", O_PATH | O_DIRECTORY));
    T(op("d/f", O_RDONLY));
    T(op("d/new", O_CREAT | O_WRONLY));
    T(unlink("d/new"));
    T(chdir("d"));
    T(chdir(".."));
    T(access("d", R_OK)); T(access("d", W_OK)); T(access("d", X_OK)); T(access("d", 8)); T(access("none", F_OK)); T(access("d/f/x", F_OK));
    T(faccessat(AT_FDCWD, "d", X_OK, AT_EACCESS)); T(faccessat(AT_FDCWD, "d", R_OK, 0x8000));
    T(chmod("d", 0755));
    T(chmod("d/f", 0444));
    T(op("d/f", O_RDWR));
    T(op("d/f", O_RDONLY | O_TRUNC));
    T(truncate("d/f", 0));
    T(access("d/f", W_OK));
    T(access("d/f", X_OK));
    T(chmod("d/f", 0));
    T(op("d/f", O_RDONLY));
    T(fstatat(AT_FDCWD, "d/f", &s, 0));
    T(chown("d/f", 0, -1));
    T(chown("d/f", -1, 0));
    T(chown("d/f", 1000, 1000));
    T(chmod("d/f", 06777));
    T(stat("d/f", &s)); T(s.st_mode);
    T(chown("d/f", 1000, 1000));
    T(stat("d/f", &s)); T(s.st_mode);
    T(chmod("/proc/self/status", 0600) == -1);
    T(chmod("/", 0700));
    T(fchmodat(AT_FDCWD, "d/f", 0600, 0));
    symlink("d/f", "l");
    T(fchmodat(AT_FDCWD, "l", 0600, AT_SYMLINK_NOFOLLOW));
    T(lchown("l", 1000, -1));
    T(fchownat(AT_FDCWD, "l", 1000, 1000, AT_SYMLINK_NOFOLLOW));
    T(fchownat(AT_FDCWD, "l", 1000, 1000, 1));
    T(utimensat(AT_FDCWD, "l", NULL, 1));
    unlink("l");

    puts("getdents");
    mkdir("many", 0755);
    for (i = 0; i < 300; i++)
        snprintf(name, sizeof name, "many/n%d", i), close(open(name, O_CREAT | O_WRONLY, 0644));
    fd = open("many", O_RDONLY | O_DIRECTORY);
    T(getdents64(fd, buffer, 10));
    T(getdents64(fd, buffer, 0));
    T(getdents64(fd, (void *)8, 1000));
    T(getdents64(99, buffer, 1000));
    T(getdents64(open("d/f", O_RDONLY), buffer, 1000));
    T(lseek(fd, 0, SEEK_SET));
    int entries = 0, calls = 0, kinds = 0, zero = 0;
    while ((n = getdents64(fd, buffer, 1000)) > 0) {
        calls++;
        for (i = 0; i < n; i += ((struct entry *)(buffer + i))->reclen, entries++) {
            struct entry *e = (struct entry *)(buffer + i);
            kinds += e->type == DT_REG;
            zero += !e->ino;
            if (e->reclen % 8 || strlen(e->name) > e->reclen - 20)
                puts("a bad length");
        }
    }
    T(n);
    T(entries);
    T(kinds);
    T(zero);
    T(calls > 5);
    close(fd);
    DIR *d = opendir("many");
    long places[302];
    char *names[302], *again;
    for (i = 0; i < 302; i++)
        places[i] = telldir(d), names[i] = strdup(readdir(d)->d_name);
    T(readdir(d) == NULL);
    int same = 0;
    for (i = 301; i >= 0; i -= 7)
        seekdir(d, places[i]), again = readdir(d)->d_name, same += !strcmp(again, names[i]);
    T(same);
    rewinddir(d);
    T(!strcmp(readdir(d)->d_name, names[0]));
    qsort(names, 302, sizeof *names, compare);
    puts(names[0]), puts(names[1]), puts(names[2]), puts(names[301]);
    closedir(d);
    /* removed while it is read */
    d = opendir("many");
    for (i = 0; i < 10; i++)
        readdir(d);
    for (i = 0; i < 300; i++)
        snprintf(name, sizeof name, "many/n%d", i), unlink(name);
    struct dirent *left;
    closedir(d);
    d = opendir("many"), n = 0;
    while ((left = readdir(d)))
        n++;
    T(n);
    closedir(d);
    fd = open("many", O_RDONLY | O_DIRECTORY);
    T(rmdir("many"));
    T(getdents64(fd, buffer, 1000));
    T(fstat(fd, &s)); T(s.st_nlink);
    T(openat(fd, "new", O_CREAT | O_WRONLY, 0600));
    close(fd);
    mkdir("k", 0755), mkdir("k/dir", 0755), symlink("x", "k/link"), mkfifo("k/fifo", 0600), close(open("k/file", O_CREAT, 0600));
    d = opendir("k");
    int found[16] = {0};
    while ((left = readdir(d)))
        found[left->d_type]++;
    T(found[DT_DIR]); T(found[DT_LNK]); T(found[DT_FIFO]); T(found[DT_REG]);
    closedir(d);
    T(rmdir("k"));
    remove("k/dir"), remove("k/link"), remove("k/fifo"), remove("k/file");
    T(rmdir("k"));

    puts("statx");
    struct statx x;
    fd = open("file", O_CREAT | O_RDWR, 0640);
    write(fd, "12345", 5);
    T(statx(AT_FDCWD, "file", 0, STATX_BASIC_STATS, &x));
    T(x.stx_size); T(x.stx_mode); T(x.stx_nlink); T(x.stx_uid == getuid()); T(x.stx_blksize); T(x.stx_mask & STATX_BASIC_STATS);
    T(fstat(fd, &s));
    T(x.stx_ino == s.st_ino); T(x.stx_blocks == s.st_blocks); T(makedev(x.stx_dev_major, x.stx_dev_minor) == s.st_dev); T(x.stx_mtime.tv_sec == s.st_mtim.tv_sec); T(x.stx_mtime.tv_nsec == s.st_mtim.tv_nsec);
    T(statx(AT_FDCWD, "file", 0, 0, &x));
    T(statx(fd, "", AT_EMPTY_PATH, STATX_ALL, &x)); T(x.stx_size);
    T(statx(fd, "", 0, STATX_ALL, &x));
    T(statx(fd, "file", 0, STATX_ALL, &x));
    T(statx(99, "", AT_EMPTY_PATH, STATX_ALL, &x));
    T(statx(99, "file", 0, STATX_ALL, &x));
    T(statx(AT_FDCWD, "none", 0, STATX_ALL, &x));
    T(statx(AT_FDCWD, "file", 0, 0x80000000u, &x));
    T(statx(AT_FDCWD, "file", 0x10000, STATX_ALL, &x));
    T(statx(AT_FDCWD, "file", AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC, STATX_ALL, &x));
    T(statx(AT_FDCWD, "file", AT_STATX_FORCE_SYNC, STATX_ALL, &x));
    T(statx(AT_FDCWD, "file", 0, STATX_ALL, (void *)8));
    T(statx(AT_FDCWD, "/dev/null", 0, STATX_ALL, &x)); T(x.stx_rdev_major); T(x.stx_rdev_minor); T(x.stx_mode);
    T(fstatat(AT_FDCWD, "file", &s, 0x40000));
    T(fstatat(AT_FDCWD, "", &s, AT_EMPTY_PATH)); T(S_ISDIR(s.st_mode));
    T(fstatat(AT_FDCWD, "file", (void *)8, 0));

    puts("statfs");
    struct statfs f;
    T(statfs("/proc", &f)); T(f.f_type);
    T(statfs("/sys", &f)); T(f.f_type);
    T(fstatfs(fd, &f)); T(f.f_bsize); T(f.f_namelen); T(f.f_bfree <= f.f_blocks);
    T(statfs("none", &f)); T(statfs("/proc", (void *)8)); T(fstatfs(99, &f));
    int p[2];
    pipe(p);
    T(fstatfs(p[0], &f)); T(f.f_type);
    T(fstatfs(socket(1, 1, 0), &f)); T(f.f_type);

    puts("xattr");
    char big[70000], v[100];
    memset(big, 'v', sizeof big);
    T(setxattr("file", "user.one", "value", 5, 0));
    T(setxattr("file", "user.one", "value", 5, XATTR_CREATE));
    T(setxattr("file", "user.two", "value", 5, XATTR_REPLACE));
    T(setxattr("file", "user.two", "", 0, 0));
    T(setxattr("file", "user.one", "longer value", 12, XATTR_REPLACE));
    T(setxattr("file", "user.x", "value", 5, 4));
    T(setxattr("file", "user.x", "value", 5, XATTR_CREATE | XATTR_REPLACE));
    T(setxattr("file", "user.", "value", 5, 0));
    T(setxattr("file", "other.x", "value", 5, 0));
    T(setxattr("file", "plain", "value", 5, 0));
    T(setxattr("file", "", "value", 5, 0));
    T(setxattr("file", "trusted.x", "value", 5, 0));
    T(setxattr("file", "security.x", "value", 5, 0));
    T(setxattr("file", "user.x", NULL, 5, 0));
    T(setxattr("file", "user.x", NULL, 0, 0)); T(removexattr("file", "user.x"));
    T(setxattr("file", NULL, "value", 5, 0));
    T(setxattr("file", "user.x", big, 65537, 0));
    T(setxattr("none", "user.x", "value", 5, 0));
    memcpy(v, "user.", 5), memset(v + 5, 'n', 90), v[95] = 0;
    T(getxattr("file", v, big, 100));
    static char longest[300] = "user.";
    memset(longest + 5, 'n', 251);
    T(setxattr("file", longest, "v", 1, 0));
    T(getxattr("file", longest, big, 1));
    T(getxattr("file", "user.one", NULL, 0));
    T(getxattr("file", "user.one", v, sizeof v)); v[12] = 0, puts(v);
    T(getxattr("file", "user.one", v, 5));
    T(getxattr("file", "user.two", v, 5));
    T(getxattr("file", "user.none", v, 5));
    T(getxattr("file", "trusted.x", v, 5));
    T(getxattr("file", "other.x", v, 5));
    T(getxattr("file", "user.one", (void *)8, 100));
    T(listxattr("file", NULL, 0));
    T(listxattr("file", v, 5));
    T(listxattr("file", v, sizeof v));
    T(fgetxattr(fd, "user.one", v, sizeof v));
    T(fsetxattr(fd, "user.f", "f", 1, 0));
    T(flistxattr(fd, v, sizeof v));
    T(fremovexattr(fd, "user.f"));
    T(removexattr("file", "user.f"));
    T(removexattr("file", "trusted.f"));
    T(removexattr("file", "other.f"));
    T(fgetxattr(99, "user.one", v, 1));
    T(fgetxattr(open("file", O_PATH), "user.one", v, 1));
    symlink("file", "link");
    T(getxattr("link", "user.one", v, sizeof v));
    T(lgetxattr("link", "user.one", v, sizeof v));
    T(lsetxattr("link", "user.one", "v", 1, 0));
    T(llistxattr("link", v, sizeof v));
    T(lremovexattr("link", "user.one"));
    mkfifo("fifo", 0600);
    T(setxattr("fifo", "user.one", "v", 1, 0));
    T(getxattr("fifo", "user.one", v, 1));
    T(setxattr("d", "user.one", "v", 1, 0)); T(getxattr("d", "user.one", v, 1));
    T(chmod("file", 0400)); T(setxattr("file", "user.new", "v", 1, 0)); T(removexattr("file", "user.one"));
    T(chmod("file", 0)); T(getxattr("file", "user.one", v, 50)); T(listxattr("file", v, 50));
    T(getxattr("/proc/self/status", "user.one", v, 50));
    T(setxattr("/proc/self/status", "user.one", v, 5, 0));
    remove("link"), remove("fifo"), remove("file"), remove("g"), remove("d/f"), remove("d/e"), remove("d");
    leave_folder();
    return 0;
}
