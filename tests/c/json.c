/* A tree of values read from text and printed again, indented: unions, enums, recursion, escapes, growing arrays. */
#include "guest.h"

struct value;

struct member {
    char *name;
    struct value *value;
};

struct value {
    enum kind { NUL, BOOL, NUMBER, STRING, ARRAY, OBJECT } kind;
    union {
        int truth;
        long number;
        char *text;
        struct {
            struct member *members;
            int count;
        };
    };
};

static const char *p;

static void skip(void)
{
    while (*p == ' ' || *p == '\n' || *p == ',' || *p == ':')
        p++;
}

static char *string(void)
{
    char *out = malloc(40), *q = out;
    for (p++; *p != '"'; p++)
        *q++ = *p == '\\' ? (*++p == 'n' ? '\n' : *p) : *p;
    p++;
    *q = 0;
    return out;
}

static struct value *parse(void)
{
    struct value *v = calloc(1, sizeof *v);
    skip();
    switch (*p) {
    case 'n': p += 4; v->kind = NUL; break;
    case 't': p += 4; v->kind = BOOL; v->truth = 1; break;
    case 'f': p += 5; v->kind = BOOL; break;
    case '"': v->kind = STRING; v->text = string(); break;
    case '{':
    case '[': {
        char end = *p++ == '{' ? '}' : ']';
        v->kind = end == '}' ? OBJECT : ARRAY;
        for (skip(); *p != end; skip()) {
            v->members = realloc(v->members, (v->count + 1) * sizeof *v->members);
            struct member *m = &v->members[v->count++];
            m->name = v->kind == OBJECT ? string() : NULL;
            m->value = parse();
        }
        p++;
        break;
    }
    default: v->kind = NUMBER; v->number = strtol(p, (char **)&p, 10);
    }
    return v;
}

static void quote(const char *s)
{
    putchar('"');
    for (; *s; s++)
        if (*s == '\n')
            printf("\\n");
        else
            printf(*s == '"' || *s == '\\' ? "\\%c" : "%c", *s);
    putchar('"');
}

static void print(const struct value *v, int indent)
{
    switch (v->kind) {
    case NUL: printf("null"); break;
    case BOOL: printf("%s", v->truth ? "true" : "false"); break;
    case NUMBER: printf("%ld", v->number); break;
    case STRING: quote(v->text); break;
    default:
        putchar(v->kind == OBJECT ? '{' : '[');
        for (int i = 0; i < v->count; i++) {
            printf("%s\n", i ? "," : "");
            for (int k = 0; k <= indent; k++)
                printf("  ");
            if (v->members[i].name) {
                quote(v->members[i].name);
                printf(": ");
            }
            print(v->members[i].value, indent + 1);
        }
        if (v->count) {
            putchar('\n');
            for (int k = 0; k < indent; k++)
                printf("  ");
        }
        putchar(v->kind == OBJECT ? '}' : ']');
    }
}

int main(void)
{
    p = "{\"name\": \"toy\\n\\\"vm\\\"\", \"bits\": 64, \"tags\": [\"small\", \"real\", []], \"deep\": {\"a\": {\"b\": [1, -2, [3]]}},\n"
        " \"none\": null, \"yes\": true, \"no\": false, \"empty\": {}}";
    print(parse(), 0);
    putchar('\n');
    return 0;
}
