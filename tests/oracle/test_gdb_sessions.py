"""gdb debugs programs in toyvm, forwards and backwards, and the run stays the run that it is without gdb."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.gdb_sessions import GDB, Done, check
from tests.support.harness import ROOT
from tests.support.oracles import GCC, require_oracle
from toyvm.api import run

pytestmark = pytest.mark.oracle
SOURCE = ROOT / "tests" / "oracle" / "gdb" / "debugged.c"
TEXT = SOURCE.read_text().splitlines()


def line(text: str) -> int:
    """The number of the one line of the C program that has this text."""
    [found] = [number for number, words in enumerate(TEXT, 1) if text in words]
    return found


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the C program linked both ways."""
    require_oracle(GCC, GDB)
    folder = tmp_path_factory.mktemp("debugged")
    for name, how in (("static", "-static"), ("dynamic", "-pie")):
        subprocess.run([GCC, "-g", "-O0", how, str(SOURCE), "-o", str(folder / name)], check=True)
    return folder


def is_undisturbed(done: Done, program: Path | str, *args: str) -> None:
    """The run had the output and the length that it has without a debugger."""
    alone = run(program, *args, capture=True)
    assert done.stdout == alone.stdout
    assert done.instructions == alone.stats.instructions


CALL = line("sum += square(i);")
SORTED = line("qsort(numbers")
RESULT = line("int result = n * n;")

WORK = [
    ("info registers pc", r"<_start>"),
    ("print $_siginfo", r"[Uu]nable to (read|access)|[Ee]rror|signal"),
    ("break square if n == 4", r"Breakpoint 1 at 0x\w+: file .*debugged\.c, line"),
    ("continue", rf"Breakpoint 1, square \(n=4\) at .*debugged\.c:{RESULT}"),
    ("backtrace", rf"#0  square \(n=4\).*#1  0x\w+ in work \(\) at .*:{CALL}\n#2  0x\w+ in main \(argc=1, "),
    ("print n * 10", r"= 40"),
    ("info frame", r"called by frame"),
    ("x/2i $pc", r"=> 0x\w+ <square\+\d+>:\s+l"),
    ("stepi", r""),
    ("next", rf"^{RESULT + 1}\s+return result;"),
    ("print result", r"= 16"),
    ("finish", r"Value returned is \$\d+ = 16"),
    ("tbreak by_size", r"Temporary breakpoint 2"),
    ("continue", r"Temporary breakpoint 2, by_size \(a=0x\w+, b=0x\w+\)"),
    ("backtrace", rf"#0  by_size .* in qsort_r? \(.*in work \(\) at .*:{SORTED}\n#\d+  0x\w+ in main"),
    ("info breakpoints", r"(?!.*by_size).*stop only if n == 4"),
    ("print *(const int *)a", r"= 5"),
    ("step", r"return \*\(const int \*\)a"),
    ("continue", r"Program received signal SIGUSR1"),
    ("print $_siginfo.si_signo", r"= 10"),
    ("tbreak on_signal", r"Temporary breakpoint"),
    ("continue", r"on_signal \(number=10\)"),
    (
        "backtrace",
        r"#0  on_signal \(number=10\).*#1  <signal handler called>.*raise \(\).*in work \(\).*in main \(",
    ),
    ("frame function work", r"in work \(\)"),
    ("print here.y", r"= 4"),
    ("frame 0", r"on_signal"),
    ("display calls", r""),
    ("next", r"^\d+\s+}.*1: calls = 15"),
    ("undisplay 1", r""),
    ("reverse-next", r"calls \+= number"),
    ("print calls", r"= 5"),
    ("reverse-stepi", r""),
    ("delete", r""),
    ("tbreak printf", r""),
    ("continue", r"printf \("),
    ("up", r"in work \(\)"),
    ("info locals", r"here = \{x = 3, y = 4, weight = 3.75\}.*numbers = \{1, 3, 5, 9\}.*sum = 385"),
    ("ptype here", r"struct point \{\s+int x;\s+int y;\s+double weight;"),
    ("print &here", r"\(struct point \*\) 0x3f\w+"),
    ("info registers fcsr", r"NX"),
    ("print $fa5.double", r"= 3.75"),
    ("print $instret > 1000", r"= 1"),
    ("info proc mappings", r"0x0*10000 .*r-xp.*static.*\[stack\]"),
    ("info auxv", r"AT_PAGESZ .*4096.*AT_EXECFN"),
    ("info proc", r"process 100.*exe = '/bin/static'"),
    ("info os processes", r"100 .*static"),
    ("monitor maps", r"r-xp .*/bin/static"),
    ("monitor pte $sp", r"level 0 .*DAU-WRV"),
    ("monitor frame 1", r"frame 0x1|frame +0x1"),
    ("monitor why $pc", r"name +\w*printf.*to write +fault"),
    ("monitor frames", r"frames used"),
    ("monitor nonsense", r"no command 'nonsense'"),
    ("monitor help", r"monitor goto MOMENT"),
    ("find &numbers, +sizeof(numbers), 9", r"1 pattern found"),
    ("compare-sections .text", r"matched"),
    ("maintenance packet vDance", r'received: ""'),
    ("continue", r"exited with code 03\]"),
]


def test_a_c_program(programs: Path, tmp_path: Path) -> None:
    done = check(tmp_path, [programs / "static"], WORK)
    is_undisturbed(done, programs / "static")


CRASH = [
    ("continue", r"Program received signal SIGSEGV.*crash \(\)"),
    ("print $_siginfo.si_signo", r"= 11"),
    ("print/x $_siginfo._sifields._sigfault.si_addr", r"= 0x28"),
    ("print spoiled.x", r"= 40"),
    ("watch spoiled.x", r"Hardware watchpoint 1: spoiled.x"),
    ("reverse-continue", r"Old value = 40\s+New value = 42.*in fill \(count=5\)"),
    ("x/i $pc", r"=> .*<fill\+\d+>:\s+sd\s+a\d,0\(a\d\)"),
    ("print i", r"= 4"),
    ("print spoiled.x", r"= 42"),
    ("backtrace", r"#0  0x\w+ in fill \(count=5\).*#1  0x\w+ in crash \(\).*#2  0x\w+ in main"),
    ("continue", r"Old value = 42\s+New value = 40.*fill \(count=5\)"),
    ("delete", r""),
    ("reverse-finish", r"Run back to call of|in crash \(\)"),
    ("info frame", r"called by frame"),
    ("x/i $pc", r"<crash\+\d+>:\s+(jal|jalr|auipc)"),
    ("print spoiled.x", r"= 42"),
    ("reverse-stepi", r""),
    ("rwatch spoiled.row[1]", r"Hardware read watchpoint"),
    ("delete", r""),
    ("reverse-continue", r"(No more reverse-execution history|Reached end of recorded history).*_start"),
    ("break fill", r"Breakpoint"),
    ("continue", r"Breakpoint \d, fill \(count=5\)"),
    ("reverse-continue", r"(No more reverse-execution history|Reached end of recorded history)"),
    ("delete", r""),
    ("continue", r"SIGSEGV"),
    ("continue", r"terminated with signal SIGSEGV"),
]


def test_back_from_a_crash_to_its_cause(programs: Path, tmp_path: Path) -> None:
    done = check(tmp_path, [programs / "static", "crash"], CRASH)
    assert done.stdout == b"x is 42\n"
    assert "read of address 0x28 failed" in done.stderr
    assert done.instructions == run(programs / "static", "crash", capture=True).stats.instructions


CHILD = [
    ("set follow-fork-mode child", r""),
    ("break square", r"Breakpoint 1"),
    ("continue", r"Attaching after .* fork to child .*Breakpoint 1, square \(n=6\)"),
    ("backtrace", r"#1  0x\w+ in forks .*#2  0x\w+ in main"),
    ("info inferiors", r"1 +<null>.*\* 2 +process 101"),
    ("finish", r"Value returned is .* = 36"),
    ("delete", r""),
    ("continue", r"exited with code 044"),
]
EVENTS = [
    ("catch fork", r"Catchpoint 1 \(fork\)"),
    ("catch vfork", r"Catchpoint 2 \(vfork\)"),
    ("continue", r"Catchpoint 1 \(forked process 101\).*[Ff]ork \(\)"),
    ("continue", r"Catchpoint 2 \(vforked process 102\).* vfork \(\)"),
    ("delete", r""),
    ("set follow-fork-mode child", r""),
    ("catch exec", r"Catchpoint 3 \(exec\)"),
    ("continue", r"is executing new program: .*static.*Catchpoint 3 \(exec'd .*static\)"),
    ("break main", r"Breakpoint 4"),
    ("continue", r"main \(argc=2"),
    ("print argv[1]", r'"exec"'),
    ("continue", r"exited with code 014"),
]
BOTH = [
    ("set detach-on-fork off", r""),
    ("set schedule-multiple on", r""),
    ("break square", r"Breakpoint 1"),
    ("continue", r"square \(n=6\)"),
    ("info inferiors", r"1 +process 100.*\* 2 +process 101"),
    ("backtrace", r"#1  0x\w+ in forks"),
    ("inferior 1", r"wait4|fork"),
    ("detach", r"Inferior 1 \(process 100\) detached"),
    ("inferior 2", r"square \(n=6\)"),
    ("continue", r"exited with code 044"),
]


@pytest.mark.parametrize("script", [CHILD, EVENTS, BOTH], ids=["child", "events", "both"])
def test_forks(programs: Path, tmp_path: Path, script: list[tuple[str, str]]) -> None:
    done = check(tmp_path, [programs / "static", "forks"], script)
    assert done.stdout == b"child 12\n"
    is_undisturbed(done, programs / "static", "forks")


THREADS = [
    ("info sharedlibrary", r"ld-linux-riscv64"),
    ("break threaded", r"Breakpoint 1"),
    ("continue", r"Breakpoint 1, threaded \(number=0x\w\)"),
    ("info sharedlibrary", r"ld-linux-riscv64.*libc\.so\.6"),
    ("delete", r""),
    ("break square", r"Breakpoint 2"),
    ("continue", r"square \(n=\d\)"),
    ("info threads", r"Thread 100\.100 \"dynamic\" \(waits in futex\).*\* \d +Thread 100\.10\d"),
    ("thread apply all backtrace", r"square \(n=.*threaded \(number=.*threads \(\).*main \("),
    ("thread 1", r"Switching to thread 1"),
    ("up", r"threads \(\)"),
    ("print made[0] != 0", r"= 1"),
    ("continue", r"square \(n=\d\)"),
    ("step", rf"^{RESULT + 1}\s"),
    ("print $_thread > 1", r"= 1"),
    ("delete", r""),
    ("continue", r"exited normally"),
]


def test_threads_and_libraries(programs: Path, tmp_path: Path) -> None:
    done = check(tmp_path, [programs / "dynamic", "threads"], THREADS)
    assert done.stdout == b"total 13\n"
    is_undisturbed(done, programs / "dynamic", "threads")


WRITING = [
    ("break scale", r"Breakpoint 1"),
    ("continue", r"scale \(p=0x\w+, by=1.5\)"),
    ("print square(5)", r"= 25"),
    ("print square(square(3))", r"= 81"),
    ("backtrace", r"#0  scale \(p=0x\w+, by=1.5\).*#1  0x\w+ in work"),
    ("set var by = 4", r""),
    ("print by", r"= 4"),
    ("set var p->x = 77", r""),
    ("print *p", r"x = 77, y = 4, weight = 2.5"),
    ("print $a0 = 123", r"= 123"),
    ("print $a0", r"= 123"),
    ("set var $ft0.double = 0.5", r""),
    ("print $ft0.double", r"= 0.5"),
    ("print calls = 0", r"= 0"),
    ("next", r""),
    ("delete", r""),
    ("handle SIGUSR1 nostop noprint pass", r""),
    ("continue", r"exited with code 03"),
]


def test_what_gdb_writes(programs: Path, tmp_path: Path) -> None:
    done = check(tmp_path, [programs / "static"], WRITING)
    assert done.stdout == b"sum 385, first 1, weight 10\n"


ASSEMBLY = [
    ("break main", r"Breakpoint 1 at 0x\w+: file asm/hello\.s, line 16"),
    ("continue", r"Breakpoint 1, main \(\) at asm/hello\.s:16"),
    ("backtrace", r"#0  main \(\) at asm/hello.s:16"),
    ("list 18,18", r"la +a0, greeting"),
    ("stepi", r"^17\s"),
    ("next", r"^18\s"),
    ("next", r"^19\s.*call"),
    ("info symbol $a0", r"greeting"),
    ("x/s $a0", r'"hello, world"'),
    ("next", r"^20\s"),
    ("monitor when", r"^\d+\n"),
    ("reverse-next", r"^19\s"),
    ("reverse-stepi", r"\s18\s+la"),
    ("until 20", r"^20\s|main"),
    ("info line", r"Line \d+ of \"asm/hello.s\""),
    ("monitor goto 3", r"^3\n.*maintenance flush register-cache"),
    ("maintenance flush register-cache", r""),
    ("monitor when", r"^3\n"),
    ("frame", r"_start"),
    ("delete", r""),
    ("continue", r"exited normally"),
]


def test_an_assembly_program(tmp_path: Path) -> None:
    require_oracle(GDB)
    done = check(tmp_path, ["asm/hello.s"], ASSEMBLY)
    is_undisturbed(done, "asm/hello.s")


CALLS = [
    ("x/i $pc", r"=> .*<_start"),
    ("break *&written", r"Breakpoint 1"),
    ("continue", r"Breakpoint 1"),
    ("x/i $pc", r"ecall"),
    ("print $a7", r"= 64"),
    ("stepi", r""),
    ("print $a0 == $a2", r"= 1"),
    ("reverse-stepi", r"Breakpoint 1|written"),
    ("x/i $pc", r"ecall"),
    ("print $a0", r"= 1"),
    ("nexti", r""),
    ("monitor when", r"^[1-9]"),
    ("delete", r""),
    ("catch signal SIGSEGV", r"Catchpoint 2 \(signal SIGSEGV\)"),
    ("continue", r"exited normally|exited with code"),
]


def test_steps_over_system_calls(tmp_path: Path) -> None:
    require_oracle(GDB)
    program = tmp_path / "calls.s"
    program.write_text(
        """        .globl  _start
_start: li      a0, 1
        la      a1, text
        li      a2, 5
        li      a7, 64
        .globl  written
written: ecall
        li      a0, 0
        li      a7, 93
        ecall
        .data
text:   .ascii  "five\\n"
"""
    )
    done = check(tmp_path, [program], CALLS)
    assert done.stdout == b"five\n"
    is_undisturbed(done, program)


AGAIN = [
    ("continue", r"exited normally"),
    ("set remote exec-file /bin/hello", r""),
    ("starti", r"Program stopped|_start"),
    ("monitor when", r"^0"),
    ("tbreak main", r"Temporary breakpoint"),
    ("continue", r"main \(\) at asm/hello\.s"),
    ("kill", r"Inferior 1 \(process \d+\) killed"),
]


def test_running_again(tmp_path: Path) -> None:
    require_oracle(GDB)
    done = check(tmp_path, ["asm/hello.s"], AGAIN, "target extended-remote")
    assert done.stdout == b"hello, world\n"


RECORDED = [
    ("break main", r"Breakpoint 1"),
    ("continue", r"main \(\) at .*hello\.s:16"),
    ("next", r"^17\s"),
    ("reverse-continue", r"Breakpoint 1|(No more reverse-execution|Reached end of recorded) history"),
    ("delete", r""),
    ("continue", r"exited normally"),
]


def test_a_recorded_run(tmp_path: Path) -> None:
    require_oracle(GDB)
    recording = tmp_path / "hello.tvr"
    command = [sys.executable, "-m", "toyvm", "record", "-o", str(recording), "asm/hello.s"]
    subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    done = check(tmp_path, [recording], RECORDED)
    is_undisturbed(done, "asm/hello.s")


def test_detaching_lets_the_run_end(tmp_path: Path) -> None:
    require_oracle(GDB)
    done = check(tmp_path, ["asm/hello.s"], [("detach", r"Inferior 1 \(process \d+\) detached")])
    is_undisturbed(done, "asm/hello.s")


def test_a_pipe(tmp_path: Path) -> None:
    """gdb starts the server itself, and shows what the program writes."""
    require_oracle(GDB)
    server = f"env -u PYTHONHOME -u PYTHONPATH {sys.executable} -m toyvm gdbserver --pipe asm/hello.s"
    commands = ["-ex", f"target remote | {server}", "-ex", "continue"]
    done = subprocess.run([GDB, "-batch", "-nx", *commands], capture_output=True, text=True, cwd=ROOT)
    assert "exited normally" in done.stdout, done.stdout + done.stderr
    assert "hello, world\n" in done.stdout + done.stderr
