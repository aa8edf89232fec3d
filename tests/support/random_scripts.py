"""Random linker scripts, made of the constructs that GNU ld and we must understand alike (hypothesis)."""

from __future__ import annotations

from hypothesis import strategies as st

# Two objects with sections of all kinds; each name may be chosen by a pattern, or be an orphan.
OBJECTS = {
    "a": """
        .globl _start, first
        .text
_start: nop
        ret
first:  .word 7
        .section .text.one,"ax"
        .balign 16
        .word 1
        .section .rodata,"a"
        .balign 8
        .dword 5
        .section .rodata.s,"aMS",@progbits,1
        .string "one"
        .string "two"
        .data
        .globl value
value:  .word 1, 2, 3
        .section .data.x,"aw"
        .balign 32
        .byte 9
        .bss
        .globl room
room:   .skip 100
        .section extra,"aw"
        .word 4
        .section .ro_more,"a"
        .byte 1, 2, 3
        .section .code_more,"ax"
        .word 6
        .section .zero_more,"aw",@nobits
        .balign 16
        .skip 7
        .section .plain,"",@progbits
        .word 8
""",
    "b": """
        .globl second
        .text
second: .word 11
        .section .text.two,"ax"
        .word 2
        .section .rodata.s,"aMS",@progbits,1
        .string "two"
        .string "three"
        .section .rodata.b,"a"
        .balign 4
        .word 3
        .data
        .dword value
        .section .data.w,"aw"
        .hword 5
        .bss
        .balign 64
        .skip 20
        .section extra,"aw"
        .byte 1
        .section .code_more,"ax"
        .balign 8
        .word 1
""",
}

_NAMES = [
    ".text",
    ".rodata",
    ".data",
    ".bss",
    "extra",
    ".ro_more",
    ".code_more",
    ".zero_more",
    ".x",
    ".y",
    ".z",
]
_PATTERNS = [
    ".text", ".text.*", ".text*", ".rodata*", ".rodata", ".rodata.?", ".data", ".data.*", ".data*", ".bss", ".bss*",
    "extra", ".ro_more", ".code_more", ".zero_more", ".[a-d]*", "*_more", ".none",
]  # fmt: skip
_SYMBOLS = ["first", "second", "value", "room", "s0", "s1", "s2", "s3", "s4"]

numbers = st.sampled_from(["0", "1", "2", "3", "4", "8", "0x10", "0x100", "64", "010"])
powers = st.sampled_from(["1", "2", "4", "8", "16", "32", "64"])
names = st.sampled_from(_NAMES)


@st.composite
def expressions(draw: st.DrawFn, depth: int = 2) -> str:
    """An expression whose value is not too large, so that most scripts link."""
    kind = draw(st.integers(0, 12 if depth else 3))
    if kind <= 1:
        return draw(numbers)
    if kind == 2:
        return "."
    if kind == 3:
        return draw(st.sampled_from(_SYMBOLS))
    inner = expressions(depth - 1)
    if kind <= 6:
        op = draw(
            st.sampled_from(["+", "-", "*", "&", "|", "==", "<", ">", "!=", "&&", "||", "/", "%", "<<", ">>"])
        )
        right = draw(st.sampled_from(["1", "2", "3"])) if op in ("/", "%", "<<", ">>", "*") else draw(inner)
        return f"({draw(inner)} {op} {right})"
    if kind == 7:
        return f"{draw(st.sampled_from(['MAX', 'MIN']))}({draw(inner)}, {draw(inner)})"
    if kind == 8:
        return f"{draw(st.sampled_from(['ADDR', 'SIZEOF', 'LOADADDR', 'ALIGNOF']))}({draw(names)})"
    if kind == 9:
        return f"ALIGN({draw(powers)})"
    if kind == 10:
        return f"({draw(inner)} ? {draw(inner)} : {draw(inner)})"
    if kind == 11:
        return f"DEFINED({draw(st.sampled_from(_SYMBOLS))})"
    return f"{draw(st.sampled_from(['ABSOLUTE', '-', '~', '!']))}({draw(inner)})"


@st.composite
def assignments(draw: st.DrawFn) -> str:
    """An assignment to a symbol of the script."""
    form = draw(
        st.sampled_from(
            ["s0 = {};", "s1 = {};", "s2 = {};", "PROVIDE(s2 = {});", "PROVIDE(s3 = {});", "HIDDEN(s4 = {});"]
        )
    )
    return form.format(draw(expressions()))


@st.composite
def patterns(draw: st.DrawFn) -> str:
    """A description of input sections."""
    chosen = draw(st.lists(st.sampled_from(_PATTERNS), min_size=1, max_size=3))
    parts = []
    for pattern in chosen:
        form = draw(
            st.sampled_from(
                [
                    "{}",
                    "{}",
                    "{}",
                    "SORT({})",
                    "SORT_BY_ALIGNMENT({})",
                    "SORT_NONE({})",
                    "EXCLUDE_FILE(*b.o) {}",
                ]
            )
        )
        parts.append(form.format(pattern))
    file = draw(st.sampled_from(["*", "*", "*", "*a.o", "b.o"]))
    text = f"{file}({' '.join(parts)})"
    return f"KEEP({text})" if draw(st.integers(0, 5)) == 0 else text


@st.composite
def statements(draw: st.DrawFn) -> str:
    """A statement in an output section."""
    kind = draw(st.integers(0, 9))
    if kind <= 4:
        return draw(patterns())
    if kind == 5:
        return draw(assignments())
    if kind == 6:
        return f". = ALIGN({draw(powers)});"
    if kind == 7:
        return f". = . + {draw(numbers)};"
    if kind == 8:
        return f"{draw(st.sampled_from(['BYTE', 'SHORT', 'LONG', 'QUAD']))}({draw(expressions(1))})"
    return f"FILL({draw(numbers)})"


@st.composite
def output_sections(draw: st.DrawFn, name: str, regions: list[str]) -> str:
    """An output section."""
    kind = draw(st.sampled_from(["", "", "", "", "", "(NOLOAD)", "(INFO)", "(READONLY)"]))
    if name in (".bss", ".zero_more", ".data"):
        kind = ""  # what these names alone mean to GNU ld is no business of scripts
    address = draw(st.sampled_from(["", "", "", "", "ALIGN(64)", ". + 0x40"]))
    attributes = draw(
        st.sampled_from(
            ["", "", "", "", "AT(0x40000 + ADDR({}))", "ALIGN(32)", "SUBALIGN(16)", "AT(0x50000)"]
        )
    )
    body = " ".join(draw(st.lists(statements(), max_size=4)))
    region = draw(
        st.sampled_from(["", "", *(f">{r}" for r in regions), *(f">{r} AT>{regions[-1]}" for r in regions)])
    )
    fill = draw(st.sampled_from(["", "", "=0x90", "=0x01020304", "=0x0102"]))
    return f"{name} {address} {kind} : {attributes.format(name)} {{ {body} }} {region} {fill}"


@st.composite
def scripts(draw: st.DrawFn) -> str:
    """A whole script."""
    lines = []
    regions: list[str] = []
    if draw(st.integers(0, 2)) == 0:
        regions = ["ONE", "TWO"]
        lines.append(
            "MEMORY { ONE (rx) : ORIGIN = 0x10000, LENGTH = 0x1000 TWO (w) : ORIGIN = 0x80000, LENGTH = 8K }"
        )
    lines.append("ENTRY(_start)")
    lines.append("SECTIONS { . = 0x10000;")
    left = draw(st.permutations(_NAMES))
    for _ in range(draw(st.integers(1, 7))):
        kind = draw(st.integers(0, 9))
        if kind <= 6:
            lines.append(draw(output_sections(left.pop(), regions)))
        elif kind == 7:
            lines.append(draw(assignments()))
        elif kind == 8:
            lines.append(f". = ALIGN({draw(st.sampled_from(['0x10', '0x100', '0x1000']))});")
        else:
            lines.append(f"/DISCARD/ : {{ {draw(patterns())} }}")
    lines.append("}")
    return "\n".join(lines)
