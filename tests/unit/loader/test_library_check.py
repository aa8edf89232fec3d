"""Broken shared objects: a clear error or a load, never anything else, and never without end."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.elf_maker import DATA, TEXT, Maker, Rel, Sym
from tests.support.loader_guest import Loaded
from toyvm.base.errors import ToyvmError
from toyvm.elf import constants as c
from toyvm.kernel.mm.frame_allocator import OutOfFrames
from toyvm.loader import dlfcn, guest_calls, unloading
from toyvm.loader.dlerror import DlError
from toyvm.relocations import R

END = DATA + 16 + 8 + 0x1000


def library(style: str) -> bytes:
    """One with a bit of everything."""
    return Maker(
        soname="libx.so",
        needed=["liby.so"],
        symbols=[
            Sym("f"),
            Sym("w", binding=c.STB_WEAK),
            Sym("g", TEXT),
            Sym("h", TEXT + 4),
            Sym("t", 0, type=c.STT_TLS),
            Sym("i", TEXT + 8, type=c.STT_GNU_IFUNC),
        ],
        relocs=[
            Rel(DATA + 32, R.RELATIVE, addend=TEXT),
            Rel(DATA + 40, R.ABS64, "g"),
            Rel(DATA + 48, R.ABS64, "i"),
            Rel(DATA + 56, R.TLS_TPREL64, "t"),
            Rel(DATA + 64, R.TLS_DTPMOD64, "t"),
            Rel(DATA + 72, R.IRELATIVE, addend=TEXT),
            Rel(END, R.RELATIVE, addend=TEXT),
        ],
        plt=["f"],
        hash=style,
        init_array=[0],
        fini_array=[0],
        extra=[(c.DT_INIT, TEXT), (c.DT_FLAGS, 0), (c.DT_RELACOUNT, 1), (c.DT_FLAGS_1, 0)],
        tls=(DATA + 80, bytes(8), 16, 8),
        relro=0x10,
        bss=0x3000,
        data=bytes(0x1000),
    ).build()


SOUND = {style: library(style) for style in ("gnu", "sysv")}
PROGRAM = Maker(needed=["libx.so"], symbols=[Sym("g"), Sym("h")], plt=["g", "h"]).build()
OTHER = Maker(soname="liby.so", symbols=[Sym("f", TEXT)]).build()
NASTY = st.sampled_from(
    [0, 1, 7, 8, 24, DATA, TEXT, 0xFFFF, 1 << 31, (1 << 32) - 1, 1 << 38, (1 << 63) - 1, (1 << 64) - 1]
)
INTERESTING = st.one_of(
    st.integers(0, 64 + 6 * 56),
    st.integers(64 + 6 * 56, 0x400),
    st.integers(DATA, len(SOUND["gnu"]) - 8),
)


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    """A sound library cut short, with bits turned, or with words replaced by nasty numbers."""
    data = bytearray(SOUND[draw(st.sampled_from(["gnu", "sysv"]))])
    for _ in range(draw(st.integers(1, 4))):
        at = draw(INTERESTING)
        how = draw(st.sampled_from(["bit", "word", "half", "tag", "cut"]))
        if how == "bit":
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif how == "word":
            struct.pack_into("<Q", data, min(at & -8, len(data) - 8), draw(NASTY))
        elif how == "half":
            struct.pack_into("<I", data, min(at & -4, len(data) - 4), draw(NASTY) & 0xFFFFFFFF)
        elif how == "tag":
            tag = draw(st.integers(0, 37))
            struct.pack_into("<QQ", data, len(data) - 16 * draw(st.integers(1, 25)), tag, draw(NASTY))
    if draw(st.integers(0, 9)) == 0:
        del data[draw(st.integers(0, len(data))) :]
    return bytes(data)


def exercise(files: dict[str, bytes]) -> None:
    """Load, bind, initialise, open, look up, close, finalise: as far as it goes."""
    loaded = Loaded(files, env=["LD_DEBUG=statistics"])
    session = loaded.session
    for obj in loaded.state.namespace.objects:
        for index in range(min(obj.dynamic.plt_rela.size // 24, 8)):
            session.bind_lazily(obj.handle, 8 * index)
    for _ in range(100):
        if not guest_calls.next_init(session, TEXT):
            break
    handle = dlfcn.dlopen(session, "libx.so", dlfcn.RTLD_NOW)
    dlfcn.dlsym(session, handle, b"g", 0, 0)
    dlfcn.dlclose(session, handle)
    guest_calls.begin_exit(session)
    for _ in range(100):
        if not unloading.next_fini(session):
            break


@pytest.mark.parametrize("style", ["gnu", "sysv"])
def test_the_sound_one_is_sound(style: str) -> None:
    exercise({"/bin/prog": PROGRAM, "/lib/libx.so": SOUND[style], "/lib/liby.so": OTHER})


@settings(max_examples=600)
@given(broken())
def test_broken_libraries(data: bytes) -> None:
    try:
        exercise({"/bin/prog": PROGRAM, "/lib/libx.so": data, "/lib/liby.so": OTHER})
    except (ToyvmError, OSError, OutOfFrames):
        pass  # an error the kernel turns into a message and 127: what must not come out is anything else


@settings(max_examples=200)
@given(broken())
def test_broken_programs(data: bytes) -> None:
    try:
        exercise({"/bin/prog": data, "/lib/liby.so": OTHER, "/lib/libx.so": SOUND["gnu"]})
    except (ToyvmError, OSError, OutOfFrames):
        pass


@pytest.mark.parametrize("bucket", [100, 1 << 20])
def test_a_hash_table_in_an_endless_bss(bucket: int) -> None:
    """Chains of zeros never end; the walk must not go through all of a large bss."""
    data = bytearray(Maker(bss=12 << 20, data=bytes(80)).build())
    dynamic = len(data) - 16
    while struct.unpack_from("<Q", data, dynamic)[0] != c.DT_GNU_HASH:
        dynamic -= 16
    header = DATA + 64
    struct.pack_into("<Q", data, dynamic + 8, header)
    struct.pack_into("<IIIIQI", data, header, 1, 1, 1, 6, 0, bucket)
    with pytest.raises(DlError, match="GNU hash chain"):
        Loaded({"/bin/prog": Maker(needed=["x"]).build(), "/lib/x": bytes(data)})
