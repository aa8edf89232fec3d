"""Runs GNU's own tests of the binary tools (binutils-source, binutils/testsuite) with GNU's tools and with ours.

    python -m tests.suites.binutils_tools [--folder DIR] [NAME.exp...]

DejaGnu runs them; the assembler and the linker are GNU's in both. A test that GNU's tools pass and ours fail is listed
with the first line that differs. Left out: the tools for Windows, and elfedit.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.suites.binutils import PREFIX, TARGET, fetch, reason
from tests.suites.binutils_ld import ENVIRONMENT, Run, read_log
from toyvm.base.resources import cache_dir

OURS = {
    "nm": "nm", "objdump": "objdump", "objcopy": "objcopy", "ar": "ar", "strip": "strip", "size": "size",
    "readelf": "readelf", "ranlib": "ar s", "addr2line": "addr2line", "strings": "strings", "cxxfilt": "c++filt",
}  # fmt: skip
FILES = tuple(
    f"binutils-all/{name}.exp"
    for name in (
        "addr2line", "ar", "compress", "nm", "objcopy", "objdump", "readelf", "size", "strings", "update-section",
        "riscv/riscv",
    )
)  # fmt: skip


def tools(folder: Path, ours: bool) -> dict[str, str]:
    """Variable of DejaGnu -> path of each tool. Ours are scripts in `folder`, since DejaGnu takes one word."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {name: str(shutil.which(PREFIX + name)) for name in ("as", "ld", "elfedit")}
    for name, command in OURS.items():
        gnu = {"cxxfilt": "c++filt"}.get(name, name)
        found[name] = str(shutil.which(PREFIX + gnu))
        if ours:
            path = folder / name
            path.write_text(f'#!/bin/sh\nexec {sys.executable} -m toyvm {command} "$@"\n')
            path.chmod(0o755)
            found[name] = str(path)
    return found


def run(source: Path, folder: Path, ours: bool, names: Sequence[str]) -> Run:
    """Run the tests in `names`, or all, in `folder`."""
    tests = source / "binutils/testsuite"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "tmpdir").mkdir(parents=True)
    settings = {
        "tool": "binutils", "target_alias": PREFIX.rstrip("-"), "srcdir": str(tests), "objdir": ".", "target_triplet": TARGET,
        "build_triplet": "x86_64-pc-linux-gnu", "host_triplet": "x86_64-pc-linux-gnu", "experimental": "false",
        "CC_FOR_TARGET": str(shutil.which(PREFIX + "gcc")), "CC": str(shutil.which(PREFIX + "gcc")),
    }  # fmt: skip
    for name, path in tools(folder / "tools", ours).items():
        settings |= {name: path, name.upper(): path}
    (folder / "site.exp").write_text("".join(f"set {name} {value}\n" for name, value in settings.items()))
    command = ["runtest", "--tool", "binutils", "--srcdir", str(tests), "--target", TARGET, *(names or FILES)]
    with (folder / "out").open("w") as out:
        subprocess.run(command, cwd=folder, stdout=out, stderr=out, check=False, env=ENVIRONMENT)
    return read_log((folder / "binutils.log").read_text(errors="replace"))


def _print_counts(gnu: Run, ours: Run) -> None:
    counts: dict[str, Counter[bool]] = {}
    for key, verdict in gnu.verdicts.items():
        if verdict == "PASS":
            counts.setdefault(key[0], Counter())[ours.verdicts.get(key) == "PASS"] += 1
    for file, count in sorted(counts.items()):
        print(f"{file}: {count[True]} of {count.total()}")
    passed = sum(count[True] for count in counts.values())
    print(f"{passed} of the {sum(c.total() for c in counts.values())} tests that GNU's tools pass")


def _failures(gnu: Run, ours: Run) -> Mapping[str, str]:
    failed = {}
    for key, verdict in gnu.verdicts.items():
        if verdict == "PASS" and ours.verdicts.get(key) != "PASS":
            failed[f"{key[0]}: {key[1]}"] = reason(ours.logs.get(key, ""))
    return failed


def main() -> int:
    """Run both, and compare. Returns 1 if DejaGnu is missing."""
    parser = argparse.ArgumentParser(prog="python -m tests.suites.binutils_tools", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME.exp", help="such as binutils-all/nm.exp")
    parser.add_argument("--folder", type=Path, default=cache_dir() / "binutils")
    options = parser.parse_args()
    if not shutil.which("runtest"):
        print("runtest is missing: apt-get install dejagnu", file=sys.stderr)
        return 1
    source = fetch(options.folder)
    gnu = run(source, options.folder / "tools-gnu", False, options.names)
    ours = run(source, options.folder / "tools-toyvm", True, options.names)
    for name, text in _failures(gnu, ours).items():
        print(f"{name}: {text}")
    _print_counts(gnu, ours)
    return 0


if __name__ == "__main__":
    sys.exit(main())
