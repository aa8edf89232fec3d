"""Our tools beside GNU's: the same text on files that gcc made, and files of ours that GNU's read."""

from __future__ import annotations

import contextlib
import io
import os
import random
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from tests.support.elf_samples import objects
from tests.support.oracles import GCC, GNU_AR, GNU_AS, GNU_LD, NM, OBJDUMP, QEMU, READELF, require_oracle
from toyvm.build import LibraryDir
from toyvm.elf.architecture.attributes import TAG_ARCH, decode
from toyvm.elf.architecture.isa_strings import Arch, ArchError
from toyvm.elf.object_reader import read_object
from toyvm.elf.object_writer import write_object

pytestmark = pytest.mark.oracle

FIRST = r"""
int printf(const char *, ...);
int shared = 5, zeroed[100];
static int local = 3;
__attribute__((weak)) int weak_value = 7;
extern int other(int), data_elsewhere;
static const char *const table[] = {"one", "two", "three"};
static int pick(int n) {
  switch (n) { case 0: return 4; case 1: return 99; case 2: return local; case 3: return 8; case 4: return 1; }
  return n;
}
int main(int argc, char **argv) {
  for (int i = 0; i < argc + 2; i++) printf("%s %d\n", table[i % 3], other(pick(i)) + shared + zeroed[i] + weak_value);
  return data_elsewhere - 2;
}
"""
SECOND = "int data_elsewhere = 2; __attribute__((noinline)) int other(int n) { return n * 2; }\n"

PREFIX = "riscv64-linux-gnu-"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of objects, an archive, programs and a library, all made by GNU's tools."""
    require_oracle(GCC, GNU_AR, GNU_LD, GNU_AS, READELF, OBJDUMP, NM)
    folder = tmp_path_factory.mktemp("made")
    (folder / "first.c").write_text(FIRST)
    (folder / "second.c").write_text(SECOND)
    for command in (
        f"{GCC} -O1 -g -c first.c -o first.o",
        f"{GCC} -O2 -ffunction-sections -c second.c -o second.o",
        f"{GCC} -O1 -fpic -shared second.c -o libsecond.so -Wl,-soname,libsecond.so.1",
        f"{GCC} first.o second.o -o program",
        f"{GCC} -static first.o second.o -o static",
        f"{GNU_AR} rcsD lib.a first.o second.o",
    ):
        subprocess.run(command.split(), cwd=folder, check=True)
    return folder


def ours(folder: Path, command: str) -> str:
    """What our tool prints; it must succeed in silence."""
    name, *arguments = command.split()
    out, err = io.StringIO(), io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = import_module(f"toyvm.cli.binutils.{name}").main(arguments)
    assert (status, err.getvalue()) == (0, "")
    return out.getvalue()


def theirs(folder: Path, command: str) -> str:
    """What GNU's tool prints; a warning is a failure."""
    environment = {**os.environ, "LC_ALL": "C"}
    arguments = (PREFIX + command).split()
    done = subprocess.run(arguments, cwd=folder, check=True, capture_output=True, text=True, env=environment)
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize(
    "command",
    [
        "nm first.o",
        "nm -S second.o first.o",
        "nm -n program",
        "nm -g -u program",
        "nm -D program libsecond.so",
        "nm -a first.o",
        "nm --special-syms -p first.o",
        "nm lib.a",
        "nm -A lib.a first.o",
        "nm -r --defined-only program",
        "nm -P program lib.a",
        "nm -A -P -t d lib.a",
        "nm -f sysv first.o lib.a",
        "nm -j lib.a",
        "nm --size-sort -S program",
        "nm -W -t o program",
        "nm -l first.o program",
        "nm -n --synthetic program",
        "size -G -t first.o program",
        "size -x lib.a",
        "size -o program",
        "size -A -x --common second.o static",
        "size --radix=8 -t --common first.o program",
        "readelf -s --sym-base=16 program",
        "size first.o second.o",
        "size -A program",
        "size lib.a program libsecond.so",
        "size -t first.o second.o",
        "strings -d -t x program",
        "strings -a first.o lib.a",
        "readelf -hW first.o",
        "readelf -a program",
        "readelf -e -r -s static first.o",
        "readelf -s -r -T libsecond.so first.o",
        "readelf -D -s -r program",
        "readelf -hlW program",
        "readelf -lW static",
        "readelf -SW first.o program libsecond.so",
        "readelf -tW first.o program",
        "readelf -t second.o libsecond.so",
        "readelf -n program",
        "readelf -sW first.o",
        "readelf -sW program",
        "readelf -rW first.o second.o",
        "readelf -rW program libsecond.so",
        "readelf -dW program",
        "readelf -dW libsecond.so",
        "readelf -nW program",
        "readelf -A first.o",
        "readelf -D -sW program first.o",
        "readelf -D -rW libsecond.so program",
        "readelf -R .debug_aranges first.o",
        "readelf -c lib.a",
        "readelf -aW program",
        "readelf -gW first.o",
        "readelf -VIW program libsecond.so first.o",
        "readelf --dyn-syms -W program",
        "readelf -x .data first.o",
        "readelf -p .rodata.str1.8 first.o",
        "objdump -h first.o",
        "objdump -h program",
        "objdump -wh first.o program",
        "objdump -p program libsecond.so",
        "objdump -t second.o program",
        "objdump -T program libsecond.so",
        "objdump -R program libsecond.so",
        "objdump -f first.o program static libsecond.so",
        "objdump -a lib.a",
        "objdump -x second.o program",
        "objdump -sF -j .data first.o program",
        "objdump -s --start-address=0x10 --stop-address=0x26 -j .text first.o",
        "objdump -r second.o",
        "objdump -s second.o",
    ],
)
def test_same_text(made: Path, command: str) -> None:
    assert ours(made, command).rstrip() == theirs(made, command).rstrip()


NOTES = """
    .section .note.gnu.property, "a"
    .p2align 3
    .long 4, 2f-1f, 5
    .asciz "GNU"
1:  .long 0xb0008000, 4, 3, 0, 1, 8
    .dc.a 0x800
    .long 0xb0000001, 4, 0x11, 0, 0xc0000005, 4, 7, 0, 2, 0
2:  .section .note.other, "a"
    .long 5, 4, 1
    .asciz "ABCD"
    .balign 4
    .long 77, 4, 12, 4
    .asciz "GNU"
    .asciz "gold 1.2.33"
    .long 0, 0, 1
    .text
f:  nop
"""


def test_strings_of_any_bytes(tmp_path: Path) -> None:
    """Letters of all encodings, runs around the least length, line ends, UTF-8, and other bytes."""
    dice = random.Random(5)
    made = b""
    for _ in range(300):
        count = dice.randrange(12)
        word = "".join(dice.choice("xé∓1 ") for _ in range(count))
        wide = "".join(dice.choice("xyz1") for _ in range(count))
        made += dice.choice(
            [
                bytes(dice.randrange(0xF0) for _ in range(count)),
                bytes(dice.choice(b"abc \t\n\r") for _ in range(count)),
                wide.encode(dice.choice(("utf-16le", "utf-16be", "utf-32le", "utf-32be"))),
                word.encode(),
                bytes(count // 3),
            ]
        )
    (tmp_path / "any").write_bytes(made)
    for options in (
        "-n 2", "-3 -t x", "-f -t d", "-o -w", "-e S", "-e b -n 3", "-e l -n3 -tx", "-e B", "-e L", "-U x", "-U e -n 6",
        "-U h -w", "-U i", "-s |", "-e S -w -td", "-d",
    ):  # fmt: skip
        words = [*options.split(), "any"]
        wanted = subprocess.run(
            [f"{PREFIX}strings", *words], cwd=tmp_path, check=True, capture_output=True
        ).stdout
        done = subprocess.run(
            [sys.executable, "-m", "toyvm", "strings", *words], cwd=tmp_path, capture_output=True
        )
        assert (options, done.stdout, done.stderr) == (options, wanted, b"")


@pytest.mark.parametrize("flag", ["-n", "-nW"])
def test_notes(flag: str, tmp_path: Path) -> None:
    require_oracle(GNU_AS, READELF)
    (tmp_path / "notes.s").write_text(NOTES)
    command = f"{GNU_AS} --generate-missing-build-notes=yes notes.s -o notes.o"
    subprocess.run(command.split(), cwd=tmp_path, check=True)
    assert (
        ours(tmp_path, f"readelf {flag} notes.o").rstrip()
        == theirs(tmp_path, f"readelf {flag} notes.o").rstrip()
    )


@pytest.mark.parametrize(
    "command",
    [
        "readelf -hlSW libc.so",
        "readelf -srdnAVIW libc.so",
        "nm -n libc.so",
        "nm -D libc.so",
        "nm -s libimath.a",
        "size -A libc.so libc.a",
        "objdump -th libc.so",
    ],
)
def test_same_text_on_files_of_ours(libraries: LibraryDir, command: str) -> None:
    require_oracle(READELF, OBJDUMP, NM)
    assert ours(libraries.path, command).rstrip() == theirs(libraries.path, command).rstrip()


def test_unknown_attributes_are_shown_as_gnu_readelf_shows_them(tmp_path: Path) -> None:
    require_oracle(GNU_AS, READELF)
    text = '.attribute 2, 3\n.attribute 3, "abc"\n.attribute 32, 300\n.attribute 33, "x y"\n'
    (tmp_path / "a.s").write_text(text)
    subprocess.run([GNU_AS, "a.s", "-o", "a.o"], cwd=tmp_path, check=True)
    assert ours(tmp_path, "readelf -A a.o") == theirs(tmp_path, "readelf -A a.o")


@pytest.mark.parametrize("options", ["-d second.o", "-dr first.o", "-d program"])
def test_disassembly_has_the_same_places_bytes_and_relocations(made: Path, options: str) -> None:
    """Mnemonics are capstone's; everything else on a line is compared, branch targets with their symbols too."""

    def essence(text: str) -> list[object]:
        found: list[object] = []
        for line in text.splitlines():
            columns = line.split("\t")
            if re.match(r"[0-9a-f]+ <.*>:$", line) or line.startswith(("\t\t\t", "Disassembly", "\t...")):
                found.append(line)
            elif len(columns) >= 3:
                branch = re.search(r"[ ,\t]([0-9a-f]+ <[^>]*>)$", line) if "#" not in line else None
                found.append((columns[0].strip(), columns[1].strip(), branch[1] if branch else ""))
        return found

    mine = essence(ours(made, f"objdump {options}"))
    assert len(mine) > 3 and mine == essence(theirs(made, f"objdump {options}"))


def test_short_instructions_have_gnus_names(tmp_path: Path) -> None:
    """Every compressed instruction that both know, as `objdump -d` and as `objdump -d -M no-aliases` show it.

    GNU 2.40 calls c.addi `add` and c.slli `sll`; later versions call them by their immediate forms.
    """
    require_oracle(GNU_AS, OBJDUMP)
    words = [word for word in range(1 << 16) if word & 3 != 3]
    lines = "".join(f".insn {word:#x}\n" for word in words)
    (tmp_path / "b.s").write_text(f".option norelax\n{lines}")
    subprocess.run([GNU_AS, "-march=rv64gc", "b.s", "-o", "b.o"], cwd=tmp_path, check=True)
    for options in ("", "-M no-aliases"):
        mine, other = (
            {
                columns[0]: " ".join(columns[2:]).split(" #")[0].split(" <")[0]
                for columns in (line.split("\t") for line in text.splitlines())
                if len(columns) > 2
            }
            for text in (show(tmp_path, f"objdump -D -j .text {options} b.o") for show in (ours, theirs))
        )
        assert len(mine) > 40_000
        different = {
            (text, other[place])
            for place, text in mine.items()
            if _modern(other[place]) != text
            and not {text[0], other[place][0]} & {"."}
            and not text.startswith("c.ntl.")  # later versions know hints about locality
            and "64 " not in other[place]  # and no longer c.slli64
        }
        kinds = {(text.split()[0], theirs.split()[0]): (text, theirs) for text, theirs in sorted(different)}
        assert not kinds, [*kinds.values()]


def _modern(text: str) -> str:
    """GNU 2.40's text of a compressed instruction as later versions write it."""
    name, _, operands = text.partition(" ")
    if name in ("add", "addw", "sll", "srl", "sra", "and") and re.search(r",-?(0x[0-9a-f]+|\d+)$", operands):
        name = {"addw": "addiw"}.get(name, f"{name}i")
    if name in ("slli", "srli", "srai", "c.slli", "c.srli", "c.srai"):
        operands = re.sub(r"0x[0-9a-f]+$", lambda match: str(int(match[0], 16)), operands)
    if name == "c.addi" and operands.startswith("zero,"):
        return f"c.nop {operands[5:]}".removesuffix(" 0")
    return f"{name} {operands}".rstrip()


def test_source_lines_stand_before_their_instructions(made: Path) -> None:
    text = ours(made, "objdump -S first.o")
    body = FIRST.splitlines()
    assert body[11] in text and body[13] in text
    assert text.index(body[11]) < text.index(body[13])
    assert "first.c:" in ours(made, "objdump -dl first.o")


@pytest.mark.parametrize("name", objects())
def test_gnu_reads_our_objects(name: str, tmp_path: Path) -> None:
    require_oracle(READELF, OBJDUMP, NM)
    (tmp_path / "a.o").write_bytes(objects()[name])
    for options in ("-hW", "-SW", "-sW", "-rW", "-gW"):
        assert ours(tmp_path, f"readelf {options} a.o") == theirs(tmp_path, f"readelf {options} a.o")
    theirs(tmp_path, "readelf -aW a.o")
    theirs(tmp_path, "objdump -dr a.o")


def test_objects_of_gcc_come_through_reader_and_writer(made: Path, tmp_path: Path) -> None:
    for name in ("first.o", "second.o"):
        (tmp_path / name).write_bytes(write_object(read_object((made / name).read_bytes(), name)))
        for options in ("-SW", "-rW", "-sW", "-gW"):
            assert theirs(tmp_path, f"readelf {options} {name}") == theirs(made, f"readelf {options} {name}")
    require_oracle(QEMU)
    subprocess.run([GCC, "-static", "first.o", "second.o", "-o", "again"], cwd=tmp_path, check=True)
    expected = subprocess.run([QEMU, "./static"], cwd=made, check=True, capture_output=True)
    assert (
        subprocess.run([QEMU, "./again"], cwd=tmp_path, check=True, capture_output=True).stdout
        == expected.stdout
    )


def test_archives_are_the_same_bytes(made: Path, tmp_path: Path) -> None:
    long = tmp_path / "a_member_with_a_long_name.o"
    long.write_bytes((made / "second.o").read_bytes())
    (tmp_path / "odd").write_bytes(b"odd")
    members = [str(made / "first.o"), str(long), str(tmp_path / "odd")]
    ours(tmp_path, f"ar rcs ours.a {' '.join(members)}")
    subprocess.run([GNU_AR, "rcsD", "gnu.a", *members], cwd=tmp_path, check=True)
    assert (tmp_path / "ours.a").read_bytes() == (tmp_path / "gnu.a").read_bytes()
    for command in ("t", "tv"):
        assert ours(tmp_path, f"ar {command} gnu.a") == theirs(tmp_path, f"ar {command} ours.a")
    ours(tmp_path, "ar d ours.a odd")
    subprocess.run([GNU_AR, "dD", "gnu.a", "odd"], cwd=tmp_path, check=True)
    assert (tmp_path / "ours.a").read_bytes() == (tmp_path / "gnu.a").read_bytes()
    ours(tmp_path, "ar x ours.a first.o")
    assert (tmp_path / "first.o").read_bytes() == (made / "first.o").read_bytes()


@pytest.mark.parametrize(
    "steps",
    [
        ["rcs x.a a/u.o b/u.o"],
        ["rcs x.a a/u.o b/u.o", "r x.a c/u.o"],
        ["rcs x.a a/u.o b/u.o", "r x.a c/u.o d/u.o v.o a/u.o"],
        ["rcs x.a a/u.o", "r x.a b/u.o"],
        ["qcs x.a a/u.o b/u.o", "q x.a a/u.o", "d x.a u.o"],
        ["qcs x.a a/u.o v.o b/u.o c/u.o", "d x.a u.o u.o"],
        ["qcs x.a a/u.o v.o b/u.o c/u.o", "dN 2 x.a u.o"],
        ["qcs x.a a/u.o v.o b/u.o c/u.o", "t x.a v.o u.o u.o"],
        ["rcs x.a a/u.o v.o w.o", "m x.a u.o", "ma w.o x.a v.o", "mb w.o x.a u.o v.o", "mi none x.a w.o"],
        ["rcs x.a v.o w.o", "ra v.o x.a a/u.o", "rb v.o x.a b/u.o w.o", "tO x.a", "tOv x.a"],
        ["qcs x.a a/u.o v.o b/u.o c/u.o", "t x.a"],
        ["qcs x.a a/u.o v.o b/u.o c/u.o", "xN 3 x.a u.o"],
        ["qcs x.a a/u.o v.o b/u.o c/u.o", "x x.a u.o"],
    ],
)
def test_members_with_one_name(made: Path, tmp_path: Path, steps: list[str]) -> None:
    left = []
    for place, run in (("ours", ours), ("gnu", theirs)):
        folder = tmp_path / place
        for letter, source in (("a", "first.o"), ("b", "second.o"), ("c", "first.o"), ("d", "second.o")):
            (folder / letter).mkdir(parents=True)
            (folder / letter / "u.o").write_bytes((made / source).read_bytes())
        (folder / "v.o").write_bytes(b"no object")
        (folder / "w.o").write_bytes(b"nor this")
        shown = [run(folder, f"ar {step}") for step in steps]
        left.append((shown, {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}))
    assert left[0] == left[1]


@pytest.mark.parametrize("name", ["program", "static"])
@pytest.mark.parametrize("options", ["", "-g"])
def test_stripped_programs_run(made: Path, tmp_path: Path, name: str, options: str) -> None:
    require_oracle(QEMU)
    ours(made, f"strip {options} -o {tmp_path / name} {made / name}")
    assert ".symtab" not in theirs(tmp_path, f"readelf -SW {name}") or options
    theirs(tmp_path, f"readelf -aW {name}")
    command = [QEMU, "-L", "/usr/riscv64-linux-gnu", f"./{name}"]
    old, new = (
        subprocess.run(command, cwd=folder, capture_output=True, check=True) for folder in (made, tmp_path)
    )
    assert old.stdout == new.stdout and (tmp_path / name).stat().st_size < (made / name).stat().st_size


ARCHITECTURES = """
rv64i rv64gc rv64imafd rv64gcv rv64imac_zicsr_zifencei rv64i2p0m rv64g2p0c rv64izicsr rv64gczba rv64i_zk rv64i_smaia
rv64gcv_zba_zbb_svinval_zicbom_xtheadba1p0_zkt_zfh_zicsr_zmmul_smaia_zawrs rv64ih rv64gx rv64i_zfoo rv64
"""


def test_architecture_strings_equal_gas(tmp_path: Path) -> None:
    require_oracle(GNU_AS)
    (tmp_path / "e.s").write_text("")
    for text in ARCHITECTURES.split():
        command = [GNU_AS, "-misa-spec=20191213", f"-march={text}", "-mabi=lp64", "e.s", "-o", "e.o"]
        good = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0
        if not good:
            with pytest.raises(ArchError):
                Arch.parse(text)
            continue
        section = read_object((tmp_path / "e.o").read_bytes(), "e.o").section(".riscv.attributes")
        assert section is not None
        assert decode(section.data, "e.o")[TAG_ARCH] == str(Arch.parse(text))


@pytest.mark.parametrize("library", ["libc.so.6", "libstdc++.so.6"])
def test_versions_and_histograms_of_large_libraries(library: str) -> None:
    require_oracle(READELF)
    folder = Path("/usr/riscv64-linux-gnu/lib")
    command = f"readelf -VIW {library}"
    assert ours(folder, command) == theirs(folder, command)


def test_histogram_of_the_older_hash_table(tmp_path: Path) -> None:
    require_oracle(GCC, READELF)
    (tmp_path / "a.c").write_text("int a, b, c;")
    command = f"{GCC} -shared -nostdlib -Wl,--hash-style=both a.c -o a.so"
    subprocess.run(command.split(), cwd=tmp_path, check=True)
    assert ours(tmp_path, "readelf -IW a.so") == theirs(tmp_path, "readelf -IW a.so")
