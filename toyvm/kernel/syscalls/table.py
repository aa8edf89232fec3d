"""The system calls: one literal table (Linux riscv64, asm-generic numbers), and the loader's
private calls.

    number: (name, "module.function", arguments as strace shows them, NEEDS_MMU or PRIVATE)

The modules are in this package: the calls that most programs make in itself, the others in its rooms. A
module is imported at the first use of one of its calls, so that short programs start fast.

A function takes the kernel, the process, and as many argument registers as it has parameters. It
returns the result (an int), or None if it has set the registers and pc itself (execve,
rt_sigreturn). It raises OSError for -errno, and WouldBlock to be called again later.

The format of each argument for strace is one word: int (32 bits), long, uint, hex, ptr, path, bytes
(the length is the next argument), fd, at (a directory's descriptor), oflags, fdflags (without the
access mode), mode, prot, mmap, signal, strings (an argv), filled (a buffer; the result is the number
of bytes stored), fdpair; those of `tracing.argument_names` (flags and numbers with names); and
those of `tracing.strace_events`: family, socktype, sockaddr (the length is the next argument), msgflags,
sockoptlevel, shut, epollop, epollevent, clock.
"""

from __future__ import annotations

from importlib import import_module

from toyvm.base.light_types import TYPE_CHECKING
from toyvm.base.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable

    Function = Callable[..., int | None]

NEEDS_MMU = "needs MMU"  # ENOSYS on a machine without MMU, as on Linux
PRIVATE = "private"  # toyvm's own call, not shown in traces

SYSTEM_CALLS: dict[int, tuple[str, str, str] | tuple[str, str, str, str]] = {
    5: ("setxattr", "files.inode_calls.setxattr", "path path ptr uint xattrflags"),
    6: ("lsetxattr", "files.inode_calls.lsetxattr", "path path ptr uint xattrflags"),
    7: ("fsetxattr", "files.inode_calls.fsetxattr", "fd path ptr uint xattrflags"),
    8: ("getxattr", "files.inode_calls.getxattr", "path path ptr uint"),
    9: ("lgetxattr", "files.inode_calls.lgetxattr", "path path ptr uint"),
    10: ("fgetxattr", "files.inode_calls.fgetxattr", "fd path ptr uint"),
    11: ("listxattr", "files.inode_calls.listxattr", "path ptr uint"),
    12: ("llistxattr", "files.inode_calls.llistxattr", "path ptr uint"),
    13: ("flistxattr", "files.inode_calls.flistxattr", "fd ptr uint"),
    14: ("removexattr", "files.inode_calls.removexattr", "path path"),
    15: ("lremovexattr", "files.inode_calls.lremovexattr", "path path"),
    16: ("fremovexattr", "files.inode_calls.fremovexattr", "fd path"),
    17: ("getcwd", "path_calls.getcwd", "filled uint"),
    19: ("eventfd2", "waiting.event_calls.eventfd2", "uint eventfdflags"),
    20: ("epoll_create1", "waiting.poll_calls.epoll_create1", "fdflags"),
    21: ("epoll_ctl", "waiting.poll_calls.epoll_ctl", "fd epollop fd epollevent"),
    22: ("epoll_pwait", "waiting.poll_calls.epoll_pwait", "fd ptr int int sigset uint"),
    23: ("dup", "files.descriptor_calls.dup", "fd"),
    24: ("dup3", "files.descriptor_calls.dup3", "fd fd fdflags"),
    25: ("fcntl", "files.descriptor_calls.fcntl", "fd fcntl fcntlarg"),
    26: ("inotify_init1", "waiting.inotify_calls.inotify_init1", "fdflags"),
    27: ("inotify_add_watch", "waiting.inotify_calls.inotify_add_watch", "fd path inotifymask"),
    28: ("inotify_rm_watch", "waiting.inotify_calls.inotify_rm_watch", "fd int"),
    29: ("ioctl", "files.descriptor_calls.ioctl", "fd ioctl ptr"),
    32: ("flock", "files.lock_calls.flock", "fd flockops"),
    33: ("mknodat", "files.inode_calls.mknodat", "at path mode hex"),
    34: ("mkdirat", "path_calls.mkdirat", "at path mode"),
    35: ("unlinkat", "path_calls.unlinkat", "at path unlinkflags"),
    36: ("symlinkat", "path_calls.symlinkat", "path at path"),
    37: ("linkat", "files.inode_calls.linkat", "at path at path atflags"),
    39: ("umount2", "refused_calls.umount2", "path umountflags"),
    40: ("mount", "refused_calls.mount", "path path path mountflags ptr"),
    41: ("pivot_root", "refused_calls.pivot_root", "path path"),
    43: ("statfs", "files.filesystem_calls.statfs", "path ptr"),
    44: ("fstatfs", "files.filesystem_calls.fstatfs", "fd ptr"),
    45: ("truncate", "path_calls.truncate", "path long"),
    46: ("ftruncate", "files.filesystem_calls.ftruncate", "fd long"),
    47: ("fallocate", "files.filesystem_calls.fallocate", "fd fallocate long long"),
    48: ("faccessat", "path_calls.faccessat", "at path accessmode"),
    49: ("chdir", "path_calls.chdir", "path"),
    50: ("fchdir", "path_calls.fchdir", "fd"),
    51: ("chroot", "refused_calls.chroot", "path"),
    52: ("fchmod", "files.inode_calls.fchmod", "fd mode"),
    53: ("fchmodat", "files.inode_calls.fchmodat", "at path mode"),
    54: ("fchownat", "files.inode_calls.fchownat", "at path int int atflags"),
    55: ("fchown", "files.inode_calls.fchown", "fd int int"),
    56: ("openat", "path_calls.openat", "at path oflags mode"),
    57: ("close", "file_calls.close", "fd"),
    58: ("vhangup", "refused_calls.vhangup", ""),
    59: ("pipe2", "files.descriptor_calls.pipe2", "fdpair fdflags"),
    60: ("quotactl", "refused_calls.quotactl", "hex path int ptr"),
    61: ("getdents64", "path_calls.getdents64", "fd ptr uint"),
    62: ("lseek", "file_calls.lseek", "fd long whence"),
    63: ("read", "file_calls.read", "fd filled uint"),
    64: ("write", "file_calls.write", "fd bytes uint"),
    65: ("readv", "file_calls.readv", "fd ptr int"),
    66: ("writev", "file_calls.writev", "fd ptr int"),
    67: ("pread64", "file_calls.pread64", "fd filled uint long"),
    68: ("pwrite64", "file_calls.pwrite64", "fd bytes uint long"),
    69: ("preadv", "file_calls.preadv", "fd ptr int long"),
    70: ("pwritev", "file_calls.pwritev", "fd ptr int long"),
    71: ("sendfile", "files.splice_calls.sendfile", "fd fd ptr uint"),
    72: ("pselect6", "waiting.poll_calls.pselect6", "int ptr ptr ptr timespec ptr"),
    73: ("ppoll", "waiting.poll_calls.ppoll", "ptr uint timespec sigset uint"),
    74: ("signalfd4", "waiting.pidfd_calls.signalfd4", "fd sigset uint fdflags"),
    75: ("vmsplice", "files.splice_calls.vmsplice", "fd ptr uint splice"),
    76: ("splice", "files.splice_calls.splice", "fd ptr fd ptr uint splice"),
    77: ("tee", "files.splice_calls.tee", "fd fd uint splice"),
    78: ("readlinkat", "path_calls.readlinkat", "at path filled uint"),
    79: ("newfstatat", "path_calls.newfstatat", "at path ptr atflags"),
    80: ("fstat", "path_calls.fstat", "fd ptr"),
    81: ("sync", "files.filesystem_calls.sync", ""),
    82: ("fsync", "files.filesystem_calls.fsync", "fd"),
    83: ("fdatasync", "files.filesystem_calls.fsync", "fd"),
    84: ("sync_file_range", "files.filesystem_calls.sync_file_range", "fd long long syncrange"),
    85: ("timerfd_create", "waiting.event_calls.timerfd_create", "clock fdflags"),
    86: ("timerfd_settime", "waiting.event_calls.timerfd_settime", "fd timerfdflags ptr ptr"),
    87: ("timerfd_gettime", "waiting.event_calls.timerfd_gettime", "fd ptr"),
    88: ("utimensat", "files.inode_calls.utimensat", "at path ptr atflags"),
    89: ("acct", "refused_calls.acct", "path"),
    90: ("capget", "user_calls.capget", "ptr ptr"),
    91: ("capset", "user_calls.capset", "ptr ptr"),
    92: ("personality", "user_calls.personality", "hex"),
    93: ("exit", "thread_calls.exit_", "int"),
    94: ("exit_group", "process_calls.exit_group", "int"),
    95: ("waitid", "process_calls.waitid", "idtype int ptr waitidoptions ptr"),
    96: ("set_tid_address", "process_calls.set_tid_address", "ptr"),
    97: ("unshare", "thread_calls.unshare", "cloneflags"),
    98: ("futex", "waiting.futex_calls.futex", "ptr futexop uint timeout ptr uint"),
    99: ("set_robust_list", "process_calls.set_robust_list", "ptr uint"),
    100: ("get_robust_list", "waiting.futex_calls.get_robust_list", "int ptr ptr"),
    101: ("nanosleep", "time_calls.nanosleep", "timespec ptr"),
    102: ("getitimer", "time_calls.getitimer", "itimer ptr"),
    103: ("setitimer", "time_calls.setitimer", "itimer ptr ptr"),
    104: ("kexec_load", "refused_calls.kexec_load", "hex uint ptr hex"),
    105: ("init_module", "refused_calls.init_module", "ptr uint path"),
    106: ("delete_module", "refused_calls.delete_module", "path hex"),
    107: ("timer_create", "waiting.timer_calls.timer_create", "clock ptr ptr"),
    108: ("timer_gettime", "waiting.timer_calls.timer_gettime", "int ptr"),
    109: ("timer_getoverrun", "waiting.timer_calls.timer_getoverrun", "int"),
    110: ("timer_settime", "waiting.timer_calls.timer_settime", "int timerflags ptr ptr"),
    111: ("timer_delete", "waiting.timer_calls.timer_delete", "int"),
    112: ("clock_settime", "refused_calls.clock_settime", "clock timespec"),
    113: ("clock_gettime", "time_calls.clock_gettime", "clock ptr"),
    114: ("clock_getres", "time_calls.clock_getres", "clock ptr"),
    115: ("clock_nanosleep", "time_calls.clock_nanosleep", "clock timerflags timespec ptr"),
    116: ("syslog", "refused_calls.syslog", "int ptr int"),
    117: ("ptrace", "refused_calls.ptrace", "int int ptr ptr"),
    118: ("sched_setparam", "sched_calls.sched_setparam", "int ptr"),
    119: ("sched_setscheduler", "sched_calls.sched_setscheduler", "int policy ptr"),
    120: ("sched_getscheduler", "sched_calls.sched_getscheduler", "int"),
    121: ("sched_getparam", "sched_calls.sched_getparam", "int ptr"),
    122: ("sched_setaffinity", "sched_calls.sched_setaffinity", "int uint ptr"),
    123: ("sched_getaffinity", "sched_calls.sched_getaffinity", "int uint ptr"),
    124: ("sched_yield", "sched_calls.sched_yield", ""),
    125: ("sched_get_priority_max", "sched_calls.sched_get_priority_max", "policy"),
    126: ("sched_get_priority_min", "sched_calls.sched_get_priority_min", "policy"),
    127: ("sched_rr_get_interval", "sched_calls.sched_rr_get_interval", "int ptr"),
    129: ("kill", "signal_calls.kill", "int signal"),
    130: ("tkill", "signal_calls.tkill", "int signal"),
    131: ("tgkill", "signal_calls.tgkill", "int int signal"),
    132: ("sigaltstack", "signal_calls.sigaltstack", "ptr ptr"),
    133: ("rt_sigsuspend", "signal_calls.rt_sigsuspend", "sigset uint"),
    134: ("rt_sigaction", "signal_calls.rt_sigaction", "signal ptr ptr uint"),
    135: ("rt_sigprocmask", "signal_calls.rt_sigprocmask", "sighow sigset ptr uint"),
    136: ("rt_sigpending", "signal_calls.rt_sigpending", "ptr uint"),
    137: ("rt_sigtimedwait", "signal_calls.rt_sigtimedwait", "sigset ptr timespec uint"),
    138: ("rt_sigqueueinfo", "signal_calls.rt_sigqueueinfo", "int signal ptr"),
    139: ("rt_sigreturn", "signal_calls.rt_sigreturn", ""),
    140: ("setpriority", "sched_calls.setpriority", "priority int int"),
    141: ("getpriority", "sched_calls.getpriority", "priority int"),
    142: ("reboot", "refused_calls.reboot", "hex hex hex ptr"),
    143: ("setregid", "user_calls.setregid", "int int"),
    144: ("setgid", "user_calls.setgid", "int"),
    145: ("setreuid", "user_calls.setreuid", "int int"),
    146: ("setuid", "user_calls.setuid", "int"),
    147: ("setresuid", "user_calls.setresuid", "int int int"),
    148: ("getresuid", "user_calls.getresuid", "ptr ptr ptr"),
    149: ("setresgid", "user_calls.setresgid", "int int int"),
    150: ("getresgid", "user_calls.getresgid", "ptr ptr ptr"),
    151: ("setfsuid", "user_calls.setfsuid", "int"),
    152: ("setfsgid", "user_calls.setfsgid", "int"),
    153: ("times", "time_calls.times", "ptr"),
    154: ("setpgid", "process_calls.setpgid", "int int"),
    155: ("getpgid", "process_calls.getpgid", "int"),
    156: ("getsid", "process_calls.getsid", "int"),
    157: ("setsid", "process_calls.setsid", ""),
    158: ("getgroups", "user_calls.getgroups", "int ptr"),
    159: ("setgroups", "user_calls.setgroups", "int ptr"),
    160: ("uname", "machine_calls.uname", "ptr"),
    161: ("sethostname", "refused_calls.sethostname", "path uint"),
    162: ("setdomainname", "refused_calls.setdomainname", "path uint"),
    163: ("getrlimit", "limit_calls.getrlimit", "rlimit ptr"),
    164: ("setrlimit", "limit_calls.setrlimit", "rlimit ptr"),
    165: ("getrusage", "time_calls.getrusage", "rusage ptr"),
    166: ("umask", "path_calls.umask", "mode"),
    167: ("prctl", "process_calls.prctl", "prctl hex hex hex hex"),
    168: ("getcpu", "sched_calls.getcpu", "ptr ptr ptr"),
    169: ("gettimeofday", "time_calls.gettimeofday", "ptr ptr"),
    170: ("settimeofday", "refused_calls.settimeofday", "ptr ptr"),
    171: ("adjtimex", "refused_calls.adjtimex", "ptr"),
    172: ("getpid", "process_calls.getpid", ""),
    173: ("getppid", "process_calls.getppid", ""),
    174: ("getuid", "process_calls.getuid", ""),
    175: ("geteuid", "process_calls.getuid", ""),
    176: ("getgid", "process_calls.getuid", ""),
    177: ("getegid", "process_calls.getuid", ""),
    178: ("gettid", "thread_calls.gettid", ""),
    179: ("sysinfo", "machine_calls.sysinfo", "ptr"),
    194: ("shmget", "memory.shm_calls.shmget", "int uint shmflags", NEEDS_MMU),
    195: ("shmctl", "memory.shm_calls.shmctl", "int ipccommand ptr", NEEDS_MMU),
    196: ("shmat", "memory.shm_calls.shmat", "int ptr shmatflags", NEEDS_MMU),
    197: ("shmdt", "memory.shm_calls.shmdt", "ptr", NEEDS_MMU),
    198: ("socket", "sockets.socket_calls.socket", "family socktype int"),
    199: ("socketpair", "sockets.socket_calls.socketpair", "family socktype int fdpair"),
    200: ("bind", "sockets.socket_calls.bind", "fd sockaddr uint"),
    201: ("listen", "sockets.socket_calls.listen", "fd int"),
    202: ("accept", "sockets.socket_calls.accept", "fd ptr ptr"),
    203: ("connect", "sockets.socket_calls.connect", "fd sockaddr uint"),
    204: ("getsockname", "sockets.socket_calls.getsockname", "fd ptr ptr"),
    205: ("getpeername", "sockets.socket_calls.getpeername", "fd ptr ptr"),
    206: ("sendto", "sockets.message_calls.sendto", "fd bytes uint msgflags sockaddr uint"),
    207: ("recvfrom", "sockets.message_calls.recvfrom", "fd filled uint msgflags ptr ptr"),
    208: ("setsockopt", "sockets.socket_calls.setsockopt", "fd sockoptlevel sockopt ptr uint"),
    209: ("getsockopt", "sockets.socket_calls.getsockopt", "fd sockoptlevel sockopt ptr ptr"),
    210: ("shutdown", "sockets.socket_calls.shutdown", "fd shut"),
    211: ("sendmsg", "sockets.message_calls.sendmsg", "fd ptr msgflags"),
    212: ("recvmsg", "sockets.message_calls.recvmsg", "fd ptr msgflags"),
    213: ("readahead", "files.filesystem_calls.readahead", "fd uint uint"),
    214: ("brk", "mmap_calls.brk", "hex"),
    215: ("munmap", "mmap_calls.munmap", "ptr uint"),
    216: ("mremap", "memory.mapping_calls.mremap", "ptr uint uint mremap ptr", NEEDS_MMU),
    220: ("clone", "thread_calls.clone", "clone ptr ptr ptr ptr"),
    221: ("execve", "process_calls.execve", "path strings strings"),
    222: ("mmap", "mmap_calls.mmap", "ptr uint prot mmap fd hex"),
    223: ("fadvise64", "files.filesystem_calls.fadvise64", "fd long long fadvise"),
    224: ("swapon", "refused_calls.swapon", "path hex"),
    225: ("swapoff", "refused_calls.swapoff", "path"),
    226: ("mprotect", "mmap_calls.mprotect", "ptr uint prot", NEEDS_MMU),
    227: ("msync", "memory.mapping_calls.msync", "ptr uint msync", NEEDS_MMU),
    228: ("mlock", "memory.mapping_calls.mlock", "ptr uint", NEEDS_MMU),
    229: ("munlock", "memory.mapping_calls.munlock", "ptr uint", NEEDS_MMU),
    230: ("mlockall", "memory.mapping_calls.mlockall", "mlockall"),
    231: ("munlockall", "memory.mapping_calls.munlockall", ""),
    232: ("mincore", "mmap_calls.mincore", "ptr uint ptr", NEEDS_MMU),
    233: ("madvise", "memory.mapping_calls.madvise", "ptr uint madvise", NEEDS_MMU),
    240: ("rt_tgsigqueueinfo", "signal_calls.rt_tgsigqueueinfo", "int int signal ptr"),
    242: ("accept4", "sockets.socket_calls.accept4", "fd ptr ptr fdflags"),
    243: ("recvmmsg", "sockets.message_calls.recvmmsg", "fd ptr uint msgflags timespec"),
    258: ("riscv_hwprobe", "hwprobe.riscv_hwprobe", "ptr uint uint ptr hex"),
    259: ("riscv_flush_icache", "machine_calls.riscv_flush_icache", "ptr ptr hex"),
    260: ("wait4", "process_calls.wait4", "int ptr waitoptions ptr"),
    261: ("prlimit64", "limit_calls.prlimit64", "int rlimit ptr ptr"),
    264: ("name_to_handle_at", "refused_calls.name_to_handle_at", "at path ptr ptr atflags"),
    265: ("open_by_handle_at", "refused_calls.open_by_handle_at", "fd ptr oflags"),
    267: ("syncfs", "files.filesystem_calls.syncfs", "fd"),
    268: ("setns", "refused_calls.setns", "fd cloneflags"),
    269: ("sendmmsg", "sockets.message_calls.sendmmsg", "fd ptr uint msgflags"),
    270: ("process_vm_readv", "memory.process_vm_calls.process_vm_readv", "int ptr uint ptr uint hex"),
    271: ("process_vm_writev", "memory.process_vm_calls.process_vm_writev", "int ptr uint ptr uint hex"),
    273: ("finit_module", "refused_calls.finit_module", "fd path hex"),
    274: ("sched_setattr", "sched_calls.sched_setattr", "int ptr hex"),
    275: ("sched_getattr", "sched_calls.sched_getattr", "int ptr uint hex"),
    276: ("renameat2", "path_calls.renameat2", "at path at path rename"),
    278: ("getrandom", "machine_calls.getrandom", "ptr uint getrandom"),
    279: ("memfd_create", "files.filesystem_calls.memfd_create", "path memfd"),
    280: ("bpf", "refused_calls.bpf", "int ptr uint"),
    281: ("execveat", "files.exec_calls.execveat", "at path strings strings atflags"),
    283: ("membarrier", "thread_calls.membarrier", "membarrier hex int"),
    284: ("mlock2", "memory.mapping_calls.mlock2", "ptr uint mlock2"),
    285: ("copy_file_range", "files.splice_calls.copy_file_range", "fd ptr fd ptr uint hex"),
    286: ("preadv2", "files.vector_calls.preadv2", "fd ptr uint long hex rwflags"),
    287: ("pwritev2", "files.vector_calls.pwritev2", "fd ptr uint long hex rwflags"),
    291: ("statx", "path_calls.statx", "at path atflags statxmask ptr"),
    424: ("pidfd_send_signal", "waiting.pidfd_calls.pidfd_send_signal", "fd signal ptr hex"),
    434: ("pidfd_open", "waiting.pidfd_calls.pidfd_open", "int fdflags"),
    435: ("clone3", "thread_calls.clone3", "ptr uint"),
    436: ("close_range", "files.descriptor_calls.close_range", "uint uint closerange"),
    437: ("openat2", "files.filesystem_calls.openat2", "at path ptr uint"),
    438: ("pidfd_getfd", "waiting.pidfd_calls.pidfd_getfd", "fd int hex"),
    439: ("faccessat2", "path_calls.faccessat2", "at path accessmode accessflags"),
    441: ("epoll_pwait2", "waiting.poll_calls.epoll_pwait2", "fd ptr int timespec sigset uint"),
    452: ("fchmodat2", "files.inode_calls.fchmodat2", "at path mode atflags"),
    # The calls of toyvm's dynamic loader (docs/design/loader.md)
    7000: ("dl_resolve", "loader_calls.private_call", "", PRIVATE),
    7001: ("dl_next_init", "loader_calls.private_call", "", PRIVATE),
    7002: ("dl_next_fini", "loader_calls.private_call", "", PRIVATE),
    7003: ("dl_open", "loader_calls.private_call", "", PRIVATE),
    7004: ("dl_sym", "loader_calls.private_call", "", PRIVATE),
    7005: ("dl_close", "loader_calls.private_call", "", PRIVATE),
    7006: ("dl_error", "loader_calls.private_call", "", PRIVATE),
    7007: ("dl_fini", "loader_calls.private_call", "", PRIVATE),
    7008: ("dl_new_thread", "loader_calls.private_call", "", PRIVATE),
    7009: ("dl_end_thread", "loader_calls.private_call", "", PRIVATE),
}


class Syscall(Record):
    """A row of the table with its function.

    `shapes` are the formats of the arguments for strace.
    """

    number: int
    name: str
    shapes: tuple[str, ...]
    function: Function
    arity: int
    needs_mmu: bool
    private: bool


_found: dict[int, Syscall] = {}


def find(number: int) -> Syscall | None:
    """The system call of a number, or None."""
    entry = _found.get(number)
    if entry is None and number in SYSTEM_CALLS:
        name, function_name, shapes, *options = SYSTEM_CALLS[number]
        module, _, attribute = function_name.rpartition(".")
        function: Function = getattr(import_module(f"{__package__}.{module}"), attribute)
        arity = function.__code__.co_argcount - 2  # without the kernel and the process
        entry = Syscall(
            number, name, tuple(shapes.split()), function, arity, NEEDS_MMU in options, PRIVATE in options
        )
        _found[number] = entry
    return entry
