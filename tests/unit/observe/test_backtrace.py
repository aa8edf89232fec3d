"""The functions that a thread is in, from a crash, through signals, and at the end of a run that is cut short."""

import os
import random
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.harness import ASM
from toyvm.api import assemble_text, link, run
from toyvm.base.errors import UsageError
from toyvm.build import build_program
from toyvm.result import RunResult

FRAME = re.compile(r"^ +#\d+ +(?:0x[0-9a-f]+ ([^\s+]+)|(<.*>))")


def frames(result: RunResult | str) -> list[str]:
    """The functions of the backtrace."""
    text = result if isinstance(result, str) else result.stderr.decode()
    return [found[1] or found[2] for line in text.splitlines() if (found := FRAME.match(line))]


def run_text(text: str, **options: object) -> RunResult:
    """Assemble a program that starts at _start, without a library, and run it."""
    return run(link([assemble_text(text, "guest.s")]), capture=True, **options)  # type: ignore[arg-type]  # arguments of several types


NESTED = """
        .globl  _start, outer, inner
_start: li      ra, 0
        call    outer
        ebreak
outer:  {outer}
inner:  {inner}
"""
CFI_OUTER = """
        .cfi_startproc
        addi    sp, sp, -48
        .cfi_def_cfa_offset 48
        sd      ra, 16(sp)
        .cfi_offset ra, -32
        call    inner
        ld      ra, 16(sp)
        addi    sp, sp, 48
        ret
        .cfi_endproc
"""
PLAIN_OUTER = """
        addi    sp, sp, -32
        sd      s0, 8(sp)
        sd      ra, 24(sp)
        beqz    zero, 1f
        ld      ra, 24(sp)
        addi    sp, sp, 32
        ret
1:      call    inner
        li      t0, 1
        addi    sp, sp, 32
        ret
"""
FP_OUTER = """
        addi    sp, sp, -32
        sd      ra, 24(sp)
        sd      s0, 16(sp)
        addi    s0, sp, 32
        sub     sp, sp, a0
        call    inner
        ret
"""
CRASHES = {
    "load": "ld a0, 0(zero)",
    "jump": "li t0, 0x5000\n jr t0",
    "call": "li t0, 0x5000\n addi sp, sp, -16\n sd ra, 0(sp)\n jalr t0\n ld ra, 0(sp)\n addi sp, sp, 16\n ret",
    "illegal": "unimp",
    "in a leaf with a frame": "addi sp, sp, -16\n sd s1, 0(sp)\n ld a0, 0(zero)",
    "after it has saved ra": "addi sp, sp, -16\n sd ra, 8(sp)\n li ra, 0\n ld a0, 0(zero)",
    "with sp moved back": "addi sp, sp, -16\n sd ra, 8(sp)\n ld ra, 8(sp)\n addi sp, sp, 16\n ld a0, 0(zero)\n ret",
}


@pytest.mark.parametrize("outer", ["cfi", "plain", "frame pointer"])
@pytest.mark.parametrize("crash", CRASHES)
def test_callers_are_found(outer: str, crash: str) -> None:
    body = {"cfi": CFI_OUTER, "plain": PLAIN_OUTER, "frame pointer": FP_OUTER}[outer]
    result = run_text(NESTED.format(outer=body, inner=CRASHES[crash]))
    found = frames(result)
    if crash in ("jump", "call"):
        assert "#0  0x5000\n" in result.stderr.decode()
        expected = ["outer", "_start"] if crash == "jump" else ["inner", "outer", "_start"]
    else:
        expected = ["inner", "outer", "_start"]
    assert found == expected, result.stderr.decode()


SIGNALS = """
        .globl  _start, work, handler
_start: li      ra, 0
        la      a0, stack
        li      a1, 0
        li      a7, 132                 # sigaltstack
        {altstack}
        li      a0, 10
        la      a1, action
        li      a2, 0
        li      a3, 8
        li      a7, 134                 # rt_sigaction
        ecall
        call    work
        ebreak
work:   addi    sp, sp, -16
        sd      ra, 8(sp)
        li      a7, 172
        ecall
        li      a1, 10
        li      a7, 129                 # kill
        ecall
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret
handler:
        addi    sp, sp, -16
        sd      ra, 8(sp)
        call    last
        ret
        .globl  last
last:   ld      a0, 0(zero)
        .data
        .balign 8
action: .dword  handler, {flags}, 0
stack:  .dword  room
        .word   0, 0
        .dword  8192
        .bss
        .balign 16
room:   .skip   8192
"""


@pytest.mark.parametrize("alternate", [False, True])
def test_a_backtrace_goes_through_a_signal_handler(alternate: bool) -> None:
    text = SIGNALS.format(altstack="ecall" * alternate, flags="0x08000000" if alternate else "0")
    result = run_text(text)
    assert frames(result) == ["last", "handler", "<signal handler called>", "work", "_start"]


def test_a_recursion_is_shown_once_and_bounded() -> None:
    result = run_text("_start: li ra, 0\n call f\n .globl f\nf: addi sp, sp, -16\n sd ra, 8(sp)\n call f\n")
    text = result.stderr.decode()
    assert frames(result)[:4] == ["f"] * 4 and len(frames(result)) < 10
    assert re.search(r"\.\.\. the same \d+ times more\n    \.\.\. and so on\n", text)


def test_a_stack_that_points_to_itself_ends() -> None:
    """Frame pointers in a circle, and a return address that comes again and again."""
    text = """
        .globl _start
_start: la      t0, 1f
        addi    sp, sp, -64
        addi    s0, sp, 48
        la      t1, 2f
        sd      t1, -8(s0)
        sd      s0, -16(s0)
        mv      sp, t2
        addi    sp, s0, -48
        jr      t0
        call    _start
2:      nop
1:      ld      a0, 0(zero)
    """
    assert len(frames(run_text(text))) < 5


@pytest.mark.parametrize("seed", range(40))
def test_any_stack_and_any_registers_give_a_report(seed: int) -> None:
    """Random doublewords, many of them addresses of code and of the stack."""
    chance = random.Random(seed)
    words = [
        chance.choice(("f", "g", "f + 6", "g + 4", "buffer", "buffer + 64", "0", "-1", "0x4000000000"))
        for _ in range(64)
    ]
    text = f"""
        .globl  _start, f, g
_start: la      sp, buffer
        la      s0, buffer + {8 * chance.randrange(64)}
        la      ra, {chance.choice(("f + 4", "g", "buffer"))}
        j       {chance.choice("fg")}
        .cfi_startproc
f:      .cfi_def_cfa {chance.choice(("sp", "s0", "ra"))}, {8 * chance.randrange(-4, 9)}
        .cfi_offset ra, {8 * chance.randrange(-9, 9)}
        call    g
        nop
        .cfi_escape 0x0f, 4, {chance.randrange(256)}, {chance.randrange(256)}, 0x06, 0x06
        ld      a0, 0(zero)
        .cfi_endproc
g:      addi    sp, sp, -16
        jal     f
        ret
        .data
        .balign 16
buffer: .dword  {", ".join(words)}
    """
    result = run_text(text, max_instructions=2000)
    assert result.status in (124, 139)
    assert "registers: " in result.stderr.decode()


def test_a_damaged_program_and_one_without_symbols_give_a_report(tmp_path: Path) -> None:
    image = bytearray(build_program([_crashing(tmp_path)]).image)
    chance = random.Random(1)
    path = tmp_path / "program"
    for _ in range(30):
        damaged = bytearray(image)
        for _ in range(20):  # behind the segments: debugging information, symbols, section headers
            damaged[chance.randrange(len(image) // 2, len(image))] = chance.randrange(256)
        path.write_bytes(damaged)
        path.chmod(0o755)
        result = run(path, capture=True)
        assert result.status == 139 and "registers: " in result.stderr.decode()


def _crashing(folder: Path) -> Path:
    source = folder / "crash.s"
    source.write_text(".globl main\nmain: addi sp, sp, -16\n sd ra, 8(sp)\n call f\nf: sd zero, 0(zero)\n")
    return source


def test_lines_are_shown_where_they_are_known(tmp_path: Path) -> None:
    result = run(build_program([_crashing(tmp_path)]), capture=True)
    text = result.stderr.decode()
    assert re.search(r"#0  0x\w+ f \(crash.s:5\)\n    #1  0x\w+ main\+0x\w+ \(crash.s:4\)\n", text), text


LOOP = """
        .globl  _start, spin
_start: li      ra, 0
        li      s5, 0x777
        call    spin
        ebreak
spin:   li      a0, 1
        la      a1, word
        li      a2, 3
        li      a7, 64
        ecall
1:      j       1b
        .data
word:   .ascii  "go\\n"
"""


def test_the_instruction_limit_says_where_each_thread_was() -> None:
    result = run_text(LOOP, max_instructions=1000)
    text = result.stderr.decode()
    assert result.status == 124 and frames(result) == ["spin", "_start"]
    assert text.startswith("toyvm: limit of 1000 instructions reached\n  process 100 (guest) was running\n")
    assert " s5 0x777," in text and "the others 0\n" in text


@pytest.mark.parametrize("engine", ["auto", "reference"])
def test_an_interrupt_says_where_each_thread_was(engine: str, tmp_path: Path) -> None:
    source = tmp_path / "loop.s"
    source.write_text(LOOP.replace("_start", "main"))
    command = [sys.executable, "-m", "toyvm", "run", "--engine", engine, str(source)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "go\n"
        process.send_signal(signal.SIGINT)
        _, text = process.communicate()
    assert process.returncode == 130
    assert text.startswith("toyvm: interrupted\n  process 100 (loop) was running\n"), text
    assert frames(text)[:2] == ["spin", "main"] and " s5 0x777," in text


def test_an_interrupt_while_the_program_waits_for_input(tmp_path: Path) -> None:
    source = tmp_path / "wait.s"
    source.write_text(
        LOOP.replace("_start", "main").replace("1:      j       1b", "li a0, 0\n li a7, 63\n ecall")
    )
    command = [sys.executable, "-m", "toyvm", "run", str(source)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "go\n"
        while "(sleeping)" not in Path(f"/proc/{process.pid}/status").read_text():
            os.sched_yield()
        process.send_signal(signal.SIGINT)
        _, text = process.communicate()
    assert process.returncode == 130
    assert text.startswith("toyvm: interrupted\n  process 100 (wait) was running\n"), text
    assert frames(text)[:2] == ["spin", "main"]


def test_a_deadlock_says_where_each_thread_waits() -> None:
    result = run_text(
        "_start: li ra, 0\n call f\n.globl f\nf: li a7, 133\n la a0, zeros\n li a1, 8\n ecall\n.bss\nzeros: .skip 8"
    )
    assert result.status == 124 and frames(result) == ["f", "_start"]
    assert (
        "deadlock: every process waits for ever\n  process 100 (guest) waits in rt_sigsuspend\n    #0 "
        in (result.stderr.decode())
    )


COUNTED = """
        .globl  _start, f
_start: li      ra, 0
        li      s1, 0
1:      mv      a0, s1
        call    f
        addi    s1, s1, 1
        j       1b
f:      add     a0, a0, a0
        li      t0, 40
        beq     s1, t0, 2f
        ret
2:      li      a0, 0
        li      a7, 94
        ecall
"""


NEVER = """
        .globl  _start, f
_start: li      a0, 0
        li      a7, 94
        ecall
f:      ret
"""


@pytest.mark.parametrize("engine", ["reference", "llvm", "lockstep"])
@pytest.mark.parametrize(("count", "hex_count"), [(1, "the others 0"), (2, " s1 0x1,"), (30, " s1 0x1d,")])
def test_a_breakpoint_counts(engine: str, count: int, hex_count: str) -> None:
    plain = run_text(COUNTED, engine=engine)
    result = run_text(COUNTED, engine=engine, breakpoint="f", break_count=count)
    text = result.stderr.decode()
    assert frames(result) == ["f", "_start"] and hex_count in text
    assert text.startswith("toyvm: process 100 (guest) is at f") and text.count(" is at ") == 1
    assert result.status == 0 and result.stats.instructions == plain.stats.instructions


def test_a_breakpoint_that_is_not_reached_so_often_changes_nothing_and_is_told() -> None:
    plain = run_text(COUNTED)
    result = run_text(COUNTED, breakpoint="f", break_count=42)
    assert result.status == 0 and result.stats.instructions == plain.stats.instructions
    assert result.stderr == b"toyvm: no process reached 'f' 42 times, at most 41\n"
    assert run_text(NEVER, breakpoint="f").stderr == b"toyvm: no process reached 'f'\n"


def test_a_breakpoint_in_a_library() -> None:
    """It is set when the library is mapped."""
    program = build_program([ASM / "hello.s"], linkage="dynamic")
    result = run(program, capture=True, breakpoint="puts")
    assert frames(result)[0] == "puts" and "main" in frames(result)
    va = result.stderr.decode().split("#0 ")[1].split()[0]
    assert frames(run(program, capture=True, breakpoint=va))[0] == "puts"
    result = run(program, capture=True, breakpoint="nowhere")
    told = b"toyvm: no symbol 'nowhere' in the program and in the libraries that it loaded\n"
    assert result.status == 0 and result.stderr == told


def test_each_thread_counts_for_its_process() -> None:
    """Two threads go through a breakpoint by turns; none passes it while it is not set."""
    text = """
        .globl  _start, f
_start: li      a0, 0x10f00
        la      a1, top
        li      a2, 0
        li      a3, 0
        li      a4, 0
        li      a7, 220
        ecall
        li      s1, 50
1:      call    f
        addi    s1, s1, -1
        bnez    s1, 1b
        li      a7, 93
        ecall
f:      la      t0, total
        li      t1, 1
        amoadd.w t2, t1, (t0)
        ret
        .bss
        .balign 16
total:  .skip   1024
top:
    """
    for seed in range(5):
        result = run_text(text, breakpoint="f", break_count=80, schedule_seed=seed, quantum=7)
        assert result.stderr.decode().count(" is at f") == 1
        told = run_text(text, breakpoint="f", break_count=101, schedule_seed=seed, quantum=7).stderr
        assert told == b"toyvm: no process reached 'f' 101 times, at most 100\n"


def test_a_breakpoint_at_a_source_line(tmp_path: Path) -> None:
    source = tmp_path / "lines.s"
    source.write_text(".globl main\nmain: li a0, 1\n\n\n li a0, 2\n li a0, 0\n ret\n")
    program = build_program([source])
    for line, found in ((2, 2), (3, 5), (5, 5), (6, 6)):
        result = run(program, capture=True, breakpoint=f"lines.s:{line}")
        assert f" is at main{'' if line == 2 else '+'}" in result.stderr.decode()
        assert f"(lines.s:{found})\n" in result.stderr.decode()
    for place in ("lines.s:9", "other.s:2", "ines.s:2", "lines.s:", ":2"):
        with pytest.raises(UsageError, match="to break at"):
            run(program, capture=True, breakpoint=place)


def test_instructions_are_traced_with_what_they_write() -> None:
    text = """
        .globl  _start, f
_start: li      a0, -1
        fmv.d.x fa0, a0
        jal     f
        beqz    zero, 1f
1:      li      a7, 94
        li      a0, 0
        ecall
f:      sd      a0, -8(sp)
        nop
        ret
    """
    lines = [
        re.sub(r"0x[0-9a-f]{5,}", "N", " ".join(line.split()))
        for line in run_text(text, trace=frozenset({"insn"})).stderr.decode().splitlines()
    ]
    assert [line.rpartition(" ")[2] for line in lines[:3]] == ["a0=N", "fa0=N", "ra=N"]
    assert len(lines) == 10 and "=" not in "".join((lines[3], lines[4], lines[5], lines[6], lines[9]))
    inside = run_text(text, trace=frozenset({"insn"}), trace_range=("f",)).stderr.decode()
    assert len(inside.splitlines()) == 3 and all(" f" in line for line in inside.splitlines())
    for wrong in ("0x10", "0x20-0x10", "0xg-0x2"):
        with pytest.raises(UsageError, match="expected a function or 0xSTART-0xEND"):
            run_text(text, trace=frozenset({"insn"}), trace_range=(wrong,))


def test_an_option_after_the_program_gets_a_hint_if_the_program_fails(tmp_path: Path) -> None:
    source = tmp_path / "p.s"
    for status, hint in ((3, True), (0, False)):
        source.write_text(f".globl _start\n_start: li a7, 94\n li a0, {status}\n ecall\n")
        for word, known in (("--trace=syscalls", True), ("--stats", True), ("--else", False), ("-l", False)):
            command = [sys.executable, "-m", "toyvm", "run", str(source), "x", word]
            done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
            expected = (
                f"toyvm: {word} was passed to the program; toyvm's own options stand before it: "
                f"toyvm run {word} {source}\n"
            )
            assert done.stderr == (expected if hint and known else "") and done.returncode == status


def test_a_report_without_memory_has_no_backtrace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python takes lack of memory during an import for a syntax error, so the report is made without one."""

    def none_left(size: int) -> None:
        raise MemoryError

    monkeypatch.setattr("toyvm.machine.physical_memory.require_host_room", none_left)
    result = run_text("_start: j _start", max_instructions=1000)
    assert result.status == 124
    assert "no backtrace: the host has no memory left" in result.stderr.decode()
    assert "registers:" in result.stderr.decode()
