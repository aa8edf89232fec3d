"""The linker, as the list of its passes. Each takes the last one's frozen value and gives a new one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .abi import merge_flags
from .diagnostics import Diagnostics
from .image import finish, phdrs, section_contents
from .inputs import open_inputs
from .layout import lay_out
from .options import Input, LinkOptions
from .program import LINKER, flatten
from .provide import provide, value_of
from .relocate import addresses, relocate
from .resolve import resolve
from .result import LinkResult
from .scan import scan
from .symtab import build
from .tables import make_tables


def link(inputs: Sequence[Input], options: LinkOptions) -> LinkResult:
    """Link `inputs` (in command-line order). Raises LinkError with everything that was found wrong."""
    errors = Diagnostics()

    # Read everything that the command line names.
    opened = open_inputs(inputs, options, errors)
    errors.checkpoint()

    # Say what each name means; that decides which archive members take part.
    resolution = resolve(opened, options, errors)
    e_flags = merge_flags(resolution, errors)
    errors.checkpoint()

    # Lay all inputs side by side. The set of objects is fixed from here on.
    program = flatten(resolution)
    program = provide(program, options)
    local = np.zeros(program.symbols.globals, dtype=bool)
    needs = scan(program, options, local, errors)
    errors.checkpoint()
    program, tables = make_tables(program, needs, options)

    # Addresses. Sizes are fixed from here on.
    layout = lay_out(program, options, errors)
    errors.checkpoint()
    linker_values = {
        s.id: value_of(s.name, layout, (0, 0))
        for s in resolution.symbols
        if program.symbols.sid[s.id] == LINKER
    }
    known = addresses(program, layout, tables, linker_values)

    # Bytes.
    image = section_contents(program, layout, {})
    relocate(image, program, layout, needs, known, options, errors)
    errors.checkpoint()
    symbols = build(program, layout, known, options) if options.strip != "all" else None
    entry = int(known.symbol[resolution.table[options.entry].id]) if options.entry in resolution.table else 0
    data = finish(image, program, layout, options, phdrs(layout, options, False), symbols, entry, e_flags)
    return LinkResult(
        image=data,
        symbols={
            s.name: int(known.symbol[s.id]) for s in resolution.symbols if program.symbols.sid[s.id] != -1
        },
        decisions=resolution.decisions,
        sizes={s.name: s.size for s in layout.outputs if s.size},
        needed=tuple(library.soname for library in resolution.libraries),
        load_relocations={},
        lazy_relocations={},
        warnings=tuple(errors.warnings),
        inputs=tuple(f.object.name for f in resolution.files),
        program=program,
        layout=layout,
        addresses=known,
    )
