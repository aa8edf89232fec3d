"""What an installation makes once for all its users: the parts of the cache that come from no program.

These are the instruction table's rows as functions, the loader's stub, the guest libraries, and, on a host with native
code, the functions that all translations share and the interpreter's image. They depend on toyvm's
sources, Python, LLVM and the host's processor. A run that finds another version looks into its
user's cache, or makes them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ..base.errors import ToyvmError
from ..base.resources import installed_path, libraries_name, store


def fill() -> Iterator[str]:
    """Make everything anew; a line about each part. Raises ToyvmError if a part cannot be written."""
    folder = Path(installed_path())
    try:
        with suppress(FileNotFoundError):
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        yield from _fill_files()
        yield from _fill_libraries(folder)
        yield from _fill_native()
    except OSError as failure:
        raise ToyvmError(f"{folder}: {failure.strerror or failure}") from failure


def _fill_files() -> Iterator[str]:
    from ..engines.python import prepared_rows
    from ..engines.python.row_functions import table_data
    from ..loader import stub

    path = installed_path(prepared_rows.CACHE_FILE)
    store(path, prepared_rows.code_version(), table_data())
    yield f"{path}: the instruction table as functions"
    path = installed_path(stub.CACHE_FILE)
    store(path, stub.code_version(), stub.assembled())
    yield f"{path}: the loader's stub"


def _fill_libraries(folder: Path) -> Iterator[str]:
    from ..build import build_into

    libraries = folder / libraries_name()
    build_into(libraries)
    yield f"{libraries}: the guest libraries"


def _fill_native() -> Iterator[str]:
    from ..engines.llvm.interp import image
    from ..engines.llvm.translator import Translator, unavailable
    from ..engines.python.code_cache import TRANSLATIONS
    from ..kernel.mm.faults.native_policy import native_policy

    reason = unavailable()
    if reason:
        yield f"no native code: {reason}"
        return
    native = installed_path(TRANSLATIONS)
    translator = Translator(native)
    translator.runtime(native_policy)
    image.make(translator)
    if image.cached(Translator(native)) is None:  # the cache ignores errors
        raise ToyvmError(f"{native}: the interpreter's image cannot be written")
    yield f"{native}: the interpreter in native code ({sum(map(os.path.getsize, _files(native))):,} bytes)"


def _files(folder: str) -> list[str]:
    return [entry.path for entry in os.scandir(folder)]
