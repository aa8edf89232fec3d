"""What a suite of tests is: the packages that it tests, its sources, its parts, and how to read a part's output."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

# The verdicts on a check.
PASS, FAIL, SKIP = "pass", "fail", "skip"
Checks = dict[str, str]


@dataclass(frozen=True)
class Outcome:
    """How a part ended: the status of its shell (None: it was stopped), and what it wrote."""

    status: int | None
    output: str


@dataclass(frozen=True)
class Suite:
    """A test suite.

    `source` is a source package (None: the tests are in a binary package). `packages` are the binary packages in
    the guest's root. `prepare` gets the folder with the unpacked source and the root, once, and makes the folder of
    tests ready, which is at `folder` in the source. It is copied for every part unless `shared`. `parts` gives the
    shell command of each part by its name. `read` gives the verdict on each check of a part. A part may take
    `seconds` under qemu.
    """

    name: str
    source: str | None
    packages: tuple[str, ...]
    folder: str
    parts: Callable[[Path], Mapping[str, str]]
    read: Callable[[str, Outcome], Checks]
    prepare: Callable[[Path, Path], None] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    seconds: int = 60
    shared: bool = False
