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
import textwrap
from collections.abc import Mapping, Sequence
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


PAGE = Path(__file__).resolve().parents[2] / "docs/reference/gas-testsuite.md"

# Why a test that GNU as passes fails here. Whatever else fails is listed with its first difference.
REASONS = {
    "weakref tests, relocations": "a relocation names the alias of an alias of a `.weakref` where GNU as names the label",
    ".xstabs": "stabs are dropped, with a warning: nothing reads the format any more",
    "elf ehopt0": "`DW_CFA_advance_loc4` in a hand-written .eh_frame keeps its length; GNU as shortens it",
    "elf line": "`.file` and `.line` in a macro do not change the file and line of messages",
    "macros badarg": "a `local` with the name of a parameter, and a default of a required parameter, are accepted",
    "macros dot": "`label: .macro` without a name, and a macro called `.macro`, are refused",
    "gas/riscv/float16-be": "`-mbig-endian`: there is no big-endian RISC-V Linux",
    "gas/riscv/lla64-fail": "`lla` takes every constant of 32 bits",
    "gas/riscv/lla64": "`lla a0, 0xffffffffffffffff` is `addi`, which has the same result as GNU's `addiw`",
    "gas/riscv/march-fail-base-02": "rv64e is known, as in later versions of GNU as",
}


def page(gnu: Mapping[str, tuple[str, str]], found: Mapping[str, tuple[str, str]]) -> str:
    """The page of the documentation."""
    passed = [name for name, (verdict, _) in gnu.items() if verdict == "PASS"]
    failed = [name for name in passed if found.get(name, ("", ""))[0] != "PASS"]
    rows = [f"- `{name}`: {REASONS.get(name) or reason(found.get(name, ('', ''))[1])}" for name in failed]
    text = f"""# The assembler in GNU's own tests

`python -m tests.suites.binutils --write-docs` writes this page: it runs gas's test suite
(binutils 2.40, as Debian ships it, for riscv64-linux) with GNU as, and with toyvm's `as` in its
place (`--gnu-messages -march=rv64g -misa-spec=2.2`, Debian's defaults). All other tools are GNU's.
Of the {len(passed)} tests that GNU as passes, {len(passed) - len(failed)} pass here
({100 * (len(passed) - len(failed)) / len(passed):.1f} %). The rest:

"""
    lines = [
        textwrap.fill(row, 100, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False)
        for row in rows
    ]
    return text + "\n".join(lines) + "\n"


def main() -> int:
    """Run both, and compare. Returns 1 if DejaGnu is missing."""
    parser = argparse.ArgumentParser(prog="python -m tests.suites.binutils", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME.exp", help="such as gas/riscv/riscv.exp (default: all)"
    )
    parser.add_argument("--write-docs", action="store_true", help="write docs/reference/gas-testsuite.md")
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
    if options.write_docs and not options.names:
        PAGE.write_text(page(gnu, found))
    print(f"{len(passed) - len(failed)} of the {len(passed)} tests that GNU as passes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
