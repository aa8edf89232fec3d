"""`.riscv.attributes`: the target that an object was built for, chiefly its instruction set as an -march string.

The section is 'A', then sub-sections of (length, vendor "riscv", file attributes). An attribute is a ULEB128 tag and its
value: a string for an odd tag, a ULEB128 for an even one. Source: RISC-V ELF psABI, "Attributes".
Versions, implied extensions and their order are those of GNU as 2.40 with `-misa-spec=20191213` (Debian's gcc passes it).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Mapping

from toyvm.base.record import Record

from ..base.diagnostics import did_you_mean
from ..base.errors import ElfError, ToyvmError
from .leb128 import read_uleb128, uleb128

TAG_FILE = 1
TAG_STACK_ALIGN = 4
TAG_ARCH = 5
TAG_UNALIGNED_ACCESS = 6
TAG_PRIV_SPEC = 8
TAG_PRIV_SPEC_MINOR = 10
TAG_PRIV_SPEC_REVISION = 12
TAG_ATOMIC_ABI = 14
TAG_X3_REG_USAGE = 16

# `.attribute NAME` -> tag
TAGS = {
    "stack_align": TAG_STACK_ALIGN,
    "arch": TAG_ARCH,
    "unaligned_access": TAG_UNALIGNED_ACCESS,
    "priv_spec": TAG_PRIV_SPEC,
    "priv_spec_minor": TAG_PRIV_SPEC_MINOR,
    "priv_spec_revision": TAG_PRIV_SPEC_REVISION,
    "atomic_abi": TAG_ATOMIC_ABI,
    "x3_reg_usage": TAG_X3_REG_USAGE,
}

Attributes = dict[int, int | str]


def encode(attributes: Mapping[int, int | str]) -> bytes:
    """The section's bytes. As in GNU as, attributes that are 0 or an empty string are left out."""
    body = b""
    for tag, value in sorted(attributes.items()):
        if value:
            text = value.encode() + b"\0" if isinstance(value, str) else uleb128(value)
            body += uleb128(tag) + text
    part = struct.pack("<BI", TAG_FILE, 5 + len(body)) + body
    vendor = b"riscv\0"
    return b"A" + struct.pack("<I", 4 + len(vendor) + len(part)) + vendor + part


def decode(data: bytes, name: str) -> Attributes:
    """The file attributes of vendor riscv; {} for an empty section. Raises ElfError("NAME: ...") when it is malformed."""
    if not data:
        return {}
    if data[:1] != b"A":
        raise ElfError(f"{name}: .riscv.attributes of unknown format {data[:1]!r}")
    found: Attributes = {}
    try:
        at = 1
        while at < len(data):
            (length,) = struct.unpack_from("<I", data, at)
            if length < 5 or at + length > len(data):
                raise ValueError(f"sub-section of {length} bytes")
            vendor, _, rest = data[at + 4 : at + length].partition(b"\0")
            if vendor == b"riscv":
                found.update(_file_attributes(rest))
            at += length
    except (ValueError, struct.error) as error:
        raise ElfError(f"{name}: malformed .riscv.attributes: {error}") from None
    return found


def _file_attributes(data: bytes) -> Attributes:
    found: Attributes = {}
    at = 0
    while at < len(data):
        tag, length = struct.unpack_from("<BI", data, at)
        if length < 5 or at + length > len(data):
            raise ValueError(f"attributes of {length} bytes")
        if tag == TAG_FILE:
            found.update(_pairs(data[at + 5 : at + length]))
        at += length
    return found


def _pairs(data: bytes) -> Iterable[tuple[int, int | str]]:
    at = 0
    while at < len(data):
        tag, at = read_uleb128(data, at)
        if tag & 1:
            end = data.find(b"\0", at)
            if end < 0:
                raise ValueError("a string without end")
            yield tag, data[at:end].decode("utf-8", "replace")
            at = end + 1
        else:
            value, at = read_uleb128(data, at)
            yield tag, value


class ArchError(ToyvmError):
    """An -march string is malformed or names an unknown extension."""


_VERSION_1_0 = """v h zicbom zicbop zicboz zicond zmmul zawrs zfh zfhmin zfinx zdinx zqinx zhinx zhinxmin zba zbb zbc zbs zbkb
zbkc zbkx zk zkn zknd zkne zknh zkr zks zksed zksh zkt zve32x zve32f zve64x zve64f zve64d zvl32b zvl64b zvl128b zvl256b
zvl512b zvl1024b zaamo zalrsc zabha zacas zama16b zca zcb zcd zcf zcmp zcmt zcmop zimop zihintntl zfa zfbfmin zic64b b
za64rs za128rs zvkt zicfilp zicfiss ziccamoa ziccif zicclsm ziccrse zvbb zvbc zvfbfmin zvfbfwma zvfh zvfhmin zvkb smepmp svade svadu svvptc
smaia smcntrpmf smctr smdbltrp smmpm smnpm smrnmi smstateen smcdeleg smcsrind ssaia ssccfg
ssccptr sscofpmf sscounterenw sscsrind ssctr ssdbltrp ssnpm sspm ssqosid ssstateen sstc sstvala sstvecd ssu64xl
sstrict supm svbare svade sdtrig shcounterenw shgatpa shlcofideleg shtvala shvsatpa shvstvala shvstvecd svinval svnapot svpbmt"""

# extension -> default version
_VERSIONS: dict[str, tuple[int, int]] = {
    "i": (2, 1),
    "e": (1, 9),
    "a": (2, 1),
    **dict.fromkeys(("m", "c", "zicsr", "zifencei", "zihintpause", "zicntr", "zihpm"), (2, 0)),
    **dict.fromkeys(("f", "d", "q"), (2, 2)),
    **dict.fromkeys(_VERSION_1_0.split(), (1, 0)),
    "ztso": (0, 1),
}

# extension -> extensions that it implies
_IMPLIED: dict[str, tuple[str, ...]] = {
    "m": ("zmmul",),
    "q": ("d",),
    "d": ("f",),
    "f": ("zicsr",),
    "h": ("zicsr",),
    "v": ("zve64d", "zvl128b"),
    "zve64d": ("d", "zve64f"),
    "zve64f": ("zve32f", "zve64x"),
    "zve64x": ("zve32x", "zvl64b"),
    "zve32f": ("f", "zve32x"),
    "zve32x": ("zvl32b",),
    "zvl1024b": ("zvl512b",),
    "zvl512b": ("zvl256b",),
    "zvl256b": ("zvl128b",),
    "zvl128b": ("zvl64b",),
    "zvl64b": ("zvl32b",),
    "zabha": ("zaamo",),
    "zacas": ("zaamo",),
    **dict.fromkeys(("zcb", "zcmp", "zcmop"), ("zca",)),
    "zcd": ("d", "zca"),
    "zcf": ("f", "zca"),
    "zcmt": ("zca", "zicsr"),
    "zfa": ("f",),
    "zfbfmin": ("f",),
    **dict.fromkeys(("zicntr", "zihpm"), ("zicsr",)),
    "zvbb": ("zvkb",),
    "zvkb": ("zve32x",),
    "zvbc": ("zve64x",),
    "zvfbfmin": ("zve32f",),
    "zvfbfwma": ("zvfbfmin", "zfbfmin"),
    "zvfh": ("zvfhmin", "zfhmin"),
    "zvfhmin": ("zve32f",),
    "zfh": ("zfhmin",),
    "zfhmin": ("f",),
    "b": ("zba", "zbb", "zbs"),
    "zqinx": ("zdinx",),
    "zdinx": ("zfinx",),
    "zhinx": ("zhinxmin",),
    "zhinxmin": ("zfinx",),
    "zfinx": ("zicsr",),
    "zk": ("zkn", "zkr", "zkt"),
    "zkn": ("zbkb", "zbkc", "zbkx", "zkne", "zknd", "zknh"),
    "zks": ("zbkb", "zbkc", "zbkx", "zksed", "zksh"),
    "smaia": ("ssaia",),
    "smstateen": ("ssstateen",),
    **dict.fromkeys(("ssaia", "ssstateen", "sscofpmf", "sstc"), ("zicsr",)),
}

# Profile -> what it stands for (riscv-profiles; binutils 2.44)
_RVA20 = "imafdc_ziccamoa_ziccif_zicclsm_ziccrse_zicntr_za128rs"
_RVA22 = (
    "imafdc_zic64b_zicbom_zicbop_zicboz_ziccamoa_ziccif_zicclsm_ziccrse_zicntr_zihintpause_zihpm_za64rs_zfhmin"
    "_zba_zbb_zbs_zkt"
)
_RVA23 = (
    "imafdcbv_zic64b_zicbom_zicbop_zicboz_ziccamoa_ziccif_zicclsm_ziccrse_zicntr_zicond_zihintntl_zihintpause_zihpm"
    "_zimop_za64rs_zawrs_zfa_zfhmin_zcb_zcmop_zkt_zvbb_zvfhmin_zvkt"
)
_RVB23 = (
    "imafdcb_zic64b_zicbom_zicbop_zicboz_ziccamoa_ziccif_zicclsm_ziccrse_zicntr_zicond_zihintntl_zihintpause_zihpm"
    "_zimop_za64rs_zawrs_zfa_zcb_zcmop_zkt"
)
_SUPERVISOR20 = "_zifencei_ssccptr_sstvala_sstvecd_svade_svbare"
_SUPERVISOR22 = f"{_SUPERVISOR20}_sscounterenw_svpbmt_svinval"
_SUPERVISOR23 = f"{_SUPERVISOR22}_svnapot_sstc_sscofpmf_ssnpm_ssu64xl"
_HYPERVISOR23 = "_h_shcounterenw_shgatpa_shtvala_shvsatpa_shvstvala_shvstvecd_ssstateen_supm"
PROFILES = {
    "rvi20u64": "rv64i",
    "rvi20u32": "rv32i",
    "rva20u64": f"rv64{_RVA20}",
    "rva20s64": f"rv64{_RVA20}{_SUPERVISOR20}",
    "rva22u64": f"rv64{_RVA22}",
    "rva22s64": f"rv64{_RVA22}{_SUPERVISOR22}",
    "rva23u64": f"rv64{_RVA23}",
    "rva23s64": f"rv64{_RVA23}{_SUPERVISOR23}{_HYPERVISOR23}",
    "rvb23u64": f"rv64{_RVB23}",
    "rvb23s64": f"rv64{_RVB23}{_SUPERVISOR23}",
}

# Extensions that cannot be together, and why
_CONFLICTS = (
    ("zfinx", "f", "floating point is in integer registers, or in registers of its own"),
    ("zcmp", "zcd", "their encodings are those of the compressed loads and stores of doubles"),
    ("zcmt", "zcd", "their encodings are those of the compressed loads and stores of doubles"),
)

_LETTERS = "eimafdqlcbkjtpvnh"  # canonical order of single letters
_Z_CLASSES = "imafdqlcbkjtpvnh"  # after them Z extensions, by the letter behind the z


# A single letter with its version; a long name reaches to the next "_".
_SHORT = re.compile(r"([a-z])(?:(\d+)(?:p(\d+))?)?")
_LONG = re.compile(r"([a-z][a-z0-9]+?)(?:(\d+)(?:p(\d+))?)?(?=_|$)")


class Arch(Record):
    """A parsed -march string: register width and extensions with their versions, implied ones included."""

    xlen: int
    extensions: tuple[tuple[str, tuple[int, int]], ...]

    @classmethod
    def parse(cls, text: str) -> Arch:
        """The architecture that `text` (such as "rv64gc", "rv64i2p1_m2p0_zicsr") names. Raises ArchError."""
        profile, _, more = text.partition("_")
        if profile in PROFILES:
            text = PROFILES[profile] + (f"_{more}" if more else "")
        match = re.match(r"rv(32|64)([eig])", text)
        if match is None:
            hint = did_you_mean(profile, PROFILES)
            raise ArchError(
                f"'{text}': an architecture begins with rv64i, rv64e or rv64g, or is a profile such as rva22u64"
                + (f"; {hint}" if hint else "")
            )
        found: dict[str, tuple[int, int]] = {}
        rest = text[4:]
        if match[2] == "g":
            found = {name: _VERSIONS[name] for name in ("i", "m", "a", "f", "d", "zicsr", "zifencei")}
            rest = re.sub(r"^g(\d+(p\d+)?)?", "", rest)
        while rest := rest.lstrip("_"):
            token = (_LONG if rest[0] in "sxz" else _SHORT).match(rest)
            if token is None:
                raise ArchError(f"'{text}': cannot read '{rest}'")
            found[token[1]] = cls._version(text, token[1], token[2], token[3])
            rest = rest[token.end() :]
        found = _with_implied(found)
        _reject_conflicts(text, int(match[1]), found)
        return cls(int(match[1]), _canonical(found))

    @staticmethod
    def _version(text: str, name: str, major: str | None, minor: str | None) -> tuple[int, int]:
        if major is not None:
            return int(major), int(minor or 0)
        if name not in _VERSIONS:
            hint = did_you_mean(name, _VERSIONS)
            raise ArchError(f"'{text}': unknown extension '{name}'" + (f"; {hint}" if hint else ""))
        return _VERSIONS[name]

    def __str__(self) -> str:
        """The canonical string, as GNU as writes it into .riscv.attributes."""
        parts = "_".join(f"{name}{major}p{minor}" for name, (major, minor) in self.extensions)
        return f"rv{self.xlen}{parts}"

    def has(self, name: str) -> bool:
        """Whether extension `name` ("c", "zicsr") is included."""
        return any(name == known for known, _ in self.extensions)

    @property
    def default_abi(self) -> str:
        """The calling convention that GNU as assumes: floating-point arguments in the widest registers."""
        letter = next((letter for letter in "qdf" if self.has(letter)), "")
        return f"{'ilp32' if self.xlen == 32 else 'lp64'}{letter or ('e' if self.has('e') else '')}"

    @property
    def has_compressed(self) -> bool:
        """Whether there are 16-bit instructions."""
        return self.has("c") or self.has("zca")

    def without_compressed(self) -> Arch:
        """This architecture without any 16-bit instruction (`.option norvc`)."""
        return Arch(
            self.xlen, tuple(item for item in self.extensions if item[0] != "c" and item[0][:2] != "zc")
        )

    def with_extension(self, text: str) -> Arch:
        """This architecture with one more extension ("c", "zba", "zicsr2p0") and what it implies (`.option arch, +zba`)."""
        match = _LONG.fullmatch(text) or _SHORT.fullmatch(text)
        if match is None:
            raise ArchError(f"'{text}' is not an extension")
        found = dict(self.extensions)
        found[match[1]] = self._version(text, match[1], match[2], match[3])
        return Arch(self.xlen, _canonical(_with_implied(found)))

    def without_extension(self, name: str) -> Arch:
        """This architecture without extension `name` (`.option norvc`, `.option arch, -c`); the extensions it implied stay."""
        return Arch(self.xlen, tuple(item for item in self.extensions if item[0] != name))

    def merge(self, other: Arch) -> Arch:
        """The architecture that runs both: all extensions, the newer version of each. Raises ArchError for different widths."""
        if self.xlen != other.xlen:
            raise ArchError(f"cannot link rv{self.xlen} and rv{other.xlen} together")
        found = dict(self.extensions)
        for name, version in other.extensions:
            found[name] = max(version, found.get(name, version))
        return Arch(self.xlen, _canonical(found))


def _with_implied(found: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    found = dict(found)
    if found.get("i", (2, 1)) < (2, 1):  # before version 2.1 they were part of I
        found = {"zicsr": _VERSIONS["zicsr"], "zifencei": _VERSIONS["zifencei"], **found}
    waiting = list(found)
    while waiting:
        for name in _IMPLIED.get(waiting.pop(), ()):
            if name not in found:
                found[name] = _VERSIONS[name]
                waiting.append(name)
    return found


def _reject_conflicts(text: str, xlen: int, found: Mapping[str, tuple[int, int]]) -> None:
    """Raise ArchError for extensions that cannot be together, or not with this width."""
    has = {*found, *(("zcd",) if "c" in found and "d" in found else ())}
    for one, other, why in _CONFLICTS:
        if one in has and other in has:
            both = (
                f"'{one}' and '{other}'" if other != "zcd" or "zcd" in found else f"'{one}' and 'c' with 'd'"
            )
            raise ArchError(f"'{text}': {both} cannot be together: {why}")
    if xlen == 64 and "zcf" in found:
        raise ArchError(
            f"'{text}': 'zcf' is of 32-bit machines; with 64 bits its encodings are c.ld and c.sd"
        )


def _canonical(found: Mapping[str, tuple[int, int]]) -> tuple[tuple[str, tuple[int, int]], ...]:
    return tuple(sorted(found.items(), key=lambda item: _order(item[0])))


def _order(name: str) -> tuple[int, int, str]:
    """Single letters, then Z by class, S, X, each alphabetically (ISA manual, "ISA Extension Naming Conventions")."""
    if len(name) == 1:
        return 0, _LETTERS.find(name) % (len(_LETTERS) + 1), name
    if name[0] == "z":
        return 1, _Z_CLASSES.find(name[1]) % (len(_Z_CLASSES) + 1), name
    return (2 if name[0] == "s" else 3), 0, name
