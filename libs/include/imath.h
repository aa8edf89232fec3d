/* Integer mathematics: libs/imath. */
#ifndef TOYVM_IMATH_H
#define TOYVM_IMATH_H

extern const unsigned short imath_small_primes[];
extern const int imath_prime_count;

const char *imath_version(void);
void imath_hello(void);

int is_prime(unsigned long n);
unsigned long next_prime(unsigned long n);
unsigned long nth_prime(unsigned long n);

unsigned long gcd(unsigned long a, unsigned long b);
unsigned long lcm(unsigned long a, unsigned long b);
unsigned long isqrt(unsigned long n);
unsigned long ipow(unsigned long base, unsigned long exponent);
unsigned long mulmod(unsigned long a, unsigned long b, unsigned long m);
unsigned long powmod(unsigned long base, unsigned long exponent, unsigned long m);
unsigned long fibonacci(unsigned long n);
unsigned long factorial(unsigned long n);
unsigned long binomial(unsigned long n, unsigned long k);
unsigned long collatz_length(unsigned long n);

int popcount(unsigned long n);
int clz(unsigned long n);
int ctz(unsigned long n);
unsigned long reverse_bytes(unsigned long n);

unsigned crc32(unsigned crc, const void *data, unsigned long n);
unsigned long fnv1a(const void *data, unsigned long n);

#endif
