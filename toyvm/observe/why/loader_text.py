"""Look-ups of symbols and words of the GOT as text and JSON, at most 100 columns wide where names allow it."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

from toyvm.base.diagnostics import printable

if TYPE_CHECKING:
    from toyvm.loader.loader_events import SymbolLookedUp

    from .got_answer import SlotWord

WIDTH = 100


def lookups_text(lookups: Sequence[SymbolLookedUp]) -> str:
    """Each look-up: who asked and when, the scopes, each object in order, the winner and the rule."""
    return "\n\n".join(_lookup_text(number, lookup) for number, lookup in enumerate(lookups, 1))


def _lookup_text(number: int, lookup: SymbolLookedUp) -> str:
    version = f", version {lookup.version}" if lookup.version else ""
    when = "at its first call" if lookup.lazy else "by dlsym" if lookup.relocation == "dlsym" else "at load"
    when = when if lookup.scopes else "by the guest's loader"
    lines = [f"look-up {number} of `{printable(lookup.symbol)}'{version}, {when}, process {lookup.pid}"]
    why = f" for {lookup.relocation} at {lookup.place:#x}" if lookup.place else ""
    lines += _wrapped(f"asked by {printable(lookup.path)}{why}", "  ") if lookup.path else []
    for scope, names in enumerate(lookup.scopes):
        lines += _wrapped(f"scope {scope}: {printable(' '.join(names))}", "  ")
    for probe in lookup.probes:
        if probe.tried or probe.verdict != "found":
            value = f" {probe.value:#x}{probe.version}" if probe.value or probe.version else ""
            lines += _wrapped(f"{printable(probe.object)}: {probe.verdict}{value}", "    ")
    if lookup.definer:
        where = f", {lookup.value:#x}" if lookup.value else ""
        lines += _wrapped(f"bound to {printable(lookup.definer)}{where}", "  ")
    lines += _wrapped(f"rule: {lookup.rule}", "  ")
    return "\n".join(lines)


def slots_text(words: Sequence[SlotWord]) -> str:
    """Each word: what it is for, what the file has, what it holds now, how it was bound."""
    return "\n\n".join(map(_slot_text, words))


def _slot_text(word: SlotWord) -> str:
    symbol = f" for `{printable(word.symbol)}'" if word.symbol else ""
    lines = [
        f"word {word.address:#x} of {printable(word.object)}, {word.section or 'no section'}: {word.relocation}{symbol}"
    ]
    addend = f", addend {word.addend:#x}" if word.addend else ""
    lines += _wrapped(f"in the file   {word.file_value:#x}{addend}", "  ")
    lines += _wrapped(f"now           {word.value:#x} {printable(word.target)}".rstrip(), "  ")
    when = (
        f", {word.bound_at:,} ns after the start, to {printable(word.definer)}"
        if word.bound_at is not None
        else ""
    )
    lines += _wrapped(f"how           {word.state}{when}", "  ")
    return "\n".join(lines)


def _wrapped(text: str, indent: str) -> list[str]:
    return wrap(
        text,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent + "    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
