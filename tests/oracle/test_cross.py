"""Our tools and GNU's in each other's places, on every sample, guest test and library source, and C programs.

    our as   -> GNU ld  -> qemu-riscv64
    our as   -> our ld  -> qemu-riscv64          (static images)
    GNU as   -> our ld  -> toyvm                 (both linkages, the libraries from GNU as too)
    GNU as   -> GNU ld  -> toyvm                 (dynamic programs: their PLT, GOT and hash tables in our loader)
    gcc, glibc          -> qemu-riscv64          (so that the expected outputs are Linux's, not ours)

The same output and exit status each time. Cases that say `qemu: no REASON` are not run in qemu.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import gnu
from tests.support.harness import ASM, GUEST, OPTIONS, C, Case, cases, check_case, compiled, expected_output
from tests.support.oracles import GCC, GNU_AS, GNU_LD, QEMU, require_oracle
from toyvm import build
from toyvm.base.record import replace
from toyvm.base.resources import data_dir
from toyvm.build import LibraryDir, build_libraries, build_program
from toyvm.elf.object_writer import write_object
from toyvm.system import run

pytestmark = pytest.mark.oracle

ALL = [*cases(ASM), *cases(GUEST)]
FOR_QEMU = [case for case in ALL if case.linkage == "static" and not case.directives.qemu]
# The programs that need only what glibc has as well.
FOR_GLIBC = [
    case
    for case in ALL
    if not case.directives.qemu and not case.directives.libs and "_start" not in case.path.read_text()
]


def check_qemu(case: Case, image: Path, root: Path, env: tuple[str, ...] = ()) -> None:
    """The image does in qemu what the case expects."""
    done = gnu.qemu(image, case.directives, root, env=env)
    assert done.stdout.decode() == case.expected.decode(), done.stderr.decode(errors="replace")
    assert done.returncode == case.directives.exit


@pytest.mark.parametrize("case", FOR_QEMU, ids=str)
def test_our_objects_with_gnu_ld_in_qemu(case: Case, libraries: LibraryDir, tmp_path: Path) -> None:
    require_oracle(GNU_LD, QEMU)
    paths = [case.path, *(case.path.parent / other for other in case.directives.with_sources)]
    objects = []
    for path in paths:
        objects.append(tmp_path / f"{path.stem}.o")
        objects[-1].write_bytes(write_object(build.assemble_file(path)))
    if "_start:" not in case.path.read_text():
        objects.insert(0, libraries.start_object)
    image = gnu.link_static(objects, libraries.path, case.directives.libs, tmp_path / case.path.stem)
    check_qemu(case, image, gnu.sysroot(tmp_path / "root", case.directives))


@pytest.mark.parametrize("case", FOR_QEMU, ids=str)
def test_our_static_image_in_qemu(case: Case, tmp_path: Path) -> None:
    require_oracle(QEMU)
    image = tmp_path / case.path.stem
    image.write_bytes(build_program([case.path], linkage="static").image)
    check_qemu(case, image, gnu.sysroot(tmp_path / "root", case.directives))


@pytest.fixture(scope="module")
def gnu_libraries(tmp_path_factory: pytest.TempPathFactory) -> LibraryDir:
    """The guest libraries, every source assembled by GNU as, linked by us."""
    require_oracle(GNU_AS)
    folder = tmp_path_factory.mktemp("gnu-libraries")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "assemble_file", gnu.assemble_file)
        build_libraries(data_dir("libs"), folder)
    return LibraryDir(folder)


@pytest.mark.parametrize("case", ALL, ids=str)
def test_gnu_objects_with_our_ld_in_toyvm(
    case: Case, gnu_libraries: LibraryDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "assemble_file", gnu.assemble_file)
    program = build_program([case.path], linkage=case.linkage, libraries=gnu_libraries)
    shared = {
        f"/lib/{name}": (gnu_libraries.path / name).read_bytes() for name in gnu_libraries.shared_names()
    }
    program = replace(program, files={**shared, **program.files})
    directives = case.directives
    argv = [case.path.stem, *directives.args]
    check_case(case, run(program, argv, OPTIONS, stdin=directives.stdin.encode(), capture=True))


@pytest.fixture(scope="module")
def gnu_shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The guest libraries as GNU as and GNU ld make them: crt1.o and libX.so."""
    require_oracle(GNU_AS, GNU_LD)
    folder = tmp_path_factory.mktemp("gnu-shared")
    for name in ("libc", "imath"):
        objects = [
            gnu.assemble(path, folder / f"{path.stem}.o") for path in (data_dir("libs") / name).glob("*.s")
        ]
        library = f"lib{build.library_name(Path(name).name)}.so"
        parts = sorted(path for path in objects if path.stem != "crt1")
        gnu.link_shared(parts, library, folder, ["c"] if name != "libc" else [], folder / library)
    return folder


@pytest.mark.parametrize("case", [case for case in ALL if case.linkage == "dynamic"], ids=str)
def test_gnu_dynamic_program_in_toyvm(case: Case, gnu_shared: Path, tmp_path: Path) -> None:
    directives = case.directives
    here = case.path.parent
    paths = [case.path, *(here / other for other in directives.with_sources)]
    objects = [gnu_shared / "crt1.o", *(gnu.assemble(path, tmp_path / f"{path.stem}.o") for path in paths)]
    image = gnu.link_dynamic(objects, gnu_shared, directives.libs, tmp_path / case.path.stem)
    files = {f"/lib/{path.name}": path.read_bytes() for path in gnu_shared.glob("lib*.so")}
    for shared in (*directives.shared, *directives.preload):
        obj = gnu.assemble(here / shared.source, tmp_path / f"{shared.name}.o", pic=True)
        library = gnu.link_shared([obj], shared.name, gnu_shared, ["c"], tmp_path / shared.name)
        files[f"/lib/{shared.name}"] = library.read_bytes()
    ours = build_program([case.path], linkage="dynamic")
    program = replace(ours, image=image.read_bytes(), files={**ours.files, **files})
    argv = [case.path.stem, *directives.args]
    check_case(case, run(program, argv, OPTIONS, stdin=directives.stdin.encode(), capture=True))


@pytest.mark.parametrize("case", FOR_GLIBC, ids=str)
def test_expected_output_is_what_glibc_gives(case: Case, tmp_path: Path) -> None:
    require_oracle(GCC, QEMU)
    directives = case.directives
    root = gnu.sysroot(tmp_path / "root", directives, glibc=True)
    here = case.path.parent
    for shared in (*directives.shared, *directives.preload):
        gnu.glibc_shared(here / shared.source, root / "lib" / shared.name)
    others = [here / other for other in directives.with_sources]
    image = gnu.glibc_program(case.path, others, tmp_path / case.path.stem, static=case.linkage == "static")
    env: tuple[str, ...] = ()
    if directives.preload and case.linkage == "dynamic":
        env = ("LD_PRELOAD=" + ":".join(lib.name for lib in directives.preload),)
    check_qemu(case, image, root, env)


@pytest.mark.parametrize("path", sorted(C.glob("*.c")), ids=lambda path: path.stem)
def test_c_output_is_what_glibc_gives(path: Path, tmp_path: Path) -> None:
    require_oracle(GCC, QEMU)
    directives = build.directives_of(path)
    image = gnu.glibc_program(path, [], tmp_path / path.stem, static=True)
    done = gnu.qemu(image, directives, gnu.sysroot(tmp_path / "root", directives))
    assert done.stdout.decode() == expected_output(path, "static").decode()
    assert done.returncode == 0


@pytest.mark.parametrize("path", sorted(C.glob("*.c")), ids=lambda path: path.stem)
def test_our_c_objects_with_gnu_ld_in_qemu(path: Path, libraries: LibraryDir, tmp_path: Path) -> None:
    require_oracle(GCC, GNU_LD, QEMU)
    source, obj = tmp_path / f"{path.stem}.s", tmp_path / f"{path.stem}.o"
    source.write_text(compiled(path, "O2"))
    obj.write_bytes(write_object(build.assemble_file(source)))
    image = gnu.link_static([libraries.start_object, obj], libraries.path, (), tmp_path / path.stem)
    directives = build.directives_of(path)
    done = gnu.qemu(image, directives, gnu.sysroot(tmp_path / "root", directives))
    assert done.stdout.decode() == expected_output(path, "static").decode(), done.stderr.decode(
        errors="replace"
    )
    assert done.returncode == 0
