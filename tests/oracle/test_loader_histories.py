"""Random histories of dlopen, dlsym and dlclose: our loader against glibc's own under qemu.

The libraries are the same files on both sides. One driver is linked twice, against glibc for qemu and against four small
functions over the private system calls for toyvm. It takes a history as its argument, prints each result, and runs the
finalisers at its end, so that output, exit code and messages must be the same.

`TOYVM_DL_HISTORIES=2000` compares that many histories instead of the usual number; `HYPOTHESIS_PROFILE=explore` new ones.

Kept out of the histories, because glibc has no defined answer: a handle after its last dlclose (glibc reads freed memory),
and RTLD_NEXT in a library whose loading root is gone (its search list is freed memory as well; tests/unit/loader/test_dl.py
says what ours does). Libraries that need each other in a circle are compared in test_loader_dl.py.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracle.test_loader import SYSTEM, Outcome, in_qemu, in_toyvm
from tests.oracle.test_loader_dl import PROTOTYPES, SHIM
from tests.support.oracles import GCC, QEMU, require_oracle

pytestmark = pytest.mark.oracle
HISTORIES = int(os.environ.get("TOYVM_DL_HISTORIES", "120"))
OPERATIONS = 24  # in one history
HANDLES = 6

LAZY, NOW, NOLOAD, DEEPBIND, GLOBAL, NODELETE = 1, 2, 4, 8, 0x100, 0x1000

SHARED = """
struct library { long (*act)(int what, void *handle, const char *name); int opening, root; };
extern struct library table[];
extern int openings, opening, opening_root;
"""
"""What the driver knows of each library: its entry while it is initialised, and which dlopen brought it."""


@dataclass(frozen=True)
class Library:
    """One library of the world.

    `defines` are functions besides its own `own_NAME`; they return the library's number. `calls` are functions of others that it
    calls through the PLT, `points_at` those whose address it holds in data, `weak` those it may do without.
    `tls` is the size of its thread-local data, `model` how the compiler reaches them; `unique` a symbol bound STB_GNU_UNIQUE.
    Its constructor opens the library `opens`, its destructor closes that.
    """

    needed: tuple[str, ...] = ()
    defines: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    points_at: tuple[str, ...] = ()
    weak: tuple[str, ...] = ()
    tls: int = 0
    model: str = "global-dynamic"
    unique: str = ""
    options: str = ""
    soname: str = ""
    opens: str = ""


WORLD: dict[str, Library] = {
    "start": Library(defines=("common", "start_only"), weak=("late",), tls=8),
    "plain": Library(defines=("common", "late")),
    "base": Library(defines=("common", "deep"), tls=8),
    "mid": Library(needed=("base",), defines=("common", "middle"), calls=("common", "deep")),
    "top": Library(needed=("mid", "base"), defines=("common",), calls=("common", "middle", "late"), tls=40),
    "other": Library(needed=("base", "plain"), calls=("common", "deep", "late"), points_at=("common",)),
    "lender": Library(defines=("lent", "common")),
    "borrower": Library(points_at=("lent",), defines=("common",), tls=8),
    "lazy": Library(calls=("lent", "nowhere"), defines=("common",)),
    "weak": Library(weak=("lent", "middle"), defines=("common",)),
    "pair": Library(needed=("borrower", "lender"), defines=("common",), calls=("common",)),
    "symbolic": Library(defines=("common",), calls=("common",), options="-Wl,-Bsymbolic"),
    "kept": Library(needed=("plain",), defines=("common",), options="-Wl,-z,nodelete"),
    "alias": Library(defines=("common",), soname="libknown.so", calls=("deep",)),
    "large": Library(tls=8192, defines=("common",)),
    "exec": Library(tls=24, model="initial-exec", defines=("common",)),
    "unique": Library(defines=("common",), unique="only_one"),
    "second": Library(defines=("common",), unique="only_one", needed=("plain",)),
    "opener": Library(defines=("common",), opens="top", needed=("base",)),
    "behind": Library(defines=("common",), needed=("opener", "lender")),
    "again": Library(defines=("common",), opens="behind", tls=8),
    "hopeless": Library(defines=("common",), opens="halfway", needed=("again",)),
    "broken": Library(needed=("base", "missing"), tls=8),
    "halfway": Library(needed=("mid", "undefined")),
    "undefined": Library(points_at=("nowhere",), tls=8, needed=("plain",)),
    "spoilt": Library(needed=("lender", "garbage")),
}  # fmt: skip
FILES = ["missing", "garbage", "empty"]
"""Names that are no library: no file, a text, an empty file."""
NUMBERS = {name: number for number, name in enumerate(WORLD)}
SYMBOLS = sorted(
    {symbol for library in WORLD.values() for symbol in (*library.defines, *library.calls)}
    | {f"own_{name}" for name in WORLD}
    | {f"tls_{name}" for name, library in WORLD.items() if library.tls}
)


def source(name: str) -> str:
    """The C text of a library."""
    library, number = WORLD[name], NUMBERS[name]
    lines = [SYSTEM, PROTOTYPES, SHARED]
    outside = {*library.calls, *library.points_at, *library.weak} - {*library.defines}
    lines += [f"int {f}(void){' __attribute__((weak))' * (f in library.weak)};" for f in sorted(outside)]
    lines += [f"int {f}(void) {{ return {number}; }}" for f in (f"own_{name}", *library.defines)]
    if library.tls:
        model = f'__attribute__((tls_model("{library.model}")))'
        lines.append(f"{model} __thread int tls_{name}[{library.tls // 4}] = {{ {number + 100} }};")
    if library.unique:
        lines.append(f"extern int {library.unique};")
        lines.append(
            f'asm(".data\\n.globl {library.unique}\\n.type {library.unique}, @gnu_unique_object\\n'
            f'{library.unique}: .word {number}\\n.size {library.unique}, 4\\n.text");'
        )
    lines += [f"int (*volatile at_{f})(void) = {f};" for f in library.points_at]
    lines.append("static long act(int what, void *handle, const char *name) { switch (what) {")
    lines.append("case 0: return (long)dlsym(handle, name);")
    if library.tls:
        lines.append(f"case 1: return tls_{name}[1]++ + tls_{name}[0]++;")
    cases = [
        *(f"return {f}();" for f in library.calls),
        *(f"return at_{f}();" for f in library.points_at),
        *(f"return {f} ? {f}() : -2;" for f in library.weak),
        *([f"return {library.unique}++;"] if library.unique else []),
    ]
    lines += [f"case {2 + i}: {text}" for i, text in enumerate(cases)]
    lines.append("} return -3; }")
    entry = f"table[{number}]"
    up = down = ""
    if library.opens:
        lines.append("static void *inner;")
        up = (
            f"int last = opening, root = opening_root; opening = ++openings; opening_root = {NUMBERS[library.opens]};"
            f' inner = dlopen("lib{library.opens}.so", 1); if (!inner) say(dlerror()); say("opened in {name}\\n");'
            " opening = last; opening_root = root;"
        )
        down = f'if (inner) dlclose(inner); say("closed in {name}\\n");'
    lines.append(
        f'__attribute__((constructor)) static void up(void) {{ say("up {name}\\n"); {entry}.act = act;'
        f" {entry}.opening = opening; {entry}.root = opening_root; {up} }}"
        f'__attribute__((destructor)) static void down(void) {{ say("down {name}\\n"); {entry}.act = 0; {down} }}'
    )
    return "\n".join(lines)


DRIVER = """
struct library table[NUMBER_OF_LIBRARIES];
int openings, opening, opening_root;
int common(void) { return 90; }
static void *handles[NUMBER_OF_HANDLES];
static char word[100];
static char *next_word(char **text)
{
    char *from = *text; int i = 0;
    while (*from && *from != ' ' && *from != ';') word[i++] = *from++;
    word[i] = 0;
    *text = *from == ' ' ? from + 1 : from;
    return word;
}
static long next_number(char **text)
{
    char *p = next_word(text); long n = 0;
    while (*p) n = 10 * n + *p++ - '0';
    return n;
}
static void signed_number(long v) { if (v < 0) { say("-"); v = -v; } number("", v); }
static void complain(void) { char *e = dlerror(); say(e ? e : "no message"); say("\\n"); }
static void found(void *p, const char *name)
{
    char *e = p ? 0 : dlerror();
    if (e) { say(e); say("\\n"); }
    else if (!p) say("null\\n");
    else if (name[0] == 't' && name[3] == '_') number("variable ", *(int *)p);
    else number("function ", ((int (*)(void))p)());
}
static void open_one(char **text)
{
    long slot = next_number(text), flags = next_number(text), root = next_number(text);
    char *name = next_word(text);
    if (handles[slot]) { say("in use\\n"); return; }
    opening = ++openings; opening_root = root;
    handles[slot] = dlopen(*name == '-' ? 0 : name, flags);
    if (handles[slot]) {
        int same = 0;
        while (handles[same] != handles[slot]) same++;
        number("handle ", same);
    } else complain();
}
static void close_one(char **text)
{
    long slot = next_number(text);
    if (!handles[slot]) { say("not open\\n"); return; }
    void *handle = handles[slot];
    handles[slot] = 0;
    if (dlclose(handle)) complain();
    for (int i = 0; i < NUMBER_OF_LIBRARIES; i++) say(table[i].act ? "+" : ".");
    say("\\n");
}
static void look_up(char **text)
{
    long slot = next_number(text); char *name = next_word(text);
    if (handles[slot]) found(dlsym(handles[slot], name), name); else say("not open\\n");
}
static void look_up_default(char **text) { char *name = next_word(text); found(dlsym(0, name), name); }
static void look_up_next(char **text) { char *name = next_word(text); found(dlsym((void *)-1, name), name); }
static void seek(char **text)
{
    struct library *l = &table[next_number(text)]; long next = next_number(text); char *name = next_word(text);
    if (!l->act) { say("not loaded\\n"); return; }
    struct library *root = &table[l->root];
    if (next && l->opening && (!root->act || root->opening != l->opening)) { say("root gone\\n"); return; }
    found((void *)l->act(0, (void *)-next, name), name);
}
static void act(char **text)
{
    struct library *l = &table[next_number(text)]; long what = next_number(text);
    if (l->act) signed_number(l->act(what, 0, 0)); else say("not loaded\\n");
}
void program(char *text)
{
    while (*text) {
        char *start = text;
        while (*text && *text != ';') text++;
        call(64, 1, (long)start, text - start); say(": ");
        text = start;
        switch (*next_word(&text)) {
        case 'o': open_one(&text); break;
        case 'c': close_one(&text); break;
        case 's': look_up(&text); break;
        case 'd': look_up_default(&text); break;
        case 'n': look_up_next(&text); break;
        case 'l': seek(&text); break;
        case 'a': act(&text); break;
        }
        if (*text) text++;
    }
    say("end\\n");
}
"""
START = """
void program(char *);
static __attribute__((used)) void begin(void (*fini)(void), char **stack) { program(stack[2]); fini(); call(94, 7, 0, 0); }
asm(".globl _start\\n_start: mv a1, sp; tail begin");
"""
MAIN = "void program(char *); int main(int argc, char **argv) { program(argv[1]); return 7; }"


def build(folder: Path) -> None:
    """Compile the world: libNAME.so, `prog` for toyvm and `theirs` for qemu."""
    require_oracle(GCC, QEMU)
    flags = "-march=rv64imafd -O1 -w -fno-stack-protector"
    any_symbol = "-Wl,--unresolved-symbols=ignore-all -Wl,--allow-shlib-undefined -Wl,--no-as-needed"
    (folder / "libshim.c").write_text(SYSTEM + PROTOTYPES + SHIM)
    # What is needed must be there to be linked against: stand-ins, which go afterwards.
    script = [f"{GCC} {flags} -nostdlib -shared -fPIC -Wl,-soname,libshim.so libshim.c -o libshim.so"]
    script += [
        f"{GCC} -nostdlib -shared -Wl,-soname,lib{name}.so -o lib{name}.so -x c /dev/null" for name in FILES
    ]
    done: set[str] = set(FILES)
    todo = list(WORLD)
    while todo:
        name = next(name for name in todo if {*WORLD[name].needed} <= done)
        todo.remove(name)
        done.add(name)
        library = WORLD[name]
        (folder / f"lib{name}.c").write_text(source(name))
        needed = " ".join(f"lib{other}.so" for other in library.needed)
        soname = library.soname or f"lib{name}.so"
        script.append(
            f"{GCC} {flags} -nostdlib -shared -fPIC -Wl,-soname,{soname} lib{name}.c -o lib{name}.so {any_symbol} "
            f"{library.options} {needed}"
        )
    driver = DRIVER.replace("NUMBER_OF_LIBRARIES", str(len(WORLD))).replace("NUMBER_OF_HANDLES", str(HANDLES))
    (folder / "driver.c").write_text(SYSTEM + PROTOTYPES + SHARED + driver)
    (folder / "start.c").write_text(SYSTEM + START)
    (folder / "main.c").write_text(MAIN)
    linked = f"{any_symbol} -Wl,--export-dynamic libstart.so"
    script += [
        f"{GCC} {flags} -c driver.c start.c main.c",
        f"{GCC} -nostdlib driver.o start.o -o prog {linked} libshim.so",
        f"{GCC} main.o driver.o -o theirs {linked}",
        "rm libmissing.so libempty.so; : >libempty.so; head -c 1000 main.c driver.c >libgarbage.so",
    ]
    subprocess.run(["sh", "-e", "-c", "\n".join(script)], cwd=folder, check=True)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the compiled world."""
    folder = tmp_path_factory.mktemp("histories")
    build(folder)
    return folder


def _names() -> st.SearchStrategy[tuple[str, int]]:
    """A file as dlopen is given it, and the number of the library that it is (0 for none)."""
    libraries = st.sampled_from([*WORLD, *FILES])
    plain = st.tuples(st.sampled_from(["lib{}.so", "./lib{}.so"]), libraries).map(
        lambda both: (both[0].format(both[1]), NUMBERS.get(both[1], 0))
    )
    return st.one_of(plain, plain, plain, st.sampled_from([("-", 0), ("libknown.so", NUMBERS["alias"])]))


def _flags() -> st.SearchStrategy[int]:
    how = st.sampled_from([LAZY, LAZY, NOW])
    more = st.lists(st.sampled_from([NOLOAD, DEEPBIND, GLOBAL, GLOBAL, NODELETE]), max_size=2, unique=True)
    return st.one_of(how, how, st.tuples(how, more).map(lambda both: both[0] | sum(both[1])))


def operations() -> st.SearchStrategy[str]:
    """One step of a history, as the driver reads it."""
    slots = st.integers(0, HANDLES - 1)
    libraries = st.integers(0, len(WORLD) - 1)
    symbols = st.sampled_from([*SYMBOLS, "common", "common", "late", "lent", "deep"])
    opens = st.tuples(slots, _flags(), _names()).map(lambda x: f"o {x[0]} {x[1]} {x[2][1]} {x[2][0]}")
    return st.one_of(
        opens,
        opens,
        opens,
        slots.map("c {}".format),
        slots.map("c {}".format),
        st.tuples(slots, symbols).map(lambda x: f"s {x[0]} {x[1]}"),
        symbols.map("d {}".format),
        symbols.map("n {}".format),
        st.tuples(libraries, st.integers(0, 1), symbols).map(lambda x: f"l {x[0]} {x[1]} {x[2]}"),
        st.tuples(libraries, st.integers(1, 5)).map(lambda x: f"a {x[0]} {x[1]}"),
    )


def compare(folder: Path, history: str) -> Outcome:
    """Run a history on both sides; what both printed."""
    ours = in_toyvm(folder, [], arguments=[history])
    theirs = in_qemu(folder, [], "./theirs", arguments=[history])
    assert ours.stdout.splitlines() == theirs.stdout.splitlines()
    assert ours == theirs
    return ours


@settings(max_examples=HISTORIES)
@given(steps=st.lists(operations(), min_size=1, max_size=OPERATIONS))
def test_random_histories(world: Path, steps: list[str]) -> None:
    compare(world, ";".join(steps))
