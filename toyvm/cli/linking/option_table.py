"""Every option of `toyvm ld`: what it does to the state of the command line."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ...base.errors import UsageError
from ...base.record import replace
from ...linker.link_options import Input
from ..terminal.color import WHEN, choose
from .command_line import CommandLine
from .keywords import compression, keyword

_ADDRESS_LIMIT = 1 << 38  # the user half of Sv39


def _number(text: str) -> int:
    """An address: hexadecimal, with or without 0x (ld(1), -Ttext)."""
    try:
        value = int(text, 16)
    except ValueError:
        raise UsageError(f"'{text}' is not a hexadecimal number") from None
    if not 0 <= value < _ADDRESS_LIMIT:
        raise UsageError(f"address {text} is not in [0, {_ADDRESS_LIMIT:#x})")
    return value


def _build_id(state: CommandLine, style: str) -> None:
    """--build-id[=STYLE]. All computed styles use SHA-1, except for `md5`."""
    if style.startswith("0x"):
        try:
            bytes.fromhex(style[2:])
        except ValueError:
            raise UsageError(f"--build-id={style}: not an even number of hexadecimal digits") from None
    elif style not in ("", "sha1", "md5", "uuid", "fast", "tree", "none"):
        raise UsageError(f"--build-id={style}: unknown style (sha1, none, 0xHEX)")
    state.options["build_id"] = style if style in ("none", "md5") or style.startswith("0x") else "sha1"


def _set(**changes: object) -> tuple[str, Callable[[CommandLine, str], None]]:
    return "flag", lambda state, _: state.options.update(changes)


def _mode(**changes: object) -> tuple[str, Callable[[CommandLine, str], None]]:
    return "flag", lambda state, _: state.mode(**changes)


def _text(name: str) -> tuple[str, Callable[[CommandLine, str], None]]:
    return "value", lambda state, value: state.options.__setitem__(name, value)


def _each(name: str) -> tuple[str, Callable[[CommandLine, str], None]]:
    return "value", lambda state, value: state.add(name, value)


def _start(name: str) -> tuple[str, Callable[[CommandLine, str], None]]:
    return "value", lambda state, value: state.starts.__setitem__(name, _number(value))


def _section_start(state: CommandLine, text: str) -> None:
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"--section-start {text}: expected NAME=ADDRESS")
    state.starts[name] = _number(value)


def _package_metadata(state: CommandLine, text: str) -> None:
    """--package-metadata[=JSON]: what systemd's tools read from the notes of programs. Empty: no note."""
    if text:
        import json

        try:
            json.loads(text)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"--package-metadata: not JSON: {error}") from None
    state.options["package_metadata"] = text


def _color(_: CommandLine, when: str) -> None:
    """--color-diagnostics[=WHEN]."""
    if when not in ("", *WHEN):
        raise UsageError(f"--color-diagnostics={when}: expected {', '.join(WHEN)}")
    choose(when or "always")


def _begin_group(state: CommandLine, _: str) -> None:
    if state.modes.group is not None:
        raise UsageError("may not nest groups (--start-group)")
    state.mode(group=state.groups)
    state.groups += 1


def _end_group(state: CommandLine, _: str) -> None:
    if state.modes.group is None:
        raise UsageError("group ended before it began (--end-group)")
    state.mode(group=None)


def _push(state: CommandLine, _: str) -> None:
    state.stack.append(state.modes)


def _pop(state: CommandLine, _: str) -> None:
    if not state.stack:
        raise UsageError("--pop-state without --push-state")
    saved = state.stack.pop()
    state.mode(whole_archive=saved.whole_archive, as_needed=saved.as_needed, static=saved.static)


def _static(state: CommandLine, _: str) -> None:
    state.options["static"] = True
    state.mode(static=True)


def _unpaged(state: CommandLine, **changes: object) -> None:
    """-n, -N: no pages in the file, so libraries that would need them are not looked for."""
    state.options.update(paged=False, **changes)
    state.mode(static=True)


def _emulation(state: CommandLine, name: str) -> None:
    widths = {"elf64lriscv": 64, "elf32lriscv": 32}
    if name not in widths:
        raise UsageError(f"unrecognised emulation mode: {name} (supported: {', '.join(widths)})")
    state.options["xlen"] = widths[name]


def _defsym(state: CommandLine, text: str) -> None:
    if "=" not in text:
        raise UsageError(f"--defsym {text}: expected SYMBOL=VALUE")
    state.add("defsyms", text)


def _just_symbols(state: CommandLine, path: str) -> None:
    """-R: a folder is one of the run path, as for -rpath; of a file, only the symbols are taken."""
    if os.path.isdir(path):
        state.add("rpath", path)
    else:
        state.inputs.append(Input(path=path, just_symbols=True))


def _unresolved(state: CommandLine, method: str) -> None:
    """--unresolved-symbols. Raises UsageError."""
    methods = {
        "report-all": (False, False),
        "ignore-all": (True, True),
        "ignore-in-object-files": (True, False),
        "ignore-in-shared-libs": (False, True),
    }
    if method not in methods:
        raise UsageError(f"unknown --unresolved-symbols option '{method}' ({', '.join(methods)})")
    in_objects, in_libraries = methods[method]
    state.options["ignore_in_objects"], state.options["ignore_in_libraries"] = in_objects, in_libraries


def _retain(state: CommandLine, path: str) -> None:
    """--retain-symbols-file: the names in a file, of which .symtab has no others."""
    state.options["retained"] = tuple(Path(path).read_text(errors="surrogateescape").split())


def _format(state: CommandLine, name: str) -> None:
    """-b, --format: what the inputs that follow are. Raises UsageError."""
    if name not in ("binary", "default", "elf64-littleriscv"):
        raise UsageError(f"-b {name}: unrecognised format (binary, default, elf64-littleriscv)")
    state.mode(binary=name == "binary")


def _require(state: CommandLine, name: str) -> None:
    state.add("undefined", name)
    state.add("required", name)


def _command_file(state: CommandLine, path: str) -> str:
    """The text of a file with names, which is looked for in the folders of -L so far, too."""
    folders = state.lists.get("library_path", [])
    found = next((p for p in (path, *(os.path.join(f, path) for f in folders)) if os.path.isfile(p)), path)
    return Path(found).read_text(errors="surrogateescape")


def _version_script(state: CommandLine, path: str) -> None:
    state.options["version_script"] = _command_file(state, path)


def _file(name: str) -> tuple[str, Callable[[CommandLine, str], None]]:
    """An option that may be repeated and whose value is the text of a file."""
    return "value", lambda state, path: state.add(name, _command_file(state, path))


def _hash_style(state: CommandLine, style: str) -> None:
    if style not in ("gnu", "sysv", "both"):
        raise UsageError(f"invalid hash style '{style}' (gnu, sysv, both)")
    state.options["hash_style"] = style


def _attribute(name: str, value: object = True) -> tuple[str, Callable[[CommandLine, str], None]]:
    return "flag", lambda state, _: setattr(state, name, value)


def _page_base(state: CommandLine, text: str) -> None:
    if _number(text) % 0x1000:
        raise UsageError(f"image base {text} is not a multiple of 0x1000")
    state.options["image_base"] = _number(text)


def _add_script(state: CommandLine, path: str) -> None:
    """-T. Files that the script names come at its place among the inputs."""
    if not state.lists.get("scripts"):
        state.options["script_position"] = len(state.inputs)
        state.options["defsym_position"] = len(state.lists.get("defsyms", []))
    state.add("scripts", path)


def _default_script(state: CommandLine, path: str) -> None:
    """-dT: the script in place of the built-in one, read when all options are known. -T takes precedence."""
    state.default_script = path


def _choice(state: CommandLine, name: str, value: str, known: tuple[str, ...], option: str) -> None:
    if value not in known:
        raise UsageError(f"invalid argument to option --{option}: '{value}' ({', '.join(known)})")
    state.options[name] = value


def _sort_common(state: CommandLine, value: str) -> None:
    """--sort-common: descending alignment, if nothing else is said."""
    _choice(state, "sort_common", value or "descending", ("ascending", "descending"), "sort-common")


LONG: dict[str, tuple[str, Callable[[CommandLine, str], None]]] = {
    "o": ("value", lambda state, value: setattr(state, "output", value)),
    "output": ("value", lambda state, value: setattr(state, "output", value)),
    "entry": _text("entry"),
    "library": ("value", lambda state, value: state.inputs.append(replace(state.modes, library=value))),
    "library-path": _each("library_path"),
    "sysroot": _text("sysroot"),
    "static": ("flag", _static),
    "Bstatic": _mode(static=True),
    "dn": _mode(static=True),
    "non_shared": _mode(static=True),
    "Bdynamic": _mode(static=False),
    "dy": _mode(static=False),
    "call_shared": _mode(static=False),
    "shared": _set(kind="shared"),
    "Bshareable": _set(kind="shared"),
    "pie": _set(kind="pie"),
    "pic-executable": _set(kind="pie"),
    "no-pie": _set(kind="exec"),
    "no-dynamic-linker": _set(dynamic_linker=""),
    "soname": _text("soname"),
    "just-symbols": ("value", _just_symbols),
    "rpath": _each("rpath"),
    "rpath-link": _each("rpath_link"),
    "copy-dt-needed-entries": _set(copy_needed=True),
    "add-needed": _set(copy_needed=True),
    "no-copy-dt-needed-entries": _set(copy_needed=False),
    "no-add-needed": _set(copy_needed=False),
    "print-map-discarded": _attribute("print_map_discarded"),
    "no-print-map-discarded": _attribute("print_map_discarded", False),
    "gnu-messages": _attribute("gnu_messages"),
    "enable-new-dtags": _set(new_dtags=True),
    "disable-new-dtags": _set(new_dtags=False),
    "dynamic-linker": _text("dynamic_linker"),
    "undefined": _each("undefined"),
    "require-defined": ("value", _require),
    "defsym": ("value", _defsym),
    "wrap": _each("wrap"),
    "version-script": ("value", _version_script),
    "undefined-version": _set(undefined_version=True),
    "no-undefined-version": _set(undefined_version=False),
    "exclude-libs": _each("exclude_libs"),
    "trace-symbol": _each("trace_symbols"),
    "trace": _attribute("trace"),
    "emit-relocs": _set(emit_relocs=True),
    "icf": ("value", lambda state, value: _choice(state, "icf", value, ("none", "safe", "all"), "icf")),
    "print-icf-sections": _set(print_icf=True),
    "gc-sections": _set(gc_sections=True),
    "no-gc-sections": _set(gc_sections=False),
    "print-gc-sections": _set(print_gc_sections=True),
    "relax": _set(relax=True),
    "no-relax": _set(relax=False),
    "relax-gp": _set(relax_gp=True),
    "no-relax-gp": _set(relax_gp=False),
    "whole-archive": _mode(whole_archive=True),
    "no-whole-archive": _mode(whole_archive=False),
    "as-needed": _mode(as_needed=True),
    "no-as-needed": _mode(as_needed=False),
    "start-group": ("flag", _begin_group),
    "end-group": ("flag", _end_group),
    "push-state": ("flag", _push),
    "pop-state": ("flag", _pop),
    "export-dynamic": _set(export_dynamic=True),
    "no-export-dynamic": _set(export_dynamic=False),
    "export-dynamic-symbol": _each("exported_symbols"),
    "export-dynamic-symbol-list": _file("export_lists"),
    "dynamic-list": _file("dynamic_lists"),
    "dynamic-list-data": _set(dynamic_data=True),
    "dynamic-list-cpp-new": ("flag", lambda state, _: state.add("dynamic_cpp", "new")),
    "dynamic-list-cpp-typeinfo": ("flag", lambda state, _: state.add("dynamic_cpp", "typeinfo")),
    "Bsymbolic": _set(symbolic="all"),
    "Bsymbolic-functions": _set(symbolic="functions"),
    "no-undefined": _set(defs=True),
    "allow-multiple-definition": _set(allow_multiple_definition=True),
    "unresolved-symbols": ("value", _unresolved),
    "ignore-unresolved-symbol": _each("ignored_symbols"),
    "warn-unresolved-symbols": _set(warn_unresolved=True),
    "error-unresolved-symbols": _set(warn_unresolved=False),
    "allow-shlib-undefined": _set(ignore_in_libraries=True),
    "no-allow-shlib-undefined": _set(ignore_in_libraries=False),
    "retain-symbols-file": ("value", _retain),
    "out-implib": ("value", lambda state, value: setattr(state, "import_library", value)),
    "dependency-file": ("value", lambda state, value: setattr(state, "dependency_file", value)),
    "demangle": ("optional", lambda state, _: setattr(state, "demangle", True)),
    "no-demangle": _attribute("demangle", False),
    "print-output-format": _attribute("answer", "elf64-littleriscv"),
    "print-sysroot": ("flag", lambda state, _: setattr(state, "answer", state.options.get("sysroot", ""))),
    "gc-keep-exported": _set(keep_exported=True),
    "format": ("value", _format),
    "oformat": _text("output_format"),
    "no-define-common": _set(define_commons=False),
    "d": _set(place_commons=True),
    "dc": _set(place_commons=True),
    "dp": _set(place_commons=True),
    "Bno-symbolic": _set(symbolic=""),
    "hash-style": ("value", _hash_style),
    "build-id": ("optional", _build_id),
    "package-metadata": ("optional", _package_metadata),
    "eh-frame-hdr": _set(eh_frame_hdr=True),
    "no-eh-frame-hdr": _set(eh_frame_hdr=False),
    "compress-debug-sections": ("value", lambda state, word: compression(state.options, word)),
    "strip-all": _set(strip="all"),
    "strip-debug": _set(strip="debug"),
    "discard-all": _set(discard="all"),
    "discard-locals": _set(discard="locals"),
    "discard-none": _set(discard="none"),
    "auxiliary": _each("auxiliary"),
    "f": _each("auxiliary"),
    "filter": _text("filter"),
    "F": _text("filter"),
    "audit": _each("audit"),
    "depaudit": _each("depaudit"),
    "P": _each("depaudit"),
    "init": _text("init"),
    "fini": _text("fini"),
    "Ttext": _start(".text"),
    "Tdata": _start(".data"),
    "Tbss": _start(".bss"),
    "Ttext-segment": ("value", _page_base),
    "image-base": ("value", _page_base),
    "section-start": ("value", _section_start),
    "Map": ("value", lambda state, value: setattr(state, "map_file", value)),
    "print-map": _attribute("print_map"),
    "cref": _attribute("cref"),
    "version": _attribute("version"),
    "script": ("value", _add_script),
    "default-script": ("value", _default_script),
    "dT": ("value", _default_script),
    "section-ordering-file": _each("orderings"),
    "orphan-handling": (
        "value",
        lambda state, value: _choice(
            state, "orphan_handling", value, ("place", "warn", "error", "discard"), "orphan-handling"
        ),
    ),
    "sort-section": (
        "value",
        lambda state, value: _choice(state, "sort_section", value, ("name", "alignment"), "sort-section"),
    ),
    "unique": _set(unique=True),
    "warn-textrel": _set(text_relocations=True, warn_textrel=True),
    "warn-shared-textrel": _set(text_relocations=True, warn_textrel=True),
    "force-group-allocation": _set(force_groups=True),
    "sort-common": ("optional", _sort_common),
    "print-memory-usage": _attribute("print_memory_usage"),
    "verbose": ("optional", lambda state, _: setattr(state, "verbose", True)),
    "dll-verbose": ("flag", lambda state, _: setattr(state, "verbose", True)),
    "check-sections": _set(check_sections=True),
    "no-check-sections": _set(check_sections=False),
    "nmagic": ("flag", lambda state, _: _unpaged(state)),
    "no-nmagic": _set(paged=True),
    "omagic": ("flag", lambda state, _: _unpaged(state, text_read_only=False)),
    "no-omagic": _set(paged=True, text_read_only=True),
    "relocatable": _set(kind="relocatable"),
    "Ur": _set(kind="relocatable", section_bounds=True),
    "color-diagnostics": ("optional", _color),
    "no-color-diagnostics": ("flag", lambda _, __: choose("never")),
    "warn-execstack": _set(warn_exec_stack=True),
    "no-warn-execstack": _set(warn_exec_stack=False),
    "warn-rwx-segments": _set(warn_rwx=True),
    "no-warn-rwx-segments": _set(warn_rwx=False),
    "no-warnings": _set(no_warnings=True),
    "fatal-warnings": _attribute("fatal_warnings"),
    "no-fatal-warnings": _attribute("fatal_warnings", False),
}
for _alias, _name in {
    "Bshared": "Bdynamic",
    "(": "start-group",
    ")": "end-group",
    "h": "soname",
    "I": "dynamic-linker",
    "export_dynamic": "export-dynamic",
    "M": "print-map",
}.items():
    LONG[_alias] = LONG[_name]

SHORT_LISTS = {"L": "library_path", "u": "undefined", "y": "trace_symbols"}
SHORT_VALUES: dict[str, Callable[[CommandLine, str], None]] = {
    "R": _just_symbols,
    "b": _format,
    "o": lambda state, value: setattr(state, "output", value),
    "e": lambda state, value: state.options.__setitem__("entry", value),
    "m": _emulation,
    "z": lambda state, value: keyword(state.options, value),
    "T": _add_script,
    "h": lambda state, value: state.options.__setitem__("soname", value),
    "f": lambda state, value: state.add("auxiliary", value),
    "F": lambda state, value: state.options.__setitem__("filter", value),
    "P": lambda state, value: state.add("depaudit", value),
}
SHORT_FLAGS: dict[str, Callable[[CommandLine], None]] = {
    "r": lambda state: state.options.update(kind="relocatable"),
    "s": lambda state: state.options.__setitem__("strip", "all"),
    "S": lambda state: state.options.__setitem__("strip", "debug"),
    "x": lambda state: state.options.__setitem__("discard", "all"),
    "X": lambda state: state.options.__setitem__("discard", "locals"),
    "t": lambda state: setattr(state, "trace", True),
    "v": lambda state: setattr(state, "version", True),
    "V": lambda state: setattr(state, "version", True),
    "M": lambda state: setattr(state, "print_map", True),
    "E": lambda state: state.options.__setitem__("export_dynamic", True),
    "w": lambda state: state.options.__setitem__("no_warnings", True),
    "(": lambda state: _begin_group(state, ""),
    ")": lambda state: _end_group(state, ""),
    "n": lambda state: _unpaged(state),
    "N": lambda state: _unpaged(state, text_read_only=False),
    "g": lambda state: None,
    "q": lambda state: state.options.__setitem__("emit_relocs", True),
}
