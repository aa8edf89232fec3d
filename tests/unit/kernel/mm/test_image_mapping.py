"""Program images in memory: the bss, the place of a library, images that are refused, the stack's permissions."""

from __future__ import annotations

import pytest

from tests.support.guest_kernel import PAGE, Guest
from tests.support.small_images import LOAD, image
from toyvm.base.errors import NotExecutableError
from toyvm.elf import constants as elf
from toyvm.elf.headers import Phdr
from toyvm.kernel.kernel import Kernel
from toyvm.kernel.mm.address_space import PIE_BASE
from toyvm.kernel.mm.image_mapping import LoadedImage, map_image
from toyvm.kernel.vfs.memory_files import MemFile
from toyvm.kernel.vfs.path_walk import Vfs


def map_bytes(data: bytes, *, library: bool = False) -> tuple[Guest, LoadedImage]:
    guest = Guest()
    file = MemFile(guest.kernel.vfs.memfs, 0o755, data)
    return guest, map_image(guest.mm, file, "/x", library=library)


def test_bss_is_zero_to_the_last_byte() -> None:
    guest, mapped = map_bytes(image(LOAD))
    assert mapped.bias == PIE_BASE + PAGE and mapped.entry == mapped.bias + 0x1000
    assert guest.mm.read(mapped.start + 0x1233, 2) == b"\xaa\0"
    assert guest.mm.read(mapped.start + 0x1234, 0x5000 - 0x1234) == bytes(0x5000 - 0x1234)
    assert mapped.end - mapped.start == 0x5000 and mapped.phdr == mapped.start + 64


def test_a_library_goes_to_the_mmap_area() -> None:
    guest, mapped = map_bytes(image(LOAD), library=True)
    assert mapped.end <= guest.scratch and mapped.end > guest.scratch - (1 << 20)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not an ELF file"),
        (image(), "no PT_LOAD"),
        (image(LOAD, e_type=elf.ET_REL), "link it first"),
        (image(LOAD, e_type=elf.ET_EXEC), "below 0x10000"),
        (image(LOAD._replace(filesz=0x6000), size=0x7000), "larger than p_memsz"),
        (image(LOAD._replace(vaddr=1 << 38)), "above the user half"),
        (image(LOAD._replace(memsz=1 << 63)), "above the user half"),
        (image(LOAD._replace(vaddr=0x10)), "differ modulo the page"),
        (image(LOAD, LOAD), "shares a page"),
        (image(LOAD._replace(memsz=0x3000000000)), "not free"),
        (image(LOAD, Phdr(elf.PT_INTERP, 4, 0, 0, 0, 1, 1, 1)), "PT_INTERP"),
        (image(LOAD._replace(offset=0x10000)), "ends beyond"),
    ],
)
def test_images_that_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(NotExecutableError, match=message):
        map_bytes(data)


@pytest.mark.parametrize(("flags", "permissions"), [(6, "rw-p"), (7, "rwxp")])
def test_the_stack_is_executable_only_when_the_image_asks(flags: int, permissions: str) -> None:
    vfs = Vfs(None)
    vfs.add_file("/bin/x", image(LOAD, Phdr(elf.PT_GNU_STACK, flags, 0, 0, 0, 0, 0, 16)))
    process = Kernel(1 << 20, None, vfs).spawn("/bin/x", ["x"])
    stack = next(area for area in process.mm.vmas if area.name == "[stack]")
    assert stack.permissions() == permissions
