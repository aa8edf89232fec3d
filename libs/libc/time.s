# Time: nanosleep(2), clock_gettime(2), sleep(3), usleep(3), time(2), gettimeofday(2). struct timespec: two longs.

        .include "defs.inc"

        SYSCALL nanosleep, SYS_nanosleep # int nanosleep(const struct timespec *wanted, struct timespec *left)
        SYSCALL clock_gettime, SYS_clock_gettime # int clock_gettime(clockid_t clock, struct timespec *now)
        SYSCALL gettimeofday, SYS_gettimeofday # int gettimeofday(struct timeval *now, void *zone)

# unsigned sleep(unsigned seconds): 0, or the seconds left after a signal
        FUNC    sleep
        addi    sp, sp, -32
        sd      ra, 24(sp)
        slli    a0, a0, 32
        srli    a0, a0, 32
        sd      a0, 0(sp)
        sd      zero, 8(sp)
        mv      a0, sp
        mv      a1, sp
        call    __libc_nanosleep
        beqz    a0, 1f
        ld      a0, 0(sp)
        ld      t0, 8(sp)
        snez    t0, t0                  # round up to whole seconds
        add     a0, a0, t0
1:      ld      ra, 24(sp)
        addi    sp, sp, 32
        ret
        END     sleep

# int usleep(useconds_t microseconds): 0, or -1 and EINTR
        FUNC    usleep
        addi    sp, sp, -32
        sd      ra, 24(sp)
        li      t0, 1000000
        remuw   t1, a0, t0
        divuw   a0, a0, t0
        sd      a0, 0(sp)
        li      t0, 1000
        mul     t1, t1, t0
        sd      t1, 8(sp)
        mv      a0, sp
        li      a1, 0
        call    __libc_nanosleep
        ld      ra, 24(sp)
        addi    sp, sp, 32
        ret
        END     usleep

# time_t time(time_t *result): seconds since 1970; result may be NULL
        FUNC    time
        addi    sp, sp, -32
        sd      ra, 24(sp)
        sd      a0, 16(sp)
        li      a0, 0                   # CLOCK_REALTIME
        mv      a1, sp
        call    __libc_clock_gettime
        bltz    a0, 1f
        ld      a0, 0(sp)
        ld      t0, 16(sp)
        beqz    t0, 1f
        sd      a0, 0(t0)
1:      ld      ra, 24(sp)
        addi    sp, sp, 32
        ret
        END     time
