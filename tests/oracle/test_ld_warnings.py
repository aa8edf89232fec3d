"""Warnings about permissions, names of local symbols and abbreviated options: as GNU ld."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.gnu import objects_of
from tests.support.oracles import GCC, GNU_AS, GNU_LD, NM, require_oracle
from toyvm.base.errors import UsageError
from toyvm.cli.ld import main as ld

pytestmark = pytest.mark.oracle

STACK = '.section .note.GNU-stack, "%s", @progbits\n'
SOURCES = {
    "plain": ".globl _start\n_start: call f\nf: ret\n.data\n.dword f\n.hidden seen\n.globl seen\nseen:\n"
    + STACK % "",
    "stack": ".globl _start\n_start: nop\n" + STACK % "x",
    "more": "f: ret\nf.0: ret\n.type f, @function\n" + STACK % "",
}
SCRIPT = """
PHDRS { all PT_LOAD FLAGS(7); tls PT_TLS FLAGS(5); }
SECTIONS { . = 0x10000; .text : { *(.text) } :all .data : { *(.data) } :all .tdata : { LONG(1) } :all :tls }
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for oracle in (GNU_LD, GNU_AS, NM):
        require_oracle(oracle)
    made = tmp_path_factory.mktemp("warnings")
    objects_of(SOURCES, made)
    (made / "rwx.ld").write_text(SCRIPT)
    return made


@pytest.mark.parametrize(
    "words",
    [
        "stack.o",
        "stack.o --no-warn-e",
        "-r stack.o",
        "stack.o -z execstack",
        "stack.o -z execstack --warn-execstack",
        "-N plain.o",
        "-N plain.o --no-warn-rwx-segments",
        "plain.o -T rwx.ld",
        "-gc-sec plain.o",
    ],
)
def test_warnings(
    words: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    gnu = subprocess.run([GNU_LD, *words.split(), "-o", "out"], capture_output=True, text=True, check=True)
    assert ld([*words.split(), "-o", "out"]) == 0
    expected = [line.partition(": ")[2] for line in gnu.stderr.splitlines()]
    assert [line.partition(": ")[2] for line in capsys.readouterr().err.splitlines()] == expected


@pytest.mark.parametrize("words", ["plain.o more.o", "-r plain.o more.o", "-shared more.o plain.o"])
def test_unique_symbols(words: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    command = [*words.split(), "-z", "unique-symbol"]
    subprocess.run([GNU_LD, *command, "-o", "gnu"], check=True)
    assert ld([*command, "-o", "out"]) == 0

    def names(path: str) -> list[str]:
        listing = subprocess.run([NM, path], capture_output=True, text=True, check=True).stdout
        # Not `seen`: GNU ld keeps hidden symbols global in a program.
        return sorted(re.findall(r" [a-z] (f\S*)$", listing, re.M))

    assert names("out") == names("gnu")
    assert "f.0" in names("out")


@pytest.mark.parametrize("word", ["--warn", "--gc-"])
def test_ambiguous_abbreviations(word: str) -> None:
    with pytest.raises(UsageError, match="unrecognized option"):
        ld([word, os.devnull])


DECLARED = {
    "first": "int f(void) { return 1; }\nint v = 1;\n",
    "second": "\nint f(void) { return 1; }\n\nint v = 2;\n",
    "warns": "int g(void);\n\nint (*table[])(void) = { 0, g };\nint h(void) { return g(); }\n",
    "old": 'int g(void) { return 1; }\nconst char w[] __attribute__((section(".gnu.warning.g"))) = "g is old";\n',
}


@pytest.mark.parametrize("words", ["first.o second.o", "warns.o old.o"])
def test_lines_of_declarations(words: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of functions and data, in messages about definitions and in warnings."""
    require_oracle(GCC)
    monkeypatch.chdir(folder)
    for name in DECLARED:
        Path(f"{name}.c").write_text(DECLARED[name])
        subprocess.run([GCC, "-g", "-c", f"{name}.c"], check=True)
    gnu = subprocess.run([GNU_LD, "-e", "0", *words.split(), "-o", "out"], capture_output=True, text=True)
    ours = subprocess.run(
        [sys.executable, "-m", "toyvm", "ld", "-e", "0", *words.split(), "-o", "out"],
        capture_output=True,
        text=True,
    )

    def lines(text: str) -> list[str]:
        return re.findall(r"\w+\.c:\d+: [^;\n]*", text.replace(f"{folder}/", ""))

    assert ours.returncode == gnu.returncode
    assert lines(ours.stderr) == lines(gnu.stderr)
    assert lines(gnu.stderr)
