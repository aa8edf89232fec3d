"""Runs a program and checks what it did: the task of a job."""

from __future__ import annotations

import gc
import io
import signal
from collections.abc import Mapping
from typing import Any

from ...base.errors import ToyvmError
from ...base.record import as_dict
from ...guestfs import add_guest_file
from ...kernel.proc.signals import Signal
from ...kernel.vfs.nodes import FileNode
from ...kernel.vfs.path_walk import Vfs
from ...run_options import RunOptions
from ...system import Session, Start
from . import building
from .assignment import BOUND_FIELDS, Case, Expectation
from .checks import Check, Observed, check, ending
from .counters import COUNTERS
from .machine_messages import merged_threads
from .printable import file_name, printable_lines, text_of
from .toml_tables import Text

TIME_IS_UP = signal.SIGALRM
_LARGEST_FILE = 4 << 20  # bytes of a written file that are compared
_MESSAGE_LINES = 40
_ERROR_LINES = 12


def prepare() -> None:
    """Build and run a program of each linkage, and one that fails, so that what they import and cache is there."""
    for linkage in ("static", "dynamic"):
        image = building.warm_program(linkage).image
        for expected in ("", "SIGSEGV"):
            test = {**_WARM_TEST, "expect": {**_WARM_TEST["expect"], "signal": expected}}
            _perform_test("ready", image, test)
    _perform_test("ready", building.crashing_program(), _WARM_TEST)


def case_work(case: Case, files: Mapping[str, bytes]) -> dict[str, Any]:
    """What a job needs to do a test, besides the program."""
    test = case.test
    limits = {field: getattr(test.limits, name) for name, field in BOUND_FIELDS.items()}
    guest = {path: text.encode("utf-8", "surrogateescape") for path, text in test.files.items()}
    return {
        "seconds": test.limits.seconds,
        "args": list(test.args),
        "stdin": files[test.stdin_file] if test.stdin_file else test.stdin.encode("utf-8", "surrogateescape"),
        "env": dict(test.env),
        "files": {**guest, **{path: files[name] for path, name in test.files_from.items()}},
        "options": {**as_dict(test.machine), **limits},
        "expect": _plain(test.expect),
    }


def _plain(expect: Expectation) -> dict[str, Any]:
    """The expectations as values of a job."""

    def plain(value: Any) -> Any:
        if isinstance(value, Text):
            return [value.way, value.value]
        if isinstance(value, Mapping):
            return {key: plain(item) for key, item in value.items()}
        return list(value) if isinstance(value, tuple) else value

    return {name: plain(value) for name, value in as_dict(expect).items()}


_WARM_TEST: dict[str, Any] = {
    "seconds": 60,
    "args": [],
    "stdin": b"",
    "env": {},
    "files": {},
    "options": {"memory": 16 << 20, "max_instructions": 1_000_000},
    "expect": _plain(Expectation(stdout=Text("exact", "ready\n"))),
}


def perform(work: dict[str, Any]) -> dict[str, Any]:
    """Do tests of one program: the image of `work`, or what `work["build"]` builds.

    A build or a test that takes too much of the host's time ends the process by TIME_IS_UP.

    Returns `built`, the `messages` of a build that failed, and in `tests` for each test its `ending`,
    `checks`, `counters`, and the lines of the machine's messages and of the program's standard error.
    """
    image = work["image"]
    if image is None:
        with _Deadline(work["build"]["seconds"]):
            built = building.build(work["build"])
        if isinstance(built, list):
            return {"built": False, "messages": built, "tests": []}
        image = built
    tests = []
    for test in work["tests"]:
        with _Deadline(test["seconds"]):
            tests.append(_perform_test(work["name"], image, test))
        gc.collect()  # the machine of a run is a ring of objects
    return {"built": True, "messages": [], "tests": tests}


class _Deadline:
    """Ends this process by SIGALRM if a `with` block takes more of the host's time than its seconds.

    The process may be in native code or in a regular expression, where no exception would arrive.
    """

    def __init__(self, seconds: float):
        self._seconds = seconds

    def __enter__(self) -> None:
        signal.setitimer(signal.ITIMER_REAL, self._seconds)

    def __exit__(self, *exception: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _perform_test(name: str, image: bytes, test: Mapping[str, Any]) -> dict[str, Any]:
    messages = io.BytesIO()
    # Programs of submissions differ, and most run once: a cache of their code would grow and not be read.
    options = RunOptions(root="", env=tuple(test["env"].items()), caching=False, **test["options"])
    program = file_name(name)
    try:
        session = Session(options, stdin=test["stdin"], capture=True, messages=messages)
        path = f"/bin/{program}"
        session.kernel.vfs.add_file(path, image)
        for guest, data in test["files"].items():
            add_guest_file(session.kernel.vfs, guest, data)
        session.spawn(Start(program, [program, *test["args"]]), path)
    except ToyvmError as problem:
        return _not_started(str(problem))
    except OSError as problem:
        return _not_started(f"a file of the test cannot be put into the machine: {problem.strerror}")
    result = session.finish()
    files = {guest: _content(session.kernel.vfs, guest) for guest in test["expect"]["files"]}
    checks = check(test["expect"], Observed(image, result, files, test["files"]))
    return {
        "ending": ending(result),
        "status": result.status,
        "signal": Signal(result.signal).name if result.signal else "",
        "stopped": result.stopped,
        "checks": [as_dict(item) for item in checks],
        "counters": {counter: row.of(result) for counter, row in COUNTERS.items()},
        "messages": [
            *_refused_forks(result.stats.forks_refused, options.processes),
            *printable_lines(merged_threads(text_of(messages.getvalue())), _MESSAGE_LINES),
        ],
        "stderr": printable_lines(text_of(result.stderr), _ERROR_LINES),
    }


def _refused_forks(count: int, limit: int) -> list[str]:
    if not count:
        return []
    times = "once" if count == 1 else f"{count:,} times"
    return [f"a new process or thread was refused {times}: the test allows {limit} at the same time"]


def _not_started(reason: str) -> dict[str, Any]:
    checks = [Check("start", False, (f"the program cannot be started: {reason}",))]
    return {
        "ending": "not started",
        "status": 126,
        "signal": "",
        "stopped": "",
        "checks": [as_dict(item) for item in checks],
        "counters": dict.fromkeys(COUNTERS, 0),
        "messages": printable_lines(reason),
        "stderr": [],
    }


def _content(vfs: Vfs, path: str) -> bytes | None:
    """The contents of a file in the machine, or None if there is none."""
    try:
        node = vfs.resolve(path).node
        if not isinstance(node, FileNode):
            return None
        return node.pread(0, min(node.size, _LARGEST_FILE))
    except OSError:
        return None
