/* A loop around a switch: an indirect jump for each instruction of a little machine. */
#include "bench.h"

static u8 program[] = {0, 1, 0, 1, 1, 7, 2, 0, 1, 3, 0, 5, 4, 2, 0, 5, 2, 3, 6, 3, 1, 7, 0, 0, 2, 3, 2, 3, 3, 1, 8, 0, 0, 9, 0, 0};

int main(int argc, char **argv)
{
    long n = work(argc, argv);
    u64 r[8] = {0}, rounds = n, pc = 0;
    for (;;) {
        u8 *at = program + pc;
        pc += 3;
        switch (at[0]) {
        case 0: r[at[1]] += 3; break;
        case 1: r[at[1]] ^= at[2]; break;
        case 2: r[at[1]] += r[at[2]]; break;
        case 3: r[at[1]] = r[at[1]] << (at[2] & 63) | r[at[1]] >> (64 - at[2]); break;
        case 4: r[at[1]] = r[at[2]] * 31; break;
        case 5: r[at[1]] -= r[at[2]]; break;
        case 6: r[at[1]] |= r[at[2]] >> 3; break;
        case 7: pc += r[0] & 1 ? 3 : 0; break;
        case 8: r[4]++; break;
        case 9:
            if (--rounds == 0) {
                put(r[0] ^ r[2] ^ r[3] ^ r[4]);
                return 0;
            }
            pc = 0;
            break;
        default: r[7]++;
        }
    }
}
