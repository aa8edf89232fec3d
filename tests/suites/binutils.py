"""Runs GNU's own tests of its assembler (binutils-source, gas/testsuite) with GNU as and with ours: `make oracles`.

    python -m tests.suites.binutils [--folder DIR] [NAME.exp...]

DejaGnu runs them; all other tools are GNU's. A test of which GNU as passes and ours fails is listed with the first line
that differs. Much of what differs is wording: GNU as begins its messages with "Assembler messages:".
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from toyvm.base.resources import cache_dir

TARGET = "riscv64-unknown-linux-gnu"
PREFIX = "riscv64-linux-gnu-"
TOOLS = ("objdump", "readelf", "nm", "objcopy", "size", "strip", "ld", "ar", "ranlib", "addr2line", "elfedit")
_VERDICT = re.compile(r"(PASS|FAIL|XPASS|XFAIL|UNSUPPORTED|UNRESOLVED|UNTESTED): (.*)")
_PARTS = ("gas/testsuite", "ld/testsuite", "ld/configure.tgt", "binutils/testsuite")  # of the archive


def fetch(folder: Path) -> Path:
    """The sources of the tests, of the host's release of binutils. Raises CalledProcessError."""
    source = folder / "source"
    if not all((source / part).exists() for part in _PARTS):
        shutil.rmtree(source, ignore_errors=True)
        part = folder / "part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        subprocess.run(["apt-get", "download", "-qq", "binutils-source"], cwd=part, check=True)
        subprocess.run(["dpkg-deb", "-x", *part.glob("*.deb"), "x"], cwd=part, check=True)
        (archive,) = part.glob("x/usr/src/binutils/binutils-*.tar.xz")
        wanted = [f"binutils-*/{name}" for name in _PARTS]
        subprocess.run(["tar", "-xJf", archive, "-C", part, "--wildcards", *wanted], check=True)
        (unpacked,) = part.glob("binutils-*/")
        unpacked.rename(source)
        shutil.rmtree(part)
    return source


def run(source: Path, folder: Path, assembler: str, names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Test -> (verdict, what was printed before it)."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "tmpdir").mkdir(parents=True)
    tests = source / "gas/testsuite"
    (folder / "site.exp").write_text(
        f"set tool gas\nset srcdir {tests}\nset objdir .\nset target_triplet {TARGET}\nset experimental false\n"
    )
    tools = [f"{name.upper()}={shutil.which(PREFIX + name)}" for name in TOOLS]
    command = [
        "runtest",
        "--tool",
        "gas",
        "--srcdir",
        str(tests),
        "--target",
        TARGET,
        f"AS={assembler}",
        "ASFLAGS=",
    ]
    with (folder / "out").open("w") as out:
        subprocess.run([*command, *tools, *names], cwd=folder, stdout=out, stderr=out, check=False)
    found: dict[str, tuple[str, str]] = {}
    before: list[str] = []
    for line in (folder / "gas.log").read_text(errors="replace").splitlines():
        verdict = _VERDICT.match(line)
        if verdict:
            found[verdict[2].strip()] = (verdict[1], "\n".join(before))
            before = []
        else:
            before.append(line)
    return found


def reason(log: str) -> str:
    """The line that says what differs: an error of the assembler, or the first line of a dump that does not match."""
    lines = [line.strip() for line in log.splitlines()]
    for mark in ("error: ", "toyvm as: ", 'line   "', 'regexp "', "expected"):
        for line in lines:
            if mark in line and not line.startswith("/"):
                return line[line.index(mark) :][:120]
    return next((line for line in reversed(lines) if line), "")[:120]


def main() -> int:
    """Run both, and compare. Returns 1 if DejaGnu is missing."""
    parser = argparse.ArgumentParser(prog="python -m tests.suites.binutils", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME.exp", help="such as gas/riscv/riscv.exp (default: all)"
    )
    parser.add_argument("--folder", type=Path, default=cache_dir() / "binutils")
    options = parser.parse_args()
    if not shutil.which("runtest"):
        print("runtest is missing: apt-get install dejagnu", file=sys.stderr)
        return 1
    source = fetch(options.folder)
    ours = options.folder / "as"
    # What GNU as is configured to in Debian, and its shape of messages. Later options of a test override these.
    defaults = "--gnu-messages -march=rv64g -misa-spec=2.2"
    ours.write_text(f'#!/bin/sh\nexec {sys.executable} -m toyvm as {defaults} "$@"\n')
    ours.chmod(0o755)
    gnu = run(source, options.folder / "gnu", str(shutil.which(PREFIX + "as")), options.names)
    found = run(source, options.folder / "toyvm", str(ours), options.names)
    passed = [name for name, (verdict, _) in gnu.items() if verdict == "PASS"]
    failed = [name for name in passed if found.get(name, ("", ""))[0] != "PASS"]
    for name in failed:
        print(f"{name}: {reason(found.get(name, ('', ''))[1])}")
    print(f"{len(passed) - len(failed)} of the {len(passed)} tests that GNU as passes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
