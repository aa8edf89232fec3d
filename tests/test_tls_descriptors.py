"""TLS descriptors in every kind of output: what the linker makes of them, and the functions that the loader gives them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import toyvm
from tests.support.oracles import QEMU, require_oracle
from toyvm.base.errors import LinkError
from toyvm.build import guest_libraries
from toyvm.cli.as_ import main as assemble
from toyvm.cli.ld import main as ld
from toyvm.elf.elf_file import ElfFile
from toyvm.relocations import R

# DESC puts the address of a variable into a0. Registers that the ABI lets a function change have the values that
# `fill` gave them, or `check` makes the result 0.
INCLUDE = """
        .macro  DESC variable
0:      auipc   a5, %tlsdesc_hi(\\variable)
        ld      a4, %tlsdesc_load_lo(0b)(a5)
        addi    a0, a5, %tlsdesc_add_lo(0b)
        jalr    t0, 0(a4), %tlsdesc_call(0b)
        add     a0, a0, tp
        .endm
        .macro  FILL
        .irp    register, t1, t2, t3, t4, t5, t6, a1, a2, a3, a6, a7, ra
        addi    \\register, sp, 5
        .endr
        .endm
        .macro  CHECK
        .irp    register, t1, t2, t3, t4, t5, t6, a1, a2, a3, a6, a7, ra
        addi    \\register, \\register, -5
        beq     \\register, sp, 1f
        li      a0, 0
1:
        .endr
        .endm
"""
# What the library computes: the sum of its variables, one of which the program may see, and one weak one that nobody has.
LIBRARY = """
        .include "desc.inc"
        .section .tdata, "awT", @progbits
        .globl  seen
        .type   seen, @object
        .size   seen, 8
seen:   .dword  100
own:    .dword  20
        .section .tbss, "awT", @nobits
        .zero   ROOM
        .text
        .weak   missing
        .globl  sum
        .type   sum, @function
sum:    addi    sp, sp, -32
        sd      ra, 0(sp)
        sd      s0, 8(sp)
        FILL
        DESC    seen
        CHECK
        ld      s0, 0(a0)
        FILL
        DESC    own
        CHECK
        ld      a0, 0(a0)
        add     s0, s0, a0
        DESC    missing
        .if     SHARED
        add     a0, a0, s0              # the address of an undefined weak variable is 0
        .else
        sub     a0, a0, tp              # ... and its offset, where no loader can tell
        add     a0, a0, s0
        .endif
        ld      ra, 0(sp)
        ld      s0, 8(sp)
        addi    sp, sp, 32
        ret
"""
# sum() plus the variables that the program uses itself: 3 of its own, and the one of the library that it sees.
PROGRAM = """
        .include "desc.inc"
        .section .tdata, "awT", @progbits
        .zero   GAP
mine:   .dword  3
        .text
        .globl  main
main:   addi    sp, sp, -32
        sd      ra, 0(sp)
        sd      s0, 8(sp)
        call    sum
        mv      s0, a0
        FILL
        DESC    mine
        CHECK
        ld      a0, 0(a0)
        add     s0, s0, a0
        DESC    seen
        ld      a0, 0(a0)
        add     a0, a0, s0
        ld      ra, 0(sp)
        ld      s0, 8(sp)
        addi    sp, sp, 32
        ret
"""
OPENS = """
        .text
        .globl  main
main:   addi    sp, sp, -16
        sd      ra, 0(sp)
        lla     a0, name
        li      a1, 2                   # RTLD_NOW
        call    dlopen
        lla     a1, function
        call    dlsym
        jalr    a0
        ld      ra, 0(sp)
        addi    sp, sp, 16
        ret
        .section .rodata
name:   .asciz  "/libsum.so"
function: .asciz "sum"
"""
TOTAL = 100 + 20 + 3 + 100
NEAR, FAR = 8, 8192  # bytes before the variable: its offset fits an instruction, or not


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "desc.inc").write_text(INCLUDE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def built(name: str, text: str, **constants: int) -> str:
    Path(f"{name}.s").write_text(text)
    defined = [word for symbol, value in constants.items() for word in ("--defsym", f"{symbol}={value}")]
    assert assemble([*defined, "-o", f"{name}.o", f"{name}.s"]) == 0
    return f"{name}.o"


def linked(output: str, *words: str) -> str:
    folder = guest_libraries().path
    start = [] if "-shared" in words else [str(folder / "crt1.o")]
    assert ld(["-o", output, *start, *words, f"-L{folder}", "-lc"]) == 0
    return output


def dynamic_types(file: str) -> list[int]:
    """The types of a file's dynamic relocations."""
    elf = ElfFile.parse(Path(file).read_bytes(), file)
    return [
        int(kind) for section, table in elf.relocations() if section.header.flags for kind in table["r_type"]
    ]


def status(program: str) -> int:
    """The exit status of a program that finds libraries in the folder of the test, the guest's root."""
    return toyvm.run(program, capture=True, root=".", env=(("LD_LIBRARY_PATH", "/"),)).status


@pytest.mark.parametrize("relax", ["--relax", "--no-relax"])
@pytest.mark.parametrize("gap", [NEAR, FAR])
def test_a_static_program_has_no_descriptor(work: Path, gap: int, relax: str) -> None:
    objects = built("sum", LIBRARY, ROOM=8, SHARED=0), built("main", PROGRAM, GAP=gap)
    program = linked("static", "-static", relax, *objects)
    assert status(program) == TOTAL
    assert not dynamic_types(program)


@pytest.mark.oracle
def test_a_static_program_under_qemu(work: Path) -> None:
    require_oracle(QEMU)
    for gap in NEAR, FAR:
        program = linked(
            "static", "-static", built("sum", LIBRARY, ROOM=8, SHARED=0), built("main", PROGRAM, GAP=gap)
        )
        assert subprocess.run([QEMU, program], check=False).returncode == TOTAL


@pytest.mark.parametrize("kind", ["--no-pie", "-pie"])
@pytest.mark.parametrize("room", [NEAR, FAR])
def test_a_program_and_its_library(work: Path, room: int, kind: str) -> None:
    library = linked("libsum.so", "-shared", "-soname=libsum.so", built("sum", LIBRARY, ROOM=room, SHARED=1))
    assert dynamic_types(library).count(R.TLSDESC) == 3
    program = linked("dynamic", kind, built("main", PROGRAM, GAP=room), library)
    assert R.TLSDESC not in dynamic_types(program)
    assert status(program) == TOTAL


@pytest.mark.parametrize("room", [NEAR, FAR])
def test_a_library_that_is_opened_later(work: Path, room: int) -> None:
    """One whose variables fit into the rest of the static block, and one that has a block of its own."""
    linked("libsum.so", "-shared", "-soname=libsum.so", built("sum", LIBRARY, ROOM=room, SHARED=1))
    program = linked("opens", built("main", OPENS))
    assert status(program) == 120


@pytest.mark.parametrize(
    ("before", "place", "section"),
    [
        ("", "0: .insn 0x00000013", r"\.text"),
        ("DESC t\nret\n.data\n", "0: .word 0x00000517", r"\.data"),
        ("DESC t\n", "0: auipc a0, %tlsdesc_hi(t)", r"\.text"),
    ],
    ids=["another instruction", "data", "twice"],
)
def test_what_is_no_access_is_refused(work: Path, before: str, place: str, section: str) -> None:
    text = f'.include "desc.inc"\n.text\n.globl _start\n_start:\n{before}{place}\n'
    text += '.reloc 0b, R_RISCV_TLSDESC_HI20, t\n.section .tbss, "awT", @nobits\nt: .dword 0\n'
    message = rf"odd\.o:\({section}\+0x[0-9a-f]+\): R_RISCV_TLSDESC_HI20 is not at an instruction"
    with pytest.raises(LinkError, match=message):
        ld(["-o", "out", built("odd", text)])
