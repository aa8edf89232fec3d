"""/sys: ksm and transparent_hugepage in kernel/mm, groups with a memory limit in fs/cgroup, devices/system/cpu."""

from __future__ import annotations

import errno
from collections.abc import Callable

from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.kernel.mm.frame_allocator import Megapages
from toyvm.kernel.mm.ksm import Ksm
from toyvm.machine.physical_memory import PAGE_SHIFT
from toyvm.machine.sv39 import MEGAPAGE_SIZE
from toyvm.run_options import THP_POLICIES

from ..nodes import SYS_IDENTITY, DirNode, Node
from .procfs import Directory, Text
from .settings import Choice, Setting

if TYPE_CHECKING:
    from toyvm.kernel.counters import Group
    from toyvm.kernel.proc.kernel_state import KernelState

_DEVICE = SYS_IDENTITY[0]


def sys_directory(kernel: KernelState) -> DirNode:
    """The root directory of /sys for `kernel`."""

    def folder(ino: int, make: Callable[[], dict[str, Callable[[], Node]]]) -> Callable[[], Node]:
        return lambda: Directory(ino, make, _DEVICE)

    def ksm() -> dict[str, Callable[[], Node]]:
        return _ksm(kernel.ksm)

    def megapages() -> dict[str, Callable[[], Node]]:
        return _megapages(kernel.frames.megapages)

    def memory() -> dict[str, Callable[[], Node]]:
        return {"ksm": folder(6, ksm), "transparent_hugepage": folder(7, megapages)}

    def processors() -> dict[str, Callable[[], Node]]:
        count = kernel.limits.cpus
        listed = f"0-{count - 1}\n" if count > 1 else "0\n"
        lists = {
            name: lambda number=number: Text(51 + number, listed.encode, _DEVICE)
            for number, name in enumerate(("online", "possible", "present"))
        }
        return {**lists, **{f"cpu{number}": folder(1024 + number, dict) for number in range(count)}}

    return Directory(
        1,
        lambda: {
            "devices": folder(48, lambda: {"system": folder(49, lambda: {"cpu": folder(50, processors)})}),
            "fs": folder(2, lambda: {"cgroup": folder(3, lambda: _groups(kernel))}),
            "kernel": folder(4, lambda: {"mm": folder(5, memory)}),
        },
        _DEVICE,
    )


def _groups(kernel: KernelState) -> dict[str, Callable[[], Node]]:
    """A directory for each group of processes with a memory limit, named by its number."""
    groups = kernel.frames.groups

    def files(group: Group) -> dict[str, Callable[[], Node]]:
        def text(number: int, make: Callable[[], str]) -> Callable[[], Node]:
            return lambda: Text(64 + 8 * group.number + number, lambda: make().encode(), _DEVICE)

        def set_limit(value: int) -> None:
            group.limit = value >> PAGE_SHIFT

        def members() -> str:
            return "".join(f"{pid}\n" for pid, p in kernel.processes.items() if p.group is group)

        return {
            "memory.current": text(0, lambda: f"{group.used << PAGE_SHIFT}\n"),
            "memory.peak": text(1, lambda: f"{group.peak << PAGE_SHIFT}\n"),
            "memory.events": text(2, group.events),
            "memory.max": lambda: Setting(
                (_DEVICE, 64 + 8 * group.number + 3), lambda: group.limit << PAGE_SHIFT, set_limit
            ),
            "cgroup.procs": text(4, members),
        }

    def directory(group: Group) -> Callable[[], Node]:
        return lambda: Directory(64 + 8 * group.number + 5, lambda: files(group), _DEVICE)

    return {str(group.number): directory(group) for group in groups.all} if groups is not None else {}


def _megapages(megapages: Megapages) -> dict[str, Callable[[], Node]]:
    def enable(word: str) -> None:
        megapages.enabled = word

    return {
        "enabled": lambda: Choice((_DEVICE, 32), THP_POLICIES, lambda: megapages.enabled, enable),
        "hpage_pmd_size": lambda: Text(33, lambda: f"{MEGAPAGE_SIZE}\n".encode(), _DEVICE),
    }


def _ksm(ksm: Ksm) -> dict[str, Callable[[], Node]]:
    def count(number: int, name: str) -> Callable[[], Node]:
        return lambda: Text(16 + number, lambda: f"{getattr(ksm, name)}\n".encode(), _DEVICE)

    def setting(number: int, name: str, store: Callable[[int], None]) -> Callable[[], Node]:
        return lambda: Setting((_DEVICE, 8 + number), lambda: int(getattr(ksm, name)), store)

    def store_sharing(value: int) -> None:
        if value < 2 or ksm.frames.stable:  # Linux allows it only while no page is merged
            raise error(errno.EINVAL if value < 2 else errno.EBUSY)
        ksm.max_page_sharing = value

    settings: dict[str, Callable[[int], None]] = {
        "run": ksm.set_run,
        "pages_to_scan": lambda value: setattr(ksm, "pages_to_scan", value),
        "sleep_millisecs": ksm.set_sleep,
        "max_page_sharing": store_sharing,
    }
    counts = (
        "pages_shared",
        "pages_sharing",
        "pages_unshared",
        "pages_volatile",
        "pages_scanned",
        "full_scans",
    )
    return {
        **{name: setting(number, name, store) for number, (name, store) in enumerate(settings.items())},
        **{name: count(number, name) for number, name in enumerate(counts)},
    }
