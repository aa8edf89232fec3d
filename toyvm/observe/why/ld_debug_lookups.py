"""Look-ups by a dynamic loader that runs as a guest, such as glibc's, from what it prints with LD_DEBUG=symbols,bindings.

It does not print scopes, hash tables or addresses: what is told is which objects it tried, and which one it took.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from toyvm.loader.loader_events import Probe, SymbolLookedUp

WORDS = "symbols,bindings"  # of LD_DEBUG
_PROBE = re.compile(r" *(\d+):\tsymbol=(.*);  lookup in file=(.*) \[\d+\]$")
_BINDING = re.compile(
    r" *(\d+):\tbinding file (.*) \[\d+\] to (.*) \[\d+\]: (\w+) symbol `(.*)'(?: \[(.*)\])?$"
)


def names_of(text: str) -> set[str]:
    """All names that were looked up."""
    return {found[2] for found in map(_PROBE.match, text.splitlines()) if found}


def lookups_of(text: str, name: str, version: str = "") -> Iterator[SymbolLookedUp]:
    """The look-ups of `name`, of each process in its order; of one that found nothing, the asker is not known."""
    tried: dict[int, list[str]] = {}
    for line in text.splitlines():
        probe, binding = _PROBE.match(line), _BINDING.match(line)
        pid = int((probe or binding or [0, 0])[1])
        if probe and probe[2] == name:
            tried.setdefault(pid, []).append(probe[3])
            continue
        objects = tried.pop(pid, [])
        if binding and binding[5] == name:
            if version in ("", binding[6] or ""):
                yield _lookup(pid, binding[2], name, binding[6] or "", objects, binding[3], binding[4])
        elif objects and not version:
            yield _lookup(pid, "", name, "", objects, "", "")
    for pid, objects in tried.items():
        if objects and not version:
            yield _lookup(pid, "", name, "", objects, "", "")


def _lookup(
    pid: int, asker: str, name: str, version: str, objects: list[str], definer: str, kind: str
) -> SymbolLookedUp:
    """One look-up. The search ends at the first definition, which is the last object tried."""
    probes = tuple(
        Probe(
            path, 0, True, "found" if definer and number == len(objects) else "no definition of that version"
        )
        for number, path in enumerate(objects, 1)
    )
    if not definer:
        rule = "nothing defines it"
    elif kind == "protected":
        rule = "protected: the object's own definition is used, whatever the search finds"
    else:
        rule = "the first definition in the scope is used"
    return SymbolLookedUp(0, pid, asker, name, version, "", 0, (), probes, definer, 0, rule, False)
