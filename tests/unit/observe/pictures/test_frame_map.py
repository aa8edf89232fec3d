"""The picture of physical memory: every frame once, as the allocator and the page tables have it."""

from __future__ import annotations

import xml.etree.ElementTree
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.harness import ASM, OPTIONS, Case, run_case, toyvm
from toyvm.base.events import ProcessEnding
from toyvm.base.record import replace
from toyvm.kernel.accounts.memory_report import memory_report
from toyvm.kernel.kernel import Kernel
from toyvm.machine.physical_memory import PhysicalMemory
from toyvm.observe.pictures import frame_map as frame_map_module
from toyvm.observe.pictures.frame_map import NO_OWNER, SEVERAL, FrameMap, Use, frame_map, picture


class Checker:
    """A watcher that holds the map against other counts whenever a process ends."""

    def __init__(self) -> None:
        self.maps: list[FrameMap] = []

    def engine(self, memory: PhysicalMemory) -> None:
        return None

    def start(self, kernel: Kernel) -> None:
        def ending(event: ProcessEnding) -> None:
            found = frame_map(kernel)
            self.maps.append(found)
            report = memory_report(kernel)
            counts = Counter(use for use, _ in found.uses)
            assert len(found.uses) == kernel.frames.count
            assert counts[Use.ZERO] == 1
            assert found.used == kernel.frames.used == report.used_frames
            assert counts[Use.TABLE] == report.table_frames
            assert counts[Use.ANONYMOUS] + counts[Use.FILE] == report.user_frames
            assert counts[Use.CACHE] == report.cache_only_frames
            assert counts[Use.SWAP_CACHE] == report.swap_cache_only_frames
            assert not counts[Use.OTHER]
            for entry in report.processes:
                own = sum(owner == entry.pid and use is not Use.TABLE for use, owner in found.uses)
                assert (
                    entry.usage.private <= own <= entry.usage.rss
                )  # which counts a page at two addresses twice

        kernel.bus.subscribe(ProcessEnding, ending)


@pytest.mark.parametrize(
    ("name", "linkage"),
    [("cow", "static"), ("shm_talk", "dynamic"), ("pipeline", "dynamic"), ("exec", "static")],
)
def test_every_frame_has_one_use(name: str, linkage: str) -> None:
    checker = Checker()
    result = run_case(Case(ASM / f"{name}.s", linkage), watchers=[checker])
    assert result.status == 0
    assert len(checker.maps) == len(result.stats.processes)
    owners = {owner for found in checker.maps for _, owner in found.uses}
    assert set(result.stats.processes) <= owners
    if name != "exec":
        assert SEVERAL in owners


SWAPPER = """
        .globl  main
        .text
main:   addi    sp, sp, -16
        sd      ra, 8(sp)
        li      a0, 1 << 20             # 256 pages, in a machine that has half of them
        call    malloc
        mv      s0, a0
        call    fill
        call    fork
        call    fill                    # parent and child: back from the swap area, and out again
        li      a0, 0
        call    _exit
fill:   mv      t0, s0
        li      t1, 256
        li      t2, 4096
1:      sb      t1, 0(t0)
        add     t0, t0, t2
        addi    t1, t1, -1
        bnez    t1, 1b
        ret
"""


def test_swap_cache(tmp_path: Path) -> None:
    source = tmp_path / "swapper.s"
    source.write_text(SWAPPER)
    checker = Checker()
    options = replace(OPTIONS, memory=512 << 10, swap=8 << 20)
    result = run_case(Case(source, "static"), options, [checker])
    assert result.status == 0, result.stderr
    assert any(use is Use.SWAP_CACHE for found in checker.maps for use, _ in found.uses)


USES = st.one_of(
    st.sampled_from(
        [
            (Use.FREE, NO_OWNER),
            (Use.CACHE, NO_OWNER),
            (Use.SWAP_CACHE, NO_OWNER),
            (Use.OTHER, NO_OWNER),
            (Use.ANONYMOUS, SEVERAL),
        ]
    ),
    st.tuples(st.sampled_from([Use.ANONYMOUS, Use.FILE, Use.TABLE]), st.integers(100, 115)),
)


@given(
    stretches=st.lists(st.tuples(USES, st.integers(1, 900)), max_size=12),
    limit=st.sampled_from([1, 3, 24]),
)
def test_pictures(stretches: list[tuple[tuple[Use, int], int]], limit: int) -> None:
    """Any memory makes a picture with at most so many rows, whose legend counts every frame."""
    uses = ((Use.ZERO, NO_OWNER), *(what for what, length in stretches for _ in range(length)))
    found = FrameMap(uses, {100: "a<b"}, 0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frame_map_module, "SHAPES", ((4, limit), (8, 2 * limit)))
        rows, across, per_cell = frame_map_module._arranged(found)
        drawn = picture(found, "t")
    assert sum(row is not None for row in rows) <= 2 * limit
    assert across * per_cell * (len(rows) - 1) < len(uses) <= across * per_cell * len(rows)
    root = xml.etree.ElementTree.fromstring(drawn)
    texts = [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]
    counted = [text.rpartition(", ")[2].replace(",", "") for text in texts if ", " in text]
    assert sum(int(number) for number in counted if number.isdigit()) == len(uses)


def test_command(tmp_path: Path) -> None:
    done = toyvm("run", "--frames-picture", tmp_path / "f.svg", ASM / "cow.s")
    assert done.stdout == toyvm("run", ASM / "cow.s").stdout
    drawn = (tmp_path / "f.svg").read_text()
    xml.etree.ElementTree.fromstring(drawn)
    assert ">100 cow: anonymous, " in drawn
    assert ">101 cow: page tables, " in drawn
    assert ">several processes: " in drawn


def test_picture_that_cannot_be_written(tmp_path: Path) -> None:
    done = toyvm("run", "--frames-picture", tmp_path / "no" / "f.svg", ASM / "hello.s")
    assert done.returncode == 1
    assert b"f.svg: No such file" in done.stderr
