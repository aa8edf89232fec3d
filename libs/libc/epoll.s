# epoll(7): wait for any of many descriptors.

        .include "defs.inc"

        SYSCALL epoll_create1, SYS_epoll_create1 # int epoll_create1(int flags)
        SYSCALL epoll_ctl, SYS_epoll_ctl # int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)

# int epoll_wait(int epfd, struct epoll_event *events, int limit, int timeout): the number of events
        FUNC    epoll_wait
        li      a4, 0                   # the signal mask stays
        li      a5, 0
        li      a7, SYS_epoll_pwait
        ecall
        RETURN_SYSCALL
        END     epoll_wait
