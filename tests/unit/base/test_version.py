"""The version is said twice: for Python, and for those who build the package."""

from __future__ import annotations

import tomllib

import toyvm
from tests.support.harness import ROOT


def test_the_package_has_the_version_of_the_module() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == toyvm.__version__
