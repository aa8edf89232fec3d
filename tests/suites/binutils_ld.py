"""Runs GNU's own tests of its linker (binutils-source, ld/testsuite) with GNU's tools and with ours: `make oracles`.

    python -m tests.suites.binutils_ld [--folder DIR] [--write-docs] [NAME.exp...]

DejaGnu runs them, once with GNU's `as`, `ld` and readers of objects, once with ours; gcc is the compiler in both.
The tests that GNU's tools pass and ours fail are listed by reason, which the first difference in the log tells.
`--write-docs` writes docs/reference/ld-testsuite.md. Left out: ld-plugin and ld-bootstrap, which need what a build of
binutils leaves behind.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.suites.binutils import PREFIX, TARGET, fetch, reason
from toyvm.base.record import Record
from toyvm.base.resources import cache_dir

TOOLS = ("as", "ld", "nm", "objdump", "objcopy", "ar", "strip", "size", "readelf", "ranlib")
# DejaGnu gives the tools a terminal, where ours would use a pager and colours.
ENVIRONMENT = {**os.environ, "LC_ALL": "C", "PAGER": "cat", "NO_COLOR": "1"}
LEFT_OUT = ("ld-plugin", "ld-bootstrap")
_AS = "-march=rv64g"  # what GNU as is configured to in Debian; later options of a test override it
PAGE = Path(__file__).resolve().parents[2] / "docs/reference/ld-testsuite.md"
_VERDICT = re.compile(r"(PASS|FAIL|XPASS|XFAIL|UNSUPPORTED|UNRESOLVED|UNTESTED): (.*)")
_RUNNING = re.compile(r"Running .*/testsuite/(\S+) \.\.\.")

# What the log of a failed test has -> why our tools differ. The first that fits counts.
REASONS = {
    "relocation R_RISCV_32 against": "R_RISCV_32 in position-independent RV64 output: refused, since no loader applies it",
    "R_RISCV_JAL against": "a `jal` to what others may preempt: it goes to the PLT entry here, GNU ld refuses it",
    r"__global_pointer\\\$": "`__global_pointer$` and relaxation by gp are only in programs that name the symbol",
    r"<_GLOBAL_OFFSET_TABLE_": "`_GLOBAL_OFFSET_TABLE_` is only in the symbol tables of programs that name it",
    "unrecognized arguments|unrecognized option|invalid choice|ignored explicit argument": (
        "an option that our tool does not have"
    ),
    "-T and -r: relocatable|(--\\S+) and -r: relocatable": "a script or a map with `-r`",
    "recompile with -fPIC, or allow it": "text relocations are refused unless `-z notext` allows them",
    r"\bas: error|\.s:\d+:\d+: error|\.s:\d+:\d+: warning": "as takes another syntax, or says more",
    r"\n\s+\^": "messages about scripts show the line, with a caret",
    r"\.map'|map file|Compare '": "the map file does not repeat the statements of the script",
    "objdump  -d|objdump -d|disassemble": "disassembly: another spelling, another place, or code of the C extension",
    r"dump\.out|regexp|EOF from": "another order, number or spelling in a table",
    "expected": "a message with other words, or none",
}


class Run(Record, eq=False):
    """The verdicts of a run of all tests. A key is (file of tests, name, how often the name came before)."""

    verdicts: Mapping[tuple[str, str, int], str]
    logs: Mapping[tuple[str, str, int], str]


def tools(folder: Path, ours: bool) -> dict[str, str]:
    """Name -> path of each tool. Ours are scripts in `folder`, since DejaGnu takes one word."""
    if not ours:
        return {name: str(shutil.which(PREFIX + name)) for name in TOOLS}
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for name in TOOLS:
        path = folder / name
        command = {"ranlib": "ar s", "as": f"as {_AS}", "ld": "ld --gnu-messages"}.get(name, name)
        path.write_text(f'#!/bin/sh\nexec {sys.executable} -m toyvm {command} "$@"\n')
        path.chmod(0o755)
        found[name] = str(path)
    return found


def _site(tests: Path, folder: Path, found: Mapping[str, str]) -> str:
    settings = {
        "tool": "ld", "srcdir": str(tests), "objdir": ".", "target_triplet": TARGET, "build_triplet": "x86_64-pc-linux-gnu",
        "host_triplet": "x86_64-pc-linux-gnu", "ld_testsuite_bindir": str(folder / "bin"), "LD_CLASS": "64bit",
        "experimental": "false", "enable_initfini_array": "yes", "enable_libctf": "no", "enable_shared": "no",
        "enable_plugins": "no", "CC_FOR_TARGET": shutil.which(PREFIX + "gcc"),
        "CXX_FOR_TARGET": shutil.which(PREFIX + "g++"), "ELFEDIT": shutil.which(PREFIX + "elfedit"),
    }  # fmt: skip
    for name, path in found.items():
        settings |= {name: path, name.upper(): path}
    return "".join(f"set {name} {value}\n" for name, value in settings.items())


def run(source: Path, folder: Path, ours: bool, names: Sequence[str]) -> Run:
    """Run the tests in `names`, or all, in `folder`."""
    tests = source / "ld/testsuite"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "tmpdir").mkdir(parents=True)
    (folder / "bin").mkdir()
    found = tools(folder / "tools", ours)
    for name, link in (("as", "as"), ("ld", "ld"), ("ld", "collect-ld")):
        (folder / "bin" / link).symlink_to(found[name])
    (folder / "site.exp").write_text(_site(tests, folder, found))
    every = sorted(str(path.relative_to(tests)) for path in tests.glob("*/*.exp"))
    wanted = names or [name for name in every if not name.startswith(LEFT_OUT)]
    command = ["runtest", "--tool", "ld", "--srcdir", str(tests), "--target", TARGET, *wanted]
    with (folder / "out").open("w") as out:
        subprocess.run(command, cwd=folder, stdout=out, stderr=out, check=False, env=ENVIRONMENT)
    return read_log((folder / "ld.log").read_text(errors="replace"))


def read_log(log: str) -> Run:
    """The verdicts in a log of DejaGnu, and what was printed before each."""
    verdicts: dict[tuple[str, str, int], str] = {}
    logs: dict[tuple[str, str, int], str] = {}
    counts: Counter[tuple[str, str]] = Counter()
    file, before = "", []
    for line in log.splitlines():
        if running := _RUNNING.match(line):
            file, before = running[1], []
        elif verdict := _VERDICT.match(line):
            name = verdict[2].strip()
            key = (file, name, counts[file, name])
            counts[file, name] += 1
            verdicts[key], logs[key] = verdict[1], "\n".join(before)
            before = []
        elif not line.startswith(("Executing on host", "spawn ")):
            before.append(line)
    return Run(verdicts, logs)


def why(log: str) -> str:
    """The reason that fits what a failed test printed."""
    if not log.strip():
        return "a test before it failed, whose output it takes"
    return next((text for pattern, text in REASONS.items() if re.search(pattern, log)), "other")


def _page(
    passed: Mapping[str, int], both: Mapping[str, int], failed: Mapping[str, list[str]]
) -> Iterator[str]:
    yield "# The linker in GNU's own tests"
    yield ""
    yield "`python -m tests.suites.binutils_ld --write-docs` writes this page: it runs ld's test suite"
    yield "(binutils 2.40, as Debian ships it, for riscv64-linux) with GNU's tools, and with toyvm's `as`,"
    yield "`ld`, `nm`, `objdump`, `objcopy`, `ar`, `strip`, `size` and `readelf`. Left out are ld-plugin and"
    yield "ld-bootstrap, which need what a build of binutils leaves behind. Nothing is tuned to a test: where"
    yield "only wording or order differs, it is left to differ (`ld` runs with `--gnu-messages`)."
    yield ""
    yield "| tests | passed by GNU's tools | and by ours |"
    yield "|---|---|---|"
    folders: Counter[str] = Counter()
    ours: Counter[str] = Counter()
    for name in passed:
        folders[name.partition("/")[0]] += passed[name]
        ours[name.partition("/")[0]] += both.get(name, 0)
    for folder in sorted(folders):
        yield f"| {folder} | {folders[folder]} | {ours[folder]} |"
    yield f"| all | {sum(folders.values())} | {sum(ours.values())} |"
    for text, names in sorted(failed.items(), key=lambda item: -len(item[1])):
        yield ""
        yield f"## {len(names)}: {text}"
        yield ""
        line = ""
        for word in ", ".join(f"`{name}`" for name in sorted(set(names))).split(" "):
            if line and len(line) + 1 + len(word) > 100:
                yield line
                line = word
            else:
                line = f"{line} {word}".strip()
        yield line


def main() -> int:
    """Run both, and compare. Returns 1 if DejaGnu is missing."""
    parser = argparse.ArgumentParser(prog="python -m tests.suites.binutils_ld", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME.exp", help="such as ld-elf/elf.exp (default: all but plugins)"
    )
    parser.add_argument("--folder", type=Path, default=cache_dir() / "binutils")
    parser.add_argument("--write-docs", action="store_true", help="write docs/reference/ld-testsuite.md")
    options = parser.parse_args()
    if not shutil.which("runtest"):
        print("runtest is missing: apt-get install dejagnu", file=sys.stderr)
        return 1
    source = fetch(options.folder)
    gnu = run(source, options.folder / "ld-gnu", False, options.names)
    ours = run(source, options.folder / "ld-toyvm", True, options.names)
    passed = [key for key, verdict in gnu.verdicts.items() if verdict == "PASS"]
    both = [key for key in passed if ours.verdicts.get(key) == "PASS"]
    failed: dict[str, list[str]] = {}
    for key in passed:
        if ours.verdicts.get(key) != "PASS":
            log = ours.logs.get(key, "")
            failed.setdefault(why(log), []).append(key[1])
            print(f"{key[0]}: {key[1]}: {reason(log)}")
    lines = list(_page(Counter(k[0] for k in passed), Counter(k[0] for k in both), failed))
    print("\n".join(line for line in lines if line.startswith("|")))
    print(f"{len(both)} of the {len(passed)} tests that GNU's tools pass")
    if options.write_docs:
        PAGE.write_text("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
