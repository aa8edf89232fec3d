"""The calls that are refused: EPERM for those of the superuser, as no process has a capability, and ENOSYS for
those that this kernel does not have (ptrace, file handles).
"""

from __future__ import annotations

import errno

from toyvm.base.bits import sext
from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING

from .arguments import timespec

if TYPE_CHECKING:
    from ..proc.kernel_state import KernelState
    from ..proc.process import Process


def swapon(kernel: KernelState, process: Process, path: int, flags: int) -> int:
    """swapon(2): refused: the swap area belongs to the machine, and no process has CAP_SYS_ADMIN.

    Errors: EPERM.
    """
    raise error(errno.EPERM)


def swapoff(kernel: KernelState, process: Process, path: int) -> int:
    """swapoff(2): refused, like swapon(2).

    Errors: EPERM.
    """
    raise error(errno.EPERM)


def ptrace(kernel: KernelState, process: Process, request: int, pid: int, va: int, data: int) -> int:
    """ptrace(2): not supported: no process traces another one.

    Errors: ENOSYS.
    """
    raise error(errno.ENOSYS)


def adjtimex(kernel: KernelState, process: Process, va: int) -> int:
    """adjtimex(2): the clock cannot be adjusted; with no mode, the state is all zeros.

    Errors: EFAULT, EPERM.
    """
    if process.mm.read_int(va, 4):
        raise error(errno.EPERM)
    process.mm.write(va, bytes(208))
    return 0


def umount2(kernel: KernelState, process: Process, path: int, flags: int) -> int:
    """umount2(2): refused (unmount a file system).

    Errors: EPERM.
    """
    raise error(errno.EPERM)


def mount(
    kernel: KernelState, process: Process, source: int, target: int, kind: int, flags: int, data: int
) -> int:
    """mount(2): refused (mount a file system).

    Errors: EPERM.
    """
    raise error(errno.EPERM)


def pivot_root(kernel: KernelState, process: Process, new: int, old: int) -> int:
    """pivot_root(2): refused (change the root file system).

    Errors: EPERM.
    """
    raise error(errno.EPERM)


def chroot(kernel: KernelState, process: Process, path: int) -> int:
    """chroot(2): refused (change the root directory).

    Errors: EPERM.
    """
    raise error(errno.EPERM)


def vhangup(kernel: KernelState, process: Process) -> int:
    """vhangup(2): refused (hang up the terminal).

    Errors: EPERM.
    """
    raise error(errno.EPERM)


def quotactl(kernel: KernelState, process: Process, command: int, special: int, number: int, va: int) -> int:
    """quotactl(2): refused (disk quotas).

    Errors: EPERM.
    """
    raise error(errno.EPERM)


def acct(kernel: KernelState, process: Process, path: int) -> int:
    """acct(2): refused (process accounting).

    Errors: EPERM.
    """
    raise error(errno.EPERM)


def kexec_load(
    kernel: KernelState, process: Process, entry: int, count: int, segments: int, flags: int
) -> int:
    """kexec_load(2): refused (load another kernel).

    Errors: EPERM.
    """
    raise error(errno.EPERM)


def init_module(kernel: KernelState, process: Process, image: int, size: int, values: int) -> int:
    """init_module(2): refused (load a kernel module).

    Errors: EPERM.
    """
    raise error(errno.EPERM)


def delete_module(kernel: KernelState, process: Process, name: int, flags: int) -> int:
    """delete_module(2): refused (unload a kernel module).

    Errors: EPERM.
    """
    raise error(errno.EPERM)


def clock_settime(kernel: KernelState, process: Process, clock: int, va: int) -> int:
    """clock_settime(2): refused (set a clock). Only CLOCK_REALTIME could be set.

    Errors: EFAULT, EINVAL, EPERM.
    """
    if sext(clock, 32) != 0:
        raise error(errno.EINVAL)
    timespec(process, va)
    raise error(errno.EPERM)


def syslog(kernel: KernelState, process: Process, kind: int, va: int, size: int) -> int:
    """syslog(2): refused (read the kernel's messages).

    Errors: EPERM.
    """
    raise error(errno.EPERM)


def reboot(kernel: KernelState, process: Process, magic: int, magic2: int, command: int, va: int) -> int:
    """reboot(2): refused (restart the machine).

    Errors: EPERM.
    """
    raise error(errno.EPERM)


def sethostname(kernel: KernelState, process: Process, name: int, size: int) -> int:
    """sethostname(2): refused (set the host's name).

    Errors: EPERM.
    """
    raise error(errno.EPERM)


def setdomainname(kernel: KernelState, process: Process, name: int, size: int) -> int:
    """setdomainname(2): refused (set the domain's name).

    Errors: EPERM.
    """
    raise error(errno.EPERM)


def settimeofday(kernel: KernelState, process: Process, tv: int, tz: int) -> int:
    """settimeofday(2): refused (set the clock).

    Errors: EPERM.
    """
    raise error(errno.EPERM)


def name_to_handle_at(
    kernel: KernelState, process: Process, dirfd: int, path: int, handle: int, mount: int, flags: int
) -> int:
    """name_to_handle_at(2): there are no file handles (CONFIG_FHANDLE).

    Errors: ENOSYS.
    """
    raise error(errno.ENOSYS)


def open_by_handle_at(kernel: KernelState, process: Process, mount: int, handle: int, flags: int) -> int:
    """open_by_handle_at(2): refused (open a file by its handle).

    Errors: EPERM.
    """
    raise error(errno.EPERM)


def setns(kernel: KernelState, process: Process, fd: int, kind: int) -> int:
    """setns(2): refused (join a namespace).

    Errors: EPERM.
    """
    raise error(errno.EPERM)


def finit_module(kernel: KernelState, process: Process, fd: int, values: int, flags: int) -> int:
    """finit_module(2): refused (load a kernel module).

    Errors: EPERM.
    """
    raise error(errno.EPERM)


def bpf(kernel: KernelState, process: Process, command: int, va: int, size: int) -> int:
    """bpf(2): refused (load a BPF program).

    Errors: EPERM.
    """
    raise error(errno.EPERM)
