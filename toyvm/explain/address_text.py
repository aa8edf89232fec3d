"""Explanations of sections and addresses as text, at most 100 columns wide."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from .address_explanations import AddressExplanation
from .section_values import InputSectionExplanation, OutputSectionExplanation

WIDTH = 100
_LABEL = 12
_PARTS_SHOWN = 40


def address_text(found: AddressExplanation) -> str:
    """The chain from the source line to the byte in the file."""
    lines = [f"{found.address:#x}" + (f"  {found.symbol}" if found.symbol else "")]
    if found.source or found.instruction:  # data has no lines
        lines += _labelled("source", found.source or "not known: no line information (as -g, gcc -g)")
    if found.instruction:
        lines += _labelled("instruction", f"{found.data.hex(' ')}  {found.instruction}")
    elif found.data:
        lines += _labelled("bytes", found.data.hex(" "))
    lines += _labelled(
        "object", found.object or "the file does not say; give the sources, or the link after --"
    )
    if found.archive:
        lines += _labelled("archive", found.archive)
    if found.place:
        lines += _labelled("input", found.place)
    if found.section:
        lines += _labelled("section", f"{found.section}+{found.section_offset:#x}")
    if found.segment:
        lines += _labelled("segment", f"{found.segment}, +{found.segment_offset:#x}")
    where = f"{found.file_offset:#x}" if found.file_offset >= 0 else "none: zeros that the kernel provides"
    lines += _labelled("file offset", where)
    lines += _labelled("page", f"{found.page:#x} (address >> 12), byte {found.address & 0xFFF:#x} in it")
    for line in found.relocations:
        lines += _labelled("relocation", line)
    return "\n".join(lines)


def input_section_text(found: InputSectionExplanation) -> str:
    """Why an input section is kept or gone, and where it is."""
    lines = [
        f"{found.object}:({found.name})  {_kind(found.type, found.flags)}, {found.size:#x} bytes, align {found.align}"
    ]
    lines += _labelled("object", found.takes_part)
    lines += _labelled("kept" if found.kept else "not linked", found.reason)
    for number, step in enumerate(found.chain):
        place = f"{step.object}:({step.section})"
        if not number:
            lines += _labelled("root", f"{place}: {step.why}")
        else:
            lines += _labelled("", f"which {step.why}, in {place}")
    if found.placement is not None:
        where = found.placement
        lines += _labelled("rule", where.rule)
        lines += _labelled("output", f"{where.output}+{where.offset:#x}, part {where.index}")
        lines += _labelled("address", where.arithmetic)
        if where.padding:
            lines += _labelled("padding", f"{where.padding} bytes before it")
        if where.size != found.size:
            lines += _labelled(
                "size", f"{where.size:#x}, {found.size - where.size} bytes less than in the object"
            )
        lines += _labelled("file offset", f"{where.file_offset:#x}")
    return "\n".join(lines)


def output_section_text(found: OutputSectionExplanation) -> str:
    """An output section with its parts."""
    lines = [
        f"{found.name}  {_kind(found.type, found.flags)}, {found.size:#x} bytes at {found.address:#x}, align {found.align}"
    ]
    lines += _labelled("order", found.rule)
    for number, line in enumerate(found.arithmetic):
        lines += _labelled("" if number else "address", line)
    if found.segment:
        lines += _labelled("segment", found.segment)
    lines += _labelled("file offset", f"{found.file_offset:#x}")
    for number, part in enumerate(found.parts[:_PARTS_SHOWN]):
        gap = (
            f"  (after {part.padding} byte{'s' if part.padding != 1 else ''} of padding)"
            if part.padding
            else ""
        )
        owner = f"{part.object}:({part.name})"
        lines += [f"  {'' if number else 'parts':<{_LABEL}}{part.address:#10x} {part.size:#8x}  {owner}{gap}"]
    if len(found.parts) > _PARTS_SHOWN:
        lines += _labelled("", f"and {len(found.parts) - _PARTS_SHOWN} more (--json has all)")
    for number, (owner, name, reason) in enumerate(found.absent[:_PARTS_SHOWN]):
        lines += _labelled("" if number else "not linked", f"{owner}:({name}): {reason}")
    return "\n".join(lines)


def _labelled(label: str, text: str) -> Iterator[str]:
    """`  label     text`, wrapped, with the lines below each other."""
    lead = " " * (_LABEL + 2)
    for index, line in enumerate(textwrap.wrap(text, WIDTH - len(lead), break_on_hyphens=False) or [""]):
        yield (f"  {label:<{_LABEL}}" if not index else lead) + line


def _kind(type: str, flags: str) -> str:
    """`PROGBITS AX`."""
    return f"{type} {flags}".rstrip()
