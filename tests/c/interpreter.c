/* A small machine inside the machine: a stack interpreter with a computed-goto loop, and a compiler for expressions. */
#include "guest.h"

enum { PUSH, ADD, SUB, MUL, DIV, LOAD, STORE, LESS, JUMP, JUMP_IF_ZERO, PRINT, HALT };

static long run(const int *code)
{
    static const void *const labels[] = {&&push, &&add, &&sub, &&mul, &&div, &&load, &&store, &&less, &&jump, &&jz, &&print, &&halt};
    long stack[32], *sp = stack, variables[26] = {0}, steps = 0;
#define NEXT                     \
    do {                         \
        steps++;                 \
        goto *labels[*code++];   \
    } while (0)
    const int *start = code;
    NEXT;
push:  *sp++ = *code++; NEXT;
add:   sp--; sp[-1] += *sp; NEXT;
sub:   sp--; sp[-1] -= *sp; NEXT;
mul:   sp--; sp[-1] *= *sp; NEXT;
div:   sp--; sp[-1] /= *sp; NEXT;
load:  *sp++ = variables[*code++]; NEXT;
store: variables[*code++] = *--sp; NEXT;
less:  sp--; sp[-1] = sp[-1] < *sp; NEXT;
jump:  code = start + *code; NEXT;
jz:    code = *--sp ? code + 1 : start + *code; NEXT;
print: printf("%ld ", *--sp); NEXT;
halt:  return steps;
}

static int code[100], at;
static const char *source;

static void emit(int word)
{
    code[at++] = word;
}

static void expression(int level)
{
    if (level == 2) {
        if (*source == '(') {
            source++;
            expression(0);
            source++;
        } else if (*source >= 'a') {
            emit(LOAD);
            emit(*source++ - 'a');
        } else {
            emit(PUSH);
            emit(strtol(source, (char **)&source, 10));
        }
        return;
    }
    expression(level + 1);
    while (level == 0 ? *source == '+' || *source == '-' : *source == '*' || *source == '/') {
        char op = *source++;
        expression(level + 1);
        emit(op == '+' ? ADD : op == '-' ? SUB : op == '*' ? MUL : DIV);
    }
}

static void evaluate(const char *text)
{
    at = 0;
    source = text;
    expression(0);
    emit(PRINT);
    emit(HALT);
    printf("%s = ", text);
    run(code);
    putchar('\n');
}

int main(void)
{
    /* b = 1; for (a = 1; a < 21; a = a + 1) b = b * a; print b */
    static const int program[] = {
        /*  0 */ PUSH, 1, STORE, 1,
        /*  4 */ PUSH, 1, STORE, 0,
        /*  8 */ LOAD, 0, PUSH, 21, LESS, JUMP_IF_ZERO, 29,
        /* 15 */ LOAD, 1, LOAD, 0, MUL, STORE, 1,
        /* 22 */ LOAD, 0, PUSH, 1, ADD, JUMP, 33,
        /* 29 */ LOAD, 1, PRINT, HALT,
        /* 33 */ STORE, 0, JUMP, 8,
    };
    long steps = run(program);
    printf("in %ld steps\n", steps);
    evaluate("1+2*3");
    evaluate("(1+2)*(3+4)-100/7");
    evaluate("2*2*2*2-((((5))))+a");
    return 0;
}
