"""What all groups of benchmarks are told, and how they run toyvm."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.measure import Command
from toyvm.engines.llvm.translator import IMAGE, RUNTIME

TOYVM = [sys.executable, "-m", "toyvm"]


@dataclass(frozen=True)
class Settings:
    """How often each command is run, whether at a tenth of the length, which rows only, and where to work."""

    folder: Path
    runs: int = 5
    quick: bool = False
    only: frozenset[str] = frozenset()

    def length(self, full: int) -> int:
        """How much work a program is given."""
        return max(1, full // 10) if self.quick else full

    def wants(self, name: str) -> bool:
        return not self.only or name in self.only


@dataclass(frozen=True)
class Cache:
    """A cache folder of our own for runs of toyvm, in the folder `work` if the programs need files."""

    folder: Path
    work: Path | None = None

    @property
    def native(self) -> Path:
        """Where translations are kept in it."""
        return self.folder / "toyvm" / "native"

    def forget_programs(self) -> None:
        """Remove what is kept of programs: translations, decoded blocks. What depends on no program stays."""
        shutil.rmtree(self.folder / "toyvm" / "blocks", ignore_errors=True)
        for path in self.native.glob("*"):
            if int(path.name.split("-")[1], 16) not in (RUNTIME, IMAGE):
                path.unlink()

    def run(self, *words: str | Path) -> Command:
        """`toyvm run` with whatever the cache holds."""
        return self._command(words)

    def run_without_translations(self, *words: str | Path) -> Command:
        """`toyvm run` of a program that was never hot here, by a toyvm that has run before."""
        return self._command(words, self.forget_programs)

    def run_without_anything(self, *words: str | Path) -> Command:
        """`toyvm run` as its very first run for a user."""
        return self._command(words, lambda: shutil.rmtree(self.folder, ignore_errors=True))

    def _command(self, words: Sequence[str | Path], prepare: Callable[[], None] | None = None) -> Command:
        environment = {"XDG_CACHE_HOME": str(self.folder)}
        return Command([*TOYVM, "run", *map(str, words)], environment, prepare, self.work)
