/* Files of /proc, /sys and /dev that programs read: their shape, and what may be written to them. */
#include "checks.h"
#include <grp.h>
#include <dirent.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

static char text[1 << 20];
static long size;
/* How the reading of a file ends; its text is in `text`. */
static int load(const char *path)
{
    int fd = open(path, O_RDONLY), n;
    if (fd < 0)
        return -1;
    for (size = 0; (n = read(fd, text + size, sizeof text - 1 - size)) > 0;)
        size += n;
    text[size] = 0;
    close(fd);
    return n;
}
static int lines(void) { int n = 0; for (char *p = text; *p; p++) n += *p == '\n'; return n; }
static int has(const char *what) { return strstr(text, what) != NULL; }
static int starts(const char *what) { return !strncmp(text, what, strlen(what)); }
/* Whether a line begins with a key and has so many words more. */
static int row(const char *key, int words)
{
    char *p = text;
    while (p && strncmp(p, key, strlen(key)))
        p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL;
    if (!p)
        return 0;
    int n = 0;
    for (p += strlen(key); *p && *p != '\n';) {
        while (*p == ' ' || *p == '\t')
            p++;
        n += *p && *p != '\n';
        while (*p && !strchr(" \t\n", *p))
            p++;
    }
    return words < 0 ? n >= -words : n == words;
}
static int put(const char *path, const char *what)
{
    int fd = open(path, O_WRONLY), n, e;
    if (fd < 0)
        return -1;
    n = write(fd, what, strlen(what)), e = errno;
    close(fd);
    errno = e;
    return n;
}
static int is_link(const char *path, const char *to) { char b[300]; int n = readlink(path, b, 299); b[n < 0 ? 0 : n] = 0; return n < 0 ? -1 : to ? !strcmp(b, to) : n > 0; }
static int kind(const char *path) { struct stat s; return lstat(path, &s) ? -1 : s.st_mode & (S_IFMT | 0777); }

int main(int argc, char **argv)
{
    if (!geteuid())
        setgroups(0, NULL), setgid(1000), setuid(1000), prctl(PR_SET_DUMPABLE, 1);
    close_range(3, -1, 0);
    int a, b, c, d, i;
    double x, y, z;
    char word[300];

    puts("the machine");
    T(load("/proc/cpuinfo"));
    T(has("processor\t"));
    T(load("/proc/stat"));
    T(row("cpu ", 10));
    T(row("cpu0", 10));
    T(row("ctxt", 1) && row("btime", 1) && row("processes", 1) && row("procs_running", 1) && row("procs_blocked", 1));
    T(load("/proc/loadavg"));
    T(sscanf(text, "%lf %lf %lf %d/%d %d", &x, &y, &z, &a, &b, &c));
    T(lines());
    T(load("/proc/version"));
    T(starts("Linux version "));
    struct utsname u;
    T(uname(&u));
    T(has(u.release));
    T(load("/proc/filesystems"));
    T(has("nodev\tproc\n"));
    T(has("nodev\ttmpfs\n"));
    T(load("/proc/mounts"));
    T(has(" /proc proc "));
    T(lines() > 2);
    T(is_link("/proc/mounts", "self/mounts"));
    T(load("/proc/uptime"));
    T(sscanf(text, "%lf %lf%c", &x, &y, word));
    T(load("/proc/meminfo"));
    T(row("MemTotal:", 2) && row("MemFree:", 2) && row("MemAvailable:", 2) && row("Buffers:", 2) && row("Cached:", 2) && row("SwapTotal:", 2) && row("SwapFree:", 2) && row("Dirty:", 2) && row("Committed_AS:", 2));
    struct sysinfo si;
    T(sysinfo(&si));
    unsigned long kib = 0;
    sscanf(strstr(text, "MemTotal:"), "MemTotal: %lu", &kib);
    T(kib == si.totalram * si.mem_unit / 1024);
    T(load("/proc/cmdline"));
    T(lines());
    T(load("/proc/swaps"));
    T(starts("Filename"));
    T(load("/proc/none"));
    T(put("/proc/version", "x"));
    T(open("/proc/new", O_CREAT | O_WRONLY, 0600));
    T(mkdir("/proc/new", 0700));
    T(unlink("/proc/version"));
    T(truncate("/proc/version", 0));
    T(kind("/proc/version") & S_IFMT);
    T(kind("/proc") == (S_IFDIR | 0555));

    puts("the process");
    T(load("/proc/self/limits"));
    T(lines());
    T(row("Max open files", 3));
    T(row("Max stack size", 3));
    T(row("Max nice priority", 2));
    T(load("/proc/self/auxv"));
    unsigned long *v = (void *)text;
    T(size % 16);
    for (i = 0; v[i] && v[i] != AT_PAGESZ; i += 2)
        ;
    T(v[i + 1]);
    for (i = 0; v[i] && v[i] != AT_PHDR; i += 2)
        ;
    T(v[i + 1] == getauxval(AT_PHDR));
    T(v[size / 8 - 2]);
    T(is_link("/proc/self/exe", NULL));
    T(is_link("/proc/self/root", "/"));
    getcwd(word, sizeof word);
    T(is_link("/proc/self/cwd", word));
    T(chdir("/tmp"));
    T(is_link("/proc/self/cwd", "/tmp"));
    snprintf(word, sizeof word, "%d", getpid());
    T(is_link("/proc/self", word));
    snprintf(word, sizeof word, "%d/task/%d", getpid(), getpid());
    T(is_link("/proc/thread-self", word));
    snprintf(word, sizeof word, "/proc/self/task/%d/status", getpid());
    T(load(word));
    T(row("Name:", 1) && row("Umask:", 1) && row("State:", 2) && row("Tgid:", 1) && row("Pid:", 1) && row("PPid:", 1) && row("TracerPid:", 1) && row("Uid:", 4) && row("Gid:", 4) && row("FDSize:", 1));
    T(row("VmPeak:", 2) && row("VmSize:", 2) && row("VmLck:", 2) && row("VmHWM:", 2) && row("VmRSS:", 2) && row("VmData:", 2) && row("VmStk:", 2) && row("VmExe:", 2) && row("VmPTE:", 2) && row("VmSwap:", 2));
    T(row("Threads:", 1) && row("SigPnd:", 1) && row("SigBlk:", 1) && row("SigIgn:", 1) && row("SigCgt:", 1) && row("CapEff:", 1) && row("NoNewPrivs:", 1) && row("Cpus_allowed:", 1) && row("voluntary_ctxt_switches:", 1));
    T(load("/proc/self/stat"));
    for (a = 0, i = 0; text[i]; i++)
        a += text[i] == ' ';
    T(a >= 51);
    T(sscanf(strrchr(text, ')') + 2, "%c %d", word, &b));
    T(word[0]);
    T(b == getppid());
    T(load("/proc/self/statm"));
    T(sscanf(text, "%d %d %d %d %d %d %d", &a, &b, &c, &d, &i, &i, &i));
    T(load("/proc/self/comm"));
    T(put("/proc/self/comm", "renamed-and-far-too-long"));
    T(load("/proc/self/comm"));
    fputs(text, stdout);
    T(load("/proc/self/cmdline"));
    T(!strcmp(text, argv[0]));
    T(load("/proc/self/environ"));
    T(load("/proc/self/maps"));
    T(has("[stack]"));
    unsigned long from, to, offset, ino;
    char flags[8];
    T(sscanf(text, "%lx-%lx %7s %lx %x:%x %lu %299s", &from, &to, flags, &offset, &a, &b, &ino, word));
    T(load("/proc/self/smaps"));
    T(row("Size:", 2) && row("Rss:", 2) && row("Pss:", 2) && row("Private_Dirty:", 2) && row("Swap:", 2) && row("VmFlags:", -3));
    T(load("/proc/self/smaps_rollup"));
    T(has("[rollup]"));
    T(load("/proc/self/mountinfo"));
    T(has(" - "));
    T(sscanf(text, "%d %d %d:%d %299s", &a, &b, &c, &d, word));
    T(load("/proc/self/mounts"));
    T(load("/proc/self/cgroup"));
    T(load("/proc/self/io") == 0 || errno == EACCES);
    T(load("/proc/self/wchan"));
    T(load("/proc/self/oom_score"));
    T(lines());

    puts("settings");
    T(load("/proc/self/oom_score_adj"));
    fputs(text, stdout);
    T(put("/proc/self/oom_score_adj", "500"));
    T(put("/proc/self/oom_score_adj", "1001"));
    T(put("/proc/self/oom_score_adj", "-1001"));
    T(put("/proc/self/oom_score_adj", "x"));
    T(put("/proc/self/oom_score_adj", ""));
    T(load("/proc/self/oom_score_adj"));
    fputs(text, stdout);
    T(load("/proc/self/oom_adj"));
    char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    page[0] = 1;
    T(put("/proc/self/clear_refs", "1"));
    T(put("/proc/self/clear_refs", "2"));
    T(put("/proc/self/clear_refs", "3"));
    T(put("/proc/self/clear_refs", "4"));
    T(put("/proc/self/clear_refs", "0"));
    T(put("/proc/self/clear_refs", "6"));
    T(put("/proc/self/clear_refs", "-1"));
    T(put("/proc/self/clear_refs", "x"));
    T(put("/proc/self/clear_refs", "4\n"));
    T(load("/proc/self/clear_refs"));

    puts("descriptors");
    int fd = open("/tmp", O_RDONLY | O_DIRECTORY), p[2];
    pipe(p);
    snprintf(word, sizeof word, "/proc/self/fd/%d", fd);
    T(is_link(word, "/tmp"));
    T(kind(word) == (S_IFLNK | 0500));
    snprintf(word, sizeof word, "/proc/self/fd/%d", p[1]);
    T(kind(word) == (S_IFLNK | 0300));
    T(readlink(word, text, 100) > 7 && !strncmp(text, "pipe:[", 6));
    T(load("/proc/self/fd/99"));
    snprintf(word, sizeof word, "/proc/self/fdinfo/%d", p[1]);
    T(load(word));
    T(row("pos:", 1) && row("flags:", 1) && row("mnt_id:", 1));
    T(is_link("/dev/fd", "/proc/self/fd"));
    T(is_link("/dev/stdin", "/proc/self/fd/0"));
    T(is_link("/dev/stdout", "/proc/self/fd/1"));
    T(is_link("/dev/stderr", "/proc/self/fd/2"));
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *e;
    for (a = 0; (e = readdir(dir));)
        a += e->d_type == DT_LNK;
    T(a);
    closedir(dir);
    dir = opendir("/proc/self/task");
    for (a = 0; (e = readdir(dir));)
        a += e->d_name[0] != '.';
    T(a);
    closedir(dir);
    T(kind("/dev/null") == (S_IFCHR | 0666));
    T(kind("/dev/zero") & S_IFMT);
    T(kind("/dev/tty") & S_IFMT);
    T(kind("/dev/ptmx") & S_IFMT);
    T(kind("/dev/urandom") & S_IFMT);
    T(write(open("/dev/full", O_WRONLY), "x", 1));
    T(read(open("/dev/full", O_RDONLY), text, 10));

    puts("numbers of the kernel");
    for (const char *const *n = (const char *const[]){"ostype", "osrelease", "version", "hostname", "domainname", "pid_max", "threads-max", "ngroups_max", "cap_last_cap", "random/boot_id", "overflowuid", "core_pattern", NULL}; *n; n++) {
        snprintf(word, sizeof word, "/proc/sys/kernel/%s", *n);
        puts(word);
        T(load(word));
        T(lines());
        T(put(word, "x"));
    }
    T(load("/proc/sys/vm/overcommit_memory"));
    T(load("/proc/sys/vm/max_map_count"));
    T(load("/proc/sys/fs/file-max"));
    T(load("/proc/sys/fs/pipe-max-size"));
    fputs(text, stdout);
    T(load("/proc/sys/fs/nr_open"));
    T(load("/sys/devices/system/cpu/online"));
    T(lines());
    T(load("/sys/devices/system/cpu/possible"));
    T(load("/sys/devices/system/cpu/present"));
    T(kind("/sys/devices/system/cpu/cpu0") & S_IFMT);
    T(mkdir("/sys/new", 0700));
    T(open("/sys/new", O_CREAT | O_WRONLY, 0600));

    puts("of a child, and of nobody");
    pid_t child = fork();
    if (!child)
        for (;;)
            pause();
    snprintf(word, sizeof word, "/proc/%d/comm", child);
    T(load(word));
    fputs(text, stdout);
    kill(child, SIGKILL);
    siginfo_t info;
    waitid(P_PID, child, &info, WEXITED | WNOWAIT);
    snprintf(word, sizeof word, "/proc/%d/stat", child);
    T(load(word));
    T(strrchr(text, ')')[2]);
    snprintf(word, sizeof word, "/proc/%d/cmdline", child);
    T(load(word));
    T(size);
    wait(NULL);
    T(load(word));
    T(load("/proc/4194305/stat"));
    return 0;
}
