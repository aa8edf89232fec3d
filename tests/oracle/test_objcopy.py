"""objcopy and strip beside GNU's: the same sections, symbols and relocations, the same bytes of flat formats, and results that run."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.harness import toyvm
from tests.support.oracles import GCC, GNU_AR, GNU_AS, GNU_LD, QEMU, READELF, require_oracle
from toyvm.cli import guarded
from toyvm.elf.elf_file import ElfFile
from toyvm.elf.rewriting.model import read_image

pytestmark = pytest.mark.oracle

PREFIX = "riscv64-linux-gnu-"
GDB = "gdb-multiarch"

SOURCE = r"""
int printf(const char *, ...);
__thread int counter = 5;
static __thread long calls;
int shared = 5, zeroed[100];
static int local = 3;
__attribute__((weak)) int weak_value = 7;
__attribute__((visibility("hidden"))) int hidden = 2;
static const char *const table[] = {"one", "two", "three"};
static __attribute__((noinline)) int pick(int n) { return n * local + hidden; }
int main(int argc, char **argv) {
  for (int i = 0; i < 3; i++)
    printf("%s %d\n", table[i], pick(i) + shared + zeroed[i] + weak_value + counter + (int)calls++);
  return 0;
}
"""
# What gcc makes of C++ templates: code and data in groups; and a common symbol.
GROUPS = """
.section .text.twice,"axG",@progbits,twice,comdat
.weak twice
.type twice, @function
twice: la a1, count
 lw a1, 0(a1)
 add a0, a0, a1
 ret
.size twice, .-twice
.section .sbss.count,"awG",@nobits,count,comdat
.weak count
count: .zero 4
.section .text.second,"axG",@progbits,twice,comdat
.Lsecond: ret
.section .debug_macro,"G",@progbits,twice,comdat
.byte 1
.text
.globl user
user: call twice
 la a0, buffer
.Lend: ret
.comm buffer, 16, 8
.globl asked_for
.section .debug_line_str,"MS",@progbits,1
.string "text"
.section .data.dwo
.section .debug_info.dwo
.dword 1
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two objects, a static program, a dynamic one, a library, an archive and files to add."""
    require_oracle(GCC, GNU_AR, READELF, PREFIX + "objcopy", PREFIX + "strip")
    folder = tmp_path_factory.mktemp("made")
    (folder / "first.c").write_text(SOURCE)
    (folder / "groups.s").write_text(GROUPS)
    (folder / "small").write_text("hello\n")
    (folder / "large").write_bytes(bytes(range(256)) * 300)
    (folder / "names").write_text("# symbols\nmain  # the first\n\nshared\n")
    (folder / "pairs").write_text("main start_here\nshared other\n")
    (folder / "options").write_text("-g -N 'zeroed'\n")
    for command in (
        f"{GCC} -O1 -g -c first.c -o first.o",
        f"{GCC} -O1 -g -gz -c first.c -o packed.o",
        f"{GCC} -c groups.s -o groups.o",
        f"{GCC} -O1 -g -static first.c -o static",
        f"{GCC} -O1 -g first.c -o dynamic",
        f"{GCC} -O1 -g -fpic -shared first.c -o library",
        f"{GNU_AR} rcsD lib.a first.o groups.o",
    ):
        subprocess.run(command.split(), cwd=folder, check=True)
    for format in ("srec", "ihex"):
        theirs(folder, f"objcopy -O {format} dynamic {format}")
    return folder


def ours(folder: Path, command: str) -> tuple[int, str]:
    """(exit code, what goes to stderr) of our tool."""
    name, *arguments = shlex.split(command)
    err = io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(err):
        return guarded(name, arguments), err.getvalue()


def theirs(folder: Path, command: str) -> tuple[int, str]:
    """(exit code, what goes to stderr) of GNU's tool."""
    environment = {**os.environ, "LC_ALL": "C"}
    arguments = shlex.split(PREFIX + command)
    done = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, env=environment)
    return done.returncode, done.stderr


def shown(file: Path, segments: bool) -> list[str]:
    """What readelf shows of a file, without the offsets in it and the sizes of string tables, which may share tails."""
    options = "-hlSsrgW" if segments else "-SsrgW"
    done = subprocess.run(
        [READELF, options, file.name], cwd=file.parent, capture_output=True, text=True, check=True
    )
    text = re.sub(r"Start of section headers: +\d+|(starting )?at offset 0x[0-9a-f]+", "", done.stdout)
    lines = []
    for line in text.splitlines():
        section = re.fullmatch(
            r"(  \[ *\d+\] (\S+) +\S+ +[0-9a-f]{16}) [0-9a-f]{6,} ([0-9a-f]{6,})(.*)", line
        )
        if section:
            size = "" if section[2] in (".strtab", ".shstrtab") else section[3]
            line = f"{section[1]} {size}{section[4]}"
        lines.append(line)
    return lines


def contents(file: Path) -> list[tuple[str, bytes]]:
    """The bytes of the sections that are not the file's own tables, and for groups their members' names."""
    image = read_image(file.read_bytes(), file.name)
    bodies = [
        (part.name, part.data) for part in image.parts if part.group is None or part is not part.group.part
    ]
    members = [(g.signature.name, ",".join(m.name for m in g.members).encode()) for g in image.groups]
    return bodies + members


def compare(folder: Path, tool: str, options: str, file: str, target: Path, segments: bool = True) -> None:
    """Both tools on one file: the same files come out, or both refuse."""
    places = [target / which / "out" for which in ("gnu", "toyvm")]
    for place in places:
        place.parent.mkdir()
    made, mine = (
        run(
            folder,
            f"{tool} {options} {file} {place}"
            if tool == "objcopy"
            else f"{tool} {options} -o {place} {file}",
        )
        for run, place in zip((theirs, ours), places, strict=True)
    )
    assert mine[0] == made[0], (mine, made)
    if made[0]:
        assert mine[1].startswith(f"toyvm {tool}: ") and not places[1].exists()
        return
    assert bool(mine[1]) == bool(made[1])
    before, after = (place.read_bytes() for place in places)
    if before == after:
        return
    if not before.startswith(b"\x7fELF"):
        # Only the header of S-records may differ: it has the name of the output.
        assert before.startswith(b"S0") and before.splitlines()[1:] == after.splitlines()[1:]
        return
    assert shown(places[1], segments) == shown(places[0], segments)
    assert contents(places[1]) == contents(places[0])


# (tool, options, files; one command line for each file)
SAME = [
    ("objcopy", "", "first.o groups.o packed.o static dynamic library"),
    ("objcopy", "-S", "first.o groups.o dynamic library"),
    ("objcopy", "-g", "first.o groups.o dynamic"),
    ("objcopy", "--strip-unneeded", "first.o groups.o dynamic"),
    ("objcopy", "-x", "first.o groups.o dynamic"),
    ("objcopy", "-X", "first.o groups.o dynamic"),
    ("objcopy", "--only-keep-debug", "first.o"),
    ("strip", "", "first.o groups.o static dynamic library"),
    ("strip", "-g", "first.o library"),
    ("strip", "-K main", "static first.o"),
    ("strip", "--strip-unneeded -N printf", "first.o dynamic"),
    ("strip", "-x -R .comment", "dynamic"),
    ("objcopy", "-S -K main", "first.o dynamic"),
    ("objcopy", "-R .comment -R '.note.G*'", "first.o"),
    ("objcopy", "-R .text", "first.o"),
    ("objcopy", "-R '.debug*' -R '!.debug_line' --remove-relocations .debug_line", "first.o dynamic"),
    ("objcopy", "-R .text -j .text", "first.o"),
    ("objcopy", "-j .text -j .data", "first.o"),
    ("objcopy", "-j .rodata.str1.8", "first.o"),
    ("objcopy", "--remove-relocations '.debug*' -R .rela.text", "first.o"),
    ("objcopy", "-R .text.twice", "groups.o"),
    ("objcopy", "-R '.text.*' -R .debug_macro -R .rela.text", "groups.o"),
    ("objcopy", "-g -L main -W shared --globalize-symbol pick --localize-hidden", "first.o"),
    ("objcopy", "--weaken", "first.o groups.o dynamic"),
    ("objcopy", "-L buffer -W buffer --strip-unneeded", "groups.o"),
    ("objcopy", "-G main", "first.o static"),
    ("objcopy", "-w -L '*e*' -L '!zeroed'", "first.o"),
    ("objcopy", "--keep-file-symbols --strip-unneeded", "dynamic"),
    ("objcopy", "-x --strip-unneeded-symbol pick --strip-unneeded-symbol shared", "dynamic"),
    ("objcopy", "--redefine-sym main=niam --prefix-symbols p_", "first.o groups.o"),
    ("objcopy", "--redefine-syms pairs --localize-symbols names --weaken-symbols names", "first.o"),
    ("objcopy", "--strip-symbols names", "first.o dynamic"),
    ("objcopy", "@options", "dynamic"),
    ("objcopy", "--prefix-sections P --prefix-alloc-sections Q", "first.o"),
    ("objcopy", "--rename-section .data=.d --rename-section .text=.code,alloc,code,readonly", "first.o"),
    ("objcopy", "--set-section-flags .bss=alloc,load,contents --set-section-flags .text=alloc,code", "first.o"),
    ("objcopy", "--set-section-flags .comment=readonly,exclude,merge --set-section-flags .data=share", "first.o"),
    ("objcopy", "--set-section-alignment .data=64", "first.o"),
    ("objcopy", "--add-section .x=small --add-section .y=large --add-gnu-debuglink=small", "first.o dynamic"),
    ("objcopy", "--update-section .comment=large", "first.o dynamic"),
    ("objcopy", "--add-section .x=small --prefix-sections P --set-section-flags .debug_info.dwo=readonly", "groups.o"),
    ("objcopy", "-L pick --globalize-symbol pick -L main --globalize-symbol main", "first.o"),
    ("objcopy", "--add-symbol a=4 --add-symbol b=.text:6,function,global --add-symbol c=.data:1,object", "first.o dynamic"),
    ("objcopy", "--add-symbol d=3,weak --add-symbol e=.text:0x10,before=main,function", "first.o"),
    ("objcopy", "--set-start 0x1234", "dynamic"),
    ("objcopy", "--change-start -16", "dynamic"),
    ("objcopy", "--change-section-address .text=0x1000 --change-section-vma .data+16", "first.o"),
    ("objcopy", "--change-section-address .nope=4", "first.o"),
    ("objcopy", "--decompress-debug-sections", "packed.o"),
    ("objcopy", "--strip-dwo", "groups.o"),
    ("objcopy", "--extract-dwo", "groups.o"),
    ("objcopy", "--elf-stt-common=yes", "groups.o"),
    ("objcopy", "-O binary", "first.o static dynamic"),
    ("objcopy", "-O binary -j .text -j .data --gap-fill 0xff --pad-to 0x80000", "static"),
    ("objcopy", "-O binary -b 2 -i 8 --interleave-width 2 -j .data", "static"),
    ("objcopy", "-O binary --reverse-bytes 2 -j .text", "dynamic"),
    ("objcopy", "-O srec", "dynamic first.o"),
    ("objcopy", "-O srec --srec-len 33 --srec-forceS3 --change-addresses 0x80000000", "dynamic"),
    ("objcopy", "-O srec --srec-len 300 -j .text --change-addresses 0xff8000", "dynamic"),
    ("objcopy", "-O ihex", "dynamic static"),
    ("objcopy", "-O ihex -j .text --change-addresses 0x80008000 --set-start 0x80000010", "dynamic"),
    ("objcopy", "-O ihex -j .text --change-section-lma .text=0xffff8", "dynamic"),
    ("objcopy", "-O verilog", "dynamic"),
    ("objcopy", "-O verilog --verilog-data-width 4 -j .text -j .data", "dynamic"),
    ("objcopy", "-I binary -O elf64-littleriscv -B riscv", "small"),
    ("objcopy", "-I binary -O elf64-littleriscv --rename-section .data=.rodata,alloc,load,readonly,data,contents", "large"),
    ("objcopy", "-I binary -O ihex", "large"),
    ("objcopy", "-I srec -O elf64-littleriscv", "srec"),
    ("objcopy", "-I ihex -O elf64-littleriscv", "ihex"),
    ("objcopy", "-O srec", "srec ihex"),
    ("objcopy", "-I srec -O binary", "srec"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("tool", "options", "file"), [(t, o, f) for t, o, files in SAME for f in files.split()]
)
def test_same_file_as_gnu(made: Path, tmp_path: Path, tool: str, options: str, file: str) -> None:
    compare(made, tool, options, file, tmp_path)


# GNU lays out the segments of these anew; here they stay, and so do the addresses of everything in them.
MOVED = [
    ("-R .comment -R '.note*'", "dynamic"),
    ("-j .text -j .data", "dynamic"),
    ("--set-section-flags .data=alloc,readonly", "dynamic"),
    ("--only-keep-debug", "dynamic"),
]


@pytest.mark.parametrize(("options", "file"), MOVED)
def test_same_sections_and_symbols_in_segments_that_stay(
    made: Path, tmp_path: Path, options: str, file: str
) -> None:
    compare(made, "objcopy", options, file, tmp_path, segments=False)


# Command lines that GNU refuses, and the words that its message and ours have in common.
REFUSED = [
    ("--set-section-flags .data=foo", "unrecognized section flag `foo'"),
    ("--change-start zz", "--change-start: bad number: zz"),
    ("-O srec --srec-len x", "--srec-len: bad number: x"),
    ("--strip-symbol printf", "not stripping symbol `printf' because it is named in a relocation"),
    ("-R .rodata.str1.8", "symbol `.LC0' required but not present"),
    ("-G main --globalize-symbol pick", "--globalize-symbol(s) is incompatible with -G/--keep-global-symbol(s)"),
    ("--redefine-sym foo", "bad format for --redefine-sym"),
    ("--redefine-sym a=b --redefine-sym a=c", '--redefine-sym: Multiple redefinition of symbol "a"'),
    ("-O nope", "invalid bfd target"),
    ("--add-section .x=nope", "cannot open: nope: No such file or directory"),
    ("--add-section .text=small", "can't add section '.text'"),
    ("--update-section .nope=small", "error: .nope not found, can't be updated"),
    ("--set-section-alignment .data=3", "bad format for --set-section-alignment: alignment is not a power of two"),
    ("--change-section-address .text", "bad format for --change-section-address"),
    ("-b 4 -i 4 -O binary", "byte number must be less than interleave"),
    ("--interleave=0 -b 0", "interleave must be positive"),
    ("--interleave-width=8 -i 4 -b 0", "interleave width must be less than or equal to interleave - byte"),
    ("--reverse-bytes=3", "number of bytes to reverse must be positive and even"),
    ("--reverse-bytes=32", "cannot reverse bytes: length of section .text must be evenly divisible by 32"),
    ("--add-symbol foo", "bad format for --add-symbol"),
    ("--add-symbol foo=.nope:4", "Section .nope not found"),
    ("--add-symbol foo=4,zip", "unrecognized symbol flag `zip'"),
    ("--rename-section foo", "bad format for --rename-section"),
    ("--rename-section .data=.d --rename-section .data=.e", "Multiple renames of section .data"),
    ("--add-gnu-debuglink=nope", "cannot fill debug link section `nope': No such file or directory"),
    ("--compress-debug-sections=foo", "unrecognized --compress-debug-sections type `foo'"),
    ("--redefine-syms=nope", "couldn't open symbol redefinition file nope (error: No such file or directory)"),
    ("--redefine-syms=small", "small:1: missing new symbol name"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "words"), REFUSED)
def test_gnus_words_for_what_is_refused(made: Path, tmp_path: Path, options: str, words: str) -> None:
    command = f"objcopy {options} first.o {tmp_path / 'out'}"
    for run in (theirs, ours):
        status, err = run(made, command)
        assert (status, words in err) == (1, True), err
        assert run is theirs or not (tmp_path / "out").exists()
        (tmp_path / "out").unlink(missing_ok=True)


def test_an_archive_is_copied_member_by_member(made: Path, tmp_path: Path) -> None:
    for run, name in ((theirs, "gnu.a"), (ours, "toyvm.a")):
        assert run(
            made, f"objcopy -R .comment --remove-relocations '.debug*' -g lib.a {tmp_path / name}"
        ) == (0, "")
        (tmp_path / name.removesuffix(".a")).mkdir()
        subprocess.run([GNU_AR, "x", f"../{name}"], cwd=tmp_path / name.removesuffix(".a"), check=True)
    for member in ("first.o", "groups.o"):
        assert shown(tmp_path / "toyvm" / member, False) == shown(tmp_path / "gnu" / member, False)


def test_compressed_sections_come_back(made: Path, tmp_path: Path) -> None:
    for format in ("", "=zstd"):
        assert ours(made, f"objcopy --compress-debug-sections{format} dynamic {tmp_path / 'packed'}") == (
            0,
            "",
        )
        assert (tmp_path / "packed").stat().st_size < (made / "dynamic").stat().st_size
        if not format:
            assert theirs(tmp_path, "objcopy --decompress-debug-sections packed gnu") == (0, "")
            assert contents(tmp_path / "gnu") == contents(made / "dynamic")
        assert ours(tmp_path, "objcopy --decompress-debug-sections packed plain") == (0, "")
        assert contents(tmp_path / "plain") == contents(made / "dynamic")


def test_compression_of_before_the_gabi(made: Path, tmp_path: Path) -> None:
    packed = "objcopy --compress-debug-sections=zlib-gnu dynamic"
    assert theirs(made, f"{packed} {tmp_path / 'gnu'}") == (0, "")
    assert ours(made, f"{packed} {tmp_path / 'ours'}") == (0, "")
    assert contents(tmp_path / "ours") == contents(tmp_path / "gnu")
    assert ".zdebug_info" in dict(contents(tmp_path / "ours"))
    assert ours(tmp_path, "objcopy --decompress-debug-sections gnu plain") == (0, "")
    assert contents(tmp_path / "plain") == contents(made / "dynamic")


def test_an_empty_segment_takes_no_room(tmp_path: Path) -> None:
    """A segment without bytes in the file may have an offset beyond its end: what follows does not move there."""
    (tmp_path / "a.s").write_text('.section .tbss,"awT",@nobits\n.balign 0x400\n.zero 0x400\n')
    for tool, words in (GNU_AS, ["a.s", "-o", "a.o"]), (GNU_LD, ["-e", "0", "a.o", "-o", "linked"]):
        subprocess.run([tool, *words], cwd=tmp_path, check=True)
    assert ours(tmp_path, "objcopy linked copied") == (0, "")
    assert (tmp_path / "copied").read_bytes() == (tmp_path / "linked").read_bytes()


def test_what_comes_out_links_and_runs(made: Path, tmp_path: Path) -> None:
    require_oracle(QEMU)

    def run(program: str) -> bytes:
        return subprocess.run(
            [QEMU, "-L", "/usr/riscv64-linux-gnu", program], cwd=tmp_path, check=True, capture_output=True
        ).stdout

    expected = subprocess.run([QEMU, "./static"], cwd=made, check=True, capture_output=True).stdout
    assert expected.startswith(b"one ")
    assert ours(made, f"objcopy -g --redefine-sym shared=common {made / 'first.o'} {tmp_path / 'a.o'}") == (
        0,
        "",
    )
    subprocess.run([GCC, "-static", "a.o", "-o", "linked"], cwd=tmp_path, check=True)
    assert run("./linked") == expected
    for source in ("static", "dynamic"):
        assert ours(made, f"strip {source} -o {tmp_path / source}") == (0, "")
        assert run(f"./{source}") == expected
        assert not ElfFile.parse((tmp_path / source).read_bytes(), source).symbols(".symtab")
    assert ours(made, f"objcopy -I binary -O elf64-littleriscv small {tmp_path / 'text.o'}") == (0, "")
    (tmp_path / "use.c").write_text(
        "int puts(const char *); extern char _binary_small_start[]; int main() { puts(_binary_small_start); }"
    )
    subprocess.run([GCC, "-static", "use.c", "text.o", "-o", "use"], cwd=tmp_path, check=True)
    assert run("./use").startswith(b"hello\n")


def test_gcc_splits_debugging_information_with_our_tools(made: Path, tmp_path: Path) -> None:
    tools = toyvm("bindir").stdout.decode().strip()
    command = [GCC, "-B", tools, "-O1", "-g", "-gsplit-dwarf", "-c", str(made / "first.c"), "-o", "a.o"]
    subprocess.run(command, cwd=tmp_path, check=True)
    names = {file: [name for name, _ in contents(tmp_path / file)] for file in ("a.o", "a.dwo")}
    assert ".debug_info.dwo" in names["a.dwo"] and all(name.endswith(".dwo") for name in names["a.dwo"])
    assert ".text" in names["a.o"] and not any(name.endswith(".dwo") for name in names["a.o"])


def test_flat_formats_give_the_bytes_back(made: Path, tmp_path: Path) -> None:
    assert ours(made, f"objcopy -O binary static {tmp_path / 'flat'}") == (0, "")
    for format in ("srec", "ihex"):
        assert ours(made, f"objcopy -O {format} static {tmp_path / format}") == (0, "")
        assert ours(tmp_path, f"objcopy -I {format} -O binary {format} again") == (0, "")
        assert (tmp_path / "again").read_bytes() == (tmp_path / "flat").read_bytes()


def test_gdb_finds_the_debugging_information_that_was_split_off(made: Path, tmp_path: Path) -> None:
    require_oracle(GDB)
    shutil.copy(made / "static", tmp_path / "program")
    for command in (
        "objcopy --only-keep-debug program program.debug",
        "strip -g program",
        "objcopy --add-gnu-debuglink=program.debug program",
    ):
        assert ours(tmp_path, command) == (0, "")
    batch = [GDB, "-nx", "-batch", "-ex", "info line main", "-ex", "whatis pick", "program"]
    out = subprocess.run(batch, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    line = 1 + SOURCE.split("\n").index("int main(int argc, char **argv) {")
    assert f'Line {line} of "first.c" starts at address' in out and "type = int (int)" in out


# addr2line and c++filt


@pytest.mark.parametrize("file", ["first.o", "packed.o", "dynamic", "library"])
@pytest.mark.parametrize("options", ["", "-fiap", "-afsC"])
def test_addr2line(made: Path, file: str, options: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = next(
        s.header for s in ElfFile.parse((made / file).read_bytes(), file).sections if s.name == ".text"
    )
    addresses = [hex(address) for address in range(text.addr, text.addr + text.size, 2)] + [
        "zz",
        "0x7fffffff",
    ]
    asked = "".join(f"{address}\n" for address in addresses)
    command = [f"{PREFIX}addr2line", "-e", file, *options.split()]
    done = subprocess.run(command, cwd=made, capture_output=True, text=True, input=asked, check=True)
    out = io.StringIO()
    monkeypatch.setattr("sys.stdin", io.StringIO(asked))
    with contextlib.chdir(made), contextlib.redirect_stdout(out):
        assert guarded("addr2line", command[1:]) == 0
    assert out.getvalue() == done.stdout


INLINED = """
int puts(const char *);
static inline __attribute__((always_inline)) int leaf(int x) { return x * 3 +
   puts("hi"); }
static inline __attribute__((always_inline)) int middle(int x) {
   return leaf(x) + 1; }
int top(int x) {
  return middle(x) - 2; }
"""


def test_addr2line_names_the_callers_of_inlined_functions(tmp_path: Path) -> None:
    require_oracle(GCC, f"{PREFIX}addr2line")
    (tmp_path / "a.c").write_text(INLINED)
    subprocess.run([GCC, "-O1", "-g", "-c", "a.c"], cwd=tmp_path, check=True)
    command = ["-e", "a.o", "-fipj", ".text", *(hex(address) for address in range(0, 48, 2))]
    done = subprocess.run(
        [f"{PREFIX}addr2line", *command], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    out = io.StringIO()
    with contextlib.chdir(tmp_path), contextlib.redirect_stdout(out):
        assert guarded("addr2line", command) == 0
    assert out.getvalue() == done.stdout and "(inlined by) middle at" in done.stdout


MANGLED = """call _ZN2ns1fEi, (_Z5twiceIiET_S0_+4) <_Z3foov@plt> ._Z3barv $_Z3barv _Z3barv.isra.0 _Z1aB5cxx11v plain
_ZNSolsEi _Z3fooSs _ZNSsC1ERKSs _Z3fooRSi _Z3fooSaIcE _ZTS3foo _ZN12_GLOBAL__N_11fEv _ZN3foocviEv _ZNKSt6vectorIiSaIiEE4sizeEv
_ZZ3foovENKUlvE_clEv _GLOBAL__I__Z3foov _Z1fPFivE _Z3fooIJidEEvDpT_ _ZNKSt8functionIFivEEclEv i PKc __Z3foov _Z
"""  # fmt: skip


@pytest.mark.parametrize("options", ["", "-p", "-i", "-_", "-t"])
def test_cxxfilt(options: str, monkeypatch: pytest.MonkeyPatch) -> None:
    require_oracle(f"{PREFIX}c++filt")
    command = [f"{PREFIX}c++filt", *options.split()]
    done = subprocess.run(command, capture_output=True, text=True, input=MANGLED, check=True)
    out = io.StringIO()
    monkeypatch.setattr("sys.stdin", io.StringIO(MANGLED))
    with contextlib.redirect_stdout(out):
        assert guarded("c++filt", options.split()) == 0
    assert out.getvalue() == done.stdout


@pytest.mark.parametrize(
    "command", ["nm -C a.o", "nm --demangle=auto a.o", "objdump -tC a.o", "objdump -rC a.o"]
)
def test_demangled_listings(command: str, tmp_path: Path) -> None:
    require_oracle(GCC)
    (tmp_path / "a.s").write_text("_ZN2ns1fEi: call _Z5twiceIiET_S0_\n.globl _Z3foov\n_Z3foov: ret\n")
    subprocess.run([GCC, "-c", "a.s"], cwd=tmp_path, check=True)
    done = subprocess.run(
        (PREFIX + command).split(), cwd=tmp_path, capture_output=True, text=True, check=True
    )
    out = io.StringIO()
    with contextlib.chdir(tmp_path), contextlib.redirect_stdout(out):
        assert guarded(command.split()[0], command.split()[1:]) == 0
    lines, wanted = (list(filter(None, text.splitlines())) for text in (out.getvalue(), done.stdout))
    assert lines == wanted and ("int)" in done.stdout or "twice" in done.stdout)
