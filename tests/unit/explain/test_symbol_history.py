"""`explain symbol` and `explain member`: each rule of symbol resolution, and agreement with the resolver."""

from __future__ import annotations

import random

import pytest

from tests.support.small_links import START, lib, link_all, obj, shared
from toyvm.base.errors import ToyvmError
from toyvm.elf.object_file import ObjectFile
from toyvm.explain.member_chain import explain_member
from toyvm.explain.symbol_history import SymbolHistory
from toyvm.explain.symbol_text import members_text, symbol_text
from toyvm.explain.symbol_values import MemberExplanation, Mention, SymbolExplanation
from toyvm.linker.inputs.global_symbols import DefinitionKind
from toyvm.linker.link_options import Input

CALL = START + "call f\n"
STRONG = ".globl f\nf: ret\n"
WEAK = ".weak f\nf: nop\nret\n"
DATA = ".globl v\n.data\n.type v, @object\n.size v, 8\nv: .dword 1\n"


def history(*inputs: Input | ObjectFile | str, **options: object) -> SymbolHistory:
    return SymbolHistory(link_all(*inputs, keep_history=True, **options))


def symbol(name: str, *inputs: Input | ObjectFile | str, **options: object) -> SymbolExplanation:
    return history(*inputs, **options).explain(name)


def effect(answer: SymbolExplanation, file: str) -> Mention:
    return next(mention for mention in answer.mentions if mention.file == file)


def test_the_first_definition_wins_and_later_ones_say_why_not() -> None:
    answer = symbol("f", CALL, WEAK, STRONG, obj(WEAK, "d.o"), allow_multiple_definition=True)
    assert [mention.what for mention in answer.mentions] == [
        "reference",
        "weak definition",
        "definition",
        "weak definition",
    ]
    assert [mention.won for mention in answer.mentions] == [False, False, True, False]
    assert effect(answer, "a.o").effect == "undefined from here on: archives that follow are searched for it"
    assert effect(answer, "b.o").effect.startswith("wins: the first definition; it is weak")
    assert effect(answer, "c.o").effect == "wins: a strong definition replaces the weak one of b.o"
    assert effect(answer, "d.o").effect.startswith("loses: c.o defines it already")
    assert (answer.definition, answer.output) == ("c.o:(.text+0x0)", ".text")
    text = symbol_text(answer)
    assert " *  3 c.o: definition at .text+0x0" in text
    assert max(map(len, text.splitlines())) <= 100


def test_a_second_strong_definition_loses_where_it_is_allowed() -> None:
    answer = symbol("f", CALL, STRONG, obj(STRONG, "z.o"), allow_multiple_definition=True)
    assert (
        effect(answer, "z.o").effect
        == "loses: b.o has the first definition; an error, unless --allow-multiple-definition"
    )


def test_common_variables_merge_and_give_way() -> None:
    small, large = ".comm v, 8, 8\n", ".comm v, 64, 8\n"
    answer = symbol("v", START + ".dword v\n", small, large)
    assert effect(answer, "b.o").effect.startswith("a common variable")
    assert effect(answer, "c.o").effect == "the same common variable as in b.o; its size grows to 64"
    assert answer.size == 64
    answer = symbol("v", START + ".dword v\n", small, DATA, obj(large, "z.o"))
    assert effect(answer, "c.o").effect == "wins: a definition replaces the common variable of b.o"
    assert effect(answer, "z.o").effect == "only a reference: c.o defines it"


def test_an_archive_is_searched_where_it_stands() -> None:
    early = lib("early.a", f=STRONG)
    answer = symbol("f", early, CALL, lib("late.a", f=STRONG))
    assert effect(answer, "early.a(f.o)").effect.startswith(
        "loses: nothing had referred to it when the archive was searched"
    )
    assert effect(answer, "late.a(f.o)").won
    answer = symbol("f", CALL, STRONG, lib("late.a", f=STRONG))
    assert effect(answer, "late.a(f.o)").effect == "loses: b.o defines it already"
    answer = symbol("f", START + ".weak f\n.dword f\n", lib("late.a", f=STRONG))
    assert (
        effect(answer, "late.a(f.o)").effect == "loses: only weak references so far, which pull in no member"
    )
    assert (answer.definition, answer.address) == ("", None)
    assert "undefined: a weak reference is 0" in answer.rules


def test_libraries_copies_and_canonical_entries() -> None:
    library = shared("lib.so", DATA + ".text\n.globl g\n.type g, @function\ng: ret\n")
    answer = symbol("v", START + "lui a0, %hi(v)\n", library)
    assert effect(answer, "lib.so").effect == "wins: the first library that defines what is undefined"
    assert answer.rules[0].startswith("copy relocation: ")
    assert answer.definition == "lib.so"
    answer = symbol("g", START + "lui a0, %hi(g)\n", library)
    assert answer.rules[0].startswith("canonical PLT: ")
    answer = symbol("g", START + "call g\n", library)
    assert answer.rules[0].startswith("the loader looks it up at run time")
    assert answer.call_address
    answer = symbol("g", library, START + "call g\n", ".globl g\ng: ret\n")
    assert (
        effect(answer, "b.o").effect == "wins: a definition of the program itself comes before that of lib.so"
    )


def test_wrap_defsym_and_visibility() -> None:
    wrap = ".globl __wrap_f\n__wrap_f: call __real_f\nret\n"
    answer = symbol("__wrap_f", CALL, STRONG, wrap, wrap=("f",))
    assert effect(answer, "a.o").effect.endswith("it says `f', which --wrap=f turns into this")
    real = symbol("f", CALL, STRONG, wrap, wrap=("f",))
    assert effect(real, "c.o").effect.endswith("it says `__real_f', which --wrap=f turns into this")
    answer = symbol("f", CALL, defsyms=(("f", "0x1234"),))
    assert (answer.address, answer.rules[0]) == (
        0x1234,
        "--defsym f=0x1234 defines it, whatever the inputs say",
    )
    answer = symbol("f", CALL, ".hidden f\n" + STRONG)
    assert answer.visibility == "hidden"
    assert answer.rules == ("hidden visibility: the most restrictive of all mentions counts",)


def test_what_scripts_and_the_linker_define() -> None:
    answer = symbol("_end", START + ".dword _end\n")
    assert answer.rules == ("the linker defines it, because it is used and no input defines it",)
    script = "SECTIONS { .text : { *(.text) } f = 0x40; PROVIDE(g = 0x50); }"
    answer = symbol("f", START + ".dword f, g\n", scripts=(("s.ld", script),))
    assert (answer.address, answer.rules[0]) == (0x40, "the linker script assigns it")
    answer = symbol("g", START + ".dword f, g\n", scripts=(("s.ld", script),))
    assert answer.address == 0x50
    assert answer.rules[0].startswith("the linker script provides it (PROVIDE)")


def test_a_section_that_is_collected_has_no_address() -> None:
    answer = symbol("f", START, '.section .text.f,"ax"\n' + STRONG, gc_sections=True)
    assert (answer.address, answer.output) == (None, "")
    assert answer.rules[0].startswith("its section is not in the output")


def test_a_local_symbol_of_the_name_is_pointed_at() -> None:
    answer = symbol("f", CALL, "f: ret\n", warn_unresolved=True)
    assert (
        answer.rules[1]
        == "b.o has a local symbol of this name, which others do not see: `.globl f' is missing"
    )
    with pytest.raises(ToyvmError, match=r"'g' is a local symbol of a\.o, and no other input mentions it"):
        symbol("g", START + "g: ret\n")


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(ToyvmError, match="no input mentions the symbol 'nope'"):
        symbol("nope", START)


# -- members ----------------------------------------------------------------------------------------------------


def member(name: str, *inputs: Input | ObjectFile | str, **options: object) -> MemberExplanation:
    (answer,) = explain_member(history(*inputs, **options), name)
    return answer


def test_the_chain_that_pulled_a_member_in() -> None:
    archive = lib(
        "x.a",
        f=STRONG + "call g\n",
        g=".globl g\ng: call h\n",
        h=".globl h\nh: ret\n",
        i=".globl i\ni: ret\n",
    )
    answer = member("h.o", CALL, archive)
    assert [(link.file, link.symbol, link.pulled) for link in answer.chain] == [
        ("a.o", "f", "x.a(f.o)"),
        ("x.a(f.o)", "g", "x.a(g.o)"),
        ("x.a(g.o)", "h", "x.a(h.o)"),
    ]
    assert "-> `h' in x.a(h.o)" in members_text([answer])
    assert member("i.o", CALL, archive).reason == "nothing refers to what it defines: i"
    assert member("x.a(f.o)", CALL, archive).uses == ("f",)


def test_a_member_stays_out_with_a_reason_for_each_symbol() -> None:
    answer = member("f.o", CALL, STRONG, lib("x.a", f=STRONG))
    assert (answer.taken, answer.reason) == (False, "`f': b.o defines it already")
    whole = Input(path="x.a", data=lib("x.a", f=STRONG).data, whole_archive=True)
    assert member("f.o", START, whole).reason == "--whole-archive takes every member"


def test_libraries_by_need() -> None:
    one, two = shared("one.so", STRONG), shared("two.so", ".globl g\ng: ret\n")
    needed = [Input(path=each.path, data=each.data, as_needed=True) for each in (one, two)]
    answer = member("one.so", CALL, *needed)
    assert (answer.taken, answer.needed, answer.uses) == (True, "one.so", ("f",))
    assert answer.reason == "--as-needed: a.o refers to `f', which it defines"
    answer = member("two.so", CALL, *needed)
    assert (answer.taken, answer.reason) == (False, "--as-needed: no object needs a symbol that it defines")
    assert "without --as-needed" in member("two.so", START, two).reason


def test_a_name_that_is_none_gets_a_hint() -> None:
    with pytest.raises(ToyvmError, match=r"did you mean 'x.a.f.o.'"):
        explain_member(history(CALL, lib("x.a", f=STRONG)), "x.a(g.o)")


# -- agreement with the resolver --------------------------------------------------------------------------------


def random_inputs(rng: random.Random) -> list[Input | ObjectFile | str]:
    """Objects, archives and libraries that define and use the names n0 to n5 in all ways."""
    texts = {
        "strong": ".globl {0}\n{0}: nop\n",
        "weak": ".weak {0}\n{0}: nop\n",
        "common": ".comm {0}, {1}, 8\n",
        "use": ".dword {0}\n",
        "weak use": ".weak {0}\n.dword {0}\n",
        "hidden use": ".hidden {0}\n.dword {0}\n",
    }

    def text(kinds: list[str]) -> str:
        names = rng.sample(range(6), rng.randrange(1, 4))
        parts = [texts[rng.choice(kinds)].format(f"n{name}", 8 * rng.randrange(1, 9)) for name in names]
        return ".data\n" + "".join(parts)

    every = list(texts)
    made: list[Input | ObjectFile | str] = [obj(START, "start.o")]
    for number in range(rng.randrange(3, 7)):
        what = rng.choice(["object", "object", "archive", "archive", "library"])
        if what == "object":
            made.append(obj(text(every[:5]), f"o{number}.o"))
        elif what == "archive":
            members = {f"m{number}{k}": text(every[:5]) for k in range(rng.randrange(1, 4))}
            made.append(lib(f"a{number}.a", **members))
        else:
            made.append(shared(f"l{number}.so", text(["strong", "weak"])))
    return made


@pytest.mark.parametrize("seed", range(60))
def test_the_winner_is_the_resolvers(seed: int) -> None:
    found = history(*random_inputs(random.Random(seed)), allow_multiple_definition=True, warn_unresolved=True)
    resolution = found.resolution
    for name, known in resolution.table.items():
        answer = found.explain(name)
        winners = [mention for mention in answer.mentions if mention.won]
        if known.kind is DefinitionKind.UNDEFINED:
            assert not winners, (name, answer)
            continue
        files = resolution.libraries if known.kind is DefinitionKind.SHARED else resolution.files
        holder = files[known.file]
        expected = holder.name if known.kind is DefinitionKind.SHARED else holder.object.name  # type: ignore[union-attr] # the kind says which
        if sum(mention.what != "unused member" for mention in answer.mentions):
            assert [winner.file for winner in winners[-1:]] == [expected], (name, answer)
    taken = {loaded.object.name for loaded in resolution.files if loaded.archive}
    for loaded in resolution.files:
        if loaded.archive:
            (answer,) = explain_member(found, loaded.object.name)
            assert answer.taken and answer.chain
            assert all(link.pulled in taken for link in answer.chain)
            assert answer.chain[0].file not in taken
