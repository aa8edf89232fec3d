"""`toyvm as` with the options of GNU as 2.40: listings, compressed debugging information, kinds of common symbols."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.oracles import GNU_AS, GNU_LD, OBJDUMP, READELF, require_oracle
from toyvm.cli import as_

pytestmark = pytest.mark.oracle

LISTED = """\t.file "x.c"
\t.title "words"
\t.text
\t.globl foo
foo:\t# comment here
\taddi sp,sp,-16
\tcall bar; nop
\t.ascii "a long string of bytes that goes on and on and on"
.macro m x
\t.word \\x
\t.irp y,1,2
\t.byte \\y
\t.endr
.endm
\tm 4
\t.skip 100
\t.if 0
\t.word 9
\t.endif
\tbeq a0, a1, bar
\tlui a0,%hi(foo)
\t.include "more.inc"
\t.nolist
\t.byte 7
\t.list
\t.eject
x:\t.dword foo, 5
\t.set y, 7
\t.comm z,8,4
\t.bss
\t.skip 4096
"""
OPTIONS = ["-march=rv64gc", "-misa-spec=20191213"]


def both(folder: Path, *options: str, capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    """The standard output of GNU as and of ours. The objects are `g.o` and `t.o`."""
    command = [GNU_AS, *OPTIONS, *options, "a.s", "-o", "g.o"]
    theirs = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    assert as_.main([*OPTIONS, *options, "a.s", "-o", "t.o"]) == 0
    return theirs.stdout, capsys.readouterr().out


def readelf(folder: Path, *options: str) -> tuple[list[str], list[str]]:
    """The lines of readelf for both objects."""
    said = [
        subprocess.run(
            [READELF, *options, name], cwd=folder, capture_output=True, text=True, check=True
        ).stdout
        for name in ("g.o", "t.o")
    ]
    return said[0].splitlines(), said[1].splitlines()


@pytest.mark.parametrize("forms", ["l", "ln", "lm", "lc", "ls", "s", "sn", "lmcn", "n", "hl", "ld"])
def test_listing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], forms: str
) -> None:
    require_oracle(GNU_AS)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.s").write_text(LISTED + "\t.text\n" + "".join(f"\tli a0, {n}\n" for n in range(80)))
    (tmp_path / "more.inc").write_text("\tnop\n\t.dword 5\n")
    theirs, ours = both(tmp_path, f"-a{forms}", capsys=capsys)
    assert ours.splitlines() == theirs.splitlines()
    assert ours or forms == "n"


def test_kinds_of_common_symbols_and_stack_notes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    require_oracle(GNU_AS, READELF)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.s").write_text(
        '.comm foo,8,8\n.local bar\n.comm bar,4\n.tls_common t,4,4\n.globl k\n.version "01.01"\nk: nop\n'
    )
    for options in (["--elf-stt-common=yes", "--noexecstack"], ["--elf-stt-common=no", "--execstack"], []):
        both(tmp_path, *options, capsys=capsys)
        theirs, ours = readelf(tmp_path, "-SsW")
        assert ours == theirs


def test_compressed_debugging_information(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """GNU's tools read ours; theirs and ours link to the same program."""
    require_oracle(GNU_AS, GNU_LD, OBJDUMP, READELF)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.s").write_text("f:\n" + "\tcall f\n" * 200 + '\t.section .debug_str,"MS",@progbits,1\n'
                                  + '\t.string "words words words words words words words words words"\n')  # fmt: skip
    both(tmp_path, "-g", "--compress-debug-sections", capsys=capsys)
    sections = readelf(tmp_path, "-SW")[1]
    assert any(".debug_line" in line and " C " in line for line in sections)
    subprocess.run([GNU_LD, "-r", "t.o", "-o", "r.o"], check=True)
    rows = subprocess.run([OBJDUMP, "--dwarf=decodedline", "r.o"], capture_output=True, text=True, check=True)
    assert rows.stdout.count("\na.s ") > 200 and not rows.stderr
    from toyvm.elf.object_reader import read_object

    for name in ("g.o", "t.o"):
        line = read_object((tmp_path / name).read_bytes(), name).section(".debug_line")
        assert line is not None and line.data[4:6] in (b"\3\0", b"\5\0")  # the version of the table
