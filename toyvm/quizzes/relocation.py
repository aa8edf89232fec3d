"""Questions on relocations: from the relocations of an object to the bytes of the linked image."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random

from ..assembler import AssemblerOptions, assemble_text
from ..base.bits import sext
from ..base.record import Record
from ..elf.elf_file import ElfFile
from ..elf.object_file import ObjectFile
from ..linker.link import link
from ..linker.link_options import Input, LinkOptions
from ..relocation_fields import scatter
from ..relocations import RELOCATIONS, Field, Formula, R, Reloc
from .question import Block, Listing, Part, Question, Table, answer, paragraph, table

TITLE = "Relocation"
FUNCTIONS = ("draw", "parse", "sort", "copy", "hash", "next", "send", "fold")
DATA = ("table", "buffer", "count", "colours", "limit", "names", "points", "state")
_MASK = (1 << 64) - 1


class Site(Record):
    """One relocation, or two at one place: an addition and a subtraction.

    `before` and `after` are the unit at the place as a little-endian number of `width` bytes.
    `values` are the results of the formulas, signed.
    """

    section: str
    offset: int
    place: int
    rows: tuple[tuple[Reloc, str, int], ...]  # row of the table, symbol, addend
    width: int
    before: int
    after: int


def make(rng: Random, seed: int, number: int, level: int) -> Question:
    """Two objects; the relocations of the first, and the addresses that the linker has chosen."""
    function, datum = rng.choice(FUNCTIONS), rng.choice(DATA)
    first = _first_source(rng, function, datum, level)
    second = _second_source(rng, function, datum, 200 if level < 3 else 20)
    options = AssemblerOptions()
    objects = [assemble_text(text, name, options) for text, name in ((first, "a.s"), (second, "b.s"))]
    data_start = rng.randrange(0x20, 0x7000) << 12
    result = link(
        [Input(object=obj) for obj in objects], LinkOptions(static=True, section_starts={".data": data_start})
    )
    image = ElfFile.parse(result.image, "a.out")
    starts = {".text": result.symbols["text_of_a"], ".data": result.symbols["data_of_a"]}
    sites = [site for name in starts for site in _sites(objects[0], name, starts[name], image)]
    symbols = {name: result.symbols[name] for name in (function, datum)}
    table_symbols, array = objects[0].symbols.names, objects[0].symbols.array
    for site in sites:
        for _, name, _ in site.rows:
            if name not in symbols:
                index = table_symbols.index(name)
                section = objects[0].sections[int(array["st_shndx"][index])].name
                symbols[name] = starts[section] + int(array["st_value"][index])
    given: tuple[Block, ...] = (
        paragraph("The assembler has made a.o from this text:"),
        Listing(first),
        paragraph(
            f"a.o is linked with b.o, which defines {function} and {datum}, into an executable at fixed addresses, "
            "without relaxation. These are the relocations of a.o, and the bytes at their places before the link, as one "
            "little-endian number (S is the symbol's address, A the addend, P the place, V the number at the place):"
        ),
        _relocations_table(sites),
        paragraph("The linker has chosen these addresses:"),
        table(
            "what, address",
            [
                *((f"{name} of a.o", f"{at:#x}") for name, at in starts.items()),
                *((name, f"{at:#x}") for name, at in sorted(symbols.items(), key=lambda item: item[1])),
            ],
        ),
        paragraph(
            "For each place: which value do the relocations compute, and which number is there after the link?"
        ),
    )
    high: dict[int, int] = {}
    parts = tuple(_part(site, symbols, high) for site in sites)
    data = {
        "sources": [first, second],
        "data_start": data_start,
        "starts": starts,
        "symbols": symbols,
        "sites": [
            {
                "section": s.section,
                "offset": s.offset,
                "width": s.width,
                "relocations": [[row.name, name, addend] for row, name, addend in s.rows],
                "before": s.before,
                "after": s.after,
            }
            for s in sites
        ],
    }
    return Question("relocation", seed, number, level, TITLE, given, parts, data)


# --- the sources ---


def _first_source(rng: Random, function: str, datum: str, level: int) -> str:
    """a.s: some statements that need relocations, among others that do not."""
    chosen = rng.sample(_STATEMENTS[: 8 if level < 3 else 10], 1 + level)
    lines = [
        "        .option norelax",
        "        .option norvc",
        "        .globl  _start, text_of_a, data_of_a",
        "        .text",
        "text_of_a:",
        "_start: li      a7, 93",
    ]
    for count, statement in enumerate(chosen, 1):
        for _ in range(rng.randrange(3)):
            lines.append(
                f"        addi    t{rng.randrange(7)}, t{rng.randrange(7)}, {rng.randrange(-2048, 2048)}"
            )
        lines += statement(rng, function, datum, count)
    lines += ["        .data", "data_of_a:"]
    for _ in range(rng.randrange(1, 4)):
        lines.append(f"        .dword  {rng.randrange(1000)}")
    lines += rng.choice(_WORDS)(rng, function, datum)
    return "\n".join(lines) + "\n"


def _second_source(rng: Random, function: str, datum: str, room: int) -> str:
    """b.s: the symbols, after up to `room` instructions (a short branch reaches 256 bytes)."""
    return (
        f"        .option norelax\n        .globl  {function}, {datum}\n        .text\n        .space  {4 * rng.randrange(1, room)}\n"
        f"{function}: ret\n        .data\n        .space  {8 * rng.randrange(1, 1000)}\n{datum}: .dword 1\n"
    )


_Statement = Callable[[Random, str, str, int], list[str]]


def _register(rng: Random) -> str:
    return rng.choice(("a0", "a1", "a2", "a3", "a4", "a5", "s1", "s2", "t0", "t1"))


def _plus(rng: Random) -> str:
    return rng.choice(("", f"+{8 * rng.randrange(1, 100)}"))


def _near(rng: Random, function: str, datum: str, count: int) -> list[str]:
    one, target = _register(rng), f"{datum}{_plus(rng)}"
    return [
        f"near{count}:  auipc   {one}, %pcrel_hi({target})",
        f"        {rng.choice(('addi    {0}, {0}, %pcrel_lo({1})', 'ld      {0}, %pcrel_lo({1})({0})')).format(one, f'near{count}')}",
    ]


def _near_store(rng: Random, function: str, datum: str, count: int) -> list[str]:
    one, target = _register(rng), f"{datum}{_plus(rng)}"
    return [
        f"near{count}:  auipc   {one}, %pcrel_hi({target})",
        f"        {rng.choice(('sd', 'sw', 'sb'))}      a6, %pcrel_lo(near{count})({one})",
    ]


def _absolute(rng: Random, function: str, datum: str, count: int) -> list[str]:
    one, target = _register(rng), f"{datum}{_plus(rng)}"
    low = rng.choice(("addi    {0}, {0}, %lo({1})", "lw      {0}, %lo({1})({0})"))
    return [f"        lui     {one}, %hi({target})", f"        {low.format(one, target)}"]


def _absolute_store(rng: Random, function: str, datum: str, count: int) -> list[str]:
    one, target = _register(rng), f"{datum}{_plus(rng)}"
    return [f"        lui     {one}, %hi({target})", f"        sd      a6, %lo({target})({one})"]


def _call(rng: Random, function: str, datum: str, count: int) -> list[str]:
    return [f"        {rng.choice(('call', 'tail'))}    {function}"]


def _jump(rng: Random, function: str, datum: str, count: int) -> list[str]:
    return [f"        jal     {rng.choice(('ra', 'zero', 't0'))}, {function}"]


def _branch(rng: Random, function: str, datum: str, count: int) -> list[str]:
    # The assembler would write a longer sequence for a branch to another object's symbol.
    one, two, kind = rng.randrange(10, 16), rng.randrange(10, 16), rng.choice((0, 1, 4, 5, 6, 7))
    name = {0: "beq", 1: "bne", 4: "blt", 5: "bge", 6: "bltu", 7: "bgeu"}[kind]
    word = 0x63 | kind << 12 | one << 15 | two << 20
    return [
        f"        .reloc  ., R_RISCV_BRANCH, {function}",
        f"        .4byte  {word:#010x}              # {name} a{one - 10}, a{two - 10}, {function}",
    ]


def _short_jump(rng: Random, function: str, datum: str, count: int) -> list[str]:
    return [
        f"        .reloc  ., R_RISCV_RVC_JUMP, {function}",
        f"        .2byte  0xa001                  # c.j {function}",
        "        .2byte  0x0001                  # c.nop",
    ]


def _short_branch(rng: Random, function: str, datum: str, count: int) -> list[str]:
    one = rng.randrange(8)
    word = 0xC001 | one << 7
    name = f"s{one}" if one < 2 else f"a{one - 2}"
    return [
        f"        .reloc  ., R_RISCV_RVC_BRANCH, {function}",
        f"        .2byte  {word:#06x}                  # c.beqz {name}, {function}",
        "        .2byte  0x0001                  # c.nop",
    ]


def _call_and_jump(rng: Random, function: str, datum: str, count: int) -> list[str]:
    return [f"        call    {function}", f"        jal     ra, {function}"]


_STATEMENTS: list[_Statement] = [
    _near, _near_store, _absolute, _absolute_store, _call, _jump, _branch, _call_and_jump, _short_jump, _short_branch,
]  # fmt: skip
_WORDS: list[Callable[[Random, str, str], list[str]]] = [
    lambda rng, function, datum: [f"        .dword  {datum}{_plus(rng)}"],
    lambda rng, function, datum: [f"        .word   {function}{_plus(rng)}"],
    lambda rng, function, datum: [f"here:   .word   {function} - here"],
    lambda rng, function, datum: [
        f"here:   .word   {function} - here",
        f"        .dword  {datum}{_plus(rng)}",
    ],
]


# --- the places ---


def _sites(obj: ObjectFile, section_name: str, start: int, image: ElfFile) -> Iterator[Site]:
    """The places of one section, with the bytes before and after the link."""
    section = obj.section(section_name)
    assert section is not None
    by_offset: dict[int, list[tuple[Reloc, str, int]]] = {}
    for offset, kind, symbol, addend in section.relocs.tolist():
        by_offset.setdefault(offset, []).append((RELOCATIONS[R(kind)], obj.symbols.names[symbol], addend))
    for offset, rows in sorted(by_offset.items()):
        width = rows[0][0].field.width
        before = int.from_bytes(section.data[offset : offset + width], "little")
        after = int.from_bytes(image.at_address(start + offset, width), "little")
        yield Site(section_name, offset, start + offset, tuple(rows), width, before, after)


def _relocations_table(sites: Sequence[Site]) -> Table:
    return table(
        "place, type, formula, symbol, addend, before",
        [
            (
                f"{s.section}+{s.offset:#x}",
                row.name,
                row.formula.value,
                name,
                addend,
                f"{s.before:#0{2 + 2 * s.width}x}",
            )
            for s in sites
            for row, name, addend in s.rows
        ],
    )


def _part(site: Site, symbols: dict[str, int], high: dict[int, int]) -> Part:
    """The working of one place. `high` collects the values of high parts, by their addresses."""
    steps: list[Block] = [
        paragraph(f"P = {site.place - site.offset:#x} + {site.offset:#x} = {site.place:#x}.")
    ]
    unit = site.before
    value = 0
    for row, name, addend in site.rows:
        text, value = _value(row, name, symbols[name], addend, site.place, unit, high)
        steps.append(paragraph(text))
        if row.type in (R.PCREL_HI20,):
            high[site.place] = value
        unit = unit & ~row.field.mask | scatter(row.field, value)
    field = site.rows[0][0].field
    steps += _field_steps(field, value, site.before, unit)
    if unit != site.after:
        raise RuntimeError(f"{site}: the working says {unit:#x}, the linker {site.after:#x}")
    digits = 2 + 2 * site.width
    stored = site.after.to_bytes(site.width, "little").hex(" ")
    names = " and ".join(row.name for row, _, _ in site.rows)
    return Part(
        f"{names} at {site.section}+{site.offset:#x}: the value, and the {site.width} bytes after the link.",
        answer(f"The value is {_number(value)}; afterwards {site.after:#0{digits}x} (bytes {stored})."),
        tuple(steps),
    )


def _number(value: int) -> str:
    """A value in hexadecimal, and in decimal where that helps: a distance."""
    return f"{value:#x} = {value}" if value < 0 or 9 < value < 1 << 16 else f"{value:#x}"


def _value(row: Reloc, name: str, s: int, a: int, p: int, v: int, high: dict[int, int]) -> tuple[str, int]:
    """The formula's result, with its text. Signed, except for the numbers that are added to."""
    if row.formula is Formula.PC_LOW:
        whole = high[s]
        return (
            f"The symbol {name} = {s:#x} is the auipc, whose relocation has computed {_number(whole)}. This one takes the "
            "low 12 bits of the same value.",
            whole,
        )
    if row.formula is Formula.PC_RELATIVE:
        value = s + a - p
        return f"S + A - P = {s:#x} + {a} - {p:#x} = {_number(value)}.", value
    if row.formula is Formula.ABSOLUTE:
        return f"S + A = {s:#x} + {a} = {_number(s + a)}.", s + a
    sign = "+" if row.formula is Formula.ADD else "-"
    value = v + s + a if sign == "+" else v - s - a
    return f"{row.name}: V {sign} S {sign} A = {v:#x} {sign} {s:#x} {sign} {a} = {_number(value)}.", sext(
        value & _MASK, 64
    )


def _field_steps(field: Field, value: int, before: int, after: int) -> list[Block]:
    """How the value goes into the field."""
    if len(field.pieces) == 1 and field.pieces[0].at == 0 and field.pieces[0].low == 0:
        return [
            paragraph(
                f"The field is the whole unit of {field.width} bytes, modulo 2^{8 * field.width}: {after:#x}."
            )
        ]
    rows = []
    for piece in field.pieces:
        bits = piece.high - piece.low + 1
        source = f"value + {piece.bias:#x}" if piece.bias else "value"
        part = (value + piece.bias) >> piece.low & (1 << bits) - 1
        where = f"bits {piece.at + bits - 1} to {piece.at}" if bits > 1 else f"bit {piece.at}"
        which = f"bits {piece.high} to {piece.low}" if bits > 1 else f"bit {piece.low}"
        rows.append((f"{which} of {source}", f"{part:#x}", where))
    rounds = (
        " The high part is rounded by 0x800, because the low part is sign-extended."
        if any(piece.bias for piece in field.pieces)
        else ""
    )
    return [
        paragraph(f"The field is {field.name}.{rounds}"),
        table("part, number, goes to", rows),
        paragraph(f"{before:#x} with these bits is {after:#x}."),
    ]
