"""The claims follow the facts, also when the facts speak against them."""

import pytest

from toyvm.base.record import replace
from toyvm.observe.compare_report import html_page, text_table
from toyvm.observe.comparison import BuildFacts, Comparison, InstanceFacts, UpdateFacts, claims


def _build(linkage: str, size: int, totals: tuple[int, int], shared: int, new: bool) -> BuildFacts:
    dynamic = linkage == "dynamic"
    return BuildFacts(
        linkage=linkage,
        file_size=size,
        sections={".text": size // 2},
        link_seconds=0.01,
        libraries={"libc.so": 9000} if dynamic else {},
        load_relocations={"R_RISCV_64": 2} if dynamic else {},
        lazy_relocations={"R_RISCV_JUMP_SLOT": 1} if dynamic else {},
        symbol_lookups=3 * dynamic,
        instructions_to_main=40,
        instructions=400,
        faults={"file": 5},
        status=0,
        stdout="hello <world>\n",
        instances=tuple(
            InstanceFacts(n, True, total - shared, shared, total, total - shared, (4096 * total // n,) * n)
            for n, total in zip((1, 4), totals, strict=True)
        ),
        update=UpdateFacts("libc.so", 0, new, ""),
        runs_alone=not dynamic,
    )


STATIC = _build("static", 20000, (10, 40), 0, False)
DYNAMIC = _build("dynamic", 5000, (14, 29), 9, True)


def test_the_four_claims_hold_for_facts_that_bear_them_out() -> None:
    assert [claim.holds for claim in claims(STATIC, DYNAMIC)] == [True] * 4


@pytest.mark.parametrize(
    ("index", "static", "dynamic"),
    [
        (0, replace(STATIC, runs_alone=False), DYNAMIC),
        (1, replace(STATIC, file_size=4000), DYNAMIC),
        (2, STATIC, replace(DYNAMIC, instances=_build("dynamic", 1, (14, 56), 9, True).instances)),
        (2, STATIC, replace(DYNAMIC, instances=())),
        (3, replace(STATIC, update=UpdateFacts("libc.so", 0, True, "")), DYNAMIC),
        (3, STATIC, replace(DYNAMIC, update=None)),
    ],
)
def test_a_claim_falls_with_its_facts(index: int, static: BuildFacts, dynamic: BuildFacts) -> None:
    assert [claim.holds for claim in claims(static, dynamic)].index(False) == index


def test_reports_show_every_group_and_escape_what_the_program_printed() -> None:
    result = Comparison("p.s", STATIC, DYNAMIC, claims(STATIC, DYNAMIC))
    table = text_table(result)
    for word in (
        "file size",
        "R_RISCV_JUMP_SLOT",
        "instructions to main",
        "library in use",
        "yes  A static image",
    ):
        assert word in table
    page = html_page(result)
    assert "hello &lt;world&gt;" in page
    assert "http" not in page  # self-contained
    assert result.to_json()["schema"] == "toyvm.compare/1"
