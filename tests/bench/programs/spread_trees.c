/* Little time in much code: an interpreter that parses expressions into trees, walks them and frees them again. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct node {
    int kind; /* 'n' a number, 'v' a variable, '~' a sign, or the operator */
    long value;
    char name[8];
    struct node *left, *right;
};

static const char *at;

static struct node *make(int kind, struct node *left, struct node *right)
{
    struct node *made = calloc(1, sizeof *made);
    made->kind = kind;
    made->left = left;
    made->right = right;
    return made;
}

static struct node *expression(int above);

static void skip(void)
{
    while (isspace((unsigned char)*at))
        at++;
}

static struct node *primary(void)
{
    skip();
    if (*at == '(') {
        at++;
        struct node *inner = expression(0);
        skip();
        at++;
        return inner;
    }
    if (*at == '-') {
        at++;
        return make('~', primary(), NULL);
    }
    struct node *made = make(isdigit((unsigned char)*at) ? 'n' : 'v', NULL, NULL);
    if (made->kind == 'n')
        made->value = strtol(at, (char **)&at, 10);
    else
        for (int i = 0; isalnum((unsigned char)*at) && i < 7; i++)
            made->name[i] = *at++;
    return made;
}

static int priority(int operator)
{
    switch (operator) {
    case '|': return 1;
    case '&': return 2;
    case '<': case '>': case '=': return 3;
    case '+': case '-': return 4;
    case '*': case '/': case '%': return 5;
    }
    return 0;
}

static struct node *expression(int above)
{
    struct node *left = primary();
    for (;;) {
        skip();
        int operator = *at, own = priority(operator);
        if (own == 0 || own <= above)
            return left;
        at++;
        left = make(operator, left, expression(own));
    }
}

static char names[32][8];
static long values[32];
static int known;

static long *variable(const char *name)
{
    for (int i = 0; i < known; i++)
        if (strcmp(names[i], name) == 0)
            return &values[i];
    strcpy(names[known], name);
    return &values[known++];
}

static long evaluate(const struct node *node)
{
    if (node->kind == 'n')
        return node->value;
    if (node->kind == 'v')
        return *variable(node->name);
    long left = evaluate(node->left);
    if (node->kind == '~')
        return -left;
    if (node->kind == '&' && !left)
        return 0;
    if (node->kind == '|' && left)
        return 1;
    long right = evaluate(node->right);
    switch (node->kind) {
    case '+': return left + right;
    case '-': return left - right;
    case '*': return left * right;
    case '/': return right ? left / right : 0;
    case '%': return right ? left % right : 0;
    case '<': return left < right;
    case '>': return left > right;
    case '=': return left == right;
    }
    return right != 0;
}

static void release(struct node *node)
{
    if (node == NULL)
        return;
    release(node->left);
    release(node->right);
    free(node);
}

static const char *const sources[] = {
    "x+y*3-(z%7)", "(x*x+y*y)/(z+1)", "x<y|y<z&z<x", "-x+--y*(a-b)%13", "alpha*2+beta/3-gamma%5",
    "((((x))))+1*2+3*4-5/2", "x=y|z>a&b<12", "a+b+c+d+e+f+x+y+z",
};

int main(int argc, char **argv)
{
    int count = argc > 1 ? atoi(argv[1]) : 10;
    unsigned long sum = 0;
    for (int i = 0; i < count; i++) {
        *variable("x") = i;
        *variable("y") = i * 7 % 100;
        *variable("z") = sum & 1023;
        for (unsigned k = 0; k < sizeof sources / sizeof *sources; k++) {
            at = sources[k];
            struct node *tree = expression(0);
            sum = sum * 33 + evaluate(tree);
            release(tree);
            if (i % 20 == 0)
                printf("%d %u %lu\n", i, k, sum);
        }
    }
    printf("%lu\n", sum);
    return 0;
}
