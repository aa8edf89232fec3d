"""The moments of a run: which events are shown, and which fields of them the page gets.

A moment is one event, except that a copy-on-write fault is two events of the kernel and one moment.
`FIELDS` names the fields of each kind in the order in which they are stored; a name with `$` in
front holds the number of a string. The page makes its sentences from them (`web/moments.js`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..base.events import (
    ContextSwitch,
    CowFault,
    Event,
    MappingChanged,
    PageFault,
    PageReclaimed,
    ProcessExecuted,
    ProcessExited,
    ProcessForked,
    SignalSent,
    SyscallExit,
    ThreadExited,
    ThreadStarted,
)
from ..loader.loader_events import LibraryMapped, LibraryUnmapped, RelocationDone, SymbolLookedUp
from .strings import Strings, exact

MOST_TEXT = 400  # characters of a system call's line

FIELDS: dict[str, tuple[str, ...]] = {
    "start": (),
    "fault": ("$what", "va", "pc", "$at", "$code", "$access", "$area", "frame", "grew", "before", "after"),
    "copy": (
        "$what",
        "va",
        "pc",
        "$at",
        "$code",
        "$access",
        "$area",
        "frame",
        "$source",
        "before",
        "old",
        "users",
        "cached",
        "copied",
        "left",
        "after",
    ),
    "syscall": ("$name", "$text", "result"),
    "fork": ("child", "shares"),
    "thread": ("child",),
    "threadexit": ("process",),
    "exec": ("$path", "$argv"),
    "exit": ("status", "signal", "instructions"),
    "map": ("$name", "$detail", "start", "end"),
    "signal": ("signal", "sender"),
    "switch": ("previous",),
    "reclaim": ("frame", "mappings", "slot"),
    "load": ("$path", "start", "end"),
    "unload": ("$path", "start", "end"),
    "relocate": ("$path", "$applied", "slots"),
    "bind": (
        "$symbol",
        "$path",
        "$definer",
        "value",
        "place",
        "lazy",
        "$version",
        "$relocation",
        "$rule",
        "$scopes",
        "$probes",
    ),
    "end": (),
}
KINDS = tuple(FIELDS)

Moment = tuple[str, tuple[Any, ...]]  # kind, fields
Name = Callable[[int, int], str]


class MomentMaker:
    """Turns events into moments. `place(pid, va)` names an address, `code` disassembles it."""

    def __init__(self, strings: Strings, place: Name, code: Name):
        self._text = strings.number
        self._place = place
        self._code = code
        self._copy: CowFault | None = None
        self._makers: dict[type[Event], Callable[[Any], Moment | None]] = {
            PageFault: self._fault,
            CowFault: self._keep_copy,
            SyscallExit: lambda e: ("syscall", (self._text(e.name), self._line(e.text), exact(e.result))),
            ProcessForked: lambda e: ("fork", (e.child, int(e.shares_memory))),
            ThreadStarted: lambda e: ("thread", (e.tid,)),
            ThreadExited: lambda e: ("threadexit", (e.process,)),
            ProcessExecuted: self._executed,
            ProcessExited: lambda e: ("exit", (e.status, e.signal, e.instructions)),
            MappingChanged: lambda e: (
                "map",
                (self._text(e.what), self._text(e.detail), exact(e.start), exact(e.end)),
            ),
            SignalSent: lambda e: ("signal", (e.signal, e.sender)),
            ContextSwitch: lambda e: ("switch", (e.previous,)),
            PageReclaimed: lambda e: ("reclaim", (e.frame, e.mappings, e.slot)),
            LibraryMapped: lambda e: ("load", (self._text(e.path), e.start, e.end)),
            LibraryUnmapped: lambda e: ("unload", (self._text(e.path), e.start, e.end)),
            RelocationDone: self._relocated,
            SymbolLookedUp: self._looked_up,
        }

    @property
    def types(self) -> list[type[Event]]:
        """The types of events to subscribe to."""
        return list(self._makers)

    def make(self, event: Event) -> Moment | None:
        """The moment of an event; None if a later event completes it."""
        return self._makers[type(event)](event)

    def _line(self, text: str) -> int:
        return self._text(text if len(text) <= MOST_TEXT else text[:MOST_TEXT] + "...")

    def _keep_copy(self, event: CowFault) -> None:
        """The kernel reports the fault itself next."""
        self._copy = event

    def _fault(self, event: PageFault) -> Moment:
        copy, self._copy = self._copy, None
        text, pc = self._text, event.pc
        fields = (
            text(event.kind),
            exact(event.va),
            exact(pc),
            text(self._place(event.pid, pc) if pc else ""),
            text(self._code(event.pid, pc) if pc else ""),
            text(event.access),
            text(event.vma),
            event.frame,
        )
        if copy is None or copy.va & -4096 != event.va & -4096:
            return "fault", (
                *fields,
                int(event.grew_stack),
                exact(event.pte_before),
                exact(event.pte_after),
            )
        return "copy", (
            *fields,
            text(copy.source),
            exact(copy.pte_before),
            copy.frame_before,
            copy.refcount_before,
            int(copy.in_page_cache),
            int(copy.copied),
            copy.refcount_after,
            exact(copy.pte_after),
        )

    def _executed(self, event: ProcessExecuted) -> Moment:
        argv = " ".join(arg.decode("utf-8", "replace") for arg in event.argv)
        return "exec", (self._text(event.path), self._line(argv))

    def _relocated(self, event: RelocationDone) -> Moment:
        applied = ", ".join(f"{count} {name}" for name, count in sorted(event.applied.items()))
        return "relocate", (self._text(event.path), self._text(applied), event.lazy_slots)

    def _looked_up(self, event: SymbolLookedUp) -> Moment:
        """A look-up. Scopes are lines of names, probes lines of object, verdict and version, with tabs between."""
        text = self._text
        scopes = "\n".join("\t".join(names) for names in event.scopes)
        probes = "\n".join(
            "\t".join((_word(p.object), p.verdict, _word(p.version), "tried" if p.tried else "later"))
            for p in event.probes
        )
        return "bind", (
            text(event.symbol),
            text(event.path),
            text(event.definer),
            exact(event.value),
            exact(event.place),
            int(event.lazy),
            text(event.version),
            text(event.relocation),
            text(event.rule),
            text(scopes),
            text(probes),
        )


def _word(text: str) -> str:
    """A name without the two characters that separate fields."""
    return text.replace("\t", " ").replace("\n", " ")
