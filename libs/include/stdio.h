/* Streams and formatted output: libs/libc/stdio.s, input.s, file.s, printf.s, scanf.s,
 * strerror.s. */
#ifndef TOYVM_STDIO_H
#define TOYVM_STDIO_H

#include <stdarg.h>
#include <stddef.h>
#include <sys/types.h>

typedef struct toyvm_file FILE;
extern FILE *stdin, *stdout, *stderr;
#define stdin stdin
#define stdout stdout
#define stderr stderr

#define EOF (-1)
#define BUFSIZ 1024
#define _IOFBF 0
#define _IOLBF 1
#define _IONBF 2
#define SEEK_SET 0
#define SEEK_CUR 1
#define SEEK_END 2

int printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
int fprintf(FILE *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
int dprintf(int fd, const char *format, ...) __attribute__((format(printf, 2, 3)));
int sprintf(char *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
int snprintf(char *s, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
int vprintf(const char *format, va_list arguments);
int vfprintf(FILE *f, const char *format, va_list arguments);
int vdprintf(int fd, const char *format, va_list arguments);
int vsprintf(char *s, const char *format, va_list arguments);
int vsnprintf(char *s, size_t size, const char *format, va_list arguments);

int scanf(const char *format, ...) __attribute__((format(scanf, 1, 2)));
int fscanf(FILE *f, const char *format, ...) __attribute__((format(scanf, 2, 3)));
int sscanf(const char *s, const char *format, ...) __attribute__((format(scanf, 2, 3)));
int vscanf(const char *format, va_list arguments);
int vfscanf(FILE *f, const char *format, va_list arguments);
int vsscanf(const char *s, const char *format, va_list arguments);

int fputc(int c, FILE *f);
int putc(int c, FILE *f);
int putchar(int c);
int fputs(const char *s, FILE *f);
int puts(const char *s);
size_t fwrite(const void *items, size_t size, size_t count, FILE *f);
int fflush(FILE *f);

int fgetc(FILE *f);
int getc(FILE *f);
int getchar(void);
int ungetc(int c, FILE *f);
char *fgets(char *s, int size, FILE *f);
size_t fread(void *items, size_t size, size_t count, FILE *f);
ssize_t getline(char **line, size_t *size, FILE *f);

FILE *fopen(const char *path, const char *mode);
FILE *fdopen(int fd, const char *mode);
int fclose(FILE *f);
int fseek(FILE *f, long offset, int whence);
int fseeko(FILE *f, off_t offset, int whence);
long ftell(FILE *f);
off_t ftello(FILE *f);
void rewind(FILE *f);
int feof(FILE *f);
int ferror(FILE *f);
void clearerr(FILE *f);
int fileno(FILE *f);
int setvbuf(FILE *f, char *buffer, int mode, size_t size);
void setbuf(FILE *f, char *buffer);
int remove(const char *path);
void perror(const char *what);

#endif
