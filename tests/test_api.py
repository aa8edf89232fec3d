"""The four verbs from Python, as the README shows them, and the values they return."""

import importlib
import os
import re
import stat
from pathlib import Path

import pytest

import toyvm
from toyvm.base.errors import AssemblyError, LinkError, NotExecutableError, NotFoundError

ROOT = Path(__file__).parent.parent
FALSE = ".globl _start\n_start: li a0, 7\n li a7, 93\n ecall\n"


def test_the_readme_block_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    assert len(block.strip().splitlines()) <= 10
    monkeypatch.chdir(ROOT)
    exec(compile(block, "README.md", "exec"), {})
    out = capsys.readouterr().out
    assert out.startswith("hello, world\n")
    assert out.count(" True\n") == 4


def test_text_becomes_an_object_a_program_a_status() -> None:
    program = toyvm.link([toyvm.assemble_text(FALSE, "seven.s")])
    assert program.linkage == "static"
    assert toyvm.run(program, capture=True).status == 7


def test_an_image_in_a_file_runs_when_it_may(tmp_path: Path) -> None:
    image = tmp_path / "seven"
    image.write_bytes(toyvm.link([toyvm.assemble_text(FALSE, "seven.s")]).image)
    with pytest.raises(NotExecutableError, match="Permission denied"):
        toyvm.run(image)
    os.chmod(image, stat.S_IRWXU)
    assert toyvm.run(image, capture=True).status == 7


def test_what_is_wrong_is_told_by_exceptions(tmp_path: Path) -> None:
    with pytest.raises(AssemblyError) as broken:
        toyvm.assemble_text("addd a0, a1, a2\nlw a0\n", "x.s")
    assert len(broken.value.messages) == 2
    with pytest.raises(LinkError, match="undefined reference to `nowhere'"):
        toyvm.link([toyvm.assemble_text(".globl main\nmain: call nowhere\n ret\n", "x.s")])
    with pytest.raises(NotFoundError):
        toyvm.run(tmp_path / "nothing")
    with pytest.raises(NotFoundError):
        toyvm.assemble(tmp_path / "nothing.s")


def test_standard_input_and_output_are_the_callers() -> None:
    echo = """
        .globl _start
_start: addi sp, sp, -64
        li a0, 0
        mv a1, sp
        li a2, 64
        li a7, 63
        ecall
        mv a2, a0
        li a0, 1
        mv a1, sp
        li a7, 64
        ecall
        li a0, 0
        li a7, 93
        ecall
"""
    result = toyvm.run(toyvm.link([toyvm.assemble_text(echo)]), stdin=b"as it came\n", capture=True)
    assert (result.status, result.stdout, result.frames_leaked) == (0, b"as it came\n", 0)


def run_text(text: str, **settings: object) -> toyvm.RunResult:
    program = toyvm.link([toyvm.assemble_text(text, "text.s")])
    return toyvm.run(program, capture=True, **settings)


PRINTS = """
.globl _start
_start: li a0, {stream}
 la a1, text
 li a2, 5
 li a7, 64
 ecall
 {then}
 li a0, 124
 li a7, 93
 ecall
 .data
text: .ascii "hello"
"""


def test_a_limit_on_output_stops_the_run() -> None:
    """At the byte, and the machine's own message is not counted; what fits is no reason to stop."""
    endless = run_text(PRINTS.format(stream=1, then="j _start"), max_output=12)
    assert (endless.status, endless.stdout) == (124, b"hellohellohe")
    assert endless.stopped == "limit of 12 bytes of output reached"
    assert b"toyvm: limit of 12 bytes of output reached\n" in endless.stderr
    within = run_text(PRINTS.format(stream=2, then=""), max_output=5)
    assert (within.status, within.stderr, within.stopped) == (124, b"hello", "")
    assert within.stats.calls == {"write": 1, "exit": 1}


def test_a_result_tells_a_signal_from_a_status_and_what_is_left() -> None:
    killed = run_text(".globl _start\n_start: sd zero, 0(zero)\n")
    assert (killed.status, killed.signal, killed.stopped) == (139, 11, "")
    assert run_text(FALSE.replace("a0, 7", "a0, 139")).signal == 0
    segment = (
        ".globl _start\n_start: li a0, 0\n li a1, 4096\n li a2, 0x380\n li a7, 194\n ecall\n" + FALSE[22:]
    )
    assert run_text(segment).segments_left == 1
    assert run_text(FALSE, max_instructions=1).stopped == "limit of 1 instructions reached"


def test_an_empty_root_shows_nothing_of_the_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text("secret")
    monkeypatch.chdir(tmp_path)
    opens = "\n".join(
        (".globl _start\n_start: li a0, -100\n la a1, name\n li a2, {flags}\n li a3, 0x1a4\n li a7, 56\n ecall",
         "li a7, 93\n ecall\n.data\nname: .asciz \"{name}\"")
    )  # fmt: skip
    assert run_text(opens.format(flags=0, name="secret")).status == 3
    assert run_text(opens.format(flags=0, name="secret"), root="").status == 256 - 2  # ENOENT
    assert run_text(opens.format(flags=0x41, name="new"), root="").status == 3  # O_CREAT | O_WRONLY
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_limits_on_calls_and_faults_stop_the_run() -> None:
    """At the call or the fault that reaches the limit, wherever faults are resolved."""
    calls = ".globl _start\n_start: li a7, 124\n ecall\n j _start\n"  # sched_yield
    run = run_text(calls, max_syscalls=7)
    assert (run.status, run.stopped, run.stats.syscalls) == (124, "limit of 7 system calls reached", 7)
    touches = (
        ".globl _start\n_start: li a0, 0\n li a1, 0x4000000\n li a2, 3\n li a3, 0x22\n li a4, -1\n li a7, 222\n ecall\n"
        "li t0, 4096\n1: sd zero, 0(a0)\n add a0, a0, t0\n j 1b\n"
    )
    for most in (100, 6000):
        run = run_text(touches, max_faults=most, max_instructions=10**6)
        assert (run.status, run.stopped) == (124, f"limit of {most} page faults reached")
        assert most <= run.stats.page_faults <= most + 1


@pytest.mark.parametrize("package", ["toyvm", "toyvm.api", "toyvm.assembler", "toyvm.explain"])
def test_each_public_name_is_found(package: str) -> None:
    module = importlib.import_module(package)
    for name in module.__all__:
        assert getattr(module, name) is not None
