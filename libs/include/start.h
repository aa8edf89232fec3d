/* What start-up and compilers use, not programs: libs/libc/start.s, exit.s, tls_get_addr.s. */
#ifndef TOYVM_START_H
#define TOYVM_START_H

int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv,
                      void (*init)(int, char **, char **, void (*)(void)), void (*fini)(void),
                      void (*rtld_fini)(void), void *stack_end) __attribute__((noreturn));
int __cxa_atexit(void (*function)(void *), void *argument, void *owner);
void __cxa_finalize(void *owner);
void *__tls_get_addr(void *module_and_offset);

#endif
