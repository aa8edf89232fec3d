"""The texts of /proc and /sys about the system, as the tools of procps and util-linux parse them."""

from __future__ import annotations

import errno
import re

import pytest

from tests.support.guest_kernel import AT_FDCWD, Guest
from toyvm.kernel.vfs.path_walk import Vfs

TEXTS = {
    "/proc/cpuinfo": rb"processor\t: 0\nhart\t\t: 0\nisa\t\t: rv64imafdc\w*\nmmu\t\t: sv39\n.*\n\n",
    "/proc/stat": rb"cpu  \d+ 0 0 \d+ .*\ncpu0 .*btime 1700000000\nprocesses 1\nprocs_running 1\n.*",
    "/proc/loadavg": rb"0\.00 0\.00 0\.00 1/1 100\n",
    "/proc/uptime": rb"\d+\.\d\d \d+\.\d\d\n",
    "/proc/version": rb"Linux version 6\.1\.0 .*\n",
    "/proc/filesystems": rb"(nodev)?\tsysfs\n(.*\n)*\text4\n",
    "/proc/mounts": rb"/dev/root / ext4 \S+ 0 0\n(\S+ \S+ \S+ \S+ 0 0\n)+",
    "/proc/cmdline": rb"toyvm\n",
    "/proc/self/mountinfo": rb"(\d+ \d+ \d+:\d+ / \S+ \S+ - \S+ \S+ \w\w\n)+",
    "/proc/self/limits": rb"Limit +Soft Limit +Hard Limit +Units +\n(Max .*\n){16}",
    "/proc/self/io": rb"(\w+: 0\n){7}",
    "/proc/self/fdinfo/0": rb"pos:\t0\nflags:\t0100000\nmnt_id:\t21\nino:\t\d+\n",
    "/proc/sys/kernel/ostype": rb"Linux\n",
    "/proc/sys/kernel/osrelease": rb"6\.1\.0\n",
    "/proc/sys/kernel/pid_max": rb"4194304\n",
    "/proc/sys/kernel/random/boot_id": rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\n",
    "/proc/sys/fs/nr_open": rb"\d+\n",
    "/sys/devices/system/cpu/online": rb"0\n",
    "/sys/devices/system/cpu/possible": rb"0\n",
}


@pytest.mark.parametrize("path", TEXTS)
def test_a_text_has_the_form_that_tools_parse(path: str) -> None:
    guest = Guest()
    fd = guest.open(path)
    assert fd >= 0
    count = guest.call("read", fd, guest.scratch, 8192)
    assert count is not None and count > 0
    assert re.fullmatch(TEXTS[path], guest.mm.read(guest.scratch, count), re.DOTALL)
    assert guest.open(path, 1) == -errno.EACCES


def test_the_name_of_a_process_can_be_written() -> None:
    guest = Guest()
    fd = guest.open("/proc/self/comm", 1)
    assert guest.call("write", fd, guest.text("a name of many letters"), 22) == 22
    assert guest.process.comm == "a name of many "[:15]


def test_magic_links_lead_to_what_is_open() -> None:
    guest = Guest(vfs=Vfs.sandbox(None))
    fd = guest.open("/tmp/file", 0o102)
    assert guest.call("write", fd, guest.text("text"), 4) == 4
    assert guest.call("unlinkat", AT_FDCWD, guest.text("/tmp/file"), 0) == 0
    again = guest.open(f"/proc/self/fd/{fd}")
    assert guest.call("read", again, guest.scratch, 9) == 4
    assert guest.mm.read(guest.scratch, 4) == b"text"
