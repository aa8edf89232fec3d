"""The events that a kernel publishes reach their subscribers."""

from __future__ import annotations

from tests.support.guest_kernel import Guest
from toyvm.base.events import FaultKind, PageFault, ProcessExited


def test_events_come_to_those_who_asked() -> None:
    guest = Guest()
    faults: list[PageFault] = []
    ends: list[ProcessExited] = []
    guest.bus.subscribe(PageFault, faults.append)
    guest.bus.subscribe(ProcessExited, ends.append)
    guest.mm.write(guest.scratch, b"x")
    guest.call("exit_group", 3)
    assert [(f.kind, f.access, f.va) for f in faults] == [(FaultKind.DEMAND_ZERO, "write", guest.scratch)]
    assert [(e.status, e.signal) for e in ends] == [(3, 0)]
