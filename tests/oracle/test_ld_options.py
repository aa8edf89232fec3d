"""Options of GNU ld that leave a mark in the file: the same mark as GNU's, as readelf shows it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.gnu import objects_of
from tests.support.oracles import GNU_AS, GNU_LD, READELF, require_oracle
from toyvm.base.errors import LinkError, UsageError
from toyvm.cli.as_ import main as assemble
from toyvm.cli.binutils.objcopy import main as copy
from toyvm.cli.ld import main as ld
from toyvm.elf.compression import decompressed
from toyvm.elf.constants import SHF_COMPRESSED
from toyvm.elf.elf_file import ElfFile

pytestmark = pytest.mark.oracle

TEXT = """
        .globl  _start, used
        .weak   __start_things
_start: la      a0, __start_things
        ret
used:   ret
        .section things, "aw"
        .dword  1
        .section .note.GNU-stack, "", @progbits
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for oracle in (GNU_LD, GNU_AS, READELF):
        require_oracle(oracle)
    made = tmp_path_factory.mktemp("options")
    objects_of({"a": TEXT, "lib": ".globl f\nf: ret\n"}, made)
    (made / "names").write_text("V1 { global: used; absent; local: *; };")
    subprocess.run([GNU_LD, "-shared", "lib.o", "-o", "lib.so"], cwd=made, check=True)
    return made


def shown(options: str, path: str) -> list[str]:
    """The lines of readelf about what a user asked for, without addresses."""
    text = subprocess.run(
        [READELF, "-W", *options.split(), path], capture_output=True, text=True, check=True
    ).stdout
    if options == "-S":
        return re.findall(r"\] (things) ", text)
    wanted = r"FLAGS|AUXILIARY|FILTER|AUDIT|GNU_STACK|FDO|Packaging"
    lines = [re.sub(r"0x[0-9a-f]{16}", "", line) for line in text.splitlines() if re.search(wanted, line)]
    return [" ".join(line.split()) for line in lines]


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ("-shared -z interpose", "-d"),
        ("-shared -z nodelete -z initfirst -z nodump", "-d"),
        ("-shared -z global -z nodefaultlib -z loadfltr -z nodlopen", "-d"),
        ("-shared -f one.so -f two.so", "-d"),
        ("-shared --filter=real.so", "-d"),
        ("-shared --audit=a.so --depaudit=b.so -P c.so", "-d"),
        ("-z stack-size=0x20000", "-l"),
        ('--package-metadata={"name":"toy"}', "-n"),
        ("--package-metadata=", "-n"),
        ("--gc-sections -z start-stop-gc", "-S"),
        ("--gc-sections -z nostart-stop-gc", "-S"),
    ],
)
def test_as_gnu_ld(words: str, what: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    for linker, output in ((ld, "ours"), (_gnu, "gnu")):
        assert linker([*words.split(), "a.o", "lib.so", "-o", output]) == 0
    assert shown(what, "ours") == shown(what, "gnu")


def _gnu(words: list[str]) -> int:
    return subprocess.run([GNU_LD, *words], check=False).returncode


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--require-defined=absent", "required symbol `absent' not defined"),
        ("-shared --version-script=names --no-undefined-version", "absent: undefined version: V1"),
    ],
)
def test_refused_as_gnu_ld_does(
    words: str, message: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    gnu = subprocess.run(
        [GNU_LD, *words.split(), "a.o", "-o", "x"], capture_output=True, text=True, check=False
    )
    assert gnu.returncode
    assert message.partition(": V1")[0] in gnu.stderr
    with pytest.raises(LinkError, match=re.escape(message)):
        ld([*words.split(), "a.o", "-o", "x"])


def test_a_required_symbol_is_taken_out_of_an_archive(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    from toyvm.cli.binutils.ar import main as ar

    assert ar(["rcs", "lib.a", "lib.o"]) == 0
    assert ld(["--require-defined=f", "a.o", "lib.a", "-o", "out"]) == 0
    table = ElfFile.parse(Path("out").read_bytes(), "out").symbols()
    assert table
    assert "f" in table.names


DEBUG = """
        .globl  _start
_start: ret
        .section .debug_str, "MS", @progbits, 1
        .string "{words}"
        .section .debug_info, "", @progbits
        .dword  _start, .debug_str
        .zero   2000
"""


@pytest.mark.parametrize("format", ["zlib", "zstd"])
def test_compressed_debugging_information(format: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In objects, which are then read, and in the output, which GNU readelf reads (zlib; zstd is newer than its build)."""
    monkeypatch.chdir(folder)
    Path("d.s").write_text(DEBUG.format(words="a word " * 200))
    option = f"--compress-debug-sections={format}"
    for name, words in ("plain", []), ("packed", [option]):
        assert assemble([*words, "d.s", "-o", f"{name}.o"]) == 0
    assert Path("packed.o").stat().st_size < Path("plain.o").stat().st_size - 2500
    for name in "plain", "packed":
        assert ld([f"{name}.o", "-o", f"{name}.out"]) == 0
    assert Path("plain.out").read_bytes() == Path("packed.out").read_bytes()
    assert ld(["plain.o", option, "-o", "small.out"]) == 0
    plain, small = (ElfFile.parse(Path(name).read_bytes(), name) for name in ("plain.out", "small.out"))
    for name in ".debug_info", ".debug_str":
        before, after = plain.section(name), small.section(name)
        assert before
        assert after
        assert after.header.flags & SHF_COMPRESSED
        contents, align = decompressed(bytes(small.contents(after)), name)
        assert (contents, align) == (bytes(plain.contents(before)), before.header.addralign)
    if format == "zlib":
        texts = [
            subprocess.run([READELF, "-z", "-x", ".debug_info", name], capture_output=True, check=True).stdout
            for name in ("plain.out", "small.out")
        ]
        assert texts[0] == texts[1]


@pytest.mark.parametrize("words", ["", "-r"])
@pytest.mark.parametrize("format", ["none", "zlib", "zlib-gnu"])
def test_compressed_sections(format: str, words: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Name, size, flags and alignment of what was .debug_*, in objects and what is linked of them, as GNU's tools have it."""
    monkeypatch.chdir(folder)
    Path("d.s").write_text(DEBUG.format(words="a word " * 200))
    assert assemble(["--compress-debug-sections=zlib-gnu", "d.s", "-o", "older.o"]) == 0
    subprocess.run([GNU_AS, "--compress-debug-sections=zlib-gnu", "d.s", "-o", "gnu.o"], check=True)
    assert debug_sections("older.o") == debug_sections("gnu.o")
    assert any(name == ".zdebug_str" for name, *_ in debug_sections("gnu.o"))
    command = [*words.split(), f"--compress-debug-sections={format}", "gnu.o", "-o"]
    subprocess.run([GNU_LD, *command, "gnu.out"], check=True, capture_output=True)
    assert ld([*command, "ours.out"]) == 0
    assert debug_sections("ours.out") == debug_sections("gnu.out")
    assert copy(["--decompress-debug-sections", "ours.out", "plain.out"]) == 0
    assert all(
        name.startswith(".debug") and "C" not in flags for name, flags, _ in debug_sections("plain.out")
    )


def debug_sections(path: str) -> list[tuple[str, str, str]]:
    """(name, flags, alignment) of the sections of debugging information, sorted."""
    text = subprocess.run([READELF, "-SW", path], capture_output=True, text=True, check=True).stdout
    row = r"\] (\.z?debug\S+) +\S+ +\S+ +\S+ +\S+ +\d\d (.{3}) +\d+ +\d+ +(\d+)"
    return sorted(re.findall(row, text))


def test_compression_of_another_kind(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(UsageError, match=r"'lzma' \(none, zlib, zlib-gnu, zlib-gabi, zstd\)"):
        ld(["a.o", "--compress-debug-sections=lzma"])
