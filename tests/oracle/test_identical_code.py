"""C++ templates and virtual functions, linked with --icf and run."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.harness import toyvm
from tests.support.oracles import GXX, QEMU, require_oracle

pytestmark = pytest.mark.oracle

PROGRAM = r"""
#include <cstdio>
#include <vector>
#include <algorithm>
#include <stdexcept>
template<class T> struct Box {
  T *p;
  T *get() { return p; }
  void swap(Box &o) { T *t = p; p = o.p; o.p = t; }
  int sum(const std::vector<T*> &v) { int n = 0; for (auto x : v) n += x != nullptr; return n; }
};
template struct Box<int>; template struct Box<char>; template struct Box<double>; template struct Box<long>;
struct Base { virtual int f() { return 1; } virtual int g() { return 1; } virtual ~Base() {} };
struct Derived : Base { int f() override { return 2; } int g() override { return 2; } };
int odd(int), even(int);
int odd(int n) { return n ? even(n - 1) : 0; }
int even(int n) { return n ? odd(n - 1) : 1; }
static int first(const void *a, const void *b) { return *(int *)a - *(int *)b; }
static int second(const void *a, const void *b) { return *(int *)a - *(int *)b; }
int main(int argc, char **) {
  std::vector<int> v{3, 1, 2};
  std::vector<long> w{5, 4};
  std::sort(v.begin(), v.end());
  std::sort(w.begin(), w.end());
  Base *b = argc > 5 ? new Base : new Derived;
  try {
    if (argc < 3) throw std::runtime_error("x");
  } catch (std::exception &e) {
    printf("caught %s\n", e.what());
  }
  int (*p)(const void *, const void *) = argc > 3 ? first : second, (*q)(const void *, const void *) = first;
  Box<int> i{};
  Box<double> d{};
  printf("%d %ld %d %d %d %d %d\n", v[0], w[0], b->f() + b->g(), odd(5), even(4), i.sum({nullptr}), d.sum({}));
  printf("%s\n", p == q ? "same" : "different");
}
"""


def test_a_program_of_templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same output, in less code; with `all` two functions have one address, and the program says so."""
    require_oracle(GXX)
    require_oracle(QEMU)
    monkeypatch.chdir(tmp_path)
    Path("p.cc").write_text(PROGRAM)
    flags = ["-O1", "-ffunction-sections", "-fno-inline"]
    subprocess.run([GXX, *flags, "-c", "p.cc"], check=True)
    tools = toyvm("bindir").stdout.decode().strip()
    outputs, sizes = {}, {}
    for icf in ("none", "safe", "all"):
        link = ["-static", "-B", tools, f"-Wl,--gc-sections,--icf={icf}"]
        subprocess.run([GXX, "p.o", *link, "-o", icf], check=True)
        outputs[icf] = (
            subprocess.run([QEMU, icf], capture_output=True, check=True).stdout.decode().splitlines()
        )
        sizes[icf] = Path(icf).stat().st_size
    assert outputs["none"] == ["caught x", "1 4 4 1 1 0 0", "different"]
    assert outputs["safe"] == outputs["none"]
    assert outputs["all"] == [*outputs["none"][:2], "same"]
    assert sizes["none"] > sizes["safe"] > sizes["all"]
