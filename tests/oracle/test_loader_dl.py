"""dlopen, dlsym, dlclose and dlerror against glibc's: one object file, linked with glibc for qemu and with four small functions
over our private system calls for toyvm, must print the same.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.oracle.test_loader import START, SYSTEM, announce, in_toyvm
from tests.support.oracles import GCC, QEMU, require_oracle

pytestmark = pytest.mark.oracle

PROTOTYPES = """
void *dlopen(const char *, int), *dlsym(void *, const char *);
int dlclose(void *);
char *dlerror(void);
enum { LAZY = 1, NOW = 2, NOLOAD = 4, DEEPBIND = 8, GLOBAL = 0x100, NODELETE = 0x1000 };
"""

SHIM = """
static void run(long n) { void (*f)(void); while ((f = (void (*)(void))call(n, 0, 0, 0))) f(); }
void *dlopen(const char *p, int f) { void *h = (void *)call(7003, (long)p, f, 0); run(7001); return h; }
void *dlsym(void *h, const char *n) { return (void *)call(7004, (long)h, (long)n, (long)__builtin_return_address(0)); }
int dlclose(void *h) { int r = call(7005, (long)h, 0, 0); run(7002); return r; }
char *dlerror(void) { static char b[300]; return call(7006, (long)b, 300, 0) > 0 ? b : 0; }
"""

LIBRARIES = {
    "libdep.so": (announce("dep") + "int dep(void) { return 4; } int who(void) { return 40; }", ""),
    "libplug.so": (
        announce("plug") + "int dep(void), who(void); int only = 3; __thread int t = 7; int *at(void) { return &t; }"
        "int work(void) { return dep() + who(); }",
        "libdep.so",
    ),
    "libuser.so": (announce("user") + "extern int only; int use(void) { return only; }", "-Wl,--unresolved-symbols=ignore-all"),
    "libdeep.so": (announce("deep") + "int who(void) { return 50; } int deep(void) { return who(); }", ""),
    "libring2.so": (announce("ring2"), ""),
    "libring1.so": (announce("ring1"), "-Wl,--no-as-needed libring2.so"),
    "libring2.so ": (announce("ring2"), "-Wl,--no-as-needed libring1.so"),
    "libkeep.so": (announce("keep"), "-Wl,-z,nodelete"),
    "libw.so": ('int value(void) { int (*f)(void) = dlsym((void *)-1, "value"); return 1 + (f ? f() : 0); }', ""),
    "libv.so": ("int value(void) { return 10; }", ""),
}  # fmt: skip

PROGRAM = """
int who(void) { return 1; }
int value(void);
static void *got(const char *what, void *p)
{
    char *e = p ? 0 : dlerror();
    say(what); say(p ? " ok" : e ? " failed: " : " null"); if (e) say(e); say("\\n");
    return p;
}
static long callit(void *h, const char *name) { int (*f)(void) = got(name, dlsym(h, name)); return f ? f() : -1; }
void program(void)
{
    number("next ", value());
    got("gone", dlopen("libgone.so", NOW));
    got("mode", dlopen("libplug.so", 0));
    got("again", dlerror());
    got("noload", dlopen("libplug.so", NOW | NOLOAD));
    void *self = got("self", dlopen(0, LAZY));
    number("who ", callit(self, "who"));
    void *h = got("plug", dlopen("libplug.so", LAZY));
    number("work ", callit(h, "work"));
    number("only ", *(int *)got("only", dlsym(h, "only")));
    number("who in plug ", callit(h, "who"));
    int *(*at)(void) = dlsym(h, "at");
    number("t ", *at());
    number("same t ", at() == dlsym(h, "t"));
    got("default", dlsym(0, "only"));
    got("zork", dlsym(h, "zork"));
    number("same ", dlopen("./libplug.so", NOW) == h);
    number("close ", dlclose(h));
    got("user", dlopen("libuser.so", NOW));
    got("global", dlopen("libplug.so", LAZY | GLOBAL));
    got("default", dlsym(0, "only"));
    void *u = got("user", dlopen("libuser.so", NOW));
    number("use ", callit(u, "use"));
    number("close ", dlclose(h) + dlclose(h));
    got("held", dlsym(0, "only"));
    number("close user ", dlclose(u));
    got("gone again", dlopen("libplug.so", NOW | NOLOAD));
    void *d = got("deep", dlopen("libdeep.so", NOW)); number("deep ", callit(d, "deep")); dlclose(d);
    d = got("deep", dlopen("libdeep.so", NOW | DEEPBIND)); number("deep ", callit(d, "deep"));
    void *r = got("ring", dlopen("libring1.so", NOW)); number("close ", dlclose(r));
    void *k = got("keep", dlopen("libkeep.so", NOW)); number("close ", dlclose(k));
    got("kept", dlopen("libkeep.so", NOW | NOLOAD));
    got("left open", dlopen("libplug.so", NOW));
    say("end\\n");
}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program linked both ways (`prog`, and `theirs` for qemu) and its libraries."""
    require_oracle(GCC, QEMU)
    folder = tmp_path_factory.mktemp("dl")
    flags = "-march=rv64imafd -O1 -w -fno-stack-protector"
    script = []
    for number, (name, (source, options)) in enumerate({"libshim.so": (SHIM, ""), **LIBRARIES}.items()):
        (folder / f"{number}.c").write_text(SYSTEM + PROTOTYPES + source)
        output = name.strip()
        script.append(
            f"{GCC} {flags} -nostdlib -shared -fPIC -Wl,-soname,{output} {number}.c -o {output} {options} -Wl,--allow-shlib-undefined"
        )
    (folder / "prog.c").write_text(SYSTEM + PROTOTYPES + PROGRAM)
    start = SYSTEM + START.replace("END", "fini();")
    (folder / "start.c").write_text(start)
    (folder / "main.c").write_text("void program(void); int main(void) { program(); return 7; }")
    libraries = "-Wl,--no-as-needed,--export-dynamic libw.so libv.so -Wl,--allow-shlib-undefined"
    script += [
        f"{GCC} {flags} -c prog.c start.c main.c",
        f"{GCC} -nostdlib prog.o start.o -o prog {libraries} libshim.so",
        f"{GCC} main.o prog.o -o theirs {libraries}",
    ]
    subprocess.run(["sh", "-e", "-c", "\n".join(script)], cwd=folder, check=True)
    return folder


def test_same_words_and_order(folder: Path) -> None:
    command = [QEMU, "-L", "/usr/riscv64-linux-gnu", "-E", "LD_LIBRARY_PATH=.", "-0", "./prog", "./theirs"]
    theirs = subprocess.run(command, cwd=folder, capture_output=True, timeout=60, text=True)
    ours = in_toyvm(folder, [])
    assert ours.stdout.splitlines() == theirs.stdout.splitlines()
    assert (ours.status, ours.stderr) == (theirs.returncode, theirs.stderr)
    assert "up plug" in ours.stdout
