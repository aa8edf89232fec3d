"""Which definition wins."""

from __future__ import annotations

import pytest

from tests.support.elf_maker import DATA, TEXT, Maker, Rel, Sym
from tests.support.loader_guest import Loaded
from toyvm.elf import constants as c
from toyvm.loader.dlerror import DlError
from toyvm.loader.loader_events import SymbolLookedUp
from toyvm.relocations import R

REFERENCE = Rel(DATA + 16, R.ABS64, "s")


def bound(files: dict[str, Maker], *env: str, of: str = "") -> str:
    """The object that the word at DATA + 16 of object `of` points into ("0" for nothing)."""
    loaded = Loaded({path: maker.build() for path, maker in files.items()}, env=env)
    value = loaded.word(loaded.object(of).bias + DATA + 16)
    owner = loaded.state.namespace.at(value)
    return (owner.name or "prog") if owner else "0"


def refer(*needed: str, own: Sym | None = None, **more: object) -> Maker:
    return Maker(needed=needed, symbols=[own or Sym("s")], relocs=[REFERENCE], **more)  # type: ignore[arg-type]  # arguments of several types


def define(*needed: str, **more: object) -> Maker:
    return Maker(needed=needed, symbols=[Sym("s", TEXT, **more)])  # type: ignore[arg-type]  # arguments of several types


@pytest.mark.parametrize(
    ("files", "of", "winner"),
    [
        # breadth first: b, needed by the program itself, comes before a's dependency
        ({"/bin/prog": refer("a", "b"), "/lib/a": Maker(needed=["deep"]), "/lib/b": define(), "/lib/deep": define()}, "", "/lib/b"),
        ({"/bin/prog": refer("a", "b"), "/lib/a": define(), "/lib/b": define()}, "", "/lib/a"),
        # the program interposes
        ({"/bin/prog": define("a"), "/lib/a": refer(own=Sym("s", TEXT))}, "a", "prog"),
        # weak does not matter to the dynamic linker
        ({"/bin/prog": refer("a", "b"), "/lib/a": define(binding=c.STB_WEAK), "/lib/b": define()}, "", "/lib/a"),
        # hidden and local definitions are none
        ({"/bin/prog": refer("a", "b"), "/lib/a": define(visibility=c.STV_HIDDEN), "/lib/b": define()}, "", "/lib/b"),
        ({"/bin/prog": refer("a", "b"), "/lib/a": define(binding=c.STB_LOCAL), "/lib/b": define()}, "", "/lib/b"),
        # a protected reference stays at home, and so does -Bsymbolic
        ({"/bin/prog": define("a"), "/lib/a": refer(own=Sym("s", TEXT, visibility=c.STV_PROTECTED))}, "a", "/lib/a"),
        ({"/bin/prog": define("a"), "/lib/a": refer(own=Sym("s", TEXT), extra=[(c.DT_SYMBOLIC, 0)])}, "a", "/lib/a"),
        ({"/bin/prog": define("a"), "/lib/a": refer(own=Sym("s", TEXT), extra=[(c.DT_FLAGS, 2)])}, "a", "/lib/a"),
    ],
)  # fmt: skip
def test_the_first_definition_in_scope_wins(files: dict[str, Maker], of: str, winner: str) -> None:
    assert bound(files, of=of) == winner


def test_preloaded_objects_come_right_after_the_program() -> None:
    files = {"/bin/prog": refer("a"), "/lib/a": define(), "/lib/p": define(), "/lib/q": define()}
    assert bound(files, "LD_PRELOAD=p q") == "/lib/p"
    assert bound(files, "LD_PRELOAD=/lib/q:p") == "/lib/q"


def test_a_preload_that_is_not_there_is_mentioned_and_ignored() -> None:
    loaded = Loaded({"/bin/prog": Maker().build()}, env=["LD_PRELOAD=nope.so"])
    assert loaded.guest.stderr.decode() == (
        "ERROR: ld.so: object 'nope.so' from LD_PRELOAD cannot be preloaded (cannot open shared object file): ignored.\n"
    )


def test_a_plt_entry_of_the_program_is_an_address_but_no_target() -> None:
    """psABI: an undefined function with a value is its canonical PLT entry; all objects agree on that address."""
    program = Maker(needed=["a"], symbols=[Sym("s", TEXT + 64, plt=True)], plt=["s"])
    library = Maker(symbols=[Sym("s", TEXT)], relocs=[REFERENCE])
    loaded = Loaded({"/bin/prog": program.build(), "/lib/a": library.build()})
    main, obj = loaded.object(""), loaded.object("a")
    assert loaded.word(obj.bias + DATA + 16) == main.bias + TEXT + 64
    assert loaded.session.bind_lazily(main.handle, 0).target == obj.bias + TEXT


def test_one_look_up_for_relocations_in_a_row() -> None:
    program = Maker(
        needed=["a"], symbols=[Sym("s"), Sym("t")],
        relocs=[Rel(DATA + 16 + 8 * i, R.ABS64, name) for i, name in enumerate("ssts")],
    )  # fmt: skip
    library = Maker(symbols=[Sym("s", TEXT), Sym("t", TEXT)])
    counts = Loaded({"/bin/prog": program.build(), "/lib/a": library.build()}).state.counts()
    assert (counts.lookups, counts.cached) == (3 + 1, 1)  # and __global_pointer$
    assert counts.libraries == 1


def test_ld_debug_bindings() -> None:
    loaded = Loaded({"/bin/prog": refer("a").build(), "/lib/a": define().build()}, env=["LD_DEBUG=bindings"])
    assert (
        b"     20536:\tbinding file /bin/prog [0] to /lib/a [0]: normal symbol `s'\n" in loaded.guest.stderr
    )


def test_missing_library_in_glibcs_words() -> None:
    with pytest.raises(DlError) as caught:
        Loaded({"/bin/prog": Maker(needed=["libz.so"]).build()})
    assert caught.value.fatal("./a") == (
        "./a: error while loading shared libraries: libz.so: cannot open shared object file: No such file or directory"
    )


def looked_up(files: dict[str, Maker], *env: str) -> list[SymbolLookedUp]:
    """The look-ups of `s` while a program is loaded."""
    loaded = Loaded({path: maker.build() for path, maker in files.items()}, env=env)
    events = [event for event in loaded.guest.events if isinstance(event, SymbolLookedUp)]
    return [event for event in events if event.symbol == "s"]


def test_a_look_up_names_what_it_tried_and_what_it_interposes() -> None:
    hidden = define(visibility=c.STV_HIDDEN)
    files = {"/bin/prog": refer("h", "a", "b"), "/lib/h": hidden, "/lib/a": define(), "/lib/b": define()}
    (event,) = looked_up(files)
    tried = [(probe.object, probe.verdict) for probe in event.probes if probe.tried]
    assert tried == [
        ("/bin/prog", ".gnu.hash 0x0002b618: the Bloom filter says no"),
        ("/lib/h", "it is hidden"),
        ("/lib/a", "found"),
    ]
    assert [probe.object for probe in event.probes if not probe.tried] == ["/lib/b"]
    assert event.scopes == (("/bin/prog", "/lib/h", "/lib/a", "/lib/b"),)
    assert (event.relocation, event.definer) == ("R_RISCV_64", "/lib/a")
    assert event.rule == "the first definition in the scope is used: it interposes /lib/b"


@pytest.mark.parametrize(
    ("files", "rule"),
    [
        ({"/bin/prog": refer("a"), "/lib/a": define(binding=c.STB_WEAK)}, "a weak definition counts like any other"),
        ({"/bin/prog": define("a"), "/lib/a": refer(own=Sym("s", TEXT, visibility=c.STV_PROTECTED))}, "protected: "),
        ({"/bin/prog": define("a"), "/lib/a": refer(own=Sym("s", TEXT), extra=[(c.DT_SYMBOLIC, 0)])}, "DF_SYMBOLIC"),
        ({"/bin/prog": refer("a"), "/lib/a": define(binding=c.STB_GNU_UNIQUE)}, "STB_GNU_UNIQUE"),
        ({"/bin/prog": refer("a", own=Sym("s", binding=c.STB_WEAK)), "/lib/a": Maker()}, "a weak reference is 0"),
    ],
)  # fmt: skip
def test_the_rule_of_a_look_up(files: dict[str, Maker], rule: str) -> None:
    assert rule in looked_up(files)[0].rule
