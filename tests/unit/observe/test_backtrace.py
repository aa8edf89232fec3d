"""The functions that a thread is in, from a crash, through signals, and at the end of a run that is cut short."""

import os
import random
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from toyvm.api import assemble_text, link, run
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
