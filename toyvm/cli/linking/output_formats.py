"""`ld --oformat` and OUTPUT_FORMAT of a script: formats that hold bytes for addresses and nothing else."""

from __future__ import annotations

from ...base.errors import UsageError

_ELF_FORMATS = ("elf64-littleriscv", "elf64-little", "default")


def in_format(image: bytes, format: str, output: str) -> bytes:
    """The ELF file `image` in a format, for the file `output`. Raises UsageError for an unknown format."""
    if format in ("", *_ELF_FORMATS):
        return image
    from ...elf.rewriting.flat_formats import FLAT_FORMATS, FlatOptions, write_flat
    from ...elf.rewriting.model import read_image

    if format not in FLAT_FORMATS:
        raise UsageError(
            f"output format {format} is unknown ({', '.join((*_ELF_FORMATS, *FLAT_FORMATS))}); "
            "toyvm objcopy -O converts files, too"
        )
    return write_flat(read_image(image, output), format, output, FlatOptions())
