"""Random programs of two objects whose code linkers may shorten: what they compute shows whether a link was right."""

from __future__ import annotations

import random

FUNCTIONS = 12


def random_object(rng: random.Random, name: str, other: str, march: str) -> str:
    """Functions that fold what they find into s0. They call functions of higher numbers, in either object."""
    lines = [f".option arch, {march}"] if march else []
    for number in range(FUNCTIONS):
        section = rng.choice([".text", ".text", f'.text.{name}{number},"ax"'])
        lines.append(f".section {section}")
        if not rng.randrange(3):
            lines.append(f".balign {rng.choice([4, 8, 16, 64, 4096])}")
        if not rng.randrange(4):  # far code between functions
            lines.append(f".zero {rng.choice([0x7C0, 0xFC0, 0xFF80, 0xFFF00, 0x100400])}")
        label = f"{name}{number}"
        lines += [f".globl {label}", f".type {label}, @function", f"{label}:"]
        lines += ["addi sp, sp, -16", "sd ra, 8(sp)", f"call fold_{name}", f"addi s0, s0, {number + 1}"]
        for _ in range(rng.randrange(1, 8)):
            lines += random_step(rng, name, other, number)
        lines += ["ld ra, 8(sp)", "addi sp, sp, 16"]
        lines += [f"tail fold_{name}" if rng.randrange(2) else "ret", f".size {label}, . - {label}"]
    lines += [".text", f"fold_{name}:", "slli t0, s0, 5", "sub s0, t0, s0", "ret"]
    lines += [".data", f".globl d_{name}", ".balign 8", f"d_{name}: .dword {rng.randrange(1 << 30)}, 2, 3, 4"]
    lines += [f".zero {rng.choice([0, 0x400, 0x7F0, 0x1000])}", f".globl e_{name}"]
    lines += [f"e_{name}: .dword {rng.randrange(1 << 30)}"]
    lines += ['.section .tdata,"awT"', ".balign 8", f"t_{name}: .dword {rng.randrange(1 << 30)}"]
    if not rng.randrange(3):
        lines.append(".zero 0x900")
    lines.append(f"u_{name}: .dword 0")
    return "\n".join(lines) + "\n"


def random_step(rng: random.Random, name: str, other: str, number: int) -> list[str]:
    """Some instructions that R_RISCV_RELAX marks, which change s0 by what they find."""
    datum = rng.choice([f"d_{name}", f"d_{other}", f"e_{name}", f"e_{other}"])
    at = rng.choice([0, 0, 8]) if datum.startswith("d_") else 0
    fold = ["add s0, s0, t1", f"call fold_{name}"]
    use = rng.choice(
        [
            "la",
            "lui",
            "lui",
            "pcrel",
            "pcrel",
            "tls",
            "tls",
            "call",
            "call",
            "align",
            "table",
            "store",
            "weak",
        ]
    )
    label = f".L{name}{number}_{rng.randrange(1 << 30)}"
    match use:
        case "la":
            return [f"la t0, {datum}", f"ld t1, {at}(t0)", *fold]
        case "lui":
            return [f"lui t0, %hi({datum}+{at})", f"ld t1, %lo({datum}+{at})(t0)", *fold]
        case "store":
            return [
                f"lui t0, %hi({datum})",
                f"addi t2, t0, %lo({datum})",
                "ld t1, 0(t2)",
                "addi t1, t1, 1",
                f"sd t1, %lo({datum})(t0)",
            ]
        case "pcrel":
            return [
                f"{label}: auipc t0, %pcrel_hi({datum})",
                f"ld t1, %pcrel_lo({label})(t0)",
                "addi t1, t1, 3",
                f"sd t1, %pcrel_lo({label})(t0)",
                *fold,
            ]
        case "tls":
            var = rng.choice([f"t_{name}", f"u_{name}"])
            return [
                f"lui t0, %tprel_hi({var})",
                f"add t0, t0, tp, %tprel_add({var})",
                f"ld t1, %tprel_lo({var})(t0)",
                "addi t1, t1, 5",
                f"sd t1, %tprel_lo({var})(t0)",
                *fold,
            ]
        case "call" if number + 1 < FUNCTIONS and not rng.randrange(2):
            return [f"call {rng.choice([name, other])}{rng.randrange(number + 1, FUNCTIONS)}"]
        case "align":
            return [f".balign {rng.choice([4, 8, 32])}", *fold[1:]]
        case "table":  # the difference of two labels, over code that shrinks
            return [
                f"lla t0, {label}t", "lw t2, 4(t0)", "lbu t1, 8(t0)", "add t1, t1, t2", "lw t0, 0(t0)",
                f"lla t2, {label}t", "add t0, t0, t2", "jr t0", ".section .rodata", ".balign 4",
                f"{label}t: .word {label}b - {label}t, {label}b - {label}b", f".uleb128 {label}b - {label}b", ".previous",
                f"{label}a: call fold_{name}", f"call fold_{name}", f"{label}b:",
            ]  # fmt: skip
        case "weak":
            return ["lla t1, absent", "call absent_or_not", *fold]
        case _:
            return [f"call fold_{name}"]


START = """
.globl _start
_start:
    .option push
    .option norelax
    lla gp, __global_pointer$
    .option pop
    lla tp, block
    li s0, 1
    call a0
    call b0
    lla t0, answer
    sd s0, 0(t0)
    li a0, 1
    mv a1, t0
    li a2, 8
    li a7, 64
    ecall
    li a0, 0
    li a7, 93
    ecall
absent_or_not: ret
.weak absent
.globl absent_or_not
.bss
.balign 8
answer: .zero 8
block: .zero 0x4000
"""
