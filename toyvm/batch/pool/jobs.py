"""The values of the pool: jobs, their outcomes, and the digest that tells whether a job has changed."""

from __future__ import annotations

import hashlib
import json
from importlib import import_module
from typing import Any, Protocol

from ...base.record import Record

DEFAULT_SECONDS = 60.0


class Job(Record):
    """Work that a worker does without anything but what is here.

    `key` is unique in a batch and stable from run to run. `task` names the module that does the
    work (see `Task`). `work` is the argument: None, bool, int, float, str, bytes, and lists, tuples
    and dicts (with keys of type str) of them. Files travel as bytes, because a path may not exist
    where the job is done. After `seconds` of the host's time the job is killed.
    """

    key: str
    task: str
    work: Any
    seconds: float = DEFAULT_SECONDS

    def digest(self) -> str:
        """A hash of everything but the key: a kept outcome counts only for an equal job."""
        state = hashlib.sha256()
        _update(state, (self.task, self.seconds, self.work))
        return state.hexdigest()


class Outcome(Record):
    """What became of a job.

    state       "done", "timeout" (killed after its seconds) or "crashed" (it ended in any other way)
    value       JSON values that the task returned, None unless done
    detail      for people: how a job crashed, or the limit that it met
    """

    key: str
    state: str
    value: Any = None
    detail: str = ""


class Task(Protocol):
    """The two functions of a module that `Job.task` names."""

    def prepare(self) -> None:
        """Import what the task needs, and fill caches. Runs once in a worker, before it forks."""

    def perform(self, work: Any) -> Any:
        """Do the work of one job and return JSON values.

        Runs in a child process whose current folder is empty and its own.
        """


def task_module(name: str) -> Task:
    """The module of a task. Raises ImportError."""
    module: Any = import_module(name)
    return module  # type: ignore[no-any-return] # a module has the functions of the Protocol


def packed(outcome: Outcome) -> bytes:
    """An outcome as JSON, in which a worker sends it. Raises TypeError if `value` is no JSON value."""
    return json.dumps([outcome.key, outcome.state, outcome.value, outcome.detail]).encode()


def unpacked(data: bytes) -> Outcome:
    """The outcome that `packed` has made these bytes of."""
    return Outcome(*json.loads(data))


def _update(state: Any, value: Any) -> None:
    """Add a value with its type and its length, so that no two values add the same bytes."""
    if isinstance(value, (list, tuple)):
        state.update(b"[%d:" % len(value))
        for item in value:
            _update(state, item)
    elif isinstance(value, dict):
        state.update(b"{%d:" % len(value))
        for name in sorted(value):
            _update(state, name)
            _update(state, value[name])
    elif isinstance(value, bytes):
        state.update(b"b%d:" % len(value))
        state.update(value)
    elif value is None or isinstance(value, (bool, int, float, str)):
        text = repr(value).encode()
        state.update(b"r%d:" % len(text))
        state.update(text)
    else:
        raise TypeError(f"a job cannot hold a {type(value).__name__}")
