"""Collects errors and raises them at a checkpoint between passes, so that a user sees all of them in one run."""

from __future__ import annotations

from collections import Counter

from ..base.errors import LinkError

# GNU ld reports at most five references to one symbol and ten overflows.
REFERENCES_SHOWN = 5
OVERFLOWS_SHOWN = 10
_TOTAL_SHOWN = 200


class Diagnostics:
    """Collects messages; `checkpoint` raises them all."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.warnings: list[str] = []
        self._seen: Counter[str] = Counter()

    def error(self, message: str) -> None:
        """Add an error."""
        self.errors.append(message)

    def warning(self, message: str) -> None:
        """Add a warning; equal warnings are shown once."""
        if message not in self.warnings:
            self.warnings.append(message)

    def is_full(self, key: str, limit: int) -> bool:
        """Whether `limited` would not show another error of the kind `key`."""
        return self._seen[key] >= limit

    def limited(self, key: str, limit: int, message: str, last: str, warn: bool = False) -> None:
        """Add an error of the kind `key`, or with `warn` a warning. After `limit` of them only `last` is added, once."""
        add = self.warning if warn else self.error
        self._seen[key] += 1
        if self._seen[key] <= limit:
            add(message)
        elif self._seen[key] == limit + 1:
            add(last)

    def checkpoint(self) -> None:
        """Raise LinkError with all errors so far, if there are any."""
        if self.errors:
            shown = self.errors[:_TOTAL_SHOWN]
            hidden = len(self.errors) - len(shown)
            raise LinkError([*shown, f"and {hidden} more errors"] if hidden else shown)
