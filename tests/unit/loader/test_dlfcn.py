"""dlopen, dlsym and dlclose: scopes, reference counts, failure that leaves nothing behind, and fork."""

from __future__ import annotations

from contextlib import suppress
from copy import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.elf_maker import DATA, TEXT, Maker, Rel, Sym
from tests.support.loader_guest import Loaded, PaperGuest
from toyvm.elf import constants as c
from toyvm.loader import dlfcn, guest_calls, unloading
from toyvm.loader.dlerror import DlError
from toyvm.loader.session import Session
from toyvm.relocations import R

LAZY, NOW, GLOBAL = dlfcn.RTLD_LAZY, dlfcn.RTLD_NOW, dlfcn.RTLD_GLOBAL
USES_S = Maker(symbols=[Sym("s")], relocs=[Rel(DATA + 16, R.ABS64, "s")])
WITH_CALLS = {"extra": [(c.DT_INIT, TEXT), (c.DT_FINI, TEXT + 1)]}


def load(program: Maker | None = None, **libraries: Maker) -> Loaded:
    files = {f"/lib/{name}": library.build() for name, library in libraries.items()}
    return Loaded({"/bin/prog": (program or Maker()).build(), **files})


def close(loaded: Loaded, handle: int) -> list[int]:
    """dlclose as libc does it: the finalisers that the guest was given."""
    dlfcn.dlclose(loaded.session, handle)
    functions = []
    while function := unloading.next_fini(loaded.session):
        functions.append(function)
    return functions


def test_open_look_up_close() -> None:
    loaded = load(p=Maker(symbols=[Sym("s", TEXT + 8)], **WITH_CALLS))  # type: ignore[arg-type]  # arguments of several types
    guest_calls.next_init(loaded.session, 0)
    areas = [area.describe() for area in loaded.guest.memory.vmas]
    handle = dlfcn.dlopen(loaded.session, "p", NOW)
    bias = loaded.object("p").bias
    assert guest_calls.next_init(loaded.session, 0) == bias + TEXT
    assert dlfcn.dlsym(loaded.session, handle, b"s", 0, 0) == bias + TEXT + 8
    assert close(loaded, handle) == [bias + TEXT + 1]
    assert [area.describe() for area in loaded.guest.memory.vmas] == areas
    assert loaded.names() == []


def test_a_second_open_is_the_same_object_and_counts() -> None:
    loaded = load(p=Maker(soname="other.so"))
    first = dlfcn.dlopen(loaded.session, "p", NOW)
    assert dlfcn.dlopen(loaded.session, "other.so", NOW) == first
    assert dlfcn.dlopen(loaded.session, "/lib/p", NOW) == first
    for _ in range(2):
        close(loaded, first)
        assert loaded.names() == ["/lib/p"]
    close(loaded, first)
    assert loaded.names() == []
    with pytest.raises(DlError, match="shared object not open"):
        dlfcn.dlclose(loaded.session, first)


def test_local_is_not_seen_by_others_and_global_is() -> None:
    loaded = load(d=Maker(symbols=[Sym("s", TEXT)]), u=USES_S)
    dlfcn.dlopen(loaded.session, "d", NOW)
    with pytest.raises(DlError, match=r"^/lib/u: undefined symbol: s$"):
        dlfcn.dlopen(loaded.session, "u", NOW)
    assert loaded.names() == ["/lib/d"], "what failed is gone"
    dlfcn.dlopen(loaded.session, "d", NOW | GLOBAL)
    dlfcn.dlopen(loaded.session, "u", NOW)
    assert loaded.word(loaded.object("u").bias + DATA + 16) == loaded.address("/d", "s")
    assert dlfcn.dlsym(loaded.session, dlfcn.RTLD_DEFAULT, b"s", 0, 0) == loaded.address("/d", "s")


def test_what_was_opened_together_sees_each_other() -> None:
    loaded = load(root=Maker(needed=["d", "u"]), d=Maker(symbols=[Sym("s", TEXT)]), u=USES_S)
    handle = dlfcn.dlopen(loaded.session, "root", NOW)
    assert loaded.word(loaded.object("/u").bias + DATA + 16) == loaded.address("/d", "s")
    assert dlfcn.dlsym(loaded.session, handle, b"s", 0, 0) == loaded.address("/d", "s")


def test_the_program_comes_first_unless_deepbind() -> None:
    program = Maker(symbols=[Sym("s", TEXT)])
    own = Maker(symbols=[Sym("s", TEXT)], relocs=[Rel(DATA + 16, R.ABS64, "s")])
    for flags, owner in ((NOW, ""), (NOW | dlfcn.RTLD_DEEPBIND, "/p")):
        loaded = load(program, p=own)
        dlfcn.dlopen(loaded.session, "p", flags)
        assert loaded.word(loaded.object("/p").bias + DATA + 16) == loaded.address(owner, "s")


def test_rtld_next_looks_behind_the_caller() -> None:
    loaded = load(
        Maker(needed=["w", "d"], symbols=[Sym("s", TEXT)]),
        w=Maker(symbols=[Sym("s", TEXT)]),
        d=Maker(symbols=[Sym("s", TEXT)]),
    )
    caller = loaded.address("/w", "s")
    assert dlfcn.dlsym(loaded.session, dlfcn.RTLD_NEXT, b"s", caller, 0) == loaded.address("/d", "s")
    assert dlfcn.dlsym(loaded.session, dlfcn.RTLD_DEFAULT, b"s", caller, 0) == loaded.address("", "s")
    with pytest.raises(DlError, match="RTLD_NEXT used in code not dynamically loaded"):
        dlfcn.dlsym(loaded.session, dlfcn.RTLD_NEXT, b"s", 0x1000, 0)


@pytest.mark.parametrize(
    ("name", "flags", "message"),
    [
        ("gone", NOW, "gone: cannot open shared object file: No such file or directory"),
        ("/gone/x", NOW, "/gone/x: cannot open shared object file: No such file or directory"),
        ("p", 0, "p: invalid mode for dlopen(): Invalid argument"),
        ("needs", NOW, "gone: cannot open shared object file: No such file or directory"),
        ("pie", NOW, "/lib/pie: cannot dynamically load position-independent executable"),
        ("noopen", NOW, "/lib/noopen: shared object cannot be dlopen()ed"),
    ],
)
def test_failures_of_dlopen(name: str, flags: int, message: str) -> None:
    refuses = Maker(extra=[(c.DT_FLAGS_1, 0x40)])
    pie = Maker(extra=[(c.DT_FLAGS_1, c.DF_1_PIE)])
    loaded = load(p=Maker(), needs=Maker(needed=["p", "gone"]), pie=pie, noopen=refuses)
    with pytest.raises(DlError) as caught:
        dlfcn.dlopen(loaded.session, name, flags)
    assert caught.value.text() == message
    assert loaded.names() == []


def test_the_callers_runpath_counts() -> None:
    files = {
        "/bin/prog": Maker(needed=["a"]).build(),
        "/lib/a": Maker(runpath="/r").build(),
        "/r/p": Maker().build(),
    }
    loaded = Loaded(files)
    with pytest.raises(DlError, match="cannot open shared object file"):
        dlfcn.dlopen(loaded.session, "p", NOW)
    dlfcn.dlopen(loaded.session, "p", NOW, loaded.object("/a").bias + TEXT)
    assert loaded.names() == ["/lib/a", "/r/p"]


def test_noload() -> None:
    loaded = load(p=Maker())
    assert dlfcn.dlopen(loaded.session, "p", NOW | dlfcn.RTLD_NOLOAD) == 0
    handle = dlfcn.dlopen(loaded.session, "p", NOW)
    assert dlfcn.dlopen(loaded.session, "p", NOW | dlfcn.RTLD_NOLOAD) == handle
    assert dlfcn.dlopen(loaded.session, None, LAZY) == loaded.object("").handle


@pytest.mark.parametrize("how", ["flag", "dynamic"])
def test_nodelete(how: str) -> None:
    loaded = load(p=Maker(extra=[(c.DT_FLAGS_1, c.DF_1_NODELETE)] if how == "dynamic" else []))
    handle = dlfcn.dlopen(loaded.session, "p", NOW | (dlfcn.RTLD_NODELETE if how == "flag" else 0))
    close(loaded, handle)
    assert loaded.names() == ["/lib/p"]


def test_what_is_still_needed_or_bound_to_stays() -> None:
    loaded = load(
        a=Maker(needed=["c"]), b=Maker(needed=["c"]), c=Maker(), d=Maker(symbols=[Sym("s", TEXT)]), u=USES_S
    )
    a, b = dlfcn.dlopen(loaded.session, "a", NOW), dlfcn.dlopen(loaded.session, "b", NOW)
    close(loaded, a)
    assert loaded.names() == ["/lib/c", "/lib/b"]
    close(loaded, b)
    assert loaded.names() == []
    d = dlfcn.dlopen(loaded.session, "d", NOW | GLOBAL)
    u = dlfcn.dlopen(loaded.session, "u", NOW)
    close(loaded, d)
    assert loaded.names() == ["/lib/d", "/lib/u"], "u is bound to d"
    close(loaded, u)
    assert loaded.names() == []


def test_finalisers_may_still_bind_lazily() -> None:
    plugin = Maker(needed=["h"], symbols=[Sym("s")], plt=["s"], **WITH_CALLS)  # type: ignore[arg-type]  # arguments of several types
    loaded = load(p=plugin, h=Maker(symbols=[Sym("s", TEXT)]))
    handle = dlfcn.dlopen(loaded.session, "p", LAZY)
    while guest_calls.next_init(loaded.session, 0):
        continue
    target = loaded.address("/h", "s")
    dlfcn.dlclose(loaded.session, handle)
    assert unloading.next_fini(loaded.session)
    assert loaded.session.bind_lazily(handle, 0).target == target


def test_thread_local_variables_of_an_opened_library() -> None:
    """A small one goes into the static block's surplus, a large one gets a block of its own."""
    small = Maker(
        symbols=[Sym("t", 8, type=c.STT_TLS)],
        tls=(DATA + 16, b"abcdefghij", 64, 8),
        data=b"abcdefghij".ljust(64),
    )
    large = Maker(
        symbols=[Sym("t", 8, type=c.STT_TLS)],
        tls=(DATA + 16, b"klmnopqrst", 8192, 64),
        data=b"klmnopqrst".ljust(64),
    )
    wants = Maker(
        needed=["large"], symbols=[Sym("t", type=c.STT_TLS)], relocs=[Rel(DATA + 16, R.TLS_TPREL64, "t")]
    )
    loaded = load(small=small, large=large, wants=wants)
    memory = loaded.guest.memory
    assert "tp" not in loaded.guest.registers
    for name, bytes_there in (("small", b"ij"), ("large", b"st")):
        handle = dlfcn.dlopen(loaded.session, name, NOW)
        assert memory.read(dlfcn.dlsym(loaded.session, handle, b"t", 0, 0), 4) == bytes_there + bytes(2)
    tp = loaded.guest.registers["tp"]
    assert loaded.word(tp - 16) == loaded.state.namespace.tls.dtv
    with pytest.raises(DlError, match="cannot allocate memory in static TLS block"):
        dlfcn.dlopen(loaded.session, "wants", NOW)


def test_each_thread_has_thread_local_variables_of_its_own() -> None:
    """Of libraries opened before the thread was made and after, small and large; a fork keeps them apart."""
    image = b"abcdefghij".ljust(64)
    tls = {"symbols": [Sym("t", 8, type=c.STT_TLS)], "data": image}
    loaded = load(
        small=Maker(tls=(DATA + 16, image[:10], 64, 8), **tls),  # type: ignore[arg-type]
        large=Maker(tls=(DATA + 16, image[:10], 8192, 64), **tls),  # type: ignore[arg-type]
    )
    session, memory = loaded.session, loaded.guest.memory
    small = dlfcn.dlopen(session, "small", NOW)
    first = loaded.guest.registers["tp"]
    threads = [first, session.new_thread(), session.new_thread()]
    large = dlfcn.dlopen(session, "large", NOW)
    places = [dlfcn.dlsym(session, handle, b"t", 0, tp) for handle in (small, large) for tp in threads]
    assert len(set(places)) == 6
    assert all(memory.read(place, 4) == b"ij" + bytes(2) for place in places)
    for tp in threads:
        dtv = loaded.word(tp - 16)
        assert [loaded.word(dtv + 8 * number) + 8 for number in (1, 2)] == places[threads.index(tp) :: 3]

    child = session.fork(loaded.guest)
    child.end_thread(threads[1])
    session.end_thread(threads[1])
    for owner in (session, child):
        with pytest.raises(OSError, match="Invalid argument"):
            owner.end_thread(threads[1])
    with pytest.raises(OSError, match="Invalid argument"):
        session.end_thread(first)
    assert session.new_thread() == threads[1], "its memory is used again"
    assert memory.read(dlfcn.dlsym(session, large, b"t", 0, threads[1]), 4) == b"ij" + bytes(2)
    dlfcn.dlclose(session, large)
    assert unloading.next_fini(session) == 0
    session.end_thread(threads[2])


def test_a_thread_makes_room_for_variables_that_come_later() -> None:
    image = b"abcdefghij".ljust(64)
    small = Maker(symbols=[Sym("t", 8, type=c.STT_TLS)], tls=(DATA + 16, image[:10], 64, 8), data=image)
    loaded = load(small=small)
    assert "tp" not in loaded.guest.registers
    thread = loaded.session.new_thread()
    first = loaded.guest.registers["tp"]
    handle = dlfcn.dlopen(loaded.session, "small", NOW)
    assert loaded.guest.registers["tp"] == first
    places = [dlfcn.dlsym(loaded.session, handle, b"t", 0, tp) for tp in (first, thread)]
    assert [place - tp for place, tp in zip(places, (first, thread), strict=True)] == [8, 8]


def test_closed_before_its_initialisers_were_called() -> None:
    loaded = load(p=Maker(**WITH_CALLS))  # type: ignore[arg-type]  # arguments of several types
    while guest_calls.next_init(loaded.session, 0):
        continue
    handle = dlfcn.dlopen(loaded.session, "p", NOW)
    assert close(loaded, handle) == [], "never initialised, never finalised"
    assert guest_calls.next_init(loaded.session, 0) == 0


def test_a_fork_between_dlclose_and_its_finalisers() -> None:
    loaded = load(p=Maker(needed=["q"], **WITH_CALLS), q=Maker(**WITH_CALLS))  # type: ignore[arg-type]  # arguments of several types
    handle = dlfcn.dlopen(loaded.session, "p", NOW)
    while guest_calls.next_init(loaded.session, 0):
        continue
    dlfcn.dlclose(loaded.session, handle)
    child = loaded.session.fork(loaded.guest)
    dlfcn.dlopen(child, None, LAZY)
    wanted = [loaded.state.unload[0].bias + TEXT + 1, loaded.state.unload[1].bias + TEXT + 1]
    assert [unloading.next_fini(child), unloading.next_fini(child)] == wanted
    assert all(obj not in loaded.state.unload for obj in child.state.unload)


def test_forked_processes_go_their_own_ways() -> None:
    loaded = load(p=Maker(), q=Maker())
    handle = dlfcn.dlopen(loaded.session, "p", NOW)
    session = loaded.session.fork(loaded.guest)
    child = session.state
    assert child.namespace is loaded.state.namespace, "shared until one of them changes it"
    dlfcn.dlopen(session, "q", NOW)
    assert [obj.name for obj in child.namespace.objects] == ["", "/lib/p", "/lib/q"]
    assert loaded.names() == ["/lib/p"]
    close(loaded, handle)
    assert [obj.name for obj in child.namespace.objects] == ["", "/lib/p", "/lib/q"]
    assert child.counts().lookups == 0


def test_rtld_next_in_a_library_that_only_a_binding_keeps() -> None:
    """Its root is gone, and with that the search list it stood in: it looks behind itself in its own."""
    root = Maker(needed=["w", "d"])
    w = Maker(needed=["d"], symbols=[Sym("s", TEXT)])
    loaded = load(root=root, w=w, d=Maker(symbols=[Sym("t", TEXT)]), u=USES_S)
    handle = dlfcn.dlopen(loaded.session, "root", NOW | GLOBAL)
    user = dlfcn.dlopen(loaded.session, "u", NOW)
    close(loaded, handle)
    assert loaded.names() == ["/lib/w", "/lib/d", "/lib/u"], "u is bound to w, which needs d"
    caller = loaded.address("/w", "s")
    assert dlfcn.dlsym(loaded.session, dlfcn.RTLD_NEXT, b"t", caller, 0) == loaded.address("/d", "t")
    with pytest.raises(DlError, match=r"^/lib/w: undefined symbol: s$"):
        dlfcn.dlsym(loaded.session, dlfcn.RTLD_NEXT, b"s", caller, 0)
    close(loaded, user)
    assert loaded.names() == []


TLS = {"tls": (DATA + 16, b"abcdefgh", 64, 8), "data": b"abcdefgh".ljust(64)}
LARGE_TLS = {"tls": (DATA + 16, b"abcdefgh", 1 << 17, 1 << 13), "data": b"abcdefgh".ljust(64)}


@pytest.mark.parametrize("tls", [TLS, LARGE_TLS], ids=["static block", "block of its own"])
@pytest.mark.parametrize("succeeds", [True, False])
def test_module_numbers_and_memory_of_thread_local_data_are_given_back(
    tls: dict[str, object], succeeds: bool
) -> None:
    library = Maker(
        symbols=[Sym("t", 8, type=c.STT_TLS)] if succeeds else [Sym("s")],
        relocs=[] if succeeds else [Rel(DATA + 32, R.ABS64, "s")],
        **tls,  # type: ignore[arg-type]  # arguments of several types
    )
    loaded = load(p=library, other=Maker(symbols=[Sym("t", 8, type=c.STT_TLS)], **TLS))  # type: ignore[arg-type]  # arguments of several types
    memory = loaded.guest.memory
    sizes = []
    for _ in range(300):
        if succeeds:
            handle = dlfcn.dlopen(loaded.session, "p", NOW)
            va = dlfcn.dlsym(loaded.session, handle, b"t", 0, 0)
            assert memory.read(va - 8, 40) == b"abcdefgh" + bytes(32), "clean, whatever was there before"
            memory.write(va, b"used")
            close(loaded, handle)
        else:
            with pytest.raises(DlError, match="undefined symbol: s"):
                dlfcn.dlopen(loaded.session, "p", NOW)
        sizes.append(sum(area.end - area.start for area in memory.vmas))
    assert sizes[-1] == sizes[1]
    other = dlfcn.dlopen(loaded.session, "other", NOW)
    assert loaded.object("other").tls_module == 1
    assert memory.read(dlfcn.dlsym(loaded.session, other, b"t", 0, 0), 4) == bytes(4)


def test_more_libraries_with_thread_local_data_than_the_dtv_had_entries() -> None:
    library = Maker(symbols=[Sym("t", 0, type=c.STT_TLS)], **TLS)  # type: ignore[arg-type]  # arguments of several types
    loaded = load(**{f"p{i}": library for i in range(200)})
    handles = [dlfcn.dlopen(loaded.session, f"p{i}", NOW) for i in range(200)]
    places = {dlfcn.dlsym(loaded.session, handle, b"t", 0, 0) for handle in handles}
    assert len(places) == 200
    assert {loaded.guest.memory.read(va, 8) for va in places} == {b"abcdefgh"}
    assert loaded.word(loaded.guest.registers["tp"] - 16) == loaded.state.namespace.tls.dtv


def test_the_programs_handle_sees_what_is_opened_globally() -> None:
    loaded = load(d=Maker(symbols=[Sym("s", TEXT)]))
    program = dlfcn.dlopen(loaded.session, None, LAZY)
    dlfcn.dlopen(loaded.session, "d", NOW | GLOBAL)
    assert dlfcn.dlsym(loaded.session, program, b"s", 0, 0) == loaded.address("/d", "s")


def test_noload_of_a_library_that_does_not_exist_is_an_error() -> None:
    loaded = load()
    with pytest.raises(DlError, match=r"^gone: cannot open shared object file"):
        dlfcn.dlopen(loaded.session, "gone", NOW | dlfcn.RTLD_NOLOAD)


@pytest.mark.parametrize(
    ("flags", "message"), [(0x200 | NOW, "invalid mode parameter"), (0, "invalid mode for dlopen()")]
)
def test_flags_that_do_not_exist(flags: int, message: str) -> None:
    with pytest.raises(DlError) as caught:
        dlfcn.dlopen(load(p=Maker()).session, "p", flags)
    assert caught.value.what == message


def test_deepbind_puts_the_global_scope_before_later_roots() -> None:
    p = Maker(symbols=[Sym("s")], plt=["s"])
    loaded = load(Maker(symbols=[Sym("s", TEXT)]), p=p, later=Maker(needed=["p"], symbols=[Sym("s", TEXT)]))
    handle = dlfcn.dlopen(loaded.session, "p", LAZY | dlfcn.RTLD_DEEPBIND)
    dlfcn.dlopen(loaded.session, "later", NOW)
    assert loaded.session.bind_lazily(handle, 0).target == loaded.address("", "s")


def test_a_unique_symbol_is_the_first_one_for_all_and_keeps_its_library() -> None:
    unique = Maker(symbols=[Sym("s", TEXT, binding=c.STB_GNU_UNIQUE)], relocs=[Rel(DATA + 16, R.ABS64, "s")])
    loaded = load(a=unique, b=unique)
    a, b = (dlfcn.dlopen(loaded.session, name, NOW) for name in "ab")
    assert loaded.word(loaded.object("/b").bias + DATA + 16) == loaded.address("/a", "s")
    close(loaded, b)
    close(loaded, a)
    assert loaded.names() == ["/lib/a"]


def test_a_failed_open_leaves_nothing_permanent() -> None:
    bad = Maker(
        symbols=[Sym("s"), Sym("gone")],
        relocs=[Rel(DATA + 16, R.ABS64, "s"), Rel(DATA + 24, R.ABS64, "gone")],
    )
    loaded = load(d=Maker(symbols=[Sym("s", TEXT)]), bad=bad)
    d = dlfcn.dlopen(loaded.session, "d", NOW | GLOBAL)
    with pytest.raises(DlError, match="undefined symbol: gone"):
        dlfcn.dlopen(loaded.session, "bad", NOW | dlfcn.RTLD_NODELETE)
    close(loaded, d)
    assert loaded.names() == []


def test_the_rpath_of_who_calls_dlopen_is_not_inherited_by_what_the_library_needs() -> None:
    files = {
        "/bin/prog": Maker(needed=["a"]).build(),
        "/lib/a": Maker(rpath="/r").build(),
        "/r/p": Maker(needed=["q"]).build(),
        "/r/q": Maker().build(),
    }
    loaded = Loaded(files)
    with pytest.raises(DlError, match=r"^q: cannot open shared object file"):
        dlfcn.dlopen(loaded.session, "p", NOW, loaded.object("/a").bias + TEXT)
    assert loaded.names() == ["/lib/a"]


@pytest.mark.parametrize("kind", [62, 63, 64, 47, 255])
def test_a_relocation_type_that_only_the_link_editor_applies_is_named(kind: int) -> None:
    loaded = load(p=Maker(symbols=[Sym("s", TEXT)], relocs=[Rel(DATA + 16, kind, "s")]))
    with pytest.raises(DlError) as caught:
        dlfcn.dlopen(loaded.session, "p", NOW)
    assert caught.value.text() == f"/lib/p: unexpected reloc type 0x{kind:02x}"


WORLD = {
    "a": Maker(symbols=[Sym("s", TEXT), Sym("t", 8, type=c.STT_TLS)], **TLS, **WITH_CALLS),  # type: ignore[arg-type]  # arguments of several types
    "b": Maker(needed=["a"], symbols=[Sym("s", TEXT), Sym("u", TEXT)], plt=["u"], **WITH_CALLS),  # type: ignore[arg-type]  # arguments of several types
    "r": Maker(needed=["b", "a"], symbols=[Sym("v", TEXT)]),
    "u": Maker(symbols=[Sym("s"), Sym("w", TEXT)], relocs=[Rel(DATA + 16, R.ABS64, "s")]),
    "l": Maker(symbols=[Sym("u"), Sym("s", TEXT)], plt=["u"], **TLS),  # type: ignore[arg-type]  # arguments of several types
    "i": Maker(symbols=[Sym("t", type=c.STT_TLS)], relocs=[Rel(DATA + 16, R.TLS_TPREL64, "t")]),
    "n": Maker(needed=["a", "gone"], **TLS),  # type: ignore[arg-type]  # arguments of several types
    "q": Maker(symbols=[Sym("s", TEXT, binding=c.STB_GNU_UNIQUE)], extra=[(c.DT_FLAGS_1, c.DF_1_NODELETE)]),
}
FLAGS = st.sampled_from(
    [LAZY, NOW, NOW, LAZY | GLOBAL, NOW | GLOBAL, NOW | dlfcn.RTLD_NOLOAD, LAZY | dlfcn.RTLD_DEEPBIND]
)
SYMBOLS = st.sampled_from([b"s", b"t", b"u", b"v", b"w", b"none"])


def forked(session: Session) -> Session:
    """The session of a forked child."""
    guest = copy(session.guest)
    assert isinstance(guest, PaperGuest)
    guest.memory = guest.memory.fork()
    return session.fork(guest)


@settings(max_examples=150)
@given(st.data())
def test_no_history_raises_anything_but_dl_error(data: st.DataObject) -> None:
    """With what glibc has no answer for: stale handles, RTLD_NEXT without a root, a fork at any time."""
    sessions = [load(**WORLD).session]
    main = sessions[0].state.namespace.main
    handles = [dlfcn.RTLD_DEFAULT, dlfcn.RTLD_NEXT, main.handle, 0x1234]
    for _ in range(data.draw(st.integers(1, 25))):
        session = data.draw(st.sampled_from(sessions))
        caller = data.draw(st.sampled_from(session.state.namespace.objects)).bias + TEXT
        handle = data.draw(st.sampled_from(handles))
        with suppress(DlError):
            match data.draw(
                st.sampled_from(["open", "open", "close", "symbol", "next", "bind", "calls", "fork"])
            ):
                case "open":
                    name = data.draw(st.sampled_from([*WORLD, "gone", ""]))
                    handles.append(dlfcn.dlopen(session, name, data.draw(FLAGS), caller))
                case "close":
                    dlfcn.dlclose(session, handle)
                case "symbol":
                    dlfcn.dlsym(session, handle, data.draw(SYMBOLS), caller, 0)
                case "next":
                    dlfcn.dlsym(session, dlfcn.RTLD_NEXT, data.draw(SYMBOLS), caller, 0)
                case "bind":
                    session.bind_lazily(handle, 0)
                case "calls":
                    guest_calls.next_init(session, 0)
                    unloading.next_fini(session)
                case "fork" if len(sessions) < 3:
                    sessions.append(forked(session))
        objects = session.state.namespace.objects
        held = {other for obj in objects for other in (*obj.dependencies, *obj.reldeps, *obj.scope)}
        assert held <= set(objects), "nothing refers to what is gone"
