"""Linker relaxation against GNU ld's: programs behave as without it, and their code is as short."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

import pytest

from tests.support.gdb_sessions import GDB, check
from tests.support.harness import OPTIONS, shell, toyvm
from tests.support.oracles import GCC, GNU_AS, GNU_LD, GXX, QEMU, require_oracle
from tests.support.random_links import START, random_object
from toyvm.cli.as_ import main as assemble
from toyvm.cli.ld import main as ld
from toyvm.elf.elf_file import ElfFile
from toyvm.system import run

pytestmark = pytest.mark.oracle
PROGRAMS = int(os.environ.get("TOYVM_RELAXATION_PROGRAMS", "12"))


@pytest.fixture(autouse=True)
def tools() -> None:
    require_oracle(GCC, GNU_AS, GNU_LD, QEMU)


@pytest.mark.parametrize("seed", range(PROGRAMS))
def test_random_programs_compute_the_same(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rng = random.Random(seed)
    marches = ["", "", "-c"]
    chosen = [rng.choice(marches), rng.choice(marches)]
    Path("a.s").write_text(random_object(rng, "a", "b", chosen[0]) + ".weak absent\n")
    Path("b.s").write_text(random_object(rng, "b", "a", chosen[1]) + ".weak absent\n")
    Path("s.s").write_text(".text\n" + START)
    for name in "abs":
        assert assemble([f"{name}.s", "-o", f"{name}.o"]) == 0
    objects = ["s.o", "a.o", "b.o"]
    assert ld([*objects, "-o", "long", "--no-relax"]) == 0
    assert ld([*objects, "-o", "short"]) == 0
    assert ld([*objects, "-o", "without_gp", "--no-relax-gp"]) == 0
    gnu = subprocess.run([GNU_LD, *objects, "-o", "gnu"], capture_output=True, text=True)
    if gnu.returncode:  # it shortens a jump to 2 bytes beside an alignment that counts on 4
        assert "bytes required for alignment" in gnu.stderr and "-c" in chosen
    expected = run(Path("long"), ["long"], OPTIONS, stdin=b"", capture=True)
    assert (expected.status, len(expected.stdout)) == (0, 8)
    for name in ("short", "without_gp", *(["gnu"] if not gnu.returncode else [])):
        result = run(Path(name), [name], OPTIONS, stdin=b"", capture=True)
        assert (result.status, result.stdout) == (0, expected.stdout), name
    assert gnu.returncode or text_size("short") <= text_size("gnu") * 1.005
    assert text_size("short") <= text_size("long")


def text_size(name: str) -> int:
    """The bytes of .text."""
    section = ElfFile.parse(Path(name).read_bytes(), name).section(".text")
    assert section is not None
    return section.header.size


PROGRAM = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static __thread int calls;
int table[64], small = 3;
static int compare(const void *a, const void *b) { calls++; return *(const int *)a - *(const int *)b; }
__attribute__((noinline)) static int inner(int x) { return table[x & 63] + small; }
int main(int argc, char **argv) {
  for (int i = 0; i < 64; i++) table[i] = (i * 7919 + argc) % 101;
  qsort(table, 64, sizeof *table, compare);
  printf("%d %d %d %.3f\n", inner(5), table[63], calls > 0, strtod("2.5", NULL) * small);
  return 0;
}
"""


IN_CPP = r"""
#include <algorithm>
#include <iostream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>
struct Loud { std::string name; ~Loud() { std::cout << "~" << name << "\n"; } };
static int deep(int n) {
  Loud loud{"deep" + std::to_string(n)};
  if (n == 0) throw std::out_of_range("bottom");
  return deep(n - 1) + 1;
}
int main() {
  std::map<std::string, std::vector<int>> table;
  for (int i = 0; i < 50; i++) table["k" + std::to_string(i % 7)].push_back(i * 31 % 17);
  for (auto &[key, values] : table) {
    std::sort(values.begin(), values.end());
    std::ostringstream out;
    out << key << ":" << values.front() << ".." << values.back() << " " << 2.5 * values.size();
    std::cout << out.str() << "\n";
  }
  try { deep(3); } catch (const std::exception &e) { std::cout << "caught " << e.what() << "\n"; }
}
"""


@pytest.mark.parametrize("flags", ["-O0", "-O2 -g", "-Os"])
@pytest.mark.parametrize(("compiler", "name", "text"), [(GCC, "p.c", PROGRAM), (GXX, "p.cc", IN_CPP)])
def test_static_glibc_is_as_short_as_gnu_lds(
    compiler: str, name: str, text: str, flags: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_text(text)
    build = [compiler, *flags.split(), "-static", name, "-o"]
    shell([*build, "theirs"])
    shell([*build, "ours", "-B", toyvm("bindir").stdout.decode().strip()])
    assert text_size("ours") <= text_size("theirs") * 1.005
    expected = shell([QEMU, "theirs"]).stdout
    assert shell([QEMU, "ours"]).stdout == expected
    assert run(Path("ours"), ["ours"], OPTIONS, stdin=b"", capture=True).stdout == expected
    if "-g" in flags and compiler == GCC:
        assert lines_of("ours") == lines_of("theirs")


CALL = 1 + PROGRAM.splitlines().index("  qsort(table, 64, sizeof *table, compare);")
# compiler, options, text, where to stop, what gdb says there, and the backtrace
UNWOUND = [
    (
        GCC, "-O2", PROGRAM, "compare", r"compare \(a=0x\w+",
        rf"#0  compare .* in qsort\w* \(.*in main \(.*source:{CALL}",
    ),
    (
        GXX, "-O0", IN_CPP, "Loud::~Loud", r"Loud::~Loud \(",
        r"#0  Loud::~Loud .*deep \(n=0\).*deep \(n=1\).*deep \(n=2\).*deep \(n=3\).*main \(\)",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("compiler", "level", "text", "place", "said", "frames"), UNWOUND, ids=["C", "C++"])
def test_gdb_unwinds_through_relaxed_code(
    compiler: str, level: str, text: str, place: str, said: str, frames: str, tmp_path: Path
) -> None:
    """From a function that glibc's qsort calls back to main, and out of a chain of C++ destructors."""
    require_oracle(GDB, compiler)
    (tmp_path / "source").write_text(text)
    language = "c++" if compiler == GXX else "c"
    tools = toyvm("bindir").stdout.decode().strip()
    build = [compiler, level, "-g", "-static", "-x", language, tmp_path / "source", "-o", tmp_path / "p"]
    shell([*build, "-B", tools])
    stop = [(f"tbreak {place}", r"Temporary breakpoint"), ("continue", said)]
    check(tmp_path, [tmp_path / "p"], [*stop, ("backtrace", frames), ("kill", r"")])


def lines_of(name: str) -> list[str]:
    """The source lines of each second byte of function `inner`, by addr2line. Repetitions count once."""
    table = ElfFile.parse(Path(name).read_bytes(), name).symbols()
    assert table is not None
    row = next(row for row, name in zip(table.array, table.names, strict=True) if name.startswith("inner"))
    start, size = int(row["st_value"]), int(row["st_size"])
    places = [f"{at:#x}" for at in range(start, start + size, 2)]
    found = shell(["riscv64-linux-gnu-addr2line", "-e", name, *places]).stdout.decode().splitlines()
    return [line for index, line in enumerate(found) if not index or line != found[index - 1]]
