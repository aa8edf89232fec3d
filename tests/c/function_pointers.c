/* Function pointers: tables, callbacks with a context, objects with methods, functions that return functions. */
#include "guest.h"

static int add(int a, int b) { return a + b; }
static int sub(int a, int b) { return a - b; }
static int mul(int a, int b) { return a * b; }

typedef int (*operation)(int, int);

static const struct {
    char symbol;
    operation apply;
} operations[] = {{'+', add}, {'-', sub}, {'*', mul}};

static operation find(char symbol)
{
    for (size_t i = 0; i < COUNT(operations); i++)
        if (operations[i].symbol == symbol)
            return operations[i].apply;
    return NULL;
}

static int fold(const int *a, int n, int start, operation f)
{
    for (int i = 0; i < n; i++)
        start = f(start, a[i]);
    return start;
}

struct shape;

struct methods {
    const char *name;
    int (*area)(const struct shape *);
    void (*scale)(struct shape *, int);
};

struct shape {
    const struct methods *methods;
    int w, h;
};

static int rectangle_area(const struct shape *s) { return s->w * s->h; }
static int triangle_area(const struct shape *s) { return s->w * s->h / 2; }
static void scale_both(struct shape *s, int k) { s->w *= k, s->h *= k; }

static const struct methods rectangle = {"rectangle", rectangle_area, scale_both};
static const struct methods triangle = {"triangle", triangle_area, scale_both};

static void each(int from, int to, void (*call)(int, void *), void *context)
{
    while (from < to)
        call(from++, context);
}

static void collect(int i, void *context)
{
    long *sum = context;
    *sum += (long)i * i;
}

static int (*library[])(const char *) = {atoi, puts};

static void said_at_exit(void)
{
    puts("bye from atexit");
}

int main(void)
{
    int numbers[] = {1, 2, 3, 4, 5};
    struct shape shapes[] = {{&rectangle, 3, 4}, {&triangle, 3, 4}};
    long sum = 0;

    for (const char *p = "+-*/"; *p; p++) {
        operation f = find(*p);
        if (f)
            printf("12 %c 5 = %d, fold %d\n", *p, f(12, 5), fold(numbers, COUNT(numbers), 1, f));
        else
            printf("no operation %c\n", *p);
    }
    for (size_t i = 0; i < COUNT(shapes); i++) {
        struct shape *s = &shapes[i];
        int before = s->methods->area(s);
        s->methods->scale(s, 3);
        printf("%s: %d, three times as large: %d\n", s->methods->name, before, s->methods->area(s));
    }
    each(1, 11, collect, &sum);
    printf("sum of squares %ld\n", sum);
    printf("%d\n", library[0]("-77") + 7);
    printf("equal pointers: %d %d\n", find('+') == add, library[0] == atoi);
    atexit(said_at_exit);
    return library[1]("through a pointer to the library") < 0;
}
