"""Pseudo-instructions as data: the forms that GNU as accepts in addition to the rows of the table.

`PSEUDOS[mnemonic]` is tried in order when the table has no row of that name, or when the operands do not fit the row:
`add a0, a1, 4` does not fit the row `add`, so `PSEUDOS["add"]` makes it `addi a0, a1, 4`. An entry fits when the
statement has as many operands as `operands` and each fits its kind (`operands.KINDS`, and `symbol`, `constant`,
`temp`, `tprel_add` described there). Its expansion is text in the assembler's own language:

    >>> from toyvm.isa.pseudo import PSEUDOS
    >>> PSEUDOS["la"][1].operands, PSEUDOS["la"][1].when
    (('rd', 'symbol'), 'nopic')
    >>> PSEUDOS["la"][1].expand(["a0", "table+8"], label=".L0")
    ['auipc a0, %pcrel_hi(table+8)', 'addi a0, a0, %pcrel_lo(.L0)']
    >>> PSEUDOS["li"][0].expand(["a0", "70000"], value=70000)
    ['lui a0, 17', 'addiw a0, a0, 368']

`{0}`, `{1}` stand for the operands as written, `{label}` for a fresh local label at the first line of the expansion
(`needs_label`). `%call_plt(symbol)` on an auipc means R_RISCV_CALL_PLT on that auipc and the jalr after it; it is not
a modifier that a program may write. An entry whose last operand is `tprel_add` or `tlsdesc_call` also puts
R_RISCV_TPREL_ADD or R_RISCV_TLSDESC_CALL for the symbol on its only line. `when` is "pic" or "nopic" where
`.option pic` decides; "short" where the lines are compressed as if the program had written them (those of other
entries are not); else "".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .constants import load_constant
from .decode import Decoded
from .spec import Insn
from .table import INSNS


class Pseudo:
    """One form: its operand kinds, and the lines that it expands to. `li` computes its lines from the constant."""

    __slots__ = ("ext", "lines", "name", "operands", "when")

    def __init__(self, name: str, syntax: str, lines: tuple[str, ...], when: str = "", ext: str = "I"):
        self.name = name
        self.operands = tuple(syntax.replace(",", " ").split())
        self.lines = lines
        self.when = when
        self.ext = ext

    @property
    def needs_label(self) -> bool:
        """Whether the expansion refers to a label on its first line."""
        return any("{label}" in line for line in self.lines)

    def expand(
        self, texts: Sequence[str], label: str = "", value: int | None = None, xlen: int = 64
    ) -> list[str]:
        """The lines for the operands `texts`. `value` is the number of an operand of kind `constant`."""
        if value is not None and "constant" in self.operands:
            return list(_load_constant_lines(texts[0], value, xlen))
        return [line.format(*texts, label=label) for line in self.lines]

    def __repr__(self) -> str:
        return f"Pseudo({self.name} {', '.join(self.operands)})"


def _load_constant_lines(rd: str, value: int, xlen: int) -> list[str]:
    """The lines of `li rd, value`."""
    lines = []
    for mnemonic, source, number in load_constant(value, xlen):
        operands = [rd, rd if source == "rd" else source, str(number)]
        lines.append(f"{mnemonic} {', '.join(operand for operand in operands if operand)}")
    return lines


# name | operand kinds | lines separated by ";" | when
_TEXT = """
nop    |                    | addi zero, zero, 0
c.nop  | nzimm              | c.addi zero, {0}
li     | rd, constant       |
li     | rd, imm12          | addi {0}, zero, {1}
mv     | rd, rs1            | addi {0}, {1}, 0
move   | rd, rs1            | addi {0}, {1}, 0
not    | rd, rs1            | xori {0}, {1}, -1
neg    | rd, rs2            | sub {0}, zero, {1}
negw   | rd, rs2            | subw {0}, zero, {1}
sext.b | rd, rs1            | slli {0}, {1}, 56; srai {0}, {0}, 56 | short
sext.h | rd, rs1            | slli {0}, {1}, 48; srai {0}, {0}, 48 | short
sext.w | rd, rs1            | addiw {0}, {1}, 0
zext.b | rd, rs1            | andi {0}, {1}, 255
zext.h | rd, rs1            | slli {0}, {1}, 48; srli {0}, {0}, 48 | short
zext.w | rd, rs1            | add.uw {0}, {1}, zero
zext.w | rd, rs1            | slli {0}, {1}, 32; srli {0}, {0}, 32 | short
seqz   | rd, rs1            | sltiu {0}, {1}, 1
snez   | rd, rs2            | sltu {0}, zero, {1}
sltz   | rd, rs1            | slt {0}, {1}, zero
sgtz   | rd, rs2            | slt {0}, zero, {1}
sgt    | rd, rs1, rs2       | slt {0}, {2}, {1}
sgtu   | rd, rs1, rs2       | sltu {0}, {2}, {1}

beqz   | rs1, branch        | beq {0}, zero, {1}
bnez   | rs1, branch        | bne {0}, zero, {1}
blez   | rs1, branch        | bge zero, {0}, {1}
bgez   | rs1, branch        | bge {0}, zero, {1}
bltz   | rs1, branch        | blt {0}, zero, {1}
bgtz   | rs1, branch        | blt zero, {0}, {1}
bgt    | rs1, rs2, branch   | blt {1}, {0}, {2}
ble    | rs1, rs2, branch   | bge {1}, {0}, {2}
bgtu   | rs1, rs2, branch   | bltu {1}, {0}, {2}
bleu   | rs1, rs2, branch   | bgeu {1}, {0}, {2}

j      | jump               | jal zero, {0}
jal    | jump               | jal ra, {0}
jr     | rs1                | jalr zero, 0({0})
jr     | load_mem           | jalr zero, {0}
jr     | rs1, imm12         | jalr zero, {1}({0})
jalr   | rs1                | jalr ra, 0({0})
jalr   | load_mem           | jalr ra, {0}
jalr   | rd, rs1            | jalr {0}, 0({1})
jalr   | rs1, imm12         | jalr ra, {1}({0})
jalr   | rd, rs1, imm12     | jalr {0}, {2}({1})
jalr   | rd, rs1, tlsdesc_call | jalr {0}, 0({1})
jalr   | rd, load_mem, tlsdesc_call | jalr {0}, {1}
ret    |                    | jalr zero, 0(ra)
call   | symbol             | auipc ra, %call_plt({0}); jalr ra, 0(ra)
call   | rd, symbol         | auipc t1, %call_plt({1}); jalr {0}, 0(t1)
tail   | symbol             | auipc t1, %call_plt({0}); jalr zero, 0(t1)
jump   | symbol, temp       | auipc {1}, %call_plt({0}); jalr zero, 0({1})

la     | rd, symbol         | auipc {0}, %got_pcrel_hi({1}); ld {0}, %pcrel_lo({label})({0}) | pic
la     | rd, symbol         | auipc {0}, %pcrel_hi({1}); addi {0}, {0}, %pcrel_lo({label}) | nopic
lla    | rd, symbol         | auipc {0}, %pcrel_hi({1}); addi {0}, {0}, %pcrel_lo({label})
lga    | rd, symbol         | auipc {0}, %got_pcrel_hi({1}); ld {0}, %pcrel_lo({label})({0})
la.tls.ie | rd, symbol      | auipc {0}, %tls_ie_pcrel_hi({1}); ld {0}, %pcrel_lo({label})({0})
la.tls.gd | rd, symbol      | auipc {0}, %tls_gd_pcrel_hi({1}); addi {0}, {0}, %pcrel_lo({label})

add    | rd, rs1, imm12     | addi {0}, {1}, {2}
add    | rd, rs1, rs2, tprel_add | add {0}, {1}, {2}
addw   | rd, rs1, imm12     | addiw {0}, {1}, {2}
and    | rd, rs1, imm12     | andi {0}, {1}, {2}
or     | rd, rs1, imm12     | ori {0}, {1}, {2}
xor    | rd, rs1, imm12     | xori {0}, {1}, {2}
slt    | rd, rs1, imm12     | slti {0}, {1}, {2}
sltu   | rd, rs1, imm12     | sltiu {0}, {1}, {2}
sll    | rd, rs1, uimm6     | slli {0}, {1}, {2}
srl    | rd, rs1, uimm6     | srli {0}, {1}, {2}
sra    | rd, rs1, uimm6     | srai {0}, {1}, {2}
sllw   | rd, rs1, uimm5     | slliw {0}, {1}, {2}
srlw   | rd, rs1, uimm5     | srliw {0}, {1}, {2}
sraw   | rd, rs1, uimm5     | sraiw {0}, {1}, {2}

ror    | rd, rs1, uimm6     | rori {0}, {1}, {2}
rorw   | rd, rs1, uimm5     | roriw {0}, {1}, {2}
bclr   | rd, rs1, uimm6     | bclri {0}, {1}, {2}
bext   | rd, rs1, uimm6     | bexti {0}, {1}, {2}
binv   | rd, rs1, uimm6     | binvi {0}, {1}, {2}
bset   | rd, rs1, uimm6     | bseti {0}, {1}, {2}

fence  |                    | fence iorw, iorw
scall  |                    | ecall
sbreak |                    | ebreak
sfence.vma |                | sfence.vma zero, zero
sfence.vma | rs1            | sfence.vma {0}, zero

hfence.vvma |               | hfence.vvma zero, zero
hfence.vvma | rs1           | hfence.vvma {0}, zero
hfence.gvma |               | hfence.gvma zero, zero
hfence.gvma | rs1           | hfence.gvma {0}, zero

csrr   | rd, csr            | csrrs {0}, {1}, zero
csrw   | csr, rs1           | csrrw zero, {0}, {1}
csrs   | csr, rs1           | csrrs zero, {0}, {1}
csrc   | csr, rs1           | csrrc zero, {0}, {1}
csrw   | csr, zimm5         | csrrwi zero, {0}, {1}
csrs   | csr, zimm5         | csrrsi zero, {0}, {1}
csrc   | csr, zimm5         | csrrci zero, {0}, {1}
csrwi  | csr, zimm5         | csrrwi zero, {0}, {1}
csrsi  | csr, zimm5         | csrrsi zero, {0}, {1}
csrci  | csr, zimm5         | csrrci zero, {0}, {1}
csrrw  | rd, csr, zimm5     | csrrwi {0}, {1}, {2}
csrrs  | rd, csr, zimm5     | csrrsi {0}, {1}, {2}
csrrc  | rd, csr, zimm5     | csrrci {0}, {1}, {2}
rdcycle   | rd              | csrrs {0}, cycle, zero
rdtime    | rd              | csrrs {0}, time, zero
rdinstret | rd              | csrrs {0}, instret, zero

fmv.s    | frd, frs1        | fsgnj.s {0}, {1}, {1}
fabs.s   | frd, frs1        | fsgnjx.s {0}, {1}, {1}
fneg.s   | frd, frs1        | fsgnjn.s {0}, {1}, {1}
fgt.s    | rd, frs1, frs2   | flt.s {0}, {2}, {1}
fge.s    | rd, frs1, frs2   | fle.s {0}, {2}, {1}
fmv.d    | frd, frs1        | fsgnj.d {0}, {1}, {1}
fabs.d   | frd, frs1        | fsgnjx.d {0}, {1}, {1}
fneg.d   | frd, frs1        | fsgnjn.d {0}, {1}, {1}
fgt.d    | rd, frs1, frs2   | flt.d {0}, {2}, {1}
fge.d    | rd, frs1, frs2   | fle.d {0}, {2}, {1}
fmv.h    | frd, frs1        | fsgnj.h {0}, {1}, {1}
fabs.h   | frd, frs1        | fsgnjx.h {0}, {1}, {1}
fneg.h   | frd, frs1        | fsgnjn.h {0}, {1}, {1}
fgt.h    | rd, frs1, frs2   | flt.h {0}, {2}, {1}
fge.h    | rd, frs1, frs2   | fle.h {0}, {2}, {1}
fgtq.s   | rd, frs1, frs2   | fltq.s {0}, {2}, {1}
fgeq.s   | rd, frs1, frs2   | fleq.s {0}, {2}, {1}
fgtq.d   | rd, frs1, frs2   | fltq.d {0}, {2}, {1}
fgeq.d   | rd, frs1, frs2   | fleq.d {0}, {2}, {1}
fgtq.h   | rd, frs1, frs2   | fltq.h {0}, {2}, {1}
fgeq.h   | rd, frs1, frs2   | fleq.h {0}, {2}, {1}
fmv.x.s  | rd, frs1         | fmv.x.w {0}, {1}
fmv.s.x  | frd, rs1         | fmv.w.x {0}, {1}

frcsr    | rd               | csrrs {0}, fcsr, zero
fscsr    | rs1              | csrrw zero, fcsr, {0}
fscsr    | rd, rs1          | csrrw {0}, fcsr, {1}
frrm     | rd               | csrrs {0}, frm, zero
fsrm     | rs1              | csrrw zero, frm, {0}
fsrm     | rd, rs1          | csrrw {0}, frm, {1}
fsrmi    | zimm5            | csrrwi zero, frm, {0}
fsrmi    | rd, zimm5        | csrrwi {0}, frm, {1}
frflags  | rd               | csrrs {0}, fflags, zero
fsflags  | rs1              | csrrw zero, fflags, {0}
fsflags  | rd, rs1          | csrrw {0}, fflags, {1}
fsflagsi | zimm5            | csrrwi zero, fflags, {0}
fsflagsi | rd, zimm5        | csrrwi {0}, fflags, {1}
"""


def read_pseudos(text: str, extension: Callable[[str], str]) -> dict[str, tuple[Pseudo, ...]]:
    """The entries of a text such as `_TEXT`. `extension` gives that of a mnemonic in an expansion."""
    pseudos: dict[str, list[Pseudo]] = {}
    for row in text.splitlines():
        if not row:
            continue
        name, syntax, lines, *when = [cell.strip() for cell in row.split("|")]
        expansion = tuple(line.strip() for line in lines.split(";") if line.strip())
        ext = extension(expansion[-1].partition(" ")[0]) if expansion else "I"
        pseudos.setdefault(name, []).append(Pseudo(name, syntax, expansion, when[0] if when else "", ext))
    return {name: tuple(entries) for name, entries in pseudos.items()}


def _read(text: str) -> dict[str, tuple[Pseudo, ...]]:
    pseudos = {
        name: list(entries) for name, entries in read_pseudos(text, lambda name: INSNS[name].ext).items()
    }
    # a load or store of a symbol: the address goes through rd, or through a register that the program names
    for insn in [insn for insn in INSNS.values() if insn.length == 4]:
        if insn.syntax == "rd, load_mem" and insn.name != "jalr":
            steps = ("auipc {0}, %pcrel_hi({1})", insn.name + " {0}, %pcrel_lo({label})({0})")
            pseudos.setdefault(insn.name, []).append(Pseudo(insn.name, "rd, symbol", steps, ext=insn.ext))
        elif insn.syntax in ("rs2, store_mem", "frs2, store_mem", "frd, load_mem"):
            steps = ("auipc {2}, %pcrel_hi({1})", insn.name + " {0}, %pcrel_lo({label})({2})")
            syntax = f"{insn.syntax.partition(',')[0]}, symbol, temp"
            pseudos.setdefault(insn.name, []).append(Pseudo(insn.name, syntax, steps, ext=insn.ext))
    return {name: tuple(entries) for name, entries in pseudos.items()}


PSEUDOS: dict[str, tuple[Pseudo, ...]] = _read(_TEXT)


def inverse_branch(insn: Insn) -> Insn:
    """The branch on the opposite condition (`beq` for `bne`): for a target that is out of range of the branch.

    Raises KeyError when `insn` is not a conditional branch.
    """
    bit = 0x1000 if insn.length == 4 else 0x2000
    for other in INSNS.values():
        if other.format is insn.format and other.match == insn.match ^ bit and "branch" in other.syntax:
            return other
    raise KeyError(insn.name)


def expanded_branch(decoded: Decoded) -> Insn:
    """The 4-byte branch that a compressed one stands for: the row with the same semantics."""
    for other in INSNS.values():
        if other.length == 4 and other.semantics is decoded.insn.semantics:
            return other
    raise KeyError(decoded.name)
