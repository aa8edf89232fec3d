"""The table against GNU as, and the engines against qemu-riscv64: each tool is started once over many cases."""

from __future__ import annotations

import random
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.bare_machine import CODE, DATA, Machine
from tests.support.oracles import GNU_AS, GNU_LD, QEMU, READELF, require_oracle
from toyvm.engines.checking.walk_engine import WalkEngine
from toyvm.engines.engine import Engine
from toyvm.engines.llvm.llvm_engine import LlvmEngine
from toyvm.engines.llvm.tiers import Thresholds
from toyvm.engines.llvm.translator import Translator
from toyvm.engines.python.reference_engine import ReferenceEngine
from toyvm.isa.absent_extensions import absent_instruction
from toyvm.isa.constants import load_constant
from toyvm.isa.decode import decode
from toyvm.isa.encoded.table import ENCODED
from toyvm.isa.properties import class_of
from toyvm.isa.pseudo import PSEUDOS, Pseudo
from toyvm.isa.registers import CSRS
from toyvm.isa.spec import Insn
from toyvm.isa.table import INSNS
from toyvm.isa.text import instruction_text
from toyvm.machine.traps import Cause

pytestmark = pytest.mark.oracle
OBJCOPY = "riscv64-linux-gnu-objcopy"
OBJDUMP = "riscv64-linux-gnu-objdump"
MARCH = "-march=rv64imafd_zicsr_zifencei_zihintpause"


def gnu_assemble(folder: Path, source: str, name: str = "a", march: str = MARCH) -> Path:
    require_oracle(GNU_AS, OBJCOPY)
    text, output = folder / f"{name}.s", folder / f"{name}.o"
    text.write_text(source)
    command = [GNU_AS, march, "-mabi=lp64d", "-mno-relax", "-mno-arch-attr", "-o", str(output), str(text)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:2000]
    return output


def section_bytes(file: Path, section: str = ".text") -> bytes:
    output = file.with_suffix(".bin")
    subprocess.run([OBJCOPY, "-O", "binary", "-j", section, str(file), str(output)], check=True)
    return output.read_bytes()


def row_samples(insn: Insn) -> Iterator[int]:
    """Encodings with operands at their limits and in between; only what a program can write."""
    chance = random.Random(insn.name)
    reserved = {"uimm6"} & {operand.kind for operand in insn.operands} if insn.length == 2 else set()
    avoid = {
        field.name
        for field in insn.free
        if field.mask == insn.nonzero or (reserved and field.name == "shamt")
    }

    def encode(**fields: int) -> int:
        """Without the values that are reserved, or that GNU as has another name for (x0 and sp as destinations)."""
        fields |= {name: insn.format.fields[name].step for name in avoid if not fields[name]}
        if insn.ext == "C" and fields.get("rd", 1) in (0, 2):
            fields["rd"] = 5
        if fields.get("rnum", 0) > 10:
            fields["rnum"] = 10
        if insn.name == "packw" and not fields["rs2"]:
            fields["rs2"] = 7  # zext.h
        if "rm" in fields and fields["rm"] in (5, 6):  # reserved modes have no name
            fields["rm"] = 7
        return insn.encode(**fields)

    written = {name for operand in insn.operands for name in operand.fields}
    free = [field for field in insn.free if field.name in written or field.name in ("aq", "rl")]
    lowest = {
        field.name: 1 if field.name in ("pred", "succ") else field.low for field in free
    }  # no empty fence set
    yield encode(**lowest)
    yield encode(**{field.name: field.high for field in free})
    for _ in range(30):
        yield encode(
            **{
                field.name: field.step
                * chance.randint(lowest[field.name] // field.step, field.high // field.step)
                for field in free
            }
        )


# Extensions that binutils 2.40 does not know: tests/unit/isa/test_encodings.py compares them with LLVM
NEWER_ROWS = frozenset(
    {"Zicond", "Zihintntl", "Zimop", "Zcmop", "Zcb", "Zca and Zihintntl", "Zacas", "Zabha", "Zabha and Zacas"}
    | {"Zfa", "Zfbfmin", "Zfa and D", "Zfa and Zfh", "Zcb and Zbb", "Zcb and Zba", "Zcb and Zmmul", "Smrnmi"}
)
SCALAR = "zba_zbb_zbc_zbs_zbkb_zbkx_zknd_zkne_zknh_zksed_zksh"
ALL = f"{MARCH}_{SCALAR}_zfh_zawrs_zicbom_zicbop_zicboz_svinval_h"
QEMU_HAS = ",".join(f"{name}=true" for name in SCALAR.split("_"))  # qemu 7.2


def test_gnu_as_encodes_every_row_the_same(tmp_path: Path) -> None:
    words: list[int] = []
    lines: list[str] = []
    lengths: list[int] = []
    known = [insn for insn in INSNS.values() if insn.ext not in NEWER_ROWS]
    for insn in sorted(known, key=lambda insn: -insn.length):
        if insn.length == 2 and 2 not in lengths:
            lines.append(".option rvc")
            words.append(0)
            lengths.append(0)
        for word in row_samples(insn):
            decoded = decode(word)
            assert decoded is not None
            text = instruction_text(decoded)
            if {"branch", "jump"} & {operand.kind for operand in decoded.insn.operands}:
                text = re.sub(r"([+-]\d+)$", r".\1", text)
            words.append(word)
            lines.append(text)
            lengths.append(insn.length)
    theirs = section_bytes(gnu_assemble(tmp_path, "\n".join(lines) + "\n", march=ALL))
    assert len(words) > 2000
    at = 0
    for word, line, length in zip(words, lines, lengths, strict=True):
        assert int.from_bytes(theirs[at : at + length], "little") == word, line
        at += length


SAMPLE_OPERANDS = {
    "rd": ["a0", "s11"], "rs1": ["a1", "t6"], "rs2": ["a2", "zero"], "temp": ["t0", "t1"],
    "frd": ["fa0", "ft11"], "frs1": ["fs0", "f31"], "frs2": ["ft0", "fa7"],
    "imm12": ["-2048", "2047"], "uimm5": ["31", "0"], "uimm6": ["63", "0"], "zimm5": ["31", "0"],
    "load_mem": ["-4(s1)", "(a3)"], "csr": ["fcsr", "0x345"], "constant": ["0", "0x123456789abcdef0"],
    "branch": ["1b", "1b"], "jump": ["1b", "1b"], "symbol": ["there", "there+4"], "tprel_add": ["%tprel_add(there)"] * 2,
}  # fmt: skip
NEWER_THAN_BINUTILS_2_40 = {"lga"}


def pseudo_statements() -> Iterator[tuple[Pseudo, str, list[str]]]:
    """(entry, the statement, its expansion as GNU as can read it)."""
    for pseudo in (pseudo for entries in PSEUDOS.values() for pseudo in entries):
        # Newer than binutils 2.40, or not of this architecture.
        if "tlsdesc_call" in pseudo.operands or pseudo.name.startswith("c."):
            continue
        for choice in range(2):
            operands = [SAMPLE_OPERANDS[kind][choice] for kind in pseudo.operands]
            value = int(operands[1], 0) if "constant" in pseudo.operands else None
            label = f".Lpcrel_{pseudo.name}_{pseudo.when}_{choice}".replace(".", "_", 1)
            lines = pseudo.expand(operands, label=label, value=value)
            if "tprel_add" in pseudo.operands:
                lines = [f"{lines[0]}, {operands[-1]}"]
            if pseudo.needs_label:
                lines = [f"{label}:", *lines]
            call = re.match(r"auipc (\w+), %call_plt\((.*)\)$", lines[0]) if lines else None
            if call:
                lines = [f".reloc ., R_RISCV_CALL_PLT, {call[2]}", f"auipc {call[1]}, 0", *lines[1:]]
            option = [f".option {pseudo.when}"] if pseudo.when else []
            statement = f"{pseudo.name} {', '.join(operands)}"
            yield pseudo, "\n".join([*option, statement]), [*option, *lines]


def relocations(file: Path) -> list[tuple[str, str, str]]:
    """(offset, type, symbol + addend), with the names of hidden labels left out."""
    text = subprocess.run([READELF, "-rW", str(file)], capture_output=True, text=True, check=True).stdout
    found = re.findall(r"^([0-9a-f]{16})\s+\S+\s+(R_RISCV_\w+)\s+(.*)$", text, re.MULTILINE)
    return [
        (offset, kind, "" if "PCREL_LO12" in kind else rest.split(None, 1)[-1])
        for offset, kind, rest in found
    ]


def test_gnu_as_expands_every_pseudo_the_same(tmp_path: Path) -> None:
    require_oracle(GNU_AS, READELF)
    written, expanded = ["1:"], ["1:"]
    for pseudo, statement, lines in pseudo_statements():
        if pseudo.name not in NEWER_THAN_BINUTILS_2_40 and not pseudo.ext.startswith(("Zb", "Zf", "Zc", "H")):
            written.append(statement)
            expanded += lines
    theirs = gnu_assemble(tmp_path, "\n".join(written) + "\n", "written")
    ours = gnu_assemble(tmp_path, "\n".join(expanded) + "\n", "expanded")
    assert section_bytes(ours).hex(" ", 4) == section_bytes(theirs).hex(" ", 4)
    assert relocations(ours) == relocations(theirs)
    assert len(relocations(ours)) > 60


def constants() -> list[int]:
    """Constants around every power of two, and random ones of every width."""
    chance = random.Random("li")
    found = [(1 << bit) + around for bit in range(64) for around in (-2049, -2048, -1, 0, 1, 2047, 2048)]
    found += [-number for number in found]
    found += [
        chance.getrandbits(width) << chance.randrange(65 - width) for width in range(1, 65) for _ in range(60)
    ]
    return [number for number in found if -(1 << 63) <= number < 1 << 64]


def test_gnu_as_builds_every_constant_the_same(tmp_path: Path) -> None:
    lines = [f"li a0, {value}" for value in constants()]
    theirs = section_bytes(gnu_assemble(tmp_path, "\n".join(lines) + "\n"))
    ours = b""
    for value in constants():
        for mnemonic, source, number in load_constant(value):
            insn = INSNS[mnemonic]
            fields = {"rd": 10, "rs1": 10 if source == "rd" else 0}
            immediate = insn.operands[-1]
            fields[immediate.fields[0]] = immediate.to_field(number)
            ours += insn.encode(
                **{name: fields[name] for name in fields if name in insn.format.fields}
            ).to_bytes(4, "little")
    assert len(lines) > 4000 and ours == theirs


# CSRs that binutils 2.40 does not name; LLVM 22 gives them these numbers
NEWER_CSRS = {
    "ssp": 0x011, "jvt": 0x017, "scountinhibit": 0x120, "sctrctl": 0x14E, "sctrstatus": 0x14F, "sctrdepth": 0x15F,
    "vsctrctl": 0x24E, "mctrctl": 0x34E, "mnscratch": 0x740, "mnepc": 0x741, "mncause": 0x742, "mnstatus": 0x744,
    "srmcfg": 0x181, "mcyclecfg": 0x321, "minstretcfg": 0x322,
    "sireg2": 0x152, "sireg3": 0x153, "sireg4": 0x155, "sireg5": 0x156, "sireg6": 0x157,
    "vsireg2": 0x252, "vsireg3": 0x253, "vsireg4": 0x255, "vsireg5": 0x256, "vsireg6": 0x257,
    "mireg2": 0x352, "mireg3": 0x353, "mireg4": 0x355, "mireg5": 0x356, "mireg6": 0x357,
}  # fmt: skip


def test_gnu_as_gives_each_csr_the_same_number(tmp_path: Path) -> None:
    known = [name for name in CSRS if name not in NEWER_CSRS]
    text = "".join(f"csrr a0, {name}\n" for name in known)
    theirs = section_bytes(gnu_assemble(tmp_path, text, march=f"{ALL}_zkr_smaia_smstateen_sscofpmf_sstc_v"))
    numbers = [int.from_bytes(theirs[at : at + 4], "little") >> 20 for at in range(0, len(theirs), 4)]
    assert dict(zip(known, numbers, strict=True)) == {name: CSRS[name] for name in known}
    assert len(known) > 430 and {name: CSRS[name] for name in NEWER_CSRS} == NEWER_CSRS


# --- engines against qemu ---

CORNERS = [
    0,
    1,
    -1,
    2,
    31,
    63,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
    1 << 32,
    (1 << 63) - 1,
    1 << 63,
    0x123456789ABCDEF,
    -7,
]
NATIVE = Thresholds(ask=2, trace=4, hot=20, missed=4, first=0, price=0, cold=1, piece=20_000)
PAIRS = [(a, b) for a in CORNERS for b in CORNERS]
SCRATCH = 8  # bytes below sp that atomics work on


def body() -> tuple[str, int]:
    """Assembly that does every computing instruction on a1 and a2, storing results at s1; and how many there are."""
    lines: list[str] = []
    for insn in INSNS.values():
        lines += list(cases(insn))
    stores = 0
    numbered = []
    for line in lines:
        if line == "store":
            line, stores = f"sd a0, {8 * stores - 2048}(s1)", stores + 1
        numbered.append(line)
    return "\n".join([*numbered, "ret"]), stores


def cases(insn: Insn) -> Iterator[str]:
    kind, name = class_of(insn), insn.name
    if name.startswith(("lr.", "sc.", "auipc")) or insn.length == 2 or insn.ext in NEWER_ROWS:
        return
    if name == "ctzw":  # qemu 7.2 counts on into the upper half; tests/unit/engines/test_corners.py has it
        return
    if insn.syntax == "rd, rs1":
        yield from (f"{name} a0, a1", "store")
        return
    if insn.syntax in ("rd, rs1, rnum", "rd, rs1, rs2, bs"):
        for value in (0, 1, 3) if "bs" in insn.syntax else (0, 7, 10):
            yield from (f"{name} a0, a1, {'a2, ' * ('bs' in insn.syntax)}{value}", "store")
        return
    if insn.syntax == "rd, rs1, rs2":
        yield from (f"{name} a0, a1, a2", "store")
    elif kind == "branch":
        yield from ("li a0, 1", f"{name} a1, a2, 1f", "li a0, 0", "1:", "store")
    elif kind == "atomic":
        yield from ("sd a1, -8(sp)", f"{name} a0, a2, (t0)", "store", "ld a0, -8(sp)", "store")
    elif kind == "load" and insn.syntax.startswith("rd"):
        yield from ("sd a1, -8(sp)", f"{name} a0, -8(sp)", "store")
    elif kind == "alu" and insn.syntax.startswith("rd, rs1"):
        field = insn.format.fields[insn.operands[2].fields[0]]
        for value in (field.low, field.high, field.high // 2, 1):
            yield from (f"{name} a0, a1, {value}", "store")


def program(work: str, stores: int) -> str:
    pairs = "\n".join(f".dword {a}, {b}" for a, b in PAIRS)
    return f"""
    .globl _start
    _start: la s0, pairs; la s1, out + 2048; li s2, {len(PAIRS)}; addi t0, sp, -8
    again:  ld a1, 0(s0); ld a2, 8(s0); call body
            addi s0, s0, 16; addi s1, s1, {8 * stores // 2}; addi s1, s1, {8 * stores - 8 * stores // 2}
            addi s2, s2, -1; bnez s2, again
            la s1, out; li s2, {8 * stores * len(PAIRS)}
    write:  li a0, 1; mv a1, s1; mv a2, s2; li a7, 64; ecall
            add s1, s1, a0; sub s2, s2, a0; bgtz s2, write
            li a0, 0; li a7, 93; ecall
    .section .body, "ax"
    body:
    {work}
    .data
    .balign 8
    pairs: {pairs}
    .bss
    .balign 8
    out: .zero {8 * stores * len(PAIRS)}
    """


@pytest.fixture(scope="module")
def qemu_results(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, int, bytes]:
    """(the code of the body, results a pair, what qemu computed for all pairs)."""
    require_oracle(GNU_AS, GNU_LD, QEMU)
    folder = tmp_path_factory.mktemp("qemu")
    work, stores = body()
    assert 100 < stores <= 512
    compiled = gnu_assemble(folder, program(work, stores), "program", march=f"{MARCH}_{SCALAR}")
    subprocess.run([GNU_LD, "-o", str(folder / "program"), str(compiled)], check=True, capture_output=True)
    computed = subprocess.run(
        [QEMU, "-cpu", f"rv64,{QEMU_HAS}", str(folder / "program")],
        capture_output=True,
        check=True,
        timeout=60,
    ).stdout
    assert len(computed) == 8 * stores * len(PAIRS)
    return section_bytes(compiled, ".body"), stores, computed


@pytest.mark.parametrize("way", ["single", "trace", "walk", "llvm"])
def test_qemu_computes_the_same(qemu_results: tuple[bytes, int, bytes], way: str) -> None:
    text, stores, computed = qemu_results
    machine = Machine(text)
    engine: Engine
    if way == "llvm":
        engine = LlvmEngine(machine.memory, translator=Translator(folder=None), thresholds=NATIVE)
    elif way == "walk":
        engine = WalkEngine(machine.memory)
    else:
        engine = ReferenceEngine(machine.memory, hot=1 if way == "trace" else 1 << 30)
    x = machine.hart.x
    for index, (a, b) in enumerate(PAIRS):
        machine.hart.pc = CODE
        x[1], x[2], x[5], x[9] = 0, DATA + 0x3000, DATA + 0x3000 - SCRATCH, DATA + 2048
        x[11], x[12] = a & (1 << 64) - 1, b & (1 << 64) - 1
        trap = engine.run(machine.hart, 100_000)
        assert trap is not None and (trap.cause, trap.tval) == (Cause.INSTRUCTION_PAGE_FAULT, 0)
        expected = computed[8 * stores * index : 8 * stores * (index + 1)]
        assert machine.data()[: 8 * stores].hex(" ", 8) == expected.hex(" ", 8), (a, b)
    if isinstance(engine, LlvmEngine):
        assert engine.native_entries > len(PAIRS)


ABSENT = "rv64gcv_zbc_zbkb_zbkx_zknd_zkne_zknh_zksed_zksh_zfh_zicbom_zicboz_zawrs_svinval_q_h"
NEWER = (
    "Zvbb",
    "Zvkb",
    "Zvbc",
    "Zfa",
    "Zacas",
    "Zabha",
    "Zicfiss",
    "Zimop",
    "Zfbfmin",
    "Zcb",
    "Zcmop",
)  # than 2.40


def test_instructions_of_other_extensions_have_the_names_of_objdump(tmp_path: Path) -> None:
    """Random words of the opcodes that these extensions use. GNU's names of reserved forms are left out."""
    chance = random.Random("absent")
    words = []
    for opcode in (0x57, 0x57, 0x57, 0x07, 0x27, 0x53, 0x33, 0x13, 0x3B, 0x73, 0x0F):
        words += [chance.getrandbits(25) << 7 | opcode for _ in range(4000)]
    words += [
        insn.match | chance.getrandbits(32) & ~insn.mask & 0xFFFFFFFF
        for insns in ENCODED.values()
        for insn in insns
        if insn.length == 4 and not insn.ext.startswith("RV32")
    ]
    lines = "".join(f".4byte {word:#x}\n" for word in words)
    source, output = tmp_path / "w.s", tmp_path / "w.o"
    require_oracle(GNU_AS, OBJDUMP)
    source.write_text(f'.attribute arch, "{ABSENT}"\n{lines}')
    subprocess.run([GNU_AS, f"-march={ABSENT}", str(source), "-o", str(output)], check=True)
    listing = subprocess.run(
        [OBJDUMP, "-D", "-M", "no-aliases", "-j", ".text", str(output)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    compared = 0
    for at, _, name in re.findall(r"^ *([0-9a-f]+):\t(\S+)\s*\t(\S+)", listing, re.M):
        word = words[int(at, 16) // 4]
        found = absent_instruction(word)
        if decode(word) is not None or found is None or found[1] in NEWER:
            continue
        if name.startswith("."):
            continue
        assert found[0] == name, f"{word:#010x}: {found}"
        compared += 1
    assert compared > 5000
