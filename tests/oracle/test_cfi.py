"""`.eh_frame` and `.debug_frame` have the bytes and the relocations that GNU as gives them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.cfi_script import run
from tests.support.oracles import GNU_AS, require_oracle
from toyvm.assembler.dwarf.code_places import SectionStart
from toyvm.elf.object_reader import read_object

pytestmark = pytest.mark.oracle

EVERYTHING = """
.cfi_startproc
nop
.cfi_def_cfa_offset 16
nop
nop
.cfi_offset ra, -8
.cfi_offset s0, -16
nop
.cfi_def_cfa s0, 0
call foo
.cfi_remember_state
.cfi_restore ra, s3, 70
.cfi_same_value s1
.cfi_undefined s2
.cfi_register s3, s4
.cfi_rel_offset s5, 4
.cfi_adjust_cfa_offset 32
nop
.cfi_def_cfa_register sp
.cfi_restore_state
.cfi_escape 0x2e, 0x10
.cfi_offset fs0, -24
.cfi_offset 70, -24
.cfi_offset s6, 12
.cfi_val_offset s7, -8
.cfi_val_offset s7, 8
.cfi_window_save
.fill 100
.cfi_def_cfa_offset 100
.fill 300
.cfi_def_cfa_offset 1000
nop
.cfi_def_cfa sp, -8
nop
.cfi_def_cfa_offset -16
.cfi_endproc
"""

POINTERS = """
.cfi_startproc
.cfi_personality 0x9b, pers
.cfi_lsda 0x1b, lsda
nop
.cfi_def_cfa_offset 32
nop
.cfi_endproc
.cfi_startproc
.cfi_personality 0, pers
.cfi_lsda 0x3, lsda
nop
.cfi_endproc
.cfi_startproc
.cfi_personality 0xff
.cfi_personality 0x1b, other
nop
.cfi_endproc
.cfi_startproc
.cfi_signal_frame
.cfi_return_column 5
nop
.cfi_endproc
"""

SHARED_CIES = """
.cfi_startproc
.cfi_def_cfa_offset 32
nop
.cfi_endproc
.cfi_startproc
nop
.cfi_endproc
.cfi_startproc
.cfi_def_cfa_offset 32
.cfi_offset ra, -8
nop
.cfi_endproc
.cfi_startproc simple
nop
.cfi_def_cfa_offset 3
.cfi_endproc
.cfi_startproc
.cfi_remember_state
nop
.cfi_endproc
"""

FAR = """
.cfi_startproc
nop
.fill 70000
.cfi_def_cfa_offset 32
nop
.cfi_endproc
"""

DEBUG = (
    ".cfi_sections .debug_frame\n"
    + SHARED_CIES
    + ".cfi_startproc\ncall f\n.cfi_def_cfa_offset 8\n.cfi_endproc\n"
)
BOTH = ".cfi_sections .eh_frame, .debug_frame\n" + EVERYTHING
SCRIPTS = {
    "everything": EVERYTHING,
    "pointers": POINTERS,
    "cies": SHARED_CIES,
    "far": FAR,
    "debug": DEBUG,
    "both": BOTH,
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_sections_equal_gas(name: str, tmp_path: Path) -> None:
    require_oracle(GNU_AS)
    (tmp_path / "a.s").write_text(SCRIPTS[name])
    command = [GNU_AS, "-march=rv64imafd", "-mabi=lp64d", "a.s", "-o", "a.o"]
    subprocess.run(command, cwd=tmp_path, check=True)
    theirs = read_object((tmp_path / "a.o").read_bytes(), "a.o")
    table, places = run(SCRIPTS[name])
    sections = table.finish(lambda handle: places[handle])
    assert sections
    for section in sections:
        expected = theirs.section(section.name)
        assert expected is not None
        assert section.data == expected.data
        assert (section.alloc, 8) == (expected.is_alloc, expected.addralign)
        ours = []
        for fixup in section.fixups:
            start = isinstance(fixup.symbol, SectionStart)
            where = places[fixup.symbol].offset if fixup.symbol in places else fixup.symbol
            ours.append((fixup.offset, int(fixup.type), fixup.addend if start else where))
        gas = []
        for offset, kind, symbol, addend in expected.relocs.tolist():
            undefined = theirs.symbols.array["st_shndx"][symbol] == 0
            value = (
                theirs.symbols.names[symbol] if undefined else int(theirs.symbols.array["st_value"][symbol])
            )
            gas.append((offset, kind, value))
            assert addend == 0
        assert ours == gas
