"""The names of the system calls of Linux 6.12 on riscv64 that toyvm does not have, for traces and messages."""

from __future__ import annotations

# The names from a number on, without a gap (include/uapi/asm-generic/unistd.h). A call that toyvm has is named in its
# row of `table.SYSTEM_CALLS` instead.
_RUNS = {
    0: "io_setup io_destroy io_submit io_cancel io_getevents",
    18: "lookup_dcookie",
    30: "ioprio_set ioprio_get",
    42: "nfsservctl",
    128: "restart_syscall",
    180: (
        "mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr msgget msgctl "
        "msgrcv msgsnd semget semctl semtimedop semop"
    ),
    217: "add_key request_key keyctl",
    234: "remap_file_pages mbind get_mempolicy set_mempolicy migrate_pages move_pages",
    241: "perf_event_open",
    262: "fanotify_init fanotify_mark",
    266: "clock_adjtime",
    272: "kcmp",
    277: "seccomp",
    282: "userfaultfd",
    288: "pkey_mprotect pkey_alloc pkey_free",
    292: "io_pgetevents rseq kexec_file_load",
    403: (
        "clock_gettime64 clock_settime64 clock_adjtime64 clock_getres_time64 clock_nanosleep_time64 "
        "timer_gettime64 timer_settime64 timerfd_gettime64 timerfd_settime64 utimensat_time64 "
        "pselect6_time64 ppoll_time64"
    ),
    416: (
        "io_pgetevents_time64 recvmmsg_time64 mq_timedsend_time64 mq_timedreceive_time64 "
        "semtimedop_time64 rt_sigtimedwait_time64 futex_time64 sched_rr_get_interval_time64"
    ),
    425: (
        "io_uring_setup io_uring_enter io_uring_register open_tree move_mount fsopen fsconfig fsmount fspick"
    ),
    440: "process_madvise",
    442: (
        "mount_setattr quotactl_fd landlock_create_ruleset landlock_add_rule landlock_restrict_self "
        "memfd_secret process_mrelease futex_waitv set_mempolicy_home_node cachestat"
    ),
    453: (
        "map_shadow_stack futex_wake futex_wait futex_requeue statmount listmount lsm_get_self_attr "
        "lsm_set_self_attr lsm_list_modules mseal"
    ),
}
# The arguments of these calls, as in `table.SYSTEM_CALLS`
_ARGUMENTS = """
io_setup: uint ptr
io_destroy: hex
io_submit: hex long ptr
io_cancel: hex ptr ptr
io_getevents: hex long long ptr timespec
lookup_dcookie: long ptr uint
ioprio_set: int int hex
ioprio_get: int int
nfsservctl: int ptr ptr
restart_syscall:
mq_open: path oflags mode ptr
mq_unlink: path
mq_timedsend: fd bytes uint uint timespec
mq_timedreceive: fd ptr uint ptr timespec
mq_notify: fd ptr
mq_getsetattr: fd ptr ptr
msgget: hex shmflags
msgctl: int ipccommand ptr
msgrcv: int ptr uint long hex
msgsnd: int ptr uint hex
semget: hex int shmflags
semctl: int int hex hex
semtimedop: int ptr uint timespec
semop: int ptr uint
add_key: path path ptr uint int
request_key: path path path int
keyctl: keyctl hex hex hex hex
remap_file_pages: ptr uint prot uint mmap
mbind: ptr uint mempolicy ptr uint hex
get_mempolicy: ptr ptr uint ptr hex
set_mempolicy: mempolicy ptr uint
migrate_pages: int uint ptr ptr
move_pages: int uint ptr ptr ptr hex
perf_event_open: ptr int int fd hex
riscv_flush_icache: ptr ptr hex
fanotify_init: hex oflags
fanotify_mark: fd hex hex at path
clock_adjtime: clock ptr
kcmp: int int kcmp uint uint
seccomp: seccomp hex ptr
userfaultfd: fdflags
pkey_mprotect: ptr uint prot int
pkey_alloc: hex pkeyrights
pkey_free: int
io_pgetevents: hex long long ptr timespec ptr
rseq: ptr uint rseqflags hex
kexec_file_load: fd fd uint ptr hex
io_uring_setup: uint ptr
io_uring_enter: fd uint uint hex ptr uint
io_uring_register: fd uint ptr uint
open_tree: at path hex
move_mount: at path at path hex
fsopen: path hex
fsconfig: fd uint path ptr int
fsmount: fd hex hex
fspick: at path hex
process_madvise: fd ptr uint madvise hex
mount_setattr: at path hex ptr uint
quotactl_fd: fd hex int ptr
landlock_create_ruleset: ptr uint hex
landlock_add_rule: fd uint ptr hex
landlock_restrict_self: fd hex
memfd_secret: hex
process_mrelease: fd hex
futex_waitv: ptr uint hex timespec clock
set_mempolicy_home_node: ptr uint uint hex
cachestat: fd ptr ptr hex
map_shadow_stack: ptr uint hex
futex_wake: ptr hex int hex
futex_wait: ptr uint hex hex timespec clock
futex_requeue: ptr hex int int
statmount: ptr ptr uint hex
listmount: ptr ptr uint hex
lsm_get_self_attr: uint ptr ptr hex
lsm_set_self_attr: uint ptr uint hex
lsm_list_modules: ptr ptr hex
mseal: ptr uint hex
"""
NAMES = {number: name for first, names in _RUNS.items() for number, name in enumerate(names.split(), first)}


def name_of(number: int) -> str:
    """The name of a system call that toyvm does not have; `syscall_0x...` if Linux has none either."""
    return NAMES.get(number, f"syscall_{number:#x}")


def shapes_of(number: int) -> tuple[str, ...]:
    """The formats of its arguments, as in `table.SYSTEM_CALLS`: six numbers if they are not known.

    The calls of 32-bit machines (clock_gettime64 and the like) are among those.
    """
    start = f"{name_of(number)}:"
    for line in _ARGUMENTS.splitlines():
        if line.startswith(start):
            return tuple(line.removeprefix(start).split())
    return ("hex",) * 6


# Calls whose refusal programs are known to expect: run-time libraries make them when they start and have another way.
EXPECTED = frozenset({"rseq", "riscv_flush_icache", "restart_syscall", "get_mempolicy", "io_uring_setup"})


def absent_calls_text(counts: dict[int, int]) -> str:
    """`mq_open, semget (3 times)`: the calls of `counts` whose refusal is not expected."""
    words = []
    for number, count in sorted(counts.items()):
        name = name_of(number)
        if name not in EXPECTED:
            words.append(f"{name} ({count} times)" if count > 1 else name)
    return ", ".join(words)


# What RARS, Venus and SPIM have under the numbers of Linux's io_destroy, io_submit, io_cancel and io_getevents.
_SIMULATORS = {1: "PrintInt", 2: "PrintFloat", 3: "PrintDouble", 4: "PrintString"}


def simulator_hint(counts: dict[int, int]) -> str:
    """A sentence for a program that makes the calls of RARS: what to call instead; or ""."""
    names = [f"{number} is {name}" for number, name in _SIMULATORS.items() if number in counts]
    if not names:
        return ""
    return (
        f"in RARS a7 = {', '.join(names)}; here are Linux's calls: read 63, write 64, exit 93; or call printf"
    )
