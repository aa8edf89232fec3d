"""Odd files and streams under the commands: devices, the output as input, closed and full standard streams, interruption."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from toyvm.base.errors import UsageError
from toyvm.base.resources import read_input, require_other_file, write_atomically
from toyvm.cli import main

PROGRAM = ".globl _start\n_start: li a0, 3\n li a7, 93\n ecall\n"
ENDLESS = ".globl _start\n_start: j _start\n"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "p.s"
    path.write_text(PROGRAM)
    return path


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[bytes]:
    toyvm = f"{sys.executable} -m toyvm"
    root = Path(__file__).parents[3]
    return subprocess.run(
        ["bash", "-c", command.replace("toyvm", toyvm)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        timeout=60,
    )


def test_a_device_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    write_atomically(fifo, b"words")
    assert os.read(reader, 99) == b"words" and fifo.is_fifo()
    os.close(reader)


def test_what_never_ends_is_not_read_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toyvm.base.resources.MAX_STREAM", 1 << 16)
    with pytest.raises(OSError, match="gives more than"):
        read_input("/dev/zero")
    for command in (
        ["readelf", "-h"],
        ["nm"],
        ["ld", "-o", os.devnull],
        ["as", "-o", os.devnull],
        ["run", "--static"],
    ):
        assert main([*command, "/dev/zero"]) in (1, 2)


# Commands, each with an option for a file that it writes.
WRITING = (
    "as -o",
    "run --trace-out",
    "run --report-file",
    "run --frames-picture",
    "explore -o",
    "compare --html",
    "policies --svg",
    "sweep -o",
    "trace pages -o",
    "record -o",
)


@pytest.mark.parametrize("words", WRITING)
def test_the_source_survives_as_output(words: str, source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words.split(), str(source), str(source)]) == 2
    assert "the same file" in capsys.readouterr().err
    assert source.read_text() == PROGRAM


def test_other_files_are_told_from_the_same(source: Path) -> None:
    require_other_file(os.devnull, [os.devnull])  # no harm in that
    with pytest.raises(UsageError):
        require_other_file(source, [f"{source.parent}/./{source.name}"])


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams(source: Path, closed: str) -> None:
    done = shell(
        f"toyvm run p.s {closed}; echo $? >status; toyvm as -o p.o p.s {closed}; toyvm nm p.o {closed}",
        source.parent,
    )
    assert (source.parent / "status").read_text() == "3\n"
    assert b"Traceback" not in done.stderr
    assert (source.parent / "p.o").read_bytes()[:4] == b"\x7fELF"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_full_standard_output(source: Path) -> None:
    done = shell(
        "toyvm as -o p.o p.s; toyvm nm p.o >/dev/full; echo $?; toyvm --help >/dev/full; echo $?",
        source.parent,
    )
    assert done.stdout == b"1\n1\n"
    assert done.stderr.count(b"No space left on device") == 2
    assert b"Traceback" not in done.stderr and b"Exception" not in done.stderr


@pytest.mark.parametrize("command", ["run", "record"])
def test_interrupted_run(source: Path, command: str) -> None:
    source.write_text(ENDLESS)
    recording = source.with_suffix(".tvr")
    words = [command] if command == "run" else [command, "-o", str(recording)]
    run = subprocess.Popen(
        [sys.executable, "-m", "toyvm", *words, str(source)],
        stderr=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
    with pytest.raises(subprocess.TimeoutExpired):
        run.wait(3)
    run.send_signal(signal.SIGINT)
    _, told = run.communicate(timeout=20)
    assert run.returncode == 130
    assert b"Traceback" not in told
    if command == "record":
        assert not recording.exists() and f"{recording} is not written".encode() in told
