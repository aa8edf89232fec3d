"""The linker against GNU: objects by gcc, linked by toyvm, run by qemu on glibc; the same as when GNU ld links them.

glibc is the hard customer: IFUNC, thread-local storage, COMDAT, exception tables, versioned symbols, and a dynamic loader that
reads .gnu.hash, PLT, copy relocations and canonical function addresses as strictly as can be wished.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.oracles import GCC, GNU_AS, GNU_LD, QEMU, READELF, require_oracle
from toyvm.base.errors import LinkError
from toyvm.cli.as_ import main as assemble
from toyvm.cli.ld import main as ld

pytestmark = pytest.mark.oracle

SYSROOT = Path("/usr/riscv64-linux-gnu")

LIBRARY = r"""
#include <stdio.h>
int counter = 7; const char *names[] = {"zero", "one", "two"};
static int state = 100;
__thread int tls_var = 55; __thread int tls_bss;
__attribute__((visibility("hidden"))) int helper(int x) { return x + state; }
__attribute__((weak)) int weakfn(void) { return 1; }
int undef_weak(void) __attribute__((weak));
int lib_add(int a, int b) { counter++; return helper(a) + b + weakfn() + (undef_weak ? undef_weak() : 0); }
int lib_tls(void) { tls_bss++; return tls_var + tls_bss; }
int (*get_fp(void))(int, int) { return lib_add; }
int call_cb(int (*cb)(int), int x) { return cb(x); }
__attribute__((constructor)) static void begin(void) { printf("begin %d\n", counter); }
__attribute__((destructor)) static void end(void) { printf("end %d\n", counter); fflush(stdout); }
"""
SECOND = r"""
extern int counter; extern const char *names[]; int lib_add(int, int);
int second(int x) { return lib_add(x, counter) + names[1][0]; }
"""
MAIN = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
extern int counter; extern const char *names[]; extern __thread int tls_var;
int lib_add(int, int), second(int), lib_tls(void), call_cb(int (*)(int), int);
int (*get_fp(void))(int, int);
static int cb(int x) { return x * 3; }
int weakfn(void) { return 1000; }          /* interposes the library's */
int (*fp)(int, int) = lib_add;
int *cp = &counter;
__thread int my_tls = 9; static __thread char buf[32];
int main(void) {
    printf("%d %s\n", lib_add(1, 2), names[2]);
    printf("%d %d\n", counter, *cp);       /* the copy is the one variable */
    printf("same function: %d\n", fp == get_fp());
    printf("%d\n", second(5));
    printf("tls %d %d %d\n", lib_tls(), tls_var, my_tls);
    snprintf(buf, sizeof buf, "%f", 3.25);
    printf("%s %d\n", buf, call_cb(cb, 14));
    char *p = malloc(100000); strcpy(p, "heap"); puts(p); free(p);
    return counter + 20;
}
"""
STATIC = r"""
#include <pthread.h>
#include <stdio.h>
static int one(int x) { return x + 1; }
static int two(int x) { return x + 2; }
static void *choose(void) { return two; }
static void *choose_one(void) { return one; }
int fn(int) __attribute__((ifunc("choose")));
static int sfn(int) __attribute__((ifunc("choose_one")));
int (*pointer)(int) = fn;
static __thread long local = 5; __thread int global = 77; __thread char zeroes[100];
static void *thread(void *x) { global++; local += 2; return (void *)(long)(global + local); }
extern char __start_mysec[], __stop_mysec[];
int in_mysec __attribute__((section("mysec"))) = 3; int more __attribute__((section("mysec"))) = 4;
int common; extern char _end[], _edata[], __bss_start[], _etext[];
int unused(void) { return common; }
int main(void) {
    pthread_t t; void *r;
    printf("%d %d %d %d\n", fn(1), sfn(2), pointer(3), pointer == fn);
    pthread_create(&t, 0, thread, 0); pthread_join(t, &r);
    printf("%ld %d %ld\n", (long)r, global, local);
    printf("%d %d\n", (int)(__stop_mysec - __start_mysec), common);
    printf("%d %d\n", _end >= _edata, __bss_start >= _etext);
    return 7;
}
"""
BARE = r"""
        .text
        .globl _start
_start: .option push
        .option norelax
        la      gp, __global_pointer$
        .option pop
        li      a0, 1
        beqz    zero, over
        c.nop
        .p2align 4                     # nops to delete, before a label and a branch across them
over:   call    aligned
        la      a1, message
        li      a2, 6
        li      a7, 64
        ecall
        lw      a0, status
        li      a7, 93
        ecall
        c.nop
        .p2align 6
aligned:
        auipc   a4, 0
        andi    a4, a4, 63             # 0 when the alignment was met
        bnez    a4, bad
        li      a0, 1
        ret
bad:    li      a0, 99
        li      a7, 93
        ecall
        .section .rodata.str1.1,"aMS",@progbits,1
message: .string "hello\n"
        .data
status: .word   end - begin            # ADD32 and SUB32 over deleted nops
        .section .text.f,"ax"
begin:  c.nop
        .p2align 3
end:    ret
"""


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all objects and toyvm's shared libraries of them."""
    require_oracle(GCC, GNU_AS, GNU_LD, QEMU, READELF)
    folder = tmp_path_factory.mktemp("ld")
    for name, text in (("lib", LIBRARY), ("second", SECOND), ("main", MAIN), ("static", STATIC)):
        (folder / f"{name}.c").write_text(text)
    (folder / "bare.s").write_text(BARE)

    def gcc(*args: str) -> None:
        subprocess.run([GCC, "-O1", "-fcommon", *args], cwd=folder, check=True)

    gcc("-fPIC", "-c", "lib.c", "second.c")
    gcc("-fno-pie", "-ffunction-sections", "-g", "-c", "static.c")
    gcc("-fno-pie", "-c", "main.c")
    gcc("-fpie", "-c", "main.c", "-o", "main_pie.o")
    gcc("-fpie", "-c", "static.c", "-o", "static_pie.o")
    gcc("-c", "bare.s", "-march=rv64gc")
    return folder


@pytest.fixture(scope="module")
def libraries(work: Path) -> Path:
    """liba.so and libb.so, made by toyvm."""
    link(work, "-shared", "-soname", "liba.so", "-o", "liba.so", "lib.o", "--hash-style=both")
    link(work, "-shared", "-soname", "libb.so", "-o", "libb.so", "second.o", "liba.so")
    return work


def link(work: Path, *args: str) -> Path:
    """Run our ld in `work`; the output must be one that readelf has nothing to say against."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(work)
        assert ld(list(args)) == 0
        output = args[args.index("-o") + 1]
        shown = subprocess.run([READELF, "-aW", output], capture_output=True, text=True, check=True)
    assert shown.stderr == ""
    return work / output


def run(work: Path, program: str) -> tuple[str, int]:
    command = [QEMU, "-L", str(SYSROOT), "-E", f"LD_LIBRARY_PATH={work}", str(work / program)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.stderr == ""
    return result.stdout, result.returncode


def crt(kind: str) -> Callable[..., list[str]]:
    """What gcc puts around the objects of a program of `kind`."""

    def ask(name: str) -> str:
        return subprocess.run(
            [GCC, f"-print-file-name={name}"], capture_output=True, text=True
        ).stdout.strip()

    start, begin, end = {
        "pie": ("Scrt1.o", "crtbeginS.o", "crtendS.o"),
        "exec": ("crt1.o", "crtbegin.o", "crtend.o"),
        "static": ("crt1.o", "crtbeginT.o", "crtend.o"),
        "static-pie": ("rcrt1.o", "crtbeginS.o", "crtendS.o"),
    }[kind]
    gcc_folder = str(Path(ask("libgcc.a")).parent)
    head = [ask(start), ask("crti.o"), ask(begin), f"-L{gcc_folder}", f"-L{SYSROOT}/lib", "-L."]
    if kind.startswith("static"):
        libs = ["--start-group", "-lgcc", "-lgcc_eh", "-lc", "--end-group"]
    else:
        libs = ["-lgcc", "--push-state", "--as-needed", "-lgcc_s", "--pop-state", "-lc", "-lgcc"]
    flags = {"pie": ["-pie"], "exec": [], "static": ["-static"], "static-pie": ["-static", "-pie"]}[kind]
    common = ["--build-id", "--eh-frame-hdr", "--hash-style=gnu", "-melf64lriscv"]

    def build(output: str, *args: str) -> list[str]:
        return [*common, *flags, "-o", output, *head, *args, *libs, ask(end), ask("crtn.o")]

    return build


def gnu_result(work: Path, name: str, *args: str) -> tuple[str, int]:
    """The same program linked by GNU ld."""
    subprocess.run([GCC, "-o", name, *args], cwd=work, check=True)
    return run(work, name)


def test_alignment_in_relaxable_code(work: Path) -> None:
    link(work, "-o", "bare", "bare.o")
    subprocess.run([GNU_LD, "--no-relax", "-o", "bare_gnu", "bare.o"], cwd=work, check=True)
    assert run(work, "bare") == run(work, "bare_gnu") == ("hello\n", 8)


@pytest.mark.parametrize("options", [(), ("--gc-sections", "-s"), ("-z", "norelro", "--no-relax")])
def test_static_glibc(work: Path, options: tuple[str, ...]) -> None:
    link(work, *crt("static")("static", "static.o", *options))
    assert run(work, "static") == gnu_result(work, "static_gnu", "-static", "static.o")


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("exec", ("-z", "lazy")),
        ("exec", ("-z", "now", "--hash-style=sysv")),
        ("pie", ("-z", "lazy", "--export-dynamic")),
        ("pie", ("-z", "now", "--hash-style=both", "--gc-sections")),
    ],
)
def test_dynamic_glibc(libraries: Path, kind: str, options: tuple[str, ...]) -> None:
    main = "main_pie.o" if kind == "pie" else "main.o"
    link(libraries, *crt(kind)("dynamic", main, *options, "-la", "-lb"))
    expected = gnu_result(
        libraries, "dynamic_gnu", f"-{'pie' if kind == 'pie' else 'no-pie'}", main, "-L.", "-la", "-lb"
    )
    assert run(libraries, "dynamic") == expected


def test_dynamic_ifunc_and_threads(work: Path) -> None:
    link(work, *crt("pie")("ifunc", "static_pie.o"))
    assert run(work, "ifunc") == gnu_result(work, "ifunc_gnu", "-pie", "static_pie.o")


def test_symbolic_library_keeps_its_own(libraries: Path) -> None:
    link(libraries, "-shared", "-Bsymbolic-functions", "-soname", "liba.so", "-o", "liba.so", "lib.o")
    output, _ = run(libraries, link(libraries, *crt("exec")("symbolic", "main.o", "-la", "-lb")).name)
    assert "104 two" in output  # weakfn() is the library's: 1, not 1000
    link(libraries, "-shared", "-soname", "liba.so", "-o", "liba.so", "lib.o", "--hash-style=both")


def test_same_bytes_again(work: Path) -> None:
    command = crt("static")("again", "static.o")
    first = link(work, *command).read_bytes()
    assert link(work, *command).read_bytes() == first


VERSIONED = r"""
__asm__(".symver foo_old, foo@V1"); __asm__(".symver foo_new, foo@@V2"); __asm__(".symver data_old, data@V1");
__asm__(".symver data_new, data@@V2");
int foo_old(void) { return 1; } int foo_new(void) { return 2; }
int data_old = 3; int data_new = 4;
void *where(int i) { return i ? (void *)&data_new : (void *)foo_new; }
"""
ASKS = {
    "default": "extern int foo(void), data; int main(void) { return foo() * 10 + data; }",
    "old": '__asm__(".symver foo, foo@V1"); __asm__(".symver data, data@V1");'
    "extern int foo(void), data; int main(void) { return foo() * 10 + data; }",
    "both": '__asm__(".symver f1, foo@V1"); __asm__(".symver f2, foo@V2"); __asm__(".symver d1, data@V1");'
    "extern int f1(void), f2(void), d1, data; int main(void) { return f1() * 100 + f2() * 10 + d1 + data; }",
    "one address": '__asm__(".symver f2, foo@V2"); __asm__(".symver d2, data@V2"); void *where(int);'
    "extern int f2(void), foo(void), d2, data; void *volatile f[] = {f2, foo}; void *volatile d[] = {&d2, &data};"
    "int main(void) { return (f[0] == f[1] && f[0] == where(0)) + 2 * (d[0] == d[1] && d[0] == where(1)); }",
    "missing": '__asm__(".symver foo, foo@V9"); extern int foo(void); int main(void) { return foo(); }',
}

EXPECTED = {"default": 24, "old": 13, "both": 127, "one address": 3}


@pytest.mark.parametrize("assembler", ["GNU as", "toyvm as"])
@pytest.mark.parametrize("kind", ["exec", "pie"])
@pytest.mark.parametrize("name", ASKS)
def test_references_with_versions(tmp_path: Path, name: str, kind: str, assembler: str) -> None:
    """A reference takes the version that it names, and plain `foo` the default one."""
    require_oracle(GCC, GNU_AS, GNU_LD, QEMU, READELF)
    for file, text in {
        "lib.c": VERSIONED,
        "plain.c": "int foo(void) { return 7; }",
        "v.map": "V1 { global: foo; data; local: *; }; V2 { global: foo; data; where; } V1;",
        "main.c": ASKS[name],
    }.items():
        (tmp_path / file).write_text(text)

    def gcc(*args: str) -> None:
        subprocess.run([GCC, "-O1", "-w", *args], cwd=tmp_path, check=True)

    gcc(
        "-fPIC",
        "-shared",
        "-nostdlib",
        "-Wl,--version-script,v.map",
        "-Wl,-soname,libv.so",
        "-o",
        "libv.so",
        "lib.c",
    )
    gcc("-fPIC", "-shared", "-nostdlib", "-Wl,-soname,libplain.so", "-o", "libplain.so", "plain.c")
    pie = "-fPIE" if kind == "pie" else "-fno-pie"
    if assembler == "GNU as":
        gcc(pie, "-c", "main.c")
    else:
        gcc(pie, "-S", "main.c")
        assert assemble([str(tmp_path / "main.s"), "-o", str(tmp_path / "main.o")]) == 0
    for libraries in (["-lv"], ["-lv", "-lplain"]) if name != "old" else (["-lv"], ["-lplain", "-lv"]):
        command = crt(kind)("program", "main.o", "--as-needed", *libraries)  # as gcc says to GNU ld
        if name == "missing":
            with pytest.raises(LinkError, match="undefined reference to `foo@V9'"):
                link(tmp_path, *command)
            continue
        link(tmp_path, *command)
        assert run(tmp_path, "program") == ("", EXPECTED[name])
