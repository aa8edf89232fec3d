"""A run of a short program is mostly start-up: what it may not import, once its caches are warm."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

import toyvm
from tests.support.harness import ROOT
from toyvm import __main__, cli, start
from toyvm.base.resources import write_atomically
from toyvm.build import build_program
from toyvm.start.kept_code import StartCode

# Each of these costs milliseconds, many of them tens.
HEAVY = {
    "argparse",
    "datetime",
    "hashlib",
    "heapq",
    "capstone",
    "dataclasses",
    "elftools",
    "inspect",
    "json",
    "lark",
    "llvmlite",
    "numpy",
    "pathlib",
    "re",
    "resource",
    "rich",
    "typing",
    "toyvm.assembler",
    "toyvm.build",
    "toyvm.isa.table",
    "toyvm.linker",
    "zlib",
}
SCRIPT = """
import sys
from toyvm.cli import main
status = main(sys.argv[1:])
print("\\n".join(sys.modules))
sys.exit(status)
"""


@pytest.mark.parametrize("linkage", ["static", "dynamic"])
def test_a_warm_run_imports_nothing_heavy(tmp_path: Path, linkage: str) -> None:
    image = tmp_path / "hello"
    write_atomically(image, build_program([ROOT / "asm" / "hello.s"], linkage=linkage).image, 0o755)
    command = [sys.executable, "-c", SCRIPT, "run", "--date", "now", "-E", "A=1", str(image)]
    own = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}  # that no other process clears
    subprocess.run(command, check=True, capture_output=True, env=own)  # fills the caches
    told = subprocess.run(command, check=True, capture_output=True, text=True, env=own).stdout.split()
    assert told[:2] == ["hello,", "world"]
    assert not HEAVY & set(told)


def _byte_code_lines(folder: Path, *options: str, **environment: str) -> list[str]:
    """What `run --stats` of a copy of the package in `folder` says about byte code."""
    done = subprocess.run(
        [sys.executable, *options, "-m", "toyvm", "run", "--stats", "hello"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "XDG_CACHE_HOME": str(folder / "cache"), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "hello, world\n" and "instructions" in done.stderr
    return [line for line in done.stderr.splitlines() if line.startswith("byte code")]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package without byte code, and a program."""
    shutil.copytree(ROOT / "toyvm", tmp_path / "toyvm", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "libs", tmp_path / "libs")
    image = build_program([ROOT / "asm" / "hello.s"], linkage="static").image
    write_atomically(tmp_path / "hello", image, 0o755)
    return tmp_path


def test_the_statistics_say_that_no_byte_code_is_kept(copy: Path) -> None:
    for options, environment in (((), {"PYTHONDONTWRITEBYTECODE": "1"}), (("-B",), {})):
        shutil.rmtree(copy / "cache", ignore_errors=True)
        (line,) = _byte_code_lines(copy, *options, **environment)
        found = re.fullmatch(r"byte code +none, this start compiled (\d+) modules: PYTHONDONT.* is set", line)
        assert found and int(found[1]) > 50, line
        assert _byte_code_lines(copy, *options, **environment) == []  # the cache has kept it


def test_the_statistics_name_the_folder_that_takes_no_byte_code(copy: Path) -> None:
    (copy / "none").write_text("a file, so that no folder can be made in it")
    prefix = str(copy / "none" / "cache")
    (line,) = _byte_code_lines(copy, PYTHONPYCACHEPREFIX=prefix)
    assert re.fullmatch(
        rf"byte code +none, this start compiled \d+ modules: {prefix}\S* cannot be written", line
    )


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module `toyvm.made_up`, which is not imported yet."""
    monkeypatch.setattr(toyvm, "__path__", [*toyvm.__path__, str(tmp_path)])
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    (tmp_path / "made_up.py").write_text("VALUE = 1\n")
    yield tmp_path
    sys.modules.pop("toyvm.made_up", None)


def _import(file: Path) -> tuple[object, bool]:
    """The module's value, and whether a new finder's file `file` had its code."""
    finder = StartCode(str(file), b"version")
    sys.meta_path.insert(0, finder)
    sys.modules.pop("toyvm.made_up", None)
    importlib.invalidate_caches()
    module = importlib.import_module("toyvm.made_up")
    assert module.__file__ and Path(module.__file__).name == "made_up.py"
    written = finder.keep()
    sys.meta_path.remove(finder)
    return module.VALUE, not written


def test_kept_code_is_used_while_its_source_is_the_same(package: Path) -> None:
    file = package / "kept" / "code"
    assert [_import(file), _import(file)] == [(1, False), (1, True)]
    (package / "made_up.py").write_text("VALUE = 22\n")
    assert [_import(file), _import(file)] == [(22, False), (22, True)]


def test_a_damaged_file_of_kept_code_is_made_again(package: Path) -> None:
    file = package / "kept" / "code"
    _import(file)
    whole = file.read_bytes()
    renamed, other = whole.replace(b"made_up", b"made_it", 1), whole.replace(b"VALUE", b"VALVE")
    for content in (b"", b"x", whole[:40], whole[:-1], renamed, other, _damaged(whole, -100)):
        file.write_bytes(content)
        assert _import(file) == (1, False), content[:60]
        assert file.read_bytes() == whole


def _damaged(whole: bytes, at: int) -> bytes:
    """`whole` with zeros for the 20 bytes at `at`."""
    return whole[:at] + bytes(20) + whole[at + 20 or len(whole) :]


_RUN = "import sys; sys.argv[0] = 'toyvm'; from toyvm.__main__ import main; main()"


def _loaders(copy: Path, early: str = "") -> tuple[str, int]:
    """What a run of `hello` prints, and how many of its modules the import system has found one by one."""
    watch = "import sys; from toyvm.start import kept_code as s; o = s._KeptCode.exec_module; n = []\n"
    watch += "s._KeptCode.exec_module = lambda k, m: (n.append(m), o(k, m))[1]\n"
    watch += "import os; e = os._exit; os._exit = lambda x: (print(len(n), file=sys.stderr), e(x))\n"
    done = subprocess.run(
        [sys.executable, "-c", early + watch + _RUN, "run", "hello"],
        cwd=copy,
        env={"PATH": os.environ["PATH"], "XDG_CACHE_HOME": str(copy / "cache")},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout, int(done.stderr.split()[-1])


def test_a_static_program_does_not_execute_the_dynamic_loader(copy: Path) -> None:
    """Its code is in the same file, because dynamic programs have been run."""
    image = build_program([ROOT / "asm" / "hello.s"], linkage="dynamic").image
    write_atomically(copy / "dynamic", image, 0o755)
    hook = (
        "import os, sys; e = os._exit; os._exit = lambda x: (print(*sys.modules), sys.stdout.flush(), e(x))\n"
    )

    def modules(program: str) -> set[str]:
        done = subprocess.run(
            [sys.executable, "-c", hook + _RUN, "run", program],
            cwd=copy,
            env={"PATH": os.environ["PATH"], "XDG_CACHE_HOME": str(copy / "cache")},
            capture_output=True,
            text=True,
            check=True,
        )
        return set(done.stdout.split())

    assert [modules("dynamic") >= {"toyvm.loader.session"} for _ in range(4)] == [True] * 4
    assert not modules("hello") & {"toyvm.loader.session", "toyvm.start.kept_code"}


def test_the_second_run_keeps_its_modules_in_one_file(copy: Path) -> None:
    """The first one has compiled, so it has imported more than runs need."""
    assert _loaders(copy) == ("hello, world\n", 0)  # read from the sources
    assert not list((copy / "cache").glob("toyvm/start/*-run"))
    text, count = _loaders(copy)
    assert text == "hello, world\n" and count > 50
    (kept,) = (copy / "cache").glob("toyvm/start/*-run")
    assert _loaders(copy) == ("hello, world\n", 0)

    whole = kept.read_bytes()
    damaged = [_damaged(whole, at) for at in (len(whole) // 2, -20)]  # a group, and the list of groups
    for content in (b"", whole[:40], whole[:-1], *damaged):
        kept.write_bytes(content)
        assert _loaders(copy)[1] > 50
        assert kept.read_bytes() == whole

    kept.unlink()
    early = "import toyvm.machine.traps, toyvm.kernel.mm\n"  # before the finder is in place
    assert _loaders(copy, early=early)[1] > 50
    assert kept.read_bytes() != whole
    assert 0 < _loaders(copy)[1] < 10  # these, and what they need
    assert _loaders(copy) == ("hello, world\n", 0)

    os.utime(copy / "toyvm" / "system.py")
    assert _loaders(copy)[1] > 50
    assert _loaders(copy) == ("hello, world\n", 0)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (KeyboardInterrupt(), 130),
        (MemoryError(), "toyvm: the host has no memory left"),
    ],
)
def test_a_start_that_cannot_go_on_gives_no_traceback(
    error: BaseException, status: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start, "begin", _raise(error))
    with pytest.raises(SystemExit) as ended:
        __main__.main()
    assert ended.value.code == status


@pytest.mark.parametrize(
    ("error", "status"), [(KeyboardInterrupt(), 130), (MemoryError(), 3), (ImportError(), 3), (OSError(), 3)]
)
def test_code_that_cannot_be_kept_changes_no_status(
    error: BaseException, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "begin", lambda: SimpleNamespace(keep=_raise(error)))
    monkeypatch.setattr(cli, "main", lambda: 3)
    ended: list[int] = []
    monkeypatch.setattr(cli.os, "_exit", ended.append)
    monkeypatch.setattr(cli.sys, "gettrace", lambda: None)
    cli.run_process()
    assert ended == [status]


def _raise(error: BaseException) -> Callable[[], object]:
    def fail() -> object:
        raise error

    return fail


def test_a_source_that_is_being_edited_is_not_kept(package: Path) -> None:
    file = package / "kept" / "code"
    finder = StartCode(str(file), b"version")
    sys.meta_path.insert(0, finder)
    importlib.invalidate_caches()
    importlib.import_module("toyvm.made_up")
    for text in ("VALUE =", "VALUE = '\0'"):
        (package / "made_up.py").write_text(text)
        assert not finder.keep()
    assert not file.exists()


def test_a_package_may_be_in_a_folder_whose_name_is_not_utf8(copy: Path) -> None:
    other = copy.parent / os.fsdecode(b"other-\xff")
    copy.rename(other)
    (other / "hello").write_bytes(build_program([ROOT / "asm" / "hello.s"], linkage="dynamic").image)
    for command in ("run hello", "run hello", "run hello", "bindir"):
        done = subprocess.run(
            [sys.executable, "-m", "toyvm", *command.split()],
            cwd=other,
            env={"PATH": os.environ["PATH"], "XDG_CACHE_HOME": str(other / "cache")},
            capture_output=True,
            check=False,
        )
        expected = b"hello, world" if command == "run hello" else os.fsencode(other / "cache/toyvm/bin")
        assert (done.returncode, done.stdout.strip(), done.stderr) == (0, expected, b"")
