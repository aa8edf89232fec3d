"""The commands of the terminal debugger on real runs: what they print, and that the run stays the run that it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import toyvm
from tests.support.harness import ROOT
from toyvm.build import build_program
from toyvm.debugger.terminal.commands import COMMANDS, Commands, QuitRequest, find
from toyvm.debugger.terminal.conversation import CommandError, Conversation
from toyvm.debugger.timeline import Timeline

ASM = ROOT / "asm"


@contextmanager
def debugging(path: Path, linkage: str = "static") -> Iterator[Commands]:
    with Timeline.start(build_program([path], linkage=linkage)) as target:
        yield Commands(Conversation(target))


def said(commands: Commands, *lines: str) -> list[str]:
    """What the last of some commands prints."""
    found: list[str] = []
    for line in lines:
        found = commands.execute(line)
    return found


def at_line(commands: Commands) -> tuple[str, int]:
    source = commands.session.source()
    assert source is not None
    return source.name, source.line


def test_lines_forwards_and_backwards() -> None:
    with debugging(ASM / "cow.s") as commands:
        assert said(commands, "start")[-1].startswith("22\tmain:")
        places = [at_line(commands)]
        for _ in range(8):
            said(commands, "next")
            places.append(at_line(commands))
        assert [line for _, line in places] == [22, 23, 24, 26, 27, 28, 29, 30, 31]
        for place in places[-2::-1]:
            said(commands, "reverse-next")
            assert at_line(commands) == place
        said(commands, "until 30", "step")
        assert at_line(commands) == ("pagemap.s", 17)
        assert "#1" in said(commands, "bt")[1]
        assert said(commands, "finish")[-1].startswith("Value returned by frame_of")
        assert at_line(commands) == ("cow.s", 31)
        said(commands, "reverse-step", "reverse-finish")
        assert at_line(commands) == ("cow.s", 30)


def test_the_store_that_changed_a_variable_is_found_from_the_end() -> None:
    with debugging(ASM / "cow.s") as commands:
        assert "has ended" in said(commands, "start", "watch number if $pc != 0", "goto end")[0]
        lines = said(commands, "reverse-continue")
        assert lines[1:5] == ["Hardware watchpoint 1: number", "", "Old value = 1", "New value = 3"]
        assert at_line(commands) == ("cow.s", 46)
        lines = said(commands, "reverse-continue")
        assert lines[3:5] == ["Old value = 1", "New value = 2"]
        assert at_line(commands)[1] == 56
        assert commands.session.pid != 100


RECURSIVE = """\
        .globl  main
main:   addi    sp, sp, -16
        sd      ra, 8(sp)
        li      a0, 3
        call    down
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret
        .type   down, @function
down:   addi    sp, sp, -16
        sd      ra, 8(sp)
        beqz    a0, 1f
        addi    a0, a0, -1
        call    down; addi a0, a0, 1; mv a1, a0
1:      ld      ra, 8(sp)
        addi    sp, sp, 16
        ret
"""


def test_back_to_the_line_of_this_call_and_not_of_a_deeper_one(tmp_path: Path) -> None:
    """After the call in the middle of line 14, deeper calls have been at its beginning since."""
    source = tmp_path / "recursive.s"
    source.write_text(RECURSIVE)
    with debugging(source) as commands:
        said(commands, "start", "break 13 if $a0 == 3", "continue", "delete", "next")
        assert at_line(commands) == ("recursive.s", 14)
        start = commands.session.target.moment
        sp = commands.session.registers().x[2]
        said(commands, "nexti", "nexti", "stepi", "reverse-next")
        assert commands.session.target.moment == start
        assert commands.session.registers().x[2] == sp


def test_events_values_and_tables() -> None:
    with debugging(ASM / "cow.s") as commands:
        assert "page fault at" in said(commands, "start", "fault")[1]
        assert "call to syscall openat" in said(commands, "syscall")[1]
        assert "page fault" in said(commands, "reverse-fault")[1]
        said(commands, "break frame_of", "run")
        assert said(commands, "p $a0 == &number") == ["= 1"]
        assert said(commands, "p/x $pc + 4 * 2")[0].startswith("= 0x")
        assert "<number>" in said(commands, "x/2xg &number")[0]
        assert said(commands, "x/2i $pc")[0].startswith("=>")
        assert '"' in said(commands, "x/s $sp")[0]
        assert "stop only if" in said(commands, "condition 1 $a0 == 1", "info breakpoints")[2]
        assert "frame_of" in said(commands, "info threads")[1]
        assert any("[stack]" in line for line in said(commands, "info proc mappings"))
        assert any("number" in line for line in said(commands, "why &number"))
        assert said(commands, "info registers pc")[0].startswith("pc ")
        assert any(line.startswith("=>") for line in said(commands, "disassemble"))
        assert said(commands, "list 28")[5].startswith("28\t")


def test_a_write_makes_another_run() -> None:
    with debugging(ASM / "cow.s") as commands:
        said(commands, "start", "until 29", "set number = 41", "continue")
        assert b"number is 41, in the frame" in commands.session.target.output()
        said(commands, "start", "until 31")
        assert said(commands, "p number") == ["= 41"]


def test_conditions_and_ignore_counts() -> None:
    with debugging(ASM / "lazy.s", "dynamic") as commands:
        said(commands, "break where", "ignore 1 1", "run")
        assert said(commands, "x/s $a0")[0].endswith('"after"')
        assert said(commands, "continue") == ["[Inferior (process 100) exited normally]"]
        assert "has ended" in said(commands, "continue")[-1]
        with pytest.raises(CommandError, match="not being run"):
            commands.execute("continue")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("frobnicate", 'Undefined command: "frobnicate"'),
        ("brake main", 'Did you mean "break"'),
        ("re", "Ambiguous command"),
        ("break nowhere", 'Function "nowhere" not defined'),
        ("break 9999", "No line 9999"),
        ("break main if 1 +", "syntax error"),
        ("p nothing", 'No symbol "nothing"'),
        ("p *0", "Cannot access memory at address 0x0"),
        ("x/4xg 0", "Cannot access memory"),
        ("stepi 0", "a count is"),
        ("delete 7", "No breakpoint number 7"),
        ("thread 7", "Unknown thread 7"),
        ("down", "Bottom (innermost) frame"),
        ("catch rain", "catch one of"),
        ("catch syscall nope", "Unknown syscall name"),
        ("info nothing", "is not one of"),
        ("set main", "set $REGISTER"),
        ("set {4}0 = 1", "Cannot access memory"),
        ("set $zz = 1", "No register"),
        ("goto yesterday", "goto INSTRUCTIONS"),
        ("x/99999xb $sp", "at most"),
        ("p/q 1", "Undefined output format"),
    ],
)
def test_mistakes(hello: Commands, line: str, message: str) -> None:
    moment = hello.session.target.moment
    with pytest.raises(CommandError) as error:
        hello.execute(line)
    assert message in str(error.value)
    assert hello.session.target.moment == moment


@pytest.fixture(scope="module")
def hello() -> Iterator[Commands]:
    with debugging(ASM / "hello.s") as commands:
        yield commands


def test_every_command_is_there_and_has_help(hello: Commands) -> None:
    for row in COMMANDS:
        assert callable(getattr(hello, row.method))
        for name in row.names:
            assert find(name) is row
    assert len(hello.execute("help")) == len(COMMANDS)
    with pytest.raises(QuitRequest):
        hello.execute("quit")


def test_a_session_of_looking_leaves_the_run_as_it_is() -> None:
    undisturbed = toyvm.run(build_program([ASM / "cow.s"]), capture=True)
    with debugging(ASM / "cow.s") as commands:
        script = "break frame_of,run,bt,step,rs,watch number,continue,rc,fault,switch,delete,info pte,finish,continue"
        for line in script.split(","):
            commands.execute(line)
        assert "has ended" in commands.execute("goto end")[-1]
        target = commands.session.target
        assert target.output() == undisturbed.stdout
        assert target.moment.instructions == undisturbed.stats.instructions
