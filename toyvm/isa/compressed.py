"""Which 16-bit instruction GNU as chooses for a statement when C is enabled, as data in GNU's order (opcodes/riscv-opc.c).

`COMPRESSED[mnemonic]` is tried before everything else, on the statement as written: GNU as compresses `mv a0, a1` but not
the addi of `la`. An entry fits when every operand has the form of its pattern, and every operand of the short form is
within the limits of its row: registers of three bits, immediates that are known immediately.

| pattern   | what is written                    |
|-----------|------------------------------------|
| reg       | an x register                      |
| nz        | an x register other than zero      |
| other     | neither zero nor sp                |
| freg      | an f register                      |
| =0        | the same register as operand 0     |
| sp zero 0 255 -1 | that, and nothing else      |
| imm       | a number                           |
| mem spmem | `offset(register)`, `offset(sp)`   |
| label     | the target of a branch             |
"""

from __future__ import annotations

from .pseudo import Pseudo

# mnemonic | patterns | the short form. Mnemonics with the same entries share a line.
_TEXT = """
unimp         |                | c.unimp
ebreak sbreak |                | c.ebreak
ret           |                | c.jr ra
jr            | nz             | c.jr {0}
jalr          | nz             | c.jalr {0}
j             | label          | c.j {0}
nop           |                | c.nop
lui           | other, imm     | c.lui {0}, {1}
mv move       | nz, nz         | c.mv {0}, {1}
and           | reg, =0, reg   | c.and {0}, {2}
and           | reg, reg, =0   | c.and {0}, {1}
and andi      | reg, =0, imm   | c.andi {0}, {2}
beqz          | reg, label     | c.beqz {0}, {1}
beq           | reg, zero, label | c.beqz {0}, {2}
bnez          | reg, label     | c.bnez {0}, {1}
bne           | reg, zero, label | c.bnez {0}, {2}
add           | nz, =0, nz     | c.add {0}, {2}
add           | nz, nz, =0     | c.add {0}, {1}
add           | nz, zero, nz   | c.mv {0}, {2}
add           | nz, =0, imm    | c.addi {0}, {2}
addi          | reg, sp, imm   | c.addi4spn {0}, sp, {2}
addi          | nz, =0, nzimm  | c.addi {0}, {2}
addi          | zero, zero, 0  | c.nop
add           | reg, sp, imm   | c.addi4spn {0}, sp, {2}
add addi      | sp, sp, imm    | c.addi16sp sp, {2}
addi          | nz, zero, imm  | c.li {0}, {2}
addi          | nz, nz, 0      | c.mv {0}, {1}
sll slli      | nz, =0, imm    | c.slli {0}, {2}
srl srli      | reg, =0, imm   | c.srli {0}, {2}
sra srai      | reg, =0, imm   | c.srai {0}, {2}
sub           | reg, =0, reg   | c.sub {0}, {2}
or            | reg, =0, reg   | c.or {0}, {2}
or            | reg, reg, =0   | c.or {0}, {1}
xor           | reg, =0, reg   | c.xor {0}, {2}
xor           | reg, reg, =0   | c.xor {0}, {1}
addw          | reg, =0, reg   | c.addw {0}, {2}
addw          | reg, reg, =0   | c.addw {0}, {1}
subw          | reg, =0, reg   | c.subw {0}, {2}
sext.w        | nz, =0         | c.addiw {0}, 0
addw addiw    | nz, =0, imm    | c.addiw {0}, {2}
lw            | nz, spmem      | c.lwsp {0}, {1}
lw            | reg, mem       | c.lw {0}, {1}
ld            | nz, spmem      | c.ldsp {0}, {1}
ld            | reg, mem       | c.ld {0}, {1}
sw            | reg, spmem     | c.swsp {0}, {1}
sw            | reg, mem       | c.sw {0}, {1}
sd            | reg, spmem     | c.sdsp {0}, {1}
sd            | reg, mem       | c.sd {0}, {1}
lbu           | reg, mem       | c.lbu {0}, {1}
lhu           | reg, mem       | c.lhu {0}, {1}
lh            | reg, mem       | c.lh {0}, {1}
sb            | reg, mem       | c.sb {0}, {1}
sh            | reg, mem       | c.sh {0}, {1}
zext.b        | reg, =0        | c.zext.b {0}
andi          | reg, =0, 255   | c.zext.b {0}
sext.b        | reg, =0        | c.sext.b {0}
zext.h        | reg, =0        | c.zext.h {0}
sext.h        | reg, =0        | c.sext.h {0}
zext.w        | reg, =0        | c.zext.w {0}
add.uw        | reg, =0, zero  | c.zext.w {0}
not           | reg, =0        | c.not {0}
xori          | reg, =0, -1    | c.not {0}
mul           | reg, =0, reg   | c.mul {0}, {2}
mul           | reg, reg, =0   | c.mul {0}, {1}
ntl.p1        |                | c.ntl.p1
ntl.pall      |                | c.ntl.pall
ntl.s1        |                | c.ntl.s1
ntl.all       |                | c.ntl.all
fld           | freg, spmem    | c.fldsp {0}, {1}
fld           | freg, mem      | c.fld {0}, {1}
fsd           | freg, spmem    | c.fsdsp {0}, {1}
fsd           | freg, mem      | c.fsd {0}, {1}
"""


def read_compressed(text: str) -> dict[str, tuple[Pseudo, ...]]:
    """The entries of a text such as `_TEXT`."""
    entries: dict[str, list[Pseudo]] = {}
    for row in text.strip().splitlines():
        names, patterns, line = (cell.strip() for cell in row.split("|"))
        for name in names.split():
            entries.setdefault(name, []).append(Pseudo(name, patterns, (line,), ext="C"))
    return {name: tuple(found) for name, found in entries.items()}


COMPRESSED: dict[str, tuple[Pseudo, ...]] = read_compressed(_TEXT)
