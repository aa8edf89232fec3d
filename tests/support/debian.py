"""Debian's riscv64 programs: the table of them in tests/oracle/debian, and one row of it run by toyvm and by qemu.

`python -m tests.support.debian` prints the packages that the table needs, one a line.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.support.harness import ROOT
from tests.support.oracles import QEMU

TABLE = ROOT / "tests" / "oracle" / "debian"
# Files that rows write get this date, so that archives of them do not change from run to run.
DATE = 1_000_000_000
# What every system has: locales, terminals, names of users and services.
SYSTEM = ("base-files", "base-passwd", "libc-bin", "ncurses-base", "netbase")
ENVIRONMENT = {
    "LC_ALL": "C.UTF-8",
    "LOGNAME": "user",
    "TERM": "dumb",
    "TZ": "UTC",
    "USER": "user",
}


@dataclass(frozen=True)
class Row:
    """A `[[program]]` of the table; tests/oracle/debian/README.md says what each key means."""

    name: str
    package: str
    run: str
    stdin: str = ""
    files: dict[str, str] = field(default_factory=dict)
    copies: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    children: bool = False
    stderr: bool = True
    long: bool = False
    expect: str = ""
    why: str = ""

    def __post_init__(self) -> None:
        if bool(self.expect) != bool(self.why):
            raise ValueError(f"{self.name}: an expected output needs a reason why qemu gives another")

    @property
    def commands(self) -> list[list[str]]:
        """The lines of `run` as words; a line ends outside quotes."""
        lexer = shlex.shlex(self.run, posix=True, punctuation_chars="\n")
        lexer.whitespace = " \t"
        lexer.whitespace_split = True
        lexer.commenters = ""
        commands: list[list[str]] = [[]]
        for word in lexer:
            if word.strip("\n"):
                commands[-1].append(word)
            elif commands[-1]:
                commands.append([])
        return [command for command in commands if command]

    def prepare(self, folder: Path) -> None:
        """Make `folder` hold the row's files and no others."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name, text in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            if text.startswith("#!"):
                path.chmod(0o755)
        for name in self.copies:
            shutil.copyfile(ROOT / name, folder / Path(name).name)
        for path in (*folder.rglob("*"), folder):
            os.utime(path, (DATE, DATE))


@dataclass(frozen=True)
class Outcome:
    """What a row did: each command's output, errors and status, and the files that are there at the end."""

    stdout: list[str]
    stderr: list[str]
    status: list[int]
    files: dict[str, bytes]


@cache
def rows() -> list[Row]:
    """Every row of the table, in the order of its files. Raises TypeError for a key that a row does not have."""
    found = []
    for path in sorted(TABLE.glob("*.toml")):
        for entry in tomllib.loads(path.read_text())["program"]:
            lists = {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
            found.append(Row(**lists))
    return found


def packages() -> list[str]:
    """The packages that the rows need, in order."""
    return sorted({*SYSTEM, *(package for row in rows() for package in (row.package, *row.needs))})


def root_folder() -> Path:
    """Where the packages are unpacked: TOYVM_RISCV64_ROOT, else build/riscv64-root."""
    return Path(os.environ.get("TOYVM_RISCV64_ROOT") or ROOT / "build" / "riscv64-root")


def program_path(root: Path, word: str) -> Path:
    """The file of a command's first word: looked for as a shell would, or by its path from the root."""
    for folder in ("usr/bin", "usr/sbin", "usr/games", "."):
        path = root / folder / word
        if path.is_file():
            return path
    raise FileNotFoundError(f"{root}: no program {word}")


def make_wrappers(root: Path, folder: Path) -> None:
    """Fill `folder` with scripts that run the root's programs by qemu: qemu gives an execve to the host as it is."""
    folder.mkdir()
    script = folder / ".by-qemu"
    script.write_text(
        f'#!/bin/sh\nname=${{0##*/}}\nexec {shutil.which(QEMU)} -0 "$name" -L {root} {root}/usr/bin/"$name" "$@"\n'
    )
    script.chmod(0o755)
    for program in (root / "usr" / "bin").iterdir():
        if program.is_file() and program.read_bytes()[:4] == b"\x7fELF":
            (folder / program.name).symlink_to(script)


def run_by_qemu(row: Row, root: Path, folder: Path, wrappers: Path | None = None) -> Outcome:
    """The row under qemu, in `folder`. Commands find the programs that they start in `wrappers`."""
    env = {**_environment(row, folder), "PATH": str(wrappers) if wrappers else "/usr/bin:/bin"}
    qemu, commands = shutil.which(QEMU) or QEMU, []
    for command in row.commands:
        path = program_path(root, command[0])
        commands.append([qemu, "-0", f"/{path.relative_to(root)}", "-L", str(root), str(path), *command[1:]])
    return _run(row, folder, commands, env)


def run_by_toyvm(row: Row, root: Path, folder: Path, variables: Mapping[str, str] | None = None) -> Outcome:
    """The row in toyvm, in `folder`. `variables` are set for toyvm itself, not for the guest."""
    env = {**_environment(row, folder), "PATH": "/usr/bin:/bin"}
    run = [
        sys.executable,
        "-m",
        "toyvm",
        "run",
        "--date",
        "now",
        "--sysroot",
        str(root),
        "--root",
        f"{folder}:rw",
    ]
    for name, value in env.items():
        run += ["-E", f"{name}={value}"]
    commands = [[*run, str(program_path(root, command[0])), *command[1:]] for command in row.commands]
    return _run(row, folder, commands, {**os.environ, **(variables or {})})


def _environment(row: Row, folder: Path) -> dict[str, str]:
    return {**ENVIRONMENT, "HOME": str(folder), "PWD": str(folder), **row.env}


def _run(row: Row, folder: Path, commands: list[list[str]], env: dict[str, str]) -> Outcome:
    row.prepare(folder)
    outcome = Outcome([], [], [], {})
    for command in commands:
        done = subprocess.run(
            command, cwd=folder, env=env, input=row.stdin.encode(), capture_output=True, timeout=600
        )
        outcome.stdout.append(done.stdout.decode(errors="backslashreplace"))
        outcome.stderr.append(done.stderr.decode(errors="backslashreplace") if row.stderr else "")
        outcome.status.append(done.returncode)
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if (
            path.is_file()
            and not path.is_symlink()
            and not any(Path(name).match(glob) for glob in row.ignore)
        ):
            outcome.files[name] = path.read_bytes()
    return outcome


if __name__ == "__main__":
    print(*packages(), sep="\n")
