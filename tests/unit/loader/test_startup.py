"""What a program finds when it begins, and what is said instead of beginning."""

from __future__ import annotations

import pytest

from tests.support.elf_maker import DATA, TEXT, Maker, Rel, Sym
from tests.support.loader_guest import Loaded
from toyvm.elf import constants as c
from toyvm.loader import guest_calls, unloading
from toyvm.loader.ld_environment import LdEnvironment
from toyvm.loader.loader_events import LibraryMapped, RelocationDone, SymbolBound
from toyvm.relocations import R


def initialisers(loaded: Loaded) -> list[int]:
    functions = []
    while function := guest_calls.next_init(loaded.session, 0):
        functions.append(function)
    return functions


def finalisers(loaded: Loaded) -> list[int]:
    functions = []
    guest_calls.begin_exit(loaded.session)
    while function := unloading.next_fini(loaded.session):
        functions.append(function)
    return functions


def library(*needed: str) -> bytes:
    """DT_INIT, two DT_INIT_ARRAY entries; the same for the end."""
    data = DATA + 16 + 0x200
    return Maker(
        needed=needed,
        init_array=[0, 0],
        fini_array=[0, 0],
        extra=[(c.DT_INIT, TEXT), (c.DT_FINI, TEXT + 1)],
        relocs=[Rel(data + 8 * i, R.RELATIVE, addend=TEXT + 2 + i) for i in range(4)],
    ).build()


def test_initialisers_and_finalisers_of_one_library() -> None:
    loaded = Loaded({"/bin/prog": Maker(needed=["a"]).build(), "/lib/a": library()})
    text = loaded.object("a").bias + TEXT
    assert initialisers(loaded) == [text, text + 2, text + 3]
    assert finalisers(loaded) == [text + 5, text + 4, text + 1]
    assert finalisers(loaded) == []


def order_of(loaded: Loaded, functions: list[int]) -> str:
    """Names of the objects whose DT_INIT or DT_FINI are among `functions`."""
    ends = {obj.bias + TEXT + i: obj.name[-1] for obj in loaded.state.namespace.objects[1:] for i in (0, 1)}
    return "".join(ends[f] for f in functions if f in ends)


@pytest.mark.parametrize(
    ("needs", "order"),
    [
        ({"prog": "ab", "a": "", "b": ""}, "ba"),
        ({"prog": "ab", "a": "b", "b": ""}, "ba"),
        ({"prog": "ab", "a": "", "b": "a"}, "ab"),
        ({"prog": "abc", "a": "c", "b": "a", "c": ""}, "cab"),
        ({"prog": "a", "a": "bc", "b": "d", "c": "d", "d": ""}, "dcba"),
        ({"prog": "a", "a": "b", "b": "a"}, "ab"),
    ],
)
def test_what_is_needed_is_initialised_first_and_finalised_last(needs: dict[str, str], order: str) -> None:
    files = {f"/lib/{name}": library(*needed) for name, needed in needs.items() if name != "prog"}
    loaded = Loaded({"/bin/prog": Maker(needed=needs["prog"]).build(), **files})
    assert order_of(loaded, initialisers(loaded)) == order
    assert order_of(loaded, finalisers(loaded)) == order[::-1]


def test_the_programs_preinit_is_called_here_and_its_init_by_its_start_up_code() -> None:
    slot = DATA + 16 + 0x200
    program = Maker(needed=["a"], init_array=[0], fini_array=[0], preinit_array=[0],
                    relocs=[Rel(slot + 8 * i, R.RELATIVE, addend=TEXT + 16 * i) for i in range(3)])  # fmt: skip
    loaded = Loaded({"/bin/prog": program.build(), "/lib/a": Maker(extra=[(c.DT_INIT, TEXT)]).build()})
    text = loaded.object("").bias + TEXT
    assert initialisers(loaded) == [text + 32, loaded.object("a").bias + TEXT]
    assert finalisers(loaded) == [text + 16]


def test_link_maps_and_r_debug_are_there_for_debuggers() -> None:
    program = Maker(needed=["a", "b"])
    loaded = Loaded({"/bin/prog": program.build(), "/lib/a": library(), "/lib/b": library()})
    main, memory = loaded.object(""), loaded.guest.memory
    r_debug = loaded.word(main.dynamic.debug_slot)
    assert loaded.word(r_debug) == 1
    assert loaded.word(r_debug + 16) == loaded.session.stub_address("_dl_debug_state")
    seen, link = [], loaded.word(r_debug + 8)
    previous = 0
    while link:
        bias, name, dynamic = (loaded.word(link + 8 * i) for i in range(3))
        assert loaded.word(link + 32) == previous
        seen.append((bias, memory.read_cstring(name).decode(), dynamic))
        previous, link = link, loaded.word(link + 24)
    assert seen == [(obj.bias, obj.name, obj.dynamic.va) for obj in loaded.state.namespace.objects]


def test_entry_is_in_the_stub() -> None:
    loaded = Loaded({"/bin/prog": Maker().build()})
    assert loaded.pc == loaded.session.stub_address("_dl_start_user")


def test_trace_loaded_objects() -> None:
    files = {"/bin/prog": Maker(needed=["a", "gone", "/d/b"]).build(), "/lib/a": Maker(needed=["c"]).build()}
    loaded = Loaded({**files, "/d/b": library(), "/lib/c": library()}, env=["LD_TRACE_LOADED_OBJECTS=1"])
    start = {obj.name: obj.image.start for obj in loaded.state.namespace.objects if obj.image}
    assert loaded.guest.stdout.decode().splitlines() == [
        f"\ta => /lib/a ({start['/lib/a']:#018x})",
        "\tgone => not found",
        f"\t/d/b ({start['/d/b']:#018x})",
        f"\tc => /lib/c ({start['/lib/c']:#018x})",
    ]
    assert loaded.pc == loaded.session.stub_address("_dl_exit")


def test_trace_of_a_program_that_needs_nothing() -> None:
    loaded = Loaded({"/bin/prog": Maker().build()}, env=["LD_TRACE_LOADED_OBJECTS=1"])
    assert loaded.guest.stdout == b"\tstatically linked\n"


def test_unused_direct_dependencies() -> None:
    program = Maker(needed=["a", "b"], symbols=[Sym("s")], plt=["s"])
    loaded = Loaded(
        {
            "/bin/prog": program.build(),
            "/lib/a": library(),
            "/lib/b": Maker(symbols=[Sym("s", TEXT)]).build(),
        },
        env=["LD_TRACE_LOADED_OBJECTS=1", "LD_DEBUG=unused"],
    )
    assert loaded.guest.stdout == b"Unused direct dependencies:\n\n\t/lib/a\n"


def test_help_and_unknown_words() -> None:
    loaded = Loaded({"/bin/prog": Maker(needed=["gone"]).build()}, env=["LD_DEBUG=help,bonk"])
    assert loaded.guest.stdout.startswith(
        b"Valid options for the LD_DEBUG environment variable are:\n\n  libs        display"
    )
    assert loaded.guest.stderr == b"warning: debug option `bonk' unknown; try LD_DEBUG=help\n"
    assert loaded.pc == loaded.session.stub_address("_dl_exit")


def test_debug_output_goes_to_a_file() -> None:
    loaded = Loaded({"/bin/prog": Maker().build()}, env=["LD_DEBUG=reloc", "LD_DEBUG_OUTPUT=/tmp/log"])
    assert loaded.guest.stderr == b""
    assert b"relocation processing: /bin/prog (lazy)\n" in loaded.guest.appended["/tmp/log.20536"]


def test_events() -> None:
    program = Maker(
        needed=["a"], symbols=[Sym("s"), Sym("t")], plt=["s"], relocs=[Rel(DATA + 24, R.ABS64, "t")]
    )
    loaded = Loaded(
        {"/bin/prog": program.build(), "/lib/a": Maker(symbols=[Sym("s", TEXT), Sym("t", TEXT)]).build()}
    )
    main = loaded.object("")
    loaded.session.bind_lazily(main.handle, 0)
    bound = [
        (e.path, e.symbol, e.definer, e.lazy, e.slot)
        for e in loaded.guest.events
        if isinstance(e, SymbolBound)
    ]
    slot = main.bias + program.slot(0)
    assert bound == [("/bin/prog", "t", "/lib/a", False, 0), ("/bin/prog", "s", "/lib/a", True, slot)]
    done = [
        (e.path, dict(e.applied), e.lazy_slots) for e in loaded.guest.events if isinstance(e, RelocationDone)
    ]
    assert done == [("/lib/a", {}, 0), ("/bin/prog", {"R_RISCV_64": 1}, 1)]
    assert [e.path for e in loaded.guest.events if isinstance(e, LibraryMapped)] == ["/lib/a"]


def test_environment() -> None:
    env = LdEnvironment.parse(
        ["LD_DEBUG=all", "LD_BIND_NOW=", "LD_PRELOAD=a  b:c", "X", "LD_LIBRARY_PATH=/a::/b"]
    )
    assert {"libs", "bindings", "scopes", "versions"} <= env.debug
    assert "statistics" not in env.debug
    assert not env.bind_now
    assert env.preload == ("a", "b", "c")
    assert env.library_path == ("/a", "", "/b")
