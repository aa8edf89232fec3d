"""Warnings about memory that a program may both write and execute, by the conditions of GNU ld 2.40."""

from __future__ import annotations

from collections.abc import Iterable

from ..elf.constants import PF_R, PF_W, PF_X, PT_LOAD, PT_TLS
from ..elf.headers import Phdr
from .inputs.abi_attributes import asks_for_exec_stack
from .inputs.resolution import Resolution
from .link_errors import Diagnostics
from .link_options import LinkOptions

_RWX = PF_R | PF_W | PF_X


def warn_of_exec_stack(resolution: Resolution, options: LinkOptions, errors: Diagnostics) -> None:
    """Warn that the stack will be executable: because an object says so, or with --warn-execstack because of -z."""
    if options.exec_stack and options.warn_exec_stack:
        errors.warning("enabling an executable stack because of -z execstack command line option")
    elif options.exec_stack is None and options.warn_exec_stack is not False:
        name = asks_for_exec_stack(resolution)
        if name is not None:
            errors.warning(
                f"{name}: requires executable stack (because the .note.GNU-stack section is executable)"
            )


def warn_of_segments(segments: Iterable[Phdr], options: LinkOptions, errors: Diagnostics) -> None:
    """Warn of segments with all permissions, and of a TLS segment with code (--no-warn-rwx-segments prevents both)."""
    for segment in segments if options.warn_rwx else ():
        if segment.memsz and segment.type == PT_LOAD and segment.flags & _RWX == _RWX:
            errors.warning(f"{options.output} has a LOAD segment with RWX permissions")
        if segment.memsz and segment.type == PT_TLS and segment.flags & PF_X:
            errors.warning(f"{options.output} has a TLS segment with execute permission")
