"""Object files in the arena: what is loaded is called, what does not fit is refused, what is unknown is an error."""

from __future__ import annotations

import ctypes

import pytest

from toyvm.base.errors import ElfError
from toyvm.elf.constants import SHT_RELA
from toyvm.elf.headers import read_shdrs
from toyvm.engines.llvm.native_code import CodeArena
from toyvm.engines.llvm.translator import unavailable

pytestmark = pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "LLVM is here")

# A table in another section, whose address needs a relocation, and a call of a function that is found by another one.
MODULE = """
@table = private constant [4 x i64] [i64 2, i64 3, i64 5, i64 7]
@count = internal global i64 0
define internal i64 @prime(i64 %n) noinline {
  %place = getelementptr [4 x i64], ptr @table, i64 0, i64 %n
  %value = load i64, ptr %place
  %old = load volatile i64, ptr @count
  %new = add i64 %old, 1
  store volatile i64 %new, ptr @count
  ret i64 %value
}
define i64 @pair(i64 %n) {
  %one = call i64 @prime(i64 %n)
  %next = add i64 %n, 1
  %other = call i64 @prime(i64 %next)
  %sum = add i64 %one, %other
  ret i64 %sum
}
define i64 @calls() {
  %count = load volatile i64, ptr @count
  ret i64 %count
}
"""


@pytest.fixture(scope="module")
def code() -> bytes:
    from toyvm.engines.llvm.compiler import Compiler

    return Compiler().compile(MODULE)


def test_functions_find_their_data_and_each_other(code: bytes) -> None:
    arena = CodeArena(1 << 16)
    for used in range(2):  # twice: each copy has its own data
        symbols = arena.load(code)
        assert symbols is not None
        pair = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_uint64)(symbols["pair"])
        calls = ctypes.CFUNCTYPE(ctypes.c_uint64)(symbols["calls"])
        assert calls() == 0, used
        assert [pair(0), pair(1), pair(2)] == [5, 8, 12]
        assert calls() == 6


def test_what_does_not_fit_is_refused_until_the_arena_is_clear(code: bytes) -> None:
    arena = CodeArena(4096)
    loaded = 0
    while arena.load(code) is not None:
        loaded += 1
    assert 0 < loaded < 4096 // 16
    used = arena.used
    assert arena.load(code) is None
    assert arena.used == used <= 4096
    arena.clear()
    assert arena.load(code) is not None


def test_an_unknown_relocation_is_an_error(code: bytes) -> None:
    at = next(s.offset for s in read_shdrs(code, "code") if s.type == SHT_RELA and s.size)
    broken = code[: at + 8] + (9).to_bytes(4, "little") + code[at + 12 :]  # R_X86_64_GOTPCREL
    with pytest.raises(ElfError, match="native code: relocation of type 9"):
        CodeArena(1 << 16).load(broken)
