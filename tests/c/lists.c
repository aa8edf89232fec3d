/* Linked structures on the heap: a list reversed and sorted by merging, a binary search tree, a ring. */
#include "guest.h"

struct node {
    struct node *next;
    int value;
};

static struct node *push(struct node *list, int value)
{
    struct node *n = malloc(sizeof *n);
    n->next = list;
    n->value = value;
    return n;
}

static struct node *reverse(struct node *list)
{
    struct node *done = NULL;
    while (list) {
        struct node *next = list->next;
        list->next = done;
        done = list;
        list = next;
    }
    return done;
}

static struct node *merge(struct node *a, struct node *b)
{
    struct node head, *tail = &head;
    while (a && b) {
        struct node **smaller = a->value <= b->value ? &a : &b;
        tail->next = *smaller;
        tail = *smaller;
        *smaller = tail->next;
    }
    tail->next = a ? a : b;
    return head.next;
}

static struct node *sort(struct node *list)
{
    struct node *slow = list, *fast;
    if (!list || !list->next)
        return list;
    for (fast = list->next; fast && fast->next; fast = fast->next->next)
        slow = slow->next;
    struct node *second = slow->next;
    slow->next = NULL;
    return merge(sort(list), sort(second));
}

static void show(const char *what, const struct node *list)
{
    printf("%s:", what);
    for (; list; list = list->next)
        printf(" %d", list->value);
    putchar('\n');
}

static void release(struct node *list)
{
    while (list) {
        struct node *next = list->next;
        free(list);
        list = next;
    }
}

struct tree {
    struct tree *left, *right;
    int key, times;
};

static void insert(struct tree **t, int key)
{
    while (*t && (*t)->key != key)
        t = key < (*t)->key ? &(*t)->left : &(*t)->right;
    if (!*t) {
        *t = calloc(1, sizeof **t);
        (*t)->key = key;
    }
    (*t)->times++;
}

static int height(const struct tree *t)
{
    if (!t)
        return 0;
    int l = height(t->left), r = height(t->right);
    return 1 + (l > r ? l : r);
}

static void in_order(struct tree *t)
{
    if (!t)
        return;
    in_order(t->left);
    printf(" %d", t->key);
    if (t->times > 1)
        printf("x%d", t->times);
    in_order(t->right);
    free(t);
}

static int josephus(int n, int k)
{
    struct node *last = push(NULL, n), *ring = last;
    for (int i = n - 1; i; i--)
        ring = push(ring, i);
    last->next = ring;
    while (last != last->next) {
        for (int i = 1; i < k; i++)
            last = last->next;
        struct node *out = last->next;
        last->next = out->next;
        free(out);
    }
    int survivor = last->value;
    free(last);
    return survivor;
}

int main(void)
{
    struct node *list = NULL;
    struct tree *tree = NULL;
    u32 x = 7;

    for (int i = 0; i < 15; i++) {
        x = x * 48271 % 2147483647;
        list = push(list, x % 50);
        insert(&tree, x % 20);
    }
    show("pushed", list);
    list = reverse(list);
    show("reversed", list);
    list = sort(list);
    show("sorted", list);
    release(list);
    printf("tree of height %d:", height(tree));
    in_order(tree);
    printf("\nlast in the ring: %d\n", josephus(41, 3));
    return 0;
}
