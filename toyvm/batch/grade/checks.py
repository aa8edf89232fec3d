"""Compares what a run did with what is expected. Runs in the child of a job, so that a pattern without end costs only that."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ...base.diagnostics import printable
from ...base.record import Record
from ...elf.headers import names_interpreter
from ...kernel.proc.signals import Signal
from ...result import RunResult
from .counters import COUNTERS, SPECIAL_CALLS
from .differences import difference, missing, sample
from .printable import shortened, text_of

_HEAD = 4096  # bytes of an image that hold its program headers
_KEPT = 4096  # characters of a text that are kept for other programs


class Observed(Record):
    """What a run did. `files` has the contents of the expected files, None for one that does not exist.

    `given` has the files that the test put into the machine.
    """

    image: bytes
    result: RunResult
    files: Mapping[str, bytes | None]
    given: Mapping[str, bytes]


class Check(Record):
    """One expectation, whether it holds, and lines that say what was expected and what came.

    `asks` tells an expectation that asks for something from one that a program meets which does nothing: a status of
    0, an empty text, a count at most, a call that is not made. Only the former earn a part of the points. `expected`
    and `got` are the values, for other programs; long texts are cut.
    """

    what: str
    holds: bool
    lines: tuple[str, ...] = ()
    asks: bool = True
    expected: str = ""
    got: str = ""


def check(expect: Mapping[str, Any], seen: Observed) -> list[Check]:
    """Every expectation of a test (`Expectation` as JSON values), compared."""
    return [
        *_ending(expect, seen.result),
        *_texts(expect, seen),
        *_numbers(expect, seen),
        *_others(expect, seen),
    ]


def _ending(expect: Mapping[str, Any], run: RunResult) -> Iterator[Check]:
    came = ending(run)
    if expect["signal"]:
        number = Signal[expect["signal"]].value
        yield _one("signal", run.signal == number, f"killed by {expect['signal']}", came, asks=True)
    elif expect["any_status"]:
        yield _one("exit status", not run.signal and not run.stopped, "any exit status", came)
    else:
        good = not run.signal and not run.stopped and run.status == expect["status"]
        wanted = f"exit status {expect['status']}"
        yield _one("exit status", good, wanted, came, asks=expect["status"] != 0)


def ending(run: RunResult) -> str:
    """How a run ended, in words."""
    if run.stopped:
        return f"stopped: {run.stopped}"
    if run.signal:
        return f"killed by {Signal(run.signal).name}"
    return f"exit status {run.status}"


def _one(what: str, holds: bool, expected: str, came: str, *, asks: bool = False) -> Check:
    lines = () if holds else (f"  expected | {expected}", f"       got | {came}")
    return Check(what, holds, lines, asks, expected, came)


def _texts(expect: Mapping[str, Any], seen: Observed) -> Iterator[Check]:
    for key, what, data in (
        ("stdout", "standard output", seen.result.stdout),
        ("stderr", "standard error", seen.result.stderr),
    ):
        if expect[key]:
            yield _text(what, expect[key], data)
    for path, text in expect["files"].items():
        content = seen.files[path]
        what = f"file {path}"
        if content is None:
            yield Check(what, False, ("it does not exist",), expected=text[1][:_KEPT])
        else:
            unchanged = path in seen.given and _compared(text[0], text[1], text_of(seen.given[path]))[0]
            yield _text(what, text, content, asks=not unchanged)


def _text(what: str, text: tuple[str, str], data: bytes, *, asks: bool | None = None) -> Check:
    """A text compared. If nothing is said, it asks for something unless an empty text would do."""
    got = text_of(data)
    good, lines = _compared(text[0], text[1], got)
    if asks is None:
        asks = not _compared(text[0], text[1], "")[0]
    return Check(what, good, () if good else tuple(lines), asks, text[1][:_KEPT], got[:_KEPT])


def _compared(way: str, value: str, got: str) -> tuple[bool, list[str]]:
    """Whether a text is as expected, and lines that say where it is not."""
    if way in ("exact", "lines"):
        if way == "lines":
            value, got = _without_blanks(value), _without_blanks(got)
        return got == value, [] if got == value else difference(value, got)
    if way == "pattern":
        good = re.search(value, got, re.M) is not None
        wanted = f"expected a match of this regular expression: {shortened(printable(value), 200)}"
        return good, [] if good else [wanted, "got:", *sample(got)]
    return value in got, [] if value in got else missing(value, got)


def _without_blanks(text: str) -> str:
    lines = [line.rstrip() for line in text.split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return "".join(f"{line}\n" for line in lines)


def _numbers(expect: Mapping[str, Any], seen: Observed) -> Iterator[Check]:
    for name, most in expect["at_most"].items():
        count = COUNTERS[name].of(seen.result)
        yield _one(name.replace("_", " "), count <= most, f"at most {most:,}", f"{count:,}")
    for name, least in expect["at_least"].items():
        count = COUNTERS[name].of(seen.result)
        wanted = f"at least {least:,}"
        yield _one(name.replace("_", " "), count >= least, wanted, f"{count:,}", asks=least > 0)


def _others(expect: Mapping[str, Any], seen: Observed) -> Iterator[Check]:
    run = seen.result
    if expect["no_leak"]:
        left = {
            "frames": run.frames_leaked,
            "swap slots": run.slots_leaked,
            "shared memory segments": run.segments_left,
        }
        came = ", ".join(f"{count} {what}" for what, count in left.items() if count)
        yield _one("no leak", not came, "nothing left at the end", f"left: {came or 'nothing'}")
    if expect["dynamic"]:
        good = names_interpreter(seen.image[:_HEAD])
        came = f"one that is linked {'dynamically' if good else 'statically'}"
        yield _one("dynamic", good, "a program that is linked dynamically", came)
    for name in expect["loads"]:
        came = ", ".join(run.libraries) or "no library"
        yield _one(f"loads {name}", name in run.libraries, f"{name} is loaded", f"loaded: {came}")
    for name in expect["uses"]:
        count = _calls(run, name)
        yield _one(f"uses {name}", count > 0, f"{name} is called", _times(count), asks=True)
    for name in expect["forbids"]:
        count = _calls(run, name)
        yield _one(f"without {name}", not count, f"{name} is not called", _times(count))


def _times(count: int) -> str:
    if not count:
        return "it is not"
    return "it is, once" if count == 1 else f"it is, {count:,} times"


def _calls(run: RunResult, name: str) -> int:
    special = SPECIAL_CALLS.get(name)
    return special(run) if special else run.stats.calls.get(name, 0)
