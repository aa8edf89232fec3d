"""The table of aims is made from the groups' figures."""

from __future__ import annotations

from tests.bench import aims
from tests.bench.__main__ import GROUPS


def test_now_comes_from_the_figures_and_says_whether_the_aim_is_met() -> None:
    groups = {
        "programs": {"rows": [{"what": "seq", "warm/qemu": 5.5}, {"what": "jq", "warm/qemu": 5.0}]},
        "compute": {"rows": [{"what": "crc", "warm": 1.0, "warm/qemu": 0.9}, {"what": "none", "warm": None}]},
        "faults": {"rows": [{"what": "minor file fault", "toyvm": 0.4, "qemu": 0.0}]},
    }
    lines = list(aims.lines(groups))
    assert "| seq, warm | 4 | 5.50 | 5.00 | no |" in lines
    assert "| jq, warm | 15 | 5.00 | 5.00 | yes |" in lines
    assert "| compute programs, largest | - | 0.90 | 0.75 | no |" in lines
    assert "| minor file fault, µs | 6.9 | 0.40 | 1.00 | yes |" in lines
    assert "| linked list | 1.1 to 1.2 | - | 0.70 | - |" in lines


def test_every_aim_asks_for_a_row_that_its_group_has() -> None:
    class Asked(dict[str, object]):
        """Groups that note which ones are looked up."""

        def __init__(self) -> None:
            super().__init__()
            self.names: set[str] = set()

        def get(self, name: str, default: object = None) -> object:
            self.names.add(name)
            return default

    groups = Asked()
    for aim in aims.AIMS:
        assert aim.now(groups) is None
    assert groups.names <= set(GROUPS)
