"""The command line finds its commands, and nothing a user can cause ends in a traceback."""

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.support.harness import ROOT
from toyvm import cli
from toyvm.base.errors import (
    AssemblyError,
    LoadError,
    NotExecutableError,
    NotFoundError,
    ToyvmError,
    UsageError,
)


def test_every_command_has_its_module_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    for name, (module, _) in cli.COMMANDS.items():
        command = import_module(f"toyvm.cli.{module}")
        try:
            status = command.main(["--help"])
        except SystemExit as stopped:  # argparse's way
            status = stopped.code
        assert status == 0, name
        assert "usage:" in capsys.readouterr().out, name


def test_a_wrong_command_is_named_with_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["comapre"]) == 2
    assert "did you mean 'compare'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (ToyvmError("no"), 1, "toyvm run: no"),
        (UsageError("no"), 2, "toyvm run: no"),
        (NotExecutableError("no"), 126, "no"),
        (NotFoundError("no"), 127, "no"),
        (LoadError("no"), 127, "no"),
        (AssemblyError(["a.s:1:1: error: x"]), 1, "a.s:1:1: error: x"),
        (PermissionError(13, "Permission denied", "f"), 1, "toyvm run: f: Permission denied"),
        (MemoryError(), 1, "toyvm run: the host has no memory left"),
        (ImportError("numpy\nsays much\nno room\n"), 1, "toyvm run: no room"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_errors_become_messages_and_exit_codes(
    error: BaseException,
    status: int,
    text: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(argv: list[str]) -> int:
        raise error

    monkeypatch.setattr("toyvm.cli.run.main", fail)
    assert cli.main(["run", "x"]) == status
    assert text in capsys.readouterr().err


def test_version_and_overview(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert cli.main(["--help"]) == 0
    assert cli.main([]) == 2
    assert "assemble RISC-V assembly" in capsys.readouterr().out


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    command = f"{sys.executable} -m toyvm --help | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=False)
    assert done.stderr == b""


def test_running_a_static_image_imports_nothing_heavy() -> None:
    script = (
        "import sys; from toyvm import system\n"
        "heavy = {'numpy', 'lark', 'elftools', 'capstone', 'rich', 'hypothesis'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_profiler_sees_the_end_of_a_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cProfile", "-m", "toyvm", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("toyvm ")
    assert "function calls" in done.stdout


def test_a_profiler_of_later_versions_sees_the_end_of_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """From Python 3.12 on, cProfile sets no profile function."""
    profiler = SimpleNamespace(get_tool={2: "cProfile"}.get)
    monkeypatch.setattr(sys, "monitoring", profiler, raising=False)
    monkeypatch.setattr(sys, "gettrace", lambda: None)
    monkeypatch.setattr(cli, "main", lambda: 3)
    monkeypatch.setattr(cli, "begin", lambda: None)
    monkeypatch.setattr(os, "_exit", pytest.fail)
    with pytest.raises(SystemExit) as ended:
        cli.run_process()
    assert ended.value.code == 3


def test_a_process_ends_with_the_status_and_all_that_was_written() -> None:
    script = (
        "import sys, toyvm.cli\n"
        "def main():\n"
        "    sys.stderr.write('half a line')\n"
        "    print('out', end='', flush=True)\n"
        "    return 7\n"
        "toyvm.cli.main = main\n"
        "toyvm.cli.run_process()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (7, b"out", b"half a line")


def test_pictures_and_pages_of_a_program_whose_name_is_not_utf8(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    source = tmp_path / os.fsdecode(b"hello-\xff.s")
    source.write_bytes((ROOT / "asm" / "hello.s").read_bytes())
    outputs = [str(tmp_path / name) for name in ("frames", "layout", "compare", "misses")]
    run = ["run", "--frames-picture", outputs[0], "--layout-picture", outputs[1]]
    trace = str(tmp_path / os.fsdecode(b"\xff.npz"))
    assert cli.main([*run, str(source)]) == 0
    assert cli.main(["compare", "--html", outputs[2], str(source)]) == 0
    assert cli.main(["trace", "pages", "-o", trace, str(source)]) == 0
    assert cli.main(["policies", "--svg", outputs[3], trace]) == 0
    capfdbinary.readouterr()  # pytest-xdist fails on reports with such names
    for path in outputs:
        Path(path).read_text(encoding="utf-8")
