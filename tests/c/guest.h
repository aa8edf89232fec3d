/* What the test programs use of the C library: prototypes only, so that no system header is needed.
 * The same declarations hold for toyvm's library and for glibc, against which the expected outputs are checked. */
#ifndef GUEST_H
#define GUEST_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef int i32;
typedef long i64;
typedef unsigned long size_t;

#define NULL ((void *)0)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

int printf(const char *format, ...);
int sprintf(char *out, const char *format, ...);
int snprintf(char *out, size_t size, const char *format, ...);
int puts(const char *s);
int putchar(int c);
int fflush(void *stream);

void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *block, size_t size);
void free(void *block);

void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strcpy(char *to, const char *from);
char *strcat(char *to, const char *from);
char *strchr(const char *s, int c);

int atoi(const char *s);
long strtol(const char *s, char **end, int base);
void qsort(void *base, size_t count, size_t size, int (*compare)(const void *, const void *));
char *getenv(const char *name);
int atexit(void (*function)(void));
void exit(int status) __attribute__((noreturn));

int fork(void);
int wait(int *status);
int waitpid(int pid, int *status, int options);
int pipe(int ends[2]);
int dup2(int from, int to);
long read(int fd, void *to, size_t n);
long write(int fd, const void *from, size_t n);
int close(int fd);
unsigned int sleep(unsigned int seconds);

#define PROT_READ 1
#define PROT_WRITE 2
#define MAP_SHARED 0x01
#define MAP_PRIVATE 0x02
#define MAP_ANONYMOUS 0x20
#define MAP_FAILED ((void *)-1)
void *mmap(void *address, size_t length, int protection, int flags, int fd, long offset);
int munmap(void *address, size_t length);
int mprotect(void *address, size_t length, int protection);

#endif
