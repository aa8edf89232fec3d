/* One chain of dependent loads from a table. */
#include "bench.h"

static u32 table[256];
static u8 data[1 << 16];

int main(int argc, char **argv)
{
    long n = work(argc, argv);
    for (u32 i = 0; i < 256; i++) {
        u32 c = i;
        for (int bit = 0; bit < 8; bit++)
            c = c & 1 ? 0xEDB88320 ^ (c >> 1) : c >> 1;
        table[i] = c;
    }
    for (int i = 0; i < 1 << 16; i++)
        data[i] = i * 7 + (i >> 8);
    u32 crc = ~0u;
    for (long round = 0; round < n; round++)
        for (int i = 0; i < 1 << 16; i++)
            crc = table[(crc ^ data[i]) & 255] ^ (crc >> 8);
    put(crc);
    return 0;
}
