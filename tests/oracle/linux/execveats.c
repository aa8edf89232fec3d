/* execveat: an open file, a path beneath a folder, scripts (which are /dev/fd/N), links, errors; the name of a process. */
#include "checks.h"
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>

static char self[200];
static char *environment[] = {"GIVEN=yes", NULL};

/* What the new program sees of itself. */
static int shown(int n, char **args)
{
    printf("ran %d:", n);
    for (int i = 1; i < n; i++)
        printf(" %s", args[i]);
    const char *name = (const char *)getauxval(AT_EXECFN);
    printf(", given %s", getenv("GIVEN"));
    if (strstr(name, self)) /* wherever the test has put this program */
        printf(", is itself");
    else if (strncmp(name, "/tmp/", 5))
        printf(", is %s", name);
    if (n > 2 && !strncmp(args[2], "/dev/fd/", 8)) { /* a script: the interpreter reads it */
        char text[60] = "";
        int fd = open(args[2], O_RDONLY);
        int length = read(fd, text, 59);
        printf(", reads %d %s", length, strchr(text, '\n') ? strchr(text, '\n') + 1 : text);
    }
    puts("");
    return 7;
}

static void named(const char *what) /* as a child: the new program tells its name */
{
    int status;
    if (!fork()) {
        char *args[] = {"x", "name", NULL};
        execve(what, args, environment);
        _exit(1);
    }
    wait(&status);
    printf("%s: %x\n", what, status);
}

static void at(const char *text, int dir, const char *path, int flags, char **args)
{
    int status;
    if (!fork()) {
        syscall(SYS_execveat, dir, path, args, environment, flags);
        printf("%s: %s\n", text, strerrorname_np(errno));
        _exit(1);
    }
    wait(&status);
    printf("%s: %x\n", text, status);
}
#define AT(dir, path, flags) at("execveat(" #dir ", " #path ", " #flags ")", dir, path, flags, args)

static void write_file(const char *name, const char *text, int mode)
{
    int fd = open(name, O_CREAT | O_TRUNC | O_WRONLY, 0700);
    write(fd, text, strlen(text));
    fchmod(fd, mode);
    close(fd);
}

int main(int n, char **argv)
{
    if (n > 1 && !strcmp(argv[1], "name")) {
        char name[17] = "";
        prctl(PR_GET_NAME, name);
        return printf("called %s\n", name), 3;
    }
    if (n > 2 && !strcmp(argv[1], "-i")) {
        if (strncmp(argv[2], "/dev/fd/", 8) == 0)
            return shown(n, argv);
        char name[17] = "";
        prctl(PR_GET_NAME, name);
        return printf("interprets %s, called %s\n", argv[2], name), 4;
    }
    self[readlink("/proc/self/exe", self, sizeof self - 1)] = 0;
    if (n > 1)
        return shown(n, argv);
    char *args[] = {"zero", "one", "two", NULL}, *none[] = {NULL}, path[300];
    enter_folder();
    mkdir("sub", 0755);
    int exe = open(self, O_RDONLY), close_it = open(self, O_RDONLY | O_CLOEXEC), place = open(self, O_PATH);
    write_file("script", "#!/proc/self/exe -i\nthe text\n", 0755);
    write_file("sub/inner", "#!/proc/self/exe -i\ninner text\n", 0755);
    write_file("plain", "#!/proc/self/exe -i\n", 0644);
    write_file("junk", "no program", 0755);
    write_file("empty", "", 0755);
    write_file("lost", "#!/no/such/interpreter\n", 0755);
    symlink("script", "link");
    symlink(self, "program");
    symlink("gone", "dangling");
    mkfifo("fifo", 0755);
    int script = open("script", O_RDONLY), hidden = open("script", O_RDONLY | O_CLOEXEC), folder = open(".", O_RDONLY), sub = open("sub", O_RDONLY | O_CLOEXEC), junk = open("junk", O_RDONLY), plain = open("plain", O_RDONLY), link = open("link", O_PATH | O_NOFOLLOW), script_place = open("script", O_PATH);
    int pipes[2];
    pipe(pipes);

    T(link >= 0);
    T(script_place >= 0);
    AT(exe, "", AT_EMPTY_PATH);
    AT(close_it, "", AT_EMPTY_PATH);
    AT(place, "", AT_EMPTY_PATH);
    AT(exe, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW);
    AT(exe, "", 0);
    AT(exe, "", 0x400);
    AT(exe, "", AT_EMPTY_PATH | 0x200);
    AT(99, "", AT_EMPTY_PATH);
    AT(-1, "", AT_EMPTY_PATH);
    AT(AT_FDCWD, "", AT_EMPTY_PATH);
    AT(AT_FDCWD, "", 0);
    AT(folder, "", AT_EMPTY_PATH);
    AT(pipes[0], "", AT_EMPTY_PATH);
    AT(junk, "", AT_EMPTY_PATH);
    AT(plain, "", AT_EMPTY_PATH);
    AT(link, "", AT_EMPTY_PATH);
    AT(script, "", AT_EMPTY_PATH);
    AT(script_place, "", AT_EMPTY_PATH);
    AT(hidden, "", AT_EMPTY_PATH);
    AT(folder, "script", 0);
    AT(folder, "sub/inner", 0);
    AT(folder, "sub/../script", 0);
    AT(sub, "inner", 0);
    AT(folder, "program", 0);
    AT(folder, "program", AT_SYMLINK_NOFOLLOW);
    AT(folder, "link", AT_SYMLINK_NOFOLLOW);
    AT(folder, "script", AT_SYMLINK_NOFOLLOW);
    AT(folder, "dangling", 0);
    AT(folder, "dangling", AT_SYMLINK_NOFOLLOW);
    AT(folder, "gone", 0);
    AT(folder, "gone", AT_EMPTY_PATH);
    AT(folder, "sub", 0);
    AT(folder, "fifo", 0);
    AT(folder, "plain", 0);
    AT(folder, "junk", 0);
    AT(folder, "empty", 0);
    AT(folder, "lost", 0);
    AT(folder, "script/", 0);
    AT(script, "inner", 0);
    AT(99, "script", 0);
    AT(AT_FDCWD, "link", AT_SYMLINK_NOFOLLOW);
    AT(AT_FDCWD, "gone", 0);
    AT(99, self, 0);
    AT(99, self, AT_SYMLINK_NOFOLLOW);
    AT(AT_FDCWD, "program", 0);
    AT(folder, (char *)8, 0);
    AT(exe, (char *)8, AT_EMPTY_PATH);
    at("bad argv", exe, "", AT_EMPTY_PATH, (char **)8);
    unlink("sub/inner");
    AT(sub, "inner", 0);

    int image = memfd_create("image", MFD_CLOEXEC), from = open(self, O_RDONLY), length, status;
    static char copy[1 << 20];
    while ((length = read(from, copy, sizeof copy)) > 0)
        write(image, copy, length);
    AT(image, "", AT_EMPTY_PATH); /* open for writing: ETXTBSY */
    snprintf(path, sizeof path, "/proc/self/fd/%d", image);
    int again = open(path, O_RDONLY);
    close(image);
    AT(again, "", AT_EMPTY_PATH);
    write_file("busy", "#!/proc/self/exe -i\n", 0755);
    int writer = open("busy", O_WRONLY), other = dup(writer);
    AT(folder, "busy", 0);
    close(writer);
    AT(folder, "busy", 0);
    close(other);
    AT(folder, "busy", 0);

    named("./program");
    named("program");
    named("./script");
    symlink(self, "a_name_of_many_more_letters");
    named("./a_name_of_many_more_letters");
    unlink("a_name_of_many_more_letters");

    const char *names[] = {"script", "plain", "junk", "empty", "lost", "link", "program", "dangling", "fifo", "busy"};
    for (int i = 0; i < 10; i++)
        unlink(names[i]);
    rmdir("sub");
    leave_folder();
    return 0;
}
