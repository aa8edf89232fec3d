"""Fixtures for every test: the guest libraries, built once; scratch that GNU tools may write to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

from toyvm.build import LibraryDir, guest_libraries

# The same cases on every run, and no clock: a busy machine is no failure. `HYPOTHESIS_PROFILE=explore` looks for new cases.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))


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
