"""How the arguments of each system call are made for `call_sequences`, and what programs use together."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.support.guest_kernel import AT_FDCWD

if TYPE_CHECKING:
    from tests.support.call_sequences import Sequence

M64 = (1 << 64) - 1
HANDLER = 0x10000
STACK_AT = 0xF000  # in scratch
Arguments = tuple[int, ...]
Maker = Callable[["Sequence"], Arguments]
MAKERS: dict[str, Maker] = {}


def call(name: str, maker: Maker) -> None:
    """Say how the arguments of a system call are made."""
    MAKERS[name] = maker


def sign(value: int) -> int:
    """As a C int."""
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value >> 31 else value


def _attribute(s: Sequence) -> int:
    names = (
        b"user.a",
        b"user.a",
        b"user.b",
        b"user." + b"x" * 250,
        b"trusted.a",
        b"user.",
        b"security.selinux",
    )
    return s.put(s.dice.choice(names) + b"\0")


# fmt: off
call("epoll_create1", lambda s: (s.pick(0, 0o2000000, 1),))
call("epoll_ctl", lambda s: (s.fd("epoll"), s.pick(1, 1, 1, 2, 3, 4), s.fd(), s.put(struct.pack("<IIQ", s.bits(1,
     4, 0x10, 0x2000, 1 << 28, 1 << 30, 1 << 31) | 1, 0, s.fd() & M64))))
call("epoll_pwait", lambda s: (s.fd("epoll"), s.out(), s.pick(1, 2, 8, 0, 1 << 30), s.pick(0, 0, 1, -1),
     s.maybe(s.sigset()), 8))
call("epoll_pwait2", lambda s: (s.fd("epoll"), s.out(), s.pick(1, 2, 8), s.maybe(s.timespec()),
     s.maybe(s.sigset()), 8))
call("eventfd2", lambda s: (s.pick(0, 1, 1 << 31), s.bits(1, 0o4000, 0o2000000)))
call("timerfd_create", lambda s: (s.pick(0, 1, 7, 2), s.bits(0o4000, 0o2000000)))
call("timerfd_settime", lambda s: (s.fd("timer"), s.bits(1, 2), s.itimerspec(), s.maybe(s.out())))
call("timerfd_gettime", lambda s: (s.fd("timer"), s.out()))
call("signalfd4", lambda s: (s.pick(-1, -1, s.fd()), s.sigset(), 8, s.bits(0o4000, 0o2000000)))
call("inotify_init1", lambda s: (s.bits(0o4000, 0o2000000),))
call("inotify_add_watch", lambda s: (s.fd("inotify"), s.path(), s.pick(0xFFF, 0x100, s.dice.getrandbits(32))))
call("inotify_rm_watch", lambda s: (s.fd("inotify"), s.pick(1, 2, 3, -1)))
call("pidfd_open", lambda s: (s.pid(), s.pick(0, 0, 0o4000, 1)))
call("pidfd_send_signal", lambda s: (s.fd("pidfd"), s.signal(), 0, 0))
call("pidfd_getfd", lambda s: (s.fd("pidfd"), s.pick(0, 3, 4, 5, 60), 0))
call("socket", lambda s: (s.pick(1, 1, 2, 10, 16), s.pick(1, 1, 2, 5, 3) | s.bits(0o4000, 0o2000000), s.pick(0, 0,
     6, 17)))
call("socketpair", lambda s: (1, s.pick(1, 2, 5) | s.bits(0o4000), 0, s.out()))
call("bind", lambda s: (s.fd("socket"), *s.address()))
call("listen", lambda s: (s.fd("socket"), s.pick(0, 1, 5, -1, 1 << 30)))
call("accept4", lambda s: (s.fd("socket"), s.maybe(s.out()), s.length(), s.bits(0o4000, 0o2000000)))
call("connect", lambda s: (s.fd("socket"), *s.address()))
call("getsockname", lambda s: (s.fd("socket"), s.out(), s.length()))
call("getpeername", lambda s: (s.fd("socket"), s.out(), s.length()))
call("sendto", lambda s: (s.fd("socket"), s.out(), s.pick(0, 1, 100, 5000, 70000, 1 << 31), s.bits(1, 0x40, 0x4000,
     0x8000), *(s.address() if s.dice.random() < 0.5 else (0, 0))))
call("recvfrom", lambda s: (s.fd("socket"), s.out(), s.size(), s.bits(1, 2, 0x20, 0x40, 0x100), s.maybe(s.out()),
     s.length()))
call("sendmsg", lambda s: (s.fd("socket"), s.put(s.msghdr()), s.bits(0x40, 0x4000)))
call("recvmsg", lambda s: (s.fd("socket"), s.put(s.msghdr()), s.bits(2, 0x40, 0x100, 0x40000000)))
call("sendmmsg", lambda s: (s.fd("socket"), s.put(b"".join(s.msghdr() + bytes(8) for _ in range(3))), s.pick(0, 1,
     3), s.bits(0x40, 0x4000)))
call("recvmmsg", lambda s: (s.fd("socket"), s.put(b"".join(s.msghdr() + bytes(8) for _ in range(3))), s.pick(1, 3),
     s.bits(0x40, 0x10000), s.maybe(s.timespec())))
call("shutdown", lambda s: (s.fd("socket"), s.pick(0, 1, 2, 3)))
call("setsockopt", lambda s: (s.fd("socket"), s.pick(1, 1, 6, 0, 41), s.dice.randint(0, 70),
     s.put(struct.pack("<iiq", s.pick(0, 1, 1 << 30, -1), s.pick(0, 1), s.pick(0, 1, -1))), s.pick(4, 8, 16, 0)))
call("getsockopt", lambda s: (s.fd("socket"), s.pick(1, 1, 6, 0, 41), s.dice.randint(0, 70), s.out(), s.length()))
call("splice", lambda s: (s.fd(), s.maybe(s.put(struct.pack("<q", s.offset()))) if s.dice.random() < 0.3 else 0,
     s.fd(), 0, s.size(), s.bits(1, 2, 4)))
call("tee", lambda s: (s.fd("pipe"), s.fd("pipe"), s.size(), s.bits(1, 2)))
call("vmsplice", lambda s: (s.fd("pipe"), s.iov(), s.pick(0, 1, 3), s.bits(2, 8)))
call("sendfile", lambda s: (s.fd("file"), s.fd(), s.maybe(s.put(struct.pack("<q", s.offset()))), s.pick(0, 1, 100,
     70000)))
call("copy_file_range", lambda s: (s.fd("file"), s.maybe(s.put(struct.pack("<q", s.offset()))), s.fd("file"), 0,
     s.pick(0, 1, 100, 70000), 0))
call("pipe2", lambda s: (s.out(), s.bits(0o4000, 0o2000000, 0o40000)))
call("futex", lambda s: (s.word(), s.pick(0, 1, 3, 4, 5, 9, 10, 6, 7, 11, 12, 13) | s.bits(128, 256), s.pick(0, 0,
     1, 8, 1 << 31), s.pick(0, s.timespec(), 1, 100), s.word(), s.pick(0, 1, M64, s.dice.getrandbits(32))))
call("set_robust_list", lambda s: (s.put(struct.pack("<QqQ", s.scratch + s.pick(0x800, 0x1100, 0x1200), s.pick(0,
     -8, 1 << 60), s.pick(0, s.scratch + 0x800))), 24))
call("get_robust_list", lambda s: (s.pid(), s.out(), s.out()))
call("set_tid_address", lambda s: (s.word(),))
call("clone", lambda s: (s.clone_flags(), s.maybe(s.scratch + STACK_AT), s.out(), s.out(), s.word()))
call("clone3", lambda s: (s.put(struct.pack("<8Q", s.clone_flags() & ~0xFF, s.out(), s.word(), s.out(), s.pick(0,
     17), s.scratch + STACK_AT - 256, s.pick(0, 256), 0)), s.pick(64, 64, 88, 8)))
call("exit", lambda s: (s.pick(0, 1),))
call("exit_group", lambda s: (s.pick(0, 1),))
call("kill", lambda s: (s.pick(s.pid(), s.pid(), 0, -s.pid()), s.signal()))
call("tkill", lambda s: (s.pid(), s.signal()))
call("tgkill", lambda s: (s.process.pid, s.pid(), s.signal()))
call("rt_sigqueueinfo", lambda s: (s.pid(), s.signal(), s.put(struct.pack("<iiiiiiQ", 0, 0, s.pick(-1, -6, 0), 0,
     5, 6, 7).ljust(128, b"\0"))))
call("rt_tgsigqueueinfo", lambda s: (s.process.pid, s.pid(), s.signal(), s.put(struct.pack("<iii", 0, 0,
     -1).ljust(128, b"\0"))))
call("rt_sigaction", lambda s: (s.signal(), s.maybe(s.put(struct.pack("<QQQ", s.pick(0, 1, HANDLER, HANDLER),
     s.bits(1, 2, 4, 0x8000000, 0x10000000, 0x40000000, 0x80000000), s.pick(0, M64)))), s.maybe(s.out()), 8))
call("rt_sigprocmask", lambda s: (s.pick(0, 1, 2), s.maybe(s.sigset()), s.maybe(s.out()), 8))
call("rt_sigpending", lambda s: (s.out(), 8))
call("rt_sigtimedwait", lambda s: (s.sigset(), s.maybe(s.out()), s.maybe(s.timespec()), 8))
call("rt_sigsuspend", lambda s: (s.sigset(), 8))
call("rt_sigreturn", lambda s: ())
call("sigaltstack", lambda s: (s.maybe(s.put(struct.pack("<QiiQ", s.scratch + 0xC000, s.pick(0, 2), 0,
     s.pick(0x2000, 10)))), s.maybe(s.out())))
call("flock", lambda s: (s.fd(), s.pick(1, 2, 8) | s.bits(4)))
call("getpid", lambda s: ())
# fmt: on


def _fcntl(s: Sequence) -> Arguments:
    if s.dice.random() < 0.6:
        return s.fd(), s.pick(5, 6, 6, 7, 36, 37, 38), s.flock()
    return (
        s.fd(),
        s.pick(0, 1, 2, 3, 4, 8, 9, 10, 11, 15, 16, 1024, 1025, 1026, 1030, 1031, 1032, 1033, 1034, 1036),
        s.pick(0, 1, 2, 4, 10, 4096, 1 << 20, 0o4000, 0o44000, 0x8000003F),
    )


# fmt: off
call("fcntl", _fcntl)
for _prefix, _file in (("", "path"), ("l", "path"), ("f", "fd")):
    call(f"{_prefix}setxattr", lambda s, f=_file: (getattr(s, f)(), _attribute(s), s.out(), s.pick(0, 1, 100, 5000, 70000),
     s.pick(0, 1, 2, 3)))
    call(f"{_prefix}getxattr", lambda s, f=_file: (getattr(s, f)(), _attribute(s), s.out(), s.pick(0, 1, 100, 5000)))
    call(f"{_prefix}listxattr", lambda s, f=_file: (getattr(s, f)(), s.out(), s.pick(0, 1, 100, 5000)))
    call(f"{_prefix}removexattr", lambda s, f=_file: (getattr(s, f)(), _attribute(s)))
call("fallocate", lambda s: (s.fd("file"), s.pick(0, 1, 3, 8, 0x10, 0x11, 0x20, 0x40), s.offset(), s.size()))
call("ftruncate", lambda s: (s.fd("file"), s.pick(0, 1, 4096, 100000, 1 << 40, -1)))
call("truncate", lambda s: (s.path(), s.pick(0, 1, 4096, 100000, 1 << 40, -1)))
call("openat", lambda s: (s.at(), s.path(), s.pick(0, 1, 2, 0o102, 0o102, 0o302, 0o1102, 0o2001, 0o200000,
     0o10000000, 0o20200002, 0o400000, 0o4000) | s.bits(0o4000, 0o2000000), 0o644))
call("openat2", lambda s: (s.at(), s.path(), s.put(struct.pack("<QQQ", s.pick(0, 2, 0o102, 0o200000, 0o10000000),
     s.pick(0, 0o644), s.bits(1, 2, 4, 8, 0x10, 0x20))), 24))
call("renameat2", lambda s: (s.at(), s.path(), s.at(), s.path(), s.pick(0, 0, 1, 2, 3, 4)))
call("linkat", lambda s: (s.at(), s.path(), s.at(), s.path(), s.pick(0, 0x400, 0x1000)))
call("symlinkat", lambda s: (s.path(), s.at(), s.path()))
call("unlinkat", lambda s: (s.at(), s.path(), s.pick(0, 0, 0x200)))
call("mkdirat", lambda s: (s.at(), s.path(), 0o755))
call("mknodat", lambda s: (s.at(), s.path(), s.pick(0o10644, 0o10644, 0o100644, 0o140644, 0o20644, 0o60644),
     s.pick(0, 0x103)))
call("readlinkat", lambda s: (s.at(), s.path(), s.out(), s.small()))
call("statx", lambda s: (s.at(), s.path(), s.bits(0x100, 0x1000, 0x800), s.pick(0x7FF, 0xFFF, M64), s.out()))
call("newfstatat", lambda s: (s.at(), s.path(), s.out(), s.bits(0x100, 0x1000)))
call("utimensat", lambda s: (s.at(), s.maybe(s.path()), s.maybe(s.itimerspec()), s.pick(0, 0x100, 0x1000)))
call("fchmodat", lambda s: (s.at(), s.path(), s.pick(0, 0o600, 0o7777)))
call("fchownat", lambda s: (s.at(), s.path(), s.pick(0, 1000, -1), s.pick(0, 1000, -1), s.pick(0, 0x100, 0x1000)))
call("faccessat2", lambda s: (s.at(), s.path(), s.pick(0, 4, 7), s.bits(0x100, 0x200, 0x1000)))
call("statfs", lambda s: (s.path(), s.out()))
call("getdents64", lambda s: (s.fd("dir"), s.out(), s.pick(0, 24, 100, 4096)))
call("chdir", lambda s: (s.path(),))
call("getcwd", lambda s: (s.out(), s.small()))
call("close", lambda s: (s.fd(),))
call("close_range", lambda s: (s.pick(10, 20, 40), s.pick(12, 30, M64), s.bits(2, 4)))
call("dup", lambda s: (s.fd(),))
call("dup3", lambda s: (s.fd(), s.pick(5, 10, 20, 63, 64), s.pick(0, 0o2000000)))
_TTY = (0x5401, 0x5402, 0x5403, 0x5404, 0x5409, 0x540B, 0x540E, 0x540F, 0x5410, 0x5411, 0x5412, 0x5413, 0x5414,
     0x541B, 0x5421, 0x5422, 0x5423, 0x5424, 0x5425,
        0x5429, 0x5450, 0x5451, 0x80045430, 0x40045431, 0x5441, 0x80045438, 0x80045439, 0x5437, 0x5431, 0x5452,
     0x8004667E)  # fmt: skip
call("ioctl", lambda s: (s.fd("tty"), s.dice.choice(_TTY), s.pick(s.put(struct.pack("<i", s.pick(0, 1,
     s.pid())) + s.dice.randbytes(56)), s.out(), 0, 1, 2)))
call("read", lambda s: (s.fd(), s.out(), s.size()))
call("write", lambda s: (s.fd(), s.out(), s.size()))
call("pread64", lambda s: (s.fd(), s.out(), s.size(), s.offset()))
call("pwrite64", lambda s: (s.fd(), s.out(), s.small(), s.offset()))
call("readv", lambda s: (s.fd(), s.iov(), s.pick(0, 1, 3, 8, 1024, 1025, -1)))
call("preadv2", lambda s: (s.fd(), s.iov(), s.pick(0, 1, 3, 8, 1025), s.pick(-1, s.offset()), 0, s.bits(1, 2, 4, 8,
     16, 32)))
call("pwritev2", lambda s: (s.fd(), s.iov(), s.pick(0, 1, 3, 8, 1025), s.pick(-1, s.offset()), 0, s.bits(1, 2, 4, 8,
     16, 32)))
call("execveat", lambda s: (s.pick(s.at(), s.fd("file")), s.pick(s.path(), s.put(b"\0")), s.maybe(s.out()), 0,
     s.bits(0x100, 0x1000, 0x1000, 0x400)))
call("writev", lambda s: (s.fd(), s.iov(), s.pick(0, 1, 3, 8, 1024, 1025, -1)))
call("lseek", lambda s: (s.fd(), s.offset(), s.pick(0, 1, 2, 3, 4, 5)))
call("ppoll", lambda s: (s.put(b"".join(struct.pack("<ihh", sign(s.fd()), s.pick(1, 4, 5, 0x2000),
     0) for _ in range(4))), s.pick(0, 1, 4, 1 << 20), s.maybe(s.timespec()), s.maybe(s.sigset()), 8))
call("pselect6", lambda s: (s.pick(0, 8, 64, 65, 1 << 20, -1), s.maybe(s.sigset()), s.maybe(s.sigset()), 0,
     s.maybe(s.timespec()), 0))
call("timer_create", lambda s: (s.pick(0, 1, 2, 3, 7), s.maybe(s.put(struct.pack("<QiiiI", 7, s.signal(), s.pick(0,
     1, 2, 4), s.process.tid, 0).ljust(64, b"\0"))), s.out()))
call("timer_settime", lambda s: (s.pick(0, 1, 2), s.pick(0, 1), s.itimerspec(), s.maybe(s.out())))
call("timer_gettime", lambda s: (s.pick(0, 1, 2), s.out()))
call("timer_getoverrun", lambda s: (s.pick(0, 1, 2),))
call("timer_delete", lambda s: (s.pick(0, 1, 2),))
call("setitimer", lambda s: (s.pick(0, 1, 2, 3), s.itimerspec(), s.maybe(s.out())))
call("nanosleep", lambda s: (s.timespec(), s.maybe(s.out())))
call("clock_nanosleep", lambda s: (s.pick(0, 1, 2, 7), s.pick(0, 1), s.timespec(), s.maybe(s.out())))
call("wait4", lambda s: (s.pick(-1, 0, s.pid(), -s.pid()), s.maybe(s.out()), s.bits(1, 2, 8, 0x40000000,
     0x80000000), s.maybe(s.out())))
call("waitid", lambda s: (s.pick(0, 1, 2, 3), s.pick(s.pid(), s.fd()), s.maybe(s.out()), s.bits(1, 2, 4, 8,
     0x1000000) | 4, 0))
call("setsid", lambda s: ())
call("setpgid", lambda s: (s.pick(0, s.pid()), s.pick(0, s.pid())))
call("getsid", lambda s: (s.pid(),))
call("prctl", lambda s: (s.dice.randint(1, 62), s.pick(0, 1, 9, s.out()), s.pick(0, s.out()), 0, 0))
call("sched_setaffinity", lambda s: (s.pid(), 8, s.sigset()))
call("sched_setscheduler", lambda s: (s.pid(), s.pick(0, 1, 2, 3, 5), s.put(struct.pack("<i", s.pick(0, 1, 99)))))
call("setpriority", lambda s: (s.pick(0, 1, 2), s.pid(), s.pick(-20, 0, 19)))
call("prlimit64", lambda s: (s.pick(0, s.pid()), s.dice.randint(0, 16), s.maybe(s.put(struct.pack("<QQ", s.pick(0,
     5, 64, M64), s.pick(64, M64)))), s.maybe(s.out())))
call("memfd_create", lambda s: (s.path(), s.bits(1, 2, 4)))
call("mmap", lambda s: (0, s.pick(4096, 8192, 1 << 20), s.pick(1, 3), s.pick(0x21, 0x22, 1, 2), s.fd("file"),
     s.pick(0, 4096)))
call("munmap", lambda s: (s.scratch - s.pick(4096, 8192, 1 << 20), s.pick(4096, 8192)))
call("mremap", lambda s: (s.scratch - 8192, 4096, s.pick(4096, 16384), s.pick(0, 1, 3), 0))
call("madvise", lambda s: (s.scratch - 8192, 4096, s.pick(0, 3, 4, 8, 9, 10, 12, 20, 21)))
call("process_vm_readv", lambda s: (s.pid(), s.iov(), s.pick(1, 3), s.iov(), s.pick(1, 3), 0))
call("process_vm_writev", lambda s: (s.pid(), s.iov(), s.pick(1, 3), s.iov(), s.pick(1, 3), 0))
call("membarrier", lambda s: (s.pick(0, 1, 8, 16, 32), 0, 0))
call("shmget", lambda s: (s.pick(0, 1, 2), s.pick(0, 4096, 1 << 20), s.pick(0o1644, 0o3644, 0)))
call("shmat", lambda s: (s.pick(0, 1, 2), 0, s.pick(0, 0o10000)))
call("shmctl", lambda s: (s.pick(0, 1, 2), s.pick(0, 1, 2, 3), s.out()))
call("unshare", lambda s: (s.pick(0, 0x200, 0x400, 0x10000000),))
call("vhangup", lambda s: ())
call("sync", lambda s: ())

# What programs use together. The first name is that of the family's prologue.
FAMILIES = (
    "epoll_ctl epoll_ctl epoll_create1 epoll_pwait epoll_pwait2 eventfd2 pipe2 socketpair read write dup close"
    " timerfd_settime ppoll pselect6",
    "timerfd_settime timerfd_create timerfd_gettime timer_create timer_settime timer_gettime timer_getoverrun"
    " timer_delete setitimer nanosleep"
    " clock_nanosleep signalfd4 read ppoll rt_sigtimedwait rt_sigaction",
    "inotify_add_watch inotify_init1 inotify_rm_watch openat renameat2 unlinkat linkat mkdirat read write fchmodat"
    " close ftruncate",
    "socket socketpair bind listen accept4 accept4 connect connect connect getsockname getpeername sendto recvfrom"
    " shutdown setsockopt getsockopt close dup ppoll read write",
    "sendmsg recvmsg sendmsg recvmsg sendmmsg recvmmsg socketpair close dup3 epoll_ctl pidfd_getfd clone shutdown"
    " bind connect accept4 listen",
    "splice tee vmsplice sendfile copy_file_range pipe2 socketpair write read fcntl memfd_create close clone",
    "futex futex futex clone clone3 set_robust_list get_robust_list set_tid_address exit mmap membarrier tgkill"
    " nanosleep",
    "clone clone3 exit exit_group wait4 waitid kill tkill tgkill setsid setpgid pidfd_open pidfd_send_signal prctl"
    " unshare rt_sigsuspend",
    "rt_sigqueueinfo rt_tgsigqueueinfo rt_sigaction rt_sigprocmask rt_sigpending rt_sigtimedwait rt_sigsuspend"
    " rt_sigreturn sigaltstack kill"
    " signalfd4 read clone setitimer timer_create timer_settime",
    "flock fcntl fcntl fcntl openat openat truncate unlinkat clone close dup exit memfd_create pipe2",
    "setxattr getxattr listxattr removexattr lsetxattr fsetxattr fgetxattr flistxattr fremovexattr openat"
    " symlinkat mkdirat unlinkat renameat2",
    "fallocate ftruncate truncate openat memfd_create mmap munmap mremap madvise pread64 pwrite64 lseek readv"
    " writev preadv2 pwritev2 sync copy_file_range execveat",
    "openat2 openat renameat2 linkat symlinkat unlinkat mkdirat mknodat readlinkat statx newfstatat utimensat"
    " fchmodat fchownat faccessat2 statfs"
    " getdents64 chdir getcwd",
    "ioctl ioctl ioctl openat setsid setpgid read write clone kill vhangup close wait4 ppoll",
    "process_vm_readv process_vm_writev shmget shmat shmctl mmap madvise clone prlimit64 sched_setaffinity"
    " sched_setscheduler setpriority",
)
# fmt: on


def _last(s: Sequence) -> int:
    """The newest descriptor."""
    return max(s.process.fds)


_HERE = AT_FDCWD
_NEW_FILE = ("openat", _HERE, lambda s: s.put(b"/tmp/a\0"), 0o102, 0o644)
_FILLED = (_NEW_FILE, ("pwrite64", _last, lambda s: s.scratch, 9000, 0))
_PAIRS = tuple(("socketpair", 1, kind | 0o4000, 0, lambda s: s.out()) for kind in (1, 2, 5))
_LISTENER = (
    ("socket", 1, 1, 0),
    ("bind", _last, lambda s: s.put(struct.pack("<H", 1) + b"\0name\1"), 8),
    ("listen", _last, 5),
)
_TCP = (
    ("socket", 2, 1 | 0o4000, 0),
    (
        "bind",
        _last,
        lambda s: s.put(struct.pack("<H", 2) + struct.pack(">H", 5000) + b"\x7f\0\0\1" + bytes(8)),
        16,
    ),
    ("listen", _last, 5),
    ("socket", 2, 2, 0),
    (
        "bind",
        _last,
        lambda s: s.put(struct.pack("<H", 2) + struct.pack(">H", 5001) + b"\x7f\0\0\1" + bytes(8)),
        16,
    ),
)
_TREE = (
    ("mkdirat", _HERE, lambda s: s.put(b"/tmp/sub\0"), 0o755),
    ("mknodat", _HERE, lambda s: s.put(b"/tmp/fifo\0"), 0o10644, 0),
    ("symlinkat", lambda s: s.put(b"/tmp/a\0"), _HERE, lambda s: s.put(b"/tmp/link\0")),
    ("symlinkat", lambda s: s.put(b"loop\0"), _HERE, lambda s: s.put(b"/tmp/loop\0")),
    ("openat", _HERE, lambda s: s.put(b"/tmp\0"), 0o200000, 0),
)
_PIPES = (("pipe2", lambda s: s.out(), 0o4000), ("pipe2", lambda s: s.out(), 0))
_TERMINAL = (
    ("openat", _HERE, lambda s: s.put(b"/dev/ptmx\0"), 2, 0),
    ("ioctl", _last, 0x40045431, lambda s: s.put(bytes(4))),
    ("ioctl", _last, 0x5441, 2),
)
# Calls that a family begins with; each in the first process, whose next descriptor is 3
PROLOGUES: dict[str, tuple[tuple[Any, ...], ...]] = {
    "epoll_ctl": (("epoll_create1", 0), ("epoll_create1", 0), ("eventfd2", 1, 0), *_PIPES),
    "timerfd_settime": (
        ("timerfd_create", 1, 0),
        ("timerfd_create", 0, 0o4000),
        ("timer_create", 1, 0, lambda s: s.out()),
    ),
    "inotify_add_watch": (*_FILLED, *_TREE, ("inotify_init1", 0o4000)),
    "socket": (*_LISTENER, *_TCP, ("socket", 1, 1, 0), ("socket", 2, 1 | 0o4000, 0), ("socket", 2, 2, 0)),
    "sendmsg": (
        *_PAIRS,
        *_LISTENER,
        ("epoll_create1", 0),
        ("clone", 17),
        ("pidfd_open", lambda s: max(s.kernel.processes), 0),
    ),
    "splice": (*_FILLED, *_PIPES, *_PAIRS),
    "clone": (("clone", 17), ("pidfd_open", lambda s: max(s.kernel.processes), 0)),
    "flock": (*_FILLED, ("openat", _HERE, lambda s: s.put(b"/tmp/a\0"), 2, 0), ("clone", 17)),
    "setxattr": (
        *_FILLED,
        *_TREE,
        ("fsetxattr", lambda s: s.fd("file"), lambda s: s.put(b"user.a\0"), lambda s: s.scratch, 10, 0),
    ),
    "fallocate": (*_FILLED, ("memfd_create", lambda s: s.path(), 2)),
    "openat2": (*_FILLED, *_TREE),
    "ioctl": _TERMINAL,
    "process_vm_readv": (("clone", 17), ("shmget", 0, 4096, 0o1644)),
}
