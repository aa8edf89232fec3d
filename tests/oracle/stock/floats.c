/* Loops of floating point, long enough to be native code: singles and doubles, conversions, NaN, flags and rounding modes. */
#include <fenv.h>
#include <math.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define N 24
static double a[N][N], b[N][N], c[N][N];
static float x[256], y[256];
static volatile double zero = 0.0;

static unsigned long hash = 14695981039346656037ul;

static void mix(const void *data, int size)
{
    const unsigned char *bytes = data;
    for (int i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * 1099511628211ul;
}

static void told(const char *what)
{
    printf("%-12s%016lx flags %x\n", what, hash, fetestexcept(FE_ALL_EXCEPT));
    feclearexcept(FE_ALL_EXCEPT);
}

static void product(void)
{
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            a[i][j] = i * 0.25 + j, b[i][j] = (i ^ j) / 7.0;
    for (int round = 0; round < 4; round++)
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++) {
                double sum = round;
                for (int k = 0; k < N; k++)
                    sum += a[i][k] * b[k][j];
                c[i][j] = sum;
            }
    mix(c, sizeof c);
    told("product");
}

static void singles(void)
{
    float sum = 0;
    for (int i = 0; i < 256; i++)
        x[i] = i * 0.3f, y[i] = 1.0f / (i + 1);
    for (int round = 0; round < 60; round++)
        for (int i = 0; i < 256; i++) {
            y[i] = 0.01f * x[i] + y[i];
            sum += sqrtf(y[i]) - fmaxf(y[i], x[i]);
        }
    mix(y, sizeof y), mix(&sum, sizeof sum);
    told("singles");
}

static void conversions(void)
{
    double v = -3e9;
    for (int i = 0; i < 4000; i++, v += 15e5 + 1.0 / 3) {
        long many[] = {(int)v, (unsigned)v, (long)v, (unsigned long)v, lrint(v), lround(v), (int)(float)v,
                       (long)(v * 1e10), (unsigned long)(v * 1e10)};
        double back[] = {(double)i, (double)(i * 0x123456789abcdul), (double)-(long)(i * 0x123456789abcdul), floor(v), ceil(v)};
        float small[] = {(float)v, (float)i, (float)(i * 0x123456789abcdul), (float)(long)v};
        mix(many, sizeof many), mix(back, sizeof back), mix(small, sizeof small);
    }
    told("conversions");
}

static void odd(void)
{
    double values[] = {0.0, -0.0, 1.0, -1.5, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, INFINITY, -INFINITY, NAN};
    uint64_t signalling = 0x7ff0000000000001;
    for (int round = 0; round < 12; round++)
        for (int i = 0; i < 11; i++)
            for (int j = 0; j < 10; j++) {
                double p = values[i % 10], q = values[j];
                if (i == 10)
                    memcpy(&p, &signalling, 8);
                double all[] = {p + q, p - q, p * q, p / q, fma(p, q, NAN), fmin(p, q), fmax(p, q), copysign(p, q), sqrt(p)};
                float some[] = {(float)p, (float)p * (float)q, (float)p / (float)q};
                long order = (p < q) | (p <= q) << 1 | (p == q) << 2 | !!isnan(p) << 3 | !!signbit(q) << 4;
                mix(all, sizeof all), mix(some, sizeof some), mix(&order, sizeof order);
            }
    told("odd");
}

static void modes(void)
{
    int modes[] = {FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO};
    double sums[4] = {0};
    for (int i = 1; i < 2000; i++) {
        fesetround(modes[i & 3]);
        sums[i & 3] += 1.0 / i + (zero - 1) / 3;
        if (fetestexcept(FE_INEXACT) && i % 7 == 0)
            feclearexcept(FE_INEXACT);
        mix(sums, sizeof sums);
    }
    fesetround(FE_TONEAREST);
    told("modes");
}

static jmp_buf back;

static void jumps(void)
{
    volatile int count = 0;
    double kept = 1.5;
    if (setjmp(back) < 2000)
        longjmp(back, ++count);
    mix(&kept, sizeof kept);
    told("jumps");
}

int main(void)
{
    product(), singles(), conversions(), odd(), modes(), jumps();
    return 0;
}
