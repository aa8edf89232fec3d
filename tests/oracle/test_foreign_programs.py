"""Programs of another system, dynamically linked by stock gcc: the loader that they name runs as a guest."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.gnu import GLIBC
from tests.support.harness import shell
from tests.support.oracles import GCC, QEMU, require_oracle

pytestmark = pytest.mark.oracle

SELF = r"""
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>
extern char **environ;
int main(int argc, char **argv) {
  char path[4096], here[4096];
  ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
  path[n < 0 ? 0 : n] = 0;
  printf("%d %s\n", argc, argv[argc - 1]);
  printf("base %d entry %d phdr %d\n", getauxval(AT_BASE) != 0, getauxval(AT_ENTRY) != 0, getauxval(AT_PHDR) != 0);
  printf("exe %s\n", strrchr(path, '/'));
  printf("cwd %s\n", getcwd(here, sizeof here) ? here : "none");
  FILE *f = fopen("input.txt", "r");
  char line[80] = "";
  printf("input %s", f && fgets(line, sizeof line, f) ? line : "missing\n");
  char *again[] = {argv[0], "again", NULL};
  if (argc == 1) { fflush(stdout); execv(path, again); perror("execv"); }
  return argc;
}
"""
ORIGIN_LIB = 'const char *where(void) { return "beside the program"; }\n'
ORIGIN = "#include <stdio.h>\nconst char *where(void);\nint main(void) { puts(where()); return 0; }\n"


@pytest.fixture(autouse=True)
def tools() -> None:
    require_oracle(GCC, QEMU)


def compile(folder: Path, name: str, text: str, *flags: str) -> Path:
    source, out = folder / f"{name}.c", folder / name
    source.write_text(text)
    shell([GCC, "-O1", "-o", out, source, *flags])
    return out


def toyvm(folder: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "toyvm", "run", *map(str, words)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("flags", [(), ("-no-pie",)], ids=["pie", "fixed"])
def test_the_programs_own_loader_runs(tmp_path: Path, flags: tuple[str, ...]) -> None:
    (tmp_path / "input.txt").write_text("from the current folder\n")
    program = compile(tmp_path, "self", SELF, *flags)
    done = toyvm(tmp_path, "--sysroot", GLIBC, program.name)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "1 self",
        "base 1 entry 1 phdr 1",
        "exe /self",
        f"cwd {tmp_path.resolve()}",
        "input from the current folder",
        "2 again",
        "base 1 entry 1 phdr 1",
        "exe /self",
        f"cwd {tmp_path.resolve()}",
        "input from the current folder",
    ]
    assert done.returncode == 2


def test_the_distributions_sysroot_is_found_and_named(tmp_path: Path) -> None:
    program = compile(tmp_path, "self", SELF)
    done = toyvm(tmp_path, program.name, "x")
    assert done.stderr == f"toyvm: the guest's / is {GLIBC}; --sysroot DIR chooses another\n"
    assert done.stdout.startswith("2 x\nbase 1 ") and done.returncode == 2


def test_origin_is_the_programs_own_folder(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    library = compile(inner, "libwhere.so", ORIGIN_LIB, "-shared", "-fPIC")
    program = compile(inner, "origin", ORIGIN, str(library), "-Wl,-rpath,$ORIGIN")
    done = toyvm(tmp_path, "--sysroot", GLIBC, program.relative_to(tmp_path))
    assert (done.stdout, done.stderr, done.returncode) == ("beside the program\n", "", 0)


def test_a_program_inside_a_merged_usr_root_keeps_its_path(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "usr" / "bin").mkdir(parents=True)
    shutil.copytree(GLIBC / "lib", root / "usr" / "lib", symlinks=True, ignore=shutil.ignore_patterns("*.a"))
    for name in ("bin", "lib"):
        (root / name).symlink_to(f"usr/{name}")
    program = compile(tmp_path, "self", SELF)
    other = compile(
        root / "usr" / "bin",
        "self",
        'int puts(const char *); int main(void) { puts("the root\'s"); return 0; }',
    )
    assert toyvm(tmp_path, "--sysroot", root, other).stdout == "the root's\n"
    assert toyvm(tmp_path, "--sysroot", root, program, "y").stdout.startswith("2 y\n")


def test_a_program_of_the_root_is_called_by_a_name_that_it_can_open(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    (root / "bin").mkdir(parents=True)
    elsewhere.mkdir()
    (root / "lib").symlink_to(GLIBC / "lib")
    text = """
        #include <stdio.h>
        #include <unistd.h>
        int main(int argc, char **argv) { printf("%s %d\\n", argv[0], access(argv[0], X_OK)); return 0; }
    """
    program = compile(root / "bin", "name", text, "-static")
    assert toyvm(tmp_path, "--sysroot", root, program).stdout == f"{program} 0\n"
    assert toyvm(tmp_path, "--sysroot", root, "root/bin/name").stdout == "root/bin/name 0\n"
    assert toyvm(elsewhere, "--sysroot", root, program).stdout == "/bin/name 0\n"
    relative = Path("..", "root", "bin", "name")
    assert toyvm(elsewhere, "--sysroot", root, relative).stdout == "/bin/name 0\n"


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (
            "program",
            "./self: needs the interpreter /lib/ld-linux-riscv64-lp64d.so.1, which is not in the guest's files",
        ),
        ("toyvm", "./self: error while loading shared libraries: libc.so.6: cannot open shared object file"),
    ],
)
def test_whose_loader_runs_is_an_option(tmp_path: Path, choice: str, message: str) -> None:
    compile(tmp_path, "self", SELF)
    empty = tmp_path / "empty"
    empty.mkdir()
    done = toyvm(tmp_path, "--sysroot", empty, "--interp", choice, "./self")
    assert done.returncode == 127 and message in done.stderr, done.stderr


def test_a_libc_that_needs_its_own_loader_is_refused_with_a_message(tmp_path: Path) -> None:
    compile(tmp_path, "self", SELF)
    done = toyvm(tmp_path, "--sysroot", GLIBC, "--interp", "toyvm", "./self")
    assert done.returncode == 127
    assert "libc.so.6: works only with its own dynamic loader, ld-linux-riscv64-lp64d.so.1" in done.stderr
    assert "--interp program" in done.stderr
    assert toyvm(tmp_path, "--sysroot", GLIBC, "--interp", "program", "./self", "y").returncode == 2
