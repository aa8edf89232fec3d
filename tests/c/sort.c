/* Five ways to sort: nested loops, recursion, heap indexing, a merge with malloc, and qsort with a comparator. */
#include "guest.h"

#define N 100

static u32 seed;

static u32 next(void)
{
    seed = seed * 1664525u + 1013904223u;
    return seed >> 16;
}

static void fill(int *a, int n)
{
    seed = 42;
    for (int i = 0; i < n; i++)
        a[i] = (int)(next() % 1000) - 500;
}

static void insertion_sort(int *a, int n)
{
    for (int i = 1; i < n; i++) {
        int v = a[i], j = i;
        for (; j > 0 && a[j - 1] > v; j--)
            a[j] = a[j - 1];
        a[j] = v;
    }
}

static void swap(int *a, int *b)
{
    int t = *a;
    *a = *b;
    *b = t;
}

static void quick(int *a, int low, int high)
{
    while (low < high) {
        int pivot = a[(low + high) / 2], i = low, j = high;
        while (i <= j) {
            while (a[i] < pivot)
                i++;
            while (a[j] > pivot)
                j--;
            if (i <= j)
                swap(&a[i++], &a[j--]);
        }
        quick(a, low, j);
        low = i;
    }
}

static void quick_sort(int *a, int n)
{
    quick(a, 0, n - 1);
}

static void heap_sort(int *a, int n)
{
    for (int start = n / 2 - 1, end = n; end > 1;) {
        if (start >= 0)
            ;
        else
            swap(&a[0], &a[--end]);
        int root = start >= 0 ? start-- : 0;
        for (int child; (child = 2 * root + 1) < end; root = child) {
            if (child + 1 < end && a[child] < a[child + 1])
                child++;
            if (a[root] >= a[child])
                break;
            swap(&a[root], &a[child]);
        }
    }
}

static void merge_sort(int *a, int n)
{
    if (n < 2)
        return;
    int half = n / 2;
    merge_sort(a, half);
    merge_sort(a + half, n - half);
    int *left = malloc(half * sizeof *left);
    memcpy(left, a, half * sizeof *left);
    for (int i = 0, j = half, k = 0; i < half;)
        a[k++] = j < n && a[j] < left[i] ? a[j++] : left[i++];
    free(left);
}

static int by_value(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

static void library_sort(int *a, int n)
{
    qsort(a, n, sizeof *a, by_value);
}

static void show(const char *name, void (*sort)(int *, int))
{
    int a[N];
    fill(a, N);
    sort(a, N);
    u32 sum = 0;
    int in_order = 1;
    for (int i = 0; i < N; i++) {
        sum = sum * 31 + (u32)a[i];
        if (i && a[i - 1] > a[i])
            in_order = 0;
    }
    printf("%-10s %s: %d %d ... %d, checksum %08x\n", name, in_order ? "in order" : "NOT IN ORDER", a[0], a[1], a[N - 1], sum);
}

struct person {
    char name[12];
    int age;
};

static int by_age_then_name(const void *a, const void *b)
{
    const struct person *x = a, *y = b;
    return x->age != y->age ? x->age - y->age : strcmp(x->name, y->name);
}

int main(void)
{
    struct person people[] = {{"Ada", 36}, {"Grace", 85}, {"Alan", 41}, {"Edsger", 72}, {"Barbara", 41}, {"Ken", 36}};

    show("insertion", insertion_sort);
    show("quick", quick_sort);
    show("heap", heap_sort);
    show("merge", merge_sort);
    show("qsort", library_sort);
    qsort(people, COUNT(people), sizeof people[0], by_age_then_name);
    for (size_t i = 0; i < COUNT(people); i++)
        printf("%s %d%c", people[i].name, people[i].age, i + 1 < COUNT(people) ? ' ' : '\n');
    return 0;
}
