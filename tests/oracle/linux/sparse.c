/* The storage of files in memory: holes, fallocate and its modes, SEEK_DATA and SEEK_HOLE, truncate, copies. */
#include "checks.h"
#include <sys/mman.h>
#include <linux/falloc.h>

enum { PAGE = 4096 };
static int fd;
static long size(void) { struct stat s; fstat(fd, &s); return s.st_size; }
static long pages(void) { struct stat s; fstat(fd, &s); return s.st_blocks / 8; }
static int byte(long at) { char c = 1; int n = pread(fd, &c, 1, at); return n == 1 ? c : -n - 2; }
static void fill(int count)
{
    char text[PAGE];
    memset(text, 'f', PAGE);
    ftruncate(fd, 0);
    for (int i = 0; i < count; i++)
        pwrite(fd, text, PAGE, i * PAGE);
}
static long seek(long at, int how) { return lseek(fd, at, how); }

int main(void)
{
    fd = memfd_create("file", 0);
    int pipes[2], ro, folder = open("/tmp", O_RDONLY | O_DIRECTORY), path = open("/tmp", O_PATH);
    char name[64];
    pipe(pipes);
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    ro = open(name, O_RDONLY);

    puts("holes");
    T(ftruncate(fd, 10 * PAGE + 7));
    T(size());
    T(pages());
    T(pwrite(fd, "x", 1, 3 * PAGE + 5));
    T(pages());
    T(pwrite(fd, "x", 1, 12 * PAGE - 1));
    T(size());
    T(pages());
    T(byte(11 * PAGE));
    T(seek(0, SEEK_DATA));
    T(seek(0, SEEK_HOLE));
    T(seek(3 * PAGE, SEEK_HOLE));
    T(seek(3 * PAGE + 9, SEEK_DATA));
    T(seek(4 * PAGE, SEEK_DATA));
    T(seek(11 * PAGE + 1, SEEK_HOLE));
    T(seek(12 * PAGE, SEEK_HOLE));
    T(seek(12 * PAGE, SEEK_DATA));
    T(seek(-1, SEEK_DATA));
    T(seek(-1, SEEK_HOLE));
    T(seek(0, SEEK_CUR));
    T(seek(0, 5));
    T(seek(-1, SEEK_SET));
    T(seek(-1, SEEK_END));
    T(seek(1, SEEK_END));
    T(seek(0x7fffffffffffffff, SEEK_CUR));
    T(lseek(pipes[0], 0, SEEK_SET));
    T(lseek(pipes[0], 0, SEEK_DATA));
    T(lseek(99, 0, SEEK_SET));
    T(lseek(path, 0, SEEK_SET));
    T(ftruncate(fd, 5 * PAGE));
    T(pages());
    T(ftruncate(fd, 3 * PAGE + 2));
    T(pages());
    T(ftruncate(fd, 3 * PAGE + 8));
    T(byte(3 * PAGE + 5));
    T(seek(0, SEEK_DATA));
    T(ftruncate(fd, 0));
    T(pages());
    T(seek(0, SEEK_DATA));
    T(seek(0, SEEK_HOLE));

    puts("truncate");
    T(ftruncate(fd, -1));
    T(ftruncate(ro, 5));
    T(ftruncate(pipes[1], 5));
    T(ftruncate(folder, 5));
    T(ftruncate(path, 5));
    T(ftruncate(99, 5));
    T(truncate("/tmp", 5));
    T(truncate("/tmp/none/x", 5));
    T(truncate("/dev/null", 5));
    T(truncate("", 5));
    T(truncate(name, -1));
    T(truncate(name, 100));
    T(size());

    puts("fallocate");
    fill(0);
    T(fallocate(fd, 0, 0, 0));
    T(fallocate(fd, 0, -1, 5));
    T(fallocate(fd, 0, 5, -1));
    T(fallocate(ro, 0, 0, 5));
    T(fallocate(99, 0, 0, 5));
    T(fallocate(path, 0, 0, 5));
    T(fallocate(folder, 0, 0, 5));
    T(fallocate(pipes[1], 0, 0, 5));
    T(fallocate(pipes[0], 0, 0, 5));
    int null = open("/dev/null", O_RDWR);
    T(fallocate(null, 0, 0, 5));
    T(fallocate(fd, 0, 0x7fffffffffffffff, 5));
    T(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 5));
    T(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, PAGE));
    T(fallocate(fd, FALLOC_FL_INSERT_RANGE, 0, PAGE));
    T(fallocate(fd, FALLOC_FL_UNSHARE_RANGE, 0, PAGE));
    T(fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, PAGE));
    T(fallocate(fd, 0x1000, 0, PAGE));
    T(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 0, PAGE));
    T(size());
    T(fallocate(fd, 0, PAGE, PAGE + 1));
    T(size());
    T(pages());
    T(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, PAGE));
    T(size());
    T(pages());
    T(fallocate(fd, FALLOC_FL_KEEP_SIZE, 4 * PAGE, 2 * PAGE));
    T(size());
    T(fallocate(fd, 0, 0, 4));
    T(size());
    T(posix_fallocate(fd, 0, 0));
    T(posix_fallocate(fd, 0, 5 * PAGE));
    T(size());

    puts("punched");
    fill(6);
    T(pages());
    T(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE, 2 * PAGE));
    T(pages());
    T(size());
    T(byte(PAGE - 1));
    T(byte(PAGE));
    T(byte(3 * PAGE - 1));
    T(byte(3 * PAGE));
    T(seek(0, SEEK_HOLE));
    T(seek(PAGE, SEEK_DATA));
    T(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 3 * PAGE + 10, 20));
    T(pages());
    T(byte(3 * PAGE + 9));
    T(byte(3 * PAGE + 10));
    T(byte(3 * PAGE + 29));
    T(byte(3 * PAGE + 30));
    T(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4 * PAGE + 100, PAGE));
    T(byte(4 * PAGE + 99));
    T(byte(4 * PAGE + 100));
    T(byte(5 * PAGE + 99));
    T(byte(5 * PAGE + 100));
    T(pages());
    T(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 5 * PAGE, 10 * PAGE));
    T(size());
    T(pages());
    char *p = mmap(NULL, 6 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    p[0] = 'm';
    p[2 * PAGE] = 'm';
    T(pages());
    T(byte(2 * PAGE));
    T(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 3 * PAGE));
    T(p[0]);
    T(p[2 * PAGE]);
    p[PAGE] = 'n';
    T(byte(PAGE));
    T(byte(0));
    T(ftruncate(fd, PAGE / 2));
    p[10] = 'q';
    T(ftruncate(fd, PAGE));
    T(byte(10));
    munmap(p, 6 * PAGE);

    puts("copied");
    int a = memfd_create("a", 0), b = memfd_create("b", 0), app = open("/tmp", O_TMPFILE | O_RDWR | O_APPEND, 0600);
    loff_t in, out;
    T(write(a, "0123456789", 10));
    T(copy_file_range(a, NULL, b, NULL, 10, 0));
    T(copy_file_range(a, &(loff_t){2}, b, &(loff_t){0}, 5, 0));
    T(copy_file_range(a, &(loff_t){2}, b, &(loff_t){0}, 5, 1));
    T(copy_file_range(a, &(loff_t){-1}, b, NULL, 5, 0));
    T(copy_file_range(a, &(loff_t){0}, b, &(loff_t){-1}, 5, 0));
    T(copy_file_range(a, &(loff_t){10}, b, NULL, 5, 0));
    T(copy_file_range(a, &(loff_t){0}, a, &(loff_t){5}, 5, 0));
    T(copy_file_range(a, &(loff_t){0}, a, &(loff_t){4}, 5, 0));
    T(copy_file_range(a, &(loff_t){0}, b, &(loff_t){0}, 0, 0));
    T(copy_file_range(99, NULL, b, NULL, 5, 0));
    T(copy_file_range(a, NULL, 99, NULL, 5, 0));
    T(copy_file_range(pipes[0], NULL, b, NULL, 5, 0));
    T(copy_file_range(a, NULL, pipes[1], NULL, 5, 0));
    T(copy_file_range(folder, NULL, b, NULL, 5, 0));
    T(copy_file_range(a, NULL, folder, NULL, 5, 0));
    T(copy_file_range(a, NULL, ro, NULL, 5, 0));
    T(copy_file_range(a, &(loff_t){0}, app, NULL, 5, 0));
    T(copy_file_range(a, (loff_t *)8, b, NULL, 5, 0));
    T(lseek(a, 0, SEEK_CUR));
    T(lseek(b, 0, SEEK_CUR));
    T(pread(b, name, 20, 0));
    name[10] = 0;
    puts(name);
    return 0;
}
