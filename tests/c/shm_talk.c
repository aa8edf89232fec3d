/* The conversation of a parent and a child through a shared page, with nothing but prototypes.
 * gcc -O2 -S shm_talk.c ; toyvm run shm_talk.s */
typedef unsigned long size_t;
int printf(const char *format, ...);
int sprintf(char *out, const char *format, ...);
int fork(void);
unsigned int sleep(unsigned int seconds);
void exit(int status);
void *mmap(void *address, size_t length, int protection, int flags, int fd, long offset);

#define PROT_READ 1
#define PROT_WRITE 2
#define MAP_SHARED 0x01
#define MAP_ANONYMOUS 0x20

int main(void)
{
    char *page = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int pid = fork();

    if (pid == 0) {
        sleep(1);
        printf("child: %s\n", page);
        sprintf(page, "%s", "321321331");
        exit(0);
    }
    sprintf(page, "%s", "123123113");
    sleep(2);
    printf("parent: %s\n", page);
    return 0;
}
