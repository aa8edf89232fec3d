"""Whole programs on the kernel: processes, sleep, pipes, signals, deaths, limits. No frame may be left afterwards."""

from __future__ import annotations

import pytest

from tests.support.guest_kernel import Run, build
from toyvm.base.errors import NotExecutableError, NotFoundError
from toyvm.kernel.vfs.path_walk import Vfs
from toyvm.run_options import Limits

EXIT = "sys 93\n"


def test_write_and_exit() -> None:
    run = Run(
        '_start: li a0, 1\n la a1, text\n li a2, 3\n sys 64\n li a0, 7\n sys 93\n.data\ntext: .ascii "hi\\n"'
    )
    assert (run.status, run.stdout, run.stderr, run.frames_left()) == (7, "hi\n", "", 0)


CONVERSATION = """
_start:
    li a0, 0
    li a1, 4096
    li a2, 3
    li a3, 0x21                 # MAP_SHARED | MAP_ANONYMOUS
    li a4, -1
    li a5, 0
    sys 222
    mv s0, a0
    li a0, 17
    li a1, 0
    sys 220
    beqz a0, child
    li t0, 'P'
    sb t0, 0(s0)
    la a0, two
    li a1, 0
    sys 101
    j print
child:
    la a0, one
    li a1, 0
    sys 101
    li a0, 1
    mv a1, s0
    li a2, 1
    sys 64
    li t0, 'C'
    sb t0, 0(s0)
    li a0, 0
    sys 93
print:
    li a0, 1
    mv a1, s0
    li a2, 1
    sys 64
    li a0, -1
    la a1, status
    li a2, 0
    li a3, 0
    sys 260
    li a0, 0
    sys 94
.data
.balign 8
one: .dword 1, 0
two: .dword 2, 0
status: .word 0
"""


def test_parent_and_child_talk_through_shared_memory_in_virtual_time() -> None:
    run = Run(CONVERSATION)
    assert (run.status, run.stdout, run.frames_left()) == (0, "PC", 0)
    assert 2_000_000_000 < run.kernel.now < 2_001_000_000
    assert run.kernel.stats.forks == 1


def test_the_same_run_twice_is_the_same() -> None:
    first, second = Run(CONVERSATION).kernel, Run(CONVERSATION).kernel
    assert (first.now, first.stats.instructions, first.stats.faults) == (
        second.now,
        second.stats.instructions,
        second.stats.faults,
    )


COW = """
_start:
    la s0, value
    li t0, 1
    sd t0, 0(s0)
    li a0, 17
    li a1, 0
    sys 220
    bnez a0, parent
    li t0, 2
    sd t0, 0(s0)
    ld a0, 0(s0)
    sys 93
parent:
    li a0, -1
    la a1, status
    li a2, 0
    li a3, 0
    sys 260
    lw t0, status
    srli t0, t0, 8
    slli t0, t0, 4
    ld a0, 0(s0)
    add a0, a0, t0
    sys 93
.data
.balign 4096
value: .dword 0
.balign 4096
status: .word 0
"""


def test_a_child_writes_its_own_copy() -> None:
    run = Run(COW)
    assert (run.status, run.frames_left()) == (0x21, 0)
    assert run.kernel.stats.cow_copies >= 1


DEATHS = {
    "read NULL": ("ld a0, 0(x0)", 139, "Segmentation fault", "a NULL pointer"),
    "write text": ("la t0, _start\n sw x0, 0(t0)", 139, "write of address", "program text is read-only"),
    "jump wild": ("li t0, 0x123456000\n jr t0", 139, "execute of address", "wild address"),
    "call NULL": ("jr x0", 139, "execute of address 0x0", "NULL function pointer"),
    "execute data": ("la t0, datum\n jr t0", 139, "execute", "hold data"),
    "no user address": (
        "li t0, -8\n ld a0, 0(t0)",
        139,
        "read of address 0xfffffffffffffff8",
        "no user address",
    ),
    "illegal": (".word 0xffffffff", 132, "Illegal instruction", "0xffffffff"),
    "vector": (".word 0x0d0572d7", 132, "0x0d0572d7", "vsetvli is of the V extension, which this machine"),
    "compressed": (".hword 0x9c79", 132, "illegal instruction 0x9c79", ""),
    "privileged": ("mret", 132, "0x30200073", "mret is a privileged instruction"),
    "CSR": (".word 0xc2202573", 132, "0xc2202573", "csrrs of the CSR vlenb, which is of the V extension"),
    "ebreak": ("ebreak", 133, "Trace/breakpoint trap", "ebreak"),
    "overflow": ("1: addi sp, sp, -2047\n sd x0, 0(sp)\n j 1b", 139, "Segmentation fault", "stack overflow"),
    "raise": ("sys 172\n li a1, 6\n sys 129", 134, "Aborted", ""),
    "kill": ("sys 172\n li a1, 9\n sys 129", 137, "Killed", ""),
    "bus": (
        "la a0, name\n li a1, 0\n sys 279\n mv a4, a0\n li a0, 0\n li a1, 4096\n li a2, 3\n li a3, 1\n li a5, 0\n"
        " sys 222\n lb a0, 0(a0)",
        135,
        "Bus error",
        "beyond the end of the file, which has 0 bytes",
    ),
}


@pytest.mark.parametrize("name", DEATHS)
def test_deaths_are_explained(name: str) -> None:
    body, status, words, hint = DEATHS[name]
    run = Run(
        f'_start:\n {body}\n li a0, 0\n sys 93\n.data\ndatum: .word 0x13\nname: .asciz "n"\n', memory=16 << 20
    )
    assert run.status == status
    assert words in run.stderr and hint in run.stderr
    assert run.frames_left() == 0


HANDLER = """
_start:
    li a0, {signal}
    la a1, action
    li a2, 0
    li a3, 8
    sys 134
    li s1, 5
    {body}
    add a0, s1, s2
    sys 93
handler:
    li s3, 1000                 # the frame must bring s1 and all others back
    li s1, 99
    la t0, seen
    sw a0, 0(t0)
    ld t1, 176(a2)              # ucontext: mcontext.pc
    {skip}
    sd t1, 176(a2)
    li t2, 30
    sd t2, 176+8*18(a2)         # x18 = s2 of the interrupted code
    ret
.data
.balign 8
action: .dword handler, 4, 0
seen: .word 0
"""


@pytest.mark.parametrize(
    ("signal", "body", "skip"),
    [
        (10, "sys 172\n li a1, 10\n sys 129", ""),
        (11, "sd x0, 0(x0)", "addi t1, t1, 4"),
        (4, ".word 0xffffffff", "addi t1, t1, 4"),
        (14, "li a0, 0\n la a1, timer\n li a2, 0\n sys 103\n la a0, long\n li a1, 0\n sys 101", ""),
    ],
)
def test_a_handler_runs_on_a_frame_and_returns(signal: int, body: str, skip: str) -> None:
    more = "timer: .dword 0, 0, 1, 0\nlong: .dword 100, 0\n"
    run = Run(HANDLER.format(signal=signal, body=body, skip=skip) + more)
    assert (run.status, run.stderr, run.frames_left()) == (35, "", 0)
    if signal == 14:
        assert 10**9 < run.kernel.now < 2 * 10**9  # the alarm ended the sleep


def test_sigchld_interrupts_a_sleep_with_eintr() -> None:
    run = Run(
        "_start: li a0, 17\n la a1, action\n li a2, 0\n li a3, 8\n sys 134\n li a0, 17\n li a1, 0\n sys 220\n beqz a0, child\n"
        " la a0, long\n la a1, left\n sys 101\n neg a0, a0\n sys 93\n"
        "child: la a0, short\n li a1, 0\n sys 101\n li a0, 0\n sys 93\nhandler: ret\n"
        ".data\n.balign 8\naction: .dword handler, 0, 0\nlong: .dword 50, 0\nshort: .dword 1, 0\nleft: .dword 0, 0\n"
    )
    assert run.status == 4 and run.kernel.now < 2 * 10**9


def test_pipe_carries_more_than_its_capacity_between_processes() -> None:
    run = Run(
        "_start: la a0, fds\n li a1, 0\n sys 59\n li a0, 17\n li a1, 0\n sys 220\n beqz a0, child\n"
        " lw a0, fds+4\n sys 57\n li s0, 0\n"
        "1: lw a0, fds\n la a1, buffer\n li a2, 10000\n sys 63\n blez a0, 2f\n add s0, s0, a0\n j 1b\n"
        "2: li t0, 200000\n xor a0, s0, t0\n snez a0, a0\n sys 93\n"
        "child: lw a0, fds\n sys 57\n lw a0, fds+4\n la a1, buffer\n li a2, 200000\n sys 64\n sys 93\n"
        ".data\nfds: .word 0, 0\n.bss\nbuffer: .zero 200000\n"
    )
    assert (run.status, run.stderr, run.frames_left()) == (0, "", 0)


def test_a_write_nobody_reads_ends_the_writer() -> None:
    run = Run(
        "_start: la a0, fds\n li a1, 0\n sys 59\n lw a0, fds\n sys 57\n lw a0, fds+4\n la a1, fds\n li a2, 1\n sys 64\n"
        " li a0, 0\n sys 93\n.data\nfds: .word 0, 0\n"
    )
    assert run.status == 128 + 13


def test_deadlock_is_told() -> None:
    run = Run(
        "_start: la a0, fds\n li a1, 0\n sys 59\n lw a0, fds\n la a1, fds\n li a2, 1\n sys 63\n sys 93\n.data\nfds: .word 0, 0\n"
    )
    assert run.status == 124
    assert "deadlock" in run.stderr and "waits in read" in run.stderr
    assert run.frames_left() == 0


def test_orphans_that_wait_for_ever_do_not_hold_the_run() -> None:
    run = Run(
        "_start: la a0, fds\n li a1, 0\n sys 59\n li a0, 17\n li a1, 0\n sys 220\n bnez a0, 1f\n"
        " lw a0, fds\n la a1, fds\n li a2, 1\n sys 63\n1: li a0, 3\n sys 93\n.data\nfds: .word 0, 0\n"
    )
    assert (run.status, run.stderr, run.frames_left()) == (3, "", 0)


def test_an_endless_loop_meets_the_limit() -> None:
    run = Run("_start: j _start\n", limits=Limits(max_instructions=12_345))
    assert run.status == 124 and "12345 instructions" in run.stderr
    assert run.kernel.stats.instructions == 12_345
    assert run.frames_left() == 0


@pytest.mark.parametrize(
    "source", [CONVERSATION, COW, HANDLER.format(signal=11, body="sd x0, 0(x0)", skip="addi t1, t1, 4")]
)
def test_too_little_memory_at_any_point_is_an_orderly_end(source: str) -> None:
    statuses = set()
    for frames in range(2, 48):
        try:
            run = Run(source, memory=frames * 4096)
        except NotExecutableError as failure:
            assert "Cannot allocate memory" in str(failure)
            continue
        assert run.frames_left() == 0
        statuses.add(run.status)
    assert 137 in statuses and len(statuses) >= 2  # too little for most, enough at the end


def test_a_fork_bomb_meets_the_limit() -> None:
    source = "_start: li a0, 17\n li a1, 0\n sys 220\n bgez a0, _start\n li t0, -11\n bne a0, t0, 1f\n j _start\n1: sys 93\n"
    run = Run(source, memory=32 << 20, limits=Limits(max_instructions=30_000, processes=50))
    assert run.status == 124
    assert run.kernel.stats.forks == 49
    assert run.frames_left() == 0


def test_more_memory_than_there_is_ends_only_the_guest() -> None:
    run = Run(
        "_start: li a0, 0\n li a1, 0x700000\n li a2, 3\n li a3, 0x22\n li a4, -1\n li a5, 0\n sys 222\n li t0, 0x6ff000\n add s0, a0, t0\n"
        " li a0, 0\n li a1, 0x700000\n li a2, 3\n li a3, 0x22\n sys 222\n li t1, 4096\n"
        "1: sd x0, 0(s0)\n sub s0, s0, t1\n j 1b\n"
    )
    assert run.status == 137
    assert "out of memory" in run.stderr
    assert run.frames_left() == 0


def test_mmap_that_cannot_fit_is_refused() -> None:
    run = Run(
        "_start: li a0, 0\n li a1, 0x1000000\n li a2, 3\n li a3, 0x22\n li a4, -1\n li a5, 0\n sys 222\n neg a0, a0\n sys 93\n"
    )
    assert run.status == 12


def test_exec_passes_arguments_and_keeps_the_pid() -> None:
    source = """
    _start:
        ld t0, 0(sp)
        li t1, 1
        bne t0, t1, second
        la a0, path
        la a1, argv
        li a2, 0
        sys 221
    second:
        ld a1, 16(sp)
        li a0, 1
        li a2, 3
        sys 64
        ld a0, 0(sp)
        sys 93
    .data
    path: .asciz "/proc/self/exe"
    a0: .asciz "a"
    a1: .asciz "bcd"
    .balign 8
    argv: .dword a0, a1, 0
    """
    run = Run(source)
    assert (run.status, run.stdout, run.frames_left()) == (2, "bcd", 0)


def test_the_first_stack_as_the_abi_has_it() -> None:
    source = "_start: mv a1, sp\n li a0, 1\n li t0, 0x4000000000\n sub a2, t0, sp\n sys 64\n andi a0, sp, 15\n sys 93\n"
    run = Run(source, argv=["test", "x"])
    raw = run.out.getvalue()
    words = [int.from_bytes(raw[i : i + 8], "little") for i in range(0, len(raw), 8)]
    assert run.status == 0 and words[0] == 2
    assert words[1] and words[2] == words[1] + 5 and words[3] == 0
    assert words[4] and words[5] == 0
    auxv = dict(zip(words[6::2], words[7::2], strict=False))
    assert auxv[6] == 4096 and auxv[4] == 56 and auxv[3] and auxv[9] and auxv[25] and auxv[31]
    assert auxv[17] == 100 and auxv[11] == auxv[12] == 1000


def test_programs_that_cannot_run() -> None:
    vfs = Vfs.sandbox(None)
    vfs.add_file("/bin/text", b"no program\n")
    with pytest.raises(NotFoundError):
        _spawn(vfs, "/bin/absent")
    with pytest.raises(NotExecutableError, match="not an ELF file"):
        _spawn(vfs, "/bin/text")
    with pytest.raises(NotExecutableError, match="Permission denied"):
        _spawn(vfs, "/bin")


def _spawn(vfs: Vfs, path: str) -> None:
    from toyvm.kernel.kernel import Kernel

    kernel = Kernel(1 << 20, None, vfs)
    try:
        kernel.spawn(path, [path])
    finally:
        assert kernel.frames.used == 0


def test_truncated_and_flipped_images_are_refused_or_run_but_never_crash() -> None:
    from toyvm.base.errors import ToyvmError
    from toyvm.kernel.kernel import Kernel

    image = build('_start: li a0, 7\n sys 93\n.data\n.ascii "data"')
    for position in range(64 + 56 * 3):
        for bit in (0, 7):
            broken = bytearray(image)
            broken[position] ^= 1 << bit
            vfs = Vfs(None)
            vfs.add_file("/bin/test", bytes(broken))
            kernel = Kernel(2 << 20, None, vfs)
            try:
                process = kernel.spawn("/bin/test", ["test"])
            except ToyvmError:
                assert kernel.frames.used <= len(kernel.system.cache)
                continue
            from toyvm.kernel.proc.lifecycle import kill_all

            assert process.alive or process.status
            kill_all(kernel)
            kernel.system.cache.drop()
            assert kernel.frames.used == 0
