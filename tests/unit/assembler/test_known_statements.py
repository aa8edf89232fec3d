"""What is kept about statements changes their speed only: each text here gives the object that the parser alone gives."""

from __future__ import annotations

import random

import pytest

from toyvm.assembler import statement_loop
from toyvm.assembler.assemble import assemble_texts
from toyvm.assembler.assembler_options import AssemblerOptions
from toyvm.assembler.known.known_statements import KnownStatements
from toyvm.assembler.known.statement_runs import StatementRuns
from toyvm.assembler.layout import section_layout
from toyvm.base.errors import ToyvmError
from toyvm.isa.pseudo import PSEUDOS
from toyvm.isa.table import INSNS

_REGISTERS = ("zero", "ra", "sp", "t0", "s0", "a0", "a5", "s2", "x9", "fp", "fa0", "ft8", "f9")
_NUMBERS = (
    "0",
    "1",
    "-1",
    "4",
    "8",
    "31",
    "32",
    "63",
    "-32",
    "255",
    "248",
    "504",
    "-2048",
    "2047",
    "2048",
    "70000",
)
_SYMBOLS = ("x", "y", ".L1", "s1", "number", "far", "rne", "1f")


def outcome(text: str, options: AssemblerOptions) -> object:
    """The bytes of the object and the warnings, or the messages."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statement_loop, "MANY_LINES", 0)
        try:
            made = assemble_texts([(text, "t.s")], "t.o", options)
        except ToyvmError as error:
            return str(error)
    return made.output.file(), made.warnings, made.errors


def with_parser_only(text: str, options: AssemblerOptions) -> object:
    """The same without known statements and arrays."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(KnownStatements, "assemble", lambda self, line: False)
        patch.setattr(StatementRuns, "run", lambda self, lines, at, base: at)
        patch.setattr(KnownStatements, "learn", lambda self, line, before: None)
        patch.setattr(section_layout, "MANY_PARTS", 1 << 60)
        return outcome(text, options)


def operand(chance: random.Random) -> str:
    kind = chance.randrange(12)
    number, register, symbol = chance.choice(_NUMBERS), chance.choice(_REGISTERS), chance.choice(_SYMBOLS)
    if kind < 5:
        return register
    if kind < 7:
        return number
    return (f"{number}({register})", f"({register})", symbol, f"%lo({symbol})", f"%lo({symbol})({register})")[
        kind - 7
    ]


def fitting(chance: random.Random, kind: str) -> str:
    """An operand of a kind, with any of the registers, numbers and symbols above."""
    number, symbol = chance.choice(_NUMBERS), chance.choice(_SYMBOLS)
    if kind.startswith(("rd", "rs", "temp")):
        return chance.choice(_REGISTERS[:10])
    if kind.startswith("fr"):
        return chance.choice(_REGISTERS[10:])
    if kind.endswith("_mem"):
        return chance.choice((f"{number}({chance.choice(_REGISTERS[:10])})", f"%lo({symbol})(a0)"))
    return symbol if kind in ("branch", "jump", "symbol") else number


def statements(chance: random.Random, count: int) -> list[str]:
    """Statements right and wrong, each more than once."""
    forms = [(name, insn.syntax.split(", ")) for name, insn in INSNS.items()]
    forms += [(name, pseudo.operands) for name, entries in PSEUDOS.items() for pseudo in entries]
    out = []
    for _ in range(count):
        name, kinds = chance.choice(forms)
        operands = [
            fitting(chance, kind) if chance.random() < 0.9 else operand(chance) for kind in kinds if kind
        ]
        out += [f"\t{name}\t{','.join(operands)}".rstrip()] * 2
        if operands and operands[-1] in _SYMBOLS:
            out.append(f"\t{name}\t{','.join([*operands[:-1], chance.choice(_SYMBOLS)])}")
    return out


HEAD = "\t.set number, 8\n.text\nx:\n.L1:\n"
TAIL = "1:\ny:\n.data\n\t.8byte x+4\n\t.8byte number\n\t.half .L1-y\n\t.word x-1b\n\t.byte 1,0x2\n\t.byte 1,0x2\n"
OPTIONS = (
    AssemblerOptions(),
    AssemblerOptions(relax=False),
    AssemblerOptions(march="rv64imafd_zicsr"),
    AssemblerOptions(march="rv64gcv_zba_zbb_zfh"),
    AssemblerOptions(march="rv32gc"),
    AssemblerOptions(debug_lines=True, pic=True),
)


@pytest.mark.parametrize(
    "options", OPTIONS, ids=lambda options: f"{options.march}{options.debug_lines}{options.relax}"
)
def test_statements_one_by_one(options: AssemblerOptions) -> None:
    """Each statement alone, twice: an object or a message."""
    chance = random.Random(str(options.march) + str(options.relax))
    for lines in (statements(chance, 1) for _ in range(120)):
        text = HEAD + "\n".join(lines) + "\n" + TAIL
        assert outcome(text, options) == with_parser_only(text, options), text


@pytest.mark.parametrize("options", OPTIONS[:3], ids=lambda options: options.march + str(options.relax))
def test_statements_together(options: AssemblerOptions) -> None:
    """Those that assemble, in one text, with rows of a line table between them and modes that change."""
    chance = random.Random(5)
    good = []
    for line in statements(chance, 200):
        if isinstance(outcome(HEAD + line + "\n" + TAIL, options), tuple):
            good.append(line)
    changes = (
        "\t.loc 1 5 3", "\t.loc 1 6 2 is_stmt 0", "\t.option norvc", "\t.option rvc", "\t.option norelax",
        "\t.option relax", "\t.set number, 4", "\t.section .text.f,\"ax\"", "\t.text", "\t.align 3",
        "\t.macro addi a,b,c\n\tnop\n\t.endm", "\t.purgem addi", "\t.option push", "\t.option pic", "\t.option pop",
    )  # fmt: skip
    assert len(good) > 50
    for seed in range(3):
        chance = random.Random(seed)
        lines = []
        for line in chance.choices(good, k=500):
            lines += [line, chance.choice(changes)] if chance.random() < 0.1 else [line]
        text = HEAD + '\t.file 1 "t.c"\n' + "\n".join(lines) + "\n" + TAIL
        assert outcome(text, options) == with_parser_only(text, options)


def test_names_that_change_their_meaning() -> None:
    """A macro, a number, a weak reference and a register of the same name as something known."""
    for change in (
        "\t.macro call f\n\tnop\n\t.endm", "\t.set x, 3", "\t.weakref x, z", "\tx == 5", "\t.option norelax",
        "\t.option arch, -c",
    ):  # fmt: skip
        lines = ["\tcall\tx", "\tld\ta0,8(a1)", "\tlla\ta0,x", "\tj\tx", "\t.8byte\tx"]
        text = "\n".join(
            [*lines * 2, ".data", *lines[-1:] * 2, ".text", change, *lines * 2, ".data", *lines[-1:] * 2, ""]
        )
        assert outcome(text, OPTIONS[0]) == with_parser_only(text, OPTIONS[0]), change


@pytest.mark.parametrize("seed", range(3))
def test_branches_of_a_long_section(seed: int) -> None:
    """Arrays give the sizes that computing part by part gives; some distances are near a limit of reach."""
    chance = random.Random(seed)
    lines, count = [], 3000
    for number in range(count):
        near = chance.choice((3, 40, 100, 700))
        to = max(0, min(count - 1, number + chance.randint(-near, near)))
        branch = chance.choice(("beqz\ta0,", "bne\ta0,a1,", "j\t", "bltu\ts5,a1,", "jal\t", "beqz\ts9,"))
        target = f".L{to}" if chance.random() < 0.97 else "elsewhere"
        lines += [
            f".L{number}:",
            f"\t{branch}{target}",
            "\tcall\tf" if chance.random() < 0.1 else "\tmv\ta1,a2",
        ]
    text = "\n".join([*lines, ""])
    assert outcome(text, OPTIONS[seed % 2]) == with_parser_only(text, OPTIONS[seed % 2])
