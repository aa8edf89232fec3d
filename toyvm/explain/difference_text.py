"""The differences of two files as text, at most 100 columns wide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .image_differences import Change, ImageDifference

WIDTH = 100
_SHOWN = 30
_MARKS = {"new": "+", "gone": "-", "grown": ">", "shrunk": "<", "moved": "~", "changed": "*"}
_PARTS = ("header", "libraries", "versions", "segments", "sections", "symbols", "relocations", "relaxation")


def difference_text(found: ImageDifference) -> str:
    """All parts that differ; "" for equal files."""
    if found.same:
        return ""
    lines = [f"--- {found.a}  {found.size_a} bytes", f"+++ {found.b}  {found.size_b} bytes"]
    lines.append(f"the first byte that differs is at {found.first:#x}")
    for part in _PARTS:
        lines += _part(part, getattr(found, part))
    if found.code or found.code_hidden:
        lines += ["", "code"]
    for change in found.code:
        lines.append(f"  * {change.name}  {change.size_a:#x} -> {change.size_b:#x} bytes")
        lines += [f"      {line}"[:WIDTH] for line in change.lines]
        if change.hidden:
            lines.append(f"      ... {change.hidden} more lines")
    if found.code_hidden:
        lines.append(f"  ... {found.code_hidden} more functions differ (--functions N shows more)")
    if len(lines) == 3:
        lines.append("only bytes outside of what is compared differ (such as padding or the order of tables)")
    return "\n".join(lines)


def _part(title: str, changes: Sequence[Change]) -> Iterator[str]:
    if not changes:
        return
    yield ""
    yield title
    for change in changes[:_SHOWN]:
        values = " -> ".join(part for part in (change.before, change.after) if part)
        text = f"  {_MARKS[change.what]} {change.name}" + (f"  {values}" if values else "")
        why = f"  ({change.why})" if change.why else ""
        if len(text) + len(why) <= WIDTH:
            yield text + why
        elif len(text) > WIDTH and change.before and change.after:
            yield from (
                f"  {_MARKS[change.what]} {change.name}",
                f"      {change.before}",
                f"   -> {change.after}",
            )
            if change.why:
                yield f"      ({change.why})"[:WIDTH]
        else:
            yield text[:WIDTH]
            if change.why:
                yield f"      ({change.why})"[:WIDTH]
    if len(changes) > _SHOWN:
        yield f"  ... {len(changes) - _SHOWN} more (--json has all)"
