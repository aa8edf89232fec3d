"""Wild system calls: any number, any arguments. The kernel answers with an errno, never with an exception of the host,
never with more host memory than it was given, and every frame comes back at the end."""

from __future__ import annotations

import resource
from contextlib import suppress

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.guest_kernel import Guest
from toyvm.kernel.proc.lifecycle import kill_all
from toyvm.kernel.proc.process import State
from toyvm.kernel.syscalls.table import SYSTEM_CALLS
from toyvm.kernel.syscalls.tracing.argument_names import SHAPES as NAMED_SHAPES
from toyvm.kernel.vfs.path_walk import Vfs
from toyvm.machine.physical_memory import PAGE_SIZE
from toyvm.run_options import Limits

NUMBERS = sorted(SYSTEM_CALLS)
SCRATCH = Guest(1 << 20).scratch

_ENDS = {93, 94}  # exit, exit_group: once is enough
_EDGES = [0, 1, 2, 3, 8, 16, 64, 4095, 4096, 4097, 1 << 16, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 38]
_EDGES += [(1 << 38) - 4096, 1 << 60, 1 << 63, *((1 << 64) - n for n in (1, 2, 100, 4096))]
_PATHS = [
    b"/tmp/a",
    b"/tmp/dir",
    b"/tmp",
    b"/proc/self/maps",
    b"/proc/self/smaps",
    b"/proc/self/pagemap",
    b"..",
]
_PATHS += [b"/dev/full", b"/bin/test", b"", b"/tmp/link", b"/proc/self/fd/3", b"x" * 300, b"\xff\xfe/\x01"]
_PATH_AT = [SCRATCH + 0x4000 + 512 * n for n in range(len(_PATHS))]

wild = st.one_of(st.sampled_from(_EDGES), st.integers(0, (1 << 64) - 1))
pages = st.integers(-2, 18).map(lambda n: SCRATCH + n * PAGE_SIZE)
in_scratch = st.integers(0, 0x3FFF).map(lambda offset: SCRATCH + (offset & ~7))
small = st.integers(0, 40)
sizes = st.sampled_from([0, 1, 8, 16, 24, 100, 4096, 8192, 1 << 20])
GOOD = {
    "fd": st.integers(0, 12),
    "at": st.one_of(st.just((1 << 64) - 100), st.integers(0, 12)),
    "path": st.sampled_from(_PATH_AT),
    "ptr": st.one_of(in_scratch, pages, st.just(0)),
    "bytes": st.one_of(in_scratch, pages),
    "filled": st.one_of(in_scratch, pages),
    "fdpair": st.one_of(in_scratch, pages),
    "strings": st.one_of(in_scratch, st.just(0)),
    "uint": st.one_of(sizes, small),
    "int": st.one_of(small, sizes, st.integers(-3, 200).map(lambda n: n & (1 << 64) - 1)),
    "hex": st.one_of(small, sizes, st.sampled_from([0x11, 0x4111, 0x100, 0x200, 1 << 20])),
    "prot": st.integers(0, 7),
    "mmap": st.sampled_from([0x01, 0x02, 0x21, 0x22, 0x32, 0x31, 0x122, 0x8022, 0x100022, 0x4022]),
    "mode": st.integers(0, 0o7777),
    "oflags": st.sampled_from(
        [0, 1, 2, 0o100, 0o102, 0o1102, 0o2001, 0o4000, 0o200000, 0o2000000, 0o10000000]
    ),
    "fdflags": st.sampled_from([0, 0o4000, 0o2000000, 0o2004000, 1, 0o100]),
    "signal": st.integers(0, 66),
    "family": st.sampled_from([1, 1, 2, 10, 16]),
    "socktype": st.sampled_from([1, 2, 5, 0o4001, 0o4002, 0o4005, 0o2000001]),
    "sockaddr": st.one_of(in_scratch, st.just(0)),
    "msgflags": st.sampled_from([0, 0, 0x40, 2, 0x20, 0x100, 0x4000]),
    "sockoptlevel": st.sampled_from([0, 1, 1, 6, 41]),
    "shut": st.integers(0, 3),
    "epollop": st.integers(1, 3),
    "epollevent": in_scratch,
    "clock": st.integers(0, 11),
}


GOOD.update((shape, GOOD["hex"]) for shape in NAMED_SHAPES if shape not in GOOD)


def _arguments(number: int) -> st.SearchStrategy[tuple[int, tuple[int, ...]]]:
    shapes = SYSTEM_CALLS[number][2].split() if number in SYSTEM_CALLS else ()
    good = [st.one_of(GOOD[shape], GOOD[shape], GOOD[shape], wild) for shape in shapes]
    return st.tuples(st.just(number), st.tuples(*good, *[wild] * (6 - len(good))))


calls = st.one_of(
    st.sampled_from([n for n in NUMBERS if n not in _ENDS]).flatmap(_arguments),
    st.integers(0, 1 << 64).flatmap(_arguments),
)
fillings = st.sampled_from(
    [
        bytes(range(256)),
        b"\xff" * 256,
        SCRATCH.to_bytes(8, "little") * 32,
        (SCRATCH.to_bytes(8, "little") + (64).to_bytes(8, "little")) * 16,
        (1 << 62).to_bytes(8, "little") * 32,
        (1).to_bytes(8, "little") + bytes(248),
        b"\x01\0\0name" + bytes(248),
        b"\x02\0\x20\x00\x7f\0\0\x01" + bytes(248),
    ]
)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _prepare(guest: Guest) -> None:
    """Strings at known places, and a descriptor of each sort: 3 file, 4 and 5 pipe, 6 memfd, 7 directory, 8 pagemap."""
    for va, path in zip(_PATH_AT, _PATHS, strict=True):
        guest.mm.write(va, path + b"\0")
    directory = (1 << 64) - 100
    guest.call("openat", directory, _PATH_AT[0], 0o102, 0o644)
    guest.call("write", 3, SCRATCH, 6000)
    guest.call("pipe2", SCRATCH, 0o4000)
    guest.call("memfd_create", _PATH_AT[0], 0)
    guest.call("openat", directory, _PATH_AT[2], 0o200000, 0)
    guest.call("openat", directory, _PATH_AT[5], 0, 0)
    assert list(guest.process.fds) == list(range(9))


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(fillings, calls), min_size=20, max_size=40))
def test_wild_calls_never_leave_the_kernel(steps: list[tuple[bytes, tuple[int, tuple[int, ...]]]]) -> None:
    guest = Guest(2 << 20, vfs=Vfs.sandbox(None, memfs_bytes=4 << 20), limits=Limits(processes=20))
    kernel, before = guest.kernel, _peak()
    kernel.vfs.add_file("/bin/test", b"\x7fELF not really")
    _prepare(guest)
    for filling, (number, args) in steps:
        process = guest.process
        if not process.alive:
            break
        with suppress(OSError):  # the guest may have unmapped it
            process.mm.write(SCRATCH, filling)
        process.hart.pc = 0x10000
        result = guest.call(number, *args)
        assert result is None or -(1 << 63) <= result < 1 << 63
        if process.state in (State.BLOCKED, State.STOPPED):  # nobody will wake it: make the next call anyway
            process.state = State.RUNNABLE
        process.in_call = False
        process.vfork_waiting = None
    assert _peak() - before < 200_000  # KiB
    kill_all(kernel)
    kernel.system.cache.drop()
    assert kernel.frames.used == 0
