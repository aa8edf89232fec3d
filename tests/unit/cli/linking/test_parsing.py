"""The command line: GNU's spellings, states that hold from where they stand, files and exit codes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.small_links import START, lib, obj
from toyvm.base.errors import UsageError
from toyvm.base.record import replace
from toyvm.cli import main as toyvm
from toyvm.cli.ld import main as ld
from toyvm.cli.linking.parsing import link_options, parse
from toyvm.elf.elf_file import ElfFile
from toyvm.elf.object_writer import write_object
from toyvm.linker.link_options import LinkOptions


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("a.o").write_bytes(write_object(obj(START + "call f\n")))
    Path("libf.a").write_bytes(lib("libf.a", f=".globl f\nf: ret\n").data or b"")
    return tmp_path


def test_modes_hold_for_what_follows() -> None:
    words = "a.o -Bstatic -lx -Bdynamic --as-needed -ly --push-state --no-as-needed --whole-archive -lz --pop-state -lw"
    line = parse(words.split())
    found = [(i.path or i.library, i.static, i.as_needed, i.whole_archive) for i in line.inputs]
    assert found == [
        ("a.o", False, False, False),
        ("x", True, False, False),
        ("y", False, True, False),
        ("z", False, False, True),
        ("w", False, True, False),
    ]


def test_groups() -> None:
    line = parse(["a.o", "--start-group", "-lx", "-ly", "--end-group", "-(", "-lz", "-)", "-lw"])
    assert [i.group for i in line.inputs] == [None, 0, 0, 1, None]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("-shared -soname liba.so", LinkOptions(kind="shared", soname="liba.so")),
        ("--shared --soname=liba.so", LinkOptions(kind="shared", soname="liba.so")),
        ("-shared -h liba.so", LinkOptions(kind="shared", soname="liba.so")),
        ("-pie -z now -z norelro", LinkOptions(kind="pie", now=True, relro=False)),
        ("-znow", LinkOptions(now=True)),
        ("-L/a -L /b --library-path=/c", LinkOptions(library_path=("/a", "/b", "/c"))),
        ("-e main -emain --entry=main", LinkOptions(entry="main")),
        ("-rpath /a:/b -rpath=/c", LinkOptions(rpath=("/a", "/b", "/c"))),
        ("-Ttext 10000 -Tdata=0x20000", LinkOptions(section_starts={".text": 0x10000, ".data": 0x20000})),
        ("--defsym x=1 --defsym=y=x+2", LinkOptions(defsyms=(("x", "1"), ("y", "x+2")))),
        ("-Bsymbolic-functions -E -s -X", LinkOptions(symbolic="functions", export_dynamic=True, strip="all")),
        ("-m elf64lriscv -melf64lriscv --no-relax -plugin x -plugin-opt=y -O1 -o b", LinkOptions(output="b")),
        ("--build-id --hash-style=both --eh-frame-hdr", LinkOptions(build_id="sha1", hash_style="both", eh_frame_hdr=True)),
        ("--disable-new-dtags", LinkOptions(new_dtags=False)),
        ("--disable-new-dtags --enable-new-dtags", LinkOptions()),
        ("-u x -u y", LinkOptions(undefined=("x", "y"))),
    ],
)  # fmt: skip
def test_spellings(words: str, expected: LinkOptions) -> None:
    assert link_options(parse(words.split())) == replace(expected, relax="--no-relax" not in words)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--gc-sectoins", "unrecognized option '--gc-sectoins'. did you mean 'gc-sections'?"),
        (
            "--no-ctors-in-init-array",
            "unrecognized option '--no-ctors-in-init-array'",
        ),  # gold's, not GNU ld's
        ("-o", "option '-o' needs a value"),
        ("--start-group --start-group", "may not nest groups"),
        ("--end-group", "group ended before it began"),
        ("-m elf64briscv", "unrecognised emulation mode"),
        ("--hash-style=md5", "invalid hash style"),
        ("-Ttext=zz", "is not a hexadecimal number"),
        ("-Ttext=-1", "is not in [0,"),
        ("--build-id=0xabc", "not an even number"),
        ("-z max-page-size=5", "power of two"),
        ("--image-base=123", "not a multiple"),
        ("--defsym x", "expected SYMBOL=VALUE"),
        ("-T x.ld", "cannot open linker script file x.ld: No such file or directory"),
        ("-static -shared", "may not be used together"),
    ],
)
def test_refusals(words: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        link_options(parse(words.split()))
    assert message in str(caught.value)


def test_output_file(folder: Path) -> None:
    (folder / "words").write_text("-o prog a.o -L. -lf -Map=prog.map")
    assert ld(["@words"]) == 0
    assert os.stat("prog").st_mode & 0o777 == 0o755 & ~_umask()
    text = (folder / "prog.map").read_text()
    assert text.startswith(
        "Archive member included to satisfy reference by file (symbol)\n\n./libf.a(f.o)                 a.o (f)\n"
    )
    assert "\n.text           0x" in text


def test_metadata_that_is_nested_too_deeply() -> None:
    with pytest.raises(UsageError, match="--package-metadata: not JSON: maximum recursion depth"):
        parse(["--package-metadata=" + "[" * 100_000])


def test_a_response_file_with_an_open_quote(folder: Path) -> None:
    (folder / "words").write_text("-o 'prog")
    with pytest.raises(UsageError, match="@words: no closing quotation"):
        ld(["@words"])


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_nothing_is_left_after_an_error(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert toyvm(["ld", "-o", "prog", "a.o", "-lnope"]) == 1
    assert toyvm(["ld", "-o", "prog", "a.o"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "toyvm ld: cannot find -lnope: No such file or directory",
        "toyvm ld: a.o: in function `_start':",
        "a.o:(.text+0x2): undefined reference to `f'",
    ]
    assert sorted(os.listdir()) == ["a.o", "libf.a"]


def test_cross_references_and_traces(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ld(["-o", "prog", "a.o", "-L.", "-lf", "--cref", "-y", "f", "-t"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("a.o: reference to f\n./libf.a(f.o): definition of f\na.o\n./libf.a(f.o)\n")
    assert "f                                                 ./libf.a(f.o)\n" + " " * 50 + "a.o\n" in out


@pytest.mark.parametrize(
    ("option", "kept"), [("-X", {".debug_line", ".symtab"}), ("-S", {".symtab"}), ("-s", set())]
)
def test_strip(folder: Path, option: str, kept: set[str]) -> None:
    Path("g.o").write_bytes(write_object(obj(START + "nop\n", debug_lines=True)))
    assert ld(["-o", "prog", "g.o", option]) == 0
    elf = ElfFile.parse(Path("prog").read_bytes(), "prog")
    assert {s.name for s in elf.sections} & {".debug_line", ".symtab"} == kept
