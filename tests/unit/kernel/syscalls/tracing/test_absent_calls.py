"""A program that fails is told which system calls the machine does not have."""

import pytest

from toyvm.api import assemble_text, link, run

CALLS = """
        .globl  _start
_start: li      a7, 180
        ecall
        li      a7, 190
        ecall
        ecall
        li      a7, 293
        ecall
        li      a0, {status}
        li      a7, 94
        ecall
"""
MESSAGE = (
    "toyvm: system calls that this machine does not have were refused (ENOSYS): mq_open, semget (2 times)\n"
)


@pytest.mark.parametrize(("status", "message"), [(0, ""), (3, MESSAGE)])
def test_absent_calls_are_named_if_the_program_fails(status: int, message: str) -> None:
    result = run(link([assemble_text(CALLS.format(status=status))]), capture=True)
    assert result.status == status and result.stderr.decode() == message


def test_a_refusal_that_programs_expect_is_not_named() -> None:
    text = "_start: .globl _start\n li a7, 293\n ecall\n li a0, 1\n li a7, 94\n ecall\n"
    assert run(link([assemble_text(text)]), capture=True).stderr == b""


def test_a_program_cannot_fill_the_message() -> None:
    text = """
        .globl  _start
_start: li      s0, 100000
1:      mv      a7, s0
        addi    s0, s0, 1
        ecall
        li      t0, 101000
        blt     s0, t0, 1b
        li      a0, 1
        li      a7, 94
        ecall
    """
    assert len(run(link([assemble_text(text)]), capture=True).stderr) < 1500
