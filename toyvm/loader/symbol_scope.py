"""Symbol resolution: search scopes for definitions, with glibc's rules.

The first object that defines the name is used, even if its definition is weak (gABI, "Shared
Object Dependencies"). Only the link editor prefers global definitions to weak ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ..base.light_types import TYPE_CHECKING, NamedTuple
from ..elf import constants as c
from ..elf.symbol import Sym
from .dlerror import undefined_symbol
from .ld_debug import DebugLog
from .loader_state import LoaderState
from .objects.link_map import LinkMap

if TYPE_CHECKING:
    from .objects.dynamic_symbols import SymbolTable
    from .objects.version_table import Version

GLOBAL_POINTER = b"__global_pointer$"
PLT = 1
"""Class of references that the address of a PLT entry does not satisfy."""
COPY = 2
"""Class of COPY relocations, for which the program itself is not searched."""

_TYPES = frozenset((c.STT_NOTYPE, c.STT_OBJECT, c.STT_FUNC, c.STT_COMMON, c.STT_TLS, c.STT_GNU_IFUNC))
_BINDINGS = frozenset((c.STB_GLOBAL, c.STB_WEAK, c.STB_GNU_UNIQUE))
_LOCAL_VISIBILITIES = frozenset((c.STV_HIDDEN, c.STV_INTERNAL))
_OLDEST = 2  # the number of the oldest version; 0 and 1 are the object's own, local and global


class Definition(NamedTuple):
    """A symbol and the object that defines it."""

    obj: LinkMap
    symbol: Sym

    @property
    def address(self) -> int:
        """The symbol's value as a guest address; not meaningful for thread-local symbols."""
        return self.symbol.value + (0 if self.symbol.shndx == c.SHN_ABS else self.obj.bias)


def defines(symbol: Sym, reference_class: int) -> bool:
    """Whether `symbol` is a definition that references of the class can be bound to."""
    if symbol.value == 0 and symbol.shndx != c.SHN_ABS and symbol.type != c.STT_TLS:
        return False
    if symbol.shndx == c.SHN_UNDEF and (reference_class & PLT or symbol.type == c.STT_TLS):
        return False
    return (
        symbol.type in _TYPES and symbol.binding in _BINDINGS and symbol.visibility not in _LOCAL_VISIBILITIES
    )


class Lookup(NamedTuple):
    """One look-up and its answer, for listeners.

    `asker` is the object that refers to the symbol. `own` is the definition of a protected symbol,
    which is the answer whatever the search finds. `weak`: it is no error if nothing is found.
    """

    asker: LinkMap
    name: bytes
    scopes: Sequence[Sequence[LinkMap]]
    reference_class: int
    version: Version | None
    newest: bool
    found: Definition | None
    own: Definition | None = None
    weak: bool = False


class Resolver:
    """Resolves symbols for one process, and counts lookups.

    `on_lookup`, if something listens, is told of each look-up. `wanted_by` is then the relocation
    that it is for: type and place.
    """

    def __init__(
        self,
        state: LoaderState,
        builtin: LinkMap,
        debug: DebugLog,
        on_bound: Callable[[LinkMap, bytes, Definition], None],
    ) -> None:
        self.state = state
        self.debug = debug
        self.on_bound = on_bound
        self.on_lookup: Callable[[Lookup], None] | None = None
        self.wanted_by = ("", 0)
        self._builtin = builtin
        self._last: tuple[LinkMap, int, int] | None = None
        self._last_answer: Definition | None = None

    def begin(self) -> None:
        """Start a new request: invalidate the cached result of the last lookup."""
        self._last = None
        self.wanted_by = ("", 0)

    def look_up(
        self,
        name: bytes,
        scopes: Iterable[Sequence[LinkMap]],
        reference_class: int = 0,
        version: Version | None = None,
        *,
        newest: bool = False,
    ) -> Definition | None:
        """The definition of `name`, or None.

        Without a `version` it is the oldest definition, or the default one; with `newest`, as for
        dlsym, the default one.
        """
        self.state.lookups += 1
        for scope in scopes:
            for obj in scope:
                found = self._in_object(name, obj, reference_class, version, newest)
                if found is not None:
                    return found
        return self._in_builtin(name)

    def _in_object(
        self, name: bytes, obj: LinkMap, reference_class: int, version: Version | None, newest: bool
    ) -> Definition | None:
        if reference_class & COPY and obj.executable:
            return None
        self.state.probes += 1
        if self.debug.on("symbols"):
            self._log_probe(name, obj)
        table = obj.symbols
        defaults: list[Sym] = []
        for index, symbol in table.find(name):
            if not defines(symbol, reference_class):
                continue
            if table.versions and not has_version(table, index, version, newest):
                if version is None and not table.version_number(index) & c.VERSYM_HIDDEN:
                    defaults.append(symbol)
                continue
            return self._found(name, obj, symbol)
        return self._found(name, obj, defaults[0]) if len(defaults) == 1 else None

    def _found(self, name: bytes, obj: LinkMap, symbol: Sym) -> Definition:
        found = Definition(obj, symbol)
        return self._unique(name, found) if symbol.binding == c.STB_GNU_UNIQUE else found

    def _unique(self, name: bytes, found: Definition) -> Definition:
        """The first definition found of an STB_GNU_UNIQUE symbol. Its object becomes permanent."""
        namespace = self.state.namespace
        obj, symbol = namespace.unique.setdefault(name, (found.obj, found.symbol))
        if not namespace.is_permanent(obj):
            namespace.make_permanent(obj)
        return Definition(obj, symbol)

    def _in_builtin(self, name: bytes) -> Definition | None:
        """The definition of `name` in the stub, which is searched last."""
        for _, symbol in self._builtin.symbols.find(name):
            return Definition(self._builtin, symbol)
        return None

    def bind(self, obj: LinkMap, index: int, reference_class: int) -> Definition | None:
        """The definition for symbol `index` of `obj`; None for an undefined weak symbol.

        Consecutive relocations with the same symbol are looked up once. Raises DlError: `undefined
        symbol`.
        """
        if (obj, index, reference_class) == self._last:
            self.state.cached += 1
            return self._last_answer
        symbol = obj.symbols[index]
        if symbol.binding == c.STB_LOCAL or symbol.visibility in _LOCAL_VISIBILITIES:
            return Definition(obj, symbol) if symbol.shndx != c.SHN_UNDEF else None
        self._last_answer = self._bind_global(obj, index, symbol, reference_class)
        self._last = (obj, index, reference_class)
        return self._last_answer

    def _bind_global(self, obj: LinkMap, index: int, symbol: Sym, reference_class: int) -> Definition | None:
        name = obj.symbols.name(symbol)
        version = obj.symbols.version(index)
        own = Definition(obj, symbol) if symbol.visibility == c.STV_PROTECTED else None
        weak = symbol.binding == c.STB_WEAK
        found = self.bind_name(obj, name, reference_class, own, version, weak)
        if found is None and not weak:
            text = _text(name) if version is None else f"{_text(name)}, version {_text(version.name)}"
            raise undefined_symbol(self.state.filename(obj), text)
        return found

    def bind_name(
        self,
        obj: LinkMap,
        name: bytes,
        reference_class: int = 0,
        own: Definition | None = None,
        version: Version | None = None,
        weak: bool = False,
    ) -> Definition | None:
        """The definition of `name` for a reference of `obj`, or None, which is an error unless it is `weak`.

        A protected symbol is bound to `own`.
        """
        found = self.look_up(name, obj.search_scopes(), reference_class, version)
        found = None if found is None else own or found
        if self.on_lookup is not None:
            scopes = obj.search_scopes()
            self.on_lookup(Lookup(obj, name, scopes, reference_class, version, False, found, own, weak))
        if found is None:
            return None
        if self.debug.on("bindings"):
            self._log_binding(obj, found.obj, name, "protected" if own else "normal", version)
        self.on_bound(obj, name, found)
        if obj is not found.obj:
            self.state.used.add(found.obj.handle)
            self.keep(obj, found.obj)
        return found

    def keep(self, obj: LinkMap, definer: LinkMap) -> None:
        """Record a dependency that is not in DT_NEEDED, so that `definer` is not unloaded before
        `obj`.
        """
        namespace = self.state.namespace
        if obj is definer or definer is self._builtin or namespace.is_permanent(definer):
            return
        if definer in obj.dependencies or definer in obj.reldeps:
            return
        if namespace.is_permanent(obj):
            namespace.make_permanent(definer)
        if not obj.startup:
            # Forked processes that share the namespace keep the library too, perhaps longer than necessary.
            obj.reldeps.append(definer)

    def _log_probe(self, name: bytes, obj: LinkMap) -> None:
        self.debug.write(f"symbol={_text(name)};  lookup in file={self.state.filename(obj)} [0]")

    def _log_binding(
        self, obj: LinkMap, definer: LinkMap, name: bytes, kind: str, version: Version | None
    ) -> None:
        filename = self.state.filename
        suffix = f" [{_text(version.name)}]" if version else ""
        self.debug.write(
            f"binding file {filename(obj)} [0] to {filename(definer)} [0]: "
            f"{kind} symbol `{_text(name)}'{suffix}"
        )


def has_version(table: SymbolTable, index: int, version: Version | None, newest: bool) -> bool:
    """Whether a definition is of the version that a reference wants (glibc: check_match).

    A reference without a version takes the first two numbers, which are the object's own and its
    oldest version. A reference with one takes an unversioned definition too, unless it is hidden.
    """
    entry = table.version_number(index)
    number = entry & ~c.VERSYM_HIDDEN
    if version is None:
        return number < (_OLDEST if newest else _OLDEST + 1)
    own = table.version(index)
    if own is not None:
        return own.name == version.name
    return not version.hidden and not entry & c.VERSYM_HIDDEN


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")
