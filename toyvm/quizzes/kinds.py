"""The kinds of questions."""

from __future__ import annotations

import hashlib
import hmac
from importlib import import_module
from random import Random

from ..base.diagnostics import did_you_mean
from ..base.errors import UsageError
from ..base.record import replace
from .question import Question

# kind -> (module, what it asks)
KINDS: dict[str, tuple[str, str]] = {
    "translation": ("translation", "walk a page table: physical addresses and page faults"),
    "pagetables": ("page_tables", "from the pages of a process to its tables and their entries"),
    "faults": ("page_faults", "which accesses of a program fault, and how the kernel resolves them"),
    "cow": ("copy_on_write", "processes fork and write: which stores copy a page, and who keeps the frame"),
    "replacement": ("replacement", "replay a recorded reference string with page replacement policies"),
    "relocation": ("relocation", "apply relocations: values, and the bytes of the image"),
    "symbols": ("symbol_resolution", "strong, weak and common symbols, archives: which definition wins"),
}
LEVELS = (1, 2, 3)
SHORTEST_SECRET = 12  # characters; whoever has a sheet can try out all shorter ones


def quiz(kind: str, seed: int = 1, number: int = 0, level: int = 2, secret: str = "") -> Question:
    """The question number `number` of the sheet of a seed: any other seed or number is another question.

    `level` is 1 (short) to 3 (long). With a `secret`, the question depends on it too, so that the
    seed alone does not lead to the solution, and the heading does not name the seed. Raises UsageError
    for an unknown kind or level, and for a secret of fewer than SHORTEST_SECRET characters.
    """
    if kind not in KINDS:
        hint = did_you_mean(kind, KINDS) or f"expected one of {', '.join(KINDS)}"
        raise UsageError(f"'{kind}' is not a kind of question: {hint}")
    if level not in LEVELS:
        raise UsageError(f"level {level}: expected 1, 2 or 3")
    if secret and len(secret) < SHORTEST_SECRET:
        raise UsageError(f"the secret is too short: expected {SHORTEST_SECRET} characters or more")
    name = f"{kind}/{seed}/{number}/{level}"
    rng = Random(_mixed(secret, name) if secret else name)
    module = import_module(f".{KINDS[kind][0]}", __package__)
    question: Question = module.make(rng, seed, number, level)
    return replace(question, secret=bool(secret))


def _mixed(secret: str, name: str) -> str:
    """The seed of a question's generator; neither the secret nor another question's seed follows from it."""
    return hmac.new(secret.encode("utf-8", "surrogateescape"), name.encode(), hashlib.sha256).hexdigest()
