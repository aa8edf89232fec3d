"""All targets, one after the other: `python -m tests.fuzz.guided [TARGET...] [--seconds N | --inputs N] [--json FILE]`."""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from .targets import TARGETS

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = "toyvm.fuzz/1"


def _parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog="python -m tests.fuzz.guided", description="Fuzz what reads files and what runs guests."
    )
    p.add_argument("targets", nargs="*", metavar="TARGET", help=f"any of {', '.join(TARGETS)} (default: all)")
    p.add_argument(
        "--seconds", type=int, default=600, metavar="N", help="for all targets together (default: 600)"
    )
    p.add_argument("--inputs", type=int, default=0, metavar="N", help="for each target, instead of a time")
    p.add_argument("--seed", type=int, default=0, metavar="N", help="default: another one in every run")
    p.add_argument(
        "--folder",
        type=Path,
        default=ROOT / "build/fuzz",
        help="for faults and corpora (default: build/fuzz)",
    )
    p.add_argument("--json", type=Path, metavar="FILE", help="write a summary: a row for each target")
    p.add_argument("--plain", action="store_true", help="without atheris: no coverage")
    return p


def run_target(name: str, seconds: int, options: argparse.Namespace) -> dict[str, Any]:
    """Fuzz one target in a process of its own. What it says is in NAME.log."""
    folder: Path = options.folder
    counts, log = folder / f"{name}.json", folder / f"{name}.log"
    counts.unlink(missing_ok=True)
    seed = options.seed or int.from_bytes(os.urandom(3), "little") + 1
    limit = ["--runs", str(options.inputs)] if options.inputs else ["--seconds", str(seconds)]
    words = [sys.executable, "-m", "tests.fuzz.guided.worker", name, str(folder), "--seed", str(seed), *limit]
    if options.plain:
        words.append("--plain")
    with log.open("wb") as stream, tempfile.TemporaryDirectory() as scratch:
        environment = {**os.environ, "TMPDIR": scratch}
        done = subprocess.run(words, stdout=stream, stderr=subprocess.STDOUT, cwd=ROOT, env=environment)
    row: dict[str, Any] = json.loads(counts.read_text()) if counts.exists() else {"target": name, "inputs": 0}
    said = log.read_text(errors="replace")
    found = re.findall(r"cov: (\d+)", said)
    if executed := re.findall(r"number_of_executed_units: (\d+)", said):
        row["inputs"] = int(executed[-1])  # the worker is ended by libFuzzer, after its last report
    row |= {"seed": seed, "coverage": int(found[-1]) if found else None, "status": done.returncode}
    return row


def main() -> int:
    options = _parser().parse_args()
    names = options.targets or list(TARGETS)
    if unknown := sorted(set(names) - set(TARGETS)):
        print(f"unknown target: {unknown[0]}; there are {', '.join(TARGETS)}", file=sys.stderr)
        return 2
    options.folder = options.folder.resolve()
    options.folder.mkdir(parents=True, exist_ok=True)
    shares = sum(TARGETS[name].share for name in names)
    rows = []
    print(
        f"{'target':<16} {'inputs':>9} {'a second':>9} {'coverage':>9} {'faults':>7} {'places':>7} {'slowest':>8}"
    )
    for name in names:
        began = time.monotonic()
        row = run_target(name, max(options.seconds * TARGETS[name].share // shares, 5), options)
        rows.append(row)
        rate = row["inputs"] / (time.monotonic() - began)
        places = row.get("places", [])
        print(
            f"{name:<16} {row['inputs']:>9} {rate:>9.0f} {row['coverage'] or '-':>9} {row.get('faults', 0):>7} {len(places):>7}"
            f" {row.get('slowest', 0):>7.2f}s{'' if row['status'] == 0 else '  the process ended with ' + str(row['status'])}",
            flush=True,
        )
        for place in places:
            print(f"    {place}")
        if options.json:
            options.json.write_text(json.dumps({"schema": SCHEMA, "targets": rows}, indent=1))
    print(f"{'all':<16} {sum(row['inputs'] for row in rows):>9}; faults are in {options.folder / 'faults'}")
    return 1 if any(row.get("faults") or row["status"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
