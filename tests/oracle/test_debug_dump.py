"""`readelf -w` and `objdump -W` beside GNU's: the same text, on what gcc writes of each version of DWARF."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.oracle.test_binutils import ours
from tests.support.oracles import GCC, GXX, OBJDUMP, READELF, require_oracle

pytestmark = pytest.mark.oracle

C = r"""
#define LIMIT(n) ((n) * 3)
typedef struct { int x; double d; char *p; union { int a : 3; unsigned b : 5; } u; } S;
enum color { RED, GREEN = 5 };
static inline int square(int n) { return n * n; }
static __thread int counter;
extern void report(int *);
const char *names[] = {"a", "bb"};
int sum(S *s, enum color c, int n, ...) {
  int values[n + 1];
  for (int i = 0; i < n; i++) {
    int q = square(i) + c;
    values[i] = q;
    if (q > LIMIT(33)) { int z = q / 3; report(&z); values[i] += z; }
  }
  counter += values[n / 2];
  report(values);
  return s->x + values[0] + (int)s->d;
}
int main(int argc, char **argv) { S s = {argc, 2.5, argv[0]}; return sum(&s, GREEN, argc); }
void report(int *p) { *p += 3; }
"""
CXX = r"""
namespace n {
template <typename T> struct A { T t; virtual ~A() {} virtual int g(T x) const = 0; protected: int k; };
struct B : A<int> { int g(int x) const override { return x + t; } };
}
using namespace n;
int may_throw(int);
int run(int k) {
  try { B b; auto l = [&](int q) { return b.g(q) + may_throw(k); }; return l(3); } catch (...) { return 2; }
}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of objects and programs with debugging information."""
    require_oracle(GCC, GXX, READELF, OBJDUMP)
    folder = tmp_path_factory.mktemp("debug")
    (folder / "c.c").write_text(C)
    (folder / "cxx.cc").write_text(CXX)
    for command in (
        *(f"{GCC} -gdwarf-{version} -O2 -c c.c -o c{version}.o" for version in (2, 3, 4, 5)),
        f"{GCC} -g3 -gz -O1 -c c.c -o macros.o",
        f"{GCC} -gdwarf-5 -gdwarf64 -O2 -c c.c -o wide.o",
        f"{GCC} -ggnu-pubnames -O2 -c c.c -o names.o",
        f"{GCC} -g -O2 c.c -o program",
        f"{GXX} -gdwarf-4 -fdebug-types-section -O2 -c cxx.cc -o cxx4.o",
        f"{GXX} -gdwarf-5 -fdebug-types-section -c cxx.cc -o cxx5.o",
    ):
        subprocess.run(command.split(), cwd=folder, check=True)
    return folder


def theirs(folder: Path, command: str) -> str:
    """What GNU's tool prints, whatever it warns of."""
    environment = {**os.environ, "LC_ALL": "C"}
    arguments = f"riscv64-linux-gnu-{command}".split()
    return subprocess.run(
        arguments, cwd=folder, check=True, capture_output=True, text=True, env=environment
    ).stdout


@pytest.mark.parametrize(
    "command",
    [
        "readelf -w c2.o",
        "readelf -w c3.o",
        "readelf -wLF c4.o",
        "readelf -Ww c4.o",
        "readelf -w c5.o",
        "readelf -wm macros.o",
        "readelf -wi wide.o",
        "readelf -wpt names.o",
        "readelf --debug-dump=info,decodedline,frames-interp program",
        "readelf -wlfoRr program",
        "readelf -wi --dwarf-depth=2 program",
        "readelf -w cxx4.o",
        "readelf -wiLFo cxx5.o",
        "objdump -W c5.o",
        "objdump --dwarf=frames -h program",
    ],
)
def test_same_text(made: Path, command: str) -> None:
    assert ours(made, command).rstrip() == theirs(made, command).rstrip()
