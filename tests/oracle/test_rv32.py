"""32-bit files: linked here and run by qemu-riscv32, read and rewritten by these tools and by GNU's."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.oracles import GNU_LD, READELF, require_oracle

pytestmark = pytest.mark.oracle
QEMU32 = "qemu-riscv32"
MAIN = """
    .globl _start
_start:
    la a0, message
    lw a1, (a0)
    lui a2, %hi(buffer)
    sw a1, %lo(buffer)(a2)
    call f
    la a3, table
    lw a4, 4(a3)
    lw a5, (a4)
    sub a0, a0, a5
    addi a0, a0, 7
    li a7, 93
    ecall
    .data
message: .word 0x12345678
table: .word f, message, buffer
    .bss
    .globl buffer
buffer: .zero 64
"""
PART = """
    .globl f
f:  .option pic
    la a1, buffer
    lw a0, 0(a1)
    beqz a0, f
    ret
    .balign 8
    ret
"""


def tool(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "toyvm", *map(str, words)], capture_output=True, text=True)


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("rv32")
    for name, text in (("main", MAIN), ("part", PART)):
        (folder / f"{name}.s").write_text(text)
        done = tool("as", "-march=rv32imac", folder / f"{name}.s", "-o", folder / f"{name}.o")
        assert done.returncode == 0, done.stderr
    return folder / "main.o", folder / "part.o"


def test_a_static_program_runs(objects: tuple[Path, Path], tmp_path: Path) -> None:
    require_oracle(QEMU32, GNU_LD)
    program, joined, foreign = tmp_path / "a", tmp_path / "r.o", tmp_path / "g"
    assert tool("ld", "-m", "elf32lriscv", *objects, "-o", program).returncode == 0
    assert subprocess.run([QEMU32, program]).returncode == 7
    # -r, and then GNU ld
    assert tool("ld", "-r", "-m", "elf32lriscv", *objects, "-o", joined).returncode == 0
    subprocess.run([GNU_LD, "--no-relax", "-m", "elf32lriscv", joined, "-o", foreign], check=True)
    assert subprocess.run([QEMU32, foreign]).returncode == 7
    # addresses of the upper half, where bare-metal programs are
    high = tmp_path / "high"
    assert tool("ld", "-m", "elf32lriscv", "-Ttext=0x80000000", *objects, "-o", high).returncode == 0
    # rewriting keeps what a program does
    copy = tmp_path / "copy"
    assert tool("strip", "-o", copy, program).returncode == 0
    assert subprocess.run([QEMU32, copy]).returncode == 7
    assert tool("objcopy", objects[0], copy).returncode == 0
    assert copy.read_bytes() == objects[0].read_bytes()


def test_gnu_readelf_sees_the_same(objects: tuple[Path, Path], tmp_path: Path) -> None:
    require_oracle(READELF)
    program = tmp_path / "a"
    assert tool("ld", "-m", "elf32lriscv", *objects, "-o", program).returncode == 0
    for file in (objects[0], program):
        for option in ("-h", "-S", "-s", "-A"):
            gnu = subprocess.run([READELF, "-W", option, file], capture_output=True, text=True, check=True)
            assert gnu.stderr == ""
            ours = tool("readelf", "-W", option, file).stdout
            assert [line.split() for line in ours.splitlines() if line.strip()] == [
                line.split() for line in gnu.stdout.splitlines() if line.strip()
            ], option


def test_what_32_bits_do_not_have_is_said(objects: tuple[Path, Path], tmp_path: Path) -> None:
    program = tmp_path / "a"
    done = tool("ld", *objects, "-o", program)
    assert done.returncode == 1 and "-m elf32lriscv links it" in done.stderr
    done = tool("ld", "-m", "elf32lriscv", "-shared", objects[1], "-o", tmp_path / "part.so")
    assert done.returncode == 0, done.stderr
    done = tool("ld", objects[1], tmp_path / "part.so", "-o", program)
    assert done.returncode == 1 and "a library of 32-bit machines" in done.stderr
    assert tool("ld", "-m", "elf32lriscv", *objects, "-o", program).returncode == 0
    done = tool("run", program)
    assert done.returncode == 126 and "32-bit RISC-V" in done.stderr
    assert "vsetvli" not in tool("objdump", "-d", program).stdout


SELF_RELOCATING = """
    .globl _start, variable
_start: lla t0, _DYNAMIC
    lla t6, image                      # the load base: where the headers are
    li t1, 7                           # DT_RELA
    li t2, 8                           # DT_RELASZ
1:  lw t3, 0(t0)
    lw t4, 4(t0)
    bne t3, t1, 2f
    add a1, t4, t6
2:  bne t3, t2, 3f
    mv a2, t4
3:  addi t0, t0, 8
    bnez t3, 1b
    add a2, a2, a1
4:  bgeu a1, a2, 5f
    lw t0, 0(a1)
    lw t1, 8(a1)
    add t0, t0, t6
    add t1, t1, t6
    sw t1, 0(t0)
    addi a1, a1, 12
    j 4b
5:  la a0, variable
    lw a0, 0(a0)
    lw t0, pointer
    lw t0, 0(t0)
    add a0, a0, t0
    li a7, 93
    ecall
    .data
variable: .word 20
pointer: .word variable + 4, 0
    .hidden image
    .set image, __ehdr_start
"""


def test_a_position_independent_program_runs(tmp_path: Path) -> None:
    require_oracle(QEMU32)
    source, made, program = tmp_path / "a.s", tmp_path / "a.o", tmp_path / "a"
    source.write_text(SELF_RELOCATING.replace("variable: .word 20", "variable: .word 20, 22"))
    done = tool("as", "-fpic", "-march=rv32imac", source, "-o", made)
    assert done.returncode == 0, done.stderr
    done = tool("ld", "-m", "elf32lriscv", "-pie", "--no-dynamic-linker", made, "-o", program)
    assert done.returncode == 0, done.stderr
    assert subprocess.run([QEMU32, program], check=False).returncode == 42
