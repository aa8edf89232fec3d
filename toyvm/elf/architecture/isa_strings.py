"""Architecture strings, as -march, `.option arch` and Tag_RISCV_arch have them.

Versions, implied extensions and their order are those of GNU as 2.40 (`-misa-spec` says of which manual).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from toyvm.base.record import Record

from ...base.diagnostics import did_you_mean
from ...base.errors import ToyvmError
from .extension_names import CONFLICTS, DEFAULT_SPEC, HIDDEN, IMPLIED, PROFILES, VERSIONS, default_version


class ArchError(ToyvmError):
    """An architecture string is malformed or names an unknown extension.

    `gnu` has the same messages in the words of GNU as.
    """

    def __init__(self, message: str, *gnu: str):
        super().__init__(message)
        self.gnu = gnu


_LETTERS = "eimafdqlcbkjtpvnh"  # canonical order of single letters
_Z_CLASSES = "imafdqlcbkjtpvnh"  # after them Z extensions, by the letter behind the z
_BASES = ("i", "e", "g")
_G = ("i", "m", "a", "f", "d", "zicsr", "zifencei")

# A single letter with its version; a long name reaches to the next "_".
_SHORT = re.compile(r"([a-z])(?:(\d+)(?:p(\d+))?)?")
_LONG = re.compile(r"([a-z][a-z0-9]*?)(?:(\d+)(?:p(\d+))?)?(?=_|$)")
_PREFIX = re.compile(r"zxm|[zsx]")

Version = tuple[int, int]


class Arch(Record):
    """A parsed -march string: register width and extensions with their versions, implied ones included.

    `spec` is the manual that gives the versions that are left out.
    """

    xlen: int
    extensions: tuple[tuple[str, Version], ...]
    spec: str = DEFAULT_SPEC

    @classmethod
    def parse(cls, text: str, spec: str = DEFAULT_SPEC, *, lenient: bool = False) -> Arch:
        """The architecture that `text` (such as "rv64gc", "rv64i2p1_m2p0_zicsr") names. Raises ArchError.

        `lenient` takes unknown extensions that have a version, as in an object of a newer compiler.
        """
        profile, _, more = text.partition("_")
        if profile in PROFILES:
            text = PROFILES[profile] + (f"_{more}" if more else "")
        if text.lower() != text:
            raise ArchError(
                f"'{text}': an architecture has no uppercase letters",
                f"{text}: ISA string cannot contain uppercase letters",
            )
        match = re.match(r"rv(32|64)([eig])", text)
        if match is None:
            raise _bad_start(text, profile)
        found = _Extensions(text, spec, lenient)
        found.read(text[4:])
        extensions = _with_implied(found.finish(), spec)
        _reject_conflicts(text, int(match[1]), extensions)
        return cls(int(match[1]), _canonical(extensions), spec)

    def __str__(self) -> str:
        """The canonical string, as GNU as writes it into .riscv.attributes."""
        shown = [item for item in self.extensions if item[1] != HIDDEN]
        parts = "_".join(f"{name}{major}p{minor}" for name, (major, minor) in shown)
        return f"rv{self.xlen}{parts}"

    def has(self, name: str) -> bool:
        """Whether extension `name` ("c", "zicsr") is included."""
        return any(name == known for known, _ in self.extensions)

    @property
    def default_abi(self) -> str:
        """The calling convention that GNU as assumes. With F alone it does not use the registers of F."""
        letter = next((letter for letter in "qd" if self.has(letter)), "")
        return f"{'ilp32' if self.xlen == 32 else 'lp64'}{letter or ('e' if self.has('e') else '')}"

    @property
    def has_compressed(self) -> bool:
        """Whether there are 16-bit instructions."""
        return self.has("c") or self.has("zca")

    def without_compressed(self) -> Arch:
        """This architecture without any 16-bit instruction (`.option norvc`)."""
        return self._with([item for item in self.extensions if item[0] != "c" and item[0][:2] != "zc"])

    def with_extension(self, text: str) -> Arch:
        """This architecture with one more extension ("c", "zba", "zicsr2p0") and what it implies (`.option arch, +zba`)."""
        found = _Extensions(text, self.spec)
        name, version = found.one(text)
        _reject_base(name, f"+{text}")
        return self._with(
            _canonical(_with_implied({**dict(self.extensions), name: version}, self.spec)),
        )

    def without_extension(self, text: str) -> Arch:
        """This architecture without an extension (`.option norvc`, `.option arch, -c`); the extensions it implied stay."""
        name, _ = _Extensions(text, self.spec).one(text, sign="-")
        _reject_base(name, f"-{text}")
        rest = {other: version for other, version in self.extensions if other != name}
        return self._with(_canonical(_with_implied(rest, self.spec)))

    def _with(self, extensions: object) -> Arch:
        return Arch(self.xlen, tuple(extensions), self.spec)  # type: ignore[arg-type]  # any iterable of the items

    def merge(self, other: Arch) -> Arch:
        """The architecture that runs both: all extensions, the newer version of each. Raises ArchError for different widths."""
        if self.xlen != other.xlen:
            raise ArchError(f"cannot link rv{self.xlen} and rv{other.xlen} together")
        found = dict(self.extensions)
        for name, version in other.extensions:
            found[name] = max(version, found.get(name, version))
        return Arch(self.xlen, _canonical(found))


ABIS = ("ilp32", "ilp32e", "ilp32f", "ilp32d", "ilp32q", "lp64", "lp64e", "lp64f", "lp64d", "lp64q")


def abi_faults(abi: str, arch: Arch) -> list[tuple[str, str]]:
    """Why an architecture cannot have the calling convention `abi` (of ABIS): our words, and those of GNU as."""
    faults = []
    width = 32 if abi.startswith("ilp32") else 64
    if width > arch.xlen:
        faults.append((f"{arch} has no registers of 64 bits", "can't have 64-bit ABI on 32-bit ISA"))
    elif width < arch.xlen:
        faults.append((f"{arch} has registers of 64 bits", "32-bit ABI not yet supported on 64-bit ISA"))
    letter = abi[-1]
    if arch.has("e") and arch.xlen == 32 and letter != "e":
        faults.append(("extension 'e' needs ilp32e", "only the ilp32e ABI is supported for e extension"))
    if letter in "fdq" and not arch.has(letter):
        faults.append(
            (
                f"{arch} has no extension '{letter}'",
                f"ilp32{letter}/lp64{letter} ABI can't be used when {letter} extension isn't supported",
            )
        )
    return faults


class _Extensions:
    """Reads the extensions of a string; the versions that are missing are reported together."""

    def __init__(self, text: str, spec: str, lenient: bool = False):
        self.text = text
        self.spec = spec
        self.lenient = lenient
        self.found: dict[str, Version] = {}
        self.missing: list[tuple[str, str]] = []

    def read(self, rest: str) -> None:
        """Read what follows rv32 or rv64."""
        while rest := rest.lstrip("_"):
            prefix = _PREFIX.match(rest)
            token = (_LONG if prefix else _SHORT).match(rest)
            if token is None:
                raise ArchError(
                    f"'{self.text}': cannot read '{rest}'",
                    f"{self.text}: prefixed ISA extension must separate with _"
                    if prefix
                    else f"{self.text}: unknown standard ISA extension or prefix class `{rest[0]}'",
                )
            rest = rest[token.end() :]
            self._add(token[1], token[2], token[3])

    def _add(self, name: str, major: str | None, minor: str | None) -> None:
        if name == "g":  # its version says nothing
            for part in _G:
                version = default_version(part, self.spec)
                if version is not None:
                    self.found.setdefault(part, version)
            return
        self._check(name)
        version = self._version(name, major, minor)
        if version is not None:
            self.found.setdefault(name, version)

    def _check(self, name: str) -> None:
        """Raise ArchError for a name that no manual has."""
        known = name in VERSIONS or (len(name) > 1 and (self.lenient or name[0] == "x"))
        if known and not re.search(r"\dp$", name):
            return
        if re.search(r"\dp$", name):
            raise ArchError(
                f"'{self.text}': the version of '{name}' has no number behind its p",
                f"{self.text}: invalid prefixed ISA extension `{name}' ends with <number>p",
            )
        if len(name) == 1 and name in _LETTERS:
            return
        prefix = _PREFIX.match(name)
        hint = did_you_mean(name, VERSIONS)
        raise ArchError(
            f"'{self.text}': cannot read '{name}'"
            if len(name) == 1 and prefix
            else f"'{self.text}': unknown extension '{name}'" + (f"; {hint}" if hint else ""),
            f"{self.text}: unknown prefixed ISA extension `{name}'"
            if prefix
            else f"{self.text}: unknown standard ISA extension or prefix class `{name}'",
        )

    def _version(self, name: str, major: str | None, minor: str | None) -> Version | None:
        if major is not None and (int(major), int(minor or 0)) != (0, 0):
            return int(major), int(minor or 0)
        version = default_version(name, self.spec)
        if version is None:
            self.missing.append(
                (
                    f"extension '{name}' has no default version",
                    f"x ISA extension `{name}' must be set with the versions"
                    if name[0] == "x"
                    else f"cannot find default versions of the ISA extension `{name}'",
                )
            )
        return version

    def finish(self) -> dict[str, Version]:
        """The extensions. Raises ArchError if versions are missing."""
        if self.missing:
            raise ArchError(
                f"'{self.text}': {', '.join(ours for ours, _ in self.missing)}; write it as in xname1p0",
                *(gnu for _, gnu in self.missing),
            )
        return self.found

    def one(self, text: str, sign: str = "+") -> tuple[str, Version]:
        """The only extension of `text`. Raises ArchError."""
        match = _LONG.fullmatch(text)
        name = match[1] if match is not None else text.rstrip("0123456789p") or text
        where = f"in .option arch `{sign}{text}'"
        if re.search(r"\dp$", name):
            raise ArchError(
                f"'{text}': the version has no number behind its p",
                f"invalid ISA extension ends with <number>p {where}",
            )
        known = name in (*VERSIONS, "g") or (len(name) > 1 and name[0] == "x" and "_" not in name)
        if match is None or not (known or (name in _LETTERS and len(name) == 1)):
            hint = did_you_mean(name, VERSIONS)
            raise ArchError(
                f"'{text}': unknown extension '{name}'" + (f"; {hint}" if hint else ""),
                f"unknown ISA extension `{name}' {where}",
            )
        version = (0, 0) if name == "g" or sign == "-" else self._version(name, match[2], match[3])
        return name, version or self.finish().get(name) or VERSIONS.get(name, (0, 0))


def _bad_start(text: str, profile: str) -> ArchError:
    hint = did_you_mean(profile, PROFILES)
    if re.match("rv(32|64)", text):
        gnu = f"{text}: first ISA extension must be `e', `i' or `g'"
    else:
        gnu = f"{text}: ISA string must begin with rv32 or rv64"
    return ArchError(
        f"'{text}': an architecture begins with rv64i, rv64e, rv64g or the same of rv32, or is a profile such as rva22u64"
        + (f"; {hint}" if hint else ""),
        gnu,
    )


def _reject_base(name: str, text: str) -> None:
    if name in _BASES:
        raise ArchError(
            f"'{name}' is the base of the architecture: it can be neither added nor removed",
            f"cannot + or - base extension `{name}' in .option arch `{text}'",
        )


def _with_implied(found: dict[str, Version], spec: str) -> dict[str, Version]:
    found = dict(found)
    if found.get("i", (2, 1)) < (2, 1):  # before version 2.1 they were part of I
        for name in ("zicsr", "zifencei"):
            if (version := default_version(name, spec)) is not None:
                found.setdefault(name, version)
    waiting = list(found)
    while waiting:
        for name in IMPLIED.get(waiting.pop(), ()):
            version = default_version(name, spec)
            if name not in found and version is not None:
                found[name] = version
                waiting.append(name)
    return found


def _reject_conflicts(text: str, xlen: int, found: Mapping[str, Version]) -> None:
    """Raise ArchError for extensions that cannot be together, or not with this width."""
    has = {*found, *(("zcd",) if "c" in found and "d" in found else ())}
    for one, other, why in CONFLICTS:
        if one in has and other in has:
            both = (
                f"'{one}' and '{other}'" if other != "zcd" or "zcd" in found else f"'{one}' and 'c' with 'd'"
            )
            raise ArchError(
                f"'{text}': {both} cannot be together: {why}",
                f"`{one}' is conflict with the `{'f/d/q/zfh/zfhmin' if other == 'f' else other}' extension",
            )
    if xlen == 64 and "zcf" in found:
        raise ArchError(
            f"'{text}': 'zcf' is of 32-bit machines; with 64 bits its encodings are c.ld and c.sd",
            "rv64 does not support the `zcf' extension",
        )
    if xlen == 32 and found.get("q", (2, 2)) < (2, 2):
        raise ArchError(
            f"'{text}': before version 2.2, 'q' was an extension of 64-bit machines only",
            "rv32 does not support the `q' extension",
        )
    if any(name.startswith("zvl") for name in found) and not any(name.startswith("zve") for name in found):
        raise ArchError(
            f"'{text}': extensions zvl*b say how long vectors are: they need 'v' or one of 'zve*'",
            "zvl*b extensions need to enable either `v' or `zve' extension",
        )


def _canonical(found: Mapping[str, Version]) -> tuple[tuple[str, Version], ...]:
    return tuple(sorted(found.items(), key=lambda item: _order(item[0])))


def _order(name: str) -> tuple[int, int, str]:
    """Single letters, then Z by class, S, X, each alphabetically (ISA manual, "ISA Extension Naming Conventions")."""
    if len(name) == 1:
        return 0, _LETTERS.find(name) % (len(_LETTERS) + 1), name
    if name[0] == "z":
        return 1, _Z_CLASSES.find(name[1]) % (len(_Z_CLASSES) + 1), name
    return (2 if name[0] == "s" else 3), 0, name
