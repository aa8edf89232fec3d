"""Colours, the pager and progress: what commands do on a terminal, and do not do elsewhere."""

from __future__ import annotations

import io
import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.support.harness import ASM, ROOT
from toyvm.build import build_program
from toyvm.cli.terminal import progress_line
from toyvm.cli.terminal.pager import command
from toyvm.cli.terminal.progress_line import ProgressLine

ESCAPE = re.compile(r"\x1b\[[\d;]*m")
RED_ERROR = "\x1b[1;31merror:\x1b[0m"


def run(*argv: str, on_terminal: bool = True, cwd: Path = ROOT, **environment: str) -> tuple[int, str]:
    """(status, everything printed) of `toyvm ARGV`, with both streams a terminal or a pipe."""
    kept = {name: os.environ[name] for name in ("PATH", "XDG_CACHE_HOME", "TMPDIR") if name in os.environ}
    env = {**kept, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "100", "PAGER": "cat", **environment}
    words = [sys.executable, "-m", "toyvm", *argv]
    if not on_terminal:
        done = subprocess.run(words, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.returncode, done.stdout.decode()
    master, slave = pty.openpty()
    process = subprocess.Popen(words, cwd=cwd, env=env, stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    printed = b""
    try:
        while data := os.read(master, 65536):
            printed += data
    except OSError:
        pass  # Linux's EIO: nothing has the terminal open any more
    os.close(master)
    return process.wait(), printed.decode().replace("\r\n", "\n")


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("broken")
    (folder / "bad.s").write_text("main: addd a0, a1, a2\n lw a0\n")
    (folder / "unlinked.s").write_text(".globl main\nmain: call nowhere\n ret\n")
    return folder


def test_diagnostics_have_gccs_colours_on_a_terminal(broken: Path) -> None:
    plain = run("as", "bad.s", on_terminal=False, cwd=broken)
    status, colored = run("as", "bad.s", cwd=broken)
    assert (status, ESCAPE.sub("", colored)) == plain
    assert "\x1b[1mbad.s:1:7:\x1b[0m " + RED_ERROR in colored
    assert re.search(r"^ +\x1b\[1;31m\^+\x1b\[0m$", colored, re.M)
    assert "\x1b" not in plain[1]


@pytest.mark.parametrize(
    ("words", "environment", "on_terminal", "colored"),
    [
        (["--color=never"], {}, True, False),
        (["--color", "always"], {}, False, True),
        (["--color=always"], {"NO_COLOR": "1"}, True, True),
        ([], {"NO_COLOR": "1"}, True, False),
        ([], {"NO_COLOR": ""}, True, True),
        ([], {"CLICOLOR_FORCE": "1"}, False, True),
        ([], {"CLICOLOR_FORCE": "0"}, False, False),
        ([], {"TERM": "dumb"}, True, False),
    ],
)
def test_who_decides_on_colours(
    words: list[str], environment: dict[str, str], on_terminal: bool, colored: bool, broken: Path
) -> None:
    status, printed = run("as", *words, "bad.s", on_terminal=on_terminal, cwd=broken, **environment)
    assert (status, RED_ERROR in printed) == (1, colored)


def test_other_commands_take_color(broken: Path) -> None:
    status, printed = run("run", "--color=always", "bad.s", on_terminal=False, cwd=broken)
    assert RED_ERROR in printed and status == 126
    status, printed = run(
        "compare", "--instances=1", "--color=always", str(ASM / "hello.s"), on_terminal=False
    )
    assert status == 0 and "\x1b[1m" in printed
    run("as", "unlinked.s", "-o", "unlinked.o", cwd=broken)
    for word, escapes in (("--color-diagnostics", True), ("--color-diagnostics=never", False)):
        status, printed = run("ld", word, "-T", "none", "unlinked.o", on_terminal=False, cwd=broken)
        assert status == 2
        status, printed = run("ld", word, "unlinked.o", on_terminal=False, cwd=broken)
        assert (status, "\x1b" in printed) == (1, escapes), printed


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("image") / "hello"
    path.write_bytes(build_program([ASM / "hello.s"], linkage="static").image)
    return path


def test_long_output_goes_through_the_pager_on_a_terminal_only(image: Path, broken: Path) -> None:
    words = ("readelf", "-S", str(image))
    plain = run(*words, on_terminal=False, PAGER="sed s/^/P:/")
    assert "P:" not in plain[1]
    lines = plain[1].splitlines()
    assert run(*words, PAGER="sed s/^/P:/") == (0, "".join(f"P:{line}\n" for line in lines))
    for environment in ({"PAGER": "cat"}, {"PAGER": ""}):
        assert run(*words, **environment) == plain
    assert run("readelf", "--no-pager", "-S", str(image), PAGER="sed s/^/P:/") == plain
    why = ("explain", "fault", "1", "--no-pager", str(ASM / "hello.s"))
    status, printed = run(*why, PAGER="sed s/^/P:/")
    assert status == 0 and "P:" not in printed
    assert run(*words, PAGER="head -1") == (0, f"{lines[0]}\n")  # a user who leaves early
    assert run("objdump", "-d", str(image), PAGER="true") == (0, "")
    status, printed = run("readelf", "-S", "nothing", cwd=broken, PAGER="sed s/^/P:/")
    assert status == 1 and "P:" not in printed and "nothing" in printed


def test_the_pager_is_less_without_another(monkeypatch: pytest.MonkeyPatch, image: Path) -> None:
    monkeypatch.delenv("PAGER", raising=False)
    assert command() == ("less -FRX" if shutil.which("less") else "")
    monkeypatch.setenv("PAGER", "most")
    assert command() == "most"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_shows_after_a_second_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(progress_line.time, "monotonic", lambda: now[0])
    for stream, wanted in ((Terminal(), "\r\x1b[Klinking...\r\x1b[K"), (io.StringIO(), "")):
        now[0] = 0.0
        monkeypatch.setattr(sys, "stderr", stream)
        with ProgressLine() as progress:
            progress("assembling")
            now[0] = 1.5
            progress("linking")
        assert stream.getvalue() == wanted
    short = Terminal()
    monkeypatch.setattr(sys, "stderr", short)
    with ProgressLine() as progress:
        progress("assembling")
    assert short.getvalue() == ""


def test_names_cannot_control_the_terminal(tmp_path: Path) -> None:
    source = tmp_path / "a.s"
    source.write_text('.globl _start\n_start: nop # \x1b]0;title\x07\n.globl "x_y"\n"x_y": nop\n')
    assert run("as", "a.s", "-o", "a.o", cwd=tmp_path)[0] == 0
    evil = tmp_path / "\x1b[2J.o"
    evil.write_bytes((tmp_path / "a.o").read_bytes().replace(b"x_y", b"x\x1by"))
    for words in (["nm"], ["readelf", "-s"], ["objdump", "-d"], ["diff", "--no-pager", "a.o"]):
        _, text = run(*words, evil.name, cwd=tmp_path)
        assert "\x1b" not in text and "x^[y" in text, words
    evil.write_bytes(evil.read_bytes().replace(b"x\x1by", b"x\x01\xff"))
    assert run("ld", evil.name, "-o", "program", cwd=tmp_path)[0] == 0
    assert run("size", "--treemap", "t.svg", "program", cwd=tmp_path)[0] == 0
    assert ElementTree.parse(tmp_path / "t.svg") is not None
    status, text = run("size", "\x1b[3J", cwd=tmp_path, NO_COLOR="1")
    assert (status, "\x1b" in text, "^[[3J" in text) == (1, False, True)
    _, text = run("debug", "--batch", "-ex", "list", "-ex", "nonsense \x1b[2J", "a.s", cwd=tmp_path)
    assert "# ^[]0;title^G" in text and "\x1b" not in text
