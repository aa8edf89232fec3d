"""The calls of the superuser are refused, whatever their arguments are."""

from __future__ import annotations

import errno

import pytest

from tests.support.guest_kernel import Guest

REFUSED = [
    "umount2",
    "mount",
    "pivot_root",
    "chroot",
    "vhangup",
    "quotactl",
    "acct",
    "kexec_load",
    "init_module",
    "delete_module",
    "syslog",
    "reboot",
    "sethostname",
    "setdomainname",
    "settimeofday",
    "open_by_handle_at",
    "setns",
    "finit_module",
    "bpf",
    "setgroups",
]


@pytest.mark.parametrize("name", REFUSED)
def test_the_superusers_calls_are_refused(name: str) -> None:
    guest = Guest()
    assert guest.call(name, 0, 0, 0, 0, 0) == -errno.EPERM


def test_no_clock_can_be_set() -> None:
    guest = Guest()
    guest.mm.write(guest.scratch, bytes(16))
    assert guest.call("clock_settime", 0, guest.scratch) == -errno.EPERM
    assert guest.call("clock_settime", 0, 8) == -errno.EFAULT
    assert guest.call("clock_settime", 1, guest.scratch) == -errno.EINVAL  # CLOCK_MONOTONIC


def test_the_clock_can_be_read_but_not_adjusted() -> None:
    guest = Guest()
    assert guest.call("adjtimex", guest.scratch) == 0
    guest.mm.write_int(guest.scratch, 2, 4)
    assert guest.call("adjtimex", guest.scratch) == -errno.EPERM


def test_there_is_no_tracing_of_processes() -> None:
    assert Guest().call("ptrace", 0, 0, 0, 0) == -errno.ENOSYS
