/* What the programs need of a library: a start, and a number on standard output. They are plain integer C without libc, so that
   nothing but the program itself is measured, on every engine and on the host. N is how much work to do. */
typedef unsigned long u64;
typedef unsigned int u32;
typedef unsigned char u8;

#ifdef __riscv
static long call3(long number, long a, long b, long c)
{
    register long a7 __asm__("a7") = number, a0 __asm__("a0") = a, a1 __asm__("a1") = b, a2 __asm__("a2") = c;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2) : "memory");
    return a0;
}
__asm__(".globl _start\n_start: .option push\n.option norelax\nla gp, __global_pointer$\n.option pop\n"
        "call main\nli a7, 94\necall\n");
#else
static long call3(long number, long a, long b, long c)
{
    (void)number;
    __asm__ volatile("syscall" : "=a"(number) : "a"(1), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return number;
}
__asm__(".globl _start\n_start: and $-16, %rsp\ncall main\nmov $60, %eax\nxor %edi, %edi\nsyscall\n");
#endif

static void put(u64 value)
{
    char text[24];
    int at = 24;
    text[--at] = '\n';
    do
        text[--at] = '0' + value % 10;
    while (value /= 10);
    call3(64, 1, (long)(text + at), 24 - at);
}
