"""The reference page of the relocations, written from their table.

`python -m toyvm.observe.relocations_page > docs/reference/relocations.md`; a test tells when that is due.
"""

from __future__ import annotations

from ..relocations import MODIFIERS, RELOCATIONS


def reference_page() -> str:
    """docs/reference/relocations.md, made of the table."""
    lines = [
        "# Relocations",
        "",
        "Generated from `toyvm/relocations.py`. The letters are the psABI's: S symbol, A addend, P place,",
        "V value already there, B load base, G offset of the GOT entry, GP global pointer. A value outside",
        "the range is an error; without a range it is truncated to the field. The dynamic loader applies the",
        "rows marked *loader*.",
        "",
        "| number | name | value | field | range | may need | loader | meaning |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in RELOCATIONS.values():
        field = row.field
        limits = f"{field.low} .. {field.high}" if field.low <= field.high else ""
        limits += f", multiple of {field.alignment}" if field.alignment > 1 else ""
        needs = " ".join(sorted(row.needs))
        formula = f"`{row.formula}`" if row.formula else ""
        cells = (
            int(row.type),
            row.name,
            formula,
            field.name,
            limits,
            needs,
            "yes" if row.loader else "",
            row.meaning,
        )
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    lines += ["", "## Modifiers", "", "| modifier | operand | relocation |", "|---|---|---|"]
    lines += [
        f"| {f'`{modifier}`' if modifier else '(bare symbol)'} | {kind} | {RELOCATIONS[type].name} |"
        for (modifier, kind), type in MODIFIERS.items()
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(reference_page(), end="")
