"""Inputs of the benchmarks, made on the spot: nothing is tuned to a file in the repository."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.support.oracles import GCC

_TEMPLATES = (
    """
static long table_{n}[] = {{ {numbers} }};
long {name}(long *p, int n) {{
  long s = {a};
  for (int i = 0; i < n; i++) {{
    if (p[i] & {b}) s += p[i] * {c}; else s ^= table_{n}[(p[i] >> 3) & 7];
    if (s > {d}L) s = {callee}(p, n / 2) - s;
  }}
  return s;
}}
""",
    """
struct node_{n} {{ struct node_{n} *next; int key; short flags; char tag[{small}]; unsigned long hash; }};
int {name}(struct node_{n} *list, unsigned key) {{
  int count = 0;
  while (list) {{
    switch (list->key & 7) {{
      case 0: count += {a}; break;
      case 1: list->flags |= {b}; break;
      case 2: count -= list->tag[{small} - 1]; break;
      case 3: list->hash = list->hash * 31 + key; break;
      case 5: report("{name}: key %d, hash %lu\\n", list->key, list->hash); break;
      default: count ^= (int)(list->hash % {c}); break;
    }}
    list = list->next;
  }}
  return count + (int){callee}((long *)list, count);
}}
""",
    """
unsigned {name}(const unsigned char *s, unsigned long n) {{
  unsigned h = {a}u;
  for (unsigned long i = 0; i < n; i++) {{ h ^= s[i]; h *= {b}u; h = (h << 5) | (h >> 27); }}
  report("{name} of %lu bytes is %x\\n", n, h);
  counters[{small}] += h;
  return h / {c} + (unsigned){callee}(counters, {small});
}}
""",
)


def c_source(functions: int, seed: int = 1) -> str:
    """C text with that many different functions of ordinary integer code."""
    rng = random.Random(seed)
    out = [
        "int report(const char *format, ...);",
        "long counters[64];",
        "long f0(long *p, int n) { return p[n]; }",
    ]
    for n in range(1, functions + 1):
        out.append(
            _TEMPLATES[n % 3].format(
                n=n,
                name=f"f{n}",
                callee=f"((long (*)(long *, int))f{rng.randrange(n)})",
                numbers=", ".join(str(rng.randrange(1 << 20)) for _ in range(8)),
                a=rng.randrange(1 << 16),
                b=rng.randrange(1 << 12),
                c=rng.randrange(3, 1 << 10),
                d=rng.randrange(1 << 30),
                small=rng.randrange(1, 60),
            )
        )
    return "\n".join(out)


def compiler_output(folder: Path, lines: int = 100_000, *flags: str) -> Path:
    """A file of about that many lines that gcc -O1 -S wrote; with `flags` such as -g, of what they add, too."""
    source, target = folder / "big.c", folder / f"big{''.join(flags)}.s"
    functions = lines // 78
    source.write_text(c_source(functions))
    subprocess.run([GCC, "-O1", *flags, "-w", "-S", "-o", target, source], check=True)
    return target


def web_of_calls(objects: int, functions: int, seed: int = 1) -> Iterator[str]:
    """Assembly texts, one an object: every function makes four calls and two accesses to data in any of the objects."""
    rng = random.Random(seed)
    for number in range(objects):
        lines = []
        for index in range(functions):
            name = f"f{number}_{index}"
            lines.append(f" .globl {name}, d{name}\n .type {name}, @function\n .text\n{name}:")
            for _ in range(4):
                lines.append(f" call f{rng.randrange(objects)}_{rng.randrange(functions)}")
            for _ in range(2):
                lines.append(f" lla a0, df{rng.randrange(objects)}_{rng.randrange(functions)}\n ld a1, 0(a0)")
            lines.append(
                f" beqz a1, 1f\n ret\n1: ret\n .size {name}, . - {name}\n .data\nd{name}: .dword {name}"
            )
        start = "_start:" if number == 0 else ""
        yield "\n".join([" .globl _start" if start else "", *lines, " .text", start, " ret", ""])


LOOP = """
# A loop with loads and stores over an array: sum, change, write back. {rounds} rounds of {words} words.
        .globl  _start
_start: li      s0, {rounds}
again:  la      a0, array
        li      a1, {words}
        li      a2, 0
1:      ld      a3, 0(a0)
        add     a2, a2, a3
        addi    a3, a3, 3
        sd      a3, 0(a0)
        addi    a0, a0, 8
        addi    a1, a1, -1
        bnez    a1, 1b
        addi    s0, s0, -1
        bnez    s0, again
        li      a0, 0
        li      a7, 94
        ecall
        .bss
        .balign 8
array:  .zero   {words} * 8
"""


def memory_loop(rounds: int, words: int = 1000) -> tuple[str, int]:
    """(assembly text, instructions it takes) of the loop."""
    return LOOP.format(rounds=rounds, words=words), rounds * (7 * words + 6)
