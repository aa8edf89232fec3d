"""The linker as a list of passes. Each pass takes the frozen result of the previous one and returns a new value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..base.bits import u64
from ..base.record import replace
from ..elf.rewriting.narrowing import narrow
from .apply_relocations import relocate
from .constructors import reverse_constructors
from .debug_compression import compress
from .emitted_relocations import emitted
from .garbage_collection import collect
from .history import READ, LinkHistory
from .identical_code import identical, with_moved_symbols, without_folded
from .image_layout import ImageLayout, lay_out
from .inputs.abi_attributes import check_width, merge_attributes, merge_flags, wants_exec_stack
from .inputs.columns import UNDEFINED, ProgramColumns, flatten, without_debug
from .inputs.files import Opened, ScriptItem, open_inputs
from .inputs.property_notes import merge_properties
from .inputs.symbol_resolution import resolve
from .link_errors import Diagnostics
from .link_options import DEFAULT_INTERPRETER, DEFAULT_INTERPRETER32, Input, LinkOptions
from .link_result import GlobalAddresses, LinkResult, UnfinishedLink
from .merge_sections import merge
from .output_file import finish, phdrs, section_contents
from .permission_warnings import warn_of_exec_stack, warn_of_segments
from .provided_symbols import NAMES, linker_values, provide
from .relax.alignment import align_code
from .relax.relaxation import Reach, relax
from .relax.transitions import simplify
from .scan_relocations import preemptible, refuse_unsupported, scan
from .synthetic import relative_table
from .synthetic.addresses import Addresses, addresses
from .synthetic.dynamic_tables import exported, is_dynamic
from .synthetic.eh_frame import drop_dead_frames
from .synthetic.got_plt import make_tables
from .synthetic.symbol_table import build
from .synthetic.synthesis import (
    LinkerSections,
    fill,
    irelative_bounds,
    make_sections,
    move_sections,
    section_infos,
    write_build_id,
    write_search_table,
)
from .undefined_references import check_references
from .visibility.version_script import (
    NO_SCRIPT,
    check_versions,
    local_symbols,
    parse_version_script,
    with_own_versions,
)

if TYPE_CHECKING:
    from .script.reading.tree import Script
    from .script.scripted import Scripted


def link(inputs: Sequence[Input], options: LinkOptions) -> LinkResult:
    """Link `inputs` (in command-line order). Raises LinkError with all errors."""
    errors = Diagnostics()
    if options.xlen == 32:
        # Relaxation has the forms of 64-bit machines; DT_RELR is made of words of 64 bits.
        options = replace(options, relax=False, pack_relative=False)
        if options.dynamic_linker == DEFAULT_INTERPRETER:
            options = replace(options, dynamic_linker=DEFAULT_INTERPRETER32)

    if options.paged and options.image_base is not None and options.image_base % options.page:
        errors.warning("address of `text-segment' isn't multiple of maximum page size")

    # Read everything that the command line names. A linker script may name more, and orders the output.
    opened, options, scripted = _open(inputs, options, errors)
    errors.checkpoint()

    # Resolve each name to a definition. This selects the archive members that take part.
    script = parse_version_script(options.version_script) if options.version_script else NO_SCRIPT
    resolution = resolve(opened, options, errors, script.versions)
    libraries = (
        each.library for each in opened if each.library
    )  # as in GNU ld, also those that nothing needs
    auditors = (name for library in libraries for name in library.audit.split(":") if name)
    options = replace(options, depaudit=tuple(dict.fromkeys((*options.depaudit, *auditors))))
    if not is_dynamic(resolution, options):
        options = replace(options, static=True)  # nothing is left to a loader
    if scripted:
        resolution = scripted.with_provided(resolution)
    check_width(resolution, options, errors)
    e_flags = merge_flags(resolution, errors)
    attributes = merge_attributes(resolution, errors)
    properties = merge_properties(resolution, options.xlen, errors)
    warn_of_exec_stack(resolution, options, errors)
    errors.checkpoint()

    # Put all inputs into columns. The set of objects is fixed from here on.
    program = flatten(resolution, errors, sort_common=options.sort_common)
    errors.checkpoint()
    history = LinkHistory(options, tuple(opened), scripted=scripted) if options.keep_history else None
    if history:
        program = replace(program, relocs=program.relocs.numbered())
    _keep(history, READ, program)
    if options.strip:
        program = without_debug(program)
    _keep(history, "strip", program)
    program = provide(program, options, scripted.names() if scripted else None)
    if not options.undefined_version:
        check_versions(program, script, errors)
    local = local_symbols(program, script, options.exclude_libs)
    public = exported(program, options, local)
    script = with_own_versions(script, program, public, options)

    # Drop unreachable sections, and merge equal constants. Without relaxation code gets its final size.
    keep = None
    if scripted:
        program, keep = scripted.without_discarded(program)
    _keep(history, "discard", program)
    if options.gc_sections:
        program = collect(program, options, public, errors, keep)
    _keep(history, "gc", program)
    refuse_unsupported(program, errors)
    check_references(scripted.without_unloaded(program) if scripted else program, options, errors)
    errors.checkpoint()
    stands = None
    if options.icf != "none":
        stands = identical(program, options, preemptible(program, options, local), public, errors)
        program = without_folded(program, stands)
    _keep(history, "icf", program)
    program = drop_dead_frames(program)
    _keep(history, "frames", program)
    if stands is not None:
        program = with_moved_symbols(program, stands)
    plan = scripted.plan(program, errors) if scripted else None
    program = reverse_constructors(program, plan.name_of if plan else None)
    _keep(history, "constructors", program)
    if not options.relax:
        program = align_code(program, errors)
    _keep(history, "align", program)
    program = merge(program, plan.out_of if plan else None)
    _keep(history, "merge", program)
    errors.checkpoint()

    # Replace accesses that are more general than this output needs.
    simpler = simplify(program, options, preemptible(program, options, local), scripted is not None, errors)
    errors.checkpoint()
    program = simpler.program
    _keep(history, "simplify", program)

    # Find what the relocations need (GOT, PLT, copies), and make room for it.
    needs = scan(program, options, local, errors)
    errors.checkpoint()
    program, tables = make_tables(program, needs, options)
    _keep(history, "tables", program)
    program, made = make_sections(program, needs, tables, public, attributes, properties, script, options)
    _keep(history, "sections", program)

    if scripted:
        plan = scripted.plan(program)
        scripted.check_references(program, plan)
        errors.checkpoint()

    # Shorten code whose targets are near. Sizes are fixed from here on.
    def placed(program: ProgramColumns, errors: Diagnostics) -> tuple[ImageLayout, Addresses]:
        by_script = scripted.lay_out(program, plan, errors) if scripted and plan else None
        layout = by_script if by_script is not None else lay_out(program, options, errors)
        values = linker_values(program, layout, irelative_bounds(layout, made, options), options, errors)
        return layout, addresses(program, layout, made.tables, values)

    relaxations = simpler.forms
    if options.relax:
        relaxed = relax(
            program, options, lambda trial: _reach(*placed(trial, Diagnostics()), options), errors
        )
        needs = needs.moved(program, relaxed.gone)
        program, relaxations = relaxed.program, relaxations | relaxed.forms
        made = move_sections(made, program, needs, relaxed.gone, options)
        _keep(history, "relax", program)
        if history:
            history.relaxed = relaxed

    if len(made.packed):
        table = made.sids[relative_table.NAME]
        program = relative_table.settle(
            program, table, made.packed, lambda trial: placed(trial, Diagnostics())[0]
        )

    # Memory layout. Addresses are fixed from here on.
    layout, known = placed(program, errors)
    if scripted and scripted.lacks_header_symbol(program, layout):
        program = scripted.without_header_symbol(program)
        check_references(scripted.without_unloaded(program), options, errors)
        layout, known = placed(program, errors)
    if errors.errors and options.wants_map:
        result = _result(b"", program, layout, known, made, relaxations, options, errors, history)
        raise UnfinishedLink(errors.errors, replace(result, opened=tuple(each.name for each in opened)))
    errors.checkpoint()

    # Bytes.
    image = section_contents(program, layout, fill(program, layout, needs, made, known, options))
    if scripted:
        program = scripted.without_unstored(program, layout)
    _keep(history, "final", program)
    if history:
        history.public, history.kept, history.stands, history.plan = public, keep, stands, plan
        history.needs, history.made, history.before = needs, made, bytes(image)
    relocate(image, program, layout, needs, known, options.pic, errors, options.xlen)
    if history:
        history.after = bytes(image)
    entry = _entry(program, layout, known, options, errors)
    errors.checkpoint()
    write_search_table(image, layout, made)
    symbols = build(program, layout, known, options, local) if options.strip != "all" else None
    image, stored = compress(image, layout, options.compression) if options.compression else (image, layout)
    exec_stack = wants_exec_stack(resolution) if options.exec_stack is None else options.exec_stack
    segments = phdrs(stored, options, exec_stack)
    warn_of_segments(segments, options, errors)
    kept = emitted(program, layout, known, symbols) if options.emit_relocs and symbols else []
    infos = section_infos(made)
    data = finish(image, program, stored, options, segments, symbols, entry, e_flags, infos, kept)
    data = write_build_id(data, layout, options)
    data = narrow(data, options.output) if options.xlen == 32 else data
    result = _result(data, program, layout, known, made, relaxations, options, errors, history)
    return replace(result, opened=tuple(each.name for each in opened))


def _keep(history: LinkHistory | None, name: str, program: ProgramColumns) -> None:
    """Keep what a pass has made, if the link keeps its history."""
    if history:
        history.add(name, program)


def _open(
    inputs: Sequence[Input], options: LinkOptions, errors: Diagnostics
) -> tuple[list[Opened], LinkOptions, Scripted | None]:
    """(the inputs, opened; the options with what scripts say; the script, if there is one)."""
    found = None
    if options.scripts or options.orderings or options.gnu_layout:
        from .script.commands import request

        found = request(inputs, options)
        if found is not None:
            inputs, options = found.inputs, found.options
    implicit: list[Script] = []

    def read(name: str, data: bytes) -> list[ScriptItem]:
        from .script.commands import read_implicit

        implicit.append(read_implicit(name, data, options))
        return [ScriptItem(f.name, f.group is not None, f.as_needed) for f in implicit[-1].inputs]

    opened = open_inputs(inputs, options, errors, read, NAMES)
    if any(script.says_more for script in implicit):
        from .script.commands import with_implicit

        found = with_implicit(found, implicit, inputs, options)
    if found is None:
        return opened, options, None
    from .script.scripted import Scripted

    return opened, found.options, Scripted(found.script, found.options, errors)


def _reach(layout: ImageLayout, known: Addresses, options: LinkOptions) -> Reach:
    """What relaxation measures with. Code may use gp if somebody sets it, which the image's own code does by its name."""
    gp = known.gp if known.gp and options.relax_gp and not options.pic else None
    return Reach(layout.addr, known.symbol, known.call, known.tls_start, gp)


def _entry(
    program: ProgramColumns, layout: ImageLayout, known: Addresses, options: LinkOptions, errors: Diagnostics
) -> int:
    """The entry address: that of a symbol, or a number; otherwise the start of .text, as in GNU ld."""
    symbol = program.resolution.table.get(options.entry_symbol)
    if symbol is not None and program.symbols.sid[symbol.id] != UNDEFINED:
        return u64(int(known.symbol[symbol.id]))
    try:
        return int(options.entry_symbol, 0)
    except ValueError:
        pass
    if options.shared:
        return 0
    start = layout.start(".text")
    if options.warn_entry:
        errors.warning(f"cannot find entry symbol {options.entry_symbol}; defaulting to {start:016x}")
    return start


def _result(
    image: bytes,
    program: ProgramColumns,
    layout: ImageLayout,
    known: Addresses,
    made: LinkerSections,
    relaxations: dict[str, tuple[int, int]],
    options: LinkOptions,
    errors: Diagnostics,
    history: LinkHistory | None,
) -> LinkResult:
    resolution = program.resolution
    return LinkResult(
        image=image,
        symbols=GlobalAddresses(program, known),
        decisions=resolution.decisions,
        sizes={s.name: s.size for s in layout.outputs if s.size},
        needed=made.dynamic.needed if made.dynamic else (),
        load_relocations=Counter(made.start_up.names()),
        lazy_relocations=Counter(made.jumps.names()),
        warnings=tuple(errors.warnings),
        inputs=(*(f.object.name for f in resolution.files), *(lib.name for lib in resolution.libraries)),
        program=program,
        layout=layout,
        addresses=known,
        relaxations=relaxations,
        output=options.output,
        history=history,
        script_position=options.script_position,
        output_format=options.output_format,
    )
