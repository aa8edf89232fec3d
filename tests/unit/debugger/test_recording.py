"""Recordings: a run is repeated from its file alone, and a damaged file is refused with a message."""

from __future__ import annotations

import io
import json
import os
import random
import zipfile
from pathlib import Path

import pytest

from toyvm.base.errors import ToyvmError, UsageError
from toyvm.build import build_program
from toyvm.cli import main
from toyvm.debugger.recording import MANIFEST, Recorder, Recording, RecordingError, read_recording
from toyvm.debugger.replaying import OtherVersionError, record, replay
from toyvm.debugger.target import Conditions, StopKind
from toyvm.debugger.timeline import Timeline
from toyvm.run_options import RunOptions
from toyvm.system import Start

# Opens "data/greeting", copies it and then standard input to standard output; status: bytes of the last read.
COPIER = """
    .globl _start
_start:
    li a0, -100
    la a1, absent
    li a2, 0
    li a7, 56
    ecall
    li a0, -100
    la a1, name
    li a2, 0
    li a7, 56
    ecall
    mv s0, a0
    call copy
    li s0, 0
    call copy
    li a7, 94
    ecall
copy:
    mv a0, s0
    la a1, buffer
    li a2, 64
    li a7, 63
    ecall
    blez a0, done
    mv a2, a0
    li a0, 1
    li a7, 64
    ecall
    j copy
done:
    ret
    .data
name: .asciz "data/greeting"
absent: .asciz "data/nothing"
buffer: .zero 64
"""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording whose files are gone."""
    folder = tmp_path_factory.mktemp("recording")
    (folder / "copier.s").write_text(COPIER)
    root = folder / "root"
    (root / "data").mkdir(parents=True)
    greeting = root / "data" / "greeting"
    greeting.write_bytes(b"hello from the host\n")
    out = io.BytesIO()
    program = build_program([folder / "copier.s"])
    path = folder / "run.tvr"
    result = record(
        [Start(program, ["copier"])], RunOptions(root=root), path, stdin=b"and from the input\n", stdout=out
    )
    assert (result.status, out.getvalue()) == (0, b"hello from the host\nand from the input\n")
    greeting.write_bytes(b"changed")
    greeting.unlink()
    return path


def test_a_recording_is_enough_to_repeat_the_run(recorded: Path) -> None:
    out = io.BytesIO()
    replayed = replay(read_recording(recorded), stdout=out)
    assert replayed.difference == ""
    assert out.getvalue() == b"hello from the host\nand from the input\n"


def test_a_timeline_can_begin_with_a_recording(recorded: Path) -> None:
    with Timeline.open(read_recording(recorded)) as line:
        beginning = line.moment
        for _ in range(2):
            while line.resume(Conditions()).kind is not StopKind.END:
                pass
            assert line.output() == b"hello from the host\nand from the input\n"
            line.go_to(beginning)


def test_replay_stops_early(recorded: Path) -> None:
    replayed = replay(read_recording(recorded), until=10)
    assert (replayed.result.status, replayed.outcome.instructions, replayed.difference) == (124, 10, "")


def changed(recorded: Path, tmp_path: Path, **changes: object) -> Recording:
    """A copy of a recording with another manifest."""
    path = tmp_path / "changed.tvr"
    with zipfile.ZipFile(recorded) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == MANIFEST:
                data = json.dumps({**json.loads(data), **changes}).encode()
            new.writestr(name, data)
    return read_recording(path)


def test_says_when_a_run_differs(recorded: Path, tmp_path: Path) -> None:
    other = changed(recorded, tmp_path, options={"date": "1700000000", "max_syscalls": 3})
    assert "status: 124 instead of 0" in replay(other).difference
    outcome = json.loads(zipfile.ZipFile(recorded).read(MANIFEST))["outcome"]
    other = changed(recorded, tmp_path, outcome={**outcome, "instructions": outcome["instructions"] - 1})
    assert "instructions" in replay(other).difference


def test_refuses_another_version(recorded: Path, tmp_path: Path) -> None:
    other = changed(recorded, tmp_path, toyvm="0.0.1")
    with pytest.raises(OtherVersionError, match=r"0\.0\.1"):
        replay(other)
    assert replay(other, any_version=True).difference == ""


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "another"},
        {"version": 2},
        {"nodes": 5},
        {"nodes": [{"stat": [1, 2]}]},
        {"roots": [["/", 77]]},
        {"roots": [["etc", 2]]},
        {"input": [1 << 40]},
        {"options": {"root": "/"}},
        {"options": {"memory": -4}},
        {"options": {"nonsense": 1}},
        {"options": {"date": 5}},
        {"nodes": [{"stat": [1, 2, -1, 1, 0, 0, 0, 0, 0, 0]}]},
        {"starts": []},
        {"home": "/\ud800"},
        {"starts": [{"path": 1}]},
        {"starts": [{"path": "/x", "argv": [1], "environment": []}]},
        {"outcome": {}},
    ],
)
def test_refuses_a_wrong_manifest(recorded: Path, tmp_path: Path, changes: dict[str, object]) -> None:
    with pytest.raises(ToyvmError):
        changed(recorded, tmp_path, **changes)


def test_refuses_damaged_files(recorded: Path, tmp_path: Path) -> None:
    data, path = recorded.read_bytes(), tmp_path / "damaged.tvr"
    dice = random.Random(1)
    for _ in range(150):
        damaged = bytearray(data)
        for _ in range(dice.choice((1, 3, 20))):
            damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        path.write_bytes(damaged[: dice.choice((len(data), len(data), dice.randrange(len(data))))])
        try:
            replay(read_recording(path), until=1000)
        except ToyvmError:
            continue
    path.write_bytes(b"")
    with pytest.raises(RecordingError):
        read_recording(path)
    with pytest.raises(ToyvmError, match="No such file"):
        read_recording(tmp_path / "nothing.tvr")


def test_refuses_what_cannot_be_repeated(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--root DIR:rw"):
        record([], RunOptions(root=tmp_path, root_writable=True), tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_commands(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    source = tmp_path / "exit.s"
    source.write_text(".globl _start\n_start: li a0, 3\n li a7, 93\n ecall\n")
    recording = str(tmp_path / "run.tvr")
    assert main(["record", str(source), "-o", recording]) == 3
    assert main(["replay", "--verify", recording]) == 3
    assert b"are those of the recorded run" in capfdbinary.readouterr().err
    assert main(["record", str(source)]) == 2
    assert main(["replay", str(source)]) == 1
    assert b"no recording" in capfdbinary.readouterr().err


def test_only_regular_files_are_recordings(recorded: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.tvr"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path, Path("/dev/zero")):
        with pytest.raises(ToyvmError, match="not a regular file"):
            read_recording(path)
        with pytest.raises(ToyvmError, match="not a regular file"):
            Recorder(path)
    assert pipe.is_fifo()
