"""The events that a kernel publishes reach their subscribers."""

from __future__ import annotations

from tests.support.guest_kernel import Guest
from toyvm.base.events import FaultKind, PageFault, ProcessEnding, ProcessExited


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


def test_a_process_that_ends_is_announced_while_it_has_its_memory_and_files() -> None:
    guest = Guest()
    seen: list[tuple[int, bytes, list[int]]] = []
    ends: list[ProcessExited] = []

    def ending(event: ProcessEnding) -> None:
        process = guest.kernel.processes[event.pid]
        assert process.alive and not ends
        seen.append((event.pid, process.mm.read(guest.scratch, 4), list(process.fds)))

    guest.bus.subscribe(ProcessEnding, ending)
    guest.bus.subscribe(ProcessExited, ends.append)
    guest.mm.write(guest.scratch, b"here")
    guest.call("exit_group", 0)
    assert seen == [(guest.process.pid, b"here", [0, 1, 2])]
    assert [end.pid for end in ends] == [guest.process.pid]
