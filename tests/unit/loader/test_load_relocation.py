"""Relocation at load and at the first call, word by word in guest memory."""

from __future__ import annotations

import pytest

from tests.support.elf_maker import DATA, TEXT, Maker, Rel, Sym
from tests.support.loader_guest import Loaded
from toyvm.elf import constants as c
from toyvm.loader.dlerror import DlError
from toyvm.relocations import R

LIB = "/lib/liba.so"


def load(maker: Maker, *env: str, **libraries: Maker) -> Loaded:
    files = {f"/lib/{name}.so": library.build() for name, library in libraries.items()}
    return Loaded({"/bin/prog": maker.build(), **files}, env=env)


def library_with(*relocs: Rel, symbols: tuple[Sym, ...] = (), **more: object) -> Loaded:
    maker = Maker(relocs=relocs, symbols=symbols, **more)  # type: ignore[arg-type]  # arguments of several types
    return load(
        Maker(needed=["liba.so"], symbols=[Sym("s", TEXT + 8), Sym("v", DATA + 24, 8, c.STT_OBJECT)]),
        liba=maker,
    )


def test_relative_adds_the_bias() -> None:
    loaded = library_with(Rel(DATA + 16, R.RELATIVE, addend=TEXT), Rel(DATA + 32, R.RELATIVE, addend=DATA))
    obj = loaded.object("liba.so")
    assert loaded.word(obj.bias + DATA + 16) == obj.bias + TEXT
    assert loaded.word(obj.bias + DATA + 32) == obj.bias + DATA
    assert loaded.state.counts().relocations == {"R_RISCV_RELATIVE": 2}


def test_relative_relocations_across_pages_and_a_page_boundary() -> None:
    places = [DATA + 16, DATA + 0x1000 - 4, DATA + 0x2800]
    loaded = library_with(*(Rel(p, R.RELATIVE, addend=p) for p in places), data=bytes(0x3000))
    bias = loaded.object("liba.so").bias
    assert [loaded.word(bias + p) for p in places] == [bias + p for p in places]


def test_relr_table() -> None:
    table = DATA + 16 + 0x100
    data = bytearray(0x200)
    data[0x100:0x110] = (DATA + 16).to_bytes(8, "little") + (0b1011 << 1 | 1).to_bytes(8, "little")
    extra = [(c.DT_RELR, table), (c.DT_RELRSZ, 16), (c.DT_RELRENT, 8)]
    loaded = library_with(data=bytes(data), extra=extra)
    bias = loaded.object("liba.so").bias
    words = [loaded.word(bias + DATA + 16 + 8 * i) for i in range(6)]
    assert words == [bias, bias, bias, 0, bias, 0]


def test_symbol_and_addend() -> None:
    loaded = library_with(Rel(DATA + 16, R.ABS64, "s", 5), symbols=(Sym("s"),))
    assert loaded.word(loaded.object("liba.so").bias + DATA + 16) == loaded.address("", "s") + 5


def test_undefined_weak_is_zero_and_undefined_strong_an_error() -> None:
    loaded = library_with(Rel(DATA + 16, R.ABS64, "w"), symbols=(Sym("w", binding=c.STB_WEAK),))
    assert loaded.word(loaded.object("liba.so").bias + DATA + 16) == 0
    with pytest.raises(DlError) as caught:
        library_with(Rel(DATA + 16, R.ABS64, "zork"), symbols=(Sym("zork"),))
    assert caught.value.fatal("./a") == "./a: symbol lookup error: /lib/liba.so: undefined symbol: zork"


def test_copy_takes_the_librarys_relocated_bytes() -> None:
    """The library is relocated before the program copies from it, and then uses the program's copy."""
    library = Maker(
        symbols=[Sym("v", DATA + 16, 8, c.STT_OBJECT)],
        relocs=[Rel(DATA + 16, R.RELATIVE, addend=TEXT), Rel(DATA + 32, R.ABS64, "v")],
    )
    program = Maker(
        needed=["liba.so"],
        symbols=[Sym("v", DATA + 48, 8, c.STT_OBJECT)],
        relocs=[Rel(DATA + 48, R.COPY, "v")],
    )
    loaded = load(program, liba=library)
    main, obj = loaded.object(""), loaded.object("liba.so")
    assert loaded.word(main.bias + DATA + 48) == obj.bias + TEXT
    assert loaded.word(obj.bias + DATA + 32) == main.bias + DATA + 48


PLT_PROGRAM = Maker(needed=["liba.so"], symbols=[Sym("f"), Sym("g")], plt=["f", "g"])
PLT_LIBRARY = Maker(symbols=[Sym("f", TEXT), Sym("g", TEXT + 4)])


def test_lazy_slots_hold_the_plt_header_until_the_first_call() -> None:
    loaded = load(PLT_PROGRAM, liba=PLT_LIBRARY)
    main = loaded.object("")
    slot = main.bias + PLT_PROGRAM.slot(1)
    assert loaded.word(slot) == main.bias + TEXT
    assert loaded.word(main.bias + DATA) == loaded.session.stub_address("_dl_runtime_resolve")
    assert loaded.word(main.bias + DATA + 8) == main.handle
    target = loaded.session.bind_lazily(main.handle, 8).target
    assert target == loaded.word(slot) == loaded.address("liba.so", "g")
    assert loaded.state.counts().lazy == {"R_RISCV_JUMP_SLOT": 1}


@pytest.mark.parametrize("how", ["LD_BIND_NOW", "DF_1_NOW", "DF_BIND_NOW", "DT_BIND_NOW"])
def test_bind_now(how: str) -> None:
    extra = {
        "DF_1_NOW": [(c.DT_FLAGS_1, 1)],
        "DF_BIND_NOW": [(c.DT_FLAGS, 8)],
        "DT_BIND_NOW": [(c.DT_BIND_NOW, 0)],
    }
    program = Maker(needed=["liba.so"], symbols=[Sym("f")], plt=["f"], extra=extra.get(how, ()))
    loaded = load(program, *(["LD_BIND_NOW=1"] if how == "LD_BIND_NOW" else []), liba=PLT_LIBRARY)
    assert loaded.word(loaded.object("").bias + program.slot(0)) == loaded.address("liba.so", "f")
    assert loaded.state.counts().relocations == {"R_RISCV_JUMP_SLOT": 1}


@pytest.mark.parametrize("offset", [1, 16, 1 << 63])
def test_a_plt_offset_without_relocation_is_an_error(offset: int) -> None:
    loaded = load(PLT_PROGRAM, liba=PLT_LIBRARY)
    with pytest.raises(DlError, match="has no relocation"):
        loaded.session.bind_lazily(loaded.object("").handle, offset)


def test_lazy_undefined_symbol() -> None:
    loaded = load(PLT_PROGRAM, liba=Maker())
    with pytest.raises(DlError) as caught:
        loaded.session.bind_lazily(loaded.object("").handle, 0)
    assert caught.value.fatal("./a") == "./a: symbol lookup error: /bin/prog: undefined symbol: f"


def test_relro_is_read_only_afterwards_but_not_the_page_behind() -> None:
    loaded = library_with(
        Rel(DATA + 16, R.RELATIVE, addend=1),
        Rel(DATA + 0x1010, R.RELATIVE, addend=2),
        data=bytes(0x1800),
        relro=0x1400,
    )
    bias = loaded.object("liba.so").bias
    assert loaded.word(bias + DATA + 16) == bias + 1
    with pytest.raises(OSError, match="Bad address"):
        loaded.guest.memory.write(bias + DATA + 16, b"x")
    loaded.guest.memory.write(bias + DATA + 0x1010, b"x")


def test_text_relocations_only_where_announced() -> None:
    with pytest.raises(DlError, match="read-only or missing memory"):
        library_with(Rel(TEXT, R.RELATIVE, addend=TEXT))
    loaded = library_with(Rel(TEXT, R.RELATIVE, addend=TEXT), extra=[(c.DT_TEXTREL, 0)])
    bias = loaded.object("liba.so").bias
    assert loaded.word(bias + TEXT) == bias + TEXT
    with pytest.raises(OSError, match="Bad address"):
        loaded.guest.memory.write(bias + TEXT, b"x")


# What glibc's ld.so for riscv64 applies (sysdeps/riscv/dl-machine.h), with what it stores for `s` + 5; thread-local ones have no
# storage here to name, and are refused in words of their own.
APPLIED = {
    R.NONE: lambda bias, s: 0,
    R.ABS64: lambda bias, s: s + 5,
    R.RELATIVE: lambda bias, s: bias + 5,
    R.JUMP_SLOT: lambda bias, s: s + 5,
}
THREAD_LOCAL = (R.TLS_DTPMOD64, R.TLS_DTPREL64, R.TLS_TPREL64, R.TLSDESC)
ELSEWHERE = (R.COPY, R.IRELATIVE)  # tests of their own


@pytest.mark.parametrize("kind", [k for k in range(256) if k not in ELSEWHERE])
def test_every_type_is_applied_or_refused(kind: int) -> None:
    relocation = Rel(DATA + 16, kind, "s", 5)
    if kind in APPLIED:
        loaded = library_with(relocation, symbols=(Sym("s"),))
        bias = loaded.object("liba.so").bias
        assert loaded.word(bias + DATA + 16) == APPLIED[R(kind)](bias, loaded.address("", "s"))
        return
    message = (
        "without thread-local storage" if kind in THREAD_LOCAL else f"unexpected reloc type 0x{kind:02x}$"
    )
    with pytest.raises(DlError, match=message):
        library_with(relocation, symbols=(Sym("s"),))


def test_an_ifunc_is_resolved_by_the_guest_before_the_initialisers() -> None:
    from toyvm.loader import guest_calls

    loaded = library_with(
        Rel(DATA + 16, R.IRELATIVE, addend=TEXT + 4),
        Rel(DATA + 24, R.ABS64, "i", 2),
        symbols=(Sym("i", TEXT + 8, type=c.STT_GNU_IFUNC),),
        init_array=[0],
        extra=[(c.DT_INIT, TEXT + 12)],
        relro=0x1000,
        data=bytes(0x1000),
    )
    bias = loaded.object("liba.so").bias
    assert guest_calls.next_init(loaded.session, 99) == bias + TEXT + 4
    assert guest_calls.next_init(loaded.session, 0x1111) == bias + TEXT + 8
    assert guest_calls.next_init(loaded.session, 0x2222) == bias + TEXT + 12
    assert loaded.word(bias + DATA + 16) == 0x1111
    assert loaded.word(bias + DATA + 24) == 0x2224
    assert guest_calls.next_init(loaded.session, 0x3333) == 0
