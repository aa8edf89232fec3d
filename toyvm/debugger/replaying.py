"""Recording a run, and running a recording again to compare the two."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from typing import BinaryIO

from toyvm.base.errors import ToyvmError, UsageError
from toyvm.base.record import Record, replace
from toyvm.base.version import VERSION
from toyvm.guestfs import with_sysroot
from toyvm.result import RunResult
from toyvm.run_options import RunOptions
from toyvm.system import Session, Start

from .recording import Outcome, Recorder, Recording, outcome_of
from .refused_options import check
from .streams import InputLog


class OtherVersionError(ToyvmError):
    """A recording was made by another version of toyvm, in which the run may differ."""


class _RecordedInput:
    """Standard input whose pieces are kept."""

    def __init__(self, source: BinaryIO | bytes | None):
        self.log = InputLog(source)
        self._position = 0

    def read(self, count: int) -> bytes:
        data = self.log.read(self._position, count)
        self._position += len(data)
        return data


class _CountedOutput:
    """A stream that passes bytes on; `digest` is that of both streams."""

    def __init__(self, sink: BinaryIO | None, counted: _Counted):
        self._sink = sink
        self._counted = counted

    def write(self, data: bytes) -> int:
        self._counted.add(data)
        if self._sink is not None:
            self._sink.write(data)
        return len(data)

    def flush(self) -> None:
        if self._sink is not None:
            self._sink.flush()


class _Counted:
    """The bytes of both output streams, in order."""

    def __init__(self) -> None:
        self._digest = hashlib.blake2b(digest_size=16)
        self.length = 0

    def add(self, data: bytes) -> None:
        """Bytes were written."""
        self._digest.update(data)
        self.length += len(data)

    @property
    def digest(self) -> str:
        """The digest so far."""
        return self._digest.hexdigest()


class Replayed(Record):
    """A recording that was run again. `difference` from the recorded run is text, empty for none."""

    result: RunResult
    outcome: Outcome
    difference: str


def record(
    starts: Sequence[Start],
    options: RunOptions,
    path: str | os.PathLike[str],
    *,
    stdin: BinaryIO | bytes | None = None,
    stdout: BinaryIO | None = None,
    stderr: BinaryIO | None = None,
) -> RunResult:
    """Run programs to their end, and write the recording to `path`.

    The guest sees pipes as its standard streams. Raises UsageError for options with which a run
    cannot be repeated, and the exceptions of `system.run`.
    """
    check(options)
    if options.no_mmu:
        raise UsageError("--no-mmu cannot be recorded")
    options = with_sysroot((start.program for start in starts), options)
    source, counted = _RecordedInput(stdin), _Counted()
    with Recorder(path) as recorder:
        session = Session(
            options,
            streams=(source, _CountedOutput(stdout, counted), _CountedOutput(stderr, counted)),
            vfs=recorder.vfs(options),
        )
        for start in starts:
            session.start(start)
        result = session.finish()
        recorder.input = source.log.pieces
        outcome = outcome_of(session, result.status, counted.digest, counted.length)
        recorder.finish(session, starts, options, outcome)
    return result


def replay(
    recording: Recording,
    *,
    until: int | None = None,
    any_version: bool = False,
    stdout: BinaryIO | None = None,
    stderr: BinaryIO | None = None,
) -> Replayed:
    """Run a recording again, to its end or for `until` instructions.

    Raises OtherVersionError if another version of toyvm made it, unless `any_version`.
    """
    require_version(recording, any_version=any_version)
    options = recording.options
    if until is not None:
        options = replace(options, max_instructions=until)
    source, counted = _RecordedInput(None), _Counted()
    source.log.feed(list(recording.input))
    session = Session(
        options,
        streams=(source, _CountedOutput(stdout, counted), _CountedOutput(stderr, counted)),
        vfs=recording.vfs(),
    )
    recording.populate(session)
    result = session.finish()
    outcome = outcome_of(session, result.status, counted.digest, counted.length)
    difference = ""
    if until is None or until >= recording.outcome.instructions:
        difference = recording.outcome.difference(outcome)
        if not difference and recording.files.missing:
            difference = f"it asked for a file that was not recorded: {recording.files.missing[0]}"
    return Replayed(result, outcome, difference)


def require_version(recording: Recording, *, any_version: bool = False) -> None:
    """Raises OtherVersionError if this toyvm may run the recording differently."""
    if recording.version != VERSION and not any_version:
        raise OtherVersionError(
            f"the recording was made by toyvm {recording.version}, and this is {VERSION}: the run may differ; "
            "--any-version runs it all the same"
        )
