"""Megapages seen from inside: in each linkage and on every engine what Linux says (tests/oracle/test_linux.py), with the same counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from toyvm.build import build_program
from toyvm.record import replace
from toyvm.system import RunOptions, RunResult, run

from .harness import OPTIONS, C, compiled, expected_output
from .oracles import GCC, require_oracle
from .ways import check_every_way

SOURCE = C / "thp" / "megapages.c"
ADVISED = replace(OPTIONS, thp="madvise")


@pytest.mark.oracle
@pytest.mark.parametrize("linkage", ["static", "dynamic"])
def test_what_programs_see(linkage: str, tmp_path: Path) -> None:
    require_oracle(GCC)
    source = tmp_path / "megapages.s"
    source.write_text(compiled(SOURCE, "O2"))
    program = build_program([source], linkage=linkage)

    def once(options: RunOptions) -> RunResult:
        return run(program, ["megapages"], options, stdin=b"", capture=True)

    def check(result: RunResult) -> None:
        told = result.stderr.decode("utf-8", "replace")
        assert result.stdout.decode() == expected_output(SOURCE, linkage).decode(), told
        assert (result.status, result.frames_leaked) == (0, 0), told
        assert result.stats.megapages == 10

    check_every_way(once, check, ADVISED)
