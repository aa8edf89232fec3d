"""Libraries that define versions: what readelf -V and --dyn-syms say of our linker's output is what they say of GNU ld's."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.harness import ROOT
from tests.support.oracles import GCC, GNU_LD, QEMU, READELF, require_oracle

pytestmark = pytest.mark.oracle

SOURCES = {
    "two": """
asm(".symver f_1, f@V1\\n.symver f_2, f@@V2\\n.symver d_1, d@V1");
int f_1(void) { return 1; } int f_2(void) { return 2; } int d_1 = 1; int plain(void) { return 5; }
int wild_a, wild_b; int hid(void) { return plain(); } int other(void) { return f_2() + hid(); }
""",
    "inherits": """
asm(".symver foo_old, foo@V1"); int foo_old(void) { return 50; }
asm(".symver foo_use, foo@V1"); int foo_use(void); int getold(void) { return foo_use(); }
""",
    "many": """
int a1(void) { return 1; } int ab1(void) { return 2; } int b(void) { return 3; } int c1(void) { return 4; }
int d(void) { return 5; } int abc(void) { return 6; } int ax; int e_[4]; int cc; int q7(void) { return 7; }
int q8(void) { return 8; }
""",
    "beside": """
asm(".symver f_1, f@V1"); int f_1(void) { return 1; } int f(void) { return 2; } int g(void) { return f_1() + f(); }
""",
    "default": """
asm(".symver f_n, f@@@V1"); int f_n(void) { return 2; } int g(void) { return f_n(); }
""",
    "uses": """
asm(".symver fo, f@V1"); int fo(void); asm(".symver fn, f@V2"); int fn(void); int use(void) { return fo() + fn(); }
""",
    "user": """
int f(void); int plain(void); extern int wild_a; int shown(void) { return f() + plain() + wild_a; }
int hidden_one(void) { return 1; } void _start(void) { shown(); }
""",
}
TWO = "V1 { global: f; d; plain; local: *; }; V2 { global: f; wild_*; } V1; V3 { } V2;"
CASES = {
    "two": (("two",), TWO),
    "inherits": (("inherits",), "V1 {}; V2 { global: getold; } V1;"),
    "patterns": (("many",), "V1 { global: a*; b; local: c*; }; V2 { global: ab*; q[7]; local: *; } V1;"),
    "star": (("many",), "V1 { global: *; local: c1; a?; }; V2 { global: ab1; } V1;"),
    "extern": (
        ("many",),
        'V1 { global: extern "C" { a1; "ab1"; d* }; local: *; }; # a comment\n'
        "/* another */ V2 { global: b; c1; }; V3 { e_; } V1 V2;",
    ),
    "anonymous": (("many",), "{ global: a*; local: *; };"),
    "global wins": (("many",), "V1 { global: a1; local: a1; *; };"),
    "local pattern": (("many",), "V1 { local: a*; }; V2 { global: a1; *; };"),
    "beside": (("beside",), "V1 { global: f; g; };"),
    "beside another": (("beside",), "V1 { global: g; }; V2 { global: f; };"),
    "default": (("default",), "V1 { global: f; g; };"),
    "two objects": (("two", "uses"), TWO),
    "another library's": (("user", "libtwo.so"), "W1 { global: shown; local: *; };"),
    "no node": (("beside",), "V2 { global: f; };"),
    "duplicate": (("beside",), "V1 { global: f; }; V1 {};"),
    "no parent": (("beside",), "V1 { global: f; } V7;"),
    "anonymous and named": (("beside",), "V1 { global: f; }; { g; };"),
}


def run(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in words], cwd=cwd, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require_oracle(GCC, GNU_LD, READELF, QEMU)
    folder = tmp_path_factory.mktemp("versions")
    for name, text in SOURCES.items():
        (folder / f"{name}.c").write_text(text)
        done = run(GCC, "-march=rv64imafd", "-O1", "-w", "-fPIC", "-c", f"{name}.c", cwd=folder)
        assert done.returncode == 0, done.stderr
    (folder / "two.map").write_text(TWO)
    done = run(
        GNU_LD,
        *["-shared", "-soname", "libtwo.so", "two.o", "--version-script=two.map", "-o", "libtwo.so"],
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    return folder


def our_ld(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-c",
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from toyvm.cli import main; sys.exit(main(sys.argv[1:]))",
    ]
    return run(*command, "ld", *words, cwd=folder)


def told(path: Path) -> tuple[list[str], list[str]]:
    """The dynamic symbols with their versions, and the records of both version sections."""
    symbols = []
    for line in run(READELF, "-W", "--dyn-syms", path, cwd=path.parent).stdout.splitlines():
        words = line.split()
        if len(words) >= 8 and words[0].endswith(":") and words[3] not in ("SECTION", "Type"):
            place = words[6] if words[6] in ("UND", "ABS") else "here"
            symbols.append(" ".join((*words[3:6], place, re.sub(r"\(\d+\)", "", words[7]))))
    text = run(READELF, "-W", "-V", path, cwd=path.parent).stdout
    records = re.findall(r"(?:Rev|Parent|Version: \d+  File).*|Name: \S+  Flags: \S+", text)
    return sorted(symbols), records


@pytest.mark.parametrize("case", CASES)
def test_same_versions(objects: Path, case: str) -> None:
    inputs, script = CASES[case]
    (objects / "script.map").write_text(script)
    files = [name if name.endswith(".so") else f"{name}.o" for name in inputs]
    words = ["-shared", "-soname", "libx.so", *files, "--version-script=script.map", "-o"]
    theirs, ours = run(GNU_LD, *words, "theirs.so", cwd=objects), our_ld(objects, *words, "ours.so")
    assert (ours.returncode == 0) == (theirs.returncode == 0), ours.stderr + theirs.stderr
    if theirs.returncode == 0:
        assert told(objects / "ours.so") == told(objects / "theirs.so")
        return
    (message,) = (line.partition(": ")[2] for line in theirs.stderr.splitlines()[:1])
    assert message.removeprefix("theirs.so: ").partition(";")[0].strip() in ours.stderr


def in_symtab(path: Path) -> list[str]:
    """Type, binding, place and name of the functions and data in .symtab, but for the linkers' own."""
    text = run(READELF, "-sW", path, cwd=path.parent).stdout.partition("'.symtab'")[2]
    rows = re.findall(r"(FUNC|OBJECT) +(\S+) +\S+ +(UND|ABS|\d+) (?!_DYN|_GLO|_PROC)(\S+)", text)
    return sorted(f"{kind} {bind} {place.lstrip('0123456789')} {name}" for kind, bind, place, name in rows)


@pytest.mark.parametrize(
    "words",
    [
        "-shared two.o --version-script=two.map",
        "-e plain -E --no-dynamic-linker two.o",
        "-e plain two.o",
        "-pie -e shown user.o libtwo.so",
        "-e shown user.o libtwo.so",
        "-e use uses.o libtwo.so",
        "-shared beside.o --version-script=get.map",
        "-shared uses.o",
        "-r two.o",
    ],
)
def test_names_with_versions(objects: Path, words: str) -> None:
    """In .symtab, and in programs, whose versions need no script."""
    (objects / "get.map").write_text("V1 { global: g; };")
    command = [*words.split(), "-o"]
    theirs, ours = run(GNU_LD, *command, "theirs", cwd=objects), our_ld(objects, *command, "ours")
    assert (ours.returncode == 0) == (theirs.returncode == 0), ours.stderr + theirs.stderr
    if theirs.returncode:
        assert re.search("symbol `.*", theirs.stderr)[0] in ours.stderr  # type: ignore[index]  # it is there
        return
    assert in_symtab(objects / "ours") == in_symtab(objects / "theirs")
    if "-r" not in words:
        ours_told, theirs_told = told(objects / "ours"), told(objects / "theirs")
        # GNU ld exports more of its own symbols, such as _end.
        assert ours_told[0] == [
            symbol for symbol in theirs_told[0] if not re.search(r" here _| __global", symbol)
        ]
        assert len(ours_told[1]) == len(theirs_told[1])


COPIED = (
    ".data\n.globl a\n.weak b\n.type a, @object\n.type b, @object\na: b: .dword 1\n.size a, 8\n.size b, 8\n"
)


def test_all_names_of_a_copied_datum(objects: Path) -> None:
    """The library may use another name than the program; both must lead to the copy."""
    (objects / "data.s").write_text(COPIED)
    (objects / "user.s").write_text(".globl _start\n_start: lui a0, %hi(b)\n")
    for name in "data", "user":
        assert run(GCC, "-c", f"{name}.s", "-o", f"{name}_s.o", cwd=objects).returncode == 0
    assert (
        run(GNU_LD, "-shared", "data_s.o", "-soname", "libd.so", "-o", "libd.so", cwd=objects).returncode == 0
    )
    theirs = run(GNU_LD, "user_s.o", "libd.so", "-o", "theirs", cwd=objects)
    ours = our_ld(objects, "user_s.o", "libd.so", "-o", "ours")
    assert (ours.returncode, theirs.returncode) == (0, 0), ours.stderr + theirs.stderr
    found = [[s for s in told(objects / name)[0] if s.startswith("OBJECT")] for name in ("ours", "theirs")]
    assert found[0] == found[1]
    assert len(found[0]) == 2


def test_another_library_cannot_have_a_name_without_its_version(objects: Path) -> None:
    (objects / "calls.s").write_text(".globl h\nh: call f\n")
    (objects / "only.s").write_text(".globl _start, f\n_start: call h\nf: ret\n.symver f, f@V1\n")
    for name in "calls", "only":
        assert run(GCC, "-c", f"{name}.s", "-o", f"{name}.o", cwd=objects).returncode == 0
    assert run(GNU_LD, "-shared", "calls.o", "-o", "libcalls.so", cwd=objects).returncode == 0
    for linker in (lambda *words: run(GNU_LD, *words, cwd=objects)), (lambda *words: our_ld(objects, *words)):
        done = linker("only.o", "libcalls.so", "-o", "out")
        assert "local symbol `f' in only.o is referenced by DSO" in done.stderr
        assert done.returncode == 1


PROGRAM = """
asm(".symver f_old, f@V1"); int f_old(void), f(void), foo(void), getold(void);
int main(void) { return 100 * f_old() + 10 * f() + getold() / 50; }
"""


def test_programs_bind_to_the_versions_that_they_were_linked_with(objects: Path) -> None:
    (objects / "get.map").write_text(CASES["inherits"][1])
    for name in ("two", "inherits"):
        script = "two.map" if name == "two" else "get.map"
        done = our_ld(
            objects,
            "-shared",
            "-soname",
            f"libo{name}.so",
            f"{name}.o",
            f"--version-script={script}",
            "-o",
            f"libo{name}.so",
        )
        assert done.returncode == 0, done.stderr
    (objects / "prog.c").write_text(PROGRAM)
    built = run(GCC, "-w", "prog.c", "libotwo.so", "liboinherits.so", "-o", "prog", cwd=objects)
    assert built.returncode == 0, built.stderr
    done = run(QEMU, "-L", "/usr/riscv64-linux-gnu", "-E", "LD_LIBRARY_PATH=.", "prog", cwd=objects)
    assert (done.returncode, done.stderr) == (121, "")
