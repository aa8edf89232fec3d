"""Explanations of symbols, members and libraries as text, at most 100 columns wide where names allow it."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

from toyvm.base.diagnostics import printable

from .symbol_values import MemberExplanation, Mention, SymbolExplanation

WIDTH = 100
_SHOWN = 12


def symbol_text(answer: SymbolExplanation) -> str:
    """Every mention in order, then what the output has."""
    traits = [answer.type, answer.binding, answer.visibility]
    lines = [f"symbol {printable(answer.name)} ({', '.join(traits)})"]
    for number, mention in enumerate(answer.mentions, 1):
        lines += _mention(number, mention)
    for rule in answer.rules:
        lines += _wrapped(f"rule: {rule}", "  ", "        ")
    lines += _wrapped(
        f"defined in {shown(answer.definition)}" if answer.definition else "defined nowhere", "  ", "      "
    )
    if answer.address is not None:
        size = f", {answer.size} bytes" if answer.size else ""
        where = f" in {answer.output}" if answer.output else ""
        lines.append(f"  address {answer.address:#x}{where}{size}")
    if answer.call_address is not None:
        lines.append(f"  calls go to its PLT entry at {answer.call_address:#x}")
    return "\n".join(lines)


def _mention(number: int, mention: Mention) -> list[str]:
    place = f" at {mention.place}" if mention.place else ""
    size = f", {mention.size} bytes" if mention.size else ""
    mark = "*" if mention.won else " "
    return [
        *_wrapped(f"{mark}{number:>3} {shown(mention.file)}: {mention.what}{place}{size}", " ", "      "),
        *_wrapped(mention.effect, "        ", "        "),
    ]


def members_text(answers: Sequence[MemberExplanation]) -> str:
    """Each member or library, with its chain."""
    return "\n\n".join(map(_member_text, answers))


def _member_text(answer: MemberExplanation) -> str:
    state = "takes part" if answer.taken else "stays out"
    lines = [f"{shown(answer.name)} {state}", *_wrapped(f"because {answer.reason}", "  ", "      ")]
    if len(answer.chain) > 1:
        lines.append(f"  chain: {shown(answer.chain[0].file) or 'the command line'}")
        for link in answer.chain:
            lines += _wrapped(f"-> `{printable(link.symbol)}' in {shown(link.pulled)}", "    ", "        ")
    if answer.uses:
        more = f" and {len(answer.uses) - _SHOWN} more" if len(answer.uses) > _SHOWN else ""
        lines += _wrapped(f"used by others: {', '.join(answer.uses[:_SHOWN])}{more}", "  ", "      ")
    if answer.needed:
        lines.append(f"  DT_NEEDED: {answer.needed}")
    return "\n".join(lines)


def shown(name: str) -> str:
    """A file's name for people: of an absolute path the last part, so that `libc.a(puts.o)` is left."""
    return printable(name.rsplit("/", 1)[-1] if name.startswith("/") else name)


def _wrapped(text: str, first: str, others: str) -> list[str]:
    return wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )
