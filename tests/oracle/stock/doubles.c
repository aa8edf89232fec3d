/* Printing, parsing and arithmetic of floating point, with libm and the floating-point environment. */
#include <fenv.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static volatile double zero = 0.0, one = 1.0, three = 3.0;
static volatile float single = 1.0f;

static void flags(const char *what)
{
    printf("%-10s%s%s%s%s%s\n", what, fetestexcept(FE_INVALID) ? " invalid" : "", fetestexcept(FE_DIVBYZERO) ? " zero" : "",
           fetestexcept(FE_OVERFLOW) ? " over" : "", fetestexcept(FE_UNDERFLOW) ? " under" : "",
           fetestexcept(FE_INEXACT) ? " inexact" : "");
    feclearexcept(FE_ALL_EXCEPT);
}

int main(int argc, char **argv)
{
    double values[] = {0.0, -0.0, 1.0 / 3, 1e300, 1e-310, DBL_MAX, DBL_MIN, M_PI, -123456.789, 5e-324, 1e22, 0.1};
    for (unsigned i = 0; i < sizeof values / sizeof *values; i++)
        printf("%g %.17g %e %.3f %a\n", values[i], values[i], values[i], values[i], values[i]);
    printf("%f %f %f\n", INFINITY, -INFINITY, fabs(NAN));
    printf("%Lf %.20Lg\n", 1.0L / 3, 2.0L / 7); /* 128 bits, in software */
    printf("%.17g %.17g %.17g\n", strtod("0.1", 0), strtod("123456789012345678901234567890", 0), strtod("0x1.8p-3", 0));
    for (double x = 0.1; x < 30; x *= 2.7)
        printf("%.15g %.15g %.15g %.15g %.15g\n", sin(x), exp(x), log(x), pow(x, 1.7), atan2(x, 2));
    feclearexcept(FE_ALL_EXCEPT);
    (void)(one / zero); flags("1/0");
    (void)(zero / zero); flags("0/0");
    values[0] = one / three; flags("1/3");
    values[0] = DBL_MAX * three; flags("overflow");
    values[0] = DBL_MIN / three; flags("underflow");
    values[0] = fma(one, three, 1e-30); flags("fma");
    int modes[] = {FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO};
    for (int i = 0; i < 4; i++) {
        fesetround(modes[i]);
        printf("%.20g %.20g %.20g %ld\n", one / three, -one / three, (double)(single / (float)three), lrint(2.5 * one));
    }
    fesetround(FE_TONEAREST);
    printf("%d %u %lld %d\n", (int)(1e10 * one), (unsigned)(3e9 * one), (long long)(-1e18 * one), (int)(-2.9f * single));
    double sum = 0;
    for (int i = 1; i <= 20000; i++)
        sum += 1.0 / i / i;
    printf("%.16g\n", sum);
    return 0;
}
