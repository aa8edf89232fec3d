"""Plays a history on a machine: every answer is compared, and everything is counted again after each."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

from tests.histories.model import PAGE
from tests.histories.script import Script
from tests.support.recount import check_references, check_shares, check_translations
from toyvm.build import Program, build_program
from toyvm.engines.engine import Engine
from toyvm.engines.llvm.llvm_engine import LlvmEngine
from toyvm.engines.llvm.tiers import EAGER
from toyvm.engines.llvm.translator import Translator
from toyvm.engines.python.reference_engine import ReferenceEngine
from toyvm.guestfs import sandbox
from toyvm.kernel.kernel import Kernel
from toyvm.loader.on_demand import OnDemandLoader
from toyvm.machine.physical_memory import PhysicalMemory
from toyvm.run_options import Limits

SHARES_EVERY = 8  # answers; the references are counted after each
_PLAYER = Path(__file__).with_name("player.s")


@cache
def player(linkage: str) -> Program:
    """The program that plays."""
    return build_program([_PLAYER], linkage=linkage)


@cache
def _translator() -> Translator:
    return Translator(os.environ["TOYVM_TEST_SCRATCH"] + "/native")


def _eager(memory: PhysicalMemory) -> Engine:
    _translator().forget()
    return LlvmEngine(memory, translator=_translator(), thresholds=EAGER)


ENGINES: dict[str, Callable[[PhysicalMemory], Engine]] = {"reference": ReferenceEngine, "llvm": _eager}


class _Answers:
    """The player's standard output: what it says is compared at once."""

    def __init__(self, script: Script):
        self.script = script
        self.given = 0
        self.kernel: Kernel

    def write(self, data: bytes) -> None:
        number, answer = self.given, int.from_bytes(data, "little")
        wanted = self.script.answers[number]
        assert answer in wanted, (
            f"{self.script.describe(number)}: {answer:#x} instead of {', '.join(map(hex, sorted(wanted)))}"
        )
        self.given += 1
        system = self.kernel.system
        check_references(system)
        if number % SHARES_EVERY == 0:
            check_shares(system)
            check_translations(system.spaces)


def play(script: Script, engine: str, linkage: str, frames: int, limits: Limits) -> dict[str, object]:
    """Play it all; what must be the same on every engine."""
    answers, told = _Answers(script), io.BytesIO()
    program = player(linkage)
    kernel = answers.kernel = Kernel(
        frames * PAGE,
        ENGINES[engine],
        vfs=sandbox(
            None, writable=False, sysroot=None, libraries=linkage == "dynamic", memfs_bytes=limits.memfs_bytes
        ),
        interpreter=OnDemandLoader(),
        limits=limits,
        stdin=io.BytesIO(bytes(script.operations)),
        stdout=answers,
        stderr=told,
    )
    if limits.ksm:
        kernel.ksm.set_sleep(0)
    kernel.vfs.add_file("/bin/player", program.image)
    kernel.spawn("/bin/player", ["player"])
    status = kernel.run()
    assert (status, answers.given) == (script.status or 0, len(script.answers)), told.getvalue().decode()
    stats = kernel.stats
    facts = {
        name: getattr(stats, name) for name in stats.record_fields if name not in ("tlb_misses", "processes")
    }
    kernel.power_off()
    swap = kernel.system.swap
    assert kernel.frames.used == 0 and (swap is None or swap.used == 0)
    return facts | {"stderr": told.getvalue()}
