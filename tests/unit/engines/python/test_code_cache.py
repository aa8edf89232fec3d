"""Decoded blocks on disk: the next run of a program decodes nothing, and never executes what memory does not hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.bare_machine import CODE, Machine, code
from toyvm.engines.python import code_cache
from toyvm.engines.python.code_cache import KeptBlocks
from toyvm.engines.python.reference_engine import ReferenceEngine

Line = tuple[str, dict[str, int]] | str

PROGRAM: list[Line] = [
    ("addi", {"rd": 5, "rs1": 5, "imm": 3}),
    ("bne", {"rs1": 5, "rs2": 6, "imm": -4}),
    ("addi", {"rd": 0, "rs1": 5, "imm": 3}),  # a form of its own: x0 is not written
    ("auipc", {"rd": 7, "imm": 0}),
    ("jal", {"rd": 1, "imm": 8}),
    "ebreak",
    "ecall",
]


class Run:
    """One run of a program by an engine that keeps blocks in `folder`."""

    def __init__(self, folder: Path, lines: list[Line], monkeypatch: pytest.MonkeyPatch):
        self.machine = Machine(code(*lines), [0] * 5 + [0, 9] + [0] * 25, b"")
        self.engine = ReferenceEngine(self.machine.memory, keeping=True)
        self.engine._kept = KeptBlocks(self.engine._rows, str(folder))
        self.decoded: list[int] = []
        decode = self.engine._decode
        monkeypatch.setattr(
            self.engine, "_decode", lambda mmu, head, pa: self.decoded.append(head) or decode(mmu, head, pa)
        )
        self.trap = self.engine.run(self.machine.hart, 1000)
        self.engine.close()


def test_the_second_run_decodes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (Run(tmp_path, PROGRAM, monkeypatch) for _ in range(2))
    assert first.decoded and not second.decoded
    assert second.machine.state() == first.machine.state()
    assert str(second.trap) == str(first.trap)


def test_code_that_has_changed_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is found by a checksum of the page alone: here it is another program's."""
    Run(tmp_path, PROGRAM, monkeypatch)
    (file,) = tmp_path.iterdir()
    changed = [("addi", {"rd": 5, "rs1": 5, "imm": 1}), *PROGRAM[1:]]
    run = Run(tmp_path, changed, monkeypatch)
    (other,) = set(tmp_path.iterdir()) - {file}
    other.write_bytes(file.read_bytes())
    run = Run(tmp_path, changed, monkeypatch)
    assert run.decoded == [CODE]
    assert run.machine.hart.instret == 9 * 2 + 3


def test_code_written_before_it_is_first_executed_is_what_is_executed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without fence.i either: a run with kept blocks and one without do the same."""
    Run(tmp_path, PROGRAM, monkeypatch)
    machine = Machine(code(*PROGRAM), [0] * 5 + [0, 9] + [0] * 25, b"")
    engine = ReferenceEngine(machine.memory, keeping=True)
    engine._kept = KeptBlocks(engine._rows, str(tmp_path))
    assert engine.run(machine.hart, 6) is None
    machine.write_code(CODE + 8, code(("addi", {"rd": 8, "rs1": 0, "imm": 77})))
    engine.run(machine.hart, 100)
    assert machine.hart.x[8] == 77


@pytest.mark.parametrize("damage", [b"", b"toyvm", None])
def test_a_damaged_file_is_as_good_as_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: bytes | None
) -> None:
    first = Run(tmp_path, PROGRAM, monkeypatch)
    (file,) = tmp_path.iterdir()
    good = file.read_bytes()
    file.write_bytes(good[:-1] + bytes([good[-1] ^ 1]) if damage is None else damage)
    again = Run(tmp_path, PROGRAM, monkeypatch)
    assert again.decoded == first.decoded and file.read_bytes() == good


def test_little_that_is_new_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Run(tmp_path, PROGRAM, monkeypatch)
    (file,) = tmp_path.iterdir()
    before = file.stat().st_mtime_ns
    Run(tmp_path, PROGRAM, monkeypatch)
    assert file.stat().st_mtime_ns == before


def test_a_program_of_more_blocks_than_are_kept_is_written_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code_cache, "_MAX_BLOCKS", 2)
    first = Run(tmp_path, PROGRAM, monkeypatch)
    assert len(first.decoded) == 3
    (file,) = tmp_path.iterdir()
    before = file.stat().st_mtime_ns
    again = Run(tmp_path, PROGRAM, monkeypatch)
    assert len(again.decoded) == 1
    assert file.stat().st_mtime_ns == before
