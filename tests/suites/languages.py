"""The suites of languages: perl's t/, and the test package of CPython."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from tests.suites.shells import TOOLS
from tests.suites.suite import FAIL, PASS, SKIP, Checks, Outcome, Suite

_PERL_GROUPS = ("base", "cmd", "comp", "io", "mro", "class", "op", "opbasic", "re", "uni", "lib", "run")
_ONE = Path(__file__).with_name("python_one.py")
_MODULES = Path(__file__).with_name(
    "python_modules.txt"
)  # those that ask most of the kernel, then some that compute


def _perl_prepare(source: Path, root: Path) -> None:
    """Keep t/ and lib/, and put the installed modules into lib/, as a build would."""
    (tree,) = source.glob("perl-5*")
    for path in tree.iterdir():
        if path.is_dir() and path.name not in ("t", "lib"):
            shutil.rmtree(path)
        elif not path.is_dir():
            path.unlink()
    installed = root / "usr/lib/riscv64-linux-gnu"
    for folder in (
        *(root / "usr/share/perl").glob("5.??"),
        installed / "perl-base",
        *(installed / "perl").glob("5.??"),
    ):
        shutil.copytree(folder, tree / "lib", dirs_exist_ok=True)
    for place in (tree, tree / "t"):
        (place / "perl").symlink_to("/usr/bin/perl")


def _perl_parts(tree: Path) -> dict[str, str]:
    """One part for each file, with the switches of its first line, as t/TEST runs it."""
    parts = {}
    for group in _PERL_GROUPS:
        for path in sorted((tree / "t" / group).glob("*.t")):
            first = path.read_text(errors="replace").partition("\n")[0]
            switches = re.search(r"^#!.*perl\s+(-.*)", first)
            name = f"{group}/{path.name}"
            parts[name] = f"cd t; PERL_CORE=1 ./perl {switches[1] if switches else ''} {name}; echo status $?"
    return parts


def read_tap(part: str, outcome: Outcome) -> Checks:
    """The verdicts in the Test Anything Protocol. A test that is expected to fail is skipped."""
    checks: Checks = {}
    for word, number, rest in re.findall(r"^(not ok|ok) (\d+)(.*)", outcome.output, re.M):
        expected = re.search(r"# *(skip|todo)", rest, re.I)
        checks[number] = SKIP if expected else PASS if word == "ok" else FAIL
    if checks:
        checks["end"] = PASS if outcome.output.endswith("status 0\n") else FAIL
    return checks


PERL = Suite(
    name="perl",
    source="perl",
    packages=TOOLS,
    folder="perl-5*",
    prepare=_perl_prepare,
    parts=_perl_parts,
    read=read_tap,
    seconds=90,
    shared=True,
)


def _python_prepare(source: Path, root: Path) -> None:
    """The tests are in a binary package, so the folder has only the script that runs a module."""
    folder = source / "python"
    folder.mkdir()
    shutil.copy(_ONE, folder / "one.py")


def _python_parts(tests: Path) -> dict[str, str]:
    """One part for each module."""
    return {name: f"cd /tmp; python3 $OLDPWD/one.py {name}" for name in _MODULES.read_text().split()}


def _python_read(part: str, outcome: Outcome) -> Checks:
    """A test fails if one of its subtests does."""
    checks: Checks = {}
    for verdict, name in re.findall(rf"^({PASS}|{FAIL}|{SKIP}) (\S+)", outcome.output, re.M):
        name = name.removeprefix(f"test.{part}.")
        if checks.get(name) != FAIL:
            checks[name] = verdict
    if checks:
        checks["end"] = PASS if "\nend of module\n" in outcome.output else FAIL
    return checks


PYTHON = Suite(
    name="python",
    source=None,
    packages=(*TOOLS, "python3", "libpython3.13-testsuite", "tzdata"),
    folder="python",
    prepare=_python_prepare,
    parts=_python_parts,
    read=_python_read,
    seconds=200,
)
