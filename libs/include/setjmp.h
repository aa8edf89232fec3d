/* Jumps out of functions: libs/libc/setjmp.s. */
#ifndef TOYVM_SETJMP_H
#define TOYVM_SETJMP_H

typedef unsigned long jmp_buf[26]; /* ra, sp, s0-s11, fs0-fs11 */

int setjmp(jmp_buf env) __attribute__((returns_twice));
int _setjmp(jmp_buf env) __attribute__((returns_twice));
void longjmp(jmp_buf env, int value) __attribute__((noreturn));
void _longjmp(jmp_buf env, int value) __attribute__((noreturn));

#endif
