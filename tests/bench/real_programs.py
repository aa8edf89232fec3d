"""Eight of Debian's programs, and CPython's start, under glibc's ld.so: from a machine's first run to a warm one."""

from __future__ import annotations

import shutil
import statistics
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.bench.measure import Command, environment_with, interleaved, progress
from tests.bench.settings import Cache, Settings
from tests.bench.tables import Column, Row, Table
from tests.support import debian
from tests.support.harness import ROOT
from tests.support.oracles import QEMU

_COLUMNS = (
    Column("what", "program"),
    Column("first", "first run"),
    Column("cold", "cold"),
    Column("warm", "warm"),
    Column("qemu", "qemu"),
    Column("first/qemu", "first/qemu"),
    Column("cold/qemu", "cold/qemu"),
    Column("warm/qemu", "warm/qemu"),
)
TABLE = Table("eight real programs, CPU seconds", _COLUMNS)
CPYTHON = Table("CPython's start, CPU seconds", _COLUMNS)
_RATIOS = ("first/qemu", "cold/qemu", "warm/qemu")

_COUNT_WORDS = (
    "my %n; open F, 'LICENSE'; while (<F>) { $n{lc $_}++ for /\\w+/g } "
    'print map { "$_ $n{$_}\\n" } sort { $n{$b} <=> $n{$a} || $a cmp $b } keys %n'
)
_SUM_BY_KEY = (
    "declare -A n; for ((i = 0; i < 5000; i++)); do k=$((i * 7919 % 97)); n[$k]=$((${n[$k]:-0} + i)); done; "
    'for k in "${!n[@]}"; do echo "$k ${n[$k]}"; done'
)
_WORDS_AS_JSON = (
    'import json, re; print(json.dumps(sorted(set(re.findall(r"\\w+", open("LICENSE").read())))))'
)
_GROUPS = "[range(2000) | {n: ., k: (. % 7)}] | group_by(.k) | map({k: .[0].k, sum: map(.n) | add})"
PROGRAMS: dict[str, tuple[str, ...]] = {
    "seq": ("seq", "100000"),
    "sort": ("sort", "-n", "numbers"),
    "perl": ("perl", "-e", _COUNT_WORDS),
    "bash": ("bash", "-c", _SUM_BY_KEY),
    "CPython": ("python3", "-c", _WORDS_AS_JSON),
    "ripgrep": ("rg", "-n", r"\bsoftware\b|warranty", "LICENSE"),
    "jq": ("jq", "-n", "-c", _GROUPS),
    "openssl": ("openssl", "sha1", "LICENSE"),
}
PRINT = {"print(1)": ("python3", "-c", "print(1)")}
NUMBERS = 20_000  # lines that `sort` gets


def programs(settings: Settings) -> Iterator[Row]:
    """The eight programs; then the geometric means, and the largest ratios."""
    measured = []
    for row in _rows(PROGRAMS, settings):
        measured.append(row)
        yield row
    if len(measured) == len(PROGRAMS):
        values = {key: [float(row[key] or 0) for row in measured] for key in _RATIOS}
        yield {"what": "geometric mean", **{key: statistics.geometric_mean(values[key]) for key in _RATIOS}}
        yield {"what": "largest", **{key: max(values[key]) for key in _RATIOS}}


def cpython(settings: Settings) -> Iterator[Row]:
    """CPython's `print(1)`: the interpreter's start and nothing else."""
    return _rows(PRINT, settings)


def _rows(commands: Mapping[str, tuple[str, ...]], settings: Settings) -> Iterator[Row]:
    """A row for each command. Raises AssertionError if toyvm and qemu print different things."""
    root, work = debian.root_folder(), settings.folder / "work"
    if not (root / ".packages").is_file():
        yield {"what": f"no programs in {root.name}: .ci/riscv64-root unpacks them"}
        return
    work.mkdir()
    shutil.copyfile(ROOT / "LICENSE", work / "LICENSE")
    numbers = "".join(f"{number * 7919 % 1_000_003}\n" for number in range(NUMBERS))
    (work / "numbers").write_text(numbers)
    for name, words in commands.items():
        if settings.wants(name):
            progress("", about=name)
            yield _measure(name, words, root.resolve(), work, settings)


def _measure(what: str, words: tuple[str, ...], root: Path, work: Path, settings: Settings) -> Row:
    """One command in all ways, in turn."""
    program = (debian.program_path(root, words[0]), *words[1:])
    first, cold, warm = (Cache(settings.folder / name, work) for name in ("first", "cold", "warm"))
    guest = list(map(str, ("-L", root, *program)))
    qemu = Command([QEMU, *guest], folder=work)
    expected = _printed(qemu)
    for command in (cold.run(*guest), warm.run(*guest)):  # this fills their caches
        if _printed(command) != expected:
            raise AssertionError(f"{what}: prints something else than under qemu")
    commands = {
        "first": first.run_without_anything(*guest),
        "cold": cold.run_without_translations(*guest),
        "warm": warm.run(*guest),
        "qemu": qemu,
    }
    timings = interleaved(commands, settings.runs, warm_up=False)
    seconds = {way: timing.median for way, timing in timings.items()}
    ratios = {f"{way}/qemu": seconds[way] / seconds["qemu"] for way in ("first", "cold", "warm")}
    return {"what": what, **seconds, **ratios}


def _printed(command: Command) -> bytes:
    environment = environment_with(command.environment)
    return subprocess.run(
        command.words,
        cwd=command.folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
    ).stdout
