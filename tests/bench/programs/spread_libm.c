/* Little time in much code: every function of libm that has an algorithm of its own, and printf of what comes out. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    int count = argc > 1 ? atoi(argv[1]) : 20;
    double sum = 0;
    for (int i = 1; i <= count; i++) {
        double x = i * 0.37, small = x * 0.01;
        sum += sin(x) + cos(x) * tan(x * 0.1) + exp(-small) + log(x) + pow(x, 1.3) + sqrt(x) + atan(x) + atan2(x, 2);
        sum += asin(1 / (x + 1)) + acos(1 / (x + 1)) + sinh(small) + cosh(small) + tanh(x) + cbrt(x) + hypot(x, 3);
        sum += erf(x * 0.1) + lgamma(x) + tgamma(1 + small) + exp2(small) + log2(x) + log10(x) + fmod(x, 3);
        sum += floor(x) + ceil(x) + rint(x);
        if (i % 3 == 0)
            printf("%d %.10g %a %e\n", i, sum, x, sum);
    }
    printf("%.17g\n", sum);
    return 0;
}
