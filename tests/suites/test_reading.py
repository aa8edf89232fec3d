"""What the suites' printouts mean, and what the comparison counts."""

from __future__ import annotations

import pytest

from tests.suites.__main__ import SUITES, table
from tests.suites.suite import FAIL, PASS, SKIP, Checks, Outcome

PRINTOUTS: dict[str, tuple[str, Checks]] = {
    "bash": ("warning: x\nall output is right\n", {"part": PASS}),
    "mksh": (
        "FAIL check01.t:a-b\n\tDescription: x\npass check01.t:c\nFAIL check01.t:d (ignored)\n",
        {"a-b": FAIL, "c": PASS, "d": SKIP},
    ),
    "busybox": (
        "PASS: cat x\n======\nFAIL: cat x\nSKIPPED: y\nUNTESTED: z\n",
        {"cat x": PASS, "cat x #2": FAIL, "y": SKIP, "z": SKIP},
    ),
    "gawk": (
        "addcomma\nclos1way\nPASS addcomma\nFAIL clos1way\nPASS never\n",
        {"addcomma": PASS, "clos1way": FAIL, "never": FAIL},
    ),
    "perl": (
        "1..5\nok 1\nnot ok 2 - x\nok 3 # skip no\nnot ok 4 # TODO later\nstatus 0\n",
        {"1": PASS, "2": FAIL, "3": SKIP, "4": SKIP, "end": PASS},
    ),
    "python": (
        "\npass test.part.A.one\nx\nfail test.part.A.two\npass test.part.A.two\nskip test.part.A.three\n\nend of module\n",
        {"A.one": PASS, "A.two": FAIL, "A.three": SKIP, "end": PASS},
    ),
}


@pytest.mark.parametrize("name", SUITES)
def test_a_printout_gives_the_verdicts(name: str) -> None:
    output, verdicts = PRINTOUTS[name]
    assert SUITES[name].read("part", Outcome(0, output)) == verdicts
    assert PASS not in SUITES[name].read("part", Outcome(None, "")).values()


def test_the_share_is_of_what_passes_under_qemu() -> None:
    oracle = {"a": PASS, "b": PASS, "c": FAIL, "d": SKIP}
    text = table(SUITES["bash"], oracle, {"a": PASS, "c": PASS, "d": PASS})
    assert "1 of the 2 that pass under qemu: 50.00%" in text
    assert "qemu only: b (absent)" in text and "toyvm only: c (fail)" in text


def test_reading_the_log_of_the_linker_tests() -> None:
    from tests.suites.binutils_ld import read_log, why

    log = """
Running /x/ld/testsuite/ld-elf/elf.exp ...
PASS: one
<_GLOBAL_OFFSET_TABLE_ is not there>
FAIL: two
FAIL: one
"""
    run = read_log(log)
    assert run.verdicts == {
        ("ld-elf/elf.exp", "one", 0): "PASS",
        ("ld-elf/elf.exp", "two", 0): "FAIL",
        ("ld-elf/elf.exp", "one", 1): "FAIL",
    }
    assert why(run.logs["ld-elf/elf.exp", "two", 0]) == (
        "`_GLOBAL_OFFSET_TABLE_` is only in the symbol tables of programs that name it"
    )
    assert why("") == "a test before it failed, whose output it takes"
