"""Which symbols a file exports and which it lets others preempt, by every option that says so: as GNU ld does."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.oracles import GNU_AS, GNU_LD, require_oracle
from toyvm.cli.ld import main as ld
from toyvm.elf.constants import SHN_UNDEF
from toyvm.elf.elf_file import ElfFile
from toyvm.relocations import relocation_name

pytestmark = pytest.mark.oracle

TEXT = """
        .globl  _start, first, second, third, datum, _ZN3foo3barEi, _ZN3foo3bazEv, _Znwm, _ZTI3foo
        .type   datum, @object
        .type   _ZTI3foo, @object
        .type   first, @function
        .type   second, @function
_start:
first:  call    second
        call    _ZN3foo3barEi
second: la      a0, datum
        call    third
third:  call    _ZN3foo3bazEv
_ZN3foo3barEi: ret
_ZN3foo3bazEv: call _Znwm
_Znwm:  ret
        .data
datum:  .dword  second, datum, third
_ZTI3foo: .dword _ZTI3foo
"""
FILES = {
    "names": "{ first; datum; };\n{ third; };",
    "globs": "{ s*; _Z*baz*; };",
    "cpp": '{ extern "C++" { foo::*; "operator new(unsigned long)"; }; };',
    "quoted": '{ extern "C++" { "foo::*"; "foo::bar(int)"; }; };',
    "version": 'V1 { global: first; extern "C++" { foo::b*; "foo::baz()" }; local: *; };',
    "local": '{ global: *; local: extern "C++" { foo::bar*; }; second; };',
}
OPTIONS = [
    "--dynamic-list=names",
    "--dynamic-list=globs",
    "--dynamic-list=cpp",
    "--dynamic-list=quoted",
    "--dynamic-list=names --dynamic-list=cpp",
    "--dynamic-list-data",
    "--dynamic-list-cpp-new",
    "--dynamic-list-cpp-typeinfo",
    "--export-dynamic-symbol=second",
    "--export-dynamic-symbol=s* --export-dynamic-symbol=_Z*",
    "--export-dynamic-symbol-list=names",
    "--export-dynamic",
    "--version-script=version",
    "--version-script=local",
    "-Bsymbolic --export-dynamic-symbol=second",
    "-Bsymbolic-functions",
    "-Bsymbolic --dynamic-list=names",
]


# What has a GOT entry, what the linker defines, and the name of a version.
NOT_OURS = ("datum", "_edata", "_end", "V1")


def seen(path: str) -> tuple[list[tuple[str, int]], list[tuple[str, str]]]:
    """The dynamic symbols that a file defines, and its dynamic relocations as (type, symbol)."""
    elf = ElfFile.parse(Path(path).read_bytes(), path)
    table = elf.symbols(".dynsym")
    assert table
    rows = zip(table.names, table.array.tolist(), strict=True)
    # GNU ld exports its own symbols, too.
    defined = sorted(
        (name, row[1]) for name, row in rows if name and row[3] != SHN_UNDEF and not name.startswith("__")
    )
    found = []
    for section, relocations in elf.relocations():
        if section.header.flags:
            for kind, symbol in zip(
                relocations["r_type"].tolist(), relocations["r_sym"].tolist(), strict=True
            ):
                found.append((relocation_name(kind), table.names[symbol]))
    return defined, sorted(found)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require_oracle(GNU_LD)
    require_oracle(GNU_AS)
    made = tmp_path_factory.mktemp("exports")
    for name, text in {"a.s": TEXT, "b.s": ".globl other\nother: ret\n", **FILES}.items():
        (made / name).write_text(text)
    for name in "ab":
        subprocess.run([GNU_AS, "-fpic", f"{name}.s", "-o", f"{name}.o"], cwd=made, check=True)
    subprocess.run([GNU_LD, "-shared", "b.o", "-o", "b.so"], cwd=made, check=True)
    return made


@pytest.mark.parametrize("kind", ["-shared", "-pie", "--no-pie"])
@pytest.mark.parametrize("options", OPTIONS)
def test_as_gnu_ld(options: str, kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    words = [*options.split(), kind, "a.o", "b.so"]
    assert ld(["--no-relax", *words, "-o", "ours"]) == 0
    subprocess.run([GNU_LD, *words, "-o", "gnu"], check=True, stderr=subprocess.PIPE)
    (ours, relocations), (gnu, expected) = seen("ours"), seen("gnu")
    if kind == "-shared":
        assert (ours, relocations) == (gnu, expected)
    else:  # GNU ld has the loader look up what a program exports, and exports more: see NOT_OURS
        assert [row for row in ours if row[0] != "datum"] == [row for row in gnu if row[0] not in NOT_OURS]
