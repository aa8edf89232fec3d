"""Programs that each have a memory limit: one whose child takes more than that loses the child, and the others go on."""

from __future__ import annotations

import pytest

from tests.support.harness import GUEST, OPTIONS, expected_output, toyvm
from tests.support.ways import check_every_way
from toyvm.base.record import replace
from toyvm.base.sample_directives import LINKAGES
from toyvm.build import build_program
from toyvm.result import RunResult
from toyvm.run_options import RunOptions
from toyvm.system import Start, run_all

LIMITED, MIB = GUEST / "limited", 1 << 20
GREEDY = LIMITED / "greedy.s"
MESSAGE = "toyvm: memory limit: the group of greedy has all 256 frames (1024 KiB) that it may have"


@pytest.mark.parametrize("linkage", LINKAGES)
def test_a_child_beyond_the_limit_is_killed_and_the_others_go_on(linkage: str) -> None:
    names = ["modest", "greedy"]
    starts = [Start(build_program([LIMITED / f"{name}.s"], linkage=linkage), [name]) for name in names]

    def both(options: RunOptions) -> RunResult:
        return run_all(starts, options, stdin=b"", capture=True)

    def check(result: RunResult) -> None:
        told = result.stderr.decode()
        assert result.stdout.decode() == expected_output(GREEDY, linkage).decode(), told
        assert (result.status, result.frames_leaked) == (42, 0), told
        assert told.count(MESSAGE) == told.count("Out of memory: Killed process") == 1
        modest, greedy = result.stats.groups
        assert (modest.hits, modest.kills, greedy.kills, greedy.peak) == (0, 0, 1, MIB >> 12)

    check_every_way(both, check, replace(OPTIONS, memory_limit=MIB))


def test_the_option() -> None:
    done = toyvm("run", "--memory-limit", "1M", GREEDY)
    assert (done.returncode, done.stdout) == (0, expected_output(GREEDY, "static"))
    assert MESSAGE in done.stderr.decode()
