"""Why a section is alive under --gc-sections: the shortest chain of references from a root, as lld's --why-live."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np

from toyvm.linker.garbage_collection import Marker, root_reasons

from .link_index import LinkIndex
from .section_values import LiveStep


class LiveChains:
    """The chains of one link with --gc-sections. A section is named by its number."""

    def __init__(self, index: LinkIndex):
        self.index = index
        history = index.history
        earlier = [program for name, program in history.passes if name in ("read", "strip", "discard")]
        self.program = earlier[-1]
        assert history.public is not None
        self.marker = Marker(self.program, history.options)
        # Section -> (the section that refers to it or -1, why).
        self.parent: dict[int, tuple[int, str]] = {}
        self._walk(
            root_reasons(self.program, history.options, history.public, self.marker.behind, history.kept)
        )

    def chain(self, sid: int) -> tuple[LiveStep, ...]:
        """From the root to the section; empty if nothing reaches it."""
        steps = []
        while sid >= 0 and sid in self.parent:
            parent, why = self.parent[sid]
            steps.append(LiveStep(self.index.object_name(sid), self.program.sections.name[sid], why))
            sid = parent
        return tuple(reversed(steps))

    def _walk(self, roots: Iterator[tuple[int, str]]) -> None:
        live = self.program.sections.live
        queue: deque[int] = deque()
        for sid, why in roots:
            if live[sid] and sid not in self.parent:
                self.parent[sid] = (-1, why)
                queue.append(sid)
        while queue:
            sid = queue.popleft()
            for target, why in self._references(sid):
                if live[target] and target not in self.parent:
                    self.parent[target] = (sid, why)
                    queue.append(target)

    def _references(self, sid: int) -> Iterator[tuple[int, str]]:
        marker = self.marker
        low, high = np.searchsorted(marker.source, (sid, sid + 1))
        targets, symbols = marker.target[low:high].tolist(), marker.symbol[low:high].tolist()
        for target, number in zip(targets, symbols, strict=True):
            if target >= 0:
                yield target, f"refers to {self.program.symbol_name(number).strip() or 'it'}"
            for other in marker.behind.get(number, ()):
                yield other, f"refers to {self.program.symbol_name(number)}, which stands for it"
        for other in marker.extra.get(sid, ()):
            yield other, "has it in its unwind record, or is its SHF_LINK_ORDER partner"
        for other in marker.groups.get(sid, ()):
            yield other, "is in the same section group"
