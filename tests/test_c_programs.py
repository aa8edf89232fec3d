"""Ordinary integer C, compiled by gcc, assembled and linked by toyvm both ways, run in toyvm.

The expected outputs are glibc's (tests/oracle/test_cross.py holds them to it).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from toyvm.build import build_program
from toyvm.directives import LINKAGES
from toyvm.system import run

from .harness import OPTIONS, C, compiled, expected_output
from .oracles import GCC, require_oracle

pytestmark = pytest.mark.oracle


@pytest.mark.parametrize("linkage", LINKAGES)
@pytest.mark.parametrize("level", ["O1", "O2"])
@pytest.mark.parametrize("path", sorted(C.glob("*.c")), ids=lambda path: path.stem)
def test_c_program(path: Path, level: str, linkage: str, tmp_path: Path) -> None:
    require_oracle(GCC)
    source = tmp_path / f"{path.stem}.s"
    source.write_text(compiled(path, level))
    result = run(build_program([source], linkage=linkage), [path.stem], OPTIONS, stdin=b"", capture=True)
    assert result.stdout.decode() == expected_output(path, linkage).decode(), result.stderr.decode(
        "utf-8", "replace"
    )
    assert result.status == 0
    assert result.frames_leaked == 0
