"""Memory limits of groups: who is charged, who is reclaimed from, who is killed, and that others notice nothing."""

from __future__ import annotations

import io
from collections import Counter

import pytest

from tests.support.guest_kernel import PAGE, Guest, build
from toyvm.engines.engine_choice import make_engine
from toyvm.kernel.kernel import Kernel
from toyvm.kernel.vfs.path_walk import Vfs
from toyvm.run_options import Limits

LIMIT = 64  # frames
EXIT = "sys 93\n"
# Write to s1 pages from the heap's beginning on, s2 times over, and add up what was read: a page holds its number.
TOUCH = """
        li      a0, 0
        sys     214
        mv      s0, a0
        slli    t0, s1, 12
        add     a0, s0, t0
        sys     214
again:  mv      t0, s0
        mv      t1, s1
1:      ld      t2, 0(t0)
        add     t2, t2, t1
        sd      t2, 0(t0)
        li      t3, 4096
        add     t0, t0, t3
        addi    t1, t1, -1
        bnez    t1, 1b
        addi    s2, s2, -1
        bnez    s2, again
        mv      t0, s0
        mv      t1, s1
        li      a0, 0
2:      ld      t2, 0(t0)
        add     a0, a0, t2
        li      t3, 4096
        add     t0, t0, t3
        addi    t1, t1, -1
        bnez    t1, 2b
        andi    a0, a0, 127
"""


def machine(*sources: str, swap: int = 0, engine: str = "reference") -> Kernel:
    """A kernel in which these programs, each a group with LIMIT frames, are ready to run."""
    vfs = Vfs.sandbox(None)
    limits = Limits(memory_limit=LIMIT * PAGE, swap=swap, max_instructions=20_000_000)
    kernel = Kernel(
        8 << 20,
        lambda memory: make_engine(engine, memory, None, caching=False, seed=0),
        vfs,
        limits=limits,
        stdout=io.BytesIO(),
        stderr=io.BytesIO(),
    )
    for number, source in enumerate(sources):
        vfs.add_file(f"/bin/{number}", build(f"_start:\n{source}"))
        kernel.spawn(f"/bin/{number}", [str(number)])
    return kernel


def touch(pages: int, rounds: int = 1) -> str:
    return f"li s1, {pages}\nli s2, {rounds}\n{TOUCH}{EXIT}"


def check(kernel: Kernel) -> None:
    """Each group has been charged for as many frames as say so, and all are free in the end."""
    groups = kernel.frames.groups
    assert groups is not None
    assert {g.number: g.used for g in groups.all if g.used} == {
        n: c for n, c in Counter(groups.charged).items() if n
    }
    kernel.power_off()
    assert kernel.frames.used == 0 and all(group.used == 0 for group in groups.all)


@pytest.mark.parametrize("engine", ["reference", "llvm", "lockstep"])
def test_a_group_at_its_limit_loses_a_process_and_the_other_goes_on(engine: str) -> None:
    kernel = machine(touch(100), touch(40, 3), engine=engine)
    other = kernel.processes[101]
    assert kernel.run() == 137
    assert other.status >> 8 == sum(range(1, 41)) * 3 & 127
    greedy, modest = kernel.stats.groups
    assert (greedy.peak, greedy.kills, modest.kills, modest.hits) == (LIMIT, 1, 0, 0)
    check(kernel)


@pytest.mark.parametrize("engine", ["reference", "llvm", "lockstep"])
def test_with_swap_a_group_pays_with_its_own_pages(engine: str) -> None:
    """Four times what it may have, in memory that has room for all: only its own pages come and go."""
    kernel = machine(touch(4 * LIMIT, 2), touch(30, 200), swap=4 << 20, engine=engine)
    other = kernel.processes[101]
    assert kernel.run() == sum(range(1, 4 * LIMIT + 1)) * 2 & 127
    assert other.status >> 8 == sum(range(1, 31)) * 200 & 127
    greedy, modest = kernel.stats.groups
    assert greedy.peak == LIMIT and greedy.hits and not greedy.kills
    assert modest.hits == 0 and other.counters.major_faults <= 4
    check(kernel)


def test_children_are_charged_to_their_parents_group() -> None:
    """Each of two halves fits; together they do not, and it is the child that asks for one too many."""
    fork = "li a0, 17\nli a1, 0\nli a2, 0\nli a3, 0\nli a4, 0\nsys 220\nbnez a0, parent\n"
    wait = (
        "parent: li a0, -1\naddi a1, sp, -16\nli a2, 0\nli a3, 0\nsys 260\nlw a0, -16(sp)\nandi a0, a0, 127\n"
    )
    body = touch(35).removesuffix(EXIT)
    child = body.replace("again", "again2").replace("li s1, 35", "li s1, 40")
    kernel = machine(f"{body}{fork}{child}{EXIT}{wait}{EXIT}")
    assert kernel.run() == 9
    assert kernel.stats.groups[0].kills == 1
    check(kernel)


def test_the_guest_sees_its_group() -> None:
    guest = Guest(limits=Limits(memory_limit=LIMIT * PAGE))
    groups = guest.kernel.frames.groups
    assert groups is not None
    guest.mm.context.group = guest.mm.map.group = groups.add("test", LIMIT)

    def text(path: str) -> str:
        fd = guest.open(path, 0)
        count = guest.call("read", fd, guest.scratch, 200)
        assert count is not None
        guest.call("close", fd)
        return guest.mm.read(guest.scratch, count).decode()

    assert text("/proc/self/cgroup") == "0::/1\n"
    assert text("/sys/fs/cgroup/1/memory.max") == f"{LIMIT * PAGE}\n"
    assert text("/sys/fs/cgroup/1/memory.current") == f"{groups.all[0].used * PAGE}\n"
    assert text("/sys/fs/cgroup/1/cgroup.procs") == "100\n"
    assert text("/sys/fs/cgroup/1/memory.events").splitlines()[2] == "max 0"
    fd = guest.open("/sys/fs/cgroup/1/memory.max", 1)
    guest.mm.write(guest.scratch, b"8192")
    assert guest.call("write", fd, guest.scratch, 4) == 4 and groups.all[0].limit == 2
