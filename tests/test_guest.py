"""The guest tests: small programs that look at the machine from inside, in each linkage, on every engine."""

from __future__ import annotations

import pytest

from toyvm.record import replace

from .harness import ENGINES, GUEST, OPTIONS, Case, cases, check_case, run_case


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("case", cases(GUEST), ids=str)
def test_guest(case: Case, engine: str) -> None:
    check_case(case, run_case(case, replace(OPTIONS, engine=engine)))
