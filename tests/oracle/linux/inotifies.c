/* inotify(7) on what the program does itself: events, names, cookies, masks, errors. */
#include "checks.h"
#include <sys/inotify.h>

static int in;
static void show(const char *what)
{
    static char b[8192] __attribute__((aligned(8)));
    static unsigned last;
    long n = read(in, b, sizeof b);
    printf("%s:", what);
    if (n < 0) printf(" %s", strerrorname_np(errno));
    for (char *p = b; p < b + n;) { struct inotify_event *e = (void *)p; printf(" [%d %#x %s%s]", e->wd, e->mask, e->len ? e->name : "", e->cookie ? e->cookie == last ? " same" : " cookie" : ""); last = e->cookie; p += sizeof *e + e->len; }
    puts("");
}

int main(void)
{
    char b[20]; int n;
    enter_folder(); mkdir("in_d", 0700);
    T(inotify_init1(1)); in = inotify_init1(IN_NONBLOCK | IN_CLOEXEC); T(fcntl(in, F_GETFD)); show("nothing");
    T(inotify_add_watch(in, "in_d", 0)); T(inotify_add_watch(0, "in_d", IN_CREATE)); T(inotify_add_watch(99, "in_d", IN_CREATE)); T(inotify_add_watch(in, "none", IN_CREATE)); T(inotify_add_watch(in, (void *)8, IN_CREATE)); T(inotify_rm_watch(in, 5)); T(inotify_rm_watch(0, 5)); T(inotify_add_watch(in, "in_d", IN_CREATE | IN_MASK_ADD | IN_MASK_CREATE)); T(inotify_add_watch(in, "/dev/null", IN_OPEN | IN_ONLYDIR)); T(write(in, b, 1));
    T(inotify_add_watch(in, "in_d", IN_CREATE | IN_DELETE | IN_MOVE | IN_MODIFY | IN_CLOSE | IN_ATTRIB | IN_OPEN | IN_ACCESS)); T(inotify_add_watch(in, "in_d", IN_CREATE | IN_MASK_CREATE));
    int f = open("in_d/a", O_RDWR | O_CREAT, 0600); show("create"); write(f, "abc", 3); show("write"); write(f, "abc", 3); write(f, "abc", 3); show("writes"); lseek(f, 0, SEEK_SET); read(f, b, 3); read(f, b, 3); show("reads"); ftruncate(f, 1); show("truncate"); close(f); show("close"); close(open("in_d/a", O_RDONLY)); show("read only");
    mkdir("in_d/sub", 0700); show("mkdir"); symlink("x", "in_d/l"); show("symlink"); link("in_d/a", "in_d/hard"); unlink("in_d/hard"); unlink("in_d/l"); rmdir("in_d/sub");
    T(ioctl(in, FIONREAD, &n)); T(n > 0); T(read(in, b, 8)); struct pollfd p = {in, POLLIN, 0}; T(poll(&p, 1, 0));
    static char sink[8192]; while (read(in, sink, sizeof sink) > 0); rename("in_d/a", "in_d/b"); show("rename"); rename("in_d/b", "in_b"); show("out"); rename("in_b", "in_d/b"); show("in");
    T(inotify_add_watch(in, "in_d/b", IN_MODIFY | IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB)); T(inotify_add_watch(in, "in_d", IN_DELETE)); f = open("in_d/b", O_WRONLY); write(f, "x", 1); show("file"); close(f); rename("in_d/b", "in_d/c"); show("self"); unlink("in_d/c"); show("unlink");
    T(inotify_rm_watch(in, 1)); show("removed"); T(inotify_rm_watch(in, 1)); T(inotify_add_watch(in, "in_d", IN_CREATE | IN_ONESHOT) > 2); mkdir("in_d/1", 0700); mkdir("in_d/2", 0700); show("one shot"); rmdir("in_d/1"); rmdir("in_d/2");
    T(inotify_add_watch(in, "in_d", IN_DELETE_SELF) > 3); rmdir("in_d"); show("gone"); close(in); leave_folder();
    return 0;
}
