"""`toyvm run --maps --smaps --pagetable --break`: memory as it is at one moment."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.guest_kernel import PAGE, RW, Guest
from tests.support.harness import ASM
from toyvm.base.errors import UsageError
from toyvm.build import build_program
from toyvm.kernel.mm.address_space import AddressSpace
from toyvm.machine.sv39 import pte_frame, walk
from toyvm.observe.memory_views import page_table
from toyvm.result import RunResult
from toyvm.run_options import RunOptions
from toyvm.system import run

ENGINES = ("reference", "llvm")


def run_sample(name: str, linkage: str, **options: object) -> RunResult:
    program = build_program([ASM / f"{name}.s"], linkage=linkage)
    return run(program, [name], RunOptions(**options), capture=True)  # type: ignore[arg-type]  # as given by name


def leaves(mm: AddressSpace) -> dict[int, int]:
    """The frames by virtual address that the text shows."""
    found = re.findall(
        r" .. .. ..\d+: pte 0x([0-9a-f]+) pa 0x([0-9a-f]+) \S+ va 0x([0-9a-f]+)", page_table(mm)
    )
    return {int(va, 16): int(pa, 16) >> 12 for _, pa, va in found}


def test_the_page_table_is_what_the_machine_walks() -> None:
    guest = Guest()
    at = guest.mm.mmap(0, 700 * PAGE, RW)
    for number in (0, 3, 511, 699):
        guest.mm.write(at + number * PAGE, b"x")
    child = guest.fork()
    for mm in (guest.mm, child.mm):
        shown = leaves(mm)
        assert {at + n * PAGE for n in (0, 3, 511, 699)} <= set(shown)
        for va, frame in shown.items():
            found = walk(mm.memory, mm.table.root_ppn, va)
            assert found is not None and pte_frame(found[1]) == frame
        assert len(shown) == sum(1 for _ in mm.table.present(0, 1 << 38))
    assert re.search(rf"va {at:#x} cow$", page_table(child.mm), re.M)


def test_the_tables_themselves_are_shown_by_level() -> None:
    guest = Guest()
    lines = page_table(guest.mm).splitlines()
    assert lines[0] == f"page table {guest.mm.table.root_ppn << 12:#018x}"
    levels = [line.split(":")[0].count("..") for line in lines[1:]]
    assert levels.count(1) + levels.count(2) + 1 == guest.mm.table.table_count


@pytest.mark.parametrize("linkage", ["static", "dynamic"])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_breakpoint_shows_the_map_and_changes_nothing(linkage: str, engine: str) -> None:
    plain = run_sample("cow", linkage, engine=engine)
    stopped = run_sample("cow", linkage, engine=engine, breakpoint="main", views=frozenset({"maps", "smaps"}))
    assert stopped.stdout == plain.stdout and stopped.status == plain.status
    assert stopped.stats.instructions == plain.stats.instructions
    told = stopped.stderr.decode()
    assert told.count("process 100 (cow), at main (cow.s:") == 2  # the map and the sizes, once each
    assert "[stack]" in told and "Rss:" in told and not stopped.views


def test_a_breakpoint_is_met_once_by_each_process() -> None:
    """A child has a copy of its parent's code, with the breakpoints in it."""
    result = run_sample("wait_codes", "static", breakpoint="_exit", views=frozenset({"maps"}))
    told = re.findall(r"process (\d+) \(wait_codes\), at _exit", result.stderr.decode())
    assert len(told) == len(set(told)) > 3  # the others are killed


@pytest.mark.parametrize("where", ["nowhere", "0xzz", "0x1", "0x10", "0x3fffffff00"])
def test_a_place_that_is_none_is_a_mistake_of_the_users(where: str) -> None:
    with pytest.raises(UsageError):
        run_sample("hello", "static", breakpoint=where, views=frozenset({"maps"}))


def test_views_at_the_end_come_in_one_order(tmp_path: Path) -> None:
    result = run_sample("cow", "static", views=frozenset({"pagetable", "maps", "smaps"}))
    kinds = [view.what for view in result.views]
    assert kinds == ["maps", "smaps", "pagetable"] * len(result.stats.processes)
    assert result.to_json()["views"][0]["what"] == "smaps"
