"""The cache of prepared rows: used when it fits, made anew when it does not, and never wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from toyvm.engines.python import prepared_rows
from toyvm.isa.decode import decode
from toyvm.isa.table import INSNS
from toyvm.machine.physical_memory import PhysicalMemory

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("toyvm.base.resources.INSTALLED", str(tmp_path / "not filled"))
    return tmp_path / "toyvm" / prepared_rows.CACHE_FILE


def names() -> list[str]:
    """The rows' names, sorted."""
    filed = prepared_rows.load(prepared_rows.code_version())
    return sorted(row[0] for _, buckets in filed for entries in buckets.values() for *_, row in entries)


def test_rows_are_cached(cache: Path) -> None:
    assert names() == sorted(INSNS)
    written = cache.read_bytes()
    assert names() == sorted(INSNS) and cache.read_bytes() == written


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "other version", "folder"])
def test_a_cache_that_does_not_fit_is_made_anew(cache: Path, damage: str) -> None:
    prepared_rows.load(prepared_rows.code_version())
    good = cache.read_bytes()
    if damage == "folder":
        cache.unlink()
        cache.mkdir()
    elif damage == "flipped":
        cache.write_bytes(good[:-9] + bytes([good[-9] ^ 1]) + good[-8:])
    else:
        cache.write_bytes({"truncated": good[:-1], "empty": b"", "other version": b"x" + good}[damage])
    assert names() == sorted(INSNS)
    assert damage == "folder" or cache.read_bytes() == good


def test_a_warm_start_imports_neither_table_nor_printers(cache: Path) -> None:
    prepared_rows.load(prepared_rows.code_version())
    check = (
        "import sys\n"
        "from toyvm.engines.python.reference_engine import ReferenceEngine\n"
        "from toyvm.machine.physical_memory import PhysicalMemory\n"
        "ReferenceEngine(PhysicalMemory(4096))\n"
        "heavy = {'toyvm.isa.table', 'toyvm.engines.python.traces', 'toyvm.engines.python.expression_printer'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", check], check=True, cwd=ROOT)


def test_fields_are_extracted_as_the_table_extracts_them() -> None:
    rows = prepared_rows.PreparedRows(PhysicalMemory(4096))
    for insn in INSNS.values():
        for fields in ({f.name: f.high for f in insn.free}, {f.name: f.low for f in insn.free}):
            fields |= {f.name: f.step for f in insn.free if f.mask == insn.nonzero and not fields[f.name]}
            word = insn.encode(**fields)
            decoded, instruction = decode(word), rows.prepare(word)
            assert decoded is not None and instruction is not None
            assert set(instruction.step[1]) <= set(decoded.fields.values())
    assert rows.prepare(4) is None
