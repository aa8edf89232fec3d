/* Every kind of global: initialised, zero, constant, static, pointers into each other, addresses with offsets. */
#include "guest.h"

int initialised = 5;
int zero;
static int hidden = 6;
const int constant = 7;
static const char *const names[] = {"zero", "one", "two", "three"};
char text[] = "changeable";
char *into_text = text + 6;
int array[10] = {[3] = 33, [9] = 99};
int *into_array = &array[9];
long distance = sizeof array;
static struct node {
    const char *name;
    struct node *next;
    int (*say)(const char *);
} ring[3] = {{"a", &ring[1], puts}, {"b", &ring[2], puts}, {"c", &ring[0], puts}};
u8 bytes[] = {1, 2, 3};
u16 halves[] = {0x1234, 0xffff};
i64 longs[] = {-1, 0x7fffffffffffffff};
extern int defined_below[];
__attribute__((weak)) int weak_one = 11;
__attribute__((weak)) extern int not_there;
static __attribute__((aligned(64))) char aligned_one;

_Thread_local int per_thread = 21;
static _Thread_local long zero_per_thread[3];

static int counter(void)
{
    static int count = 100;
    static int zero_count;
    return ++count * 1000 + ++zero_count;
}

int main(void)
{
    printf("%d %d %d %d\n", initialised, zero, hidden, constant);
    for (size_t i = 0; i < COUNT(names); i++)
        printf("%s ", names[i]);
    *into_text = 'A';
    printf("%s %s\n", text, into_text);
    ++*into_array;
    printf("%d %d %d %ld\n", array[3], array[9], *into_array, distance);
    for (struct node *n = &ring[1]; n != &ring[0]; n = n->next)
        n->say(n->name);
    printf("%d %x %x %ld %ld\n", bytes[2], halves[0], halves[1], longs[0], longs[1]);
    printf("%d %d %d\n", defined_below[0], defined_below[2], weak_one);
    printf("weak and nowhere defined: %d\n", &not_there != NULL);
    printf("aligned: %d\n", (int)((u64)&aligned_one % 64));
    zero_per_thread[2] = per_thread++ * 2;
    printf("thread-local: %d %ld %ld\n", per_thread, zero_per_thread[0], zero_per_thread[2]);
    counter();
    printf("%d\n", counter());
    return 0;
}

int defined_below[] = {1, 2, 3};
