"""The names that readelf and objdump print for ELF constants, in GNU's spelling."""

from __future__ import annotations

from toyvm.elf import constants as c

FILE_TYPES = {
    c.ET_NONE: "NONE (None)",
    c.ET_REL: "REL (Relocatable file)",
    c.ET_EXEC: "EXEC (Executable file)",
    c.ET_DYN: "DYN (Shared object file)",
    c.ET_CORE: "CORE (Core file)",
}
OSABI = {0: "UNIX - System V", 3: "UNIX - GNU"}


def _by_prefix(prefix: str) -> dict[int, str]:
    return {value: name.removeprefix(prefix) for name, value in vars(c).items() if name.startswith(prefix)}


SECTION_TYPES = {
    **_by_prefix("SHT_"),
    c.SHT_SYMTAB_SHNDX: "SYMTAB SECTION INDICES",
    c.SHT_GNU_VERDEF: "VERDEF",
    c.SHT_GNU_VERNEED: "VERNEED",
    c.SHT_GNU_VERSYM: "VERSYM",
}
SEGMENT_TYPES = {**_by_prefix("PT_"), c.PT_RISCV_ATTRIBUTES: "RISCV_ATTRIBUT"}
DYNAMIC_TAGS = {**_by_prefix("DT_"), c.DT_RISCV_VARIANT_CC: "RISCV_VARIANT_CC"}
SYMBOL_TYPES = {
    **{value: name for value, name in _by_prefix("STT_").items() if value < 7},
    c.STT_GNU_IFUNC: "IFUNC",
}
SYMBOL_BINDINGS = {0: "LOCAL", 1: "GLOBAL", 2: "WEAK", c.STB_GNU_UNIQUE: "UNIQUE"}
SYMBOL_VISIBILITIES = {0: "DEFAULT", 1: "INTERNAL", 2: "HIDDEN", 3: "PROTECTED"}

_SECTION_FLAGS = (
    (c.SHF_WRITE, "W"),
    (c.SHF_ALLOC, "A"),
    (c.SHF_EXECINSTR, "X"),
    (c.SHF_MERGE, "M"),
    (c.SHF_STRINGS, "S"),
    (c.SHF_INFO_LINK, "I"),
    (c.SHF_LINK_ORDER, "L"),
    (c.SHF_OS_NONCONFORMING, "O"),
    (c.SHF_GROUP, "G"),
    (c.SHF_TLS, "T"),
    (c.SHF_COMPRESSED, "C"),
    (c.SHF_GNU_RETAIN, "R"),
    (c.SHF_GNU_MBIND, "D"),
    (c.SHF_EXCLUDE, "E"),
)

_SECTION_FLAGS_KEY = """Key to Flags:
  W (write), A (alloc), X (execute), M (merge), S (strings), I (info),
  L (link order), O (extra OS processing required), G (group), T (TLS),
  C (compressed), x (unknown), o (OS specific), E (exclude),
  D (mbind), p (processor specific)
"""


def section_flags_key(osabi: int) -> str:
    """The key to the flag letters. R exists only in the GNU ABI."""
    return (
        _SECTION_FLAGS_KEY.replace("  D (", "  R (retain), D (")
        if osabi == c.ELFOSABI_GNU
        else _SECTION_FLAGS_KEY
    )


def section_flags(flags: int, osabi: int = c.ELFOSABI_GNU) -> str:
    """`AX`, `WA`, `AMS`. The flag of retained sections has a meaning only in the GNU ABI."""
    known = [(bit, letter) for bit, letter in _SECTION_FLAGS if letter != "R" or osabi == c.ELFOSABI_GNU]
    letters = "".join(letter for bit, letter in known if flags & bit)
    rest = flags & ~sum(bit for bit, _ in known)
    if rest & 0x0FF00000:
        letters += "o"
    if rest & 0x70000000:
        letters += "p"
    return letters + ("x" if rest & ~0x7FF00000 else "")


_FLAG_WORDS = (
    (c.SHF_WRITE, "WRITE"),
    (c.SHF_ALLOC, "ALLOC"),
    (c.SHF_EXECINSTR, "EXEC"),
    (c.SHF_MERGE, "MERGE"),
    (c.SHF_STRINGS, "STRINGS"),
    (c.SHF_INFO_LINK, "INFO LINK"),
    (c.SHF_LINK_ORDER, "LINK ORDER"),
    (0x100, "OS NONCONF"),
    (c.SHF_GROUP, "GROUP"),
    (c.SHF_TLS, "TLS"),
    (c.SHF_EXCLUDE, "EXCLUDE"),
    (c.SHF_COMPRESSED, "COMPRESSED"),
)


def section_flag_words(flags: int) -> str:
    """`ALLOC, EXEC`: the flags of a section as words; those without a name as a number."""
    words = [word for bit, word in _FLAG_WORDS if flags & bit]
    rest = flags & ~sum(bit for bit, _ in _FLAG_WORDS)
    return ", ".join([*words, *([f"OS ({rest:016x})"] if rest else [])])


def segment_flags(flags: int) -> str:
    """`R E`: three columns."""
    return "".join(letter if flags & bit else " " for bit, letter in ((4, "R"), (2, "W"), (1, "E")))


def elf_flags(flags: int) -> str:
    """`, RVC, double-float ABI` for e_flags."""
    abi = ("soft-float ABI", "single-float ABI", "double-float ABI", "quad-float ABI")[
        (flags & c.EF_RISCV_FLOAT_ABI) >> 1
    ]
    words = ["RVC"] if flags & c.EF_RISCV_RVC else []
    words += ["RVE"] if flags & c.EF_RISCV_RVE else []
    words.append(abi)
    words += ["TSO"] if flags & c.EF_RISCV_TSO else []
    return "".join(f", {word}" for word in words)


def section_index(index: int) -> str:
    """The section of a symbol: `UND`, `ABS`, `COM` or its number."""
    special = {c.SHN_UNDEF: "UND", c.SHN_ABS: "ABS", c.SHN_COMMON: "COM"}
    if index in special:
        return special[index]
    return f"RSV[{index:#x}]" if index >= c.SHN_LORESERVE else str(index)


_FLAGS = (
    (c.DF_ORIGIN, "ORIGIN"),
    (c.DF_SYMBOLIC, "SYMBOLIC"),
    (c.DF_TEXTREL, "TEXTREL"),
    (c.DF_BIND_NOW, "BIND_NOW"),
    (c.DF_STATIC_TLS, "STATIC_TLS"),
)
_FLAGS_1 = (
    (c.DF_1_NOW, "NOW"),
    (c.DF_1_GLOBAL, "GLOBAL"),
    (c.DF_1_GROUP, "GROUP"),
    (c.DF_1_NODELETE, "NODELETE"),
    (c.DF_1_LOADFLTR, "LOADFLTR"),
    (c.DF_1_INITFIRST, "INITFIRST"),
    (c.DF_1_NOOPEN, "NOOPEN"),
    (c.DF_1_ORIGIN, "ORIGIN"),
    (c.DF_1_DIRECT, "DIRECT"),
    (c.DF_1_INTERPOSE, "INTERPOSE"),
    (c.DF_1_NODEFLIB, "NODEFLIB"),
    (c.DF_1_NODUMP, "NODUMP"),
    (c.DF_1_GLOBAUDIT, "GLOBAUDIT"),
    (c.DF_1_SINGLETON, "SINGLETON"),
    (c.DF_1_PIE, "PIE"),
)


def dynamic_flags(value: int) -> str:
    """The names of the flags in DT_FLAGS."""
    return _words(value, _FLAGS)


def dynamic_flags_1(value: int) -> str:
    """The names of the flags in DT_FLAGS_1."""
    return "Flags: " + _words(value, _FLAGS_1)


def _words(value: int, known: tuple[tuple[int, str], ...]) -> str:
    words = [word for bit, word in known if value & bit]
    rest = value & ~sum(bit for bit, _ in known)
    return " ".join(words + ([f"{rest:#x}"] if rest else []))


def cut(name: str, width: int, silently: bool = False) -> str:
    """A name in a column of `width` characters: a longer one loses its end, for which `[...]` stands unless `silently`."""
    if len(name) <= width:
        return name
    return name[:width] if silently else f"{name[: max(width - 5, 0)]}[...]"
