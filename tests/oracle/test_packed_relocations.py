"""Programs and libraries with DT_RELR, which GNU ld 2.40 does not make for RISC-V, run under glibc's loader and ours."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import toyvm as package
from tests.support.harness import toyvm
from tests.support.oracles import GCC, QEMU, READELF, require_oracle
from toyvm.elf import constants as c
from toyvm.elf.elf_file import ElfFile

pytestmark = pytest.mark.oracle

SYSROOT = "/usr/riscv64-linux-gnu"
LIBRARY = "static int one = 1, two = 2; int *table[] = {&one, &two, &one, 0, &two};\n"
PROGRAM = """
#include <stdio.h>
extern int *table[5];
static const char *names[] = {"zero", "one", "two"};
int main(void) {
    for (int i = 0; i < 5; i++) printf("%s ", table[i] ? names[*table[i]] : names[0]);
    puts("");
}
"""


def tags(path: Path) -> dict[int, int]:
    return dict(ElfFile.parse(path.read_bytes(), path.name).dynamic)


def test_glibc_and_our_linker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_oracle(GCC)
    require_oracle(QEMU)
    monkeypatch.chdir(tmp_path)
    tools = toyvm("bindir").stdout.decode().strip()
    build = [GCC, "-O1", "-fPIC", "-B", tools, "-Wl,-z,pack-relative-relocs"]
    Path("lib.c").write_text(LIBRARY)
    Path("main.c").write_text(PROGRAM)
    subprocess.run([*build, "-shared", "lib.c", "-o", "libtable.so"], check=True)
    assert c.DT_RELR in tags(Path("libtable.so"))
    subprocess.run([*build, "-pie", "main.c", "./libtable.so", "-Wl,-rpath,.", "-o", "prog"], check=True)
    found = tags(Path("prog"))
    assert found[c.DT_RELRSZ]
    assert found.get(c.DT_RELACOUNT, 0) <= 1  # a section of start-up code is aligned to a byte
    expected = b"one two one zero two \n"
    assert subprocess.run([QEMU, "-L", SYSROOT, "prog"], capture_output=True, check=True).stdout == expected
    versions = subprocess.run([READELF, "-V", "prog"], capture_output=True, text=True, check=True).stdout
    assert "GLIBC_ABI_DT_RELR" in versions
    assert package.run("prog", capture=True, sysroot=SYSROOT).stdout == expected
