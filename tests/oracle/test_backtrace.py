"""Backtraces have the functions that gdb finds, and call frame information means what pyelftools reads in it."""

from __future__ import annotations

import io
import re
import subprocess
from pathlib import Path

import pytest
from elftools.dwarf.callframe import FDE
from elftools.elf.elffile import ELFFile

from tests.support.gnu import GLIBC
from tests.support.oracles import GCC, QEMU, do_without, require_oracle
from toyvm.api import run
from toyvm.elf.elf_file import ElfFile
from toyvm.elf.unwind_tables import OFFSET, UNDEFINED, UnwindTable

pytestmark = pytest.mark.oracle
GDB = "gdb-multiarch"
SOURCE = Path(__file__).with_name("backtrace.c")
OWN = ["crash", *["deeper"] * 4, "handler", "<signal handler called>"]

BUILDS = {
    "with information": ["-g", "-static"],
    "dynamic": ["-g"],
    "without information": ["-static"],
    "unwind tables alone": ["-funwind-tables", "-static"],
    "frame pointers": ["-fno-omit-frame-pointer", "-static"],
}


def compiled(folder: Path, flags: list[str]) -> Path:
    require_oracle(GCC)
    program = folder / "program"
    command = [GCC, "-O2", "-fomit-frame-pointer", *flags, "-w", str(SOURCE), "-o", str(program)]
    subprocess.run(command, check=True)
    return program


def ours(program: Path, *args: str) -> list[str]:
    result = run(program, *args, capture=True)
    assert result.status == 139
    found = re.findall(r"^ +#\d+ +(?:0x\w+ ([^\s+]*)|(<.*>))", result.stderr.decode(), re.M)
    return [name or signal for name, signal in found]


def gdbs(program: Path, folder: Path) -> list[str]:
    """The functions that gdb shows when qemu stops at the fault."""
    require_oracle(GDB, QEMU)
    door = folder / "door"
    with subprocess.Popen(
        [QEMU, "-L", str(GLIBC), "-g", str(door), str(program)], stderr=subprocess.DEVNULL
    ) as guest:
        while not door.exists():
            assert guest.poll() is None
        commands = [
            f"set sysroot {GLIBC}",
            f"target remote {door}",
            "handle SIGUSR1 nostop noprint pass",
            "continue",
            "bt",
            "kill",
        ]
        words = [word for command in commands for word in ("-ex", command)]
        text = subprocess.run(
            [GDB, "-batch", "-nx", *words, str(program)], capture_output=True, text=True
        ).stdout
        guest.kill()
    return re.findall(r"^#\d+ +(?:0x\w+ in )?(\S+ called>|<signal handler called>|[^\s(]+)", text, re.M)


@pytest.mark.parametrize("build", BUILDS)
def test_the_functions_are_those_that_gdb_finds(build: str, tmp_path: Path) -> None:
    program = compiled(tmp_path, BUILDS[build])
    mine = ours(program)
    theirs = gdbs(program, tmp_path)
    assert mine[:7] == OWN and "main" in mine and mine.index("work") == mine.index("main") - 1
    assert theirs[:6] == OWN[:6]
    names = {"gsignal": "raise", "": "??"}  # two names of one function; one that has none
    mine = [names.get(name, name) for name in mine if not name.startswith("(")]
    theirs = [name for name in theirs if name != "??"]
    assert mine[: len(theirs)] == theirs  # gdb ends at main, and without information at the handler


@pytest.mark.parametrize("build", BUILDS)
def test_the_same_on_an_alternate_stack_and_without_symbols(build: str, tmp_path: Path) -> None:
    program = compiled(tmp_path, BUILDS[build])
    assert ours(program, "alternate") == ours(program)
    count = len(ours(program))
    subprocess.run(["riscv64-linux-gnu-strip", str(program)], check=True)
    assert len(ours(program)) == count


@pytest.mark.parametrize("name", ["libc.so.6", "ld-linux-riscv64-lp64d.so.1"])
def test_rows_are_those_that_pyelftools_reads(name: str) -> None:
    path = GLIBC / "lib" / name
    if not path.exists():
        do_without(f"not installed: {path}")
    data = path.read_bytes()
    table = UnwindTable.from_elf(ElfFile.parse(data, name))
    elf = ELFFile(io.BytesIO(data))
    entries = elf.get_dwarf_info(relocate_dwarf_sections=False).EH_CFI_entries()
    compared = 0
    for entry in entries:
        if not isinstance(entry, FDE):
            continue
        for line in entry.get_decoded().table:
            row = table.row(line["pc"])
            assert row is not None
            if line["cfa"].expr is None:
                assert (row.cfa_register, row.cfa_offset) == (line["cfa"].reg, line["cfa"].offset)
            for number, rule in line.items():
                if isinstance(number, int) and rule.type == "OFFSET":
                    assert row.rules[number] == (OFFSET, rule.arg, b"")
                elif isinstance(number, int) and rule.type == "UNDEFINED":
                    assert row.rules[number].kind == UNDEFINED
            compared += 1
    assert compared > 90
