"""`explain reloc` over a static glibc program: its relocations are computed again from what is shown."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from tests.support.oracles import GCC, require_oracle
from tests.support.relocation_evaluator import check
from toyvm.base.record import replace
from toyvm.cli.linking.parsing import link_options, parse
from toyvm.explain.relocations.relocation_explanations import RelocationExplainer
from toyvm.explain.values import RelocationExplanation, tree
from toyvm.linker.link import link

PROGRAM = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static __thread int calls;
__thread int seen = 3;
extern int nothing(void) __attribute__((weak));
static int compare(const void *a, const void *b) { calls++; return *(const int *)a - *(const int *)b; }
int main(int argc, char **argv) {
    int numbers[] = {3, 1, argc};
    qsort(numbers, 3, sizeof(int), compare);
    if (nothing) seen += nothing();
    printf("%d %d %s %f\\n", numbers[0], calls + seen, argv[0], strtod("1.5", 0));
    return 0;
}
"""


@pytest.mark.oracle
def test_bytes_of_a_static_glibc_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_oracle(GCC)
    monkeypatch.chdir(tmp_path)
    Path("p.c").write_text(PROGRAM)
    subprocess.run([GCC, "-O1", "-g", "-c", "p.c"], check=True)
    words = subprocess.run([GCC, "-static", "-###", "p.o"], capture_output=True, text=True, check=True).stderr
    line = next(line for line in words.splitlines() if "collect2" in line)
    state = parse(shlex.split(line)[1:])
    result = link(state.inputs, replace(link_options(state), keep_history=True))
    explainer = RelocationExplainer(result)
    explained = [explainer.explain(row, texts=False, source=False) for row in range(len(explainer))]
    assert len(explained) > 10_000
    assert check(result, [tree(each) for each in explained]) > 10_000
    _check_fates(explained)


def _check_fates(explained: list[RelocationExplanation]) -> None:
    """Every kind of outcome is there, and what is kept or gone has a reason."""
    outcomes = {each.relaxation.outcome for each in explained}
    assert {"kept", "shortened", "deleted", "replaced", "padded"} <= outcomes
    for each in explained:
        if each.fate in ("deleted", "discarded"):
            assert each.reason
        if each.relaxation.outcome == "kept":
            assert each.relaxation.reason, each
