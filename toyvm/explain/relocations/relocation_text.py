"""An explanation of a relocation as text, at most 100 columns wide."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from ..values import Application, LoaderPart, RelocationExplanation
from .field_drawing import drawing, legend

WIDTH = 100
_LABEL = 12


def relocation_text(found: RelocationExplanation) -> str:
    """Everything about one relocation, in paragraphs that begin with a label."""
    lines = [_title(found), f"  {found.name}: {found.meaning}"]
    lines += _labelled("rule", found.rule)
    if found.definition:
        lines += _labelled("symbol", f"{found.symbol.strip() or '(none)'}: {found.definition}")
    if found.applied is not None:
        lines += _assembled(found)
        lines += _relaxation(found)
        lines += _arithmetic(found.applied)
    else:
        lines += _assembled(found)
        lines += _relaxation(found)
        lines += _labelled("result", found.reason)
    for part in found.loader:
        lines += _labelled("loader", loader_text(part))
    return "\n".join(lines)


def relocation_line(found: RelocationExplanation) -> str:
    """One relocation in one line: place, type, symbol, value, what became of it."""
    place = f"{found.section}+{found.offset:#x}"
    what = found.fate if found.applied is None else f"{found.applied.formula} = {number(found.applied.value)}"
    if found.applied is not None and len(what) > 42:
        what = f"{found.applied.formula} = {found.applied.value:#x}"
    line = f"{place:<18} {found.name.removeprefix('R_RISCV_'):<14} {symbol_text(found):<24} {what}".rstrip()
    outcome, form = found.relaxation.outcome, found.relaxation.form
    if outcome in ("", "kept"):
        return line
    longer = f"{line}  ({outcome}: {form})" if form else ""
    return longer if longer and len(longer) <= WIDTH else f"{line}  ({outcome})"


def symbol_text(found: RelocationExplanation) -> str:
    """`puts+0x4`."""
    sign = "-" if found.addend < 0 else "+"
    return found.symbol.strip() + (f"{sign}{abs(found.addend):#x}" if found.addend else "")


def loader_text(part: LoaderPart) -> str:
    """`R_RISCV_JUMP_SLOT at 0x12018 in .got.plt: the loader looks puts up at its first call ...`."""
    return f"{part.name} at {part.place:#x} in {part.section}: the loader {part.what}"


def number(value: int) -> str:
    """A number in hexadecimal, and in decimal if that tells more."""
    text = f"{value:#x}"
    return text if 0 <= value < 10 else f"{text} ({value})"


def _title(found: RelocationExplanation) -> str:
    place = f"{found.object}:({found.section}+{found.offset:#x})"
    where = ", ".join(part for part in (found.function and f"in {found.function}", found.source) if part)
    title = f"{place}  {found.name.removeprefix('R_RISCV_')}  {symbol_text(found)}"
    return (
        f"{title}    {where}"
        if where and len(title) + len(where) < WIDTH - 4
        else "\n".join([title, *([f"  {where}"] if where else [])])
    )


def _labelled(label: str, text: str) -> Iterator[str]:
    """`  label     text`, wrapped, with the lines below each other."""
    lead = " " * (_LABEL + 2)
    for index, line in enumerate(textwrap.wrap(text, WIDTH - len(lead), break_on_hyphens=False) or [""]):
        yield (f"  {label:<{_LABEL}}" if not index else lead) + line


def _bytes(unit: bytes, texts: tuple[str, ...]) -> str:
    digits = unit.hex(" ")
    return f"{digits}  {'; '.join(texts)}" if texts else digits


def _assembled(found: RelocationExplanation) -> Iterator[str]:
    if found.assembled:
        yield from _labelled("assembled", _bytes(found.assembled, found.assembled_text))


def _relaxation(found: RelocationExplanation) -> Iterator[str]:
    verdict = found.relaxation
    if not verdict.outcome:
        return
    form = f" to {verdict.form}" if verdict.outcome in ("shortened", "padded") else f" by {verdict.form}"
    what = verdict.outcome + (form if verdict.form else "")
    if verdict.saved:
        what += f", {verdict.saved} bytes less"
    if verdict.outcome != "kept" and found.applied is not None and found.applied.type != found.type:
        what += f"; now {found.applied.name}"
    yield from _labelled("relaxation", f"{what}: {verdict.reason}" if verdict.reason else what)


def _arithmetic(applied: Application) -> Iterator[str]:
    width = max((len(o.letter) for o in applied.operands), default=0)
    values = max((len(f"{o.value:#x}") for o in applied.operands), default=0)
    for operand in applied.operands:
        value = f"{operand.value:#x}"
        yield from _labelled(operand.letter, f"{value:>{max(values, width)}}  {operand.what}")
    numbers = " ".join(word if word in "+-" else _shown(applied, word) for word in applied.formula.split())
    yield from _labelled("value", f"v = {applied.formula} = {numbers} = {number(applied.value)}")
    yield from _field(applied)
    yield from _labelled("before", _bytes(applied.before, applied.before_text))
    if applied.replaced:
        yield from _labelled("replaced", applied.replaced)
    yield from _labelled("after", _bytes(applied.after, applied.after_text))
    yield from _labelled(
        "place", f"{applied.place:#x} in {applied.section}, at {applied.file_offset:#x} in the file"
    )


def _shown(applied: Application, letter: str) -> str:
    value = next((o.value for o in applied.operands if o.letter == letter), None)
    if value is None:
        return letter
    return f"{value:#x}" if value >= 0 else f"({value:#x})"


def _field(applied: Application) -> Iterator[str]:
    field = applied.field
    limits = f"takes {field.low:#x} to {field.high:#x}" if field.low <= field.high else "takes the bits alone"
    if field.alignment > 1:
        limits += f", multiples of {field.alignment}"
    size = f"{field.width} byte{'s' * (field.width > 1)}"
    yield from _labelled("field", f"{field.name}, {size}: {limits}")
    lines = drawing(applied)
    if lines and legend(field):
        yield from _labelled("", legend(field))
    for line in lines:
        yield " " * (_LABEL + 2) + line
