"""/sys, as far as there is something to see and to set: /sys/kernel/mm/ksm."""

from __future__ import annotations

import errno
from collections.abc import Callable

from ...hints import TYPE_CHECKING
from ..ksm import Ksm
from .node import SYS_IDENTITY, DirNode, Node, error
from .procfs import Directory, Text
from .setting import Setting

if TYPE_CHECKING:
    from ..kernel import Kernel

_DEVICE = SYS_IDENTITY[0]


def sys_directory(kernel: Kernel) -> DirNode:
    """/sys for a kernel."""

    def below(ino: int, name: str, make: Callable[[], dict[str, Callable[[], Node]]]) -> Directory:
        return Directory(ino, lambda: {name: lambda: Directory(ino + 1, make, _DEVICE)}, _DEVICE)

    def mm() -> dict[str, Callable[[], Node]]:
        return {"ksm": lambda: Directory(4, lambda: _ksm(kernel.ksm), _DEVICE)}

    return below(1, "kernel", lambda: {"mm": lambda: Directory(3, mm, _DEVICE)})


def _ksm(ksm: Ksm) -> dict[str, Callable[[], Node]]:
    def count(number: int, name: str) -> Callable[[], Node]:
        return lambda: Text(16 + number, lambda: f"{getattr(ksm, name)}\n".encode(), _DEVICE)

    def setting(number: int, name: str, store: Callable[[int], None]) -> Callable[[], Node]:
        return lambda: Setting((_DEVICE, 8 + number), lambda: int(getattr(ksm, name)), store)

    def store_sharing(value: int) -> None:
        if value < 2 or ksm.stable:  # Linux: only while nothing is merged
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
