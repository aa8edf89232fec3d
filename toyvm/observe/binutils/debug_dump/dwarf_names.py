"""The names that GNU's tools print for the constants of DWARF. pyelftools has most of them."""

from __future__ import annotations

from collections.abc import Mapping

from elftools.dwarf.dwarf_expr import DW_OP_name2opcode
from elftools.dwarf.enums import ENUM_DW_AT, ENUM_DW_FORM, ENUM_DW_TAG, ENUM_DW_UT

from toyvm.isa.registers import CSR_NAMES, F_NAMES, X_NAMES


def _by_value(names: Mapping[str, object], prefix: str, more: Mapping[int, str]) -> dict[int, str]:
    found: dict[int, str] = dict(more)
    for name, value in names.items():
        if isinstance(value, int) and name.startswith(prefix):
            found.setdefault(value, name)
    return found


TAGS = _by_value(
    ENUM_DW_TAG,
    "DW_TAG_",
    {
        0: "DW_TAG_padding", 0x2303: "DW_AT_GNU_numerator", 0x2304: "DW_AT_GNU_denominator",
        0x2305: "DW_AT_GNU_bias", 0x4081: "DW_TAG_MIPS_loop", 0x4101: "DW_TAG_format_label",
        0x4102: "DW_TAG_function_template", 0x4103: "DW_TAG_class_template", 0x4104: "DW_TAG_GNU_BINCL",
        0x4105: "DW_TAG_GNU_EINCL", 0x8765: "DW_TAG_upc_shared_type", 0x8766: "DW_TAG_upc_strict_type",
        0x8767: "DW_TAG_upc_relaxed_type",
    },
)  # fmt: skip
ATTRIBUTES = _by_value(
    ENUM_DW_AT,
    "DW_AT_",
    {
        0: "DW_AT value: 0", 0x2001: "DW_AT_MIPS_fde or DW_AT_HP_unmodifiable", 0x2108: "DW_AT_GNU_guarded_by",
        0x2109: "DW_AT_GNU_pt_guarded_by", 0x210A: "DW_AT_GNU_guarded", 0x210B: "DW_AT_GNU_pt_guarded",
        0x210C: "DW_AT_GNU_locks_excluded", 0x210D: "DW_AT_GNU_exclusive_locks_required",
        0x210E: "DW_AT_GNU_shared_locks_required", 0x2301: "DW_AT_use_GNAT_descriptive_type",
        0x2302: "DW_AT_GNAT_descriptive_type", 0x3210: "DW_AT_upc_threads_scaled",
    },
)  # fmt: skip
FORMS = _by_value(ENUM_DW_FORM, "DW_FORM_", {0: "DW_FORM value: 0"})
UNIT_TYPES = _by_value(ENUM_DW_UT, "DW_UT_", {})
OPERATIONS = _by_value(
    DW_OP_name2opcode,
    "DW_OP_",
    {0xE0: "DW_OP_GNU_push_tls_address or DW_OP_HP_unknown", 0xF1: "DW_OP_GNU_encoded_addr", 0xF9: "DW_OP_GNU_reinterpret"},
)  # fmt: skip


def tag_name(value: int) -> str:
    """The name of a tag."""
    user = "User" if 0x4080 <= value <= 0xFFFF else "Unknown"
    return TAGS.get(value) or f"{user} TAG value: {value:#x}"


def attribute_name(value: int) -> str:
    """The name of an attribute."""
    return ATTRIBUTES.get(value) or f"Unknown AT value: {value:x}"


def form_name(value: int) -> str:
    """The name of a form."""
    return FORMS.get(value) or f"Unknown FORM value: {value:x}"


def register_name(number: int, *, bare: bool = True) -> str:
    """`sp`, or `r2 (sp)` unless `bare`; a register without a name is `r70`."""
    name = None
    if number < 32:
        name = X_NAMES[number]
    elif number < 64:
        name = F_NAMES[number - 32]
    elif 96 <= number < 128:
        name = f"v{number - 96}"
    elif 4096 <= number <= 8191:
        name = CSR_NAMES.get(number - 4096, f"csr{number - 4096}")
    if name is None:
        return f"r{number}"
    return name if bare else f"r{number} ({name})"


_LANGUAGES = {
    1: "ANSI C", 2: "non-ANSI C", 3: "Ada", 4: "C++", 5: "Cobol 74", 6: "Cobol 85", 7: "FORTRAN 77", 8: "Fortran 90",
    9: "ANSI Pascal", 10: "Modula 2", 11: "Java", 12: "ANSI C99", 13: "ADA 95", 14: "Fortran 95", 15: "PLI",
    16: "Objective C", 17: "Objective C++", 18: "Unified Parallel C", 19: "D", 20: "Python", 21: "OpenCL", 22: "Go",
    23: "Modula 3", 24: "Haskell", 25: "C++03", 26: "C++11", 27: "OCaml", 28: "Rust", 29: "C11", 30: "Swift",
    31: "Julia", 32: "Dylan", 33: "C++14", 34: "Fortran 03", 35: "Fortran 08", 36: "RenderScript",
    0x8001: "MIPS assembler", 0x8765: "Unified Parallel C",
}  # fmt: skip
_ENCODINGS = {
    0: "void", 1: "machine address", 2: "boolean", 3: "complex float", 4: "float", 5: "signed", 6: "signed char",
    7: "unsigned", 8: "unsigned char", 9: "imaginary float", 10: "packed_decimal", 11: "numeric_string", 12: "edited",
    13: "signed_fixed", 14: "unsigned_fixed", 15: "decimal float", 16: "unicode string", 17: "UCS", 18: "ASCII",
    0x80: "HP_float80", 0x81: "HP_complex_float80", 0x82: "HP_float128", 0x83: "HP_complex_float128",
    0x84: "HP_floathpintel", 0x85: "HP_imaginary_float80", 0x86: "HP_imaginary_float128",
}  # fmt: skip
# Attribute -> (the meanings of its values, the text for others).
MEANINGS: dict[int, tuple[dict[int, str], str]] = {
    0x20: (
        {
            0: "(not inlined)", 1: "(inlined)", 2: "(declared as inline but ignored)",
            3: "(declared as inline and inlined)",
        },
        "  (Unknown inline attribute value: {:#x})",
    ),
    0x13: ({value: f"({text})" for value, text in _LANGUAGES.items()}, "(unknown: {:#x})"),
    0x3E: ({value: f"({text})" for value, text in _ENCODINGS.items()}, "(unknown type)"),
    0x32: ({1: "(public)", 2: "(protected)", 3: "(private)"}, "(unknown accessibility)"),
    0x17: ({1: "(local)", 2: "(exported)", 3: "(qualified)"}, "(unknown visibility)"),
    0x65: ({0: "(default)", 1: "(big)", 2: "(little)"}, "(unknown endianity)"),
    0x4C: ({0: "(none)", 1: "(virtual)", 2: "(pure_virtual)"}, "(unknown virtuality)"),
    0x42: (
        {0: "(case_sensitive)", 1: "(up_case)", 2: "(down_case)", 3: "(case_insensitive)"},
        "(unknown case)",
    ),
    0x36: (
        {
            1: "(normal)", 2: "(program)", 3: "(nocall)", 4: "(pass by ref)", 5: "(pass by value)",
            0x40: "(Rensas SH)", 0x41: "(Borland fastcall i386)",
        },
        "(unknown convention)",
    ),
    0x09: ({0: "(row major)", 1: "(column major)", 255: "(undefined)"}, ""),
    0x5E: (
        {
            1: "(unsigned)", 2: "(leading overpunch)", 3: "(trailing overpunch)", 4: "(leading separate)",
            5: "(trailing separate)",
        },
        "(unrecognised)",
    ),
    0x8B: ({0: "(no)", 1: "(in class)", 2: "(out of class)"}, "(unrecognised)"),
}  # fmt: skip
# Attribute -> (first, last, text) of the values that users may give a meaning.
_USER = {
    0x13: (0x8000, 0xFFFF, "(implementation defined: {:#x})"),
    0x3E: (0x80, 0xFF, "(user defined type)"),
    0x36: (0x40, 0xFF, "(user defined)"),
    0x65: (0x40, 0xFF, "(user specified)"),
}


def meaning(attribute: int, value: int) -> str | None:
    """What a value of an attribute with named values means, or None for other attributes."""
    if attribute not in MEANINGS:
        return None
    names, other = MEANINGS[attribute]
    if value in names:
        return names[value]
    low, high, text = _USER.get(attribute, (1, 0, ""))
    return (text if low <= value <= high else other).format(value)
