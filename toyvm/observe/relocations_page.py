"""Prints the reference page of the relocations from their table.

`python -m toyvm.observe.relocations_page > docs/reference/relocations.md`. A test checks that the
page is current.
"""

from __future__ import annotations

from ..relocations import MODIFIERS, RELOCATIONS, Need, Reloc, Tool


def reference_page() -> str:
    """The text of docs/reference/relocations.md."""
    lines = [
        "# Relocations",
        "",
        "Generated from `toyvm/relocations.py`. The letters are the psABI's: S symbol, A addend, P place,",
        "V value already there, B load base, G offset of the GOT entry, GP global pointer. A value outside",
        "the range is an error; without a range it is truncated to the field. *Needs* lists what must exist,",
        "or may have to be made. *With* names the types of the high part of a low part, or of the first half",
        "of a difference. `toyvm ld` and the loader refuse a type that no tool applies.",
        "",
        "| number | name | value | field | range | needs | with | applied by | meaning |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [_line(row) for row in RELOCATIONS.values()]
    lines += ["", "## Modifiers", "", "| modifier | operand | relocation |", "|---|---|---|"]
    lines += [
        f"| {f'`{modifier}`' if modifier else '(bare symbol)'} | {kind} | {RELOCATIONS[type].name} |"
        for (modifier, kind), type in MODIFIERS.items()
    ]
    return "\n".join(lines) + "\n"


def _line(row: Reloc) -> str:
    field = row.field
    limits = f"{field.low} .. {field.high}" if field.low <= field.high else ""
    limits += f", multiple of {field.alignment}" if field.alignment > 1 else ""
    meaning = f"`{row.operator}`: {row.meaning}" if row.operator else row.meaning
    cells = (
        str(int(row.type)),
        row.name,
        f"`{row.formula.value}`" if row.formula.value else "",
        field.name,
        limits,
        ", ".join(need.value for need in Need if need in row.needs),
        " ".join(type.name for type in row.partners),
        ", ".join(tool.value for tool in Tool if tool in row.by),
        meaning,
    )
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    print(reference_page(), end="")
