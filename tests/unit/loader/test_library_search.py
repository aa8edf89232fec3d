"""Where libraries are looked for, and what is said of files that are none."""

from __future__ import annotations

import pytest

from tests.support.elf_maker import Maker
from tests.support.loader_guest import Loaded
from toyvm.loader.dlerror import DlError
from toyvm.loader.library_search import expand, origin_of

EMPTY = Maker().build()


@pytest.mark.parametrize(
    ("program", "env", "elsewhere", "found"),
    [
        (Maker(), (), ("/lib/x", "/usr/lib/x"), "/lib/x"),
        (Maker(), (), ("/usr/lib/x",), "/usr/lib/x"),
        (Maker(), ("LD_LIBRARY_PATH=/a:/b",), ("/b/x", "/a/x", "/lib/x"), "/a/x"),
        (Maker(), ("LD_LIBRARY_PATH=/a;/b/",), ("/b/x", "/lib/x"), "/b/x"),
        (Maker(), ("LD_LIBRARY_PATH=:/a",), ("/x", "/a/x"), "./x"),
        (Maker(runpath="/r"), (), ("/r/x", "/lib/x"), "/r/x"),
        (Maker(runpath="/r"), ("LD_LIBRARY_PATH=/a",), ("/r/x", "/a/x"), "/a/x"),
        (Maker(rpath="/r"), ("LD_LIBRARY_PATH=/a",), ("/r/x", "/a/x"), "/r/x"),
        (Maker(rpath="/r", runpath="/s"), (), ("/r/x", "/s/x"), "/s/x"),
        (Maker(runpath="$ORIGIN/../r"), (), ("/r/x", "/lib/x"), "/bin/../r/x"),
        (Maker(runpath="${ORIGIN}"), (), ("/bin/x",), "/bin/x"),
    ],
)
def test_order_of_directories(
    program: Maker, env: tuple[str, ...], elsewhere: tuple[str, ...], found: str
) -> None:
    program.needed = ["x"]
    loaded = Loaded({"/bin/prog": program.build(), **dict.fromkeys(elsewhere, EMPTY)}, env=env)
    assert loaded.names() == [found]


def test_runpath_is_for_direct_needs_alone_and_rpath_for_all() -> None:
    files = {"/r/a": Maker(needed=["b"]).build(), "/r/b": EMPTY}
    with pytest.raises(DlError, match=r"^b: cannot open shared object file"):
        Loaded({"/bin/prog": Maker(needed=["a"], runpath="/r").build(), **files})
    assert Loaded({"/bin/prog": Maker(needed=["a"], rpath="/r").build(), **files}).names() == ["/r/a", "/r/b"]


def test_a_name_with_a_slash_is_a_path() -> None:
    assert Loaded({"/bin/prog": Maker(needed=["/d/x"]).build(), "/d/x": EMPTY}).names() == ["/d/x"]
    with pytest.raises(DlError, match=r"^/d/x: cannot open shared object file: No such file"):
        Loaded({"/bin/prog": Maker(needed=["/d/x"]).build(), "/lib/x": EMPTY})


def test_one_object_by_soname_and_by_file() -> None:
    """x has the soname y, so nothing is searched for y; and the second path to a file brings no second object."""
    files = {"/bin/prog": Maker(needed=["x", "y"]).build(), "/lib/x": Maker(soname="y").build()}
    assert Loaded(files).names() == ["/lib/x"]
    assert Loaded(
        {"/bin/prog": Maker(needed=["x", "/lib/x", "/lib/../lib/x"]).build(), "/lib/x": EMPTY}
    ).names() == ["/lib/x"]


def changed(offset: int, data: bytes) -> bytes:
    return EMPTY[:offset] + data + EMPTY[offset + len(data) :]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "/lib/x: file too short"),
        (b"\x7fELF", "/lib/x: file too short"),
        (b"#!/bin/sh\n" * 20, "/lib/x: invalid ELF header"),
        (changed(4, b"\1"), "x: wrong ELF class: ELFCLASS32"),
        (changed(5, b"\2"), "/lib/x: ELF file data encoding not little-endian"),
        (changed(6, b"\2"), "/lib/x: ELF file version ident does not match current one"),
        (changed(7, b"\1"), "/lib/x: ELF file OS ABI invalid"),
        (changed(9, b"\1"), "/lib/x: nonzero padding in e_ident"),
        (changed(16, b"\2"), "/lib/x: cannot dynamically load executable"),
        (changed(16, b"\1"), "/lib/x: only ET_DYN and ET_EXEC can be loaded"),
        (changed(18, b"\x3e"), "x: cannot open shared object file: No such file or directory"),
        (changed(54, b"\x20"), "/lib/x: ELF file's phentsize not the expected size"),
        (changed(56, b"\xff\x7f"), "/lib/x: cannot read file data"),
    ],
)
def test_files_that_are_no_libraries(data: bytes, message: str) -> None:
    with pytest.raises(DlError) as caught:
        Loaded({"/bin/prog": Maker(needed=["x"]).build(), "/lib/x": data})
    assert caught.value.text() == message


def test_the_search_goes_on_past_another_machines_library() -> None:
    files = {"/bin/prog": Maker(needed=["x"]).build(), "/lib/x": changed(18, b"\x3e"), "/usr/lib/x": EMPTY}
    assert Loaded(files).names() == ["/usr/lib/x"]


def test_dynamic_string_tokens() -> None:
    assert expand("$ORIGIN/a:${ORIGIN}b:$LIB:$ORIGINAL", "/o") == "/o/a:/ob:lib:$ORIGINAL"
    assert origin_of("../lib/x.so", "/home/u") == "/home/lib"


def test_ld_debug_libs() -> None:
    loaded = Loaded(
        {"/bin/prog": Maker(needed=["x"]).build(), "/lib/x": EMPTY},
        env=["LD_LIBRARY_PATH=/a", "LD_DEBUG=libs"],
    )
    lines = [line.split("\t", 1)[1] for line in loaded.guest.stderr.decode().splitlines()]
    assert lines == [
        "find library=x [0]; searching",
        " search path=/a\t\t(LD_LIBRARY_PATH)",
        "  trying file=/a/x",
        " search path=/lib:/usr/lib\t\t(system search path)",
        "  trying file=/lib/x",
        "",
    ]
