"""Dates as a user writes them."""

from __future__ import annotations

import time

from .errors import UsageError


def seconds_of(date: str) -> float:
    """A `--date` in seconds since 1970. Raises UsageError."""
    if date.isascii() and date.isdigit() and len(date) < 11:
        return int(date)
    if date == "now":
        return time.time()
    import datetime  # few runs give another date

    try:
        moment = datetime.datetime.fromisoformat(date)
    except ValueError:
        raise UsageError(f"--date: expected now, seconds since 1970 or YYYY-MM-DD, not '{date}'") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    seconds = moment.timestamp()
    if seconds < 0:
        raise UsageError(f"--date: expected a date after 1970, not '{date}'")
    return seconds
