"""Our dynamic loader against glibc's own: the same program and libraries, made by gcc and GNU ld without glibc, must give
the same output, the same exit code, the same words and, with LD_DEBUG, the same bindings.
"""

from __future__ import annotations

import io
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.elf_maker import Maker
from tests.support.oracles import GCC, QEMU, require_oracle
from toyvm.base.events import Bus
from toyvm.engines.python.reference_engine import ReferenceEngine
from toyvm.kernel.kernel import Kernel
from toyvm.kernel.vfs.path_walk import Vfs
from toyvm.loader.dynamic_loader import DynamicLoader
from toyvm.loader.loader_events import SymbolLookedUp

pytestmark = pytest.mark.oracle

SYSTEM = """
static long call(long n, long a, long b, long c)
{
    register long a7 asm("a7") = n, a0 asm("a0") = a, a1 asm("a1") = b, a2 asm("a2") = c;
    asm volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2) : "memory");
    return a0;
}
static inline void say(const char *s) { long n = 0; while (s[n]) n++; call(64, 1, (long)s, n); }
static inline void number(const char *s, long v)
{
    char b[32]; int i = 31; b[i] = '\\n';
    do b[--i] = '0' + v % 10; while (v /= 10);
    say(s); call(64, 1, (long)(b + i), 32 - i);
}
"""
START = """
void program(void);
static __attribute__((used)) void begin(void (*fini)(void)) { program(); END call(94, 7, 0, 0); }
asm(".globl _start\\n_start: tail begin");
"""


@dataclass(frozen=True)
class World:
    """A program and its libraries, in order of linking: name -> (C source, options). The program's name is `prog`.

    `rename`: files that take the place of others when all are linked.
    `libc`: glibc's ld.so cannot do without its libc here (thread-local storage, finalisers); ours finds an empty one.
    """

    files: Mapping[str, tuple[str, Sequence[str]]]
    runs: Sequence[Sequence[str]] = ((), ("LD_BIND_NOW=1",))
    program_flags: Sequence[str] = ()
    libc: bool = False
    remove: Sequence[str] = ()
    rename: Mapping[str, str] = field(default_factory=dict)
    damage: Mapping[str, bytes] = field(default_factory=dict)


def announce(name: str) -> str:
    """A constructor and a destructor that say who they are."""
    return (
        f'__attribute__((constructor)) static void up(void) {{ say("up {name}\\n"); }}\n'
        f'__attribute__((destructor)) static void down(void) {{ say("down {name}\\n"); }}\n'
    )


WORLDS: dict[str, World] = {}

WORLDS["interposition"] = World(
    {
        "libdeep.so": ("int who(void) { return 3; } int deep(void) { return who(); }", ()),
        "liba.so": (
            "int who(void); int a(void) { return who() * 10; } int shared = 5; int get(void) { return shared; }",
            ("libdeep.so",),
        ),
        "libb.so": (
            "int who(void) { return 2; } int b(void) { return who(); }"
            "int missing(void) __attribute__((weak)); int m(void) { return missing ? missing() : 77; }",
            (),
        ),
        "libpre.so": ("int who(void) { return 9; }", ()),
        "prog": (
            "int a(void), b(void), deep(void), m(void), get(void); extern int shared; int own(void) { return 1; }"
            'void program(void) { number("a ", a()); number("b ", b()); number("deep ", deep()); number("m ", m());'
            ' shared = 6; number("shared ", get()); number("own ", own()); }',
            ("liba.so", "libb.so", "libdeep.so"),
        ),
    },
    runs=((), ("LD_BIND_NOW=1",), ("LD_PRELOAD=./libpre.so",), ("LD_PRELOAD=libpre.so:libnone.so",)),
    program_flags=("-fno-pic", "-no-pie"),
)

WORLDS["order"] = World(
    {
        "libd.so": (announce("d"), ()),
        "libc1.so": (announce("c1"), ("libd.so",)),
        "libb1.so": (announce("b1"), ("libd.so",)),
        "liba1.so": (announce("a1"), ("libb1.so", "libc1.so")),
        "libz.so": (announce("z"), ("liba1.so",)),
        "libp.so": (announce("p"), ()),
        "prog": (
            'static void pre(void) { say("preinit\\n"); }'
            '__attribute__((section(".preinit_array"), used)) static void (*hook)(void) = pre;'
            + announce("prog")
            + 'void program(void) { say("program\\n"); }',
            ("-Wl,--no-as-needed", "libd.so", "libz.so", "liba1.so"),
        ),
    },
    runs=((), ("LD_PRELOAD=libp.so",)),
    libc=True,
)

for first, second in (("1", "2"), ("2", "1")):
    WORLDS[f"a ring, {first} first"] = World(
        {
            "libring2.so": ("int two(void) { return 2; }", ()),
            "libring1.so": (announce("ring1"), ("-Wl,--no-as-needed", "libring2.so")),
            "later.so": (
                announce("ring2"),
                (
                    "-Wl,--no-as-needed",
                    "libring1.so",
                    "-Wl,-soname,libring2.so",
                    "-Wl,--allow-shlib-undefined",
                ),
            ),
            "prog": (
                'void program(void) { say("program\\n"); }',
                (
                    "-Wl,--no-as-needed",
                    f"libring{first}.so",
                    f"libring{second}.so",
                    "-Wl,--allow-shlib-undefined",
                ),
            ),
        },
        rename={"later.so": "libring2.so"},
        libc=True,
    )

WORLDS["visibility"] = World(
    {
        "libsym.so": ("int f(void) { return 10; } int via(void) { return f(); }", ("-Wl,-Bsymbolic",)),
        "libprot.so": (
            '__attribute__((visibility("protected"))) int g(void) { return 20; }'
            "int (*pg)(void) = g; int viag(void) { return pg(); }",
            (),
        ),
        "libhid.so": (
            '__attribute__((visibility("hidden"))) int h(void) { return 30; } int viah(void) { return h(); }',
            ("-Wl,--hash-style=sysv",),
        ),
        "prog": (
            "int f(void) { return 1; } int g(void) { return 2; } int h(void) { return 3; } int via(void), viag(void), viah(void);"
            'void program(void) { number("f ", via()); number("g ", viag()); number("h ", viah()); }',
            ("libsym.so", "libprot.so", "libhid.so", "-Wl,--export-dynamic"),
        ),
    },
)

WORLDS["addresses"] = World(
    {
        "libf.so": ("int f(void) { return 1; } int (*address(void))(void) { return f; }", ()),
        "prog": (
            "int f(void); int (*address(void))(void);"
            'void program(void) { number("same ", address() == f); number("call ", f() + address()()); }',
            ("libf.so",),
        ),
    },
    program_flags=("-fno-pic", "-no-pie"),
)

WORLDS["thread local"] = World(
    {
        "libie.so": (
            '__thread int ie __attribute__((tls_model("initial-exec"))) = 40; __thread char pad[100];'
            "int get_ie(void) { pad[3] = 1; return ie++; }",
            (),
        ),
        "libgd.so": (
            "__thread long gd = 50; __thread int zero; static __thread int mine = 8;"
            "long *get_gd(void) { gd++; mine++; zero++; return &gd; } long other(void) { return mine + zero; }",
            (),
        ),
        "prog": (
            "extern __thread long gd; __thread int le = 3; int get_ie(void); long *get_gd(void); long other(void);"
            'void program(void) { number("le ", le++ + le); number("ie ", get_ie() + get_ie()); number("gd ", *get_gd());'
            ' number("same ", get_gd() == &gd); number("other ", other()); }',
            ("libie.so", "libgd.so", "-Wl,--allow-shlib-undefined"),
        ),
    },
    libc=True,
)

WORLDS["versions"] = World(
    {
        "libv.so": (
            'asm(".symver old, f@V1\\n.symver new, f@@V2"); int old(void) { return 1; } int new(void) { return 2; }',
            ("-Wl,--version-script=v.map",),
        ),
        "prog": ('int f(void); void program(void) { number("f ", f()); }', ("libv.so",)),
    },
)

WORLDS["a version that only inherits"] = World(
    {
        "libg.so": (
            'asm(".symver foo_old, foo@V1"); int foo_old(void) { return 50; } int foo(void);'
            'asm(".symver foo_use, foo@V1"); int foo_use(void); int getold(void) { return foo_use(); }',
            ("-Wl,--version-script=get.map",),
        ),
        "prog": ('int getold(void); void program(void) { number("old ", getold()); }', ("libg.so",)),
    },
)

WORLDS["hidden versions of its own"] = World(
    {
        "libh.so": (
            'asm(".symver f_1, f@H1\\n.symver f_2, f@@H2\\n.symver data_1, own@H1\\n.symver use_1, f@H1\\n.symver own_1, own@H1");'
            "int data_1 = 7; int f_1(void) { return 1; } int f_2(void) { return 2; } int use_1(void); extern int own_1;"
            "int g(void) { return 100 * use_1() + own_1; }",
            ("-Wl,--version-script=hide.map",),
        ),
        "libf.so": ("int f(void) { return 3; }", ()),
        "prog": (
            'int f(void), g(void); void program(void) { number("f ", f()); number("g ", g()); }',
            ("libh.so", "libf.so"),
        ),
    },
)

VERSIONED = (
    'asm(".symver old, f@V1\\n.symver new, f@@V2"); int old(void) { return 1; } int new(void) { return 2; }'
)
WORLDS["a version gone"] = World(
    {
        "libv.so": (VERSIONED, ("-Wl,--version-script=v.map",)),
        "libx.so": ("int f(void); int x(void) { return f(); }", ("libv.so",)),
        "later.so": ("int f(void) { return 8; }", ("-Wl,--version-script=old.map", "-Wl,-soname,libv.so")),
        "prog": (
            'int f(void), x(void); void program(void) { number("f ", f() + x()); }',
            ("libv.so", "libx.so"),
        ),
    },
    rename={"later.so": "libv.so"},
)
WORLDS["all versions gone"] = World(
    {
        "libv.so": (VERSIONED, ("-Wl,--version-script=v.map",)),
        "later.so": ("int f(void) { return 9; }", ("-Wl,-soname,libv.so",)),
        "prog": ('int f(void); void program(void) { number("f ", f()); }', ("libv.so",)),
    },
    rename={"later.so": "libv.so"},
)
WORLDS["versions came later"] = World(
    {
        "libv.so": ("int f(void) { return 4; }", ()),
        "later.so": (VERSIONED, ("-Wl,--version-script=v.map", "-Wl,-soname,libv.so")),
        "prog": ('int f(void); void program(void) { number("f ", f()); }', ("libv.so",)),
    },
    rename={"later.so": "libv.so"},
)

WORLDS["indirect functions"] = World(
    {
        "libi.so": (
            "static int real(int a, int b) { return 10 * a + b; } long pick(void) { return (long)real; }"
            'asm(".globl chosen\\n.type chosen, @gnu_indirect_function\\n.set chosen, pick");'
            "int chosen(int, int); int (*pointer)(int, int) = chosen; int inside(void) { return pointer(1, 2); }"
            "static double weigh(double a, double b) { return 10 * a + b; }"
            'long judge(void) { asm volatile("fmv.d.x fa0, zero; fmv.d.x fa1, zero" ::: "fa0", "fa1"); return (long)weigh; }'
            'asm(".globl weighed\\n.type weighed, @gnu_indirect_function\\n.set weighed, judge");',
            (),
        ),
        "prog": (
            "int inside(void), chosen(int, int); double weighed(double, double);"
            'void program(void) { number("inside ", inside()); number("chosen ", chosen(3, 4) + chosen(5, 6));'
            ' number("weighed ", (long)(weighed(3, 4) + weighed(5, 6))); }',
            ("libi.so",),
        ),
    },
)

MISSING = "int gone(void); int there(void) { return 1; } int lib(void) { return gone(); }"
USER = (
    'int lib(void); int there(void); void program(void) { number("there ", there()); number("lib ", lib()); }'
)
ALLOWED = ("-Wl,--unresolved-symbols=ignore-all",)
WORLDS["undefined function"] = World({"libu.so": (MISSING, ()), "prog": (USER, ("libu.so", *ALLOWED))})
WORLDS["undefined datum"] = World(
    {
        "libu.so": ("extern int gone; int *lib(void) { return &gone; }", ()),
        "prog": ("int *lib(void); void program(void) { lib(); }", ("libu.so", *ALLOWED)),
    }
)
PLAIN = {
    "libx.so": ("int x(void) { return 1; }", ()),
    "prog": ('int x(void); void program(void) { number("x ", x()); }', ("libx.so",)),
}
WORLDS["library gone"] = World(PLAIN, runs=((),), remove=("libx.so",))
WORLDS["library empty"] = World(PLAIN, runs=((),), damage={"libx.so": b""})
WORLDS["library a script"] = World(PLAIN, runs=((),), damage={"libx.so": b"#!/bin/sh\n" * 100})
WORLDS["library of 32 bits"] = World(PLAIN, runs=((),), damage={"libx.so": b"\x7fELF\1\1\1" + bytes(100)})


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every world compiled, each in its folder."""
    require_oracle(GCC, QEMU)
    places = {}
    for number, (name, world) in enumerate(WORLDS.items()):
        folder = tmp_path_factory.mktemp(f"world{number}")
        (folder / "v.map").write_text("V1 { f; }; V2 { f; } V1;\n")
        (folder / "old.map").write_text("V1 { f; };\n")
        (folder / "get.map").write_text("V1 {}; V2 { global: getold; } V1;\n")
        (folder / "hide.map").write_text("H1 { global: f; g; own; local: *; }; H2 { f; } H1;\n")
        script = [_compile(world, file, folder) for file in world.files]
        subprocess.run(["sh", "-e", "-c", "\n".join(script)], cwd=folder, check=True)
        for file in world.remove:
            (folder / file).unlink()
        for file, place in world.rename.items():
            (folder / file).rename(folder / place)
        for file, data in world.damage.items():
            (folder / file).write_bytes(data)
        places[name] = folder
    return places


def _compile(world: World, file: str, folder: Path) -> str:
    source, options = world.files[file]
    if file == "prog":
        source += START.replace("END", "fini();" if world.libc else "")
        options = [*options, "-Wl,--no-as-needed", "-lc"] if world.libc else options
    (folder / f"{file}.c").write_text(SYSTEM + source)
    kind = world.program_flags if file == "prog" else ("-shared", "-fPIC", f"-Wl,-soname,{file}")
    flags = ["-march=rv64imafd", "-O1", "-w", "-nostdlib", "-fno-stack-protector", *kind]
    return " ".join([GCC, *flags, f"{file}.c", "-o", file, *options])


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    status: int
    stdout: str
    stderr: str


def in_qemu(
    folder: Path, env: Sequence[str], program: str = "./prog", arguments: Sequence[str] = ()
) -> Outcome:
    settings = [word for item in ("LD_LIBRARY_PATH=.", *env) for word in ("-E", item.replace(",", ",,"))]
    # qemu splits -E at commas; LD_DEBUG's words may be parted by colons as well
    done = subprocess.run(
        [QEMU, "-L", "/usr/riscv64-linux-gnu", *settings, "-0", "./prog", program, *arguments],
        cwd=folder,
        capture_output=True,
        timeout=60,
        text=True,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def in_toyvm(
    folder: Path,
    env: Sequence[str],
    program: str = "./prog",
    arguments: Sequence[str] = (),
    on_lookup: Callable[[SymbolLookedUp], None] | None = None,
) -> Outcome:
    out, err = io.BytesIO(), io.BytesIO()
    vfs = Vfs.sandbox(str(folder))
    vfs.add_file("/lib/libc.so.6", Maker(soname="libc.so.6").build())
    bus = Bus()
    if on_lookup is not None:
        bus.subscribe(SymbolLookedUp, on_lookup)
    kernel = Kernel(
        16 << 20, ReferenceEngine, vfs, bus=bus, interpreter=DynamicLoader(), stdout=out, stderr=err
    )
    kernel.spawn(program, [program, *arguments], ["LD_LIBRARY_PATH=.", *env])
    status = kernel.run()
    kernel.system.cache.drop()
    assert kernel.frames.used == 0, "frames lost"
    return Outcome(status, out.getvalue().decode(), err.getvalue().decode())


GLIBC_STOPS = "all versions gone"


def test_a_library_without_versions_serves_references_with_them(worlds: dict[str, Path]) -> None:
    """glibc reports it, too, and then stops at an assertion of its own."""
    message = "./prog: ./libv.so: no version information available (required by ./prog)\n"
    assert in_toyvm(worlds[GLIBC_STOPS], ()) == Outcome(7, "f 9\n", message)
    theirs = in_qemu(worlds[GLIBC_STOPS], ())
    assert theirs.stderr.startswith(message) and "Assertion" in theirs.stderr


@pytest.mark.parametrize(
    ("world", "env"),
    [(name, run) for name, world in WORLDS.items() for run in world.runs if name != GLIBC_STOPS],
    ids=str,
)
def test_same_output_status_and_words(worlds: dict[str, Path], world: str, env: Sequence[str]) -> None:
    assert in_toyvm(worlds[world], env) == in_qemu(worlds[world], env)


def told(outcome: Outcome) -> list[str]:
    """LD_DEBUG's lines without the process number, and without what only glibc's side has: its libc and ld.so, and
    `transferring control`, which is its libc's to say.
    """
    lines = []
    for line in outcome.stderr.splitlines():
        if not re.match(r" *\d+:\t", line):
            continue
        text = line.split("\t", 1)[1]
        if text.startswith(" scope"):
            text = " ".join(
                word for word in text.split() if not re.search(r"/(libc|ld-linux-.*)\.so\.\d$", word)
            )
        foreign = ("libc.so.6", "ld-linux", "[ld.so]", "transferring control", "no scope")
        if text and not any(word in text for word in foreign):
            lines.append(text)
    return lines


@pytest.mark.parametrize(
    "world",
    [
        "interposition",
        "order",
        "visibility",
        "addresses",
        "thread local",
        "versions",
        "a version that only inherits",
        "hidden versions of its own",
        "versions came later",
    ],
)
def test_same_bindings_scopes_and_calls(worlds: dict[str, Path], world: str) -> None:
    for env in WORLDS[world].runs:
        debug = [*env, "LD_DEBUG=bindings:scopes:reloc:versions"]
        ours, theirs = told(in_toyvm(worlds[world], debug)), told(in_qemu(worlds[world], debug))
        assert ours == theirs
        assert any("binding file" in line for line in ours) or world == "order"


@pytest.mark.parametrize(
    "world",
    [
        "interposition",
        "order",
        "visibility",
        "addresses",
        "thread local",
        "versions",
        "hidden versions of its own",
    ],
)
def test_explained_look_ups_are_those_of_both_loaders(worlds: dict[str, Path], world: str) -> None:
    """Each object tried and each binding, as LD_DEBUG=symbols,bindings of glibc's ld.so and of toyvm's print them."""
    for env in WORLDS[world].runs:
        debug, events = [*env, "LD_DEBUG=symbols:bindings"], list[SymbolLookedUp]()
        ours = told(in_toyvm(worlds[world], debug, on_lookup=events.append))
        explained = []
        for event in events:
            tried = [probe for probe in event.probes if probe.tried]
            explained += [f"symbol={event.symbol};  lookup in file={probe.object} [0]" for probe in tried]
            found = [probe.object for probe in tried if probe.verdict == "found"]
            assert len(found) <= 1 and (not found or tried[-1].verdict == "found")
            if event.definer and event.definer != "[ld.so]" and event.symbol != "__global_pointer$":
                kind = "protected" if event.rule.startswith("protected") else "normal"
                version = f" [{event.version}]" if event.version else ""
                definer = f"to {event.definer} [0]: {kind} symbol `{event.symbol}'{version}"
                explained.append(f"binding file {event.path} [0] {definer}")
                assert found in ([event.definer], ["./prog"]) or kind == "protected" or "UNIQUE" in event.rule
        assert _compared(explained, events) == _compared(ours, events)
        assert _compared(explained, events) == _compared(told(in_qemu(worlds[world], debug)), events)


def _compared(lines: list[str], events: list[SymbolLookedUp]) -> list[str]:
    """Lines about the symbols of `events`: glibc's own libraries look up others, and it searches twice for protected ones."""
    names = {event.symbol for event in events} - {"__global_pointer$", "__tls_get_addr"}
    twice = {event.symbol for event in events if event.rule.startswith("protected")}
    kept = []
    for line in lines:
        found = re.search(r"symbol[= ]`?([^;']+)", line)
        if found is None or found[1] not in names or re.search(r"libc\.so\.6|ld\.so", line):
            continue
        if "lookup in" not in line or found[1] not in twice:
            kept.append(line)
    return kept


def test_same_list_of_libraries(worlds: dict[str, Path]) -> None:
    for world in ("interposition", "order", "library gone"):
        env = ["LD_TRACE_LOADED_OBJECTS=1"]
        ours, theirs = (
            re.sub(
                r"0x[0-9a-f]{16}",
                "ADDRESS",
                re.sub(r"\t/lib/ld-linux.*\n", "", run(worlds[world], env).stdout),
            )
            for run in (in_toyvm, in_qemu)
        )
        assert ours == theirs
        assert ours.count("ADDRESS") + ours.count("not found") >= 1
