"""Linker relaxation against GNU ld's: programs behave as without it, and their code is as short."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

import pytest

from tests.support.harness import OPTIONS, shell, toyvm
from tests.support.oracles import GCC, GNU_AS, GNU_LD, QEMU, require_oracle
from toyvm.cli.as_ import main as assemble
from toyvm.cli.ld import main as ld
from toyvm.elf.elf_file import ElfFile
from toyvm.system import run

pytestmark = pytest.mark.oracle
PROGRAMS = int(os.environ.get("TOYVM_RELAXATION_PROGRAMS", "12"))
FUNCTIONS = 12


@pytest.fixture(autouse=True)
def tools() -> None:
    require_oracle(GCC, GNU_AS, GNU_LD, QEMU)


def random_object(rng: random.Random, name: str, other: str, march: str) -> str:
    """Functions that fold what they find into s0. They call functions of higher numbers, in either object."""
    lines = [f".option arch, {march}"] if march else []
    for number in range(FUNCTIONS):
        section = rng.choice([".text", ".text", f'.text.{name}{number},"ax"'])
        lines.append(f".section {section}")
        if not rng.randrange(3):
            lines.append(f".balign {rng.choice([4, 8, 16, 64, 4096])}")
        if not rng.randrange(4):  # far code between functions
            lines.append(f".zero {rng.choice([0x7C0, 0xFC0, 0xFF80, 0xFFF00, 0x100400])}")
        label = f"{name}{number}"
        lines += [f".globl {label}", f".type {label}, @function", f"{label}:"]
        lines += ["addi sp, sp, -16", "sd ra, 8(sp)", f"call fold_{name}", f"addi s0, s0, {number + 1}"]
        for _ in range(rng.randrange(1, 8)):
            lines += random_step(rng, name, other, number)
        lines += ["ld ra, 8(sp)", "addi sp, sp, 16"]
        lines += [f"tail fold_{name}" if rng.randrange(2) else "ret", f".size {label}, . - {label}"]
    lines += [".text", f"fold_{name}:", "slli t0, s0, 5", "sub s0, t0, s0", "ret"]
    lines += [".data", f".globl d_{name}", ".balign 8", f"d_{name}: .dword {rng.randrange(1 << 30)}, 2, 3, 4"]
    lines += [f".zero {rng.choice([0, 0x400, 0x7F0, 0x1000])}", f".globl e_{name}"]
    lines += [f"e_{name}: .dword {rng.randrange(1 << 30)}"]
    lines += ['.section .tdata,"awT"', ".balign 8", f"t_{name}: .dword {rng.randrange(1 << 30)}"]
    if not rng.randrange(3):
        lines.append(".zero 0x900")
    lines.append(f"u_{name}: .dword 0")
    return "\n".join(lines) + "\n"


def random_step(rng: random.Random, name: str, other: str, number: int) -> list[str]:
    """Some instructions that R_RISCV_RELAX marks, which change s0 by what they find."""
    datum = rng.choice([f"d_{name}", f"d_{other}", f"e_{name}", f"e_{other}"])
    at = rng.choice([0, 0, 8]) if datum.startswith("d_") else 0
    fold = ["add s0, s0, t1", f"call fold_{name}"]
    use = rng.choice(
        [
            "la",
            "lui",
            "lui",
            "pcrel",
            "pcrel",
            "tls",
            "tls",
            "call",
            "call",
            "align",
            "table",
            "store",
            "weak",
        ]
    )
    label = f".L{name}{number}_{rng.randrange(1 << 30)}"
    match use:
        case "la":
            return [f"la t0, {datum}", f"ld t1, {at}(t0)", *fold]
        case "lui":
            return [f"lui t0, %hi({datum}+{at})", f"ld t1, %lo({datum}+{at})(t0)", *fold]
        case "store":
            return [
                f"lui t0, %hi({datum})",
                f"addi t2, t0, %lo({datum})",
                "ld t1, 0(t2)",
                "addi t1, t1, 1",
                f"sd t1, %lo({datum})(t0)",
            ]
        case "pcrel":
            return [
                f"{label}: auipc t0, %pcrel_hi({datum})",
                f"ld t1, %pcrel_lo({label})(t0)",
                "addi t1, t1, 3",
                f"sd t1, %pcrel_lo({label})(t0)",
                *fold,
            ]
        case "tls":
            var = rng.choice([f"t_{name}", f"u_{name}"])
            return [
                f"lui t0, %tprel_hi({var})",
                f"add t0, t0, tp, %tprel_add({var})",
                f"ld t1, %tprel_lo({var})(t0)",
                "addi t1, t1, 5",
                f"sd t1, %tprel_lo({var})(t0)",
                *fold,
            ]
        case "call" if number + 1 < FUNCTIONS and not rng.randrange(2):
            return [f"call {rng.choice([name, other])}{rng.randrange(number + 1, FUNCTIONS)}"]
        case "align":
            return [f".balign {rng.choice([4, 8, 32])}", *fold[1:]]
        case "table":  # the difference of two labels, over code that shrinks
            return [
                f"lla t0, {label}t", "lw t2, 4(t0)", "lbu t1, 8(t0)", "add t1, t1, t2", "lw t0, 0(t0)",
                f"lla t2, {label}t", "add t0, t0, t2", "jr t0", ".section .rodata", ".balign 4",
                f"{label}t: .word {label}b - {label}t, {label}b - {label}b", f".uleb128 {label}b - {label}b", ".previous",
                f"{label}a: call fold_{name}", f"call fold_{name}", f"{label}b:",
            ]  # fmt: skip
        case "weak":
            return ["lla t1, absent", "call absent_or_not", *fold]
        case _:
            return [f"call fold_{name}"]


START = """
.globl _start
_start:
    .option push
    .option norelax
    lla gp, __global_pointer$
    .option pop
    lla tp, block
    li s0, 1
    call a0
    call b0
    lla t0, answer
    sd s0, 0(t0)
    li a0, 1
    mv a1, t0
    li a2, 8
    li a7, 64
    ecall
    li a0, 0
    li a7, 93
    ecall
absent_or_not: ret
.weak absent
.globl absent_or_not
.bss
.balign 8
answer: .zero 8
block: .zero 0x4000
"""


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


@pytest.mark.parametrize("flags", ["-O0", "-O2 -g", "-Os"])
def test_static_glibc_is_as_short_as_gnu_lds(
    flags: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("p.c").write_text(PROGRAM)
    build = [GCC, *flags.split(), "-static", "p.c", "-o"]
    shell([*build, "theirs"])
    shell([*build, "ours", "-B", toyvm("bindir").stdout.decode().strip()])
    assert text_size("ours") <= text_size("theirs") * 1.005
    expected = shell([QEMU, "theirs"]).stdout
    assert shell([QEMU, "ours"]).stdout == expected
    assert run(Path("ours"), ["ours"], OPTIONS, stdin=b"", capture=True).stdout == expected
    if "-g" in flags:
        assert lines_of("ours") == lines_of("theirs")


def lines_of(name: str) -> list[str]:
    """The source lines of each second byte of function `inner`, by addr2line. Repetitions count once."""
    table = ElfFile.parse(Path(name).read_bytes(), name).symbols()
    assert table is not None
    row = next(row for row, name in zip(table.array, table.names, strict=True) if name.startswith("inner"))
    start, size = int(row["st_value"]), int(row["st_size"])
    places = [f"{at:#x}" for at in range(start, start + size, 2)]
    found = shell(["riscv64-linux-gnu-addr2line", "-e", name, *places]).stdout.decode().splitlines()
    return [line for index, line in enumerate(found) if not index or line != found[index - 1]]
