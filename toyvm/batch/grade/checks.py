"""Compares what a run did with what is expected. Runs in the child of a job, so that a pattern without end costs only that."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ...base.record import Record
from ...elf.headers import names_interpreter
from ...kernel.proc.signals import Signal
from ...result import RunResult
from .counters import COUNTERS, SPECIAL_CALLS
from .differences import difference, sample
from .printable import shortened, text_of

_HEAD = 4096  # bytes of an image that hold its program headers


class Observed(Record):
    """What a run did. `files` has the contents of the expected files, None for one that does not exist."""

    image: bytes
    result: RunResult
    files: Mapping[str, bytes | None]


class Check(Record):
    """One expectation, whether it holds, and lines that say what was expected and what came."""

    what: str
    holds: bool
    lines: tuple[str, ...] = ()


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
        yield _one("signal", run.signal == number, f"killed by {expect['signal']}", came)
    elif expect["any_status"]:
        yield _one("exit status", not run.signal and not run.stopped, "any exit status", came)
    else:
        good = not run.signal and not run.stopped and run.status == expect["status"]
        yield _one("exit status", good, f"exit status {expect['status']}", came)


def ending(run: RunResult) -> str:
    """How a run ended, in words."""
    if run.stopped:
        return f"stopped: {run.stopped}"
    if run.signal:
        return f"killed by {Signal(run.signal).name}"
    return f"exit status {run.status}"


def _one(what: str, holds: bool, expected: str, came: str) -> Check:
    return Check(what, holds, () if holds else (f"  expected | {expected}", f"       got | {came}"))


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
        yield Check(what, False, ("it does not exist",)) if content is None else _text(what, text, content)


def _text(what: str, text: tuple[str, str], data: bytes) -> Check:
    way, value = text
    got = text_of(data)
    if way in ("exact", "lines"):
        if way == "lines":
            value, got = _without_blanks(value), _without_blanks(got)
        return Check(what, got == value, () if got == value else tuple(difference(value, got)))
    good = value in got if way == "contains" else re.search(value, got, re.M) is not None
    wanted = "this text in it" if way == "contains" else "a match of this regular expression"
    lines = (f"expected {wanted}: {shortened(repr(value), 200)}", "got:", *sample(got))
    return Check(what, good, () if good else lines)


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
        yield _one(name.replace("_", " "), count >= least, f"at least {least:,}", f"{count:,}")


def _others(expect: Mapping[str, Any], seen: Observed) -> Iterator[Check]:
    run = seen.result
    if expect["no_leak"]:
        left = {
            "frames": run.frames_leaked,
            "swap slots": run.slots_leaked,
            "shared memory segments": run.segments_left,
        }
        came = ", ".join(f"{count} {what}" for what, count in left.items() if count)
        yield _one("no leak", not came, "nothing left at the end", f"left: {came}")
    if expect["dynamic"]:
        good = names_interpreter(seen.image[:_HEAD])
        yield _one("dynamic", good, "a program that is linked dynamically", "one that is linked statically")
    for name in expect["loads"]:
        came = ", ".join(run.libraries) or "no library"
        yield _one(f"loads {name}", name in run.libraries, f"{name} is loaded", f"loaded: {came}")
    for name in expect["uses"]:
        yield _one(f"uses {name}", _calls(run, name) > 0, f"{name} is called", "it is not")
    for name in expect["forbids"]:
        count = _calls(run, name)
        times = "once" if count == 1 else f"{count:,} times"
        yield _one(f"without {name}", not count, f"{name} is not called", f"it is, {times}")


def _calls(run: RunResult, name: str) -> int:
    special = SPECIAL_CALLS.get(name)
    return special(run) if special else run.stats.calls.get(name, 0)
