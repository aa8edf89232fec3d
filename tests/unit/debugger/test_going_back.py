"""Going back and forth gives the same state: registers, page tables, frames, output, at any moment."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from toyvm.build import build_program
from toyvm.debugger.target import Conditions, Direction, Moment, StopKind
from toyvm.debugger.timeline import Timeline
from toyvm.run_options import RunOptions
from toyvm.system import run

from .random_programs import random_program

SEEDS = range(int(os.environ.get("TOYVM_TIMELINES", "3")))
EVERYTHING = frozenset(
    {
        StopKind.SYSCALL_ENTRY,
        StopKind.SYSCALL_RETURN,
        StopKind.FAULT,
        StopKind.SWITCHED,
        StopKind.SIGNAL,
        StopKind.FORKED,
        StopKind.THREAD_STARTED,
        StopKind.THREAD_EXITED,
    }
)


def state(line: Timeline) -> tuple[str, bytes]:
    return line.ask("digest", 0), line.output()


@pytest.mark.parametrize("seed", SEEDS)
def test_states_are_those_of_the_first_time(seed: int, tmp_path: Path) -> None:
    dice = random.Random(seed)
    source = tmp_path / "random.s"
    source.write_text(random_program(seed))
    program = build_program([source])
    swapping = dice.random() < 0.5
    options = RunOptions(
        memory=(256 << 10) if swapping else 64 << 20,
        swap=(8 << 20) if swapping else 0,
        quantum=dice.choice((97, 1000, 10_000)),
        engine=dice.choice(("reference", "auto")),
    )
    plain = run(program, ["random"], options, capture=True)
    with Timeline.start(program, ["random"], options) as line:
        seen: dict[Moment, tuple[str, bytes]] = {}
        while line.last_stop.kind is not StopKind.END:
            seen[line.moment] = state(line)
            kinds = EVERYTHING if dice.random() < 0.5 else frozenset()
            line.resume(Conditions(steps=dice.choice((0, 1, 7, 500, 5000)), kinds=kinds))
            if len(seen) > 150:
                while line.resume(Conditions()).kind is not StopKind.END:
                    pass
        assert len(line.output()) == len(plain.stdout + plain.stderr)
        end = state(line)
        moments = list(seen)
        for moment in dice.sample(moments, min(25, len(moments))):
            stop = line.go_to(moment)
            assert (stop.moment, state(line)) == (moment, seen[moment])
            if dice.random() < 0.3 and stop.tid:
                back = line.resume(Conditions(steps=dice.choice((1, 3)), tid=stop.tid), Direction.BACKWARD)
                if back.kind is StopKind.STEPPED:
                    assert back.moment < moment
                    line.go_to(moment)
                    assert state(line) == seen[moment]
        line.go_to(Moment(1 << 62))
        assert state(line) == end
        counts = line.ask("counts", 0)
    faults = " ".join(f"{kind}={count}" for kind, count in sorted(plain.stats.faults.items()) if count)
    stats = plain.stats
    assert counts == f"{stats.instructions} {stats.syscalls} {stats.context_switches} {faults}"
