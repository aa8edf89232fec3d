"""--compress-debug-sections: the debugging information of the output, compressed where that makes it smaller."""

from __future__ import annotations

from ..base.bits import align_up
from ..base.record import replace
from ..elf.compression import compressed_shape, is_compressible, packed
from ..elf.constants import SHF_ALLOC, SHT_NOBITS
from .image_layout import ImageLayout


def compress(image: bytearray, layout: ImageLayout, format: int) -> tuple[bytearray, ImageLayout]:
    """The file's contents and the layout with compressed sections. Sections that are not in memory move together.

    `format` is one of COMPRESSION_FORMATS. Raises ElfError without the library for the format.
    """
    outputs = list(layout.outputs)
    loose = [i for i, s in enumerate(outputs) if not s.flags & SHF_ALLOC and s.size and s.type != SHT_NOBITS]
    loose.sort(key=lambda i: outputs[i].offset)
    if not any(is_compressible(outputs[i].name, outputs[i].type, outputs[i].flags) for i in loose):
        return image, layout
    moved = image[: outputs[loose[0]].offset]
    for i in loose:
        section = outputs[i]
        data = bytes(image[section.offset : section.offset + section.size])
        if is_compressible(section.name, section.type, section.flags):
            small = packed(data, section.align, format)
            if len(small) < len(data):
                data = small
                name, flags, align = compressed_shape(section.name, section.flags, format)
                section = replace(section, name=name, flags=flags, align=align, size=len(data))
        offset = align_up(len(moved), section.align)
        moved = moved.ljust(offset, b"\0") + data
        outputs[i] = replace(section, offset=offset)
    by_name = {section.name: section for section in outputs}
    return moved, replace(layout, outputs=tuple(outputs), by_name=by_name, file_end=len(moved))
