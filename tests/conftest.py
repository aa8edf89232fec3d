"""Fixtures for every test: the guest libraries, built once; scratch that GNU tools may write to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from toyvm.build import LibraryDir, guest_libraries


@pytest.fixture(scope="session")
def libraries() -> LibraryDir:
    """The guest libraries (crt1.o, libX.a, libX.so), from the cache or built for it."""
    return guest_libraries()


@pytest.fixture(scope="session", autouse=True)
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that one test process keeps for the session; helpers without fixtures find it in the environment."""
    folder = tmp_path_factory.mktemp("scratch")
    os.environ["TOYVM_TEST_SCRATCH"] = str(folder)
    return folder
