"""Our objects against GNU as 2.40: headers, sections, bytes, relocations, symbols, attributes, with and without relaxation.

What is meant to differ is in `EXPECTED` and in docs/design/assembler.md, with the reason.
"""

from __future__ import annotations

import itertools
import random
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.oracles import GCC, GNU_AS, READELF, require_oracle
from toyvm.assembler.assemble import assemble_text
from toyvm.assembler.assembler_options import AssemblerOptions
from toyvm.assembler.enabled_rows import enabled_rows
from toyvm.cli import as_
from toyvm.elf.architecture.isa_strings import Arch
from toyvm.elf.object_writer import write_object
from toyvm.isa.compressed import COMPRESSED
from toyvm.isa.pseudo import PSEUDOS
from toyvm.isa.table import INSNS, ORDERINGS

pytestmark = pytest.mark.oracle
ROOT = Path(__file__).resolve().parents[2]
ARCH = "rv64imafd_zicsr_zifencei_zihintpause"
SOURCES = (
    sorted((ROOT / "asm").rglob("*.s"))
    + sorted((ROOT / "libs").rglob("*.s"))
    + sorted((ROOT / "tests/guest").rglob("*.s"))
)
CASES = sorted((ROOT / "tests/oracle/assembler").glob("*.s"))
PROGRAMS = sorted((ROOT / "tests/c").glob("*.c"))

# Operands to try for every kind; the longest list of an instruction decides how often it is written.
OPERANDS: dict[str, list[str]] = {
    "rd": ["a0", "t6", "x8", "fp"],
    "rs1": ["a1", "x31", "zero"],
    "rs2": ["a2", "s11"],
    "temp": ["t1", "t2"],
    "frd": ["fa0", "ft11", "f8"],
    "frs1": ["fs0", "f31"],
    "frs2": ["ft0", "fa7"],
    "frs3": ["fs11", "f1"],
    "rm": ["rne", "rtz", "rdn", "rup", "rmm", "dyn"],
    "imm12": ["-2048", "2047", "%lo(sym)", "%lo(sym+4)", "0xfffffffffffff800"],
    "imm20": [
        "1",
        "0xfffff",
        "%hi(sym)",
        "%hi(sym+0x12345)",
        "%pcrel_hi(sym)",
        "%got_pcrel_hi(sym)",
        "%tprel_hi(tl)",
        "%tls_ie_pcrel_hi(tl)",
        "%tls_gd_pcrel_hi(tl)",
        "%hi(0x12345678)",
    ],
    "uimm5": ["0", "31"],
    "uimm6": ["1", "63"],
    "load_mem": ["-2048(a3)", "0(sp)", "%lo(sym)(a4)", "%tprel_lo(tl)(a5)", "%pcrel_lo(hi0)(a5)"],
    "store_mem": ["2047(a3)", "(sp)", "%lo(sym)(a4)", "%tprel_lo(tl+4)(a5)", "%pcrel_lo(hi0)(a5)"],
    "amo_mem": ["(a0)", "0(a1)"],
    "branch": ["near", "undef", "1f", "near+8", "far", "16"],
    "jump": ["near", "undef", "1b", "far", "a0"],
    "csr": ["mstatus", "0x7c0", "cycle"],
    "zimm5": ["0", "31"],
    "fence_pred": ["rw", "iorw", "i"],
    "fence_succ": ["w", "r", "o"],
    "symbol": ["sym", "near", "sym+12", "a0", "0x12345678"],
    "thread_local": ["tl", "tl2", "tl2+4"],
    "constant": [
        "0",
        "-1",
        "2047",
        "-2048",
        "2048",
        "0x12345678",
        "0x7fffffff",
        "0x80000000",
        "-0x80000000",
        "0xffffffff",
        "0x123456789abcdef0",
        "0x8000000000000000",
        "0xffffffff00000000",
        "1<<40",
        "0x7ffff800",
        "0xfffffffffffff800",
        "'a'",
        "0x1000",
        "0xfffff000",
    ],
    "tprel_add": ["%tprel_add(tl)"],
}
COMPRESSED_OPERANDS: dict[str, list[str]] = OPERANDS | {
    "rd": ["a0", "s0", "s1", "a5"],
    "rs1": ["a1", "a4"],
    "rs2": ["a2", "s1"],
    "frd": ["fa0", "fs1"],
    "frs2": ["fa2", "fs0"],
    "imm6": ["-32", "31", "1"],
    "imm10": ["-512", "496", "16"],
    "uimm10": ["4", "1020"],
    "uimm6": ["1", "63"],
    "lui6": ["1", "31", "0xfffe0", "0xfffff"],
    "sp": ["sp"],
    "load_mem": ["0(a3)", "64(s0)", "(a4)"],
    "store_mem": ["0(a3)", "64(s0)", "(a4)"],
    "load_sp": ["0(sp)", "64(sp)"],
    "store_sp": ["0(sp)", "64(sp)", "(sp)"],
}


def written(kinds: tuple[str, ...], examples: dict[str, list[str]] = OPERANDS) -> Iterator[str]:
    """Operand lists that show every example of every kind once."""
    for index in range(max((len(examples[kind]) for kind in kinds), default=1)):
        yield ", ".join(examples[kind][min(index, len(examples[kind]) - 1)] for kind in kinds)


def every_instruction(march: str = ARCH) -> str:
    """A text with every row of the table and every pseudo-instruction that an architecture has, and C."""
    enabled = enabled_rows(Arch.parse(march)) | {"C", "Zcd"}
    lines = [".text", "hi0: auipc a0, %pcrel_hi(sym)", "1: near: nop"]
    for name, row in INSNS.items():
        if row.ext not in enabled:
            continue
        names = [name, *(name + suffix for suffix in ORDERINGS)] if "aq" in row.format.fields else [name]
        kinds = tuple(operand.kind for operand in row.operands)
        if row.length == 2:
            each = written(kinds, COMPRESSED_OPERANDS)
            lines += [
                ".option push; .option rvc",
                *(f"\t{name}\t{operands}" for operands in each),
                ".option pop",
            ]
            continue
        if kinds and kinds[-1] == "rm":
            lines += [f"\t{name}\t{operands}" for operands in written(kinds[:-1])]
        lines += [f"\t{each}\t{operands}" for each in names for operands in written(kinds)]
    for name, pseudos in PSEUDOS.items():
        for pseudo in pseudos:
            newer = name == "lga" or "tlsdesc_call" in pseudo.operands  # than binutils 2.40
            if newer or pseudo.ext not in enabled or name.startswith("c."):  # short_hints.s has it
                continue
            lines.append(".option pic" if pseudo.when == "pic" else ".option nopic")
            thread_local = name.startswith("la.tls")
            kinds = ("rd", "thread_local") if thread_local else pseudo.operands
            numbers = "symbol" not in kinds or name in ("la", "lla", "call", "tail", "jump")
            lines += [f"\t{name}\t{each}" for each in written(kinds) if numbers or "0x12345678" not in each]
    return "\n".join([*lines, "1: nop", ".skip 9000", "far: nop", ""])


def dump(path: Path) -> str:
    """What readelf says of an object, all of it, and the bytes of every section."""
    options = ["-hSsrAgW", "--wide"]
    text = subprocess.run([READELF, *options, path], capture_output=True, text=True, check=False)
    assert not text.stderr, text.stderr
    names = re.findall(r"^  \[ *\d+\] (\S+) ", text.stdout, re.MULTILINE)
    contents = subprocess.run(
        [READELF, *(f"-x{name}" for name in dict.fromkeys(names) if not name.startswith(".debug")), path],
        capture_output=True,
        text=True,
        check=False,
    )
    return text.stdout + contents.stdout


def strip_offsets(text: str) -> list[str]:
    return [re.sub(r"^(File|  Start of section headers).*", "", line) for line in text.splitlines()]


def compare(
    tmp_path: Path, source: str, name: str, relax: bool, march: str = ARCH, folder: Path | None = None
) -> None:
    """Assemble `source` with both and compare everything that readelf shows."""
    theirs, ours = tmp_path / "gnu.o", tmp_path / "toyvm.o"
    command = [
        GNU_AS,
        f"-march={march}",
        "-mabi=lp64d",
        "-misa-spec=20191213",
        "-mrelax" if relax else "-mno-relax",
    ]
    include = [f"-I{folder}"] if folder else []
    run = subprocess.run(
        [*command, *include, "-o", theirs, "-"], input=source, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    options = AssemblerOptions(march=march, relax=relax, include_dirs=(str(folder),) if folder else ())
    ours.write_bytes(write_object(assemble_text(source, name, options)))
    if ours.read_bytes() == theirs.read_bytes():
        return
    expected, found = strip_offsets(dump(theirs)), strip_offsets(dump(ours))
    assert found == expected


RELAX = pytest.mark.parametrize("relax", [True, False], ids=["relax", "norelax"])


@RELAX
def test_every_instruction(tmp_path: Path, relax: bool) -> None:
    require_oracle(GNU_AS, READELF)
    compare(tmp_path, every_instruction(), "rows.s", relax)
    march = ARCH + "_zba_zbb_zbs"
    compare(tmp_path, every_instruction(march), "rows.s", relax, march=march)


@RELAX
def test_every_instruction_compressed(tmp_path: Path, relax: bool) -> None:
    require_oracle(GNU_AS, READELF)
    compare(tmp_path, every_instruction(), "rows.s", relax, march=ARCH.replace("d_", "dc_"))


def compressible() -> str:
    """Every mnemonic that has a short form, with operands at both sides of each limit."""
    registers = ["a0", "s1", "t0", "sp", "zero", "ra"]
    numbers = [-512, -64, -33, -32, -1, 0, 1, 4, 16, 31, 32, 63, 252, 256, 496, 504, 512, 1020, 0x1F, 0xFFFE0]
    lines = ["1: near: nop"]
    for name, entries in COMPRESSED.items():
        older = [entry for entry in entries if INSNS[entry.lines[0].split()[0]].ext in ("C", "Zcd")]
        for kinds in dict.fromkeys(entry.operands for entry in older):
            choices = [_choices(kind, registers, numbers) for kind in kinds]
            for operands in itertools.product(*choices):
                if name in ("slli", "srli", "srai", "sll", "srl", "sra") and not 0 <= int(operands[2]) < 64:
                    continue
                if name == "lui" and int(operands[1]) < 0:
                    continue
                if name != "lui" and "1048544" in operands:
                    continue
                lines.append(f"\t{name}\t{', '.join(operands)}")
    return "\n".join([*lines, ".balign 8", "nop", ".skip 300", "mid: nop", ".skip 2500", "2: nop", ""])


def _choices(kind: str, registers: list[str], numbers: list[int]) -> list[str]:
    if kind in ("imm", "nzimm", "0"):
        return [str(number) for number in numbers]
    if kind in ("mem", "spmem"):
        bases = ["sp", "a0", "t0"]
        return [f"{number}({base})" for number in (0, 1, 4, 8, 124, 128, 252, 256, 504, -4) for base in bases]
    if kind == "label":
        return ["near", "2f", "mid", "undef"]
    return registers if kind != "freg" else ["fa0", "ft8", "fs1"]


@RELAX
def test_compression(tmp_path: Path, relax: bool) -> None:
    require_oracle(GNU_AS, READELF)
    compare(tmp_path, compressible(), "compressed.s", relax, march="rv64gc")


def random_branches(seed: int, count: int) -> str:
    """Branches of every kind at distances around their reach, with alignments and gaps between."""
    chance = random.Random(seed)
    lines = []
    for number in range(count):
        reach = chance.choice([12, 60, 70, 200, 1000])
        target = f"l{max(0, min(count - 1, number + chance.randint(-reach, reach)))}"
        forms = [
            f"beqz a0, {target}",
            f"bnez s1, {target}",
            f"beq a0, a1, {target}",
            f"bne t0, zero, {target}",
        ]
        forms += [f"j {target}", f"jal {target}", "addi a0, a0, 1", "addi t0, t1, 1000", "nop"]
        lines += [f"l{number}:", chance.choice(forms)]
        extra = chance.random()
        if extra < 0.02:
            lines.append(f".balign {chance.choice([4, 8, 16])}")
        elif extra < 0.03:
            lines.append(f".skip {2 * chance.randint(1, 60)}")
        elif extra < 0.035:
            lines.append(
                chance.choice(["call foo", "beqz a0, undef", "lui a0, %hi(x)", ".text 1", ".text 0"])
            )
    return "\n".join([*lines, ""])


@RELAX
@pytest.mark.parametrize(("seed", "count"), [(1, 60), (2, 300), (3, 300), (4, 2500)])
def test_branches_take_the_same_form(tmp_path: Path, seed: int, count: int, relax: bool) -> None:
    require_oracle(GNU_AS, READELF)
    compare(tmp_path, random_branches(seed, count), "branches.s", relax, march="rv64gc")


@RELAX
@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_constructs(tmp_path: Path, path: Path, relax: bool) -> None:
    require_oracle(GNU_AS, READELF)
    compare(tmp_path, path.read_text(), path.name, relax)


@RELAX
@pytest.mark.parametrize("path", SOURCES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_samples_and_libraries(tmp_path: Path, path: Path, relax: bool) -> None:
    require_oracle(GNU_AS, READELF)
    for march in (ARCH, "rv64gc"):
        compare(tmp_path, path.read_text(), path.name, relax, march=march, folder=path.parent)


@pytest.mark.parametrize(
    "flags",
    ["-O1", "-O2", "-O2 -fno-pic -ffunction-sections -funwind-tables -fexceptions"],
    ids=["O1", "O2", "O2-cfi"],
)
@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_compiler_output(tmp_path: Path, path: Path, flags: str) -> None:
    require_oracle(GNU_AS, READELF, GCC)
    command = [
        GCC,
        *flags.split(),
        "-march=rv64gc" if flags == "-O2" else "-march=rv64imafd",
        "-mabi=lp64d",
        f"-I{ROOT / 'libs/include'}",
        "-S",
        "-o",
        "-",
    ]
    text = subprocess.run([*command, path], capture_output=True, text=True, check=True).stdout
    for relax in (True, False):
        compare(tmp_path, text, path.name, relax, march="rv64gc" if flags == "-O2" else ARCH)


# -march -> instructions that it has
ARCHITECTURES = {
    "rv64im_zfinx_zdinx": """
fadd.s a0,a1,a2
fadd.s a0,a1,a2,rtz
fadd.d a0,a1,a2
fmadd.d a0,a1,a2,a3
fmadd.s a0,a1,a2,a3,rdn
fcvt.w.s a0,a1
fcvt.d.s a0,a1
fcvt.s.d a0,a1
fcvt.l.d a0,a1,rtz
fcvt.d.w a0,a1
feq.s a0,a1,a2
fclass.d a0,a1
fsgnj.s a0,a1,a2
fmv.s a0,a1
fneg.d a0,a1
fabs.s a0,a1
fgt.s a0,a1,a2
fge.d a0,a1,a2
fsqrt.s a0,a1
fmin.d a0,a1,a2
frcsr a0
fsrm a0
""",
    "rv64im_zhinx_zdinx": """
fadd.h a0,a1,a2
fcvt.h.s a0,a1
fcvt.d.h a0,a1
fcvt.h.w a0,a1
flt.h a0,a1,a2
""",
    "rv64gc_zba_zbb_zbc_zbs_zbkb_zbkc_zbkx_zk_zks_zicbom_zicboz_zicbop_zawrs_zfh": """
andn a0,a1,a2
clmul a0,a1,a2
rev8 a0,a1
fadd.h fa0,fa1,fa2
flh fa0, 4(a0)
flh fa0, foo, t0
fsh fa0, foo, t0
fmv.h fa0,fa1
fneg.h fa0,fa1
fgt.h a0,fa0,fa1
""",
    "rv64i_zbkb_zbkc_zbkx": """
andn a0,a1,a2
clmul a0,a1,a2
rol a0,a1,a2
ror a0,a1,3
rev8 a0,a1
""",
    "rv64gcv": """
nop
""",
    "rv64gc_h_svinval": """
hlv.b a0,(a1)
sinval.vma a0,a1
hfence.vvma
hfence.gvma
hfence.vvma a0
sfence.w.inval
wfi
""",
    "rv64gc_svnapot_smstateen_sscofpmf_sstc": """
nop
""",
}


@pytest.mark.parametrize("march", ARCHITECTURES)
def test_architectures(tmp_path: Path, march: str) -> None:
    """As a command, without -mabi: the calling convention follows from the architecture."""
    require_oracle(GNU_AS, READELF)
    source, theirs, ours = tmp_path / "a.s", tmp_path / "gnu.o", tmp_path / "toyvm.o"
    source.write_text(ARCHITECTURES[march])
    options = [f"-march={march}", "-misa-spec=20191213", str(source), "-o"]
    subprocess.run([GNU_AS, *options, theirs], check=True)
    assert as_.main([*options, str(ours)]) == 0
    assert strip_offsets(dump(ours)) == strip_offsets(dump(theirs))


# What we accept or write otherwise than GNU as, on purpose: text -> why
EXPECTED = {
    '.section .text.g,"axG",@progbits,grp,comdat\nnop': "section symbols of .group, and where the name of a group stands",
    '.data\n.dtprelword y+4\n.section .tdata,"awT"\ny: .word 1': "GNU as adds the addend twice",
    "jalr a0, (sp)": "GNU as leaves an undefined symbol `sp` behind",
}


@pytest.mark.parametrize("source", EXPECTED, ids=EXPECTED.values())
def test_differences_are_still_there(tmp_path: Path, source: str) -> None:
    require_oracle(GNU_AS, READELF)
    with pytest.raises(AssertionError):
        compare(tmp_path, source, "case.s", relax=True)
