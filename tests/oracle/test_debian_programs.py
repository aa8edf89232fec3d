"""Programs of Debian's riscv64 packages do in toyvm what they do under qemu."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.debian import Row, make_wrappers, packages, root_folder, rows, run_by_qemu, run_by_toyvm
from tests.support.oracles import QEMU, do_without, require_oracle

pytestmark = pytest.mark.oracle


@pytest.fixture(scope="module")
def root() -> Path:
    """The folder of the unpacked packages."""
    require_oracle(QEMU)
    folder = root_folder()
    listed = folder / ".packages"
    if not listed.is_file():
        do_without(f"no riscv64 programs of Debian in {folder}; .ci/run unpacks them")
    missing = set(packages()) - set(listed.read_text().split())
    if missing:
        do_without(f"not unpacked in {folder}: {' '.join(sorted(missing))}")
    return folder.resolve()


@pytest.fixture(scope="module")
def wrappers(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("by-qemu") / "bin"
    make_wrappers(root, folder)
    return folder


RUN = [row for row in rows() if not row.long or os.environ.get("TOYVM_DEBIAN_LONG")]


@pytest.mark.parametrize("row", RUN, ids=lambda row: row.name)
def test_a_program_does_what_it_does_under_qemu(
    row: Row, root: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    wrappers = request.getfixturevalue("wrappers") if row.children else None
    work = tmp_path / "work"
    by_toyvm = run_by_toyvm(row, root, work)
    if row.expect:
        assert "".join(by_toyvm.stdout) == row.expect, by_toyvm.stderr
        assert not any(by_toyvm.status)
        return
    by_qemu = run_by_qemu(row, root, work, wrappers)
    assert by_toyvm.stdout == by_qemu.stdout, by_toyvm.stderr
    assert by_toyvm.stderr == by_qemu.stderr
    assert by_toyvm.status == by_qemu.status
    assert by_toyvm.files == by_qemu.files


def test_the_table_is_as_long_as_it_says() -> None:
    names = [row.name for row in rows()]
    assert len(set(names)) == len(names) >= 110
