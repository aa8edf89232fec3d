"""The numbers of the ELF file format that toyvm uses: gABI, Linux extensions, RISC-V psABI.

They are plain integers under their standard names, because a run of a program imports this module at start. Relocation
types are in `toyvm.relocations`; the names that readelf prints (`PROGBITS`, `LOCAL`) are in
`toyvm.observe.binutils.elf_names`.
"""

from __future__ import annotations

# e_ident: where its bytes are, its size, and their values
EI_CLASS, EI_DATA, EI_VERSION, EI_OSABI, EI_ABIVERSION, EI_PAD = range(4, 10)
EI_NIDENT = 16
ELFMAG = b"\x7fELF"
ELFCLASS32 = 1
ELFCLASS64 = 2
ELFDATA2LSB = 1
EV_CURRENT = 1
ELFOSABI_NONE = 0
ELFOSABI_GNU = 3

# e_type
ET_NONE, ET_REL, ET_EXEC, ET_DYN, ET_CORE = range(5)

# e_machine
EM_RISCV = 243

# e_flags (psABI, "File header")
EF_RISCV_RVC = 0x1
EF_RISCV_FLOAT_ABI = 0x6
EF_RISCV_FLOAT_ABI_SOFT = 0x0
EF_RISCV_FLOAT_ABI_SINGLE = 0x2
EF_RISCV_FLOAT_ABI_DOUBLE = 0x4
EF_RISCV_FLOAT_ABI_QUAD = 0x6
EF_RISCV_RVE = 0x8
EF_RISCV_TSO = 0x10

# sizes of the records
EHDR_SIZE = 64
PHDR_SIZE = 56
SHDR_SIZE = 64
SYM_SIZE = 24
RELA_SIZE = 24
DYN_SIZE = 16
VERSYM_SIZE = 2

# The largest alignment of a section that toyvm takes: a damaged field must not cost gigabytes of padding.
MAX_ALIGN = 1 << 24

# special section indices
SHN_UNDEF = 0
SHN_LORESERVE = 0xFF00
SHN_ABS = 0xFFF1
SHN_COMMON = 0xFFF2
SHN_XINDEX = 0xFFFF
PN_XNUM = 0xFFFF

# sh_type
SHT_NULL = 0
SHT_PROGBITS = 1
SHT_SYMTAB = 2
SHT_STRTAB = 3
SHT_RELA = 4
SHT_HASH = 5
SHT_DYNAMIC = 6
SHT_NOTE = 7
SHT_NOBITS = 8
SHT_REL = 9
SHT_DYNSYM = 11
SHT_INIT_ARRAY = 14
SHT_FINI_ARRAY = 15
SHT_PREINIT_ARRAY = 16
SHT_GROUP = 17
SHT_SYMTAB_SHNDX = 18
SHT_RELR = 19
SHT_GNU_ATTRIBUTES = 0x6FFFFFF5
SHT_GNU_HASH = 0x6FFFFFF6
SHT_GNU_VERDEF = 0x6FFFFFFD
SHT_GNU_VERNEED = 0x6FFFFFFE
SHT_GNU_VERSYM = 0x6FFFFFFF
SHT_RISCV_ATTRIBUTES = 0x70000003

# sh_flags
SHF_WRITE = 0x1
SHF_ALLOC = 0x2
SHF_EXECINSTR = 0x4
SHF_MERGE = 0x10
SHF_STRINGS = 0x20
SHF_INFO_LINK = 0x40
SHF_LINK_ORDER = 0x80
SHF_OS_NONCONFORMING = 0x100
SHF_GROUP = 0x200
SHF_TLS = 0x400
SHF_COMPRESSED = 0x800
ELFCOMPRESS_ZLIB, ELFCOMPRESS_ZSTD = 1, 2  # ch_type
ZLIB_GNU = -1  # no ch_type: sections `.zdebug_*` with a header of their own, from before the gABI had one
# What --compress-debug-sections takes; "none" is no format.
COMPRESSION_FORMATS = {
    "zlib": ELFCOMPRESS_ZLIB, "zlib-gnu": ZLIB_GNU, "zlib-gabi": ELFCOMPRESS_ZLIB, "zstd": ELFCOMPRESS_ZSTD,
}  # fmt: skip
SHF_GNU_MBIND = 0x01000000
SHF_GNU_RETAIN = 0x200000
SHF_EXCLUDE = 0x80000000

# first word of an SHT_GROUP section
GRP_COMDAT = 0x1

# symbol binding, type, visibility, and psABI's bit in st_other
STB_LOCAL, STB_GLOBAL, STB_WEAK = range(3)
STB_GNU_UNIQUE = 10
STT_NOTYPE, STT_OBJECT, STT_FUNC, STT_SECTION, STT_FILE, STT_COMMON, STT_TLS = range(7)
STT_GNU_IFUNC = 10
STV_DEFAULT, STV_INTERNAL, STV_HIDDEN, STV_PROTECTED = range(4)
STO_RISCV_VARIANT_CC = 0x80

# st_info is (binding << ST_BIND_SHIFT) | type; the visibility is in the low bits of st_other
ST_BIND_SHIFT = 4
ST_TYPE_MASK = 0xF
ST_VISIBILITY_MASK = 0x3

# r_info is (symbol << R_SYM_SHIFT) | type
R_SYM_SHIFT = 32
R_TYPE_MASK = 0xFFFFFFFF

# p_type
PT_NULL = 0
PT_LOAD = 1
PT_DYNAMIC = 2
PT_INTERP = 3
PT_NOTE = 4
PT_PHDR = 6
PT_TLS = 7
PT_GNU_EH_FRAME = 0x6474E550
PT_GNU_STACK = 0x6474E551
PT_GNU_RELRO = 0x6474E552
PT_GNU_PROPERTY = 0x6474E553
PT_RISCV_ATTRIBUTES = 0x70000003

# p_flags
PF_X, PF_W, PF_R = 1, 2, 4

# d_tag
DT_NULL = 0
DT_NEEDED = 1
DT_PLTRELSZ = 2
DT_PLTGOT = 3
DT_HASH = 4
DT_STRTAB = 5
DT_SYMTAB = 6
DT_RELA = 7
DT_RELASZ = 8
DT_RELAENT = 9
DT_STRSZ = 10
DT_SYMENT = 11
DT_INIT = 12
DT_FINI = 13
DT_SONAME = 14
DT_RPATH = 15
DT_SYMBOLIC = 16
DT_REL = 17
DT_RELSZ = 18
DT_RELENT = 19
DT_PLTREL = 20
DT_DEBUG = 21
DT_TEXTREL = 22
DT_JMPREL = 23
DT_BIND_NOW = 24
DT_INIT_ARRAY = 25
DT_FINI_ARRAY = 26
DT_INIT_ARRAYSZ = 27
DT_FINI_ARRAYSZ = 28
DT_RUNPATH = 29
DT_FLAGS = 30
DT_PREINIT_ARRAY = 32
DT_PREINIT_ARRAYSZ = 33
DT_SYMTAB_SHNDX = 34
DT_RELRSZ = 35
DT_RELR = 36
DT_RELRENT = 37
DT_GNU_HASH = 0x6FFFFEF5
DT_VERSYM = 0x6FFFFFF0
DT_RELACOUNT = 0x6FFFFFF9
DT_FLAGS_1 = 0x6FFFFFFB
DT_VERDEF = 0x6FFFFFFC
DT_VERDEFNUM = 0x6FFFFFFD
DT_VERNEED = 0x6FFFFFFE
DT_VERNEEDNUM = 0x6FFFFFFF
DT_DEPAUDIT = 0x6FFFFEFB
DT_AUDIT = 0x6FFFFEFC
DT_AUXILIARY = 0x7FFFFFFD
DT_FILTER = 0x7FFFFFFF
DT_RISCV_VARIANT_CC = 0x70000001

# DT_FLAGS and DT_FLAGS_1
DF_ORIGIN, DF_SYMBOLIC, DF_TEXTREL, DF_BIND_NOW, DF_STATIC_TLS = 1, 2, 4, 8, 16
DF_1_NOW = 0x1
DF_1_GLOBAL = 0x2
DF_1_GROUP = 0x4
DF_1_NODELETE = 0x8
DF_1_LOADFLTR = 0x10
DF_1_INITFIRST = 0x20
DF_1_NOOPEN = 0x40
DF_1_ORIGIN = 0x80
DF_1_DIRECT = 0x100
DF_1_INTERPOSE = 0x400
DF_1_NODEFLIB = 0x800
DF_1_NODUMP = 0x1000
DF_1_GLOBAUDIT = 0x01000000
DF_1_SINGLETON = 0x02000000
DF_1_PIE = 0x08000000

# symbol versions: bit of a .gnu.version entry that is not the default of its name, the numbers that mean no version,
# the flag of a file's own name among its definitions, the revision of a Verneed record
VERSYM_HIDDEN = 0x8000
VER_NDX_LOCAL, VER_NDX_GLOBAL = 0, 1
VER_FLG_BASE = 0x1
VER_FLG_WEAK = 0x2
VER_FLG_INFO = 0x4
VER_NEED_CURRENT = 1
VER_DEF_CURRENT = 1

# thread-local storage (psABI, "Thread Local Storage"): an entry of the dtv points this many bytes into the module's block
TLS_DTV_OFFSET = 0x800

# the procedure linkage table (psABI, "Program Linkage Table"): sizes in bytes
PLT_HEADER_SIZE = 32
PLT_ENTRY_SIZE = 16

# notes
NT_VERSION = 1  # without a vendor
NT_GNU_ABI_TAG = 1
NT_GNU_BUILD_ID = 3
NT_GNU_PROPERTY_TYPE_0 = 5
