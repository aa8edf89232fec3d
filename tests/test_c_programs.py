"""Ordinary integer C, compiled by gcc, assembled and linked by toyvm both ways, run in toyvm.

The expected outputs are glibc's (tests/oracle/test_cross.py holds them to it).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.harness import OPTIONS, C, compiled, expected_output
from tests.support.oracles import GCC, require_oracle
from toyvm.base.sample_directives import LINKAGES
from toyvm.build import LibraryDir, assemble_file, build_program
from toyvm.linker.link import link
from toyvm.linker.link_options import Input, LinkOptions
from toyvm.system import run

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


@pytest.mark.parametrize("binding", ["lazy", "now"])
@pytest.mark.parametrize(
    "name", ["function_pointers", "globals", "gotos", "sort", "switch_tables", "varargs"]
)
def test_position_independent_c_program(
    name: str, binding: str, libraries: LibraryDir, tmp_path: Path
) -> None:
    """The same as a position-independent executable: its tables of addresses are relocated when it is loaded."""
    require_oracle(GCC)
    path = C / f"{name}.c"
    source = tmp_path / f"{name}.s"
    source.write_text(compiled(path, "O2", "-fPIE"))
    inputs = [
        Input(path=str(libraries.start_object)),
        Input(object=assemble_file(source, pic=True)),
        Input(library="c"),
    ]
    options = LinkOptions(kind="pie", library_path=(str(libraries.path),), now=binding == "now")
    image = tmp_path / name
    image.write_bytes(link(inputs, options).image)
    image.chmod(0o755)
    result = run(image, [name], OPTIONS, stdin=b"", capture=True)
    told = result.stderr.decode("utf-8", "replace")
    assert result.stdout.decode() == expected_output(path, "dynamic").decode(), told
    assert result.status == 0
    assert result.frames_leaked == 0
