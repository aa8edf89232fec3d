/* The smallest program with a library. */
#include <stdio.h>

int main(void)
{
    puts("hello, world");
    return 0;
}
