/* Hash functions and a chained hash table that grows. */
#include "guest.h"

static u64 fnv1a(const char *s)
{
    u64 h = 0xcbf29ce484222325ul;
    while (*s)
        h = (h ^ (u8)*s++) * 0x100000001b3ul;
    return h;
}

static u32 crc_table[256];

static u32 crc32(const void *data, size_t n)
{
    const u8 *p = data;
    u32 c = 0xffffffff;
    if (!crc_table[1])
        for (u32 i = 0; i < 256; i++) {
            u32 r = i;
            for (int bit = 0; bit < 8; bit++)
                r = r & 1 ? (r >> 1) ^ 0xedb88320 : r >> 1;
            crc_table[i] = r;
        }
    while (n--)
        c = crc_table[(c ^ *p++) & 0xff] ^ (c >> 8);
    return ~c;
}

static u32 adler32(const char *s)
{
    u32 a = 1, b = 0;
    for (; *s; s++) {
        a = (a + (u8)*s) % 65521;
        b = (b + a) % 65521;
    }
    return b << 16 | a;
}

struct entry {
    struct entry *next;
    int count;
    char key[];
};

static struct entry **buckets;
static size_t size, used;

static void grow(void)
{
    size_t new_size = size ? size * 2 : 4;
    struct entry **new_buckets = calloc(new_size, sizeof *new_buckets);
    for (size_t i = 0; i < size; i++)
        for (struct entry *e = buckets[i], *next; e; e = next) {
            next = e->next;
            struct entry **slot = &new_buckets[fnv1a(e->key) % new_size];
            e->next = *slot;
            *slot = e;
        }
    free(buckets);
    buckets = new_buckets;
    size = new_size;
}

static int *lookup(const char *key)
{
    if (used == size)
        grow();
    struct entry **slot = &buckets[fnv1a(key) % size];
    for (struct entry *e = *slot; e; e = e->next)
        if (strcmp(e->key, key) == 0)
            return &e->count;
    struct entry *e = malloc(sizeof *e + strlen(key) + 1);
    e->next = *slot;
    e->count = 0;
    strcpy(e->key, key);
    *slot = e;
    used++;
    return &e->count;
}

int main(void)
{
    static const char text[] = "the cat and the dog and the bird saw the other cat and not the bird";
    char word[16];
    size_t n = 0;

    printf("fnv1a   %016lx %016lx\n", fnv1a(""), fnv1a("foobar"));
    printf("crc32   %08x %08x\n", crc32("", 0), crc32("123456789", 9));
    printf("adler32 %08x\n", adler32("Wikipedia"));
    for (const char *p = text;; p++) {
        if (*p && *p != ' ') {
            word[n++] = *p;
            continue;
        }
        word[n] = 0;
        n = 0;
        ++*lookup(word);
        if (!*p)
            break;
    }
    printf("%lu words in %lu buckets: the %d, and %d, cat %d, bird %d, dog %d\n", used, size, *lookup("the"),
           *lookup("and"), *lookup("cat"), *lookup("bird"), *lookup("dog"));
    for (int i = 0; i < 200; i++) {
        sprintf(word, "key%d", i * 7919 % 100);
        *lookup(word) += i;
    }
    printf("%lu words in %lu buckets: key0 %d, key99 %d\n", used, size, *lookup("key0"), *lookup("key99"));
    return 0;
}
