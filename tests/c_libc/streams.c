/* Streams: output and its return values, a file written, read, sought and appended, standard input by several ways.
 * argv[1] is a file to play with. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void files(const char *path)
{
    char text[5000], line[40];
    errno = 0;
    printf("%d ", fopen("/nonexistent/file", "r") == 0);
    printf("%d ", errno);
    errno = 0;
    printf("%d ", fopen(path, "?") == 0);
    printf("%d\n", errno);
    FILE *f = fopen(path, "w");
    for (int i = 0; i < 500; i++)
        fprintf(f, "line %d of the file\n", i);
    printf("%ld %d %d\n", ftell(f), fputs("tail", f) >= 0, fputc(0xfe, f));
    errno = 0;
    printf("%d %d ", fgetc(f), ferror(f) != 0);
    printf("%d\n", errno);
    printf("%d\n", fclose(f));
    f = fopen(path, "r");
    printf("%s", fgets(line, sizeof line, f));
    printf("%ld\n", ftell(f));
    printf("%d %c %d\n", ungetc('L', f), getc(f), (int)fread(text, 1, 30, f));
    printf("%.30s\n", text);
    printf("%d %ld\n", fseek(f, 4000, SEEK_SET), ftell(f));
    printf("%s", fgets(line, sizeof line, f));
    printf("%d ", fseek(f, -10, SEEK_CUR));
    printf("%s", fgets(line, sizeof line, f));
    printf("%d %d\n", fseek(f, -3, SEEK_END), fgetc(f));
    printf("%d %d\n", (int)fread(text, 2, 1000, f), feof(f) != 0);
    printf("%d\n", fgetc(f));
    rewind(f);
    printf("%d %d\n", feof(f), (int)fread(text, 100, 45, f));
    errno = 0;
    printf("%d %d ", fputc('x', f), ferror(f) != 0);
    printf("%d ", errno);
    clearerr(f);
    printf("%d\n", ferror(f));
    fclose(f);
    f = fopen(path, "a+");
    fputs("appended\n", f);
    fseek(f, 0, SEEK_SET);
    printf("%s", fgets(line, sizeof line, f));
    fclose(f);
    f = fdopen(open(path, O_RDWR), "r+");
    fgets(line, sizeof line, f);
    fseek(f, 0, SEEK_CUR);
    fputs("LINE", f);
    fflush(f);
    rewind(f);
    char *grown = 0;
    size_t room = 0;
    printf("%d ", (int)getline(&grown, &room, f));
    printf("%d %s", (int)getline(&grown, &room, f), grown);
    long lines = 0, bytes = 0, n;
    while ((n = getline(&grown, &room, f)) >= 0)
        lines++, bytes += n;
    printf("%ld %ld %d\n", lines, bytes, feof(f) != 0);
    free(grown);
    fclose(f);
    printf("%d %d\n", remove(path), remove(path));
}

static void input(void)
{
    char line[10], *grown = malloc(1);
    size_t room = 1;
    printf("%d %d\n", getchar(), getc(stdin));
    printf("<%s>\n", fgets(line, sizeof line, stdin));
    printf("<%s>\n", fgets(line, sizeof line, stdin));
    printf("%d <%s>\n", (int)getline(&grown, &room, stdin), grown);
    printf("%d\n", (int)fread(line, 3, 3, stdin));
    printf("%.9s\n", line);
    int c, count = 0;
    while ((c = getchar()) != EOF)
        count += c;
    printf("%d %d %d\n", count, feof(stdin) != 0, fgets(line, 5, stdin) == 0);
    free(grown);
}

int main(int argc, char **argv)
{
    setvbuf(stdout, 0, _IOLBF, 0);
    printf("%d %d %d %d\n", putchar('a') == 'a', putc('b', stdout) == 'b', puts("c") >= 0, (int)fwrite("0123456789\n", 1, 11, stdout));
    printf("%d %d\n", fileno(stdin) + fileno(stderr), (int)fwrite("12345678\n", 3, 3, stdout));
    printf("%d\n", fprintf(stderr, "to stderr %d\n", 5));
    printf("%d\n", dprintf(1, "straight %s %d\n", "to", 1));
    for (int i = 0; i < 3000; i++)
        putchar('a' + i % 26);
    putchar('\n');
    files(argv[1]);
    input();
    errno = ENOENT;
    perror("what");
    errno = EAGAIN;
    perror("");
    printf("%d %d\n", fflush(stdout), fflush(0));
    printf("no newline at the end");
    return argc - 2;
}
