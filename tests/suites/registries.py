"""Runs riscv64 programs of PyPI and npm in toyvm and under qemu-riscv64, and compares what they do and what they cost.

    python -m tests.suites.registries [NAME...] [--folder DIR]

The rows are in registries.toml, with the keys of tests/oracle/debian/README.md; `[source.NAME]` says where program NAME
comes from and which file of the package it is. The root is Debian's, as `.ci/riscv64-root` unpacks it, with the programs
in /usr/bin. Times are CPU seconds of all commands of a row, in toyvm the first run and a second one.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

from tests.support import debian
from tests.support.clock import children_seconds
from toyvm.base.resources import cache_dir

TABLE = Path(__file__).with_name("registries.toml")
# The newest C library for which wheels of riscv64 are built, and what older ones are called.
PLATFORMS = (*(f"manylinux_2_{minor}_riscv64" for minor in range(17, 42)), "musllinux_1_2_riscv64")


def fetch(source: dict[str, str], folder: Path) -> Path:
    """The program of a source, unpacked under `folder`. Raises CalledProcessError, or StopIteration if it is not there."""
    if not folder.exists():
        part = folder.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        if "pip" in source:
            platforms = [word for name in PLATFORMS for word in ("--platform", name)]
            options = ["-q", "--no-deps", "--only-binary=:all:", *platforms, "-d", str(part)]
            subprocess.run([sys.executable, "-m", "pip", "download", *options, source["pip"]], check=True)
            with zipfile.ZipFile(next(part.glob("*.whl"))) as wheel:
                wheel.extractall(part)
        else:
            subprocess.run(["npm", "pack", "--silent", source["npm"]], check=True, cwd=part, stdout=2)
            with tarfile.open(next(part.glob("*.tgz"))) as package:
                package.extractall(part, filter="data")
        part.rename(folder)
    program = next(folder.glob(source["program"]))
    program.chmod(0o755)
    return program


def make_root(sources: dict[str, dict[str, str]], folder: Path) -> Path:
    """Debian's root with the programs: a copy of it."""
    root = folder / "root"
    if not root.exists():
        shutil.copytree(debian.root_folder().resolve(), root, symlinks=True)
    for name, source in sources.items():
        program = fetch(source, root / "opt" / name)
        link = root / "usr" / "bin" / name
        link.unlink(missing_ok=True)
        link.symlink_to(Path("../..") / program.relative_to(root))
    return root


def compare(row: debian.Row, root: Path, folder: Path) -> tuple[list[str], list[float]]:
    """What differs between toyvm and qemu, and the CPU seconds of toyvm's first run, of its second and of qemu's."""
    wrappers = folder / "wrappers"
    if not wrappers.exists():
        debian.make_wrappers(root, wrappers)
    work, times, outcomes = folder / "work", [], []
    cache = {"XDG_CACHE_HOME": str(folder / "cache")}
    for run in (
        lambda: debian.run_by_toyvm(row, root, work, cache),
        lambda: debian.run_by_toyvm(row, root, work, cache),
        lambda: debian.run_by_qemu(row, root, work, wrappers if row.children else None),
    ):
        before = children_seconds()
        outcomes.append(run())
        times.append(children_seconds() - before)
    expected = outcomes.pop()
    if row.expect:
        texts = ["".join(outcome.stdout).replace(str(work), "/home/user") for outcome in outcomes]
        wrong = [text for text in texts if text != row.expect]
        return wrong + [str(outcome.status) for outcome in outcomes if any(outcome.status)], times
    differences = [
        f"{what}: {getattr(outcome, what)!r:.2000}\nqemu: {getattr(expected, what)!r:.2000}"
        for outcome in outcomes
        for what in ("stdout", "stderr", "status", "files")
        if getattr(outcome, what) != getattr(expected, what)
    ]
    return differences, times


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.suites.registries", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only rows whose names contain one of these")
    parser.add_argument("--folder", type=Path, default=cache_dir() / "suites" / "registries")
    options = parser.parse_args(argv)
    table = tomllib.loads(TABLE.read_text())
    options.folder.mkdir(parents=True, exist_ok=True)
    folder = options.folder.resolve()
    root = make_root(table["source"], folder)
    count, failed, warm, cold = 0, 0, [], []
    print(f"{'program':<60}{'first':>8}{'warm':>8}{'qemu':>8}{'warm/qemu':>11}")
    for entry in table["program"]:
        row = debian.Row(**{key: tuple(v) if isinstance(v, list) else v for key, v in entry.items()})
        if options.names and not any(name in row.name for name in options.names):
            continue
        differences, (first, second, theirs) = compare(row, root, folder)
        if not row.expect:  # else qemu has not done the work
            cold.append(first / theirs)
            warm.append(second / theirs)
        count += 1
        print(f"{row.name:<60}{first:>8.2f}{second:>8.2f}{theirs:>8.2f}{second / theirs:>11.1f}", flush=True)
        failed += bool(differences)
        for text in differences:
            print(text, file=sys.stderr)
    if warm:
        means = {
            "programs": count,
            "different": failed,
            "first/qemu": round(statistics.geometric_mean(cold), 2),
            "warm/qemu": round(statistics.geometric_mean(warm), 2),
        }
        print(json.dumps(means))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
