"""Runs Debian packages' own test suites under qemu-riscv64 and in toyvm, and compares them check by check.

    python -m tests.suites NAME [PART...] [--folder DIR] [--engine ENGINE] [--jobs N] [--again]

The outcome under qemu is kept in the folder; --again runs it again.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from tests.suites.fetch import fetch
from tests.suites.guests import Qemu, Toyvm
from tests.suites.languages import PERL, PYTHON
from tests.suites.shells import BASH, BUSYBOX, GAWK, MKSH
from tests.suites.suite import FAIL, PASS, SKIP, Checks, Outcome, Suite
from toyvm.base.resources import cache_dir

SUITES = {suite.name: suite for suite in (BASH, BUSYBOX, GAWK, MKSH, PERL, PYTHON)}


def run_parts(
    suite: Suite, machine: Qemu | Toyvm, tests: Path, parts: Mapping[str, str], jobs: int, folder: Path
) -> dict[str, Outcome]:
    """Run parts on a machine, `jobs` at a time, each in a copy of the folder of tests."""
    places: SimpleQueue[Path] = SimpleQueue()
    for number in range(jobs):
        places.put(folder / f"work-{suite.name}-{number}")

    def run(part: str) -> Outcome:
        work = places.get()
        try:
            if not suite.shared or not work.exists():
                shutil.rmtree(work, ignore_errors=True)
                shutil.copytree(tests, work, symlinks=True)
            outcome = machine.run(suite, parts[part], work)
        finally:
            places.put(work)
        log = folder / "logs" / suite.name / machine.name / part.replace("/", "_")
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(f"{outcome.output}\nstatus {outcome.status}\n")
        print(f"{machine.name}: {part}: {outcome.status}", file=sys.stderr, flush=True)
        return outcome

    with ThreadPoolExecutor(jobs) as pool:
        outcomes = dict(zip(parts, pool.map(run, parts), strict=True))
    for number in range(jobs):
        shutil.rmtree(folder / f"work-{suite.name}-{number}", ignore_errors=True)
    return outcomes


def read(suite: Suite, outcomes: Mapping[str, Outcome]) -> Checks:
    """The verdict on each check of a suite, by the names of part and check."""
    checks: Checks = {}
    for part, outcome in outcomes.items():
        for check, verdict in suite.read(part, outcome).items():
            checks[part if check == part else f"{part}: {check}"] = verdict
    return checks


def table(suite: Suite, oracle: Checks, ours: Checks) -> str:
    """How many checks pass on each machine, and those on which the machines differ."""
    passed = [check for check, verdict in oracle.items() if verdict == PASS]
    both = [check for check in passed if ours.get(check) == PASS]
    more = [check for check, verdict in ours.items() if verdict == PASS and oracle.get(check) != PASS]
    lines = [
        f"suite   {suite.name}",
        *(
            f"{name:6}  {sum(v == PASS for v in checks.values())} pass, {sum(v == FAIL for v in checks.values())} fail, "
            f"{sum(v == SKIP for v in checks.values())} are skipped"
            for name, checks in (("qemu", oracle), ("toyvm", ours))
        ),
        f"both    {len(both)} of the {len(passed)} that pass under qemu: {len(both) / max(1, len(passed)):.2%}",
    ]
    lines += [
        f"qemu only: {check} ({ours.get(check, 'absent')})" for check in passed if ours.get(check) != PASS
    ]
    lines += [f"toyvm only: {check} ({oracle.get(check, 'absent')})" for check in more]
    return "\n".join(lines)


def main() -> int:
    """The status is 0 if at least 98 % of what passes under qemu passes in toyvm."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.suites", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("suite", choices=SUITES)
    parser.add_argument("parts", nargs="*", metavar="PART", help="only these parts")
    parser.add_argument(
        "--folder", type=Path, default=cache_dir() / "suites", help="where the files are kept"
    )
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--again", action="store_true", help="run qemu again")
    options = parser.parse_intermixed_args()
    suite, folder = SUITES[options.suite], options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    root, tests, qemu = fetch(suite, folder)
    parts = suite.parts(tests)
    unknown = set(options.parts) - set(parts)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    chosen = {part: parts[part] for part in options.parts or parts}
    kept_file = folder / f"qemu-{suite.name}.json"
    kept = json.loads(kept_file.read_text()) if kept_file.exists() and not options.again else {}
    missing = {part: command for part, command in chosen.items() if part not in kept}
    for part, outcome in run_parts(suite, Qemu(root, qemu), tests, missing, options.jobs, folder).items():
        kept[part] = [outcome.status, outcome.output]
    kept_file.write_text(json.dumps(kept))
    oracle = read(suite, {part: Outcome(*kept[part]) for part in chosen})
    ours = read(suite, run_parts(suite, Toyvm(root, options.engine), tests, chosen, options.jobs, folder))
    print(table(suite, oracle, ours))
    passed = [check for check, verdict in oracle.items() if verdict == PASS]
    return 0 if sum(ours.get(check) == PASS for check in passed) >= 0.98 * len(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
