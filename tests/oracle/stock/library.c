/* malloc, qsort, strings, setjmp, time, environment, atexit, files: what the start-up and the library ask of a kernel. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static jmp_buf back;
static int compare(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }
static void last(void) { puts("atexit"); }

static void deep(int n)
{
    volatile char room[256];
    room[0] = (char)n;
    if (n == 0)
        longjmp(back, 42);
    deep(n - 1);
    room[1] = room[0];
}

static void strings(void)
{
    char text[64] = "the quick brown fox", copy[64];
    strcpy(copy, text);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
        printf("[%s]", word);
    printf("\n%zu %d %s %s\n", strlen(text), strcmp(text, "the slow"), strstr(text, "brown"), strrchr(text, 'o'));
    memmove(text + 4, text, 10);
    printf("%s %d %p\n", text, memcmp("abc", "abd", 3), memchr("xyz", 'q', 3));
    printf("%ld %lu %s\n", strtol("-0x7f", 0, 0), strtoul("777", 0, 8), strerror(ENOENT));
}

static void heap(void)
{
    unsigned sum = 0;
    char *blocks[200];
    for (int i = 0; i < 200; i++) {
        blocks[i] = malloc((size_t)(i * i * 7 + 1));
        memset(blocks[i], i, (size_t)(i * i * 7 + 1));
    }
    for (int i = 0; i < 200; i += 2)
        free(blocks[i]);
    for (int i = 1; i < 200; i += 2) {
        blocks[i] = realloc(blocks[i], 50000);
        sum += (unsigned char)blocks[i][i];
    }
    char *zeros = calloc(1, 1 << 20);
    printf("%u %d\n", sum, zeros[12345]);
    void *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    strcpy(page, "mapped");
    printf("%s %d\n", (char *)page, mprotect(page, 4096, PROT_READ));
}

static void files(void)
{
    FILE *file = fopen("/tmp/toyvm-stock-test", "w+");
    for (int i = 0; i < 500; i++)
        fprintf(file, "line %d\n", i);
    fseek(file, 700, SEEK_SET);
    char line[80];
    printf("%s", fgets(line, sizeof line, file));
    printf("%s", fgets(line, sizeof line, file));
    fclose(file);
    struct stat info;
    printf("%d %ld\n", stat("/tmp/toyvm-stock-test", &info), (long)info.st_size);
    printf("%d\n", unlink("/tmp/toyvm-stock-test"));
    printf("%d %d\n", open("/no/such/file", O_RDONLY), errno == ENOENT);
}

int main(int argc, char **argv)
{
    atexit(last);
    int numbers[1000];
    uint32_t seed = 1;
    for (int i = 0; i < 1000; i++)
        numbers[i] = (int)((seed = seed * 1664525 + 1013904223) >> 8);
    qsort(numbers, 1000, sizeof *numbers, compare);
    printf("%d %d %d\n", numbers[0], numbers[500], numbers[999]);
    int code = setjmp(back);
    if (code == 0)
        deep(20);
    printf("longjmp %d\n", code);
    strings();
    heap();
    files();
    struct timespec now;
    printf("%d %d\n", clock_gettime(CLOCK_MONOTONIC, &now), clock_gettime(CLOCK_REALTIME, &now));
    printf("%ld %d %d\n", sysconf(_SC_PAGESIZE), getauxval(AT_PAGESZ) == 4096, getauxval(AT_RANDOM) != 0);
    printf("%d %s\n", argc, getenv("STOCK") ? getenv("STOCK") : "-");
    printf("%d\n", getpid() > 0 && isatty(99) == 0 && errno == EBADF);
    return 3;
}
