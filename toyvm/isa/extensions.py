"""The extensions that a row needs (`Insn.ext`): one, one of several ("Zbb or Zbkb"), or several ("Zcb and Zba")."""

from __future__ import annotations

from ..base.light_types import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

COMPOUND = (
    "Zbb or Zbkb",
    "Zbc or Zbkc",
    "Zknd or Zkne",
    "Zfhmin or Zfbfmin",
    "Zfhmin and D",
    "Zfa and D",
    "Zfa and Zfh",
    "Zabha and Zacas",
    "Zcb and Zbb",
    "Zcb and Zba",
    "Zcb and Zmmul",
    "Zca and Zihintntl",
    "Svinval and H",
    "Zhinxmin and Zdinx",
    "Zfhmin and Q",
    "Zhinxmin and Zqinx",
    "Zvknha or Zvknhb",
)
"""Every expression of the table with more than one extension."""


CACHE_BLOCK = 64
"""The size in bytes of a cache block (Zicbom, Zicboz)."""

_MACHINE = """i m a f d c
zicbom zicbop zicboz zicntr zicond zicsr zifencei zihintntl zihintpause zihpm zimop zaamo zabha zacas zalrsc zawrs
zfa zfbfmin zfh zfhmin zca zcb zcd zcmop zba zbb zbc zbs zbkb zbkc zbkx zknd zkne zknh zksed zksh zkt"""
MACHINE = tuple(_MACHINE.split())
"""The extensions that user mode has here, in the order of /proc/cpuinfo. Zkt: no instruction takes more time than another."""


def satisfied(names: Iterable[str]) -> frozenset[str]:
    """`names` of extensions, and the expressions of COMPOUND that they satisfy."""
    known = frozenset(names)
    return known.union(expression for expression in COMPOUND if _holds(expression, known))


def _holds(expression: str, known: frozenset[str]) -> bool:
    if " or " in expression:
        return any(name in known for name in expression.split(" or "))
    return all(name in known for name in expression.split(" and "))
