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
    258: "riscv_hwprobe",
    262: "fanotify_init fanotify_mark",
    266: "clock_adjtime",
    272: "kcmp",
    277: "seccomp",
    281: "execveat userfaultfd",
    286: "preadv2 pwritev2 pkey_mprotect pkey_alloc pkey_free",
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
NAMES = {number: name for first, names in _RUNS.items() for number, name in enumerate(names.split(), first)}


def name_of(number: int) -> str:
    """The name of a system call that toyvm does not have; `syscall_0x...` if Linux has none either."""
    return NAMES.get(number, f"syscall_{number:#x}")
