"""`explain symbol` and `explain member` against GNU ld: its archive list (-M) and --trace-symbol, for the same inputs."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.oracle.test_explain_glibc import PROGRAM
from tests.support.harness import ROOT
from tests.support.oracles import GCC, GNU_LD, require_oracle
from toyvm.base.record import replace
from toyvm.build import build_program
from toyvm.cli import main
from toyvm.cli.linking.parsing import link_options, parse
from toyvm.explain.member_chain import explain_member
from toyvm.explain.symbol_history import SymbolHistory
from toyvm.linker.link import link

pytestmark = pytest.mark.oracle


def archive_list(text: str) -> dict[str, tuple[str, str]]:
    """Member -> (file, symbol) that it was included for, from a map file."""
    start = text.find("Archive member included")
    if start < 0:
        return {}
    body = text[start:].split("\n\n", 2)[1]
    found, member = {}, ""
    for line in body.splitlines():
        words = line.split(None, 0 if line.startswith(" ") else 1)
        if not line.startswith(" "):
            member, words = words[0], words[1:]
        if words and (match := re.match(r"(.*?) ?\(([^()]+)\)$", words[0].strip())):
            found[member] = match[1], match[2]
    return found


def traced(words: list[str], names: list[str], folder: Path) -> dict[str, tuple[list[str], list[str]]]:
    """Symbol -> (files that define it, files that refer to it), as `ld --trace-symbol` prints them."""
    asked = [f"--trace-symbol={name}" for name in names]
    done = subprocess.run([GNU_LD, *words, *asked], cwd=folder, capture_output=True, text=True, check=True)
    found: dict[str, tuple[list[str], list[str]]] = {name: ([], []) for name in names}
    for line in (done.stdout + done.stderr).splitlines():
        if match := re.match(r"(?:\S+: )?(\S+): (definition of|reference to|common of) (\S+)$", line):
            found[match[3]][match[2] == "reference to"].append(match[1])
    return found


def plain(name: str) -> str:
    """A file's name without `..` and symbolic parts, so that two spellings of one archive are equal."""
    path, paren, member = name.partition("(")
    return str(Path(path).resolve()) + paren + member


def compare(history: SymbolHistory, words: list[str], folder: Path, sample: int) -> Iterator[str]:
    """Compare members and symbols with GNU ld's; what differs."""
    subprocess.run([GNU_LD, *words, "-Map=map"], cwd=folder, capture_output=True, check=True)
    theirs = {plain(member): reason for member, reason in archive_list((folder / "map").read_text()).items()}
    ours = {plain(loaded.object.name): loaded for loaded in history.resolution.files if loaded.archive}
    assert set(ours) == set(theirs)
    for member, loaded in ours.items():
        answer = next(each for each in explain_member(history, loaded.object.name) if each.taken)
        last = answer.chain[-1]
        mine = (plain(last.file) if last.file else "", last.symbol)
        file, symbol = theirs[member]
        if mine != (plain(file) if file else "", symbol):
            yield f"{member}: {mine}, GNU ld {theirs[member]}"
    counts = history.users()
    busy = [s.name for s in history.resolution.symbols if counts.get(s.id, 0) > 1 and "@" not in s.name]
    names = busy[:: max(1, len(busy) // sample)]
    for name, (definitions, references) in traced(words, names, folder).items():
        answer = history.explain(name)
        won = [plain(mention.file) for mention in answer.mentions if mention.won]
        if definitions and won != [plain(file) for file in definitions[:1]]:
            yield f"{name}: {won}, GNU ld {definitions}"
        mentioned = {plain(m.file) for m in answer.mentions if m.what != "unused member"}
        missing = {plain(file) for file in references} - mentioned
        if missing:
            yield f"{name}: GNU ld also has references in {missing}"


def linked(words: list[str]) -> SymbolHistory:
    """Link as GNU ld is told to."""
    state = parse(words)
    return SymbolHistory(link(state.inputs, replace(link_options(state), keep_history=True)))


def test_a_static_glibc_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_oracle(GCC, GNU_LD)
    monkeypatch.chdir(tmp_path)
    Path("p.c").write_text(PROGRAM)
    subprocess.run([GCC, "-O1", "-c", "p.c"], check=True)
    text = subprocess.run([GCC, "-static", "-###", "p.o"], capture_output=True, text=True, check=True).stderr
    line = next(line for line in text.splitlines() if "collect2" in line)
    history = linked(shlex.split(line)[1:])
    assert len(history.resolution.files) > 200
    words = [word for word in shlex.split(line)[1:] if "plugin" not in word]
    assert "\n".join(compare(history, words, tmp_path, 300)) == ""


@pytest.mark.parametrize(
    "sample", ["hello.s", "sorts.s", "threads.s", "interpose.s", "imath_use.s", "constructors.s"]
)
@pytest.mark.parametrize("linkage", ["static", "dynamic"])
def test_the_samples(sample: str, linkage: str, tmp_path: Path) -> None:
    require_oracle(GNU_LD)
    program = build_program([ROOT / "asm" / sample], linkage=linkage, keep_history=True)
    files = inputs_for_gnu(SymbolHistory(program.link), tmp_path)
    words = [*(["-static"] if linkage == "static" else ["--as-needed"]), *files, "-o", str(tmp_path / "out")]
    assert list(compare(linked(words), words, tmp_path, 300)) == []


def inputs_for_gnu(history: SymbolHistory, folder: Path) -> Iterator[str]:
    """The inputs as files on GNU ld's command line, in their order."""
    from toyvm.elf.object_writer import write_object

    for number, opened in enumerate(history.history.opened):
        if opened.object is not None and opened.source.object is not None:
            path = folder / f"{number}.o"
            path.write_bytes(write_object(opened.object))
            yield str(path)
        else:
            yield opened.name


def test_glibcs_loader_is_asked_by_ld_debug(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It runs as a guest: which objects it tried for a name, and which one it took."""
    require_oracle(GCC)
    (tmp_path / "p.c").write_text(PROGRAM)
    subprocess.run([GCC, "-O1", "-o", tmp_path / "p", tmp_path / "p.c"], check=True)
    words = ["--sysroot", "/usr/riscv64-linux-gnu", "--json", str(tmp_path / "p")]
    assert main(["explain", "lookup", "qsort", *words]) == 0
    (found,) = json.loads(capsys.readouterr().out)["lookups"]
    assert (found["version"], found["definer"].rsplit("/", 1)[-1]) == ("GLIBC_2.27", "libc.so.6")
    assert [probe["object"].rsplit("/", 1)[-1] for probe in found["probes"]] == ["p", "libc.so.6"]
