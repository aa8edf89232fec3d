"""The keywords of `ld -z` (ld(1), "-z keyword"), its formats of compression, and options without effect."""

from __future__ import annotations

import sys

from ...base.errors import UsageError
from ...elf.constants import (
    COMPRESSION_FORMATS,
    DF_1_GLOBAL,
    DF_1_GLOBAUDIT,
    DF_1_INITFIRST,
    DF_1_INTERPOSE,
    DF_1_LOADFLTR,
    DF_1_NODEFLIB,
    DF_1_NODELETE,
    DF_1_NODUMP,
    DF_1_NOOPEN,
)

# Keyword -> the options that it sets.
_OPTIONS: dict[str, dict[str, object]] = {
    "now": {"now": True},
    "lazy": {"now": False},
    "relro": {"relro": True},
    "norelro": {"relro": False},
    "defs": {"defs": True},
    "undefs": {"defs": False},
    "muldefs": {"allow_multiple_definition": True},
    "execstack": {"exec_stack": True},
    "noexecstack": {"exec_stack": False},
    "text": {"text_relocations": False},
    "notext": {"text_relocations": True},
    "textoff": {"text_relocations": True},
    "origin": {"origin": True},
    "pack-relative-relocs": {"pack_relative": True},
    "nopack-relative-relocs": {"pack_relative": False},
    "start-stop-gc": {"start_stop_gc": True},
    "nostart-stop-gc": {"start_stop_gc": False},
    "common": {"common_type": True},
    "nocommon": {"common_type": False},
    "combreloc": {"combine_relocations": True},
    "nocombreloc": {"combine_relocations": False},
    "separate-code": {"separate_code": True},
    "noseparate-code": {"separate_code": False},
    "unique-symbol": {"unique_symbols": True},
    "nounique-symbol": {"unique_symbols": False},
}
# Keyword -> its bit in DT_FLAGS_1.
_FLAGS = {
    "global": DF_1_GLOBAL,
    "globalaudit": DF_1_GLOBAUDIT,
    "nodelete": DF_1_NODELETE,
    "loadfltr": DF_1_LOADFLTR,
    "initfirst": DF_1_INITFIRST,
    "nodlopen": DF_1_NOOPEN,
    "interpose": DF_1_INTERPOSE,
    "nodefaultlib": DF_1_NODEFLIB,
    "nodump": DF_1_NODUMP,
}
# What GNU ld does without the keyword, or what has no effect on the output here.
_NO_EFFECT = frozenset(
    [
        "copyreloc",
        "keep-text-section-prefix",
        "notext-section-prefix",
        "nopack-relative-relocs",
    ]
)


# Options that are accepted without effect, with a value and without.
_WITH_VALUE = """
plugin plugin-opt G O hash-size max-cache-size assert spare-dynamic-tags architecture A gpsize
ctf-share-types split-by-reloc split-by-file Y
"""
_ALONE = """
nostdlib warn-common
no-warn-common no-print-gc-sections
no-warn-mismatch no-warn-search-mismatch no-whole-program O0 O1 O2 threads no-threads build-id-link
EL Bgroup Qy accept-unknown-input-arch no-accept-unknown-input-arch ctf-variables no-ctf-variables
no-keep-memory reduce-memory-overheads stats traditional-format warn-constructors warn-multiple-gp warn-once
warn-section-align warn-alternate-em strip-discarded no-strip-discarded map-whole-files
no-map-whole-files force-exe-suffix embedded-relocs flto
"""
IGNORED = {**dict.fromkeys(_WITH_VALUE.split(), True), **dict.fromkeys(_ALONE.split(), False)}


def keyword(options: dict[str, object], text: str) -> None:
    """Set what `-z text` asks for in `options` (the fields of LinkOptions). Raises UsageError."""
    name, _, value = text.partition("=")
    if name == "max-page-size":
        page = _number(value)
        if page < 1 or page & (page - 1):
            raise UsageError(f"invalid maximum page size `{value}': must be a power of two")
        options["page"] = page
    elif name == "common-page-size":
        page = _number(value)
        if page < 1 or page & (page - 1):
            raise UsageError(f"invalid common page size `{value}': must be a power of two")
        options["common_page"] = page
    elif name == "stack-size":
        size = _number(value)
        if not 0 <= size < 1 << 47:
            raise UsageError(f"-z stack-size={value}: not a size in bytes")
        options["stack_size"] = size
    elif name in _OPTIONS:
        options.update(_OPTIONS[name])
    elif name in _FLAGS:
        flags = options.get("flags_1", 0)
        assert isinstance(flags, int)
        options["flags_1"] = flags | _FLAGS[name]
    elif name not in _NO_EFFECT:
        print(f"toyvm ld: warning: -z {text} ignored", file=sys.stderr)


def compression(options: dict[str, object], word: str) -> None:
    """Set the format of --compress-debug-sections in `options`. Raises UsageError."""
    if word != "none" and word not in COMPRESSION_FORMATS:
        raise UsageError(
            f"invalid --compress-debug-sections option: '{word}' (none, {', '.join(COMPRESSION_FORMATS)})"
        )
    options["compression"] = COMPRESSION_FORMATS.get(word, 0)


def _number(text: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        return -1
