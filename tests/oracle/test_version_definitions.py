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
