/* Five bodies that attract each other, stepped in time: multiplications, divisions and square roots of doubles. */
#include "bench.h"
#include <math.h>

#define BODIES 5
struct body {
    double at[3], speed[3], mass;
};

static struct body bodies[BODIES];

static void step(double dt)
{
    for (int i = 0; i < BODIES; i++)
        for (int j = i + 1; j < BODIES; j++) {
            struct body *one = &bodies[i], *two = &bodies[j];
            double d[3], square = 0;
            for (int k = 0; k < 3; k++) {
                d[k] = one->at[k] - two->at[k];
                square += d[k] * d[k];
            }
            double pull = dt / (square * sqrt(square));
            for (int k = 0; k < 3; k++) {
                one->speed[k] -= d[k] * two->mass * pull;
                two->speed[k] += d[k] * one->mass * pull;
            }
        }
    for (int i = 0; i < BODIES; i++)
        for (int k = 0; k < 3; k++)
            bodies[i].at[k] += dt * bodies[i].speed[k];
}

static double energy(void)
{
    double sum = 0;
    for (int i = 0; i < BODIES; i++) {
        struct body *one = &bodies[i];
        for (int k = 0; k < 3; k++)
            sum += one->mass * one->speed[k] * one->speed[k] / 2;
        for (int j = i + 1; j < BODIES; j++) {
            double square = 0;
            for (int k = 0; k < 3; k++)
                square += (one->at[k] - bodies[j].at[k]) * (one->at[k] - bodies[j].at[k]);
            sum -= one->mass * bodies[j].mass / sqrt(square);
        }
    }
    return sum;
}

int main(int argc, char **argv)
{
    long n = work(argc, argv);
    bodies[0].mass = 40;
    for (int i = 1; i < BODIES; i++) {
        /* On circles around the first, each in a plane of its own. */
        double radius = 1.5 * i, speed = sqrt(40 / radius);
        bodies[i] = (struct body){{radius, 0, 0.1 * i}, {0, speed, 0.05 * speed}, 0.01 / i};
    }
    printf("%.9f\n", energy());
    for (long i = 0; i < n; i++)
        step(0.001);
    printf("%.9f\n", energy());
    return 0;
}
